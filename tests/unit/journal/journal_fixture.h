// A journal on a simulated disk, and ways to harm it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/base/reason.h"
#include "daemon/journal/journal.h"
#include "daemon/journal/reader.h"
#include "daemon/journal/record_codec.h"
#include "daemon/journal/segment_header.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_files.h"
#include "tests/sim/sim_world.h"

namespace tandem {

// Remembers what it was told.
struct RecordingListener final : Journal::Listener {
  void OnDurable(JournalTail tail) override { tails.push_back(tail); }
  void OnGroup(uint64_t records, uint64_t, int64_t) override { groups.push_back(records); }
  void OnState(JournalState state, const absl::Status& why) override {
    states.push_back(state);
    reasons.push_back(why);
  }
  void OnRetired(Sequence last) override { retired.push_back(last); }

  std::vector<JournalTail> tails;
  std::vector<uint64_t> groups;
  std::vector<JournalState> states;
  std::vector<absl::Status> reasons;
  std::vector<Sequence> retired;
};

// One process: its files, clock and journal.
struct JournalProcess {
  JournalProcess(SimWorld& the_world, SimDisk& disk)
      : world(the_world), files(world), clock(world) {
    files.Mount("/", &disk);
  }
  ~JournalProcess() { Kill(); }
  JournalProcess(const JournalProcess&) = delete;
  JournalProcess& operator=(const JournalProcess&) = delete;

  void Kill() {
    clock.CancelAll();
    files.Kill();
    journal.reset();
    world.Poll();
  }

  SimWorld& world;
  SimFiles files;
  SimClock clock;
  Env env{world.executor(), files, clock, world.random(), world.log()};
  RecordingListener listener;
  std::unique_ptr<Journal> journal;
  std::vector<std::pair<RecordHeader, RecordPlace>> visited;
};

class JournalTest : public ::testing::Test {
 protected:
  explicit JournalTest(uint64_t seed = 1) : world_(seed), disk_(world_) {
    options_.directory = "/var/journal";
    options_.segment_bytes = 64 << 10;
    options_.group_bytes = 16 << 10;
    options_.max_bytes = 1 << 20;
    options_.reserve_bytes = 64 << 10;
    options_.retention_ms = 60'000;
    options_.idle_mark_ms = 50;
    options_.targets = {"local", "corebank"};
    options_.owner = "pid 17 on host test";
  }

  // A new process opens the journal; the one before must be dead or closed.
  absl::Status TryOpen(Sequence witnessed = 0) {
    process_ = std::make_unique<JournalProcess>(world_, disk_);
    return OpenIn(*process_, witnessed);
  }
  absl::Status OpenIn(JournalProcess& process, Sequence witnessed = 0) {
    const auto visit = [&process](const RecordHeader& header, const RecordPlace& place) {
      process.visited.emplace_back(header, place);
    };
    auto journal = world_.Await(Journal::Open(process.env, options_, witnessed, visit));
    if (!journal.ok()) return journal.status();
    process.journal = *std::move(journal);
    return absl::OkStatus();
  }
  void Open(Sequence witnessed = 0) {
    const absl::Status status = TryOpen(witnessed);
    ASSERT_TRUE(status.ok()) << status;
  }
  void Start() { journal().Start(listener()); }
  void OpenAndStart(Sequence witnessed = 0) {
    ASSERT_NO_FATAL_FAILURE(Open(witnessed));
    Start();
  }
  Journal& journal() { return *process_->journal; }
  RecordingListener& listener() { return process_->listener; }

  void Kill() { process_->Kill(); }
  // Everything that is not durable may be gone.
  void PowerCut() {
    Kill();
    disk_.Crash(world_.random());
  }
  absl::Status Close() {
    const absl::Status status = world_.Await(journal().Close());
    EXPECT_EQ(process_->files.open_handles(), 0u);
    return status;
  }

  static std::string PayloadOf(Sequence sequence, size_t bytes) {
    std::string payload = absl::StrCat("payload ", sequence, " ");
    while (payload.size() < bytes)
      payload += static_cast<char>('a' + (payload.size() + sequence) % 26);
    payload.resize(bytes);
    return payload;
  }
  Record MakeRecord(Sequence sequence, size_t bytes) {
    Record record;
    record.type = RecordType::kPut;
    record.sequence = sequence;
    record.path = absl::StrCat("dir/file-", sequence);
    record.request_id.bytes[15] = static_cast<uint8_t>(sequence);
    record.request_id.bytes[14] = static_cast<uint8_t>(sequence >> 8);
    record.digest[0] = static_cast<uint8_t>(sequence);
    record.mode = 0640;
    record.result_size = bytes;
    record.payload = PayloadOf(sequence, bytes);
    return record;
  }
  // `count` records in one call, so in one group.
  Sequence Append(size_t count = 1, size_t bytes = 100, bool batch = false) {
    std::vector<Record> records;
    for (size_t i = 0; i < count; ++i) {
      Record record = MakeRecord(journal().next_sequence() + i, bytes);
      if (batch && i + 1 < count) record.flags |= kRecordBatchMore;
      if (batch && i > 0) record.flags |= kRecordBatchLater;
      records.push_back(std::move(record));
    }
    journal().Append(std::move(records));
    return journal().appended();
  }
  void WaitDurable(Sequence sequence) {
    ASSERT_TRUE(
        world_.RunUntil([&] { return journal().tail().durable >= sequence; }, 60 * kSimSecond));
  }
  // A group of its own.
  Sequence AppendGroup(size_t count = 1, size_t bytes = 100, bool batch = false) {
    const Sequence last = Append(count, bytes, batch);
    WaitDurable(last);
    return last;
  }
  absl::Status TryAppend(size_t bytes, bool internal = false) {
    if (absl::Status status = journal().Admit(1, bytes, internal); !status.ok()) return status;
    Append(1, bytes);
    return absl::OkStatus();
  }
  void SetCheckpoints(Sequence checkpoint) {
    for (const std::string& target : options_.targets) journal().SetCheckpoint(target, checkpoint);
  }
  bool RunUntil(absl::FunctionRef<bool()> done) { return world_.RunUntil(done, 60 * kSimSecond); }

  static std::string SegmentPath(uint64_t id) {
    return absl::StrCat("/var/journal/segments/", SegmentName(id));
  }
  static std::string FooterPath(uint64_t id) {
    return absl::StrCat("/var/journal/segments/", FooterName(id));
  }
  std::string ReadSegment(uint64_t id) { return disk_.ReadFile(SegmentPath(id)).value_or(""); }
  SegmentHeader HeaderOf(uint64_t id) { return *DecodeSegmentHeader(ReadSegment(id)); }
  struct Found {
    uint64_t offset;
    uint32_t length;
    Sequence sequence;
    RecordType type;
  };
  // All good records of a segment in a row, marks included.
  std::vector<Found> RecordsOf(uint64_t id) {
    const std::string segment = ReadSegment(id);
    const SegmentKey key = HeaderOf(id).key();
    std::vector<Found> found;
    for (uint64_t at = kSegmentHeaderBytes; at < segment.size();) {
      const auto window = absl::string_view(segment).substr(at);
      const ParseResult result = ParseRecord(window, true, window.size(), key, true);
      if (result.parsed != Parsed::kRecord) break;
      found.push_back({at, result.record.length(), result.record.sequence(), result.record.type()});
      at += result.record.length();
    }
    return found;
  }
  uint64_t OffsetOf(uint64_t segment, Sequence sequence) {
    for (const Found& record : RecordsOf(segment)) {
      if (record.sequence == sequence) return record.offset;
    }
    ADD_FAILURE() << "no record " << sequence << " in segment " << segment;
    return 0;
  }

  // What a follower reads; fails the test on any error or difference.
  void ExpectReadable(Sequence first, Sequence last, size_t bytes = 100) {
    JournalReader reader(process_->env, options_.directory);
    const absl::Status sought = world_.Await(reader.Seek(first, journal().tail()));
    ASSERT_TRUE(sought.ok()) << sought;
    for (Sequence next = first; next <= last;) {
      const auto records = world_.Await(reader.Read(10'000));
      ASSERT_TRUE(records.ok()) << records.status();
      ASSERT_FALSE(records->empty()) << "at " << next;
      for (const PlacedRecord& placed : *records) {
        if (next > last) break;
        ASSERT_EQ(placed.record.sequence, next);
        EXPECT_EQ(placed.record.path, absl::StrCat("dir/file-", next));
        EXPECT_EQ(placed.record.payload, PayloadOf(next, bytes));
        ++next;
      }
    }
    world_.Await(reader.Close());
  }
  std::vector<Sequence> Visited() const {
    std::vector<Sequence> sequences;
    for (const auto& [header, place] : process_->visited) sequences.push_back(header.sequence);
    return sequences;
  }
  static std::vector<Sequence> Range(Sequence first, Sequence last) {
    std::vector<Sequence> range;
    for (Sequence sequence = first; sequence <= last; ++sequence) range.push_back(sequence);
    return range;
  }
  // DATA_LOSS that says where.
  static void ExpectDamage(const absl::Status& status, uint64_t segment, uint64_t offset,
                           Sequence sequence) {
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    const std::string where =
        absl::StrFormat("segment %016x, offset %d, sequence %d:", segment, offset, sequence);
    EXPECT_NE(std::string(status.message()).find(where), std::string::npos)
        << status << " should say " << where;
  }

  SimWorld world_;
  SimDisk disk_;
  JournalOptions options_;
  std::unique_ptr<JournalProcess> process_;
};

}  // namespace tandem
