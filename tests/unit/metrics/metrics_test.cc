#include "daemon/metrics/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <thread>

#include "daemon/link/apply_buckets.h"

namespace tandem {
namespace {

using testing::HasSubstr;
using testing::Not;

MetricsOptions Options() {
  return {.version = "1.2.3",
          .revision = "abc",
          .compiler = "gcc",
          .start_time_ms = 1'700'000'000'500,
          .journal_engine = "io_uring",
          .journal_max_bytes = 4'096};
}

MetricsView ViewOfTwoTargets() {
  MetricsView view;
  view.core.journal_state = JournalState::kFull;
  view.core.journal_bytes = 1'000;
  view.core.appended = 30;
  view.core.durable = 29;
  view.core.retired = 3;
  view.core.epoch = 7;
  view.journal = {
      .groups = 5, .records = 50, .bytes = 500, .sync_failures = 2, .segments_retired = 1};
  view.recovery.duration_us = 1'500;
  TargetView target;
  target.name = "local";
  target.io_engine = "threads";
  target.checkpoint = 20;
  target.applied = 25;
  target.lag_writes = 5;
  target.lag_bytes = 640;
  target.lag_ms = 2'500;
  target.parked_count = 1;
  target.missed = {.detached = true,
                   .incomplete = true,
                   .missed_paths = 17,
                   .copied_paths = 9,
                   .copied_bytes = 4'096};
  target.status.set_health(internal::v1::LANE_HEALTH_CATCHING_UP);
  target.status.set_applied_writes(100);
  target.status.set_failed_attempts(4);
  target.status.set_retries(3);
  target.status.set_apply_seconds_sum(1.5);
  for (size_t i = 0; i < kApplyBucketCount; ++i) target.status.add_apply_buckets(i + 1);
  view.core.targets.push_back(target);
  target.name = "corebank";
  target.io_engine = "";  // has not connected yet
  target.status.Clear();
  target.status.set_health(internal::v1::LANE_HEALTH_DOWN);
  view.core.targets.push_back(target);
  return view;
}

TEST(MetricsTest, ShowsTheJournal) {
  const Metrics metrics(Options());
  const std::string text = metrics.Render(ViewOfTwoTargets());
  for (const char* line :
       {"tandem_journal_bytes 1000\n", "tandem_journal_max_bytes 4096\n",
        "tandem_journal_appended_sequence 30\n", "tandem_journal_durable_sequence 29\n",
        "tandem_journal_retired_sequence 3\n", "tandem_journal_epoch 7\n",
        "tandem_journal_state{state=\"full\"} 1\n", "tandem_journal_state{state=\"serving\"} 0\n",
        "tandem_journal_groups_total 5\n", "tandem_journal_records_total 50\n",
        "tandem_journal_written_bytes_total 500\n", "tandem_journal_sync_failures_total 2\n",
        "tandem_journal_segments_retired_total 1\n",
        "tandem_journal_recovery_duration_seconds 0.0015\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, ShowsEveryTarget) {
  const Metrics metrics(Options());
  const std::string text = metrics.Render(ViewOfTwoTargets());
  for (const char* line : {"tandem_target_applied_writes_total{target=\"local\"} 100\n",
                           "tandem_target_failed_attempts_total{target=\"local\"} 4\n",
                           "tandem_target_retries_total{target=\"local\"} 3\n",
                           "tandem_target_lag_writes{target=\"local\"} 5\n",
                           "tandem_target_lag_bytes{target=\"local\"} 640\n",
                           "tandem_target_lag_seconds{target=\"local\"} 2.5\n",
                           "tandem_target_checkpoint_sequence{target=\"local\"} 20\n",
                           "tandem_target_applied_sequence{target=\"local\"} 25\n",
                           "tandem_target_parked_writes{target=\"local\"} 1\n",
                           "tandem_target_detached{target=\"local\"} 1\n",
                           "tandem_target_inconsistent{target=\"local\"} 1\n",
                           "tandem_target_missed_paths{target=\"local\"} 17\n",
                           "tandem_target_copied_paths_total{target=\"local\"} 9\n",
                           "tandem_target_copied_bytes_total{target=\"local\"} 4096\n",
                           "tandem_target_lag_seconds{target=\"corebank\"} 2.5\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, ATargetsHealthIsOneOfItsStates) {
  const Metrics metrics(Options());
  const std::string text = metrics.Render(ViewOfTwoTargets());
  for (const char* line : {"tandem_target_health{target=\"local\",state=\"catching_up\"} 1\n",
                           "tandem_target_health{target=\"local\",state=\"healthy\"} 0\n",
                           "tandem_target_health{target=\"local\",state=\"slow\"} 0\n",
                           "tandem_target_health{target=\"local\",state=\"stalled\"} 0\n",
                           "tandem_target_health{target=\"local\",state=\"down\"} 0\n",
                           "tandem_target_health{target=\"local\",state=\"starting\"} 0\n",
                           "tandem_target_health{target=\"corebank\",state=\"down\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, ALanesBucketsBecomeACumulativeHistogram) {
  const Metrics metrics(Options());
  const std::string text = metrics.Render(ViewOfTwoTargets());
  for (const char* line : {"tandem_target_apply_seconds_bucket{target=\"local\",le=\"0.0005\"} 1\n",
                           "tandem_target_apply_seconds_bucket{target=\"local\",le=\"0.001\"} 3\n",
                           "tandem_target_apply_seconds_bucket{target=\"local\",le=\"30\"} 120\n",
                           "tandem_target_apply_seconds_bucket{target=\"local\",le=\"+Inf\"} 136\n",
                           "tandem_target_apply_seconds_count{target=\"local\"} 136\n",
                           "tandem_target_apply_seconds_sum{target=\"local\"} 1.5\n",
                           "tandem_target_apply_seconds_count{target=\"corebank\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, ALanesBucketBoundsAreInclusive) {
  EXPECT_EQ(ApplyBucketOf(0), 0u);
  EXPECT_EQ(ApplyBucketOf(500), 0u);
  EXPECT_EQ(ApplyBucketOf(501), 1u);
  EXPECT_EQ(ApplyBucketOf(30'000'000), kApplyBucketCount - 2);
  EXPECT_EQ(ApplyBucketOf(30'000'001), kApplyBucketCount - 1);
}

TEST(MetricsTest, ShowsBuildEnginesAndProcess) {
  const Metrics metrics(Options());
  const std::string text = metrics.Render(ViewOfTwoTargets());
  EXPECT_THAT(
      text,
      HasSubstr("tandem_build_info{version=\"1.2.3\",revision=\"abc\",compiler=\"gcc\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tandem_io_engine_info{role=\"journal\",engine=\"io_uring\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("tandem_io_engine_info{role=\"local\",engine=\"threads\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("tandem_io_engine_info{role=\"corebank\"")));
  EXPECT_THAT(text, HasSubstr("tandem_start_time_seconds 1700000000.5"));
  EXPECT_THAT(text, HasSubstr("\nprocess_resident_memory_bytes "));
  EXPECT_THAT(text, Not(HasSubstr("\nprocess_resident_memory_bytes 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("\nprocess_open_fds 0\n")));
  EXPECT_THAT(text, HasSubstr("\nprocess_cpu_seconds_total "));
}

TEST(MetricsTest, CountsCallsByMethodAndCodeFromManyThreads) {
  constexpr int kCalls = 1'000;
  Metrics metrics(Options());
  const auto calls = [&metrics] {
    for (int i = 0; i < kCalls; ++i) {
      metrics.rpc().OnStarted(RpcMethod::kWrite);
      metrics.rpc().OnHandled(RpcMethod::kWrite, i % 2 == 0 ? 0 : 8, 1'000'000);
    }
  };
  std::thread other(calls);
  calls();
  other.join();
  metrics.rpc().OnHandled(RpcMethod::kUpload, 99, 1);  // no code has this number
  const std::string text = metrics.Render({});
  const std::string write =
      "grpc_method=\"Write\",grpc_service=\"tandem.v1.TandemService\",grpc_type=\"unary\"";
  EXPECT_THAT(text, HasSubstr("grpc_server_started_total{" + write + "} 2000\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"OK\"," + write + "} 1000\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"ResourceExhausted\"," + write +
                              "} 1000\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handling_seconds_count{" + write + "} 2000\n"));
  EXPECT_THAT(
      text,
      HasSubstr("grpc_server_handled_total{grpc_code=\"Unknown\",grpc_method=\"Upload\""
                ",grpc_service=\"tandem.v1.TandemService\",grpc_type=\"client_stream\"} 1\n"));
}

TEST(MetricsTest, CountsGroups) {
  Metrics metrics(Options());
  metrics.journal().OnGroup(3, 5'000, 200'000);
  const std::string text = metrics.Render({});
  for (const char* line :
       {"tandem_journal_group_records_bucket{le=\"2\"} 0\n",
        "tandem_journal_group_records_bucket{le=\"4\"} 1\n",
        "tandem_journal_group_bytes_sum 5000\n", "tandem_journal_sync_seconds_sum 0.0002\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, PromtoolFindsNothingToComplainAbout) {
  Metrics metrics(Options());
  metrics.journal().OnGroup(3, 5'000, 200'000);
  const std::string text = metrics.Render(ViewOfTwoTargets());
  FILE* promtool = popen("promtool check metrics 2>&1", "w");
  ASSERT_NE(promtool, nullptr);
  EXPECT_EQ(std::fwrite(text.data(), 1, text.size(), promtool), text.size());
  EXPECT_EQ(pclose(promtool), 0) << "see its output above; package prometheus";
}

}  // namespace
}  // namespace tandem
