#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Memory that is read first and written then, far more of it than the host has, and equal
# memory that is shared and changes, while duplicates are looked for as fast as can be.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_aerie
payload=$(built payload/frames.elf) || exit
scratch
on_exit "destroy_mine"
budget=$(cat /sys/module/aerie/parameters/share_percent)
on_exit "aerie share --budget $budget >/dev/null"
plan 11

slow=${GUEST_SLOW:-1}
mem() {
	aerie mem "$1" --json | tr ',' '\n' | sed -n "s/.*\"$2\": *\\([0-9]*\\).*/\\1/p"
}
# start NAME OPTION...: the payload, its console to $SCRATCH/NAME.log
start() {
	aerie run "$(vm "$1")" -q -m 65537M -c 2 -k "$payload" \
		-a "rounds=$((4000 / slow)) pause=${2:-0}" ${3:+--share-group "$3"} || return
	watch "$(vm "$1")"
}
passed() {
	soon 120 is_state "$(vm "$1")" stopped
	sed 's/^/#    /' "$SCRATCH/$(vm "$1").log" | tr -d '\r'
	[ "$(tr -d '\r' <"$SCRATCH/$(vm "$1").log" | grep -c '^ok ')" = 4 ]
}

check "64 GiB, and nobody looks for duplicates" \
	prints "budget 0 %" aerie share --budget 0
check "a guest of it" start alone
check "keeps its content" passed alone
# Two of a group and one that is in none, halted when their memory stands still.
check "all day looking for duplicates" prints "budget 100 %" aerie share --budget 100
still() {
	start "$1" 15000 "$2" && soon 120 seen "$(vm "$1")" "standing still" &&
		aerie pause -q "$(vm "$1")"
}
check "three guests" eval 'still a g && still b g && still c'
shared() {
	for each in a b c; do
		[ "$(mem "$(vm "$each")" shared)" -gt 4000000 ] || return
	done
}
check "share" soon 60 shared
aerie mem | sed 's/^/# /'
# With itself and the other, but never with the third.
with() {
	aerie share "$(vm a)" >"$SCRATCH/with" &&
		grep -q "$(vm b)" "$SCRATCH/with" && ! grep -q "$(vm c)" "$SCRATCH/with"
}
check "with those of their group alone" soon 20 with
sed 's/^/# /' "$SCRATCH/with"
hashed_once() {
	before=$(mem "$(vm a)" hashed)
	sleep 3
	[ "$(mem "$(vm a)" hashed)" = "$before" ]
}
check "in the end nothing is hashed any more" soon 30 hashed_once
each_of_three() {
	for each in a b c; do
		"$@" "$each" || return
	done
}
go_on() {
	aerie resume -q "$(vm "$1")"
}
check "they go on" each_of_three go_on
check "and keep their content" each_of_three passed
check "what is wrong is refused" says 2 "is not 0 to 100" aerie share --budget 101
finish
