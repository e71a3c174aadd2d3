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
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  kill_supervisor
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
# Core waits for the hanging target until its deadline, and ends well; what it owes CoreBank is not lost.
test_SigtermWhileCut() {
  local waited
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  kill -TERM "$supervisor"
  wait_for 40 gone "$supervisor" || fail "the supervisor does not end"
  exit_status=0
  wait "$supervisor" || exit_status=$?
  [[ $exit_status == 0 ]] || fail "the supervisor ended with $exit_status"
  waited=$(sed -nE 's/.*"role":"core","event":"drained","duration_ms":([0-9]+).*/\1/p' "/run/tandem/$test.log")
  echo "lab-report {\"name\":\"$test\",\"drained_ms\":${waited:-0}}"
  ((waited >= 5000)) || fail "it did not wait for its target until the deadline"
  serving_again
}

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

# No id is forgotten: whoever is told so that it is takes that for wrong.
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
  fill_journal JOURNAL_DISK_FULL
  free_disk /mnt/journal
  load answers LOCAL 50 60
  heal corebank
  converge
  end
}

test_JournalAtItsCap() {
  flags=(--journal-max-bytes=20MiB)
  begin
  cut_off corebank
  fill_journal JOURNAL_FULL
  heal corebank
  converge
  end
}

# is_detached: CoreBank, as the daemon says.
is_detached() { [[ $("$build/daemon/ctl/tandemctl" --socket "$(socket)" status) == *"INCONSISTENT detached"* ]]; }
long_JournalAtItsCapDetach() {
  begin --journal-max-bytes=24MiB --journal-full-policy=detach
  cut_off corebank
  local i
  for ((i = 0; i < 40; i++)); do
    head -c 1000000 /dev/urandom | timeout 60 "$build/daemon/ctl/tandemctl" --socket "$(socket)" --level LOCAL \
      put "extra/$((i % 20))" >/dev/null || fail "a write is refused at the cap"
  done
  wait_for 30 is_detached || fail "CoreBank is not detached"
  load answers LOCAL 50 60
  heal corebank
  converge
  ! is_detached || fail "CoreBank is detached still"
  end
}
