// What is at a path on this target? Core's sequencer asks.
#pragma once

#include "daemon/io/env.h"
#include "daemon/lane/target.h"
#include "tandem/internal/v1/link.pb.h"

namespace tandem {

// The components of the path that exist, from the top; an error if the target could not tell.
Awaitable<internal::v1::PathAnswer> AnswerPathQuery(Env& env, std::shared_ptr<Target> target,
                                                    internal::v1::PathQuery query);

}  // namespace tandem
