#!/bin/sh
# scripts/exit-profile follows an exit through the host, instruction by instruction.
# shellcheck disable=SC2317 # check runs what looks unused

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 5

profile() {
	"$TOP/scripts/exit-profile" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err"
}

refused() {
	! profile "$@" && [ -s "$SCRATCH/err" ]
}

# The functions' instructions are those of a turn.
adds_up() {
	awk '/instructions of the host a turn/ { all = $3; next }
		{ sum += $1 } END { exit !(all > 100 && sum == all) }' "$SCRATCH/out"
}

has() {
	grep -Eq " $1\$" "$SCRATCH/out"
}

check "a CPUID is followed" profile cpuid
check "all that it executes is some function's" adds_up
check "from the exit to the next entry" eval "has svm_vmrun && has 'aerie_fast_cpuid|insn_cpuid|svm_enter'"
check "no such kind is refused" refused nothing
check "nor is there another side" refused cpuid --side xen
finish
