#include <array>

#include "daemon/metrics/families.h"

namespace tandem {
namespace {

struct JournalStateLabel {
  JournalState state;
  const char* label;
};
constexpr std::array<JournalStateLabel, 4> kJournalStates = {
    {{JournalState::kServing, "serving"},
     {JournalState::kFull, "full"},
     {JournalState::kDiskFull, "disk_full"},
     {JournalState::kFailed, "failed"}}};

}  // namespace

void AddJournalFamilies(const MetricsOptions& options, const MetricsView& view,
                        MetricFamilies* families) {
  FamilyWriter out(families);
  const auto gauge = [&](const char* name, const char* help, uint64_t value) {
    out.Gauge(name, help, {}, static_cast<double>(value));
  };
  const auto counter = [&](const char* name, const char* help, uint64_t value) {
    out.Counter(name, help, {}, static_cast<double>(value));
  };
  gauge("tandem_journal_bytes", "Bytes of journal segments that cannot be reused yet.",
        view.core.journal_bytes);
  gauge("tandem_journal_max_bytes", "Cap on the bytes of all journal segments together.",
        options.journal_max_bytes);
  gauge("tandem_journal_appended_sequence", "Newest sequence given to a write.",
        view.core.appended);
  gauge("tandem_journal_durable_sequence", "Every write up to this sequence is durable.",
        view.core.durable);
  gauge("tandem_journal_retired_sequence", "Every write up to this sequence has left the journal.",
        view.core.retired);
  gauge("tandem_rpo_at_risk",
        "1 while a target other than local lags by more than rpo_limit, 0 otherwise.",
        view.core.rpo_at_risk ? 1 : 0);
  gauge("tandem_journal_epoch", "Epoch of the journal's owner; grows with every start.",
        view.core.epoch);
  for (const auto& [state, label] : kJournalStates) {
    out.Gauge("tandem_journal_state", "1 for the state the journal is in, 0 for the others.",
              {{"state", label}}, view.core.journal_state == state ? 1 : 0);
  }
  counter("tandem_journal_groups_total", "Groups committed.", view.journal.groups);
  counter("tandem_journal_records_total", "Records committed.", view.journal.records);
  counter("tandem_journal_written_bytes_total", "Bytes of records committed.", view.journal.bytes);
  counter("tandem_journal_sync_failures_total", "Syncs of the journal that failed.",
          view.journal.sync_failures);
  counter("tandem_journal_segments_retired_total", "Segments freed for reuse.",
          view.journal.segments_retired);
  out.Gauge("tandem_journal_recovery_duration_seconds", "How long opening the journal took.", {},
            static_cast<double>(view.recovery.duration_us) / 1e6);
  gauge("tandem_journal_recovery_scanned_records",
        "Records that opening the journal read one by one.", view.recovery.records_scanned);
  gauge("tandem_journal_recovery_cut_bytes", "Bytes of a torn tail that opening cut off.",
        view.recovery.bytes_cut);
}

}  // namespace tandem
