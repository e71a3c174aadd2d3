#include "daemon/core/intake.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

constexpr int64_t kRpoRetryMs = 1'000;

constexpr int64_t kPathStateRetryMs = 1'000;
constexpr int64_t kPathStatesFullRetryMs = 500;

std::vector<std::string> PathsOf(const std::vector<Operation>& operations) {
  std::vector<std::string> paths;
  for (const Operation& operation : operations) {
    paths.push_back(operation.path);
    if (operation.type == OperationType::kRename) paths.push_back(operation.new_path);
  }
  std::sort(paths.begin(), paths.end());
  paths.erase(std::unique(paths.begin(), paths.end()), paths.end());
  return paths;
}

absl::Status PathStatesFull(absl::string_view what) {
  return tandem::Refuse(Reason::kPathStatesFull, what, {.retry_after_ms = kPathStatesFullRetryMs});
}

absl::Status IdReused() {
  return tandem::Refuse(Reason::kRequestIdReused,
                        "request_id belongs to an earlier request with other content");
}

absl::Status RpoRefusal(const CoreOptions& options) {
  return tandem::Refuse(
      Reason::kRpoAtRisk,
      absl::StrCat("a target lags by more than ", options.rpo_limit_ms, " ms (rpo_policy: refuse)"),
      {.retry_after_ms = kRpoRetryMs});
}

}  // namespace

Intake::Intake(Env& env, const CoreOptions& options, Progress& progress,
               PathQuestions::Lanes& lanes)
    : env_(env),
      options_(options),
      progress_(progress),
      states_(options.max_path_states, progress.MinCheckpoint(), &queue_),
      sequencer_(states_, options.max_file_bytes),
      index_(options.max_request_ids, options.request_id_window_ms),
      budget_(options.max_waiting_writes, options.max_waiting_bytes),
      questions_(env.clock, progress.size(), lanes, states_),
      acknowledgements_(env, progress, [this] { budget_.Answered(); }),
      limits_(env.clock, [this](uint64_t ticket) { OnLimit(ticket); }),
      started_wall_ms_(env.clock.WallMs()),
      started_ms_(MonotonicMs()) {}

void Intake::Submit(IntakeWrite write) {
  write.bytes = PayloadBytes(write.operations);
  if (absl::Status status = budget_.Take(write.bytes); !status.ok()) {
    if (write.left) write.left(0);
    boost::asio::post(env_.executor, [done = std::move(write.done), status]() mutable {
      done(std::move(status));
    });
    return;
  }
  Route(std::move(write));
  RunReady();
}

void Intake::Route(IntakeWrite write) {
  AdvanceIndex();
  if (!write.probe) {
    if (AnswerKnown(write) || JoinWaiting(write)) return;
    // An upload's id was new when it began, and nobody else had it since.
    absl::Status fresh;
    if (!write.upload.has_value()) {
      fresh = index_.CheckNew(write.request_id, static_cast<uint32_t>(write.operations.size()));
    }
    if (!fresh.ok()) return Refuse(write, std::move(fresh), 0);
    if (reserved_.contains(write.request_id) && !write.upload.has_value()) {
      return Refuse(write, IdReused(), 0);
    }
  }
  if (stopped_) {
    return Refuse(write, tandem::Refuse(Reason::kShuttingDown, "the daemon is shutting down"), 0);
  }
  if (options_.rpo_refuse && RpoAtRisk()) return Refuse(write, RpoRefusal(options_), 0);
  std::vector<std::string> unknown;
  if (queue_.empty() || !queue_.Blocks(PathsOf(write.operations))) {
    absl::Status refusal;
    Sequence depends_on = 0;
    if (Settle(write, unknown, refusal, depends_on)) return;
  }
  // A single write may always wait, whatever the limit is.
  if (queue_.places() >= options_.max_path_states) {
    return Refuse(write, PathStatesFull("too many paths wait for what a target says of them"), 0);
  }
  Enqueue(std::move(write), unknown);
}

bool Intake::AnswerKnown(IntakeWrite& write) {
  const IndexedRequest* known = index_.Find(write.request_id);
  if (known == nullptr) return false;
  if (known->digest != write.digest) {
    // It is wrong only if the earlier one really is.
    Refuse(write, IdReused(), known->last());
    return true;
  }
  budget_.Dropped(write.bytes);
  if (write.left) write.left(0);
  acknowledgements_.Add({.first = known->first,
                         .last = known->last(),
                         .level = write.level,
                         .deadline_ns = write.deadline_ns,
                         .request_id = write.request_id,
                         .results = known->Results(),
                         .earlier_attempt = true,
                         .done = std::move(write.done)});
  return true;
}

// An earlier attempt still waits for what its paths are: what becomes of it becomes of this one.
bool Intake::JoinWaiting(IntakeWrite& write) {
  const auto it = waiting_ids_.find(write.request_id);
  if (it == waiting_ids_.end()) return false;
  const bool same = waiting_.at(it->second).write.digest == write.digest;
  const int64_t deadline_ns = write.deadline_ns;
  Join(it->second, deadline_ns, [this, same, write = std::move(write)](const Ended& ended) mutable {
    if (ended.too_late || (same && !ended.refusal.ok())) {
      Refuse(write, ended.refusal, ended.depends_on);
    } else {
      Route(std::move(write));
    }
  });
  return true;
}

void Intake::Join(Ticket to, int64_t deadline_ns, absl::AnyInvocable<void(const Ended&)> go_on) {
  const Ticket ticket = next_ticket_++;
  waiting_.at(to).joined.push_back(ticket);
  limits_.Add(deadline_ns, ticket);
  joiners_[ticket] = {.to = to, .deadline_ns = deadline_ns, .go_on = std::move(go_on)};
}

bool Intake::Settle(IntakeWrite& write, std::vector<std::string>& unknown, absl::Status& refusal,
                    Sequence& depends_on) {
  if (!write.probe) {
    refusal = journal_->Admit(write.operations.size(), write.bytes, /*internal=*/false);
    // Others may have been sequenced while this one waited.
    const auto count = static_cast<uint32_t>(write.operations.size());
    if (refusal.ok()) refusal = index_.CheckRoom(count);
    if (!refusal.ok()) {
      Refuse(write, refusal, 0);
      return true;
    }
  }
  Decision decision = sequencer_.Decide(write.operations, write.upload);
  if (decision.kind == Decision::Kind::kUnknown && FillFromParked(decision.unknown)) {
    decision = sequencer_.Decide(write.operations, write.upload);
  }
  switch (decision.kind) {
    case Decision::Kind::kUnknown:
      unknown = std::move(decision.unknown);
      return false;
    case Decision::Kind::kRefused:
      refusal = decision.refusal;
      depends_on = decision.depends_on;
      Refuse(write, std::move(decision.refusal), decision.depends_on);
      return true;
    case Decision::Kind::kGo:
      break;
  }
  for (const Record& record : decision.records) {
    if (states_.TakesMore(record)) continue;
    refusal = PathStatesFull("too many paths have writes that no target has applied");
    Refuse(write, refusal, 0);
    return true;
  }
  if (write.probe) {
    AnswerLater(std::move(write.done), WriteReply{});
  } else {
    Journalize(write, std::move(decision.records));
  }
  return true;
}

void Intake::Journalize(IntakeWrite& write, std::vector<Record> records) {
  const Sequence first = journal_->next_sequence();
  const Sequence last = first + records.size() - 1;
  sequencer_.MakeRecords(records, write.operations, write.request_id, write.digest, first,
                         env_.clock.WallMs());
  std::vector<OperationResult> results;
  results.reserve(records.size());
  for (Record& record : records) {
    const bool upload = record.type == RecordType::kUploadCommit;
    record.run_ms = RunMs();
    lag_.Add(record.sequence, MonotonicMs(), upload ? record.result_size : record.payload_length,
             /*user=*/true);
    index_.Add(record);
    results.push_back(ResultOf(record));
  }
  budget_.Appended(last, write.bytes);
  journal_->Append(std::move(records));
  TANDEM_CHECK(journal_->appended() == last);
  if (write.left) write.left(last);
  acknowledgements_.Add({.first = first,
                         .last = last,
                         .level = write.level,
                         .deadline_ns = write.deadline_ns,
                         .request_id = write.request_id,
                         .results = std::move(results),
                         .done = std::move(write.done)});
}

void Intake::Refuse(IntakeWrite& write, absl::Status refusal, Sequence depends_on) {
  budget_.Dropped(write.bytes);
  if (write.left) write.left(0);
  if (depends_on > progress_.durable()) {
    acknowledgements_.RefuseWhenDurable(depends_on, std::move(refusal), write.deadline_ns,
                                        std::move(write.done));
  } else {
    AnswerLater(std::move(write.done), std::move(refusal));
  }
}

void Intake::AnswerLater(WriteDone done, absl::StatusOr<WriteReply> reply) {
  budget_.Answered();
  boost::asio::post(env_.executor, [done = std::move(done), reply = std::move(reply)]() mutable {
    done(std::move(reply));
  });
}

void Intake::Enqueue(IntakeWrite write, const std::vector<std::string>& unknown) {
  const Ticket ticket = next_ticket_++;
  std::vector<std::string> paths = PathsOf(write.operations);
  queue_.Add(ticket, paths);
  if (!write.probe) waiting_ids_.emplace(write.request_id, ticket);
  const int64_t limit_ns = std::min(DeadlineNs(options_.path_state_limit_ms), write.deadline_ns);
  limits_.Add(limit_ns, ticket);
  waiting_[ticket] = {.write = std::move(write), .paths = std::move(paths), .limit_ns = limit_ns};
  for (const std::string& path : unknown) questions_.Need(path, ticket);
}

void Intake::Retry(Ticket ticket) {
  const auto it = waiting_.find(ticket);
  if (it == waiting_.end() || !queue_.IsFree(ticket)) return;
  std::vector<std::string> unknown;
  absl::Status refusal;
  Sequence depends_on = 0;
  if (Settle(it->second.write, unknown, refusal, depends_on)) {
    Leave(ticket, {.refusal = refusal, .depends_on = depends_on});
    return;
  }
  for (const std::string& path : unknown) questions_.Need(path, ticket);
}

void Intake::Leave(Ticket ticket, const Ended& ended) {
  auto node = waiting_.extract(ticket);
  Waiting& gone = node.mapped();
  questions_.Drop(ticket);
  limits_.Remove(gone.limit_ns, ticket);
  if (!gone.write.probe) waiting_ids_.erase(gone.write.request_id);
  for (const Ticket free : queue_.Remove(ticket)) ready_.push_back(free);
  for (const std::string& path : gone.paths) states_.Release(path);
  for (const Ticket joined : gone.joined) {
    auto joiner = joiners_.extract(joined);
    if (joiner.empty()) continue;  // it came to its own deadline
    limits_.Remove(joiner.mapped().deadline_ns, joined);
    rejoining_.emplace_back(
        [go_on = std::move(joiner.mapped().go_on), ended]() mutable { go_on(ended); });
  }
}

void Intake::RefuseWaiting(Ticket ticket, absl::Status refusal) {
  const auto it = waiting_.find(ticket);
  if (it == waiting_.end()) return;
  Refuse(it->second.write, refusal, 0);
  Leave(ticket, {.refusal = std::move(refusal)});
}

void Intake::OnLimit(Ticket ticket) {
  if (auto joiner = joiners_.extract(ticket); !joiner.empty()) {
    // The attempt that it joined goes on.
    joiner.mapped().go_on({.refusal = tandem::Refuse(Reason::kOutcomeUnknown,
                                                     "an earlier attempt still waits for what a "
                                                     "target says of the path",
                                                     {.retry_after_ms = kPathStateRetryMs}),
                           .too_late = true});
  } else if (const auto it = waiting_.find(ticket); it != waiting_.end()) {
    const absl::Status refusal = tandem::Refuse(Reason::kPathStateUnknown,
                                                "no target could tell in time what is at the path",
                                                {.retry_after_ms = kPathStateRetryMs});
    // Who joined an attempt of less patience tries for itself.
    const bool impatient = it->second.limit_ns == it->second.write.deadline_ns;
    Refuse(it->second.write, refusal, 0);
    Leave(ticket, impatient ? Ended{} : Ended{.refusal = refusal});
  }
  RunReady();
}

// Those that were in the queue go first: they came before who joins again.
void Intake::RunReady() {
  if (running_) return;
  running_ = true;
  while (!ready_.empty() || !rejoining_.empty()) {
    if (!ready_.empty()) {
      const Ticket ticket = ready_.front();
      ready_.pop_front();
      Retry(ticket);
    } else {
      auto rejoin = std::move(rejoining_.front());
      rejoining_.pop_front();
      rejoin();
    }
  }
  running_ = false;
}

}  // namespace tandem
