#include "daemon/config/config.h"

#include <sstream>

#include "daemon/config/keys.h"
#include "daemon/config/value.h"
#include "tests/unit/config/load.h"

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A good value of the key that is not its default, and what it prints as.
std::string OtherValue(const Key& key) {
  switch (key.kind) {
    case ValueKind::kTargets:
      return "local=/mnt/x,corebank=/mnt/y=id-7";
    case ValueKind::kPath:
      return "/elsewhere/" + std::string(key.name);
    case ValueKind::kName:
    case ValueKind::kText:
      return "other";
    case ValueKind::kAddress:
      return "[::1]:1234";
    case ValueKind::kSwitch:
      return key.fallback == "true" ? "false" : "true";
    case ValueKind::kChoice:
      return std::string(key.choices[0] == key.fallback ? key.choices[1] : key.choices[0]);
    case ValueKind::kMode:
      return "0600";
    case ValueKind::kDuration:
    case ValueKind::kBytes:
    case ValueKind::kCount:
      break;
  }
  if (key.name == "journal_segment_bytes") return "32MiB";
  // One step from the default stays within what belongs together.
  Settings settings;
  EXPECT_TRUE(SetFromText(key, key.fallback, settings).ok()) << key.name;
  if (const auto* ms = std::get_if<int64_t Settings::*>(&key.field)) settings.** ms -= 1;
  if (const auto* number = std::get_if<uint64_t Settings::*>(&key.field)) settings.** number -= 1;
  return TextOf(key, settings);
}

// What a key needs beside it to be valid.
std::map<std::string, std::string> CompanionsOf(const Key& key) {
  std::map<std::string, std::string> companions = {{"local_efs_path", "/mnt/a"},
                                                   {"corebank_efs_path", "/mnt/b"}};
  if (key.name == "targets") companions.clear();
  if (key.name == "request_id_window") companions["journal_retention"] = "1m";
  if (key.name == "tcp_address") {
    companions["tls_certificate_file"] = "/c";
    companions["tls_key_file"] = "/k";
    companions["tls_client_ca_file"] = "/a";
  }
  return companions;
}

std::string EffectOf(const Key& key, const LoadedConfig& loaded) {
  EXPECT_THAT(loaded.errors, IsEmpty()) << key.name;
  if (key.kind == ValueKind::kTargets || key.name == "local_efs_path" ||
      key.name == "corebank_efs_path") {
    std::string text;
    for (const TargetSettings& target : loaded.config.settings.targets) {
      absl::StrAppend(&text, target.name, "=", target.path, "=", target.target_id, ";");
    }
    return text;
  }
  return TextOf(key, loaded.config.settings);
}

TEST_F(ConfigTest, EveryKeyIsTakenFromFileEnvironmentAndFlag) {
  for (const Key& key : AllKeys()) {
    SCOPED_TRACE(key.name);
    const std::string value = OtherValue(key);
    std::map<std::string, std::string> companions = CompanionsOf(key);
    companions.erase(std::string(key.name));
    std::string others;
    for (const auto& [name, text] : companions) absl::StrAppend(&others, name, ": ", text, "\n");
    const std::string base = File(others);

    const std::string in_file = EffectOf(
        key, Load({"--config", File(absl::StrCat(others, key.name, ": \"", value, "\"\n"))}));
    const std::string in_environment =
        EffectOf(key, Load({"--config", base}, {{EnvironmentName(key), value}}));
    const std::string in_flag =
        EffectOf(key, Load({"--config", base, absl::StrCat(FlagName(key), "=", value)}));
    EXPECT_EQ(in_file, in_environment);
    EXPECT_EQ(in_file, in_flag);
    if (key.kind == ValueKind::kTargets) {
      EXPECT_EQ(in_file, "local=/mnt/x=;corebank=/mnt/y=id-7;");
    } else if (key.name == "local_efs_path" || key.name == "corebank_efs_path") {
      EXPECT_THAT(in_file, HasSubstr("=" + value + "="));
    } else {
      EXPECT_EQ(in_file, value);
      EXPECT_NE(in_file, key.fallback);
    }
  }
}

template <typename... Values>
std::string Joined(const Values&... values) {
  std::string text;
  (absl::StrAppend(&text, values, "|"), ...);
  return text;
}

// Everything that the modules are told.
std::string OptionsOf(const Config& config) {
  const CoreOptions& core = config.core;
  const JournalOptions& journal = core.journal;
  std::string text = Joined(
      journal.directory, journal.segment_bytes, journal.group_bytes, journal.max_bytes,
      journal.reserve_bytes, journal.retention_ms, journal.idle_mark_ms, core.writer,
      core.max_write_bytes, core.max_batch_operations, core.max_file_bytes, core.max_upload_bytes,
      core.max_open_uploads, core.upload_lifetime_ms, core.max_waiting_writes,
      core.max_waiting_bytes, core.max_request_ids, core.max_path_states, core.request_id_window_ms,
      core.path_state_limit_ms, core.heartbeat_interval_ms, core.rpo_refuse, core.rpo_limit_ms,
      core.detach_at_cap, core.max_missed_paths);
  for (const CoreTarget& target : core.targets) text += Joined(target.name, target.path);
  for (const LaneOptions& lane : config.lanes) {
    text += Joined(lane.target, lane.target_path, lane.target_id, lane.writer_root,
                   lane.initialize_target, lane.require_mount, lane.max_parallel_paths,
                   lane.max_window_writes, lane.max_window_bytes, lane.apply_linger_ms,
                   lane.max_merge_bytes, lane.max_open_directories, lane.max_open_files,
                   lane.health_check_interval_ms, lane.health_min_stay_ms, lane.max_retries,
                   lane.retry_initial_ms, lane.retry_max_ms, lane.checkpoint_interval_ms,
                   lane.watermark_interval_ms, lane.slow_limit_ms, lane.stall_limit_ms,
                   lane.parked_retry_interval_ms, lane.max_parked_writes, lane.max_parked_bytes);
  }
  const RpcConfig& rpc = config.rpc;
  text += Joined(rpc.socket_path, rpc.socket_mode, rpc.socket_group, rpc.tcp_address,
                 rpc.tls_certificate_file, rpc.tls_key_file, rpc.tls_client_ca_file,
                 rpc.max_concurrent_streams, rpc.memory_bytes, LevelName(rpc.default_level),
                 rpc.dual_write_timeout_ms);
  return text + Joined(config.control.http_address, static_cast<int>(config.io.engine),
                       config.io.threads, static_cast<int>(config.log_level),
                       config.drain_deadline_ms, config.settings.journal_on_volatile);
}

TEST_F(ConfigTest, EveryKeyReachesTheOptionsOfAModule) {
  for (const Key& key : AllKeys()) {
    std::string others;
    for (const auto& [name, text] : CompanionsOf(key)) {
      if (name != key.name) absl::StrAppend(&others, name, ": ", text, "\n");
    }
    if (key.kind == ValueKind::kTargets) others = "";
    const std::string plain = key.kind == ValueKind::kTargets ? kTwo : others;
    const LoadedConfig before = LoadText(plain);
    const LoadedConfig after =
        LoadText(absl::StrCat(others, key.name, ": '", OtherValue(key), "'\n"));
    EXPECT_THAT(after.errors, IsEmpty());
    EXPECT_NE(OptionsOf(before.config), OptionsOf(after.config)) << key.name;
  }
}

TEST_F(ConfigTest, EveryDefaultIsValid) {
  for (const Key& key : AllKeys()) {
    if (key.kind == ValueKind::kTargets) continue;
    Settings settings;
    EXPECT_TRUE(SetFromText(key, key.fallback, settings).ok()) << key.name;
    Settings again;
    EXPECT_TRUE(SetFromText(key, TextOf(key, settings), again).ok()) << key.name;
    EXPECT_EQ(TextOf(key, settings), TextOf(key, again)) << key.name;
    EXPECT_FALSE(key.doc.empty()) << key.name;
  }
}

TEST_F(ConfigTest, AFlagWinsOverTheEnvironmentAndTheEnvironmentOverTheFile) {
  const std::string file = File(std::string(kTwo) + "max_retries: 1\n");
  const auto retries = [](const LoadedConfig& loaded) {
    return loaded.config.settings.max_retries;
  };
  EXPECT_EQ(retries(Load({"--config", File(kTwo)})), 5u);
  EXPECT_EQ(retries(Load({"--config", file})), 1u);
  EXPECT_EQ(retries(Load({"--config", file}, {{"TANDEM_MAX_RETRIES", "2"}})), 2u);
  EXPECT_EQ(retries(Load({"--config", file, "--max-retries", "3"}, {{"TANDEM_MAX_RETRIES", "2"}})),
            3u);
}

TEST_F(ConfigTest, TheFlagNamesTheFileBeforeTheEnvironmentDoes) {
  const std::string one = File(std::string(kTwo) + "max_retries: 1\n");
  const std::string two = File(std::string(kTwo) + "max_retries: 2\n");
  EXPECT_EQ(Load({}, {{"TANDEM_CONFIG", one}}).config.lanes.at(0).max_retries, 1u);
  EXPECT_EQ(Load({"--config", two}, {{"TANDEM_CONFIG", one}}).config.lanes.at(0).max_retries, 2u);
}

TEST_F(ConfigTest, WithoutFileAndTargetsEverythingIsUnderVar) {
  const LoadedConfig loaded = Load();
  ASSERT_THAT(loaded.errors, IsEmpty());
  const Config& config = loaded.config;
  EXPECT_TRUE(config.embedded);
  EXPECT_EQ(config.core.journal.directory, "/work/var/journal");
  EXPECT_EQ(config.rpc.socket_path, "/work/var/tandem.sock");
  EXPECT_EQ(config.core.writer, "demo");
  ASSERT_EQ(config.lanes.size(), 2u);
  EXPECT_EQ(config.lanes[0].target, "local");
  EXPECT_EQ(config.lanes[0].target_path, "/work/var/local");
  EXPECT_EQ(config.lanes[1].target, "corebank");
  EXPECT_EQ(config.lanes[1].target_path, "/work/var/corebank");
  for (const LaneOptions& lane : config.lanes) {
    EXPECT_TRUE(lane.initialize_target);
    EXPECT_FALSE(lane.require_mount);
    EXPECT_EQ(lane.writer_root, "demo");
    EXPECT_EQ(lane.journal_directory, "/work/var/journal");
  }
}

TEST_F(ConfigTest, WithTargetsNothingIsInitializedAndMountsAreRequired) {
  const LoadedConfig loaded = LoadText(kTwo);
  ASSERT_THAT(loaded.errors, IsEmpty());
  EXPECT_FALSE(loaded.config.embedded);
  EXPECT_EQ(loaded.config.core.writer, "pod-0");
  EXPECT_EQ(loaded.config.core.journal.directory, "/var/lib/tandem/journal");
  EXPECT_THAT(loaded.config.core.journal.targets, ElementsAre("local", "corebank"));
  for (const LaneOptions& lane : loaded.config.lanes) {
    EXPECT_FALSE(lane.initialize_target);
    EXPECT_TRUE(lane.require_mount);
    EXPECT_EQ(lane.writer_root, "pod-0");
  }
}

TEST_F(ConfigTest, TheNamesUsersKnowReachTheOptions) {
  const LoadedConfig loaded = LoadText(std::string(kTwo) +
                                       "dual_write_timeout: 61s\nefs_sync_timeout: 31s\n"
                                       "max_retries: 7\nbatch_size: 2MiB\nbuffer_size: 77MiB\n"
                                       "log_level: warning\n");
  ASSERT_THAT(loaded.errors, IsEmpty());
  EXPECT_EQ(loaded.config.rpc.dual_write_timeout_ms, 61'000);
  EXPECT_EQ(loaded.config.lanes[1].stall_limit_ms, 31'000);
  EXPECT_EQ(loaded.config.lanes[1].max_retries, 7u);
  EXPECT_EQ(loaded.config.core.journal.group_bytes, 2u << 20);
  EXPECT_EQ(loaded.config.core.max_waiting_bytes, 77u << 20);
  EXPECT_EQ(loaded.config.log_level, LogLevel::kWarning);
}

TEST_F(ConfigTest, AWriterRootOfDotIsTheTargetItself) {
  const LoadedConfig loaded = LoadText(std::string(kTwo) + "writer_root: .\n");
  ASSERT_THAT(loaded.errors, IsEmpty());
  EXPECT_EQ(loaded.config.lanes[0].writer_root, "");
}

TEST_F(ConfigTest, TheEffectiveConfigurationIsPrinted) {
  const LoadedConfig loaded = LoadText(
      "targets:\n  - {name: local, path: /mnt/a}\n"
      "  - {name: corebank, path: '/mnt/b \"c\\d', target_id: x1}\nmax_retries: 0x\n");
  EXPECT_EQ(loaded.errors.size(), 1u);  // a wrong value is not printed as if it were right
  const LoadedConfig good = LoadText(
      "targets:\n  - {name: local, path: /mnt/a}\n"
      "  - {name: corebank, path: '/mnt/b \"c\\d', target_id: x1}\nwriter_name: pay-0\n");
  ASSERT_THAT(good.errors, IsEmpty());
  std::ifstream golden(TANDEM_SOURCE_DIR "/tests/unit/config/golden.yaml");
  std::stringstream text;
  text << golden.rdbuf();
  EXPECT_EQ(PrintConfig(good.config), text.str());
}

TEST_F(ConfigTest, WhatIsPrintedReadsBackToTheSame) {
  for (const LoadedConfig& loaded :
       {Load(), LoadText(std::string(kTwo) + "http_address: '[::]:0'\nsocket_mode: 0600\n")}) {
    ASSERT_THAT(loaded.errors, IsEmpty());
    const std::string printed = PrintConfig(loaded.config);
    const LoadedConfig again = LoadText(printed);
    ASSERT_THAT(again.errors, IsEmpty());
    EXPECT_EQ(PrintConfig(again.config), printed);
  }
}

TEST_F(ConfigTest, CheckConfigSaysOkOrEveryErrorAndExitsWith78) {
  const std::string good = File(kTwo);
  const std::string bad = File(std::string(kTwo) + "max_retries: x\nlog_level: loud\n");
  std::ostringstream out;
  std::ostringstream errors;
  EXPECT_EQ(AnswerCommandLine(Load({"--check-config", "--config", good}), out, errors), 0);
  EXPECT_EQ(out.str(), "OK\n");
  EXPECT_EQ(errors.str(), "");
  EXPECT_EQ(AnswerCommandLine(Load({"--check-config", "--config", bad}), out, errors), 78);
  EXPECT_THAT(errors.str(), HasSubstr(bad + ":3:14: max_retries"));
  EXPECT_THAT(errors.str(), HasSubstr(bad + ":4:12: log_level"));
}

TEST_F(ConfigTest, OnlyAGoodConfigurationLetsTheDaemonStart) {
  std::ostringstream out;
  std::ostringstream errors;
  EXPECT_EQ(AnswerCommandLine(Load(), out, errors), std::nullopt);
  EXPECT_EQ(AnswerCommandLine(Load({"--max-retries", "x"}), out, errors), kExitBadConfig);
  EXPECT_EQ(AnswerCommandLine(Load({"--version"}), out, errors), 0);
  EXPECT_THAT(out.str(), HasSubstr("tandemd 0."));
  EXPECT_EQ(AnswerCommandLine(Load({"--help"}), out, errors), 0);
  for (const Key& key : AllKeys()) EXPECT_THAT(out.str(), HasSubstr(FlagName(key)));
}

}  // namespace
}  // namespace tandem
