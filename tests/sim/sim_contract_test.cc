// The simulated files keep the contract that the real engines keep.
#include "tests/sim/sim_files.h"
#include "tests/unit/io/chain_contract.h"
#include "tests/unit/io/files_contract.h"

namespace tandem {
namespace {

class SimBackend {
 public:
  SimBackend() {
    files_.Mount("/data", &disk_);
    other_.Mount("/data", &disk_);
  }

  Files& files() { return files_; }
  Files& other() { return other_; }
  Executor executor() { return world_.executor(); }
  std::string root() { return "/data"; }
  bool RunUntil(absl::FunctionRef<bool()> done) { return world_.RunUntil(done); }
  void MakeLink(const std::string& name, const std::string&) { disk_.MakeOther(name); }

 private:
  SimWorld world_{11};
  SimDisk disk_{world_};
  SimFiles files_{world_};
  SimFiles other_{world_};
};

INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, FilesContract, SimBackend);
INSTANTIATE_TYPED_TEST_SUITE_P(Simulated, ChainContract, SimBackend);

}  // namespace
}  // namespace tandem
