#include "daemon/lane/epoch_file.h"

#include <boost/json.hpp>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"
#include "daemon/lane/json_fields.h"
#include "daemon/lane/start_claim.h"
#include "daemon/lane/watermark.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr char kEpochName[] = "epoch.json";
constexpr uint64_t kEpochFormat = 1;
constexpr uint64_t kMaxEpochBytes = 4 << 10;

}  // namespace

std::string EncodeEpochFile(const EpochFile& file) {
  boost::json::object json = {{"format", kEpochFormat},
                              {"writer", file.writer},
                              {"instance", file.instance},
                              {"epoch", file.epoch},
                              {"host", file.host},
                              {"pid", file.pid},
                              {"taken_unix_ms", file.taken_ms},
                              {"taken", UtcText(file.taken_ms)},
                              {"root", file.root}};
  if (file.claiming) json["claiming"] = true;
  return boost::json::serialize(json) + "\n";
}

absl::StatusOr<EpochFile> DecodeEpochFile(const std::string& json) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return absl::DataLossError("epoch.json is not a JSON object");
  uint64_t format = 0;
  if (!TakeNumber(*object, "format", &format) || format != kEpochFormat) {
    return absl::DataLossError("epoch.json is of another format");
  }
  EpochFile file{.writer = StringIn(*object, "writer"),
                 .instance = StringIn(*object, "instance"),
                 .host = StringIn(*object, "host")};
  const bool complete = TakeNumber(*object, "epoch", &file.epoch) &&
                        TakeNumber(*object, "pid", &file.pid) &&
                        TakeNumber(*object, "taken_unix_ms", &file.taken_ms);
  if (!complete || !object->contains("instance")) {
    return absl::DataLossError("epoch.json lacks a field");
  }
  // The first files did not say it: most writers have the default.
  file.root = object->contains("root") ? StringIn(*object, "root") : file.writer;
  const boost::json::value* claiming = object->if_contains("claiming");
  file.claiming = claiming != nullptr && *claiming == true;
  return file;
}

namespace {

Awaitable<absl::Status> LetGo(Env& env, Directory& own, EpochFile file) {
  CO_RETURN_IF_ERROR(co_await RemoveClaims(env, own));
  // What the watermark says is of a state that nobody vouches for any more.
  CO_RETURN_IF_ERROR(co_await RemoveWatermark(env, own));
  file.instance.clear();
  file.claiming = false;
  const std::string temp = TempName(file.epoch, 1);
  co_return co_await WriteEpochFile(env, own, 0, temp, file);
}

}  // namespace

std::string HolderOf(const EpochFile& file) {
  return absl::StrCat("instance ", file.instance, ", epoch ", file.epoch, ", pid ", file.pid,
                      " on ", file.host, " since ", UtcText(file.taken_ms));
}

Awaitable<absl::StatusOr<EpochFile>> ReadEpochFile(Env& env, FileHandle top, std::string writer) {
  const std::string name = absl::StrCat(OwnDirectoryOf(writer), "/", kEpochName);
  CO_ASSIGN_OR_RETURN(const std::string json,
                      co_await ReadWholeFile(env.files, top, name, kMaxEpochBytes));
  co_return DecodeEpochFile(json);
}

Awaitable<absl::Status> RemoveEpochFile(Env& env, Directory& own) {
  const absl::Status removed = co_await env.files.Unlink(own.handle, kEpochName);
  if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  co_return co_await own.Sync();
}

Awaitable<absl::Status> WriteEpochFile(Env& env, Directory& own, int flags, std::string temp,
                                       const EpochFile& file) {
  const std::string bytes = EncodeEpochFile(file);
  co_return co_await ReplaceOwnFile(env, own, flags, std::move(temp), kEpochName, bytes);
}

Awaitable<absl::StatusOr<EpochFile>> ReleaseEpoch(Env& env, FileHandle top, std::string writer) {
  const std::string path = OwnDirectoryOf(writer);
  CO_ASSIGN_OR_RETURN(const FileHandle handle,
                      co_await env.files.Open(top, path, O_RDONLY | O_DIRECTORY));
  const auto own = std::make_shared<Directory>(env, handle, path, /*distrusted=*/true);
  auto before = co_await ReadEpochFile(env, top, writer);
  if (absl::IsNotFound(before.status())) before = co_await FirstClaim(env, handle);
  if (!before.ok()) co_return before.status();
  CO_RETURN_IF_ERROR(co_await LetGo(env, *own, *before));
  co_return before;
}

}  // namespace tandem
