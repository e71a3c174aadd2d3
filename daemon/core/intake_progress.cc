// What moves core's writes on: the journal, the lanes, the start and the end.
#include <algorithm>
#include <utility>

#include "daemon/base/reason.h"
#include "daemon/core/intake.h"
#include "daemon/core/parked_overlay.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr int64_t kRpoLookNs = 50 * kNsPerMs;
constexpr int64_t kBeginningRetryMs = 100;

// The first component that is no directory, or the path itself: what is parked on it, above it or
// beneath it would have made something else of it, for the path too.
absl::string_view DecidingPart(absl::string_view path, const internal::v1::PathAnswer& answer) {
  std::vector<absl::string_view> prefixes = AncestorsOf(path);
  prefixes.push_back(path);
  for (int i = 0; i < answer.components_size() && prefixes.size() > 1; ++i) {
    if (answer.components(i).kind() != static_cast<uint32_t>(PathKind::kDirectory)) break;
    prefixes.erase(prefixes.begin());
  }
  return prefixes.front();
}

std::vector<PathState> ComponentsOf(const internal::v1::PathAnswer& answer) {
  std::vector<PathState> components;
  for (const auto& component : answer.components()) {
    components.push_back(
        {static_cast<PathKind>(std::min<uint32_t>(component.kind(), 3)), component.size()});
  }
  return components;
}

absl::Status NotFound() {
  return tandem::Refuse(Reason::kWriteNotFound, "no such write is known (any more)");
}

}  // namespace

void Intake::Recover(const RecordHeader& record, bool kept) {
  if (record.type == RecordType::kDurableMark) return;
  const bool user = IsClientWrite(record.type);
  if (user) index_.Add(record);
  if (!kept) return;
  const bool upload = record.type == RecordType::kUploadCommit;
  const int64_t age_ms = std::max<int64_t>(0, started_wall_ms_ - record.wall_time_ms);
  lag_.Add(record.sequence, started_ms_ - age_ms,
           !user ? 0 : (upload ? record.result_size : record.payload_length), user);
  if (!user || record.sequence <= progress_.MinCheckpoint()) return;
  states_.Apply(record, /*recovering=*/true);
  // Here too no more than is needed is kept, however much one target lags.
  if (record.sequence <= progress_.MaxCheckpoint()) SettleStates();
}

void Intake::Begin(Journal& journal) {
  journal_ = &journal;
  run_at_start_ms_ = journal.recovery().run_ms - (MonotonicMs() - started_ms_);
  index_.Begin(RunMs(), journal.recovery().forgotten);
  AdvanceIndex();
  lag_.Forget(progress_.MinCheckpoint());
}

int64_t Intake::DeadlineNs(int64_t wait_timeout_ms) {
  return env_.clock.MonotonicNs() + wait_timeout_ms * kNsPerMs;
}

int64_t Intake::RunMs() const { return run_at_start_ms_ + MonotonicMs() - started_ms_; }

int64_t Intake::LagMs(const TargetLag& lag) {
  if (lag.oldest_time_ms.has_value())
    return std::max<int64_t>(0, MonotonicMs() - *lag.oldest_time_ms);
  if (lag.oldest_record == 0 || lag_.samples() == 0) return 0;
  return std::max<int64_t>(0, MonotonicMs() - lag_.TimeMs(lag.oldest_record));
}

// A parked write counts: its target does not have it.
bool Intake::RpoAtRisk() {
  const int64_t now_ns = env_.clock.MonotonicNs();
  if (rpo_looked_ns_ != 0 && now_ns - rpo_looked_ns_ < kRpoLookNs) return rpo_at_risk_;
  rpo_looked_ns_ = now_ns;
  int64_t worst_ms = 0;
  for (size_t i = 0; i < progress_.size(); ++i) {
    if (progress_.name(i) == "local") continue;
    worst_ms = std::max(worst_ms, LagMs(progress_.target(i).Lag(lag_)));
  }
  const bool at_risk = worst_ms > options_.rpo_limit_ms;
  if (at_risk != rpo_at_risk_) {
    env_.log.Warning(at_risk ? "rpo_at_risk" : "rpo_met_again",
                     {{"lag_ms", worst_ms}, {"limit_ms", options_.rpo_limit_ms}});
  }
  rpo_at_risk_ = at_risk;
  return at_risk;
}

const IndexedRequest* Intake::Find(const WriteKey& key) const {
  if (const Uuid* id = std::get_if<Uuid>(&key)) return index_.Find(*id);
  return index_.FindBySequence(std::get<Sequence>(key));
}

void Intake::WaitDurable(WriteKey key, Level level, int64_t deadline_ns, WriteDone done) {
  if (absl::Status status = budget_.Take(0); !status.ok()) {
    boost::asio::post(env_.executor,
                      [done = std::move(done), status]() mutable { done(std::move(status)); });
    return;
  }
  if (const Uuid* id = std::get_if<Uuid>(&key)) {
    if (const auto it = waiting_ids_.find(*id); it != waiting_ids_.end()) {
      return Join(
          it->second, deadline_ns,
          [this, key, level, deadline_ns, done = std::move(done)](const Ended& ended) mutable {
            if (ended.too_late) return AnswerLater(std::move(done), ended.refusal);
            budget_.Answered();
            WaitDurable(key, level, deadline_ns, std::move(done));
          });
    }
  }
  const IndexedRequest* known = Find(key);
  if (known == nullptr) return AnswerLater(std::move(done), NotFound());
  acknowledgements_.Add({.first = known->first,
                         .last = known->last(),
                         .level = level,
                         .deadline_ns = deadline_ns,
                         .request_id = known->id,
                         .results = known->Results(),
                         .done = std::move(done)});
}

absl::StatusOr<WriteInfo> Intake::GetWrite(const WriteKey& key) {
  const IndexedRequest* known = Find(key);
  if (known == nullptr) return NotFound();
  WriteInfo info;
  info.request_id = known->id;
  info.journaled_ms = known->journaled_ms;
  info.reply.results = known->Results();
  info.reply.level_reached = progress_.LevelOf(known->first, known->last());
  info.reply.targets = progress_.OutcomesOf(known->first, known->last());
  return info;
}

Intake::Reserved Intake::ReserveId(const UploadRequest& request, int64_t deadline_ns,
                                   WriteDone& done) {
  IntakeWrite write;  // only to be answered
  write.deadline_ns = deadline_ns;
  write.request_id = request.request_id;
  const auto refuse = [&](absl::Status refusal, Sequence depends_on) {
    write.done = std::move(done);
    Refuse(write, std::move(refusal), depends_on);
    return Reserved::kAnswered;
  };
  if (absl::Status status = budget_.Take(0); !status.ok()) {
    boost::asio::post(env_.executor,
                      [done = std::move(done), status]() mutable { done(std::move(status)); });
    return Reserved::kAnswered;
  }
  AdvanceIndex();
  const auto reused = [] {
    return tandem::Refuse(Reason::kRequestIdReused,
                          "request_id belongs to an earlier request with other content");
  };
  if (const IndexedRequest* known = index_.Find(request.request_id)) {
    const OperationResult result = known->Results().front();
    if (!known->is_upload() || known->upload_path() != request.path ||
        known->upload_mode() != request.mode || request.size.value_or(result.size) != result.size ||
        request.crc32c.value_or(result.crc32c) != result.crc32c) {
      return refuse(reused(), known->last());
    }
    if (!request.size.has_value() || !request.crc32c.has_value()) {
      budget_.Answered();
      return Reserved::kKnown;
    }
    acknowledgements_.Add({.first = known->first,
                           .last = known->last(),
                           .level = request.level,
                           .deadline_ns = deadline_ns,
                           .request_id = known->id,
                           .results = known->Results(),
                           .earlier_attempt = true,
                           .done = std::move(done)});
    return Reserved::kAnswered;
  }
  if (waiting_ids_.contains(request.request_id)) return refuse(reused(), 0);
  if (reserved_.contains(request.request_id)) {
    return refuse(tandem::Refuse(Reason::kOutcomeUnknown, "an earlier attempt is just beginning",
                                 {.retry_after_ms = kBeginningRetryMs}),
                  0);
  }
  if (absl::Status fresh = index_.CheckNew(request.request_id, 1); !fresh.ok()) {
    return refuse(std::move(fresh), 0);
  }
  budget_.Answered();  // it takes its place again when it asks for the path
  reserved_.insert(request.request_id);
  return Reserved::kReserved;
}

absl::StatusOr<Sequence> Intake::AppendOwn(Record record, bool internal) {
  if (absl::Status status = journal_->Admit(1, record.payload.size(), internal); !status.ok()) {
    return status;
  }
  record.sequence = journal_->next_sequence();
  record.wall_time_ms = env_.clock.WallMs();
  record.payload_length = static_cast<uint32_t>(record.payload.size());
  lag_.Add(record.sequence, MonotonicMs(), 0, /*user=*/false);
  const Sequence sequence = record.sequence;
  std::vector<Record> records;
  records.push_back(std::move(record));
  journal_->Append(std::move(records));
  return sequence;
}

void Intake::OnDurable() {
  budget_.Durable(progress_.durable());
  acknowledgements_.OnDurable();
}

void Intake::OnJournalFailed(const absl::Status& why) { acknowledgements_.OnJournalFailed(why); }

void Intake::OnSettled(size_t target, Sequence first, Sequence last) {
  acknowledgements_.OnSettled(target, first, last);
}

void Intake::OnParked(size_t target, Sequence sequence) {
  acknowledgements_.OnParked(target, sequence);
}

void Intake::OnTargetChanged(size_t target) { acknowledgements_.OnTargetChanged(target); }

void Intake::OnCheckpoint() {
  SettleStates();
  Sequence oldest = progress_.MinCheckpoint();
  for (size_t i = 0; i < progress_.size(); ++i) {
    const auto& parked = progress_.target(i).parked();
    if (!parked.empty()) oldest = std::min(oldest, parked.begin()->first);
  }
  lag_.Forget(oldest);
}

void Intake::OnUnparked(size_t lane) {
  questions_.Distrust(lane);
  SettleStates();
}

// One target is enough: whoever is behind what was forgotten is not believed (OnAnswer). So a
// target that is gone for days costs no memory per path.
void Intake::SettleStates() {
  const auto parked = [this](Sequence sequence) { return !progress_.IsAppliedAnywhere(sequence); };
  states_.Unpark(parked);
  states_.Settle(progress_.MaxCheckpoint(), parked);
}

void Intake::OnAnswer(size_t lane, const internal::v1::PathAnswer& answer) {
  const TargetProgress& target = progress_.target(lane);
  const std::string* path = questions_.PathOf(answer.id());
  std::optional<std::vector<PathState>> found;
  if (answer.error().empty()) found = ComponentsOf(answer);
  // One that misses paths has some of them as they once were, and others copied since.
  if (path == nullptr || !target.known() || target.misses_paths()) {
    found.reset();
  } else if (!found.has_value() || target.IsDisturbed(DecidingPart(*path, answer))) {
    found = WithParked(target, *path, found);
  }
  for (const Ticket ticket : questions_.OnAnswer(lane, answer.id(), found)) {
    ready_.push_back(ticket);
  }
  questions_.AskMore(lane);
  RunReady();
}

// What is parked or skipped on all targets is known without asking: a target may be down for long.
bool Intake::FillFromParked(const std::vector<std::string>& unknown) {
  bool filled = false;
  for (const std::string& path : unknown) {
    for (size_t i = 0; i < progress_.size(); ++i) {
      const TargetProgress& target = progress_.target(i);
      if (!target.known() || target.misses_paths()) continue;
      if (target.checkpoint() < states_.forgotten()) continue;
      const auto components = WithParked(target, path, std::nullopt);
      if (!components.has_value()) continue;
      filled = states_.Fill(path, *components, journal_->appended()) || filled;
      break;
    }
  }
  return filled;
}

void Intake::StopSequencing() {
  stopped_ = true;
  while (!waiting_.empty()) {
    RefuseWaiting(waiting_.begin()->first,
                  tandem::Refuse(Reason::kShuttingDown, "the daemon is shutting down"));
    RunReady();
  }
}

}  // namespace tandem
