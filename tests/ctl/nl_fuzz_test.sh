#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Malformed netlink messages to every command: see nl_fuzz.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ktap.sh
. "$lib/ktap.sh"
need_aerie
program=$(built ctl/nl_fuzz) || exit
exec "$program" "${FUZZ_ROUNDS:-2000}"
