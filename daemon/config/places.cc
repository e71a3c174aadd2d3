#include "daemon/config/places.h"

#include <algorithm>
#include <array>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace tandem {
namespace {

struct Mount {
  std::string device;  // "0:45"
  std::string root;    // of the mount within its device
  std::string point;
  std::string file_system;
};

constexpr int kMaxLinks = 40;

// A look at a path on one of these is answered by this machine. Everything else may hang.
constexpr std::array<absl::string_view, 14> kAnsweredHere = {
    "ext2", "ext3", "ext4",  "xfs",  "btrfs", "tmpfs",  "overlay",
    "zfs",  "f2fs", "ramfs", "vfat", "proc",  "rootfs", "devtmpfs"};

bool AnsweredHere(absl::string_view file_system) {
  return std::find(kAnsweredHere.begin(), kAnsweredHere.end(), file_system) != kAnsweredHere.end();
}

// mountinfo writes blanks, tabs, newlines and backslashes as \ooo.
std::string Unescape(absl::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto digit = [&](size_t at) { return text[at] >= '0' && text[at] <= '7'; };
    if (text[i] == '\\' && i + 3 < text.size() && digit(i + 1) && digit(i + 2) && digit(i + 3)) {
      plain.push_back(static_cast<char>(((text[i + 1] - '0') << 6) | ((text[i + 2] - '0') << 3) |
                                        (text[i + 3] - '0')));
      i += 3;
    } else {
      plain.push_back(text[i]);
    }
  }
  return plain;
}

std::vector<Mount> ParseMounts(absl::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (const absl::string_view line : absl::StrSplit(mountinfo, '\n', absl::SkipEmpty())) {
    // 36 35 98:0 /root /point opts [optional...] - type source super
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (dash - fields.begin() < 6 || fields.end() - dash < 2) continue;
    mounts.push_back({.device = std::string(fields[2]),
                      .root = Unescape(fields[3]),
                      .point = Unescape(fields[4]),
                      .file_system = std::string(*(dash + 1))});
  }
  return mounts;
}

bool Beneath(absl::string_view inner, absl::string_view outer) {
  if (outer == "/" || inner == outer) return true;
  return absl::StartsWith(inner, outer) && inner[outer.size()] == '/';
}

// The mount that `path` lies on: the innermost, and of those on one point the latest.
const Mount* MountOf(const std::vector<Mount>& mounts, absl::string_view path) {
  const Mount* best = nullptr;
  for (const Mount& mount : mounts) {
    if (Beneath(path, mount.point) &&
        (best == nullptr || mount.point.size() >= best->point.size())) {
      best = &mount;
    }
  }
  return best;
}

std::string Join(absl::string_view directory, absl::string_view name) {
  return directory == "/" ? absl::StrCat("/", name) : absl::StrCat(directory, "/", name);
}

// Follows symbolic links up to where a look could hang.
std::string FollowLinks(const Places& places, const std::vector<Mount>& mounts, std::string path) {
  int links = 0;
  std::string done = "/";
  std::vector<std::string> rest = absl::StrSplit(path, '/', absl::SkipEmpty());
  std::reverse(rest.begin(), rest.end());
  while (!rest.empty()) {
    const std::string next = Join(done, rest.back());
    rest.pop_back();
    const Mount* mount = MountOf(mounts, next);
    const bool safe = mount != nullptr && AnsweredHere(mount->file_system);
    const auto link = safe ? places.read_link(next) : std::nullopt;
    if (!link.has_value() || ++links > kMaxLinks) {
      done = next;
      continue;
    }
    const std::string target =
        LexicallyNormal(absl::StartsWith(*link, "/") ? *link : absl::StrCat(done, "/", *link));
    std::vector<std::string> again = absl::StrSplit(target, '/', absl::SkipEmpty());
    rest.insert(rest.end(), again.rbegin(), again.rend());
    done.assign(1, '/');
  }
  return done;
}

}  // namespace

std::string LexicallyNormal(absl::string_view path) {
  std::vector<absl::string_view> kept;
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    if (name == ".") continue;
    if (name != "..") {
      kept.push_back(name);
    } else if (!kept.empty()) {
      kept.pop_back();
    }
  }
  return absl::StrCat("/", absl::StrJoin(kept, "/"));
}

Place Resolve(const Places& places, absl::string_view path) {
  const std::vector<Mount> mounts = ParseMounts(places.mountinfo);
  Place place;
  place.path = FollowLinks(places, mounts, LexicallyNormal(path));
  place.on_device = place.path;
  if (const Mount* mount = MountOf(mounts, place.path); mount != nullptr) {
    place.device = mount->device;
    place.file_system = mount->file_system;
    place.network_mount = mount->point == place.path && !AnsweredHere(mount->file_system);
    const absl::string_view below =
        absl::string_view(place.path).substr(mount->point == "/" ? 0 : mount->point.size());
    place.on_device = LexicallyNormal(absl::StrCat(mount->root, "/", below));
  }
  return place;
}

bool IsWithin(const Place& inner, const Place& outer) {
  if (Beneath(inner.path, outer.path)) return true;
  return inner.device == outer.device && Beneath(inner.on_device, outer.on_device);
}

}  // namespace tandem
