#include <grpcpp/grpcpp.h>

#include <chrono>
#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "bench/daemon.h"
#include "bench/load.h"
#include "bench/phases.h"
#include "tandem/client/request_id.h"
#include "tandem/v1/tandem.grpc.pb.h"

namespace tandem::bench {
namespace {

using std::chrono::steady_clock;

constexpr int kServingLimitSeconds = 120;
constexpr int kBacklogFiles = 128;
constexpr double kFillLimitSeconds = 600;

// Tries until it is answered with success.
absl::Status WriteOnce(const std::string& socket, const v1::Operation& operation) {
  client::RequestIdGenerator ids;
  v1::WriteRequest request;
  request.set_request_id(ids.Next());
  request.set_level(v1::DURABILITY_LEVEL_JOURNALED);
  *request.mutable_operation() = operation;
  const auto end = steady_clock::now() + std::chrono::seconds(kServingLimitSeconds);
  grpc::Status status;
  while (steady_clock::now() < end) {
    // A channel that failed once waits a second: a new one each time.
    absl::Status listens = WaitForSocket(socket, kServingLimitSeconds);
    if (!listens.ok()) return listens;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
    v1::WriteResponse response;
    status = v1::TandemService::NewStub(Connect(socket))->Write(&context, request, &response);
    if (status.ok()) return absl::OkStatus();
  }
  return absl::DeadlineExceededError(
      absl::StrCat("the restarted daemon does not take a write: ", status.error_message()));
}

}  // namespace

absl::StatusOr<StartTime> MeasureStart(const PhaseOptions& options) {
  const std::string place = options.directory + "/s";
  std::filesystem::create_directories(place);
  Daemon daemon(options.tandemd, place);
  absl::Status status = daemon.Start();
  if (status.ok()) status = daemon.WaitHealthy();
  if (status.ok()) status = daemon.Signal("corebank", SIGSTOP);
  if (!status.ok()) return status;
  const LoadOptions backlog{
      .socket = daemon.socket(),
      .in_flight = kBacklogFiles,
      .seconds = kFillLimitSeconds,
      .max_writes = static_cast<uint64_t>(options.start_mib * (1 << 20) / kPayloadBytes),
      .run = "backlog"};
  if (const auto filled = RunStream(backlog); !filled.ok()) return filled.status();
  StartTime result;
  result.behind_mib = static_cast<double>(daemon.LagBytes("corebank")) / (1 << 20);
  daemon.KillAll();

  const auto start = steady_clock::now();
  const auto since_start = [start] {
    return std::chrono::duration<double>(steady_clock::now() - start).count();
  };
  status = daemon.Start();
  if (status.ok()) status = WriteOnce(daemon.socket(), MakeOperation(backlog, 0, 0));
  result.known_path_s = since_start();
  LoadOptions other = backlog;
  other.run = "new";
  if (status.ok()) status = WriteOnce(daemon.socket(), MakeOperation(other, 0, 0));
  result.new_path_s = since_start();
  result.recovery_s = daemon.Metric("tandem_journal_recovery_duration_seconds");
  if (status.ok()) status = daemon.Drain();
  result.caught_up_s = since_start();
  if (!status.ok()) return status;
  daemon.Stop();
  return result;
}

}  // namespace tandem::bench
