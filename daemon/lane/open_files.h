// The files of one target that are kept open between writes, so that an append is one chain of
// calls and not one more open, look and close.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "daemon/io/env.h"

namespace tandem {

struct OpenFile {
  FileHandle handle = kNoFile;
  uint64_t inode = 0;
  uint64_t device = 0;
  int64_t checked_ns = 0;  // monotonic: when its name was last seen to lead to it
};

// Owner: the lane's thread. At most `limit` files; the one used longest ago is closed for another.
// Nothing unsynced is ever in it, so a close has nothing left to report.
class OpenFiles {
 public:
  OpenFiles(Env& env, size_t limit)
      : env_(env), files_lifetime_(env.files.lifetime()), limit_(limit) {}
  ~OpenFiles();
  OpenFiles(const OpenFiles&) = delete;
  OpenFiles& operator=(const OpenFiles&) = delete;

  // Hands the file over to the caller, who gives it back with Keep, or closes it.
  std::optional<OpenFile> Take(const std::string& path);
  // Everything written to it is synced.
  void Keep(const std::string& path, const OpenFile& file);
  // The name leads to another file from now on, or to none.
  void Drop(const std::string& path);

 private:
  struct Entry {
    OpenFile file;
    std::list<std::string>::iterator age;
  };
  void Close(FileHandle handle);

  Env& env_;
  std::weak_ptr<const void> files_lifetime_;
  size_t limit_;
  std::list<std::string> ages_;  // newest first
  absl::flat_hash_map<std::string, Entry> open_;
};

}  // namespace tandem
