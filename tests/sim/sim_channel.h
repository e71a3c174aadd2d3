// A simulated socket pair: in order, with seeded latency, closed when either end goes away.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "daemon/link/channel.h"
#include "tests/sim/sim_world.h"

namespace tandem {

struct SimLinkOptions {
  std::string name;  // for the log
  int64_t min_latency_ns = 5'000;
  int64_t max_latency_ns = 300'000;
  size_t backlog_messages = 16;  // undelivered: the sender is told to merge
};

// One direction. What the sender sent before it went away still arrives, then the end.
template <typename Message>
class SimPipe : public std::enable_shared_from_this<SimPipe<Message>> {
 public:
  struct Receiver {
    absl::AnyInvocable<void(Message)> on_message;
    absl::AnyInvocable<void(const absl::Status&)> on_closed;
  };
  struct Sender {
    absl::AnyInvocable<void()> on_drained;
  };

  SimPipe(SimWorld& world, SimLinkOptions options)
      : world_(world), options_(options), random_(world.random().Fork()) {}

  void Send(Message message) {
    if (sender_gone_ || receiver_gone_) return;
    ++in_transit_;
    if (in_transit_ >= options_.backlog_messages) backlogged_ = true;
    Later([self = this->shared_from_this(), held = std::move(message)]() mutable {
      self->Deliver(std::move(held));
    });
  }
  void SenderGone() {
    if (std::exchange(sender_gone_, true)) return;
    sender_.reset();
    Later([self = this->shared_from_this()] {
      self->ended_ = true;
      self->Pump();
    });
  }
  void ReceiverGone() {
    receiver_gone_ = true;
    receiver_.reset();
    inbox_.clear();
    in_transit_ -= held_.size();
    held_.clear();
  }
  void SetReceiver(std::shared_ptr<Receiver> receiver) {
    receiver_ = std::move(receiver);
    world_.After(0, [self = this->shared_from_this()] { self->Pump(); });
  }
  void SetSender(std::shared_ptr<Sender> sender) { sender_ = std::move(sender); }
  [[nodiscard]] bool backlogged() const { return backlogged_; }
  // The process at this end is stopped: it hears nothing, and what is sent to it fills the socket.
  void SetReceiverFrozen(bool frozen) {
    const uint64_t number = ++freezes_;
    if (frozen) {
      receiver_frozen_ = true;
      return;
    }
    world_.After(0, [self = this->shared_from_this(), number] {
      if (number == self->freezes_) self->ThawReceiver();
    });
  }
  void SetSenderFrozen(bool frozen) {
    sender_frozen_ = frozen;
    if (!frozen) world_.After(0, [self = this->shared_from_this()] { self->TellDrained(); });
  }

 private:
  void Later(absl::AnyInvocable<void()> event) {
    const int64_t latency_ns = random_.Between(options_.min_latency_ns, options_.max_latency_ns);
    last_ns_ = std::max(last_ns_, world_.now_ns() + latency_ns);
    world_.After(last_ns_ - world_.now_ns(), std::move(event));
  }
  void Deliver(Message message) {
    if (receiver_frozen_ && !receiver_gone_) {
      held_.push_back(std::move(message));
      return;
    }
    --in_transit_;
    if (world_.has_log()) {
      world_.log().Debug("sim_message",
                         {{"link", options_.name}, {"message", message.ShortDebugString()}});
    }
    if (!receiver_gone_) inbox_.push_back(std::move(message));
    Pump();
    TellDrained();
  }
  void ThawReceiver() {
    receiver_frozen_ = false;
    for (Message& message : std::exchange(held_, {})) {
      --in_transit_;
      if (!receiver_gone_) inbox_.push_back(std::move(message));
    }
    Pump();
    TellDrained();
  }
  void TellDrained() {
    if (!backlogged_ || in_transit_ > 0 || sender_frozen_) return;
    backlogged_ = false;
    if (const auto sender = sender_) sender->on_drained();
  }
  // A handler may destroy either end.
  void Pump() {
    if (receiver_frozen_) return;
    while (receiver_ && !inbox_.empty()) {
      Message message = std::move(inbox_.front());
      inbox_.pop_front();
      const auto receiver = receiver_;
      receiver->on_message(std::move(message));
    }
    if (!receiver_ || !ended_ || std::exchange(told_, true)) return;
    const auto receiver = receiver_;
    receiver->on_closed(absl::UnavailableError("the peer is gone"));
  }

  SimWorld& world_;
  SimLinkOptions options_;
  SimRandom random_;
  int64_t last_ns_ = 0;
  size_t in_transit_ = 0;
  bool backlogged_ = false;
  bool sender_gone_ = false;
  bool receiver_gone_ = false;
  bool ended_ = false;
  bool told_ = false;
  bool receiver_frozen_ = false;
  bool sender_frozen_ = false;
  uint64_t freezes_ = 0;
  std::deque<Message> held_;  // by a receiver that is stopped
  std::deque<Message> inbox_;
  std::shared_ptr<Receiver> receiver_;
  std::shared_ptr<Sender> sender_;
};

// One end. Destroying it, as the death of its process does, closes it.
template <typename Out, typename In>
class SimChannel final : public Channel<Out, In> {
 public:
  using Handlers = typename Channel<Out, In>::Handlers;

  SimChannel(std::shared_ptr<SimPipe<Out>> out, std::shared_ptr<SimPipe<In>> in)
      : out_(std::move(out)), in_(std::move(in)) {}
  ~SimChannel() override { Close(); }
  SimChannel(const SimChannel&) = delete;
  SimChannel& operator=(const SimChannel&) = delete;

  void Start(Handlers handlers) override {
    auto sender = std::make_shared<typename SimPipe<Out>::Sender>();
    sender->on_drained = std::move(handlers.on_drained);
    if (!sender->on_drained) sender->on_drained = [] {};
    out_->SetSender(std::move(sender));
    auto receiver = std::make_shared<typename SimPipe<In>::Receiver>();
    receiver->on_message = std::move(handlers.on_message);
    receiver->on_closed = std::move(handlers.on_closed);
    in_->SetReceiver(std::move(receiver));
  }
  void Send(Out message) override { out_->Send(std::move(message)); }
  [[nodiscard]] bool backlogged() const override { return out_->backlogged(); }
  void Close() override {
    out_->SenderGone();
    in_->ReceiverGone();
  }
  // Not from inside a handler.
  void SetFrozen(bool frozen) {
    out_->SetSenderFrozen(frozen);
    in_->SetReceiverFrozen(frozen);
  }

 private:
  std::shared_ptr<SimPipe<Out>> out_;
  std::shared_ptr<SimPipe<In>> in_;
};

template <typename A, typename B>
struct SimLink {
  std::unique_ptr<SimChannel<A, B>> first;  // sends A, receives B
  std::unique_ptr<SimChannel<B, A>> second;
};

template <typename A, typename B>
SimLink<A, B> MakeSimLink(SimWorld& world, SimLinkOptions options = {}) {
  SimLinkOptions options_back = options;
  options.name += ">";
  options_back.name += "<";
  auto there = std::make_shared<SimPipe<A>>(world, std::move(options));
  auto back = std::make_shared<SimPipe<B>>(world, std::move(options_back));
  return {std::make_unique<SimChannel<A, B>>(there, back),
          std::make_unique<SimChannel<B, A>>(back, there)};
}

}  // namespace tandem
