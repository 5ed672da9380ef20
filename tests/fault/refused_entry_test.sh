#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# An entry that the processor refuses: its guest stops with a reason, and nobody else notices.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload irq_off_loop
module=$(built fault/bad_entry.ko) || exit
on_exit "! [ -d /sys/module/bad_entry ] || /sbin/rmmod bad_entry"
# The processor is to refuse it, not Aerie.
ours=/sys/module/aerie/parameters/check_entry
was=$(cat $ours)
on_exit "echo $was >$ours"
echo N >$ours
plan 6

reason="unexpected exit invalid_guest_state"
! grep -qw vmx /proc/cpuinfo || reason="the processor refused the entry, error 7"
v=$(vm refused) other=$(vm other)
start() {
	aerie run -q "$1" -m 64M -k "$payload" -a "$LOOP"
}
spoil() {
	/sbin/insmod "$module" thread="$(printf %.15s "aerie-$v/0")"
}

check "two guests" eval "start $v && start $other"
check "entries of one are spoilt from now on" spoil
check "it stops" soon 10 is_state "$v" stopped
check "the reason is the processor's" prints "$reason" aerie show "$v"
check "the other guest runs on" runs_on "$other"
check "the one is destroyed, and another takes its place" \
	eval "aerie destroy -q $v && /sbin/rmmod bad_entry && start $v && runs_on $v"
finish
