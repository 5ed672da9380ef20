#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Devices that leave at the wrong time: in the middle of I/O, by force, from guests that
# are paused, do not listen or reset; and thousands of them, without a leak.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
# shellcheck source=tests/lib/leaks.sh
. "$lib/leaks.sh"
need_guest
payload=$(built payload/irq_off_loop.elf) || exit
devices=$(built fault/devices) || exit
plan 41

v=$(vm linux)
deaf=$(vm deaf)
disk=$SCRATCH/disk
other=$SCRATCH/other
truncate -s 64M "$disk" "$other"

# say COMMAND: type a line at the guest's shell.
say() {
	echo "$1" >"$tty"
}
hold_tty() {
	tty=/dev/$(field "$1" tty)
	{ stty raw -echo && exec cat; } <"$tty" >/dev/null &
	on_exit "kill $! 2>/dev/null"
}
devices() {
	aerie show "$1" | awk '/^DEVICE KIND/ { on = 1; next } !NF { on = 0 } on { print $1 }' | xargs
}
has() {
	[ "$(devices "$1")" = "$2" ]
}
# Requests of disk0 since it was attached.
requests() {
	aerie show "$1" | awk '/^DEVICE QUEUE/ { on = 1 } on && $1 == "disk0" { n += $3 } END { print n + 0 }'
}
busy() {
	[ "$(requests "$1")" -gt "$2" ]
}
said() {
	soon "$1" seen "$v" "$2" && return
	tail -n 20 "$SCRATCH/$v.log" | sed 's/^/#   /'
	return 1
}
# Reads and writes that go past the guest's page cache, until there is no disk.
heavy() {
	say "until [ -b /dev/vda ]; do usleep 100000; done; for n in 1 2 3; do (while [ -b /dev/vda ]; do dd if=/dev/vda of=/dev/null bs=256k iflag=direct && dd if=/dev/zero of=/dev/vda bs=256k oflag=direct; done >/dev/null 2>&1; [ -b /dev/vda ] || rm -f /dev/vda; echo $1-end\$((40 + n)) >/dev/console) & done"
}
all_ended() {
	said 60 "$1-end41" && said 60 "$1-end42" && said 60 "$1-end43"
}
timed_out() {
	says 6 "cannot detach: the guest has not let go of disk0 within $1; it stays, aerie detach $deaf disk0 --force takes it away" \
		aerie detach "$deaf" disk0 --timeout "$1"
}
asked() {
	aerie show "$1" | grep -q "^$2 .* yes "
}

check "a guest that does not run yet" aerie create -q "$deaf" -m 64M -k "$payload" -a "$LOOP"

# A guest that runs Linux, on two processors
check "a guest" boot "$v" -c 2
hold_tty "$v"
check "gets a disk" aerie attach -q "$v" disk "$disk"
heavy first
check "which it is busy with" soon 60 busy "$v" 100
check "it is detached all the same" within 60 aerie detach -q "$v" disk0
check "and has gone" has "$v" rng
check "the guest has ended what it did" all_ended first
check "it gets another" aerie attach -q "$v" disk "$other"
heavy second
check "which it is busy with" soon 60 busy "$v" 100
check "that is taken by force" within 10 aerie detach -q --force "$v" disk0
check "and has gone at once" has "$v" rng
check "its image is free" aerie attach -q "$deaf" disk "$other"
check "the guest has ended that, too" all_ended second
say "sleep 1; ls /sys/bus/pci/devices | wc -l | sed s/^/functions=/"
check "and has let go of what was left" said 60 functions=2
check "it gets the first again" aerie attach -q "$v" disk "$disk,serial=again"
say "sleep 2; cat /sys/block/vda/serial"
check "and sees it" said 60 again
check "it is paused" aerie pause -q "$v"
check "it does not let go then" says 6 "has not let go of disk0 within 1s" aerie detach "$v" disk0 --timeout 1s
check "it is resumed" aerie resume -q "$v"
check "and does" soon 30 has "$v" rng
check "the host's log has nothing of it" eval "! dmesg | grep -E 'BUG:|WARNING: CPU|Oops:'"
check "destroy" aerie destroy -q "$v"

# One that never lets go
check "a guest that listens to nothing" aerie start -q "$deaf"
check "keeps its disk" timed_out 1s
check "which is asked for" asked "$deaf" disk0
check "a second time, too" timed_out 500ms
check "until it is reset" aerie reset -q "$deaf"
check "then it has gone" has "$deaf" rng
check "it gets another" aerie attach -q "$deaf" disk "$disk"
check "and keeps it" timed_out 1s
check "until it is stopped" aerie stop -q --force "$deaf"
check "then that has gone" has "$deaf" rng
check "it gets one while it is stopped" aerie attach -q "$deaf" disk "$disk"
check "which needs nobody's consent" aerie detach -q "$deaf" disk0
check "and one by force as it runs" eval \
	"aerie start -q $deaf && aerie attach -q $deaf disk $disk && aerie detach -q --force $deaf disk0"
check "its entropy as well" eval "aerie detach -q --force $deaf rng && has $deaf ''"

# Again and again
go_round() {
	"$devices" rounds "$deaf" "$1"
}
# What was in use before the first rounds has not been lost by the next.
measured_rounds() {
	was=$(cat "$SCRATCH/before.pages" 2>/dev/null || echo 0)
	pages_used "$SCRATCH/before"
	[ "$was" -le "$(cat "$SCRATCH/before.pages")" ] || echo "$was" >"$SCRATCH/before.pages"
	started=$(now)
	go_round "$rounds" || return 1
	echo "# $rounds rounds in $(since "$started")/100 s"
	pages_used_after
}
rounds=$(rounds 1000 20)
check "10 rounds to warm up" go_round 10
check "$rounds rounds" measured_rounds
if ! { few_pages && few_objects && same_other; }; then
	once_more
	measured_rounds
fi
check "no page is lost" few_pages
check "no object is lost" few_objects
check "no mapping, nothing per processor" same_other
finish
