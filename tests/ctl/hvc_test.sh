#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The virtio console of a Linux guest, beside its serial port: both ways, also more at
# once than any buffer holds, as a descriptor and as a host tty.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 16

v=$(vm hvc)
w=$(vm none)

hvc() {
	timeout $((30 * ${GUEST_SLOW:-1})) aerie console "$v" --hvc
}
# What it has said so far.
hvc_seen() {
	timeout 2 aerie console "$v" --hvc </dev/null >"$SCRATCH/hvc"
	grep -qF -e "$1" "$SCRATCH/hvc"
}
unseen() {
	! seen "$v" "$1"
}
sum() {
	md5sum "$@" | cut -d ' ' -f 1
}
ended() {
	! kill -0 "$1" 2>/dev/null
}

check "a guest with one" boot "$v" --hvc
tell "$v" "stty raw -echo </dev/hvc0; exec 5<>/dev/hvc0; echo hello from hvc0 >&5; echo open"
check "what it prints there" soon 30 hvc_seen "hello from hvc0"
check "is on that console alone" unseen "hello from hvc0"
tell "$v" "read -r line <&5; echo got \$line; head -c 20000 <&5 | md5sum"
echo typed >"$SCRATCH/line"
hvc <"$SCRATCH/line" >/dev/null &
check "what is typed there" soon 30 seen "$v" "got typed"
kill $! 2>/dev/null
tr -dc 'a-z\n' </dev/urandom | head -c 20000 >"$SCRATCH/much"
hvc <"$SCRATCH/much" >/dev/null &
check "also more than waits at once" soon 60 seen "$v" "$(sum "$SCRATCH/much")"
kill $! 2>/dev/null

tell "$v" "yes 0123456789 | head -c 55000 >&5; echo end of it >&5; echo printed"
check "more than one request holds" soon 30 hvc_seen "end of it"
check "is all there" [ "$(grep -c 0123456789 "$SCRATCH/hvc")" = 5000 ]
tell "$v" "head -c 1000000 /dev/zero >&5; echo and of this >&5"
check "more than the ring holds ends with its end" soon 60 hvc_seen "and of this"

tty=/dev/$(field "$v" hvc_tty)
check "it has a tty of its own" [ "$tty" != "/dev/$(field "$v" tty)" ]
tell "$v" "read -r line <&5; echo tty \$line"
echo "says hello" >"$tty"
check "which types" soon 30 seen "$v" "tty says hello"

aerie console "$v" --hvc </dev/null >/dev/null &
watcher=$!
tell "$v" "reboot -f"
soon 120 seen "$v" "reboot: Restarting" && sleep 1
check "after a reboot" soon 120 eval 'tell "$v" "echo again >/dev/hvc0"; hvc_seen again'
check "it has been watched all the time" kill -0 "$watcher"
check "a VM that is destroyed" aerie destroy -q "$v"
check "ends the watching" soon 10 ended "$watcher"

check "a VM without one" aerie create "$w" -q -k "$KERNEL"
check "says so" says 1 "the VM has no virtio console" aerie console "$w" --hvc
finish
