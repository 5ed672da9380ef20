#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock kernel with many more vCPUs than the host has processors: all of them come
# up, get their timer's interrupts, and send each other theirs.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
plan 6

v=$(vm wide) vcpus=${SCALE_VCPUS:-16}
# counts ROW: how many columns of a row of /proc/interrupts are not 0.
counts() {
	tr -d '\r' <"$SCRATCH/$v.log" | awk -v row="$1:" -v n="$vcpus" '$1 == row {
		for (i = 2; i < n + 2; i++) got += $i > 0 } END { print got + 0 }'
}

started=$(now)
check "$vcpus vCPUs boot" boot "$v" -m 256M -c "$vcpus"
echo "# in $(since "$started")/100 s"
check "the guest sees them" seen "$v" "$vcpus vCPU"
# Each processor runs a shell that ends itself: switches, timers, wake-ups.
tell "$v" "for i in \$(seq $vcpus); do taskset -c \$((i - 1)) sh -c 'usleep 20000; echo on' & done; wait; echo all do''ne"
check "each runs a program" soon 60 seen "$v" "all done"
tell "$v" 'grep -E "LOC|CAL" /proc/interrupts; echo interrupts to""ld'
check "it tells its interrupts" soon 30 seen "$v" "interrupts told"
check "each had its timer's" [ "$(counts LOC)" = "$vcpus" ]
check "and others' function calls" [ "$(counts CAL)" -ge $((vcpus - 1)) ]
finish
