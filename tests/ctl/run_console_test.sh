#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The exit status of aerie run --console: 1 when the guest failed, 0 when it was ended.
# (lifecycle_test.sh has the guest that powers itself off.)
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_aerie
scratch
on_exit "destroy_mine"
plan 7

v=$(vm ends)
# A multiboot image, loaded at 1 MiB, and what it does first.
image() {
	printf '\002\260\255\033\000\000\001\000\376\117\121\344' >"$1"
	printf '\000\000\020\000\000\000\020\000\000\000\000\000\000\000\000\000\040\000\020\000' >>"$1"
	# shellcheck disable=SC2059 # octal bytes
	printf "$2" >>"$1"
}
image "$SCRATCH/loop" '\353\376'			# jmp .
image "$SCRATCH/lost" '\270\000\000\000\340\377\340'	# jmp 0xe0000000: nothing is there

# ended_by WANTED COMMAND...: a looping guest, ended by COMMAND.
ended_by() {
	wanted=$1
	shift
	aerie run "$v" -q -m 16M -k "$SCRATCH/loop" --console >/dev/null 2>"$SCRATCH/err" </dev/null &
	watcher=$!
	soon 10 is_state "$v" running 2>/dev/null
	"$@" || return 1
	wait "$watcher"
	status=$?
	[ "$status" = "$wanted" ] || { echo "# status $status"; cat "$SCRATCH/err"; return 1; }
}

check "0 when its power is cut" ended_by 0 aerie stop -q --force "$v"
check "the VM is still there" is_state "$v" stopped
check "destroy" aerie destroy -q "$v"
check "0 when it is destroyed" ended_by 0 aerie destroy -q "$v"
check "1 and the reason when it fails" says 1 "execution at 0xe0000000" \
	aerie run "$v" -q -m 16M -k "$SCRATCH/lost" --console
check "the reason stays" eval "field $v reason | grep -q 'execution at 0xe0000000'"
check "destroy it, too" aerie destroy -q "$v"
finish
