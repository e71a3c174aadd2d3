// Puts journal records onto a target. Everything here may be repeated: a step that was interrupted,
// or whose outcome is not known, is done again from the start and gives the same tree.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/io/env.h"
#include "daemon/journal/record.h"
#include "daemon/lane/content.h"
#include "daemon/lane/edits.h"
#include "daemon/lane/late_writes.h"
#include "daemon/lane/size_range.h"
#include "daemon/lane/target.h"

namespace tandem {

// Writes to one path, in sequence order, that are applied as one: of Put, UploadCommit, Append,
// WriteAt, Truncate. What lies before the last Put or UploadCommit is superseded by it. Or a single
// Rename or Delete.
struct PathRun {
  std::vector<const Record*> records;  // payloads present, except of what is superseded
  std::unique_ptr<Content> content;    // of the last UploadCommit, else null
  // It may have been applied before, wholly or in part: by a predecessor that crashed, or by an
  // attempt that failed. Otherwise the target must look exactly as the journal left it.
  bool in_doubt = false;
  // It may have been begun by a predecessor, whose writes may still be on their way.
  bool by_predecessor = false;
  // In doubt: the sizes that the file may have, if nothing but this run, or what it was part of,
  // was begun since it was as the journal left it. Any other size is a stranger's. nullopt: any
  // size may be ours.
  std::optional<SizeRange> sizes;
};

// The sizes of the file from before the run to its end.
[[nodiscard]] SizeRange SizesOf(const std::vector<const Record*>& records);

// The record that the run starts from: its last Put or UploadCommit, or -1.
[[nodiscard]] int FullWriteOf(const std::vector<const Record*>& records);

// Owner: the lane's thread.
class Applier {
 public:
  // `generation` makes this process's temp names its own.
  Applier(Env& env, uint64_t generation) : env_(env), generation_(generation) {}

  // OK: all of the run is durable on the target. Any error: it may be there in part; do it again.
  // FOREIGN_CHANGE (errors.h): the target is not as the journal left it.
  Awaitable<absl::Status> Apply(Target& target, PathRun& run);

  // No run that comes from now on can have been begun by a predecessor.
  void EndDoubt() { late_.EndDoubt(); }

 private:
  // Before a change in place.
  Awaitable<absl::Status> RenewIfNeeded(Target& target, Directory& parent, const PathRun& run);
  Awaitable<absl::Status> CopyInto(FileHandle from, FileHandle to, uint64_t size);
  Awaitable<absl::Status> Replace(Target& target, Directory& parent, std::string temp, PathRun& run,
                                  size_t base);
  Awaitable<absl::Status> FinishTemp(Directory& parent, FileHandle file, std::string temp,
                                     PathRun& run, size_t base);
  Awaitable<absl::Status> CopyContent(FileHandle file, PathRun& run);
  Awaitable<absl::Status> Change(Target& target, Directory& parent, PathRun& run);
  Awaitable<absl::Status> ChangeByName(Target& target, Directory& parent, PathRun& run,
                                       const std::vector<Edit>& edits);
  Awaitable<absl::Status> ChangeOpen(Directory& parent, OpenFile& file, const PathRun& run,
                                     const std::vector<Edit>& edits);
  Awaitable<absl::Status> ApplyEdits(FileHandle file, const std::vector<Edit>& edits,
                                     bool in_doubt);
  Awaitable<absl::Status> Redirty(FileHandle file, uint64_t size);
  Awaitable<absl::Status> Delete(Target& target, const PathRun& run);
  Awaitable<absl::Status> Rename(Target& target, const PathRun& run);

  Env& env_;
  uint64_t generation_;
  LateWrites late_;
};

}  // namespace tandem
