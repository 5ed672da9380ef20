#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Loaded and unloaded again and again, with guests in between: afterwards as much
# memory is in use as before, but for what the kernel's own work makes it vary by. A
# leak grows with every round; growth that does not come again with as many rounds
# more was the host's, still busy with what others have left it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
need_reload
payload=$(built payload/irq_off_loop.elf) || exit
plan 6

# What may have come however many rounds there were: pages, and objects of each slab
# cache, of which a slab or two are in use by chance.
MAY_GROW_PAGES=32
MAY_GROW_OBJECTS=100
rounds=$(rounds "${UNLOAD_ROUNDS:-200}" 10)
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

# Nothing that the kernel only keeps at hand may count: caches, free objects of
# slabs, pages on the processors' own lists, what waits for a grace period.
settle() {
	sleep 1
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 >"$cache" 2>/dev/null
	done
	sleep 1
}

# Pages in use by the kernel: all but free ones and those of files and programs.
pages_used() {
	settle
	awk '/^(MemTotal|MemFree|Buffers|Cached|AnonPages|KReclaimable|PageTables):/ {
			kb[$1] = $2 }
		END { print (kb["MemTotal:"] - kb["MemFree:"] - kb["Buffers:"] - kb["Cached:"] -
			kb["AnonPages:"] - kb["KReclaimable:"] - kb["PageTables:"]) / 4 }' \
		/proc/meminfo >"$1"
	# Pages on the processors' lists are free, too.
	awk '/^ *count:/ { n += $2 } END { print -n }' /proc/zoneinfo >>"$1"
	awk '{ n += $1 } END { print n }' "$1" >"$1.pages"
	awk 'NR > 2 { print $1, $2, $5 }' /proc/slabinfo >"$1.slabs"
	awk '/^(VmallocUsed|Percpu):/ { print $1, $2 }' /proc/meminfo >"$1.other"
}

few_pages() {
	before=$(cat "$SCRATCH/before.pages") after=$(cat "$SCRATCH/after.pages")
	echo "# $before pages in use before $rounds rounds, $after after"
	[ $((after - before)) -le "$MAY_GROW_PAGES" ]
}
few_objects() {
	awk -v may="$MAY_GROW_OBJECTS" 'NR == FNR { was[$1] = $2; next }
		$2 - was[$1] > may / 4 {
			print "# " $1 ": " was[$1] " objects before, " $2 " after, " $3 " a slab" }
		$2 - was[$1] > may { bad = 1 }
		END { exit bad }' "$SCRATCH/before.slabs" "$SCRATCH/after.slabs"
}
same_other() {
	paste "$SCRATCH/before.other" "$SCRATCH/after.other" | awk '
		$4 - $2 > 64 { print "# " $1 " " $2 " kB before, " $4 " after"; bad = 1 }
		END { exit bad }'
}
measured_rounds() {
	pages_used "$SCRATCH/before"
	started=$(now)
	go_round 1 "$rounds" || return 1
	echo "# $(($(since "$started") / rounds))/100 s a round"
	pages_used "$SCRATCH/after"
}

check "unload" /sbin/rmmod aerie
check "10 rounds to warm up" go_round 1 10
check "$rounds rounds" measured_rounds
if ! { few_pages && few_objects && same_other; }; then
	echo "# once more"
	measured_rounds
fi
check "no page is lost" few_pages
check "no object is lost" few_objects
check "no mapping, nothing per processor" same_other
[ -d /sys/module/aerie ] || load
finish
