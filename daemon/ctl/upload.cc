// upload: a file of any size.
#include <unistd.h>

#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/ctl/command.h"
#include "daemon/ctl/output.h"

namespace tandem::ctl {
namespace {

constexpr absl::Duration kTimeout = absl::Hours(1);
constexpr uint64_t kProgressStep = uint64_t{8} << 20;

// Hands on another source's bytes and counts them on a terminal.
class ProgressSource : public client::UploadSource {
 public:
  explicit ProgressSource(std::unique_ptr<client::UploadSource> source)
      : source_(std::move(source)) {}

  absl::Status Restart() override {
    sent_ = 0;
    return source_->Restart();
  }
  absl::StatusOr<std::string> Next(size_t max_bytes) override {
    absl::StatusOr<std::string> data = source_->Next(max_bytes);
    if (!data.ok()) return data;
    const uint64_t before = sent_;
    sent_ += data->size();
    if (data->empty() || before / kProgressStep != sent_ / kProgressStep) Show(data->empty());
    return data;
  }
  std::optional<uint64_t> Size() override { return source_->Size(); }

 private:
  void Show(bool end) {
    const double mebibytes = static_cast<double>(sent_) / (1 << 20);
    std::cerr << absl::StrFormat("\r%.0f MiB sent", mebibytes);
    if (const std::optional<uint64_t> size = source_->Size(); size.value_or(0) > 0) {
      std::cerr << absl::StrFormat(" (%d%%)", sent_ * 100 / *size);
    }
    std::cerr << (end ? "\n" : "") << std::flush;
  }

  const std::unique_ptr<client::UploadSource> source_;
  uint64_t sent_ = 0;
};

struct Arguments {
  std::string path;
  std::string file;
  bool if_absent = false;
};

std::unique_ptr<client::UploadSource> SourceOf(const Arguments& arguments, bool progress) {
  const bool standard_input = arguments.file == "-";
  std::unique_ptr<client::UploadSource> source =
      client::MakeFileSource(standard_input ? "/dev/stdin" : arguments.file);
  if (standard_input) {
    // What was read from a pipe is gone: no second attempt.
    source = client::MakeGeneratorSource([](size_t max_bytes) -> absl::StatusOr<std::string> {
      std::string data(max_bytes, '\0');
      ssize_t count = 0;
      do {
        count = read(STDIN_FILENO, data.data(), data.size());
      } while (count < 0 && errno == EINTR);
      if (count < 0) return absl::ErrnoToStatus(errno, "cannot read standard input");
      data.resize(static_cast<size_t>(count));
      return data;
    });
  }
  if (progress) source = std::make_unique<ProgressSource>(std::move(source));
  return source;
}

ExitCode Execute(const Globals& globals, const Arguments& arguments) {
  const absl::StatusOr<client::CallOptions> options = CallOptionsOf(globals, kTimeout);
  if (!options.ok()) return Report(globals, options.status());
  absl::StatusOr<std::unique_ptr<client::Client>> client = ConnectToWait(globals);
  if (!client.ok()) return Report(globals, client.status());
  const bool progress = !globals.quiet && !globals.json && isatty(STDERR_FILENO) == 1;
  const absl::StatusOr<client::WriteResult> result =
      (*client)->Upload({.path = arguments.path, .if_absent = arguments.if_absent},
                        SourceOf(arguments, progress), *options);
  if (!result.ok()) return Report(globals, result.status());
  if (!globals.quiet) std::cout << (globals.json ? JsonOf(*result) : TableOf(*result));
  return kOk;
}

}  // namespace

void AddUploadCommand(CLI::App* app, const Globals& globals, Run* run) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app->add_subcommand("upload", "Write a file of any size; it is visible when complete");
  NameGlobals(command, {.level = true, .without_timeout = "1h", .request_id = true});
  command->add_option("path", arguments->path, "the file, relative to the writer's root")
      ->required();
  command->add_option("file", arguments->file, "the local file, or - for standard input")
      ->required();
  command->add_flag("--if-absent", arguments->if_absent, "refuse if a file is there");
  command->callback([&globals, arguments, run] {
    *run = [&globals, arguments] { return Execute(globals, *arguments); };
  });
}

}  // namespace tandem::ctl
