// Checks what the application was told against what is in the targets' trees.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "payments/intent_log.h"

namespace payments {

// One finding, one line of the report.
struct Finding {
  // "lost_ledger_line", "doubled_ledger_line", "lost_receipt", "wrong_receipt", "torn_batch",
  // "foreign_ledger_line", "foreign_receipt".
  std::string kind;
  uint64_t number = 0;  // the payment; 0 if there is none
  std::string file;
};

struct Report {
  uint64_t intended = 0;
  uint64_t acknowledged = 0;
  // Not acknowledged, and yet there, which is allowed: the answer was lost.
  uint64_t unacknowledged_present = 0;
  std::vector<Finding> findings;

  // One JSON object, {"ok":...}.
  [[nodiscard]] std::string ToJson() const;
};

// In each root: every acknowledged payment exactly once in its ledger with its right receipt; every
// other intended payment at most once, its ledger line and its receipt both or neither; nothing
// else. Errors: a file that cannot be read.
[[nodiscard]] absl::StatusOr<Report> Verify(const IntentLog& log,
                                            const std::vector<std::string>& roots);

}  // namespace payments
