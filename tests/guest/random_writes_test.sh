#!/bin/sh
# Random values to ports, device memory, MSRs and registers, to each in a guest of its
# own so that all are reached. Only of the last may the guest die.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"

# shellcheck disable=SC2086 # no word or one
[ $# = 0 ] || payload random_writes --timeout 60 --append "only=$1" ${2:-}

[ "$GUEST_ENGINE" = qemu ] || need_aerie
built payload/random_writes.elf >/dev/null || exit
scratch
# stage NAME [--dies]: the tests of one guest, indented.
stage() {
	"$0" "$@" >"$SCRATCH/stage"
	stage_status=$?
	sed 's/^/    /' "$SCRATCH/stage"
	[ "$stage_status" = 0 ] && grep -q "^# seed=" "$SCRATCH/stage"
}
set -- ports device_memory msrs control_and_debug_registers hypercalls
plan $(($# + 1))
# TCG checks no control register: alone it may die of any of them.
dies=''
[ "$GUEST_ENGINE" = qemu ] && dies=--dies
for name; do
	# shellcheck disable=SC2086 # no word or one
	check "$name" stage "$name" $dies
done
check "control_registers_without_care" stage control_registers_without_care --dies
finish
