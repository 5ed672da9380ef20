#!/bin/sh
# PIT, APIC timer, PM timer, RTC and TSC against each other.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload timers --vcpus 2
