// Keeps one target open, and knows how it is.
#pragma once

#include <memory>
#include <string>

#include "daemon/io/env.h"
#include "daemon/io/event.h"
#include "daemon/lane/options.h"
#include "daemon/lane/target.h"

namespace tandem {

// Opens the target, opens it again after a failure, probes it. Owner: the lane's thread, while the
// lane's process holds the target's lock.
class TargetKeeper {
 public:
  // `claim`: see Target::Open.
  TargetKeeper(Env& env, const LaneOptions& options, std::string pinned_id,
               TargetClaim* claim = nullptr);

  // Starts opening.
  void Start();
  // Ready returns null from now on.
  void Stop();

  // The target as soon as it is usable; null at Stop. Hold on to it only for one attempt.
  Awaitable<std::shared_ptr<Target>> Ready();

  // Now, or null.
  [[nodiscard]] const std::shared_ptr<Target>& current() const { return target_; }

  // An operation failed in a way that is the target's fault: DOWN until it opens and probes well.
  void ReportFailure(const absl::Status& failure);

  // So did a write, and until one goes well the target is in trouble however well it opens and
  // probes: of a full disk, say, the small file of a probe is the last that fits.
  void WriteFailed(const absl::Status& failure);
  // Or it was quarantined: then it is its path that is in trouble.
  void WriteSucceeded() { trouble_.clear(); }
  // "" if it is in none.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  // A probe that begins now or later: is the target itself well? If not, it is DOWN. Those who ask
  // at the same time share one.
  Awaitable<bool> IsWell();

  // How long the last probe took, not counting what it waited for another one.
  [[nodiscard]] int64_t probe_ms() const { return probe_ms_; }

  [[nodiscard]] bool down() const { return target_ == nullptr; }
  [[nodiscard]] bool ever_opened() const { return ever_opened_; }
  // A try to open it, or an operation on it, failed.
  [[nodiscard]] bool failed_before() const { return failed_before_; }
  // Why it is down.
  [[nodiscard]] const std::string& reason() const { return reason_; }
  [[nodiscard]] const std::string& id() const { return id_; }

 private:
  Awaitable<void> OpenLoop();
  Awaitable<bool> ProbeOnce();

  Env& env_;
  const LaneOptions& options_;
  std::string id_;
  TargetClaim* claim_;
  std::shared_ptr<Target> target_;
  std::string reason_ = "not opened yet";
  std::string trouble_;
  std::shared_ptr<TempNames> temps_ = std::make_shared<TempNames>();
  bool opening_ = false;
  bool ever_opened_ = false;
  bool failed_before_ = false;
  bool stopped_ = false;
  int64_t probe_ms_ = 0;
  bool probing_ = false;
  bool well_ = false;
  uint64_t probes_begun_ = 0;
  uint64_t probes_ended_ = 0;
  Event changed_;
  Event probed_;
};

}  // namespace tandem
