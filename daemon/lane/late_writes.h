// Files into which another process may still have writes on their way: that of a lane which is
// gone, on a node that was cut off. Its kernel sends them again when its network is back, after
// this lane has done the same writes, and later ones.
#pragma once

#include <string>

#include "absl/container/flat_hash_set.h"

namespace tandem {

// By path. What such a write does is harmless in a file that nobody can name any more, so a file is
// renewed (Applier) before anything is changed that a late write could bring back. Owner: the
// lane's thread. Memory: the paths that a predecessor may have been editing.
class LateWrites {
 public:
  // A run that a predecessor may have begun edits the file at the path.
  void Edited(const std::string& path) {
    if (!fresh_.contains(path)) files_.insert(path);
  }
  [[nodiscard]] bool MayCome(const std::string& path) const { return files_.contains(path); }

  // The file at the path was made by this process, or there is none. `in_doubt`: a predecessor may
  // have begun what comes next.
  void Made(const std::string& path, bool in_doubt) {
    files_.erase(path);
    if (in_doubt) fresh_.insert(path);
  }
  void Renamed(const std::string& from, const std::string& to, bool in_doubt) {
    const bool late = files_.erase(from) > 0;
    Made(from, in_doubt);
    Made(to, in_doubt && !late);
    if (late) files_.insert(to);
  }

  // Nothing of a predecessor's is left to be done again.
  void EndDoubt() { fresh_.clear(); }

 private:
  absl::flat_hash_set<std::string> files_;
  absl::flat_hash_set<std::string> fresh_;  // made by this process, while there is doubt
};

}  // namespace tandem
