// What a command's --help says of the options that are not its own.
#include "absl/strings/str_cat.h"
#include "daemon/ctl/command.h"

namespace tandem::ctl {

void NameGlobals(CLI::App* command, const UsedGlobals& used, absl::string_view notes) {
  std::string text = "Options before or after the command (tandemctl --help has all):\n";
  const auto add = [&text](absl::string_view option, absl::string_view meaning) {
    absl::StrAppend(&text, "  ", option, std::string(28 - option.size(), ' '), meaning, "\n");
  };
  if (used.level) add("--level LEVEL", "JOURNALED, LOCAL or ALL; else the daemon's default_level");
  if (!used.without_timeout.empty()) {
    add("--timeout TIME",
        absl::StrCat("how long at most, like 500ms, 10s; else ", used.without_timeout));
  }
  if (used.request_id) add("--request-id UUID", "repeat it under its id: never applied twice");
  add("-o,--output FORM", "table or json");
  add("-q,--quiet", "print errors only");
  if (used.daemon) {
    add("--address ADDRESS", "where the daemon is; or --socket PATH, or TANDEM_ADDRESS");
  }
  if (!notes.empty()) absl::StrAppend(&text, "\n", notes, "\n");
  command->footer("\n" + text);
}

}  // namespace tandem::ctl
