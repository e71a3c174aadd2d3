#!/bin/bash
# shellcheck disable=SC2154,SC2034  # one program with group.sh, which sources it
# Core, a lane and the supervisor are killed during every kind of outage, while clients of every level write.

# goes_on LEVEL: writes of the level do; "none": the daemon at least answers; "later": nothing, for now.
goes_on() {
  case $1 in
    later) ;;
    none) load health all 'STARTING|HEALTHY|SLOW|STALLED|DOWN|CATCHING_UP' 60 ;;
    *) load answers "$1" 10 60 ;;
  esac
}

# killed_each LEVEL LANE FAULT... -- REPAIR...: core, then the lane, then the supervisor are killed during the outage.
# Writes of the level go on all the time.
killed_each() {
  local level=$1 lane=$2 fault=()
  shift 2
  while [[ $1 != -- ]]; do
    fault+=("$1")
    shift
  done
  shift
  begin
  "${fault[@]}" || fail "the test could not do: ${fault[*]}"
  goes_on "$level"
  signal_to KILL core
  goes_on "$level"
  signal_to KILL "$lane"
  goes_on "$level"
  kill_supervisor
  daemon_start
  goes_on "$level"
  "$@" || fail "the test could not do: $*"
  converge
  end
}

# --- the network
test_KillEachWhileCut() { killed_each LOCAL corebank cut_off corebank -- heal corebank; }
test_KillEachWhileLocalIsCut() { killed_each JOURNALED local cut_off local -- heal local; }
# Nobody can say what a path is: no write can be accepted by a new core.
test_KillEachWhileBothAreCut() { killed_each none corebank cut_both -- heal_both; }
cut_both() { cut_off local && cut_off corebank; }
heal_both() { heal local && heal corebank; }
test_KillEachWhileRequestsAreLost() { killed_each LOCAL corebank cut_requests corebank -- heal corebank; }
test_KillEachWhileRepliesAreLost() { killed_each LOCAL corebank cut_replies corebank -- heal corebank; }
test_KillEachWhile20PercentAreLost() { killed_each LOCAL corebank lose corebank 20% -- heal corebank; }
test_KillEachWhileSlow() { killed_each LOCAL corebank delay corebank 500ms -- heal corebank; }
test_KillEachWhileFlapping() { killed_each LOCAL corebank flap_on -- flap_off; }
flap_on() {
  flap corebank 1000 2 &
  flapper=$!
}
flap_off() {
  kill "$flapper"
  wait "$flapper"
  heal corebank
}

# --- the server and its files
test_KillEachWhileServerIsStopped() { killed_each LOCAL corebank server_stop corebank -- server_start corebank; }
test_KillEachWhileDiskIsFull() {
  killed_each LOCAL corebank fill_disk /run/srv/corebank -- free_disk /run/srv/corebank
}
test_KillEachWhileQuotaIsReached() { killed_each LOCAL corebank quota 1 -- quota 0; }
# quota KIBIBYTES: 0 for none. What is there already may be more.
quota() { setquota -u "$user" 0 "$1" 0 0 /run/srv/corebank; }
test_KillEachWithStaleHandles() { killed_each LOCAL corebank server_replace_tree corebank -- true; }
test_KillEachWhileReadOnly() {
  killed_each LOCAL corebank server_export corebank ro -- server_export corebank rw
}
test_KillEachWhileUnreadable() { killed_each LOCAL corebank receipts_mode 000 -- receipts_mode 750; }
receipts_mode() { chmod "$1" "$(tree corebank)"/receipts/*; }
test_KillEachWithADirectoryInTheWay() {
  killed_each LOCAL corebank take_place -- rmdir "/run/srv/corebank/$test/extra/taken"
  [[ $(<"$(tree corebank)/extra/taken") == two ]] || fail "the parked write did not arrive"
}
take_place() {
  ctl --level ALL put --data one extra/before && mkdir "$(tree corebank)/extra/taken" &&
    ctl --level LOCAL put --data two extra/taken
}

# --- the mount
test_KillEachWhileMountIsMissing() {
  killed_each LOCAL corebank detach_mount corebank -- attach_mount corebank
}
test_KillEachWhileExportIsWrong() { killed_each LOCAL corebank wrong_export -- right_export; }
wrong_export() { detach_mount corebank && attach_mount corebank local; }
right_export() { detach_mount corebank && attach_mount corebank; }

# --- the journal
# A new core needs room for a new segment: it is taken from the reserve. Nothing can be written.
long_KillEachWhileJournalDiskIsFull() { killed_each none corebank journal_without_room -- journal_with_room; }
journal_without_room() { cut_off corebank && fill_disk /mnt/journal && fill_journal JOURNAL_DISK_FULL; }
journal_with_room() { free_disk /mnt/journal && heal corebank; }
long_KillEachWhileJournalIsAtItsCap() {
  flags=(--journal-max-bytes=20MiB)
  killed_each none corebank journal_at_cap -- heal corebank
}
journal_at_cap() { cut_off corebank && fill_journal JOURNAL_FULL; }

# --- the processes
test_KillEachWhileALaneIsStopped() { killed_each LOCAL local stop_lane corebank -- signal_to CONT corebank; }
stop_lane() { signal_to STOP "$1"; }
