#!/bin/bash
# shellcheck disable=SC1090,SC1091,SC2034,SC2154  # one program with the files that it sources
# In the guest: group.sh BUILD FILE TEST...: runs the tests (functions of FILE), each in a process of its own. The
# lines "lab-begin TEST" and "lab-end TEST STATUS" surround what it says. A test that leaves a process or a mount
# behind spoils the guest: the rest is left for another boot.
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 file=$2
shift 2
source "$lab/faults.sh"
source "$lab/daemon.sh"
source "$file"

run() (
  test=$1
  began=$SECONDS
  trap 'status=$?; ((status == 0)) || report; echo "$test took $((SECONDS - began)) s of the guest"; exit $status' EXIT
  if declare -F "test_$test" >/dev/null; then "test_$test"; else "long_$test"; fi
)
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
  run "$test" </dev/null
  status=$?
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
