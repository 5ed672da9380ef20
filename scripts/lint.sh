#!/bin/bash
# Static checks, in KTAP: W=1 and sparse on the supported kernels, headers that
# compile alone, include rules between folders, names of tests, checkpatch, shellcheck.
# None passes because it found nothing to look at.
set -uo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
	cat <<EOF
usage: scripts/lint.sh [--kernel K]... [--no-modules]

Checks the tree and prints KTAP; exits 1 if a check failed. Kernels are 6.1, 6.12
and, where it has been built, debug, unless named; with --no-modules the module has
been built for them by scripts/build-module --strict. checkpatch advises: its errors
fail, its warnings are counted.
EOF
}

kernels=() modules=1
while [ $# -gt 0 ]; do
	case $1 in
	--kernel) kernels+=("$2"); shift 2 ;;
	--no-modules) modules=; shift ;;
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

# tracked PATTERN...: the files of that kind that git knows; none at all is an error.
tracked() {
	git ls-files -- "$@" | grep . || die "git knows no files ${*:-at all} in $TOP"
}

# W=1 and sparse: no warning at all.
module_clean() {
	local log=$out/module-$1

	scripts/build-module --strict "$1" >"$log" 2>&1
	result $? "W=1 and sparse clean on $1" "$log"
}

# A header compiles with nothing included before it, as the kernel compiles
# or, for those of the tool and for what it shares with the module, as programs do.
headers_alone() {
	local h count=0 dir=$out/alone log=$out/headers kernel=${kernels[-1]}

	rm -rf "$dir"
	mkdir -p "$dir"
	echo "ccflags-y += -I$TOP/kmod -I$TOP/include/uapi" >"$dir/Kbuild"
	for h in $(tracked 'kmod/*.h' 'include/*.h'); do
		# Tracepoints are for the kernel's own headers to expand.
		[ "$h" = kmod/trace.h ] && continue
		count=$((count + 1))
		echo "#include \"$TOP/$h\"" >"$dir/header$count.c"
		echo "obj-m += header$count.o" >>"$dir/Kbuild"
	done
	# -i: all of them, whatever the first says.
	make -i -j2 -C "$BUILD/kernels/$kernel/headers" M="$dir" W=1 \
		$(seq -f "header%g.o" "$count") >"$log.all" 2>&1 || true
	! grep -E 'warning:|error:' "$log.all" >"$log" &&
		[ "$count" -gt 0 ] && [ "$(find "$dir" -name 'header*.o' | wc -l)" = "$count" ]
	result $? "$count headers compile alone" "$log"

	local flags
	read -r -a flags < <(pkg-config --cflags libnl-genl-3.0 smartcols ncursesw)
	count=0
	: >"$log"
	for h in $(tracked 'ctl/*.h' 'include/*.h'); do
		count=$((count + 1))
		echo "#include \"$TOP/$h\"" | gcc -x c -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror \
			-Wno-unused-parameter -fsyntax-only "${flags[@]}" - >>"$log" 2>&1
	done
	[ "$count" -gt 0 ] && [ ! -s "$log" ]
	result $? "$count headers of programs compile alone" "$log"
}

# forbid FOLDER PATTERN WHY: no file in FOLDER includes what PATTERN matches.
forbid() {
	local log=$out/includes

	# 1 is that it looked and found none.
	grep -rnE "^#include \"($2)" --include='*.[chS]' "kmod/$1" >"$log" 2>&1
	result $(($? != 1)) "$1 $3" "$log"
}

shell_scripts() {
	tracked | while read -r f; do
		[ -f "$f" ] && head -n 1 "$f" | tr -d '\0' | grep -qE '^#!.*\b(ba)?sh\b' && echo "$f"
	done
	true
}

# Every mitigation is in the list for readers, too.
mitigations_listed() {
	local name names log=$out/mitigations

	: >"$log"
	names=$(sed -n 's/^\tX([a-z0-9_]*, "\([^"]*\)".*/\1/p' kmod/core/mitigate.h)
	[ -n "$names" ] || echo "no names in kmod/core/mitigate.h" >"$log"
	while read -r name; do
		grep -qF "| $name |" kmod/README.md || echo "$name" >>"$log"
	done <<<"$names"
	[ ! -s "$log" ]
	result $? "kmod/README.md lists every mitigation" "$log"
}

# The kernel's runner has all tests in one folder.
test_names() {
	local log=$out/tests

	tracked 'tests/*_test.sh' | sed 's|.*/||' | sort | uniq -d >"$log"
	[ ! -s "$log" ]
	result $? "no two tests have one name" "$log"
}

tracked >/dev/null || exit
echo "TAP version 14"
if [ -n "$modules" ]; then
	for k in "${kernels[@]}"; do
		module_clean "$k"
	done
fi
headers_alone
forbid core 'vmx/|svm/' 'knows no vendor'
forbid vmx 'svm/|nl/|boot/' 'knows neither the other vendor nor netlink nor loaders'
forbid svm 'vmx/|nl/|boot/' 'knows neither the other vendor nor netlink nor loaders'
forbid dev 'vmx/|svm/|nl/|emul/|boot/|virtio/' 'sees only the machine'
forbid virtio 'core/|vmx/|svm/|nl/|emul/|boot/|mm/map\.h' 'sees devices and guest memory only'
forbid sched 'vmx/|svm/|nl/|emul/|boot/|virtio/|mm/' 'sees threads and times only'
forbid emul 'core/|dev/|mm/|aerie\.h|backend\.h|vmx/|svm/' 'is pure logic'
forbid mm 'core/|dev/|backend\.h|vmx/|svm/|nl/' 'knows frames and table formats only'
forbid boot 'core/|vmx/|svm/|nl/|backend\.h' 'knows guest memory only'
forbid state 'core/|dev/|mm/|aerie\.h|backend\.h' 'knows records only'
forbid nl 'vmx/|svm/|mm/map\.h|core/core\.h' 'asks the core through control.h'
mitigations_listed
test_names

if command -v shellcheck >/dev/null; then
	mapfile -t scripts < <(shell_scripts)
	[ ${#scripts[@]} -gt 0 ] &&
		shellcheck -x -P scripts -P . "${scripts[@]}" >"$out/shellcheck" 2>&1
	result $? "shellcheck, ${#scripts[@]} scripts" "$out/shellcheck"
else
	skip "shellcheck" "not installed"
fi

checkpatch=$BUILD/linux-source/scripts/checkpatch.pl
if [ -e "$checkpatch" ] && command -v perl >/dev/null; then
	mapfile -t sources < <(tracked 'kmod/*.[ch]')
	perl "$checkpatch" "${sources[@]}" --no-tree --terse --no-summary \
		--max-line-length=100 -f --ignore \
		COMPLEX_MACRO,MACRO_WITH_FLOW_CONTROL,BRACKET_SPACE,FILE_PATH_CHANGES,OPEN_ENDED_LINE \
		>"$out/checkpatch" 2>&1
	ran=$?		# 1 where it has something to say, more where it failed
	echo "# checkpatch: $(grep -c WARNING: "$out/checkpatch") warnings, in ${out#"$TOP"/}/checkpatch"
	# It takes the label of an asm goto for an operator.
	! grep ERROR: "$out/checkpatch" | grep -v "spacing around '%'" >"$out/checkpatch.errors" &&
		[ $ran -le 1 ]
	result $? "checkpatch finds no error in ${#sources[@]} files" "$out/checkpatch.errors"
else
	skip "checkpatch" "no kernel source at build/linux-source; run scripts/setup"
fi
echo "1..$n"
exit $failed
