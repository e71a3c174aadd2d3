// Everything a module of the logic may touch of the world.
#pragma once

#include "daemon/base/async.h"
#include "daemon/base/log.h"
#include "daemon/io/clock.h"
#include "daemon/io/files.h"

namespace tandem {

// All of one thread; outlives whatever holds it.
struct Env {
  Executor executor;
  Files& files;
  Clock& clock;
  Random& random;
  Logger& log;
};

}  // namespace tandem
