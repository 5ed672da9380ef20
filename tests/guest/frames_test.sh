#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Memory that is read first and written then, far more of it than the host has.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
payload frames --vcpus 2 --memory 65537M --append "rounds=$((4000 / ${GUEST_SLOW:-1}))"
