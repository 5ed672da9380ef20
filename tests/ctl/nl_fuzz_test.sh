#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Malformed netlink messages to every command: see nl_fuzz.c.
# shellcheck source=tests/lib/ktap.sh
. "$(dirname "$0")/../lib/ktap.sh"
need_aerie
for dir in "${OUTPUT:-$HERE/..}" "$HERE/../../build/tests"; do
	[ -x "$dir/ctl/nl_fuzz" ] && exec "$dir/ctl/nl_fuzz" "${FUZZ_ROUNDS:-2000}"
done
skip_all "ctl/nl_fuzz has not been built"
