// Something goes wrong at every single I/O step, one run after the other: whatever was acknowledged
// is there afterwards, and the journal opens.
#include <optional>

#include "tests/unit/journal/journal_fixture.h"

namespace tandem {
namespace {

enum class Mishap { kPowerCut, kKill, kError, kNoRoom };

// One life of a journal: opened, written, retired, closed; a mishap at step `mishap_at`.
class Life {
 public:
  Life(uint64_t seed, Mishap mishap, uint64_t mishap_at)
      : world_(seed), disk_(world_), mishap_(mishap), mishap_at_(mishap_at) {
    options_.directory = "/var/journal";
    options_.segment_bytes = 32 << 10;
    options_.group_bytes = 8 << 10;
    options_.max_bytes = 8 * options_.segment_bytes;
    options_.reserve_bytes = options_.segment_bytes;
    options_.retention_ms = 30;
    options_.idle_mark_ms = 5;
    options_.targets = {"local"};
    options_.owner = "a test";
    disk_.MakeDirectory("var");
    disk_.set_observer([this](const SimStep& step) { OnStep(step); });
  }

  // False: there was no such step any more.
  bool Run() {
    for (int i = 0; i < 3; ++i) OneProcess();
    const bool reached = steps_ >= mishap_at_;
    mishap_at_ = 0;
    Verify();
    return reached;
  }

 private:
  void OnStep(const SimStep& step) {
    if (++steps_ != mishap_at_) return;
    if (mishap_ == Mishap::kError || mishap_ == Mishap::kNoRoom) {
      disk_.Inject({.kind = step.kind, .error = mishap_ == Mishap::kError ? EIO : ENOSPC});
    } else {
      dead_ = true;
    }
  }

  template <typename T>
  static Awaitable<void> Store(Awaitable<T> coroutine, std::shared_ptr<std::optional<T>> result) {
    result->emplace(co_await std::move(coroutine));
  }
  // nullopt: the process died of it.
  template <typename T>
  std::optional<T> Await(Awaitable<T> coroutine) {
    auto result = std::make_shared<std::optional<T>>();
    Spawn(world_.executor(), Store<T>(std::move(coroutine), result));
    world_.RunUntil([&] { return dead_ || result->has_value(); }, 60 * kSimSecond);
    return std::move(*result);
  }

  void OneProcess() {
    JournalProcess process(world_, disk_);
    Live(process);
    process.Kill();
    if (std::exchange(dead_, false) && mishap_ == Mishap::kPowerCut) disk_.Crash(world_.random());
  }

  void Live(JournalProcess& process) {
    if (!OpenIn(process)) return;
    Journal& journal = *process.journal;
    journal.Start(process.listener);
    for (int i = 0; i < 12 && !dead_; ++i) {
      if (!journal.Admit(3, 6000, false).ok()) {
        world_.RunUntil([&] { return dead_; }, 100 * kSimMs);
        continue;
      }
      std::vector<Record> records;
      for (int k = 0; k < 3; ++k) {
        Record record;
        record.type = RecordType::kAppend;
        record.sequence = journal.next_sequence() + static_cast<Sequence>(k);
        record.path = "ledger";
        record.payload = std::string(2000, static_cast<char>('a' + record.sequence % 26));
        if (k < 2) record.flags |= kRecordBatchMore;
        if (k > 0) record.flags |= kRecordBatchLater;
        records.push_back(std::move(record));
      }
      journal.Append(std::move(records));
      const Sequence last = journal.appended();
      const Sequence before = acknowledged_;
      world_.RunUntil(
          [&] {
            acknowledged_ = std::max(acknowledged_, journal.tail().durable);
            return dead_ || acknowledged_ >= last || journal.state() == JournalState::kFailed;
          },
          5 * kSimSecond);
      if (journal.state() == JournalState::kFailed) return;
      // The lane is one group behind.
      if (!dead_ && before > checkpoint_) journal.SetCheckpoint("local", checkpoint_ = before);
      world_.RunUntil([&] { return dead_; }, (i % 4 == 3 ? 20 : 2) * kSimMs);
    }
    if (!dead_) (void)Await(journal.Close());
  }

  bool OpenIn(JournalProcess& process) {
    process.visited.clear();
    const auto visit = [&process](const RecordHeader& header, const RecordPlace& place) {
      process.visited.emplace_back(header, place);
    };
    auto journal = Await(Journal::Open(process.env, options_, checkpoint_, visit));
    if (!journal) return false;
    if (!journal->ok()) {
      // An error of the disk may keep it from opening; damage there is none.
      EXPECT_FALSE(absl::IsDataLoss(journal->status())) << journal->status();
      return false;
    }
    process.journal = *std::move(*journal);
    EXPECT_GE(process.journal->recovery().last, acknowledged_);
    EXPECT_EQ(process.journal->recovery().last % 3, 0u) << "half a batch";
    return true;
  }

  void Verify() {
    disk_.DropCache();
    JournalProcess process(world_, disk_);
    ASSERT_TRUE(OpenIn(process));
    EXPECT_EQ(process.files.bad_handles(), 0u);
    Journal& journal = *process.journal;
    Sequence next = journal.recovery().first;
    ASSERT_LE(next, checkpoint_ + 1);
    JournalReader reader(process.env, options_.directory);
    ASSERT_TRUE(world_.Await(reader.Seek(next, journal.tail())).ok());
    while (next <= acknowledged_) {
      const auto records = world_.Await(reader.Read(20'000));
      ASSERT_TRUE(records.ok()) << records.status();
      ASSERT_FALSE(records->empty());
      for (const PlacedRecord& placed : *records) {
        ASSERT_EQ(placed.record.sequence, next);
        ASSERT_EQ(placed.record.payload, std::string(2000, static_cast<char>('a' + next % 26)));
        ++next;
      }
    }
  }

  SimWorld world_;
  SimDisk disk_;
  JournalOptions options_;
  Mishap mishap_;
  uint64_t mishap_at_;
  uint64_t steps_ = 0;
  bool dead_ = false;
  Sequence acknowledged_ = 0;
  Sequence checkpoint_ = 0;
};

// Every step is tried in any case.
#ifdef TANDEM_SANITIZED
constexpr uint64_t kSeeds = 1;
#else
constexpr uint64_t kSeeds = 3;
#endif

void TryEveryStep(Mishap mishap) {
  uint64_t at = 1;
  for (bool more = true; more; ++at) {
    SCOPED_TRACE(absl::StrCat("step ", at));
    for (uint64_t seed = 0; seed < kSeeds && more; ++seed)
      more = Life(at * 10 + seed, mishap, at).Run();
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(at, 300u);  // the scenario is what it was meant to be
}

TEST(JournalCrash, APowerCutAtAnyStepLosesNothingAcknowledged) { TryEveryStep(Mishap::kPowerCut); }
TEST(JournalCrash, AKillAtAnyStepLosesNothingAcknowledged) { TryEveryStep(Mishap::kKill); }
TEST(JournalCrash, AnErrorAtAnyStepLosesNothingAcknowledged) { TryEveryStep(Mishap::kError); }
TEST(JournalCrash, NoRoomAtAnyStepLosesNothingAcknowledged) { TryEveryStep(Mishap::kNoRoom); }

}  // namespace
}  // namespace tandem
