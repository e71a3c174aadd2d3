#include "daemon/metrics/families.h"

#include <algorithm>

namespace tandem {

prometheus::ClientMetric& FamilyWriter::Add(const std::string& name, const std::string& help,
                                            prometheus::MetricType type,
                                            const MetricLabels& labels) {
  auto family = std::find_if(families_->begin(), families_->end(),
                             [&](const prometheus::MetricFamily& f) { return f.name == name; });
  if (family == families_->end()) {
    families_->push_back({.name = name, .help = help, .type = type, .metric = {}});
    family = std::prev(families_->end());
  }
  prometheus::ClientMetric& metric = family->metric.emplace_back();
  for (const auto& [key, value] : labels) metric.label.push_back({key, value});
  return metric;
}

void FamilyWriter::Gauge(const std::string& name, const std::string& help,
                         const MetricLabels& labels, double value) {
  Add(name, help, prometheus::MetricType::Gauge, labels).gauge.value = value;
}

void FamilyWriter::Counter(const std::string& name, const std::string& help,
                           const MetricLabels& labels, double value) {
  Add(name, help, prometheus::MetricType::Counter, labels).counter.value = value;
}

}  // namespace tandem
