#!/bin/bash
# guest_init.sh ALIVE PROGRAM [ARGUMENT...]
# The guest's first process: disks, two NFS servers, two mounts; then the program it was given; then it powers off.
# Its output goes to the console, which run.sh reads: '|' marks a line that is the program's. While anything runs in the
# guest at all, the file ALIVE grows.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
unset TMPDIR
lab=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=tests/lab/faults.sh
source "$lab/faults.sh"

exec {alive}>>"$1"
shift
(while printf . >&"$alive"; do sleep 5; done) </dev/null >/dev/null 2>&1 &

set_up() {
  local target directory
  mount -t proc proc /proc && mount -t sysfs sysfs /sys || return
  ln -sf /proc/self/fd /dev/fd
  mkdir -p /dev/shm /dev/pts && mount -t tmpfs tmpfs /dev/shm
  for directory in /run /mnt; do mount -t tmpfs tmpfs $directory || return; done
  # The kernel's modules, without touching the machine's own.
  mkdir -p /lib/modules && mount -t tmpfs tmpfs /lib/modules && ln -s /usr/lib/uml/modules/* /lib/modules/ || return
  modprobe -a nfs nfsv4 nfsd veth sch_netem quota_v2 || return
  ip link set lo up || return
  mkdir -p /run/netns /run/lab /mnt/{local,corebank,journal} /run/srv/{local,corebank}
  mount -o usrquota /dev/ubda /run/srv/local && mount -o usrquota /dev/ubdb /run/srv/corebank &&
    mount /dev/ubdc /mnt/journal || return
  for target in local corebank; do
    rmdir "/run/srv/$target/lost+found"
    chmod 777 "/run/srv/$target"
    server_create "$target" && server_start "$target" || return
  done
  attach_mount local && attach_mount corebank
}

exec 3>&1
coproc console { exec sed -u -e "s/^/|/" -e "/^|lab-status:/q" >&3; }
exec >&"${console[1]}" 2>&1
if set_up; then
  "$@" </dev/null {alive}>&-
  status=$?
else
  echo "lab: the guest could not be set up"
  status=125
fi
echo "lab-status:$status"
# shellcheck disable=SC2154  # coproc sets it
wait "$console_PID"
echo o >/proc/sysrq-trigger
sleep 9
