#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A balloon that is left to us: it takes where the pool is short and the guest has memory idle,
# within its bounds, gives back where the guest is short and when the need is over. What is
# refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
need_store
no_scanner
on_exit "destroy_mine; aerie pool --limit 0 >/dev/null"
plan 41

v=$(vm a)
create() {
	aerie create -q "$v" -m 160M -k "$KERNEL" -i "$INITRD" -a "$APPEND" "$@"
}
# balloon KEY MIB-AT-LEAST MIB-AT-MOST
balloon() {
	[ "$(number "$1" balloon)" -ge $(($2 * MB)) ] && [ "$(number "$1" balloon)" -le $(($3 * MB)) ]
}
is_auto() {
	aerie balloon "$v" --json | grep -q "\"auto\": *$1"
}
figures() {
	echo "# $1: wanted $(number wanted balloon) ballooned $(number ballooned balloon)" \
		"available $(number available balloon) resident $(number resident) pool $(pool used)"
}

check "what is no size is refused" says 2 "--balloon 'much' is no size, and not auto" create --balloon much
check "and no bound" says 2 "max 'much' is no size" create --balloon auto,max=much
check "and no option" says 2 "'cap=1G' is neither min=SIZE nor max=SIZE" create --balloon auto,cap=1G
check "bounds are of auto" says 2 "'max=1G' is of auto alone" create --balloon 64M,max=1G
check "more than the VM has" says 1 "--balloon 161M: the VM has less memory than that" \
	create --balloon 161M
check "as a bound, too" says 1 "the VM has less memory than the least that is wanted" \
	create --balloon auto,min=161M
check "bounds the wrong way round" says 1 "the least that is wanted is more than the most" \
	create --balloon auto,min=64M,max=32M
check "none of these has left a VM" says 3 "no such VM" aerie show "$v"
check "create" create --balloon auto,max=64M
check "it is left to us" is_auto true
check "within bounds" balloon max 64 64
check "one is enough" says 1 "balloon: the VM has a balloon" aerie attach "$v" balloon auto
check "bounds without auto" says 2 "--min is of auto alone" aerie balloon "$v" 16M --min 1M
check "or without anything" says 2 "--max is of auto alone" aerie balloon "$v" --max 1M
check "or more than it has" says 1 "the VM has less memory than the least" \
	aerie balloon "$v" auto --min 1G
check "change nothing" balloon max 64 64
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" soon 120 seen "$v" "aerie guest ready"
say "dd if=/dev/zero bs=1M count=32 2>/dev/null | tr '\\0' x >/tmp/x; rm /tmp/x; echo us''ed"
check "it has used memory" said used
# What it has freed it reports some seconds later.
settled() {
	before=$(pool used)
	sleep 4
	[ "$(pool used)" -ge $((before - MB)) ]
}
check "and has given back what it freed" soon 60 settled
figures idle
check "nothing is wanted while nothing is needed" balloon wanted 0 0

# A little more than is used: it is near the limit, but nothing has to leave memory yet.
aerie pool --limit $(($(pool used) * 17 / 16)) >/dev/null
check "the pool is short: it takes" soon 60 balloon ballooned 8 64
figures taken
check "aerie mem tells" at_least ballooned 8
check "and aerie pool" [ "$(pool ballooned)" -ge $((8 * MB)) ]
sleep 3
check "not beyond its bounds" balloon wanted 8 64
taken=$(number ballooned balloon)

spare() {
	[ "$(number available balloon)" -gt $((12 * MB)) ]
}
check "nor what the guest needs" spare
# The pool is short as before, and more so.
fill=$(($(number available balloon) / MB - 4))
say "mount -o remount,size=90% /tmp; dd if=/dev/zero bs=1M count=$fill 2>/dev/null | tr '\\0' y >/tmp/y; echo fil''led"
less() {
	[ "$(number ballooned balloon)" -lt "$taken" ]
}
check "the guest runs short: it gets some back" soon 60 less
figures short
check "and goes on" said filled
say "tr -cd y </tmp/y | wc -c | sed 's/^/good /'"
check "with what it has written" said "good $((fill * MB))"
say "rm /tmp/y; echo fre''ed"
check "when it needs it no more" said freed
aerie pool --limit 0 >/dev/null

check "a size is a size again" aerie balloon "$v" 24M
check "not left to us" is_auto false
check "the guest does without so much" soon 60 balloon ballooned 24 24
check "left to us again" aerie balloon "$v" auto --min 4M
check "it is given back in time, where nothing is needed" soon 120 balloon ballooned 4 4
figures given
check "but for the least that is wanted" balloon wanted 4 4
check "it is taken away meanwhile" aerie detach -q "$v" balloon --force
check "aerie mem tells of none then" eval "! aerie mem '$v' --json | grep -q '\"ballooned\": *[0-9]'"
check "a VM that has one can end" aerie destroy -q "$v"
check "so can one with a size" create --balloon 16M
check "which is wanted" balloon wanted 16 16
finish
