#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The tool's own refusals and its help, without the module: KTAP, under sanitizers.
AERIE=${AERIE:-../build/aerie}
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=ctl/test/ktap.sh
. "$here/ktap.sh"
kernel=$here/usage_test.sh		# a file that can be opened is all that is needed

# refuses STATUS TEXT ARGUMENT...: the status, one line on stderr with TEXT, no output.
refuses() {
	local want=$1 text=$2 status out err
	shift 2
	err=$(mktemp)
	out=$("$AERIE" "$@" 2>"$err" </dev/null)
	status=$?
	if [ "$status" = "$want" ] && [ -z "$out" ] && grep -qF -- "$text" "$err" &&
		[ "$(wc -l <"$err")" = 1 ]; then
		result 0 "$* is refused"
	else
		echo "# status $status, wanted $want; said:"
		sed 's/^/# /' "$err"
		result 1 "$* is refused"
	fi
	rm -f "$err"
}

# prints TEXT ARGUMENT...: status 0 and TEXT on stdout, nothing on stderr.
prints() {
	local text=$1 out
	shift
	if out=$("$AERIE" "$@" 2>&1) && grep -qF -- "$text" <<<"$out"; then
		result 0 "$* prints"
	else
		result 1 "$* prints"
	fi
}

# In one write each, so that the lines of several tools do not mix in a file they share.
whole_lines() {
	python3 - "$AERIE" "$@" <<'EOF'
import socket, subprocess, sys
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
subprocess.run(sys.argv[1:], stderr=theirs, stdin=subprocess.DEVNULL)
theirs.close()
said = []
while piece := ours.recv(4096):
    said.append(piece.decode())
sys.exit(not said or any(line.count("\n") != 1 or line[-1] != "\n" for line in said))
EOF
	result $? "$* says it in whole lines"
}

verbs="run create start pause resume reset stop attach detach cpus balloon destroy list show console stat sched disk image mem pool swap share bench top events
doctor version help"

refuses 2 "a verb is missing"
refuses 2 "no verb 'frobnicate', see aerie help" frobnicate
refuses 2 "did you mean list?" lst
refuses 2 "no verb 'nonsense'" help nonsense
refuses 2 "aerie: start: VM... is missing; see aerie help start" start
refuses 2 "VM is missing" console
whole_lines start
whole_lines frobnicate
refuses 2 "VM DISK is missing" disk web
refuses 2 "--size or --rescan, not both" disk web disk0 --size 1G --rescan
refuses 2 "is no size" disk web disk0 --size 0
refuses 2 "is no size" disk web disk0 --size big
refuses 2 "is no number of requests" disk web disk0 --iops 1.5
refuses 2 "is no size up to 1T" disk web disk0 --bps 2T
refuses 2 "is no time up to 1h" disk web disk0 --burst 2h
refuses 2 "is no name of a disk" disk web averyverylongname
refuses 2 "is no number of requests" run web -k "$kernel" -d x,iops=
refuses 2 "is none of ro, direct" run web -k "$kernel" -d x,iopsy=1
refuses 2 "--weight '0' is not 1 to 10000" sched web --weight 0
refuses 2 "--weight '10001' is not 1 to 10000" run web -k "$kernel" --weight 10001
refuses 2 "--cap '6401' is not 0 to 6400" sched web --cap 6401
refuses 2 "--cap '50%' is not 0 to 6400" sched web --cap 50%
refuses 2 "--pin '' is no list of processors" sched web --pin ""
refuses 2 "--budget 'much' is no time" sched web --budget much
refuses 2 "--period 5s is not 100us to 4s" sched web --budget 1ms --period 5s
refuses 2 "of which VM?" sched --weight 3
refuses 2 "--latency is of all vCPUs" stat web --latency --vcpu 0
refuses 2 "one argument too many" list web
refuses 2 "no option --frob" list --frob
refuses 2 "--json takes no value" list --json=yes
refuses 2 "--json or --names" list --json --names
refuses 2 "--kernel FILE is missing" run web
refuses 2 "is no size" run web -m lots -k "$kernel"
refuses 2 "is M or G missing?" run web -m 512 -k "$kernel"
refuses 2 "is less than 1M" run web -m 0 -k "$kernel"
refuses 2 "not a multiple of 4K" run web -m 1048577 -k "$kernel"
refuses 2 "is more than 16T" run web -m 17T -k "$kernel"
refuses 2 "is not 1 to 64" run web -c 0 -k "$kernel"
refuses 2 "is not 1 to 64" run web -c 65 -k "$kernel"
refuses 2 "--vcpus: 'max=65' is not 2 to 64" run web -c 2,max=65 -k "$kernel"
refuses 2 "--vcpus: 'max=1' is not 2 to 64" run web -c 2,max=1 -k "$kernel"
refuses 2 "--vcpus: 'max=' is not 1 to 64" run web -c 1,max= -k "$kernel"
refuses 2 "--vcpus: 'most=4' is not max=M" run web -c 2,most=4 -k "$kernel"
refuses 2 "--vcpus '' is not 1 to 64" run web -c ,max=4 -k "$kernel"
refuses 2 "'0' is not 1 to 64 vCPUs" cpus web 0
refuses 2 "'65' is not 1 to 64 vCPUs" cpus web 65
refuses 2 "'many' is not 1 to 64 vCPUs" cpus web many
refuses 2 "'-1'" cpus web -- -1
refuses 2 "one argument too many" cpus web 1 2
refuses 2 "--timeout is for a change" cpus web -t 1s
refuses 2 "is no duration" cpus web 1 -t soon
refuses 2 "is no name for a VM" run a/b -k "$kernel"
refuses 2 "is no name for a VM" create "$(printf %032d 0)" -k "$kernel"
refuses 2 "two names" run web --name other -k "$kernel"
refuses 2 "--memory is given twice" run web -m 1G -m 2G -k "$kernel"
refuses 2 "is longer than 4095" run web -k "$kernel" -a "$(printf %04096d 0)"
refuses 2 "is no duration" stop web --timeout soon
refuses 2 "aerie: attach: VM KIND [WHAT] is missing; see aerie help attach" attach web
refuses 2 "'tape' is no kind of device: disk, nic, console, rng or balloon" attach web tape
refuses 2 "disk FILE[,OPTION...] is missing" attach web disk
refuses 2 "disk '' names no file" attach web disk ""
refuses 2 "balloon 'much' is no size, and not auto" attach web balloon much
refuses 2 "'much' is no size" balloon web much
refuses 2 "'low=1G' is neither min=SIZE nor max=SIZE" attach web balloon auto,low=1G
refuses 2 "--balloon: 'min=1G' is of auto alone" run web -k "$kernel" --balloon 2G,min=1G
refuses 2 "min '' is no size" run web -k "$kernel" --balloon auto,min=
refuses 2 "--max 'much' is no size" balloon web auto --max much
refuses 2 "--min is of auto alone" balloon web 1G --min 1M
refuses 2 "--max is of auto alone" balloon web --max 1M
refuses 2 "'up' is neither on nor off" swap up /tmp/x
refuses 2 "which file is to be swap, or no more?" swap off
refuses 2 "rng takes nothing more, not 'x'" attach web rng x
refuses 2 "disk: 'rw' is none of ro, direct, serial=TEXT" attach web disk a,rw
refuses 2 "--force or --timeout, not both" detach web disk0 --force -t 1s
refuses 2 "is no name of a device" detach web "$(printf %032d 0)"
refuses 2 "--map is of a VM: say which" mem --map
refuses 2 "--svg is of a VM: say which" mem --svg x.svg
refuses 2 "--map or --idle, not both" mem web --map --idle
refuses 2 "--svg or --limit, not both" mem web --svg x.svg --limit 1G
refuses 2 "--written is of a VM: say which" mem --written 1s
refuses 2 "--written 'much' is no time" mem web --written much
refuses 2 "--written '0' is no time" mem web --written 0
refuses 2 "--written or --map, not both" mem web --written 1s --map
refuses 2 "--svg '' names no file" mem web --svg ''
refuses 2 "--json is of --map" mem web --svg x.svg --json
refuses 2 "is more than 365d" detach web disk0 --timeout 400d
refuses 2 "is more than 365d" stop web --timeout 213503d
refuses 2 "is not 0 to 63" stat web --vcpu 64
refuses 2 "--cost or --histogram" stat web --cost --histogram
refuses 1 "payload/exits.elf and kvm are not in /nowhere; make builds them" bench --files /nowhere
refuses 2 "one argument too many" bench web
refuses 2 "--only 'nothing' is no test" bench --only nothing
refuses 2 "this is no terminal: --batch prints tables" top
refuses 2 "--json is of --batch" top --json
refuses 2 "--rounds '0' is no number from 1 on" top --batch --rounds 0
refuses 2 "--rounds '-1' is no number" top -b -n -1
refuses 2 "--delay '99ms' is no time from 100ms to 1h" top -b -d 99ms
refuses 2 "--delay '2h' is no time" top -b -d 2h
refuses 2 "--delay 'often' is no time" top -b -d often
refuses 2 "--sort 'size' is none of cpu, exits, memory, io, name" top -b --sort size
refuses 2 "one argument too many" top web
refuses 1 "cannot run: --kernel /nowhere: No such file or directory" run web -k /nowhere
refuses 1 "cannot create: --initrd /nowhere" create web -k "$kernel" -i /nowhere
refuses 1 "cannot run: --module /nowhere" run web -k "$kernel" --module /nowhere
prints "exit status: 0 done" help
prints "exit status: 0 done" --help
prints "aerie 0." version
prints "aerie 0." --version
prints '"tool":' version --json
for verb in $verbs; do
	prints "usage: aerie $verb" help "$verb"
	prints "usage: aerie $verb" "$verb" --help
done
if [ ! -e /sys/module/aerie ]; then
	for verb in start pause resume reset destroy stop show console stat cpus; do
		refuses 5 "the module is not loaded" "$verb" web
	done
	refuses 5 "the module is not loaded" list
	touch "$scratch/kvm" && chmod +x "$scratch/kvm"
	mkdir "$scratch/payload" && touch "$scratch/payload/exits.elf"
	refuses 5 "the module is not loaded" bench --files "$scratch"
	[ -e /dev/kvm ] || refuses 1 "KVM cannot be measured: /dev/kvm: No such file" \
		bench --kvm --files "$scratch"
	refuses 5 "the module is not loaded" events
	refuses 5 "the module is not loaded" top --batch
	refuses 5 "the module is not loaded" run web -k "$kernel"
fi
"$AERIE" help >/dev/full 2>/dev/null
result $(($? != 1)) "help to a full disk is a failure"
finish
