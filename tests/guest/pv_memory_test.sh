#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the host writes for a guest where the guest's memory is missing: end of interrupts,
# steal time, clocks.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload pv_memory --balloon 0
