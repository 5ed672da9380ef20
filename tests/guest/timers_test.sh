#!/bin/sh
# PIT, APIC timer, PM timer, RTC and TSC against each other.
lib=$(dirname "$0")/../lib
[ -d "$lib" ] || lib=$(dirname "$0")/lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload timers --vcpus 2
