#!/bin/sh
# The host dies in the middle of a guest's commits: every commit that the guest had been
# told of is in the image, whose file system is whole. With and without the host's page
# cache, and on an image in chunks with a base, on a file system of the host.

# shellcheck disable=SC2317 # check runs what looks unused
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
for file in 6.12/aerie.ko aerie; do
	[ -e "$TOP/build/$file" ] || skip_all "build/$file is not built"
done
PATH=$PATH:/sbin:/usr/sbin
for program in mke2fs e2fsck debugfs; do
	command -v $program >/dev/null || skip_all "there is no $program"
done
COMMITS=60
plan 12

for how in cached direct; do
	truncate -s 64M "$SCRATCH/$how"
	mke2fs -q -t ext4 -F "$SCRATCH/$how" || bail "mke2fs"
done

# The third's file system is in the base; the host's file system holds both images.
mkdir "$SCRATCH/images"
truncate -s 64M "$SCRATCH/inner"
mke2fs -q -t ext4 -F "$SCRATCH/inner" || bail "mke2fs"
"$TOP/build/aerie" image convert -q "$SCRATCH/inner" "$SCRATCH/images/base" || bail "convert"
"$TOP/build/aerie" image create -q "$SCRATCH/images/top" --base "$SCRATCH/images/base" ||
	bail "create"
truncate -s 128M "$SCRATCH/outer"
mke2fs -q -t ext4 -F -d "$SCRATCH/images" "$SCRATCH/outer" || bail "mke2fs -d"
rm -r "$SCRATCH/inner" "$SCRATCH/images"

# A record of 8 bytes for each commit, and a file for each tenth so that metadata moves.
mkdir "$SCRATCH/share"
cat >"$SCRATCH/share/commits" <<-'END'
	mkdir /a /b /c; mount -t ext4 /dev/vda /a; mount -t ext4 /dev/vdb /b;
	mount -t ext4 /dev/vdc /c; n=0;
	while :; do
		n=$((n + 1));
		for d in a b c; do
			printf '%07d.' $n | dd of=/$d/log bs=8 seek=$n conv=notrunc,fsync 2>/dev/null || exit;
			[ $((n % 10)) != 0 ] || echo $n | dd of=/$d/$n conv=fsync 2>/dev/null;
		done;
		echo committed $n.;
	done
END
cat >"$SCRATCH/share/start" <<-'END'
	modprobe virtio_blk
	mkdir /images
	mount -t ext4 /dev/vdc /images
	commits=$(tr '\n\t' '  ' </share/commits)
	aerie run web -q -m 128M -k /guest/vmlinuz -i /guest/initrd.img \
		-a "console=ttyS0 quiet cryptomgr.notests aerie.run=\"$commits\"" -d /dev/vda -d /dev/vdb,direct -d /images/top \
		--console </dev/null
END

"$TOP/scripts/lab" svm --share "$SCRATCH/share" --disk "$SCRATCH/cached" \
	--disk "$SCRATCH/direct" --disk "$SCRATCH/outer" -- '. /share/start' >"$SCRATCH/out" 2>"$SCRATCH/err" &
pid=$!
on_exit "kill -9 $pid 2>/dev/null"
committed() {
	tr -d '\r' <"$SCRATCH/out" | sed -n 's/^committed \([0-9]*\)\.$/\1/p' | tail -n 1
}
waited=0
while n=$(committed); [ "${n:-0}" -lt $COMMITS ] && [ $waited -lt 240 ] && kill -0 $pid 2>/dev/null; do
	sleep 1
	waited=$((waited + 1))
done
# With it goes the emulator, at once: whatever the host had not written is lost.
kill -9 $pid
wait $pid 2>/dev/null
n=$(committed)
echo "# the host died after $n commits"
check "a guest commits" [ "${n:-0}" -ge $COMMITS ]

# The log without those that the guest had not been told of.
log() {
	debugfs -R "cat /log" "$SCRATCH/$1" 2>/dev/null | tr -d '\000' | tr . '\n' | head -n "$n"
}
all() {
	[ "$(log "$1" | sum)" = "$(seq -f %07.0f "$n" | sum)" ] && return
	log "$1" | tail -n 3 | sed 's/^/# /'
	return 1
}
sum() {
	md5sum | cut -d ' ' -f 1
}
files() {
	for i in $(seq 10 10 "$n"); do
		[ "$(debugfs -R "cat /$i" "$SCRATCH/$1" 2>/dev/null)" = "$i" ] || {
			echo "# $i is missing"
			return 1
		}
	done
}
# As after any power cut; 1: something was done.
replayed() {
	e2fsck -p "$SCRATCH/$1" >"$SCRATCH/fsck" 2>&1
	[ $? -le 1 ] && grep -q 'recovering journal' "$SCRATCH/fsck"
}
whole() {
	e2fsck -fn "$SCRATCH/$1" >"$SCRATCH/fsck" 2>&1 && return
	sed 's/^/# /' "$SCRATCH/fsck"
	return 1
}
# The host comes up again: its file system is replayed, and what the image holds is looked at.
after() {
	e2fsck -p "$SCRATCH/outer" >"$SCRATCH/fsck" 2>&1
	mkdir "$SCRATCH/images"
	debugfs -R "rdump / $SCRATCH/images" "$SCRATCH/outer" 2>/dev/null
	"$TOP/build/aerie" image convert -q "$SCRATCH/images/top" "$SCRATCH/chunks" --to raw
}
check "chunks: the image can be read" after
for how in cached direct chunks; do
	check "$how: the journal is replayed" replayed "$how"
	check "$how: the file system is whole" whole "$how"
	check "$how: every commit is there" all "$how"
done
check "and every file" eval "files cached && files direct && files chunks"
finish
