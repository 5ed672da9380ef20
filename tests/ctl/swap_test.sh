#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest memory that goes to swap: what does not get smaller by compression does, comes back
# as it was, for who needs it and when swap is turned off; a page that does not stops its
# guest, not others; what is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
need_store
file=$SCRATCH/swap
more=$SCRATCH/more
on_exit "destroy_mine; aerie swap off $file 2>/dev/null; aerie swap off $more 2>/dev/null"
plan 36

v=$(vm a)
w=$(vm b)
swap() {
	aerie swap --json | tr ',{}' '\n' | sed -n "s/.*\"$1\": *\\([0-9]*\\).*/\\1/p" | head -n 1
}
figures() {
	echo "# $1: resident $(number resident) stored $(number stored) swapped $(number swapped)" \
		"loaded $(number loaded)"
}

dd if=/dev/zero of="$file" bs=1M count=96 2>/dev/null
dd if=/dev/zero of="$more" bs=1M count=2 2>/dev/null
dd if=/dev/zero of="$SCRATCH/small" bs=4k count=100 2>/dev/null
check "no file is refused" says 1 "cannot swap on: /nowhere: No such file" aerie swap on /nowhere
check "a directory" says 1 "Is a directory" aerie swap on /tmp
check "and what is no disk" says 1 "is neither a regular file nor a block device" aerie swap on /dev/zero
check "a file that is too small" says 1 "is smaller than 1 MiB" aerie swap on "$SCRATCH/small"
check "what is not in use cannot be let go" says 1 "is not in use as swap" aerie swap off "$file"
check "none is in use" [ -z "$(swap size)" ]
check "a disk of a VM" aerie create -q "$w" -m 96M -k "$KERNEL" -i "$INITRD" -a "$APPEND" -d "$more"
check "is no swap" says 1 "is in use by another VM" aerie swap on "$more"
check "a file" aerie swap on "$file"
check "is in use" [ "$(swap size)" = $((96 * MB)) ]
# A block device as well: claimed, so that it is nobody else's.
if /sbin/modprobe loop 2>/dev/null && loop=$(losetup -f) &&
	dd if=/dev/zero of="$SCRATCH/dev" bs=1M count=2 2>/dev/null && losetup "$loop" "$SCRATCH/dev"; then
	on_exit "aerie swap off $loop 2>/dev/null; losetup -d $loop"
	check "a block device" aerie swap on "$loop"
	check "which is no disk meanwhile" says 1 "is in use as swap" aerie attach "$w" disk "$loop"
	check "and is let go" aerie swap off "$loop"
else
	for what in "a block device" "which is no disk meanwhile" "and is let go"; do
		skip "$what" "no loop devices here"
	done
fi
check "once" says 1 "is in use as swap" aerie swap on "$file"
check "not as a disk" says 1 "is in use as swap" aerie attach "$w" disk "$file"

watch "$w"
check "a guest" aerie start -q "$w"
check "that stays as it is comes up" soon 120 seen "$w" "aerie guest ready"
check "one that has little memory" aerie create -q "$v" -m 160M -k "$KERNEL" -i "$INITRD" -a "$APPEND"
watch "$v"
check "is started" aerie start -q "$v"
check "comes up" soon 120 seen "$v" "aerie guest ready"
check "of all that it wants" aerie mem "$v" --limit 40M
say "dd if=/dev/urandom of=/tmp/y bs=1M count=60 && md5sum </tmp/y | sed 's/^/su''m /'"
check "has more in use" said "sum [0-9a-f]*  -"
sum=$(summed)
figures full
check "its own is not more than it may be" at_most resident 40
check "much of it is in swap" at_least swapped 20
check "and takes as much there" [ "$(swap used)" -ge $((20 * MB)) ]
say "md5sum </tmp/y | sed 's/^/aga''in /'"
check "the guest finds what it had" said "again $sum"
figures read

check "without a limit" aerie mem "$v" --limit 0
check "swap is turned off" aerie swap off "$file"
check "with all in memory" [ "$(number swapped)" = 0 ]
say "md5sum </tmp/y | sed 's/^/thi''rd /'"
check "and nothing lost" said "third $sum"

aerie swap on "$file"
aerie mem "$v" --limit 40M >/dev/null
check "it is on again" soon 60 at_least swapped 20
# What is there now is not what was put there.
dd if=/dev/urandom of="$file" bs=1M count=96 conv=notrunc 2>/dev/null
say "md5sum </tmp/y | sed 's/^/fou''rth /'"
check "a guest whose page comes back as another" soon 60 stopped
check "is stopped with the reason" eval "field '$v' reason | grep -q 'has left memory and cannot be read back'"
check "others run on" [ "$(field "$w" state)" = running ]
check "what nobody can read holds nothing up" aerie destroy -q "$v"
check "swap is turned off again" aerie swap off "$file"
finish
