// Uses the installed client library. Without an argument: no daemon is there, and the library must
// say so. With an address: writes a file through the daemon and asks where it got.
#include <tandem/client/client.h>

#include <iostream>
#include <string>

namespace {

using tandem::client::Client;
using tandem::client::ClientOptions;
using tandem::client::DetailOf;

int WithoutDaemon() {
  ClientOptions options;
  options.address = "unix:/nonexistent/tandem.sock";
  options.timeout = absl::Milliseconds(200);
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(options);
  if (!client.ok()) {
    std::cerr << client.status() << "\n";
    return 1;
  }
  if (!tandem::client::IsRequestId((*client)->NewRequestId())) return 1;
  const absl::Status status = (*client)->Put("a", "hello").status();
  std::cout << status << "\n";
  return status.code() == absl::StatusCode::kUnavailable && DetailOf(status).retryable ? 0 : 1;
}

int WithDaemon(const std::string& address) {
  ClientOptions options;
  options.address = address;
  absl::StatusOr<std::unique_ptr<Client>> client = Client::Connect(options);
  if (!client.ok() || !(*client)->WaitReady(absl::Seconds(30)).ok()) return 1;
  const absl::StatusOr<tandem::client::WriteResult> result =
      (*client)->Put("consumer/hello.txt", "hello");
  if (!result.ok()) {
    std::cerr << result.status() << "\n";
    return 1;
  }
  const absl::StatusOr<tandem::client::WriteInfo> info = (*client)->GetWrite(result->request_id);
  std::cout << "sequence " << result->sequence() << "\n";
  return info.ok() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) { return argc > 1 ? WithDaemon(argv[1]) : WithoutDaemon(); }
