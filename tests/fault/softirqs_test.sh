#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A softirq of the host that never ends, as where packets come in faster than they are taken:
# it is a thread's, which has its part of the processor, and guests have theirs.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
payload=$(built payload/irq_off_loop.elf) && module=$(built fault/softirqs.ko) || exit
scratch
on_exit "destroy_mine"
on_exit "! [ -d /sys/module/softirqs ] || /sbin/rmmod softirqs"
plan 6

v=$(vm soft)
# What a guest that spins leaves for is the tick alone.
goes_on() {
	was=$(exits_of "$v")
	sleep 2
	now=$(exits_of "$v")
	echo "# $((now - was)) exits"
	[ "$now" -gt $((was + 50)) ]
}

check "a guest that spins" aerie run -q "$v" -m 64M -k "$payload" -a "$LOOP"
check "it goes on" goes_on
check "a softirq that never ends" /sbin/insmod "$module"
check "the guest goes on beside it" goes_on
check "the softirq ends" /sbin/rmmod softirqs
check "the guest still goes on" goes_on
finish
