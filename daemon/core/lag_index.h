// When each record was written and how much came before it: what the lag of a target is told from,
// also while its lane is gone.
#pragma once

#include <cstdint>
#include <deque>

#include "daemon/base/sequence_set.h"

namespace tandem {

// Sparse: a sample every 64 records or 10 ms, and thinned out when there are too many. Owner:
// core's thread.
class LagIndex {
 public:
  // The next record. `time_ms`: when it came, by this process's monotonic clock. `user`: a write of
  // a client, not a chunk, an abort or a heartbeat. `bytes`: what a target has to write for it.
  void Add(Sequence sequence, int64_t time_ms, uint64_t bytes, bool user);

  // Nobody asks for records below `oldest` any more.
  void Forget(Sequence oldest);

  // When the record came, or up to one sample's distance before it; 0 if it is unknown.
  [[nodiscard]] int64_t TimeMs(Sequence sequence) const;
  // How many records in first..last are writes of clients. Exact but far from the end, where runs
  // of others were put together.
  [[nodiscard]] uint64_t UserRecords(Sequence first, Sequence last) const;
  // The first such record at or after `sequence`; may be beyond the last one there is.
  [[nodiscard]] Sequence NextUser(Sequence sequence) const;
  // About how many bytes first..last have; exact when first..last is everything kept.
  [[nodiscard]] uint64_t Bytes(Sequence first, Sequence last) const;
  [[nodiscard]] Sequence newest() const { return newest_; }
  [[nodiscard]] size_t samples() const { return samples_.size(); }
  [[nodiscard]] size_t runs() const { return others_.size(); }

 private:
  struct Sample {
    Sequence sequence = 0;
    int64_t time_ms = 0;
    uint64_t bytes_before = 0;  // of all records before it
  };
  struct Other {  // a run of records that are no writes of clients
    Sequence first = 0;
    Sequence last = 0;
    uint64_t before = 0;  // how many such records are in the runs before
    uint64_t count = 0;   // and in this one; fewer than it is long: clients' writes lie in between
  };

  void ThinOut();
  void AddOther(Sequence sequence);
  void ThinOutOthers();
  [[nodiscard]] uint64_t BytesUpTo(Sequence sequence) const;
  [[nodiscard]] uint64_t OthersUpTo(Sequence sequence) const;

  std::deque<Sample> samples_;
  std::deque<Other> others_;
  Sequence newest_ = 0;
  uint64_t bytes_ = 0;
  Sequence every_ = 64;
};

}  // namespace tandem
