#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Attach and detach as the tool would not ask for it: devices.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload irq_off_loop
devices=$(built fault/devices) || exit
v=$(vm devices)
aerie create -q "$v" -m 64M -k "$payload" || bail "no VM"
"$devices" refuse "$v"
