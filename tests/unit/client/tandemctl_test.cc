// tandemctl as its users see it: exit codes, output, what it sends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "tests/unit/client/command.h"
#include "tests/unit/client/scripted_server.h"

namespace tandem::client {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr char kId[] = "018f3a2b-0000-7000-8000-000000000001";

class TandemctlTest : public testing::Test {
 protected:
  TandemctlTest() { server_.Start(); }

  CommandResult Run(std::vector<std::string> arguments, const std::string& input = "") {
    std::vector<std::string> all = {TANDEMCTL, "--address", server_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return RunCommand(all, server_.directory(), input);
  }

  void Accept() {
    server_.OnWrite([](auto*, auto&, v1::WriteResponse* response) {
      AnswerWrite(41, response);
      return grpc::Status::OK;
    });
  }
  void Refuse(const ErrorSpec& spec) {
    server_.OnWrite([spec](auto*, auto&, auto*) { return ErrorStatus(spec); });
  }

  v1::GetStatusResponse SomeStatus() {
    v1::GetStatusResponse status;
    status.set_version("0.1.0");
    status.set_writer("sat-7");
    status.mutable_journal()->set_state("SERVING");
    status.mutable_journal()->set_appended_sequence(120);
    v1::TargetStatus* local = status.add_targets();
    local->set_name("local");
    local->set_health(v1::TARGET_HEALTH_HEALTHY);
    v1::TargetStatus* corebank = status.add_targets();
    corebank->set_name("corebank");
    corebank->set_health(v1::TARGET_HEALTH_STALLED);
    corebank->set_reason("fsync runs for 12 s");
    corebank->set_lag_writes(20);
    corebank->set_applied_per_second(5);
    corebank->mutable_catch_up_left()->set_seconds(4);
    corebank->set_lag_bytes(2048);
    corebank->mutable_lag_time()->set_seconds(12);
    return status;
  }

  ScriptedServer server_;
};

TEST_F(TandemctlTest, PutSendsStandardInputAndShowsTheOutcome) {
  Accept();
  const CommandResult result = Run({"put", "a/b", "--level", "all", "--mode", "0600"}, "hello");
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("sequence     41"));
  EXPECT_THAT(result.output, HasSubstr("corebank     PENDING"));
  EXPECT_THAT(result.errors, IsEmpty());
  const v1::WriteRequest request = server_.Writes().at(0);
  EXPECT_EQ(request.operation().put().path(), "a/b");
  EXPECT_EQ(request.operation().put().data(), "hello");
  EXPECT_EQ(request.operation().put().mode(), 0600u);
  EXPECT_EQ(request.level(), v1::DURABILITY_LEVEL_ALL);
}

TEST_F(TandemctlTest, DataComesFromAnArgumentAFileOrStandardInput) {
  Accept();
  const std::string file = server_.directory() + "/data";
  std::ofstream(file) << "from a file";
  EXPECT_EQ(Run({"append", "f", "--data", "an argument"}).exit_code, 0);
  EXPECT_EQ(Run({"append", "f", file}).exit_code, 0);
  EXPECT_EQ(Run({"write-at", "f", "7", "-"}, "standard input").exit_code, 0);
  EXPECT_EQ(Run({"append", "f", file, "--data", "both"}).exit_code, 2);
  const std::vector<v1::WriteRequest> seen = server_.Writes();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].operation().append().data(), "an argument");
  EXPECT_EQ(seen[1].operation().append().data(), "from a file");
  EXPECT_EQ(seen[2].operation().write_at().data(), "standard input");
  EXPECT_EQ(seen[2].operation().write_at().offset(), 7u);
}

TEST_F(TandemctlTest, TruncateRenameAndDeleteSayWhatTheyMean) {
  Accept();
  EXPECT_EQ(Run({"truncate", "f", "3"}).exit_code, 0);
  EXPECT_EQ(Run({"rename", "f", "g", "--if-absent"}).exit_code, 0);
  EXPECT_EQ(Run({"delete", "g", "--request-id", kId}).exit_code, 0);
  const std::vector<v1::WriteRequest> seen = server_.Writes();
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0].operation().truncate().size(), 3u);
  EXPECT_EQ(seen[1].operation().rename().new_path(), "g");
  EXPECT_TRUE(seen[1].operation().rename().if_absent());
  EXPECT_EQ(seen[2].request_id(), kId);
}

TEST_F(TandemctlTest, JsonIsOneObjectALine) {
  Accept();
  const CommandResult result = Run({"-o", "json", "put", "a", "--data", "x"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const boost::json::value json = boost::json::parse(result.output);
  EXPECT_EQ(json.at("sequence").to_number<uint64_t>(), 41u);
  EXPECT_EQ(json.at("level_reached").as_string(), "LOCAL");
  EXPECT_EQ(json.at("targets").as_array().size(), 2u);
}

TEST_F(TandemctlTest, QuietSaysNothing) {
  Accept();
  const CommandResult result = Run({"put", "a", "--data", "x", "-q"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, IsEmpty());
}

TEST_F(TandemctlTest, ARefusalEndsWith1AndNamesTheReason) {
  Refuse({.code = grpc::StatusCode::ALREADY_EXISTS, .reason = "PATH_EXISTS"});
  const CommandResult result = Run({"put", "a", "--data", "x", "--if-absent"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("PATH_EXISTS"));
  EXPECT_THAT(result.output, IsEmpty());
}

TEST_F(TandemctlTest, WhatMaySucceedWhenRepeatedEndsWith5AndNamesTheId) {
  Refuse({.code = grpc::StatusCode::RESOURCE_EXHAUSTED, .reason = "JOURNAL_FULL"});
  const CommandResult result = Run({"put", "a", "--data", "x", "--request-id", kId});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.errors, HasSubstr(std::string("--request-id ") + kId));
}

TEST_F(TandemctlTest, ALevelNotReachedEndsWith5AndSaysHowToWait) {
  Refuse({.code = grpc::StatusCode::DEADLINE_EXCEEDED,
          .reason = "DURABILITY_NOT_REACHED",
          .metadata = {{"sequence", "99"}, {"level_reached", "JOURNALED"}}});
  CommandResult result = Run({"put", "a", "--data", "x"});
  EXPECT_EQ(result.exit_code, 5);
  EXPECT_THAT(result.errors, HasSubstr("tandemctl wait 99"));
  EXPECT_THAT(result.errors, HasSubstr("JOURNALED"));
  result = Run({"put", "a", "--data", "x", "-o", "json"});
  const boost::json::value json = boost::json::parse(result.errors);
  EXPECT_EQ(json.at("error").at("sequence").to_number<uint64_t>(), 99u);
  EXPECT_EQ(json.at("error").at("reason").as_string(), "DURABILITY_NOT_REACHED");
}

TEST_F(TandemctlTest, AFailedTargetEndsWith10) {
  Refuse({.code = grpc::StatusCode::ABORTED, .reason = "TARGET_FAILED"});
  EXPECT_EQ(Run({"put", "a", "--data", "x"}).exit_code, 10);
}

TEST_F(TandemctlTest, AnUnreachableDaemonEndsWith69) {
  server_.Stop();
  const CommandResult result = Run({"status", "--timeout", "200ms"});
  EXPECT_EQ(result.exit_code, 69);
  EXPECT_THAT(result.errors, HasSubstr("is tandemd running"));
  EXPECT_EQ(Run({"put", "a", "--data", "x"}).exit_code, 69) << "nothing was sent";
}

TEST_F(TandemctlTest, AWrongCommandLineEndsWith2AndSendsNothing) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"frobnicate"},
           {"put"},
           {"put", "a", "--data", "x", "--level", "SOME"},
           {"put", "a", "--data", "x", "--timeout", "soon"},
           {"put", "a", "--data", "x", "--request-id", "17"},
           {"put", "a", "--data", "x", "--mode", "0999"},
           {"truncate", "f", "-1"},
           {"write-at", "f", "18446744073709551616", "--data", ""},
           {"retry", "corebank", "--sequence", "-1"},
           {"status", "-o", "xml"},
           {"get", "not-a-key"}}) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2) << testing::PrintToString(arguments);
    EXPECT_THAT(result.errors, Not(IsEmpty()));
  }
  EXPECT_THAT(server_.Writes(), IsEmpty());
}

TEST_F(TandemctlTest, HelpHasExamplesAndEndsWith0) {
  const CommandResult result = Run({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("Examples:"));
  EXPECT_THAT(result.output, HasSubstr("JOURNALED lives and dies"));
}

TEST_F(TandemctlTest, GetShowsWhereAWriteIsAndEndsWith10IfATargetRefusesIt) {
  server_.OnGet([](auto*, const v1::GetWriteRequest& request, v1::GetWriteResponse* response) {
    response->set_request_id(kId);
    response->add_results()->set_sequence(request.sequence());
    v1::TargetOutcome* target = response->add_targets();
    target->set_target("corebank");
    target->set_state(request.sequence() == 5 ? v1::TARGET_STATE_FAILED : v1::TARGET_STATE_DURABLE);
    target->set_reason(request.sequence() == 5 ? "EACCES" : "");
    return grpc::Status::OK;
  });
  CommandResult result = Run({"get", "4"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, HasSubstr("corebank     DURABLE"));
  result = Run({"get", "5"});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.output, HasSubstr("FAILED: EACCES"));
}

TEST_F(TandemctlTest, WaitAsksForTheLevelAndTheId) {
  server_.OnWait(
      [](auto*, const v1::WaitDurableRequest& request, v1::WaitDurableResponse* response) {
        EXPECT_EQ(request.request_id(), kId);
        EXPECT_EQ(request.level(), v1::DURABILITY_LEVEL_ALL);
        response->set_sequence(8);
        response->set_level_reached(v1::DURABILITY_LEVEL_ALL);
        return grpc::Status::OK;
      });
  const CommandResult result = Run({"wait", kId, "--level", "ALL", "--timeout", "5s"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("level        ALL"));
}

TEST_F(TandemctlTest, StatusIsATreeWithoutColourInAPipe) {
  server_.OnStatus([this](auto*, auto&, v1::GetStatusResponse* response) {
    *response = SomeStatus();
    return grpc::Status::OK;
  });
  CommandResult result = Run({"status"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("sat-7  tandemd 0.1.0"));
  EXPECT_THAT(result.output, HasSubstr("├─ local"));
  EXPECT_THAT(result.output, HasSubstr("└─ corebank"));
  EXPECT_THAT(result.output, HasSubstr("STALLED"));
  EXPECT_THAT(result.output, HasSubstr("reason: fsync runs for 12 s"));
  EXPECT_THAT(result.output,
              HasSubstr("lag:20 writes (2.0KiB, oldest 12s, 5.0 writes/s, 4s left)"));
  EXPECT_THAT(result.output, Not(HasSubstr("\033[")));
  result = Run({"status", "-o", "json"});
  const boost::json::value json = boost::json::parse(result.output);
  EXPECT_EQ(json.at("targets").at(1).at("lag_seconds").to_number<double>(), 12);
  EXPECT_EQ(json.at("targets").at(1).at("catch_up_left_seconds").to_number<double>(), 4);
  EXPECT_TRUE(json.at("targets").at(0).at("catch_up_left_seconds").is_null());
  EXPECT_EQ(json.at("journal").at("appended_sequence").to_number<uint64_t>(), 120u);
}

TEST_F(TandemctlTest, StatusEndsWith10WhileWritesAreParked) {
  server_.OnStatus([this](auto*, auto&, v1::GetStatusResponse* response) {
    *response = SomeStatus();
    v1::TargetStatus* corebank = response->mutable_targets(1);
    corebank->set_parked_writes(1);
    v1::ParkedWriteStatus* parked = corebank->add_parked();
    parked->set_sequence(87);
    parked->set_path("a/b");
    parked->set_error("ENOSPC");
    return grpc::Status::OK;
  });
  const CommandResult result = Run({"status"});
  EXPECT_EQ(result.exit_code, 10);
  EXPECT_THAT(result.output, HasSubstr("#87 a/b: ENOSPC"));
}

TEST_F(TandemctlTest, UploadSendsAFileOrAPipe) {
  std::vector<std::string> contents;
  server_.OnUpload([&contents](auto*, grpc::ServerReader<v1::UploadRequest>* reader,
                               v1::UploadResponse* response) {
    std::string content;
    for (v1::UploadRequest request; reader->Read(&request);) content += request.data();
    contents.push_back(content);
    response->set_earlier_attempt(true);  // then the library does not ask for the checksum
    return grpc::Status::OK;
  });
  const std::string big(1'000'000, 'x');
  const std::string file = server_.directory() + "/big";
  std::ofstream(file) << big;
  EXPECT_EQ(Run({"upload", "big", file}).exit_code, 0);
  const CommandResult piped = Run({"upload", "big", "-"}, big + "y");
  EXPECT_EQ(piped.exit_code, 0);
  EXPECT_THAT(piped.errors, IsEmpty()) << "progress is for terminals";
  ASSERT_EQ(contents.size(), 2u);
  EXPECT_EQ(contents[0], big);
  EXPECT_EQ(contents[1], big + "y");
  EXPECT_EQ(Run({"upload", "big", "/nowhere"}).exit_code, 1);
}

TEST_F(TandemctlTest, TargetInitMakesAnIdentityOnceAndShowReadsIt) {
  const std::string target = server_.directory() + "/target";
  std::filesystem::create_directory(target);
  CommandResult result = Run({"target", "show", target});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("target init"));
  result = Run({"-o", "json", "target", "init", target, "--name", "corebank"});
  ASSERT_EQ(result.exit_code, 0) << result.errors;
  const boost::json::value made = boost::json::parse(result.output);
  EXPECT_TRUE(std::filesystem::exists(target + "/.tandem/target.json"));
  result = Run({"target", "show", target, "-o", "json"});
  EXPECT_EQ(boost::json::parse(result.output), made);
  EXPECT_EQ(Run({"target", "init", target, "--name", "other"}).exit_code, 1);

  const std::string full = server_.directory() + "/full";
  std::filesystem::create_directory(full);
  std::ofstream(full + "/somebody's") << "data";
  EXPECT_EQ(Run({"target", "init", full, "--name", "corebank"}).exit_code, 1);
  EXPECT_EQ(Run({"target", "init", full, "--name", "corebank", "--even-if-not-empty"}).exit_code,
            0);
}

}  // namespace
}  // namespace tandem::client
