#include "daemon/ctl/output.h"

#include <boost/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "daemon/ctl/format.h"

namespace tandem::ctl {
namespace {

namespace json = boost::json;

json::array TargetsOf(const client::WriteResult& result) {
  json::array targets;
  for (const client::TargetOutcome& target : result.targets) {
    targets.push_back({{"target", target.target},
                       {"state", std::string(TargetStateName(target.state))},
                       {"reason", TextOrNull(target.reason)}});
  }
  return targets;
}

// What all answers about a write have.
json::object CommonOf(const client::WriteResult& result) {
  return {{"request_id", TextOrNull(result.request_id)},
          {"sequence", SequenceOrNull(result.sequence())},
          {"level_reached", std::string(LevelName(result.level_reached))},
          {"targets", TargetsOf(result)}};
}

json::object ObjectOf(const client::WriteResult& result) {
  json::array results;
  for (const client::OperationResult& each : result.results) {
    results.push_back({{"sequence", each.sequence},
                       {"data_crc32c", absl::StrFormat("%08x", each.data_crc32c)},
                       {"offset", each.offset},
                       {"size", each.size},
                       {"existed", each.existed}});
  }
  json::object object = CommonOf(result);
  object["earlier_attempt"] = result.earlier_attempt;
  object["results"] = std::move(results);
  return object;
}

std::string Row(absl::string_view name, absl::string_view value) {
  return absl::StrFormat("%-12s %s\n", name, value);
}

}  // namespace

std::string TableOf(const client::WriteResult& result) {
  std::string out;
  if (!result.request_id.empty()) absl::StrAppend(&out, Row("request-id", result.request_id));
  absl::StrAppend(&out, Row("level", LevelName(result.level_reached)));
  for (const client::OperationResult& each : result.results) {
    absl::StrAppend(&out, Row("sequence", absl::StrCat(each.sequence)));
  }
  for (const client::TargetOutcome& target : result.targets) {
    absl::StrAppend(
        &out, Row(target.target, absl::StrCat(TargetStateName(target.state),
                                              target.reason.empty() ? "" : ": ", target.reason)));
  }
  if (result.earlier_attempt) absl::StrAppend(&out, Row("note", "answers an earlier attempt"));
  return out;
}

std::string JsonOf(const client::WriteResult& result) {
  return json::serialize(ObjectOf(result)) + "\n";
}

std::string JsonOfWait(const client::WriteResult& result) {
  return json::serialize(CommonOf(result)) + "\n";
}

std::string TableOf(const client::WriteInfo& info) {
  return absl::StrCat(TableOf(info.write), Row("journaled", TimeText(info.journaled_time)));
}

std::string JsonOf(const client::WriteInfo& info) {
  json::object object = ObjectOf(info.write);
  object["journaled_time"] = TimeOrNull(info.journaled_time);
  return json::serialize(object) + "\n";
}

}  // namespace tandem::ctl
