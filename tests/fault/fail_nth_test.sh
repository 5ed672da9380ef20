#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every allocation of every operation fails once: see fail_nth.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
program=$(built fault/fail_nth) && payload=$(built payload/memory.elf) || exit
[ -e /proc/self/fail-nth ] || skip_all "this kernel does not inject faults"
"$program" "$KERNEL" "$payload"
