#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests destroyed at any moment of their life, by many at once: see life.c.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
program=$(built fault/life) && spin=$(built payload/irq_off_loop.elf) &&
	reset=$(built payload/reset_loop.elf) && wild=$(built payload/reckless.elf) || exit
"$program" "${LIFE_SECONDS:-30}" "${LIFE_SEED:-$$}" "$KERNEL" "$INITRD" "$spin" "$reset" "$wild"
