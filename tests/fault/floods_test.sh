#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests that send interrupts without end, spin with theirs off, or have every timer tick as
# fast as it goes: a neighbour on the same processor, which is busy for as long as it is looked
# at, has its half of it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload flood
spinner=$(built payload/irq_off_loop.elf) || exit
[ "$(nproc)" = 1 ] || skip_all "neighbours on one processor"
plan 6

v=$(vm neighbour)
w=$(vm flood)

# run_ms VM: what its vCPUs had run when look() was last called.
run_ms() {
	tr ',{}[]' '\n' <"$SCRATCH/sched" |
		sed -n "/\"name\": *\"$1\"/,/\"run\":/s/.*\"run\": *\([0-9]*\)......\$/\1/p"
}
# Both at one moment, for telling takes a slow host a while.
look() {
	aerie sched --json >"$SCRATCH/sched"
	mine=$(run_ms "$v") others=$(run_ms "$w")
}
# beside ARGUMENT...: the other is what aerie run is told; what both have of two seconds.
beside() {
	aerie run "$w" -q -m 16M "$@" || return 1
	# shellcheck disable=SC2154 # need_payload sets it
	aerie run "$v" -q -m 16M -k "$payload" -a "what=3 work=1000000" || return 1
	sleep 1
	look
	mine0=$mine others0=$others
	sleep 2
	look
	mine=$((mine - mine0)) others=$((others - others0))
	echo "# $mine ms, and the other $others"
	aerie destroy -q "$v" && aerie destroy -q "$w"
}
has_half() {
	[ $((mine * 20)) -ge $(((mine + others) * 9)) ]
}

check "beside floods of interrupts" beside -c 4 -k "$payload" -a what=1
check "it has its half" has_half
check "beside one that spins with its interrupts off" beside -c 4 -k "$spinner" -a "$LOOP"
check "it has its half" has_half
check "beside the fastest timers" beside -k "$payload" -a what=2
check "it has its half" has_half
finish
