#include "daemon/rpc/errors.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"

namespace tandem {
namespace {

google::rpc::ErrorInfo InfoOf(const google::rpc::Status& status) {
  google::rpc::ErrorInfo info;
  EXPECT_GE(status.details_size(), 1);
  EXPECT_TRUE(status.details(0).UnpackTo(&info));
  return info;
}

TEST(ErrorsTest, EveryReasonOfTheCatalogueKeepsItsNameAndCode) {
  for (const Reason reason : AllReasons()) {
    const google::rpc::Status status =
        ToRpcStatus(Refuse(reason, "why", {.metadata = {{"k", "v"}}}));
    EXPECT_EQ(status.code(), static_cast<int>(ReasonCode(reason)));
    EXPECT_EQ(status.message(), "why");
    const google::rpc::ErrorInfo info = InfoOf(status);
    EXPECT_EQ(info.reason(), ReasonName(reason));
    EXPECT_EQ(info.domain(), "tandem");
    EXPECT_EQ(info.metadata().at("k"), "v");
  }
}

TEST(ErrorsTest, WhatPassesWithTimeComesWithADelay) {
  for (const Reason reason : AllReasons()) {
    const bool passes = ReasonCode(reason) == absl::StatusCode::kUnavailable ||
                        ReasonCode(reason) == absl::StatusCode::kResourceExhausted;
    EXPECT_EQ(ToRpcStatus(Refuse(reason, "")).details_size(), passes ? 2 : 1) << ReasonName(reason);
  }
  const absl::Status error = Refuse(Reason::kJournalFull, "", {.retry_after_ms = 2'500});
  EXPECT_EQ(RetryAdviceMs(error), 2'500);
  google::rpc::RetryInfo retry;
  ASSERT_TRUE(ToRpcStatus(error).details(1).UnpackTo(&retry));
  EXPECT_EQ(retry.retry_delay().seconds(), 2);
  EXPECT_EQ(retry.retry_delay().nanos(), 500'000'000);
}

TEST(ErrorsTest, AStatusWithoutAReasonTellsTheCallerNothingOfTheMachine) {
  for (const absl::Status& error :
       {absl::NotFoundError("/var/lib/tandem/journal: no such file"),
        absl::UnavailableError("/mnt/corebank"), absl::DataLossError("/secret")}) {
    const google::rpc::Status status = ToRpcStatus(error);
    EXPECT_EQ(status.code(), static_cast<int>(absl::StatusCode::kInternal));
    EXPECT_EQ(status.message().find('/'), std::string::npos);
    EXPECT_EQ(status.details_size(), 0);
    EXPECT_EQ(RetryAdviceMs(error), 0);
  }
  EXPECT_EQ(ToRpcStatus(absl::CancelledError()).code(),
            static_cast<int>(absl::StatusCode::kCancelled));
}

TEST(ErrorsTest, TextsAreBoundedAndValidUtf8) {
  const std::string wild = "\xff\x01" + std::string(10'000, 'x');
  const google::rpc::Status status =
      ToRpcStatus(Refuse(Reason::kPathNotFound, wild, {.metadata = {{"path", wild}}}));
  EXPECT_LE(status.message().size(), kMaxErrorTextBytes);
  EXPECT_EQ(status.message().substr(0, 8), "\\377\\001");
  EXPECT_LE(InfoOf(status).metadata().at("path").size(), kMaxErrorTextBytes);
  google::rpc::Status parsed;
  EXPECT_TRUE(parsed.ParseFromString(status.SerializeAsString()));
}

}  // namespace
}  // namespace tandem
