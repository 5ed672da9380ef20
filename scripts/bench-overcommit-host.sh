# shellcheck shell=bash disable=SC2154 # scripts/bench-overcommit sets what is set nowhere here
# The part of the benchmark of overcommitment that happens on the test host: guests of $mib MiB
# each under each of $sides, aerie or kvm:NAME:MIB OF ZRAM:PAGE-CLUSTER, for each of the $counts
# of them. They fill their memory one after the other, then all work at the same time. "run NAME
# GUESTS" announces what the guests say. $windows pages are the working sets of all, $moves what
# these move on; $disk are the MiB of swap, $spare those that Aerie does not get.
#
# The disk answers after 80 microseconds, as good ones do; it is in memory of the host that it
# has taken from the beginning.
set -e
swap=/dev/nullb0

disk_on() {
	modprobe null_blk nr_devices=1 memory_backed=1 gb=1 bs=4096 irqmode=2 completion_nsec=80000 \
		submit_queues=1
	until [ -b $swap ]; do sleep 0.1; done
	dd if=/dev/zero of=$swap bs=1M count="$disk" oflag=direct 2>/dev/null
	echo 3 >/proc/sys/vm/drop_caches
}

# available: MiB that are left.
available() {
	awk '$1 == "MemAvailable:" { print int($2 / 1024) }' /proc/meminfo
}

kvm_on() {
	modprobe "$(kvm_module)"
	echo "$cluster" >/proc/sys/vm/page-cluster
	[ "$zram" = 0 ] || zram_on "${zram}M"
	mkswap $swap "$((disk * 1024))" >/dev/null
	swapon $swap
}
kvm_off() {
	[ "$zram" = 0 ] || zram_off
	swapoff $swap
	rmmod "$(kvm_module)" kvm
}
kvm_figures() {
	sed 's/^/# /' /proc/swaps
	[ "$zram" = 0 ] || echo "# zram $(cat /sys/block/zram0/mm_stat)"
	grep -E '^(pswpin|pswpout|pgmajfault) ' /proc/vmstat | sed 's/^/# /'
}

aerie_on() {
	modprobe aerie share_percent=0
	aerie swap on $swap >/dev/null
	aerie pool --limit "$(($(available) - spare))M" >/dev/null
}
aerie_off() {
	rmmod aerie
}
aerie_figures() {
	aerie pool | sed 's/^/# /'
	aerie swap | sed 's/^/# /'
	aerie mem | sed 's/^/# /'
	# Nanoseconds that the thread has run, that it has waited to.
	echo "# aerie-pool $(cat "$(dirname "$(grep -lx aerie-pool /proc/[0-9]*/comm)")"/schedstat)"
}

# work GUESTS: all of them, from the first to the last. Fails where one of them does not get
# there.
work() {
	local n

	echo "run $name $1"
	echo "# $(available) MiB left"
	for n in $(seq "$1"); do
		guest "g$n" "$((mib + 16))" window \
			"guest=$n mib=$mib window=$((windows / $1)) moves=$((moves / $1))"
		until_true said "g$n" filled || return
	done
	echo "# $(available) MiB left"
	"${side}_figures"
	for n in $(seq "$1"); do
		go "g$n"
	done
	for n in $(seq "$1"); do
		until_true said "g$n" "done" || return
	done
	echo "#"
	"${side}_figures"
	for n in $(seq "$1"); do
		go "g$n"
		end "g$n"
	done
}

rmmod aerie
# What is free is free: little is put aside for large pages, and for each processor.
echo 8192 >/proc/sys/vm/min_free_kbytes
echo 512 >/proc/sys/vm/percpu_pagelist_high_fraction
disk_on
for each in $sides; do
	IFS=: read -r side name zram cluster <<<"$each"
	name=${name:-$side}
	for count in $counts; do
		"${side}_on"
		work "$count" || give_up
		"${side}_off"
	done
done
