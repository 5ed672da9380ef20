#!/bin/sh
# Interprocessor interrupts with 4 processors.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload ipi --vcpus 4 --timeout 240
