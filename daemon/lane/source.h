// What a lane gives of its target to another that misses paths.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/status/status.h"
#include "daemon/io/event.h"
#include "daemon/lane/dispatcher_parts.h"
#include "daemon/lane/resync_link.h"

namespace tandem {

// A path's lock while nothing of it is under way.
struct PathPin {
  Sequence id = 0;  // 0: stopped, nothing is held
  Sequence at = 0;  // every record of the path up to this one is on the target, none above is
};

// Happy path: the path is pinned (what came before is applied, what comes later waits), looked at
// and, if it is short, read; then it is let go, so that a slow copy holds up nothing here. A longer
// file is read through its open descriptor in pieces: a write that changes what was promised ends
// the session, one that appends or puts another file in its place does not. Who came too late for
// that again and again has the path held: it stays pinned while pieces are asked for, for some
// seconds at most. Owner: the lane's thread.
class Source {
 public:
  struct Hooks {
    std::function<Awaitable<PathPin>(std::string)> pin;
    std::function<void(Sequence)> unpin;
    std::function<void()> ended;  // tasks() is less
  };
  Source(DispatcherParts parts, Hooks hooks)
      : parts_(parts), env_(parts.env), hooks_(std::move(hooks)), changed_(parts.env.executor) {}

  void Ask(internal::v1::SourceQuery query);
  // The record is about to be applied.
  void Touch(const RecordHeader& record);
  void Stop();
  // Questions under way.
  [[nodiscard]] size_t tasks() const { return tasks_; }

 private:
  struct Session {
    std::string path;
    uint64_t size = 0;
    FileHandle file = kNoFile;
    Sequence pin = 0;  // 0: it is not held
    bool changed = false;
    int64_t used_ns = 0;
    size_t reading = 0;
  };

  Awaitable<void> Answer(internal::v1::SourceQuery query);
  Awaitable<absl::Status> Open(const internal::v1::SourceQuery& query,
                               internal::v1::SourceAnswer* answer);
  // Needs the pin.
  Awaitable<absl::Status> Look(Target& target, const std::string& path,
                               internal::v1::SourceAnswer* answer, Session* session);
  Awaitable<absl::Status> OpenFile(Target& target, Directory& parent, const std::string& path,
                                   internal::v1::SourceAnswer* answer, Session* session);
  Awaitable<absl::Status> Continue(const internal::v1::SourceQuery& query,
                                   internal::v1::SourceAnswer* answer);
  Awaitable<absl::StatusOr<std::string>> Piece(uint64_t id, uint64_t offset);
  Awaitable<absl::StatusOr<std::string>> DigestOfRange(uint64_t id, uint64_t offset);
  Awaitable<void> Hold(uint64_t id);
  void Release(uint64_t id);
  Awaitable<void> Close(uint64_t id);
  Awaitable<void> CloseIdle();

  DispatcherParts parts_;
  Env& env_;
  Hooks hooks_;
  absl::btree_map<uint64_t, Session> sessions_;
  size_t tasks_ = 0;
  bool stopped_ = false;
  Event changed_;  // a session has ended
};

// The lane is starting or stopping.
[[nodiscard]] internal::v1::SourceAnswer NotYet(const internal::v1::SourceQuery& query);

}  // namespace tandem
