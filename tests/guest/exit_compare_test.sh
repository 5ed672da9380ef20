#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Every instruction that exits, in every circumstance that its completion must heed, has
# under Aerie the outcome that it has under KVM on the same host: traps and where, general
# registers, flags, DR6, and what it changes in the machine. The payload prints a line for
# each run; what is not in it, and why, is in payload/exit_matrix/record.c.
# shellcheck disable=SC2119 # KVM is loaded without parameters
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/fault.sh
. "$lib/fault.sh"
# shellcheck source=tests/lib/kvm.sh
. "$lib/kvm.sh"
need_payload exit_matrix
no_vm || skip_all "there are VMs of somebody else"
need_kvm
under_kvm=$(built guest/kvm) || exit
limit=$((120 * SLOW))

timeout $limit aerie run "$(vm compare)" -q -m 64M -k "$payload" -a record=1 --console \
	</dev/null >"$SCRATCH/aerie" 2>"$SCRATCH/err" ||
	bail "no end under Aerie: $(tail -n 1 "$SCRATCH/err")"
aerie destroy -q "$(vm compare)"
load_kvm || bail "KVM does not load: $(cat "$SCRATCH/err")"
timeout $limit "$under_kvm" "$payload" record=1 >"$SCRATCH/kvm" 2>"$SCRATCH/err" ||
	bail "no end under KVM: $(tail -n 1 "$SCRATCH/err")"
unload_kvm || bail "KVM does not unload"

# verdicts: for each circumstance "same" or "different", its name, and comments above.
verdicts() {
	tr -d '\r' <"$SCRATCH/aerie" | awk '
	# Why they differ, where that is known: a step comes behind each instruction, and
	# behind each iteration of a repeated one (SDM, Single-Step Exception Condition).
	function listed(ours, theirs) {
		if (ours ~ /^> (rep insb|rep outsb|outsl), .* dr6=4000/) {
			sub(/traps=(1\+[^,]*,)+1\+/, "traps=1+", ours)
			sub(/traps=(1\+[^,]*,)+1\+/, "traps=1+", theirs)
			if (ours == theirs)
				return "KVM miscounts steps of INS and OUTS that its program completes"
		}
		# Only Intel: what pends at the exit goes in when the MOV is executed again.
		if (ours ~ /^> mov .*%dr[07].* mode, TF/ && sub(/traps=1\+0,/, "traps=", theirs)) {
			if (ours == theirs)
				return "KVM has a step before the first MOV DR since its last exit"
		}
		# Only Bochs: an EPT violation leaves the step before it pending.
		if (ours ~ /^> (mov|movabs|lods|stos|movs).*(TF|across 4 GiB)/ &&
		    sub(/traps=1\+0,/, "traps=", theirs)) {
			if (ours == theirs)
				return "KVM has the step that the processor should not have left pending"
		}
		return ""
	}
	BEGIN {
		i = n = 0
	}
	FILENAME != "-" {
		if (/^> /)
			theirs[n++] = $0
		next
	}
	/^> / {
		runs++
		kvm = i in theirs ? theirs[i] : "nothing"
		i++
		if ($0 == kvm)
			next
		if (why = listed($0, kvm))
			known[why]++
		else if (different++ < 12)
			printf "# %s\n#   KVM: %s\n", $0, kvm
	}
	/^(not )?ok / && runs {
		for (why in known)
			printf "# %d of %d runs: %s\n", known[why], runs, why
		sub(/^(not )?ok [0-9]+ /, "")
		printf "%s %s: %d runs\n", different ? "different" : "same", $0, runs
		runs = different = 0
		split("", known)
	}
	END {
		if (i != n)
			printf "different %d runs under KVM, %d under Aerie\n", n, i
	}' "$SCRATCH/kvm" -
}

plan 13
verdicts >"$SCRATCH/verdicts"
while read -r verdict name; do
	case $verdict in
	'#') echo "# $name" ;;
	*) check "$name" [ "$verdict" = same ] ;;
	esac
done <"$SCRATCH/verdicts"
finish
