# shellcheck shell=sh
# Block devices and file systems of the host to put disks on. For sourcing after ctl.sh.

# null_disk NAME NANOSECONDS [SETTING=VALUE...]: $NULL_DISK is a disk of 64 MiB in memory,
# each request to which takes that long. It fails where the host has none.
null_disk() {
	/sbin/modprobe -q null_blk nr_devices=0 2>/dev/null || return 1
	config=/sys/kernel/config
	[ -d $config/nullb ] || mount -t configfs none $config || return 1
	null_dir=$config/nullb/$1
	mkdir "$null_dir" || return 1
	on_exit "null_disk_gone $1"
	for setting in size=64 memory_backed=1 irqmode=2 completion_nsec="$2" hw_queue_depth=64; do
		echo "${setting#*=}" >"$null_dir/${setting%%=*}" || return 1
	done
	shift 2
	for setting; do
		echo "${setting#*=}" >"$null_dir/${setting%%=*}" || return 1
	done
	echo 1 >"$null_dir/power" || return 1
	for NULL_DISK in "/dev/${null_dir##*/}" "/dev/nullb$(cat "$null_dir/index")"; do
		[ ! -b "$NULL_DISK" ] || return 0
	done
	return 1
}

null_disk_gone() {
	[ ! -d "/sys/kernel/config/nullb/$1" ] || rmdir "/sys/kernel/config/nullb/$1"
}

# scratch_fs MEGABYTES: $FS is a file system of that size, on a loop device. It fails where
# the host has none.
scratch_fs() {
	/sbin/modprobe -q loop 2>/dev/null
	[ -e /dev/loop-control ] || return 1
	FS=$SCRATCH/fs
	mkdir "$FS"
	truncate -s "$1M" "$SCRATCH/fs.image"
	FS_LOOP=$(losetup -f) && losetup "$FS_LOOP" "$SCRATCH/fs.image" &&
		mke2fs -F "$FS_LOOP" >/dev/null 2>&1 && mount -t ext2 "$FS_LOOP" "$FS" || return 1
	on_exit "scratch_fs_gone"
}

scratch_fs_gone() {
	[ -n "$FS" ] || return
	umount "$FS"
	losetup -d "$FS_LOOP"
	rmdir "$FS"
	FS=
}
