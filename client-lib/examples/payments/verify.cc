#include "payments/verify.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <system_error>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace payments {
namespace {

namespace fs = std::filesystem;

// One target's tree: what is in it, by path relative to the root.
struct Tree {
  std::map<std::string, uint64_t> ledger_lines;  // "<ledger path>\n<line>" -> how often
  std::map<std::string, std::string> receipts;   // path -> content
};

absl::StatusOr<std::string> ReadFile(const fs::path& path) {
  std::ifstream input(path, std::ios::binary);
  std::ostringstream content;
  if (input.peek() != std::ifstream::traits_type::eof()) content << input.rdbuf();
  if (!input.is_open() || input.bad()) {
    return absl::DataLossError(absl::StrCat("cannot read ", path.string()));
  }
  return content.str();
}

absl::Status Walk(const fs::path& root, const std::string& folder,
                  const std::function<void(std::string, std::string)>& visit) {
  std::error_code error;
  if (!fs::exists(root / folder, error) && !error) return absl::OkStatus();
  fs::recursive_directory_iterator it(root / folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    // What a crash left of a file in the making is no part of the tree.
    if (it->path().filename().string().starts_with(".tandem")) continue;
    absl::StatusOr<std::string> content = ReadFile(it->path());
    if (!content.ok()) return content.status();
    visit(it->path().lexically_relative(root).string(), *std::move(content));
  }
  if (error) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("walk ", (root / folder).string()));
  }
  return absl::OkStatus();
}

absl::StatusOr<Tree> ReadTree(const std::string& root) {
  std::error_code error;
  if (!fs::is_directory(root, error)) {
    return absl::NotFoundError(absl::StrCat(root, " is no directory"));
  }
  Tree tree;
  const auto take_ledger = [&tree](const std::string& path, const std::string& content) {
    for (size_t at = 0; at < content.size();) {
      const size_t end = content.find('\n', at);
      // A last line without its end keeps what it lacks: it matches no payment.
      const size_t next = end == std::string::npos ? content.size() : end + 1;
      ++tree.ledger_lines[absl::StrCat(path, "\n", content.substr(at, next - at))];
      at = next;
    }
  };
  const auto take_receipt = [&tree](const std::string& path, const std::string& content) {
    tree.receipts[path] = content;
  };
  if (absl::Status status = Walk(root, "ledger", take_ledger); !status.ok()) return status;
  if (absl::Status status = Walk(root, "receipts", take_receipt); !status.ok()) return status;
  return tree;
}

// Takes what belongs to `transaction` out of the tree and judges it.
void CheckOne(const Transaction& transaction, bool acknowledged, const std::string& root,
              Tree* tree, Report* report) {
  const auto found = [&](const char* kind, const std::string& path) {
    report->findings.push_back({kind, transaction.number, absl::StrCat(root, "/", path)});
  };
  const auto line = tree->ledger_lines.find(
      absl::StrCat(transaction.LedgerPath(), "\n", transaction.LedgerLine()));
  const uint64_t lines = line == tree->ledger_lines.end() ? 0 : line->second;
  if (lines > 0) tree->ledger_lines.erase(line);
  const auto receipt = tree->receipts.find(transaction.ReceiptPath());
  const bool has_receipt = receipt != tree->receipts.end();
  if (has_receipt && receipt->second != transaction.Receipt()) {
    found("wrong_receipt", transaction.ReceiptPath());
  }
  if (has_receipt) tree->receipts.erase(receipt);

  if (lines > 1) found("doubled_ledger_line", transaction.LedgerPath());
  if (acknowledged) {
    if (lines == 0) found("lost_ledger_line", transaction.LedgerPath());
    if (!has_receipt) found("lost_receipt", transaction.ReceiptPath());
    return;
  }
  if ((lines > 0) != has_receipt) found("torn_batch", transaction.ReceiptPath());
  if (lines > 0) ++report->unacknowledged_present;
}

}  // namespace

std::string Report::ToJson() const {
  std::string json =
      absl::StrCat("{\"ok\":", findings.empty() ? "true" : "false", ",\"intended\":", intended,
                   ",\"acknowledged\":", acknowledged,
                   ",\"unacknowledged_present\":", unacknowledged_present, ",\"findings\":[");
  for (const Finding& finding : findings) {
    absl::StrAppend(&json, &finding == findings.data() ? "" : ",", "{\"kind\":\"", finding.kind,
                    "\",\"number\":", finding.number, ",\"file\":\"",
                    absl::Utf8SafeCEscape(finding.file), "\"}");
  }
  absl::StrAppend(&json, "]}");
  return json;
}

absl::StatusOr<Report> Verify(const IntentLog& log, const std::vector<std::string>& roots) {
  const std::map<uint64_t, Transaction> intended = log.Intended();
  const std::set<uint64_t> acknowledged = log.Acknowledged();
  Report report;
  report.intended = intended.size();
  report.acknowledged = acknowledged.size();
  for (const std::string& root : roots) {
    absl::StatusOr<Tree> tree = ReadTree(root);
    if (!tree.ok()) return tree.status();
    for (const auto& [number, transaction] : intended) {
      CheckOne(transaction, acknowledged.contains(number), root, &*tree, &report);
    }
    for (const auto& [line, count] : tree->ledger_lines) {
      report.findings.push_back(
          {"foreign_ledger_line", 0, absl::StrCat(root, "/", line.substr(0, line.find('\n')))});
    }
    for (const auto& [path, content] : tree->receipts) {
      report.findings.push_back({"foreign_receipt", 0, absl::StrCat(root, "/", path)});
    }
  }
  return report;
}

}  // namespace payments
