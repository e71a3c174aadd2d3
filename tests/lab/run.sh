#!/usr/bin/env bash
# tests/lab/run.sh [-m MEBIBYTES] [-t SECONDS] [-s SECONDS] [-b BUILD] PROGRAM [ARGUMENT...]
# Boots a user-mode Linux whose root is this machine's own file system and runs PROGRAM in it as root, with two real
# NFSv4.1 mounts (README.md says what is there). Its output is PROGRAM's, its status is PROGRAM's; 124 when the time (-t)
# was over, 125 when the guest could not be set up, 126 when the guest itself stood still: nothing ran in it for some
# time (-s), or PROGRAM says so. Nothing outlives it and nothing of this machine is changed: it has namespaces of its
# own, and a directory of its own under $TMPDIR.
set -euo pipefail

usage() {
  sed -n '2,3p' "${BASH_SOURCE[0]}" >&2
  exit 2
}

lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
memory=1024 seconds=300 still_s=120 build=$(dirname "$(dirname "$lab")")/build/dev
while getopts m:t:s:b: flag; do
  case $flag in
    m) memory=$OPTARG ;;
    t) seconds=$OPTARG ;;
    s) still_s=$OPTARG ;;
    b) build=$(realpath -- "$OPTARG") ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
(($#)) || usage

fail() {
  echo "lab: $*" >&2
  exit 125
}
for program in linux.uml mkfs.ext4 rpc.nfsd mount.nfs4 modprobe tc unshare; do
  PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || fail "$program is missing (./dev lab installs it)"
done
export PATH=$PATH:/usr/sbin:/sbin
((EUID == 0)) || fail "it needs root"

work=$(mktemp -d "${TMPDIR:-/tmp}/tandem-lab.XXXXXX")
guest='' watcher=''
# shellcheck disable=SC2317  # called by the traps
clean_up() {
  [[ -z $watcher ]] || kill -TERM "$watcher" 2>/dev/null || true
  [[ -z $guest ]] || kill -KILL "$guest" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT
for disk in local corebank journal; do
  truncate -s 4G "$work/$disk.img"
  # No blocks for root alone: what the daemon frees of a full disk is its own again.
  mkfs.ext4 -q -F -m 0 -O quota -E lazy_itable_init=1,nodiscard,root_owner=0:0 "$work/$disk.img"
done

# With AMX there is more of the CPU's state than user-mode Linux 6.1 can keep. It keeps what SSE has, then, and nothing
# in the guest may use more: threads would find each other's.
guest_kernel=(linux.uml) guest_environment=()
if grep -qw amx_tile /proc/cpuinfo; then
  guest_kernel=("$build/tests/lab/tandem_lab_without_xstate" linux.uml)
  [[ -x ${guest_kernel[0]} ]] || fail "${guest_kernel[0]} is missing (./dev build)"
  without_avx=$build/tests/lab/libtandem_lab_without_avx.so
  [[ -e $without_avx ]] || fail "$without_avx is missing (./dev build)"
  guest_environment=(env "LD_PRELOAD=$without_avx" "OPENSSL_ia32cap=~0x1000100000000000:~0x600d0230020"
    "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX512BW,-FMA,-AVX_Fast_Unaligned_Load")
fi

# The guest's first process cannot be given arguments with spaces, so they are in a file.
printf '#!/bin/bash\nexec' >"$work/init"
printf ' %q' "${guest_environment[@]}" "$lab/guest_init.sh" "$work/alive" >>"$work/init"
printf ' %q' "$(realpath -- "$(command -v "$1")")" "${@:2}" >>"$work/init"
chmod +x "$work/init"

# The shell is process 1 of the namespace: user-mode Linux would spin as such. Whoever of these dies takes the rest with
# it. The guest's memory is a file that only the guest has open; best one that is never written to a disk.
: >"$work/console"
with_parent=(setpriv --pdeathsig KILL)
memory_in=$work
[[ ! -w /dev/shm || $(df --output=avail -B 1M /dev/shm | tail -1) -lt $memory ]] || memory_in=/dev/shm
TMPDIR=$memory_in "${with_parent[@]}" timeout -k 5 "$seconds" "${with_parent[@]}" \
  unshare --pid --fork --kill-child --mount-proc --mount --net \
  sh -c '"$@"; exit 0' sh "${guest_kernel[@]}" mem="${memory}M" rootfstype=hostfs rootflags=/ rw init="$work/init" \
  quiet loglevel=1 ubd0="$work/local.img" ubd1="$work/corebank.img" ubd2="$work/journal.img" con=null con0=null,fd:1 \
  </dev/null >"$work/console" 2>&1 &
guest=$! began=$SECONDS

# What the kernel of this machine says of the guest's: where it waits, in which state, for how long it ran.
show_guest() {
  local directory
  for directory in /proc/[0-9]*; do
    if ! grep -q "init=$work/init" "$directory/cmdline" || ! grep -q $'^TracerPid:\t0$' "$directory/status"; then
      continue
    fi
    echo "lab: process ${directory#/proc/}: $(cut -d' ' -f3,14,15 "$directory/stat"), in $(<"$directory/wchan")," \
      "system call $(<"$directory/syscall")"
    grep -E '^(Sig|Shd)' "$directory/status"
    cat "$directory/stack"
  done 2>/dev/null
}
# The guest adds a character to a file every 5 s (guest_init.sh). Counted, not timed: this machine may stand still, too.
watch_guest() {
  local size last=-1 same=0
  while ((same < still_s / 5)); do
    read -r -t 5 -u "$stop_watching" && return
    size=$(stat -c %s "$work/alive" 2>/dev/null) || size=0
    if ((size == last)); then ((++same)); else same=0; fi
    last=$size
  done
  echo "lab: the guest stood still for $still_s s, after $size signs of life" >"$work/still"
  show_guest >>"$work/still"
  kill -KILL "$guest"
}
mkfifo "$work/stop_watching"
exec {stop_watching}<>"$work/stop_watching"
watch_guest &
watcher=$!

# Lines of the console that begin with '|' are the program's, others the kernel's.
tail -f -n +1 --pid="$guest" "$work/console" |
  sed -u -n "s/\r$//; /^|lab-status:/{s/^|lab-status://w $work/status
             d}; s/^|//p" &
output=$!
wait "$guest" || true
wait "$output" || true
echo >&"$stop_watching"
wait "$watcher" || true
if [[ -s $work/still ]]; then
  cat "$work/still" >&2
  exit 126
fi
if [[ -s $work/status ]]; then
  exit "$(<"$work/status")"
fi
if ((SECONDS - began < seconds)); then
  head -c 2000 "$work/console" >&2
  fail "the guest came to an end of its own after $((SECONDS - began)) s; above is what its kernel said first"
fi
echo "lab: the guest did not end within $seconds s" >&2
exit 124
