// Somebody else on a target: files and directories in the way of what Tandem writes, and the
// operator who takes them away again.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/node.h"

namespace tandem {

// Owner: the simulation's thread, between two steps of the world.
class Strangers {
 public:
  // What clients know: the paths that they use, and those of which this core has told something.
  struct Paths {
    std::function<const std::vector<std::string>&()> all;
    std::function<const std::set<std::string>&()> told;
  };

  Strangers(SimNode& node, Paths paths, Logger& log);

  // Puts something in the way on a target; false: nothing suits now. `calm`: nothing else is wrong,
  // and nothing is being written, so that also a file that was changed must be noticed.
  bool Put(size_t target, uint64_t choice, bool calm);
  // What it was is there again.
  void TakeAway(size_t target);
  // Where something is in the way now; "": nowhere.
  [[nodiscard]] std::string PathOf(size_t target) const;

  // A changed file is told from one that an attempt left half done only while nothing else happens:
  // it is put right before that.
  void BeforeFault();
  void BeforeLaneDown(size_t target);
  // Core's next life asks the targets what there is: a stranger's directory would count.
  void BeforeCoreDown();

  // Now and then. "" or what was overwritten.
  [[nodiscard]] std::string Look(const CoreView& view);
  // How often something on this target was seen to be parked for a stranger's sake.
  [[nodiscard]] uint64_t noticed(size_t target) const { return noticed_[target]; }
  // What is at `path` is out of sight behind what is at `by` ("": nothing).
  [[nodiscard]] static bool IsHidden(const std::string& path, const std::string& by);
  // Something was in the way of the path there once.
  [[nodiscard]] bool Concerns(size_t target, const std::string& path) const;
  // Something was in the way above the path, on whatever target.
  [[nodiscard]] bool WasAbove(const std::string& path) const;

 private:
  enum class Kind : uint8_t { kDirectory, kFileForDirectory, kChangedFile };
  struct Obstacle {
    Kind kind;
    size_t target;
    std::string path;
    std::string text;   // of a file
    SimInodePtr saved;  // what was there; null: nothing
    bool noticed = false;
  };

  [[nodiscard]] std::vector<Obstacle> Choices(size_t target, bool calm) const;
  [[nodiscard]] bool IsUntouched(const Obstacle& obstacle) const;
  void Restore(const Obstacle& obstacle);
  void TakeAwayIf(const std::function<bool(const Obstacle&)>& condition);

  SimNode& node_;
  Paths paths_;
  Logger& log_;
  std::vector<Obstacle> there_;
  std::vector<uint64_t> noticed_;
  std::vector<std::set<std::string>> ever_;  // of each target
  std::string overwritten_;
};

}  // namespace tandem
