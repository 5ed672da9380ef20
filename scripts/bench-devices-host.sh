# shellcheck shell=bash disable=SC2154 # scripts/bench-devices sets what is set nowhere here
# The part of the benchmark of devices that happens on the test host: the same guests
# under KVM with QEMU, then under Aerie. "side PEER" announces whose figures follow; the
# programs in the guests, tests/perf/guest, print them. scripts/bench-devices hands this
# to the lab with what to measure: $what, disk or net; $kinds, $rounds, how and how often.
set -e
cd /share

memory=256
bridge=bench
net=10.99.0

# repeat COMMAND...: as it is to be done by a guest's shell. What a guest still does when it
# has just booted is over after a while, which costs no time here.
repeat() {
	echo "sleep 5; for i in $(seq -s ' ' "$rounds"); do $*; done; poweroff -f"
}

# address N: of a guest's interface.
address() {
	echo "ip addr add $net.$1/24 dev eth0; ip link set eth0 up"
}

append() {
	echo "console=ttyS0 quiet aerie.run=\"$*\""
}

# qemu COMMANDS [OPTION...]: a guest; it takes the place of the shell that runs this.
qemu() {
	exec qemu-system-x86_64 -accel kvm -cpu host -M pc -L roms -nodefaults \
		-no-user-config -no-reboot -display none -serial stdio -m $memory \
		-kernel /guest/vmlinuz -initrd initrd -append "$(append "$1")" "${@:2}" </dev/null
}

# aerie_guest NAME COMMANDS [OPTION...]
aerie_guest() {
	aerie run "$1" --quiet --console --memory ${memory}M \
		--kernel /guest/vmlinuz --initrd initrd --append "$(append "$2")" "${@:3}" </dev/null
}

# ---- Disks: of RAM, one for each variant so that none finds another's cache --------

# qemu_drive N OPTIONS: the Nth, as QEMU's fastest: with a thread of its own that does not
# poll, for there is one processor.
qemu_drive() {
	drives+=(-drive "if=none,id=d$1,file=/dev/ram$1,format=raw,$2"
		-device "virtio-blk-pci,drive=d$1,iothread=io,disable-legacy=on")
}

disk_kvm() {
	local drives=(-object "iothread,id=io,poll-max-ns=0")

	qemu_drive 0 cache=none,aio=io_uring
	qemu_drive 1 cache=none,aio=native
	qemu_drive 2 cache=writeback,aio=io_uring
	qemu_drive 3 cache=writeback,aio=threads
	(qemu "$(repeat "disk direct:io_uring /dev/vda 16 $kinds; disk direct:native /dev/vdb 16 $kinds;
		disk cached:io_uring /dev/vdc 16 $kinds; disk cached:threads /dev/vdd 16 $kinds" |
		tr '\n\t' '  ')" "${drives[@]}")
}

disk_aerie() {
	local status=0

	aerie_guest bench "$(repeat "disk direct /dev/vda 16 $kinds; disk cached /dev/vdb 16 $kinds")" \
		--disk /dev/ram0,direct --disk /dev/ram1 || status=$?
	aerie destroy --quiet bench
	return $status
}

# ---- Networks: two guests on a bridge ----------------------------------------------

# What the one guest does while the other one measures, and what that does.
serving="$(address 2); stream serve 7000"
measuring() {
	echo "$(address 3); $(repeat "stream host $net.1 7000 $kinds; stream guest $net.2 7000 $kinds")"
}

net_up() {
	modprobe bridge
	ip link add $bridge type bridge
	ip addr add $net.1/24 dev $bridge
	ip link set $bridge up
	./stream serve 7000 &
	server=$!
}

# One guest boots after the other: of two at once under KVM none gets anywhere here.
wait_other() {
	local tries

	for ((tries = 0; tries < 60; tries++)); do
		! ping -q -c 1 -W 1 $net.2 >/dev/null || return 0
	done
	echo "the guest that answers does not"
	return 1
}

net_down() {
	kill "$server"
	wait "$server" || true
	ip link del $bridge
}

# nic N: -netdev and -device, with vhost-net, of a guest's.
nic() {
	ip tuntap add "tap$1" mode tap vnet_hdr
	ip link set "tap$1" master $bridge up
	nics=(-netdev "tap,id=n,ifname=tap$1,script=no,downscript=no,vhost=on"
		-device "virtio-net-pci,netdev=n,mac=52:54:00:00:00:0$1,romfile=,disable-legacy=on")
}

net_kvm() {
	local nics other status=1

	modprobe tun
	modprobe vhost_net
	nic 2
	qemu "$serving" "${nics[@]}" >/dev/null &
	other=$!
	if wait_other; then
		nic 3
		(qemu "$(measuring)" "${nics[@]}")
		status=$?
		ip link del tap3
	fi
	kill "$other"
	wait "$other"
	ip link del tap2
	return $status
}

net_aerie() {
	local status=1

	aerie run other --quiet --memory ${memory}M --kernel /guest/vmlinuz --initrd initrd \
		--append "$(append "$serving")" --nic $bridge
	if wait_other; then
		aerie_guest bench "$(measuring)" --nic $bridge
		status=$?
		aerie destroy --quiet bench
	fi
	aerie destroy --quiet other
	return $status
}

# ---- Both ------------------------------------------------------------------------------

[ "$what" = net ] || modprobe brd rd_nr=4 rd_size=32768
[ "$what" = disk ] || net_up
# Neither shall find anything of the other.
rmmod aerie
modprobe kvm_amd
echo "side kvm"
"${what}_kvm" || exit
rmmod kvm_amd kvm
modprobe aerie
echo "side aerie"
"${what}_aerie" || exit
[ "$what" = disk ] || net_down
