#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module cannot be unloaded while there is a VM, in whatever state, and says so.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload irq_off_loop
need_reload
plan 9

v=$(vm holds)
refused() {
	says 1 "aerie is in use" /sbin/rmmod aerie && [ -d /sys/module/aerie ]
}
holds_console() {
	aerie console "$v" </dev/null >/dev/null &
	console=$!
	usleep 300000
	aerie destroy -q "$v"
}

check "create" aerie create "$v" -q -m 64M -c 2 -k "$payload" -a "$LOOP"
check "refused with a VM that is created" refused
check "refused with one that runs" eval "aerie start -q $v && refused"
check "refused with one that is paused" eval "aerie pause -q $v && refused"
check "refused with one that is stopped" eval "aerie stop -q --force $v && refused"
check "start, destroy with its console open" eval "aerie start -q $v && holds_console"
check "the console ends" soon 10 eval "! kill -0 $console 2>/dev/null"
check "no VM is left" no_vm
check "then it unloads, and loads" eval "/sbin/rmmod aerie && load"
finish
