// The operations an engine has under way, oldest first.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <utility>
#include <vector>

#include "daemon/io/files.h"
#include "daemon/io/system_clock.h"

namespace tandem {

// The steps of a chain that one thread does.
struct PendingChain {
  std::vector<IoRequest> requests;
  std::vector<IoResult> results;
  ChainDone done;
};

// One operation, or one chain. Everything the kernel reads or fills in stands here or is the
// caller's, so it stays where it is until the completion.
struct PendingIo {
  IoRequest request;
  IoDone done;
  IoResult result;
  std::unique_ptr<PendingChain> chain;
  int64_t started_ns = 0;
  std::list<PendingIo>::iterator place;
};

// Owner: the thread that runs the executor.
class PendingList {
 public:
  // The reference holds until Remove.
  PendingIo& Add(IoRequest request, IoDone done) {
    list_.push_back({.request = std::move(request),
                     .done = std::move(done),
                     .result = {},
                     .chain = nullptr,
                     .started_ns = SystemMonotonicNs(),
                     .place = {}});
    list_.back().place = std::prev(list_.end());
    return list_.back();
  }
  void Remove(PendingIo& io) { list_.erase(io.place); }
  [[nodiscard]] size_t size() const { return list_.size(); }
  [[nodiscard]] bool empty() const { return list_.empty(); }
  // How long the oldest has been under way, in nanoseconds; 0 if there is none.
  [[nodiscard]] int64_t OldestNs() const {
    return list_.empty() ? 0 : SystemMonotonicNs() - list_.front().started_ns;
  }
  // Never frees what is in the list: the kernel may still write there.
  void Abandon() { new std::list<PendingIo>(std::move(list_)); }

 private:
  std::list<PendingIo> list_;
};

}  // namespace tandem
