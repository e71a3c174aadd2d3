#include "tests/sim/second_daemon.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tandem {

bool SecondDaemon::Start() {
  if (running_) return false;
  SimNodeOptions options = {.initialize_targets = false};
  for (size_t i = 0; i < first_.targets(); ++i) {
    SimDisk& disk = first_.target_disk(i);
    if (!disk.ReadFile(".tandem/writers/w/epoch.json", /*durable=*/true)) return false;
    options.shared_targets.push_back(&disk);
  }
  running_ = true;
  log_.Info("sim_second_daemon");
  nodes_.push_back(std::make_unique<SimNode>(world_, std::move(options), log_,
                                             static_cast<SimNode::Listener&>(*this)));
  nodes_.back()->Boot();
  return true;
}

void SecondDaemon::Stop() {
  if (!std::exchange(running_, false)) return;
  log_.Info("sim_second_daemon_stops");
  nodes_.back()->Stop();
}

void SecondDaemon::Tick() {
  if (running_) nodes_.back()->Tick();
}

std::string SecondDaemon::Look() {
  if (!running_) return "";
  SimNode& node = *nodes_.back();
  if (!node.failure().empty()) return absl::StrCat("the second daemon: ", node.failure());
  if (node.core() == nullptr) return "";
  for (const TargetView& target : node.core()->View().targets) {
    const auto health = target.status.health();
    // SLOW and STALLED say that an operation is still running: it may be the first look.
    if (health == internal::v1::LANE_HEALTH_HEALTHY ||
        health == internal::v1::LANE_HEALTH_CATCHING_UP || target.status.applied_writes() > 0) {
      return absl::StrCat("the second daemon has ", target.name, ": ",
                          target.status.ShortDebugString());
    }
    if (absl::StrContains(target.status.reason(), "another writer")) ++refusals_;
  }
  return "";
}

void SecondDaemon::OnCoreUp() {
  Operation operation = {.type = OperationType::kPut, .path = "second", .payload = "second"};
  ++ids_;
  nodes_.back()->core()->Write({.request_id = MakeUuidV7(world_.wall_ms(), ids_, ~ids_),
                                .operations = {operation},
                                .level = Level::kJournaled},
                               [](const absl::StatusOr<WriteReply>&) {});
}

}  // namespace tandem
