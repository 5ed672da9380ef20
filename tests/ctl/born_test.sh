#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What guests of one group read from the same block of a disk image becomes one frame, and
# nobody has to look for it; they keep their own content, and other groups have no part.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
budget=$(cat /sys/module/aerie/parameters/share_percent)
on_exit "aerie share --budget $budget >/dev/null"
plan 31

cd "$SCRATCH" || exit 1
dd if=/dev/urandom of=base.raw bs=1M count=12 2>/dev/null
dd if=/dev/urandom of=plain bs=1M count=8 2>/dev/null
echo "and a sector that is no page" | dd of=plain bs=512 seek=16384 count=1 conv=sync 2>/dev/null
aerie image convert -q base.raw base
for each in a b c; do
	aerie image create -q "$each.image" --base base
done
base=$(sum base.raw)
plain=$(sum plain)

# figure VM NAME: pages, or bytes.
figure() {
	aerie mem "$(vm "$1")" --json | tr ',' '\n' | sed -n "s/.*\"$2\": *\\([0-9]*\\).*/\\1/p"
}
# born VM PAGES: so many at least.
born() {
	[ "$(figure "$1" born)" -ge "$2" ]
}
# on VM COMMAND TEXT: typed at its shell it prints TEXT.
on() {
	v=$(vm "$1")
	ask "$2" "$3"
}
# up NAME GROUP: vda is its clone of the base, vdb what all read.
up() {
	boot "$(vm "$1")" -m 128M -d "$1.image" -d "$SCRATCH/plain,ro" ${2:+--share-group "$2"}
}

# While nobody looks for anything nothing is told.
aerie share --budget 0 >/dev/null
check "a guest" up a together
check "reads its image" on a "md5sum </dev/vda" "$base"
check "one of its group" up b together
check "reads the same" on b "md5sum </dev/vda" "$base"
check "one of another group" up c alone
check "too" on c "md5sum </dev/vda" "$base"
check "without a budget none is born shared" [ "$(figure a born)$(figure b born)" = 00 ]

aerie share --budget 100 >/dev/null
# A file that all have, then what the clones have in common: of 2048 and 3072 pages most.
check "two read one file" on a "md5sum </dev/vdb" "$plain"
check "one after the other" on b "md5sum </dev/vdb" "$plain"
check "and soon have one frame for what they read" soon 10 born a 1800
check "both of them" soon 10 born b 1800
again="echo 3 >/proc/sys/vm/drop_caches; md5sum </dev/vda"
before=$(figure b born)
check "their clones" on a "$again" "$base"
check "of one base" on b "$again" "$base"
check "as well" soon 10 born b $((before + 2600))
check "though they look for what is in other groups" on c "$again; md5sum </dev/vdb" "$plain"
check "which has no part in it" [ "$(figure c born)" -lt 100 ]
shares_with() {
	aerie share "$(vm a)" >with && grep -q "$(vm b)" with && ! grep -q "$(vm c)" with
}
check "a shares with b alone" shares_with
for each in a b c; do
	echo "# $each: $(figure $each born) pages born shared, $(figure $each shared) bytes shared"
done

# Who writes has it for himself, in memory and in his image.
cp base.raw mine
# A long line, for yes writes one at a time.
# shellcheck disable=SC2046 # as many words
mine=$(printf 'mine%.0s' $(seq 100))
yes "$mine" | head -c 3145728 | dd of=mine bs=1M seek=2 conv=notrunc 2>/dev/null
check "one that writes what it has read" \
	on b "yes $mine | head -c 3145728 | dd of=/dev/vda bs=1M seek=2 conv=fsync 2>/dev/null; md5sum </dev/vda" "$(sum mine)"
check "has it for itself" on a "md5sum </dev/vda" "$base"
check "also when it is read again" on b "$again" "$(sum mine)"
check "the other too" on a "$again" "$base"
check "what it has not written is shared again" soon 10 born b $((before + 4000))

# Odd reads: sectors that are no pages, buffers at odd places, past the page cache.
odd=$(dd if=plain bs=1536 skip=3 count=1000 2>/dev/null | sum)
check "reads of three sectors" \
	on b "dd if=/dev/vdb bs=1536 skip=3 count=1000 iflag=direct 2>/dev/null | md5sum" "$odd"
check "and the last, that is no page" \
	on a "tail -c 512 /dev/vdb | md5sum" "$(tail -c 512 plain | sum)"
check "the same into one buffer over and over" \
	on a "for i in 1 2 3; do dd if=/dev/vdb bs=64k iflag=direct 2>/dev/null | md5sum; done" "$plain"

# A disk that is taken away meanwhile, and guests that go.
tell "$(vm a)" "while :; do dd if=/dev/vdb of=/dev/null bs=128k iflag=direct; done 2>/dev/null &"
tell "$(vm b)" "while :; do dd if=/dev/vdb of=/dev/null bs=128k iflag=direct; done 2>/dev/null &"
check "a disk is taken while it is read" aerie detach -q --force "$(vm a)" disk1
check "a guest is reset" aerie reset -q "$(vm b)"
check "and comes up" soon 120 seen "$(vm b)" "aerie guest ready"
tell "$(vm b)" "dd if=/dev/vda of=/dev/null bs=128k"
check "guests go" aerie destroy -q "$(vm a)" "$(vm b)"
check "the one that is left goes on" on c "$again" "$base"
check "the base is what it was" [ "$(sum base/data)" = "$(sum base.raw)" ]
finish
