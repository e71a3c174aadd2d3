// A lane's process, as far as its target knows it, on simulated disks.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "daemon/lane/target_keeper.h"
#include "daemon/lane/watermark_publisher.h"
#include "tests/unit/lane/target_fixture.h"

namespace tandem {

class ClaimFixture : public TargetFixture {
 protected:
  ClaimFixture() {
    journal_.MakeDirectory("lane");
    files_.Mount("/j", &journal_);
    options_.watermark_interval_ms = 1'000;
    directory_ = *world_.Await(files_.Open(kNoFile, "/j/lane", O_RDONLY | O_DIRECTORY));
    StartLane(LaneState{.generation = 1, .instance = MakeUuidV7(1, 2, 3)});
  }
  ~ClaimFixture() override {
    files_.Kill();
    world_.Poll();
  }

  // What a process of a lane has around its target.
  struct Parts {
    Parts(ClaimFixture& test, LaneState state)
        : file(test.env_, test.directory_),
          checkpointer(test.env_, file, std::move(state), 100, [](Sequence) {}),
          claim(test.env_, test.options_, checkpointer),
          keeper(test.env_, test.options_, "", &claim),
          publisher(test.env_, test.options_, checkpointer, keeper, claim,
                    {.point = [&test] { return test.point_; }, .on_ended = [] {}}) {}
    LaneStateFile file;
    Checkpointer checkpointer;
    TargetClaim claim;
    TargetKeeper keeper;
    WatermarkPublisher publisher;
  };

  void StartLane(LaneState state) {
    lanes_.push_back(std::make_unique<Parts>(*this, std::move(state)));
    Parts& lane = *lanes_.back();
    lane.checkpointer.Start();
    world_.Await(lane.checkpointer.WaitStartable(1));
    lane.keeper.Start();
    lane.publisher.Start();
  }
  Parts& lane() { return *lanes_.back(); }

  // Ends the lane and starts the next one from what it saved.
  void Restart() {
    lane().publisher.Stop();
    lane().keeper.Stop();
    ASSERT_TRUE(world_.Await(lane().checkpointer.Stop()).ok());
    LaneStateFile file(env_, directory_);
    auto state = world_.Await(file.Load());
    ASSERT_TRUE(state.ok());
    ++state->generation;
    StartLane(*std::move(state));
  }

  void Settle(Sequence last) {
    for (Sequence next = point_.sequence + 1; next <= last; ++next) {
      lane().checkpointer.Settle(next);
    }
    point_.sequence = last;
  }

  SimDisk journal_{world_};
  FileHandle directory_ = kNoFile;
  WatermarkPoint point_;
  std::vector<std::unique_ptr<Parts>> lanes_;
};

}  // namespace tandem
