#!/bin/bash
# shellcheck disable=SC2154  # one program with group.sh, which sources it
# Tests that do not end, for watch.sh. $build is this machine's own: what is left there is there in another boot, too.

test_DiskStandsStillOnce() {
  [[ ! -e $build/tests/lab/stood_still ]] || return 0
  : >"$build/tests/lab/stood_still"
  fsfreeze --freeze /mnt/journal
  : >/mnt/journal/write
}
test_Hangs() { exec sleep infinity; }
test_Ends() { true; }
