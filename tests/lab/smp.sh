#!/bin/sh
# Guests on a host with several processors, while each restores FPU state without end:
# QEMU's FXRSTOR writes flags of the first processor that its VMRUN needs, and within
# seconds a host whose guests run there falls over, or a guest loses its page tables.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 3

mkdir "$SCRATCH/share"
gcc -O2 -static -o "$SCRATCH/share/fxrstor" "$HERE/fxrstor.c" || bail "cannot compile"
# shellcheck disable=SC2016 # the host expands it
lab svm --cpus 3 --share "$SCRATCH/share" --timeout 300 -- '
	for cpu in 0 1 2; do /share/fxrstor $cpu & done
	for i in 1 2 3; do
		aerie run g -q -c 2 -m 256M -k /guest/vmlinuz -i /guest/initrd.img \
			-a "console=ttyS0 quiet cryptomgr.notests" || exit 1
		timeout 90 aerie console g </dev/null | grep -m 1 -o "aerie guest ready"
		aerie destroy -q g
	done
	kill $(pidof fxrstor); cat /sys/module/aerie/parameters/cpus'
ended 0 "the host lives"
check "three guests come up" test "$(grep -cx "aerie guest ready" "$SCRATCH/out")" = 3
check "their vCPUs keep off the first processor" test "$(tail -n 1 "$SCRATCH/out")" = 1-2
finish
