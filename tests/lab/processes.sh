#!/bin/bash
# shellcheck disable=SC2154,SC2034  # one program with group.sh, which sources it
# What happens to the daemon's processes while a target hangs, and clients of every level write.

# killed ROLE: while CoreBank is cut off.
killed() {
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  signal_to KILL "$1"
  load mark killed
  load answers JOURNALED 20 60
  load answers LOCAL 20 60
  heal corebank
  converge
  end
}
test_KillCoreWhileCut() { killed core; }
test_KillLaneWhileCut() { killed corebank; }
test_KillOtherLaneWhileCut() { killed local; }

# serving_again: a new supervisor's core serves while the old lane still hangs; afterwards nothing is lost.
serving_again() {
  load mark restarted
  daemon_start
  load answers JOURNALED 20 60
  load answers LOCAL 20 60
  heal corebank
  converge
  end
}
test_KillSupervisorWhileCut() {
  local first
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  first=$(pid_of core)
  kill -KILL "$supervisor"
  wait "$supervisor"
  wait_for 30 gone "$first" || fail "core did not end with its supervisor"
  serving_again
}
test_RestartWithHungTarget() {
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  kill -KILL "$supervisor" "$(pid_of core)"
  wait "$supervisor"
  serving_again
}
test_SigtermWhileCut() {
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  kill -TERM "$supervisor"
  wait_for 40 gone "$supervisor" || fail "the supervisor does not end"
  exit_status=0
  wait "$supervisor" || exit_status=$?
  echo "the supervisor ended with $exit_status"
  serving_again
}

# killed_each FAULT... -- REPAIR...: core, then CoreBank's lane, then the supervisor are killed during the outage.
killed_each() {
  local core fault=()
  while [[ $1 != -- ]]; do
    fault+=("$1")
    shift
  done
  shift
  begin
  "${fault[@]}" || fail "the test could not do: ${fault[*]}"
  load answers LOCAL 10 60
  signal_to KILL core
  load answers LOCAL 10 60
  signal_to KILL corebank
  load answers LOCAL 10 60
  core=$(pid_of core)
  kill -KILL "$supervisor"
  wait "$supervisor"
  wait_for 30 gone "$core" || fail "core did not end with its supervisor"
  daemon_start
  load answers LOCAL 10 60
  "$@" || fail "the test could not do: $*"
  converge
  end
}
test_KillEachWhileRepliesAreLost() { killed_each cut_replies corebank -- heal corebank; }
test_KillEachWhileServerIsStopped() { killed_each server_stop corebank -- server_start corebank; }
test_KillEachWhileDiskIsFull() { killed_each fill_disk /run/srv/corebank -- free_disk /run/srv/corebank; }
test_KillEachWhileReadOnly() { killed_each server_export corebank ro -- server_export corebank rw; }

test_StopOfALane() {
  local lane
  begin
  lane=$(pid_of corebank)
  kill -STOP "$lane"
  load answers LOCAL 50 60
  kill -CONT "$lane"
  converge
  end
}

test_ClockJumps() {
  begin
  set_clock '+1 hour'
  load answers ALL 40 60
  set_clock '-1 hour'
  load answers ALL 40 60
  set_clock '-1 hour'
  load answers ALL 40 60
  set_clock '+1 hour'
  converge
  end
}

test_DescriptorLimit64() {
  descriptors=64
  begin
  cut_off corebank
  load answers LOCAL 50 60
  heal corebank
  converge
  end
}

test_JournalDiskFull() {
  begin
  cut_off corebank
  fill_disk /mnt/journal || fail "the disk is not full"
  sleep 2
  free_disk /mnt/journal
  load answers LOCAL 50 60
  heal corebank
  converge
  end
}

test_JournalAtItsCap() {
  begin --journal-max-bytes=20MiB
  cut_off corebank
  local i
  for ((i = 0; i < 20; i++)); do
    head -c 1000000 /dev/urandom | timeout 5 "$build/daemon/ctl/tandemctl" --socket "$(socket)" --level JOURNALED \
      put "extra/$i" >/dev/null 2>&1 || break
  done
  ((i < 20)) || fail "the journal has no cap"
  heal corebank
  converge
  end
}
