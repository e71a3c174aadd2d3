#!/bin/bash
# watch.sh BUILD: the lab tells a test that hangs, which fails, from a guest that stands still, which is booted again.
set -uo pipefail
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1
TMPDIR=$(mktemp -d) || exit
export TMPDIR
trap 'rm -rf "$TMPDIR" "$build/tests/lab/stood_still"' EXIT
fail() {
  echo "FAILED: $*"
  exit 1
}

rm -f "$build/tests/lab/stood_still" # hangs.sh
TANDEM_LAB_LIMIT_S=15 TANDEM_LAB_FILTER='' TANDEM_LAB_LONG='' "$lab/boot.sh" "$build" hangs "$TMPDIR/results" ||
  fail "it did not come to its end"
[[ $(<"$TMPDIR/results/Hangs.status") == 137 ]] || fail "a test that hangs has no failure"
grep -q 'Hangs did not end within 15 s' "$TMPDIR/results/Hangs.log" || fail "it is not told where a test hangs"
[[ $(<"$TMPDIR/results/Ends.status") == 0 ]] || fail "the test after one that hangs has not run"
grep -q "the guest's disk /mnt/journal stands still" "$TMPDIR/results/DiskStandsStillOnce.log" ||
  fail "a disk that stands still is not noticed"
[[ $(<"$TMPDIR/results/DiskStandsStillOnce.status") == 0 ]] || fail "no other boot after one that stood still"

"$lab/run.sh" -b "$build" -s 15 sleep 1000 >"$TMPDIR/output" 2>&1 &
guest=$!
until compgen -G "$TMPDIR/tandem-lab.*/alive" >/dev/null; do
  kill -0 "$guest" || fail "the guest does not boot"
  sleep 0.1
done
for directory in /proc/[0-9]*; do
  ! grep -q "init=$TMPDIR/" "$directory/cmdline" || kill -STOP "${directory#/proc/}"
done 2>/dev/null
wait "$guest"
status=$?
cat "$TMPDIR/output"
[[ $status == 126 ]] || fail "a guest that stands still ends with $status"
grep -q 'the guest stood still for 15 s' "$TMPDIR/output" || fail "it is not told that the guest stood still"
