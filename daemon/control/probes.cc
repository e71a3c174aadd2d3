#include "daemon/control/probes.h"

#include <utility>

namespace tandem {
namespace {

HttpHandler StatusHandler(absl::AnyInvocable<absl::Status()> source) {
  return [source = std::move(source)]() mutable {
    const absl::Status status = source();
    if (status.ok()) return HttpReply{.body = "ok\n"};
    return HttpReply{.status = 503, .body = std::string(status.message()) + "\n"};
  };
}

}  // namespace

std::map<std::string, HttpHandler> ProbeHandlers(ProbeSources sources) {
  std::map<std::string, HttpHandler> handlers;
  handlers["/livez"] = [] { return HttpReply{.body = "ok\n"}; };
  handlers["/readyz"] = StatusHandler(std::move(sources.ready));
  handlers["/startupz"] = StatusHandler(std::move(sources.started));
  handlers["/metrics"] = [metrics = std::move(sources.metrics),
                          type = std::move(sources.metrics_content_type)]() mutable {
    return HttpReply{.content_type = type, .body = metrics()};
  };
  return handlers;
}

}  // namespace tandem
