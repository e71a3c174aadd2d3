#include "daemon/lane/core_reporter.h"

#include <algorithm>
#include <utility>

namespace tandem {
namespace {

// Of what is parked; a message may be many times as long (kMaxFrameBytes).
constexpr size_t kMaxPartBytes = 1 << 20;

// Sorts, and merges neighbours into spans.
template <typename Spans>
void AddSpans(std::vector<Sequence>& sequences, Spans* spans) {
  std::sort(sequences.begin(), sequences.end());
  for (size_t i = 0; i < sequences.size();) {
    size_t end = i + 1;
    while (end < sequences.size() && sequences[end] <= sequences[end - 1] + 1) ++end;
    auto* span = spans->Add();
    span->set_first(sequences[i]);
    span->set_last(sequences[end - 1]);
    i = end;
  }
  sequences.clear();
}

}  // namespace

internal::v1::LaneHello HelloOf(const LaneState& state, const ParkedStore& parked,
                                absl::string_view io_engine) {
  internal::v1::LaneHello hello;
  hello.set_epoch(state.generation);
  hello.set_checkpoint(state.settled.prefix());
  for (const SequenceRange& range : state.settled.Ranges()) {
    auto* span = hello.add_beyond();
    span->set_first(range.first);
    span->set_last(range.last);
  }
  for (const auto& [sequence, write] : parked.writes()) *hello.add_parked() = ToMessage(write);
  for (const auto& [sequence, write] : parked.skipped()) *hello.add_parked() = ToMessage(write);
  hello.set_target_id(state.target_id);
  hello.set_io_engine(std::string(io_engine));
  return hello;
}

internal::v1::ParkedWrite ToMessage(const ParkedWrite& write) {
  internal::v1::ParkedWrite message;
  message.set_sequence(write.header.sequence);
  message.set_path(write.header.path);
  message.set_error(write.error);
  message.set_since_ms(write.since_ms);
  message.set_new_path(write.header.new_path);
  message.set_type(static_cast<uint32_t>(write.header.type));
  message.set_attempts(write.attempts);
  message.set_result_size(write.header.result_size);
  message.set_existed(write.header.base.kind == PathKind::kFile);
  if (write.skip.has_value()) ToMessage(*write.skip, message.mutable_skip());
  return message;
}

void CoreReporter::Hello(internal::v1::LaneHello hello) {
  auto parked = std::move(*hello.mutable_parked());
  hello.clear_parked();
  hello_.push_back(std::move(hello));
  size_t bytes = 0;
  for (internal::v1::ParkedWrite& write : parked) {
    if (bytes > kMaxPartBytes) {
      hello_.back().set_more(true);
      hello_.emplace_back();
      bytes = 0;
    }
    bytes += write.ByteSizeLong();
    *hello_.back().add_parked() = std::move(write);
  }
  FlushSoon();
}

void CoreReporter::Durable(Sequence sequence) {
  durable_.push_back(sequence);
  FlushSoon();
}

void CoreReporter::Parked(const ParkedWrite& write) {
  parked_.insert_or_assign(write.header.sequence, ToMessage(write));
  FlushSoon();
}

void CoreReporter::Unparked(Sequence sequence) {
  unparked_.push_back(sequence);
  FlushSoon();
}

void CoreReporter::Answer(internal::v1::PathAnswer answer) {
  *next_.add_answers() = std::move(answer);
  FlushSoon();
}

void CoreReporter::Resolved(internal::v1::PendingResult result) {
  *next_.add_results() = std::move(result);
  FlushSoon();
}

void CoreReporter::Status(internal::v1::LaneStatus status) {
  *next_.mutable_status() = std::move(status);
  FlushSoon();
}

void CoreReporter::Checkpoint(Sequence checkpoint) {
  next_.set_checkpoint(checkpoint);
  FlushSoon();
}

void CoreReporter::Drained() {
  next_.set_drained(true);
  FlushSoon();
}

void CoreReporter::Source(internal::v1::SourceQuery query) {
  *next_.add_source_queries() = std::move(query);
  FlushSoon();
}

void CoreReporter::SourceAnswered(internal::v1::SourceAnswer answer) {
  *next_.add_source_answers() = std::move(answer);
  FlushSoon();
}

void CoreReporter::Missed(uint64_t id, const std::string& path) {
  internal::v1::Missed& missed = *next_.add_missed();
  missed.set_id(id);
  missed.set_path(path);
  FlushSoon();
}

void CoreReporter::Copied(const std::string& path, Sequence at, uint64_t bytes) {
  internal::v1::Copied& copied = *next_.add_copied();
  copied.set_path(path);
  copied.set_at(at);
  copied.set_bytes(bytes);
  FlushSoon();
}

void CoreReporter::AskMissedPage(const std::string& after, bool from_start) {
  next_.mutable_missed_page()->set_after(after);
  next_.mutable_missed_page()->set_from_start(from_start);
  FlushSoon();
}

// Once a turn of the loop: what happens in one turn is one message.
void CoreReporter::FlushSoon() {
  dirty_ = true;
  if (posted_ || stopped_) return;
  posted_ = true;
  boost::asio::post(env_.executor, [this] {
    posted_ = false;
    Flush();
  });
}

void CoreReporter::Flush() {
  while (dirty_ && !stopped_ && !channel_.backlogged()) {
    if (!hello_.empty()) {
      internal::v1::LaneMessage message;
      *message.mutable_hello() = std::move(hello_.front());
      hello_.pop_front();
      channel_.Send(std::move(message));
      continue;
    }
    AddSpans(durable_, next_.mutable_durable());
    AddSpans(unparked_, next_.mutable_unparked());
    AddParked();
    dirty_ = !parked_.empty();
    channel_.Send(std::exchange(next_, {}));
  }
}

void CoreReporter::AddParked() {
  size_t bytes = 0;
  while (!parked_.empty() && bytes <= kMaxPartBytes) {
    auto node = parked_.extract(parked_.begin());
    bytes += node.mapped().ByteSizeLong();
    *next_.add_parked() = std::move(node.mapped());
  }
}

}  // namespace tandem
