#include <array>

#include "daemon/link/apply_buckets.h"
#include "daemon/metrics/families.h"

namespace tandem {
namespace {

struct HealthLabel {
  internal::v1::LaneHealth health;
  const char* label;
};
constexpr std::array<HealthLabel, 6> kHealths = {{
    {internal::v1::LANE_HEALTH_STARTING, "starting"},
    {internal::v1::LANE_HEALTH_HEALTHY, "healthy"},
    {internal::v1::LANE_HEALTH_SLOW, "slow"},
    {internal::v1::LANE_HEALTH_STALLED, "stalled"},
    {internal::v1::LANE_HEALTH_DOWN, "down"},
    {internal::v1::LANE_HEALTH_CATCHING_UP, "catching_up"},
}};

// Lanes count per bucket, Prometheus cumulatively.
void AddApplyHistogram(const TargetView& target, FamilyWriter* out) {
  prometheus::ClientMetric& metric =
      out->Add("tandem_target_apply_seconds", "How long applying took, on the target itself.",
               prometheus::MetricType::Histogram, {{"target", target.name}});
  const auto& buckets = target.status.apply_buckets();
  uint64_t cumulative = 0;
  for (size_t i = 0; i < kApplyBucketCount; ++i) {
    if (i < static_cast<size_t>(buckets.size())) cumulative += buckets[static_cast<int>(i)];
    if (i == kApplyBucketsUs.size()) break;
    metric.histogram.bucket.push_back(
        {.cumulative_count = cumulative,
         .upper_bound = static_cast<double>(kApplyBucketsUs[i]) / 1e6});
  }
  metric.histogram.sample_count = cumulative;
  metric.histogram.sample_sum = target.status.apply_seconds_sum();
}

void AddCounters(const TargetView& target, FamilyWriter* out) {
  const MetricLabels labels = {{"target", target.name}};
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    out->Counter(name, help, labels, static_cast<double>(value));
  };
  counter("tandem_target_applied_writes_total", "Writes applied to the target.",
          target.status.applied_writes());
  counter("tandem_target_applied_bytes_total", "Bytes of data applied to the target.",
          target.status.applied_bytes());
  counter("tandem_target_merged_writes_total", "Writes that needed no operation of their own.",
          target.status.merged_writes());
  counter("tandem_target_failed_attempts_total", "Attempts to apply that failed.",
          target.status.failed_attempts());
  counter("tandem_target_retries_total", "Attempts to apply that repeat a failed one.",
          target.status.retries());
  counter("tandem_target_copied_paths_total", "Missed paths that were copied from another target.",
          target.missed.copied_paths);
  counter("tandem_target_copied_bytes_total", "Bytes written for them.",
          target.missed.copied_bytes);
}

void AddGauges(const TargetView& target, FamilyWriter* out) {
  const MetricLabels labels = {{"target", target.name}};
  const auto gauge = [&](const char* name, const char* help, double value) {
    out->Gauge(name, help, labels, value);
  };
  gauge("tandem_target_lag_writes", "Writes that are not yet durable on the target.",
        static_cast<double>(target.lag_writes));
  gauge("tandem_target_lag_bytes", "Bytes of data that are not yet durable on the target.",
        static_cast<double>(target.lag_bytes));
  gauge("tandem_target_lag_seconds",
        "Age of the oldest write that is not yet durable on the target; 0 if there is none.",
        static_cast<double>(target.lag_ms) / 1e3);
  gauge("tandem_target_applied_rate", "Writes per second applied over the last seconds.",
        target.applied_per_s);
  gauge("tandem_target_catch_up_seconds",
        "Until the lag is gone at this rate; -1 while it does not shrink.",
        target.catch_up_left_ms < 0 ? -1 : static_cast<double>(target.catch_up_left_ms) / 1e3);
  gauge("tandem_target_checkpoint_sequence",
        "Everything up to this sequence is applied or parked, and known so after a restart.",
        static_cast<double>(target.checkpoint));
  gauge("tandem_target_applied_sequence", "Everything up to this sequence is applied or parked.",
        static_cast<double>(target.applied));
  gauge("tandem_target_parked_writes", "Writes that wait because their path is quarantined.",
        static_cast<double>(target.parked_count));
  gauge("tandem_target_diverged_paths",
        "Paths that lack a write an operator has skipped, and nothing newer made equal since.",
        static_cast<double>(target.diverged_paths));
  gauge("tandem_target_detached", "1 while the journal does not wait for the target.",
        target.missed.detached ? 1 : 0);
  gauge("tandem_target_inconsistent",
        "1 from when the target is detached until it has everything again.",
        target.missed.incomplete ? 1 : 0);
  gauge("tandem_target_missed_paths", "Paths that it misses.",
        static_cast<double>(target.missed.missed_paths));
  gauge("tandem_target_in_flight_operations", "Operations under way on the target.",
        static_cast<double>(target.status.in_flight()));
  gauge("tandem_target_oldest_in_flight_seconds", "For how long the oldest of them has been.",
        static_cast<double>(target.status.oldest_in_flight_us()) / 1e6);
  for (const auto& [health, label] : kHealths) {
    out->Gauge("tandem_target_health", "1 for the state the target is in, 0 for the others.",
               {{"target", target.name}, {"state", label}},
               target.status.health() == health ? 1 : 0);
  }
}

}  // namespace

void AddTargetFamilies(const MetricsOptions& options, const CoreView& view,
                       MetricFamilies* families) {
  FamilyWriter out(families);
  for (const TargetView& target : view.targets) {
    AddCounters(target, &out);
    AddGauges(target, &out);
    AddApplyHistogram(target, &out);
  }
  const auto engine = [&](const std::string& role, const std::string& name) {
    if (name.empty()) return;  // a lane that has not said yet
    out.Gauge("tandem_io_engine_info", "1; the engine that does a role's file I/O.",
              {{"role", role}, {"engine", name}}, 1);
  };
  engine("journal", options.journal_engine);
  for (const TargetView& target : view.targets) engine(target.name, target.io_engine);
}

}  // namespace tandem
