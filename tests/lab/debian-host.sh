# shellcheck shell=bash
# The part of lab/debian.sh that happens on the test host, after lablib/console.sh: boots
# the Debian system that is on /dev/vda, on a bridge with what a network has to offer, and
# says what it found, a line each.
failed() {
	echo "failed: $*"
	aerie show deb
	stuck >/share/stuck 2>&1
	exit 1
}

vm=/sys/kernel/debug/aerie/vms/deb

# words GPA COUNT: of the guest's memory, which has no hole that far down.
words() {
	dd if=$vm/ram bs=8 skip=$(($1 / 8)) count="$2" status=none | od -An -v -tx8 -w32
}

# stack VCPU: what is on it, up to the end of the page, by 64-bit code's page tables.
stack() {
	local cr3 rsp entry shift
	cr3=0x$(sed -n 's/^cr3 *//p' "$1/registers")
	rsp=0x$(sed -n 's/^rsp *//p' "$1/registers")
	entry=$cr3
	for shift in 39 30 21 12; do
		entry=0x$(words $(((entry & 0xffffffffff000) + (rsp >> shift & 511) * 8)) 1 | tr -d ' ')
		[ $((entry & 1)) = 1 ] || break
		[ $((shift > 12 && entry & 0x80)) = 0 ] || break
	done
	echo "$1: rsp $rsp, entry $entry of 2^$shift bytes"
	[ $((entry & 1)) = 0 ] ||
		words $(((entry & 0xffffffffff000 & ~((1 << shift) - 1)) + (rsp & ((1 << shift) - 1)))) \
			$(((4096 - (rsp & 4095)) / 8))
}

# stuck: where the guest is, twice, how it got there, and what its devices wait for. A timer's
# interrupt inside another one's handler is QEMU's: a processor that is called out of the guest
# at the wrong moment (exit_request) delivers what VMRUN has injected once more, whatever IF is.
stuck() {
	local vcpu
	for vcpu in "$vm"/vcpu*; do
		stack "$vcpu"
	done
	grep -Hs . $vm/{sched,exits,memory} $vm/vcpu*/{registers,lapic}
	sleep 3
	grep -Hs . $vm/{sched,exits} $vm/vcpu*/{registers,control} $vm/devices/*
}

# say FACT COMMAND: the fact is what the guest's shell answers.
say() {
	ask deb "$2" >&2
	echo "$1: $ANSWER"
}

# shellcheck disable=SC2034 # console.sh looks at it
PATIENCE=400
modprobe virtio_blk || exit
modprobe bridge || exit
/sbin/ip link add br0 type bridge && /sbin/ip addr add 10.98.0.1/24 dev br0 && /sbin/ip link set br0 up || exit
cat >/tmp/udhcpd.conf <<END
start 10.98.0.2
end 10.98.0.2
interface br0
pidfile /tmp/udhcpd.pid
lease_file /tmp/udhcpd.leases
option subnet 255.255.255.0
option lease 86400
END
: >/tmp/udhcpd.leases
aerie run deb -q -m 512M -c 2 -k /share/debian.vmlinuz -i /share/debian.initrd -d /dev/vda \
	-n br0 -a 'root=LABEL=debian console=ttyS0' || exit
udhcpd -S /tmp/udhcpd.conf
httpd -p 10.98.0.1:80 -h /share/repository
iperf() { /share/iperf3/ld-linux-x86-64.so.2 --library-path /share/iperf3 /share/iperf3/iperf3 "$@"; }
iperf -s -D >&2
attach deb
watch deb 'Debian GNU/Linux' >&2
watch deb 'permitted by applicable law' >&2
# So that the shell does not break or colour what is typed.
ask deb 'stty cols 1000; TERM=dumb; bind "set enable-bracketed-paste off"' >&2
say system 'systemctl is-system-running --wait'
say processors 'nproc'
say root 'findmnt -n -o SOURCE,FSTYPE /'
say fio 'fio --name=v --filename=/var/tmp/v --size=24M --bs=16k --rw=randwrite --ioengine=libaio --iodepth=16 --direct=1 --numjobs=1 --verify=crc32c --minimal >/tmp/fio 2>&1 && cut -d";" -f5 /tmp/fio'
say discarded 'rm /var/tmp/v && fstrim / && echo some'
say packages 'dpkg --verify systemd apt libc6 | grep -vc /usr/share'
say address "ip -4 -o addr show scope global | awk '{print \$4}'"
say apt "echo 'deb [trusted=yes] http://10.98.0.1/ ./' >/etc/apt/sources.list; { apt-get -q update && apt-get -qy install parcel; } >/tmp/apt 2>&1 && echo installed || cat /tmp/apt"
say parcel 'md5sum </usr/share/parcel/content'
say wget 'wget -q -O - http://10.98.0.1/parcel.deb | md5sum'
say sent 'iperf3 -c 10.98.0.1 -t 2 >/tmp/iperf 2>&1; grep -c "[1-9].*receiver" /tmp/iperf'
say received 'iperf3 -R -c 10.98.0.1 -t 2 >/tmp/iperf 2>&1; grep -c "[1-9].*receiver" /tmp/iperf'
say written 'head -c 3000000 /dev/urandom >/root/random && sync && md5sum </root/random'
printf 'systemctl reboot\n' >&"${TYPE[deb]}"
watch deb 'permitted by applicable law' >&2
ask deb 'stty cols 1000; TERM=dumb; bind "set enable-bracketed-paste off"' >&2
say kept 'md5sum </root/random'
printf 'poweroff\n' >&"${TYPE[deb]}"
watch deb 'reboot: Power down' >&2
echo "state: $(aerie show deb | sed -n 's/^reason *//p')"
aerie destroy -q deb
sync
