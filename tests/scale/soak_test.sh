#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Guests that check all of their memory without end, while what can be done to it is done in any
# order: sharing, limits of VMs, of the pool and of a memory cgroup, swap on and off, a balloon,
# pauses, resets, pictures, write protection; where the kernel can, with allocations and swap that fail. No word
# changes, no guest stops for another reason than swap that cannot be read back, or memory
# that it did not get where allocations fail.
# SOAK_SECONDS is for how long (20), SOAK_SEED in which order.
# shellcheck disable=SC2317,SC2086 # check runs what looks unused; lists of names are unquoted
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
# shellcheck source=tests/lib/disks.sh
. "$lib/disks.sh"
need_guest
need_store
payload=$(built payload/soak.elf) || exit
params=/sys/module/aerie/parameters
for param in age_seconds share_percent share_split pool_limit; do
	on_exit "echo $(cat $params/$param) >"$params/"$param"
done
fail=/sys/kernel/debug/fail_page_alloc
null_disk soak 0 badblocks=-0-0 || NULL_DISK=
mkdir "$SCRATCH/cgroup"
group=
if mount -t cgroup2 none "$SCRATCH/cgroup" 2>/dev/null; then
	on_exit "umount $SCRATCH/cgroup"
	if echo +memory 2>/dev/null >"$SCRATCH/cgroup/cgroup.subtree_control"; then
		group=$SCRATCH/cgroup/aerie
		mkdir "$group"
		on_exit "rmdir $group"
	fi
fi
on_exit "quiet_again"
plan 9

# Guests that never rest leave little to who disturbs them.
renice -n -19 -p $$ >/dev/null
seconds=${SOAK_SECONDS:-20}
random=${SOAK_SEED:-$$}
echo "# seed $random, $seconds s$([ -n "$group" ] || echo ', no memory cgroup')" \
	"$([ -n "$NULL_DISK" ] || echo ', no swap that fails')" \
	"$([ -d "$fail" ] || echo ', no allocations that fail')"

# draw N: $drawn is a number from 0 to N - 1.
draw() {
	random=$(((random * 1103515245 + 12345) % 2147483648))
	drawn=$((random / 65536 % $1))
}
# one_of WORD...: $drawn is one of them.
one_of() {
	draw $#
	shift "$drawn"
	drawn=$1
}

names="$(vm a) $(vm b) $(vm paid)"
linux=$(vm linux)
file=$SCRATCH/swap1
more=$SCRATCH/swap2
dd if=/dev/zero of="$file" bs=1M count=40 2>/dev/null
dd if=/dev/zero of="$more" bs=1M count=8 2>/dev/null

# guest NAME: with a seed of its own, from its start.
guest() {
	draw 1000000
	case $1 in
	*-paid) paid=$group ;;
	*) paid= ;;
	esac
	case $1 in
	*-paid) set -- "$1" --share-group "$1" -c 1 ;;
	*-a) set -- "$1" --share-group soak -c 1 ;;
	*) set -- "$1" --share-group soak -c 2 ;;
	esac
	# The tool is in the cgroup, and not for long.
	# shellcheck disable=SC2016 # the inner shell expands it
	sh -c '[ -z "$1" ] || echo 0 >"$1/cgroup.procs"; shift; exec "$@"' sh "$paid" \
		aerie create "$@" -q -m 32M -k "$payload" -a "seed=$drawn" && watch "$1" &&
		aerie start -q "$1"
}

quiet_again() {
	if [ -d "$fail" ]; then
		echo 0 >"$fail/probability"
		echo 0 >"$fail/times"
	fi
	[ -z "$NULL_DISK" ] || bad_blocks -
	[ -z "$group" ] || echo max >"$group/memory.max"
	aerie pool --limit 0 >/dev/null
	for quiet in $names $linux; do
		aerie mem "$quiet" --limit 0 --reserve 0 >/dev/null 2>&1
	done
}

# Of the disk that is swap.
bad_blocks() {
	echo "${1}0-131071" >/sys/kernel/config/nullb/soak/badblocks
}

# Allocations of the module's threads fail for a moment, one in a hundred.
failing() {
	[ -d "$fail" ] || return 0
	for task in $(pgrep '^aerie-') $(pgrep 't[0-9]*-'); do
		echo 1 2>/dev/null >"/proc/$task/make-it-fail"
	done
	echo Y >"$fail/task-filter"
	echo N >"$fail/ignore-gfp-wait"
	echo 0 >"$fail/min-order"
	echo 0 >"$fail/verbose"
	echo 1 >"$fail/probability"
	echo 200 >"$fail/times"
}

done_=0 stopped=0
# Something happens to one of them, or to all.
disturb() {
	one_of $names
	v=$drawn
	draw 21
	case $drawn in
	0 | 1) one_of 0 5 20 100; aerie share --budget "$drawn" ;;
	2 | 3) one_of 0 10M 16M 24M 32M; aerie mem "$v" --limit "$drawn" ;;
	4) one_of 0 4M 12M; aerie mem "$v" --reserve "$drawn" ;;
	5) one_of 1 100 1000; aerie mem "$v" --weight "$drawn" ;;
	6 | 7) one_of 0 90M 120M 150M; aerie pool --limit "$drawn" ;;
	8) one_of "$file" "$more" $NULL_DISK; aerie swap on "$drawn" ;;
	9) one_of "$file" "$more" $NULL_DISK; timeout 60 aerie swap off "$drawn" ;;
	10) aerie pause -q "$v" && aerie resume -q "$v" ;;
	11) aerie mem "$v" --map && aerie mem "$v" --written 100ms ;;
	12) aerie mem --json && aerie mem "$v" --idle && aerie swap --json ;;
	13) one_of 10M 60M 90M; aerie balloon "$linux" "$drawn" ;;
	14) one_of 0 1 1 3; echo "$drawn" >"$params/age_seconds" ;;
	15) one_of 1 16 64 512; echo "$drawn" >"$params/share_split" ;;
	16) [ -z "$group" ] || { one_of 12M 20M max; echo "$drawn" >"$group/memory.max"; } ;;
	17) aerie reset -q "$v" ;;
	18) aerie destroy -q "$v"; guest "$v" ;;
	19) failing ;;
	20) [ -z "$NULL_DISK" ] || { one_of + - -; bad_blocks "$drawn"; } ;;
	esac
}

# One that has stopped does so for a reason that has been given it, and begins anew.
none_wrong() {
	all_stopped=$(aerie list | awk '/ stopped / { printf "%s ", $1 }')
	for v in $names; do
		if grep -q "^# page\|^not ok\|trap" "$SCRATCH/$v.log"; then
			echo "# $v:"
			tail -n 5 "$SCRATCH/$v.log"
			return 1
		fi
		case " $all_stopped " in
		*" $v "*) ;;
		*) continue ;;
		esac
		reason=$(field "$v" reason)
		case $reason in
		*"cannot be read back"*) [ -n "$NULL_DISK" ] || { echo "# $v: $reason"; return 1; } ;;
		*"no memory"*) [ -d "$fail" ] || { echo "# $v: $reason"; return 1; } ;;
		*) echo "# $v: $reason"; return 1 ;;
		esac
		stopped=$((stopped + 1))
		aerie destroy -q "$v"
		guest "$v"
	done
}

go() {
	end=$(($(cut -d. -f1 /proc/uptime) + seconds))
	while [ "$(cut -d. -f1 /proc/uptime)" -lt "$end" ]; do
		disturb >"$SCRATCH/said" 2>&1
		done_=$((done_ + 1))
		none_wrong || return 1
		usleep 300000
	done
}

# From now on all of them look at all of their memory twice.
sweep() {
	for v in $names; do
		swept=$(grep -c "^# sweep" "$SCRATCH/$v.log")
		soon 120 eval "[ \$(grep -c '^# sweep' '$SCRATCH/$v.log') -ge $((swept + 2)) ]" || {
			echo "# $v, $(field "$v" state), $(field "$v" reason):"
			tail -n 5 "$SCRATCH/$v.log"
			return 1
		}
	done
}

begin() {
	for v in $names; do
		guest "$v" || return 1
	done
}
check "guests" begin
check "one with Linux and a balloon" eval "boot $linux -m 192M && aerie attach $linux balloon"
tell "$linux" "while :; do seq 1 40000 >/tmp/x; md5sum </tmp/x >>/tmp/sums; sleep 1; done &"
echo 1 >"$params/age_seconds"
check "no word changes whatever happens" go
for v in $names; do
	echo "# $v: $(aerie mem "$v" --json | tr -d '\n ' | head -c 600)"
done
echo "# $done_ times something happened, $stopped guests had to begin anew"
check "things have happened" [ $done_ -ge $((seconds / 10)) ]
quiet_again
off() {
	for area in "$file" "$more" $NULL_DISK; do
		! aerie swap | grep -qF "$area" || aerie swap off "$area" >/dev/null || return 1
	done
}
check "swap is read back" off
# What could not be read when it failed stays stopped.
none_wrong
check "all of it is as it was written" sweep
check "none is wrong" none_wrong
all_alike() {
	tell "$linux" "until [ -s /tmp/sums ]; do sleep 1; done; sort -u /tmp/sums | wc -l | sed 's/^/differ''ent /'"
	soon 90 seen "$linux" "different 1" && return
	tail -n 15 "$SCRATCH/$linux.log" | sed 's/^/# /'
	return 1
}
check "nor is what Linux has computed" all_alike
nearly_empty() {
	[ "$(pool used)" -lt $((3 * MB)) ]
}
all_back() {
	aerie destroy -q $names $linux || return 1
	soon 10 nearly_empty || { aerie pool | sed 's/^/# /'; return 1; }
}
check "and all of it is given back" all_back
finish
