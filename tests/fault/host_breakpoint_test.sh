#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest sets breakpoints on an address of the host while the host has one of its
# own: the guest's never hit in the host, and the host's still does after it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
payload=$(built payload/host_breakpoint.elf) && program=$(built fault/host_breakpoint) || exit
# What every load of a vCPU reads.
at=$(sed -n 's/^\([0-9a-f]*\) . jiffies$/\1/p' /proc/kallsyms)
case $at in
'' | *[!0]*) ;;
*) at='' ;;
esac
[ -n "$at" ] || skip_all "/proc/kallsyms does not tell where jiffies is"
"$program" true >/dev/null 2>&1
case $? in
0) ;;
4) skip_all "QEMU's TCG dies of breakpoints of both host and guest" ;;
*) skip_all "no hardware breakpoints to be had" ;;
esac
scratch
on_exit "destroy_mine"
plan 3

v=$(vm breakpoint)
guest() {
	timeout $((60 * SLOW)) "$program" aerie run "$v" -m 64M -k "$payload" -a "at=$at" \
		--console </dev/null >"$SCRATCH/out" 2>&1
	grep -q '^ok 1' "$SCRATCH/out" || { sed 's/^/# /' "$SCRATCH/out"; return 1; }
	sed -n 's/^hits/# hits/p' "$SCRATCH/out"
}

check "a guest with breakpoints" guest
check "none hits in the host" grep -q '^hits 0 ' "$SCRATCH/out"
check "the host's own still does" grep -q '^hits 0 then 1$' "$SCRATCH/out"
finish
