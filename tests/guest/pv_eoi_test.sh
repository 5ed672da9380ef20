#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Ends of interrupts without an exit, by KVM's interface.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload pv_eoi
