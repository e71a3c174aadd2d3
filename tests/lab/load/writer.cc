#include "tests/lab/load/writer.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tandem::lab {
namespace {

using client::Level;
using client::Operation;
using client::OperationType;

// One attempt's own limit: then it is asked again, under the same id.
constexpr absl::Duration kAttempt = absl::Seconds(5);
constexpr absl::Duration kPause = absl::Milliseconds(50);
// What a writer keeps, so that a long run stays small.
constexpr size_t kMostFiles = 24;
constexpr uint64_t kAppendsPerLedger = 200;
constexpr uint64_t kTableBytes = 32 * 1024;
constexpr uint64_t kWritesPerSharedFile = 320;

bool IsShared(const Operation& operation) { return absl::StartsWith(operation.path, kSharedFiles); }

}  // namespace

Writer::Writer(WriterOptions options, client::Client& client, Statistics& statistics)
    : options_(std::move(options)),
      client_(client),
      statistics_(statistics),
      random_(static_cast<uint32_t>(options_.number)),
      thread_([this] { Run(); }) {}

Writer::~Writer() {
  GiveUp();
  thread_.join();
}

std::string Writer::error() const {
  const std::lock_guard lock(mutex_);
  return error_;
}

void Writer::Wrong(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (error_.empty()) {
    error_ = absl::StrCat("writer ", options_.number, " (", client::LevelName(options_.level),
                          "), write ", writes_, ": ", what);
  }
  stop_ = true;
}

void Writer::Run() {
  absl::Duration due = Now();
  while (!stop_) {
    Send(Next());
    ++writes_;
    due = std::max(due + options_.interval, Now());
    while (!stop_ && Now() < due) {
      absl::SleepFor(std::min(due - Now(), absl::Milliseconds(100)));
    }
  }
  ended_ = true;
}

std::string Writer::Payload(size_t most_bytes) {
  std::string payload = absl::StrCat("writer ", options_.number, " write ", writes_, "\n");
  payload.append(random_() % most_bytes, static_cast<char>('a' + random_() % 26));
  return payload;
}

std::string Writer::AnyReceipt() {
  const std::string prefix = absl::StrCat("receipts/", options_.number, "/");
  const auto first = model_.files.lower_bound(prefix);
  return first != model_.files.end() && absl::StartsWith(first->first, prefix) ? first->first : "";
}

std::vector<Operation> Writer::Next() {
  const std::string ledger =
      absl::StrCat("ledgers/", options_.number, "-", writes_ / kAppendsPerLedger);
  const std::string shared = absl::StrCat(kSharedFiles, writes_ / kWritesPerSharedFile);
  const std::string table = absl::StrCat("tables/", options_.number);
  const std::string receipt = absl::StrCat("receipts/", options_.number, "/", writes_);
  const std::string done =
      absl::StrCat("done/", options_.number, "/", random_() % (kMostFiles / 2));
  const std::string old = AnyReceipt();
  if (options_.appends_only) {
    return {Operation::Append(writes_ % 16 == 13 ? shared : ledger, Payload(1'000))};
  }
  if (!old.empty() && model_.files.size() > kMostFiles) return {Operation::Delete(old)};
  if (writes_ % 16 == 13) return {Operation::Append(shared, Payload(400))};
  switch (writes_ % 8) {
    case 0:
    case 3:
    case 5:
      return {Operation::Append(ledger, Payload(1'000))};
    case 1:
      return {Operation::Put(receipt, Payload(8'000))};
    case 2:
      return {Operation::WriteAt(table, random_() % kTableBytes, Payload(4'000))};
    case 4:
      if (!old.empty()) return {Operation::Rename(old, done)};
      return {Operation::Put(receipt, Payload(8'000))};
    case 6:
      return {Operation::Put(receipt, Payload(2'000)),
              Operation::Append(writes_ % 16 == 6 ? shared : ledger, Payload(200)),
              Operation::WriteAt(table, random_() % kTableBytes, Payload(200))};
    default:  // replaces a file that is there
      return {Operation::Put(old.empty() ? receipt : old, Payload(2'000))};
  }
}

void Writer::Send(const std::vector<Operation>& operations) {
  client::CallOptions options;
  options.request_id = client_.NewRequestId();
  options.level = options_.level;
  options.wait_timeout = kAttempt;
  options.timeout = kAttempt + absl::Seconds(2);
  const std::string phase = statistics_.phase();
  const absl::Duration began = Now();
  bool accepted = false;
  for (;;) {
    const auto result = operations.size() == 1 ? client_.Write(operations[0], options)
                                               : client_.WriteBatch(operations, options);
    if (result.ok()) {
      if (result->level_reached < options_.level) Wrong("answered before its level");
      statistics_.Answered(options_.level, phase, began);
      return Accepted(operations, *result);
    }
    const client::ErrorDetail detail = client::DetailOf(result.status());
    statistics_.Refused(detail.reason.empty() ? absl::StatusCodeToString(result.status().code())
                                              : detail.reason);
    if (detail.reason == "DURABILITY_NOT_REACHED" || detail.reason == "TARGET_FAILED") {
      accepted = true;
    }
    const bool hopeless = !accepted && !detail.retryable && !detail.outcome_unknown &&
                          result.status().code() != absl::StatusCode::kResourceExhausted &&
                          result.status().code() != absl::StatusCode::kUnavailable &&
                          result.status().code() != absl::StatusCode::kDeadlineExceeded;
    if (hopeless) return Wrong(absl::StrCat(operations[0].path, ": ", result.status().ToString()));
    // A clock that jumps makes no id old.
    if (detail.reason == "REQUEST_ID_EXPIRED") return Wrong(result.status().ToString());
    if (give_up_) return Unanswered(operations, accepted);
    absl::SleepFor(kPause);
  }
}

void Writer::NoteShared(const Operation& operation, std::optional<SharedAppend::Place> place,
                        bool accepted) {
  model_.shared.push_back(
      {.path = operation.path, .data = operation.data, .place = place, .accepted = accepted});
}

void Writer::Unanswered(const std::vector<Operation>& operations, bool accepted) {
  std::vector<Operation> own;
  for (const Operation& operation : operations) {
    if (IsShared(operation)) {
      NoteShared(operation, std::nullopt, accepted);
    } else {
      own.push_back(operation);
    }
  }
  if (accepted) {
    Apply(own, model_.files);
  } else {
    model_.unknown = own;
    stop_ = true;
  }
}

void Writer::Accepted(const std::vector<Operation>& operations, const client::WriteResult& result) {
  if (result.results.size() != operations.size()) return Wrong("an answer without its results");
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    const client::OperationResult& told = result.results[i];
    if (told.sequence <= last_sequence_) {
      Wrong(absl::StrCat("sequence ", told.sequence, " after ", last_sequence_));
    }
    last_sequence_ = told.sequence;
    if (IsShared(operation)) {
      NoteShared(operation, SharedAppend::Place{told.sequence, told.offset}, true);
      continue;
    }
    if (operation.type == OperationType::kAppend &&
        told.offset != model_.files[operation.path].size()) {
      Wrong(absl::StrCat(operation.path, ": appended at ", told.offset, " instead of ",
                         model_.files[operation.path].size()));
    }
    Apply({operation}, model_.files);
  }
  if (options_.level >= Level::kLocal) CheckTruth(operations, result, options_.local_root);
  if (options_.level >= Level::kAll) CheckTruth(operations, result, options_.corebank_root);
}

// Nobody else writes its own files, so they hold just what was acknowledged; nor where in a shared
// file an append was said to lie.
void Writer::CheckTruth(const std::vector<Operation>& operations, const client::WriteResult& result,
                        const std::string& root) {
  if (root.empty()) return;
  for (size_t i = 0; i < operations.size(); ++i) {
    const Operation& operation = operations[i];
    if (operation.type == OperationType::kDelete) continue;
    const std::string& path =
        operation.type == OperationType::kRename ? operation.new_path : operation.path;
    const std::string content = Contents(absl::StrCat(root, "/", path));
    const uint64_t offset = result.results[i].offset;
    const bool is_there = IsShared(operation) ? offset <= content.size() &&
                                                    content.compare(offset, operation.data.size(),
                                                                    operation.data) == 0
                                              : content == model_.files[path];
    if (!is_there) Wrong(absl::StrCat("acknowledged before it was in ", root, "/", path));
  }
}

}  // namespace tandem::lab
