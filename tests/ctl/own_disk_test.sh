#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest memory that is on a disk of the guest's own leaves memory without being written
# anywhere, and is read from there again; what is written to the disk meanwhile, a disk that
# goes, an image in layers, a block device, a disk that cannot be read any more, one that
# somebody changes under the guest.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
# shellcheck source=tests/lib/devices.sh
. "$lib/devices.sh"
need_guest
need_store
no_scanner
on_exit destroy_mine
plan 45

cd "$SCRATCH" || exit 1
v=$(vm a)
dd if=/dev/urandom of=raw bs=1M count=60 2>/dev/null
cp raw base.raw
aerie image convert -q base.raw base
aerie image create -q image --base base
digest() {
	md5sum <"$1" | cut -d ' ' -f 1
}
raw=$(digest raw)
figures() {
	echo "# $1: resident $(number resident) stored $(number stored) on disk $(number on_disk)" \
		"loaded $(number loaded)"
}
# reads NAME DISK SUM: the guest reads all of it, once it is there, and finds what it should.
reads() {
	say "until [ -b /dev/$2 ]; do sleep 1; done; md5sum </dev/$2 | sed 's/^/$1 /'"
	said "$1 $3  -"
}
# It is in what aerie top counts, while nobody brings anything back.
top_tells() {
	aerie pause -q "$v"
	out=$(($(number stored) + $(number on_disk)))
	top=$(aerie top --batch --json -n 1 -d 100ms | tr ',{}' '\n' | sed -n 's/.*"out": *\([0-9]*\).*/\1/p')
	aerie resume -q "$v"
	[ "$top" -ge "$out" ]
}
# lost: it has stopped for that.
lost() {
	soon 60 stopped && field "$v" reason | grep -q 'has left memory and cannot be read back'
}
# up OPTION...: a guest that has little memory, and disks.
up() {
	aerie create -q "$v" -m 160M -k "$KERNEL" -i "$INITRD" -a "$APPEND" "$@" &&
		watch "$v" && aerie start -q "$v" && soon 120 seen "$v" "aerie guest ready" &&
		aerie mem "$v" --limit 72M >/dev/null
}

check "a guest with a disk and little memory" up -d raw
check "reads the disk" reads one vda "$raw"
figures read
check "what it keeps of that leaves memory" soon 60 at_least on_disk 12
check "it has no more than it may have" at_most resident 72
check "none of it is in swap" [ "$(number swapped)" = 0 ]
check "the pool tells it" [ "$(pool on_disk)" -ge $((12 * MB)) ]
check "and so does aerie top" top_tells
check "it is in the picture" eval "aerie mem '$v' --map --json | grep -q '\"on_disk\"'"
loaded=$(number loaded)
check "the guest reads it again" reads two vda "$raw"
check "from there" [ "$(number loaded)" -gt "$loaded" ]
figures again

# Its own cache is written to, which takes what has left memory, and that goes to the disk.
say "dd if=/dev/urandom of=/dev/vda bs=1M count=20 conv=notrunc,fsync 2>/dev/null; md5sum </dev/vda | sed 's/^/su''m /'"
check "it writes to the disk" said "sum [0-9a-f]*  -"
new=$(digest raw)
check "which is what it says then" [ "$(summed)" = "$new  -" ]
check "and is another" [ "$new" != "$raw" ]
check "that leaves memory as well" soon 60 at_least on_disk 12
check "and is read again" reads three vda "$new"
# Blocks that are thrown away and overwritten behind the cache's back come back first.
say "dd if=/dev/zero of=/dev/vda bs=1M count=4 seek=30 oflag=direct conv=notrunc 2>/dev/null; echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda | sed 's/^/su''m dir /'"
check "past its cache" said "sum dir [0-9a-f]*  -"
check "it writes to it as well" [ "$(digest raw)" != "$new" ]
new=$(digest raw)
check "which is what it says then" reads four vda "$new"

check "much is on the disk" soon 60 at_least on_disk 8
check "when that is taken away" aerie detach "$v" disk0 --force
check "nothing is on it any more" [ "$(number on_disk)" = 0 ]
# It lets go of the old disk before it is given another, which is to have that one's name.
say "while [ -b /dev/vda ]; do sleep 1; done; echo and goes ''on"
check "and the guest goes on" said "and goes on"
check "it gets another, an image in layers" aerie attach "$v" disk image
check "reads it" reads five vda "$raw"
check "which leaves memory" soon 60 at_least on_disk 2
figures image
say "dd if=/dev/urandom of=/dev/vda bs=1M count=6 seek=10 conv=notrunc,fsync 2>/dev/null; md5sum </dev/vda | sed 's/^/su''m lay /'"
check "writes to it" said "sum lay [0-9a-f]*  -"
new=$(tr -d '\r' <"$SCRATCH/$v.log" | sed -n 's/.*sum lay \([0-9a-f]*\)  -$/\1/p' | tail -n 1)
check "and reads what it has written" reads six vda "$new"
check "a guest is destroyed as it is" aerie destroy -q "$v"

v=$(vm b)
check "another" up -d raw
check "reads its disk" reads one vda "$(digest raw)"
check "which leaves memory" soon 60 at_least on_disk 12
dd if=/dev/urandom of=raw bs=1M count=60 conv=notrunc 2>/dev/null
say "md5sum </dev/vda"
check "where somebody has changed the file the guest stops, with the reason" lost
check "and can be destroyed" aerie destroy -q "$v"

# block: a guest's disk that is a block device, opened with O_DIRECT, and fails in the end.
block() {
	dd if=/dev/urandom of="$NULL_DISK" bs=1M count=60 oflag=direct 2>/dev/null
	check "a guest with a block device" up -d "$NULL_DISK,direct"
	check "reads it" reads one vda "$(digest "$NULL_DISK")"
	check "which leaves memory" soon 60 at_least on_disk 12
	check "and is read again" reads two vda "$(digest "$NULL_DISK")"
	say "dd if=/dev/urandom of=/dev/vda bs=1M count=20 conv=notrunc,fsync 2>/dev/null; md5sum </dev/vda | sed 's/^/su''m /'"
	check "it writes to it" said "sum [0-9a-f]*  -"
	check "which is what it has then" [ "$(summed)" = "$(digest "$NULL_DISK")  -" ]
	check "what it has written leaves memory" soon 60 at_least on_disk 12
	# It needs none of that for now.
	aerie pause -q "$v"
	echo "+0-131071" >"/sys/kernel/config/nullb/own/badblocks"
	check "no block can be read" fails dd if="$NULL_DISK" bs=1M count=1 iflag=direct
	check "when that is taken away" aerie detach "$v" disk0 --force
	check "what is on it stays there" at_least on_disk 1
	figures lost
	aerie resume -q "$v"
	say "dd if=/dev/zero of=/tmp/x bs=1M count=60"
	check "the guest, which needs that, stops, with the reason" lost
	check "and can be destroyed" aerie destroy -q "$v"
}
fails() {
	! "$@" >/dev/null 2>&1
}

v=$(vm c)
if null_disk own 0; then
	block
else
	for i in $(seq 12); do
		skip "a block device, $i" "no null_blk here"
	done
fi
finish
