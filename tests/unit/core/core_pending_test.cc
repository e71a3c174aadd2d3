// What core shows of parked and skipped writes, and how it relays what an operator asks.
#include "tests/unit/core/core_fixture.h"

namespace tandem {
namespace {

using internal::v1::PendingResult;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct Resolution {
  std::optional<absl::StatusOr<PendingResult>> result;
  [[nodiscard]] std::string reason() const {
    if (!result.has_value()) return "(no answer)";
    if (result->ok()) return "(ok)";
    return std::string(ReasonName(*ReasonOf(result->status())));
  }
};

class CorePending : public CoreFixture {
 protected:
  CorePending() { Start(); }

  static internal::v1::ParkedWrite Skipped(Sequence sequence, std::vector<std::string> paths) {
    internal::v1::ParkedWrite write = FakeLane::Parked(sequence, paths.front());
    write.mutable_skip()->set_reason("not needed");
    for (const std::string& path : paths) write.mutable_skip()->add_diverged(path);
    return write;
  }
  void Tell(FakeLane& lane, internal::v1::ParkedWrite write) {
    internal::v1::LaneMessage message;
    *message.add_parked() = std::move(write);
    lane.Send(std::move(message));
  }
  std::shared_ptr<Resolution> Resolve(const std::string& target, bool skip = false) {
    auto resolution = std::make_shared<Resolution>();
    core->ResolvePending({.target = target,
                          .path = "p",
                          .skip = skip,
                          .reason = "r",
                          .caller = "c",
                          .wait_timeout_ms = 1'000},
                         [resolution](absl::StatusOr<PendingResult> result) {
                           resolution->result = std::move(result);
                         });
    EXPECT_FALSE(resolution->result.has_value()) << "answered inside the call";
    world.Poll();
    return resolution;
  }
  // The last command that the lane got.
  static internal::v1::PendingCommand Got(FakeLane& lane) {
    for (auto message = lane.sent().rbegin(); message != lane.sent().rend(); ++message) {
      if (message->commands_size() > 0) return *message->commands().rbegin();
    }
    return {};
  }
  void Reply(FakeLane& lane, PendingResult result) {
    internal::v1::LaneMessage message;
    *message.add_results() = std::move(result);
    lane.Send(std::move(message));
    world.Poll();
  }
  [[nodiscard]] std::vector<std::string> List(const std::string& target, PendingPlace after,
                                              size_t limit, PendingPage* page = nullptr) {
    const auto listed = core->ListPending(target, after, limit);
    EXPECT_TRUE(listed.ok()) << listed.status();
    if (!listed.ok()) return {};
    std::vector<std::string> texts;
    for (const auto& entry : listed->entries) {
      texts.push_back(absl::StrCat(entry.target, " ", entry.write.sequence()));
    }
    if (page != nullptr) *page = *listed;
    return texts;
  }
};

TEST_F(CorePending, ASkippedWriteIsNeverCalledDurableUntilItIsReplaced) {
  Run(PutOf("p"));
  local.Durable(1, 1);
  corebank.Park(1, "p");
  EXPECT_EQ(core->View().targets[1].lag_writes, 1u);
  Tell(corebank, Skipped(1, {"p"}));
  corebank.Checkpoint(1);
  const auto info = core->GetWrite(Sequence{1});
  EXPECT_EQ(info->reply.level_reached, Level::kLocal);
  EXPECT_EQ(info->reply.targets[1].state, TargetWriteState::kFailed);
  EXPECT_THAT(info->reply.targets[1].reason, HasSubstr("skipped by an operator: not needed"));
  TargetView view = core->View().targets[1];
  EXPECT_EQ(view.lag_writes, 0u) << "it will never come: that is no lag";
  EXPECT_EQ(view.parked_count, 0u);
  EXPECT_EQ(view.skipped_count, 1u);
  EXPECT_EQ(view.diverged_paths, 1u);
  // Not even after the lane's restart.
  Attach(corebank, "corebank");
  corebank.Hello(1, {}, {Skipped(1, {"p"})});
  EXPECT_EQ(core->GetWrite(Sequence{1})->reply.targets[1].state, TargetWriteState::kFailed);
  corebank.Unpark(1);
  EXPECT_EQ(core->GetWrite(Sequence{1})->reply.level_reached, Level::kAll);
  EXPECT_EQ(core->View().targets[1].diverged_paths, 0u);
}

TEST_F(CorePending, WhoWaitsForASkippedWriteIsToldWhy) {
  Run(PutOf("p"));
  Tell(corebank, Skipped(1, {"p"}));
  auto outcome = std::make_shared<Outcome>();
  core->WaitDurable(Sequence{1}, Level::kAll, 60'000, [outcome](absl::StatusOr<WriteReply> reply) {
    outcome->reply = std::move(reply);
  });
  world.Poll();
  EXPECT_EQ(outcome->reason(), "TARGET_FAILED");
  EXPECT_THAT(outcome->metadata("error"), HasSubstr("not needed"));
}

TEST_F(CorePending, DivergedPathsAreCountedOnceWhateverTheyLack) {
  for (int i = 0; i < 3; ++i) Run(PutOf("p"));
  Tell(corebank, Skipped(1, {"p"}));
  Tell(corebank, Skipped(2, {"p", "q"}));
  EXPECT_EQ(core->View().targets[1].diverged_paths, 2u);
  Tell(corebank, Skipped(2, {"q"}));
  corebank.Unpark(1);
  EXPECT_EQ(core->View().targets[1].diverged_paths, 1u);
}

TEST_F(CorePending, ATargetIsNotBelievedAboutAPathThatIsDivergedThere) {
  Run(PutOf("x"));
  Apply(1);
  auto skipped = Skipped(1, {"p"});
  skipped.set_result_size(3);
  Tell(local, skipped);
  local.tree["p"] = {.kind = PathKind::kFile, .size = 7};
  corebank.tree["p"] = {.kind = PathKind::kFile, .size = 3};
  const OutcomePtr outcome = Run(AppendOf("p", "four"));
  ASSERT_TRUE(outcome->ok()) << outcome->reason();
  EXPECT_EQ(outcome->result().offset, 3u);
}

// After a restart nothing of it is in memory, and no target has it.
class DivergedEverywhere : public CorePending {
 protected:
  // Records 1 to 9 are on both targets, but for those given, which both lack.
  void RestartWith(const std::vector<internal::v1::ParkedWrite>& lacking) {
    for (int i = 0; i < 9; ++i) Run(PutOf("x"));
    Apply(9);
    const std::vector<Record> kept = journal->records();
    core.reset();
    world.Poll();
    StartWithoutLanes(kept);
    const auto attach = [&](FakeLane& lane, const std::string& name) {
      core->AttachLane(name, lane.Connect());
      lane.Reset();
      lane.Hello(9, {}, lacking);
    };
    attach(local, "local");
    attach(corebank, "corebank");
    world.Poll();
  }
  static internal::v1::ParkedWrite Lacking(Sequence sequence, RecordType type,
                                           const std::string& path, uint64_t size) {
    auto write = Skipped(sequence, {path});
    write.set_type(static_cast<uint32_t>(type));
    write.set_result_size(size);
    return write;
  }
  std::string ReasonOf(Operation operation) { return Run(std::move(operation))->reason(); }
};

TEST_F(DivergedEverywhere, APutAndADeleteOfTheWholeFileAreAcceptedWhateverTheTargetsSay) {
  RestartWith({Lacking(1, RecordType::kPut, "p", 100), Lacking(2, RecordType::kPut, "d/q", 5),
               Lacking(3, RecordType::kDelete, "gone", 0)});
  SetTree("p", PathKind::kDirectory);
  local.answering = corebank.answering = false;
  EXPECT_EQ(ReasonOf(PutOf("p", "new")), "(ok)");
  EXPECT_EQ(ReasonOf(DeleteOf("d/q")), "(ok)");
  EXPECT_EQ(ReasonOf(PutOf("d/q", "new")), "(ok)");
  local.answering = corebank.answering = true;
  EXPECT_EQ(ReasonOf(PutOf("gone", "new")), "(ok)");
}

TEST_F(DivergedEverywhere, WhatNeedsTheStateGetsThatOfTheJournal) {
  RestartWith({Lacking(1, RecordType::kPut, "p", 100), Lacking(2, RecordType::kAppend, "p", 110),
               Lacking(3, RecordType::kDelete, "gone", 0),
               Lacking(4, RecordType::kPut, "new/dir/file", 7)});
  SetTree("p", PathKind::kFile, 77);
  SetTree("gone", PathKind::kFile, 9);
  const OutcomePtr append = Run(AppendOf("p", "x"));
  ASSERT_TRUE(append->ok()) << append->reason();
  EXPECT_EQ(append->result().offset, 110u);
  EXPECT_EQ(ReasonOf(PutOf("p", "x", /*if_absent=*/true)), "PATH_EXISTS");
  EXPECT_EQ(ReasonOf(TruncateOf("gone", 1)), "PATH_NOT_FOUND");
  EXPECT_EQ(ReasonOf(RenameOf("gone", "elsewhere")), "PATH_NOT_FOUND");
  EXPECT_EQ(ReasonOf(PutOf("gone", "x", /*if_absent=*/true)), "(ok)");
  EXPECT_EQ(ReasonOf(PutOf("new/dir")), "PATH_IS_DIRECTORY");
  EXPECT_EQ(ReasonOf(PutOf("p/below")), "PARENT_NOT_DIRECTORY");
  EXPECT_EQ(ReasonOf(PutOf("new/dir/other")), "(ok)");
}

TEST_F(DivergedEverywhere, BothEndsOfARenameAreKnown) {
  auto rename = Lacking(3, RecordType::kRename, "from", 12);
  rename.set_new_path("to");
  rename.mutable_skip()->add_diverged("to");
  RestartWith({rename});
  SetTree("from", PathKind::kFile, 12);
  EXPECT_EQ(ReasonOf(TruncateOf("from", 0)), "PATH_NOT_FOUND");
  const OutcomePtr append = Run(AppendOf("to", "x"));
  ASSERT_TRUE(append->ok()) << append->reason();
  EXPECT_EQ(append->result().offset, 12u);
}

// Parked is no different: it will come, in its place.
TEST_F(DivergedEverywhere, WhatIsParkedEverywhereCountsToo) {
  auto write = FakeLane::Parked(5, "p");
  write.set_result_size(40);
  RestartWith({write});
  const OutcomePtr append = Run(AppendOf("p", "x"));
  ASSERT_TRUE(append->ok()) << append->reason();
  EXPECT_EQ(append->result().offset, 40u);
}

TEST_F(DivergedEverywhere, APathOfWhichNothingIsKnownIsUnknownStill) {
  RestartWith({Lacking(3, RecordType::kDelete, "dir/gone", 0)});
  local.answer_error = corebank.answer_error = "Input/output error";
  const OutcomePtr put = Do(PutOf("dir/gone"));
  Settle();
  world.RunFor(6 * kSimSecond);
  EXPECT_EQ(put->reason(), "PATH_STATE_UNKNOWN");
}

TEST_F(CorePending, AllPendingWritesAreListedInTheirOrderPageByPage) {
  for (int i = 0; i < 6; ++i) Run(PutOf("p"));
  local.Park(2, "p");
  local.Park(5, "p");
  Tell(local, Skipped(3, {"p"}));
  corebank.Park(1, "p");
  EXPECT_THAT(List("", {}, 100), ElementsAre("local 2", "local 3", "local 5", "corebank 1"));
  EXPECT_THAT(List("corebank", {}, 100), ElementsAre("corebank 1"));
  PendingPage page;
  EXPECT_THAT(List("", {}, 2, &page), ElementsAre("local 2", "local 3"));
  ASSERT_TRUE(page.next.has_value());
  EXPECT_THAT(List("", *page.next, 2, &page), ElementsAre("local 5", "corebank 1"));
  EXPECT_FALSE(page.next.has_value());
  EXPECT_THAT(List("local", {}, 3, &page), ElementsAre("local 2", "local 3", "local 5"));
  EXPECT_FALSE(page.next.has_value());
  EXPECT_TRUE(absl::IsInvalidArgument(core->ListPending("nowhere", {}, 1).status()));
}

TEST_F(CorePending, ATargetThatHasSaidNothingIsNamedAsUnknown) {
  StartWithoutLanes();
  Attach(local, "local");
  PendingPage page;
  EXPECT_THAT(List("", {}, 100, &page), IsEmpty());
  EXPECT_THAT(page.unknown, ElementsAre("corebank"));
}

TEST_F(CorePending, ACommandIsRelayedAndAnswered) {
  const auto resolution = Resolve("corebank", /*skip=*/true);
  const auto command = Got(corebank);
  EXPECT_EQ(command.path(), "p");
  EXPECT_TRUE(command.skip());
  EXPECT_EQ(command.reason(), "r");
  EXPECT_EQ(command.caller(), "c");
  EXPECT_EQ(Got(local).id(), 0u) << "nobody else is asked";
  PendingResult result;
  result.set_id(command.id());
  result.set_done(3);
  Reply(local, result);
  EXPECT_EQ(resolution->reason(), "(no answer)") << "not that lane's to answer";
  Reply(corebank, result);
  ASSERT_EQ(resolution->reason(), "(ok)");
  EXPECT_EQ((*resolution->result)->done(), 3u);
}

TEST_F(CorePending, WhatALaneRefusesHasItsReason) {
  const std::vector<std::pair<internal::v1::PendingRefusal, std::string>> cases = {
      {internal::v1::PENDING_REFUSAL_NOT_FOUND, "PENDING_NOT_FOUND"},
      {internal::v1::PENDING_REFUSAL_DOWN, "TARGET_UNAVAILABLE"},
      {internal::v1::PENDING_REFUSAL_FULL, "DIVERGED_FULL"}};
  for (const auto& [refusal, reason] : cases) {
    const auto resolution = Resolve("local");
    PendingResult result;
    result.set_id(Got(local).id());
    result.set_refusal(refusal);
    result.set_message("because");
    Reply(local, result);
    EXPECT_EQ(resolution->reason(), reason);
    EXPECT_THAT(std::string(resolution->result->status().message()), HasSubstr("because"));
  }
}

TEST_F(CorePending, ALaneThatDoesNotAnswerKeepsNobodyWaitingAndIsNotAskedForEver) {
  std::vector<std::shared_ptr<Resolution>> all;
  for (size_t i = 0; i < PendingCommands::kMaxOutstanding; ++i) all.push_back(Resolve("local"));
  EXPECT_EQ(Resolve("local")->reason(), "QUEUE_FULL");
  world.RunFor(999 * kSimMs);
  EXPECT_EQ(all[0]->reason(), "(no answer)");
  world.RunFor(2 * kSimMs);
  for (const auto& each : all) EXPECT_EQ(each->reason(), "TARGET_UNAVAILABLE");
  EXPECT_THAT(std::string(all[0]->result->status().message()), HasSubstr("may still be done"));
  EXPECT_EQ(Resolve("local")->reason(), "QUEUE_FULL") << "the lane still has all of them to do";
  EXPECT_EQ(Resolve("corebank")->reason(), "(no answer)") << "another lane is not concerned";
  PendingResult late;
  late.set_id(Got(local).id());
  Reply(local, late);
  EXPECT_EQ(Resolve("local")->reason(), "(no answer)") << "there is room again";
}

TEST_F(CorePending, ALaneThatIsLostOrNotThereIsUnavailable) {
  const auto waiting = Resolve("local");
  local.Break();
  world.Poll();
  EXPECT_EQ(waiting->reason(), "TARGET_UNAVAILABLE");
  EXPECT_EQ(Resolve("local")->reason(), "TARGET_UNAVAILABLE");
  EXPECT_EQ(Resolve("nowhere")->reason(), "ARGUMENT_INVALID");
  Attach(local, "local");
  const auto again = Resolve("local");
  Attach(local, "local");
  world.Poll();
  EXPECT_EQ(again->reason(), "TARGET_UNAVAILABLE") << "its successor knows nothing of it";
}

TEST_F(CorePending, ALaneThatDoesNotReadCostsBoundedMemory) {
  local.wire().backlogged = true;
  for (size_t i = 0; i < 3 * PendingCommands::kMaxOutstanding; ++i) Resolve("local");
  world.RunFor(2 * kSimSecond);
  for (size_t i = 0; i < PendingCommands::kMaxOutstanding; ++i) {
    EXPECT_EQ(Resolve("local")->reason(), "QUEUE_FULL");
  }
}

}  // namespace
}  // namespace tandem
