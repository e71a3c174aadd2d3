#include "tests/sim/strangers.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr size_t kChangedBytes = 60'000;  // more than any file of the workload has

bool IsBeneath(const std::string& path, const std::string& directory) {
  return absl::StartsWith(path, absl::StrCat(directory, "/"));
}

bool Overlap(const std::string& a, const std::string& b) {
  return a == b || IsBeneath(a, b) || IsBeneath(b, a);
}

}  // namespace

Strangers::Strangers(SimNode& node, Paths paths, Logger& log)
    : node_(node),
      paths_(std::move(paths)),
      log_(log),
      noticed_(node.targets()),
      ever_(node.targets()) {}

std::vector<Strangers::Obstacle> Strangers::Choices(size_t target, bool calm) const {
  std::vector<Obstacle> choices;
  const SimDisk& disk = node_.target_disk(target);
  const std::vector<std::string>& all = paths_.all();
  const std::set<std::string>& told = paths_.told();
  const auto has_parent = [&](const std::string& path) {
    const std::string parent(ParentOf(path));
    return parent.empty() || disk.TypeOf(parent) == FileType::kDirectory;
  };
  const auto is_parent = [&](const std::string& path) {
    return std::any_of(all.begin(), all.end(),
                       [&](const std::string& other) { return IsBeneath(other, path); });
  };
  for (const std::string& path : all) {
    if (!told.contains(path) || is_parent(path) || !has_parent(path)) continue;
    const auto type = disk.TypeOf(path);
    if (type.has_value() && type != FileType::kRegular) continue;
    choices.push_back({.kind = Kind::kDirectory, .target = target, .path = path});
    if (calm) choices.push_back({.kind = Kind::kChangedFile, .target = target, .path = path});
  }
  std::set<std::string> directories;
  for (const std::string& path : all) {
    for (const absl::string_view above : AncestorsOf(path)) directories.emplace(above);
  }
  for (const std::string& path : directories) {
    const bool is_file = std::find(all.begin(), all.end(), path) != all.end();
    const bool all_told = std::all_of(all.begin(), all.end(), [&](const std::string& other) {
      return !IsBeneath(other, path) || told.contains(other);
    });
    const auto type = disk.TypeOf(path);
    if (is_file || !all_told || !has_parent(path)) continue;
    if (type.has_value() && type != FileType::kDirectory) continue;
    choices.push_back({.kind = Kind::kFileForDirectory, .target = target, .path = path});
  }
  return choices;
}

bool Strangers::Put(size_t target, uint64_t choice, bool calm) {
  if (node_.core() == nullptr || node_.SeeLane(target).in_flight > 0) return false;
  const bool busy = std::any_of(there_.begin(), there_.end(), [&](const Obstacle& obstacle) {
    return obstacle.target == target;
  });
  if (busy) return false;
  const TargetView view = node_.core()->View().targets.at(target);
  calm = calm && view.lag_writes == 0 && view.parked_count == 0 &&
         view.status.health() == internal::v1::LANE_HEALTH_HEALTHY;
  std::vector<Obstacle> choices = Choices(target, calm);
  if (choices.empty()) return false;
  Obstacle obstacle = std::move(choices[choice % choices.size()]);
  SimDisk& disk = node_.target_disk(target);
  obstacle.saved = disk.Take(obstacle.path);
  if (obstacle.kind == Kind::kDirectory) {
    disk.MakeDirectory(obstacle.path);
  } else {
    obstacle.text = absl::StrCat("a stranger's ", obstacle.path, " ", choice);
    if (obstacle.kind == Kind::kChangedFile) obstacle.text.resize(kChangedBytes, 's');
    disk.WriteFile(obstacle.path, obstacle.text);
  }
  ever_[target].insert(obstacle.path);
  log_.Info("sim_stranger", {{"target", disk.options().name},
                             {"path", obstacle.path},
                             {"kind", static_cast<int>(obstacle.kind)}});
  there_.push_back(std::move(obstacle));
  return true;
}

bool Strangers::IsUntouched(const Obstacle& obstacle) const {
  const SimDisk& disk = node_.target_disk(obstacle.target);
  if (obstacle.kind == Kind::kDirectory) {
    return disk.TypeOf(obstacle.path) == FileType::kDirectory &&
           disk.TypeOf(obstacle.path, /*durable=*/true) == FileType::kDirectory;
  }
  return disk.ReadFile(obstacle.path) == obstacle.text &&
         disk.ReadFile(obstacle.path, /*durable=*/true) == obstacle.text;
}

void Strangers::Restore(const Obstacle& obstacle) {
  SimDisk& disk = node_.target_disk(obstacle.target);
  if (!IsUntouched(obstacle) && overwritten_.empty()) {
    overwritten_ = absl::StrCat("what a stranger had put at ", obstacle.path, " of ",
                                disk.options().name, " was overwritten");
  }
  log_.Info("sim_stranger_gone", {{"target", disk.options().name}, {"path", obstacle.path}});
  disk.PutBack(obstacle.path, obstacle.saved);
}

void Strangers::TakeAwayIf(const std::function<bool(const Obstacle&)>& condition) {
  for (size_t i = 0; i < there_.size();) {
    if (!condition(there_[i])) {
      ++i;
      continue;
    }
    Restore(there_[i]);
    there_.erase(there_.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

void Strangers::TakeAway(size_t target) {
  TakeAwayIf([target](const Obstacle& obstacle) { return obstacle.target == target; });
}

std::string Strangers::PathOf(size_t target) const {
  for (const Obstacle& obstacle : there_) {
    if (obstacle.target == target) return obstacle.path;
  }
  return "";
}

void Strangers::BeforeFault() {
  TakeAwayIf([](const Obstacle& obstacle) { return obstacle.kind == Kind::kChangedFile; });
}

void Strangers::BeforeLaneDown(size_t target) {
  TakeAwayIf([target](const Obstacle& obstacle) {
    return obstacle.kind == Kind::kChangedFile && obstacle.target == target;
  });
}

void Strangers::BeforeCoreDown() {
  TakeAwayIf([](const Obstacle&) { return true; });
}

bool Strangers::IsHidden(const std::string& path, const std::string& by) {
  return !by.empty() && Overlap(path, by);
}

bool Strangers::Concerns(size_t target, const std::string& path) const {
  return std::any_of(ever_[target].begin(), ever_[target].end(),
                     [&](const std::string& obstacle) { return Overlap(obstacle, path); });
}

bool Strangers::WasAbove(const std::string& path) const {
  return std::any_of(ever_.begin(), ever_.end(), [&](const std::set<std::string>& obstacles) {
    return std::any_of(obstacles.begin(), obstacles.end(),
                       [&](const std::string& obstacle) { return IsBeneath(path, obstacle); });
  });
}

std::string Strangers::Look(const CoreView& view) {
  for (Obstacle& obstacle : there_) {
    if (!IsUntouched(obstacle) && overwritten_.empty()) {
      overwritten_ =
          absl::StrCat("what a stranger put at ", obstacle.path, " of ",
                       node_.target_disk(obstacle.target).options().name, " was overwritten");
    }
    if (obstacle.noticed) continue;
    for (const auto& parked : view.targets.at(obstacle.target).parked) {
      obstacle.noticed = obstacle.noticed || Overlap(parked.path(), obstacle.path) ||
                         (!parked.new_path().empty() && Overlap(parked.new_path(), obstacle.path));
    }
    if (obstacle.noticed) ++noticed_[obstacle.target];
  }
  return overwritten_;
}

}  // namespace tandem
