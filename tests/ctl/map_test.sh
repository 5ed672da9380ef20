#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The picture of a guest's memory: what it says is what the VM's figures say; as text, JSON
# and SVG; files that cannot be written stay as they were.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/memory.sh
. "$lib/memory.sh"
need_guest
need_store
no_scanner
plan 28

v=$(vm a)
# sums: bytes by state, "gaps" those that are in no run or in two, "all" of them.
sums() {
	aerie mem "$v" --map --json | tr -d '",' | awk '
		$1 == "start:" { start = $2 }
		$1 == "size:" { size = $2 }
		$1 == "state:" {
			sum[$2] += size; gaps += start > end ? start - end : end - start
			end = start + size
		}
		END {
			for (s in sum) printf "%s %d\n", s, sum[s]
			printf "gaps %d\nall %d\n", gaps, end
		}' >"$SCRATCH/sums"
}
sum() {
	awk -v s="$1" '$1 == s { n = $2 } END { printf "%d", n }' "$SCRATCH/sums"
}
# What the figures are made of.
agree() {
	sums
	for each in zero large shared stored swapped; do
		[ "$(sum "$each")" = "$(number "$each")" ] || return 1
	done
	[ $(($(sum own) + $(sum large))) = "$(number resident)" ]
}
# Every element ends, and in the right order.
well_formed() {
	tr '<' '\n' <"$1" | awk '
		!NF || bad { next }
		{ tag = $0; sub(/>.*/, "", tag); empty = tag ~ /\/$/; sub(/[ \/].*/, "", tag) }
		/^\// { close_tag = substr($0, 2); sub(/>.*/, "", close_tag); bad = n < 1 || open[n--] != close_tag; next }
		!empty { open[++n] = tag }
		END { exit bad || n }'
}

check "a picture is of a VM that there is" says 3 "no such VM" aerie mem "$v" --map
check "create" aerie create -q "$v" -m 160M -k "$KERNEL" -i "$INITRD" -a "$APPEND"
sums
check "nothing has been touched" \
	[ "$(sum untouched)+$(sum hole)" = "$((160 * MB - 131072))+131072" ]
watch "$v"
check "start" aerie start -q "$v"
check "the guest comes up" soon 120 seen "$v" "aerie guest ready"
# Pages that are all alike, and 1700 that are not and take less room; by long lines, which
# take a guest's shell little time.
say "yes \"\$(printf %01023d 0)\" | head -c 16777216 >/tmp/x; yes \"\$(seq 1 1500)\" | head -c 7000000 >/tmp/y; wc -c </tmp/x | sed 's/^/fil''led /'"
check "it fills memory" said "filled 16777216"
aerie share --budget 100 >/dev/null
check "some of it is the same" soon 60 at_least shared 12
aerie share --budget 0 >/dev/null
aerie mem "$v" --limit 24M >/dev/null
check "some leaves memory" soon 60 at_least stored 4
check "pause" aerie pause -q "$v"

check "each run has the state that the figures count" soon 10 agree
sed 's/^/# /' "$SCRATCH/sums"
check "without a gap" [ "$(sum gaps)" = 0 ]
check "from the first page to the last" [ "$(sum all)" = $((160 * MB)) ]

LC_ALL=C aerie mem "$v" --map >"$SCRATCH/map"
sed 's/^/# /' "$SCRATCH/map"
check "ten lines of 16 MiB" [ "$(grep -cE '^0[0-9a-f]{7}  [.0oOscw-]{64}$' "$SCRATCH/map")" = 10 ]
for state in untouched zeroes 'own, 4 KiB' shared; do
	check "with $state" grep -qE "^[.0os]  $state.* [0-9.]+[KM]iB +[0-9.]+%" "$SCRATCH/map"
done
check "nothing but text" [ -z "$(tr -d ' -~\n' <"$SCRATCH/map")" ]

mkdir "$SCRATCH/dir"
check "as a file" aerie mem "$v" --svg "$SCRATCH/dir/a.svg"
check "which is XML" well_formed "$SCRATCH/dir/a.svg"
check "with cells" [ "$(grep -c '^<rect.*: .*</title>' "$SCRATCH/dir/a.svg")" -gt 10 ]
ln -s a.svg "$SCRATCH/dir/b.svg"
replaced() {
	echo x >"$SCRATCH/dir/a.svg"
	aerie mem "$v" --svg "$SCRATCH/dir/b.svg" && [ -L "$SCRATCH/dir/b.svg" ] &&
		tail -n 1 "$SCRATCH/dir/a.svg" | grep -qx '</svg>'
}
check "which replaces what a link names" replaced
check "and nothing else" [ "$(cd "$SCRATCH/dir" && echo *)" = "a.svg b.svg" ]
check "not in no folder" says 1 "--svg /nowhere/x.svg: No such file" \
	aerie mem "$v" --svg /nowhere/x.svg
check "not in place of a device" eval \
	"says 1 'is no regular file' aerie mem '$v' --svg /dev/null && [ -c /dev/null ]"
# Not a link that leads to no file, whose name would be taken.
ln -s /nowhere/x.svg "$SCRATCH/dir/none.svg"
ln -s /proc/self/fd/1 "$SCRATCH/dir/out.svg"
check "nor of a link to nowhere" says 1 "No such file" aerie mem "$v" --svg "$SCRATCH/dir/none.svg"
piped() {
	aerie mem "$v" --svg "$SCRATCH/dir/out.svg" 2>"$SCRATCH/err" | cat >"$SCRATCH/out"
	grep -q "is no regular file" "$SCRATCH/err" && [ -L "$SCRATCH/dir/out.svg" ]
}
check "nor of one to a pipe" piped
full() {
	mount -t tmpfs -o size=4k none "$SCRATCH/dir" || return 1
	echo old >"$SCRATCH/dir/c.svg"
	says 1 "No space left" aerie mem "$v" --svg "$SCRATCH/dir/c.svg" &&
		[ "$(cd "$SCRATCH/dir" && echo *)" = c.svg ] && [ "$(cat "$SCRATCH/dir/c.svg")" = old ]
	kept=$?
	umount "$SCRATCH/dir"
	return "$kept"
}
check "where there is no room the old one stays" full
finish
