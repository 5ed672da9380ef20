#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest's console as a tty of the host: no tool takes part.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 10

v=$(vm tty)
# A reader from now on; the tty itself neither echoes nor changes anything.
read_tty() {
	: >"$SCRATCH/read"
	{ stty raw -echo && exec cat; } <"$tty" >"$SCRATCH/read" &
	reader=$!
}
read_has() {
	tr -d '\r' <"$SCRATCH/read" | grep -qxF -e "$1"
}

check "a guest" boot "$v"
tty=/dev/$(field "$v" tty)
check "its tty" [ -c "$tty" ]
read_tty
check "what was printed before it was opened" soon 10 grep -q "aerie guest ready" "$SCRATCH/read"
# shellcheck disable=SC2016 # the guest's shell is to do the sum
echo 'echo "sum $((40 + 2))"' >"$tty"
check "a command gets its answer" soon 20 read_has "sum 42"
check "which the tool's watchers see, too" soon 10 seen "$v" "sum 42"
# The tty is closed once the reader is gone.
stop_reading() {
	kill "$reader"
	wait "$reader" 2>/dev/null
}
stop_reading
read_tty
check "who comes later sees all of it again" soon 10 read_has "sum 42"
check "from the start" grep -q "aerie guest ready" "$SCRATCH/read"
again() {
	for _ in $(seq 20); do
		stop_reading
		read_tty
		soon 10 read_has "sum 42" || return 1
	done
}
check "as often as it is opened" again
check "destroy while it is open" aerie destroy -q "$v"
check "the reader's input ends" soon 10 eval "! kill -0 $reader 2>/dev/null"
finish
