#include "daemon/lane/descriptor_budget.h"

#include <gtest/gtest.h>

namespace tandem {
namespace {

uint64_t MostOpen(const LaneOptions& options) {
  return options.max_open_files + options.max_open_directories + 2ull * options.max_parallel_paths;
}

// Found in the lab: with 64 descriptors the files kept open left none to open a file with.
TEST(DescriptorBudget, WhatALaneKeepsOpenStaysBelowTheLimit) {
  for (const uint64_t limit : {64u, 256u, 1'024u}) {
    LaneOptions options;
    FitToDescriptors(limit, options);
    EXPECT_LT(MostOpen(options) + 32, limit) << limit;
  }
}

TEST(DescriptorBudget, AHighLimitChangesNothingAndALowOneLeavesOneOfEach) {
  const LaneOptions configured;
  LaneOptions options;
  FitToDescriptors(1'000'000, options);
  EXPECT_EQ(options.max_open_files, configured.max_open_files);
  EXPECT_EQ(options.max_parallel_paths, configured.max_parallel_paths);
  FitToDescriptors(3, options);
  EXPECT_EQ(options.max_open_directories, 1u);
  EXPECT_EQ(options.max_parallel_paths, 1u);
}

}  // namespace
}  // namespace tandem
