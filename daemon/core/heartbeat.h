// Beats while nobody writes, so that it can be told how old a target is.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "daemon/io/clock.h"

namespace tandem {

// Owner: core's thread.
class Heartbeat {
 public:
  // `beat` is called every `interval_ms` from Start on; 0: never.
  Heartbeat(Clock& clock, int64_t interval_ms, absl::AnyInvocable<void()> beat)
      : clock_(clock), interval_ns_(interval_ms * kNsPerMs), beat_(std::move(beat)) {}
  ~Heartbeat() { Stop(); }
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  void Start() {
    if (interval_ns_ > 0) Arm();
  }
  void Stop() {
    if (armed_) clock_.Cancel(timer_);
    armed_ = false;
  }

 private:
  void Arm() {
    armed_ = true;
    timer_ = clock_.Schedule(interval_ns_, [this] {
      Arm();
      beat_();
    });
  }

  Clock& clock_;
  int64_t interval_ns_;
  absl::AnyInvocable<void()> beat_;
  Clock::TimerId timer_ = 0;
  bool armed_ = false;
};

}  // namespace tandem
