#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Networks of Linux guests: on a bridge with each other and with the host, whatever is
# done to the interface meanwhile; what cannot be is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
# Busybox's shell would take its own, which know less.
ip() { /sbin/ip "$@"; }
tc() { /sbin/tc "$@"; }
modprobe bridge 2>/dev/null
ip link add t-br0 type bridge 2>/dev/null || skip_all "the host has no bridges"
on_exit "ip link del t-br0 2>/dev/null; ip link del t-br1 2>/dev/null"
plan 88

a=$(vm a)
b=$(vm b)
c=$(vm c)
HOST=10.99.0.1 A=10.99.0.2 B=10.99.0.3
MEMORY=128M
ip addr add $HOST/24 dev t-br0
ip link set t-br0 up

plain=$APPEND
# network VM ADDRESS [OPTION...]: a guest with that address on its first interface.
network() {
	booting=$1
	APPEND="$plain aerie.run=\"ip addr add $2/24 dev eth0; ip link set eth0 up; mount -t sysfs none /sys 2>/dev/null; ip link set lo up\""
	shift 2
	boot "$booting" "$@"
}
# asks VM COMMAND TEXT: TEXT, which COMMAND itself does not have, is printed from now on.
asks() {
	before=$(wc -c <"$SCRATCH/$1.log")
	tell "$1" "$2"
	soon 60 printed "$1" "$before" "$3" && return
	tail -c "+$((before + 1))" "$SCRATCH/$1.log" | sed 's/^/#   /'
	return 1
}
printed() {
	tail -c "+$(($2 + 1))" "$SCRATCH/$1.log" | grep -qF -e "$3"
}
# comes VM FILE: the guest has it after a while.
comes() {
	asks "$1" "until [ -e $2 ]; do sleep 1; done; echo co''me" come
}
pings() {
	asks "$1" "ping -c 2 -W 10 $2" "bytes from $2"
}
reached() {
	soon "${2:-30}" ping -c 1 -W 1 "$1" >/dev/null
}
is_cut_off() {
	! ping -c 1 -W 2 "$1" >/dev/null
}
fact() {
	cat "/sys/class/net/$1/$2" 2>/dev/null
}
is() {
	[ "$(fact "$1" "$2")" = "$3" ]
}
master() {
	basename "$(readlink "/sys/class/net/$1/master")" 2>/dev/null
}
sum() {
	sha256sum | cut -d ' ' -f 1
}
mac_of() {
	aerie show "$1" | awk '/^DEVICE INTERFACE/ { on = 1; next } on { print $3; exit }'
}

check "a guest on a bridge" network "$a" $A -n t-br0 -c 2
check "and another" network "$b" $B -n t-br0
mac=$(mac_of "$a")
check "the host interface is named after the VM" [ -d "/sys/class/net/$a-0" ]
check "and is on the bridge" [ "$(master "$a-0")" = t-br0 ]
check "and has a carrier" soon 30 is "$a-0" carrier 1
check "its address is of the guest's" is "$a-0" address "fe${mac#02}"
check "the guest has the address that is shown" asks "$a" "cat /sys/class/net/eth0/address" "$mac"
check "its MTU is the bridge's" asks "$a" "cat /sys/class/net/eth0/mtu" 1500
check "a queue for each vCPU" asks "$a" "echo queues \$(ls -d /sys/class/net/eth0/queues/rx-* | wc -l)" "queues 2"
check "interrupts are messages, one a queue" asks "$a" "echo irqs \$(grep -c virtio1-.*put /proc/interrupts)" "irqs 4"
check "guest to host" pings "$a" $HOST
check "guest to guest" pings "$a" $B
check "and back" pings "$b" $A
check "host to guest" reached $A

# Bulk data, both ways and between guests; each guest serves a file of its own
mkdir "$SCRATCH/www"
dd if=/dev/urandom of="$SCRATCH/www/file" bs=1M count=8 2>/dev/null
# Of those it forks some serve a guest that has gone, and do not hold our output open.
httpd -f -p $HOST:8000 -h "$SCRATCH/www" >/dev/null 2>&1 3>&- &
on_exit "kill $!"
for each in "$a" "$b"; do
	tell "$each" "dd if=/dev/urandom of=/tmp/file bs=1M count=8; httpd -h /tmp"
	asks "$each" "sha256sum /tmp/file >/tmp/sum; echo sum\"\"med" summed
done
check "host to guest, 8 MiB" asks "$a" "wget -q -O - http://$HOST:8000/file | sha256sum" \
	"$(sum <"$SCRATCH/www/file")"
wget -q -O "$SCRATCH/got" "http://$A/file"
wget -q -O "$SCRATCH/want" "http://$A/sum"
check "guest to host, 8 MiB" grep -q "$(sum <"$SCRATCH/got")" "$SCRATCH/want"
check "guest to guest, 8 MiB" asks "$b" "wget -q -O - http://$A/file | sha256sum" \
	"$(cut -d ' ' -f 1 <"$SCRATCH/want")"
mean() {
	echo $(($(fact "$1" "statistics/$2_bytes") / $(fact "$1" "statistics/$2_packets")))
}
check "segments are large to the guest" [ "$(mean "$a-0" tx)" -gt 1514 ]
check "and from it" [ "$(mean "$a-0" rx)" -gt 1514 ]
check "no frame was bad" is "$a-0" statistics/rx_errors 0

# VLANs
modprobe 8021q 2>/dev/null
ip link add link t-br0 name t-br0.5 type vlan id 5
ip addr add 10.98.0.1/24 dev t-br0.5
ip link set t-br0.5 up
vlan_up="ip link add link eth0 name v5 type vlan id 5 && ip addr add 10.98.0.2/24 dev v5 && ip link set v5 up"
check "a VLAN" asks "$a" "$vlan_up; ping -c 1 -W 10 10.98.0.1" "bytes from 10.98.0.1"
check "with bulk data" asks "$a" \
	"ping -c 1 -s 4000 -W 10 10.98.0.1" "4008 bytes from 10.98.0.1"
# Without the VLAN its frames do not come to the guest's stack at all.
asks "$a" "ip link del v5; echo del\"\"eted" deleted
count='cat /sys/class/net/eth0/statistics/rx_packets'
asks "$a" "n=\$($count); echo count\"\"ing" counting
ip neigh replace 10.98.0.2 lladdr "$mac" dev t-br0.5
ping -c 5 -W 1 10.98.0.2 >/dev/null
check "and without it nothing of it comes" asks "$a" "echo more \$((\$($count) - n))" "more 0"
ip link del t-br0.5

# Filters and captures of the host
ip link add t-copy type dummy
on_exit "ip link del t-copy"
ip link set t-copy up
tc qdisc add dev "$a-0" clsact
tc filter add dev "$a-0" ingress matchall action mirred egress mirror dev t-copy
seen=$(fact t-copy statistics/tx_packets)
pings "$a" $HOST
check "what the guest sends can be captured" [ "$(fact t-copy statistics/tx_packets)" -gt "$seen" ]
tc filter del dev "$a-0" ingress
tc filter add dev "$a-0" egress matchall action drop
check "and what it gets be filtered" is_cut_off $A
tc qdisc del dev "$a-0" clsact
check "until the filter goes" reached $A

# What is done to the interface
ip link set "$a-0" down
check "set down: the guest has no link" asks "$a" "echo carrier \$(cat /sys/class/net/eth0/carrier)" "carrier 0"
check "and nothing gets through" is_cut_off $A
ip link set "$a-0" up
check "set up: it has" asks "$a" "sleep 1; echo carrier \$(cat /sys/class/net/eth0/carrier)" "carrier 1"
check "and is there again" reached $A 20
check "it cannot be deleted" says 2 "not supported" ip link del "$a-0"
ip link set "$a-0" down
ip link set "$a-0" name t-other
ip link set t-other up
check "renamed: it works" reached $A 20
check "and is shown by its name" prints t-other aerie show "$a"
ip link set t-other down
ip link set t-other name "$a-0"
ip link set "$a-0" up
check "another address of the guest's" \
	asks "$a" "ip link set eth0 down; ip link set eth0 address 02:11:22:33:44:55; ip link set eth0 up; ping -c 2 -W 10 $HOST" "bytes from $HOST"
ip link set t-br0 down
ip link del t-br0
check "the bridge deleted: the guest lives" asks "$a" "echo al\"\"ive" alive
check "its interface is on its own" [ ! -e "/sys/class/net/$a-0/master" ]
ip link add t-br1 type bridge
ip addr add $HOST/24 dev t-br1
ip link set t-br1 up
ip link set "$a-0" master t-br1
ip link set "$b-0" master t-br1
check "on another bridge it reaches the host" reached $A 30
check "and the other guest" pings "$a" $B
unshare -n sleep 1000 &
space=$!
usleep 500000
ip link set "$a-0" netns "$space"
check "in another network namespace" [ ! -d "/sys/class/net/$a-0" ]
kill "$space"
check "when that goes it comes back" soon 20 [ -d "/sys/class/net/$a-0" ]
ip link set "$a-0" master t-br1 up
check "and works" reached $A 30

# Paused, reset, rebooted, destroyed
aerie pause -q "$a"
ping -c 3 -W 1 -q $A >/dev/null 2>&1
aerie resume -q "$a"
check "paused under traffic: it goes on" reached $A 60
tell "$a" "reboot -f"
check "the guest reboots: no carrier" soon 60 is "$a-0" carrier 0
check "and then one again" soon 120 is "$a-0" carrier 1
# It has its first address again, of which the host learns within half a minute, or so.
ip neigh flush dev t-br1
check "it is reached" reached $A 60
aerie reset -q "$a"
check "reset: it is reached" reached $A 120
tell "$b" "while :; do wget -q -O /dev/null http://$HOST:8000/file; done"
usleep 500000
aerie reset -q "$b"
check "reset under traffic: it is reached" reached $B 120
tell "$b" "while :; do wget -q -O /dev/null http://$HOST:8000/file; done"
usleep 500000
aerie stop -q --timeout 0 "$b"
check "stopped: no carrier" soon 5 is "$b-0" operstate down
aerie start -q "$b"
watch "$b"
check "started: it is reached" reached $B 120
tell "$b" "while :; do wget -q -O /dev/null http://$HOST:8000/file; done"
usleep 500000
aerie destroy -q "$b"
check "destroyed under traffic: its interface is gone" [ ! -d "/sys/class/net/$b-0" ]
check "the other is there" reached $A
aerie destroy -q "$a"

# Attached and detached while the guest runs
check "a guest without one" boot "$a"
check "gets one" aerie attach -q "$a" nic t-br1
check "which it sees" comes "$a" /sys/class/net/eth0
check "and the bridge" [ "$(master "$a-0")" = t-br1 ]
tell "$a" "ip addr add $A/24 dev eth0; ip link set eth0 up"
check "it works" reached "$A" 60
check "a second one" aerie attach -q "$a" nic host
check "has a number of its own" [ -d "/sys/class/net/$a-1" ]
check "the guest lets go of one" aerie detach -q "$a" nic1 -t 60s
check "which has gone from the host" [ ! -e "/sys/class/net/$a-1" ]
tell "$a" "ping -s 20000 $HOST >/dev/null &"
check "one is taken by force at work" aerie detach -q "$a" nic0 --force
check "and has gone from the host" [ ! -e "/sys/class/net/$a-0" ]
check "and soon from the guest" asks "$a" \
	"while [ -e /sys/class/net/eth0 ]; do sleep 1; done; echo go''ne" gone
check "its name is free" aerie attach -q "$a" nic t-br1
check "no such bridge to attach to" says 1 "cannot attach: nic none is no interface of the host" \
	aerie attach "$a" nic none
check "nor an address" says 2 "is no address like" aerie attach "$a" nic host,mac=1
check "a console" aerie attach -q "$a" console
check "comes" comes "$a" /dev/hvc0
check "but once" says 1 "the VM has a virtio console" aerie attach "$a" console
check "and goes" aerie detach -q "$a" console -t 60s
check "so that nobody can have it" says 1 "has no virtio console" aerie console "$a" --hvc
aerie destroy -q "$a"

# What can be asked for
create() {
	aerie create "$c" -q -k "$KERNEL" "$@"
}
create -n t-br1 -n host -n host,mac=52:54:00:12:34:56
check "several interfaces, one on the bridge" [ "$(master "$c-0") $(master "$c-1")" = "t-br1 " ]
check "without the guest's driver there is no carrier" soon 5 is "$c-2" operstate down
check "an address that was given" prints 52:54:00:12:34:56 aerie show "$c"
before=$(mac_of "$c")
aerie destroy -q "$c"
create -n host
check "the same address each time" [ "$(mac_of "$c")" = "$before" ]
check "interfaces in JSON" prints '"interface": ' aerie show "$c" --json
aerie destroy -q "$c"
check "no such bridge" says 1 "--nic none is no interface of the host" create -n none
check "no bridge" says 1 "--nic lo is not a bridge" create -n lo
check "one of them is none" says 1 "one of the network interfaces is not a bridge" create -n t-br1 -n lo
check "a group's address" says 1 "a group's, or zero" create -n t-br1,mac=03:00:00:00:00:01
check "the address of nobody" says 1 "a group's, or zero" create -n t-br1,mac=00:00:00:00:00:00
check "no address" says 2 "is no address like" create -n t-br1,mac=1:2:3
check "an option that is none" says 2 "'fast' is not mac=ADDRESS" create -n t-br1,fast
check "no name" says 2 "names no bridge" create -n ""
check "a name too long" says 2 "longer than an interface's name" create -n 0123456789abcdef
check "more than there can be" says 2 "more than 8 network interfaces" \
	create -n host -n host -n host -n host -n host -n host -n host -n host -n host
check "none of these left a VM" [ "$(aerie list --names | grep -c "^t$$-")" = 0 ]
check "nor an interface" [ -z "$(ls -d /sys/class/net/t"$$"-* 2>/dev/null)" ]
finish
