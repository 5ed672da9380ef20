#!/bin/sh
# Interprocessor interrupts with 4 processors.
lib=$(dirname "$0")/../lib
[ -d "$lib" ] || lib=$(dirname "$0")/lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload ipi --vcpus 4 --timeout 240
