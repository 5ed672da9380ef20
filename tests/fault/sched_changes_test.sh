#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# How guests are scheduled is changed at random and by several tools at once, while busy
# guests of several vCPUs run, pause, get and lose vCPUs and are destroyed. The tools may be
# refused but never hang; afterwards the guest that was left runs as if nothing had been.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
payload=$(built payload/irq_off_loop.elf) || exit
plan 13

v=$(vm stays)
w=$(vm goes)
seconds=${STRESS_SECONDS:-$((SLOW > 1 ? 25 : 20))}
last=$(($(nproc) - 1))
OPS="weight cap uncapped pin unpinned reserve unreserved pause resume cpus look renew"

# draw N: the next of a sequence of numbers below N, as $drawn. Each loop has its own.
draw() {
	state=$(((state * 1103515245 + 12345) % 2147483648))
	drawn=$((state / 65536 % $1))
}

spinning() {
	aerie run "$w" -q -m 16M -c 3 -k "$payload" -a "$LOOP"
}

# One change of WHAT to VM, with numbers drawn for it.
change() {
	draw 100
	n=$drawn
	draw 7
	case $2 in
	weight) aerie sched "$1" --weight $((1 + n * n)) ;;
	cap) aerie sched "$1" --cap $((10 + n * 2)) ;;
	uncapped) aerie sched "$1" --cap 0 ;;
	pin) aerie sched "$1" --pin "$((n % (last + 1)))-$last" ;;
	unpinned) aerie sched "$1" --pin any ;;
	reserve) aerie sched "$1" --budget $((1 + n % 3))ms --period $((20 + drawn * 10))ms ;;
	unreserved) aerie sched "$1" --budget 0 ;;
	pause) aerie pause -q "$1" ;;
	resume) aerie resume -q "$1" ;;
	cpus) aerie cpus -q "$1" $((1 + n % 4)) --timeout 1s ;;
	look) aerie sched "$1" --json && aerie stat "$1" --latency && aerie show "$1" ;;
	renew) [ "$1" = "$v" ] || [ "$drawn" != 0 ] || { aerie destroy -q "$1"; spinning; } ;;
	esac
}

# changes SEED SECONDS: of both VMs, each kind in turn, once at least however slow it is.
changes() {
	state=$1
	step=$((state * 4))
	last_step=$((step + 12))
	until=$(($(cut -d. -f1 /proc/uptime) + $2))
	while [ "$step" -lt "$last_step" ] || [ "$(cut -d. -f1 /proc/uptime)" -lt "$until" ]; do
		draw 2
		[ "$drawn" = 0 ] && which=$v || which=$w
		op=$(echo "$OPS" | cut -d' ' -f$((step % 12 + 1)))
		step=$((step + 1))
		began=$(now)
		change "$which" "$op" >/dev/null 2>>"$SCRATCH/said" </dev/null
		status=$?
		echo "$op $status $(since "$began")" >>"$SCRATCH/done.$1"
	done
}

by_three() {
	rm -f "$SCRATCH"/done.*
	for seed in "$@"; do
		changes "$seed" "$seconds" &
		changing="$changing $!"
	done
	# shellcheck disable=SC2086 # words
	wait $changing
	cat "$SCRATCH"/done.* >"$SCRATCH/done"
	echo "# $(wc -l <"$SCRATCH/done") changes, $(awk '$2' "$SCRATCH/done" | wc -l) refused"
}

# Refused, gone or too late; nothing else, and no signal.
only_refusals() {
	! awk '$2 != 0 && $2 != 1 && $2 != 3 && $2 != 6' "$SCRATCH/done" | sort | uniq -c | sed 's/^/# /' | grep .
}
each_done() {
	for op in $OPS; do
		grep -q "^$op 0 " "$SCRATCH/done" || { echo "# $op: never"; return 1; }
	done
}
# Half a minute is more than any of them waits for.
none_hung() {
	! awk -v most="$((3000 * SLOW))" '$3 > most' "$SCRATCH/done" | sed 's/^/# /' | grep .
}
said_nothing_odd() {
	! grep -v "^aerie: $v: \|^aerie: $w: " "$SCRATCH/said" | sort | uniq -c | sed 's/^/# /' | grep .
}

as_at_first() {
	aerie resume "$v" >/dev/null 2>&1
	aerie sched "$v" --weight 100 --cap 0 --pin any --budget 0 >/dev/null
}
runs() {
	tell "$v" "echo run\"\"s-$1"
	soon 60 seen "$v" "runs-$1"
}
no_threads() {
	! grep -l "^aerie-t$$-" /proc/[0-9]*/comm 2>/dev/null | grep .
}

destroyed_meanwhile() {
	spinning 2>/dev/null
	seconds=4
	{
		sleep 2
		aerie destroy -q "$v"
		aerie destroy -q "$w"
	} &
	changing=$!
	by_three 4 5
	# The last of the changes may have made one anew.
	aerie destroy -q "$w" 2>/dev/null
	only_refusals && none_hung
}

check "a guest of two vCPUs, four at most" boot "$v" -c 2,max=4
tell "$v" 'for i in 1 2 3; do while :; do :; done & done; echo bu""sy'
check "which is busy" soon 60 seen "$v" busy
check "another" spinning
# Guests with all the weight there is leave others little; not the tools.
renice -n -20 -p $$ >/dev/null
[ ! -e /proc/self/autogroup ] || echo -20 >/proc/self/autogroup
changing=
check "changes at random" by_three 1 2 3
check "each of them has been made" each_done
check "what was not is refused" only_refusals
check "with words about the VM" said_nothing_odd
check "and none hangs" none_hung
check "all is as at first" as_at_first
check "the guest runs" runs 1
check "with the vCPUs that are asked for" eval "aerie cpus -q $v 3 && runs 2"
check "destroyed meanwhile" destroyed_meanwhile
check "and no thread is left" no_threads
finish
