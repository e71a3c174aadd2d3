// How uploads end, and what the journal has to keep for them.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/check.h"
#include "daemon/base/crc32c.h"
#include "daemon/base/reason.h"
#include "daemon/core/uploads.h"

namespace tandem {

void Uploads::Recover(const RecordHeader& record) {
  switch (record.type) {
    case RecordType::kUploadChunk:
      recovered_.try_emplace(record.request_id, record.sequence, record.path);
      return;
    case RecordType::kUploadAbort:
      recovered_.erase(record.request_id);
      return;
    case RecordType::kUploadCommit:
      if (const auto it = recovered_.find(record.request_id); it != recovered_.end()) {
        committed_.emplace(record.sequence, it->second.first);
        recovered_.erase(it);
      }
      return;
    default:
      return;
  }
}

void Uploads::Begin(Journal& journal) {
  journal_ = &journal;
  committed_.erase(committed_.begin(), committed_.upper_bound(progress_.MinAttachedCheckpoint()));
  UpdatePin();
}

void Uploads::AbortRecovered() {
  for (const auto& [request_id, first] : recovered_) {
    owed_aborts_.push_back(AbortOf(request_id, first.second));
  }
  recovered_.clear();
  PayAborts();
  UpdatePin();
}

std::optional<UploadId> Uploads::FindOpen(const Uuid& request_id) const {
  for (const auto& [id, upload] : uploads_) {
    if (upload->request.request_id == request_id) return id;
  }
  return std::nullopt;
}

Record Uploads::AbortOf(const Uuid& request_id, const std::string& path) {
  Record record;
  record.type = RecordType::kUploadAbort;
  record.request_id = request_id;
  record.path = path;
  record.payload_crc32c = Crc32c("");
  return record;
}

void Uploads::Fail(UploadId id, const absl::Status& why) {
  Upload& upload = *uploads_.at(id);
  TANDEM_CHECK(!upload.sequencing);
  if (upload.chunk_done != nullptr) Later(std::move(upload.chunk_done), why);
  if (upload.commit_done != nullptr) {
    boost::asio::post(env_.executor, [done = std::move(upload.commit_done), why]() mutable {
      done(std::move(why));
    });
  }
  if (!upload.chunks.empty()) {
    owed_aborts_.push_back(AbortOf(upload.request.request_id, upload.request.path));
  }
  Forget(id);
  PayAborts();
  UpdatePin();
}

void Uploads::Forget(UploadId id) {
  const auto it = uploads_.find(id);
  intake_.ReleaseId(it->second->request.request_id);
  lifetimes_.Remove(it->second->deadline_ns, id);
  if (!it->second->known) open_bytes_ -= it->second->size;
  uploads_.erase(it);
}

bool Uploads::PayAborts() {
  while (!owed_aborts_.empty()) {
    if (!intake_.AppendOwn(owed_aborts_.back(), /*internal=*/true).ok()) return false;
    owed_aborts_.pop_back();
  }
  return true;
}

void Uploads::UpdatePin() {
  Sequence pin = 0;
  const auto keep = [&](Sequence first) { pin = pin == 0 ? first : std::min(pin, first); };
  for (const auto& [id, upload] : uploads_) {
    if (!upload->chunks.empty()) keep(upload->chunks.front().sequence);
  }
  for (const auto& [request_id, first] : recovered_) keep(first.first);
  for (const auto& [commit, first] : committed_) keep(first);
  if (pin == pin_) return;
  pin_ = pin;
  journal_->SetPin(pin);
}

void Uploads::OnDurable() {
  PumpAll();
  PayAborts();
}

void Uploads::OnCheckpoint() {
  committed_.erase(committed_.begin(), committed_.upper_bound(progress_.MinAttachedCheckpoint()));
  UpdatePin();
  PayAborts();
}

void Uploads::OnJournalFailed() {
  for (const UploadId id : NotSequencing()) {
    Fail(id, Refuse(Reason::kJournalFailed, "the journal failed"));
  }
}

void Uploads::Later(ChunkDone done, absl::Status status) {
  boost::asio::post(env_.executor, [done = std::move(done), status = std::move(status)]() mutable {
    done(std::move(status));
  });
}

}  // namespace tandem
