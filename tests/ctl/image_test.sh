#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Images in chunks as disks of a Linux guest: what it writes is in the image, the base stays
# what it was, and what is damaged, changed or in use is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
plan 36

v=$(vm image)
w=$(vm other)
cd "$SCRATCH" || exit 1

# content IMAGE: the sum of what the disk holds.
content() {
	rm -f whole
	aerie image convert "$1" whole -q --to raw && sum whole
}
# piece IMAGE SKIP COUNT: the sum of some blocks of 64 KiB of it.
piece() {
	rm -f whole
	aerie image convert "$1" whole -q --to raw &&
		dd if=whole bs=64k skip="$2" count="$3" 2>/dev/null | sum
}

dd if=/dev/urandom of=raw bs=1M count=2 2>/dev/null
truncate -s 16M raw
aerie image convert -q raw base
aerie image create -q one --base base
aerie image create -q two --base one --size 24M
aerie image create -q damaged --base base
base_was=$(sum base/data)

aerie image convert -q raw sealed
aerie image create -q small --base raw --chunk 4K
# Not every file system has direct I/O.
direct=,direct
dd if=sealed/data of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null || direct=
# vda: two images below one another; vdb: an image alone, sealed, that is written itself;
# vdc: one with chunks of another size on a plain file
guest "cat /sys/block/vda/size; head -c 2097152 /dev/vda | md5sum;
	dd if=/dev/vda bs=1M skip=18 count=1 2>/dev/null | md5sum;
	yes a | head -c 4096 | dd of=/dev/vda bs=4k seek=5 conv=fsync 2>/dev/null;
	yes b | head -c 307200 | dd of=/dev/vda bs=100k seek=10 conv=fsync 2>/dev/null;
	yes c | head -c 4096 | dd of=/dev/vda bs=1M seek=20 conv=fsync 2>/dev/null;
	echo 3 >/proc/sys/vm/drop_caches; head -c 2097152 /dev/vda | md5sum;
	blkdiscard /dev/vda -o 1048576 -l 524288 && echo discarded;
	dd if=/dev/vda bs=64k skip=16 count=8 2>/dev/null | md5sum;
	echo first | dd of=/dev/vdb conv=notrunc,fsync 2>/dev/null; head -c 2097152 /dev/vdb | md5sum;
	echo second | dd of=/dev/vdc conv=notrunc 2>/dev/null; sync; head -c 2097152 /dev/vdc | md5sum" \
	-d two -d "sealed$direct" -d small
cp raw want
yes a | head -c 4096 | dd of=want bs=4k seek=5 conv=notrunc 2>/dev/null
yes b | head -c 307200 | dd of=want bs=100k seek=10 conv=notrunc 2>/dev/null
zeroes_512k=$(head -c 524288 /dev/zero | sum)
check "the guest sees its size" said 49152
check "and what the base holds" said "$(head -c 2097152 raw | sum)"
check "and zeroes beyond its end" said "$(head -c 1048576 /dev/zero | sum)"
check "and what it has written, with what it has not" said "$(head -c 2097152 want | sum)"
check "discard is offered" said discarded
check "and what is discarded is gone, not what the base has" said "$zeroes_512k"
check "the image holds what was written" \
	[ "$(piece two 0 16)" = "$(dd if=want bs=64k count=16 2>/dev/null | sum)" ]
check "and what was discarded" [ "$(piece two 16 8)" = "$zeroes_512k" ]
check "the base is what it was" [ "$(sum base/data)" = "$base_was" ]
check "and the image between" [ "$(content one)" = "$(sum raw)" ]
check "a chunk was copied for each that was written" \
	[ "$(stat -c %b two/data)" -le $((16 * 128)) ]
check "what was written has no checksum" prints '"sealed": 0' aerie image info two --json
cp raw want
echo first | dd of=want conv=notrunc 2>/dev/null
check "a sealed image is written" said "$(head -c 2097152 want | sum)"
check "also in the file" [ "$(content sealed)" = "$(sum want)" ]
check "and is sound" prints sound aerie image check sealed
cp raw want
echo second | dd of=want conv=notrunc 2>/dev/null
check "chunks of 4 KiB on a plain file" said "$(head -c 2097152 want | sum)"
check "are in the image" [ "$(content small)" = "$(sum want)" ]
check "which has one of them" prints '"open": 1' aerie image info small --json

# Who has it
create() {
	aerie create "$w" -q -k "$KERNEL" "$@"
}
aerie create "$v" -q -k "$KERNEL" -d one
check "two VMs cannot have one image" says 1 "in use" create -d one
check "the tool knows" prints "in use" aerie image info one
check "and changes nothing" says 1 "in use" aerie image check one --seal
check "nor is it a base of another" says 1 "in use" create -d two
check "nor its data a plain disk" says 1 "in use" create -d one/data
aerie destroy -q "$v"
aerie create "$v" -q -k "$KERNEL" -d two
check "two VMs share a base" create -d damaged
check "which nobody writes meanwhile" says 1 "in use" aerie image check base --seal
aerie destroy -q "$v" "$w"
aerie create -q "$v" -k "$KERNEL"
check "a disk that is attached can be an image" aerie attach -q "$v" disk two
check "which is in use then" prints "in use" aerie image info two
aerie detach -q "$v" disk0
check "and no longer when it is detached" eval "! aerie image info two | grep -q 'in use'"
aerie destroy -q "$v"
check "a VM that is gone has it no longer" aerie image check -q two --seal

# What is not as it should be
printf x | dd of=base/data bs=1 seek=1000000 conv=notrunc 2>/dev/null
dmesg -c >/dev/null
guest "dd if=/dev/vda of=/dev/null bs=64k count=4 2>/dev/null && echo whole;
	dd if=/dev/vda of=/dev/null bs=64k skip=15 count=1 2>/dev/null || echo failed;
	dd if=/dev/zero of=/dev/vda bs=4k seek=240 count=1 conv=fsync 2>/dev/null || echo refused" -d damaged
check "chunks that are sound are read" said whole
check "a damaged chunk is an I/O error" said failed
check "and is not written in part" said refused
check "the host's log says so" eval "dmesg | grep -q 'chunk 15 of layer 1 is damaged'"
mv base gone
check "a base that is missing" says 1 "base: No such file" create -d damaged
mv gone base
aerie image check -q base --seal >/dev/null 2>&1
echo changed | dd of=raw conv=notrunc 2>/dev/null
check "a base that was changed" says 1 "was changed since" create -d small
dd if=/dev/urandom of=two/manifest bs=4k count=2 conv=notrunc 2>/dev/null
check "a manifest that is none" says 1 "no valid header" create -d two
finish
