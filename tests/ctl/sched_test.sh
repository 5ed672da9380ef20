#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# How vCPUs are scheduled: times that add up, weight, cap, processors, reservations, and
# that the guest knows of the time that others had; what is refused.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
payload=$(built payload/irq_off_loop.elf) || exit
plan 54

v=$(vm a)
w=$(vm b)
# of VM KEY: from the JSON of aerie sched, of the VM or else of its first vCPU.
of() {
	aerie sched "$1" --json | tr ',{}[]' '\n' | sed -n "s/.*\"$2\": *\"\\{0,1\\}\\([^\"]*\\)\"\\{0,1\\}\$/\\1/p" |
		head -n 1
}
# All that each vCPU did takes the same time, but for what happens while it is told.
sums_agree() {
	aerie sched "$1" --json | tr ',{}[]' '\n' | sed 's/[" ]//g' | awk -F: '
		$1 == "vcpu" { n++ }
		n && $1 ~ /^(run|wait|capped|blocked|idle|paused)$/ { sum[n] += $2 }
		END {
			for (i = 1; i <= n; i++) {
				off = sum[i] - sum[1]
				if (off > 100000000 || off < -100000000) bad = 1
			}
			if (bad || n != '"$2"' || !sum[1])
				for (i = 1; i <= n; i++) printf "# vCPU %d: %d ns\n", i, sum[i]
			exit bad || n != '"$2"' || !sum[1]
		}'
}
# thread VM WHAT: of the first vCPU's thread, its policy (6: SCHED_DEADLINE) or processors.
thread() {
	tid=$(of "$1" tid)
	case $2 in
	policy) sed 's/.*) //' "/proc/$tid/stat" | cut -d' ' -f39 ;;
	cpus) sed -n 's/^Cpus_allowed_list:[ \t]*//p' "/proc/$tid/status" ;;
	esac
}
# had VM SECONDS: ns that it runs in so many seconds, by the clock that hundredths tell.
hundredths() {
	awk '{ print int($1 * 100) }' /proc/uptime
}
had() {
	first=$(of "$1" run)
	sleep "$2"
	echo $(($(of "$1" run) - first))
}

check "of a VM that there is" says 3 "no such VM" aerie sched "$v"
check "nor can one be changed" says 3 "no such VM" aerie sched "$v" --weight 5
check "a guest of two vCPUs" boot "$v" -m 96M -c 2 --weight 300
check "it has its weight" [ "$(of "$v" weight)" = 300 ]
check "the others' list has it, too" eval "aerie sched --json | grep -q '\"$v\"'"
check "each vCPU's times are all the time" sums_agree "$v" 2
check "pause" aerie pause -q "$v"
check "then, too" sums_agree "$v" 2
paused=$(of "$v" paused)
sleep 1
check "being paused takes time" [ "$(of "$v" paused)" -gt "$paused" ]
# One that is woken looks whether the VM runs.
check "and next to nothing else does" [ "$(had "$v" 1)" -lt 10000000 ]
check "resume" aerie resume -q "$v"
check "waits are told" prints "UP_TO" aerie stat "$v" --latency
check "as JSON" eval "aerie stat '$v' --latency --json | grep -q '\"count\"'"

# Steal time: capped, and with something to do, a guest sees that it is not alone.
steal() {
	asked=$((asked + 1))
	say "sed -n 's/^cpu  *\\([0-9]* *\\)\\{7\\}\\([0-9]*\\) .*/st''eal $asked is \\2/p' /proc/stat"
	said "steal $asked is [0-9]*"
	stolen=$(tr -d '\r' <"$SCRATCH/$v.log" | sed -n "s/^.*steal $asked is \([0-9]*\)\$/\1/p")
}
asked=0
check "it tells its steal time" steal
before=$stolen
check "a cap" aerie sched "$v" --cap 20
say "(while :; do :; done) & sleep 8; kill \$!; echo bu''sy"
check "it is busy" said "busy"
check "the cap has stopped it" [ "$(of "$v" caps)" -gt 10 ]
check "and then" steal
after=$stolen
echo "# steal time of $before, then $after hundredths of a second"
check "the guest knows" [ "${after:-0}" -gt $((${before:-0} + 100)) ]
check "no cap" aerie sched "$v" --cap 0
check "reset" aerie reset -q "$v"
check "what it had begins anew" sums_agree "$v" 2
check "the weight stays" [ "$(of "$v" weight)" = 300 ]
check "destroy" aerie destroy -q "$v"

# Guests that want all there is.
greedy() {
	name=$1
	shift
	aerie run "$name" -q -m 64M -k "$payload" -a "$LOOP" "$@"
}
check "one that wants all there is" greedy "$v"
sleep 3
check "it gets a cap" aerie sched "$v" --cap 25
ran=$(had "$v" 2)
echo "# ran for $((ran / 1000000)) ms of 2000"
check "which is of what comes, not of what was" [ "$ran" -gt 200000000 ]
wall=$(hundredths)
ran=$(had "$v" 6)
wall=$(($(hundredths) - wall))
echo "# ran for $((ran / 10000000))/100 s of $wall/100 s"
check "has a quarter, not more" [ $((ran / 100000)) -le $((wall * 28)) ]
check "and not much less, with nobody else there" [ $((ran / 100000)) -ge $((wall * 15)) ]
check "it pauses while it is stopped" aerie pause -q "$v"
check "and goes on" aerie resume -q "$v"
check "no cap again" aerie sched "$v" --cap 0
check "another" greedy "$w" --weight 400
aerie sched "$v" --pin 0
aerie sched "$w" --pin 0
sleep 2
first=$(of "$v" run) second=$(of "$w" run)
sleep 8
first=$(($(of "$v" run) - first)) second=$(($(of "$w" run) - second))
echo "# weight 100 ran for $((first / 1000000)) ms, 400 for $((second / 1000000)) ms"
check "has four times as much" [ $((second * 10)) -gt $((first * 30)) ]
check "and not more" [ $((second * 10)) -lt $((first * 52)) ]

# Their interrupts are off, all the time.
echo "# kept the processor $(of "$v" graces) times"
check "either has kept its processor for a moment" [ "$(of "$v" graces)" -gt 0 ]
grace=$(cat /sys/module/aerie/parameters/grace_us)
on_exit "echo $grace >/sys/module/aerie/parameters/grace_us"
echo 0 >/sys/module/aerie/parameters/grace_us
first=$(of "$v" graces)
sleep 1
check "where that is wanted" [ "$(of "$v" graces)" = "$first" ]
echo "$grace" >/sys/module/aerie/parameters/grace_us

check "its thread is where it was pinned" [ "$(thread "$v" cpus)" = 0 ]
check "not where there is nothing" says 1 "no such processors" \
	aerie sched "$v" --pin 4000
check "nor where nothing could be" says 1 "no such processors" aerie sched "$v" --pin 1-x
check "that changes nothing" [ "$(thread "$v" cpus),$(of "$v" pin)" = 0,0 ]
check "anywhere" eval "aerie sched '$v' --pin any && aerie sched '$w' --pin any && [ -z \"\$(of '$v' pin)\" ] || [ \"\$(of '$v' pin)\" = null ]"

check "a budget is had in a period" says 1 "say which" aerie sched "$v" --budget 1ms
check "it is no longer than it" says 1 "longer than its period" \
	aerie sched "$v" --budget 11ms --period 10ms
check "nor next to nothing" says 1 "shorter than 10 us" \
	aerie sched "$v" --budget 1us --period 10ms
check "a reservation" aerie sched "$v" --budget 5ms --period 10ms
check "is the host's" [ "$(thread "$v" policy)" = 6 ]
ran=$(had "$v" 4)
echo "# ran for $((ran / 1000000)) ms of 4000"
check "what is reserved is had beside others" [ "$ran" -gt 1500000000 ]
check "no more than there is" says 1 "no room for so much" \
	aerie sched "$w" --budget $(($(nproc) * 9))ms --period $(($(nproc) * 10))ms
check "nothing of it is left" [ "$(thread "$w" policy),$(of "$w" budget)" = 0,null ]
unreserved() {
	[ "$(thread "$v" policy)" = 0 ]
}
check "none again" eval "aerie sched '$v' --budget 0 && soon 5 unreserved"
# One that sleeps gives back what was reserved for it, each time.
again_and_again() {
	aerie pause -q "$v"
	for _ in $(seq $((3 * $(nproc)))); do
		soon 5 aerie sched "$v" --budget 8ms --period 20ms 2>/dev/null || return 1
		aerie sched "$v" --budget 0
	done
	aerie resume -q "$v"
}
check "and again, while it is paused" again_and_again
# What it had of the nice levels is not taken for somebody else's.
aerie sched "$w" --budget 1ms --period 10ms
aerie sched "$w" --budget 0
aerie sched "$w" --weight 100
nice_is() {
	of "$w" nice | awk -v want="$1" '{ exit $1 != want }'
}
check "then its weight is seen to again" soon 30 nice_is 0
echo "# nice $(of "$w" nice)"
check "a VM that could not be scheduled so is not made" eval "says 1 'no such processors' \
	greedy '$(vm c)' --pin 4000 && says 3 'no such VM' aerie show '$(vm c)'"
finish
