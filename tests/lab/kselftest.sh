#!/bin/sh
# The tests in the kernel's own hands: exported into (what matters of) a kernel tree,
# built and installed by its lib.mk, run on a test host by its runner.

# shellcheck disable=SC2317 # check runs what looks unused
# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
src=$TOP/build/linux-source/tools/testing/selftests
[ -e "$src/lib.mk" ] || skip_all "no kernel source in build/linux-source"
[ -e "$TOP/build/6.12/aerie.ko" ] || skip_all "the module is not built"
command -v rsync >/dev/null || skip_all "the kernel's install takes rsync"
plan 10

tree=$SCRATCH/linux suite=$SCRATCH/suite
mkdir -p "$tree/tools/testing/selftests" "$tree/scripts"
cp "$TOP/build/linux-source/scripts/subarch.include" "$tree/scripts"
cp -r "$src/lib.mk" "$src/Makefile" "$src/run_kselftest.sh" "$src"/kselftest* \
	"$tree/tools/testing/selftests"

# quiet COMMAND...: what it prints is only of interest when it fails.
quiet() {
	"$@" >"$SCRATCH/log" 2>&1 && return
	tail -n 20 "$SCRATCH/log" | sed 's/^/# /'
	return 1
}

# names: the tests of this tree, as the runner calls them: no two alike.
names() {
	for test in "$TOP"/tests/ctl/*_test.sh "$TOP"/tests/fault/*_test.sh \
		"$TOP"/tests/guest/*_test.sh "$TOP"/tests/scale/*_test.sh; do
		echo "aerie:${test##*/}"
	done | sort -u
}

# said VERDICT COUNT: the runner printed so many lines that begin with it.
said() {
	got=$(grep -c "^$1" "$SCRATCH/out")
	[ "$got" = "$2" ] && return
	echo "# $got lines of \"$1\" instead of $2"
	tail -n 30 "$SCRATCH/out" | sed 's/^/# /'
	return 1
}

# As from a shell of its own.
unset MAKEFLAGS MFLAGS MAKELEVEL OUTPUT
check "export" quiet make -C "$TOP/tests" export DEST="$tree/tools/testing/selftests/aerie"
check "build and install" quiet make -C "$tree/tools/testing/selftests" \
	TARGETS=aerie FORCE_TARGETS=1 install KSFT_INSTALL_PATH="$suite"
check "every test is listed" [ "$(sort "$suite/kselftest-list.txt")" = "$(names)" ]
check "every program is there" quiet ls "$suite/aerie/nl_fuzz" "$suite/aerie/console_pty" \
	"$suite/aerie/fail_nth" "$suite/aerie/life"

# The runner's own needs: busybox has another timeout.
run="/share/run_kselftest.sh"
lab svm --with timeout --share "$suite" -- "$run -t aerie:pic_test.sh \
	-t aerie:json_test.sh -t aerie:unload_refused_test.sh -t aerie:nl_fuzz_test.sh"
ended 0 "run on a host with the module"
check "a payload, a script and a program pass" said "ok [0-9]* selftests: aerie: [a-z_]*.sh$" 4

lab svm --with timeout --no-module --guest '' --share "$suite" -- "$run"
ended 0 "run all of it on a host without the module"
check "all are skipped" said "ok [0-9]* selftests: aerie: [a-z_0-9]*.sh # SKIP$" "$(names | wc -l)"
check "none fails" said "not ok" 0
check "each says why" said "# 1\.\.0 # SKIP module aerie is not loaded" "$(names | wc -l)"
finish
