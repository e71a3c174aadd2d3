#include "daemon/link/socket_channel.h"

#include <algorithm>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "daemon/base/bytes.h"
#include "daemon/base/check.h"
#include "daemon/base/status.h"

namespace tandem {
namespace {

using boost::asio::local::stream_protocol;

constexpr size_t kHeaderBytes = 4;
constexpr size_t kReadBytes = 64U << 10;
// Buffers that a burst made larger than this are given back.
constexpr size_t kKeptBytes = 256U << 10;

void Shrink(std::string& buffer) {
  if (buffer.capacity() > kKeptBytes) std::string().swap(buffer);
}

// What stays alive for as long as an operation on the socket is under way.
template <typename Out, typename In>
class Link : public std::enable_shared_from_this<Link<Out, In>> {
 public:
  using Handlers = typename Channel<Out, In>::Handlers;

  explicit Link(Executor executor) : socket_(std::move(executor)) {}

  absl::Status Open(UniqueFd fd);
  void Start(Handlers handlers);
  void Send(const Out& message);
  [[nodiscard]] bool backlogged() const { return queued_bytes() > kBacklogBytes; }
  void Close();

 private:
  using Socket = boost::asio::basic_stream_socket<stream_protocol, Executor>;

  [[nodiscard]] size_t queued_bytes() const {
    return stopped_sending_.ok() ? queued_.size() + sending_.size() - sent_ : 0;
  }
  void Read();
  // Delivers the whole frames in received_.
  void Deliver();
  void PostWrite();
  void Write();
  void OnWritten(boost::system::error_code error, size_t length);
  // Nothing more can be sent; what the peer sent before it went is still delivered.
  void StopSending(absl::Status why);
  void Fail(const absl::Status& why);

  Socket socket_;
  Handlers handlers_;
  bool started_ = false;
  bool closed_ = false;
  std::string received_;  // bytes [consumed_, filled_) are not yet delivered
  size_t consumed_ = 0;
  size_t filled_ = 0;
  std::string queued_;   // to send after sending_
  std::string sending_;  // the first sent_ bytes are the kernel's
  size_t sent_ = 0;
  bool write_posted_ = false;  // or under way
  bool was_backlogged_ = false;
  absl::Status stopped_sending_;
};

template <typename Out, typename In>
absl::Status Link<Out, In>::Open(UniqueFd fd) {
  boost::system::error_code error;
  socket_.assign(stream_protocol(), fd.get(), error);
  if (error) return ErrnoStatus(error.value(), "link socket");
  static_cast<void>(fd.Release());
  socket_.non_blocking(true, error);
  if (error) return ErrnoStatus(error.value(), "link socket");
  return absl::OkStatus();
}

template <typename Out, typename In>
void Link<Out, In>::Start(Handlers handlers) {
  TANDEM_CHECK(!started_);
  started_ = true;
  handlers_ = std::move(handlers);
  if (closed_) return;
  Read();
  if (!queued_.empty()) PostWrite();
}

template <typename Out, typename In>
void Link<Out, In>::Send(const Out& message) {
  if (closed_ || !stopped_sending_.ok()) return;
  const size_t length = message.ByteSizeLong();
  if (length > kMaxFrameBytes) {
    StopSending(absl::ResourceExhaustedError(
        absl::StrCat("a message of ", length, " bytes is longer than a frame may be")));
    return;
  }
  char header[kHeaderBytes];
  PutLittleEndian(header, static_cast<uint32_t>(length));
  queued_.append(header, kHeaderBytes);
  message.AppendToString(&queued_);
  if (backlogged()) was_backlogged_ = true;
  if (started_) PostWrite();
}

template <typename Out, typename In>
void Link<Out, In>::Close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

template <typename Out, typename In>
void Link<Out, In>::Read() {
  if (consumed_ > 0) {
    std::copy(received_.begin() + static_cast<ptrdiff_t>(consumed_),
              received_.begin() + static_cast<ptrdiff_t>(filled_), received_.begin());
    filled_ -= consumed_;
    consumed_ = 0;
  }
  size_t wanted = kReadBytes;
  if (filled_ >= kHeaderBytes) {
    // The rest of a long frame in one go; Deliver has checked its length.
    wanted = std::max<size_t>(wanted,
                              kHeaderBytes + GetLittleEndian<uint32_t>(received_.data()) - filled_);
  } else if (filled_ == 0) {
    Shrink(received_);
  }
  if (received_.size() < filled_ + wanted) received_.resize(filled_ + wanted);
  socket_.async_read_some(
      boost::asio::buffer(received_.data() + filled_, received_.size() - filled_),
      [self = this->shared_from_this()](boost::system::error_code error, size_t length) {
        if (self->closed_) return;
        if (error) {
          self->Fail(!self->stopped_sending_.ok() ? self->stopped_sending_
                                                  : absl::UnavailableError(absl::StrCat(
                                                        "the peer is gone: ", error.message())));
          return;
        }
        self->filled_ += length;
        self->Deliver();
        if (!self->closed_) self->Read();
      });
}

template <typename Out, typename In>
void Link<Out, In>::Deliver() {
  while (!closed_ && filled_ - consumed_ >= kHeaderBytes) {
    const char* frame = received_.data() + consumed_;
    const auto length = GetLittleEndian<uint32_t>(frame);
    if (length > kMaxFrameBytes) {
      Fail(absl::DataLossError(absl::StrCat("the peer announces a frame of ", length, " bytes")));
      return;
    }
    if (filled_ - consumed_ - kHeaderBytes < length) return;
    In message;
    if (!message.ParseFromArray(frame + kHeaderBytes, static_cast<int>(length))) {
      Fail(absl::DataLossError("the peer sent a frame that is no message"));
      return;
    }
    consumed_ += kHeaderBytes + length;
    handlers_.on_message(std::move(message));
  }
}

template <typename Out, typename In>
void Link<Out, In>::PostWrite() {
  if (std::exchange(write_posted_, true)) return;
  boost::asio::post(socket_.get_executor(), [self = this->shared_from_this()] { self->Write(); });
}

template <typename Out, typename In>
void Link<Out, In>::Write() {
  if (closed_ || !stopped_sending_.ok()) return;
  if (sent_ == sending_.size()) {
    sending_.clear();
    sent_ = 0;
    Shrink(sending_);
    sending_.swap(queued_);
  }
  if (sending_.empty()) {
    write_posted_ = false;
    return;
  }
  socket_.async_write_some(
      boost::asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
      [self = this->shared_from_this()](boost::system::error_code error, size_t length) {
        self->OnWritten(error, length);
      });
}

template <typename Out, typename In>
void Link<Out, In>::OnWritten(boost::system::error_code error, size_t length) {
  if (closed_ || !stopped_sending_.ok()) return;
  if (error) {
    StopSending(absl::UnavailableError(absl::StrCat("the peer is gone: ", error.message())));
    return;
  }
  sent_ += length;
  Write();
  if (was_backlogged_ && !backlogged()) {
    was_backlogged_ = false;
    if (handlers_.on_drained) handlers_.on_drained();
  }
}

template <typename Out, typename In>
void Link<Out, In>::StopSending(absl::Status why) {
  stopped_sending_ = std::move(why);
  std::string().swap(queued_);
  was_backlogged_ = false;
  // The reader comes to the end of what has arrived, and reports it.
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_receive, ignored);
}

template <typename Out, typename In>
void Link<Out, In>::Fail(const absl::Status& why) {
  Close();
  if (handlers_.on_closed) handlers_.on_closed(why);
}

template <typename Out, typename In>
class SocketChannel final : public Channel<Out, In> {
 public:
  explicit SocketChannel(std::shared_ptr<Link<Out, In>> link) : link_(std::move(link)) {}
  ~SocketChannel() override { link_->Close(); }
  SocketChannel(const SocketChannel&) = delete;
  SocketChannel& operator=(const SocketChannel&) = delete;

  void Start(typename Channel<Out, In>::Handlers handlers) override {
    link_->Start(std::move(handlers));
  }
  void Send(Out message) override { link_->Send(message); }
  [[nodiscard]] bool backlogged() const override { return link_->backlogged(); }
  void Close() override { link_->Close(); }

 private:
  std::shared_ptr<Link<Out, In>> link_;
};

}  // namespace

template <typename Out, typename In>
absl::StatusOr<std::unique_ptr<Channel<Out, In>>> MakeSocketChannel(Executor executor,
                                                                    UniqueFd socket) {
  auto link = std::make_shared<Link<Out, In>>(std::move(executor));
  RETURN_IF_ERROR(link->Open(std::move(socket)));
  return std::make_unique<SocketChannel<Out, In>>(std::move(link));
}

using internal::v1::CoreMessage;
using internal::v1::LaneMessage;

template absl::StatusOr<std::unique_ptr<Channel<CoreMessage, LaneMessage>>>
MakeSocketChannel<CoreMessage, LaneMessage>(Executor executor, UniqueFd socket);
template absl::StatusOr<std::unique_ptr<Channel<LaneMessage, CoreMessage>>>
MakeSocketChannel<LaneMessage, CoreMessage>(Executor executor, UniqueFd socket);

}  // namespace tandem
