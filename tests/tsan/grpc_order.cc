// Debian's gRPC and abseil are not instrumented: the thread sanitizer sees neither their locks nor
// that gRPC runs a batch's callback after the batch was started, and would report as races what
// these order. These definitions come before the libraries' own, tell it, and call those.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <grpcpp/support/server_callback.h>
#include <link.h>
#include <sanitizer/tsan_interface.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>

#include "absl/base/config.h"
#include "absl/synchronization/mutex.h"

// What a library that is not instrumented reads, writes or frees by itself says nothing.
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

namespace {

template <typename Function>
Function* NextOf(const std::string& symbol) {
  void* found = dlsym(RTLD_NEXT, symbol.c_str());
  if (found == nullptr) std::abort();
  return reinterpret_cast<Function*>(found);
}

#define TANDEM_TEXT(x) #x
#define TANDEM_TEXT_OF(x) TANDEM_TEXT(x)

// `member`: as the compiler mangles it, from the class's name on.
template <typename Function>
Function* NextOfAbsl(const std::string& member) {
  const std::string version = TANDEM_TEXT_OF(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  return NextOf<Function>("_ZN4absl" + std::to_string(version.size()) + version + member);
}

using Functor = grpc_completion_queue_functor;
using Run = decltype(Functor::functor_run);

bool IsCode(uintptr_t address) {
  struct Search {
    uintptr_t address;
    bool found;
  } search = {address, false};
  dl_iterate_phdr(
      [](dl_phdr_info* object, size_t, void* argument) {
        auto& wanted = *static_cast<Search*>(argument);
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& part = object->dlpi_phdr[i];
          const uintptr_t begin = object->dlpi_addr + part.p_vaddr;
          const bool is_code = part.p_type == PT_LOAD && (part.p_flags & PF_X) != 0;
          wanted.found |= is_code && wanted.address - begin < part.p_memsz;
        }
        return 0;
      },
      &search);
  return search.found;
}

// The functions that functors had before ours. Any thread.
class Functors {
 public:
  static Functors& Get() {
    static auto* const functors = new Functors;
    return *functors;
  }

  // A batch's tag is a functor only on a completion queue with callbacks; else it begins with a
  // table of virtual functions.
  void Take(void* tag) {
    auto* const functor = static_cast<Functor*>(tag);
    const std::lock_guard lock(mutex_);
    if (functor->functor_run == &RunOrdered) return;
    const auto address = reinterpret_cast<uintptr_t>(functor->functor_run);
    const auto [known, is_new] = is_code_.try_emplace(address, false);
    if (is_new) known->second = IsCode(address);
    if (!known->second) return;
    runs_[functor] = functor->functor_run;
    functor->functor_run = &RunOrdered;
  }

 private:
  static void RunOrdered(Functor* functor, int ok) {
    Run run = nullptr;
    {
      Functors& functors = Get();
      const std::lock_guard lock(functors.mutex_);
      run = functors.runs_.at(functor);
    }
    __tsan_acquire(functor);
    run(functor, ok);
  }

  std::mutex mutex_;
  std::unordered_map<Functor*, Run> runs_;
  std::unordered_map<uintptr_t, bool> is_code_;
};

// In the place of gRPC's pool of threads, whose queue says nothing. Any thread; never ends.
class Pool {
 public:
  static Pool& Get() {
    static auto* const pool = new Pool;
    return *pool;
  }

  void Run(std::function<void()> function) {
    const std::lock_guard lock(mutex_);
    functions_.push_back(std::move(function));
    more_.notify_one();
  }

 private:
  Pool() {
    std::thread([this] { Loop(); }).detach();
  }

  [[noreturn]] void Loop() {
    std::unique_lock lock(mutex_);
    while (true) {
      more_.wait(lock, [this] { return !functions_.empty(); });
      const auto function = std::move(functions_.front());
      functions_.pop_front();
      lock.unlock();
      function();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::function<void()>> functions_;
};

}  // namespace

extern "C" grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count,
                                                 void* tag, void* reserved) {
  static auto* const next = NextOf<decltype(grpc_call_start_batch)>("grpc_call_start_batch");
  if (tag != nullptr) {
    Functors::Get().Take(tag);
    __tsan_release(tag);
  }
  return next(call, ops, count, tag, reserved);
}

// Both are called by whoever counted last, and the library may have counted: what others did before
// they counted is in the counter.
namespace grpc::internal {

void ServerCallbackCall::ScheduleOnDone(bool inline_ondone) {
  callbacks_outstanding_.load(std::memory_order_acquire);
  if (inline_ondone) {
    CallOnDone();
    return;
  }
  Pool::Get().Run([this] { CallOnDone(); });
}

void ServerCallbackCall::CallOnCancel(ServerReactor* reactor) {
  on_cancel_conditions_remaining_.load(std::memory_order_acquire);
  if (reactor->InternalInlineable()) {
    reactor->OnCancel();
    return;
  }
  Ref();
  Pool::Get().Run([this, reactor] {
    reactor->OnCancel();
    MaybeDone();
  });
}

}  // namespace grpc::internal

namespace absl {
ABSL_NAMESPACE_BEGIN

void Mutex::Lock() {
  static auto* const next = NextOfAbsl<void(Mutex*)>("5Mutex4LockEv");
  next(this);
  __tsan_acquire(this);
}
void Mutex::Unlock() {
  static auto* const next = NextOfAbsl<void(Mutex*)>("5Mutex6UnlockEv");
  __tsan_release(this);
  next(this);
}
bool Mutex::TryLock() {
  static auto* const next = NextOfAbsl<bool(Mutex*)>("5Mutex7TryLockEv");
  const bool locked = next(this);
  if (locked) __tsan_acquire(this);
  return locked;
}
void Mutex::ReaderLock() {
  static auto* const next = NextOfAbsl<void(Mutex*)>("5Mutex10ReaderLockEv");
  next(this);
  __tsan_acquire(this);
}
void Mutex::ReaderUnlock() {
  static auto* const next = NextOfAbsl<void(Mutex*)>("5Mutex12ReaderUnlockEv");
  __tsan_release(this);
  next(this);
}

namespace {

// A wait gives the mutex away and takes it again.
class GivenAway {
 public:
  explicit GivenAway(Mutex* mutex) : mutex_(mutex) { __tsan_release(mutex_); }
  ~GivenAway() { __tsan_acquire(mutex_); }
  GivenAway(const GivenAway&) = delete;
  GivenAway& operator=(const GivenAway&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace

void CondVar::Wait(Mutex* mutex) {
  static auto* const next = NextOfAbsl<void(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  const GivenAway given(mutex);
  next(this, mutex);
}
bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  static auto* const next = NextOfAbsl<bool(CondVar*, Mutex*, Duration)>(
      "7CondVar15WaitWithTimeoutEPNS0_5MutexENS0_8DurationE");
  const GivenAway given(mutex);
  return next(this, mutex, timeout);
}
bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static auto* const next =
      NextOfAbsl<bool(CondVar*, Mutex*, Time)>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  const GivenAway given(mutex);
  return next(this, mutex, deadline);
}

ABSL_NAMESPACE_END
}  // namespace absl
