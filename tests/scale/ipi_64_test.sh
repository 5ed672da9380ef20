#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Interprocessor interrupts of every mode with as many vCPUs as there can be.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload ipi --vcpus 64 --timeout 900
