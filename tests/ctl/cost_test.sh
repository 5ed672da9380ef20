#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What exits cost, part by part: the sums, and that the guest notices nothing of it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
payloads="nmi_window debug_regs exceptions"
for name in $payloads; do
	built "payload/$name.elf" >/dev/null || exit
done
plan 17

v=$(vm cost)
created=$(vm created)
cost() {
	aerie stat "$v" --cost --cycles "$@"
}
# column N: of each exit, its name and that.
column() {
	awk -v n="$1" 'NR > 1 { print $1, $n }'
}
adds_up() {
	cost >"$SCRATCH/cost" || return 1
	awk 'NR == 1 { next } { n++; if ($4 + $5 + $6 + $7 != $8) bad = 1 }
		END { exit bad || !n }' "$SCRATCH/cost" && return
	sed 's/^/# /' "$SCRATCH/cost"
	return 1
}
# The entry and exit are some instructions on any processor, the registers alone 30.
takes_time() {
	cost >"$SCRATCH/cost"
	awk 'NR == 2 { exit !($4 >= 30 && $5 > 0) }' "$SCRATCH/cost" && return
	sed 's/^/# /' "$SCRATCH/cost"
	return 1
}
is_mean() {
	aerie stat "$v" --cycles | column 6 >"$SCRATCH/mean"
	cost | column 7 >"$SCRATCH/handler"
	[ -s "$SCRATCH/mean" ] && diff "$SCRATCH/mean" "$SCRATCH/handler"
}
# What the guest and the next entry can find, of one virtual processor. Requests wait for
# that entry: timers go on while a VM is paused, and one of them may end meanwhile.
state() {
	grep -v '^requests ' "/sys/kernel/debug/aerie/vms/$v/vcpu$1/registers"
	grep -v HOST_ "/sys/kernel/debug/aerie/vms/$v/vcpu$1/control" |
		grep -E '(RFLAGS|RIP|RSP|CR[034]|DR7|rflags|rip|rsp|cr[0234]|dr[67]) |INTERRUPTIBILITY|PENDING|ACTIVITY|CPU_BASED|ENTRY_INTR|int_state|int_ctl|intercept|event_inj'
}
unchanged() {
	state "$1" >"$SCRATCH/before" && cost --vcpu "$1" >/dev/null && state "$1" >"$SCRATCH/after" &&
		[ "$(wc -l <"$SCRATCH/before")" -gt 40 ] && diff "$SCRATCH/before" "$SCRATCH/after"
}
# Asks all the time, whether there is somebody to ask or not, until "stop" is there.
ask() {
	while [ ! -e "$SCRATCH/stop" ]; do
		aerie stat "$v-p" --cost >/dev/null 2>&1 && echo >>"$SCRATCH/asked"
	done
}
# A payload that looks closely at its processors, 3 times: some are over quickly.
payload_passes() {
	for try in 1 2 3; do
		timeout $((60 * ${GUEST_SLOW:-1})) aerie run "$v-p" -q -m 64M -c 2 \
			-k "$(built "payload/$1.elf")" --console </dev/null >"$SCRATCH/out" 2>&1
		aerie destroy -q "$v-p"
		grep -q '^ok ' "$SCRATCH/out" && ! grep -q '^not ok ' "$SCRATCH/out" && continue
		echo "# the ${try}th time:"
		sed 's/^/# /' "$SCRATCH/out"
		return 1
	done
}

check "run" boot "$v" -c 2
check "the parts are the whole" adds_up
check "of one virtual processor, too" prints "HANDLER" cost --vcpu 1
check "the switch takes time, and the host's state" takes_time
check "in time" prints "MITIGATIONS" aerie stat "$v" --cost
check "as JSON" prints '"host_state":' aerie stat "$v" --cost --json
check "no such vCPU" says 1 "the VM has no such vCPU" cost --vcpu 2
check "the guest goes on" eval "tell $v 'echo still \$((40 + 2))' && soon 20 seen $v 'still 42'"
check "pause" aerie pause -q "$v"
check "the handler's part is what it takes in the mean" is_mean
check "nothing has changed for the first virtual processor" unchanged 0
check "nor for the second" unchanged 1
aerie create -q "$created" -k "$KERNEL"
check "of a VM that does not run" says 1 "does not run" aerie stat "$created" --cost
aerie stop -q --force "$v"
: >"$SCRATCH/asked"
ask &
for name in $payloads; do
	check "$name while it is measured" payload_passes "$name"
done
touch "$SCRATCH/stop"
wait
check "more than once" [ "$(wc -l <"$SCRATCH/asked")" -ge 3 ]
echo "# $(wc -l <"$SCRATCH/asked") times"
finish
