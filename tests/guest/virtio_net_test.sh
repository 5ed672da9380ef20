#!/bin/sh
# Network devices and a driver that does what none should: two of them on one bridge.
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/guest.sh
. "$lib/guest.sh"
need_aerie
need_aerie
modprobe bridge 2>/dev/null
# The host itself says nothing on it.
ipv6=/proc/sys/net/ipv6/conf/default/disable_ipv6
if [ -e "$ipv6" ]; then
	on_exit "echo $(cat "$ipv6") >$ipv6"
	echo 1 >"$ipv6"
fi
ip link add t-net type bridge 2>/dev/null || skip_all "the host has no bridges"
on_exit "ip link del t-net"
ip link set t-net up
payload virtio_net --vcpus 2 --nic t-net --nic t-net --timeout 240
