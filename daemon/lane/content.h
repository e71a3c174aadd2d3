// Where a write's bytes come from: memory, the journal, or a parked copy.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "daemon/io/env.h"
#include "daemon/journal/reader.h"
#include "daemon/model/upload_manifest.h"

namespace tandem {

// A file's content in pieces, read one at a time so that memory stays bounded. Owner: the lane's
// thread.
class Content {
 public:
  virtual ~Content() = default;
  // The next piece, not empty; empty at the end. DATA_LOSS if what is read is not what was
  // journaled.
  virtual Awaitable<absl::StatusOr<std::string>> Next() = 0;
};

// The chunks of an upload, from the journal.
class JournalContent final : public Content {
 public:
  JournalContent(JournalReader& reader, UploadManifest manifest)
      : reader_(reader), manifest_(std::move(manifest)) {}
  Awaitable<absl::StatusOr<std::string>> Next() override;

 private:
  JournalReader& reader_;
  UploadManifest manifest_;
  size_t next_ = 0;
};

// A file beside a parked record.
class FileContent final : public Content {
 public:
  // `file`: open, the caller's.
  FileContent(Env& env, FileHandle file) : env_(env), file_(file) {}
  Awaitable<absl::StatusOr<std::string>> Next() override;

 private:
  Env& env_;
  FileHandle file_;
  uint64_t offset_ = 0;
};

}  // namespace tandem
