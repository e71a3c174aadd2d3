// One ring: told what to do, asked what is done. uring_ring.cc is the only file that includes
// liburing.
#pragma once

#include <linux/openat2.h>
#include <sys/stat.h>

#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "daemon/io/files.h"

namespace tandem {

// One operation in the kernel; stays where it is, as what it points to, until its completion.
struct UringSlot {
  enum class Link : uint8_t {
    kNone,    // the last of its chain, or alone
    kOnWell,  // the next is done only if this one succeeds
    kAlways,  // the next is done after this one
  };
  const IoRequest* request = nullptr;
  Link link = Link::kNone;
  bool follows = false;  // another of its chain was prepared just before it
  bool dropped = false;  // the kernel did nothing of it, whatever it says
  open_how how = {};
  struct statx stat = {};  // filled in by a kStat
};

// Owner: one thread, which opens it too, as the kernel's workers belong to that thread.
class UringRing {
 public:
  UringRing();
  // Waits for nothing.
  ~UringRing();
  UringRing(const UringRing&) = delete;
  UringRing& operator=(const UringRing&) = delete;

  // Makes sure that the ring can do all that is asked of it later. The parameters are those of
  // UringOptions. Fails with the kernel's errno; then nothing else may be called.
  [[nodiscard]] absl::Status Open(unsigned entries, unsigned max_workers);
  // Has the kernel write to this eventfd whenever something completes.
  [[nodiscard]] absl::Status NotifyBy(int event_fd);

  // More operations than this must not be prepared or in the kernel at once.
  [[nodiscard]] unsigned max_in_kernel() const;
  // This many are worth a submission of their own.
  [[nodiscard]] unsigned half_full() const;

  // The next Submit hands the operation to the kernel. There has to be room. Not for kTruncate,
  // kList, kStatFs and kLock. A chain is prepared without a Submit in between.
  void Prepare(UringSlot& slot);
  // How many more can be prepared before a Submit.
  [[nodiscard]] unsigned room() const;
  // How many are prepared and not submitted.
  [[nodiscard]] unsigned prepared() const;
  // Returns how many were submitted, or -errno. Never blocks.
  [[nodiscard]] int Submit();

  // Calls `take` with every completed operation and its result (-errno on failure).
  void TakeCompletions(absl::FunctionRef<void(UringSlot&, int)> take);
  // Waits for one completion, at most `limit_ns`, and drops it. False: none came.
  [[nodiscard]] bool DropOne(int64_t limit_ns);

 private:
  struct State;

  absl::Status ProbeOpcodes();
  absl::Status ProbeSubmission();
  void DropRestOfCutChain();

  std::unique_ptr<State> state_;
};

}  // namespace tandem
