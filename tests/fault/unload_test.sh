#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loaded and unloaded again and again, with guests in between: after the second half of
# the rounds as much memory is in use as before it, but for what the kernel's own work
# makes it vary by. A leak grows with every round; growth that does not come again with
# as many rounds more was the host's, still busy with what others have left it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
# shellcheck source=tests/lib/leaks.sh
. "$lib/leaks.sh"
need_guest
need_reload
payload=$(built payload/irq_off_loop.elf) || exit
plan 6

# Where they take long a leak shows after fewer, too, or is kmemleak's to find.
rounds=${UNLOAD_ROUNDS:-$((SLOW > 1 ? 20 : 200))}
half=$((rounds / 2))
v=$(vm round)

# A guest that runs, every eighth time a stock kernel; destroyed as it is.
guest() {
	if [ $(($1 % 8)) = 0 ]; then
		aerie run "$v" -q -m 128M -c 2 -k "$KERNEL" -i "$INITRD" -a "$APPEND" || return 1
	else
		aerie run "$v" -q -m 64M -c $(($1 % 4 + 1)) -k "$payload" -a "$LOOP" || return 1
	fi
	case $(($1 % 3)) in
	0) usleep 50000 ;;
	1) aerie stop -q --force "$v" || return 1 ;;
	2) aerie pause -q "$v" || return 1 ;;
	esac
	aerie destroy -q "$v"
}

# Rounds A to B, from not loaded to not loaded.
go_round() {
	for i in $(seq "$1" "$2"); do
		if ! { load && guest "$i" && /sbin/rmmod aerie; }; then
			echo "# round $i"
			return 1
		fi
	done
}

measured_rounds() {
	pages_used "$SCRATCH/before"
	started=$(now)
	go_round 1 "$half" || return 1
	echo "# $(($(since "$started") / half))/100 s a round"
	pages_used_after
}

check "unload" /sbin/rmmod aerie
check "$half rounds" go_round 1 "$half"
check "as many again" measured_rounds
if ! { few_pages && few_objects && same_other; }; then
	once_more
	measured_rounds
fi
check "no page is lost" few_pages
check "no object is lost" few_objects
check "no mapping, nothing per processor" same_other
[ -d /sys/module/aerie ] || load
finish
