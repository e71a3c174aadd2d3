#include "tests/sim/checker.h"

#include <algorithm>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "daemon/lane/watermark.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

bool IsDurable(const WriteReply& reply, const std::string& target) {
  return std::any_of(reply.targets.begin(), reply.targets.end(), [&](const TargetOutcome& outcome) {
    return outcome.target == target && outcome.state == TargetWriteState::kDurable;
  });
}

std::string Shown(const std::string& content) {
  constexpr size_t kLimit = 200;
  return absl::CHexEscape(content.substr(0, kLimit)) + (content.size() > kLimit ? "..." : "");
}

// The bytes of the file that the operation determines.
std::pair<uint64_t, uint64_t> RangeOf(const Operation& operation, const OperationResult& result) {
  switch (operation.type) {
    case OperationType::kAppend:
    case OperationType::kWriteAt:
      return {result.offset, result.offset + operation.payload.size()};
    case OperationType::kTruncate:
      return {0, 0};
    default:
      return {0, result.size};
  }
}

// Is every byte of begin..end as it is in one of the states? The first state is the least.
bool IsOneOf(const std::optional<std::string>& found, const std::vector<ModelContent>& states,
             uint64_t begin, uint64_t end) {
  const auto explained = [&](auto matches) {
    return std::any_of(states.begin(), states.end(), matches);
  };
  if (!found) return explained([](const ModelContent& state) { return state == nullptr; });
  if (!states[0]) return explained([](const ModelContent& state) { return state != nullptr; });
  const std::string& content = *found;
  for (uint64_t i = begin; i < end; ++i) {
    const bool good = explained([&](const ModelContent& state) {
      // A file that is gone may be there again already, and not yet have its bytes.
      if (i >= content.size()) return !state || i >= state->size();
      // What a later write is about to fill may be zeros after a crash.
      if (content[i] == '\0' && (!state || i >= state->size())) return true;
      if (!state) return false;
      return i < state->size() && (*state)[i] == content[i];
    });
    if (!good) return false;
  }
  return true;
}

// The first difference of two trees.
std::string Difference(const std::map<std::string, std::string>& is,
                       const std::map<std::string, std::string>& should) {
  for (const auto& [path, content] : should) {
    const auto found = is.find(path);
    if (found == is.end()) return absl::StrCat(path, " is missing");
    if (found->second != content) {
      return absl::StrCat(path, " has ", found->second.size(), " bytes '", Shown(found->second),
                          "', should have ", content.size(), " bytes '", Shown(content), "'");
    }
  }
  for (const auto& [path, content] : is) {
    if (!should.contains(path)) return absl::StrCat(path, " should not be there");
  }
  return "";
}

}  // namespace

void Checker::OnAccepted(const SimRequest& request, Sequence sequence) {
  const auto [known, fresh] = accepted_.emplace(sequence, request.number);
  if (!fresh && known->second != request.number) {
    Fail(absl::StrCat("sequence ", sequence, " was given to #", known->second, " and to #",
                      request.number));
  }
}

void Checker::OnKnown(const SimRequest& request, const std::vector<OperationResult>& results) {
  const std::string who = absl::StrCat("the reply to ", request.ToString());
  if (results.size() != request.operations.size()) {
    return Fail(absl::StrCat(who, " has ", results.size(), " results"));
  }
  std::vector<Sequence> sequences;
  for (size_t i = 0; i < results.size(); ++i) {
    const OperationResult& result = results[i];
    sequences.push_back(result.sequence);
    if (result.sequence != results[0].sequence + i) {
      return Fail(absl::StrCat(who, " has sequences with a gap"));
    }
    OnAccepted(request, result.sequence);
    operations_.emplace(result.sequence, Applied{request.number, request.operations[i], result});
  }
  const auto [known, fresh] = sequences_.emplace(request.number, sequences);
  if (fresh || known->second == sequences) return;
  Fail(absl::StrCat(who, " says sequence ", sequences[0], ", an earlier one said ",
                    known->second[0]));
}

void Checker::OnReply(const SimRequest& request, const WriteReply& reply) {
  const std::string who = absl::StrCat("the reply to ", request.ToString());
  const bool fresh = !sequences_.contains(request.number);
  OnKnown(request, reply.results);
  if (!failure_.empty()) return;
  if (!fresh && !reply.earlier_attempt) {
    return Fail(absl::StrCat(who, " does not say that it answers an earlier attempt"));
  }
  if (reply.level_reached < request.level) {
    return Fail(absl::StrCat(who, " has only ", LevelName(reply.level_reached)));
  }
  if (node_.core()->View().durable < reply.results.back().sequence) {
    return Fail(absl::StrCat(who, " came before its record was durable"));
  }
  if (reply.level_reached >= Level::kLocal && !IsDurable(reply, "local")) {
    return Fail(absl::StrCat(who, " claims LOCAL but not the target"));
  }
  for (size_t target = 0; target < node_.targets(); ++target) {
    const std::string& name = node_.target_disk(target).options().name;
    if (reply.level_reached == Level::kAll && !IsDurable(reply, name)) {
      return Fail(absl::StrCat(who, " claims ALL but not ", name));
    }
  }
  TakeClaims(request, reply);
}

void Checker::TakeClaims(const SimRequest& request, const WriteReply& reply) {
  for (size_t target = 0; target < node_.targets(); ++target) {
    const SimDisk& disk = node_.target_disk(target);
    if (!IsDurable(reply, disk.options().name)) continue;
    const auto claim = [&](Sequence sequence, const std::string& path) {
      // What it had there is out of sight.
      if (Strangers::IsHidden(path, strangers_.PathOf(target))) return;
      claims_.push_back({sequence, target, path, disk.ReadFile(path, /*durable=*/true)});
    };
    for (size_t i = 0; i < request.operations.size(); ++i) {
      const Operation& operation = request.operations[i];
      claim(reply.results[i].sequence, operation.path);
      if (operation.type == OperationType::kRename) {
        claim(reply.results[i].sequence, operation.new_path);
      }
    }
  }
}

void Checker::OnRefused(const SimRequest& request, Reason reason, Sequence low, Sequence high) {
  switch (reason) {
    case Reason::kPathExists:
    case Reason::kPathNotFound:
    case Reason::kPathIsDirectory:
    case Reason::kParentNotDirectory:
      break;
    default:
      return Fail(absl::StrCat(request.ToString(), " was refused: ", ReasonName(reason)));
  }
  if (const auto known = sequences_.find(request.number); known != sequences_.end()) {
    return Fail(absl::StrCat(request.ToString(),
                             " is accepted but a retry was refused: ", ReasonName(reason)));
  }
  // A file of a stranger's in a directory's place may be what a target said.
  const auto below_strangers = [this](const Operation& operation) {
    return strangers_.WasAbove(operation.path) || strangers_.WasAbove(operation.new_path);
  };
  if (reason == Reason::kParentNotDirectory &&
      std::any_of(request.operations.begin(), request.operations.end(), below_strangers)) {
    return;
  }
  refusals_.push_back({request, reason, low, high});
}

void Checker::CheckView() {
  TakeWatermarks();
  view_.reset();
  if (!node_.core()) return;
  view_ = node_.core()->View();
  const CoreView& view = *view_;
  if (view.durable > view.appended) Fail("durable > appended");
  for (size_t i = 0; i < view.targets.size(); ++i) {
    const TargetView& target = view.targets[i];
    const std::string marks =
        absl::StrCat(target.name, ": retired ", view.retired, ", checkpoint ", target.checkpoint,
                     ", applied ", target.applied, ", durable ", view.durable);
    if (target.applied > view.durable) Fail(absl::StrCat("applied > durable: ", marks));
    if (target.checkpoint > target.applied) Fail(absl::StrCat("checkpoint > applied: ", marks));
    for (const auto& parked : target.parked) {
      if (!absl::StrContains(parked.error(), "FOREIGN_CHANGE")) continue;
      if (strangers_.Concerns(i, parked.path())) continue;
      if (!parked.new_path().empty() && strangers_.Concerns(i, parked.new_path())) continue;
      Fail(absl::StrCat(target.name, " takes its own work for a stranger's: sequence ",
                        parked.sequence(), ", ", parked.path(), ": ", parked.error()));
    }
    CheckRetired(view, target, marks);
  }
}

// What is retired is on every target, or on one that is complete while the set of paths that the
// others miss covers it.
void Checker::CheckRetired(const CoreView& view, const TargetView& target,
                           const std::string& marks) {
  const bool detached = target.missed.detached;
  if (detached && detached_now_.insert(target.name).second) ++detached_;
  if (!detached) detached_now_.erase(target.name);
  if (!target.missed.incomplete) {
    if (target.applied > 0 && view.retired > target.checkpoint) {
      Fail(absl::StrCat("retired > checkpoint: ", marks));
    }
    return;
  }
  const auto is_complete = [](const TargetView& other) { return !other.missed.incomplete; };
  if (std::none_of(view.targets.begin(), view.targets.end(), is_complete)) {
    Fail(absl::StrCat("no target has everything: ", marks));
  }
}

void Checker::TryToExplainRefusals(Sequence at) {
  for (Refusal& refusal : refusals_) {
    if (refusal.explained || at < refusal.low || at > refusal.high) continue;
    refusal.explained = VerdictOfBatch(model_, refusal.request.operations) == refusal.reason;
  }
}

void Checker::CheckClaim(const Claim& claim) {
  const Applied& applied = operations_.at(claim.sequence);
  const std::vector<ModelContent> states = model_.Since(claim.path, claim.sequence);
  const auto [begin, end] = RangeOf(applied.operation, applied.result);
  if (IsOneOf(claim.content, states, begin, end)) return;
  Fail(absl::StrCat(
      "#", applied.request, " (sequence ", claim.sequence, ") was said to be durable on ",
      node_.target_disk(claim.target).options().name, " but ", claim.path, " was ",
      claim.content ? absl::StrCat("'", Shown(*claim.content), "'") : "absent",
      ", should have been ", states[0] ? absl::StrCat("'", Shown(*states[0]), "'") : "absent"));
}

void Checker::Finish() {
  TryToExplainRefusals(0);
  Sequence last = 0;
  for (const auto& [sequence, applied] : operations_) {
    for (Sequence at = last + 1; at < sequence; ++at) TryToExplainRefusals(at);
    const std::string wrong = model_.Apply(applied.operation, applied.result);
    if (!wrong.empty()) {
      return Fail(absl::StrCat("#", applied.request, " as sequence ", sequence, ": ", wrong));
    }
    TryToExplainRefusals(sequence);
    last = sequence;
  }
  Sequence highest = last;
  for (const Refusal& refusal : refusals_) highest = std::max(highest, refusal.high);
  for (Sequence at = last + 1; at <= highest; ++at) TryToExplainRefusals(at);
  for (const Refusal& refusal : refusals_) {
    if (refusal.explained) continue;
    Fail(absl::StrCat(refusal.request.ToString(), " was refused with ", ReasonName(refusal.reason),
                      ", which was so at no point from ", refusal.low, " to ", refusal.high));
  }
  for (const Claim& claim : claims_) CheckClaim(claim);
  for (const WatermarkClaim& claim : watermarks_) CheckWatermark(claim);
  CheckTrees(/*durable=*/false, "when quiet");
  CheckTrees(/*durable=*/true, "durably, when quiet");
}

void Checker::TakeWatermarks() {
  for (size_t target = 0; target < node_.targets(); ++target) {
    const SimDisk& disk = node_.target_disk(target);
    const auto file = disk.ReadFile(".tandem/writers/w/watermark.json", /*durable=*/true);
    if (!file) continue;
    const auto watermark = DecodeWatermark(*file);
    if (!watermark.ok()) return Fail(absl::StrCat("watermark: ", watermark.status().ToString()));
    Sequence& last = last_watermark_[target];
    if (watermark->sequence < last) {
      return Fail(absl::StrCat("the watermark of ", disk.options().name, " went back from ", last,
                               " to ", watermark->sequence));
    }
    if (watermark->sequence == last) continue;
    last = watermark->sequence;
    watermarks_.push_back({last, target, disk.Tree(/*durable=*/true), strangers_.PathOf(target)});
  }
}

// Every path is there as it was at the watermark, or as later writes made it.
void Checker::CheckWatermark(const WatermarkClaim& claim) {
  std::set<std::string> paths;
  for (const auto& [sequence, applied] : operations_) {
    paths.insert(applied.operation.path);
    if (applied.operation.type == OperationType::kRename) {
      paths.insert(applied.operation.new_path);
    }
  }
  for (const std::string& path : paths) {
    if (Strangers::IsHidden(path, claim.hidden)) continue;
    const std::vector<ModelContent> states = model_.Since(path, claim.sequence);
    const auto found = claim.tree.find(path);
    const std::optional<std::string> content =
        found == claim.tree.end() ? std::nullopt : std::optional(found->second);
    if (IsOneOf(content, states, 0, states[0] ? states[0]->size() : 0)) continue;
    return Fail(absl::StrCat("the watermark of ", node_.target_disk(claim.target).options().name,
                             " said ", claim.sequence, " but ", path, " was ",
                             content ? absl::StrCat("'", Shown(*content), "'") : "absent",
                             ", should have been ",
                             states[0] ? absl::StrCat("'", Shown(*states[0]), "'") : "absent"));
  }
}

std::set<std::string> Checker::Behind(size_t target) {
  std::set<std::string> behind;
  if (node_.core() == nullptr) return last_behind_[target];
  const TargetView view = node_.core()->View().targets.at(target);
  for (const auto& write : view.skipped) {
    behind.insert(write.skip().diverged().begin(), write.skip().diverged().end());
  }
  for (const auto& write : view.parked) {
    behind.insert(write.path());
    if (!write.new_path().empty()) behind.insert(write.new_path());
  }
  last_behind_[target] = behind;
  return behind;
}

void Checker::CheckTrees(bool durable, const std::string& when) {
  for (size_t target = 0; target < node_.targets(); ++target) {
    const SimDisk& disk = node_.target_disk(target);
    std::map<std::string, std::string> should = model_.Tree();
    std::map<std::string, std::string> is = disk.Tree(durable);
    std::erase_if(is, [](const auto& entry) { return absl::StartsWith(entry.first, ".tandem/"); });
    for (const std::string& path : Behind(target)) {
      for (auto* tree : {&is, &should}) {
        tree->erase(path);
        for (const absl::string_view above : AncestorsOf(path)) {
          tree->erase(absl::StrCat(above, "/"));
        }
      }
    }
    const std::string difference = Difference(is, should);
    if (!difference.empty()) {
      Fail(absl::StrCat(when, ", on ", disk.options().name, ": ", difference));
    }
  }
}

}  // namespace tandem
