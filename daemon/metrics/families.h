// Internal to daemon/metrics: families made at scrape time from plain values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "daemon/metrics/metrics.h"
#include "prometheus/metric_family.h"

namespace tandem {

using MetricFamilies = std::vector<prometheus::MetricFamily>;
using MetricLabels = std::vector<std::pair<std::string, std::string>>;

// Collects samples into families; samples of one name are added one after the other.
class FamilyWriter {
 public:
  explicit FamilyWriter(MetricFamilies* families) : families_(families) {}

  void Gauge(const std::string& name, const std::string& help, const MetricLabels& labels,
             double value);
  void Counter(const std::string& name, const std::string& help, const MetricLabels& labels,
               double value);
  // A sample to be filled in by the caller.
  prometheus::ClientMetric& Add(const std::string& name, const std::string& help,
                                prometheus::MetricType type, const MetricLabels& labels);

 private:
  MetricFamilies* families_;
};

void AddJournalFamilies(const MetricsOptions& options, const MetricsView& view,
                        MetricFamilies* families);
void AddTargetFamilies(const MetricsOptions& options, const CoreView& view,
                       MetricFamilies* families);
void AddProcessFamilies(const MetricsOptions& options, MetricFamilies* families);

}  // namespace tandem
