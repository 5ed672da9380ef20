#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest's wall clock is never off the host's by a millisecond, and never goes back, however the
# guest is scheduled, and whatever disciplines the host's clock.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload clock
ask=$(built ctl/clock_ask) || exit
busy=$(built payload/irq_off_loop.elf) || exit
plan 15

v=$(vm clock)
# Programs of weight 1024 beside vCPUs that never rest.
renice -n -19 -p $$ >/dev/null
on_exit "$ask slew 0"

right() {
	"$ask" "/dev/$(field "$v" tty)" 20
}
# As long as something goes on a mistake adds up.
right_for() {
	until=$(($(cut -d. -f1 /proc/uptime) + $1 * SLOW))
	while [ "$(cut -d. -f1 /proc/uptime)" -lt "$until" ]; do
		"$ask" "/dev/$(field "$v" tty)" 5 >"$SCRATCH/right" || { cat "$SCRATCH/right"; return 1; }
	done
	cat "$SCRATCH/right"
}
paused() {
	aerie pause -q "$v" && sleep 3 && aerie resume -q "$v" && right
}
paused_often() {
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		aerie pause -q "$v" && usleep 200000 && aerie resume -q "$v" || return 1
	done
	right
}
up() {
	aerie run "$v" -q -m 16M -c 3 -k "$payload" && watch "$v" && soon 60 seen "$v" "# clock"
}
again() {
	aerie reset -q "$v" && sleep 1 && soon 60 seen "$v" "# clock"
}

check "a guest of three vCPUs" up
check "its clock is the host's" right
told() {
	! grep -q "pairs 0 " "$SCRATCH/right"
}
check "after a while" right_for 3
if [ "$(cat /sys/devices/system/clocksource/clocksource0/current_clocksource)" = tsc ]; then
	check "it knows it from the host" told
else
	skip "it knows it from the host" "the host does not keep its time by the TSC"
fi
check "the host's clock goes faster" "$ask" slew 500
check "so does the guest's" right_for 6
check "slower" "$ask" slew -500
check "so does that" right_for 6
check "paused, and right at once" paused
check "again and again" paused_often
check "capped" eval "aerie sched $v --cap 20 && right_for 3 && aerie sched $v --cap 0"
check "beside others" eval "aerie run $(vm o) -q -m 16M -c 4 -k $busy -a '$LOOP' && right_for 3"
check "reset" eval "again && right_for 2"
check "stopped and started" eval "aerie stop -q --force $v && aerie start -q $v && soon 60 seen $v '# clock' && right_for 2"
"$ask" slew 0
check "and as it was" right_for 2
finish
