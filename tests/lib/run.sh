#!/bin/sh
# Runs test programs one after the other and says in KTAP how each went, as the
# kernel's kselftest runner does: their own output is indented behind "# ".
# usage: run.sh PROGRAM...; the environment's OUTPUT says where things are built.
cd "$(dirname "$0")/.." || exit 1
timeout=$(sed -n 's/^timeout=//p' settings)
timeout=$((timeout * ${GUEST_SLOW:-1}))
n=0 passed=0 failed=0 skipped=0

echo "TAP version 13"
echo "1..$#"
log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log.status"' EXIT
# Hundredths of seconds that the processors had nothing to do in.
idle() {
	awk '{ printf "%.0f\n", $2 * 100 }' /proc/uptime
}
for test; do
	n=$((n + 1))
	echo "# selftests: aerie: $test"
	started=$(date +%s) rested=$(idle)
	# Line by line, so that of a test that hangs the host one sees how far it came.
	{
		(cd "$(dirname "$test")" && exec timeout "$timeout" "./${test##*/}") 2>&1 </dev/null
		echo $? >"$log.status"
	} | tee "$log" | while IFS= read -r line; do
		echo "# $line"
	done
	status=$(cat "$log.status")
	echo "# $(($(date +%s) - started)) s, processors idle for $((($(idle) - rested) / 100)) s"
	case $status in
	0) passed=$((passed + 1)); echo "ok $n selftests: aerie: $test" ;;
	4) skipped=$((skipped + 1))
		echo "ok $n selftests: aerie: $test # SKIP $(sed -n 's/^1\.\.0 # SKIP //p' "$log")" ;;
	124 | 137 | 143) failed=$((failed + 1))
		echo "not ok $n selftests: aerie: $test # TIMEOUT $timeout seconds" ;;
	*) failed=$((failed + 1)); echo "not ok $n selftests: aerie: $test # exit=$status" ;;
	esac
done
echo "# totals: pass:$passed fail:$failed skip:$skipped"
[ "$failed" = 0 ]
