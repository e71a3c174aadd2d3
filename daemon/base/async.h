// Straight-line asynchronous code: coroutines on one io_context, which one thread runs. The same
// coroutines run in production (epoll, timers, io_uring) and in the simulator (a virtual clock).
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "absl/functional/any_invocable.h"

namespace tandem {

using Executor = boost::asio::io_context::executor_type;

template <typename T>
using Awaitable = boost::asio::awaitable<T, Executor>;

// Starts `coroutine` on `executor`; nobody waits for it. An exception that leaves it ends the
// process: there are none on the data path, so it is a broken invariant.
inline void Spawn(Executor executor, Awaitable<void> coroutine) {
  boost::asio::co_spawn(executor, std::move(coroutine), [](const std::exception_ptr& error) {
    if (error) std::terminate();
  });
}

// Suspends until the callback handed to `start` is called with the result. `start` must not call
// it before it returns; the call must come on the executor's thread. Dropping the callback
// uncalled destroys the coroutine.
template <typename T, typename Start>
Awaitable<T> AwaitCallback(Start start) {
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>,
                                                 void(T)>(
      [](auto handler, Start begin) {
        begin(absl::AnyInvocable<void(T)>([resume = std::move(handler)](T result) mutable {
          std::move(resume)(std::move(result));
        }));
      },
      boost::asio::use_awaitable_t<Executor>(), std::move(start));
}

}  // namespace tandem
