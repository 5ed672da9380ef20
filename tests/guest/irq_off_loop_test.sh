#!/bin/sh
# A guest that loops with interrupts off ends when it wants to.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload irq_off_loop --vcpus 2 --append ms=500
