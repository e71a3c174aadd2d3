// Rules that only the whole shows: the real core, journal and lanes on simulated disks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/node.h"

namespace tandem {
namespace {

using testing::Pair;
using testing::UnorderedElementsAre;

Operation OperationOf(OperationType type, std::string path, std::string payload = "") {
  return {.type = type, .path = std::move(path), .payload = std::move(payload)};
}
Operation Put(std::string path, std::string payload) {
  return OperationOf(OperationType::kPut, std::move(path), std::move(payload));
}
Operation Append(std::string path, std::string payload) {
  return OperationOf(OperationType::kAppend, std::move(path), std::move(payload));
}
Operation Rename(std::string path, std::string new_path) {
  Operation operation = OperationOf(OperationType::kRename, std::move(path));
  operation.new_path = std::move(new_path);
  return operation;
}

class Node final : private SimNode::Listener {
 public:
  explicit Node(uint64_t seed = 1, SimNodeOptions options = {})
      : world(seed), node(world, std::move(options), world.log(), *this) {
    node.Boot();
    EXPECT_TRUE(Until([&] { return node.core() != nullptr; }));
  }

  template <typename Condition>
  bool Until(Condition condition) {
    const int64_t give_up_ns = world.now_ns() + 600 * kSimSecond;
    while (!condition()) {
      if (world.now_ns() > give_up_ns || !node.failure().empty() || !world.Step()) break;
      node.Tick();
    }
    EXPECT_EQ(node.failure(), "");
    return condition();
  }

  // Asks again under the same id until the write is journaled.
  void Write(std::vector<Operation> operations) {
    ++ids_;
    const Uuid id = MakeUuidV7(world.wall_ms(), ids_, ids_);
    const auto journaled = std::make_shared<bool>(false);
    const auto sent_to = std::make_shared<uint64_t>(0);  // which core
    EXPECT_TRUE(Until([&] {
      // A core that dies answers nobody.
      if (!*journaled && node.core() != nullptr && *sent_to != cores_) {
        *sent_to = cores_;
        node.core()->Write({.request_id = id,
                            .operations = operations,
                            .level = Level::kJournaled,
                            .wait_timeout_ms = 60'000},
                           [journaled, sent_to](const absl::StatusOr<WriteReply>& reply) {
                             *journaled = reply.ok();
                             *sent_to = 0;
                           });
      }
      return *journaled;
    }));
  }
  void Write(Operation operation) { Write(std::vector<Operation>{std::move(operation)}); }

  // Everything is on every target.
  void Converge() {
    EXPECT_TRUE(Until([&] {
      if (node.core() == nullptr) return false;
      const CoreView view = node.core()->View();
      for (const TargetView& target : view.targets) {
        if (target.lag_writes > 0 || target.parked_count > 0) return false;
        if (target.applied < view.durable) return false;
      }
      return true;
    }));
  }

  // Path to content; nothing of Tandem's own.
  std::map<std::string, std::string> Files(size_t target) {
    std::map<std::string, std::string> files;
    for (const auto& [path, content] : node.target_disk(target).Tree(/*durable=*/true)) {
      if (!path.ends_with("/") && path.find(".tandem") == std::string::npos) files[path] = content;
    }
    return files;
  }

  SimWorld world;
  SimNode node;

 private:
  void OnCoreUp() override { ++cores_; }
  void OnCoreDown() override {}

  uint64_t ids_ = 0;
  uint64_t cores_ = 1;
};

constexpr size_t kLocal = 0;
constexpr size_t kCoreBank = 1;

// Put a=1, Rename a->b, Put a=2, applied again from an old checkpoint, gave b=2, and 1 was gone.
class Rule01RenameIsNotIdempotent : public testing::TestWithParam<SimNode::Victim> {};

TEST_P(Rule01RenameIsNotIdempotent, KilledAtAnyStepOfTheTargetEveryFileIsWhereItBelongs) {
  for (uint64_t step = 1; step <= 70; ++step) {
    SCOPED_TRACE(absl::StrCat("killed at step ", step));
    Node daemon(step);
    daemon.Write(Put("seen", ""));
    daemon.Write(Put("a", "1"));
    daemon.Converge();
    // Recorded as applied; what follows is not for a while.
    daemon.world.RunFor(kSimSecond);
    daemon.node.KillAtStep(daemon.node.target_disk(kLocal), step, GetParam(), kLocal);
    daemon.Write(Rename("a", "b"));
    daemon.Write(Put("a", "2"));
    daemon.Write(Rename("b", "d/c"));
    daemon.Write(OperationOf(OperationType::kDelete, "a"));
    daemon.Write(Put("b", "3"));
    daemon.Converge();
    for (const size_t target : {kLocal, kCoreBank}) {
      EXPECT_THAT(daemon.Files(target),
                  UnorderedElementsAre(Pair("seen", ""), Pair("b", "3"), Pair("d/c", "1")))
          << target;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Victims, Rule01RenameIsNotIdempotent,
                         testing::Values(SimNode::Victim::kLane, SimNode::Victim::kMachine),
                         [](const auto& victim) {
                           return victim.param == SimNode::Victim::kLane ? "Lane" : "Machine";
                         });

TEST(Rule10Merging, NeverCrossesARenameOrABatch) {
  Node daemon;
  daemon.Write({Put("a", ""), Put("c", "")});
  daemon.Converge();
  // All of it waits together, as much as can be is merged.
  daemon.node.target_disk(kCoreBank).Hang();
  daemon.Write(Put("busy", "x"));
  for (const char* text : {"1", "2"}) daemon.Write(Append("a", text));
  daemon.Write(Rename("a", "b"));
  for (const char* text : {"3", "4"}) daemon.Write(Append("a", text));
  daemon.Write({Append("a", "5"), Append("c", "x")});
  daemon.Write(Append("a", "6"));
  daemon.node.target_disk(kCoreBank).Heal();
  daemon.Converge();
  for (const size_t target : {kLocal, kCoreBank}) {
    EXPECT_THAT(daemon.Files(target), UnorderedElementsAre(Pair("a", "3456"), Pair("b", "12"),
                                                           Pair("busy", "x"), Pair("c", "x")));
  }
  // 2 into 1, and 4 into 3; never 3 into 2, nor 5 into 4, nor 6 into 5.
  EXPECT_LE(daemon.node.core()->View().targets[kCoreBank].status.merged_writes(), 2u);
}

TEST(Rule12ExhaustedRetries, ChangeAStateAndNeverDropAWrite) {
  Node daemon;
  daemon.Write({Put("p", "old"), Put("other", "1")});
  daemon.Converge();
  daemon.node.target_disk(kCoreBank).FailPath("p", EACCES);
  daemon.Write(Put("p", "new"));
  daemon.Write(Append("p", "er"));
  ASSERT_TRUE(daemon.Until([&] {
    return daemon.node.core() && daemon.node.core()->View().targets[kCoreBank].parked_count == 2;
  }));
  // Others go on, for as long as it takes, and a restart changes nothing.
  daemon.Write(Put("other", "2"));
  daemon.world.RunFor(10 * kSimSecond);
  daemon.node.CrashMachine();
  ASSERT_TRUE(daemon.Until([&] {
    if (daemon.node.core() == nullptr) return false;
    const CoreView view = daemon.node.core()->View();
    return view.targets[kCoreBank].parked_count == 2 && view.targets[kCoreBank].lag_writes == 2;
  }));
  EXPECT_EQ(daemon.Files(kCoreBank)["other"], "2");
  EXPECT_EQ(daemon.Files(kCoreBank)["p"], "old");
  daemon.node.target_disk(kCoreBank).FailPath("p", 0);
  daemon.Converge();
  EXPECT_EQ(daemon.Files(kCoreBank)["p"], "newer");
  EXPECT_EQ(daemon.Files(kLocal), daemon.Files(kCoreBank));
}

}  // namespace
}  // namespace tandem
