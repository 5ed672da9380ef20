#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A stock kernel's life from create to destroy, as the tool shows and steers it.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 36

v=$(vm life)
exits() {
	field "$v" exits
}
# How often its vCPUs have been given a processor.
turns() {
	sum=0
	for tid in $(aerie show "$v" | awk '$1 == "VCPU" { t = 1; next } !NF { t = 0 } t { print $2 }'); do
		sum=$((sum + $(cut -d' ' -f3 "/proc/$tid/schedstat")))
	done
	echo "$sum"
}
count() {
	grep -cF "$1" "$SCRATCH/$v.log"
}
up_again() {
	[ "$(count "aerie guest ready")" -ge "$1" ]
}
same_exits() {
	was=$(exits)
	usleep 500000
	[ "$(exits)" = "$was" ]
}

check "create" aerie create "$v" -q -m "$MEMORY" -c 2 -k "$KERNEL" -i "$INITRD" -a "$APPEND"
check "a new VM is created" is_state "$v" created
check "its configuration is shown" [ "$(field "$v" memory) $(field "$v" vcpus)" = "$MEMORY"iB\ 2 ]
check "and its command line" [ "$(field "$v" append)" = "$APPEND" ]
check "start" aerie start -q "$v"
check "it runs" is_state "$v" running
watch "$v"
watcher=$!
check "its kernel boots to a shell" soon 120 seen "$v" "aerie guest ready"
check "both processors came up" seen "$v" "2 vCPU"
tid=$(aerie show "$v" | awk '$1 == "VCPU" { t = 1; next } t { print $2; exit }')
check "vCPUs are threads of the host" grep -q "^aerie" "/proc/$tid/comm"
check "the console is a tty of the host" [ -c "/dev/$(field "$v" tty)" ]
check "memory is taken on demand" [ "$(aerie list --json |
	sed -n 's/.*"resident": \([0-9]*\).*/\1/p' | sort -n | tail -n 1)" -gt 1048576 ]
check "there are exits" [ "$(exits)" -gt 100 ]
check "stat shows them" prints "hlt" aerie stat "$v"
check "of one vCPU, too" prints "hlt" aerie stat "$v" --vcpu 1
check "with histograms" prints "#" aerie stat "$v" --histogram

# shellcheck disable=SC2016 # the guest's shell is to do the sum
tell "$v" 'echo "sum $((40 + 2))"'
check "what is typed arrives" soon 20 seen "$v" "sum 42"

# Late watchers see the boot, and all of them see everything.
timeout 5 aerie console "$v" </dev/null >"$SCRATCH/late"
check "a late watcher sees what was" grep -qF "aerie guest ready" "$SCRATCH/late"
check "and what came after" grep -qF "sum 42" "$SCRATCH/late"

check "pause" aerie pause -q "$v"
check "it is paused" is_state "$v" paused
check "a paused VM has no exits" same_exits
turns=$(turns)
sleep 1
# Of each of the two vCPUs a timer may end meanwhile, which is noticed once.
check "and takes no processor time" [ "$(turns)" -le $((turns + 2)) ]
check "resume" aerie resume -q "$v"
# shellcheck disable=SC2016
tell "$v" 'echo "still $((6 * 7)) here"'
check "it goes on where it was" soon 20 seen "$v" "still 42 here"

check "reset" aerie reset -q "$v"
check "it boots again" soon 120 up_again 2

check "stop" aerie stop -q "$v" --timeout $((60 * ${GUEST_SLOW:-1}))s
check "the guest powered itself off" [ "$(field "$v" stopped)" = poweroff ]
check "its console ends" soon 10 eval "! kill -0 $watcher 2>/dev/null"
check "a stopped VM stays listed" prints "stopped" aerie list
check "stopping it again is no failure" says 0 "stopped" aerie stop "$v"
check "start again" aerie start -q "$v"
check "it runs again" is_state "$v" running
check "destroy while it runs" aerie destroy -q "$v"
check "it is gone" says 3 "no such VM" aerie show "$v"

# run --console without a terminal prints until the guest stops.
aerie run "$v" -q -m "$MEMORY" -k "$KERNEL" -i "$INITRD" --console \
	-a "$APPEND aerie.run=\"poweroff -f\"" >"$SCRATCH/run" </dev/null
status=$?
check "run --console ends with the guest" eval \
	"[ $status = 0 ] && grep -qF 'aerie guest ready' '$SCRATCH/run'"
finish
