#!/bin/bash
# result.sh RESULTS TEST: what boot.sh saw of the test, again; its status.
[[ ! -e $1/$2.log ]] || cat "$1/$2.log"
[[ -s $1/$2.status ]] || { echo "$2 did not end"; exit 1; }
exit "$(cat "$1/$2.status")"
