#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

#include "daemon/metrics/families.h"

namespace tandem {
namespace {

double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  uint64_t total_pages = 0;
  uint64_t resident_pages = 0;
  statm >> total_pages >> resident_pages;
  return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double OpenDescriptors() {
  DIR* directory = opendir("/proc/self/fd");
  if (directory == nullptr) return 0;
  int count = -1;  // the listing's own
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++count;
  }
  closedir(directory);
  return count;
}

double CpuSeconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double MaxDescriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<double>(limit.rlim_cur);
}

}  // namespace

void AddProcessFamilies(const MetricsOptions& options, MetricFamilies* families) {
  FamilyWriter out(families);
  out.Gauge("tandem_build_info", "1; what this daemon was built from.",
            {{"version", options.version},
             {"revision", options.revision},
             {"compiler", options.compiler}},
            1);
  const double start_seconds = static_cast<double>(options.start_time_ms) / 1e3;
  out.Gauge("tandem_start_time_seconds", "When the daemon started, since 1970.", {}, start_seconds);
  out.Gauge("process_start_time_seconds", "When the process started, since 1970.", {},
            start_seconds);
  out.Gauge("process_resident_memory_bytes", "Resident memory of core.", {}, ResidentBytes());
  out.Gauge("process_open_fds", "Open file descriptors of core.", {}, OpenDescriptors());
  out.Gauge("process_max_fds", "Most file descriptors core may open.", {}, MaxDescriptors());
  out.Counter("process_cpu_seconds_total", "CPU time core has used, user and system.", {},
              CpuSeconds());
}

}  // namespace tandem
