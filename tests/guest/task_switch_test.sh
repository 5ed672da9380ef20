#!/bin/sh
# Task switches by hardware in 32-bit protected mode.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
# Every task switch exits there, and Aerie stops the guest with a reason.
if [ "$GUEST_ENGINE" = aerie ] && grep -qw vmx /proc/cpuinfo; then
	skip_all "VMX leaves task switches to the hypervisor, Aerie does none"
fi
payload task_switch
