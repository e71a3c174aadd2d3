// Core on a journal in memory, two lanes in the test's hand and a virtual clock.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/base/reason.h"
#include "daemon/core/core_impl.h"
#include "tests/sim/sim_world.h"
#include "tests/unit/core/fake_journal.h"
#include "tests/unit/core/fake_lane.h"

namespace tandem {

// Core never touches a file.
class NoFiles final : public Files {
 public:
  void Submit(IoRequest, IoDone) override { ADD_FAILURE() << "core touched a file"; }
  absl::string_view engine() const override { return "none"; }
  size_t in_flight() const override { return 0; }
};

// What became of a request.
struct Outcome {
  std::optional<absl::StatusOr<WriteReply>> reply;

  [[nodiscard]] bool answered() const { return reply.has_value(); }
  [[nodiscard]] bool ok() const { return answered() && reply->ok(); }
  [[nodiscard]] const WriteReply& value() const { return reply->value(); }
  [[nodiscard]] const OperationResult& result() const { return value().results.at(0); }
  [[nodiscard]] absl::Status status() const {
    return answered() ? reply->status() : absl::UnknownError("not answered");
  }
  [[nodiscard]] std::string reason() const {
    if (!answered()) return "(no answer)";
    if (reply->ok()) return "(ok)";
    const auto found = ReasonOf(reply->status());
    return found.has_value() ? std::string(ReasonName(*found)) : reply->status().ToString();
  }
  [[nodiscard]] std::string metadata(const std::string& key) const {
    for (const auto& [name, value] : DetailOf(status()).metadata) {
      if (name == key) return value;
    }
    return "";
  }
};
using OutcomePtr = std::shared_ptr<Outcome>;

inline Operation PutOf(std::string path, std::string payload = "data", bool if_absent = false) {
  return {.type = OperationType::kPut,
          .path = std::move(path),
          .payload = std::move(payload),
          .if_absent = if_absent};
}
inline Operation AppendOf(std::string path, std::string payload = "data") {
  return {.type = OperationType::kAppend, .path = std::move(path), .payload = std::move(payload)};
}
inline Operation WriteAtOf(std::string path, uint64_t offset, std::string payload = "data") {
  return {.type = OperationType::kWriteAt,
          .path = std::move(path),
          .payload = std::move(payload),
          .offset = offset};
}
inline Operation TruncateOf(std::string path, uint64_t size) {
  return {.type = OperationType::kTruncate, .path = std::move(path), .offset = size};
}
inline Operation DeleteOf(std::string path) {
  return {.type = OperationType::kDelete, .path = std::move(path)};
}
inline Operation RenameOf(std::string path, std::string new_path, bool if_absent = false) {
  return {.type = OperationType::kRename,
          .path = std::move(path),
          .new_path = std::move(new_path),
          .if_absent = if_absent};
}

class CoreFixture : public testing::Test {
 protected:
  CoreFixture() {
    options.targets = {{.name = "local", .path = "/local"}, {.name = "corebank", .path = "/cb"}};
  }

  // Starts core on what the journal kept; both lanes connect.
  void Start(std::vector<Record> recovered = {}) {
    StartWithoutLanes(std::move(recovered));
    Attach(local, "local");
    Attach(corebank, "corebank");
  }
  // Of those up to `retired` only the footers are there.
  void StartWithoutLanes(std::vector<Record> recovered = {}, Sequence retired = 0) {
    core = std::make_unique<CoreImpl>(env, options, nullptr);
    for (const Record& record : recovered) {
      core->Recover(record, {.segment = record.sequence <= retired ? 0u : 1u});
    }
    auto owned =
        std::make_unique<FakeJournal>(std::move(recovered), retired, [this] { world.Poll(); });
    journal = owned.get();
    journal->report().run_ms = run_at_start_ms;
    journal->report().forgotten = forgotten;
    core->Begin(std::move(owned));
  }
  // Restarts core on what the journal had durable.
  void Restart() {
    std::vector<Record> kept;
    for (const Record& record : journal->records()) {
      if (record.sequence <= journal->tail().durable) kept.push_back(record);
    }
    core.reset();
    world.Poll();
    local.Reset();
    corebank.Reset();
    Start(std::move(kept));
  }
  void Attach(FakeLane& lane, const std::string& name, Sequence checkpoint = 0) {
    core->AttachLane(name, lane.Connect());
    lane.Reset();
    lane.Hello(checkpoint);
  }

  [[nodiscard]] Uuid NewId() {
    ++ids_;
    return MakeUuidV7(world.wall_ms(), ids_, ids_ * 77);
  }
  [[nodiscard]] Uuid OtherId() {
    Uuid id = NewId();
    id.bytes[6] = static_cast<uint8_t>(0x40 | (id.bytes[6] & 0x0f));
    return id;
  }

  OutcomePtr Submit(Uuid id, std::vector<Operation> operations, Level level = Level::kJournaled,
                    int64_t wait_timeout_ms = 60'000) {
    auto outcome = std::make_shared<Outcome>();
    core->Write({.request_id = id,
                 .operations = std::move(operations),
                 .level = level,
                 .wait_timeout_ms = wait_timeout_ms},
                [outcome](absl::StatusOr<WriteReply> reply) {
                  EXPECT_FALSE(outcome->answered()) << "answered twice";
                  outcome->reply = std::move(reply);
                });
    EXPECT_FALSE(outcome->answered()) << "answered inside the call";
    return outcome;
  }
  OutcomePtr Do(Operation operation, Level level = Level::kJournaled) {
    return Submit(NewId(), {std::move(operation)}, level);
  }
  // The same, with the lanes' answers and the journal's sync.
  OutcomePtr Run(Operation operation, Level level = Level::kJournaled) {
    OutcomePtr outcome = Do(std::move(operation), level);
    Settle();
    journal->Sync();
    Settle();
    return outcome;
  }
  // Lets lanes answer until nobody asks any more.
  void Settle() {
    do {
      world.Poll();
    } while (local.Answer() || corebank.Answer());
    world.Poll();
  }
  // Applied and saved on both targets up to here.
  void Apply(Sequence last) {
    for (FakeLane* lane : {&local, &corebank}) {
      lane->Durable(1, last);
      lane->Checkpoint(last);
    }
    world.Poll();
  }
  void SetTree(const std::string& path, PathKind kind, uint64_t size = 0) {
    for (FakeLane* lane : {&local, &corebank}) lane->tree[path] = {.kind = kind, .size = size};
  }

  SimWorld world{1};
  NoFiles files;
  Env env = world.MakeEnv(files);
  CoreOptions options;
  std::unique_ptr<CoreImpl> core;
  FakeJournal* journal = nullptr;
  FakeLane local;
  FakeLane corebank;
  // What the journal says at the next start.
  int64_t run_at_start_ms = 1;
  IdTimes forgotten;

 private:
  uint64_t ids_ = 0;
};

}  // namespace tandem
