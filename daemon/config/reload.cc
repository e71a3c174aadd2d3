// What a running daemon takes over from a configuration that was read again.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "daemon/config/config.h"
#include "daemon/config/keys.h"
#include "daemon/config/layers.h"
#include "daemon/config/value.h"

namespace tandem {
namespace {

bool IsSame(const Key& key, const Settings& a, const Settings& b) {
  if (key.kind == ValueKind::kTargets) return a.targets == b.targets;
  return TextOf(key, a) == TextOf(key, b);
}

}  // namespace

Reload PlanReload(const Config& running, const LoadedConfig& fresh, const Places& places) {
  Reload reload;
  reload.config = running;
  reload.errors = fresh.errors;
  if (!reload.errors.empty()) return reload;
  Settings next = running.settings;
  for (const Key& key : AllKeys()) {
    if (IsSame(key, running.settings, fresh.config.settings)) continue;
    if (!key.reloadable) {
      reload.need_restart.emplace_back(key.name);
      continue;
    }
    reload.changed.emplace_back(key.name);
    const absl::Status status = SetFromText(key, TextOf(key, fresh.config.settings), next);
    if (!status.ok()) reload.errors.push_back(absl::StrCat(key.name, ": ", status.message()));
  }
  // What belongs together may be old on one side and new on the other.
  Problems problems;
  Validate(next, fresh.origins, places, problems);
  for (std::string& error : problems.errors) reload.errors.push_back(std::move(error));
  if (!reload.errors.empty()) return reload;
  reload.config.settings = std::move(next);
  Assemble(reload.config);
  return reload;
}

}  // namespace tandem
