#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Several stock guests at once boot, answer, and go, all at the same time.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
plan 6

number=4
all() {
	for n in $(seq $number); do
		"$@" "$(vm "$n")" "$n" || return 1
	done
}
start() {
	aerie run "$1" -q -m 96M -k "$KERNEL" -i "$INITRD" -a "$APPEND" && watch "$1"
}
up() {
	soon 300 seen "$1" "aerie guest ready"
}
ask() {
	tell "$1" "echo I am \$((1000 + $2))"
}
answered() {
	soon 60 seen "$1" "I am $((1000 + $2))" && ! grep -q "I am $((1001 + $2))" "$SCRATCH/$1.log"
}
power_off() {
	aerie stop -q "$1"
}
off() {
	soon 60 is_state "$1" stopped && [ "$(field "$1" stopped)" = poweroff ]
}

started=$(now)
check "$number guests start" all start
check "all of them boot" all up
echo "# in $(since "$started")/100 s"
all ask
check "each says what it was told to say" all answered
check "all get the power button" all power_off
check "and power themselves off" all off
check "destroy them with one command" eval "aerie destroy -q $(all echo | cut -d' ' -f1 | tr '\n' ' ')"
finish
