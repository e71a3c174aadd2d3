#!/bin/bash
# shellcheck disable=SC2154,SC2034  # one program with group.sh, which sources it
# The daemon and its clients, for the tests of the lab. $test is the test's name: the writer, the journal's directory.

user=10001 # as in a cluster, the daemon is not root: the servers' permissions and quotas count
socket() { echo "/run/tandem/$test.sock"; }
tree() { echo "/run/srv/$1/$test"; } # tree TARGET: what its server has of this test's writer

flags=() # of this test's daemon

# daemon_start [FLAG...]: the whole process tree, in a session of its own. Flags win over these.
daemon_start() {
  install -d -o "$user" -g "$user" /run/tandem "/mnt/journal/$test"
  local settings=(
    TANDEM_LOCAL_EFS_PATH=/mnt/local TANDEM_COREBANK_EFS_PATH=/mnt/corebank TANDEM_INITIALIZE_TARGETS=true
    TANDEM_JOURNAL_DIRECTORY="/mnt/journal/$test" TANDEM_WRITER_NAME="$test" TANDEM_HTTP_ADDRESS=127.0.0.1:0
    TANDEM_JOURNAL_SEGMENT_BYTES=4MiB TANDEM_JOURNAL_MAX_BYTES=256MiB TANDEM_MAX_UPLOAD_BYTES=4MiB
    TANDEM_JOURNAL_RESERVE_BYTES=4MiB TANDEM_SLOW_LIMIT=500ms TANDEM_EFS_SYNC_TIMEOUT=2s TANDEM_RETRY_MAX=1s
    TANDEM_PARKED_RETRY_INTERVAL=2s TANDEM_DUAL_WRITE_TIMEOUT=5s TANDEM_DRAIN_DEADLINE=5s
  )
  # Few programs one after the other: each takes 50 ms and more to start, which a restart's time would contain.
  (
    export "${settings[@]}"
    ulimit -n "${descriptors:-1024}"
    exec setsid setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs \
      "$build/daemon/main/tandemd" --socket-path="$(socket)" "${flags[@]}" "$@"
  ) >>"/run/tandem/$test.log" 2>&1 </dev/null &
  supervisor=$!
}

# Lines "ROLE PID" of this test's processes; without a fork, they are slow here. A process that has ended and that its
# parent has not noticed yet has no command line.
processes() {
  local directory arguments role
  for directory in /proc/[0-9]*; do
    { mapfile -d '' -t arguments <"$directory/cmdline"; } 2>/dev/null
    [[ " ${arguments[*]} " == *" --socket-path=/run/tandem/$test.sock "* ]] || continue
    case " ${arguments[*]} " in
      *" --internal-core="*) role=core ;;
      *" --internal-target=local "*) role=local ;;
      *" --internal-target=corebank "*) role=corebank ;;
      *) role=supervisor ;;
    esac
    echo "$role ${directory#/proc/}"
  done
}
# pid_of ROLE: supervisor, core, local or corebank; fails if there is none.
pid_of() {
  local role pid
  while read -r role pid; do
    [[ $role == "$1" ]] || continue
    echo "$pid"
    return 0
  done < <(processes)
  return 1
}
# signal_to SIGNAL ROLE: waits until there is such a process.
signal_to() {
  local pid
  wait_for 20 pid_of "$2" >/dev/null || fail "no $2"
  pid=$(pid_of "$2") && kill -"$1" "$pid"
}
# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local until=$((SECONDS + $1))
  until "${@:2}"; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
all_gone() { [[ -z $(processes) ]]; }
# The supervisor is killed; core ends by itself.
kill_supervisor() {
  local core
  core=$(pid_of core) || core=''
  kill -KILL "$supervisor"
  wait "$supervisor"
  [[ -z $core ]] || wait_for 30 gone "$core" || fail "core did not end with its supervisor"
}
# in_log PATTERN: the daemon has logged it.
in_log() { grep -q "$1" "/run/tandem/$test.log"; }
# daemon_wait_exit SECONDS: leaves the supervisor's exit status in $exit_status.
daemon_wait_exit() {
  wait_for "$1" all_gone || fail "the daemon is still there after $1 s"
  exit_status=0
  wait "$supervisor" || exit_status=$?
}
daemon_stop() {
  kill -TERM "$supervisor"
  daemon_wait_exit 40
  [[ $exit_status == 0 ]] || fail "the daemon ended with $exit_status"
}
ctl() { "$build/daemon/ctl/tandemctl" --socket "$(socket)" "$@"; }
fail() {
  echo "FAILED: $*"
  exit 1
}

# --- the clients, which run until the test ends (load/main.cc describes the commands)
load_start() {
  coproc load { exec "$build/tests/lab/tandem_lab_load" "unix:$(socket)" "${writers:-4}" "${interval_ms:-100}" \
    "$(tree local)" "$(tree corebank)" ${mix:+"$mix"} 2>&1; }
}
# ask COMMAND...: leaves the answer in $answer. Not in a subshell: there the clients cannot be heard.
ask() {
  answer="the clients are gone"
  echo "$*" >&"${load[1]}" && read -r -t 300 answer <&"${load[0]}"
}
# load COMMAND...: the answer must be "ok".
load() {
  ask "$@"
  [[ $answer == ok ]] || fail "$*: $answer"
}
report() {
  local line
  echo "report $test" >&"${load[1]}"
  read -r -t 30 line <&"${load[0]}" && echo "lab-report $line"
}

# fill_journal REASON: until writes are refused for it. The test's journal has a small cap, or no room on its disk.
fill_journal() {
  local i said
  for ((i = 0; i < 60; i++)); do
    said=$(head -c 1000000 /dev/urandom | ctl --level JOURNALED --timeout 5s put "extra/$i" 2>&1) ||
      [[ $said != *"$1"* ]] || break
  done
  ((i < 60)) || fail "the journal takes more and more: $said"
  load refused "$1" 60
}

# A daemon and its clients that do well; then the part of the test "before" the fault.
begin() {
  daemon_start "$@"
  load_start
  load health all HEALTHY 240
  load answers ALL 4 60
  load phase before
  load answers ALL 40 60
  load phase during
}
# The fault is over: everything that was acknowledged comes to both targets by itself, and the trees are the same, on
# the servers and as the mounts show them.
converge() {
  load mark over
  load phase after
  load answers ALL 40 "${1:-120}"
  load answers LOCAL 10 60
  settle
}
# The clients stop; then everything is where it belongs.
settle() {
  load stop 120
  load lag0 60
  load health all HEALTHY 240
  verify
}
verify() {
  load verify "$(tree local)"
  load verify "$(tree corebank)"
  load same "$(tree local)" "$(tree corebank)"
  load verify "/mnt/local/$test"
  load verify "/mnt/corebank/$test"
}
end() {
  report
  daemon_stop
  load same "$(tree local)" "$(tree corebank)"
}
