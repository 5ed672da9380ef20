#!/bin/bash
# Static checks, in KTAP: W=1 and sparse on the supported kernels, headers that
# compile alone, include rules between folders, checkpatch, shellcheck.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<EOF
usage: scripts/lint.sh [--kernel K]...

Checks the tree and prints KTAP; exits 1 if a check failed. Kernels are 6.1, 6.12
and, where it has been built, debug, unless named. checkpatch advises: its errors fail, its warnings are counted.
EOF
}

kernels=()
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernels+=("$2"); shift 2 ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
done
cd "$TOP" || exit 1
if [ ${#kernels[@]} = 0 ]; then
	kernels=(6.1 6.12)
	[ ! -e "$BUILD/kernels/debug/vmlinuz" ] || kernels=(6.1 debug 6.12)
fi

out=$BUILD/lint
mkdir -p "$out"
n=0 failed=0

# result STATUS NAME [LOG]: one KTAP line, with what LOG says where it failed.
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		failed=1
		[ -z "${3:-}" ] || sed 's/^/# /' "$3" | head -n 40
		echo "not ok $n - $2"
	fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# W=1 and sparse: no warning at all.
module_clean() {
	local log=$out/module-$1

	if ! scripts/build-module "$1" C=2 >"$log.all" 2>&1; then
		result 1 "module builds on $1" "$log.all"
		return
	fi
	! grep -E 'warning:|error:|WARNING:' "$log.all" >"$log"
	result $? "W=1 and sparse clean on $1" "$log"
}

# A header compiles with nothing included before it, as the kernel compiles.
headers_alone() {
	local h count=0 dir=$out/alone log=$out/headers kernel=${kernels[-1]}

	rm -rf "$dir"
	mkdir -p "$dir"
	echo "ccflags-y += -I$TOP/kmod -I$TOP/include/uapi" >"$dir/Kbuild"
	for h in $(git ls-files 'kmod/*.h'); do
		# Tracepoints are for the kernel's own headers to expand.
		[ "$h" = kmod/trace.h ] && continue
		count=$((count + 1))
		echo "#include \"${h#kmod/}\"" >"$dir/header$count.c"
		echo "obj-m += header$count.o" >>"$dir/Kbuild"
	done
	# -i: all of them, whatever the first says.
	make -i -j2 -C "$BUILD/kernels/$kernel/headers" M="$dir" W=1 \
		$(seq -f "header%g.o" "$count") >"$log.all" 2>&1 || true
	! grep -E 'warning:|error:' "$log.all" >"$log" &&
		[ "$(find "$dir" -name 'header*.o' | wc -l)" = "$count" ]
	result $? "$count headers compile alone" "$log"
}

# forbid FOLDER PATTERN WHY: no file in FOLDER includes what PATTERN matches.
forbid() {
	local log=$out/includes

	! grep -rnE "^#include \"($2)" --include='*.[chS]' "kmod/$1" >"$log"
	result $? "$1 $3" "$log"
}

shell_scripts() {
	git ls-files | while read -r f; do
		[ -f "$f" ] && head -n 1 "$f" | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b' && echo "$f"
	done
	true
}

echo "TAP version 14"
for k in "${kernels[@]}"; do
	module_clean "$k"
done
headers_alone
forbid core 'vmx/|svm/' 'knows no vendor'
forbid vmx 'svm/|nl/|boot/' 'knows neither the other vendor nor netlink nor loaders'
forbid svm 'vmx/|nl/|boot/' 'knows neither the other vendor nor netlink nor loaders'
forbid dev 'vmx/|svm/|nl/|emul/|boot/' 'sees only the machine'
forbid emul 'core/|dev/|mm/|aerie\.h|backend\.h|vmx/|svm/' 'is pure logic'
forbid mm 'core/|dev/|backend\.h|vmx/|svm/|nl/' 'knows frames and table formats only'
forbid boot 'core/|vmx/|svm/|nl/|backend\.h' 'knows guest memory only'
forbid state 'core/|dev/|mm/|aerie\.h|backend\.h' 'knows records only'
forbid nl 'vmx/|svm/|mm/map\.h|core/core\.h' 'asks the core through control.h'

if command -v shellcheck >/dev/null; then
	shell_scripts | xargs -r shellcheck -x -P scripts -P . >"$out/shellcheck" 2>&1
	result $? "shellcheck" "$out/shellcheck"
else
	skip "shellcheck" "not installed"
fi

checkpatch=$BUILD/linux-source/scripts/checkpatch.pl
if [ -e "$checkpatch" ] && command -v perl >/dev/null; then
	git ls-files 'kmod/*.[ch]' | xargs perl "$checkpatch" \
		--no-tree --terse --no-summary --max-line-length=100 -f --ignore \
		COMPLEX_MACRO,MACRO_WITH_FLOW_CONTROL,BRACKET_SPACE,FILE_PATH_CHANGES,OPEN_ENDED_LINE \
		>"$out/checkpatch" 2>&1
	echo "# checkpatch: $(grep -c WARNING: "$out/checkpatch") warnings, in ${out#"$TOP"/}/checkpatch"
	# It takes the label of an asm goto for an operator.
	! grep ERROR: "$out/checkpatch" | grep -v "spacing around '%'" >"$out/checkpatch.errors"
	result $? "checkpatch finds no error" "$out/checkpatch.errors"
else
	skip "checkpatch" "no kernel source at build/linux-source; run scripts/setup"
fi
echo "1..$n"
exit $failed
