# shellcheck shell=sh
# What the kernel holds before and after something, which is to be the same. For
# sourcing by tests that measure:
#
#	pages_used "$SCRATCH/before"; ...; pages_used_after
#	few_pages && few_objects && same_other

# What may have come however much was done: pages, and objects of each slab cache, of
# which a slab or two are in use by chance.
MAY_GROW_PAGES=32
MAY_GROW_OBJECTS=100

# Nothing that the kernel only keeps at hand may count: caches, free objects of
# slabs, pages on the processors' own lists, what waits for a grace period.
settle() {
	sleep 1
	sync
	echo 3 >/proc/sys/vm/drop_caches
	for cache in /sys/kernel/slab/*/shrink; do
		echo 1 >"$cache" 2>/dev/null
	done
	# What kfree_rcu() has gathered, of those files too, goes with caches or 5 s later.
	echo 3 >/proc/sys/vm/drop_caches
	sleep "${GUEST_SLOW:-1}"
}

# Pages in use by the kernel: all but free ones and those of files and programs, and the
# tables of its map of all memory, which splits where a module comes to lie and stays so.
pages_used() {
	settle
	awk '/^(MemTotal|MemFree|Buffers|Cached|AnonPages|KReclaimable|PageTables|DirectMap4k):/ {
			kb[$1] = $2 }
		END { print (kb["MemTotal:"] - kb["MemFree:"] - kb["Buffers:"] - kb["Cached:"] -
			kb["AnonPages:"] - kb["KReclaimable:"] - kb["PageTables:"]) / 4 -
			int(kb["DirectMap4k:"] / 2048) }' \
		/proc/meminfo >"$1"
	# Pages on the processors' lists are free, too.
	awk '/^ *count:/ { n += $2 } END { print -n }' /proc/zoneinfo >>"$1"
	awk '{ n += $1 } END { print n }' "$1" >"$1.pages"
	awk 'NR > 2 { print $1, $2, $5 }' /proc/slabinfo >"$1.slabs"
	awk '/^(VmallocUsed|Percpu):/ { print $1, $2 }' /proc/meminfo >"$1.other"
}

# The same after what was done: what is still counted by chance goes with another look,
# what is lost stays.
pages_used_after() {
	for look in 1 2 3; do
		pages_used "$SCRATCH/after"
		{ few_pages && few_objects && same_other; } >/dev/null && return
		echo "# look $look: more than before"
	done
}

few_pages() {
	before=$(cat "$SCRATCH/before.pages") after=$(cat "$SCRATCH/after.pages")
	echo "# $before pages in use before, $after after"
	[ $((after - before)) -le "$MAY_GROW_PAGES" ]
}
few_objects() {
	first=$SCRATCH/first.slabs
	[ -e "$first" ] || first=/dev/null
	awk -v may="$MAY_GROW_OBJECTS" 'FILENAME == ARGV[1] { first[$1] = $2; next }
		FILENAME == ARGV[2] { was[$1] = $2; next }
		{ lost = $2 - was[$1] }
		$1 in first && was[$1] - first[$1] < lost { lost = was[$1] - first[$1] }
		lost > may / 4 {
			print "# " $1 ": " was[$1] " objects before, " $2 " after, " $3 " a slab" }
		lost > may { bad = 1 }
		END { exit bad }' "$first" "$SCRATCH/before.slabs" "$SCRATCH/after.slabs"
}

# It is done once more: what has been lost the first time was in use before this, too.
once_more() {
	echo "# once more"
	cp "$SCRATCH/before.slabs" "$SCRATCH/first.slabs"
}
same_other() {
	paste "$SCRATCH/before.other" "$SCRATCH/after.other" | awk '
		$4 - $2 > 64 { print "# " $1 " " $2 " kB before, " $4 " after"; bad = 1 }
		END { exit bad }'
}
