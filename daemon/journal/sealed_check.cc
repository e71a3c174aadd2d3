#include "daemon/journal/sealed_check.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/journal/footer.h"
#include "daemon/journal/record_scanner.h"

namespace tandem {
namespace {

constexpr uint64_t kPieceBytes = 4 << 20;
constexpr int64_t kPauseNs = 5'000'000;

Awaitable<absl::StatusOr<SealedCheck>> CheckFile(Env& env, FileHandle file, KeptSegment segment,
                                                 bool make_footer, std::function<CheckGo()> go) {
  std::string block(kSegmentHeaderBytes, '\0');
  CO_ASSIGN_OR_RETURN(const size_t count,
                      co_await env.files.Read(file, block.data(), block.size(), 0));
  block.resize(count);
  const absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(block);
  if (!header.ok() || header->id != segment.id || header->salt != segment.salt ||
      header->first != segment.first) {
    co_return JournalDamage(segment.id, 0, segment.first, "its header is not what it was");
  }
  RecordScanner scanner(env.files, file, *header);
  std::optional<FooterBuilder> builder;
  if (make_footer) builder.emplace(*header);
  uint64_t pause_at = kPieceBytes;
  for (Sequence next = segment.first; next <= segment.last; scanner.Skip()) {
    CO_ASSIGN_OR_RETURN(const bool found, co_await scanner.Find());
    const bool mark = found && scanner.record().type() == RecordType::kDurableMark;
    if (!found || scanner.record().sequence() != (mark ? next - 1 : next)) {
      co_return JournalDamage(segment.id, scanner.offset(), next, "no good record");
    }
    if (!mark) {
      if (builder) builder->Add(scanner.record().ToHeader(), scanner.place());
      ++next;
    }
    if (scanner.bytes_read() < pause_at) continue;
    pause_at = scanner.bytes_read() + kPieceBytes;
    co_await Sleep(env.clock, kPauseNs);
    if (go() != CheckGo::kOn) co_return absl::CancelledError("journal is closing");
  }
  SealedCheck check{.end = scanner.offset()};
  if (builder) check.footer = builder->Finish(segment.run_ms);
  co_return check;
}

}  // namespace

Awaitable<absl::StatusOr<SealedCheck>> CheckSealedSegment(Env& env, FileHandle directory,
                                                          KeptSegment segment, bool make_footer,
                                                          std::function<CheckGo()> go) {
  const std::string name = SegmentName(segment.id);
  CO_ASSIGN_OR_RETURN(const FileHandle file, co_await env.files.Open(directory, name, O_RDONLY));
  absl::StatusOr<SealedCheck> check = co_await CheckFile(env, file, segment, make_footer, go);
  if (go() != CheckGo::kNoFiles) (void)co_await env.files.Close(file);
  co_return check;
}

}  // namespace tandem
