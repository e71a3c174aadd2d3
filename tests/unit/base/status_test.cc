#include "daemon/base/status.h"

#include <cerrno>

#include "gtest/gtest.h"

namespace tandem {
namespace {

absl::Status Fails(bool fail, int& reached) {
  RETURN_IF_ERROR(fail ? absl::AbortedError("no") : absl::OkStatus());
  ++reached;
  return absl::OkStatus();
}

absl::StatusOr<int> Doubles(absl::StatusOr<int> input) {
  ASSIGN_OR_RETURN(const int value, std::move(input));
  return 2 * value;
}

TEST(Status, CarriesTheErrnoItCameFrom) {
  for (const int value : {EPERM, ENOENT, EIO, ENOSPC, EDQUOT, ESTALE, ETIMEDOUT}) {
    const absl::Status status = ErrnoStatus(value, "write f");
    EXPECT_EQ(ErrnoOf(status), value);
    EXPECT_NE(std::string(status.message()).find("write f"), std::string::npos);
    EXPECT_EQ(ErrnoOf(Annotate(status, "lane local")), value);
  }
  EXPECT_EQ(ErrnoStatus(ENOENT, "x").code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ErrnoOf(absl::OkStatus()), 0);
  EXPECT_EQ(ErrnoOf(absl::InternalError("x")), 0);
}

TEST(Status, AnnotatingOkLeavesOk) { EXPECT_TRUE(Annotate(absl::OkStatus(), "x").ok()); }

TEST(Status, MacrosReturnTheErrorAndOnlyThen) {
  int reached = 0;
  EXPECT_EQ(Fails(true, reached).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(reached, 0);
  EXPECT_TRUE(Fails(false, reached).ok());
  EXPECT_EQ(reached, 1);
  EXPECT_EQ(*Doubles(21), 42);
  EXPECT_EQ(Doubles(absl::NotFoundError("n")).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace tandem
