#!/bin/bash
# What can happen to the two targets, for programs in the lab. TARGET is local or corebank. Its server's disk is
# /run/srv/TARGET, its mount /mnt/TARGET.
# Two traps: never use `ip netns exec` (it hangs while a mount is cut off), and heal before you wait for a process that
# may be stuck on a mount (until then not even SIGKILL ends it).

# --- the network
network_of() { [[ $1 == local ]] && echo 10.99.1 || echo 10.99.2; }
# COMMAND with the server's network, its own mounts and /proc/fs/nfsd.
in_server() { nsenter --target "$(<"/run/lab/$1.pid")" --net --mount -- "${@:2}"; }
to_server() { tc qdisc replace dev "$1" root netem "${@:2}" limit 100000; }
from_server() { in_server "$1" tc qdisc replace dev eth0 root netem "${@:2}" limit 100000; }

delay() { to_server "$1" delay "$2"; }                                # delay TARGET 3ms: added to each round trip
lose() { to_server "$1" loss "$2" && from_server "$1" loss "$2"; }    # lose TARGET 20%: of the packets, both ways
cut_off() { lose "$1" 100%; }                                             # a partition: packets vanish, nobody is told
cut_requests() { to_server "$1" loss 100%; }                          # only what goes to the server vanishes
cut_replies() { from_server "$1" loss 100%; }                         # only what comes from the server vanishes
heal() {                                                              # undoes all of the above
  tc qdisc del dev "$1" root 2>/dev/null
  in_server "$1" tc qdisc del dev eth0 root 2>/dev/null
  true
}
# flap TARGET TIMES SECONDS: cut and healed, each for SECONDS; ends healed.
flap() {
  local i
  for ((i = 0; i < $2; i++)); do
    cut_off "$1"
    sleep "$3"
    heal "$1"
    sleep "$3"
  done
}

# --- the server
# The place a server lives in, empty: a network namespace and a mount namespace, kept by a process that sleeps.
server_create() {
  local network
  network=$(network_of "$1")
  unshare --net --mount sh -c 'exec sleep infinity' </dev/null >/dev/null 2>&1 &
  echo $! >"/run/lab/$1.pid"
  disown
  until [[ $(readlink "/proc/$!/ns/mnt") != "$(readlink /proc/self/ns/mnt)" ]]; do sleep 0.05; done
  ip link add "$1" type veth peer name eth0 netns "$!" && ip addr add "$network.1/24" dev "$1" && ip link set "$1" up &&
    in_server "$1" sh -ec "
      ip link set lo up; ip addr add $network.2/24 dev eth0; ip link set eth0 up
      mount -t nfsd nfsd /proc/fs/nfsd; mount -t tmpfs tmpfs /var/lib/nfs
      touch /var/lib/nfs/etab /var/lib/nfs/rmtab /run/lab/$1.exports
      mount --bind /run/lab/$1.exports /etc/exports
      echo 10 >/proc/fs/nfsd/nfsv4leasetime; echo 10 >/proc/fs/nfsd/nfsv4gracetime" &&
    server_export "$1" rw && in_server "$1" rpc.mountd -N 2 -N 3 --no-udp
}
# server_export TARGET rw|ro: how clients may use it from now on.
server_export() {
  echo "/run/srv/$1 *($2,fsid=0,no_root_squash,insecure,no_subtree_check,sync)" >"/run/lab/$1.exports"
  in_server "$1" exportfs -ra
}
# For 10 s (grace) it lets nobody open anything anew. As it has no memory of its clients, theirs is lost.
server_start() { in_server "$1" rpc.nfsd -N 3 -V 4.1 -V 4.2 16; }
server_stop() { in_server "$1" rpc.nfsd 0; } # requests are not answered; the mount hangs
# Every file handle that clients hold becomes stale: the same tree, other inodes.
server_replace_tree() {
  server_stop "$1" && (
    cd "/run/srv/$1" && mkdir .replaced && cp -a --sparse=always -- .tandem ./*/ .replaced/ && rm -rf -- .tandem ./*/ &&
      mv -- .replaced/.tandem .replaced/* . && rmdir .replaced && sync -f .
  ) && server_start "$1"
}

# --- disks
# Not one block is left to anybody, root included.
fill_disk() {
  local free
  free=$(df --output=avail -B 1M "$1" | tail -1)
  fallocate -l "${free// /}M" "$1/.filler" 2>/dev/null
  dd if=/dev/zero of="$1/.filler2" bs=1M status=none 2>/dev/null
  dd if=/dev/zero of="$1/.filler3" bs=4k status=none 2>/dev/null
  sync -f "$1"
  [[ $(df --output=avail -B 4k "$1" | tail -1) -eq 0 ]]
}
free_disk() { rm -f "$1/.filler" "$1"/.filler* && sync -f "$1"; }

# --- mounts
# attach_mount TARGET [SERVER [DIRECTORY]]: mounts as EFS recommends; another server or directory is the wrong export.
attach_mount() {
  mount -t nfs4 -o vers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport \
    "$(network_of "${2:-$1}").2:/${3:-}" "/mnt/$1"
}
detach_mount() { umount --lazy "/mnt/$1"; } # who has files open there goes on using them

# --- time
# set_clock '+1 hour' | '-1 hour': the wall clock jumps.
set_clock() { date -s "@$(date -d "$1" +%s)" >/dev/null; }
