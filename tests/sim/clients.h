// The satellites of a simulated run: they send, retry under the same id until they know, and now
// and then ask again or misuse an id.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/node.h"
#include "tests/sim/workload.h"

namespace tandem {

// Owner: the simulation's thread.
class SimClients final : public SimNode::Listener {
 public:
  // Who wants to know what happens.
  struct Hooks {
    std::function<void()> before_core_down;
    std::function<void(size_t)> before_lane_down;
    // An answer to what was sent at that time; `known`: core had told something of its paths.
    std::function<void(const SimRequest&, int64_t sent_ns, bool known)> on_reply;
    // An operator has given writes up on a target.
    std::function<bool()> skipped;
  };

  // `pipelined`: how likely a request does not wait for the one before. `heavy`: large writes.
  SimClients(SimWorld& world, size_t requests, size_t clients, double pipelined, bool heavy,
             Logger& log);

  // Before the node boots.
  void Attach(SimNode* node, Checker* checker, Hooks hooks);
  // Paths of which this core has told something, and all that there are.
  [[nodiscard]] const std::set<std::string>& told_paths() const { return told_paths_; }
  [[nodiscard]] const std::vector<std::string>& paths() const { return workload_.paths(); }
  // Every request has its final answer.
  [[nodiscard]] bool done() const { return issued_ == limit_ && open_ == 0; }
  [[nodiscard]] size_t accepted() const { return accepted_; }
  [[nodiscard]] size_t refused() const { return refused_; }
  // For a run that does not end.
  [[nodiscard]] std::string Unresolved() const;
  // After a restart, with everything quiet: the node still knows every accepted request.
  void AskForAll();

  void OnCoreUp() override;
  void OnCoreDown() override;
  void BeforeCoreDown() override { hooks_.before_core_down(); }
  void BeforeLaneDown(size_t target) override { hooks_.before_lane_down(target); }

 private:
  struct Call {
    SimRequest request;
    uint64_t attempt = 0;  // of those sent; an answer to another one is stale
    bool sent = false;
    bool resolved = false;
    bool tried = false;  // sent before: what became of that may be unknown
    bool again = false;  // asked once more after the answer
    bool chains = true;  // the next request follows its answer
    Sequence low = 0;    // known when it was sent
    int64_t sent_ns = 0;
    bool known = false;  // core had told something of all its paths when it was sent
    std::string last_error;
    size_t chunk_bytes = 0;  // of an upload
  };

  void Issue();
  void IssueLater();
  void Send(Call& call);
  void SendLater(Call& call, int64_t delay_ms);
  void SendUpload(Call& call, uint64_t attempt);
  void SendChunk(Call& call, uint64_t attempt, UploadId upload, size_t from);
  void OnReply(Call& call, uint64_t attempt, absl::StatusOr<WriteReply> reply);
  void OnFailure(Call& call, const absl::Status& status);
  void NoteSequence(const SimRequest& request, const RefusalDetail& detail);
  void Resolve(Call& call, bool accepted);
  bool GiveUp(Call& call);
  void NotePaths(const SimRequest& request);
  [[nodiscard]] bool KnowsPaths(const SimRequest& request) const;
  void AfterAccept(Call& call, const WriteReply& reply);
  void TryForgery(const SimRequest& request);

  SimWorld& world_;
  SimRandom random_;
  Workload workload_;
  Logger& log_;
  SimNode* node_ = nullptr;
  Checker* checker_ = nullptr;
  Hooks hooks_;
  std::set<std::string> told_paths_;
  size_t limit_;
  double pipelined_;
  size_t issued_ = 0;
  size_t open_ = 0;
  size_t accepted_ = 0;
  size_t refused_ = 0;
  uint64_t attempts_ = 0;
  size_t chains_;
  std::vector<std::unique_ptr<Call>> calls_;
};

}  // namespace tandem
