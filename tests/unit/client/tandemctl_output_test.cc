// tandemctl: how long it waits, and what its output says to somebody in a hurry.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <future>

#include "tests/unit/client/command.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kSomeId[] = "018f3a2b-0000-7000-8000-000000000001";

class TandemctlOutputTest : public testing::Test {
 protected:
  TandemctlOutputTest() { server_.Start(); }

  CommandResult Run(std::vector<std::string> arguments) {
    std::vector<std::string> all = {TANDEMCTL, "--address", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return RunCommand(all, server_.directory());
  }
  boost::json::value Json(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"-o", "json"});
    const CommandResult result = Run(std::move(arguments));
    return boost::json::parse(result.output.empty() ? result.errors : result.output);
  }
  void Answer(const v1::GetStatusResponse& status) {
    server_.OnStatus([status](auto*, auto&, v1::GetStatusResponse* response) {
      *response = status;
      return grpc::Status::OK;
    });
  }
  void Refuse(const ErrorSpec& spec) {
    server_.OnWrite([spec](auto*, auto&, auto*) { return ErrorStatus(spec); });
  }

  ScriptedServer server_;
};

// What a call told the daemon of time.
struct Times {
  std::optional<int64_t> wait_s;
  double left_s = 0;
};

template <typename Request>
Times TimesOf(const grpc::ServerContext& context, const Request& request) {
  Times times;
  if (request.has_wait_timeout()) times.wait_s = request.wait_timeout().seconds();
  times.left_s =
      std::chrono::duration<double>(context.deadline() - std::chrono::system_clock::now()).count();
  return times;
}

TEST_F(TandemctlOutputTest, WithoutATimeoutTheDaemonsOwnDecides) {
  std::vector<Times> seen;
  server_.OnWrite(
      [&seen](grpc::ServerContext* context, const v1::WriteRequest& request, auto* response) {
        seen.push_back(TimesOf(*context, request));
        AnswerWrite(41, response);
        return grpc::Status::OK;
      });
  server_.OnWait(
      [&seen](grpc::ServerContext* context, const v1::WaitDurableRequest& request, auto*) {
        seen.push_back(TimesOf(*context, request));
        return grpc::Status::OK;
      });
  EXPECT_EQ(Run({"put", "a", "--data", "x"}).exit_code, 0);
  EXPECT_EQ(Run({"wait", "41"}).exit_code, 0);
  ASSERT_EQ(seen.size(), 2u);
  for (const Times& times : seen) {
    EXPECT_FALSE(times.wait_s.has_value()) << *times.wait_s;
    EXPECT_GT(times.left_s * 19 / 20, 3'600) << "the daemon answers a twentieth before it";
  }
}

TEST_F(TandemctlOutputTest, ATimeoutThatIsGivenCountsWhateverTheDaemonsIs) {
  std::vector<Times> seen;
  server_.OnWait(
      [&seen](grpc::ServerContext* context, const v1::WaitDurableRequest& request, auto*) {
        seen.push_back(TimesOf(*context, request));
        return grpc::Status::OK;
      });
  for (const char* timeout : {"10s", "5m", "2h"}) {
    EXPECT_EQ(Run({"wait", "41", "--timeout", timeout}).exit_code, 0);
  }
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_THAT(seen[0].wait_s.value_or(0), testing::AllOf(testing::Ge(5), testing::Lt(10)));
  EXPECT_THAT(seen[1].wait_s.value_or(0), testing::AllOf(testing::Ge(290), testing::Lt(300)));
  EXPECT_EQ(seen[2].wait_s.value_or(0), 3'600) << "the daemon takes no more";
}

TEST_F(TandemctlOutputTest, TheHelpOfACommandNamesTheGlobalOptionsItLooksAt) {
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"put"},
                                             {"append"},
                                             {"delete"},
                                             {"upload"},
                                             {"wait"},
                                             {"get"},
                                             {"status"},
                                             {"pending"},
                                             {"retry"},
                                             {"skip"},
                                             {"watermark"},
                                             {"target", "init"},
                                             {"target", "take-over"}}) {
    std::vector<std::string> arguments = command;
    arguments.emplace_back("--help");
    const CommandResult help = Run(arguments);
    EXPECT_EQ(help.exit_code, 0);
    const bool writes = command[0] == "put" || command[0] == "append" || command[0] == "delete" ||
                        command[0] == "upload";
    const bool local = command[0] == "watermark" || command[0] == "target";
    const auto has = [&](const char* option) {
      return help.output.find(option) != std::string::npos;
    };
    EXPECT_TRUE(has("-o,--output")) << help.output;
    EXPECT_EQ(has("--request-id UUID"), writes) << help.output;
    EXPECT_EQ(has("--level LEVEL"), writes || command[0] == "wait") << help.output;
    EXPECT_EQ(has("--timeout TIME"), !local) << help.output;
    EXPECT_EQ(has("--address"), !local) << help.output;
  }
  EXPECT_THAT(Run({"get", "--help"}).output, HasSubstr("skipped there and whose path"));
}

TEST_F(TandemctlOutputTest, TheHelpNamesEveryExitCode) {
  const std::string help = Run({"--help"}).output;
  const std::string codes = help.substr(help.find("Exit codes:"));
  for (const char* code :
       {" 0 done", " 1 error", " 2 wrong", " 5 may", " 10 a target", " 69 the"}) {
    EXPECT_THAT(codes, HasSubstr(code));
  }
}

TEST_F(TandemctlOutputTest, WhatIsNotKnownIsNullInJson) {
  v1::GetStatusResponse status;
  status.add_targets()->set_name("corebank");
  Answer(status);
  const boost::json::value json = Json({"status"});
  EXPECT_TRUE(json.at("started").is_null());
  EXPECT_TRUE(json.at("journal").at("reason").is_null());
  for (const char* key : {"target_id", "reason", "since", "io_engine", "detached"}) {
    EXPECT_TRUE(json.at("targets").at(0).at(key).is_null()) << key;
  }
  Refuse({.code = grpc::StatusCode::INTERNAL});
  const boost::json::value error = Json({"put", "a", "--data", "x"}).at("error");
  EXPECT_TRUE(error.at("reason").is_null());
  EXPECT_TRUE(error.at("sequence").is_null());
  EXPECT_TRUE(error.at("level_reached").is_null());
  server_.OnGet([](auto*, auto&, auto*) {
    return ErrorStatus({.code = grpc::StatusCode::NOT_FOUND, .reason = "WRITE_NOT_FOUND"});
  });
  EXPECT_TRUE(Json({"get", "41"}).at("error").at("request_id").is_null());
}

// WaitDurable answers nothing of them: zeros would be taken for what was written.
TEST_F(TandemctlOutputTest, WaitShowsNoOffsetsAndSizes) {
  server_.OnWait([](auto*, auto&, v1::WaitDurableResponse* response) {
    response->set_sequence(41);
    response->set_level_reached(v1::DURABILITY_LEVEL_ALL);
    return grpc::Status::OK;
  });
  const boost::json::value json = Json({"wait", "41"});
  EXPECT_EQ(json.at("sequence").to_number<int>(), 41);
  EXPECT_EQ(json.at("level_reached").as_string(), "ALL");
  EXPECT_TRUE(json.at("request_id").is_null());
  EXPECT_FALSE(json.as_object().contains("results"));
}

TEST_F(TandemctlOutputTest, AWriteToADaemonThatDoesNotAnswerEndsAndWasNotSent) {
  std::promise<void> over;
  server_.OnStatus([is_over = over.get_future().share()](auto*, auto&, auto*) {
    is_over.wait();
    return grpc::Status::CANCELLED;
  });
  server_.OnWrite([](auto*, auto&, auto*) {
    ADD_FAILURE() << "it was sent";
    return grpc::Status::OK;
  });
  const CommandResult result = Run({"put", "a", "--data", "x"});
  over.set_value();
  EXPECT_EQ(result.exit_code, 5) << result.errors;
  EXPECT_THAT(result.errors, HasSubstr("tandemd is overloaded, stopped or hangs"));
}

TEST_F(TandemctlOutputTest, StatusNamesTheTargetThatPutsTheRecoveryPointAtRisk) {
  v1::GetStatusResponse status;
  status.set_rpo_at_risk(true);
  status.set_rpo_refuse(true);
  status.mutable_rpo_limit()->set_seconds(30);
  status.add_targets()->set_name("local");
  status.mutable_targets(0)->mutable_lag_time()->set_seconds(900);
  status.add_targets()->set_name("corebank");
  v1::TargetStatus* corebank = status.mutable_targets(1);
  corebank->mutable_lag_time()->set_seconds(45);
  corebank->mutable_lag_time()->set_nanos(250'000'000);
  Answer(status);
  const CommandResult result = Run({"status"});
  EXPECT_THAT(result.output,
              HasSubstr("RPO AT RISK: corebank lags by 45.2s, beyond rpo_limit (30s); "
                        "new writes are refused\n"));
  EXPECT_THAT(result.output, HasSubstr("lag:0 writes (lacks a heartbeat for 45.2s)"));
}

TEST_F(TandemctlOutputTest, StatusSaysWhyTheJournalDoesNotServeAndDurationsHaveAUnit) {
  v1::GetStatusResponse status;
  status.mutable_journal()->set_state("FAILED");
  status.mutable_journal()->set_reason("fdatasync: EIO");
  status.mutable_started_time()->set_seconds(4'000'000'000);
  status.add_targets()->set_name("corebank");
  v1::TargetStatus* corebank = status.mutable_targets(0);
  corebank->set_lag_writes(1);
  corebank->mutable_lag_time()->set_nanos(40'000'000);
  corebank->mutable_catch_up_left();
  Answer(status);
  const CommandResult result = Run({"status"});
  EXPECT_THAT(result.output, HasSubstr("reason: fdatasync: EIO"));
  EXPECT_THAT(result.output, HasSubstr("up 0s\n")) << "it was started in the future";
  EXPECT_THAT(result.output, HasSubstr("oldest 0s, 0.0 writes/s, 0s left"));
}

TEST_F(TandemctlOutputTest, StatusShowsAFewParkedWritesAndSaysWhereTheOthersAre) {
  v1::GetStatusResponse status;
  status.add_targets()->set_name("corebank");
  v1::TargetStatus* corebank = status.mutable_targets(0);
  corebank->set_parked_writes(5'000);
  for (uint64_t sequence = 1; sequence <= 100; ++sequence) {
    corebank->add_parked()->set_sequence(sequence);
  }
  Answer(status);
  const CommandResult result = Run({"status"});
  EXPECT_THAT(result.output, HasSubstr("#10 "));
  EXPECT_THAT(result.output, Not(HasSubstr("#11 ")));
  EXPECT_THAT(result.output,
              HasSubstr("and 4990 more writes: tandemctl pending --target corebank"));
  EXPECT_EQ(Json({"status"}).at("targets").at(0).at("parked").as_array().size(), 100u);
}

TEST_F(TandemctlOutputTest, HintsSayWhatToDoNext) {
  Refuse({.code = grpc::StatusCode::DEADLINE_EXCEEDED,
          .reason = "DURABILITY_NOT_REACHED",
          .metadata = {{"level_reached", "JOURNALED"}}});
  Refuse({.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .reason = "JOURNAL_FULL"});
  const std::vector<std::string> put = {"put", "a", "--data", "x", "--request-id", kSomeId};
  EXPECT_THAT(Run(put).errors, HasSubstr(std::string("tandemctl wait ") + kSomeId));
  EXPECT_THAT(Run(put).errors, HasSubstr("see why: tandemctl status"));
  server_.OnStatus([](auto*, auto&, auto*) {
    return ErrorStatus({.code = grpc::StatusCode::DEADLINE_EXCEEDED});
  });
  const CommandResult late = Run({"status"});
  EXPECT_EQ(late.exit_code, 5);
  EXPECT_THAT(late.errors, HasSubstr("no answer from unix:"));
}

}  // namespace
}  // namespace tandem::client
