// How loudly the log says that a target's health changed.
#pragma once

#include "daemon/base/log.h"
#include "tandem/internal/v1/link.pb.h"

namespace tandem {

// A target that takes nothing is a warning: whoever logs warnings only has to see it.
[[nodiscard]] inline LogLevel SeverityOf(internal::v1::LaneHealth health) {
  const bool bad =
      health == internal::v1::LANE_HEALTH_DOWN || health == internal::v1::LANE_HEALTH_STALLED;
  return bad ? LogLevel::kWarning : LogLevel::kInfo;
}

}  // namespace tandem
