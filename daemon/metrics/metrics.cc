#include "daemon/metrics/metrics.h"

#include <array>
#include <sstream>

#include "daemon/base/check.h"
#include "daemon/metrics/families.h"
#include "prometheus/counter.h"
#include "prometheus/histogram.h"
#include "prometheus/registry.h"
#include "prometheus/text_serializer.h"

namespace tandem {
namespace {

struct MethodLabels {
  const char* service;
  const char* method;
  const char* type;
};
// In the order of RpcMethod.
constexpr std::array<MethodLabels, kRpcMethodCount> kMethods = {{
    {"tandem.v1.TandemService", "Write", "unary"},
    {"tandem.v1.TandemService", "WriteBatch", "unary"},
    {"tandem.v1.TandemService", "WriteStream", "bidi_stream"},
    {"tandem.v1.TandemService", "Upload", "client_stream"},
    {"tandem.v1.TandemService", "WaitDurable", "unary"},
    {"tandem.v1.TandemService", "GetWrite", "unary"},
    {"tandem.v1.AdminService", "GetStatus", "unary"},
    {"tandem.v1.AdminService", "ListPending", "unary"},
    {"tandem.v1.AdminService", "RetryPending", "unary"},
    {"tandem.v1.AdminService", "SkipPending", "unary"},
}};

// In the order of gRPC's status codes.
constexpr std::array<const char*, 17> kCodes = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
constexpr int kUnknownCode = 2;

using Buckets = prometheus::Histogram::BucketBoundaries;

Buckets CallSeconds() {
  return {0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
          0.25,    0.5,    1,     2.5,    5,     10,   30,    60};
}

Buckets IoSeconds() {
  return {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
          0.05,    0.1,    0.25,    0.5,    1,     2.5,    5,     10};
}

Buckets GroupRecords() { return {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096}; }

Buckets GroupBytes() {
  return {1024, 4096, 16384, 65536, 131072, 262144, 524288, 1048576, 2097152, 4194304};
}

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

// All series of a call exist from the start, so that the first failure of a kind is visible as an
// increase, and so that counting needs no lookup.
class PrometheusRpcMetrics final : public RpcMetrics {
 public:
  explicit PrometheusRpcMetrics(prometheus::Registry& registry) {
    auto& started = prometheus::BuildCounter()
                        .Name("grpc_server_started_total")
                        .Help("Calls the server began to handle.")
                        .Register(registry);
    auto& handled = prometheus::BuildCounter()
                        .Name("grpc_server_handled_total")
                        .Help("Calls the server answered, by status code.")
                        .Register(registry);
    auto& seconds = prometheus::BuildHistogram()
                        .Name("grpc_server_handling_seconds")
                        .Help("How long answering a call took.")
                        .Register(registry);
    for (size_t i = 0; i < kRpcMethodCount; ++i) {
      prometheus::Labels labels = {{"grpc_service", kMethods[i].service},
                                   {"grpc_method", kMethods[i].method},
                                   {"grpc_type", kMethods[i].type}};
      methods_[i].started = &started.Add(labels);
      methods_[i].seconds = &seconds.Add(labels, CallSeconds());
      for (size_t code = 0; code < kCodes.size(); ++code) {
        labels["grpc_code"] = kCodes[code];
        methods_[i].handled[code] = &handled.Add(labels);
      }
    }
  }

  void OnStarted(RpcMethod method) override { Of(method).started->Increment(); }

  void OnHandled(RpcMethod method, int code, int64_t duration_ns) override {
    const bool known = code >= 0 && static_cast<size_t>(code) < kCodes.size();
    Of(method).handled[static_cast<size_t>(known ? code : kUnknownCode)]->Increment();
    Of(method).seconds->Observe(Seconds(duration_ns));
  }

 private:
  struct Method {
    prometheus::Counter* started = nullptr;
    prometheus::Histogram* seconds = nullptr;
    std::array<prometheus::Counter*, kCodes.size()> handled{};
  };

  Method& Of(RpcMethod method) { return methods_.at(static_cast<size_t>(method)); }

  std::array<Method, kRpcMethodCount> methods_;
};

prometheus::Histogram& MakeHistogram(prometheus::Registry& registry, const char* name,
                                     const char* help, const Buckets& buckets) {
  return prometheus::BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

class PrometheusJournalMetrics final : public JournalMetrics {
 public:
  explicit PrometheusJournalMetrics(prometheus::Registry& registry)
      : records_(MakeHistogram(registry, "tandem_journal_group_records",
                               "Records committed together.", GroupRecords())),
        bytes_(MakeHistogram(registry, "tandem_journal_group_bytes",
                             "Bytes of records committed together.", GroupBytes())),
        sync_seconds_(MakeHistogram(registry, "tandem_journal_sync_seconds",
                                    "How long writing and syncing a group took.", IoSeconds())) {}

  void OnGroup(uint64_t records, uint64_t bytes, int64_t sync_ns) override {
    records_.Observe(static_cast<double>(records));
    bytes_.Observe(static_cast<double>(bytes));
    sync_seconds_.Observe(Seconds(sync_ns));
  }

 private:
  prometheus::Histogram& records_;
  prometheus::Histogram& bytes_;
  prometheus::Histogram& sync_seconds_;
};

}  // namespace

class Metrics::Impl {
 public:
  explicit Impl(MetricsOptions metrics_options)
      : options(std::move(metrics_options)), rpc(registry), journal(registry) {}

  MetricsOptions options;
  prometheus::Registry registry;
  PrometheusRpcMetrics rpc;
  PrometheusJournalMetrics journal;
};

Metrics::Metrics(const MetricsOptions& options) : impl_(std::make_unique<Impl>(options)) {}
Metrics::~Metrics() = default;

RpcMetrics& Metrics::rpc() { return impl_->rpc; }
JournalMetrics& Metrics::journal() { return impl_->journal; }

std::string Metrics::Render(const MetricsView& view) const {
  MetricFamilies families = impl_->registry.Collect();
  AddJournalFamilies(impl_->options, view, &families);
  AddTargetFamilies(impl_->options, view.core, &families);
  AddProcessFamilies(impl_->options, &families);
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return std::move(text).str();
}

}  // namespace tandem
