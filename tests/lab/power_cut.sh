#!/bin/sh
# The host dies in the middle of a guest's commits, to files and to a database: every commit
# that the guest had been told of is in the image, whose file system is whole. With and
# without the host's page cache, and on an image in chunks with a base, on a file system of
# the host. Then it dies while that image is committed to its base.

# shellcheck disable=SC2317 # check runs what looks unused
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
for file in 6.12/aerie.ko aerie; do
	[ -e "$TOP/build/$file" ] || skip_all "build/$file is not built"
done
PATH=$PATH:/sbin:/usr/sbin
for program in mke2fs e2fsck debugfs sqlite3; do
	command -v $program >/dev/null || skip_all "there is no $program"
done
COMMITS=60
plan 27

# SQLite with its libraries is on the disks, the guest has none. One database has a journal
# that is rolled back, whose end is durable with synchronous = EXTRA only, the others one that
# is written ahead.
mkdir -p "$SCRATCH/files/lib"
cp "$(command -v sqlite3)" "$SCRATCH/files"
ldd "$SCRATCH/files/sqlite3" | grep -o '/[^ ]*' | xargs cp -Lt "$SCRATCH/files/lib" ||
	bail "sqlite3's libraries"

# A record of 8 bytes for each commit, and a file for each tenth so that metadata moves.
cat >"$SCRATCH/files/commits" <<-'END'
	mkdir /b /c; mount -t ext4 /dev/vdb /b; mount -t ext4 /dev/vdc /c; n=0
	base() {
		n=0
		sql="PRAGMA journal_mode = $2; PRAGMA synchronous = EXTRA; CREATE TABLE t(n INTEGER PRIMARY KEY, what TEXT);"
		while echo "$sql"; do
			n=$((n + 1))
			sql="INSERT INTO t VALUES($n, hex(randomblob(300))); SELECT 'base-$1 ' || max(n) || '.' FROM t;"
		done | /$1/lib/ld-linux-x86-64.so.2 --library-path /$1/lib /$1/sqlite3 /$1/base
	}
	dd if=/dev/urandom of=/c/large bs=1M count=12 conv=fsync 2>/dev/null
	base a delete & base b wal & base c wal &
	while :; do
		n=$((n + 1))
		for d in a b c; do
			printf '%07d.' $n | dd of=/$d/log bs=8 seek=$n conv=notrunc,fsync 2>/dev/null || exit
			[ $((n % 10)) != 0 ] || echo $n | dd of=/$d/$n conv=fsync 2>/dev/null
		done
		echo committed $n.
	done
END

for how in cached direct; do
	truncate -s 64M "$SCRATCH/$how"
	mke2fs -q -t ext4 -F -d "$SCRATCH/files" "$SCRATCH/$how" || bail "mke2fs"
done

# The third's file system is in the base; the host's file system holds both images.
mkdir "$SCRATCH/images"
truncate -s 64M "$SCRATCH/inner"
mke2fs -q -t ext4 -F -d "$SCRATCH/files" "$SCRATCH/inner" || bail "mke2fs"
"$TOP/build/aerie" image convert -q "$SCRATCH/inner" "$SCRATCH/images/base" || bail "convert"
"$TOP/build/aerie" image create -q "$SCRATCH/images/top" --base "$SCRATCH/images/base" ||
	bail "create"
truncate -s 128M "$SCRATCH/outer"
mke2fs -q -t ext4 -F -d "$SCRATCH/images" "$SCRATCH/outer" || bail "mke2fs -d"
rm -r "$SCRATCH/inner" "$SCRATCH/images"

mkdir "$SCRATCH/share"
cat >"$SCRATCH/share/start" <<-'END'
	modprobe virtio_blk
	mkdir /images
	mount -t ext4 /dev/vdc /images
	aerie run web -q -m 128M -k /guest/vmlinuz -i /guest/initrd.img \
		-a "console=ttyS0 quiet cryptomgr.notests aerie.run=\"mkdir /a; mount -t ext4 /dev/vda /a; . /a/commits\"" -d /dev/vda -d /dev/vdb,direct -d /images/top \
		--console </dev/null
END

: >"$SCRATCH/out"
"$TOP/scripts/lab" svm --share "$SCRATCH/share" --disk "$SCRATCH/cached" \
	--disk "$SCRATCH/direct" --disk "$SCRATCH/outer" -- '. /share/start' >"$SCRATCH/out" 2>"$SCRATCH/err" &
pid=$!
on_exit "kill -9 $pid 2>/dev/null"
# committed WHAT: the number of the last commit of that kind that the guest has told of.
committed() {
	tr -d '\r' <"$SCRATCH/out" | sed -n "s/^$1 \([0-9]*\)\.\$/\1/p" | tail -n 1
}
enough() {
	for what in committed base-a base-b base-c; do
		n=$(committed $what)
		[ "${n:-0}" -ge $COMMITS ] || return
	done
}
waited=0
while ! enough && [ $waited -lt 240 ] && kill -0 $pid 2>/dev/null; do
	sleep 1
	waited=$((waited + 1))
done
# With it goes the emulator, at once: whatever the host had not written is lost.
kill -9 "$pid"
wait "$pid" 2>/dev/null
check "a guest commits, to files and to databases" enough
n=$(committed committed)
echo "# the host died after $n commits to files, $(committed base-a), $(committed base-b)" \
	"and $(committed base-c) to databases"

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
# database FILE LETTER: what is left of it, opened as after any power cut, has all rows.
database() {
	rm -f "$SCRATCH"/base*
	for part in base base-journal base-wal; do
		debugfs -R "dump /$part $SCRATCH/$part" "$SCRATCH/$1" >/dev/null 2>&1
	done
	# What debugfs makes of a file that is not there is none.
	find "$SCRATCH" -name 'base*' -size 0 -delete
	found=$(sqlite3 "$SCRATCH/base" 'PRAGMA integrity_check; SELECT max(n) - count(*) FROM t;
		SELECT max(n) FROM t;' 2>&1 | tr '\n' ' ')
	rows=${found#ok 0 }
	[ "$rows" != "$found" ] && [ "$rows" -ge "$(committed "base-$2")" ] && return
	echo "# $(committed "base-$2") rows were there, now: $found"
	return 1
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
check "cached: and every row of a database" database cached a
check "direct: and every row" database direct b
check "chunks: and every row" database chunks c
check "and every file" eval "files cached && files direct && files chunks"

# died_committing SECONDS: the host dies so long after the commit has begun.
died_committing() {
	cp --sparse=always "$SCRATCH/outer" "$SCRATCH/again"
	rm -rf "$SCRATCH/images"
	: >"$SCRATCH/out"
	"$TOP/scripts/lab" svm --no-module --disk "$SCRATCH/again" -- 'modprobe virtio_blk
		mkdir /images; mount -t ext4 /dev/vda /images
		echo begun; aerie image commit -q /images/top; echo done; sleep 60' \
		>"$SCRATCH/out" 2>"$SCRATCH/err" &
	pid=$!
	waited=0
	until grep -q begun "$SCRATCH/out" || [ "$waited" = 1200 ]; do
		sleep 0.1
		waited=$((waited + 1))
	done
	sleep "$1"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	e2fsck -p "$SCRATCH/again" >"$SCRATCH/fsck" 2>&1
	mkdir "$SCRATCH/images"
	debugfs -R "rdump / $SCRATCH/images" "$SCRATCH/again" 2>/dev/null
	echo "# $1 s: $(grep -c "done" "$SCRATCH/out") ended;" \
		"$("$TOP/build/aerie" image check "$SCRATCH/images/top" 2>&1 | tail -n 1)"
	grep -q begun "$SCRATCH/out"
}
# whole_image IMAGE: it holds what the image did before.
whole_image() {
	"$TOP/build/aerie" image convert -q "$SCRATCH/images/$1" "$SCRATCH/now" --to raw &&
		cmp "$SCRATCH/now" "$SCRATCH/before"
	set -- $?
	rm -f "$SCRATCH/now"
	return "$1"
}
"$TOP/build/aerie" image convert -q "$SCRATCH/images/top" "$SCRATCH/before" --to raw
for delay in 0.1 0.3 0.6; do
	check "the host dies in a commit" died_committing $delay
	"$TOP/build/aerie" image check -q --accept "$SCRATCH/images/top" >/dev/null
	check "the image holds what it did" whole_image top
	check "it is committed again" "$TOP/build/aerie" image commit -q "$SCRATCH/images/top"
	check "and so does its base" whole_image base
done
finish
