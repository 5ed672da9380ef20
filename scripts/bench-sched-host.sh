# shellcheck shell=bash disable=SC2154 # scripts/bench-sched sets what is set nowhere here
# The part of the benchmark of scheduling that happens on the test host. scripts/bench-sched,
# which hands this to the lab, says which $parts there are to be. Printed, besides what
# payloads say after "run SIDE TEST":
#
#	ran SIDE GUEST NANOSECONDS		of processors, for its vCPUs
#	idle SIDE GUESTS NANOSECONDS SECONDS	that the host was not idle, of so many
#	linux SIDE VCPUS LOCKS			whose figures follow, spin or help
#	full SIDE TASK NANOSECONDS		of processors, for a vCPU, or for the host's work
set -e

kvm_on() {
	modprobe "$(kvm_module)"
}
kvm_off() {
	rmmod "$(kvm_module)" kvm
}
aerie_on() {
	# shellcheck disable=SC2086 # words on purpose
	modprobe aerie share_percent=0 $module_args
}
aerie_off() {
	rmmod aerie
}

# stop GUEST: whatever it does.
stop() {
	if [ "$side" = kvm ]; then
		kill -KILL "${PID[$1]}"
	else
		aerie destroy "$1" --quiet
	fi
	wait "${PID[$1]}" 2>/dev/null || true
	rm "/tmp/$1"
}

# ---- Fairness: guests that spin, $guests being WEIGHT:VCPUS:NICE of each ------------------

# threads GUEST: their directories; with KVM what serves devices is among them, and sleeps.
threads() {
	if [ "$side" = kvm ]; then
		echo /proc/"${PID[$1]}"/task/[0-9]*
	else
		grep -l "^aerie-$1/" /proc/[0-9]*/comm | sed 's,/comm$,,'
	fi
}

# ran GUESTS: what each has had so far, all read at the same time.
ran() {
	local n t files=()

	for n in $(seq "$1"); do
		for t in $(threads "g$n"); do
			files+=("$n" "$t/schedstat")
		done
	done
	(
		renice -n -20 -p $BASHPID >/dev/null
		awk 'BEGIN {
			for (i = 1; i < ARGC; i += 2) {
				getline line <ARGV[i + 1]
				split(line, word, " ")
				sum[ARGV[i]] += word[1]
			}
			for (n in sum)
				printf "%d %.0f\n", n, sum[n]
		}' "${files[@]}"
	)
}

# Who gives a guest its part: of Aerie its weight; with KVM nice levels, or control groups.
weigh_aerie() {
	aerie sched "$1" --weight "$2"
}
weigh_nice() {
	local t

	for t in $(threads "$1"); do
		renice -n "$3" -p "${t##*/}"
	done
}
weigh_cgroup() {
	mkdir "$groups/$1"
	echo "$2" >"$groups/$1/cpu.weight"
	echo "${PID[$1]}" >"$groups/$1/cgroup.procs"
}
groups=/tmp/groups
groups_on() {
	mkdir $groups
	mount -t cgroup2 none $groups
	echo +cpu >$groups/cgroup.subtree_control
}

# fair HOW: all guests at once, some time after they have got their parts.
fair() {
	local n=0 each weight vcpus nice before after

	for each in $guests; do
		IFS=: read -r weight vcpus nice <<<"$each"
		n=$((n + 1))
		guest g$n 16 irq_off_loop ""
		until_true said g$n spinning
		"weigh_$1" g$n "$weight" "$nice" >/dev/null
	done
	sleep 3
	before=$(ran $n)
	sleep "$seconds"
	after=$(ran $n)
	awk -v how="$1" '!($1 in had) { had[$1] = $2; next }
		{ printf "ran %s %d %.0f\n", how, $1, $2 - had[$1] }' <<<"$before"$'\n'"$after"
	for each in $(seq $n); do stop "g$each"; done
}
part_fair() {
	if [ "$side" = kvm ]; then
		fair nice
		groups_on
		fair cgroup
	else
		fair aerie
	fi
}

# ---- As many vCPUs as processors, $full being theirs; and work of the host -----------------

# Of all that has run for a millisecond: what serves KVM's devices has not.
full_ran() {
	local t

	for t in "$@"; do
		awk -v t="${t##*/}" '$1 > 1e6 { printf "%s %.0f\n", t, $1 }' "$t/schedstat"
	done
}
part_full() {
	local vcpus work before after tasks

	vcpus=$(nproc)
	guest full 16 irq_off_loop ""
	until_true said full spinning
	while :; do :; done &
	work=$!
	# shellcheck disable=SC2046 # words on purpose
	tasks=("/proc/$work" $(threads full))
	sleep 3
	before=$(full_ran "${tasks[@]}")
	sleep "$seconds"
	after=$(full_ran "${tasks[@]}")
	awk -v side="$side" '!($1 in had) { had[$1] = $2; next }
		{ printf "full %s %d %.0f\n", side, $1, $2 - had[$1] }' <<<"$before"$'\n'"$after"
	kill $work
	wait $work 2>/dev/null || true
	stop full
}

# ---- Interrupts between vCPUs ---------------------------------------------------------------

# ipi_test TEST VCPUS
ipi_test() {
	local vcpus=$2

	echo "run $side $1"
	guest ipi 64 exits "only=$1"
	end ipi
}
part_ipi() {
	ipi_test exits 1
	ipi_test two 2
	ipi_test all 4
}

# ---- Locks: with the hypervisor's help (1), or without (0), which is KVM's alone -----------

# lock_test VCPUS HELP TIMES
lock_test() {
	local vcpus=$1

	echo "run $side locks-$vcpus-$2"
	guest locks 16 locks "kick=$2 rounds=$3"
	end locks
}
part_locks() {
	local n

	for n in 1 2 4; do
		[ "$side" = aerie ] || lock_test $n 0 "$rounds"
		lock_test $n 1 "$kicked"
	done
}

# ---- The guest's clock ---------------------------------------------------------------------------

# slew PPM: the host's clocks are disciplined, as NTP does it.
slew() {
	busybox adjtimex -q -f $(($1 * 65536))
}
# Its vCPUs compete with each other, and with as many others.
part_clock() {
	echo "run $side clock"
	vcpus=4 guest clock 16 clock ""
	vcpus=4 guest busy 16 irq_off_loop ""
	until_true said clock clock
	until_true said busy spinning
	slew 500
	sleep $((seconds / 2))
	slew -500
	sleep $((seconds - seconds / 2))
	slew 0
	printf q >&"${TYPE[clock]}"
	end clock
	stop busy
}

# ---- A guest in real time, beside others that spin -------------------------------------------

# Of each $period microseconds $budget are reserved for it, by the host's scheduler.
part_rt() {
	local n options=()

	echo "run $side rt"
	[ "$side" = aerie ] || options=(--deadline "$((budget * 1000)):$((period * 1000))")
	guest rt 16 cyclic "periods=$periods" "${options[@]}"
	until_true said rt ready
	[ "$side" = kvm ] || aerie sched rt --budget "${budget}us" --period "${period}us"
	for n in $(seq "$busy"); do
		vcpus=4 guest busy$n 16 irq_off_loop ""
		until_true said busy$n spinning
	done
	go rt
	end rt
	for n in $(seq "$busy"); do stop "busy$n"; done
}

# ---- Linux guests ---------------------------------------------------------------------------

# linux_SIDE NAME VCPUS [ARGUMENTS]: start it; /tmp/NAME has what it says.
linux_kvm() {
	qemu-system-x86_64 -accel kvm -cpu host -M pc -L /share/roms -nodefaults -no-reboot \
		-no-user-config -display none -serial "file:/tmp/$1" -m 128 -smp "$2" \
		-kernel /guest/vmlinuz -initrd /share/initrd -append "console=ttyS0 quiet $3" \
		</dev/null 2>/dev/null &
	PID[$1]=$!
}
linux_aerie() {
	aerie run "$1" --quiet --memory 128M --vcpus "$2" --kernel /guest/vmlinuz \
		--initrd /share/initrd --append "console=ttyS0 quiet $3" --console </dev/null >"/tmp/$1" &
	PID[$1]=$!
}
linux_ready() {
	grep -sq "guest ready" "/tmp/$1"
}

# idle GUESTS: for how long the host is not idle.
idle() {
	local before after

	sleep 10
	before=$(not_idle)
	sleep "$seconds"
	after=$(not_idle)
	echo "idle $side $1 $((after - before)) $seconds"
}
not_idle() {
	awk '/^now at/ { now = $3 } /idle_sleeptime/ { idle = $3 } END { printf "%.0f\n", now - idle }' \
		/proc/timer_list
}
part_idle() {
	local n

	idle 0
	for n in $(seq "$idle"); do
		"linux_$side" "l$n" 1
		until_true linux_ready "l$n"
		# Of two that boot at once under KVM none gets anywhere here.
		if [ "$side" = kvm ]; then
			sleep 5
			kill -STOP "${PID[l$n]}"
		fi
	done
	if [ "$side" = kvm ]; then
		for n in $(seq "$idle"); do kill -CONT "${PID[l$n]}"; done
	fi
	idle "$idle"
	for n in $(seq "$idle"); do stop "l$n"; done
}

# Locks of a guest's kernel: what its processes do for a while each. On QEMU's emulated processor
# a guest of several vCPUs comes to a stop now and then, under either, most of all while it boots:
# it boots with one of them, and is begun anew where that does not help.
contended() {
	grep -sq "^over" "/tmp/$1"
}
# linux_test VCPUS LOCKS [ARGUMENTS]
linux_test() {
	local tries n kind work="cd /tmp; "

	for n in $(seq $(($1 - 1))); do
		work+="echo 1 >/sys/devices/system/cpu/cpu$n/online; "
	done
	for kind in fork files messages; do work+="contend $kind $contend; "; done
	for tries in 1 2; do
		"linux_$side" lock "$1" "$3 maxcpus=1 aerie.run=\"$work echo over\""
		if within 15 contended lock; then
			echo "linux $side $1 $2"
			grep '^figure' /tmp/lock
			stop lock
			return
		fi
		echo "# $side, $1 vCPUs, $2: stopped at"
		tail -n 2 /tmp/lock | sed 's/^/# /'
		stop lock
	done
}
part_linux() {
	local n

	for n in $linux_vcpus; do
		[ "$side" = aerie ] || linux_test "$n" spin nopvspin
		linux_test "$n" help ""
	done
}

rmmod aerie
# With whatever is started here.
[ -z "$processors" ] || taskset -p -c "$processors" $$ >/dev/null
# What the host does after its boot is nobody's.
sleep 10
for side in kvm aerie; do
	for part in $parts; do
		${side}_on
		"part_$part"
		${side}_off
	done
done
