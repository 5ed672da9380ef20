#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# aerie top without a terminal: its tables tell of the time between two looks, VMs may come
# and go meanwhile, and Ctrl-C ends it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 29

v=$(vm busy)
truncate -s 4M "$SCRATCH/disk"
check "a guest" boot "$v" -c 2 -d "$SCRATCH/disk"

top() {
	aerie top --batch -n 1 "$@"
}
# value COLUMN [VCPU]: of the VM in the table at $SCRATCH/table, in which it is a line of its own.
value() {
	awk -v name="$v" -v want="$1" -v vcpu="${2:--}" '
		$1 == "NAME" { for (i = 1; i <= NF; i++) { if ($i == want) column = i
							   if ($i == "VCPU") number = i } }
		$1 == name && (!number || $number == vcpu) { print $column; exit }' "$SCRATCH/table"
}
# at_least NUMBER COLUMN [VCPU]
at_least() {
	value "$2" "${3:--}" | awk -v least="$1" '{ exit $1 == "-" || $1 + 0 < least }' && return
	echo "# $2 is '$(value "$2" "${3:--}")', less than $1"
	return 1
}
negated() {
	! "$@"
}
tells() {
	top "$@" >"$SCRATCH/table" 2>"$SCRATCH/err" && [ ! -s "$SCRATCH/err" ]
}

# Whole exits by themselves: a loop on one processor, and blocks read past the cache.
tell "$v" "while true; do dd if=/dev/vda of=/dev/null bs=4096 count=200 iflag=direct 2>/dev/null; done"
busy() {
	tells -d 500ms && at_least 10 CPU% && at_least 1 EXITS/S && at_least 1 DISK/S
}
check "a busy guest has CPU time, exits and I/O" soon 30 busy
check "its state is told" [ "$(value STATE)" = running ]
check "its memory" at_least 1 RESIDENT
check "and for how long it has run" [ "$(value UPTIME)" != - ]
check "vCPUs are shown on demand" tells --vcpus
check "the first with its state" [ -n "$(value STATE 0)" ]
check "and the second" [ -n "$(value STATE 1)" ]
adds_up() {
	echo "$(value EXITS/S) $(value EXITS/S 0) $(value EXITS/S 1)" |
		awk '{ exit !($2 + $3 >= $1 * 0.9 - 2 && $2 + $3 <= $1 * 1.1 + 2) }'
}
check "what they do is what the VM does" adds_up
check "memory is not a vCPU's" [ "$(value RESIDENT 0)" = - ]

check "paused" aerie pause -q "$v"
nothing() {
	tells -d 500ms && [ "$(value STATE)" = paused ] && [ "$(value EXITS/S)" = 0 ] &&
		[ "$(value DISK/S)" = 0 ] && ! at_least 2 CPU% >/dev/null
}
check "a paused one does nothing" soon 5 nothing
[ "$(value CPU%)" = 0 ] || sed 's/^/# /' "$SCRATCH/table"

w=$(vm idle)
aerie create -q "$w" -m 64M -k "$KERNEL"
first() {
	aerie top -b -n 1 -d 100ms "$@" | awk -v a="$v" -v b="$w" '$1 == a || $1 == b { print $1; exit }'
}
check "sorted by name" [ "$(first --sort name)" = "$v" ]
check "by memory" [ "$(first --sort memory)" = "$v" ]
check "rounds" [ "$(aerie top -b -n 3 -d 100ms | grep -c '^NAME')" = 3 ]
check "JSON: a line each" [ "$(aerie top -b --json -n 3 -d 100ms | wc -l)" = 3 ]
check "with the columns' names" prints \
	"\"name\": \"$w\", \"vcpu\": 0, \"state\": \"parked\", \"cpu%\": " top -d 100ms --json --vcpus

aerie top -b -d 200ms >"$SCRATCH/long" 2>"$SCRATCH/err" &
top=$!
on_exit "kill $top 2>/dev/null"
shows() {
	grep -q "^$1 " "$SCRATCH/long"
}
check "another VM" aerie create -q "$w-2" -m 64M -k "$KERNEL"
check "VMs come" soon 10 shows "$w-2"
check "and go" aerie destroy -q "$w-2" "$w"
gone() {
	: >"$SCRATCH/long"
	sleep 1
	shows "$v" && ! shows "$w" && ! shows "$w-2"
}
check "and are no more" soon 10 gone
check "resume" aerie resume -q "$v"
check "reset, all counts begin again" aerie reset -q "$v"
sleep 1
kill -INT $top
wait $top
check "Ctrl-C is the way to end it" [ $? = 0 ]
check "nothing went wrong" [ ! -s "$SCRATCH/err" ]
negative() {
	grep -E " -[0-9]" "$SCRATCH/long"
}
check "no rate was ever negative" negated negative

aerie destroy -q "$v"
check "without a terminal it says so" says 2 "--batch prints tables" aerie top
check "no time" says 2 "is no time from 100ms to 1h" aerie top -b -d 0
check "no rounds" says 2 "is no number from 1 on" aerie top -b -n 0
finish
