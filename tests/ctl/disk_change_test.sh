#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Disks that change while their guest runs: size and limits; and what is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
plan 40

v=$(vm change)
image=$SCRATCH/image
other=$SCRATCH/other
truncate -s 16M "$image" "$other"

disk() {
	aerie disk "$v" "$@"
}
size() {
	disk "$1" | sed -n 's/^size *//p'
}

# ---- Size -----------------------------------------------------------------

boot "$v" -m 128M -d "$image" -d "$other,ro,iops=1000,bps=1M,burst=2s"
check "a disk is shown" prints "16MiB" disk disk0
check "without limits" prints "iops   -" disk disk0
check "in JSON, too" prints '"size": 16777216' disk disk0 --json
check "the file grows with it" prints "24MiB" disk disk0 --size 24M
check "really" [ "$(stat -c %s "$image")" = $((24 << 20)) ]
check "the guest sees it at once" ask "cat /sys/block/vda/size" 49152
check "and was told" ask 'dmesg | grep "detected capacity change"; dmesg | grep "new size"' "49152"
truncate -s 32M "$image"
check "a file that has grown does nothing yet" [ "$(size disk0)" = 24MiB ]
check "until its size is taken over" prints "32MiB" disk disk0 --rescan
check "the guest writes to its end" \
	ask 'dd if=/proc/version of=/dev/vda bs=1M seek=31 conv=fsync,sync 2>/dev/null; echo end $?' "end 0"
check "which is in the file" [ "$(dd if="$image" bs=1M skip=31 2>/dev/null | head -c 5)" = Linux ]
check "the same size again is no change" prints "32MiB" disk disk0 --size 32M
check "it does not shrink" says 1 "a disk does not shrink" disk disk0 --size 16M
check "nor does its file" [ "$(stat -c %s "$image")" = $((32 << 20)) ]
truncate -s 20M "$image"
check "nor with its file" says 1 "is smaller than the disk" disk disk0 --rescan
truncate -s 32M "$image"
check "of whole sectors" says 1 "not a multiple of 512" disk disk0 --size 33554433
check "a read-only disk" says 1 "read-only" disk disk1 --size 24M
check "more than there can be" says 1 "--size" disk disk0 --size 16000000T
check "no such disk" says 1 "disk9: the VM has no such disk" disk disk9 --size 1G
check "no such VM" says 3 "no such VM" aerie disk "$(vm none)" disk0
check "no name of a disk" says 2 "is no name of a disk" disk a-name-that-is-too-long
check "two sizes" says 2 "--size or --rescan" disk disk0 --size 1G --rescan

# ---- Limits ---------------------------------------------------------------

check "limits that it was made with" prints "iops   1000" disk disk1
check "of bytes" prints "bps    1MiB" disk disk1
check "and of time" prints "burst  2.0s" disk disk1
# row DISK: its line in the table of disks.
row() {
	aerie show "$v" | awk -v name="$1" '/^DEVICE  *SIZE/ { on = 1 } !NF { on = 0 } on && $1 == name' | xargs
}
check "with all else of the VM, too" [ "$(row disk1)" = "disk1 16MiB 1000 1MiB 2.0s" ]
check "or that there are none" [ "$(row disk0)" = "disk0 32MiB - - 100ms" ]
aerie show "$v" --json | tr -d ' \n' >"$SCRATCH/json"
check "in JSON, too" grep -qF \
	'"disks":[{"device":"disk0","size":33554432,"iops":null,"bps":null,"burst":' "$SCRATCH/json"
check "with numbers" grep -qF '"device":"disk1","size":16777216,"iops":1000,"bps":1048576,"burst":2' "$SCRATCH/json"

# timed NAME COMMAND: milliseconds that it takes the guest.
timed() {
	tell "$v" "read a x </proc/uptime; $2; read b x </proc/uptime; echo \"$1=\$a \$b.\""
	soon 60 took "$1" >/dev/null
	took "$1"
}
took() {
	tr -d '\r' <"$SCRATCH/$v.log" | sed -n "s/^$1=\([0-9.]*\) \([0-9.]*\)\./\1 \2/p" |
		awk '{ print int(($2 - $1) * 1000); n++ } END { exit !n }'
}
between() {
	echo "# $1: $2 ms"
	[ "${2:-0}" -ge "$3" ] && [ "$2" -le "$4" ]
}
# shellcheck disable=SC2016 # the guest expands it
reads='for n in 1 2 3 4 5 6 7 8 9 10; do dd if=/dev/vda of=/dev/null bs=4k count=1 skip=$((n * 640)) 2>/dev/null; done'
drop='echo 3 >/proc/sys/vm/drop_caches'
tell "$v" 'echo 0 >/sys/block/vda/queue/read_ahead_kb'
check "so many requests a second" prints "iops   5" disk disk0 --iops 5 --burst 0
check "take their time" between "10 reads at 5 a second" "$(timed slow "$drop; $reads")" 1600 4500
check "as is shown" [ "$(row disk0)" = "disk0 32MiB 5 - 0ns" ]
check "changed at once" prints "iops   -" disk disk0 --iops 0
check "they take none" between "10 reads" "$(timed fast "$drop; $reads")" 0 1500
check "so many bytes a second" prints "bps    2MiB" disk disk0 --bps 2M --burst 100ms
check "take their time, too" between "6 MiB at 2 MiB a second" \
	"$(timed bytes "dd if=/dev/vda of=/dev/null bs=64k count=96 iflag=direct 2>/dev/null")" 1800 6000
asked_before=$(wc -l <"$SCRATCH/$v.log")
check "a limit that would take hours" prints "bps    1KiB" disk disk0 --bps 1K
stuck() {
	tell "$v" "dd if=/dev/vda of=/dev/null bs=64k count=64 iflag=direct 2>/dev/null; echo free\"\"d"
	usleep 2000000
	! answered freed || { echo "# not limited"; return 1; }
	aerie pause -q "$v" && aerie resume -q "$v" && ! answered freed || return 1
	disk disk0 --bps 0 >/dev/null && soon 20 answered freed && return
	tail -n 5 "$SCRATCH/$v.log" | sed 's/^/#   /'
	return 1
}
check "and ends when it is lifted" stuck
disk disk0 --bps 1 >/dev/null
tell "$v" "dd if=/dev/vda of=/dev/null bs=64k iflag=direct"
usleep 500000
check "waiting for it, a VM is destroyed at once" aerie destroy -q "$v"
check "limits that make no sense" says 2 "is no number of requests" \
	aerie create "$v" -k "$KERNEL" -d "$image,iops=many"
finish
