// A node whose journal is small, with `journal_full_policy: detach`.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/reason.h"
#include "daemon/core/missed_set.h"
#include "daemon/lane/watermark.h"
#include "tests/sim/node.h"

namespace tandem {

inline Operation OperationOf(OperationType type, std::string path, std::string payload = "") {
  return {.type = type, .path = std::move(path), .payload = std::move(payload)};
}
inline Operation Put(std::string path, std::string payload) {
  return OperationOf(OperationType::kPut, std::move(path), std::move(payload));
}
inline Operation Rename(std::string path, std::string new_path) {
  Operation operation = OperationOf(OperationType::kRename, std::move(path));
  operation.new_path = std::move(new_path);
  return operation;
}

class DetachTest : public testing::Test, private SimNode::Listener {
 protected:
  static constexpr size_t kLocal = 0;
  static constexpr size_t kCoreBank = 1;

  DetachTest() {
    options_.detach_at_cap = true;
    options_.max_path_states = 1'000;
    options_.journal_segment_bytes = 32 << 10;
    options_.journal_group_bytes = 8 << 10;
    options_.journal_reserve_bytes = 16 << 10;
    options_.journal_max_bytes = 144 << 10;
  }

  void Boot() {
    node_.emplace(world_, options_, *log_, static_cast<SimNode::Listener&>(*this));
    node_->Boot();
    ASSERT_TRUE(Until([&] { return node_->core() != nullptr; }));
  }

  template <typename Condition>
  bool Until(Condition condition, int64_t limit_ns = 120 * kSimSecond) {
    const int64_t give_up_ns = world_.now_ns() + limit_ns;
    while (!condition()) {
      if (world_.now_ns() > give_up_ns || !node_->failure().empty() || !world_.Step()) break;
      node_->Tick();
    }
    EXPECT_EQ(node_->failure(), "");
    return condition();
  }

  using Answer = std::shared_ptr<std::optional<absl::StatusOr<WriteReply>>>;
  Answer Start(Operation operation, Level level = Level::kJournaled) {
    auto answer = std::make_shared<std::optional<absl::StatusOr<WriteReply>>>();
    ++ids_;
    node_->core()->Write(
        {.request_id = MakeUuidV7(world_.wall_ms(), ids_, ids_),
         .operations = {std::move(operation)},
         .level = level,
         .wait_timeout_ms = 3'600'000},
        [answer](absl::StatusOr<WriteReply> reply) { *answer = std::move(reply); });
    return answer;
  }
  // Waits for it; what is full is waited for too, for some time.
  absl::Status Write(const Operation& operation, Level level = Level::kJournaled) {
    const int64_t give_up_ns = world_.now_ns() + 5 * kSimSecond;
    while (true) {
      const Answer answer = Start(operation, level);
      if (!Until([&] { return answer->has_value(); })) return absl::UnknownError("no answer");
      const absl::Status status = (*answer)->status();
      const auto reason = ReasonOf(status);
      const bool full = reason == Reason::kJournalFull && world_.now_ns() < give_up_ns;
      if (reason != Reason::kQueueFull && !full) return status;
      const int64_t until_ns = world_.now_ns() + 10 * kSimMs;
      EXPECT_TRUE(Until([&] { return world_.now_ns() >= until_ns; }));
    }
  }
  // More than the journal holds, on `paths` paths.
  absl::Status Fill(int paths, size_t writes = 300, Level level = Level::kJournaled) {
    for (size_t i = 0; i < writes; ++i) {
      const std::string path = absl::StrCat("fill/", i % static_cast<size_t>(paths));
      absl::Status status = Write(Put(path, absl::StrCat(i, std::string(900, 'f'))), level);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  TargetView Target(size_t target) { return node_->core()->View().targets.at(target); }
  // A new path needs a target that says what is there.
  void Know(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      ASSERT_EQ(Write(Put(path, "known"), Level::kAll), absl::OkStatus());
    }
  }
  std::string FirstSegment() {
    for (const auto& [path, content] : node_->journal_disk().Tree()) {
      if (absl::EndsWith(path, ".seg")) return path;
    }
    return "";
  }
  bool WaitDetached(size_t target) {
    return Until([&] { return Target(target).missed.detached; });
  }
  bool Converge() {
    return Until([&] {
      if (node_->core() == nullptr) return false;
      const CoreView view = node_->core()->View();
      for (const TargetView& target : view.targets) {
        if (target.missed.incomplete || target.lag_writes > 0 || target.applied < view.durable) {
          return false;
        }
      }
      return true;
    });
  }
  std::map<std::string, std::string> Tree(size_t target) {
    std::map<std::string, std::string> tree;
    for (const auto& [path, content] : node_->target_disk(target).Tree(/*durable=*/true)) {
      if (path.find(".tandem") == std::string::npos) tree[path] = content;
    }
    return tree;
  }
  void ExpectEqualTrees() {
    EXPECT_EQ(Tree(kCoreBank), Tree(kLocal));
    EXPECT_GT(Tree(kLocal).size(), 0u);
  }
  Watermark MarkOf(size_t target) {
    const auto file =
        node_->target_disk(target).ReadFile(".tandem/writers/w/watermark.json", /*durable=*/true);
    return DecodeWatermark(file.value_or("")).value_or(Watermark{});
  }

  SimWorld world_{7};
  std::unique_ptr<Logger> log_ = MakeNullLogger();
  SimNodeOptions options_;
  std::optional<SimNode> node_;

 private:
  void OnCoreUp() override {}
  void OnCoreDown() override {}
  uint64_t ids_ = 0;
};

}  // namespace tandem
