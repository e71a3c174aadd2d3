#include "payments/transaction.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "tandem/client/request_id.h"

namespace payments {

std::string Transaction::LedgerLine() const {
  return absl::StrFormat("%d,%s,%d.%02d\n", number, request_id, cents / 100, cents % 100);
}

std::string Transaction::LedgerPath() const { return absl::StrCat("ledger/", day, ".csv"); }

std::string Transaction::ReceiptPath() const {
  return absl::StrCat("receipts/", day, "/", number, ".json");
}

std::string Transaction::Receipt() const {
  return absl::StrFormat("{\"number\":%d,\"request_id\":\"%s\",\"amount\":\"%d.%02d\"}\n", number,
                         request_id, cents / 100, cents % 100);
}

std::vector<tandem::client::Operation> Transaction::Operations() const {
  std::vector<tandem::client::Operation> operations;
  operations.push_back(tandem::client::Operation::Append(LedgerPath(), LedgerLine()));
  operations.push_back(tandem::client::Operation::Put(ReceiptPath(), Receipt()));
  return operations;
}

std::optional<Transaction> ParseTransaction(std::string_view text) {
  const std::vector<std::string> fields =
      absl::StrSplit(absl::string_view(text.data(), text.size()), ' ');
  Transaction transaction;
  if (fields.size() != 4 || !absl::SimpleAtoi(fields[0], &transaction.number) ||
      !tandem::client::IsRequestId(fields[1]) || !absl::SimpleAtoi(fields[3], &transaction.cents)) {
    return std::nullopt;
  }
  transaction.request_id = fields[1];
  transaction.day = fields[2];
  return transaction;
}

std::string ToText(const Transaction& transaction) {
  return absl::StrCat(transaction.number, " ", transaction.request_id, " ", transaction.day, " ",
                      transaction.cents);
}

}  // namespace payments
