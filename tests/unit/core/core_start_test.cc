// Core on the real journal, on a simulated disk: what a restart finds.
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_files.h"
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

// One process of core.
struct CoreProcess {
  CoreProcess(SimWorld& the_world, SimDisk& disk)
      : world(the_world),
        files(world),
        clock(world),
        env{world.executor(), files, clock, world.random(), world.log()} {
    files.Mount("/", &disk);
  }
  ~CoreProcess() {
    clock.CancelAll();
    files.Kill();
    core.reset();
    world.Poll();
  }

  SimWorld& world;
  SimFiles files;
  SimClock clock;
  Env env;
  std::unique_ptr<Core> core;
};

class CoreStart : public testing::Test {
 protected:
  CoreStart() {
    options.journal.directory = "/journal";
    options.journal.segment_bytes = 1 << 20;
    options.journal.group_bytes = 64 << 10;
    options.journal.max_bytes = 16 << 20;
    options.journal.reserve_bytes = 1 << 20;
    options.writer = "w";
    options.targets = {{.name = "local"}, {.name = "corebank"}};
  }
  absl::Status Start() {
    process = std::make_unique<CoreProcess>(world, disk);
    auto core = world.Await(Core::Start(process->env, options, nullptr));
    if (!core.ok()) return core.status();
    process->core = *std::move(core);
    process->core->AttachLane("local", lane.Connect());
    lane.Reset();
    lane.Hello(0);
    return absl::OkStatus();
  }
  OutcomePtr Run(Uuid id, std::vector<Operation> operations) {
    auto outcome = std::make_shared<Outcome>();
    process->core->Write(
        {.request_id = id, .operations = std::move(operations), .level = Level::kJournaled},
        [outcome](absl::StatusOr<WriteReply> reply) { outcome->reply = std::move(reply); });
    world.RunUntil([&] {
      lane.Answer();
      return outcome->answered();
    });
    return outcome;
  }
  Uuid IdOf(uint64_t n) { return MakeUuidV7(world.wall_ms(), n, n); }

  SimWorld world{7};
  SimDisk disk{world};
  CoreOptions options;
  FakeLane lane;
  std::unique_ptr<CoreProcess> process;
};

TEST_F(CoreStart, WhatWasAcknowledgedIsKnownAfterAPowerCut) {
  ASSERT_TRUE(Start().ok());
  const Uuid append = IdOf(1);
  const Uuid batch = IdOf(2);
  ASSERT_TRUE(Run(append, {AppendOf("log", "12345")})->ok());
  ASSERT_TRUE(Run(batch, {PutOf("d/a", "1"), PutOf("d/b", "22")})->ok());
  process.reset();
  disk.Crash(world.random());
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(process->core->View().durable, 3u);
  EXPECT_EQ(process->core->View().targets[1].lag_writes, 3u);
  const OutcomePtr retry = Run(append, {AppendOf("log", "12345")});
  ASSERT_TRUE(retry->ok()) << retry->status();
  EXPECT_TRUE(retry->value().earlier_attempt);
  EXPECT_EQ(retry->result().size, 5u);
  EXPECT_EQ(Run(batch, {PutOf("d/a", "other")})->reason(), "REQUEST_ID_REUSED");
  const OutcomePtr next = Run(IdOf(3), {AppendOf("log", "6")});
  ASSERT_TRUE(next->ok());
  EXPECT_EQ(next->result().offset, 5u) << "no target has it yet: the journal knows";
  EXPECT_EQ(next->result().sequence, 4u);
  EXPECT_EQ(Run(IdOf(4), {PutOf("d")})->reason(), "PATH_IS_DIRECTORY");
}

TEST_F(CoreStart, AnUploadThatWasOpenIsAbortedByARecord) {
  ASSERT_TRUE(Start().ok());
  std::optional<UploadId> upload;
  process->core->OpenUpload({.request_id = IdOf(1), .path = "big", .level = Level::kJournaled},
                            [&](absl::StatusOr<std::variant<UploadId, WriteReply>> opened) {
                              upload = std::get<UploadId>(*opened);
                            });
  world.RunUntil([&] {
    lane.Answer();
    return upload.has_value();
  });
  bool room = false;
  process->core->AddChunk(*upload, std::string(100'000, 'x'),
                          [&](absl::Status status) { room = status.ok(); });
  world.RunUntil([&] { return room && process->core->View().durable == 1; });
  process.reset();
  disk.Crash(world.random());
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(process->core->View().appended, 2u);
  world.RunUntil([&] { return process->core->View().durable == 2; });
  process.reset();
  ASSERT_TRUE(Start().ok());
  EXPECT_EQ(process->core->View().appended, 2u) << "once is enough";
}

TEST_F(CoreStart, AnUploadIsJournaledWithThePlacesOfItsChunks) {
  ASSERT_TRUE(Start().ok());
  std::optional<UploadId> upload;
  process->core->OpenUpload({.request_id = IdOf(1), .path = "big", .level = Level::kJournaled},
                            [&](absl::StatusOr<std::variant<UploadId, WriteReply>> opened) {
                              upload = std::get<UploadId>(*opened);
                            });
  world.RunUntil([&] {
    lane.Answer();
    return upload.has_value();
  });
  for (int i = 0; i < 10; ++i) {
    bool room = false;
    process->core->AddChunk(*upload, std::string(100'000, 'x'), [&](absl::Status status) {
      ASSERT_TRUE(status.ok()) << status;
      room = true;
    });
    ASSERT_TRUE(world.RunUntil([&] { return room; }));
  }
  auto outcome = std::make_shared<Outcome>();
  process->core->CommitUpload(
      *upload, [&](absl::StatusOr<WriteReply> reply) { outcome->reply = std::move(reply); });
  world.RunUntil([&] { return outcome->answered(); });
  ASSERT_TRUE(outcome->ok()) << outcome->status();
  EXPECT_EQ(outcome->result().size, 1'000'000u);
}

TEST_F(CoreStart, AWitnessBeyondTheEndIsCorruption) {
  ASSERT_TRUE(Start().ok());
  ASSERT_TRUE(Run(IdOf(1), {PutOf("a")})->ok());
  process.reset();
  options.targets[0].witnessed = 50;
  EXPECT_TRUE(absl::IsDataLoss(Start()));
}

TEST_F(CoreStart, ASecondCoreIsRefused) {
  ASSERT_TRUE(Start().ok());
  CoreProcess second(world, disk);
  const auto core = world.Await(Core::Start(second.env, options, nullptr));
  EXPECT_TRUE(absl::IsFailedPrecondition(core.status())) << core.status();
}

}  // namespace
}  // namespace tandem
