#!/bin/sh
# Non-maskable interrupts and interrupt shadows.
lib=$(dirname "$0")/../lib
[ -d "$lib" ] || lib=$(dirname "$0")/lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload nmi_window --vcpus 2
