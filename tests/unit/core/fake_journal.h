// A journal in memory: the test says when what was appended becomes durable.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/check.h"
#include "daemon/journal/journal.h"

namespace tandem {

class FakeJournal final : public Journal {
 public:
  // Continues behind `recovered`. `settle` lets happen what core put off.
  FakeJournal(std::vector<Record> recovered, Sequence retired, std::function<void()> settle)
      : records_(std::move(recovered)), retired_(retired), settle_(std::move(settle)) {
    if (!records_.empty()) appended_ = durable_ = records_.back().sequence;
    recovery_.last = durable_;
    recovery_.epoch = 7;
  }

  // Everything appended becomes durable.
  void Sync() { SyncTo(appended_); }
  void SyncTo(Sequence durable) {
    MoveDurable(durable);
    settle_();
  }
  // Core has not told anybody yet.
  void MoveDurable(Sequence durable) {
    TANDEM_CHECK(durable <= appended_);
    durable_ = durable;
    listener_->OnDurable(tail());
  }
  void Fail(const absl::Status& why) {
    state_ = JournalState::kFailed;
    refusal_ = why;
    listener_->OnState(state_, why);
  }
  // What Admit says from now on.
  void set_refusal(absl::Status refusal) { refusal_ = std::move(refusal); }

  // What opening found; before core begins.
  RecoveryReport& report() { return recovery_; }

  [[nodiscard]] const std::vector<Record>& records() const { return records_; }
  [[nodiscard]] const Record& last() const { return records_.back(); }
  [[nodiscard]] Sequence pin() const { return pin_; }
  [[nodiscard]] const std::map<std::string, Sequence>& checkpoints() const { return checkpoints_; }
  [[nodiscard]] bool closed() const { return closed_; }
  Listener& listener() { return *listener_; }

  const RecoveryReport& recovery() const override { return recovery_; }
  void Start(Listener& listener) override { listener_ = &listener; }
  Sequence next_sequence() const override { return appended_ + 1; }
  JournalTail tail() const override {
    return {.durable = durable_, .segment = 1, .segment_first = 1};
  }
  Sequence appended() const override { return appended_; }
  absl::Status Admit(uint64_t, uint64_t, bool internal) override {
    return internal ? absl::OkStatus() : refusal_;
  }
  void Append(std::vector<Record> records) override {
    for (Record& record : records) {
      TANDEM_CHECK(record.sequence == appended_ + 1);
      TANDEM_CHECK(record.payload_length == record.payload.size());
      appended_ = record.sequence;
      records_.push_back(std::move(record));
    }
  }
  absl::StatusOr<RecordPlace> PlaceOf(Sequence sequence) const override {
    if (sequence > durable_) return absl::NotFoundError("not durable");
    return RecordPlace{.segment = 1, .offset = sequence * 1000, .length = 500};
  }
  void SetCheckpoint(const std::string& target, Sequence checkpoint) override {
    checkpoints_[target] = checkpoint;
  }
  void SetDetached(const std::string& target, bool detached) override {
    if (detached) {
      detached_.insert(target);
    } else {
      detached_.erase(target);
    }
  }
  [[nodiscard]] const std::set<std::string>& detached() const { return detached_; }
  void SetPin(Sequence oldest) override { pin_ = oldest; }
  uint64_t bytes_used() const override { return 4096; }
  JournalState state() const override { return state_; }
  JournalCounters counters() const override { return {}; }
  Sequence retired() const override { return retired_; }
  Awaitable<absl::Status> Close() override {
    MoveDurable(appended_);
    closed_ = true;
    co_return absl::OkStatus();
  }

 private:
  std::vector<Record> records_;
  Sequence appended_ = 0;
  Sequence durable_ = 0;
  Sequence pin_ = 0;
  Sequence retired_ = 0;
  std::function<void()> settle_;
  absl::Status refusal_;
  JournalState state_ = JournalState::kServing;
  RecoveryReport recovery_;
  std::map<std::string, Sequence> checkpoints_;
  std::set<std::string> detached_;
  bool closed_ = false;
  Listener* listener_ = nullptr;
};

}  // namespace tandem
