// The simulated implementation of the I/O seam: the files of one simulated process.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "daemon/io/files.h"
#include "tests/sim/sim_disk.h"

namespace tandem {

// Every operation takes a seeded time and has its effect at a seeded moment within it. Handles are
// of this process only; locks are too, and are kept until nothing of it is under way, as with a
// process that hangs in a mount. Owner: the simulation's thread.
class SimFiles final : public Files {
 public:
  explicit SimFiles(SimWorld& world);
  // As Kill.
  ~SimFiles() override;
  SimFiles(const SimFiles&) = delete;
  SimFiles& operator=(const SimFiles&) = delete;

  // The disk's root appears at `path` (absolute); replaces what was mounted there.
  void Mount(std::string path, SimDisk* disk);
  void Unmount(const std::string& path);
  // This process may never change anything there: SimDisk::violation says it if it does.
  void Forbid(SimDisk* disk);
  // At most so many handles at once; an open that is one too many fails with EMFILE.
  void set_handle_limit(size_t limit);

  void Submit(IoRequest request, IoDone done) override;
  [[nodiscard]] absl::string_view engine() const override { return "simulated"; }
  [[nodiscard]] size_t in_flight() const override;
  [[nodiscard]] int64_t oldest_in_flight_ns() const override;

  // The process is gone: no callback comes any more, all are destroyed. What is under way lands
  // later, or never, and only then the locks are free. Poll the world afterwards.
  void Kill();
  // The process is stopped: what is under way goes on, and is answered after Thaw.
  void Freeze();
  void Thaw();

  [[nodiscard]] size_t open_handles() const;
  // Opens that failed for the limit.
  [[nodiscard]] uint64_t refused_opens() const;
  // Operations on handles that were not open: always a mistake of the caller.
  [[nodiscard]] uint64_t bad_handles() const;

 private:
  class Process;
  std::shared_ptr<Process> process_;
};

}  // namespace tandem
