// What operators ask of parked writes.
#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "daemon/base/reason.h"
#include "daemon/journal/record.h"
#include "daemon/rpc/convert.h"
#include "daemon/rpc/errors.h"

namespace tandem {
namespace {

constexpr int kMaxSequences = 1'000;
constexpr size_t kMaxReasonBytes = 500;
constexpr size_t kMaxRequestedByBytes = 100;
constexpr int64_t kDefaultPendingWaitMs = 10'000;

// The API's numbers are the journal's.
static_assert(static_cast<int>(RecordType::kPut) == v1::WRITE_TYPE_PUT);
static_assert(static_cast<int>(RecordType::kAppend) == v1::WRITE_TYPE_APPEND);
static_assert(static_cast<int>(RecordType::kWriteAt) == v1::WRITE_TYPE_WRITE_AT);
static_assert(static_cast<int>(RecordType::kTruncate) == v1::WRITE_TYPE_TRUNCATE);
static_assert(static_cast<int>(RecordType::kDelete) == v1::WRITE_TYPE_DELETE);
static_assert(static_cast<int>(RecordType::kRename) == v1::WRITE_TYPE_RENAME);
static_assert(static_cast<int>(RecordType::kUploadCommit) == v1::WRITE_TYPE_UPLOAD);

absl::Status Invalid(absl::string_view message) {
  return Refuse(Reason::kArgumentInvalid, message);
}

void SetTime(int64_t unix_ms, google::protobuf::Timestamp* timestamp) {
  timestamp->set_seconds(unix_ms / 1000);
  timestamp->set_nanos(static_cast<int32_t>(unix_ms % 1000) * 1'000'000);
}

template <typename Message>
absl::StatusOr<PendingRequest> TakeChoice(const Message& message, bool all,
                                          const std::string& caller) {
  PendingRequest request;
  request.target = message.target();
  request.path = message.path();
  request.sequences.assign(message.sequences().begin(), message.sequences().end());
  request.caller = PrintableText(caller);
  if (request.target.empty()) return Invalid("target is not set");
  const int given = static_cast<int>(!request.path.empty()) +
                    static_cast<int>(!request.sequences.empty()) + static_cast<int>(all);
  if (given != 1) return Invalid("it must be said by exactly one field which writes are meant");
  if (message.sequences_size() > kMaxSequences) {
    return Invalid(absl::StrCat("more than ", kMaxSequences, " sequences"));
  }
  if (std::count(request.sequences.begin(), request.sequences.end(), 0u) > 0) {
    return Invalid("no write has sequence 0");
  }
  request.wait_timeout_ms = kDefaultPendingWaitMs;
  if (message.has_wait_timeout()) {
    const auto& wait = message.wait_timeout();
    if (wait.seconds() < 0 || wait.seconds() > kMaxWaitMs / 1000) {
      return Invalid("wait_timeout must be 1 ms to 1 h");
    }
    request.wait_timeout_ms = wait.seconds() * 1000 + wait.nanos() / 1'000'000;
    if (request.wait_timeout_ms < 1 || request.wait_timeout_ms > kMaxWaitMs) {
      return Invalid("wait_timeout must be 1 ms to 1 h");
    }
  }
  return request;
}

template <typename Response>
void FillOutcomes(const internal::v1::PendingResult& result, Response* response) {
  for (const internal::v1::PendingOutcome& each : result.outcomes()) {
    v1::PendingOutcome* outcome = response->add_outcomes();
    outcome->set_sequence(each.sequence());
    outcome->set_path(each.path());
    outcome->set_done(each.done());
    outcome->set_error(PrintableText(each.error()));
  }
}

}  // namespace

absl::StatusOr<ListPendingCommand> FromProto(const v1::ListPendingRequest& request) {
  ListPendingCommand command;
  command.target = request.target();
  if (request.page_size() < 0 || request.page_size() > static_cast<int>(kMaxPage)) {
    return Invalid(absl::StrCat("page_size must be 1 to ", kMaxPage));
  }
  if (request.page_size() > 0) command.limit = static_cast<size_t>(request.page_size());
  if (request.page_token().empty()) return command;
  const std::vector<std::string> parts = absl::StrSplit(request.page_token(), '-');
  uint64_t target = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &target) ||
      !absl::SimpleAtoi(parts[1], &command.after.sequence)) {
    return Invalid("page_token is none that a page came with");
  }
  command.after.target = target;
  return command;
}

absl::StatusOr<PendingRequest> FromProto(const v1::RetryPendingRequest& request,
                                         const std::string& caller) {
  return TakeChoice(request, request.all(), caller);
}

absl::StatusOr<PendingRequest> FromProto(const v1::SkipPendingRequest& request,
                                         const std::string& caller) {
  absl::StatusOr<PendingRequest> pending = TakeChoice(request, false, caller);
  if (!pending.ok()) return pending;
  if (request.reason().empty() || request.reason().size() > kMaxReasonBytes ||
      PrintableText(request.reason()) != request.reason()) {
    return Invalid(absl::StrCat("reason must be 1 to ", kMaxReasonBytes, " printable bytes"));
  }
  if (request.requested_by().size() > kMaxRequestedByBytes) {
    return Invalid(absl::StrCat("requested_by is longer than ", kMaxRequestedByBytes, " bytes"));
  }
  pending->skip = true;
  pending->reason = request.reason();
  if (!request.requested_by().empty()) {
    pending->caller = absl::StrCat(PrintableText(request.requested_by()), " at ", pending->caller);
  }
  return pending;
}

void ToProto(const PendingPage& page, v1::ListPendingResponse* response) {
  for (const PendingPage::Entry& entry : page.entries) {
    const internal::v1::ParkedWrite& write = entry.write;
    v1::PendingWrite* pending = response->add_writes();
    pending->set_target(entry.target);
    pending->set_sequence(write.sequence());
    pending->set_path(write.path());
    pending->set_new_path(write.new_path());
    pending->set_type(v1::WriteType_IsValid(static_cast<int>(write.type()))
                          ? static_cast<v1::WriteType>(write.type())
                          : v1::WRITE_TYPE_UNSPECIFIED);
    pending->set_state(write.has_skip() ? v1::PENDING_STATE_DIVERGED : v1::PENDING_STATE_PARKED);
    pending->set_error(PrintableText(write.error()));
    SetTime(write.since_ms(), pending->mutable_since_time());
    pending->set_attempts(write.attempts());
    if (!write.has_skip()) continue;
    pending->set_skip_reason(PrintableText(write.skip().reason()));
    pending->set_skipped_by(PrintableText(write.skip().caller()));
    SetTime(write.skip().time_ms(), pending->mutable_skipped_time());
    for (const std::string& path : write.skip().diverged()) pending->add_diverged_paths(path);
  }
  if (page.next.has_value()) {
    response->set_next_page_token(absl::StrCat(page.next->target, "-", page.next->sequence));
  }
  for (const std::string& target : page.unknown) response->add_unknown_targets(target);
}

void ToProto(const internal::v1::PendingResult& result, v1::RetryPendingResponse* response) {
  FillOutcomes(result, response);
  response->set_applied_writes(result.done());
  response->set_parked_writes(result.left());
}

void ToProto(const internal::v1::PendingResult& result, v1::SkipPendingResponse* response) {
  FillOutcomes(result, response);
  response->set_skipped_writes(result.done());
  response->set_parked_writes(result.left());
}

}  // namespace tandem
