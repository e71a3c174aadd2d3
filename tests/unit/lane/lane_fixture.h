// A whole lane on a real journal, simulated disks and a virtual clock; core's end of its channel is
// in the test's hand.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/journal/journal.h"
#include "daemon/lane/lane.h"
#include "daemon/lane/lane_state.h"
#include "tests/sim/sim_channel.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"
#include "tests/unit/lane/records.h"

namespace tandem {

// A process on the simulated machine.
struct LaneTestProcess {
  LaneTestProcess(SimWorld& world, SimDisk& journal, SimDisk* target) : files(world), clock(world) {
    files.Mount("/j", &journal);
    if (target != nullptr) files.Mount("/t", target);
  }
  void Kill(SimWorld& world) {
    clock.Kill();
    files.Kill();
    world.Poll();
  }

  SimFiles files;
  SimClock clock;
  std::optional<Env> env;
  std::unique_ptr<Lane> lane;
  std::optional<absl::Status> ended;
};

class LaneFixture : public testing::Test, private Journal::Listener {
 protected:
  using CoreMessage = internal::v1::CoreMessage;
  using LaneMessage = internal::v1::LaneMessage;
  using PendingCommand = internal::v1::PendingCommand;
  using PendingResult = internal::v1::PendingResult;

  LaneFixture() {
    options_.target = "local";
    options_.target_path = "/t";
    options_.journal_directory = "/j/journal";
    options_.writer = "w";
    options_.writer_root = "root";
    options_.initialize_target = true;
    options_.max_retries = 0;
    options_.retry_initial_ms = 1;
    options_.parked_retry_interval_ms = 3'600'000;
    options_.apply_linger_ms = 0;
  }
  ~LaneFixture() override {
    for (auto& process : processes_) process->Kill(world_);
    core_.Kill(world_);
    journal_.reset();
    for (auto& process : processes_) process->lane.reset();
    world_.Poll();
  }

  // The journal, and a lane that follows it.
  void Start() {
    core_.env.emplace(
        Env{world_.executor(), core_.files, core_.clock, world_.random(), world_.log()});
    const auto visit = [](const RecordHeader&, const RecordPlace&) {};
    auto journal = world_.Await(Journal::Open(*core_.env,
                                              {.directory = "/j/journal",
                                               .segment_bytes = 256 << 10,
                                               .group_bytes = 32 << 10,
                                               .max_bytes = 4 << 20,
                                               .reserve_bytes = 64 << 10,
                                               .owner = "test",
                                               .targets = {"local"}},
                                              0, visit));
    ASSERT_TRUE(journal.ok()) << journal.status();
    journal_ = *std::move(journal);
    journal_->Start(*this);
    StartLane();
    world_.RunFor(100 * kSimMs);
  }

  void StartLane() {
    auto link = MakeSimLink<CoreMessage, LaneMessage>(world_);
    channel_ = std::move(link.first);
    parked_.clear();
    durable_.clear();
    channel_->Start({.on_message = [this](LaneMessage message) { Take(message); },
                     .on_drained = [] {},
                     .on_closed = [](const absl::Status&) {}});
    processes_.push_back(std::make_unique<LaneTestProcess>(world_, journal_disk_, &disk_));
    LaneTestProcess& process = *processes_.back();
    process.env.emplace(
        Env{world_.executor(), process.files, process.clock, world_.random(), world_.log()});
    process.lane = std::make_unique<Lane>(*process.env, options_, std::move(link.second));
    Spawn(world_.executor(), RunLane(&process));
    if (missed_state_.has_value()) {
      CoreMessage message;
      *message.mutable_missed() = *missed_state_;
      channel_->Send(std::move(message));
    }
    SendTail();
  }
  // SIGKILL, or even a power cut; then its successor.
  void Restart(bool power_cut = false) {
    processes_.back()->Kill(world_);
    channel_.reset();
    if (power_cut) disk_.Crash(world_.random());
    StartLane();
  }

  // Journals the record, under the next sequence.
  Sequence Append(Record record) {
    record.sequence = journal_->next_sequence();
    record.payload_length = static_cast<uint32_t>(record.payload.size());
    TANDEM_CHECK(journal_->Admit(1, record.payload.size(), false).ok());
    const Sequence sequence = record.sequence;
    std::vector<Record> records;
    records.push_back(std::move(record));
    journal_->Append(std::move(records));
    return sequence;
  }
  // And waits until the lane has applied or parked it.
  Sequence Do(Record record) {
    const Sequence sequence = Append(std::move(record));
    EXPECT_TRUE(world_.RunUntil(
        [&] { return durable_.contains(sequence) || parked_.contains(sequence); }, kLimit));
    return sequence;
  }

  // Core asks what is at each; the answers are in answers_.
  void AskAt(const std::vector<std::string>& paths) {
    CoreMessage message;
    for (const std::string& path : paths) {
      auto& query = *message.add_queries();
      query.set_id(++commands_);
      query.set_path(path);
    }
    channel_->Send(std::move(message));
  }
  // Descriptors that the lane has open.
  [[nodiscard]] size_t open_handles() const { return processes_.back()->files.open_handles(); }

  // As core relays it for another lane; the answer is in source_answers_.
  uint64_t AskSource(internal::v1::SourceQuery query) {
    query.set_id(++commands_);
    CoreMessage message;
    *message.add_source_queries() = std::move(query);
    channel_->Send(std::move(message));
    return commands_;
  }

  // What core relays for a question in source_queries_.
  void AnswerSource(uint64_t id, internal::v1::SourceTrouble trouble) {
    CoreMessage message;
    message.add_source_answers()->set_id(id);
    message.mutable_source_answers(0)->set_trouble(trouble);
    channel_->Send(std::move(message));
  }

  void AnswerSource(uint64_t id, PathKind kind, Sequence at) {
    CoreMessage message;
    auto& answer = *message.add_source_answers();
    answer.set_id(id);
    answer.set_kind(static_cast<uint32_t>(kind));
    answer.set_at(at);
    answer.set_mode(0755);
    channel_->Send(std::move(message));
  }

  uint64_t Send(PendingCommand command) {
    command.set_id(++commands_);
    CoreMessage message;
    *message.add_commands() = command;
    channel_->Send(std::move(message));
    return commands_;
  }
  PendingResult Ask(PendingCommand command) {
    Send(std::move(command));
    EXPECT_TRUE(world_.RunUntil([&] { return results_.contains(commands_); }, kLimit));
    // And what it sets off.
    world_.RunFor(50 * kSimMs);
    return results_[commands_];
  }
  PendingResult Retry(const std::string& path = "") {
    PendingCommand command;
    command.set_path(path);
    return Ask(command);
  }
  PendingResult Skip(std::vector<Sequence> sequences, const std::string& path = "") {
    PendingCommand command;
    command.set_skip(true);
    command.set_path(path);
    for (const Sequence sequence : sequences) command.add_sequences(sequence);
    command.set_reason("not needed");
    command.set_caller("somebody");
    return Ask(command);
  }

  // Core stops in order.
  void Drain() {
    CoreMessage message;
    message.set_drain(true);
    message.set_drain_ms(100);
    channel_->Send(std::move(message));
  }

  // What the lane ended with, if it did.
  [[nodiscard]] const std::optional<absl::Status>& ended() const {
    return processes_.back()->ended;
  }

  // The writer's file on the target; "(none)" if there is none.
  [[nodiscard]] std::string At(const std::string& path) const {
    return disk_.ReadFile("root/" + path).value_or("(none)");
  }
  // The target refuses this path, until Allow.
  void Refuse(const std::string& path) { disk_.FailPath("root/" + path, EACCES); }
  void Allow(const std::string& path) { disk_.FailPath("root/" + path, 0); }

  [[nodiscard]] bool IsDurable(Sequence sequence) const {
    return durable_.contains(sequence) && !parked_.contains(sequence);
  }
  [[nodiscard]] bool IsParked(Sequence sequence) const {
    const auto found = parked_.find(sequence);
    return found != parked_.end() && !found->second.has_skip();
  }
  // The paths where the target lacks it.
  [[nodiscard]] std::vector<std::string> DivergedBy(Sequence sequence) const {
    const auto found = parked_.find(sequence);
    if (found == parked_.end()) return {};
    return {found->second.skip().diverged().begin(), found->second.skip().diverged().end()};
  }

  static constexpr int64_t kLimit = 60 * kSimSecond;
  SimWorld world_{31};
  SimDisk journal_disk_{world_};
  SimDisk disk_{world_};
  LaneOptions options_;
  std::map<Sequence, internal::v1::ParkedWrite> parked_;  // as core knows them
  std::map<Sequence, bool> durable_;
  std::map<uint64_t, internal::v1::SourceAnswer> source_answers_;
  std::vector<internal::v1::PathAnswer> answers_;
  Sequence checkpoint_ = 0;
  internal::v1::LaneStatus status_;                        // the last one
  int64_t complete_ns_ = 0;                                // what core says with its tails
  std::optional<internal::v1::MissedState> missed_state_;  // told to a lane that starts
  internal::v1::MissedPage missed_page_;                   // and the paths, when it asks
  std::vector<internal::v1::SourceQuery> source_queries_;  // what it asked other lanes
  std::vector<std::string> found_missed_;                  // paths that it found missed
  std::unique_ptr<Journal> journal_;

 private:
  static Awaitable<void> RunLane(LaneTestProcess* process) {
    process->ended = co_await process->lane->Run();
  }
  void SendTail() {
    if (channel_ == nullptr) return;
    CoreMessage message;
    message.mutable_tail()->set_durable(journal_->tail().durable);
    message.mutable_tail()->set_segment(journal_->tail().segment);
    message.mutable_tail()->set_segment_first(journal_->tail().segment_first);
    message.set_complete_ns(complete_ns_);
    channel_->Send(std::move(message));
  }
  void Take(const LaneMessage& message) {
    for (const auto& write : message.hello().parked()) parked_[write.sequence()] = write;
    checkpoint_ = std::max({checkpoint_, message.checkpoint(), message.hello().checkpoint()});
    for (const auto& write : message.parked()) parked_[write.sequence()] = write;
    for (const auto& span : message.unparked()) {
      for (Sequence i = span.first(); i <= span.last(); ++i) {
        parked_.erase(i);
        durable_[i] = true;
      }
    }
    for (const auto& span : message.durable()) {
      for (Sequence i = span.first(); i <= span.last(); ++i) durable_[i] = true;
    }
    for (const auto& answer : message.answers()) answers_.push_back(answer);
    for (const auto& answer : message.source_answers()) source_answers_[answer.id()] = answer;
    for (const auto& query : message.source_queries()) source_queries_.push_back(query);
    for (const auto& missed : message.missed()) found_missed_.push_back(missed.path());
    if (message.has_status()) status_ = message.status();
    if (message.has_missed_page()) {
      CoreMessage page;
      *page.mutable_missed_page() = missed_page_;
      channel_->Send(std::move(page));
    }
    for (const auto& result : message.results()) results_[result.id()] = result;
  }
  void OnDurable(JournalTail) override { SendTail(); }
  void OnGroup(uint64_t, uint64_t, int64_t) override {}
  void OnState(JournalState, const absl::Status&) override {}
  void OnRetired(Sequence) override {}

  LaneTestProcess core_{world_, journal_disk_, nullptr};
  std::vector<std::unique_ptr<LaneTestProcess>> processes_;  // the last one lives
  std::unique_ptr<SimChannel<CoreMessage, LaneMessage>> channel_;
  std::map<uint64_t, PendingResult> results_;
  uint64_t commands_ = 0;
};

}  // namespace tandem
