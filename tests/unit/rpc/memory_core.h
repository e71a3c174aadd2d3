// A Core in memory, for what stands in front of one.
#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"
#include "daemon/core/core.h"

namespace tandem {

// Owner: one thread, as for the real one. Writes succeed at the level asked for, at once, unless
// the public members say otherwise.
class MemoryCore final : public Core {
 public:
  struct OpenedUpload {
    UploadRequest request;
    std::string data;
    size_t chunks = 0;
  };

  // What it was asked to do, and what became of it.
  std::vector<WriteRequest> writes;
  std::vector<int64_t> waits_ms;  // of WaitDurable
  std::map<UploadId, OpenedUpload> open;
  std::vector<OpenedUpload> committed;
  size_t aborted = 0;
  size_t most_held = 0;

  // How it behaves.
  bool hold = false;            // keeps answers to writes and commits until Release
  bool hold_open = false;       // the same for OpenUpload
  absl::Status refusal;         // for every write, wait and commit, if not OK
  absl::Status chunk_refusal;   // for every chunk, if not OK
  bool earlier_upload = false;  // every upload was done before
  bool no_results = false;      // a broken core
  CoreView view;

  PendingPage pending;                   // whatever is asked for
  std::vector<PendingRequest> resolved;  // what was asked to be
  absl::StatusOr<internal::v1::PendingResult> resolution = internal::v1::PendingResult();
  std::string listed_target;
  PendingPlace listed_after;
  size_t listed_limit = 0;

  absl::StatusOr<PendingPage> ListPending(const std::string& target, PendingPlace after,
                                          size_t limit) override {
    listed_target = target;
    listed_after = after;
    listed_limit = limit;
    return pending;
  }
  void ResolvePending(PendingRequest request, PendingDone done) override {
    resolved.push_back(std::move(request));
    held_.emplace_back([this, done = std::move(done)]() mutable { done(resolution); });
    if (!hold) Release();
  }

  void Release(size_t count = SIZE_MAX) {
    for (; count > 0 && !held_.empty(); --count) {
      auto answer = std::move(held_.front());
      held_.pop_front();
      answer();
    }
  }
  [[nodiscard]] size_t held() const { return held_.size(); }
  // Lets go of what is held without an answer.
  void DropHeld() { held_.clear(); }

  void Write(WriteRequest request, WriteDone done) override {
    WriteReply reply;
    reply.level_reached = request.level;
    reply.targets = {{"local", TargetWriteState::kDurable, ""},
                     {"corebank", TargetWriteState::kFailed, "no space \xff"}};
    for (const Operation& operation : request.operations) {
      if (no_results) break;
      reply.results.push_back({.sequence = ++sequence_,
                               .crc32c = Crc32c(operation.payload),
                               .offset = operation.offset,
                               .size = operation.offset + operation.payload.size(),
                               .existed = true});
      known_[sequence_] = request.request_id;
    }
    infos_[request.request_id] = {
        .request_id = request.request_id, .reply = reply, .journaled_ms = 1'700'000'000'123};
    writes.push_back(std::move(request));
    Answer(std::move(reply), std::move(done));
  }

  void OpenUpload(UploadRequest request,
                  absl::AnyInvocable<void(absl::StatusOr<std::variant<UploadId, WriteReply>>)>
                      opened) override {
    if (!refusal.ok()) return opened(refusal);
    if (earlier_upload) {
      WriteReply reply = UploadReply("");
      reply.earlier_attempt = true;
      return opened(reply);
    }
    const UploadId id = ++upload_id_;
    open[id].request = std::move(request);
    if (!hold_open) return opened(id);
    held_.push_back([id, done = std::move(opened)]() mutable { done(id); });
  }

  void AddChunk(UploadId upload, std::string data,
                absl::AnyInvocable<void(absl::Status)> done) override {
    if (!chunk_refusal.ok()) {
      open.erase(upload);
      return done(chunk_refusal);
    }
    OpenedUpload& opened = open.at(upload);
    opened.data += data;
    ++opened.chunks;
    done(absl::OkStatus());
  }

  void CommitUpload(UploadId upload, WriteDone done) override {
    OpenedUpload opened = std::move(open.at(upload));
    open.erase(upload);
    WriteReply reply = UploadReply(opened.data);
    infos_[opened.request.request_id] = {.request_id = opened.request.request_id, .reply = reply};
    infos_[opened.request.request_id].reply.level_reached = Level::kJournaled;
    committed.push_back(std::move(opened));
    Answer(std::move(reply), std::move(done));
  }

  void AbortUpload(UploadId upload) override { aborted += open.erase(upload); }

  void WaitDurable(WriteKey key, Level level, int64_t wait_timeout_ms, WriteDone done) override {
    waits_ms.push_back(wait_timeout_ms);
    absl::StatusOr<WriteInfo> info = GetWrite(key);
    if (!info.ok()) return done(info.status());
    info->reply.level_reached = level;
    Answer(std::move(info->reply), std::move(done));
  }

  absl::StatusOr<WriteInfo> GetWrite(WriteKey key) override {
    if (const Sequence* sequence = std::get_if<Sequence>(&key)) {
      const auto id = known_.find(*sequence);
      if (id != known_.end()) key = id->second;
    }
    const auto info =
        std::holds_alternative<Uuid>(key) ? infos_.find(std::get<Uuid>(key)) : infos_.end();
    if (info == infos_.end()) return Refuse(Reason::kWriteNotFound, "no such write");
    return info->second;
  }

  void AttachLane(const std::string&, std::unique_ptr<LaneChannel>) override {}
  CoreView View() override { return view; }
  const JournalCounters journal_counters() const override { return {}; }
  const RecoveryReport& recovery() const override { return recovery_; }
  Awaitable<absl::Status> Drain(int64_t) override { co_return absl::OkStatus(); }

 private:
  WriteReply UploadReply(const std::string& data) {
    WriteReply reply;
    reply.level_reached = Level::kLocal;
    reply.results.push_back(
        {.sequence = ++sequence_, .crc32c = Crc32c(data), .offset = 0, .size = data.size()});
    return reply;
  }

  void Answer(WriteReply reply, WriteDone done) {
    absl::StatusOr<WriteReply> answer = std::move(reply);
    if (!refusal.ok()) answer = refusal;
    if (!hold) return done(std::move(answer));
    held_.push_back([answer = std::move(answer), done = std::move(done)]() mutable {
      done(std::move(answer));
    });
    most_held = std::max(most_held, held_.size());
  }

  Sequence sequence_ = 0;
  UploadId upload_id_ = 0;
  std::map<Sequence, Uuid> known_;
  std::map<Uuid, WriteInfo> infos_;
  std::deque<absl::AnyInvocable<void()>> held_;
  RecoveryReport recovery_;
};

}  // namespace tandem
