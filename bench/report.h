// What was measured: as a table for people, as JSON for machines.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tandem::bench {

// One side of a comparison: medians over its repetitions.
struct Side {
  double ops_per_s = 0;
  double p50_us = 0;
  double p99_us = 0;
};

struct Comparison {
  std::string name;
  Side tandem;
  Side other;
  double ratio = 0;  // median of the pairs' ratios, tandem to other
  double aim = 0;    // 0: none
  // Where tandemd's time goes, of all its repetitions together.
  double writes_per_group = 0;
  double groups_per_s = 0;
  std::map<std::string, double> cpu_us_per_write;  // by process; "bench" is the client
  double switches_per_write = 0;                   // context switches of all its processes
};

struct Memory {
  std::map<std::string, uint64_t> idle_rss_kib;  // by process
  std::map<std::string, uint64_t> load_rss_kib;  // the most that was seen
  uint64_t idle_pss_kib = 0;                     // all together
  uint64_t load_pss_kib = 0;                     // all together, right after a load
};

struct StartTime {
  double behind_mib = 0;    // data that CoreBank had still to get
  double known_path_s = 0;  // from exec to the answer of a write to a path of the backlog
  double new_path_s = 0;    // and to one that a lane has to look at
  double recovery_s = 0;    // of it, opening the journal
  double caught_up_s = 0;   // from exec until every target has everything
};

struct Report {
  std::vector<Comparison> comparisons;
  Memory memory;
  StartTime start;
  int repetitions = 0;
  double seconds = 0;
  int cores = 0;
  double load_before = 0;  // the machine's load average over a minute, before
};

[[nodiscard]] double Median(std::vector<double> values);
void PrintTable(const Report& report);
[[nodiscard]] std::string ToJson(const Report& report);

}  // namespace tandem::bench
