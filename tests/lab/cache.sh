#!/bin/sh
# Many that want the same cache entry at once: one makes it, all of them get it,
# nothing else stays behind.
# shellcheck disable=SC2317 # check calls what looks unused

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 3

# same: what the paths they were given hold is one and the same.
same() {
	[ "$(sort -u "$SCRATCH"/path? | wc -l)" = 1 ] && grep -q '^made' "$(cat "$SCRATCH/path1")"
}

for n in 1 2 3 4 5 6; do
	XDG_CACHE_HOME=$SCRATCH/cache PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/scripts python3 - \
		>"$SCRATCH/path$n" 2>"$SCRATCH/error$n" <<-EOF &
	import time
	from lablib import host

	def make(f):
	    time.sleep(0.5)
	    f.write(b"made $n\n")

	print(host.cached("race/entry", make))
	EOF
done
wait
check "nobody fails" [ -z "$(cat "$SCRATCH"/error?)" ]
check "all get the entry that one has made" same
check "nothing else stays" [ "$(ls "$SCRATCH/cache/aerie/race")" = entry ]
finish
