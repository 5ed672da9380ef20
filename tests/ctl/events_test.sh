#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The events group tells what happens to a VM, in order, once each.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 6

v=$(vm events)
aerie events >"$SCRATCH/events" &
text=$!
aerie events --json >"$SCRATCH/json" &
json=$!
on_exit "kill $text $json 2>/dev/null"
sleep 1

mine() {
	awk -v name="$v" '$2 == name { print $3 }' "$SCRATCH/events" | tr '\n' ' '
}
mine_are() {
	[ "$(mine)" = "$*" ]
}

boot "$v" >/dev/null
aerie pause -q "$v"
aerie resume -q "$v"
aerie reset -q "$v"
aerie stop -q --force "$v"
aerie start -q "$v"
aerie destroy -q "$v"
check "each is told once, in order" soon 10 mine_are \
	"created started paused resumed reset stopped started destroyed "
echo "# $(mine)"
check "the reason of a stop is told" grep -q "$v stopped (" "$SCRATCH/events"
check "JSON has one object a line" eval \
	"[ \"\$(grep -c \"\\\"name\\\": \\\"$v\\\"\" '$SCRATCH/json')\" = 8 ]"
check "with the same words" grep -q "\"event\": \"stopped\".*\"stopped\": \"forced\"" "$SCRATCH/json"
kill -INT $text
wait $text
check "Ctrl-C is the way to end it" [ $? = 0 ]
kill -TERM $json
wait $json
check "or SIGTERM" [ $? = 0 ]
finish
