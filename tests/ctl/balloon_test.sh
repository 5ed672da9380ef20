#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The memory balloon: a Linux guest with its stock driver hands memory in, gets it back and
# lets go of what it has freed; the host has it then. What is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
no_scanner
plan 21

v=$(vm a)
resident() {
	number resident
}
ballooned() {
	[ "$(number ballooned balloon)" = $(($1 * MB)) ]
}

check "create" aerie create -q "$v" -m 160M -k "$KERNEL" -i "$INITRD" -a "$APPEND"
check "without a balloon nothing is wanted of it" says 1 "the VM has no balloon" aerie balloon "$v" 16M
check "attach one" says 0 "$v: balloon attached, in PCI slot 2" aerie attach "$v" balloon
check "one is enough" says 1 "balloon: the VM has a balloon" aerie attach "$v" balloon
check "more than the VM has is refused" says 1 "the VM has less memory than that" \
	aerie balloon "$v" 161M
check "what is no size, too" says 2 "'much' is no size" aerie balloon "$v" much
check "nothing is wanted yet" [ "$(number wanted balloon)" = 0 ]
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" soon 120 seen "$v" "aerie guest ready"

aerie balloon "$v" | sed "s/^/# /"
guest_total() {
	[ "$(number total balloon)" -gt $((96 * MB)) ] && [ "$(number total balloon)" -le $((160 * MB)) ]
}
check "the guest says how much memory it has" soon 10 guest_total
free=$(number free balloon)

# Touch memory and free it: the guest holds it, the host has to give it.
say "dd if=/dev/zero bs=1M count=48 2>/dev/null | tr '\\0' x >/tmp/x; echo fil''led"
check "it fills memory" said filled
less_free() {
	[ "$(number free balloon)" -lt $((free - 32 * MB)) ]
}
check "and says that it has less free" soon 10 less_free
full=$(resident)
check "which the host gives" [ "$full" -gt $((64 * MB)) ]
say "rm /tmp/x; echo fre''ed"
check "it frees it" said freed
# How much depends on how its free memory lies: it reports what is free in large pieces.
less() {
	[ "$(resident)" -lt "$1" ]
}
reports() {
	[ "$(number reported balloon)" -gt "$1" ]
}
check "and reports that as free" soon 40 reports $((4 * MB))
check "so that the host has it" soon 40 less $((full - 4 * MB))
reported=$(resident)
echo "# resident: full $full, reported $reported"
aerie balloon "$v" 48M >/dev/null
check "48 MiB are handed in" soon 60 ballooned 48
echo "# resident: inflated $(resident)"
check "the host has them" less $((reported - MB))
aerie balloon "$v" 0 >/dev/null
check "and given back" soon 60 ballooned 0
say "dd if=/dev/zero bs=1M count=48 2>/dev/null | tr '\\0' y >/tmp/y; tr -cd y </tmp/y | wc -c | sed 's/^/good /'"
check "memory that was handed in is as good as any" said "good 50331648"
check "the guest can do without the device" aerie stop -q "$v" --force
finish
