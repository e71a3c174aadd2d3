#!/bin/bash
# shellcheck disable=SC2154,SC2034  # one program with group.sh, which sources it
# Measurements, each of one run: the figures are in its lab-report line, and nothing is asserted on them.

# Writers of JOURNALED and LOCAL only: those of ALL stand still while CoreBank hangs, so that the load would be another
# one. Twice the same, to show what the guest's own noise is.
long_LatencyWhileCut() {
  writers=8,8,0 interval_ms=100
  daemon_start
  load_start
  load health all HEALTHY 60
  load phase warm
  load answers LOCAL 800 120
  local round
  for round in 1 2; do
    load phase "before$round"
    load answers LOCAL 3000 300
    cut_off corebank
    load phase "during$round"
    load answers LOCAL 3000 300
    heal corebank
    load phase "after$round"
    load mark "over$round"
    load health corebank HEALTHY 120
  done
  settle
  end
}

# 200 writes/s, 3 ms of round trip to CoreBank. Few wait for a target: in this guest the clients' own work counts, and
# looking behind the mounts is most of it.
long_SteadyRpo() {
  writers=20,4,0 interval_ms=120
  steady
}
# Ledgers only, and nobody waits for a target: what a card system does most.
long_SteadyRpoOfAppends() {
  writers=24,0,0 interval_ms=120 mix=appends
  steady
}
steady() {
  delay corebank 3ms
  daemon_start
  load_start
  load health all HEALTHY 60
  load phase steady
  load answers JOURNALED 8000 400
  load phase after
  heal corebank
  settle
  end
}

# restarted MARK: how long until writes are answered again. A life of 10 s is one that counts as stable.
restarted() {
  load mark "$1"
  load answers JOURNALED 20 60
  load answers LOCAL 20 60
  sleep 11
}
# While CoreBank hangs, five times. Few clients: they use the CPU that starting a process needs.
restarts() {
  local round
  writers=1
  begin
  cut_off corebank
  load answers LOCAL 20 60
  load health corebank 'STALLED|DOWN' 30
  sleep 11
  for round in 1 2 3 4 5; do
    "$1"
    restarted "killed$round"
  done
  heal corebank
  converge
  sed -nE '/"event":"(child_exited|child_started|child_restarting|journal_opened|core_serving|lane_connected)"/p' \
    "/run/tandem/$test.log" | cut -c 12-260 | tail -n 60
  end
}
long_RestartOfCore() { restarts kill_core; }
kill_core() { signal_to KILL core; }
long_RestartOfSupervisorAndCore() { restarts kill_and_start; }
kill_and_start() {
  kill -KILL "$supervisor" "$(pid_of core)"
  wait "$supervisor"
  daemon_start
}
