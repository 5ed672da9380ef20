#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest with three periodic timers is paused for a while: no storm of ticks follows.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload pause_ticks
plan 4

v=$(vm pause)
# shellcheck disable=SC2154 # need_payload sets it
aerie run "$v" -q -m 64M -k "$payload" --console >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null &
tool=$!
on_exit "kill $tool 2>/dev/null"
ready() {
	grep -q '^# ready' "$SCRATCH/out"
}
check "its timers tick" soon 60 ready
ended() {
	! kill -0 "$tool" 2>/dev/null
}
# The first time will do, where the host has nothing else to do.
pauses() {
	# shellcheck disable=SC2034 # it only counts
	for i in 1 2 3; do
		! ended || break
		aerie pause -q "$v" && sleep 2 && aerie resume -q "$v" || return 1
		soon 3 ended
	done
	soon 60 ended
}
check "paused, it goes on" pauses
ended || aerie stop -q --force "$v"
wait "$tool"
check "it ends" [ $? = 0 ]
sed -n 's/^# /# guest: /p' "$SCRATCH/out"
check "ticks come as before" grep -q '^ok 1' "$SCRATCH/out"
finish
