#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest memory in pages of 2 MiB, where the module's parameter allows it, or of 4 KiB, of which
# large ones are made again; how much of it the guest writes.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_aerie
payload=$(built payload/memory.elf) || exit
[ -d /sys/kernel/debug/aerie ] || skip_all "no debugfs at /sys/kernel/debug"
scratch
on_exit "destroy_mine"
plan 13

v=$(vm large)
param=/sys/module/aerie/parameters/large_pages
on_exit "echo $(cat $param) >$param"
memory() {
	sed -n "s/^$1 //p" "/sys/kernel/debug/aerie/vms/$v/memory"
}
# A word in each page of 4 KiB from 16 MiB to 64, again and again.
touched() {
	echo "$1" >"$param"
	aerie run "$v" -q -m 64M -k "$payload" -a "stride=4 loops=0" || return 1
	# shellcheck disable=SC2016 # soon expands it, each time
	soon 30 eval '[ "$(memory resident_kib)" -ge 49152 ]'
	reached=$?
	echo "# $(memory resident_kib) KiB resident, $(memory large_kib) in large pages," \
		"$(memory nested_tables) tables"
	return "$reached"
}

few_tables() {
	if [ "${LAB_HOST:-}" = vmx ]; then
		skip "$1" "the EPT there has no pages of 2 MiB"
	else
		check "$1" [ "$(memory nested_tables)" -le 16 ]
	fi
}

check "memory of a guest with large pages" touched Y
check "most of it is in large pages" [ "$(memory large_kib)" -ge 40960 ]
few_tables "which takes few tables"
aerie destroy -q "$v"
check "memory of a guest without" touched N
check "none of it is" [ "$(memory large_kib)" = 0 ]
check "which takes a table for 2 MiB" [ "$(memory nested_tables)" -ge 24 ]
# While it writes to all of them all the time attempts may come to nothing.
aerie pause -q "$v"
seconds=/sys/module/aerie/parameters/age_seconds
on_exit "echo $(cat $seconds) >$seconds"
echo 1 >$seconds
echo Y >$param
# shellcheck disable=SC2016 # soon expands it, each time
check "they become large ones" soon 60 eval '[ "$(memory large_kib)" -ge 40960 ]'
aerie resume -q "$v"
few_tables "with as few tables"
echo "# $(memory resident_kib) KiB resident, $(memory large_kib) in large pages," \
	"$(memory nested_tables) tables"
# Of the 48 MiB it writes a word a page.
written() {
	aerie mem "$v" --written "$1" --json | tr ',{}' '\n' | sed -n 's/.*"written": *\([0-9]*\).*/\1/p'
}
all=$(written 10s)
echo "# $all bytes written"
check "what it writes is counted" [ "${all:-0}" -ge $((40 << 20)) ]
check "once" [ "${all:-0}" -le $((64 << 20)) ]
aerie pause -q "$v"
check "a guest that is paused writes nothing" [ "$(written 1s)" = 0 ]
check "of a VM that is not there it is not" says 3 "no such VM" aerie mem "$v-x" --written 1s
check "destroy" aerie destroy -q "$v"
finish
