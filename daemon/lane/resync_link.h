// What a lane and core say to each other about missed paths, as calls that are waited for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/statusor.h"
#include "daemon/io/event.h"
#include "daemon/lane/core_reporter.h"

namespace tandem {

// Pieces that a source gives; a file that is not longer is read in one go.
inline constexpr size_t kSourcePieceBytes = 256 << 10;
// What it says the digest of at once: not more than a slow target gives within an answer's time.
inline constexpr size_t kSourceRangeBytes = 4 << 20;

// Owner: the lane's thread.
class ResyncLink {
 public:
  ResyncLink(Env& env, CoreReporter& reporter)
      : env_(env), reporter_(reporter), changed_(env.executor) {}

  // Core says something.
  void OnMessage(const internal::v1::CoreMessage& message);
  // Nobody answers any more: who waits gets CANCELLED.
  void Stop();

  // UNAVAILABLE if there is no answer within a limit, or the source has a trouble that passes;
  // FAILED_PRECONDITION: it lacks writes of the path itself; ABORTED: it changed meanwhile.
  Awaitable<absl::StatusOr<internal::v1::SourceAnswer>> Ask(internal::v1::SourceQuery query);
  // Ends a session.
  void Close(uint64_t session);

  // The path is missed, durably, when OK.
  Awaitable<absl::Status> NoteMissed(std::string path);
  // The path is as it was on the source after record `at`.
  void Copied(const std::string& path, Sequence at, uint64_t bytes);

  // The missed and the copied paths behind `after`; nullopt: from the start.
  Awaitable<absl::StatusOr<internal::v1::MissedPage>> Page(std::optional<std::string> after);

 private:
  Env& env_;
  CoreReporter& reporter_;
  uint64_t next_ = 1;
  absl::btree_map<uint64_t, std::optional<internal::v1::SourceAnswer>> asked_;
  absl::btree_set<uint64_t> unnoted_;
  std::optional<internal::v1::MissedPage> page_;
  bool stopped_ = false;
  Event changed_;
};

}  // namespace tandem
