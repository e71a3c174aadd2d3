#include "daemon/core/uploads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

// The content's digest is taken in pieces of this size, so that it does not depend on how the
// caller or the configuration cuts it.
constexpr size_t kDigestBytes = 4096;
constexpr size_t kMaxChunkBytes = 256 * 1024;
// Of one upload, not durable yet: back-pressure for the caller.
constexpr size_t kMaxChunksInFlight = 4;
constexpr int64_t kUploadsFullRetryMs = 1'000;
constexpr int64_t kPumpRetryNs = 20 * kNsPerMs;

size_t ChunkBytes(const CoreOptions& options) {
  const uint64_t limit = std::min<uint64_t>(kMaxChunkBytes, options.journal.group_bytes);
  return std::max<size_t>(kDigestBytes, limit / kDigestBytes * kDigestBytes);
}

}  // namespace

Uploads::Uploads(Env& env, const CoreOptions& options, Intake& intake, const Progress& progress)
    : env_(env),
      options_(options),
      intake_(intake),
      progress_(progress),
      chunk_bytes_(ChunkBytes(options)),
      lifetimes_(env.clock, [this](uint64_t id) {
        const auto it = uploads_.find(id);
        if (it == uploads_.end() || it->second->sequencing) return;
        Fail(id, Refuse(Reason::kUploadAborted, "the upload took longer than it may"));
      }) {}

void Uploads::Open(UploadRequest request, Opened opened) {
  const int64_t deadline_ns =
      intake_.DeadlineNs(request.open_timeout_ms.value_or(request.wait_timeout_ms));
  if (const auto id = FindOpen(request.request_id); id.has_value()) {
    if (uploads_.at(*id)->committing) {
      // The earlier attempt is as good as there: a retry finds it in the index.
      boost::asio::post(env_.executor, [opened = std::move(opened)]() mutable {
        opened(Refuse(Reason::kOutcomeUnknown, "an earlier attempt is being committed",
                      {.retry_after_ms = kUploadsFullRetryMs}));
      });
      return;
    }
    Fail(*id, Refuse(Reason::kUploadAborted, "the upload was begun again"));
  }
  const auto caller = std::make_shared<Opened>(std::move(opened));
  WriteDone early = [caller](absl::StatusOr<WriteReply> reply) {
    if (!reply.ok()) return (*caller)(std::move(reply).status());
    (*caller)(std::variant<UploadId, WriteReply>(*std::move(reply)));
  };
  const Intake::Reserved reserved = intake_.ReserveId(request, deadline_ns, early);
  if (reserved == Intake::Reserved::kAnswered) return;
  if (uploads_.size() + opening_ >= options_.max_open_uploads || !PayAborts()) {
    if (reserved == Intake::Reserved::kReserved) intake_.ReleaseId(request.request_id);
    boost::asio::post(env_.executor, [caller] {
      (*caller)(Refuse(Reason::kUploadsFull, "too many uploads are open",
                       {.retry_after_ms = kUploadsFullRetryMs}));
    });
    return;
  }
  if (reserved == Intake::Reserved::kKnown) {
    const UploadId id = Register(std::move(request), /*known=*/true);
    boost::asio::post(env_.executor, [caller, id] { (*caller)(id); });
    return;
  }
  // Would the commit be possible as things are now? Then nothing is sent in vain.
  ++opening_;
  IntakeWrite probe;
  probe.request_id = request.request_id;
  probe.operations.push_back({.type = OperationType::kUploadCommit,
                              .path = request.path,
                              .mode = request.mode,
                              .if_absent = request.if_absent});
  probe.upload = UploadFacts{.size = request.size.value_or(0)};
  probe.probe = true;
  probe.deadline_ns = deadline_ns;
  probe.done = [this, alive = std::weak_ptr<bool>(alive_), caller,
                request = std::move(request)](const absl::StatusOr<WriteReply>& reply) mutable {
    if (alive.expired()) return;
    --opening_;
    if (reply.ok() && stopped_.ok())
      return (*caller)(Register(std::move(request), /*known=*/false));
    intake_.ReleaseId(request.request_id);
    (*caller)(reply.ok() ? stopped_ : reply.status());
  };
  intake_.Submit(std::move(probe));
}

UploadId Uploads::Register(UploadRequest request, bool known) {
  const UploadId id = next_id_++;
  auto upload = std::make_unique<Upload>();
  upload->deadline_ns = intake_.DeadlineNs(options_.upload_lifetime_ms);
  upload->digester.AddNumber(static_cast<uint64_t>(OperationType::kUploadCommit));
  upload->digester.AddBytes(request.path);
  upload->digester.AddNumber(request.mode);
  upload->digester.AddNumber(request.if_absent ? 1 : 0);
  upload->request = std::move(request);
  upload->known = known;
  lifetimes_.Add(upload->deadline_ns, id);
  uploads_.emplace(id, std::move(upload));
  return id;
}

absl::Status Uploads::CheckPiece(const Upload& upload, const std::string& data) const {
  const uint64_t size = upload.size + data.size();
  if (data.size() > options_.max_write_bytes) {
    return Refuse(Reason::kPayloadTooLarge,
                  absl::StrCat("a piece takes at most ", options_.max_write_bytes, " bytes"));
  }
  if (size > UploadLimit(options_)) {
    return Refuse(Reason::kPayloadTooLarge,
                  absl::StrCat("an upload takes at most ", UploadLimit(options_), " bytes"));
  }
  if (size > options_.max_file_bytes) {
    return Refuse(Reason::kFileTooLarge,
                  absl::StrCat("a file takes at most ", options_.max_file_bytes, " bytes"));
  }
  if (size > upload.request.size.value_or(size)) {
    return Refuse(Reason::kUploadSizeMismatch, "more came than the upload's size says");
  }
  // Together they leave room for everything else.
  if (!upload.known && open_bytes_ + data.size() > options_.journal.max_bytes / 2) {
    return Refuse(Reason::kUploadsFull, "the open uploads take too much of the journal",
                  {.retry_after_ms = kUploadsFullRetryMs});
  }
  return absl::OkStatus();
}

void Uploads::AddChunk(UploadId id, std::string data, ChunkDone done) {
  const auto it = uploads_.find(id);
  if (it == uploads_.end()) return Later(std::move(done), WhyNotOpen());
  Upload& upload = *it->second;
  if (upload.chunk_done != nullptr || upload.committing) {
    return Later(std::move(done),
                 Refuse(Reason::kArgumentInvalid, "the piece before is not answered yet"));
  }
  upload.chunk_done = std::move(done);
  if (absl::Status status = CheckPiece(upload, data); !status.ok()) return Fail(id, status);
  upload.size += data.size();
  if (!upload.known) open_bytes_ += data.size();
  upload.crc32c = Crc32c(data, upload.crc32c);
  upload.buffer.append(data);
  Pump(id);
}

void Uploads::Commit(UploadId id, WriteDone done) {
  const auto it = uploads_.find(id);
  if (it == uploads_.end() || it->second->committing) {
    boost::asio::post(env_.executor,
                      [done = std::move(done), why = WhyNotOpen()]() mutable { done(why); });
    return;
  }
  Upload& upload = *it->second;
  upload.committing = true;
  upload.commit_done = std::move(done);
  // From now on it is the caller's time that counts: for the chunks that are not durable yet, too.
  lifetimes_.Remove(upload.deadline_ns, id);
  upload.deadline_ns = intake_.DeadlineNs(upload.request.wait_timeout_ms);
  lifetimes_.Add(upload.deadline_ns, id);
  if (upload.size != upload.request.size.value_or(upload.size)) {
    return Fail(id, Refuse(Reason::kUploadSizeMismatch, "less came than the upload's size says"));
  }
  if (upload.crc32c != upload.request.crc32c.value_or(upload.crc32c)) {
    return Fail(id, Refuse(Reason::kPayloadCorrupt, "what came has another CRC32C"));
  }
  Pump(id);
}

void Uploads::Abort(UploadId id) {
  const auto it = uploads_.find(id);
  // A commit is not taken back: nobody could say whether it happened.
  if (it == uploads_.end() || it->second->committing) return;
  Fail(id, Refuse(Reason::kUploadAborted, "the upload was aborted"));
}

void Uploads::AbortAll(const absl::Status& why) {
  stopped_ = why;
  std::vector<UploadId> ids;
  for (const auto& [id, upload] : uploads_) {
    if (!upload->committing) ids.push_back(id);
  }
  for (const UploadId id : ids) Fail(id, why);
}

absl::Status Uploads::WhyNotOpen() const {
  if (!stopped_.ok()) return stopped_;
  return Refuse(Reason::kUploadAborted, "the upload is not open (any more)");
}

void Uploads::Pump(UploadId id) {
  Upload& upload = *uploads_.at(id);
  if (upload.known) return Compare(id, upload);
  size_t taken = 0;
  while (upload.chunks.size() - upload.placed < kMaxChunksInFlight) {
    const size_t left = upload.buffer.size() - taken;
    if (left == 0 || (left < chunk_bytes_ && !upload.committing)) break;
    const size_t length = std::min(left, chunk_bytes_);
    const absl::Status status = AppendChunk(upload, upload.buffer.substr(taken, length));
    if (ReasonOf(status) == Reason::kQueueFull) {
      PumpSoon();
      break;
    }
    if (!status.ok()) return Fail(id, status);
    taken += length;
  }
  upload.buffer.erase(0, taken);
  if (taken > 0) UpdatePin();
  if (upload.chunk_done != nullptr && upload.buffer.size() < chunk_bytes_ &&
      upload.chunks.size() - upload.placed < kMaxChunksInFlight) {
    Later(std::exchange(upload.chunk_done, nullptr), absl::OkStatus());
  }
  if (upload.committing && upload.buffer.empty() && upload.placed == upload.chunks.size()) {
    FinishCommit(id, upload);
  }
}

void Uploads::PumpSoon() {
  if (std::exchange(pumping_soon_, true)) return;
  Spawn(env_.executor, PumpLater(this, alive_));
}

Awaitable<void> Uploads::PumpLater(Uploads* uploads, std::weak_ptr<bool> alive) {
  co_await Sleep(uploads->env_.clock, kPumpRetryNs);
  if (alive.expired()) co_return;
  uploads->pumping_soon_ = false;
  uploads->PumpAll();
}

std::vector<UploadId> Uploads::NotSequencing() const {
  std::vector<UploadId> ids;
  for (const auto& [id, upload] : uploads_) {
    if (!upload->sequencing) ids.push_back(id);
  }
  return ids;
}

void Uploads::PumpAll() {
  for (const UploadId id : NotSequencing()) {
    if (!uploads_.contains(id)) continue;
    if (absl::Status status = CollectPlaces(*uploads_.at(id)); !status.ok()) {
      Fail(id, Refuse(Reason::kUploadAborted, absl::StrCat("a chunk is lost: ", status.message())));
      continue;
    }
    Pump(id);
  }
}

void Uploads::Compare(UploadId id, Upload& upload) {
  size_t taken = 0;
  for (size_t left = upload.buffer.size(); left > 0; left = upload.buffer.size() - taken) {
    if (left < kDigestBytes && !upload.committing) break;
    const size_t length = std::min(left, kDigestBytes);
    upload.digester.AddBytes(absl::string_view(upload.buffer).substr(taken, length));
    taken += length;
  }
  upload.buffer.erase(0, taken);
  if (upload.chunk_done != nullptr) {
    Later(std::exchange(upload.chunk_done, nullptr), absl::OkStatus());
  }
  if (!upload.committing) return;
  if (!intake_.Knows(upload.request.request_id)) {
    return Fail(id, Refuse(Reason::kOutcomeUnknown, "the earlier attempt was forgotten meanwhile",
                           {.retry_after_ms = kUploadsFullRetryMs}));
  }
  FinishCommit(id, upload);
}

absl::Status Uploads::AppendChunk(Upload& upload, std::string data) {
  RETURN_IF_ERROR(journal_->Admit(1, data.size(), /*internal=*/false));
  Record record;
  record.type = RecordType::kUploadChunk;
  record.request_id = upload.request.request_id;
  record.path = upload.request.path;
  record.offset = upload.journaled;
  upload.journaled += data.size();
  record.payload_crc32c = Crc32c(data);
  const auto length = static_cast<uint32_t>(data.size());
  for (size_t at = 0; at < data.size(); at += kDigestBytes) {
    upload.digester.AddBytes(absl::string_view(data).substr(at, kDigestBytes));
  }
  record.payload = std::move(data);
  ASSIGN_OR_RETURN(const Sequence sequence, intake_.AppendOwn(std::move(record), false));
  upload.chunks.push_back({.sequence = sequence, .payload_length = length});
  return absl::OkStatus();
}

absl::Status Uploads::CollectPlaces(Upload& upload) {
  while (upload.placed < upload.chunks.size() &&
         upload.chunks[upload.placed].sequence <= progress_.durable()) {
    UploadChunk& chunk = upload.chunks[upload.placed];
    ASSIGN_OR_RETURN(const RecordPlace place, journal_->PlaceOf(chunk.sequence));
    chunk.segment = place.segment;
    chunk.offset = place.offset;
    chunk.record_length = place.length;
    ++upload.placed;
  }
  return absl::OkStatus();
}

void Uploads::FinishCommit(UploadId id, Upload& upload) {
  if (std::exchange(upload.sequencing, true)) return;
  upload.digester.AddNumber(upload.size);
  IntakeWrite write;
  write.request_id = upload.request.request_id;
  write.operations.push_back(
      {.type = OperationType::kUploadCommit,
       .path = upload.request.path,
       .payload = EncodeUploadManifest(
           {.size = upload.size, .crc32c = upload.crc32c, .chunks = upload.chunks}),
       .mode = upload.request.mode,
       .if_absent = upload.request.if_absent});
  write.digest = upload.digester.Finish();
  write.upload = UploadFacts{.size = upload.size, .crc32c = upload.crc32c};
  write.level = upload.request.level;
  write.deadline_ns = upload.deadline_ns;
  write.done = std::move(upload.commit_done);
  write.left = [this, id](Sequence sequence) { OnCommitLeft(id, sequence); };
  intake_.Submit(std::move(write));
}

void Uploads::OnCommitLeft(UploadId id, Sequence sequence) {
  const Upload& upload = *uploads_.at(id);
  if (sequence != 0) {
    if (!upload.chunks.empty()) committed_.emplace(sequence, upload.chunks.front().sequence);
  } else if (!upload.chunks.empty()) {
    owed_aborts_.push_back(AbortOf(upload.request.request_id, upload.request.path));
  }
  Forget(id);
  if (sequence == 0) PayAborts();
  UpdatePin();
}

}  // namespace tandem
