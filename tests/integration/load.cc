#include "tests/integration/load.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tandem {

using client::Level;
using client::Operation;

Load::Load(const Daemon& daemon, int workers) {
  for (int number = 0; number < workers; ++number) {
    auto worker = std::make_unique<Worker>();
    worker->number = number;
    worker->random.seed(static_cast<unsigned>(number));
    worker->client = daemon.Connect();
    workers_.push_back(std::move(worker));
  }
  for (auto& worker : workers_) {
    worker->thread = std::thread([this, &worker = *worker] { Run(worker); });
  }
}

Load::~Load() { Stop(); }

void Load::Stop() {
  stop_ = true;
  for (auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
    EXPECT_EQ(worker->error, "") << "worker " << worker->number;
  }
}

bool Load::WaitAnswers(uint64_t count) {
  std::vector<uint64_t> wanted;
  for (const auto& worker : workers_) wanted.push_back(worker->answers + count);
  const auto failed = [](const auto& worker) { return worker->failed.load(); };
  const auto any_failed = [&] { return std::any_of(workers_.begin(), workers_.end(), failed); };
  const bool answered = WaitUntil([&] {
    size_t enough = 0;
    for (size_t i = 0; i < workers_.size(); ++i) enough += workers_[i]->answers >= wanted[i];
    return enough == workers_.size() || any_failed();
  });
  return answered && !any_failed();
}

void Load::Run(Worker& worker) {
  while (!stop_ && worker.error.empty()) Step(worker);
  worker.failed = !worker.error.empty();
}

void Load::Step(Worker& worker) {
  switch (worker.random() % 8) {
    case 0:
    case 1:
    case 2:
      return PutReceipt(worker);
    case 3:
      return worker.files.empty() ? PutReceipt(worker) : RenameOne(worker);
    case 4:
      return worker.files.size() < 8 ? PutReceipt(worker) : DeleteOne(worker);
    case 5:
      return AppendOwn(worker);
    case 6:
      return AppendLedger(worker);
    default:
      return Batch(worker);
  }
}

std::string Load::Payload(Worker& worker) const {
  const size_t bytes = 1 + worker.random() % 12'000;
  std::string payload = absl::StrCat("worker ", worker.number, " write ", worker.writes, " ");
  const char fill = static_cast<char>('a' + worker.random() % 26);
  payload.append(bytes, fill);
  return payload;
}

void Load::PutReceipt(Worker& worker) {
  std::string path = absl::StrCat("receipts/", worker.number, "/receipt-", worker.writes);
  // Some replace a file that is there.
  if (!worker.files.empty() && worker.random() % 4 == 0) path = worker.files.begin()->first;
  const std::string payload = Payload(worker);
  Send(worker, {Operation::Put(path, payload)});
  worker.files[path] = payload;
}

void Load::RenameOne(Worker& worker) {
  const std::string from = worker.files.begin()->first;
  const std::string to = absl::StrCat("renamed/", worker.number, "/", worker.random() % 8);
  if (from == to) return PutReceipt(worker);
  Send(worker, {Operation::Rename(from, to)});
  worker.files[to] = worker.files.at(from);
  worker.files.erase(from);
}

void Load::DeleteOne(Worker& worker) {
  const std::string path = worker.files.begin()->first;
  Send(worker, {Operation::Delete(path)});
  worker.files.erase(path);
}

void Load::AppendOwn(Worker& worker) {
  const std::string path = absl::StrCat("own/", worker.number);
  const std::string payload = Payload(worker);
  Send(worker, {Operation::Append(path, payload)});
  worker.files[path] += payload;
}

void Load::AppendLedger(Worker& worker) {
  const std::string ledger = absl::StrCat("ledger-", worker.random() % 2);
  const std::string line = absl::StrCat("line ", worker.number, "-", worker.writes, "\n");
  const auto result = Send(worker, {Operation::Append(ledger, line)});
  if (result.results.empty()) return;
  worker.lines[ledger].push_back({result.results[0].offset, line});
}

void Load::Batch(Worker& worker) {
  const std::string path = absl::StrCat("receipts/", worker.number, "/receipt-", worker.writes);
  const std::string payload = Payload(worker);
  const std::string line = absl::StrCat("line ", worker.number, "-", worker.writes, "\n");
  const auto result =
      Send(worker, {Operation::Put(path, payload), Operation::Append("ledger-0", line)});
  if (result.results.size() != 2) return;
  worker.files[path] = payload;
  worker.lines["ledger-0"].push_back({result.results[1].offset, line});
}

client::WriteResult Load::Send(Worker& worker, const std::vector<Operation>& operations) {
  static constexpr Level kLevels[] = {Level::kJournaled, Level::kLocal, Level::kAll};
  client::CallOptions options;
  options.request_id = worker.client->NewRequestId();
  options.level = kLevels[worker.writes % 3];
  options.keep_waiting = true;
  ++worker.writes;
  // The client's own time for one call is a minute; a daemon that is away longer is a failure.
  auto result = operations.size() == 1 ? worker.client->Write(operations[0], options)
                                       : worker.client->WriteBatch(operations, options);
  if (!result.ok()) {
    worker.error =
        absl::StrCat("write ", worker.writes, " of ", operations[0].path, ": ",
                     result.status().ToString(), " ", client::DetailOf(result.status()).reason);
    return {};
  }
  if (result->results.size() != operations.size()) worker.error = "an answer without its results";
  if (result->level_reached < options.level) worker.error = "answered before its level";
  ++worker.answers;
  return *std::move(result);
}

std::string Load::Check(const std::string& tree) const {
  namespace fs = std::filesystem;
  std::map<std::string, std::string> files;
  std::map<std::string, std::map<uint64_t, std::string>> ledgers;  // by offset
  for (const auto& worker : workers_) {
    files.insert(worker->files.begin(), worker->files.end());
    for (const auto& [ledger, lines] : worker->lines) {
      for (const Line& line : lines) {
        if (!ledgers[ledger].emplace(line.offset, line.text).second) {
          return absl::StrCat("two lines acknowledged at ", ledger, ":", line.offset);
        }
      }
    }
  }
  for (const auto& [ledger, lines] : ledgers) {
    for (const auto& [offset, text] : lines) {
      if (offset != files[ledger].size()) {
        return absl::StrCat(ledger, ": nobody was told what is at ", files[ledger].size());
      }
      files[ledger] += text;
    }
  }
  for (const auto& [path, content] : files) {
    const std::string found = Contents(tree + "/" + path);
    if (found == content) continue;
    return absl::StrCat(path, " holds ", found.size(), " bytes (", found.substr(0, 30),
                        "...), acknowledged were ", content.size(), " (", content.substr(0, 30),
                        "...)");
  }
  for (const auto& entry : fs::recursive_directory_iterator(tree)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = fs::relative(entry.path(), tree);
    if (!files.contains(path)) return absl::StrCat(path, " is there, nobody was told so");
  }
  return "";
}

}  // namespace tandem
