// Who may include whom. A new edge upwards is a design decision: it is made here, not in passing.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/style/source_tree.h"

namespace tandem {
namespace {

// A module may include those with a smaller number, and itself.
const std::map<std::string, int>& Ranks() {
  static const std::map<std::string, int> ranks = {
      {"base", 0},    {"model", 1},      {"io", 2},     {"journal", 3}, {"link", 4},
      {"core", 5},    {"lane", 5},       {"config", 6}, {"metrics", 7}, {"rpc", 8},
      {"control", 8}, {"supervisor", 9}, {"main", 10}};
  return ranks;
}

std::string ModuleOf(const std::string& include) {
  return SourceFile{.path = include, .lines = {}}.Module();
}

TEST(Layers, IncludesGoDownwardsOnly) {
  for (const SourceFile& file : SourceTree()) {
    const std::string module = file.Module();
    if (module.empty() || module == "ctl") continue;
    ASSERT_TRUE(Ranks().contains(module)) << file.path << ": say where this module stands";
    for (const auto& [include, line] : file.Includes()) {
      const std::string other = ModuleOf(include);
      if (other.empty() || other == module) continue;
      EXPECT_TRUE(Ranks().contains(other) && Ranks().at(other) < Ranks().at(module))
          << file.path << ":" << line << " includes " << include;
    }
  }
}

TEST(Layers, TheClientLibraryAndTandemctlStandWithoutTheDaemon) {
  for (const SourceFile& file : SourceTree()) {
    const bool client = file.IsIn("client-lib");
    if (!client && file.Module() != "ctl") continue;
    // What works on a target's directory writes what a lane reads and back: one code for both.
    static const std::set<std::string> local = {
        "daemon/ctl/local_files.cc", "daemon/ctl/local_files.h", "daemon/ctl/target_directory.cc",
        "daemon/ctl/watermark.cc"};
    if (local.contains(file.path)) continue;
    for (const auto& [include, line] : file.Includes()) {
      const bool own = !client && include.starts_with("daemon/ctl/");
      EXPECT_TRUE(own || !include.starts_with("daemon/"))
          << file.path << ":" << line << " includes " << include;
    }
  }
}

TEST(Layers, NothingOutsideTheTestsIncludesATest) {
  for (const SourceFile& file : SourceTree()) {
    if (file.IsIn("tests")) continue;
    for (const auto& [include, line] : file.Includes()) {
      EXPECT_FALSE(include.starts_with("tests/") || include.starts_with("gtest/") ||
                   include.starts_with("gmock/"))
          << file.path << ":" << line << " includes " << include;
    }
  }
}

struct Fence {
  std::string prefix;               // of an include
  std::vector<std::string> inside;  // folders or files that may have it
};

const std::vector<Fence>& Fences() {
  static const std::vector<Fence> fences = {
      {"liburing", {"daemon/io/", "tests/unit/io/"}},
      {"grpcpp/",
       {"daemon/rpc/", "client-lib/", "bench/", "tests/unit/rpc/", "tests/unit/client/",
        "tests/tsan/"}},
      {"grpc/", {"daemon/rpc/", "client-lib/", "bench/", "tests/tsan/"}},
      {"prometheus/", {"daemon/metrics/"}},
      {"spdlog/", {"daemon/base/log.cc"}},
      {"yaml-cpp/", {"daemon/config/", "tests/unit/k8s/"}},
      {"CLI/",
       {"daemon/config/command_line.cc", "daemon/ctl/", "client-lib/examples/", "bench/",
        "tests/sim/"}},
      {"isa-l", {"daemon/base/crc32c.cc"}},
      {"xxhash", {"daemon/base/digest.cc"}},
  };
  return fences;
}

TEST(Layers, LibrariesStayBehindTheirFences) {
  for (const SourceFile& file : SourceTree()) {
    for (const auto& [include, line] : file.Includes()) {
      for (const Fence& fence : Fences()) {
        if (!include.starts_with(fence.prefix)) continue;
        EXPECT_TRUE(std::any_of(fence.inside.begin(), fence.inside.end(),
                                [&](const auto& place) { return file.path.starts_with(place); }))
            << file.path << ":" << line << " includes " << include;
      }
    }
  }
}

TEST(Layers, OneFileOfTheDaemonIncludesLiburing) {
  std::set<std::string> files;
  for (const SourceFile& file : SourceTree()) {
    for (const auto& [include, line] : file.Includes()) {
      if (include.starts_with("liburing") && file.IsIn("daemon")) files.insert(file.path);
    }
  }
  EXPECT_EQ(files.size(), 1u) << testing::PrintToString(files);
}

}  // namespace
}  // namespace tandem
