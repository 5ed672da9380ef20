#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# aerie image, every verb of it and what each refuses. No module is needed.
# shellcheck disable=SC2016,SC2317 # check and eval run what looks unused
AERIE=$(realpath "${AERIE:-../build/aerie}")
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=ctl/test/ktap.sh
. "$here/ktap.sh"
cd "$scratch" || exit 1

image() {
	"$AERIE" image "$@"
}

# refuses STATUS TEXT ARGUMENT...: the status, one line on stderr with TEXT, no output.
refuses() {
	local want=$1 text=$2 status=0 out
	shift 2
	out=$(image "$@" 2>err </dev/null) || status=$?
	[ "$status" = "$want" ] && [ -z "$out" ] && grep -qF -- "$text" err &&
		[ "$(wc -l <err)" = 1 ] && return
	echo "# $*: status $status, wanted $want and '$text':"
	sed 's/^/#   /' err
	return 1
}

# has TEXT ARGUMENT...: status 0 and TEXT on stdout.
has() {
	local text=$1
	shift
	image "$@" >out 2>err && grep -qF -- "$text" out && return
	sed 's/^/#   /' out err
	return 1
}

# same IMAGE FILE: the disk holds what the file does.
same() {
	rm -f whole
	image convert -q "$1" whole --to raw && cmp whole "$2"
}

# write FILE BYTE: one byte of it changes.
write() {
	printf '\377\0' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null
}

head -c 3000000 /dev/urandom >raw
truncate -s 20M raw

# create
check "an empty image" image create -q empty --size 10M
check "has its size" has '"size": 10485760' info empty --json
check "and takes none" [ "$(stat -c %b empty/data)" = 0 ]
check "and nothing is in it" same empty <(head -c 10M /dev/zero)
check "one that is there stays" refuses 1 "empty: File exists" create empty --size 1M
check "a size is needed" refuses 2 "--size SIZE is missing" create new
check "of whole sectors" refuses 2 "no size of whole sectors" create new --size 1000
check "that is not too large" refuses 1 "more than 4194304 chunks" create new --size 1T --chunk 4K
check "and leaves nothing" [ ! -e new ]
check "a large disk has larger chunks" image create -q large --size 4T
check "of 1 MiB" has '"chunk": 1048576' info large --json
check "chunks are powers of two" refuses 2 "no power of two" create new --size 1M --chunk 12K
check "from 4K" refuses 2 "no power of two" create new --size 1M --chunk 2K
check "a folder that is not there" refuses 1 "No such file" create nowhere/new --size 1M
check "on a base that is not there" refuses 1 "nothing: No such file" create new --base nothing
check "on what is none" refuses 1 "is neither an image" create new --base /dev/null
check "an option of another verb" refuses 2 "create takes no --part" create new --part 1M

# convert
check "a plain file becomes an image" image convert -q raw base
check "that holds the same" same base raw
check "and has what is not zero" has '"sealed": 46' info base --json
check "which takes no more space" [ "$(stat -c %b base/data)" -le $(($(stat -c %b raw) + 128)) ]
check "with chunks of 4K" image convert -q raw fine --chunk 4K
check "that holds the same too" same fine raw
head -c 1000 raw >odd
check "a file of no whole sectors" image convert -q odd odd.image
check "has zeroes at its end" same odd.image <(cat odd; head -c 24 /dev/zero)
check "what is there stays" refuses 1 "base: File exists" convert raw base
check "nothing comes of nothing" refuses 1 "none: No such file" convert none new
check "a format that is none" refuses 2 "none of raw, qcow2" convert raw new --from vhd
check "to what is none" refuses 2 "neither image nor raw" convert raw new --to qcow2
check "a plain file has no chunks" refuses 2 "has no --chunk" convert raw new --to raw --chunk 4K
check "TO is needed" refuses 2 "TO is missing" convert raw
# What is in a file never says what it is: a guest may have written it.
printf 'QFI\373' | cat - raw >fake
check "a plain file that begins as qcow2 does" image convert -q fake fake.image --from raw
check "is a plain file" [ "$(image info fake.image --json | grep -c '"layer"')" = 1 ]
cp raw other.qcow2
if command -v qemu-img >/dev/null; then
	qemu-img convert -O qcow2 raw real.qcow2
	check "qcow2" image convert -q real.qcow2 real
	check "holds the same" same real raw
	check "what is none" refuses 1 "other.qcow2 cannot be read as qcow2" convert other.qcow2 new
else
	check "qcow2 without qemu-img" refuses 1 "which is not installed: see the package qemu-utils" \
		convert other.qcow2 new
fi
check "leaves nothing" [ -z "$(ls -d new* 2>/dev/null)" ]

# Layers
check "an image on an image" image create -q top --base base
check "holds what that does" same top raw
check "a larger one on that" image create -q upper --base top --size 30M
check "which ends in zeroes" same upper <(cat raw; head -c 10M /dev/zero)
check "an image on a file" image create -q onraw --base raw
check "holds it" same onraw raw
check "all layers are told" [ "$(image info upper | wc -l)" = 4 ]
mkdir moved
mv base top moved
check "layers that move together find one another" same moved/top raw
mv moved/* .
previous=deep
image create -q deep0 --base top
for n in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
	image create -q "deep$n" --base "deep$((n - 1))"
	previous=deep$n
done
check "sixteen layers" same "$previous" raw
check "and no more" eval 'image create -q deep14 --base deep13 2>/dev/null; refuses 1 "more than 16 images" info deep14'

# info, and who has it
exec 8<base/manifest
flock -s 8
check "an image that is in use" has "in use" info base
check "is read" same top raw
check "and not written" refuses 1 "in use by a VM" check base --seal
flock -x 8
check "one that is written is not read" refuses 1 "which writes it" convert top new --to raw
check "info needs no lock" has "in use" info top
exec 8<&-
check "what is none" refuses 1 "no image: it has no manifest" info .
check "no layer too many" refuses 2 "one argument too many" info base top

# check
check "a sound image" has sound check top
cp -r base bad
write bad/data 70000
check "a damaged chunk" eval '! image check bad >out 2>err'
check "is told" grep -q "bad .*damaged" out
check "and is not converted" refuses 1 "chunk 1 of bad is damaged" convert bad new --to raw
check "nor split" refuses 1 "chunk 1 of bad is damaged" split bad new
rm -rf new
cp -r base nomap
write nomap/manifest 8199
check "a damaged map" refuses 1 "the map of nomap is damaged, at chunk 0" check nomap
cp -r base nohead
write nohead/manifest 50
write nohead/manifest 4146
check "no header" refuses 1 "no valid header" info nohead
cp -r base short
truncate -s 19M short/data
check "data that was cut short" refuses 1 "data that was cut short" info short
cp -r base short2
truncate -s 8200 short2/manifest
check "a manifest that was cut short" refuses 1 "manifest that was cut short" info short2
check "a plain file has nothing to seal" refuses 1 "raw is no image" check raw --seal
touch raw
check "a base that was changed" refuses 1 "raw was changed since onraw was made on it" \
	convert onraw new --to raw
check "is told" eval 'image info onraw | grep -q changed && ! image check onraw >out 2>err'
check "and can be accepted" image check -q onraw --accept
check "and is right then" same onraw raw
check "where there is one" refuses 1 "base has no base" check base --accept

# split and join
check "into parts" image split -q base parts --part 1M
check "of that size" [ "$(stat -c %s parts/part.0000 parts/part.0001 | sort -u)" = 1048576 ]
check "of what is there alone" [ "$(cat parts/part.* | wc -c)" = $((46 * 65536)) ]
check "and back" image join -q parts base2
check "it is the same" same base2 raw
mv base base.old
mv base2 base
check "also to what was made on it" same top raw
check "with its base" eval 'image split -q top topparts && image join -q topparts top2 && same top2 raw'
check "a part's size" refuses 2 "no size of 4K or more" split base new --part 1K
check "a plain file" refuses 1 "raw is no image" split raw new
check "a folder that is there" refuses 1 "parts: File exists" split base parts
cp -r parts lost
rm lost/part.0001
check "a part is missing" refuses 1 "lost/part.0001: No such file" join lost new
cp -r parts changed
write changed/part.0002 77
check "a part was changed" refuses 1 "changed/part.0002 is damaged" join changed new
rm -f lost/manifest
check "no manifest" refuses 1 "lost/manifest: No such file" join lost new
check "leaves nothing" [ ! -e new ]

# commit: what an image has of its own is put there as a VM does
cp raw want
head -c 200000 /dev/urandom >piece
dd if=piece of=want bs=65536 seek=10 conv=notrunc 2>/dev/null
for on in base fine raw; do
	cp -r --reflink=auto "$on" "$on.below"
	image create -q mid --base "$on.below"
	image convert -q want new.image
	# The four chunks that differ, and what the manifest of new.image says of them.
	image create -q mine --base mid --chunk 64K
	cp new.image/data mine/data
	dd if=new.image/manifest of=mine/manifest bs=8 skip=1034 seek=1034 count=4 conv=notrunc 2>/dev/null
	check "on $on: an image that differs" same mine want
	check "is committed to the one below" image commit -q mine
	check "holds the same" same mine want
	check "which that does too" same mid want
	check "is empty" eval '[ "$(stat -c %b mine/data)" = 0 ] && image info mine --json | grep -q "\"sealed\": 0"'
	check "is committed further" image commit -q mid
	check "holds the same still" same mine want
	check "and so does $on" same "$on.below" want
	check "all of it is sound" image check mine -q
	rm -rf mid mine new.image
done
image create -q half --base fine.below --size 10000384
head -c 512 /dev/zero | tr '\000' e | dd of=half/data bs=512 seek=19531 conv=notrunc 2>/dev/null
image convert -q half/data half.image
dd if=half.image/manifest of=half/manifest bs=8 skip=1176 seek=1176 count=1 conv=notrunc 2>/dev/null
cp want half.want
head -c 512 /dev/zero | tr '\000' e | dd of=half.want bs=512 seek=19531 conv=notrunc 2>/dev/null
dd if=/dev/zero of=half.want bs=512 seek=19456 count=75 conv=notrunc 2>/dev/null
check "one that is smaller is committed" image commit -q half
check "and what is beyond it stays" same fine.below half.want
check "without a base" refuses 1 "base has no base" commit base
check "to one that is smaller" refuses 1 "upper is larger than its base" commit upper
exec 8<top/manifest
flock -s 8
image create -q above --base top
check "to one that is in use" refuses 1 "top is in use" commit above
exec 8<&-

check "a verb that is none" refuses 2 "'make' is none of create, convert" make it
finish
