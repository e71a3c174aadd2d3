// The paths a kubelet and a Prometheus ask for, as handlers for HttpListener.
#pragma once

#include <map>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "daemon/control/http_listener.h"

namespace tandem {

// Asked on the listener's executor, at every request; must not block.
struct ProbeSources {
  // OK while the journal can take writes; otherwise why not.
  absl::AnyInvocable<absl::Status()> ready;
  // OK once the start is over.
  absl::AnyInvocable<absl::Status()> started;
  // The metrics' text.
  absl::AnyInvocable<std::string()> metrics;
  std::string metrics_content_type;
};

// /livez (200 as long as the event loop turns), /readyz, /startupz (200, or 503 with the reason)
// and /metrics.
[[nodiscard]] std::map<std::string, HttpHandler> ProbeHandlers(ProbeSources sources);

}  // namespace tandem
