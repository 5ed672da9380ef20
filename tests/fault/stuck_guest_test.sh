#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest that loops with interrupts off, on all its processors: the host stays
# responsive, and the guest can be paused, looked at, reset and destroyed.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload irq_off_loop
plan 14

v=$(vm stuck)
exits() {
	field "$v" exits
}
ticks_of() {
	sum=0
	for tid in $(aerie show "$v" | awk '$1 == "VCPU" { t = 1; next } !NF { t = 0 } t { print $2 }'); do
		sum=$((sum + $(cut -d' ' -f14 "/proc/$tid/stat") + $(cut -d' ' -f15 "/proc/$tid/stat")))
	done
	echo "$sum"
}
burns() {
	was=$(ticks_of)
	sleep 1
	[ "$(ticks_of)" -gt $((was + 20)) ]
}

check "run" aerie run "$v" -q -m 64M -c 3 -k "$payload" -a "$LOOP"
watch "$v"
check "it loops" soon 30 seen "$v" "spinning"
check "and takes processor time" burns
check "the host is responsive" responsive
check "pause" within 3 aerie pause -q "$v"
check "it stands still" eval "! burns"
check "its registers can be read" grep -q '^rip' "/sys/kernel/debug/aerie/vms/$v/vcpu1/registers"
check "resume" within 3 aerie resume -q "$v"
check "it goes on" burns
check "registers of a vCPU that runs" grep -q '^rip' \
	"/sys/kernel/debug/aerie/vms/$v/vcpu1/registers"
check "the power button is of no use" says 1 "does not listen" aerie stop "$v"
check "reset" within 5 aerie reset -q "$v"
check "destroy" within 5 aerie destroy -q "$v"
check "the host is responsive again" responsive
finish
