#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guest memory that leaves memory, compressed: for the VM's own limit, for the pool's, and
# comes back with the content it had; what a VM keeps; what is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
need_store
no_scanner
on_exit "destroy_mine; aerie pool --limit 0 >/dev/null"
plan 30

v=$(vm a)
used_at_most() {
	[ "$(pool used)" -le $(($1 * MB)) ]
}
figures() {
	echo "# $1: resident $(number resident) stored $(number stored) packed $(number packed)" \
		"loaded $(number loaded), pool $(pool used)"
}

check "what is no size is refused" says 2 "--limit 'much' is no size" aerie pool --limit much
check "and no weight" says 2 "--weight '0' is not 1 to 10000" aerie mem x --weight 0
check "a limit is of a VM" says 2 "--limit is of a VM: say which" aerie mem --limit 1G
check "that there is" says 3 "no such VM" aerie mem "$v" --limit 1G
check "create" aerie create -q "$v" -m 160M -k "$KERNEL" -i "$INITRD" -a "$APPEND"
check "a limit has to leave something" says 1 "a limit is 1 MiB or more" aerie mem "$v" --limit 4K
check "and what is reserved" says 1 "more would be reserved than the limit is" \
	aerie mem "$v" --limit 64M --reserve 65M
check "nothing of that has been set" [ "$(number limit)$(number reserve)" = "" ]
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" soon 120 seen "$v" "aerie guest ready"

say "$(distinct 23); md5sum </tmp/x | sed 's/^/su''m /'"
check "it fills memory" said "sum [0-9a-f]*  -"
sum=$(summed)
full=$(number resident)
figures full
check "which the host gives" [ "$full" -gt $((56 * MB)) ]

check "it is to have less" aerie mem "$v" --limit 48M
check "what it has more leaves memory" soon 60 at_most resident 48
figures limited
check "and is stored" at_least stored 8
check "compressed" [ "$(number packed)" -lt "$(($(number stored) / 2))" ]
say "md5sum </tmp/x | sed 's/^/aga''in /'"
check "the guest finds what it had" said "again $sum"
figures read
check "having it brought back" [ "$(number loaded)" -gt 1000 ]
check "within its limit" soon 30 at_most resident 48

check "without one" aerie mem "$v" --limit 0 --reserve 100M
say "md5sum </tmp/x | sed 's/^/thi''rd /'"
check "all can come back" said "third $sum"
before=$(number resident)
aerie pool --limit 64M >/dev/null
check "and is more than the pool is to have" [ "$(pool used)" -gt $((64 * MB)) ]
sleep 2
check "what is reserved does not leave for others" [ "$(number resident)" -ge "$before" ]
figures reserved
check "what is not does" aerie mem "$v" --reserve 4M
check "until the pool is within its limit" soon 60 used_at_most 64
figures pool
aerie pool --limit 0 >/dev/null
say "md5sum </tmp/x | sed 's/^/fou''rth /'"
check "and nothing is lost" said "fourth $sum"

# There is nothing to be gained of what cannot be compressed.
check "a guest that needs more than it may have" aerie mem "$v" --limit 24M
say "dd if=/dev/urandom of=/tmp/y bs=1M count=60"
check "is stopped" soon 120 stopped
check "with the reason" eval "field '$v' reason | grep -q 'the host has no memory for guest page'"
check "and is destroyed" aerie destroy -q "$v"
finish
