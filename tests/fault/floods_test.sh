#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests that send interrupts without end, spin with theirs off, or have every timer tick as
# fast as it goes: a neighbour on the same processor has its half of it. How much that gets
# done is told, for hosts whose time is exact (--icount).
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload flood
spinner=$(built payload/irq_off_loop.elf) || exit
[ "$(nproc)" = 1 ] || skip_all "neighbours on one processor"
plan 7

v=$(vm neighbour)
w=$(vm flood)
work=1200

# run_ms VM: what its vCPUs have run.
run_ms() {
	aerie sched "$1" --json | tr ',{}[]' '\n' | sed -n 's/.*"run": *\([0-9]*\).*/\1/p' |
		head -n 1 | sed 's/\(.*\)......$/\1/'
}
begins() {
	# shellcheck disable=SC2154 # need_payload sets it
	aerie run "$v" -q -m 16M -k "$payload" -a "what=3 work=$work"
}
# It has done its work, which took it $took ms of a processor.
ends() {
	soon 120 is_state "$v" stopped || return 1
	took=$(run_ms "$v")
	aerie destroy -q "$v"
}
alone() {
	begins && ends
	alone=$took
}
# beside ARGUMENT...: the other is what aerie run is told; what both have of two seconds.
beside() {
	aerie run "$w" -q -m 16M "$@" || return 1
	begins || return 1
	sleep 1
	mine=$(run_ms "$v") others=$(run_ms "$w")
	sleep 2
	mine=$(($(run_ms "$v") - mine)) others=$(($(run_ms "$w") - others))
	ends
	echo "# $mine ms, and the other $others; $took ms of work, $alone alone"
	aerie destroy -q "$w"
}
has_half() {
	[ $((mine * 10)) -ge $(((mine + others) * 4)) ]
}

check "alone" alone
check "beside floods of interrupts" beside -c 4 -k "$payload" -a what=1
check "it has its half" has_half
check "beside one that spins with its interrupts off" beside -c 4 -k "$spinner" -a "$LOOP"
check "it has its half" has_half
check "beside the fastest timers" beside -k "$payload" -a what=2
check "it has its half" has_half
finish
