#include "daemon/lane/open_files.h"

#include <utility>

#include "daemon/base/check.h"

namespace tandem {

OpenFiles::~OpenFiles() {
  for (const auto& [path, entry] : open_) Close(entry.file.handle);
}

std::optional<OpenFile> OpenFiles::Take(const std::string& path) {
  const auto found = open_.find(path);
  if (found == open_.end()) return std::nullopt;
  const OpenFile file = found->second.file;
  ages_.erase(found->second.age);
  open_.erase(found);
  return file;
}

void OpenFiles::Keep(const std::string& path, const OpenFile& file) {
  if (limit_ == 0) {
    Close(file.handle);
    return;
  }
  ages_.push_front(path);
  const bool added = open_.emplace(path, Entry{.file = file, .age = ages_.begin()}).second;
  TANDEM_CHECK(added);
  while (open_.size() > limit_) Drop(std::string(ages_.back()));
}

void OpenFiles::Drop(const std::string& path) {
  if (const std::optional<OpenFile> file = Take(path); file.has_value()) Close(file->handle);
}

void OpenFiles::Close(FileHandle handle) {
  if (files_lifetime_.expired()) return;
  env_.files.Submit(ToClose(handle), [](const IoResult&) {});
}

}  // namespace tandem
