#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What is refused: the exit status, one line that says why, and nothing left behind.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 40

v=$(vm refused)
before=$(aerie list --names | wc -l)
create() {
	aerie create "$v" -q "$@"
}
run() {
	aerie run "$v" -q "$@"
}

# No such VM
for verb in start pause resume reset destroy stop show console stat mem share balloon cpus; do
	check "$verb of a VM that is not" says 3 "no such VM" aerie "$verb" "$v"
done

check "a sharing group of no name" says 2 "--share-group '.x'" \
	create -k "$KERNEL" --share-group .x

# Images
printf 'not a kernel at all' >"$SCRATCH/text"
: >"$SCRATCH/empty"
head -c 20000 "$KERNEL" >"$SCRATCH/short"
head -c 300 "$KERNEL" >"$SCRATCH/stub"
mkdir "$SCRATCH/dir"
truncate -s 512M "$SCRATCH/huge"
check "an empty kernel" says 1 "--kernel $SCRATCH/empty is empty" create -k "$SCRATCH/empty"
check "a directory" says 1 "is a directory" create -k "$SCRATCH/dir"
check "a character device" says 1 "neither a regular file" create -k /dev/zero
check "a file of /proc" says 1 "cannot" create -k /proc/cpuinfo
check "an empty initrd" says 1 "--initrd $SCRATCH/empty is empty" create -k "$KERNEL" -i "$SCRATCH/empty"
check "an empty module" says 1 "--module $SCRATCH/empty is" create -k "$KERNEL" --module "$SCRATCH/empty"
check "text for a kernel" says 1 "cannot start: not a kernel" run -k "$SCRATCH/text"
check "a truncated kernel" says 1 "cannot start: the kernel image is truncated" \
	run -k "$SCRATCH/short"
check "a kernel of 300 bytes" says 1 "cannot start: not a kernel" run -k "$SCRATCH/stub"
check "an initrd that does not fit" says 1 "cannot start: the initrd does not fit into memory" \
	run -m 256M -k "$KERNEL" -i "$SCRATCH/huge"
check "memory too small for the kernel" says 1 "cannot start: memory too small" run -m 1M -k "$KERNEL"
if [ "$(sed -n 's/^address sizes.*: \([0-9]*\) bits physical.*/\1/p' /proc/cpuinfo | head -n 1)" -lt 44 ]; then
	check "memory beyond the processors' reach" says 1 "processors can address" \
		create -m 16T -k "$KERNEL"
else
	skip "memory beyond the processors' reach" "these processors address all that can be asked for"
fi
check "none of these left a VM" [ "$(aerie list --names | wc -l)" = "$before" ]

# An image that has changed since: the reset fails, and says so.
cp "$KERNEL" "$SCRATCH/image"
reset_without_image() {
	run -k "$SCRATCH/image" -a "$APPEND" || return 1
	truncate -s 20000 "$SCRATCH/image"
	says 1 "cannot reset: the kernel image is truncated" aerie reset "$v" && is_state "$v" stopped &&
		prints "reset failed" aerie show "$v"
}
check "reset with a kernel that has been truncated" reset_without_image
check "destroy what it stopped" aerie destroy -q "$v"

# States
check "create" create -k "$KERNEL" -i "$INITRD"
check "a name that is taken" says 1 "exists" create -k "$KERNEL"
check "run with a name that is taken" says 1 "exists" run -k "$KERNEL"
check "pause of a VM that does not run" says 1 "cannot pause: the VM does not run" \
	aerie pause "$v"
check "resume of a VM that is not paused" says 1 "cannot resume: the VM is not paused" \
	aerie resume "$v"
check "reset of a VM that does not run" says 1 "cannot reset:" aerie reset "$v"
check "stop of a VM that does not run" says 1 "cannot stop:" aerie stop "$v"
check "statistics of a vCPU that is not" says 1 "no such vCPU" aerie stat "$v" --vcpu 7
check "unloading while there is a VM" says 1 "aerie" rmmod aerie
check "destroy" aerie destroy -q "$v"
check "destroy once more" says 3 "no such VM" aerie destroy "$v"
finish
