#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Aerie and KVM on one host: who holds the processors keeps them, the other refuses in
# words, and the kernel's log has no warning of it. KVM holds them from its load on, with
# enable_virt_at_load=0 and before 6.12 only while it has guests.
# shellcheck disable=SC2016,SC2119,SC2120,SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
# shellcheck source=tests/lib/kvm.sh
. "$lib/kvm.sh"
need_aerie
no_vm || skip_all "there are VMs of somebody else"
need_kvm
hold=$(built fault/kvm_hold) || exit
payload=$(built payload/irq_off_loop.elf) || exit
scratch
held="KVM holds the processors ($kvm); stop its guests or unload $kvm, see aerie doctor"
on_exit "destroy_mine"
on_exit 'kill "$holder" 2>/dev/null'
holder=''
# Newer kernels turn the first of these into the second.
denied="Device or resource busy|Input/output error"
v=$(vm beside-kvm)

# hold: a guest of KVM, which runs.
hold() {
	rm -f "$SCRATCH/dots"
	"$hold" >"$SCRATCH/dots" 2>"$SCRATCH/hold.err" &
	holder=$!
	soon 20 test -s "$SCRATCH/dots"
}
# goes_on: and it still does.
goes_on() {
	dots=$(wc -c <"$SCRATCH/dots")
	soon 20 eval "[ \$(wc -c <$SCRATCH/dots) -gt $dots ]" && kill -0 "$holder"
}
release() {
	kill "$holder"
	wait "$holder" 2>/dev/null
	holder=''
}
run() {
	aerie run "$v" -q -m 64M -k "$payload" -a "$LOOP"
}
refused() {
	says 1 "$1" run && no_vm
}
doctor_says() {
	aerie doctor >"$SCRATCH/doctor"
	[ $? = 1 ] && grep -qF "$1" "$SCRATCH/doctor"
}
runs() {
	run && is_state "$v" running
}
kvm_fails() {
	"$hold" --create 2>"$SCRATCH/err" && return 1
	grep -qE "KVM_CREATE_VM: ($denied)" "$SCRATCH/err"
}
warned() {
	dmesg | grep -c 'WARNING:'
}

before=$(warned)
plan 23
check "KVM loads beside Aerie" load_kvm
late=''
[ -e /sys/module/kvm/parameters/enable_virt_at_load ] && late=1
check "a guest of KVM" hold
check "run is refused, nothing stays" refused "cannot start: $held"
check "doctor says the same" doctor_says "$held"
check "KVM's guest goes on" goes_on
release
if [ "$late" ]; then
	check "refused while KVM is loaded" refused "cannot start: $held"
	check "KVM unloads" unload_kvm
	check "Aerie runs" runs
	check "KVM does not load beside that" eval "! load_kvm"
	check "with the reason" grep -qE "$denied" "$SCRATCH/err"
	check "KVM unloads" unload_kvm
else
	check "Aerie runs with KVM loaded" runs
	check "KVM refuses a guest" kvm_fails
	check "KVM unloads" unload_kvm
	check "and loads" load_kvm
	check "KVM still refuses" kvm_fails
	check "Aerie's guest still runs" is_state "$v" running
fi
check "destroy" aerie destroy -q "$v"
[ -d /sys/module/kvm ] || load_kvm
check "KVM has a guest again" hold
check "refused again" refused "cannot start: $held"
release
check "KVM unloads" unload_kvm

# A KVM that is idle: VMX stays away from it where a crash would find no way out.
if [ -z "$late" ]; then
	for what in "beside an idle KVM" "refused" "told" "unloaded" "loaded again" "destroyed" "KVM again"; do
		skip "$what" "this kernel's KVM is idle in any case"
	done
elif [ "$kvm" = kvm_intel ]; then
	check "KVM loads and is idle" load_kvm enable_virt_at_load=0
	check "Aerie refuses beside it" refused "KVM is loaded (kvm_intel)"
	check "doctor says the same" doctor_says "KVM is loaded (kvm_intel)"
	check "KVM unloads, Aerie runs" eval "unload_kvm && runs"
	check "idle or not, KVM does not load" eval "! load_kvm enable_virt_at_load=0"
	check "destroy" aerie destroy -q "$v"
	check "KVM unloads" unload_kvm
else
	check "KVM loads and is idle" load_kvm enable_virt_at_load=0
	check "Aerie runs beside it" runs
	check "KVM refuses a guest" kvm_fails
	check "KVM unloads, and loads" eval "unload_kvm && load_kvm enable_virt_at_load=0"
	check "KVM refuses still" kvm_fails
	check "destroy" aerie destroy -q "$v"
	check "KVM has a guest" eval "hold && release && unload_kvm"
fi
check "the kernel warned of nothing" [ "$(warned)" = "$before" ]
finish
