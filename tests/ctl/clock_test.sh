#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock kernel's idea of time: it knows kvmclock, its date is right from the start,
# and its clocks go as fast as the host's.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 8

v=$(vm clock)
sysfs=/sys/devices/system/clocksource/clocksource0
SECONDS_APART=10

# answer N: what the guest has said to the n-th question.
answer() {
	tr -d '\r' <"$SCRATCH/$v.log" | sed -n "s/^answer $1 //p" | tail -n 1
}
# ask N COMMAND: the guest answers with COMMAND's output. By the tty, as the tool
# would stay attached for seconds.
ask() {
	echo "echo answer $1 \$($2)" >&4
	# shellcheck disable=SC2016 # soon expands it, each time
	soon 20 eval "[ -n \"\$(answer $1)\" ]"
}
# Date and uptime of the guest, and of the host before and after it was asked.
clocks() {
	{ date +%s; cut -d' ' -f1 /proc/uptime; } >"$SCRATCH/before$1"
	ask "$1" "date +%s; cut -d' ' -f1 /proc/uptime"
	asked=$?
	{ date +%s; cut -d' ' -f1 /proc/uptime; } >"$SCRATCH/after$1"
	return $asked
}
# words FILE: its lines side by side.
words() {
	tr '\n' ' ' <"$1"
}
same_date() {
	echo "$(words "$SCRATCH/before$1") $(words "$SCRATCH/after$1") $(answer "$1")" | awk '
		{ ok = $5 >= $1 - 2 && $5 <= $3 + 2 }
		!ok { print "# host " $1 " to " $3 ", guest " $5 }
		END { exit !ok }'
}
# What has passed in the guest lies between the least and the most that can have on
# the host between two questions.
same_pace() {
	echo "$(words "$SCRATCH/after1") $(words "$SCRATCH/before2")" \
		"$(words "$SCRATCH/before1") $(words "$SCRATCH/after2")" \
		"$(answer 1) $(answer 2)" | awk -v date="$1" '{
			i = date ? 1 : 2
			least = $(i + 2) - $i; most = $(i + 6) - $(i + 4); took = $(i + 10) - $(i + 8)
			print "# guest " took " s, host " least " to " most " s"
			exit !(took >= least * 0.99 - date - 0.05 && took <= most * 1.01 + date + 0.05)
		}'
}

check "a guest" boot "$v"
exec 4<>"/dev/$(field "$v" tty)"
stty raw -echo <&4
check "its clock sources" ask 0 "cat $sysfs/available_clocksource"
echo "# $(answer 0)"
check "kvmclock is one of them" eval "answer 0 | grep -qw kvm-clock"
ask current "cat $sysfs/current_clocksource"
echo "# it uses $(answer current)"
check "it uses that or the TSC" eval "answer current | grep -qxE 'kvm-clock|tsc'"
check "date and uptime" clocks 1
check "the date is the host's" same_date 1
sleep $SECONDS_APART
clocks 2
check "its date keeps the host's pace" same_pace 1
check "its uptime, too" same_pace 0
exec 4>&-
aerie destroy -q "$v"
finish
