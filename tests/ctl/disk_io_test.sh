#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# How disks do their work: many requests at a time, past the page cache, and not while
# the VM is paused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
plan 15

v=$(vm io)
image=$SCRATCH/image

# A disk of which every request takes 300 ms: 32 one after the other take 9.6 s.
# shellcheck disable=SC2016 # the guest expands it
reads='echo 64 >/sys/block/vda/queue/max_sectors_kb; read up x </proc/uptime;
	dd if=/dev/vda of=/dev/null bs=2M count=1 iflag=direct 2>/dev/null; read end x </proc/uptime;
	echo times $up $end;
	dd if=/dev/zero of=/dev/vda bs=1M seek=8 count=2 conv=fsync 2>/dev/null && echo written;
	dd if=/dev/vda bs=1M skip=8 count=2 2>/dev/null | md5sum'
zeroes=$(dd if=/dev/zero bs=1M count=2 2>/dev/null | sum)
together() {
	took=$(sed -n 's/.*times \([0-9.]*\) \([0-9.]*\).*/\1 \2/p' "$SCRATCH/said" |
		awk '{ print int(($2 - $1) * 1000) }')
	echo "# 32 reads of 300 ms took ${took:-?} ms"
	[ "${took:-9999}" -lt 4000 ] || said "not together"
}
for how in direct serial=cached; do
	if null_disk slow 300000000; then
		guest "$reads" -d "$NULL_DISK,$how"
		check "$how: reads are under way together" together
		check "$how: writes are done" said written
		check "$how: and are what is read" said "$zeroes"
		null_disk_gone slow
	else
		skip "$how: reads are under way together" "no null_blk here"
		skip "$how: writes are done" "no null_blk here"
		skip "$how: and are what is read" "no null_blk here"
	fi
done

# memory_group: $GROUP is a memory cgroup. It fails where the host has none.
memory_group() {
	mkdir "$SCRATCH/cgroup" && mount -t cgroup2 none "$SCRATCH/cgroup" || return 1
	on_exit "umount $SCRATCH/cgroup"
	echo +memory >"$SCRATCH/cgroup/cgroup.subtree_control" || return 1
	GROUP=$SCRATCH/cgroup/aerie
	mkdir "$GROUP"
	on_exit "rmdir $GROUP"
}

# Past the page cache of a file system.
if scratch_fs 24; then
	dd if=/dev/urandom of="$FS/image" bs=1M count=12 2>/dev/null
	before=$(sum "$FS/image")
	guest 'dd if=/dev/vda bs=1M count=12 2>/dev/null | md5sum;
		dd if=/dev/urandom of=/dev/vda bs=64k seek=100 count=20 conv=fsync 2>/dev/null;
		dd if=/dev/vda bs=64k skip=100 count=20 2>/dev/null | md5sum' -d "$FS/image,direct"
	check "direct: the guest sees what is in the file" said "$before"
	check "direct: and what it writes is in it" \
		said "$(dd if="$FS/image" bs=64k skip=100 count=20 2>/dev/null | sum)"
	check "direct: which the page cache does not hold" [ "$(sum "$FS/image")" != "$before" ]
	# Through the page cache, from nothing.
	sync
	echo 3 >/proc/sys/vm/drop_caches
	if memory_group; then
		(echo 0 >"$GROUP/cgroup.procs" &&
			guest 'dd if=/dev/vda of=/dev/null bs=1M count=12' -d "$FS/image")
		cached=$(sed -n 's/^file //p' "$GROUP/memory.stat")
		echo "# $cached bytes of page cache"
		check "the page cache is paid for by who made the VM" [ "$cached" -gt $((10 << 20)) ]
	else
		skip "the page cache is paid for by who made the VM" "no memory cgroups here"
	fi
	scratch_fs_gone
else
	skip "the page cache is paid for by who made the VM" "no loop devices here"
	skip "direct: the guest sees what is in the file" "no loop devices here"
	skip "direct: and what it writes is in it" "no loop devices here"
	skip "direct: which the page cache does not hold" "no loop devices here"
fi

# Paused: a guest that writes all the time.
truncate -s 16M "$image"
writes() {
	before=$(sum "$image")
	usleep 700000
	[ "$(sum "$image")" != "$before" ]
}
paused_is_still() {
	for round in 1 2 3; do
		aerie pause -q "$v" || return 1
		if writes; then
			echo "# round $round: written while paused"
			return 1
		fi
		aerie resume -q "$v" || return 1
		usleep 150000
	done
}
pause_and() {
	aerie pause -q "$v" && aerie "$@" "$v"
}
boot "$v" -m 128M -d "$image"
tell "$v" 'while :; do dd if=/dev/urandom of=/dev/vda bs=64k count=64 conv=fsync 2>/dev/null; done &'
check "a guest writes" soon 20 writes
check "and not while it is paused" paused_is_still
check "and goes on after it" soon 20 writes
check "paused, it can be reset" pause_and reset -q
aerie resume -q "$v"
check "or destroyed" pause_and destroy -q
finish
