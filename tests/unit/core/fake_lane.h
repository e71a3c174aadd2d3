// The other end of a lane's channel, in the test's hand.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "daemon/core/core.h"
#include "daemon/journal/record.h"
#include "daemon/model/path.h"

namespace tandem {

// What core sees of a lane; FakeLane says what comes.
class FakeChannel final : public LaneChannel {
 public:
  struct Wire {
    Handlers handlers;
    std::vector<internal::v1::CoreMessage> sent;
    bool backlogged = false;
    bool open = true;
  };
  explicit FakeChannel(std::shared_ptr<Wire> wire) : wire_(std::move(wire)) {}
  ~FakeChannel() override { Close(); }
  void Start(Handlers handlers) override { wire_->handlers = std::move(handlers); }
  void Send(internal::v1::CoreMessage message) override {
    wire_->sent.push_back(std::move(message));
  }
  bool backlogged() const override { return wire_->backlogged; }
  void Close() override { wire_->open = false; }

 private:
  std::shared_ptr<Wire> wire_;
};

class FakeLane {
 public:
  // The tree of the target: what exists. Directories of files exist too.
  std::map<std::string, PathState> tree;
  bool answering = true;
  std::string answer_error;

  std::unique_ptr<LaneChannel> Connect() {
    wire_ = std::make_shared<FakeChannel::Wire>();
    return std::make_unique<FakeChannel>(wire_);
  }
  void Hello(Sequence checkpoint, std::vector<SequenceRange> beyond = {},
             const std::vector<internal::v1::ParkedWrite>& parked = {}) {
    internal::v1::LaneMessage message;
    message.mutable_hello()->set_checkpoint(checkpoint);
    message.mutable_hello()->set_target_id("id-1");
    message.mutable_hello()->set_io_engine("simulated");
    for (const SequenceRange& range : beyond) {
      auto& span = *message.mutable_hello()->add_beyond();
      span.set_first(range.first);
      span.set_last(range.last);
    }
    for (const auto& write : parked) *message.mutable_hello()->add_parked() = write;
    Send(std::move(message));
  }
  void Durable(Sequence first, Sequence last) {
    internal::v1::LaneMessage message;
    message.add_durable()->set_first(first);
    message.mutable_durable(0)->set_last(last);
    Send(std::move(message));
  }
  void Checkpoint(Sequence checkpoint) {
    internal::v1::LaneMessage message;
    message.set_checkpoint(checkpoint);
    Send(std::move(message));
  }
  static internal::v1::ParkedWrite Parked(Sequence sequence, const std::string& path,
                                          const std::string& new_path = "", uint64_t size = 4) {
    internal::v1::ParkedWrite parked;
    parked.set_new_path(new_path);
    parked.set_sequence(sequence);
    parked.set_path(path);
    parked.set_error("Is a directory");
    parked.set_type(
        static_cast<uint32_t>(new_path.empty() ? RecordType::kPut : RecordType::kRename));
    parked.set_result_size(size);
    return parked;
  }
  void Park(Sequence sequence, const std::string& path, const std::string& new_path = "",
            uint64_t size = 4) {
    internal::v1::LaneMessage message;
    *message.add_parked() = Parked(sequence, path, new_path, size);
    Send(std::move(message));
  }
  void Unpark(Sequence sequence) {
    internal::v1::LaneMessage message;
    message.add_unparked()->set_first(sequence);
    message.mutable_unparked(0)->set_last(sequence);
    Send(std::move(message));
  }
  void Send(internal::v1::LaneMessage message) {
    if (open()) wire_->handlers.on_message(std::move(message));
  }
  void Break() { wire_->handlers.on_closed(absl::UnavailableError("gone")); }

  // Answers the questions that came since the last call; false if there was none.
  bool Answer() {
    if (wire_ == nullptr || !answering) return false;
    internal::v1::LaneMessage message;
    for (const auto& query : Queries()) *message.add_answers() = AnswerOf(query);
    answered_ += static_cast<size_t>(message.answers_size());
    if (message.answers_size() == 0) return false;
    Send(std::move(message));
    return true;
  }
  // Not answered yet.
  [[nodiscard]] std::vector<internal::v1::PathQuery> Queries() {
    std::vector<internal::v1::PathQuery> queries;
    for (; seen_ < wire_->sent.size(); ++seen_) {
      for (const auto& query : wire_->sent[seen_].queries()) queries.push_back(query);
    }
    return queries;
  }
  [[nodiscard]] internal::v1::PathAnswer AnswerOf(const internal::v1::PathQuery& query) const {
    internal::v1::PathAnswer answer;
    answer.set_id(query.id());
    answer.set_error(answer_error);
    std::vector<absl::string_view> prefixes = AncestorsOf(query.path());
    prefixes.push_back(query.path());
    for (const absl::string_view prefix : prefixes) {
      const auto it = tree.find(std::string(prefix));
      if (it == tree.end()) break;
      auto& component = *answer.add_components();
      component.set_kind(static_cast<uint32_t>(it->second.kind));
      component.set_size(it->second.size);
    }
    return answer;
  }
  void Reset() { seen_ = 0; }

  [[nodiscard]] const std::vector<internal::v1::CoreMessage>& sent() const { return wire_->sent; }
  [[nodiscard]] FakeChannel::Wire& wire() { return *wire_; }
  [[nodiscard]] bool open() const { return wire_ != nullptr && wire_->open; }
  [[nodiscard]] size_t answered() const { return answered_; }

 private:
  std::shared_ptr<FakeChannel::Wire> wire_;
  size_t seen_ = 0;
  size_t answered_ = 0;
};

}  // namespace tandem
