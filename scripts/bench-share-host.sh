# shellcheck shell=bash disable=SC2154 # scripts/bench-share sets what is set nowhere here
# The part of the benchmark of sharing that happens on the test host: guests with equal
# memory under KVM, whose duplicates ksmd finds, then under Aerie. scripts/bench-share hands
# this to the lab with $mib, what each payload fills; $memory and $guests of Linux. Printed:
#
#	sample SIDE CASE INSTRUCTIONS SAVED	the finder's so far, and pages
#	still SIDE CASE INSTRUCTIONS HASHED	in ten seconds in which nothing changes
#	used SIDE CASE PAGES			of the host, for what the guests hold
#	pages NONZERO DIFFERENT			of the Linux guests just named
set -e
cd /share

# spent PID: instructions so far, the clock being one.
spent() {
	local ns rest

	read -r ns rest </proc/"$1"/schedstat
	echo "$ns"
}

thread() {
	grep -lx "$1" /proc/[0-9]*/comm | head -n 1 | cut -d / -f 3
}

# find_all SIDE CASE PAUSE: until nothing has been found for a while.
find_all() {
	local saved last=-1 same=0

	while [ "$same" -lt 24 ]; do
		saved=$("$1_saved")
		echo "sample $1 $2 $(spent "$finder") $saved"
		if [ "$saved" = "$last" ] && { [ "$saved" -gt 0 ] || [ "$same" -lt 20 ]; }; then
			same=$((same + 1))
		else
			same=0
		fi
		last=$saved
		sleep "$3"
	done
}

# stand_still SIDE CASE
stand_still() {
	local before hashed

	before=$(spent "$finder") hashed=$("$1_hashed")
	sleep 10
	echo "still $1 $2 $(($(spent "$finder") - before)) $(($("$1_hashed") - hashed))"
}

# ---- KVM: ksmd -------------------------------------------------------------------------

ksm=/sys/kernel/mm/ksm

ksm_saved() {
	cat $ksm/pages_sharing
}
ksm_hashed() {
	echo 0
}
ksm_pace() {
	echo 2 >$ksm/run
	echo "$1" >$ksm/pages_to_scan
	echo "$2" >$ksm/sleep_millisecs
	echo 1 >$ksm/run
}

# rams PIDS: their guests' memory, as pages wants it; what they hold goes to $held.
rams() {
	local pid

	held=0 areas=()
	for pid; do
		eval "$(awk -v pid="$pid" -v kib=$((memory * 1024)) '
			/^[0-9a-f]+-[0-9a-f]+ / { split($1, at, "-") }
			$1 == "Size:" { here = $2 == kib }
			here && $1 == "Rss:" { print "held=$((held + " $2 / 4 "))"
				print "areas+=(/proc/" pid "/mem:$((0x" at[1] ")):" kib * 1024 ")" }' \
			/proc/"$pid"/smaps)"
	done
}

ksm_pairs() {
	local n pids=()

	for n in 1 2; do
		./kvm --mergeable --append mib="$mib" payload/fill.elf >/tmp/pair$n &
		pids+=($!)
		until grep -q filled /tmp/pair$n; do sleep 0.2; done
	done
	ksm_pace 5000 0
	find_all ksm pairs 0.1
	stand_still ksm pairs
	ksm_pace 100 20
	find_all ksm pairs-default 4
	echo 2 >$ksm/run
	kill "${pids[@]}"
	wait "${pids[@]}" || true
}

ksm_linux() {
	local n pids=() held areas

	for n in $(seq "$guests"); do
		qemu-system-x86_64 -accel kvm -cpu host -M pc -L roms -nodefaults -no-user-config \
			-display none -serial file:/tmp/linux"$n" -m "$memory" -kernel /guest/vmlinuz \
			-initrd /guest/initrd.img -append "console=ttyS0 quiet" </dev/null &
		pids+=($!)
		until grep -sq "guest ready" /tmp/linux"$n"; do sleep 1; done
		sleep 5
		# Of two at once under KVM none gets anywhere here. What stops keeps its memory.
		kill -STOP $!
	done
	ksm_pace 5000 0
	find_all ksm linux 1
	rams "${pids[@]}"
	echo "used ksm linux $((held - $(ksm_saved)))"
	./pages "${areas[@]}"
	echo 2 >$ksm/run
	kill -KILL "${pids[@]}"
	wait "${pids[@]}" || true
}

# ---- Aerie ------------------------------------------------------------------------------

# figure FIELD: of all VMs together.
figure() {
	cat /sys/kernel/debug/aerie/vms/*/memory | awk -v field="$1" '$1 == field { n += $2 } END { print n + 0 }'
}
aerie_saved() {
	aerie mem --json | tr ',{' '\n\n' | sed -n 's/^ *"saved": *\([0-9]*\).*/\1/p' |
		awk '{ n += $1 } END { print int(n / 4096 + 0.5) }'
}
aerie_hashed() {
	figure hashed
}

# aerie_case CASE PAUSE: of the guests there are.
aerie_case() {
	aerie share --budget 100 >/dev/null
	find_all aerie "$1" "$2"
	stand_still aerie "$1"
	aerie share --budget 0 >/dev/null
	echo "used aerie $1 $((($(figure resident_kib) + $(figure shared_kib)) / 4 - $(aerie_saved)))"
}

aerie_pairs() {
	local n

	for n in 1 2; do
		aerie run pair$n -q --memory 128M --kernel payload/fill.elf --append mib="$mib" \
			--share-group bench
	done
	until [ "$(figure resident_kib)" -ge $((2 * mib * 1024)) ]; do sleep 0.2; done
	sleep 1
	aerie_case pairs 0.1
	aerie destroy -q pair1 pair2
}

aerie_linux() {
	local n

	for n in $(seq "$guests"); do
		aerie run linux"$n" -q --memory "${memory}M" --kernel /guest/vmlinuz \
			--initrd /guest/initrd.img --append "console=ttyS0 quiet" --share-group bench
	done
	sleep 20
	aerie_case linux 1
	./pages /sys/kernel/debug/aerie/vms/linux*/ram
	aerie list --names | xargs aerie destroy -q
}

# Neither shall find anything of the other.
rmmod aerie
modprobe kvm_amd
finder=$(thread ksmd)
ksm_pairs
[ "$guests" = 0 ] || ksm_linux
rmmod kvm_amd kvm
modprobe aerie share_percent=0
finder=$(thread aerie-share)
aerie_pairs
[ "$guests" = 0 ] || aerie_linux
