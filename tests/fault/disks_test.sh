#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Disks that the tool would not ask for: see disks.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
program=$(built fault/disks) || exit
"$program" "$KERNEL"
