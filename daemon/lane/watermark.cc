#include "daemon/lane/watermark.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "daemon/base/status.h"
#include "daemon/journal/directory.h"
#include "daemon/lane/json_fields.h"
#include "daemon/model/path.h"

namespace tandem {
namespace {

constexpr char kWatermarkName[] = "watermark.json";
constexpr uint64_t kWatermarkFormat = 1;
constexpr uint64_t kMaxWatermarkBytes = 16 << 10;
constexpr char kWritersPath[] = "/writers";

}  // namespace

std::string UtcText(int64_t unix_ms) {
  if (unix_ms == 0) return "";
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(unix_ms),
                          absl::UTCTimeZone());
}

std::string OwnDirectoryOf(absl::string_view writer) {
  return absl::StrCat(kReservedDirectory, kWritersPath, "/", writer);
}

std::string EncodeWatermark(const Watermark& watermark) {
  const bool consistent = watermark.inconsistent.empty();
  const boost::json::object json = {{"format", kWatermarkFormat},
                                    {"writer", watermark.writer},
                                    {"target", watermark.target},
                                    {"target_id", watermark.target_id},
                                    {"instance", watermark.instance},
                                    {"epoch", watermark.epoch},
                                    {"sequence", watermark.sequence},
                                    {"complete_unix_ms", watermark.complete_ms},
                                    {"complete", UtcText(watermark.complete_ms)},
                                    {"written_unix_ms", watermark.written_ms},
                                    {"written", UtcText(watermark.written_ms)},
                                    {"parked", watermark.parked},
                                    {"label", consistent ? "CONSISTENT" : "INCONSISTENT"},
                                    {"reason", watermark.inconsistent}};
  return boost::json::serialize(json) + "\n";
}

absl::StatusOr<Watermark> DecodeWatermark(const std::string& json) {
  boost::json::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) return absl::DataLossError("watermark.json is not a JSON object");
  uint64_t format = 0;
  if (!TakeNumber(*object, "format", &format) || format != kWatermarkFormat) {
    return absl::DataLossError("watermark.json is of another format");
  }
  Watermark watermark{.writer = StringIn(*object, "writer"),
                      .target = StringIn(*object, "target"),
                      .target_id = StringIn(*object, "target_id"),
                      .instance = StringIn(*object, "instance")};
  const bool complete = TakeNumber(*object, "epoch", &watermark.epoch) &&
                        TakeNumber(*object, "sequence", &watermark.sequence) &&
                        TakeNumber(*object, "complete_unix_ms", &watermark.complete_ms) &&
                        TakeNumber(*object, "written_unix_ms", &watermark.written_ms) &&
                        TakeNumber(*object, "parked", &watermark.parked);
  const std::string label = StringIn(*object, "label");
  if (!complete || watermark.writer.empty() || (label != "CONSISTENT" && label != "INCONSISTENT")) {
    return absl::DataLossError("watermark.json lacks a field");
  }
  if (label == "INCONSISTENT") {
    watermark.inconsistent = StringIn(*object, "reason");
    if (watermark.inconsistent.empty()) watermark.inconsistent = "no reason given";
  }
  return watermark;
}

Awaitable<absl::StatusOr<Watermark>> ReadWatermark(Env& env, FileHandle top, std::string writer) {
  const std::string name = absl::StrCat(OwnDirectoryOf(writer), "/", kWatermarkName);
  CO_ASSIGN_OR_RETURN(const std::string json,
                      co_await ReadWholeFile(env.files, top, name, kMaxWatermarkBytes));
  co_return DecodeWatermark(json);
}

Awaitable<absl::Status> WriteWatermark(Env& env, Directory& own, int flags, std::string temp,
                                       const Watermark& watermark) {
  const std::string bytes = EncodeWatermark(watermark);
  co_return co_await ReplaceOwnFile(env, own, flags, std::move(temp), kWatermarkName, bytes);
}

Awaitable<absl::Status> RemoveWatermark(Env& env, Directory& own) {
  const absl::Status removed = co_await env.files.Unlink(own.handle, kWatermarkName);
  if (!removed.ok() && !absl::IsNotFound(removed)) co_return removed;
  co_return co_await own.Sync();
}

Awaitable<absl::StatusOr<std::vector<std::string>>> ListWriters(Env& env, FileHandle top) {
  const std::string path = absl::StrCat(kReservedDirectory, kWritersPath);
  CO_ASSIGN_OR_RETURN(const FileHandle writers,
                      co_await env.files.Open(top, path, O_RDONLY | O_DIRECTORY));
  auto names = co_await env.files.List(writers);
  (co_await env.files.Close(writers)).IgnoreError();  // a directory, only read
  if (names.ok()) std::sort(names->begin(), names->end());
  co_return names;
}

Awaitable<absl::Status> ReplaceOwnFile(Env& env, Directory& own, int flags, std::string temp,
                                       std::string name, const std::string& bytes) {
  const int open_flags = O_WRONLY | O_CREAT | O_TRUNC | flags;
  CO_ASSIGN_OR_RETURN(const FileHandle file, co_await env.files.Open(own.handle, temp, open_flags));
  absl::Status status = co_await env.files.WriteAndSync(file, bytes, 0);
  const absl::Status closed = co_await env.files.Close(file);
  if (status.ok()) status = closed;
  if (status.ok()) status = co_await env.files.Rename(own.handle, temp, own.handle, name);
  // A rename that failed may have happened; either way the temp name must not stay.
  if (!status.ok()) (co_await env.files.Unlink(own.handle, temp)).IgnoreError();
  CO_RETURN_IF_ERROR(status);
  co_return co_await own.Sync();
}

}  // namespace tandem
