#include "daemon/lane/lane_state.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/bytes.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

// magic, crc, saves, generation, prefix, started_limit, id length, range count, published, epoch,
// instance; then id, ranges
constexpr uint32_t kMagic = 0x32534c54;  // "TLS2"
constexpr size_t kFixedBytes = 4 + 4 + 8 + 8 + 8 + 8 + 4 + 4 + 8 + 8 + 16;
constexpr uint32_t kOldMagic = 0x31534c54;  // "TLS1": up to the range count
constexpr size_t kOldFixedBytes = 48;
constexpr char kNewStateName[] = "state.new";

}  // namespace

std::string EncodeLaneState(const LaneState& state, uint64_t saves) {
  const std::vector<SequenceRange> ranges = state.settled.Ranges();
  std::string slot(kFixedBytes, '\0');
  char* at = slot.data();
  PutLittleEndian<uint32_t>(at, kMagic);
  PutLittleEndian<uint64_t>(at + 8, saves);
  PutLittleEndian<uint64_t>(at + 16, state.generation);
  PutLittleEndian<uint64_t>(at + 24, state.settled.prefix());
  PutLittleEndian<uint64_t>(at + 32, state.started_limit);
  PutLittleEndian<uint32_t>(at + 40, static_cast<uint32_t>(state.target_id.size()));
  PutLittleEndian<uint32_t>(at + 44, static_cast<uint32_t>(ranges.size()));
  PutLittleEndian<uint64_t>(at + 48, state.published);
  PutLittleEndian<uint64_t>(at + 56, state.epoch);
  std::copy(state.instance.bytes.begin(), state.instance.bytes.end(), at + 64);
  slot += state.target_id;
  for (const SequenceRange& range : ranges) {
    char pair[16];
    PutLittleEndian<uint64_t>(pair, range.first);
    PutLittleEndian<uint64_t>(pair + 8, range.last);
    slot.append(pair, sizeof pair);
  }
  PutLittleEndian<uint32_t>(slot.data() + 4, Crc32c(absl::string_view(slot).substr(8)));
  TANDEM_CHECK(slot.size() <= kLaneStateSlotBytes);
  return slot;
}

absl::StatusOr<DecodedLaneState> DecodeLaneState(absl::string_view slot) {
  const auto bad = [](absl::string_view why) {
    return absl::DataLossError(absl::StrCat("lane state: ", why));
  };
  if (slot.size() < kOldFixedBytes) return bad("it is cut short");
  const auto magic = GetLittleEndian<uint32_t>(slot.data());
  if (magic != kMagic && magic != kOldMagic) return bad("no magic");
  const size_t fixed_bytes = magic == kMagic ? kFixedBytes : kOldFixedBytes;
  const auto id_bytes = GetLittleEndian<uint32_t>(slot.data() + 40);
  const auto range_count = GetLittleEndian<uint32_t>(slot.data() + 44);
  const uint64_t size = fixed_bytes + uint64_t{id_bytes} + uint64_t{range_count} * 16;
  if (size > slot.size()) return bad("it is cut short");
  slot = slot.substr(0, size);
  if (Crc32c(slot.substr(8)) != GetLittleEndian<uint32_t>(slot.data() + 4)) return bad("bad CRC");
  DecodedLaneState decoded;
  decoded.saves = GetLittleEndian<uint64_t>(slot.data() + 8);
  decoded.state.generation = GetLittleEndian<uint64_t>(slot.data() + 16);
  decoded.state.settled = SequenceSet(GetLittleEndian<uint64_t>(slot.data() + 24));
  decoded.state.started_limit = GetLittleEndian<uint64_t>(slot.data() + 32);
  if (magic == kMagic) {
    decoded.state.published = GetLittleEndian<uint64_t>(slot.data() + 48);
    decoded.state.epoch = GetLittleEndian<uint64_t>(slot.data() + 56);
    std::copy_n(slot.data() + 64, decoded.state.instance.bytes.size(),
                decoded.state.instance.bytes.begin());
  }
  decoded.state.target_id = std::string(slot.substr(fixed_bytes, id_bytes));
  for (const char* at = slot.data() + fixed_bytes + id_bytes; at < slot.data() + size; at += 16) {
    const auto first = GetLittleEndian<uint64_t>(at);
    const auto last = GetLittleEndian<uint64_t>(at + 8);
    if (first < 1 || last < first) return bad("a range is not one");
    decoded.state.settled.Add(first, last);
  }
  return decoded;
}

Awaitable<absl::StatusOr<LaneState>> LaneStateFile::Load() {
  auto opened = co_await env_.files.Open(directory_, kLaneStateName, O_RDWR);
  if (absl::IsNotFound(opened.status())) co_return LaneState{};
  if (!opened.ok()) co_return opened.status();
  file_ = *opened;
  // What is in the page cache may never have reached the disk: sync first, then believe it.
  CO_RETURN_IF_ERROR(co_await env_.files.Sync(file_));
  absl::StatusOr<DecodedLaneState> newest = absl::DataLossError("lane state: no good slot");
  std::string slot(kLaneStateSlotBytes, '\0');
  for (const uint64_t index : {0, 1}) {
    CO_ASSIGN_OR_RETURN(
        const size_t count,
        co_await env_.files.Read(file_, slot.data(), slot.size(), index * kLaneStateSlotBytes));
    auto decoded = DecodeLaneState(absl::string_view(slot).substr(0, count));
    if (decoded.ok() && (!newest.ok() || decoded->saves > newest->saves)) {
      newest = *std::move(decoded);
    }
  }
  if (!newest.ok()) co_return newest.status();
  saves_ = newest->saves;
  co_return std::move(newest->state);
}

Awaitable<absl::Status> LaneStateFile::Save(const LaneState& state) {
  const std::string slot = EncodeLaneState(state, saves_ + 1);
  if (file_ == kNoFile || replace_) {
    CO_RETURN_IF_ERROR(co_await Create(slot));
    ++saves_;
    co_return absl::OkStatus();
  }
  ++saves_;
  const uint64_t offset = (saves_ % 2) * kLaneStateSlotBytes;
  absl::Status status = co_await env_.files.WriteAndSync(file_, slot, offset);
  if (!status.ok()) replace_ = true;
  co_return status;
}

// A whole new file beside the old one, then renamed over it: at every moment one good file is
// there.
Awaitable<absl::Status> LaneStateFile::Create(const std::string& slot) {
  CO_ASSIGN_OR_RETURN(
      const FileHandle created,
      co_await env_.files.Open(directory_, kNewStateName, O_RDWR | O_CREAT | O_TRUNC));
  // Both slots at full length: no later save needs room on a disk that may be full by then.
  std::string slots(2 * kLaneStateSlotBytes, '\0');
  std::copy(slot.begin(), slot.end(),
            slots.begin() + static_cast<std::ptrdiff_t>(((saves_ + 1) % 2) * kLaneStateSlotBytes));
  absl::Status status = co_await env_.files.Write(created, slots, 0);
  if (status.ok()) status = co_await env_.files.Sync(created);
  if (status.ok()) {
    status = co_await env_.files.Rename(directory_, kNewStateName, directory_, kLaneStateName);
  }
  if (status.ok()) status = co_await env_.files.Sync(directory_);
  if (!status.ok()) {
    replace_ = true;
    (co_await env_.files.Close(created)).IgnoreError();  // the failure before says what matters
    co_return status;
  }
  if (file_ != kNoFile) (co_await env_.files.Close(file_)).IgnoreError();  // superseded
  file_ = created;
  replace_ = false;
  co_return absl::OkStatus();
}

Awaitable<void> LaneStateFile::Close() {
  if (file_ != kNoFile) (co_await env_.files.Close(file_)).IgnoreError();  // saved before
  file_ = kNoFile;
}

Awaitable<absl::StatusOr<LaneState>> LoadLaneState(Env& env, std::string journal_directory,
                                                   std::string target) {
  const std::string path = absl::StrCat(journal_directory, "/lanes/", target);
  auto directory = co_await env.files.Open(kNoFile, path, O_RDONLY | O_DIRECTORY);
  if (absl::IsNotFound(directory.status())) co_return LaneState{};
  if (!directory.ok()) co_return directory.status();
  LaneStateFile file(env, *directory);
  auto state = co_await file.Load();
  co_await file.Close();
  CO_RETURN_IF_ERROR(co_await env.files.Close(*directory));
  if (!state.ok()) co_return Annotate(state.status(), path);
  co_return *std::move(state);
}

}  // namespace tandem
