// A directory of its own for one test: two targets, a journal, a socket; and the comparison of the
// two trees.
#pragma once

#include <functional>
#include <string>

#include "absl/time/time.h"

namespace tandem {

// Owner: the test's thread. The destructor removes the directory.
class Workspace {
 public:
  // Makes the directory and both targets' directories, open to every user.
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string local() const { return root_ + "/local"; }
  [[nodiscard]] std::string corebank() const { return root_ + "/corebank"; }
  [[nodiscard]] std::string journal() const { return root_ + "/journal"; }
  [[nodiscard]] std::string socket() const { return root_ + "/socket"; }
  // Where the writer's file `path` lies on a target.
  [[nodiscard]] std::string OnLocal(const std::string& path) const;
  [[nodiscard]] std::string OnCoreBank(const std::string& path) const;

 private:
  std::string root_;
};

// How the trees beneath two directories differ, `.tandem` left out: names, types, modes, contents.
// Empty if they do not. A temp file that a write left behind is a difference too.
[[nodiscard]] std::string TreeDifference(const std::string& a, const std::string& b);

// The whole file; empty if it is not there.
[[nodiscard]] std::string Contents(const std::string& file);

// Looks again and again until `condition` holds; false after `limit`.
[[nodiscard]] bool WaitUntil(const std::function<bool()>& condition,
                             absl::Duration limit = absl::Seconds(60));

}  // namespace tandem
