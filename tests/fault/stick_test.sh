#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A removable SCSI disk of the host, which is what a USB stick is to it, given to a guest:
# one of its partitions, or all of it, is that guest's alone, until it is pulled out.
# shellcheck disable=SC2317,SC2016 # check runs what looks unused; guests expand
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
/sbin/modprobe -q sd_mod 2>/dev/null
/sbin/modprobe -q scsi_debug removable=1 dev_size_mb=32 num_parts=2 delay=0 2>/dev/null ||
	skip_all "no scsi_debug here"
on_exit "/sbin/rmmod scsi_debug 2>/dev/null"
plan 24

v=$(vm stick)
w=$(vm other)
mkdir "$SCRATCH/mnt"
# $stick: the name of the disk that scsi_debug has made.
plugged() {
	stick=$(ls /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block 2>/dev/null)
	[ -n "$stick" ] && [ -b "/dev/${stick}2" ]
}
soon 20 plugged || bail "scsi_debug made no disk"
host_cannot() {
	! mount -t ext4 "$1" "$SCRATCH/mnt" 2>/dev/null
}
host_claimed() {
	says 1 "cannot attach: disk $1 is in use by the host: mounted, or claimed by a program" \
		aerie attach "$v" disk "$1"
}
sizes() {
	[ "$(cat "/sys/block/$stick/$stick$1/size")" = "$(aerie show "$v" --json |
		tr -d ' \n' | grep -o '"size":[0-9]*' | head -n 1 | grep -o '[0-9]*$' |
		awk '{ print $1 / 512 }')" ]
}

boot "$v" -m 128M
mke2fs -F "/dev/${stick}1" >/dev/null 2>&1 && mount "/dev/${stick}1" "$SCRATCH/mnt"
echo of-host >"$SCRATCH/mnt/file"
check "a partition that is mounted is not given away" host_claimed "/dev/${stick}1"
check "nor the stick that it is on" host_claimed "/dev/$stick"
check "another partition is" aerie attach -q "$v" disk "/dev/${stick}2"
check "the guest sees it" ask 'sleep 1; cat /sys/block/vda/size; echo read$?.' \
	"$(cat "/sys/block/$stick/${stick}2/size")"
check "no more than that" sizes 2
umount "$SCRATCH/mnt"
check "the stick is not given away while a part of it is" host_claimed "/dev/$stick"
check "nor the part to another VM" says 1 "is in use by another VM" \
	aerie create "$w" -q -k "$KERNEL" -d "/dev/${stick}2"
check "it is given back" says 0 detached aerie detach "$v" disk0

check "the whole stick is given" aerie attach -q "$v" disk "/dev/$stick"
check "its partitions are not the host's then" host_cannot "/dev/${stick}1"
check "nor another VM's" says 1 "is in use by the host" \
	aerie create "$w" -q -k "$KERNEL" -d "/dev/${stick}1"
check "the guest finds its partitions" ask \
	'sleep 1; mount -t ext2 /dev/vda1 /tmp; cat /tmp/file; echo mounted$?.' of-host
check "writes" ask 'echo of-guest >/tmp/file; sync; echo written$?.' "written0."
check "and keeps on reading and writing" ask \
	'n=0; (while dd if=/dev/zero of=/tmp/more bs=64k count=64 conv=fsync; do n=$((n + 1)); echo turn-$n.; done; echo ended-at-$n.) 2>/dev/null &' \
	"turn-3."

# Pulled out
echo 1 >"/sys/block/$stick/device/delete"
gone() {
	[ ! -e "/sys/block/$stick" ]
}
check "it is pulled out" soon 10 gone
ended() {
	tr -d '\r' <"$SCRATCH/$v.log" | grep -q "^.*ended-at-"
}
check "the guest's writes fail" soon 60 ended
check "and its reads" ask \
	'echo 3 >/proc/sys/vm/drop_caches; dd if=/dev/vda of=/dev/null bs=4k count=1 skip=4000 2>&1 | tail -n 1' \
	"I/O error"
check "it goes on" ask 'umount /tmp; echo alive$((40 + 2)).' "alive42."
check "what is not there any more is still shown" prints disk0 aerie show "$v"
check "and detached" says 0 detached aerie detach "$v" disk0
check "nobody holds it" /sbin/rmmod scsi_debug

# Another one
/sbin/modprobe -q scsi_debug removable=1 dev_size_mb=32 num_parts=2 delay=0
check "another is plugged in" soon 20 plugged
check "and given to the guest" aerie attach -q "$v" disk "/dev/$stick"
check "which reads it" ask \
	'sleep 1; dd if=/dev/vda of=/dev/null bs=1M count=32 && echo read$?.' "read0."
aerie destroy -q "$v"
finish
