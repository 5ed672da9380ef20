#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The module parameter cpus: vCPUs run on those processors, and a list that names none
# that is online keeps the module from being loaded.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload irq_off_loop
need_reload
# The last cpus= counts: what follows is ours.
with() {
	# shellcheck disable=SC2086 # words on purpose
	/sbin/modprobe aerie $MODULE_ARGS "$@"
}
again() {
	destroy_mine
	[ ! -d /sys/module/aerie ] || /sbin/rmmod aerie
	load
}
on_exit "again"
plan 10

last=$(($(nproc) - 1))
online=/sys/devices/system/cpu/cpu$last/online
v=$(vm placed)
refused() {
	! with "cpus=$1" 2>/dev/null && [ ! -d /sys/module/aerie ] &&
		dmesg | tail -n 5 | grep -q "aerie: cpus=$1 is not a list of processors"
}
threads_on() {
	seen=0
	for comm in /proc/[0-9]*/comm; do
		grep -q "^aerie-$v" "$comm" 2>/dev/null || continue
		grep -q "^Cpus_allowed_list:[[:space:]]*$1\$" "${comm%comm}status" || return 1
		seen=$((seen + 1))
	done
	[ "$seen" = 2 ]
}

check "unload" /sbin/rmmod aerie
check "refused: no list" refused first
check "refused: a processor that is not there" refused "$((last + 1))"
check "refused: a number too large" refused 99999
check "the last processor" with "cpus=$last"
check "a guest runs" aerie run "$v" -q -m 64M -c 2 -k "$payload" -a "$LOOP"
check "its vCPUs run there" threads_on "$last"
# The processor goes offline: what is created then may run on all there are.
if [ -w "$online" ]; then
	aerie destroy -q "$v"
	on_exit "echo 1 >$online"
	check "that processor goes offline" eval "echo 0 >$online"
	check "create" aerie create "$v" -q -m 64M -c 2 -k "$payload" -a "$LOOP"
	check "its vCPUs run anywhere" eval "! threads_on $last && threads_on '.*'"
else
	for each in "that processor goes offline" "create" "its vCPUs run anywhere"; do
		skip "$each" "processor $last cannot go offline"
	done
fi
finish
