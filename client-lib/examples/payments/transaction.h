// A payment, and the files that stand for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tandem/client/types.h"

namespace payments {

struct Transaction {
  uint64_t number = 0;     // counts from 1
  std::string request_id;  // of its one write
  std::string day;         // "2024-05-01"
  uint64_t cents = 0;

  // "<number>,<request id>,<amount>\n": what is appended to the day's ledger.
  [[nodiscard]] std::string LedgerLine() const;
  [[nodiscard]] std::string LedgerPath() const;   // ledger/<day>.csv
  [[nodiscard]] std::string ReceiptPath() const;  // receipts/<day>/<number>.json
  [[nodiscard]] std::string Receipt() const;

  // The ledger line and the receipt: both or none.
  [[nodiscard]] std::vector<tandem::client::Operation> Operations() const;
};

// The inverse of what the intent log holds; nullopt for anything else.
[[nodiscard]] std::optional<Transaction> ParseTransaction(std::string_view text);
// "<number> <request id> <day> <cents>".
[[nodiscard]] std::string ToText(const Transaction& transaction);

}  // namespace payments
