// What a running daemon takes over from a configuration that was read again, and how it hands its
// own down.
#include "daemon/config/keys.h"
#include "daemon/config/value.h"
#include "tests/unit/config/load.h"

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReloadTest : public ConfigTest {
 protected:
  Config Running(const std::string& text) {
    LoadedConfig loaded = LoadText(text);
    EXPECT_THAT(loaded.errors, IsEmpty());
    return loaded.config;
  }
  Reload Read(const Config& running, const std::string& text) {
    return PlanReload(running, LoadText(text), sources_.places);
  }
};

TEST_F(ReloadTest, KeysThatMayChangeDoAndTheOthersAreNamed) {
  const Config running = Running(kTwo);
  const Reload reload =
      Read(running, absl::StrCat(kTwo,
                                 "log_level: error\ndrain_deadline: 3s\ndefault_level: ALL\n"
                                 "dual_write_timeout: 7s\nmax_retries: 9\n"));
  EXPECT_THAT(reload.errors, IsEmpty());
  EXPECT_THAT(reload.changed, testing::UnorderedElementsAre("log_level", "drain_deadline",
                                                            "default_level", "dual_write_timeout"));
  EXPECT_THAT(reload.need_restart, ElementsAre("max_retries"));
  EXPECT_EQ(reload.config.log_level, LogLevel::kError);
  EXPECT_EQ(reload.config.drain_deadline_ms, 3'000);
  EXPECT_EQ(reload.config.rpc.default_level, Level::kAll);
  EXPECT_EQ(reload.config.rpc.dual_write_timeout_ms, 7'000);
  EXPECT_EQ(reload.config.lanes[0].max_retries, running.lanes[0].max_retries);
}

TEST_F(ReloadTest, TheSameAgainChangesNothing) {
  const Config running = Running(kTwo);
  const Reload reload = Read(running, kTwo);
  EXPECT_THAT(reload.changed, IsEmpty());
  EXPECT_THAT(reload.need_restart, IsEmpty());
  EXPECT_EQ(PrintConfig(reload.config), PrintConfig(running));
}

TEST_F(ReloadTest, OtherTargetsNeedARestart) {
  const Reload reload = Read(Running(kTwo), "local_efs_path: /mnt/z\n");
  EXPECT_THAT(reload.need_restart, ElementsAre("targets"));
  EXPECT_EQ(reload.config.lanes.size(), 2u);
}

TEST_F(ReloadTest, WithAnErrorNothingChanges) {
  const Config running = Running(kTwo);
  const Reload reload = Read(running, absl::StrCat(kTwo, "log_level: error\nmax_retries: many\n"));
  EXPECT_THAT(reload.errors, ElementsAre(HasSubstr(":4:14: max_retries: 'many'")));
  EXPECT_EQ(PrintConfig(reload.config), PrintConfig(running));
  EXPECT_EQ(reload.config.log_level, LogLevel::kInfo);
}

TEST_F(ReloadTest, WhatContradictsAKeyThatStaysIsRefusedAtItsPlace) {
  const std::string others = "targets:\n  - {name: a, path: /mnt/a}\n  - {name: b, path: /mnt/b}\n";
  const Config running = Running(others + "default_level: ALL\n");
  // Valid by itself, but the target 'local' comes with a restart only.
  const Reload reload = Read(running, absl::StrCat(kTwo, "default_level: LOCAL\n"));
  EXPECT_THAT(reload.errors, ElementsAre(HasSubstr(":3:16: default_level: LOCAL needs a target")));
  EXPECT_EQ(reload.config.rpc.default_level, Level::kAll);
}

TEST_F(ReloadTest, TheEffectiveConfigurationIsHandedDownWhole) {
  const Config running = Running(absl::StrCat(
      kTwo, "writer_root: .\nmax_retries: 9\nlog_level: error\nsocket_group: \"a\\\\b\"\n"));
  const LoadedConfig loaded = LoadEffective(PrintConfig(running));
  EXPECT_THAT(loaded.errors, IsEmpty());
  EXPECT_EQ(PrintConfig(loaded.config), PrintConfig(running));
  ASSERT_EQ(loaded.config.lanes.size(), 2u);
  EXPECT_EQ(loaded.config.lanes[1].target_path, "/mnt/b");
  EXPECT_EQ(loaded.config.lanes[1].writer, "pod-0");
  EXPECT_EQ(loaded.config.lanes[1].max_retries, 9u);
  EXPECT_EQ(loaded.config.log_level, LogLevel::kError);
}

TEST_F(ReloadTest, WhatWasHandedDownDamagedIsRefused) {
  EXPECT_THAT(LoadEffective("log_level: [").errors, testing::Not(IsEmpty()));
  EXPECT_THAT(LoadEffective("").errors, testing::Not(IsEmpty()));
}

}  // namespace
}  // namespace tandem
