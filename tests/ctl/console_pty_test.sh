#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The console on a terminal: see console_pty.c.
# shellcheck source=tests/lib/ktap.sh
. "$(dirname "$0")/../lib/ktap.sh"
need_aerie
for dir in "${OUTPUT:-$HERE/..}" "$HERE/../../build/tests"; do
	[ -x "$dir/ctl/console_pty" ] && exec "$dir/ctl/console_pty"
done
skip_all "ctl/console_pty has not been built"
