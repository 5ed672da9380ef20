#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The console on a terminal: see console_pty.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ktap.sh
. "$lib/ktap.sh"
need_aerie
program=$(built ctl/console_pty) || exit
exec "$program"
