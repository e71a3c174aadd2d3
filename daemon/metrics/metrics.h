// Everything core exports at /metrics. prometheus-cpp stays behind this header.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "daemon/core/core.h"
#include "daemon/metrics/journal_metrics.h"
#include "daemon/metrics/rpc_metrics.h"

namespace tandem {

// What does not change while the process runs.
struct MetricsOptions {
  std::string version;   // of the build
  std::string revision;  // of the source, "" if unknown
  std::string compiler;
  int64_t start_time_ms = 0;   // wall time, since 1970
  std::string journal_engine;  // "io_uring" or "threads"
  uint64_t journal_max_bytes = 0;
};

// What a scrape reads from core.
struct MetricsView {
  CoreView core;
  JournalCounters journal;
  RecoveryReport recovery;
};

// Owner: core's thread; rpc() may be used from any thread.
class Metrics {
 public:
  explicit Metrics(const MetricsOptions& options);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  [[nodiscard]] RpcMetrics& rpc();
  [[nodiscard]] JournalMetrics& journal();

  // The text of everything in Prometheus' exposition format 0.0.4 (kMetricsContentType). Reads
  // /proc/self, no other file.
  [[nodiscard]] std::string Render(const MetricsView& view) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

inline constexpr char kMetricsContentType[] = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace tandem
