#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Tracepoints tell where the guest was, also at exits that have no use for it: a
# guest that only loops is always near the place where its registers say it is.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
payload=$(built payload/irq_off_loop.elf) || exit
events=/sys/kernel/tracing/events/aerie
[ -d "$events" ] || skip_all "no tracefs at /sys/kernel/tracing"
scratch
on_exit "destroy_mine"
on_exit "echo 0 >$events/enable; echo >/sys/kernel/tracing/trace"
plan 5

v=$(vm traced)

trace() {
	echo >/sys/kernel/tracing/trace
	echo 1 >"$events/enable"
	usleep 200000
	echo 0 >"$events/enable"
	# Not before: reading them is what makes the module know RIP.
	sed -n 's/^rip[ =:]*//p' "/sys/kernel/debug/aerie/vms/$v/vcpu0/registers" >"$SCRATCH/rip"
	for event in entry exit; do
		sed -n "s/.* aerie_$event: .* rip \(0x[0-9a-f]*\).*/\1/p" \
			/sys/kernel/tracing/trace >"$SCRATCH/$event"
	done
	[ -s "$SCRATCH/rip" ]
}

# near EVENT: all have been within a few instructions of it.
near() {
	read -r rip <"$SCRATCH/rip"
	rip=$((0x${rip#0x}))
	seen=0
	while read -r at; do
		seen=$((seen + 1))
		off=$((at - rip))
		if [ "$off" -lt -256 ] || [ "$off" -gt 256 ]; then
			echo "# $1 $seen at $at, registers say $(cat "$SCRATCH/rip")"
			return 1
		fi
	done <"$SCRATCH/$1"
	[ "$seen" -ge 5 ] || { echo "# $seen events"; return 1; }
}

check "run" aerie run "$v" -q -m 64M -k "$payload" -a "$LOOP"
watch "$v"
check "it loops" soon 30 seen "$v" "spinning"
check "trace" trace
check "exits are where it loops" near exit
check "entries too" near entry
finish
