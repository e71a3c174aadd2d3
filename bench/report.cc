#include "bench/report.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace tandem::bench {
namespace {

template <typename Value>
std::string JsonObject(const std::map<std::string, Value>& values) {
  return absl::StrCat("{",
                      absl::StrJoin(values, ", ",
                                    [](std::string* out, const auto& entry) {
                                      absl::StrAppend(out, "\"", entry.first, "\": ", entry.second);
                                    }),
                      "}");
}

std::string JsonSide(const Side& side) {
  return absl::StrFormat(R"({"ops_per_s": %.1f, "p50_us": %.0f, "p99_us": %.0f})", side.ops_per_s,
                         side.p50_us, side.p99_us);
}

std::string JsonComparison(const Comparison& one) {
  return absl::StrFormat(
      R"(    {"name": "%s", "ratio": %.3f, "aim": %.2f, "tandem": %s, "other": %s,
     "writes_per_group": %.2f, "groups_per_s": %.1f, "switches_per_write": %.2f,
     "cpu_us_per_write": %s})",
      one.name, one.ratio, one.aim, JsonSide(one.tandem), JsonSide(one.other), one.writes_per_group,
      one.groups_per_s, one.switches_per_write, JsonObject(one.cpu_us_per_write));
}

uint64_t Sum(const std::map<std::string, uint64_t>& values) {
  uint64_t sum = 0;
  for (const auto& [role, value] : values) sum += value;
  return sum;
}

std::string MemoryLine(const std::map<std::string, uint64_t>& rss_kib) {
  return absl::StrJoin(rss_kib, ", ", [](std::string* out, const auto& entry) {
    absl::StrAppendFormat(out, "%s %.1f", entry.first, static_cast<double>(entry.second) / 1024);
  });
}

}  // namespace

double Median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

void PrintTable(const Report& report) {
  absl::PrintF("\n%d cores, load before %.1f; medians of %d pairs, %.1f s each, 4 KiB writes\n\n",
               report.cores, report.load_before, report.repetitions, report.seconds);
  absl::PrintF("%-26s %10s %10s %6s %5s   %8s %8s   %7s %8s\n", "", "tandem/s", "other/s", "ratio",
               "aim", "p50 us", "p99 us", "w/group", "groups/s");
  for (const Comparison& one : report.comparisons) {
    absl::PrintF("%-26s %10.0f %10.0f %6.2f %5s   %8.0f %8.0f   %7.1f %8.0f\n", one.name,
                 one.tandem.ops_per_s, one.other.ops_per_s, one.ratio,
                 one.aim > 0 ? absl::StrFormat("%.1f", one.aim) : "", one.tandem.p50_us,
                 one.tandem.p99_us, one.writes_per_group, one.groups_per_s);
  }
  absl::PrintF("\nCPU of tandemd's processes and of the client, us per write; context switches\n");
  for (const Comparison& one : report.comparisons) {
    absl::PrintF("%-26s", one.name);
    for (const auto& [role, cpu_us] : one.cpu_us_per_write) absl::PrintF(" %s %.1f ", role, cpu_us);
    absl::PrintF(" switches %.1f\n", one.switches_per_write);
  }
  const Memory& memory = report.memory;
  absl::PrintF("\nmemory, MiB: idle  RSS %.1f, PSS %.1f (%s)\n",
               static_cast<double>(Sum(memory.idle_rss_kib)) / 1024,
               static_cast<double>(memory.idle_pss_kib) / 1024, MemoryLine(memory.idle_rss_kib));
  absl::PrintF("             load  RSS %.1f, PSS %.1f (%s)\n",
               static_cast<double>(Sum(memory.load_rss_kib)) / 1024,
               static_cast<double>(memory.load_pss_kib) / 1024, MemoryLine(memory.load_rss_kib));
  if (report.start.behind_mib == 0) return;
  absl::PrintF(
      "start with %.0f MiB to follow: a write to a known path after %.3f s, to a new one after "
      "%.3f s (opening the journal %.3f s), caught up after %.1f s\n",
      report.start.behind_mib, report.start.known_path_s, report.start.new_path_s,
      report.start.recovery_s, report.start.caught_up_s);
}

std::string ToJson(const Report& report) {
  const Memory& memory = report.memory;
  return absl::StrFormat(
      R"({
  "cores": %d, "load_before": %.2f, "repetitions": %d, "seconds": %.2f,
  "comparisons": [
%s
  ],
  "memory": {"idle_rss_kib": %s, "load_rss_kib": %s, "idle_pss_kib": %d, "load_pss_kib": %d},
  "start": {"behind_mib": %.1f, "known_path_s": %.4f, "new_path_s": %.4f, "recovery_s": %.4f,
            "caught_up_s": %.2f}
}
)",
      report.cores, report.load_before, report.repetitions, report.seconds,
      absl::StrJoin(report.comparisons, ",\n",
                    [](std::string* out, const Comparison& one) {
                      absl::StrAppend(out, JsonComparison(one));
                    }),
      JsonObject(memory.idle_rss_kib), JsonObject(memory.load_rss_kib), memory.idle_pss_kib,
      memory.load_pss_kib, report.start.behind_mib, report.start.known_path_s,
      report.start.new_path_s, report.start.recovery_s, report.start.caught_up_s);
}

}  // namespace tandem::bench
