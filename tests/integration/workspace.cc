#include "tests/integration/workspace.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string kind;
  std::string content;
  friend bool operator==(const Entry&, const Entry&) = default;
};

std::map<std::string, Entry> TreeOf(const std::string& root) {
  std::map<std::string, Entry> tree;
  for (auto at = fs::recursive_directory_iterator(root); at != fs::recursive_directory_iterator();
       ++at) {
    if (at->path().filename() == std::string(kReservedDirectory)) {
      at.disable_recursion_pending();
      continue;
    }
    struct stat stat {};
    if (lstat(at->path().c_str(), &stat) != 0) continue;
    Entry entry{.kind = absl::StrCat(absl::Hex(stat.st_mode))};
    if (S_ISREG(stat.st_mode)) entry.content = Contents(at->path());
    tree[fs::relative(at->path(), root)] = std::move(entry);
  }
  return tree;
}

}  // namespace

Workspace::Workspace() {
  root_ = "/tmp/tandem-it-XXXXXX";
  if (mkdtemp(root_.data()) == nullptr) {
    ADD_FAILURE() << "no directory for the test";
    return;
  }
  for (const std::string& directory : {root_, local(), corebank()}) {
    fs::create_directories(directory);
    fs::permissions(directory, fs::perms::all);
  }
}

Workspace::~Workspace() {
  std::error_code error;
  fs::remove_all(root_, error);
  EXPECT_FALSE(error) << root_ << " not removed: " << error.message();
}

std::string Workspace::OnLocal(const std::string& path) const {
  return absl::StrCat(local(), "/w/", path);
}

std::string Workspace::OnCoreBank(const std::string& path) const {
  return absl::StrCat(corebank(), "/w/", path);
}

std::string TreeDifference(const std::string& a, const std::string& b) {
  const auto in_a = TreeOf(a);
  const auto in_b = TreeOf(b);
  std::vector<std::string> differences;
  for (const auto& [name, entry] : in_a) {
    if (IsTempName(fs::path(name).filename().string())) differences.push_back("left over " + name);
    const auto other = in_b.find(name);
    if (other == in_b.end()) {
      differences.push_back("missing " + name);
    } else if (!(entry == other->second)) {
      differences.push_back(absl::StrCat("differs ", name, " (", entry.content.size(), " and ",
                                         other->second.content.size(), " bytes)"));
    }
  }
  for (const auto& [name, entry] : in_b) {
    if (!in_a.contains(name)) differences.push_back("extra " + name);
  }
  return absl::StrJoin(differences, ", ");
}

std::string Contents(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

bool WaitUntil(const std::function<bool()>& condition, absl::Duration limit) {
  const absl::Time deadline = absl::Now() + limit;
  while (!condition()) {
    if (absl::Now() > deadline) return false;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return true;
}

}  // namespace tandem
