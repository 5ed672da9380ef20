#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A tty's number goes from a VM that is destroyed to the next one: whoever opens it
# then reads what that one prints, and nothing of what the first one's reader left.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 8
APPEND="console=ttyS0 cryptomgr.notests"	# a kernel that says much

old=$(vm old)
new=$(vm new)

ready() {
	grep -qF "aerie guest ready" "$SCRATCH/tty"
}
# The console is watched from the first byte on, too.
same_start() {
	head -c 300 "$SCRATCH/tty" >"$SCRATCH/one"
	head -c 300 "$SCRATCH/$new.log" >"$SCRATCH/other"
	if [ ! -s "$SCRATCH/one" ] || ! cmp "$SCRATCH/one" "$SCRATCH/other"; then
		sed 's/^/# /' "$SCRATCH/one"
		return 1
	fi
}

check "a guest" boot "$old"
tty=/dev/$(field "$old" tty)
check "its tty is opened" eval "exec 9<$tty"
sleep 1
check "destroyed with output unread" aerie destroy -q "$old"
exec 9<&-
check "the next VM" aerie create "$new" -q -m "$MEMORY" -k "$KERNEL" -i "$INITRD" -a "$APPEND"
check "has the same tty" [ "/dev/$(field "$new" tty)" = "$tty" ]
watch "$new"
cat "$tty" >"$SCRATCH/tty" &
on_exit "kill $! 2>/dev/null"
check "it starts" aerie start -q "$new"
check "and is read" soon 120 ready
check "from its first byte on" same_start
finish
