// A target that was detached: which of its paths are missed, having them copied from another
// target, and which records that makes superfluous.
//
// Happy path: a record whose path is missed has it copied before it goes on; the others are copied
// in the background, a few at a time. A copy is the path as it is after the source's record `at`:
// records of the path up to there are superseded, later ones are applied on top. Every record of
// the path that is settled here is at or below `at`, so nothing is taken back. A rename of which
// one end was copied beyond it and the other was not cannot be done: the other is missed too. So is
// a directory above a path that is not one here: what made it one may still be to come. Failure
// modes: no source, or one that hangs or dies -> asked again, for ever. The target's fault
// -> the same. The path's fault, or the source lacks writes of it itself -> stuck: records that
// need it are parked, and it is tried again when they are. Core or this process dies -> what core
// did not note is copied again.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "daemon/io/event.h"
#include "daemon/lane/dispatcher_parts.h"
#include "daemon/lane/quarantine.h"
#include "daemon/lane/resync_link.h"
#include "daemon/lane/source.h"

namespace tandem {

// Owner: the lane's thread. Memory: the missed paths, and kMaxCopies pieces.
class Resync {
 public:
  struct Hooks {
    std::function<Awaitable<PathPin>(std::string)> pin;
    std::function<void(Sequence)> unpin;
    std::function<void()> ended;  // tasks() is less
  };
  // Records up to `doubt_limit` may have been started by a predecessor.
  Resync(DispatcherParts parts, ResyncLink& link, Quarantine& quarantine, uint64_t generation,
         Sequence doubt_limit, Hooks hooks);

  // As core has them: before anything is applied. `copied_at`: not 0: it is not missed any more.
  void Load(const std::string& path, Sequence first, Sequence copied_at);
  // Copies in the background until Stop.
  void Start();
  void Stop();
  [[nodiscard]] size_t tasks() const { return tasks_; }

  // Something is missed, or was copied beyond the checkpoint.
  [[nodiscard]] bool active() const { return !missed_.empty() || !copied_.empty(); }
  // It waits until its path, or a directory of it, is copied.
  [[nodiscard]] bool IsMissed(const RecordHeader& record) const;

  enum class Verdict { kApply, kSuperseded, kPark, kStopped };
  struct Admission {
    Verdict verdict = Verdict::kApply;
    Sequence copied_at = 0;  // kApply, of a record with one path: those up to here are superseded
    absl::Status why;        // kPark
  };
  // Returns when it is decided what is to be done with the record, whose locks are held.
  Awaitable<Admission> Admit(RecordHeader record);
  // The record cannot be applied any more: its path is copied as it is after it, or later.
  Awaitable<absl::Status> Miss(std::string path, Sequence at_least);

 private:
  struct Missed {
    Sequence first = 0;     // it is missed since then; 0: nobody knows
    Sequence at_least = 0;  // a copy has to be as of this record or a later one
    bool busy = false;      // somebody works on it
    absl::Status stuck;     // not OK: why it cannot be copied for now
  };

  // The path and all above it are not missed any more; else CANCELLED, or why one is stuck.
  Awaitable<absl::Status> Need(std::string path);
  Awaitable<absl::Status> NeedOne(std::string path);
  // Until it is copied, stuck, or stopped.
  Awaitable<void> Work(std::string path);
  // After a failure: OK: try again; else why it is stuck.
  Awaitable<absl::Status> Judge(absl::Status failure, uint32_t* tries, uint32_t* refusals);
  // `hold`: the source's writes of it wait meanwhile.
  Awaitable<absl::Status> Copy(std::string path, bool hold);
  Awaitable<absl::Status> Take(Target& target, const std::string& path,
                               const internal::v1::SourceAnswer& answer, uint64_t* bytes);
  Awaitable<absl::Status> CheckAbove(Target& target, const std::string& path, size_t directories);
  Awaitable<absl::Status> MakeAbsent(Target& target, const std::string& path);
  Awaitable<absl::Status> MakeDirectory(Target& target, const std::string& path);
  Awaitable<absl::Status> MakeFile(Target& target, const std::string& path,
                                   const internal::v1::SourceAnswer& answer, uint64_t* bytes);
  Awaitable<absl::StatusOr<bool>> IsEqual(Target& target, Directory& parent, std::string name,
                                          const internal::v1::SourceAnswer& answer);
  Awaitable<absl::StatusOr<bool>> IsContentEqual(FileHandle file,
                                                 const internal::v1::SourceAnswer& answer);
  Awaitable<absl::StatusOr<std::string>> DigestOfRange(FileHandle file, uint64_t offset);
  Awaitable<absl::Status> Fill(FileHandle file, const internal::v1::SourceAnswer& answer);
  // What the copy supersedes of what is parked goes first: then core may forget it.
  Awaitable<absl::Status> Finish(std::string path, Sequence at, uint64_t bytes);
  Awaitable<absl::Status> UnparkRenames(std::string path, Sequence at);
  Awaitable<void> TakeCopyTurn();
  void GiveCopyTurnBack();
  Awaitable<void> Background();
  Awaitable<void> CopyPinned(std::string path);
  Awaitable<void> Pause(uint32_t attempt);
  [[nodiscard]] Sequence CopiedAt(const std::string& path) const;
  void ForgetCopied();
  void TryStuckAgain();
  [[nodiscard]] std::optional<std::string> NextInBackground();
  void Ended();

  DispatcherParts parts_;
  Env& env_;
  ResyncLink& link_;
  Quarantine& quarantine_;
  uint64_t generation_;
  Sequence doubt_limit_;
  Hooks hooks_;
  std::map<std::string, Missed> missed_;
  std::map<std::string, Sequence> copied_;
  std::string next_;                                 // the background goes on behind this path
  size_t copies_ = 0;                                // under way
  std::deque<absl::AnyInvocable<void(int)>> turns_;  // who waits for one of those to end
  std::set<std::string> pinned_;                     // by the background
  int64_t stuck_ns_ = 0;                             // when what is stuck was last tried again
  size_t tasks_ = 0;
  uint64_t temps_ = 0;
  bool stopped_ = false;
  Event changed_;
};

// Of a path that Resync found to be in the way: not an error of the target's.
[[nodiscard]] absl::Status NeedsPath(absl::string_view path);
[[nodiscard]] std::optional<std::string> NeededPath(const absl::Status& status);

}  // namespace tandem
