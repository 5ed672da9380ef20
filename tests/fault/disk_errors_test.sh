#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Disks whose images fail under a running guest: bad sectors, a full file system, a file
# cut short. The guest sees an I/O error, and nothing else happens.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
null_disk bad 0 badblocks=+20480-20487 || skip_all "no null_blk here"
bad=$NULL_DISK
scratch_fs 24 || skip_all "no loop devices here"
plan 21

v=$(vm faults)
other=$(vm other)
good=$SCRATCH/good
cut=$SCRATCH/cut
full=$FS/image
truncate -s 32M "$good" "$cut" "$full"
lines() {
	dmesg | grep -c 'aerie'
}
before=$(lines)

# try NAME DD-ARGUMENTS: what the guest's dd ends with.
tries=0
try() {
	tries=$((tries + 1))
	ask "dd $2 >/dev/null 2>&1; echo status$tries=\$?." "status$tries=$1."
}

boot "$other" -m 128M
boot "$v" -m 128M -d "$bad,direct" -d "$full" -d "$cut" -d "$good"

# Sectors 20480 to 20487 are bad: 10 MiB on.
check "beside bad sectors it reads" try 0 "if=/dev/vda bs=64k count=160 iflag=direct"
check "but not these" try 1 "if=/dev/vda bs=4k skip=2560 count=1 iflag=direct"
check "nor any request with one of them" try 1 "if=/dev/vda bs=64k skip=160 count=1 iflag=direct"
check "nor writes them" try 1 "if=/dev/zero of=/dev/vda bs=4k seek=2560 count=1 oflag=direct"
check "it reads behind them" try 0 "if=/dev/vda bs=4k skip=2561 count=100 iflag=direct"
check "and writes there" try 0 "if=/dev/zero of=/dev/vda bs=4k seek=2561 count=100 conv=fsync"
check "an error is an I/O error" ask \
	"dd if=/dev/vda bs=4k skip=2560 count=1 iflag=direct 2>&1 | tail -n 1" "I/O error"

# Of 32 MiB the file system has some 22.
check "it writes while there is room" try 0 "if=/dev/zero of=/dev/vdb bs=1M count=8 conv=fsync"
check "and no more" try 1 "if=/dev/zero of=/dev/vdb bs=1M seek=8 count=24 conv=fsync"
check "the file system is full" [ "$(df "$FS" | awk 'END { print $4 }')" -lt 1024 ]
check "what was written can be read" try 0 "if=/dev/vdb bs=1M count=8 iflag=direct"
check "room made by a discard" ask 'blkdiscard -o 0 -l 8388608 /dev/vdb; echo discarded$?.' "discarded0."
check "is room to write to" try 0 "if=/dev/zero of=/dev/vdb bs=1M count=4 conv=fsync"

check "a file of the right size is read" try 0 "if=/dev/vdc bs=1M count=32 iflag=direct"
truncate -s 8M "$cut"
check "cut short it is read before the cut" try 0 "if=/dev/vdc bs=1M count=8 iflag=direct"
check "and not behind it" try 1 "if=/dev/vdc bs=1M skip=8 count=1 iflag=direct"
check "nor written there" try 1 "if=/dev/zero of=/dev/vdc bs=1M seek=16 count=1 oflag=direct"
check "nor made longer" [ "$(stat -c %s "$cut")" = $((8 << 20)) ]

check "the guest's good disk is as it was" try 0 "if=/dev/zero of=/dev/vdd bs=1M count=32 conv=fsync"
aerie destroy -q "$v"
v=$other
check "and another guest runs on" ask "echo other 4'2'" "other 42"
aerie destroy -q "$other"
check "the host's log says nothing of it" [ "$(lines)" = "$before" ]
finish
