// A target on a simulated disk, opened.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "daemon/lane/target.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {

class TargetFixture : public testing::Test {
 protected:
  TargetFixture() {
    files_.Mount("/t", &disk_);
    options_.target = "local";
    options_.target_path = "/t";
    options_.writer = "w";
    options_.writer_root = "root";
    options_.initialize_target = true;
  }

  void OpenTarget() {
    auto opened = world_.Await(Target::Open(env_, options_, "", false));
    ASSERT_TRUE(opened.ok()) << opened.status();
    target_ = *std::move(opened);
  }

  SimWorld world_{21};
  SimDisk disk_{world_};
  SimDisk other_{world_};  // for a test to mount; must outlive files_
  SimFiles files_{world_};
  Env env_ = world_.MakeEnv(files_);
  LaneOptions options_;
  std::unique_ptr<Target> target_;
};

}  // namespace tandem
