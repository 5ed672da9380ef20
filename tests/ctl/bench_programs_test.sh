#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What scripts/bench-devices measures with: its programs do what they say, on a file and
# over the loopback interface, and notice data that is not what they have written.
# shellcheck disable=SC2016,SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_aerie
disk=$(built perf/guest/disk) || exit
stream=$(built perf/guest/stream) || exit
scratch
plan 10

port=7001
figures() {
	[ "$(grep -c "^figure $1" "$SCRATCH/out")" = "$2" ] && return
	sed 's/^/# /' "$SCRATCH/out"
	return 1
}
refuses() {
	text=$1
	shift
	! "$@" >"$SCRATCH/out" 2>&1 && grep -qF -e "$text" "$SCRATCH/out" && return
	sed 's/^/# /' "$SCRATCH/out"
	return 1
}

if null_disk programs 0; then
	check "a disk" eval '"$disk" d "$NULL_DISK" 8 read-4k-d1 20 write-4k-d32 100 read-4k-d32 100 \
		read-1m-d1 9 >"$SCRATCH/out" 2>&1'
	check "a figure of each kind" figures 'd/[a-z]*-[14][km]-d[0-9]* [0-9]* [1-9]' 4
	check "a disk that is too small" refuses "a request of" "$disk" d "$NULL_DISK" 65 read-4k-d1 1
	# A disk that forgets what was written.
	echo 0 >"/sys/kernel/config/nullb/programs/power"
	echo 0 >"/sys/kernel/config/nullb/programs/memory_backed"
	echo 1 >"/sys/kernel/config/nullb/programs/power"
	check "wrong data" refuses "belongs to" "$disk" d "$NULL_DISK" 8 read-4k-d1 20
else
	for name in "a disk" "a figure of each kind" "a disk that is too small" "wrong data"; do
		skip "$name" "no null_blk here"
	done
fi
check "no such kind" refuses "no such kind" "$disk" d /dev/zero 1 read-8k-d1 1
check "no such depth" refuses "no such kind" "$disk" d /dev/zero 1 read-4k-d33 1

"$stream" serve $port 2>/dev/null &
on_exit "kill $! 2>/dev/null"
check "a network" eval '"$stream" n 127.0.0.1 $port send 2 receive 2 ping 20 >"$SCRATCH/out" 2>&1'
check "a figure of each of its kinds" figures 'n/[a-z]* [0-9]* [1-9]' 3
check "no such kind of those" refuses "no such kind" "$stream" n 127.0.0.1 $port shout 1
check "no address" refuses "no address" "$stream" n localhost $port ping 1
finish
