#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A guest that triple-faults as soon as it has been reset, for ever: the host does
# not stall, and the guest can be steered like any other.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload reset_loop
plan 12

v=$(vm reset)
resets() {
	aerie stat "$v" | awk '$1 == "triple-fault" { print $2 }'
}
goes_on() {
	was=$(resets)
	# shellcheck disable=SC2016 # soon expands it, each time
	soon 20 eval '[ "$(resets)" -gt $((was + 5)) ]'
}

check "run" aerie run "$v" -q -m 64M -c 2 -k "$payload"
# shellcheck disable=SC2016 # soon expands it, each time
check "it resets itself" soon 20 eval '[ -n "$(resets)" ]'
check "again and again" goes_on
check "the host is responsive" responsive
check "pause" within 5 aerie pause -q "$v"
was=$(resets)
usleep 500000
check "it has stopped doing so" [ "$(resets)" = "$was" ]
check "resume" within 5 aerie resume -q "$v"
check "it goes on" goes_on
check "reset" within 5 aerie reset -q "$v"
check "stop by force" within 5 aerie stop -q --force "$v"
check "start again and destroy" eval "aerie start -q $v && within 5 aerie destroy -q $v"
check "the host is responsive again" responsive
echo "# $was resets until it was paused"
finish
