// Posts payments through Tandem, each exactly once whatever is killed in between.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "payments/intent_log.h"
#include "tandem/client/client.h"

namespace payments {

struct PostOptions {
  uint64_t count = 100;  // payments in all, those of earlier runs included
  double rate = 0;       // new payments a second; 0: as fast as possible
  int threads = 4;
  // Finish what is begun, begin nothing new.
  bool resume_only = false;
};

// First sends again what an earlier run intended and did not see acknowledged, under the same
// request ids; then new payments until there are `count`. The first error that repeating cannot
// change ends it.
absl::Status Post(tandem::client::Client& client, IntentLog& log, const PostOptions& options);

// Asks the daemon where one payment is; e.g. "payment 7: CoreBank DURABLE".
absl::StatusOr<std::string> WhereIs(tandem::client::Client& client, const Transaction& transaction);

}  // namespace payments
