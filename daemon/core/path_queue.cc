#include "daemon/core/path_queue.h"

#include <algorithm>
#include <utility>

#include "daemon/base/check.h"
#include "daemon/model/path.h"

namespace tandem {

bool PathQueue::Blocks(const std::vector<std::string>& paths) const {
  if (waiting_.empty()) return false;
  absl::btree_set<Ticket> tickets;
  for (const std::string& path : paths) Collect(path, tickets);
  return !tickets.empty();
}

void PathQueue::Collect(absl::string_view path, absl::btree_set<Ticket>& tickets) const {
  if (const auto here = places_.find(path); here != places_.end()) {
    if (!here->second.at.empty()) tickets.insert(*here->second.at.rbegin());
    tickets.insert(here->second.beneath.begin(), here->second.beneath.end());
  }
  for (absl::string_view at = ParentOf(path); !at.empty(); at = ParentOf(at)) {
    const auto above = places_.find(at);
    if (above == places_.end() || above->second.at.empty()) continue;
    tickets.insert(*above->second.at.rbegin());
  }
}

void PathQueue::Add(Ticket ticket, std::vector<std::string> paths) {
  Waiting waiting;
  for (const std::string& path : paths) Collect(path, waiting.behind);
  TANDEM_CHECK(waiting.behind.empty() || *waiting.behind.rbegin() < ticket);
  for (const Ticket before : waiting.behind) waiting_.at(before).blocked.insert(ticket);
  for (const std::string& path : paths) {
    places_[path].at.insert(ticket);
    for (absl::string_view at = ParentOf(path); !at.empty(); at = ParentOf(at)) {
      places_[at].beneath.insert(ticket);
    }
  }
  waiting.paths = std::move(paths);
  TANDEM_CHECK(waiting_.emplace(ticket, std::move(waiting)).second);
}

bool PathQueue::IsFree(Ticket ticket) const { return waiting_.at(ticket).behind.empty(); }

std::vector<Ticket> PathQueue::Remove(Ticket ticket) {
  const auto it = waiting_.find(ticket);
  TANDEM_CHECK(it != waiting_.end());
  const Waiting gone = std::move(it->second);
  waiting_.erase(it);
  for (const std::string& path : gone.paths) {
    places_[path].at.erase(ticket);
    for (absl::string_view at = path; !at.empty(); at = ParentOf(at)) {
      const auto place = places_.find(at);
      if (place == places_.end()) continue;
      if (at.size() < path.size()) place->second.beneath.erase(ticket);
      if (place->second.at.empty() && place->second.beneath.empty()) places_.erase(place);
    }
  }
  for (const Ticket before : gone.behind) waiting_.at(before).blocked.erase(ticket);
  std::vector<Ticket> free;
  for (const Ticket after : gone.blocked) {
    Waiting& waiting = waiting_.at(after);
    waiting.behind.erase(ticket);
    // It left before its turn: who waited behind it now waits behind what it waited for.
    for (const Ticket before : gone.behind) {
      waiting.behind.insert(before);
      waiting_.at(before).blocked.insert(after);
    }
    if (waiting.behind.empty()) free.push_back(after);
  }
  return free;
}

}  // namespace tandem
