#include "tests/unit/style/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

namespace tandem {
namespace {

SourceFile Read(const std::filesystem::path& root, const std::filesystem::path& path) {
  SourceFile source;
  source.path = path.lexically_relative(root).string();
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) source.lines.push_back(line);
  return source;
}

}  // namespace

std::string SourceFile::Module() const {
  if (!IsIn("daemon")) return "";
  const size_t begin = std::string("daemon/").size();
  const size_t end = path.find('/', begin);
  return end == std::string::npos ? "" : path.substr(begin, end - begin);
}

std::vector<SourceFile::Include> SourceFile::Includes() const {
  std::vector<Include> includes;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!lines[i].starts_with("#include")) continue;
    const size_t begin = lines[i].find_first_of("\"<");
    const size_t end = lines[i].find_first_of("\">", begin + 1);
    if (begin == std::string::npos || end == std::string::npos) continue;
    includes.push_back({.file = lines[i].substr(begin + 1, end - begin - 1), .line = i + 1});
  }
  return includes;
}

const std::vector<SourceFile>& SourceTree() {
  static const std::vector<SourceFile> tree = [] {
    const std::filesystem::path root = TANDEM_SOURCE_DIR;
    std::vector<SourceFile> files;
    for (const char* folder : {"daemon", "client-lib", "tests", "bench"}) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
        const auto extension = entry.path().extension();
        if (extension == ".cc" || extension == ".h") files.push_back(Read(root, entry.path()));
      }
    }
    std::sort(files.begin(), files.end(),
              [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
    return files;
  }();
  return tree;
}

}  // namespace tandem
