#include "daemon/lane/target.h"

#include "daemon/base/uuid.h"
#include "daemon/lane/target_identity.h"
#include "tests/unit/lane/target_fixture.h"

namespace tandem {
namespace {

class TargetTest : public TargetFixture {
 protected:
  absl::Status Reopen(std::string pinned_id) {
    return world_.Await(Target::Open(env_, options_, std::move(pinned_id), false)).status();
  }
};

TEST_F(TargetTest, AnEmptyDirectoryIsNoTargetUnlessItIsInitialized) {
  options_.initialize_target = false;
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen("")));
  EXPECT_TRUE(disk_.Tree().empty());
}

TEST_F(TargetTest, TheEmbeddedDefaultInitializesAnEmptyDirectoryAndKeepsItsIdentity) {
  OpenTarget();
  const std::string id = target_->id();
  EXPECT_TRUE(ParseUuid(id).ok());
  EXPECT_TRUE(Reopen(id).ok());
}

TEST_F(TargetTest, AnInitializedTargetWhoseIdentityIsGoneIsNotInitializedAgain) {
  OpenTarget();
  const std::string id = target_->id();
  disk_.Remove(".tandem/target.json");
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen(id)));
  EXPECT_FALSE(disk_.TypeOf(".tandem/target.json").has_value());
}

TEST_F(TargetTest, AnotherTargetsIdentityIsRefused) {
  OpenTarget();
  const absl::Status refused = Reopen("01900000-0000-7000-8000-000000000001");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(std::string(refused.message()).find(target_->id()), std::string::npos);
}

// Or the wrong export, mounted before anything was pinned, would be taken for good.
TEST_F(TargetTest, ATargetOfAnotherNameIsNotTakenUnlessItsIdentityIsConfigured) {
  OpenTarget();
  options_.target = "corebank";
  const absl::Status refused = Reopen("");
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(std::string(refused.message()).find("is target 'local'"), std::string::npos) << refused;
  EXPECT_TRUE(Reopen(target_->id()).ok());
}

TEST_F(TargetTest, ADirectoryWithFilesIsNotTakenForANewTarget) {
  disk_.WriteFile("somebody", "else");
  EXPECT_FALSE(Reopen("").ok());
  EXPECT_FALSE(disk_.TypeOf(".tandem").has_value());
}

TEST_F(TargetTest, AMissingDirectoryAFileAndOneThatCannotBeWrittenAreErrors) {
  options_.target_path = "/t/nowhere";
  EXPECT_TRUE(absl::IsNotFound(Reopen("")));
  disk_.WriteFile("file", "x");
  options_.target_path = "/t/file";
  EXPECT_FALSE(Reopen("").ok());
  disk_.Remove("file");
  options_.target_path = "/t";
  OpenTarget();
  disk_.Inject({.kind = IoKind::kWrite, .error = EROFS, .persistent = true});
  EXPECT_FALSE(Reopen(target_->id()).ok());
}

TEST_F(TargetTest, AMountPointWithNothingMountedIsRefusedWhereAMountIsRequired) {
  disk_.MakeDirectory("mount");
  options_.target_path = "/t/mount";
  options_.require_mount = true;
  EXPECT_TRUE(absl::IsFailedPrecondition(Reopen("")));
  EXPECT_FALSE(disk_.TypeOf("mount/.tandem").has_value());
  files_.Mount("/t/mount", &other_);
  EXPECT_TRUE(Reopen("").ok());
}

TEST_F(TargetTest, AProbeWritesAndLeavesNothing) {
  OpenTarget();
  const auto before = disk_.Tree();
  EXPECT_TRUE(world_.Await(target_->Probe()).ok());
  EXPECT_EQ(disk_.Tree(), before);
}

TEST_F(TargetTest, AProbeNoticesThatTheMountFellOff) {
  OpenTarget();
  files_.Mount("/t", &other_);
  EXPECT_FALSE(world_.Await(target_->Probe()).ok());
  EXPECT_TRUE(other_.Tree().empty());
}

TEST(TargetIdentity, ReadsBackWhatItWroteAndRefusesWhatIsNone) {
  const TargetIdentity identity{.target_id = "01900000-0000-7000-8000-000000000001",
                                .target = "corebank",
                                .created_ms = 1'700'000'000'000};
  const auto decoded = DecodeTargetIdentity(EncodeTargetIdentity(identity));
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->target_id, identity.target_id);
  EXPECT_EQ(decoded->target, identity.target);
  EXPECT_EQ(decoded->created_ms, identity.created_ms);
  for (const char* json : {"", "{}", "[]", "{\"format\":2}", "{\"format\":1,\"target_id\":\"x\"}",
                           "{\"format\":1", "nonsense"}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeTargetIdentity(json).status())) << json;
  }
}

// Whatever is opened is opened beneath what was checked.
TEST_F(TargetTest, AMountThatFallsOffWhileItIsOpenedIsNotWrittenBeneath) {
  OpenTarget();
  for (uint64_t step = 1; step < 60; ++step) {
    target_.reset();
    files_.Mount("/t", &disk_);
    disk_.set_observer([this, left = step](const SimStep&) mutable {
      if (left > 0 && --left == 0) files_.Mount("/t", &other_);
    });
    auto opened = world_.Await(Target::Open(env_, options_, "", false));
    if (!opened.ok()) continue;
    target_ = *std::move(opened);
    const auto directory = world_.Await(target_->directories().Get("d", true, false));
    EXPECT_TRUE(directory.ok()) << step;
    ASSERT_TRUE(other_.Tree().empty()) << step;
  }
  disk_.set_observer([](const SimStep&) {});
}

}  // namespace
}  // namespace tandem
