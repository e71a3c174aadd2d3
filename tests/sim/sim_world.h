// The simulated world: one event queue on a virtual clock, fully determined by a seed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "daemon/base/async.h"
#include "daemon/base/check.h"
#include "daemon/base/log.h"
#include "daemon/io/env.h"
#include "tests/sim/sim_random.h"

namespace tandem {

class SimWorld;

inline constexpr int64_t kSimMs = 1'000'000;  // in nanoseconds
inline constexpr int64_t kSimSecond = 1'000 * kSimMs;

// The clock of one simulated process: its timers go when it dies.
class SimClock final : public Clock {
 public:
  explicit SimClock(SimWorld& world) : world_(world) {}
  ~SimClock() override { CancelAll(); }
  SimClock(const SimClock&) = delete;
  SimClock& operator=(const SimClock&) = delete;

  int64_t MonotonicNs() override;
  int64_t WallMs() override;
  TimerId Schedule(int64_t delay_ns, absl::AnyInvocable<void()> fire) override;
  void Cancel(TimerId timer) override;
  // No timer fires any more; the callbacks are destroyed.
  void CancelAll();
  // The process is gone: as CancelAll, and what is scheduled from now on never fires either.
  void Kill();
  // The process is stopped: what is due fires after Thaw.
  void Freeze() { frozen_ = true; }
  void Thaw();

 private:
  void Fire(TimerId timer, absl::AnyInvocable<void()> fire);

  SimWorld& world_;
  bool dead_ = false;
  bool frozen_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>();
  absl::btree_map<TimerId, absl::AnyInvocable<void()>> held_;  // due while it was stopped
  absl::btree_map<TimerId, bool> timers_;  // ordered: destruction must not depend on hashing
};

// Owner: one thread, which is everything there is. Outlives all that holds its executor.
class SimWorld {
 public:
  using EventId = uint64_t;

  explicit SimWorld(uint64_t seed);
  // Drops all events, then destroys what coroutines are left.
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  [[nodiscard]] uint64_t seed() const { return seed_; }
  [[nodiscard]] Executor executor() { return context_.get_executor(); }
  [[nodiscard]] SimRandom& random() { return random_; }
  [[nodiscard]] SimClock& clock() { return clock_; }
  [[nodiscard]] Logger& log() { return *log_; }
  // Replaces the null logger; must outlive the world.
  void set_log(Logger* log) { log_ = log; }
  // False: what is logged goes nowhere, so costly texts need not be made.
  [[nodiscard]] bool has_log() const { return log_ != null_log_.get(); }
  // An environment around `files` with the world's own clock, chance and log.
  [[nodiscard]] Env MakeEnv(Files& files) { return Env{executor(), files, clock_, random_, *log_}; }

  [[nodiscard]] int64_t now_ns() const { return now_ns_; }
  [[nodiscard]] int64_t wall_ms() const { return wall_base_ms_ + now_ns_ / kSimMs; }
  // Sets the wall clock forth or back; monotonic time goes on.
  void JumpWall(int64_t delta_ms) { wall_base_ms_ += delta_ms; }

  // Runs `fire` on the executor, `delay_ns` from now; events of one instant in order of insertion.
  EventId After(int64_t delay_ns, absl::AnyInvocable<void()> fire);
  // The event will not happen; one that has happened is ignored.
  void Cancel(EventId event);

  // Runs what is ready until nothing is. Not from inside a handler.
  void Poll();
  // Polls, advances to the next event, runs it, polls. False if there is no event.
  bool Step();
  // Steps until `done`; false if nothing is left to do or `limit_ns` of virtual time passed.
  bool RunUntil(absl::FunctionRef<bool()> done, int64_t limit_ns = 3'600 * kSimSecond);
  // Runs all events of the next `duration_ns` and advances the clock by it.
  void RunFor(int64_t duration_ns);

  // Runs the world until `coroutine` is done and returns its result.
  template <typename T>
  T Await(Awaitable<T> coroutine);

  // Something observable happened: mixed into trace(), which is equal for equal runs.
  void Trace(uint64_t what) { trace_ = (trace_ ^ what) * 0x100000001b3ull + 0x9e3779b97f4a7c15ull; }
  void Trace(absl::string_view what);
  [[nodiscard]] uint64_t trace() const { return trace_; }
  [[nodiscard]] uint64_t steps() const { return steps_; }

 private:
  template <typename T>
  static Awaitable<void> Store(Awaitable<T> coroutine, std::optional<T>* result) {
    result->emplace(co_await std::move(coroutine));
  }
  static Awaitable<void> StoreVoid(Awaitable<void> coroutine, bool* done) {
    co_await std::move(coroutine);
    *done = true;
  }

  struct Key {
    int64_t at_ns;
    EventId id;
    friend auto operator<=>(const Key&, const Key&) = default;
  };

  uint64_t seed_;
  boost::asio::io_context context_{1};
  SimRandom random_;
  std::unique_ptr<Logger> null_log_ = MakeNullLogger();
  Logger* log_ = null_log_.get();
  int64_t now_ns_ = 1;
  int64_t wall_base_ms_ = 1'700'000'000'000;
  EventId next_event_ = 1;
  uint64_t trace_ = 0;
  uint64_t steps_ = 0;
  absl::btree_map<Key, absl::AnyInvocable<void()>> events_;
  absl::flat_hash_map<EventId, int64_t> event_times_;  // only looked up, never iterated
  SimClock clock_{*this};
};

template <typename T>
T SimWorld::Await(Awaitable<T> coroutine) {
  if constexpr (std::is_void_v<T>) {
    bool done = false;
    Spawn(executor(), StoreVoid(std::move(coroutine), &done));
    TANDEM_CHECK(RunUntil([&] { return done; }));
  } else {
    std::optional<T> result;
    Spawn(executor(), Store<T>(std::move(coroutine), &result));
    TANDEM_CHECK(RunUntil([&] { return result.has_value(); }));
    return *std::move(result);
  }
}

}  // namespace tandem
