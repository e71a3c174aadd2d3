#include "daemon/link/fd_passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstring>

#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

// Room for more than one: a message with several must not leak them.
constexpr size_t kMaxFds = 8;

struct ControlBuffer {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFds * sizeof(int))> bytes{};
};

// Every descriptor the message brought.
std::vector<UniqueFd> TakeFds(msghdr& message) {
  std::vector<UniqueFd> fds;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
  return fds;
}

class SocketFdReceiver final : public FdReceiver {
 public:
  explicit SocketFdReceiver(Executor executor) : socket_(std::move(executor)) {}
  ~SocketFdReceiver() override { *alive_ = false; }
  SocketFdReceiver(const SocketFdReceiver&) = delete;
  SocketFdReceiver& operator=(const SocketFdReceiver&) = delete;

  absl::Status Open(UniqueFd fd) {
    boost::system::error_code error;
    socket_.assign(fd.get(), error);
    if (error) return ErrnoStatus(error.value(), "control socket");
    static_cast<void>(fd.Release());
    return absl::OkStatus();
  }

  void Start(Handlers handlers) override {
    handlers_ = std::make_shared<Handlers>(std::move(handlers));
    Wait();
  }

 private:
  using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;

  void Wait() {
    socket_.async_wait(Descriptor::wait_read, [this, alive = alive_](boost::system::error_code) {
      if (*alive) Receive();
    });
  }

  void Receive() {
    // Callbacks may destroy this object.
    const std::shared_ptr<bool> alive = alive_;
    const std::shared_ptr<Handlers> handlers = handlers_;
    while (*alive) {
      absl::StatusOr<TaggedFd> fd = ReceiveFd(socket_.native_handle());
      if (fd.ok()) {
        handlers->on_fd(*std::move(fd));
      } else if (ErrnoOf(fd.status()) == EAGAIN) {
        Wait();
        return;
      } else if (ErrnoOf(fd.status()) == EMFILE) {
        handlers->on_lost(fd.status());
      } else {
        handlers->on_closed(fd.status());
        return;
      }
    }
  }

  Descriptor socket_;
  std::shared_ptr<Handlers> handlers_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakeControlSockets() {
  std::array<int, 2> fds{};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds.data()) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

absl::Status SendFd(int socket, absl::string_view tag, int fd) {
  TANDEM_CHECK(!tag.empty() && tag.size() <= kMaxFdTagBytes);
  iovec data = {.iov_base = const_cast<char*>(tag.data()), .iov_len = tag.size()};
  ControlBuffer control;
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_SPACE(sizeof(int));
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(part), &fd, sizeof(int));
  for (;;) {
    if (sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return absl::OkStatus();
    if (errno != EINTR) return ErrnoStatus(errno, "send descriptor");
  }
}

absl::StatusOr<TaggedFd> ReceiveFd(int socket) {
  std::array<char, kMaxFdTagBytes> tag{};
  iovec data = {.iov_base = tag.data(), .iov_len = tag.size()};
  ControlBuffer control;
  msghdr message = {};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t length = 0;
  do {
    length = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (length < 0 && errno == EINTR);
  if (length < 0) return ErrnoStatus(errno, "receive descriptor");
  if (length == 0) return ErrnoStatus(ECONNRESET, "the supervisor closed the control socket");
  std::vector<UniqueFd> fds = TakeFds(message);
  if (fds.empty() && (message.msg_flags & MSG_CTRUNC) != 0) {
    return ErrnoStatus(EMFILE, "receive descriptor");
  }
  if (fds.size() != 1 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    return absl::DataLossError("a message on the control socket is not one tagged descriptor");
  }
  return TaggedFd{.tag = std::string(tag.data(), static_cast<size_t>(length)),
                  .fd = std::move(fds[0])};
}

absl::StatusOr<std::unique_ptr<FdReceiver>> MakeFdReceiver(Executor executor, UniqueFd socket) {
  auto receiver = std::make_unique<SocketFdReceiver>(std::move(executor));
  RETURN_IF_ERROR(receiver->Open(std::move(socket)));
  return receiver;
}

}  // namespace tandem
