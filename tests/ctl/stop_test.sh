#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# aerie stop on guests that will not: the exit statuses, and the power cut.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 14

deaf=$(vm deaf) busy=$(vm busy)
forced() {
	is_state "$1" stopped && [ "$(field "$1" stopped)" = forced ]
}

# A guest that has heard the button and does nothing: stop gives up after a minute,
# in which the others have their turn.
check "a guest with ACPI boots" boot "$busy"
check "pause" aerie pause -q "$busy"
mkdir "$SCRATCH/minute"
(SCRATCH=$SCRATCH/minute && says 6 "the guest has not powered off" aerie stop "$busy") &
minute=$!

APPEND="$APPEND acpi=off"
check "a guest without ACPI boots" boot "$deaf"
check "it is refused at once" says 1 "does not listen" aerie stop "$deaf"
check "it still runs" is_state "$deaf" running
check "with a timeout the power is cut" aerie stop -q "$deaf" --timeout 2s
check "it says so" forced "$deaf"
check "start, stop --force" eval "aerie start -q $deaf && aerie stop -q --force $deaf"
check "cut once more" forced "$deaf"

check "a paused guest cannot power off: status 6" wait "$minute"
check "it is paused as before" is_state "$busy" paused
check "with a timeout it is cut off" aerie stop -q "$busy" --timeout 2s
check "its power was cut" forced "$busy"
check "destroy both" aerie destroy -q "$deaf" "$busy"
finish
