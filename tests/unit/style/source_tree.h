// The C++ files of this repository, for tests of their form.
#pragma once

#include <string>
#include <vector>

namespace tandem {

struct SourceFile {
  std::string path;  // from the repository's root
  std::vector<std::string> lines;

  // "daemon/core/core.h" -> "core"; "" outside of daemon/.
  [[nodiscard]] std::string Module() const;
  [[nodiscard]] bool IsHeader() const { return path.ends_with(".h"); }
  [[nodiscard]] bool IsIn(const std::string& folder) const {
    return path.starts_with(folder + "/");
  }
  // What it includes, without quotes and brackets, with the line's number.
  struct Include {
    std::string file;
    size_t line;
  };
  [[nodiscard]] std::vector<Include> Includes() const;
};

// *.cc and *.h of daemon/, client-lib/, tests/ and bench/, sorted by path.
[[nodiscard]] const std::vector<SourceFile>& SourceTree();

}  // namespace tandem
