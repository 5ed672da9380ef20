# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# KTAP for the tool's script tests, and a directory, $scratch, that goes away.
n=0
failed=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
echo "TAP version 14"

# result STATUS NAME
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

# check NAME COMMAND...: the command succeeds.
check() {
	local name=$1 status=0
	shift
	"$@" || status=$?
	result $status "$name"
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

finish() {
	echo "1..$n"
	exit $failed
}
