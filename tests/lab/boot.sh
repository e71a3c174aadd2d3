#!/bin/bash
# boot.sh BUILD GROUP RESULTS: runs the tests of GROUP.sh (functions test_NAME; long_NAME too if $TANDEM_LAB_LONG is set)
# whose name lab.GROUP.NAME matches $TANDEM_LAB_FILTER, in as few boots as possible. What was seen of each is left in
# RESULTS, for result.sh. When the guest itself stood still (run.sh: 126), which says nothing about the test that ran,
# that test gets one more boot, and says so.
set -euo pipefail
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$1 group=$2 results=$3
pattern='^test_' seconds_each=120 limit_s=${TANDEM_LAB_LIMIT_S:-300}
if [[ -n ${TANDEM_LAB_LONG:-} ]]; then
  pattern='^(test|long)_' seconds_each=600 limit_s=1200
fi
mapfile -t names < <(sed -nE "s/(${pattern}[A-Za-z0-9]+)\(\).*/\1/p" "$lab/$group.sh")
rest=()
for name in "${names[@]#*_}"; do
  [[ lab.$group.$name =~ ${TANDEM_LAB_FILTER:-} ]] && rest+=("$name")
done
((${#rest[@]})) || { echo "no test of lab.$group matches ${TANDEM_LAB_FILTER:-}"; exit 1; }
rm -rf "$results"
mkdir -p "$results"

# sort_out: what one boot said, into a file for each test; an unfinished one gets no status.
sort_out() {
  local line test=''
  while IFS= read -r line; do
    echo "$line"
    case $line in
      "lab-begin "*) test=${line#lab-begin } ;;
      "lab-end "*)
        read -r _ test status <<<"$line"
        echo "$status" >"$results/$test.status"
        test=''
        ;;
      *) [[ -z $test ]] || echo "$line" >>"$results/$test.log" ;;
    esac
  done
}
stood_still=0
while ((${#rest[@]})); do
  said=0
  "$lab/run.sh" -b "$build" -t $((60 + limit_s + seconds_each * ${#rest[@]})) \
    "$lab/group.sh" "$build" "$lab/$group.sh" "$limit_s" "${rest[@]}" 2>&1 | sort_out || said=${PIPESTATUS[0]}
  if ((said == 126 && ++stood_still == 1)); then
    unfinished=status
    for name in "${rest[@]}"; do
      [[ ! -e $results/$name.log || -e $results/$name.status ]] || echo "lab: once more" >>"$results/$name.log"
    done
  else
    unfinished=log
  fi
  left=()
  for name in "${rest[@]}"; do [[ -e $results/$name.$unfinished ]] || left+=("$name"); done
  # A boot that did not even begin one test would not do so the next time.
  ((${#left[@]} < ${#rest[@]} || (said == 126 && stood_still == 1))) || exit 1
  rest=("${left[@]}")
done
