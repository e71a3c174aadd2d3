#include "tests/integration/failpoint_files.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tandem {
namespace {

const char* NameOf(IoKind kind) {
  switch (kind) {
    case IoKind::kOpen:
      return "open";
    case IoKind::kRead:
      return "read";
    case IoKind::kWrite:
      return "write";
    case IoKind::kSync:
      return "sync";
    case IoKind::kRename:
      return "rename";
    default:
      return "";
  }
}

std::string ExecutableOf(pid_t process) {
  std::error_code error;
  return std::filesystem::read_symlink(absl::StrCat("/proc/", process, "/exe"), error);
}

}  // namespace

std::optional<Failpoint> Failpoint::Parse(const std::string& text) {
  Failpoint result;
  for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> field = absl::StrSplit(part, absl::MaxSplits('=', 1));
    const auto& [key, value] = field;
    if (key == "role") {
      result.role = value;
    } else if (key == "op") {
      result.op = value;
    } else if (key == "path") {
      result.path = value;
    } else if (key == "to") {
      result.to = value;
    } else if (key == "not_path") {
      result.not_path = value;
    } else if (key == "other_root") {
      result.other_root = value;
    } else if (key == "own_root") {
      result.own_root = value;
    } else if (key == "when") {
      result.after = value == "after";
    } else if (key != "n" || !absl::SimpleAtoi(value, &result.n)) {
      return std::nullopt;
    }
  }
  if (result.role.empty() || result.op.empty()) return std::nullopt;
  return result;
}

FailpointFiles::FailpointFiles(std::unique_ptr<Files> files, Failpoint failpoint)
    : files_(std::move(files)), failpoint_(std::move(failpoint)), supervisor_(getppid()) {
  // Whoever adopted us is not to be killed.
  if (ExecutableOf(supervisor_) != ExecutableOf(getpid())) supervisor_ = 0;
}

std::string FailpointFiles::PathOf(FileHandle directory, const std::string& path) const {
  const auto known = paths_.find(directory);
  if (known == paths_.end()) return path;
  return path.empty() ? known->second : absl::StrCat(known->second, "/", path);
}

bool FailpointFiles::Matches(const IoRequest& request) const {
  if (failpoint_.op != NameOf(request.kind)) return false;
  const std::string path = PathOf(request.file, request.path);
  std::string target = path;
  if (request.kind == IoKind::kRename) {
    if (!absl::StartsWith(request.path2, failpoint_.to)) return false;
    target = PathOf(request.directory2, request.path2);
  }
  if (!failpoint_.not_path.empty() && absl::StrContains(target, failpoint_.not_path)) return false;
  if (!absl::StrContains(path, failpoint_.path) && !absl::StrContains(target, failpoint_.path)) {
    return false;
  }
  if (failpoint_.other_root.empty()) return true;
  if (!absl::StartsWith(target, failpoint_.own_root)) return false;
  return access((failpoint_.other_root + target.substr(failpoint_.own_root.size())).c_str(),
                F_OK) == 0;
}

void FailpointFiles::Die() const {
  dprintf(STDERR_FILENO, "{\"event\":\"failpoint\",\"role\":\"%s\",\"op\":\"%s\"}\n",
          failpoint_.role.c_str(), failpoint_.op.c_str());
  if (supervisor_ != 0 && getppid() == supervisor_) kill(supervisor_, SIGKILL);
  kill(getpid(), SIGKILL);
  while (true) pause();
}

void FailpointFiles::Submit(IoRequest request, IoDone done) {
  const bool now = Matches(request) && ++matches_ == failpoint_.n;
  if (now && !failpoint_.after) Die();
  if (now) {
    files_->Submit(std::move(request), [this](const IoResult&) { Die(); });
    return;
  }
  if (request.kind == IoKind::kClose) paths_.erase(request.file);
  if (request.kind != IoKind::kOpen && request.kind != IoKind::kRename) {
    files_->Submit(std::move(request), std::move(done));
    return;
  }
  const bool rename = request.kind == IoKind::kRename;
  std::string path = PathOf(request.file, request.path);
  std::string target = rename ? PathOf(request.directory2, request.path2) : "";
  files_->Submit(std::move(request),
                 [this, rename, path = std::move(path), target = std::move(target),
                  done = std::move(done)](IoResult result) mutable {
                   if (result.value >= 0 && !rename)
                     paths_[static_cast<FileHandle>(result.value)] = path;
                   for (auto& [file, known] : paths_) {
                     if (rename && result.value >= 0 && known == path) known = target;
                   }
                   done(std::move(result));
                 });
}

}  // namespace tandem
