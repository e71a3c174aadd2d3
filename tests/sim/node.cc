#include "tests/sim/node.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/base/uuid.h"
#include "daemon/lane/target_identity.h"

namespace tandem {
namespace {

constexpr char kJournal[] = "/journal/wal";

// As `tandemctl target init` does.
void Initialize(SimDisk& disk, const std::string& name, uint64_t number) {
  const std::string id = MakeUuidV7(1, number, number).ToString();
  disk.WriteFile(".tandem/target.json", EncodeTargetIdentity({.target_id = id, .target = name}));
}

}  // namespace

SimNode::SimNode(SimWorld& world, SimNodeOptions options, Logger& log, Listener& listener)
    : world_(world),
      options_(std::move(options)),
      log_(log),
      listener_(listener),
      random_(world.random().Fork()),
      journal_disk_(world, {.name = "journal"}),
      root_disk_(world, {.name = "the directories beneath the mounts"}),
      target_disks_(options_.shared_targets) {
  for (size_t i = 0; i < options_.targets.size(); ++i) {
    const std::string& name = options_.targets[i];
    root_disk_.MakeDirectory(name);
    mounts_.push_back(SimMount::kTarget);
    SimDiskOptions disk = {.name = name};
    if (options_.remote_targets) {
      disk.type = kSimNfs;
      disk.min_latency_ns = 1 * kSimMs;
      disk.max_latency_ns = 4 * kSimMs;
    }
    if (target_disks_.size() == i) {
      own_disks_.push_back(std::make_unique<SimDisk>(world, disk));
      target_disks_.push_back(own_disks_.back().get());
      if (!options_.initialize_targets) Initialize(*target_disks_[i], name, i);
    }
    disk.name = "a stranger's target";
    own_disks_.push_back(std::make_unique<SimDisk>(world, disk));
    strangers_.push_back(own_disks_.back().get());
    Initialize(*strangers_[i], name, 100 + i);
    strangers_[i]->WriteFile("a", "a stranger's");
  }
}

SimNode::~SimNode() { KillEverything(); }

CoreOptions SimNode::MakeCoreOptions() const {
  CoreOptions options;
  options.journal.directory = kJournal;
  options.journal.segment_bytes = options_.journal_segment_bytes;
  options.journal.group_bytes = options_.journal_group_bytes;
  options.journal.max_bytes = options_.journal_max_bytes;
  options.journal.reserve_bytes = options_.journal_reserve_bytes;
  options.detach_at_cap = options_.detach_at_cap;
  options.max_missed_paths = options_.max_missed_paths;
  options.journal.retention_ms = options_.retention_ms;
  options.journal.idle_mark_ms = 20;
  options.heartbeat_interval_ms = 1'000;
  options.journal.targets = options_.targets;
  options.writer = "w";
  for (const std::string& target : options_.targets) {
    options.targets.push_back({.name = target, .path = "/" + target});
  }
  options.max_write_bytes = 30 << 10;
  options.max_upload_bytes = 32 << 10;
  options.upload_lifetime_ms = 5'000;
  options.max_path_states = options_.max_path_states;
  options.path_state_limit_ms = 500;
  return options;
}

LaneOptions SimNode::MakeLaneOptions(size_t target) const {
  LaneOptions options;
  options.target = options_.targets[target];
  options.target_path = "/" + options.target;
  options.journal_directory = kJournal;
  options.writer = "w";
  options.initialize_target = options_.initialize_targets;
  options.require_mount = options_.require_mount;
  options.max_parallel_paths = 8;
  options.max_window_writes = 32;
  options.max_window_bytes = 32 << 10;
  options.max_merge_bytes = 16 << 10;
  options.max_open_directories = 3;
  options.max_open_files = 2;
  options.max_retries = 3;
  options.retry_initial_ms = 5;
  options.retry_max_ms = 100;
  options.checkpoint_interval_ms = 30;
  options.watermark_interval_ms = 70;
  options.slow_limit_ms = 100;
  options.stall_limit_ms = 1'000;
  options.parked_retry_interval_ms = 400;
  return options;
}

void SimNode::Fail(std::string what) {
  if (failure_.empty()) failure_ = std::move(what);
}

void SimNode::Boot() { StartCore(); }

Awaitable<void> SimNode::RunCore(CoreProcess* process, CoreOptions options,
                                 Core::Listener* listener) {
  auto core = co_await Core::Start(process->env, std::move(options), listener);
  process->answered = true;
  if (core.ok()) {
    process->core = *std::move(core);
  } else {
    process->status = core.status();
  }
}

Awaitable<void> SimNode::RunLane(LaneProcess* process) {
  process->status = co_await process->lane->Run();
  process->ended = true;
}

void SimNode::StartCore() {
  TANDEM_CHECK(core_process_ == nullptr);
  ++boots_;
  core_since_ns_ = world_.now_ns();
  core_process_ = std::make_unique<CoreProcess>(world_, log_);
  core_process_->files.Mount("/journal", &journal_disk_);
  ForbidOthers(core_process_->files, nullptr);
  Spawn(world_.executor(), RunCore(core_process_.get(), MakeCoreOptions(), this));
  for (size_t target = 0; target < targets(); ++target) StartLane(target);
}

void SimNode::StartLane(size_t target) {
  using internal::v1::CoreMessage;
  using internal::v1::LaneMessage;
  auto link = MakeSimLink<CoreMessage, LaneMessage>(world_, {.name = options_.targets[target]});
  if (core()) {
    core()->AttachLane(options_.targets[target], std::move(link.first));
  } else {
    core_process_->waiting.emplace_back(options_.targets[target], std::move(link.first));
  }
  auto process = std::make_unique<LaneProcess>(world_, log_);
  process->target = target;
  process->since_ns = world_.now_ns();
  process->files.Mount("/journal", &journal_disk_);
  process->files.Mount("/", &root_disk_);
  MountTarget(process->files, target);
  // Who shares the targets is not to write there at all.
  ForbidOthers(process->files, options_.shared_targets.empty() ? target_disks_[target] : nullptr);
  process->channel = link.second.get();
  process->lane =
      std::make_unique<Lane>(process->env, MakeLaneOptions(target), std::move(link.second));
  Spawn(world_.executor(), RunLane(process.get()));
  lanes_.push_back(std::move(process));
}

void SimNode::StartLaneLater(size_t target) {
  world_.After(random_.Between(1, 100) * kSimMs, [this, target, boot = boots_] {
    if (boot == boots_ && core_process_) StartLane(target);
  });
}

void SimNode::EndLane(LaneProcess& lane) {
  lane.Kill();
  lane.lane.reset();
  world_.Poll();
}

void SimNode::RestartCoreLater(int64_t delay_ms) {
  world_.After(delay_ms * kSimMs, [this, boot = boots_] {
    if (boot == boots_ && !core_process_) StartCore();
  });
}

void SimNode::CheckCore() {
  if (!core_process_ || !core_process_->answered) return;
  if (core_process_->drained) {
    log_.Info("sim_core_drained", {{"status", core_process_->status}});
    return KillCore();  // it exits; a core that is started anew takes over
  }
  if (!core_process_->core) {
    const absl::Status status = core_process_->status;
    log_.Warning("sim_core_start_failed", {{"error", status}});
    if (absl::IsDataLoss(status)) Fail(absl::StrCat("core does not start: ", status.ToString()));
    core_process_->Kill();
    core_process_->waiting.clear();
    graveyard_.push_back(std::move(core_process_));
    for (const auto& lane : lanes_) lane->current = false;
    RestartCoreLater(random_.Between(20, 300));
    return;
  }
  if (!core_process_->waiting.empty()) {
    for (auto& [target, channel] : std::exchange(core_process_->waiting, {})) {
      core()->AttachLane(target, std::move(channel));
    }
    listener_.OnCoreUp();
  }
  if (std::exchange(health_changed_, false) &&
      core()->View().journal_state == JournalState::kFailed) {
    KillCore();  // what is left to an operator, or to a probe: start it again
  }
}

void SimNode::Tick() {
  for (const auto& [victim, target] : std::exchange(due_, {})) {
    ++step_kills_;
    if (victim == Victim::kMachine) CrashMachine();
    if (victim == Victim::kCore) KillCore();
    if (victim == Victim::kLane) KillLane(target);
  }
  CheckCore();
  for (size_t i = 0; i < lanes_.size(); ++i) {
    LaneProcess& lane = *lanes_[i];
    if (!lane.ended) continue;
    log_.Info("sim_lane_ended",
              {{"target", options_.targets[lane.target]}, {"error", lane.status}});
    if (absl::IsDataLoss(lane.status)) Fail(absl::StrCat("lane: ", lane.status.ToString()));
    EndLane(lane);
    if (lane.current && core_process_) StartLaneLater(lane.target);
    graveyard_.push_back(std::move(lanes_[i]));
    lanes_.erase(lanes_.begin() + static_cast<std::ptrdiff_t>(i));
    --i;
  }
}

}  // namespace tandem
