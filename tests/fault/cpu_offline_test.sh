#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The host's processors go offline and come back while guests run: the guests go on.
# shellcheck disable=SC2016,SC2317 # the guest expands it; check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
[ "$(nproc)" -gt 1 ] || skip_all "this host has one processor (scripts/lab --cpus 3)"
cpu=/sys/devices/system/cpu/cpu$(($(nproc) - 1))/online
[ -w "$cpu" ] || skip_all "processors cannot go offline here"
on_exit "echo 1 >$cpu"
plan 15

v=$(vm stays) w=$(vm comes)
asked=1000
# answers VM: its shell does.
answers() {
	asked=$((asked + 1))
	tell "$1" "echo sum \$(($asked + 1000))"
	soon 30 seen "$1" "sum $((asked + 1000))"
}
offline() {
	echo 0 >"$cpu" && [ "$(cat "$cpu")" = 0 ]
}
online() {
	echo 1 >"$cpu" && [ "$(cat "$cpu")" = 1 ]
}
toggle() {
	for i in $(seq "$(rounds 20)"); do
		offline && usleep 50000 && online && usleep $((i * 5000)) || return 1
	done
}
# The guest's clock goes as fast as ours: within a fifth, for who looks at both is late.
span=5
[ "$SLOW" -lt 10 ] || span=1	# a second takes a minute there
even_time() {
	from=$(now)
	tell "$1" 'read up rest </proc/uptime; echo "at$((0 + 1)) $up"'
	soon 30 seen "$1" "at1 " || return 1
	sleep "$span"
	tell "$1" 'read up rest </proc/uptime; echo "at$((1 + 1)) $up"'
	soon 30 seen "$1" "at2 " || return 1
	tr -d '\r' <"$SCRATCH/$1.log" | awk -v host="$(since "$from")" -v span="$span" '
		$1 == "at1" { from = $2 } $1 == "at2" { to = $2 }
		END { guest = (to - from) * 100
			print "# guest " guest "/100 s, host " host "/100 s"
			exit !(from && guest > span * 60 && guest < host * 1.2) }'
}

check "a guest with 2 vCPUs" boot "$v" -c 2
check "a processor goes offline" offline
check "the guest answers" answers "$v"
check "another guest starts" boot "$w" -c 2
check "the processor comes online" online
check "the first answers" answers "$v"
check "the second, too" answers "$w"
tell "$v" 'for n in 1 2; do while :; do :; done & done'
check "offline and online while both vCPUs are busy" toggle
check "it answers" answers "$v"
check "its time is right" even_time "$v"
check "offline while it is paused" eval "aerie pause -q $v && offline && aerie resume -q $v"
check "it answers still" answers "$v"
check "destroy with a processor offline" aerie destroy -q "$v"
check "online" online
check "the other answers" answers "$w"
finish
