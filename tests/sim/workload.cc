#include "tests/sim/workload.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tandem {
namespace {

constexpr const char* kPaths[] = {"a",     "b",     "c",         "a/x",     "d/a",    "d/b",
                                  "d/e/a", "d/e/b", "ledger/01", "d/e/a/z", "f/g/h/i"};

}  // namespace

std::string SimRequest::ToString() const {
  std::string text =
      absl::StrCat("#", number, upload ? " upload" : "", abandoned ? " abandoned" : "");
  for (const Operation& operation : operations) {
    absl::StrAppend(&text, " ", OperationName(operation.type), " ", operation.path);
    if (operation.type == OperationType::kRename) absl::StrAppend(&text, "->", operation.new_path);
    if (operation.if_absent) absl::StrAppend(&text, " if_absent");
    absl::StrAppend(&text, " ", operation.payload.size(), "@", operation.offset, ";");
  }
  return absl::StrCat(text, " ", LevelName(level), " ", wait_timeout_ms, "ms");
}

Workload::Workload(SimRandom random, bool heavy)
    : random_(random), heavy_(heavy), large_(random_.Chance(0.1)) {
  // Of all paths a few, so that much happens to each.
  const size_t count = 2 + random_.Below(std::size(kPaths) - 1);
  std::vector<std::string> all(std::begin(kPaths), std::end(kPaths));
  for (size_t i = all.size(); i > 1; --i) std::swap(all[i - 1], all[random_.Below(i)]);
  paths_.assign(all.begin(),
                all.begin() + static_cast<std::ptrdiff_t>(std::min(count, all.size())));
}

std::string Workload::PickPath() { return paths_[random_.Below(paths_.size())]; }

std::string Workload::MakePayload(size_t number, size_t index) {
  // What each byte belongs to can be told from what stands there.
  std::string payload = absl::StrCat("<", number, ".", index, ">");
  size_t length = random_.Below(60);
  if (random_.Chance(0.2)) length = random_.Below(2'000);
  if (large_ && random_.Chance(0.3)) length = random_.Below(5'000);
  if (heavy_ && random_.Chance(0.8)) length = 8'000 + random_.Below(18'000);
  if (random_.Chance(0.03)) return "";
  payload.reserve(length);
  while (payload.size() < length) {
    payload.push_back(static_cast<char>('a' + (number * 7 + payload.size()) % 26));
  }
  return payload;
}

Operation Workload::MakeOperation(size_t number, size_t index) {
  Operation operation;
  operation.path = PickPath();
  operation.mode = random_.Chance(0.8) ? 0640 : 0600;
  const uint64_t kind = random_.Below(100);
  if (kind < 30) {
    operation.type = OperationType::kPut;
    operation.if_absent = random_.Chance(0.2);
  } else if (kind < 60) {
    operation.type = OperationType::kAppend;
  } else if (kind < 72) {
    operation.type = OperationType::kWriteAt;
    operation.offset = random_.Below(1'500);
  } else if (kind < 78) {
    operation.type = OperationType::kTruncate;
    operation.offset = random_.Below(1'500);
    return operation;
  } else if (kind < 88) {
    operation.type = OperationType::kDelete;
    return operation;
  } else {
    operation.type = OperationType::kRename;
    do operation.new_path = PickPath();
    while (operation.new_path == operation.path);  // to itself: that is no request at all
    operation.if_absent = random_.Chance(0.2);
    return operation;
  }
  operation.payload = MakePayload(number, index);
  return operation;
}

SimRequest Workload::Next(int64_t wall_ms) {
  SimRequest request;
  request.number = next_++;
  request.id = MakeUuidV7(wall_ms, random_.Next(), random_.Next());
  request.level = static_cast<Level>(1 + random_.Below(3));
  if (heavy_ && random_.Chance(0.7)) request.level = Level::kJournaled;
  request.wait_timeout_ms =
      random_.Chance(0.15) ? 1 + static_cast<int64_t>(random_.Below(20)) : 60'000;
  if (random_.Chance(0.06)) {
    request.upload = true;
    request.abandoned = random_.Chance(0.2);
    Operation operation;
    operation.type = OperationType::kUploadCommit;
    operation.path = PickPath();
    operation.if_absent = random_.Chance(0.2);
    operation.payload = MakePayload(request.number, 0);
    if (random_.Chance(0.5)) operation.payload += std::string(random_.Below(6'000), 'U');
    request.operations.push_back(std::move(operation));
    return request;
  }
  size_t count = random_.Chance(0.15) ? 2 + random_.Below(4) : 1;
  if (heavy_) count = 1;  // or it would be too large
  for (size_t i = 0; i < count; ++i) request.operations.push_back(MakeOperation(request.number, i));
  return request;
}

SimRequest Workload::Forge(const SimRequest& request) {
  SimRequest forged = request;
  forged.operations.resize(1);
  forged.operations[0].type = OperationType::kPut;
  forged.operations[0].payload = absl::StrCat("forged ", request.number);
  forged.operations[0].path = PickPath();
  return forged;
}

}  // namespace tandem
