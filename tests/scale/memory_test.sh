#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests with little memory and with more than 4 GiB, of which the host has less:
# all of it is there, where the PC has it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
payload=$(built payload/memory.elf) || exit
plan 12

v=$(vm memory)
# A word in every 64 MiB (a large page of the host each) keeps its value.
words() {
	timeout $((120 * SLOW)) aerie run "$v" -q -m "$1" -k "$payload" -a "stride=$2" --console \
		</dev/null >"$SCRATCH/words"
	aerie destroy -q "$v"
	tr -d '\r' <"$SCRATCH/words" | grep '^#'
	grep -q '^ok 1' "$SCRATCH/words"
}
above() {
	tr -d '\r' <"$SCRATCH/words" | sed -n 's/^# .* words, \([0-9]*\) of them above.*/\1/p'
}
total_mib() {
	tr -d '\r' <"$SCRATCH/$v.log" | sed -n 's/.*vCPU, \([0-9]*\) kB.*/\1/p' |
		awk '{ print int($1 / 1024) }'
}
# Free pages of the zone above 4 GiB, as the guest tells them, n-th answer.
free_above() {
	tr -d '\r' <"$SCRATCH/$v.log" | awk -v n="$1" '$1 == "normal" && ++i == n { print $2 }'
}
ask_free() {
	tell "$v" "awk '\$4 == \"Normal\" { z = 1 } z && \$1 == \"pages\" { print \"normal\", \$3; exit }' /proc/zoneinfo"
	soon 30 eval "[ -n \"\$(free_above $1)\" ]"
}

check "64 MiB, every page" words 64M 4
check "none above 4 GiB" [ "$(above)" = 0 ]
check "6 GiB, a word in every 64 MiB" words 6G 65536
check "2 GiB and a bit above 4 GiB" [ "$(above)" -ge 36 ]
check "500 GiB, a word in every 16 GiB" words 500G 16777216

# The smallest that a stock kernel takes, which unpacks itself above 16 MiB and leaves
# some 20 MiB for the initramfs and the rest.
check "a stock kernel in 80 MiB" boot "$v" -m 80M
echo "# it has $(total_mib) MiB left"
aerie destroy -q "$v"
check "a stock kernel with 6 GiB" boot "$v" -m 6G
check "sees them all" [ "$(total_mib)" -gt 5800 ]
check "those above 4 GiB are free" ask_free 1
tell "$v" 'head -c 16000000 /dev/urandom >/tmp/a; cp /tmp/a /tmp/b; cmp /tmp/a /tmp/b && echo sa""me'
check "a file of 16 MB is what was written" soon 60 seen "$v" "same"
check "it is there" ask_free 2
check "above 4 GiB" [ $(($(free_above 1) - $(free_above 2))) -gt 7000 ]
finish
