#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every tracepoint of the module, while a guest gives reason to each: it is hit, and
# what it prints makes sense.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
need_guest
kinds=$(built payload/exit_kinds.elf) && msrs=$(built payload/msr_policy.elf) &&
	loop=$(built payload/irq_off_loop.elf) || exit
tracing=/sys/kernel/tracing
[ -d $tracing/events/aerie ] || skip_all "no tracefs at $tracing"
plan 18

v=$(vm trace)
buffer=$(sed 's/ .*//' $tracing/buffer_size_kb)
on_exit "echo 0 >$tracing/events/aerie/enable; echo $buffer >$tracing/buffer_size_kb; echo >$tracing/trace"

# What each prints behind its name, as an extended regular expression.
x='0x[0-9a-f]+'
vcpu='vm [0-9]+ vcpu 0'
form() {
	case $1 in
	aerie_entry) echo "$vcpu rip $x" ;;
	aerie_exit) echo "$vcpu rip $x kind [a-z0-9-]+ reason $x qualification $x" ;;
	aerie_inject) echo "$vcpu (interrupt|nmi|exception|software-interrupt|software-exception|privileged-exception) vector [0-9]+ error $x" ;;
	aerie_fault) echo "$vcpu gpa $x [a-z|]* ?result (0|-[0-9]+)" ;;
	aerie_pio | aerie_mmio) echo "$vcpu (read|write) $x size [1248] value $x" ;;
	aerie_msr) echo "$vcpu (rdmsr|wrmsr) $x = $x( #GP)?" ;;
	aerie_wait) echo "vm [0-9]+ vcpu [0-9]+ for a processor, [0-9]+ ns" ;;
	aerie_grace) echo "vm [0-9]+ vcpu [0-9]+ with interrupts off, [0-9]+ ns" ;;
	aerie_yield) echo "vm [0-9]+ vcpu [0-9]+ to vcpu [0-9]+" ;;
	esac
}
lines() {
	sed -n "s/.*: $1: //p" "$SCRATCH/trace"
}
# sane NAME: it was hit, and every line of it has the form.
sane() {
	lines "$1" >"$SCRATCH/lines"
	echo "# $1: $(wc -l <"$SCRATCH/lines") times"
	grep -Evx -e "$(form "$1")" "$SCRATCH/lines" | head -n 3 | sed 's/^/# odd: /' >"$SCRATCH/odd"
	cat "$SCRATCH/odd"
	[ -s "$SCRATCH/lines" ] && ! [ -s "$SCRATCH/odd" ]
}
line() {
	lines "$1" | grep -Eq -e "$2"
}
known() {
	for event in "$tracing"/events/aerie/*/; do
		[ -n "$(form "$(basename "$event")")" ] || { echo "# what is $event?"; return 1; }
	done
}
# With one vCPU, an exit follows each entry.
in_turns() {
	sed -n 's/.*: aerie_\(entry\|exit\): .*/\1/p' "$SCRATCH/trace" | awk '
		NR > 1 && $1 == last { bad++ } { last = $1 } END { exit bad || NR < 100 }'
}

# The trace shall hold all of it, from the first entry.
echo 32768 >$tracing/buffer_size_kb
echo >$tracing/trace
echo 1 >$tracing/events/aerie/enable
for payload in "$kinds" "$msrs"; do
	timeout $((60 * SLOW)) aerie run "$v" -q -m 64M -k "$payload" --console </dev/null >"$SCRATCH/console"
	aerie destroy -q "$v"
done
echo 0 >$tracing/events/aerie/enable
cat $tracing/trace >"$SCRATCH/trace"
check "no tracepoint that is not tested here" known
for name in entry exit inject fault pio mmio msr; do
	check "$name" sane "aerie_$name"
done
check "the first letter of the console's output" line aerie_pio "write 0x3f8 size 1 value 0x4b"
check "memory is faulted in" line aerie_fault "result 0"
check "an MSR that is not there is refused" line aerie_msr "#GP"
check "entries and exits take turns" in_turns

# vCPUs that get into each other's way.
echo 0 >$tracing/events/aerie/enable
echo >$tracing/trace
echo 1 >$tracing/events/aerie/aerie_wait/enable
echo 1 >$tracing/events/aerie/aerie_yield/enable
check "a guest of four vCPUs on one processor" boot "$v" -m 256M -c 4 --pin 0
echo 0 >$tracing/events/aerie/enable
cat $tracing/trace >"$SCRATCH/trace"
aerie destroy -q "$v"
for name in wait yield; do
	check "$name" sane "aerie_$name"
done

# vCPUs with their interrupts off that have to leave the processor to each other.
echo >$tracing/trace
for each in "$v" "$(vm other)"; do
	check "one that wants all there is" aerie run "$each" -q -m 16M -k "$loop" -a "$LOOP"
	aerie sched "$each" --pin 0
done
echo 1 >$tracing/events/aerie/aerie_grace/enable
sleep 1
echo 0 >$tracing/events/aerie/enable
cat $tracing/trace >"$SCRATCH/trace"
aerie destroy -q "$v" "$(vm other)"
check "grace" sane aerie_grace
finish
