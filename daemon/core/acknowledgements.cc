#include "daemon/core/acknowledgements.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/reason.h"

namespace tandem {
namespace {

constexpr size_t kJournalGate = 0;
constexpr int64_t kUnknownRetryMs = 1'000;

absl::Status OutcomeUnknown(absl::string_view why) {
  return Refuse(Reason::kOutcomeUnknown, absl::StrCat(why, "; ask again with the same request_id"),
                {.retry_after_ms = kUnknownRetryMs});
}

}  // namespace

Acknowledgements::Acknowledgements(Env& env, const Progress& progress,
                                   absl::AnyInvocable<void()> answered)
    : env_(env),
      progress_(progress),
      answered_(std::move(answered)),
      gates_(1 + progress.size()),
      wanted_(progress.size()),
      timeouts_(env.clock, [this](uint64_t id) {
        Expire(id);
        Deliver();
      }) {
  TANDEM_CHECK(gates_.size() <= 64);
}

void Acknowledgements::Add(AcknowledgementWait wait) {
  TANDEM_CHECK(wait.first >= 1 && wait.first <= wait.last);
  Begin({.wait = std::move(wait)});
}

void Acknowledgements::Begin(Waiter waiter) {
  Check(Insert(std::move(waiter)));
  if (answers_.empty()) return;
  // Not inside the caller's call.
  boost::asio::post(env_.executor, [answer = std::move(answers_.back())]() mutable {
    answer.done(std::move(answer.reply));
  });
  answers_.clear();
}

void Acknowledgements::RefuseWhenDurable(Sequence depends_on, absl::Status refusal,
                                         int64_t deadline_ns, WriteDone done) {
  Waiter waiter = {.refusal = std::move(refusal)};
  waiter.wait.first = depends_on;
  waiter.wait.last = depends_on;
  waiter.wait.deadline_ns = deadline_ns;
  waiter.wait.done = std::move(done);
  Begin(std::move(waiter));
}

Acknowledgements::WaiterId Acknowledgements::Insert(Waiter waiter) {
  const WaiterId id = next_id_++;
  longest_ = std::max(longest_, waiter.wait.last - waiter.wait.first);
  timeouts_.Add(waiter.wait.deadline_ns, id);
  waiters_.emplace(id, std::make_unique<Waiter>(std::move(waiter)));
  return id;
}

std::optional<Sequence> Acknowledgements::MissingAt(const Waiter& waiter, size_t gate) const {
  const AcknowledgementWait& wait = waiter.wait;
  if (gate == kJournalGate) {
    if (wait.last <= progress_.durable()) return std::nullopt;
    return wait.last;
  }
  if (!progress_.IsNeeded(wait.level, gate - 1)) return std::nullopt;
  return progress_.target(gate - 1).FirstMissing(wait.first, wait.last);
}

absl::Status Acknowledgements::FindParked(const Waiter& waiter) const {
  const AcknowledgementWait& wait = waiter.wait;
  for (size_t i = 0; i < progress_.size(); ++i) {
    if (!progress_.IsNeeded(wait.level, i)) continue;
    const auto* parked = progress_.target(i).FindParked(wait.first, wait.last);
    if (parked == nullptr) continue;
    RefusalDetail detail = DetailOfWaiter(waiter);
    detail.metadata.emplace_back("target", progress_.name(i));
    detail.metadata.emplace_back("error", ErrorOf(*parked));
    const absl::string_view what =
        parked->has_skip() ? " has not got the write: " : " refuses the write for now: ";
    return Refuse(Reason::kTargetFailed,
                  absl::StrCat("target ", progress_.name(i), what, ErrorOf(*parked)), detail);
  }
  return absl::OkStatus();
}

void Acknowledgements::Check(WaiterId id) {
  Waiter& waiter = *waiters_.at(id);
  TANDEM_CHECK(waiter.open_gates == 0);
  if (!journal_failure_.ok() && waiter.wait.last > progress_.durable()) {
    Finish(id, OutcomeUnknown(journal_failure_.message()));
    return;
  }
  if (waiter.refusal.ok()) {
    if (absl::Status parked = FindParked(waiter); !parked.ok()) {
      Finish(id, std::move(parked));
      return;
    }
  }
  for (size_t gate = 0; gate < gates_.size(); ++gate) {
    if (gate != kJournalGate && !waiter.refusal.ok()) break;
    const std::optional<Sequence> missing = MissingAt(waiter, gate);
    if (!missing.has_value()) continue;
    waiter.open_gates |= uint64_t{1} << gate;
    gates_[gate].emplace(*missing, id);
    if (gate == kJournalGate) continue;
    Sequence& wanted = wanted_[gate - 1];
    wanted = std::max(wanted, waiter.wait.last);
  }
  if (waiter.open_gates != 0) return;
  if (!waiter.refusal.ok()) {
    Finish(id, waiter.refusal);
  } else {
    Finish(id, ReplyOf(waiter));
  }
}

void Acknowledgements::CheckGate(WaiterId id, size_t gate) {
  Waiter& waiter = *waiters_.at(id);
  if (const std::optional<Sequence> missing = MissingAt(waiter, gate); missing.has_value()) {
    gates_[gate].emplace(*missing, id);
    return;
  }
  waiter.open_gates &= ~(uint64_t{1} << gate);
  if (waiter.open_gates == 0) {
    // Once more: a target whose gate it passed may have lost its lane, and with it what the lane
    // had said.
    Check(id);
    return;
  }
  if (gate != kJournalGate) FinishIfParked(id);
}

void Acknowledgements::FinishIfParked(WaiterId id) {
  const Waiter& waiter = *waiters_.at(id);
  if (absl::Status parked = FindParked(waiter); !parked.ok()) Finish(id, std::move(parked));
}

void Acknowledgements::PassGate(size_t gate, Sequence first, Sequence last) {
  std::vector<WaiterId> passed;
  Gate& waiting = gates_[gate];
  const auto begin = waiting.lower_bound(first);
  auto end = begin;
  while (end != waiting.end() && end->first <= last) passed.push_back((end++)->second);
  waiting.erase(begin, end);
  for (const WaiterId id : passed) CheckGate(id, gate);
}

void Acknowledgements::OnDurable() {
  PassGate(kJournalGate, 0, progress_.durable());
  Deliver();
}

void Acknowledgements::OnSettled(size_t target, Sequence first, Sequence last) {
  PassGate(1 + target, first, last);
  Deliver();
}

// A batch may miss something before the parked record: it is registered there.
void Acknowledgements::OnParked(size_t target, Sequence sequence) {
  PassGate(1 + target, sequence, sequence);
  Gate& waiting = gates_[1 + target];
  std::vector<WaiterId> hopeless;
  for (auto entry = waiting.lower_bound(sequence - std::min(sequence, longest_));
       entry != waiting.end() && entry->first <= sequence; ++entry) {
    hopeless.push_back(entry->second);
  }
  for (const WaiterId id : hopeless) FinishIfParked(id);
  Deliver();
}

void Acknowledgements::OnTargetChanged(size_t target) {
  PassGate(1 + target, 0, ~Sequence{0});
  Deliver();
}

void Acknowledgements::OnJournalFailed(const absl::Status& why) {
  journal_failure_ = absl::UnavailableError(absl::StrCat("the journal failed: ", why.message()));
  std::vector<WaiterId> lost;
  for (const auto& [sequence, id] : gates_[kJournalGate]) lost.push_back(id);
  for (const WaiterId id : lost) Finish(id, OutcomeUnknown(journal_failure_.message()));
  Deliver();
}

void Acknowledgements::ExpireAll() {
  std::vector<WaiterId> all;
  for (const auto& [id, waiter] : waiters_) all.push_back(id);
  std::sort(all.begin(), all.end());
  for (const WaiterId id : all) Expire(id);
  Deliver();
}

void Acknowledgements::Expire(WaiterId id) {
  const auto it = waiters_.find(id);
  if (it == waiters_.end()) return;
  const Waiter& waiter = *it->second;
  if (!waiter.refusal.ok()) {
    Finish(id, OutcomeUnknown("what the answer depends on is not durable yet"));
    return;
  }
  if (waiter.wait.last > progress_.durable()) {
    Finish(id, OutcomeUnknown("the write is not durable in the journal yet"));
    return;
  }
  Finish(id, Refuse(Reason::kDurabilityNotReached,
                    absl::StrCat("the write is accepted, but did not reach ",
                                 LevelName(waiter.wait.level), " in time"),
                    DetailOfWaiter(waiter)));
}

void Acknowledgements::Finish(WaiterId id, absl::StatusOr<WriteReply> reply) {
  const auto it = waiters_.find(id);
  const std::unique_ptr<Waiter> waiter = std::move(it->second);
  waiters_.erase(it);
  timeouts_.Remove(waiter->wait.deadline_ns, id);
  for (size_t gate = 0; gate < gates_.size(); ++gate) {
    if ((waiter->open_gates >> gate & 1) == 0) continue;
    Gate& waiting = gates_[gate];
    auto entry = waiting.lower_bound(waiter->wait.first);
    for (; entry != waiting.end() && entry->first <= waiter->wait.last; ++entry) {
      if (entry->second != id) continue;
      waiting.erase(entry);
      break;
    }
  }
  answered_();
  answers_.push_back({.done = std::move(waiter->wait.done), .reply = std::move(reply)});
}

WriteReply Acknowledgements::ReplyOf(Waiter& waiter) const {
  AcknowledgementWait& wait = waiter.wait;
  WriteReply reply;
  reply.results = std::move(wait.results);
  reply.level_reached = progress_.LevelOf(wait.first, wait.last);
  TANDEM_CHECK(reply.level_reached >= wait.level);
  reply.targets = progress_.OutcomesOf(wait.first, wait.last);
  reply.earlier_attempt = wait.earlier_attempt;
  return reply;
}

RefusalDetail Acknowledgements::DetailOfWaiter(const Waiter& waiter) const {
  const AcknowledgementWait& wait = waiter.wait;
  RefusalDetail detail;
  detail.metadata = {
      {"sequence", absl::StrCat(wait.first)},
      {"level_reached", std::string(LevelName(progress_.LevelOf(wait.first, wait.last)))},
      {"request_id", wait.request_id.ToString()},
  };
  return detail;
}

void Acknowledgements::Deliver() {
  // A caller may come back with its next write at once.
  std::vector<Answer> answers = std::exchange(answers_, {});
  for (Answer& answer : answers) answer.done(std::move(answer.reply));
}

}  // namespace tandem
