#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest that does anything at random, random code included: it may die of it, as
# often as it likes, and is started again. The host must not notice.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload reckless
plan 4

v=$(vm wild)
lives=$(rounds "${RECKLESS_LIVES:-24}" 10)

# One life: until it stops, or until it has had its time (halted, or looping).
live() {
	aerie start -q "$v" || return 1
	# shellcheck disable=SC2034 # it only counts
	for tick in 1 2 3 4; do
		usleep 100000
		[ "$(field "$v" state)" = running ] || break
	done
	field "$v" reason | sed 's/0x[0-9a-f]*/N/g; s/vCPU [0-9]*: //' >>"$SCRATCH/reasons"
	aerie stop -q --force "$v"
	[ "$(field "$v" state)" = stopped ]
}
all_lives() {
	for life in $(seq "$lives"); do
		live || { echo "# life $life of $lives"; return 1; }
	done
}

check "create" aerie create "$v" -q -m 64M -c 2 -k "$payload"
check "$lives lives" all_lives
sort "$SCRATCH/reasons" | uniq -c | sort -rn | sed 's/^/# /'
check "the host is responsive" responsive
check "destroy" within 5 aerie destroy -q "$v"
finish
