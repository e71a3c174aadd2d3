// How results look: a table for people, one JSON object a line for programs.
#pragma once

#include <string>

#include "tandem/client/types.h"

namespace tandem::ctl {

// Marks of a status tree on a terminal.
struct Style {
  bool color = false;
};

// Colour if standard output is a terminal and NO_COLOR is not set.
[[nodiscard]] Style StyleOfTerminal();

[[nodiscard]] std::string TableOf(const client::WriteResult& result);
[[nodiscard]] std::string JsonOf(const client::WriteResult& result);
// Of WaitDurable, whose results say nothing but the sequence.
[[nodiscard]] std::string JsonOfWait(const client::WriteResult& result);
[[nodiscard]] std::string TableOf(const client::WriteInfo& info);
[[nodiscard]] std::string JsonOf(const client::WriteInfo& info);
// `now` for "since" and "up".
[[nodiscard]] std::string TreeOf(const client::DaemonStatus& status, absl::Time now, Style style);
[[nodiscard]] std::string JsonOf(const client::DaemonStatus& status);
[[nodiscard]] std::string TableOf(const client::PendingWrite& write, absl::Time now);
[[nodiscard]] std::string JsonOf(const client::PendingWrite& write);
// `done`: what was done, like "applied".
[[nodiscard]] std::string TableOf(const client::PendingResult& result, absl::string_view done);
[[nodiscard]] std::string JsonOf(const client::PendingResult& result, absl::string_view done);

}  // namespace tandem::ctl
