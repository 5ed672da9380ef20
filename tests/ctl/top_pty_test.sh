#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# aerie top on a terminal: see top_pty.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ktap.sh
. "$lib/ktap.sh"
need_aerie
program=$(built ctl/top_pty) || exit
exec "$program"
