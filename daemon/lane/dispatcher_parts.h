#pragma once

#include "daemon/io/env.h"
#include "daemon/journal/reader.h"
#include "daemon/lane/checkpointer.h"
#include "daemon/lane/core_reporter.h"
#include "daemon/lane/lane_counters.h"
#include "daemon/lane/options.h"
#include "daemon/lane/parked_store.h"
#include "daemon/lane/target_keeper.h"

namespace tandem {

// What a dispatcher and its quarantine work with; all outlive them.
struct DispatcherParts {
  Env& env;
  const LaneOptions& options;
  JournalReader& reader;
  Checkpointer& checkpointer;
  ParkedStore& parked;
  TargetKeeper& keeper;
  CoreReporter& reporter;
  LaneCounters& counters;
};

}  // namespace tandem
