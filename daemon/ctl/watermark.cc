// watermark: how far a target's directory is, without a daemon.
#include "daemon/lane/watermark.h"

#include <boost/json.hpp>
#include <iostream>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/format.h"
#include "daemon/ctl/local_files.h"

namespace tandem::ctl {
namespace {

struct Entry {
  std::string writer;
  absl::StatusOr<Watermark> watermark;
};

Awaitable<absl::Status> ReadAllOf(Env& env, FileHandle directory, std::vector<Entry>* entries) {
  auto writers = co_await ListWriters(env, directory);
  if (!writers.ok()) co_return writers.status();
  for (const std::string& writer : *writers) {
    auto watermark = co_await ReadWatermark(env, directory, writer);
    entries->push_back({writer, std::move(watermark)});
  }
  co_return absl::OkStatus();
}

boost::json::value JsonOf(const Entry& entry) {
  if (!entry.watermark.ok()) {
    return boost::json::object{{"writer", entry.writer},
                               {"error", std::string(entry.watermark.status().message())}};
  }
  boost::json::object object = boost::json::parse(EncodeWatermark(*entry.watermark)).as_object();
  for (const char* key : {"target_id", "instance", "complete", "written", "reason"}) {
    if (object.at(key).as_string().empty()) object[key] = nullptr;
  }
  if (entry.watermark->complete_ms == 0) object["complete_unix_ms"] = nullptr;
  if (entry.watermark->written_ms == 0) object["written_unix_ms"] = nullptr;
  return object;
}

void PrintTable(const std::vector<Entry>& entries, absl::Time now) {
  size_t width = 6;
  for (const Entry& entry : entries) width = std::max(width, entry.writer.size());
  const auto line = [&](const std::string& writer, const std::string& sequence,
                        const std::string& complete, const std::string& written,
                        const std::string& age, const std::string& parked,
                        const std::string& label) {
    std::cout << absl::StrFormat("%-*s  %12s  %-24s  %-24s  %10s  %6s  %s\n", width, writer,
                                 sequence, complete, written, age, parked, label);
  };
  line("WRITER", "SEQUENCE", "COMPLETE THROUGH", "WRITTEN", "AGE", "PARKED", "LABEL");
  for (const Entry& entry : entries) {
    if (!entry.watermark.ok()) {
      line(entry.writer, "-", "-", "-", "-", "-",
           absl::StrCat("unreadable: ", entry.watermark.status().message()));
      continue;
    }
    const Watermark& watermark = *entry.watermark;
    const absl::Time written = absl::FromUnixMillis(watermark.written_ms);
    line(entry.writer, absl::StrCat(watermark.sequence),
         TimeText(absl::FromUnixMillis(watermark.complete_ms)), TimeText(written),
         DurationText(now - written, absl::Seconds(1)), absl::StrCat(watermark.parked),
         watermark.inconsistent.empty() ? "CONSISTENT"
                                        : absl::StrCat("INCONSISTENT: ", watermark.inconsistent));
  }
}

ExitCode CodeOf(const std::vector<Entry>& entries) {
  ExitCode code = kOk;
  for (const Entry& entry : entries) {
    if (!entry.watermark.ok()) return kError;
    if (!entry.watermark->inconsistent.empty() || entry.watermark->parked > 0) code = kDiverged;
  }
  return code;
}

ExitCode Execute(const Globals& globals, const std::string& directory) {
  std::vector<Entry> entries;
  const absl::Status status =
      OnDirectory(directory, [&entries](Env& env, FileHandle opened) -> Awaitable<absl::Status> {
        return ReadAllOf(env, opened, &entries);
      });
  if (absl::IsNotFound(status) || (status.ok() && entries.empty())) {
    return Report(globals, absl::NotFoundError(absl::StrCat(
                               directory, ": nobody has written to it through Tandem (no ",
                               OwnDirectoryOf("*"), "); is it a target's own directory?")));
  }
  if (!status.ok()) {
    return Report(globals,
                  absl::Status(status.code(), absl::StrCat(directory, ": ", status.message())));
  }
  if (!globals.quiet) {
    if (globals.json) {
      boost::json::array array;
      for (const Entry& entry : entries) array.push_back(JsonOf(entry));
      std::cout << boost::json::serialize(array) << "\n";
    } else {
      PrintTable(entries, absl::Now());
    }
  }
  return CodeOf(entries);
}

}  // namespace

void AddWatermarkCommand(CLI::App* app, const Globals& globals, Run* run) {
  auto directory = std::make_shared<std::string>();
  CLI::App* command = app->add_subcommand(
      "watermark", "Show how far a target's directory is, for every writer (no daemon needed)");
  NameGlobals(
      command, {.daemon = false},
      "AGE: since the writer's daemon wrote it; much more than its watermark_interval (5s): it\n"
      "is gone, or cannot reach the target. It looks at the directory itself: on a mount that\n"
      "hangs, it hangs too.");
  command->add_option("directory", *directory, "the target's own directory")->required();
  command->callback([&globals, directory, run] {
    *run = [&globals, directory] { return Execute(globals, *directory); };
  });
}

}  // namespace tandem::ctl
