#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What goes with the module: aerie events and aerie top end, one that is loaded later is another
# one; swap files are let go.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
scratch
need_reload
plan 8

aerie events >"$SCRATCH/out" 2>"$SCRATCH/err" &
events=$!
aerie top --batch -d 200ms >"$SCRATCH/top" 2>"$SCRATCH/top.err" &
top=$!
on_exit "kill $events $top 2>/dev/null"
sleep 1
dd if=/dev/zero of="$SCRATCH/swap" bs=1M count=1 2>/dev/null
check "swap is on" aerie swap on "$SCRATCH/swap"
check "unload, and load again at once" eval "/sbin/rmmod aerie && load"
ended() {
	! kill -0 $events 2>/dev/null
}
check "it ends" soon 10 ended
ended || kill $events
wait $events
status=$?
check "with status 5, and says why" eval \
	"[ $status = 5 ] && grep -q 'the module has been unloaded' '$SCRATCH/err'"
ended_too() {
	! kill -0 $top 2>/dev/null
}
check "so does aerie top" soon 10 ended_too
ended_too || kill $top
wait $top
status=$?
check "with status 5, and why" eval \
	"[ $status = 5 ] && grep -q 'the module has been unloaded' '$SCRATCH/top.err'"
check "nothing is swap any more" [ "$(aerie swap | wc -l)" -le 1 ]
check "swap files are let go" eval "aerie swap on '$SCRATCH/swap' && aerie swap off '$SCRATCH/swap'"
finish
