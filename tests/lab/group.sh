#!/bin/bash
# shellcheck disable=SC1090,SC1091,SC2034,SC2154  # one program with the files that it sources
# In the guest: group.sh BUILD FILE SECONDS TEST...: runs the tests (functions of FILE), each in a process of its own.
# The lines "lab-begin TEST" and "lab-end TEST STATUS" surround what it says. A test that does not end within SECONDS is
# made to, and failed, unless a disk of the guest stands still: then all ends with 126. A test that leaves a process or a
# mount behind spoils the guest: the rest is left for another boot.
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 file=$2 limit_s=$3
shift 3
source "$lab/faults.sh"
source "$lab/daemon.sh"
source "$file"

run() (
  test=$1
  began=$SECONDS
  trap 'status=$?; ((status == 0)) || report; echo "$test took $((SECONDS - began)) s of the guest"; exit $status' EXIT
  if declare -F "test_$test" >/dev/null; then "test_$test"; else "long_$test"; fi
)
# Who waits for what: programs, and what of the kernel does not go on.
show_waiting() {
  local directory line
  for directory in /proc/[0-9]*/task/[0-9]*; do
    read -r line <"$directory/stat" || continue
    [[ $line == *') '[IS]' 2 '* ]] || echo "$(cut -d' ' -f1-4 <<<"$line") $(<"$directory/wchan")"
  done 2>/dev/null
  dmesg --clear
  echo w >/proc/sysrq-trigger
  dmesg
}
# A disk whose write does not end is the guest's fault (its kernel lost an interrupt), not that of who waits for it.
disk_stands_still() {
  local disk writes=() i still=1
  for disk in /mnt/journal /run/srv/local /run/srv/corebank; do
    (: >"$disk/.alive" && sync -d "$disk/.alive" && rm "$disk/.alive"; : >"/run/lab/alive.${#writes[@]}") </dev/null &
    writes+=("$disk")
  done
  for ((i = 0; i < 60 && i < limit_s; i++)); do
    [[ ! -e /run/lab/alive.0 || ! -e /run/lab/alive.1 || ! -e /run/lab/alive.2 ]] || break
    sleep 1
  done
  for ((i = 0; i < 3; i++)); do
    [[ ! -e /run/lab/alive.$i ]] || continue
    echo "lab: the guest's disk ${writes[i]} stands still"
    still=0
  done
  rm -f /run/lab/alive.*
  return "$still"
}
# limit TEST PROCESS: ends it when its time is over.
limit() {
  local sleeper process parent children=()
  trap 'kill "$sleeper"; exit' TERM
  sleep "$limit_s" &
  sleeper=$!
  wait "$sleeper"
  echo "--- $1 did not end within $limit_s s; who waits for what"
  show_waiting
  ! disk_stands_still || : >/run/lab/still
  for process in /proc/[0-9]*; do
    parent=$(cut -d' ' -f4 "$process/stat" 2>/dev/null)
    [[ $parent != "$2" ]] || children+=("${process#/proc/}")
  done
  kill -KILL "$2"
  for process in "${children[@]}"; do kill -KILL "$process"; done
}
seconds_up() {
  local up
  read -r up _ </proc/uptime
  echo "${up%.*}"
}
booted_at=$((EPOCHSECONDS - $(seconds_up)))
# Whatever the test did, nothing of it is left.
clean_up() {
  local target test=$1
  date -s "@$((booted_at + $(seconds_up)))" >/dev/null
  for target in local corebank; do
    heal "$target"
    setquota -u "$user" 0 0 0 0 "/run/srv/$target"
    in_server "$target" grep -qx 0 /proc/fs/nfsd/threads && server_start "$target"
    free_disk "/run/srv/$target"
    [[ $(<"/run/lab/$target.exports") == *"(rw,"* ]] || server_export "$target" rw
  done
  free_disk /mnt/journal
  for _ in 1 2 3; do
    processes | while read -r _ pid; do kill -CONT "$pid" && kill -KILL "$pid"; done
    wait_for 20 all_gone && break
  done
  all_gone || return 1
  # Not over the mounts: their caches would show it late. The server's root is never removed.
  rm -rf -- "/mnt/journal/$test" "/run/srv/local/$test" "/run/srv/corebank/$test"
  for target in local corebank; do
    [[ $(findmnt -no SOURCE "/mnt/$target") == "$(network_of "$target").2:/" ]] || return 1
    timeout 30 stat "/mnt/$target" >/dev/null || return 1
  done
}

for test; do
  echo "lab-begin $test"
  run "$test" </dev/null &
  running=$!
  limit "$test" "$running" </dev/null &
  limiter=$!
  wait "$running"
  status=$?
  kill -TERM "$limiter" 2>/dev/null
  wait "$limiter"
  [[ ! -e /run/lab/still ]] || exit 126
  if ((status)); then
    echo "--- the daemon's log, its end"
    grep -v '"level":"debug"' "/run/tandem/$test.log" | tail -n 60 | head -c 20000
    echo "--- the kernel's"
    dmesg | tail -n 10
  fi
  echo "lab-end $test $status"
  clean_up "$test" || { echo "the guest is spoiled after $test"; exit 3; }
  rm -f "/run/tandem/$test.log"
done
