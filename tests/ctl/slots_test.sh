#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# As many devices as there are PCI slots: one more is refused, but for where only the rest of
# one that was taken by force, which the guest has yet to let go, is in the way.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
plan 26

v=$(vm slots)
FIRST=2			# slot 0 has the host bridge, slot 1 the source of entropy
SLOTS=32
for n in $(seq 0 $SLOTS); do
	truncate -s $((n + 1))M "$SCRATCH/disk$n"
done
row() {
	aerie show "$v" | awk -v name="$1" '/^DEVICE KIND/ { on = 1 } !NF { on = 0 } on && $1 == name' | xargs
}
disks() {
	aerie show "$v" | awk '/^DEVICE KIND/ { on = 1; next } !NF { on = 0 } on && $2 == "disk"' | wc -l
}
attach() {
	says 0 "$v: $1 attached, in PCI slot $2" aerie attach "$v" disk "$3,serial=${4:-new}"
}
full() {
	says 1 "finds no free PCI slot" aerie attach "$v" "$@"
}
# Disk N is in slot N + 2: those that come are named by the lowest number that is free.
fill() {
	for n in $(seq 1 $((SLOTS - FIRST - 1))); do
		attach "disk$n" $((n + FIRST)) "$SCRATCH/disk$n" || return 1
	done
}

boot "$v" -d "$SCRATCH/disk0,serial=first" || bail "no guest"
check "the guest uses a disk" ask "cat /sys/block/vda/serial; echo" first
check "it is paused" aerie pause -q "$v"
check "disks for all slots that are left" fill
check "that is so many" [ "$(disks)" = $((SLOTS - FIRST)) ]
check "one more has no room" full disk "$SCRATCH/disk31"
check "nor has a console" full console
check "nor a balloon" full balloon
check "nothing of them has stayed" [ "$(disks)" = $((SLOTS - FIRST)) ]
check "an image that was refused is free" eval \
	"aerie create -q $(vm other) -k $KERNEL -d $SCRATCH/disk31 && aerie destroy -q $(vm other)"
check "what the guest uses is taken by force" says 0 "$v: disk0 detached" \
	aerie detach "$v" disk0 --force
check "and so is what it has not seen yet" says 0 "$v: disk1 detached" \
	aerie detach "$v" disk1 --force
check "they are listed no more" [ -z "$(row disk0)$(row disk1)" ]
check "the slot of the one is free" attach disk0 $((FIRST + 1)) "$SCRATCH/disk31" second
check "what is left of the other makes room" attach disk1 $FIRST "$SCRATCH/disk32" third
check "they are listed" eval "row disk0 | grep -q disk31 && row disk1 | grep -q disk32"
check "one more has no room again" full disk "$SCRATCH/disk0"
check "it is resumed" aerie resume -q "$v"
check "the guest goes on" ask "echo still-\$((6 * 7))" still-42
# What it asked of the one that made room it would wait for: that is left alone.
check "and finds what has come" ask \
	"until [ \$(ls -d /sys/block/vd* | wc -l) = $((SLOTS - FIRST)) ]; do sleep 1; done; echo come-\$((6 * 7))" \
	come-42
check "and uses it" ask "cat /sys/block/vdb/serial; echo" second
check "one leaves" says 0 "$v: disk7 detached" aerie detach "$v" disk7
check "and another takes its place" attach disk7 $((7 + FIRST)) "$SCRATCH/disk7"
check "reset" aerie reset -q "$v"
check "it boots with all of them" soon 120 eval \
	"[ \$(grep -c 'aerie guest ready' $SCRATCH/$v.log) = 2 ]"
check "so many" ask "ls -d /sys/block/vd* | wc -l | sed s/^/disks=/" disks=$((SLOTS - FIRST))
check "the one that took the place among them" ask "cat /sys/block/vda/serial; echo" third
finish
