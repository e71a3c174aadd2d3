#!/bin/bash
# shellcheck disable=SC2154,SC2034  # one program with group.sh, which sources it
# What the network does to the targets, while clients of every level write.

test_NoFault() {
  begin
  load answers ALL 100 60
  converge
  end
}

# The first two of what writers appended change places.
swap_first_appends() {
  awk 'BEGIN { RS = "writer "; ORS = "" } NR == 1 { next } NR == 2 { first = $0; next } { print RS $0 }
    NR == 3 { print RS first }'
}

# Else no other test here would prove anything.
test_TheComparisonNotices() {
  local file shared
  begin
  converge
  file=$(find "$(tree corebank)/tables" -type f | head -n 1)
  cp -p "$file" /run/lab/kept
  printf 'x' | dd of="$file" conv=notrunc seek=5 bs=1 status=none
  ask verify "$(tree corebank)"
  [[ $answer == tables/*" holds "* ]] || fail "a changed byte was not noticed: $answer"
  ask same "$(tree local)" "$(tree corebank)"
  [[ $answer == tables/*"different contents" ]] || fail "different trees were not noticed: $answer"
  rm "$file"
  ask verify "$(tree corebank)"
  [[ $answer == tables/*" is missing" ]] || fail "a missing file was not noticed: $answer"
  cp -p /run/lab/kept "$file"
  touch "$(tree local)/nobodys"
  ask verify "$(tree local)"
  [[ $answer == "nobodys is there"* ]] || fail "a file of nobody's was not noticed: $answer"
  rm "$(tree local)/nobodys"
  shared=$(tree corebank)/shared/0
  cp -p "$shared" /run/lab/kept
  swap_first_appends </run/lab/kept >"$shared"
  ask verify "$(tree corebank)"
  [[ $answer == "shared/0 at sequence "*" holds "* ]] || fail "another order was not noticed: $answer"
  tail -c 20 /run/lab/kept | cat /run/lab/kept - >"$shared"
  ask verify "$(tree corebank)"
  [[ $answer == "shared/0 also holds "* ]] || fail "that something is there twice was not noticed: $answer"
  head -c -20 /run/lab/kept >"$shared"
  ask verify "$(tree corebank)"
  [[ $answer == "shared/0 at sequence "*" holds "* ]] || fail "a lost end was not noticed: $answer"
  cat /run/lab/kept >"$shared"
  verify
  end
}

# partition SECONDS LEVEL TARGET...: the targets are cut off, writes of the level go on.
partition() {
  local target seconds=$1 level=$2
  shift 2
  begin
  for target; do cut_off "$target"; done
  [[ $level == none ]] || load answers "$level" $((seconds * 10)) $((seconds * 2 + 60))
  for target; do load health "$target" 'STALLED|DOWN' 30; done
  sleep "$seconds"
  for target; do heal "$target"; done
  converge
  end
}
test_PartitionOfCoreBank() { partition 5 LOCAL corebank; }
test_PartitionOfLocal() { partition 5 JOURNALED local; }
test_PartitionOfBoth() { partition 5 none local corebank; }
long_PartitionOfCoreBank60s() { partition 60 LOCAL corebank; }
long_PartitionOfLocal60s() { partition 60 JOURNALED local; }
long_PartitionOfBoth60s() { partition 60 none local corebank; }
long_PartitionOfCoreBank180s() { partition 180 LOCAL corebank; }

test_RequestsToCoreBankLost() {
  begin
  cut_requests corebank
  load answers LOCAL 50 60
  load health corebank 'STALLED|DOWN' 30
  heal corebank
  converge
  end
}

# What CoreBank did is not known, and some of it is asked for again when it is back.
test_RepliesOfCoreBankLost() {
  begin
  cut_replies corebank
  load answers LOCAL 50 60
  load health corebank 'STALLED|DOWN' 30
  heal corebank
  converge
  end
}

test_Loss20Percent() {
  begin
  lose corebank 20% # both ways: TCP gets hardly anything through
  load answers LOCAL 100 60
  heal corebank
  converge
  end
}

test_Delay50ms() {
  begin
  delay corebank 50ms
  load answers ALL 40 120
  heal corebank
  converge
  end
}
# CoreBank falls behind: a creation or a rename holds its directory for a whole round trip.
test_Delay500ms() {
  begin
  delay corebank 500ms
  load answers LOCAL 100 60
  heal corebank
  converge
  end
}

test_Flapping() {
  begin
  flap corebank 4 2
  load answers LOCAL 20 60
  converge
  end
}
