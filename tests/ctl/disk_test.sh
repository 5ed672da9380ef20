#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Disks of a Linux guest: what it writes is in the image, what it may not is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
plan 28

v=$(vm disk)
w=$(vm other)

image=$SCRATCH/image
second=$SCRATCH/second
dd if=/dev/urandom of="$image" bs=1M count=3 2>/dev/null
truncate -s 64M "$image"
truncate -s 8M "$second"
guest "cat /sys/block/vda/size /sys/block/vda/serial /sys/block/vda/ro; echo;
	head -c 3145728 /dev/vda | md5sum;
	dd if=/dev/urandom of=/dev/vda bs=1M seek=40 count=4 2>/dev/null; sync;
	dd if=/dev/vda bs=1M skip=40 count=4 2>/dev/null | md5sum;
	cat /sys/block/vdb/size; echo second | dd of=/dev/vdb conv=sync 2>/dev/null;
	blkdiscard /dev/vdb -o 65536 -l 65536 && echo discarded;
	head -c 100 /dev/hwrng | wc -c; cat /sys/class/misc/hw_random/rng_current;
	grep -c virtio /proc/interrupts" -d "$image,serial=web-root" -d "$second"
check "the guest sees its size" said 131072
check "and its serial number" said web-root
check "and what was in it" said "$(head -c 3145728 "$image" | sum)"
check "what it writes is in the image" said "$(dd if="$image" bs=1M skip=40 count=4 2>/dev/null | sum)"
check "the image has kept its size" [ "$(stat -c %s "$image")" = $((64 << 20)) ]
check "and its holes" [ "$(stat -c %b "$image")" -lt $((20 << 11)) ]
check "the second disk has a size of its own" said 16384
check "and its own content" [ "$(head -c 6 "$second")" = second ]
check "discard is offered" said discarded
check "entropy" said 100
check "of virtio-rng" said virtio_rng
check "interrupts are messages, one a queue" said 6

# Read-only
before=$(sum "$image")
guest "cat /sys/block/vda/ro; dd if=/dev/zero of=/dev/vda count=1 || echo refused;
	dd if=/dev/vda of=/dev/null bs=1M && echo read" -d "$image,ro"
check "a disk that is read only" said refused
check "is read" said read
check "and is what it was" [ "$(sum "$image")" = "$before" ]

# Who has it
create() {
	aerie create "$w" -q -k "$KERNEL" "$@"
}
aerie create "$v" -q -k "$KERNEL" -d "$image"
check "another VM cannot have it" says 1 "--disk $image is in use by another VM" create -d "$image"
check "nor read it" says 1 "is in use by another VM" create -d "$image,ro"
check "nor the same twice" says 1 "one of the disks is in use" create -d "$second" -d "$second"
aerie destroy -q "$v"
aerie create "$v" -q -k "$KERNEL" -d "$image,ro"
check "two that read" create -d "$image,ro"
check "and none that writes" says 1 "is in use by another VM" \
	aerie create "$(vm third)" -q -k "$KERNEL" -d "$image"
aerie destroy -q "$v" "$w"

# Refusals
: >"$SCRATCH/empty"
echo short >"$SCRATCH/short"
mkdir "$SCRATCH/dir"
check "no such image" says 1 "--disk $SCRATCH/none: No such file" create -d "$SCRATCH/none"
check "an empty image" says 1 "--disk $SCRATCH/empty is empty" create -d "$SCRATCH/empty"
check "less than a sector" says 1 "is smaller than a sector" create -d "$SCRATCH/short"
check "a directory, to read" says 1 "is a directory" create -d "$SCRATCH/dir,ro"
check "a character device" says 1 "neither a regular file" create -d /dev/zero
check "an option that is none" says 2 "'rw' is none of ro, direct, serial=TEXT" create -d "$image,rw"
too_many() {
	set --
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17; do
		set -- "$@" -d "$SCRATCH/d$n"
	done
	says 2 "more than 16 disks" create "$@"
}
check "more disks than there can be" too_many
check "none of these left a VM" [ "$(aerie list --names | grep -c "^t$$-")" = 0 ]
finish
