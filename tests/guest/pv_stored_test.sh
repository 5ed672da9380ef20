#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the host writes for a guest where the guest's memory is compressed or in swap.
# shellcheck disable=SC2317 # functions are run by on_exit
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload pv_memory
need_store
no_scanner

v=$(vm stored)
# shellcheck disable=SC2154 # need_payload sets it
aerie create -q "$v" -m 64M -k "$payload" -a "press=6" || bail "no guest"
aerie mem "$v" --limit 4M >/dev/null || bail "no limit"
aerie start -q "$v" || bail "no start"
timeout $((120 * ${GUEST_SLOW:-1})) aerie console "$v" >"$SCRATCH/out" </dev/null
status=$?
echo "# came back: $(number loaded) pages"
[ "$(number loaded)" -gt 20 ] || status=1
ktap_result "$SCRATCH/out" $status
