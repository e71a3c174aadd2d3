#include "daemon/lane/target_identity.h"

#include <boost/json/src.hpp>
#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/base/uuid.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr char kName[] = "target.json";
constexpr char kNewIdentityName[] = "target.json.new";
constexpr int64_t kFormat = 1;
constexpr size_t kMaxBytes = 4096;

Awaitable<absl::StatusOr<FileHandle>> OpenReserved(Env& env, FileHandle directory) {
  co_return co_await env.files.Open(directory, std::string(kReservedDirectory),
                                    O_RDONLY | O_DIRECTORY);
}

Awaitable<absl::Status> WriteIdentity(Env& env, FileHandle reserved, const std::string& json) {
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  CO_ASSIGN_OR_RETURN(const FileHandle file,
                      co_await env.files.Open(reserved, kNewIdentityName, flags));
  absl::Status status = co_await env.files.Write(file, json, 0);
  if (status.ok()) status = co_await env.files.Sync(file);
  const absl::Status closed = co_await env.files.Close(file);
  if (status.ok()) status = closed;
  if (status.ok()) status = co_await env.files.Rename(reserved, kNewIdentityName, reserved, kName);
  if (status.ok()) status = co_await env.files.Sync(reserved);
  co_return status;
}

}  // namespace

std::string EncodeTargetIdentity(const TargetIdentity& identity) {
  const boost::json::object json = {{"format", kFormat},
                                    {"target_id", identity.target_id},
                                    {"target", identity.target},
                                    {"created_unix_ms", identity.created_ms}};
  return boost::json::serialize(json) + "\n";
}

absl::StatusOr<TargetIdentity> DecodeTargetIdentity(const std::string& json) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return absl::DataLossError("target.json is not a JSON object");
  const auto text = [&](const char* key) -> std::string {
    const boost::json::value* field = object->if_contains(key);
    if (field == nullptr || !field->is_string()) return "";
    return std::string(field->as_string().data(), field->as_string().size());
  };
  const boost::json::value* format = object->if_contains("format");
  if (format == nullptr || !format->is_int64() || format->as_int64() != kFormat) {
    return absl::DataLossError("target.json is of another format");
  }
  TargetIdentity identity{.target_id = text("target_id"), .target = text("target")};
  if (!ParseUuid(identity.target_id).ok()) {
    return absl::DataLossError("target.json has no target_id");
  }
  if (const auto* created = object->if_contains("created_unix_ms");
      created != nullptr && created->is_int64()) {
    identity.created_ms = created->as_int64();
  }
  return identity;
}

Awaitable<absl::StatusOr<TargetIdentity>> ReadTargetIdentity(Env& env, FileHandle directory) {
  auto reserved = co_await OpenReserved(env, directory);
  if (!reserved.ok()) co_return reserved.status();
  auto file = co_await env.files.Open(*reserved, kName, O_RDONLY);
  (co_await env.files.Close(*reserved)).IgnoreError();  // a directory, only read
  if (!file.ok()) co_return file.status();
  std::string json(kMaxBytes, '\0');
  auto count = co_await env.files.Read(*file, json.data(), json.size(), 0);
  (co_await env.files.Close(*file)).IgnoreError();  // only read
  if (!count.ok()) co_return count.status();
  json.resize(*count);
  co_return DecodeTargetIdentity(json);
}

Awaitable<absl::StatusOr<TargetIdentity>> InitializeTarget(Env& env, FileHandle directory,
                                                           std::string target,
                                                           bool even_if_not_empty) {
  auto existing = co_await ReadTargetIdentity(env, directory);
  if (existing.ok()) co_return absl::AlreadyExistsError("the target has an identity already");
  if (!absl::IsNotFound(existing.status())) co_return existing.status();
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> names, co_await env.files.List(directory));
  for (const std::string& name : names) {
    // lost+found comes with a file system, .tandem with an initialization that a crash cut short.
    if (name == "lost+found" || name == kReservedDirectory || even_if_not_empty) continue;
    co_return absl::FailedPreconditionError(
        absl::StrCat("the directory is not empty: it holds ", name));
  }
  const absl::Status made = co_await env.files.Mkdir(directory, std::string(kReservedDirectory));
  if (!made.ok() && ErrnoOf(made) != EEXIST) co_return made;
  CO_RETURN_IF_ERROR(co_await env.files.Sync(directory));
  CO_ASSIGN_OR_RETURN(const FileHandle reserved, co_await OpenReserved(env, directory));
  const int64_t now_ms = env.clock.WallMs();
  TargetIdentity identity{
      .target_id = MakeUuidV7(now_ms, env.random.Next(), env.random.Next()).ToString(),
      .target = std::move(target),
      .created_ms = now_ms};
  const absl::Status written =
      co_await WriteIdentity(env, reserved, EncodeTargetIdentity(identity));
  (co_await env.files.Close(reserved)).IgnoreError();  // a directory, synced
  if (!written.ok()) co_return written;
  co_return identity;
}

}  // namespace tandem
