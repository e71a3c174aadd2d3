// The satellites of a simulated run: they send, retry under the same id until they know, and now
// and then ask again or misuse an id.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/checker.h"
#include "tests/sim/node.h"
#include "tests/sim/workload.h"

namespace tandem {

// Owner: the simulation's thread.
class SimClients final : public SimNode::Listener {
 public:
  // `pipelined`: how likely a request does not wait for the one before.
  SimClients(SimWorld& world, size_t requests, size_t clients, double pipelined, Logger& log);

  // Before the node boots.
  void Attach(SimNode* node, Checker* checker);
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
  void AfterAccept(Call& call, const WriteReply& reply);
  void TryForgery(const SimRequest& request);

  SimWorld& world_;
  SimRandom random_;
  Workload workload_;
  Logger& log_;
  SimNode* node_ = nullptr;
  Checker* checker_ = nullptr;
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
