// A satellite's payment application. Each payment is one batch: a line of the day's ledger and a
// receipt. Killed at any moment, it goes on where it was: no payment is lost, none is made twice.
#include <CLI/CLI.hpp>
#include <iostream>

#include "payments/poster.h"
#include "payments/verify.h"

namespace payments {
namespace {

struct Arguments {
  std::string address = "unix:/run/tandem/tandem.sock";
  std::string state;
  std::string level = "LOCAL";
  PostOptions post;
  std::vector<std::string> verify_roots;
};

int Fail(const absl::Status& status) {
  std::cerr << "payments: " << status << "\n";
  return 1;
}

// 0: all is as it must be; 3: something is not; 1: it could not be checked.
int RunVerify(const IntentLog& log, const Arguments& arguments) {
  const absl::StatusOr<Report> report = Verify(log, arguments.verify_roots);
  if (!report.ok()) return Fail(report.status());
  std::cout << report->ToJson() << std::endl;
  return report->findings.empty() ? 0 : 3;
}

int RunPost(IntentLog& log, const Arguments& arguments) {
  tandem::client::ClientOptions options;
  options.address = arguments.address;
  const std::optional<tandem::client::Level> level = tandem::client::ParseLevel(arguments.level);
  if (!level.has_value()) return Fail(absl::InvalidArgumentError("--level: no such level"));
  options.level = *level;
  absl::StatusOr<std::unique_ptr<tandem::client::Client>> client =
      tandem::client::Client::Connect(options);
  if (!client.ok()) return Fail(client.status());
  if (absl::Status status = Post(**client, log, arguments.post); !status.ok()) return Fail(status);
  const std::map<uint64_t, Transaction> intended = log.Intended();
  std::cout << "posted " << log.Acknowledged().size() << " payments" << std::endl;
  if (intended.empty()) return 0;
  const absl::StatusOr<std::string> where = WhereIs(**client, intended.rbegin()->second);
  if (!where.ok()) return Fail(where.status());
  std::cout << *where << std::endl;
  return 0;
}

int Main(int argc, char** argv) {
  CLI::App app("Posts payments through Tandem; an example of tandem::client.", "payments");
  Arguments arguments;
  app.add_option("--address", arguments.address, "of tandemd")->envname("TANDEM_ADDRESS");
  app.add_option("--state", arguments.state, "directory of the application's own intent log")
      ->required();
  app.add_option("--count", arguments.post.count, "payments in all, earlier runs included");
  app.add_option("--rate", arguments.post.rate, "new payments a second; 0: as fast as possible");
  app.add_option("--threads", arguments.post.threads, "senders")->check(CLI::Range(1, 256));
  app.add_option("--level", arguments.level, "what an acknowledgement means");
  app.add_flag("--resume", arguments.post.resume_only, "finish what was begun, begin nothing new");
  app.add_option("--verify", arguments.verify_roots,
                 "check these targets' roots against the intent log, and do nothing else");
  CLI11_PARSE(app, argc, argv);
  absl::StatusOr<std::unique_ptr<IntentLog>> log = IntentLog::Open(arguments.state);
  if (!log.ok()) return Fail(log.status());
  return arguments.verify_roots.empty() ? RunPost(**log, arguments) : RunVerify(**log, arguments);
}

}  // namespace
}  // namespace payments

int main(int argc, char** argv) { return payments::Main(argc, argv); }
