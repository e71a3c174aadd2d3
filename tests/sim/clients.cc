#include "tests/sim/clients.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "daemon/base/crc32c.h"

namespace tandem {
namespace {

// An answer after which asking again changes nothing.
bool IsFinal(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kOutOfRange:
      return true;
    default:
      return false;
  }
}

}  // namespace

SimClients::SimClients(SimWorld& world, size_t requests, size_t clients, double pipelined,
                       bool heavy, Logger& log)
    : world_(world),
      random_(world.random().Fork()),
      workload_(random_.Fork(), heavy),
      log_(log),
      limit_(requests),
      pipelined_(pipelined),
      chains_(clients) {}

void SimClients::Attach(SimNode* node, Checker* checker, Hooks hooks) {
  hooks_ = std::move(hooks);
  node_ = node;
  checker_ = checker;
  for (size_t i = 0; i < chains_; ++i) IssueLater();
}

void SimClients::IssueLater() {
  const int64_t pause_ns =
      random_.Chance(0.3) ? random_.Between(0, 100'000) : random_.Between(0, 25 * kSimMs);
  world_.After(pause_ns, [this] { Issue(); });
}

void SimClients::Issue() {
  if (issued_ == limit_) return;
  ++issued_;
  ++open_;
  auto call = std::make_unique<Call>();
  call->request = workload_.Next(world_.wall_ms());
  call->chunk_bytes = 1 + random_.Below(4'000);
  if (random_.Chance(pipelined_)) {
    call->chains = false;
    IssueLater();
  }
  log_.Debug("client_request", {{"request", call->request.ToString()}});
  calls_.push_back(std::move(call));
  Send(*calls_.back());
}

void SimClients::OnCoreUp() {
  for (const auto& call : calls_) {
    if (!call->resolved && !call->sent) SendLater(*call, random_.Between(0, 20));
  }
}

void SimClients::OnCoreDown() {
  told_paths_.clear();
  for (const auto& call : calls_) {
    if (call->resolved) continue;
    call->tried = call->tried || call->sent;
    call->sent = false;
    call->attempt = 0;
  }
}

void SimClients::SendLater(Call& call, int64_t delay_ms) {
  world_.After(delay_ms * kSimMs, [this, &call] {
    if (!call.resolved && !call.sent) Send(call);
  });
}

void SimClients::Send(Call& call) {
  if (!node_->core()) return;  // OnCoreUp sends it
  call.sent = true;
  call.attempt = ++attempts_;
  call.low = checker_->max_known();
  call.sent_ns = world_.now_ns();
  call.known = KnowsPaths(call.request);
  if (call.request.upload) return SendUpload(call, call.attempt);
  WriteRequest request;
  request.request_id = call.request.id;
  request.operations = call.request.operations;
  request.level = call.request.level;
  request.wait_timeout_ms = call.request.wait_timeout_ms;
  node_->core()->Write(std::move(request),
                       [this, &call, attempt = call.attempt](absl::StatusOr<WriteReply> reply) {
                         OnReply(call, attempt, std::move(reply));
                       });
}

void SimClients::SendUpload(Call& call, uint64_t attempt) {
  const Operation& operation = call.request.operations[0];
  UploadRequest request;
  request.request_id = call.request.id;
  request.path = operation.path;
  request.mode = operation.mode;
  request.if_absent = operation.if_absent;
  request.level = call.request.level;
  request.wait_timeout_ms = call.request.wait_timeout_ms;
  if (call.request.number % 2 == 0) {
    request.size = operation.payload.size();
    request.crc32c = Crc32c(operation.payload);
  }
  node_->core()->OpenUpload(
      std::move(request),
      [this, &call, attempt](absl::StatusOr<std::variant<UploadId, WriteReply>> opened) {
        if (!opened.ok()) return OnReply(call, attempt, opened.status());
        if (auto* earlier = std::get_if<WriteReply>(&*opened)) {
          return OnReply(call, attempt, std::move(*earlier));
        }
        SendChunk(call, attempt, std::get<UploadId>(*opened), 0);
      });
}

void SimClients::SendChunk(Call& call, uint64_t attempt, UploadId upload, size_t from) {
  if (call.attempt != attempt || call.resolved) return;
  const std::string& payload = call.request.operations[0].payload;
  if (call.request.abandoned && from >= payload.size() / 2) {
    if (call.request.number % 3 == 0) node_->core()->AbortUpload(upload);
    return Resolve(call, false);
  }
  if (from >= payload.size()) {
    node_->core()->CommitUpload(upload, [this, &call, attempt](absl::StatusOr<WriteReply> reply) {
      OnReply(call, attempt, std::move(reply));
    });
    return;
  }
  const std::string chunk = payload.substr(from, call.chunk_bytes);
  node_->core()->AddChunk(upload, chunk, [this, &call, attempt, upload, from](absl::Status status) {
    if (!status.ok()) return OnReply(call, attempt, status);
    SendChunk(call, attempt, upload, from + call.chunk_bytes);
  });
}

void SimClients::OnReply(Call& call, uint64_t attempt, absl::StatusOr<WriteReply> reply) {
  if (call.attempt != attempt || call.resolved) return;
  call.sent = false;
  call.attempt = 0;
  if (!reply.ok()) return OnFailure(call, reply.status());
  log_.Debug("client_reply",
             {{"number", static_cast<uint64_t>(call.request.number)},
              {"sequence", reply->results.empty() ? uint64_t{0} : reply->results[0].sequence},
              {"level", std::string(LevelName(reply->level_reached))},
              {"earlier", reply->earlier_attempt}});
  checker_->OnReply(call.request, *reply);
  hooks_.on_reply(call.request, call.sent_ns, call.known);
  NotePaths(call.request);
  AfterAccept(call, *reply);
}

void SimClients::OnFailure(Call& call, const absl::Status& status) {
  call.last_error = status.ToString();
  log_.Debug("client_refused",
             {{"number", static_cast<uint64_t>(call.request.number)}, {"error", status}});
  const std::optional<Reason> reason = ReasonOf(status);
  if (!reason) return checker_->Fail(absl::StrCat("no reason in: ", call.last_error));
  const RefusalDetail detail = DetailOf(status);
  NoteSequence(call.request, detail);
  // An id may be too old to be new for certain; of one never sent before that says all.
  if (reason == Reason::kRequestIdExpired && !call.tried) return Resolve(call, false);
  call.tried = true;
  if (reason == Reason::kTargetFailed && hooks_.skipped() && GiveUp(call)) return;
  if (IsFinal(status)) {
    checker_->OnRefused(call.request, *reason, call.low, node_->core()->View().appended);
    if (call.request.operations.size() == 1) NotePaths(call.request);
    return Resolve(call, false);
  }
  // As a client does that was refused for now: it waits longer next time.
  call.request.wait_timeout_ms = 60'000;
  SendLater(call, std::max<int64_t>(std::min<int64_t>(detail.retry_after_ms, 500),
                                    random_.Between(1, 100)));
}

// The target will not have it for long, maybe never: what the write came to is known all the same.
bool SimClients::GiveUp(Call& call) {
  const auto info = node_->core()->GetWrite(WriteKey(call.request.id));
  if (!info.ok()) return false;
  checker_->OnKnown(call.request, info->reply.results);
  Resolve(call, true);
  return true;
}

void SimClients::NotePaths(const SimRequest& request) {
  for (const Operation& operation : request.operations) {
    const bool renamed = operation.type == OperationType::kRename;
    if (renamed) told_paths_.insert(operation.new_path);
    // That a file is gone, the journal of an earlier life may say; not what lies above it.
    if (renamed || operation.type == OperationType::kDelete) {
      told_paths_.erase(operation.path);
    } else {
      told_paths_.insert(operation.path);
    }
  }
}

bool SimClients::KnowsPaths(const SimRequest& request) const {
  return std::all_of(
      request.operations.begin(), request.operations.end(), [this](const Operation& operation) {
        return told_paths_.contains(operation.path) && (operation.type != OperationType::kRename ||
                                                        told_paths_.contains(operation.new_path));
      });
}

void SimClients::NoteSequence(const SimRequest& request, const RefusalDetail& detail) {
  Sequence sequence = 0;
  bool journaled = false;
  for (const auto& [key, value] : detail.metadata) {
    if (key == "sequence" && !absl::SimpleAtoi(value, &sequence)) sequence = 0;
    if (key == "level_reached") journaled = value != LevelName(Level::kNone);
  }
  // What is not durable yet may lose its sequence to another write.
  if (sequence > 0 && journaled) checker_->OnAccepted(request, sequence);
}

void SimClients::AfterAccept(Call& call, const WriteReply& reply) {
  const SimRequest& request = call.request;
  if (random_.Chance(0.1)) {
    const auto info = node_->core()->GetWrite(WriteKey(request.id));
    if (!info.ok() || info->reply.results.empty() ||
        info->reply.results[0].sequence != reply.results[0].sequence) {
      checker_->Fail(absl::StrCat("GetWrite does not know ", request.ToString(), ": ",
                                  info.status().ToString()));
    }
  }
  if (!call.again && random_.Chance(0.1)) {
    call.again = true;
    return SendLater(call, random_.Between(0, 50));
  }
  if (!request.upload && random_.Chance(0.05)) TryForgery(request);
  Resolve(call, true);
}

void SimClients::TryForgery(const SimRequest& request) {
  SimRequest forged = workload_.Forge(request);
  WriteRequest write;
  write.request_id = forged.id;
  write.operations = forged.operations;
  write.level = Level::kJournaled;
  node_->core()->Write(std::move(write), [this, forged](absl::StatusOr<WriteReply> reply) {
    if (ReasonOf(reply.status()) == Reason::kRequestIdReused) return;
    if (absl::IsUnavailable(reply.status()) || absl::IsResourceExhausted(reply.status())) return;
    checker_->Fail(absl::StrCat("an id was taken twice: ", forged.ToString(), ": ",
                                reply.status().ToString()));
  });
}

void SimClients::Resolve(Call& call, bool accepted) {
  call.resolved = true;
  call.sent = false;
  --open_;
  ++(accepted ? accepted_ : refused_);
  if (call.chains) IssueLater();
}

std::string SimClients::Unresolved() const {
  std::string text = absl::StrCat(issued_, " of ", limit_, " issued, ", open_, " open");
  for (const auto& call : calls_) {
    if (!call->resolved) {
      absl::StrAppend(&text, "\n  ", call->request.ToString(), call->sent ? " (sent)" : "", ": ",
                      call->last_error);
    }
  }
  return text;
}

void SimClients::AskForAll() {
  if (!node_->core()) return;
  for (const auto& call : calls_) {
    const auto info = node_->core()->GetWrite(WriteKey(call->request.id));
    if (info.ok()) checker_->OnAccepted(call->request, info->reply.results.at(0).sequence);
  }
}

}  // namespace tandem
