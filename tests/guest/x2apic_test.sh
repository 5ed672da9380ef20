#!/bin/sh
# The x2APIC, and other tests of interrupts in that mode; once more on VMX with the
# processor doing less of it, where it can.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"

[ $# = 0 ] || payload "$1" --append x2apic=1

# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
built payload/x2apic.elf >/dev/null || exit
scratch
# stage NAME: the tests of one guest, indented.
stage() {
	"$0" "$1" >"$SCRATCH/stage"
	stage_status=$?
	sed 's/^/    /' "$SCRATCH/stage"
	[ "$stage_status" = 0 ]
}
reload() {
	# shellcheck disable=SC2086 # words on purpose
	/sbin/rmmod aerie && /sbin/modprobe aerie $MODULE_ARGS "$@"
}
# stages HOW NAME...
stages() {
	how=$1
	shift
	for name; do
		check "$name, $how" stage "$name"
	done
}

if aerie doctor 2>/dev/null | grep -q "^virtual-interrupt delivery"; then
	need_reload
	on_exit "reload"
	plan 13
	stages "with a TPR shadow" x2apic ioapic pic nmi_window
	# nmi_window has an interrupt twice there: it is off until that is understood.
	check "the module with more" reload apicv=1
	stages "by the processor" x2apic ioapic timers pic
	check "the module with less" reload tpr_shadow=0
	stages "with CR8 exits" x2apic ioapic pic
else
	plan 4
	stages "by the module" x2apic ioapic pic nmi_window
fi
finish
