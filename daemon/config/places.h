// Where a path really is, found without touching the target that may hang there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tandem {

// How the file system is looked at: replaced in tests.
struct Places {
  std::string mountinfo;  // text of /proc/self/mountinfo
  // The target of the symbolic link at this path; nullopt if it is none. Asked only about places
  // on local file systems.
  std::function<std::optional<std::string>(const std::string&)> read_link;
};

// A resolved place: equal devices and nested paths mean the same or nested directories, however
// they were spelled or bind-mounted.
struct Place {
  std::string path;            // absolute, symbolic links followed where that is safe
  std::string device;          // "major:minor" of the mount; "" if mounts are unknown
  std::string on_device;       // path from the device's root
  std::string file_system;     // "ext4", "nfs4", ...
  bool network_mount = false;  // the path is where a file system is mounted that may hang
};

// "/a//b/./c/../d" -> "/a/b/d"; no trailing slash but for "/". Requires an absolute path.
[[nodiscard]] std::string LexicallyNormal(absl::string_view path);

// `path` absolute. Components that lie on a network file system, or are mount points of one, are
// taken as they are spelled: looking at them could hang.
[[nodiscard]] Place Resolve(const Places& places, absl::string_view path);

// `inner` is `outer` or lies beneath it.
[[nodiscard]] bool IsWithin(const Place& inner, const Place& outer);

}  // namespace tandem
