#include "daemon/lane/new_file.h"

#include <gtest/gtest.h>

#include "daemon/lane/applier.h"
#include "daemon/lane/errors.h"
#include "daemon/model/path.h"
#include "tests/unit/lane/records.h"
#include "tests/unit/lane/target_fixture.h"

namespace tandem {
namespace {

class NewFileTest : public TargetFixture {
 protected:
  NewFileTest() { OpenTarget(); }

  size_t TempFiles() {
    size_t found = 0;
    for (const auto& [path, content] : disk_.Tree()) {
      if (path.starts_with("root/") && IsTempName(NameOf(path))) ++found;
    }
    return found;
  }
};

// Seed 300009100: it was quarantined for the directory, and its temp file stayed for good.
TEST_F(NewFileTest, APutIsNotRefusedForGoodWhileItsTempFileMayBeThere) {
  disk_.MakeDirectory("root/f");
  Applier applier(env_, 1);
  const Record record = PutRecord(1, "f", "hello");
  PathRun run;
  run.records.push_back(&record);
  disk_.Inject({.kind = IoKind::kUnlink, .error = EIO});
  const absl::Status first = world_.Await(applier.Apply(*target_, run));
  EXPECT_EQ(ScopeOf(first), FailureScope::kTarget) << first;
  EXPECT_EQ(TempFiles(), 1u);
  const absl::Status second = world_.Await(applier.Apply(*target_, run));
  EXPECT_EQ(ScopeOf(second), FailureScope::kPath) << second;
  EXPECT_EQ(TempFiles(), 0u);
}

}  // namespace
}  // namespace tandem
