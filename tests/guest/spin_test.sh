#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vCPUs that spin for one of their VM that has no processor give it theirs, also where the
# processor does not tell that they spin.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_payload spin
plan 6

v=$(vm spin)
us=/sys/module/aerie/parameters/spin_us
was=$(cat "$us")
on_exit "echo $was >\"$us\""
yields() {
	aerie sched "$v" --json | tr ',{}[]' '\n' | sed -n 's/.*"yields": *"\{0,1\}\([0-9]*\).*/\1/p' |
		head -n 1
}
# spun US: the guest has been run; how often its vCPUs yielded is in $nr.
spun() {
	echo "$1" >"$us"
	# shellcheck disable=SC2154 # need_payload sets it
	timeout $((60 * ${GUEST_SLOW:-1})) aerie run "$v" -q -m 64M -c 4 --pin 0 -k "$payload" \
		--console </dev/null >"$SCRATCH/out" || return 1
	nr=$(yields)
	sed -n 's/^# /# guest: /p' "$SCRATCH/out"
	echo "# yielded $nr times"
	aerie destroy -q "$v" && grep -q "^ok 1" "$SCRATCH/out"
}

check "it gets its work done" spun "$was"
with=$nr
check "those that spin have yielded" [ "$with" -gt 10 ]
check "the same without being looked at" spun 0
if aerie doctor | grep -i pause | grep -Eq "(yes|[^t] +used)$"; then
	skip "they have yielded less often" "the processor tells of those that spin"
else
	check "they have yielded less often" [ "$nr" -lt $((with / 2)) ]
fi
check "a number of microseconds" eval "! echo soon >\"$us\" 2>/dev/null"
check "the module is as it was" eval "echo $was >\"$us\""
finish
