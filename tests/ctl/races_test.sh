#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Two tools at once: destroyed at any moment of a VM's life, created under one name
# by many, listed and watched meanwhile. The host's log must stay clean; the tools
# may lose, with a status that says so, but never hang.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 12

v=$(vm race)
# On a slow kernel fewer of them take as long.
rounds=${RACE_ROUNDS:-$((${GUEST_SLOW:-1} > 1 ? 3 : 8))}
run() {
	timed aerie run "$v" -m 128M -k "$KERNEL" -a "$APPEND" "$@"
}
# timed COMMAND...: what takes more than a minute hangs, and is remembered.
timed() {
	timeout 60 "$@" >/dev/null 2>&1 </dev/null
	timed_status=$?
	case $timed_status in
	124 | 143) echo "$*" >>"$SCRATCH/hung" ;;	# busybox says 143
	esac
	return $timed_status
}
nothing_hung() {
	[ ! -s "$SCRATCH/hung" ] || { sed 's/^/# hung: /' "$SCRATCH/hung"; return 1; }
}

destroy_any_time() {
	for i in $(seq "$rounds"); do
		run &
		usleep $((i * 20000))
		timed aerie destroy "$v"
		wait
		timed aerie destroy "$v"
	done
	nothing_hung
}

destroy_by_two() {
	for i in $(seq "$rounds"); do
		run || return 1
		usleep $((i * 5000))
		timed aerie destroy "$v" &
		one=$!
		timed aerie destroy "$v"
		two_status=$?
		wait "$one"
		one_status=$?
		case "$one_status$two_status" in
		03 | 30) ;;
		*) echo "# round $i: $one_status and $two_status"; return 1 ;;
		esac
	done
}

create_by_four() {
	for i in $(seq "$rounds"); do
		winners=0
		for n in 1 2 3 4; do
			{ run && echo won >"$SCRATCH/won.$n"; } &
		done
		wait
		for n in 1 2 3 4; do
			[ -f "$SCRATCH/won.$n" ] && winners=$((winners + 1))
			rm -f "$SCRATCH/won.$n"
		done
		aerie destroy -q "$v"
		[ "$winners" = 1 ] || { echo "# round $i: $winners winners"; return 1; }
	done
}

# Whoever opens a console finds the VM, or is told that it is gone.
console_of_the_dying() {
	for i in $(seq "$rounds"); do
		run || return 1
		for n in 1 2 3 4; do
			{
				usleep $((n * 3000))
				timed aerie console "$v" || echo "$?" >>"$SCRATCH/consoles"
			} &
		done
		usleep $((i * 1000))
		timed aerie destroy "$v"
		wait
	done
	! grep -v '^3$' "$SCRATCH/consoles" | sed 's/^/# console: status /' | grep .
}

# Its lock is held most of the time, and what is shown does not depend on it.
shown_while_reset() {
	run || return 1
	: >"$SCRATCH/resets"
	while [ -f "$SCRATCH/resets" ]; do
		timed aerie reset "$v" || break
	done &
	# Its content is dropped and read all the time.
	while [ -f "$SCRATCH/resets" ]; do
		cat "/sys/kernel/debug/aerie/vms/$v/ram" >/dev/null 2>&1
	done &
	without=0
	for i in $(seq "$rounds"); do
		[ -n "$(field "$v" tty)" ] || without=$((without + 1))
	done
	rm "$SCRATCH/resets"
	wait
	timed aerie destroy "$v"
	[ "$without" = 0 ] || { echo "# $without of $rounds times without its tty"; return 1; }
}

# A device that comes and goes is shown with all that is told of it, or not at all.
shown_while_plugged() {
	timed aerie create "$v" -m 128M -k "$KERNEL" || return 1
	: >"$SCRATCH/plugs"
	while [ -f "$SCRATCH/plugs" ]; do
		timed aerie attach "$v" console || break
		timed aerie detach "$v" console || break
		echo >>"$SCRATCH/plugged"
	done &
	failed=0
	for i in $(seq $((rounds * 5))); do
		timed aerie show "$v" && timed aerie list --json || failed=$((failed + 1))
	done
	rm "$SCRATCH/plugs"
	wait
	timed aerie destroy "$v"
	echo "# $(wc -l <"$SCRATCH/plugged") times"
	[ "$failed" = 0 ] && [ "$(wc -l <"$SCRATCH/plugged")" -ge 3 ]
}

# A balloon that is looked after comes and goes, is given a size and left to us, while the VM is
# reset and what is in balloons is told.
balloon_any_time() {
	run --balloon auto,min=1M || return 1
	: >"$SCRATCH/balloons"
	while [ -f "$SCRATCH/balloons" ]; do
		timed aerie reset "$v"
	done &
	while [ -f "$SCRATCH/balloons" ]; do
		timed aerie mem "$v" --json && timed aerie pool --json || echo >>"$SCRATCH/untold"
	done &
	for i in $(seq "$rounds"); do
		timed aerie balloon "$v" 16M
		timed aerie balloon "$v" auto
		timed aerie detach "$v" balloon --force && timed aerie attach "$v" balloon auto &&
			echo >>"$SCRATCH/attached"
	done
	rm "$SCRATCH/balloons"
	wait
	timed aerie destroy "$v"
	nothing_hung && [ ! -e "$SCRATCH/untold" ] &&
		[ "$(wc -l <"$SCRATCH/attached")" = "$rounds" ]
}

# All verbs at one VM at once; in the end it can be destroyed.
everything_at_once() {
	run || return 1
	for n in 1 2 3; do
		for verb in pause resume reset start stat show console "stop --force"; do
			# shellcheck disable=SC2086 # words on purpose
			timed aerie $verb "$v" &
		done
	done
	sleep 2
	timed aerie destroy "$v"
	status=$?
	wait
	return "$status"
}

watch_lists() {
	for i in $(seq "$rounds"); do
		timed aerie list || return 1
		timed aerie show "$v"
	done
	nothing_hung
}

check "a guest to race for" aerie run "$v" -q -m 128M -k "$KERNEL" -a "$APPEND"
aerie destroy -q "$v"
check "destroy at any moment" destroy_any_time
check "destroy by two" destroy_by_two
check "create by four" create_by_four
check "consoles of VMs that go" console_of_the_dying
check "a VM that is being reset" shown_while_reset
check "devices that come and go" shown_while_plugged
check "a balloon that is looked after" balloon_any_time
check "every verb at once" everything_at_once
{ destroy_any_time >/dev/null; } &
check "list meanwhile" watch_lists
wait
check "nothing hangs" nothing_hung
check "nothing is left" says 3 "no such VM" aerie show "$v"
finish
