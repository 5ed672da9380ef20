#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# aerie bench: figures of exits, beside KVM's where that can be, and what stands in the way.
# shellcheck disable=SC2016,SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_aerie
[ -z "$(aerie list --names)" ] || skip_all "there are VMs of somebody else"
[ ! -d /sys/module/kvm ] || skip_all "KVM is loaded already"
payload=$(built perf/payload/exits.elf) || exit
helper=$(built perf/kvm) || exit
loop=$(built payload/irq_off_loop.elf) || exit
grep -qw vmx /proc/cpuinfo && kvm=kvm_intel || kvm=kvm_amd
scratch
on_exit "unload_kvm"
on_exit "destroy_mine"
mkdir -p "$SCRATCH/files/payload"
cp "$payload" "$SCRATCH/files/payload/exits.elf"
cp "$helper" "$SCRATCH/files/kvm"
v=$(vm bench)
plan 17

bench() {
	timeout $((120 * ${GUEST_SLOW:-1})) aerie bench --files "$SCRATCH/files" "$@"
}
unload_kvm() {
	for module in "$kvm" kvm; do
		[ ! -d /sys/module/"$module" ] || /sbin/rmmod "$module" || return 1
	done
}
load_kvm() {
	/sbin/modprobe kvm "$@" 2>"$SCRATCH/err" && /sbin/modprobe "$kvm" 2>>"$SCRATCH/err"
}
no_vm() {
	[ -z "$(aerie list --names)" ]
}
# Every kind has a figure, and what takes twice the cycles happens half as often.
sane() {
	bench >"$SCRATCH/table" 2>"$SCRATCH/err" &&
		awk 'NR == 1 { columns = NF; next }
		{ n++; each = $2 * $4; if (NF != columns || $2 < 1) bad = 1 }
		$2 > 500 { if (!hz) hz = each; if (each < hz * 0.9 || each > hz * 1.1) bad = 1 }
		END { exit bad || n < 20 || columns != 4 || !hz }' "$SCRATCH/table" && return
	sed 's/^/# /' "$SCRATCH/table" "$SCRATCH/err"
	return 1
}
listed() {
	for name in cpuid hypercall pio lapic-mmio self-ipi timer-oneshot cr3 touch ipi; do
		grep -q "^$name " "$SCRATCH/table" || { echo "# no $name"; return 1; }
	done
}
# interrupted SIGNAL: it ends with status 1 and takes its guest along. There is no time to
# sleep: on a test host without a clock of its own the guests are over within moments.
interrupted() {
	aerie bench -q --files "$SCRATCH/files" >"$SCRATCH/out" 2>"$SCRATCH/err" &
	while no_vm; do
		kill -0 $! || return 1
	done
	kill -s "$1" $!
	wait $!
	[ $? = 1 ] && no_vm && [ ! -s "$SCRATCH/out" ] && grep -qF interrupted "$SCRATCH/err"
}
both() {
	bench --kvm --only exits >"$SCRATCH/table" 2>"$SCRATCH/err" &&
		awk 'NR == 1 { columns = NF; next }
		$1 == "cpuid" { found = 1; if ($5 < 1 || $8 <= 0) bad = 1 }
		END { exit bad || !found || columns != 8 }' "$SCRATCH/table" && return
	sed 's/^/# /' "$SCRATCH/table" "$SCRATCH/err"
	return 1
}

check "figures of Aerie" sane
check "of all that the payload does" listed
check "no guest is left" no_vm
check "as JSON" prints '"exits/s":' bench --json --only two
check "only what was asked for" eval '[ "$(grep -c "\"exit\":" "$SCRATCH/out")" = 1 ]'
check "an interrupt ends it" interrupted TERM
check "no KVM where one is wanted" says 1 "KVM cannot be measured: /dev/kvm" bench --kvm
printf 'not a kernel' >"$SCRATCH/files/payload/exits.elf"
check "a payload that is none" says 1 "cannot start: not a kernel" bench -q
check "it leaves no guest either" no_vm
cp "$loop" "$SCRATCH/files/payload/exits.elf"
check "another payload" says 1 "test 'exits' has failed under Aerie" bench -q
rm "$SCRATCH/files/payload/exits.elf"
check "no payload" says 1 "are not in $SCRATCH/files" bench
cp "$payload" "$SCRATCH/files/payload/exits.elf"

# KVM beside it: not where KVM's module alone keeps Aerie's guests out.
if ! /sbin/modprobe -n -q "$kvm" || ! load_kvm enable_virt_at_load=0; then
	kvm_why="there is no $kvm"
elif ! aerie run "$v" -q -m 64M -k "$loop" -a "$LOOP" 2>/dev/null; then
	kvm_why="$kvm lets no guest of Aerie be beside it"
fi
if [ -n "${kvm_why:-}" ]; then
	for name in "a guest in the way" "the guest goes" "figures of both" "KVM unloads"; do
		skip "$name" "$kvm_why"
	done
else
	check "a guest in the way" says 1 "one hypervisor holds the processors at a time" bench --kvm
	check "the guest goes" aerie destroy -q "$v"
	check "figures of both" both
	check "KVM unloads" unload_kvm
fi

unload_kvm
if /sbin/modprobe -n -q "$kvm" && load_kvm && [ -e /sys/module/kvm/parameters/enable_virt_at_load ]; then
	check "KVM that holds the processors" says 1 "KVM holds the processors ($kvm)" bench -q
else
	skip "KVM that holds the processors" "this one does not without guests"
fi
unload_kvm
check "and without it again" prints "ioapic-mmio" bench --only mmio
finish
