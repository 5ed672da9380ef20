#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The memory cgroup of who makes a VM pays for its memory, and limits it: at its limit what
# the guest does not access leaves memory. Destroying the VM gives all of it back.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
need_store
mkdir "$SCRATCH/cgroup"
if ! mount -t cgroup2 none "$SCRATCH/cgroup" 2>/dev/null ||
	! echo +memory 2>/dev/null >"$SCRATCH/cgroup/cgroup.subtree_control"; then
	skip_all "no memory cgroups here"
fi
group=$SCRATCH/cgroup/aerie
mkdir "$group"
on_exit "destroy_mine; rmdir $group; umount $SCRATCH/cgroup"
echo $((80 * MB)) >"$group/memory.max"
plan 11

v=$(vm a)
paid() {
	cat "$group/memory.current"
}
paid_at_most() {
	[ "$(paid)" -le "$1" ]
}
figures() {
	echo "# $1: resident $(number resident) stored $(number stored) loaded $(number loaded)," \
		"paid $(paid)"
}
# The tool alone is in the group, and not for long.
in_group() {
	sh -c 'echo 0 >"$1/cgroup.procs" && shift && exec "$@"' sh "$group" "$@"
}

check "create" in_group aerie create -q "$v" -m 200M -k "$KERNEL" -i "$INITRD" -a "$APPEND"
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" soon 120 seen "$v" "aerie guest ready"
figures up
check "its memory is paid for" [ "$(paid)" -ge "$(number resident)" ]
say "$(distinct 46); md5sum </tmp/x | sed 's/^/su''m /'"
check "it uses more than the group may have" said "sum [0-9a-f]*  -"
sum=$(summed)
figures full
check "which is not more than that" paid_at_most $((80 * MB))
check "as some of it has left memory" [ "$(number stored)" -gt $((4 * MB)) ]
say "md5sum </tmp/x | sed 's/^/aga''in /'"
check "nothing is lost" said "again $sum"
figures read
check "nobody has been killed" grep -qx "oom_kill 0" "$group/memory.events"
check "destroy" aerie destroy -q "$v"
check "gives it back" soon 20 paid_at_most $MB
echo "# $(paid) left"
finish
