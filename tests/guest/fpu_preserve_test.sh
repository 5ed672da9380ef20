#!/bin/sh
# x87 to AVX-512 registers across exits and preemption.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload fpu_preserve --vcpus 4
