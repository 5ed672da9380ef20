#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# aerie stop on guests that will not: the exit statuses, and the power cut.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 12

deaf=$(vm deaf) busy=$(vm busy)
forced() {
	is_state "$1" stopped && [ "$(field "$1" stopped)" = forced ]
}

APPEND="$APPEND acpi=off"
check "a guest without ACPI boots" boot "$deaf"
check "it is refused at once" says 1 "does not listen" aerie stop "$deaf"
check "it still runs" is_state "$deaf" running
check "with a timeout the power is cut" aerie stop -q "$deaf" --timeout 2s
check "it says so" forced "$deaf"
check "start, stop --force" eval "aerie start -q $deaf && aerie stop -q --force $deaf"
check "cut once more" forced "$deaf"

APPEND="console=ttyS0 quiet"
check "a guest with ACPI boots" boot "$busy"
check "pause" aerie pause -q "$busy"
check "a paused guest cannot power off" aerie stop -q "$busy" --timeout 2s
check "its power was cut" forced "$busy"
check "destroy both" aerie destroy -q "$deaf" "$busy"
finish
