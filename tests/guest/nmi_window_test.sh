#!/bin/sh
# Non-maskable interrupts and interrupt shadows.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload nmi_window --vcpus 2
