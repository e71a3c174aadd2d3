// tandem_lab_without_xstate PROGRAM [ARGUMENT...]: runs PROGRAM, and what it starts, where ptrace
// knows no NT_X86_XSTATE. A CPU with AMX has more of that state than user-mode Linux 6.1 has room
// for, and its first process dies of the mismatch; without it, it saves the registers up to SSE's.
#include <elf.h>
#include <seccomp.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <initializer_list>

namespace {

bool ForgetXstate() {
  scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
  if (filter == nullptr) return false;
  bool done = true;
  for (const scmp_datum_t request :
       {scmp_datum_t{PTRACE_GETREGSET}, scmp_datum_t{PTRACE_SETREGSET}}) {
    done = done && seccomp_rule_add(filter, SCMP_ACT_ERRNO(EINVAL), SCMP_SYS(ptrace), 2,
                                    SCMP_A0(SCMP_CMP_EQ, request),
                                    SCMP_A2(SCMP_CMP_EQ, NT_X86_XSTATE)) == 0;
  }
  done = done && seccomp_load(filter) == 0;
  seccomp_release(filter);
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: tandem_lab_without_xstate PROGRAM [ARGUMENT...]\n", stderr);
    return 2;
  }
  if (!ForgetXstate()) {
    std::fputs("tandem_lab_without_xstate: no seccomp filter can be had here\n", stderr);
    return 125;
  }
  execvp(argv[1], argv + 1);
  std::perror(argv[1]);
  return 127;
}
