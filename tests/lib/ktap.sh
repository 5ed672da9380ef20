# shellcheck shell=sh
# What every test script needs: KTAP, scratch files, clean-up, skips. POSIX sh,
# so that it runs on a test host that has no more than busybox. The kernel's
# install leaves the folders out, so that a script looks for this one twice:
#
#	lib=$(dirname "$0")/lib
#	[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
#	. "$lib/ktap.sh"

# shellcheck disable=SC2034 # for those who source this
HERE=$(cd "$(dirname "$0")" && pwd)
KSFT_PASS=0 KSFT_FAIL=1 KSFT_SKIP=4
AT_EXIT=''

# on_exit COMMAND: run it when the script ends, however it does; last one first.
on_exit() {
	AT_EXIT="$1; $AT_EXIT"
}
# A script with a plan that ends with status 0 has come to its finish, or it is wrong.
# shellcheck disable=SC2154 # status is set right there
trap 'status=$?; trap - EXIT; eval "$AT_EXIT"
	[ "$status" != 0 ] || [ -z "$PLANNED" ] || { echo "Bail out! no finish"; status=1; }
	exit $status' EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

# scratch: a directory $SCRATCH that goes away at the end.
scratch() {
	SCRATCH=$(mktemp -d "${TMPDIR:-/tmp}/aerie-test.XXXXXX") || exit $KSFT_FAIL
	on_exit "rm -rf '$SCRATCH'"
}

# skip_all WHY: nothing of this can be run here.
skip_all() {
	echo "KTAP version 1"
	echo "1..0 # SKIP $*"
	exit $KSFT_SKIP
} >&3

bail() {
	echo "Bail out! $*"
	exit $KSFT_FAIL
}

# The real stdout, for those who run in a substitution or a redirection.
exec 3>&1

# built NAME: where the build has put a payload or a program; the test is skipped
# where it has not. The kernel's install puts all of them next to the tests.
built() {
	for file in "${OUTPUT:-$HERE/..}/$1" "$HERE/../$1" "$HERE/${1##*/}" "$HERE/../../build/tests/$1"; do
		[ -f "$file" ] && { echo "$file"; return; }
	done
	skip_all "$1 has not been built"
}

need_aerie() {
	[ -d /sys/module/aerie ] || skip_all "module aerie is not loaded"
	command -v aerie >/dev/null || skip_all "the tool aerie is not on PATH"
	[ "$(id -u)" = 0 ] || skip_all "this takes root"
}

# Tests of a script: plan N, then ok or not_ok for each; the script's status is
# that of `finish`.
TESTS=0 FAILED=0 PLANNED=''
plan() {
	echo "KTAP version 1"
	echo "1..$1"
	PLANNED=$1
}
ok() {
	TESTS=$((TESTS + 1))
	echo "ok $TESTS $*"
}
not_ok() {
	TESTS=$((TESTS + 1))
	FAILED=$((FAILED + 1))
	echo "not ok $TESTS $*"
}
skip() {
	TESTS=$((TESTS + 1))
	echo "ok $TESTS $1 # SKIP $2"
}
# check NAME COMMAND...: one test: the command succeeds.
check() {
	check_name=$1
	shift
	if "$@"; then ok "$check_name"; else not_ok "$check_name"; fi
}
finish() {
	[ "$TESTS" = "${PLANNED:-$TESTS}" ] || bail "planned $PLANNED tests, ran $TESTS"
	[ "$FAILED" = 0 ] || exit $KSFT_FAIL
	PLANNED=''
	exit $KSFT_PASS
}

# ktap_result FILE STATUS DIES: pass on the KTAP in FILE and exit with its verdict.
# What comes before its first line (a boot loader's words) is left out.
ktap_result() {
	tr -d '\r\000' <"$1" | sed 's/^.*KTAP version 1$/KTAP version 1/' |
		sed -n '/^KTAP version 1/,$p' >"$1.ktap"
	if ! [ -s "$1.ktap" ]; then
		echo "KTAP version 1"
		echo "1..1"
		sed 's/^/# /' "$1" "${1%out}err" 2>/dev/null | tail -n 40
		echo "not ok 1 started (status $2)"
		exit $KSFT_FAIL
	fi
	# A guest that resets itself starts over: what counts is its last start.
	awk '/^KTAP version 1/ { n = 0 } { line[n++] = $0 }
		END { for (i = 0; i < n; i++) print line[i] }' "$1.ktap" >"$1.last"
	cat "$1.last"
	if [ "$2" = 124 ] || [ "$2" = 143 ]; then
		echo "# it did not end in time"
		[ -n "$3" ] || exit $KSFT_FAIL
	elif [ "$2" != 0 ]; then
		sed 's/^/# /' "${1%out}err" 2>/dev/null | tail -n 20
		[ -n "$3" ] || exit $KSFT_FAIL
	fi
	grep -q '^not ok ' "$1.last" && exit $KSFT_FAIL
	[ -n "$3" ] && exit $KSFT_PASS
	awk '/^1\.\./ { plan = substr($1, 4) } /^ok / { n++ } /^Bail out!/ { bad = 1 }
		END { exit bad || !plan || n != plan }' "$1.last" || exit $KSFT_FAIL
	exit $KSFT_PASS
}
