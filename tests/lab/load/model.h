// What the files of one writer have to hold, from what it was told.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tandem/client/types.h"

namespace tandem::lab {

using Tree = std::map<std::string, std::string>;  // path -> content

// Applies the operations to `tree` as a target should.
void Apply(const std::vector<client::Operation>& operations, Tree& tree);

// Files that all writers append to lie beneath this.
inline constexpr absl::string_view kSharedFiles = "shared/";

// One append to such a file.
struct SharedAppend {
  struct Place {
    uint64_t sequence = 0;
    uint64_t offset = 0;  // bytes from the file's start
  };
  std::string path;
  std::string data;            // nobody else writes the same
  std::optional<Place> place;  // as answered; nothing: accepted, or unknown
  bool accepted = true;        // false: it may be there or not
};

// One writer's files. Owner: the writer's thread; the test's after that ended.
struct Model {
  // What was acknowledged.
  Tree files;
  std::vector<SharedAppend> shared;
  // A write whose outcome nobody knows: all of it may be there, or nothing. Empty: none.
  std::vector<client::Operation> unknown;
};

// How the files beneath `root` differ from what all the models together allow; "" if they do not.
// A shared file has to hold what was appended to it, each once, in the order of the sequences,
// where it was said to lie, and nothing else. Paths that begin with `ignored` belong to somebody
// else.
[[nodiscard]] std::string Difference(const std::vector<const Model*>& models,
                                     const std::string& root, const std::string& ignored);

// How two trees differ in names, types, modes and contents, `.tandem` left out; "" if they do not.
[[nodiscard]] std::string TreeDifference(const std::string& a, const std::string& b);

// The whole file; empty if it is not there.
[[nodiscard]] std::string Contents(const std::string& file);

}  // namespace tandem::lab
