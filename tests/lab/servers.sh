#!/bin/bash
# shellcheck disable=SC2154,SC2034  # one program with group.sh, which sources it
# What happens to the targets' servers and mounts, while clients of every level write.

# parked PATH: a write to a path that begins so waits on a target.
parked() { ctl -o json status | grep -q "\"path\": *\"$1"; }

# What a target cannot take now waits; the other levels go on meanwhile, and all arrives when it is over.
begin_then_level_local() {
  begin
  "$@" || fail "the test could not do: $*"
  load answers LOCAL 50 60
}

test_ServerRestart() {
  begin
  server_stop corebank
  load answers LOCAL 50 60
  server_start corebank
  converge
  end
}

test_DiskFull() {
  begin_then_level_local fill_disk /run/srv/corebank
  load health corebank 'DOWN|SLOW|STALLED' 30
  free_disk /run/srv/corebank
  converge
  end
}

test_Quota() {
  local used
  begin
  used=$(du -sk "$(tree corebank)")
  setquota -u "$user" 0 $((${used%%[!0-9]*} + 200)) 0 0 /run/srv/corebank || fail "no quota"
  load answers LOCAL 100 60
  load health corebank 'DOWN|SLOW|STALLED' 60
  setquota -u "$user" 0 0 0 0 /run/srv/corebank
  converge
  end
}

test_StaleFileHandles() {
  begin
  server_replace_tree corebank || fail "the tree was not replaced"
  load answers LOCAL 50 60
  converge
  end
}

test_ReadOnlyExport() {
  begin_then_level_local server_export corebank ro
  load health corebank 'DOWN' 30
  server_export corebank rw
  converge
  end
}

# Paths below it are refused on CoreBank and wait there; others flow.
test_UnreadableDirectory() {
  begin
  chmod 000 "$(tree corebank)"/receipts/*
  load answers LOCAL 50 60
  wait_for 60 parked receipts/ || fail "nothing is parked"
  chmod 750 "$(tree corebank)"/receipts/*
  converge
  end
}

# Somebody's directory on CoreBank, where a file has to go: that path waits, others flow.
test_DirectoryInTheWay() {
  begin
  ctl --level ALL put --data one extra/before >/dev/null || fail "put"
  mkdir "$(tree corebank)/extra/taken"
  ctl --level LOCAL put --data two extra/taken >/dev/null || fail "put"
  load answers ALL 40 60
  wait_for 60 parked extra/taken || fail "nothing is parked"
  [[ -d $(tree corebank)/extra/taken ]] || fail "the directory is gone"
  rmdir "$(tree corebank)/extra/taken"
  converge
  [[ $(<"$(tree corebank)/extra/taken") == two ]] || fail "the parked write did not arrive"
  end
}

test_MountDetached() {
  begin
  detach_mount corebank
  load answers LOCAL 50 60
  attach_mount corebank || fail "cannot mount"
  converge
  end
}

# While the mount is away the lane starts anew, and finds the mount point's own directory.
test_MountMissing() {
  begin
  detach_mount corebank
  signal_to KILL corebank
  load answers LOCAL 50 60
  load health corebank DOWN 30
  [[ -z $(ls -A /mnt/corebank) ]] || fail "the mount point was written to"
  attach_mount corebank || fail "cannot mount"
  converge
  end
}

test_WrongExport() {
  begin
  detach_mount corebank
  attach_mount corebank local || fail "cannot mount"
  signal_to KILL corebank
  load answers LOCAL 50 60
  load health corebank DOWN 30
  detach_mount corebank
  attach_mount corebank || fail "cannot mount"
  converge
  end
}
