// tandemctl pending, retry and skip, as their users see them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "absl/time/clock.h"
#include "tests/unit/client/command.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {
namespace {

using testing::HasSubstr;

class PendingCommandsTest : public testing::Test {
 protected:
  PendingCommandsTest() { server_.Start(); }

  CommandResult Run(std::vector<std::string> arguments) {
    std::vector<std::string> all = {TANDEMCTL, "--address", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return RunCommand(all, server_.directory(), "");
  }

  ScriptedServer server_;
};

TEST_F(PendingCommandsTest, StatusCountsDivergedPaths) {
  server_.OnStatus([](auto*, auto&, v1::GetStatusResponse* response) {
    v1::TargetStatus* corebank = response->add_targets();
    corebank->set_name("corebank");
    corebank->set_diverged_paths(2);
    corebank->set_skipped_writes(3);
    v1::ParkedWriteStatus* skipped = corebank->add_skipped();
    skipped->set_sequence(88);
    skipped->set_path("a/c");
    skipped->set_error("ticket 4711");
    return grpc::Status::OK;
  });
  const CommandResult result = Run({"status"});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.output, HasSubstr("diverged paths:2"));
  EXPECT_THAT(result.output, HasSubstr("#88 a/c: ticket 4711"));
  const boost::json::value json = boost::json::parse(Run({"status", "-o", "json"}).output);
  EXPECT_EQ(json.at("targets").at(0).at("diverged_paths").to_number<int>(), 2);
}

TEST_F(PendingCommandsTest, StatusShowsWhatADetachedTargetMisses) {
  server_.OnStatus([](auto*, auto&, v1::GetStatusResponse* response) {
    v1::TargetStatus* corebank = response->add_targets();
    corebank->set_name("corebank");
    corebank->mutable_detached()->set_detached(true);
    corebank->mutable_detached()->set_missed_paths(17);
    return grpc::Status::OK;
  });
  const CommandResult result = Run({"status"});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.output, HasSubstr("INCONSISTENT detached"));
  EXPECT_THAT(result.output, HasSubstr("missed paths:17"));
  const boost::json::value json = boost::json::parse(Run({"status", "-o", "json"}).output);
  EXPECT_EQ(json.at("targets").at(0).at("detached").at("missed_paths").to_number<int>(), 17);
}

TEST_F(PendingCommandsTest, PendingShowsAllPagesAndWhatIsNotKnown) {
  server_.OnList([](auto*, const v1::ListPendingRequest& request,
                    v1::ListPendingResponse* response) {
    v1::PendingWrite* write = response->add_writes();
    write->set_target("corebank");
    write->set_type(v1::WRITE_TYPE_RENAME);
    write->set_path("a");
    write->set_new_path("b");
    if (request.page_token().empty()) {
      write->set_sequence(7);
      write->set_state(v1::PENDING_STATE_PARKED);
      write->set_error("EACCES");
      write->set_attempts(6);
      response->set_next_page_token("1-7");
    } else {
      write->set_sequence(8);
      write->set_state(v1::PENDING_STATE_DIVERGED);
      write->set_skip_reason("ticket 4711");
      write->set_skipped_by("anna");
      write->add_diverged_paths("b");
    }
    return request.target() == "corebank" ? grpc::Status::OK
                                          : grpc::Status(grpc::StatusCode::INTERNAL, "no target");
  });
  const CommandResult result = Run({"pending", "--target", "corebank"});
  EXPECT_EQ(result.exit_code, 10) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("PARKED   corebank #7 RENAME a -> b"));
  EXPECT_THAT(result.output, HasSubstr("6 attempts: EACCES"));
  EXPECT_THAT(result.output, HasSubstr("DIVERGED corebank #8"));
  EXPECT_THAT(result.output, HasSubstr("diverged: b; skipped"));
  EXPECT_THAT(result.output, HasSubstr("by anna: ticket 4711"));
  const CommandResult json = Run({"pending", "--target", "corebank", "-o", "json"});
  const size_t line = json.output.find('\n') + 1;
  const std::string last = json.output.substr(line);
  const boost::json::value parked = boost::json::parse(json.output.substr(0, line));
  EXPECT_EQ(parked.at("new_path").as_string(), "b");
  EXPECT_TRUE(parked.at("skip_reason").is_null());
  EXPECT_TRUE(parked.at("skipped").is_null());
  EXPECT_EQ(boost::json::parse(last).at("skip_reason").as_string(), "ticket 4711");
}

TEST_F(PendingCommandsTest, PendingSaysThatThereIsNoneAndAgesHaveAUnit) {
  server_.OnList([](auto*, auto&, auto*) { return grpc::Status::OK; });
  server_.OnList([](auto*, auto&, v1::ListPendingResponse* response) {
    v1::PendingWrite* write = response->add_writes();
    write->set_path("a");
    write->mutable_since_time()->set_seconds(absl::ToUnixSeconds(absl::Now()) + 3'600);
    return grpc::Status::OK;
  });
  const CommandResult none = Run({"pending"});
  EXPECT_EQ(none.exit_code, 0) << none.errors;
  EXPECT_EQ(none.output, "no parked or skipped writes\n");
  EXPECT_THAT(Run({"pending"}).output, HasSubstr(" for 0s, ")) << "of another clock's future";
  const boost::json::value json = boost::json::parse(Run({"pending", "-o", "json"}).output);
  EXPECT_TRUE(json.at("new_path").is_null());
  EXPECT_TRUE(json.at("error").is_null());
}

TEST_F(PendingCommandsTest, PendingOfALaneThatIsNotThereIsNotCalledNone) {
  server_.OnList([](auto*, auto&, v1::ListPendingResponse* response) {
    response->add_unknown_targets("corebank");
    return grpc::Status::OK;
  });
  const CommandResult result = Run({"pending"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.errors, HasSubstr("corebank"));
  const CommandResult json = Run({"pending", "-o", "json"});
  EXPECT_EQ(json.exit_code, 5);
  const boost::json::value error = boost::json::parse(json.errors).at("error");
  EXPECT_THAT(std::string(error.at("message").as_string()), HasSubstr("corebank"));
  EXPECT_EQ(error.at("reason").as_string(), "TARGET_UNAVAILABLE");
}

TEST_F(PendingCommandsTest, RetrySaysWhatBecameOfIt) {
  std::vector<v1::RetryPendingRequest> seen;
  server_.OnRetry(
      [&seen](auto*, const v1::RetryPendingRequest& request, v1::RetryPendingResponse* response) {
        seen.push_back(request);
        response->set_applied_writes(1);
        response->set_parked_writes(seen.size() == 1 ? 1 : 0);
        v1::PendingOutcome* outcome = response->add_outcomes();
        outcome->set_sequence(7);
        outcome->set_path("a");
        outcome->set_error("EACCES");
        return grpc::Status::OK;
      });
  const CommandResult result = Run({"retry", "corebank", "--all", "--timeout", "10s"});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.output, HasSubstr("applied: 1, still parked: 1"));
  EXPECT_THAT(result.output, HasSubstr("and 1 more")) << "one of the two is not listed";
  EXPECT_THAT(result.output, HasSubstr("#7 a: EACCES"));
  EXPECT_EQ(Run({"retry", "corebank", "--sequence", "7", "--sequence", "9"}).exit_code, 0);
  EXPECT_EQ(Run({"retry", "corebank"}).exit_code, 2);
  EXPECT_EQ(Run({"retry", "corebank", "--all", "--path", "a"}).exit_code, 2);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_TRUE(seen[0].all());
  EXPECT_LT(seen[0].wait_timeout().seconds(), 10) << "so that the answer arrives in time";
  EXPECT_GT(seen[0].wait_timeout().seconds(), 1);
  EXPECT_EQ(seen[1].sequences_size(), 2);
}

TEST_F(PendingCommandsTest, SkipNeedsAReasonAndIsAskedOnceOnly) {
  int calls = 0;
  server_.OnSkip([&calls](auto*, const v1::SkipPendingRequest& request, auto*) {
    ++calls;
    EXPECT_EQ(request.path(), "a");
    EXPECT_EQ(request.reason(), "ticket 4711");
    EXPECT_FALSE(request.requested_by().empty());
    return ErrorStatus({.code = grpc::StatusCode::UNAVAILABLE, .reason = "TARGET_UNAVAILABLE"});
  });
  EXPECT_EQ(Run({"skip", "corebank", "--path", "a"}).exit_code, 2);
  EXPECT_EQ(Run({"skip", "corebank", "--reason", "ticket 4711"}).exit_code, 2);
  EXPECT_EQ(calls, 0);
  const CommandResult result = Run({"skip", "corebank", "--path", "a", "--reason", "ticket 4711"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.errors, HasSubstr("TARGET_UNAVAILABLE"));
  EXPECT_EQ(calls, 1) << "it may have been done";
}

// Found by a review: a script took both for skipped.
TEST_F(PendingCommandsTest, ASkipThatWasDoneInPartSaysSo) {
  server_.OnSkip([](auto*, auto&, v1::SkipPendingResponse* response) {
    response->set_skipped_writes(1);
    response->set_parked_writes(1);
    return grpc::Status::OK;
  });
  const CommandResult result =
      Run({"skip", "corebank", "--sequence", "41", "--sequence", "42", "--reason", "ticket 4711"});
  EXPECT_EQ(result.exit_code, 10) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("still parked: 1"));
}

}  // namespace
}  // namespace tandem::client
