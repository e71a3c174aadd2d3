#include "daemon/core/core_impl.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/base/reason.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

absl::Status ShuttingDown() { return Refuse(Reason::kShuttingDown, "the daemon is shutting down"); }

}  // namespace

Awaitable<absl::StatusOr<std::unique_ptr<Core>>> Core::Start(Env& env, CoreOptions options,
                                                             Listener* listener) {
  JournalOptions journal_options = options.journal;
  if (journal_options.writer.empty()) journal_options.writer = options.writer;
  Sequence witnessed = 0;
  journal_options.targets.clear();
  for (const CoreTarget& target : options.targets) {
    witnessed = std::max({witnessed, target.witnessed, target.saved_checkpoint});
    journal_options.targets.push_back(target.name);
  }
  auto core = std::make_unique<CoreImpl>(env, std::move(options), listener);
  const auto visit = [&core](const RecordHeader& record, const RecordPlace& place) {
    core->Recover(record, place);
  };
  CO_ASSIGN_OR_RETURN(
      std::unique_ptr<Journal> journal,
      co_await Journal::Open(env, std::move(journal_options), witnessed, Journal::Visitor(visit)));
  CO_RETURN_IF_ERROR(co_await core->LoadMissed());
  core->Begin(std::move(journal));
  co_return std::unique_ptr<Core>(std::move(core));
}

CoreImpl::CoreImpl(Env& env, CoreOptions options, Core::Listener* listener)
    : env_(env),
      options_(std::move(options)),
      listener_(listener),
      progress_(options_.targets),
      intake_(env, options_, progress_, *this),
      uploads_(env, options_, intake_, progress_),
      detachment_(env, options_, progress_, lanes_,
                  {.send_tail = [this](size_t lane) { SendTail(lane); },
                   .changed = [this](size_t lane) { OnMissedChanged(lane); },
                   .lag_ms =
                       [this](size_t lane) {
                         return intake_.LagMs(progress_.target(lane).Lag(intake_.lag()));
                       }}),
      rates_(progress_.size()),
      completeness_(progress_.size()),
      commands_(env),
      heartbeat_(env.clock, options_.heartbeat_interval_ms, [this] { Beat(); }),
      moved_(env.executor) {
  for (size_t i = 0; i < progress_.size(); ++i) {
    lanes_.push_back(
        std::make_unique<LaneEndpoint>(env, LaneEndpoint::Handlers{
                                                .on_message =
                                                    [this, i](internal::v1::LaneMessage message) {
                                                      OnLaneMessage(i, std::move(message));
                                                    },
                                                .on_lost =
                                                    [this, i] {
                                                      commands_.OnLaneLost(i);
                                                      detachment_.OnLost(i);
                                                      NotifyHealth();
                                                      moved_.Notify();
                                                    },
                                            }));
  }
}

CoreImpl::~CoreImpl() = default;

void CoreImpl::Recover(const RecordHeader& record, const RecordPlace& place) {
  const bool kept = place.segment != 0;
  intake_.Recover(record, kept);
  if (kept) uploads_.Recover(record);
}

void CoreImpl::Begin(std::unique_ptr<Journal> journal) {
  journal_ = std::move(journal);
  progress_.SetDurable(journal_->tail().durable);
  // What has left the journal was applied everywhere, whatever else is known.
  progress_.RaiseCheckpoints(journal_->retired());
  intake_.Begin(*journal_);
  uploads_.Begin(*journal_);
  for (size_t i = 0; i < progress_.size(); ++i) {
    const Sequence checkpoint = progress_.target(i).checkpoint();
    TANDEM_CHECK(checkpoint <= progress_.durable());
    if (checkpoint > 0) journal_->SetCheckpoint(progress_.name(i), checkpoint);
  }
  journal_->Start(*this);
  detachment_.Begin(*journal_);
  uploads_.AbortRecovered();
  heartbeat_.Start();
}

void CoreImpl::Write(WriteRequest request, WriteDone done) {
  absl::Status status = ValidateWrite(request, options_);
  if (status.ok() && draining_) status = ShuttingDown();
  if (!status.ok()) {
    boost::asio::post(env_.executor,
                      [done = std::move(done), status]() mutable { done(std::move(status)); });
    return;
  }
  IntakeWrite write;
  write.request_id = request.request_id;
  write.digest = DigestOf(request.operations);
  write.operations = std::move(request.operations);
  write.level = request.level;
  write.deadline_ns = intake_.DeadlineNs(request.wait_timeout_ms);
  write.done = std::move(done);
  intake_.Submit(std::move(write));
}

void CoreImpl::OpenUpload(UploadRequest request, Uploads::Opened opened) {
  absl::Status status = ValidateUpload(request, options_);
  if (status.ok() && draining_) status = ShuttingDown();
  if (!status.ok()) {
    boost::asio::post(env_.executor, [opened = std::move(opened), status]() mutable {
      opened(std::move(status));
    });
    return;
  }
  uploads_.Open(std::move(request), std::move(opened));
}

void CoreImpl::AddChunk(UploadId upload, std::string data,
                        absl::AnyInvocable<void(absl::Status)> done) {
  uploads_.AddChunk(upload, std::move(data), std::move(done));
}

void CoreImpl::CommitUpload(UploadId upload, WriteDone done) {
  uploads_.Commit(upload, std::move(done));
}

void CoreImpl::AbortUpload(UploadId upload) { uploads_.Abort(upload); }

void CoreImpl::WaitDurable(WriteKey key, Level level, int64_t wait_timeout_ms, WriteDone done) {
  if (absl::Status status = ValidateWait(level, wait_timeout_ms); !status.ok()) {
    boost::asio::post(env_.executor,
                      [done = std::move(done), status]() mutable { done(std::move(status)); });
    return;
  }
  intake_.WaitDurable(key, level, intake_.DeadlineNs(wait_timeout_ms), std::move(done));
}

absl::StatusOr<WriteInfo> CoreImpl::GetWrite(WriteKey key) { return intake_.GetWrite(key); }

absl::StatusOr<PendingPage> CoreImpl::ListPending(const std::string& target, PendingPlace after,
                                                  size_t limit) {
  return tandem::ListPending(progress_, target, after, limit);
}

void CoreImpl::ResolvePending(PendingRequest request, PendingDone done) {
  const std::optional<size_t> lane = progress_.IndexOf(request.target);
  commands_.Add(lane, lane.has_value() ? lanes_[*lane].get() : nullptr, std::move(request),
                std::move(done));
}

void CoreImpl::OnDurable(JournalTail tail) {
  TANDEM_CHECK(tail.durable <= journal_->appended());
  progress_.SetDurable(tail.durable);
  if (std::exchange(announcing_, true)) return;
  // Not now, and behind what the journal is about to submit: the next group is written and synced
  // while this one's callers are answered.
  boost::asio::post(env_.executor, [this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.expired()) return;
    boost::asio::post(env_.executor, [this, alive] {
      if (!alive.expired()) Announce();
    });
  });
}

void CoreImpl::Announce() {
  if (!std::exchange(announcing_, false)) return;
  for (size_t i = 0; i < lanes_.size(); ++i) SendTail(i);
  intake_.OnDurable();
  uploads_.OnDurable();
  moved_.Notify();
}

void CoreImpl::OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) {
  if (listener_ != nullptr) listener_->OnGroup(records, bytes, sync_ns);
}

void CoreImpl::OnState(JournalState state, const absl::Status& why) {
  Announce();
  state_ = state;
  state_reason_ = std::string(why.message());
  env_.log.Warning("journal_state",
                   {{"state", static_cast<int>(state)}, {"reason", state_reason_}});
  if (state == JournalState::kFull || state == JournalState::kDiskFull) {
    for (const auto& lane : lanes_) lane->SendSaveCheckpoint();
  }
  if (state == JournalState::kFailed) {
    uploads_.OnJournalFailed();
    intake_.OnJournalFailed(why);
  }
  NotifyHealth();
  moved_.Notify();
}

void CoreImpl::OnRetired(Sequence last) {
  // Retired is what every target has applied or parked, never more.
  TANDEM_CHECK(last <= progress_.MinHighestCheckpoint());
}

void CoreImpl::NotifyHealth() {
  if (listener_ != nullptr) listener_->OnHealth();
}

bool CoreImpl::LanesAreDone() const {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (!lanes_[i]->attached() || lanes_[i]->drained() || !detachment_.MayFollow(i)) continue;
    if (progress_.target(i).checkpoint() < journal_->appended()) return false;
  }
  return true;
}

Awaitable<absl::Status> CoreImpl::Drain(int64_t deadline_ms) {
  const int64_t deadline_ns = env_.clock.MonotonicNs() + deadline_ms * kNsPerMs;
  const auto left_ns = [this, deadline_ns] { return deadline_ns - env_.clock.MonotonicNs(); };
  draining_ = true;
  heartbeat_.Stop();
  uploads_.AbortAll(ShuttingDown());
  intake_.StopSequencing();
  // The lanes stop at the end they know of: it has to be the last one.
  while (state_ != JournalState::kFailed && progress_.durable() < journal_->appended() &&
         left_ns() > 0) {
    co_await moved_.WaitFor(env_.clock, left_ns());
  }
  const int64_t lanes_ms = std::max<int64_t>(0, left_ns() / kNsPerMs);
  Announce();
  for (const auto& lane : lanes_) lane->SendDrain(lanes_ms);
  while (!LanesAreDone() && left_ns() > 0) co_await moved_.WaitFor(env_.clock, left_ns());
  const std::weak_ptr<bool> alive = alive_;
  absl::Status closed = co_await journal_->Close();
  // The journal's end wakes also who closed it for a core that is gone.
  if (alive.expired()) co_return closed;
  Announce();
  intake_.AnswerAll();
  co_return closed;
}

}  // namespace tandem
