#!/bin/sh
# The I/O APIC.
lib=$(dirname "$0")/../lib
[ -d "$lib" ] || lib=$(dirname "$0")/lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload ioapic --vcpus 4
