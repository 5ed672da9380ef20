#!/bin/sh
# Debug registers, breakpoints and single steps.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload debug_regs --vcpus 2
