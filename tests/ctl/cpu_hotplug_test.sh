#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vCPUs that come and go by the tool: a Linux guest gets them, runs programs on them and lets
# them go, is paused and reset with them; what is shown; guests that do not listen; what is
# refused; races with what else is done to the VM.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 75

v=$(vm a)
w=$(vm b)
long=$((60 * ${GUEST_SLOW:-1}))s
aerie events >"$SCRATCH/events" &
on_exit "kill $! 2>/dev/null"
# It listens when it has heard of a VM that comes and goes.
listening() {
	aerie create -q "$w" -k "$KERNEL" && aerie destroy -q "$w" &&
		grep -q "$w created" "$SCRATCH/events"
}
soon 20 listening

# said TEXT: what the guest says soon, in a line.
said() {
	soon 60 eval "tr -d '\r' <'$SCRATCH/$v.log' | grep -qx -e '.*$1'" && return
	tail -n 20 "$SCRATCH/$v.log" | sed 's/^/#   /'
	return 1
}
# cpus VM: its present, wanted, possible, online.
cpus() {
	aerie cpus "$1" | awk 'NR == 2 { print $2, $3, $4, $5 }'
}
# are VM "PRESENT WANTED POSSIBLE ONLINE": soon it is so.
are() {
	soon 60 eval "[ \"\$(cpus $1)\" = '$2' ]" && return
	echo "# $(cpus "$1") instead of $2"
	return 1
}
told() {
	soon 10 grep -q "$v cpus ($1)" "$SCRATCH/events"
}
threads() {
	aerie show "$v" --json | tr -d ' \n' | grep -o '"vcpu":[0-9]*' | wc -l
}
ready() {
	soon 120 eval "[ \$(grep -c 'aerie guest ready' $SCRATCH/$v.log) = $1 ]"
}
# Bring them all online, and run something on each; TAG is for what is said.
# shellcheck disable=SC2016 # the guest's shell expands it
use='n=0; for c in /sys/devices/system/cpu/cpu[1-9]*; do [ "$(cat $c/online)" = 1 ] || echo 1 >$c/online; done; for c in /sys/devices/system/cpu/cpu[0-9]*; do taskset $(printf %x $((1 << ${c##*cpu}))) sh -c ":" && n=$((n + 1)); done'

# Before it runs
check "create" says 0 "$v: created (1 vCPU of up to 34, 256MiB)" \
	aerie create "$v" -m "$MEMORY" -c 1,max=34 -k "$KERNEL" -i "$INITRD" -a "$APPEND"
check "one is there" are "$v" "1 1 34 0"
check "not to be changed before it runs" says 1 "$v: cannot set vCPUs: the VM does not run" aerie cpus "$v" 2
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" ready 1
check "it has started the one" are "$v" "1 1 34 1"
tell "$v" "cat /sys/devices/system/cpu/possible /sys/devices/system/cpu/present | xargs echo has"
check "and knows of all" said "has 0-33 0"

# More
check "three" prints " PRESENT WANTED POSSIBLE ONLINE" aerie cpus "$v" 3
check "events tell" told 3
check "they are listed" [ "$(threads)" = 3 ]
check "by list, too" eval "[ \$(aerie list | awk '\$1 == \"$v\" { print \$3 }') = 3 ]"
check "and show" [ "$(field "$v" vcpus)/$(field "$v" vcpus_max)" = 3/34 ]
tell "$v" "sleep 1; cat /sys/devices/system/cpu/present | xargs echo present"
check "the guest has them" said "present 0-2"
tell "$v" "$use; echo used-\$n"
check "and uses them all" said "used-3"
check "which is shown" are "$v" "3 3 34 3"
aerie cpus "$v" --json >"$SCRATCH/json"
check "in JSON, too" eval "tr -d ' \n' <$SCRATCH/json | grep -q '^{\"name\":\"$v\",\"present\":3,\"wanted\":3,\"possible\":34,\"online\":3,\"threads\":\[{\"vcpu\":0,\"tid\":'"
check "the same again" aerie cpus -q "$v" 3

# Paused
check "pause" aerie pause -q "$v"
check "one more while paused" aerie cpus -q "$v" 4
check "is there" are "$v" "4 4 34 3"
check "one less waits for the guest" says 6 "the guest has let go of none or too few within 1s, and has 4" \
	aerie cpus "$v" 3 --timeout 1s
check "and is asked" are "$v" "4 3 34 3"
check "resume" aerie resume -q "$v"
check "then it is let go" are "$v" "3 3 34 3"

# Fewer
check "one" aerie cpus -q "$v" 1 --timeout "$long"
check "it is so" are "$v" "1 1 34 1"
check "events tell" told 1
check "the threads of the others are not shown" [ "$(threads)" = 1 ]
tell "$v" "cat /sys/devices/system/cpu/present | xargs echo left"
check "the guest has let them go" said "left 0"
# What the threads of the others have run, in ns.
idle() {
	# shellcheck disable=SC2046 # a list of files
	cat $(for each in /proc/[0-9]*; do
		case $(cat "$each/comm" 2>/dev/null) in "aerie-$v/"[1-9]) echo "$each/schedstat" ;; esac
	done)
}
before=$(idle)
tell "$v" "i=0; while [ \$i -lt 20000 ]; do i=\$((i + 1)); done; echo counted"
check "the guest goes on" said counted
check "and their threads do nothing" [ -n "$before" -a "$(idle)" = "$before" ]
check "all four" aerie cpus -q "$v" 4
tell "$v" "sleep 1; $use; echo again-\$n"
check "are used" said again-4
tell "$v" "echo 1 >/sys/bus/acpi/devices/ACPI0007:03/eject; echo ejected"
check "the guest lets one go by itself" are "$v" "3 3 34 3"

# Reservations are for those that there are.
reserved() {
	nr=0
	for each in /proc/[0-9]*; do
		case $(cat "$each/comm" 2>/dev/null) in
		"aerie-$v/"*) [ "$(sed 's/.*) //' "$each/stat" | cut -d' ' -f39)" != 6 ] || nr=$((nr + 1)) ;;
		esac
	done
	[ "$nr" = "$1" ] || { echo "# $nr"; return 1; }
}
check "a reservation" aerie sched "$v" --budget 20ms --period 100ms
check "is for those that there are" reserved 3
check "more than there is room for" says 1 "$v: cannot set vCPUs: the processors have no room for so much" \
	aerie cpus "$v" 34
check "do not come" are "$v" "3 3 34 3"
# What was tried takes until the end of its period to be free again.
check "one more" soon 5 aerie cpus -q "$v" 4 2>/dev/null
check "has it, too" reserved 4
check "one less" aerie cpus -q "$v" 3 --timeout "$long"
check "gives it back" soon 10 reserved 3
check "none has it" eval "aerie sched '$v' --budget 0 && soon 10 reserved 0"

check "as many as there can be" aerie cpus -q "$v" 34
tell "$v" "sleep 1; echo 1 >/sys/devices/system/cpu/cpu33/online; taskset 200000000 cat /sys/devices/system/cpu/online | xargs echo online"
check "the last is used" said "online 0-2,33"
check "which is shown, too" are "$v" "34 34 34 4"
check "three" aerie cpus -q "$v" 3 --timeout "$long"
check "the last is no longer used" are "$v" "3 3 34 3"

# Reset
check "reset" aerie reset -q "$v"
check "it boots with three" ready 2
check "and has started them" are "$v" "3 3 34 3"
tell "$v" "$use; echo booted-\$n"
check "and uses them" said booted-3
check "two" aerie cpus -q "$v" 2 --timeout "$long"
check "stop" aerie stop -q --force "$v"
check "a VM that has stopped shows what it will have" are "$v" "2 2 34 0"
check "and is not asked" says 1 "cannot set vCPUs: the VM does not run" aerie cpus "$v" 1
check "start it again" aerie start -q "$v"
check "it starts both" are "$v" "2 2 34 2"

# Refusals
check "no such VM" says 3 "no such VM" aerie cpus "$w"
check "no such VM to change" says 3 "no such VM" aerie cpus "$w" 2
check "none" says 2 "'0' is not 1 to 64 vCPUs" aerie cpus "$v" 0
check "more than it was made for" says 1 "cannot set vCPUs: 35 are more than the 34 that it was made for" \
	aerie cpus "$v" 35
check "fewer possible than present" says 2 "'max=1' is not 2 to 64" aerie create "$w" -c 2,max=1 -k "$KERNEL"
check "nothing has changed" are "$v" "2 2 34 2"
check "destroy" aerie destroy -q "$v"

# A guest that does not listen
if loop=$(built payload/irq_off_loop.elf); then
	check "a guest without ACPI" aerie run -q "$w" -m 64M -c 1,max=3 -k "$loop" -a "$LOOP"
	check "has two more" aerie cpus -q "$w" 3
	check "that it does not start" are "$w" "3 3 3 1"
	check "and lets go of none" says 6 "within 1s, and has 3; it is still asked, aerie cpus $w 3 takes that back" \
		aerie cpus "$w" 1 --timeout 1s
	check "which is taken back" aerie cpus -q "$w" 3
	check "shown" are "$w" "3 3 3 1"
	aerie cpus "$w" 1 --timeout "$long" >"$SCRATCH/out" 2>"$SCRATCH/err" &
	waits=$!
	soon 20 eval "[ '$(cpus "$w")' = '3 1 3 1' ]"
	check "destroyed while it is waited for" aerie destroy -q "$w"
	wait "$waits"
	check "the one who waits is told" [ $? = 3 ]
else
	for n in 1 2 3 4 5 6 7 8; do
		skip "a guest that does not listen, $n" "no payload"
	done
fi

# As many changes as there is time for, while the guest brings online what it can, and the VM
# is paused, reset and destroyed.
# shellcheck disable=SC2016 # the guest's shell expands it
all='while :; do for c in /sys/devices/system/cpu/cpu[1-9]*/online; do echo 1 >$c; done; done 2>/dev/null'
any_time() {
	aerie run -q "$v" -m "$MEMORY" -c 2,max=8 -k "$KERNEL" -i "$INITRD" -a "$APPEND aerie.run=\"$all\"" || return 1
	: >"$SCRATCH/go"
	jobs='' failed=''
	for nr in 8 1; do
		while [ -f "$SCRATCH/go" ]; do
			timeout 60 aerie cpus -q "$v" "$nr" --timeout 1ms >/dev/null 2>&1
			[ $? != 143 ] || echo "cpus $nr" >>"$SCRATCH/hung"
		done &
		jobs="$jobs $!"
	done
	for i in 1 2 3 4; do
		sleep 3
		aerie pause -q "$v" && aerie resume -q "$v" && aerie reset -q "$v" || failed=$i
		aerie show "$v" --json >/dev/null || failed=$i
	done
	sleep 2
	aerie destroy -q "$v" || failed=destroy
	rm "$SCRATCH/go"
	# shellcheck disable=SC2086 # a list
	wait $jobs
	[ ! -s "$SCRATCH/hung" ] && [ -z "$failed" ]
}
check "changed at any moment" any_time
check "nothing is left" says 3 "no such VM" aerie show "$v"
finish
