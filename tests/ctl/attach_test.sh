#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Devices that come and go by the tool: a Linux guest sees them, uses them and lets them
# go; what is shown of them; block devices of the host; what is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 63

v=$(vm a)
w=$(vm b)
one=$SCRATCH/one
two=$SCRATCH/two
truncate -s 32M "$one"
truncate -s 16M "$two"
aerie events >"$SCRATCH/events" &
on_exit "kill $! 2>/dev/null"
# It listens when it has heard of a VM that comes and goes.
listening() {
	aerie create -q "$w" -k "$KERNEL" && aerie destroy -q "$w" &&
		grep -q "$w created" "$SCRATCH/events"
}
soon 20 listening

# say COMMAND: type a line at the guest's shell. said TEXT: what it says soon, in a line.
say() {
	echo "$1" >"$tty"
}
said() {
	soon 60 eval "tr -d '\r' <'$SCRATCH/$v.log' | grep -qx -e '.*$1'" && return
	tail -n 20 "$SCRATCH/$v.log" | sed 's/^/#   /'
	return 1
}
hold_tty() {
	tty=/dev/$(field "$1" tty)
	{ stty raw -echo && exec cat; } <"$tty" >/dev/null &
	on_exit "kill $! 2>/dev/null"
}
# row DEVICE: its line in the table of devices.
row() {
	aerie show "$v" | awk -v name="$1" '/^DEVICE KIND/ { on = 1 } !NF { on = 0 } on && $1 == name' | xargs
}
told() {
	soon 10 grep -q "$v $1 ($2)" "$SCRATCH/events"
}
debugfs() {
	[ -e "/sys/kernel/debug/aerie/vms/$v/devices/$1" ]
}
sum() {
	md5sum | cut -d ' ' -f 1
}

# Before it starts
check "create" aerie create -q "$v" -m "$MEMORY" -c 2 -k "$KERNEL" -i "$INITRD" -a "$APPEND" -d "$one,serial=boot"
check "attach before the start" says 0 "$v: disk1 attached, in PCI slot 3" \
	aerie attach "$v" disk "$two,serial=early"
check "detach a disk it was made with" says 0 "$v: disk0 detached" aerie detach "$v" disk0
check "the number is free" says 0 "$v: disk0 attached, in PCI slot 2" aerie attach "$v" disk "$one,ro"
check "it is listed" [ "$(row disk0)" = "disk0 disk 2 yes no - $one" ]
check "so is the other" [ "$(row disk1)" = "disk1 disk 3 no no early $two" ]
check "and entropy" [ "$(row rng)" = "rng rng 1 no no - -" ]
check "in debugfs, too" debugfs disk1
check "events tell" told attached disk1
check "of both" told detached disk0
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" soon 120 seen "$v" "aerie guest ready"
hold_tty "$v"
say "cat /sys/block/vd?/serial /sys/block/vd?/ro | xargs echo have"
check "with both disks" said "have early1 0"

# While it runs
check "detach one" says 0 "$v: disk0 detached" aerie detach "$v" disk0
say "ls /dev/vd* | xargs echo left"
check "it has gone from the guest" said "left /dev/vdb"
check "and from debugfs" eval "! debugfs disk0"
check "attach it for writing" says 0 "$v: disk0 attached, in PCI slot 2" \
	aerie attach "$v" disk "$one,serial=late-one"
say "sleep 1; cat /sys/block/vda/serial; echo; dd if=/dev/urandom of=/dev/vda bs=1M count=4 2>/dev/null; sync"
check "the guest sees it" said "late-one"
say "dd if=/dev/vda bs=1M count=4 2>/dev/null | md5sum; grep -c virtio.-req /proc/interrupts | sed s/^/vectors/"
check "and uses it by messages, one a queue" said "vectors4"
check "what it writes is in the image" said "$(head -c 4194304 "$one" | sum)  -"
check "its queues are counted" eval \
	"aerie show $v | awk '/^DEVICE QUEUE/ { on = 1 } on && \$1 == \"disk0\" { n += \$3 } END { exit n < 5 }'"
aerie show "$v" --json >"$SCRATCH/json"
check "in JSON, too" eval "tr -d ' \n' <$SCRATCH/json | grep -q '\"device\":\"disk0\",\"kind\":\"disk\",\"slot\":2,\"read_only\":false,\"asked\":false,\"serial\":\"late-one\",\"backing\":\"$one\"'"
check "with queues" eval "tr -d ' \n' <$SCRATCH/json | grep -q '\"queues\":\[{\"device\":\"rng\",\"queue\":0,\"requests\":'"
check "entropy is detached" says 0 "$v: rng detached" aerie detach "$v" rng
check "and attached" says 0 "$v: rng attached, in PCI slot 1" aerie attach "$v" rng
say "sleep 1; head -c 7 /dev/hwrng | wc -c | sed s/^/random/"
check "and used" said "random7"
# The guest's own wish, by its slot's switch
say "echo 0 >/sys/bus/pci/slots/3/power; echo done"
check "the guest lets one go by itself" told detached disk1
check "which is then gone" [ -z "$(row disk1)" ]
check "reset" aerie reset -q "$v"
check "it boots with what it has" soon 120 eval "[ \$(grep -c 'aerie guest ready' $SCRATCH/$v.log) = 2 ]"
say "cat /sys/block/vd?/serial | xargs echo after"
check "the disk that was attached" said "after late-one"

# A block device of the host
if /sbin/modprobe loop 2>/dev/null && truncate -s 24M "$SCRATCH/dev" &&
	loop=$(losetup -f) && losetup "$loop" "$SCRATCH/dev" 2>/dev/null; then
	on_exit "losetup -d $loop 2>/dev/null"
	mke2fs "$loop" >/dev/null 2>&1
	mkdir "$SCRATCH/mnt"
	mount -t ext4 "$loop" "$SCRATCH/mnt"
	check "a block device that is mounted" says 1 \
		"cannot attach: disk $loop is in use by the host: mounted, or claimed by a program" \
		aerie attach "$v" disk "$loop"
	umount "$SCRATCH/mnt"
	check "and then is not" aerie attach -q "$v" disk "$loop,serial=block"
	check "cannot be mounted meanwhile" eval "! mount -t ext4 $loop $SCRATCH/mnt 2>/dev/null"
	check "nor given to another VM" says 1 "--disk $loop is in use by another VM" \
		aerie create "$w" -q -k "$KERNEL" -d "$loop"
	say "sleep 1; b=/dev/\$(grep -l block /sys/block/vd?/serial | cut -d/ -f4); cat /sys/block/\${b#/dev/}/size; mount -t ext4 \$b /tmp && echo of-guest >/tmp/file && umount /tmp; echo mounted-\$?"
	check "the guest sees its size" said 49152
	check "and mounts it" said mounted-0
	say "blkdiscard \$b -o 16777216 -l 4194304; echo discarded-\$?"
	check "and discards" said discarded-0
	check "it is detached" says 0 "detached" aerie detach "$v" disk1
	check "and the host mounts it again" mount -t ext4 "$loop" "$SCRATCH/mnt"
	check "with what the guest has written" [ "$(cat "$SCRATCH/mnt/file")" = of-guest ]
	umount "$SCRATCH/mnt"
	check "read only, for two VMs" aerie attach -q "$v" disk "$loop,ro"
	check "both" eval "aerie create $w -q -k $KERNEL -d $loop,ro && aerie destroy -q $w"
	check "and not for the host" eval "! mount -t ext4 -o ro $loop $SCRATCH/mnt 2>/dev/null"
	check "force" says 0 "disk1 detached" aerie detach "$v" disk1 --force
	check "gives it back at once" mount -t ext4 "$loop" "$SCRATCH/mnt"
	umount "$SCRATCH/mnt"
	losetup -d "$loop"
else
	for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		skip "a block device of the host, $n" "no loop devices here"
	done
fi

# Refusals
check "no such VM" says 3 "no such VM" aerie attach "$w" disk "$two"
check "no such VM to detach from" says 3 "no such VM" aerie detach "$w" disk0
check "no such kind" says 2 "'tape' is no kind of device: disk, nic, console, rng or balloon" aerie attach "$v" tape "$two"
check "no file" says 2 "disk FILE[,OPTION...] is missing" aerie attach "$v" disk
check "too much" says 2 "rng takes nothing more, not 'x'" aerie attach "$v" rng x
check "an option that is none" says 2 "disk: 'rw' is none of ro, direct, serial=TEXT" aerie attach "$v" disk "$two,rw"
check "no such image" says 1 "cannot attach: disk $SCRATCH/none: No such file" aerie attach "$v" disk "$SCRATCH/none"
: >"$SCRATCH/empty"
check "an empty image" says 1 "cannot attach: disk $SCRATCH/empty is empty" aerie attach "$v" disk "$SCRATCH/empty"
check "one it has" says 1 "cannot attach: disk $one is in use by this VM already" aerie attach "$v" disk "$one"
aerie create "$w" -q -k "$KERNEL" -d "$two"
check "one another VM has" says 1 "cannot attach: disk $two is in use by another VM" aerie attach "$v" disk "$two"
check "a second source of entropy" says 1 "cannot attach: rng: the VM has a source of entropy" aerie attach "$v" rng
check "no such device" says 1 "cannot detach: disk9 is no device of the VM" aerie detach "$v" disk9
check "a part of the machine" says 1 "cannot detach: pic is part of the machine and cannot be removed" aerie detach "$v" pic
check "by force, too" says 1 "cannot detach: pci is part of the machine" aerie detach "$v" pci --force
check "force and time" says 2 "--force or --timeout, not both" aerie detach "$v" disk0 --force -t 1s
check "no duration" says 2 "is no duration" aerie detach "$v" disk0 --timeout soon
check "destroy" aerie destroy -q "$v" "$w"
finish
