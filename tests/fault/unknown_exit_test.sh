#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# An exit that Aerie does not know: its guest stops with a reason that names it, its
# registers are in the host's log, and nobody else notices.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
payload=$(built payload/irq_off_loop.elf) && module=$(built fault/odd_exit.ko) || exit
scratch
on_exit "destroy_mine"
on_exit "! [ -d /sys/module/odd_exit ] || /sbin/rmmod odd_exit"
plan 10

v=$(vm odd) other=$(vm other)
start() {
	aerie run -q "$1" -m 64M -k "$payload" -a "$LOOP"
}
make_odd() {
	/sbin/insmod "$module" code=0x3ff thread="$(printf %.15s "aerie-$v/0")"
}
# What the log says of it, from its reason on, as in kmod/core/exit.c.
log() {
	dmesg | sed -n "s/^.*aerie: $v: //p"
}
registers() {
	log >"$SCRATCH/log"
	sed 's/^/# /' "$SCRATCH/log"
	for reg in rax r15 rip rflags cr0 cr3 cr4; do
		grep -Eq "(^| )$reg +[0-9a-f]{16}( |$)" "$SCRATCH/log" || return 1
	done
}
same_rip() {
	rip=$(sed -n 's/^.*rip *0*\([0-9a-f]\{1,16\}\).*/\1/p' "$SCRATCH/log")
	[ -n "$rip" ] && prints "at rip 0x$rip" aerie show "$v"
}

check "two guests" eval "start $v && start $other"
check "exits of one are unknown from now on" make_odd
check "it stops" soon 10 is_state "$v" stopped
check "the reason names the exit" prints "vCPU 0: unexpected exit unknown (0x3ff) at rip" aerie show "$v"
check "the log has its registers" registers
check "of the same moment" same_rip
check "the exit has been counted" prints unclaimed aerie stat "$v"
check "the other guest runs on" runs_on "$other"
check "without the cause it can be started again" \
	eval "/sbin/rmmod odd_exit && aerie start -q $v && runs_on $v"
check "and destroyed" eval "aerie destroy -q $v && aerie destroy -q $other"
finish
