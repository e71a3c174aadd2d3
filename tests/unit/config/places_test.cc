// Directories that are the same or nested are found however they are spelled, and without a look
// at a mount that may hang.
#include "daemon/config/places.h"

#include "tests/unit/config/load.h"

namespace tandem {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string Targets(const std::string& a, const std::string& b) {
  return absl::StrCat("local_efs_path: ", a, "\ncorebank_efs_path: ", b, "\n");
}

TEST_F(ConfigTest, BothTargetsInOneDirectoryAreRefused) {
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/x/..//a/.")),
              ElementsAre("F:2:20: corebank_efs_path: targets 'local' (/mnt/a) and 'corebank' "
                          "(/mnt/a) are the same directory"));
}

TEST_F(ConfigTest, ATargetInsideTheOtherIsRefused) {
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/a/b")), ElementsAre(HasSubstr("one inside")));
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a/b", "/mnt/a")), ElementsAre(HasSubstr("one inside")));
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/ab")), IsEmpty());
}

TEST_F(ConfigTest, TheJournalInsideATargetOrATargetInsideTheJournalIsRefused) {
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/b") + "journal_directory: /mnt/b/journal\n"),
              ElementsAre("F:3:20: journal_directory: /mnt/b/journal is inside target 'corebank' "
                          "(/mnt/b)"));
  EXPECT_THAT(
      ErrorsOf(Targets("/j/a", "/mnt/b") + "journal_directory: /j\n"),
      ElementsAre(HasSubstr("local_efs_path: target 'local' (/j/a) is inside the journal")));
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/b") + "journal_directory: /mnt/a\n"),
              ElementsAre(HasSubstr("is inside target 'local'")));
}

TEST_F(ConfigTest, SymbolicLinksToOneDirectoryAreSeenThrough) {
  links_ = {{"/data/now", "/mnt/a"}, {"/mnt/b", "../mnt/c"}, {"/mnt/c", "a"}};
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/data/now")), ElementsAre(HasSubstr("the same")));
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/b/sub")), ElementsAre(HasSubstr("one inside")));
  links_ = {{"/mnt/a", "/mnt/b"}, {"/mnt/b", "/mnt/a"}};
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/z")), IsEmpty());  // a loop ends
}

TEST_F(ConfigTest, TwoMountsOfOneDirectoryAreSeenThrough) {
  sources_.places.mountinfo =
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "2 1 8:1 /data/x /mnt/a rw shared:1 - ext4 /dev/sda1 rw\n"
      "3 1 0:45 / /efs/one rw - nfs4 fs-1:/ rw\n"
      "4 1 0:45 /sub /efs/two rw - nfs4 fs-1:/sub rw\n"
      "5 1 0:46 / /efs/three rw - nfs4 fs-2:/ rw\n";
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/data/x")), ElementsAre(HasSubstr("the same")));
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a/y", "/data/x/y/z")), ElementsAre(HasSubstr("inside")));
  EXPECT_THAT(ErrorsOf(Targets("/efs/one", "/efs/two")), ElementsAre(HasSubstr("inside")));
  EXPECT_THAT(ErrorsOf(Targets("/efs/one/sub", "/efs/two")), ElementsAre(HasSubstr("the same")));
  EXPECT_THAT(ErrorsOf(Targets("/efs/one", "/efs/three")), IsEmpty());
}

// Or a daemon that is started while the wrong export is mounted would not serve at all.
TEST_F(ConfigTest, OneExportAtTwoMountPointsIsForTheLanesToRefuse) {
  sources_.places.mountinfo =
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "2 1 8:1 /data /mnt/a rw - ext4 /dev/sda1 rw\n"
      "3 1 8:1 /data /mnt/b rw - ext4 /dev/sda1 rw\n"
      "4 1 0:45 / /efs/one rw - nfs4 fs-1:/ rw\n"
      "5 1 0:45 / /efs/two rw - nfs4 fs-1:/ rw\n";
  EXPECT_THAT(ErrorsOf(Targets("/efs/one", "/efs/two")), IsEmpty());
  EXPECT_THAT(ErrorsOf(Targets("/efs/one", "/efs/one")), ElementsAre(HasSubstr("the same")));
  EXPECT_THAT(ErrorsOf(Targets("/efs/one/x", "/efs/two/x")), ElementsAre(HasSubstr("the same")));
  EXPECT_THAT(ErrorsOf(Targets("/mnt/a", "/mnt/b")), ElementsAre(HasSubstr("the same")));
}

TEST_F(ConfigTest, TwoTargetsOfOneIdentityAreRefused) {
  const std::string id = "0190a5c2-7c1e-7d3a-9f00-000000000001";
  EXPECT_THAT(ErrorsOf(absl::StrCat("targets: local=/mnt/a=", id, ",corebank=/mnt/b=", id, "\n")),
              ElementsAre(HasSubstr("two targets have the identity")));
}

TEST_F(ConfigTest, NothingOnANetworkMountIsLookedAt) {
  sources_.places.mountinfo =
      "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
      "2 1 0:45 / /mnt/my\\040efs rw,relatime master:3 - nfs4 fs-1:/ rw,hard\n"
      "3 1 0:46 / /auto rw - autofs systemd-1 rw\n";
  EXPECT_THAT(ErrorsOf(Targets("'/mnt/my efs/data'", "/auto/corebank")), IsEmpty());
  EXPECT_THAT(looked_at_, Not(IsEmpty()));
  for (const std::string& path : looked_at_) {
    EXPECT_THAT(path, Not(HasSubstr("my efs")));
    EXPECT_THAT(path, Not(HasSubstr("/auto")));
  }
}

TEST_F(ConfigTest, AJournalThatDiesWithTheContainerIsRefusedUnlessItIsMeant) {
  sources_.places.mountinfo =
      "1 0 0:30 / / rw - overlay overlay rw\n"
      "2 1 0:31 / /fast rw - tmpfs tmpfs rw\n"
      "3 1 8:2 / /disk rw - ext4 /dev/sdb rw\n";
  const std::string two = Targets("/mnt/a", "/mnt/b");
  EXPECT_THAT(ErrorsOf(two), ElementsAre(HasSubstr("lies on overlay")));
  EXPECT_THAT(ErrorsOf(two + "journal_directory: /fast/j\n"),
              ElementsAre(HasSubstr("F:3:20: journal_directory: /fast/j lies on tmpfs")));
  EXPECT_THAT(ErrorsOf(two + "journal_directory: /disk/j\n"), IsEmpty());
  EXPECT_THAT(ErrorsOf(two + "journal_on_volatile: true\n"), IsEmpty());
  EXPECT_THAT(Load().errors, IsEmpty());  // the embedded default is for trying it out
}

TEST(Places, TheLatestOfTwoMountsOnOnePointCounts) {
  const Places places = {.mountinfo =
                             "1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /m rw - ext4 b rw\n"
                             "3 2 8:3 / /m rw - xfs c rw\nnonsense\n\n",
                         .read_link = [](const std::string&) { return std::nullopt; }};
  EXPECT_EQ(Resolve(places, "/m/x").device, "8:3");
  EXPECT_EQ(Resolve(places, "/m/x").on_device, "/x");
  EXPECT_EQ(Resolve(places, "/mm").device, "8:1");
}

TEST(Places, ThisMachinesOwnMountsAreRead) {
  const ConfigSources sources = SourcesOfProcess({});
  EXPECT_FALSE(sources.working_directory.empty());
  EXPECT_FALSE(sources.host_name.empty());
  EXPECT_FALSE(Resolve(sources.places, "/").device.empty());
}

}  // namespace
}  // namespace tandem
