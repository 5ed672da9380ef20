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
plan 15

v=$(vm hvc)
w=$(vm none)

# type FILE: at the virtio console.
type_there() {
	timeout $((30 * ${GUEST_SLOW:-1})) aerie console "$v" --hvc <"$1" >/dev/null &
}
hvc_seen() {
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
again() {
	tell "$v" "echo again >/dev/hvc0"
	hvc_seen again
}

check "a guest with one" boot "$v" --hvc
aerie console "$v" --hvc </dev/null >"$SCRATCH/hvc" &
watcher=$!
tell "$v" "exec 5<>/dev/hvc0; stty raw -echo <&5; echo he''llo from hvc0 >&5; echo open"
check "what it prints there" soon 30 hvc_seen "hello from hvc0"
check "is on that console alone" unseen "hello from hvc0"
tell "$v" "read -r line <&5; echo got \$line; head -c 8000 <&5 | md5sum"
echo typed >"$SCRATCH/line"
type_there "$SCRATCH/line"
check "what is typed there" soon 30 seen "$v" "got typed"
tr -dc 'a-z\n' </dev/urandom | head -c 8000 >"$SCRATCH/much"
type_there "$SCRATCH/much"
check "also more than waits at once" soon 60 seen "$v" "$(sum "$SCRATCH/much")"

tell "$v" "yes 0123456789 | head -c 11000 >&5; echo end of it >&5; echo printed"
check "more than one request holds" soon 30 hvc_seen "end of it"
check "is all there" [ "$(grep -c 0123456789 "$SCRATCH/hvc")" = 1000 ]

tty=/dev/$(field "$v" hvc_tty)
check "it has a tty of its own" [ "$tty" != "/dev/$(field "$v" tty)" ]
tell "$v" "read -r line <&5; echo tty \$line"
echo "says hello" >"$tty"
check "which types" soon 30 seen "$v" "tty says hello"

tell "$v" "reboot -f"
check "after a reboot" soon 60 again
check "it has been watched all the time" kill -0 "$watcher"
check "a VM that is destroyed" aerie destroy -q "$v"
check "ends the watching" soon 10 ended "$watcher"

check "a VM without one" aerie create "$w" -q -k "$KERNEL"
check "says so" says 1 "the VM has no virtio console" aerie console "$w" --hvc
finish
