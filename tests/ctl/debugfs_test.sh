#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What debugfs shows of a VM: state, memory, exits, scheduling, devices, and of each vCPU its
# registers, control block and local APIC.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
[ -d /sys/kernel/debug/aerie ] || skip_all "no debugfs at /sys/kernel/debug"
plan 29

v=$(vm debugfs)
dir=/sys/kernel/debug/aerie/vms/$v
# has FILE REGEX: a whole line of it.
has() {
	grep -Eqx -e "$2" "$dir/$1" && return
	echo "# $1: no '$2' in"
	head -n 12 "$dir/$1" | sed 's/^/#   /'
	return 1
}
# value FILE NAME: the first word behind it.
value() {
	awk -v name="$2" '$1 == name { sub("^0x", "", $2); print $2; exit }' "$dir/$1"
}
same() {
	[ -n "$1" ] && [ "$1" = "$2" ] && return
	echo "# '$1' and '$2'"
	return 1
}
# Of each kind: a count, cycles between count times min and count times max, and a
# histogram that adds up, with no bucket beyond the extremes.
exits_sane() {
	awk 'function pow2(n) { for (p = 1; n > 0; n--) p *= 2; return p }
	$1 == "loads" { exit } NR == 1 { next }
	{
		kinds++
		sum = 0
		for (i = 6; i <= NF; i++) {
			split($i, b, ":")
			sum += b[2]
			if (pow2(b[1]) > $5 || pow2(b[1] + 1) <= $4)
				bad = 1
		}
		if ($2 < 1 || sum != $2 || $4 > $5 || $3 < $2 * $4 || $3 > $2 * $5)
			bad = 1
		if (bad) {
			print "# " $0
			exit
		}
	}
	END { exit bad || kinds < 5 }' "$dir/exits"
}
devices_sane() {
	for device in "$dir"/devices/*; do
		head -n 1 "$device" | grep -qx '[a-z0-9-]* version [0-9]*' &&
			[ "$(wc -l <"$device")" -gt 1 ] && continue
		echo "# $device"
		return 1
	done
}
all_registers() {
	for name in rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip rflags \
		cr0 cr2 cr3 cr4 efer; do
		has vcpu0/registers "$name +[0-9a-f]{16}" || return 1
	done
	for name in es cs ss ds fs gs ldtr tr; do
		has vcpu0/registers "$name +[0-9a-f]{4} base [0-9a-f]{16} limit [0-9a-f]{8} attributes [0-9a-f]{5}" ||
			return 1
	done
	has vcpu0/registers 'gdtr +base [0-9a-f]{16} limit [0-9a-f]{4}' &&
		has vcpu0/registers 'idtr +base [0-9a-f]{16} limit [0-9a-f]{4}'
}

if grep -qx 'backend svm' /sys/kernel/debug/aerie/capabilities; then
	cr3=save.cr3 reason=control.exit_code nested=control.n_cr3
else
	cr3=GUEST_CR3 reason=VM_EXIT_REASON nested=EPT_POINTER
fi

check "mitigations are listed" grep -Eq ' (on|off) ' /sys/kernel/debug/aerie/mitigations
check "a guest" boot "$v" -c 2
check "registers of a running vCPU" all_registers
check "its control block" has vcpu0/control "$cr3 +0x[0-9a-f]+"
check "its local APIC" has vcpu0/lapic ' *id +0'
check "exits of a running guest" has exits 'hlt +[0-9]+ .*'

# Nothing moves: what can be read twice has to be the same.
check "pause" aerie pause -q "$v"
check "the state" has state 'state paused'
check "the name" has state "name $v"
check "what its vCPU does" has sched "vcpu0 (idle|paused) idle_ns [0-9]+ run_ns [1-9][0-9]* wait_ns .*"
check "how long they waited" has sched "waits log2\(ns\):count( [0-9]+:[0-9]+)+"
check "the command line" has state "cmdline $APPEND"
check "the memory granted" has memory "granted_kib 262144"
check "and resident" [ "$(value memory resident_kib)" -gt 16384 ]
check "its memory, all of it" [ "$(wc -c <"$dir/ram")" = $((256 << 20)) ]
check "with what the kernel has been told" eval "tr '\\0' '\\n' <$dir/ram | grep -qaF -- '$APPEND'"
check "nested tables" [ "$(value memory nested_tables)" -gt 3 ]
check "ranges of ports" has ranges ' *0x3f8-0x3ff [a-z0-9-]+'
check "ranges of memory" has ranges ' *0xfec00000-0xfec[0-9a-f]+ [a-z0-9-]+'
check "exits with histograms that add up" exits_sane
check "as many as the tool counts" same \
	"$(awk '$1 == "hlt" { print $2 }' "$dir/exits")" "$(aerie stat "$v" | awk '$1 == "hlt" { print $2 }')"
check "every device's state" devices_sane
check "the second vCPU's local APIC" has vcpu1/lapic ' *id +1'
check "it is enabled" has vcpu1/lapic ' *spiv +1[0-9a-f]{2}'
check "a 64-bit kernel: EFER" has vcpu0/registers 'efer +0000000000000d01'
check "CR3 by both ways" same "$(value vcpu0/registers cr3 | sed 's/^0*//')" \
	"$(value vcpu0/control "$cr3" | sed 's/^0*//')"
check "the last exit's reason" has vcpu0/control "$reason +0x[0-9a-f]+"
check "the root of the nested table" same \
	"$(value memory nested_root | sed 's/^0*//; s/...$//')" \
	"$(value vcpu0/control "$nested" | sed 's/^0*//; s/...$//')"
aerie destroy -q "$v"
check "it goes with the VM" [ ! -e "$dir" ]
finish
