#!/bin/sh
# The lab's cache: many that want the same entry at once all get the one that is
# made, many may forget old entries at once, and an entry keeps its name.
# shellcheck disable=SC2317 # check calls what looks unused

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 7

# same: what the paths they were given hold is one and the same.
same() {
	[ "$(sort -u "$SCRATCH"/path? | wc -l)" = 1 ] && grep -q '^made' "$(cat "$SCRATCH/path1")"
}

# py: the program on stdin, with a cache of its own.
py() {
	XDG_CACHE_HOME=$SCRATCH/cache PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$TOP/scripts python3 -
}

for n in 1 2 3 4 5 6; do
	py >"$SCRATCH/path$n" 2>"$SCRATCH/error$n" <<-EOF &
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

for n in 1 2 3 4; do
	py 2>"$SCRATCH/error$n" <<-EOF &
	import os
	from lablib import host

	os.makedirs("$SCRATCH/old", exist_ok=True)
	for i in range(300):
	    path = f"$SCRATCH/old/$n.{i}"
	    with open(path, "w"):
	        pass
	    os.utime(path, (i, i))
	    host.forget_old("$SCRATCH/old", 10)
	with open("$SCRATCH/old/new$n", "w"):
	    pass
	host.forget_old("$SCRATCH/old", 0)
	EOF
done
wait
check "many may forget old entries at once" [ -z "$(cat "$SCRATCH"/error?)" ]
check "who was used in the last hour stays" [ "$(echo "$SCRATCH"/old/*)" = "$(echo "$SCRATCH"/old/new[1-4])" ]

mkdir "$SCRATCH/old/folder"
touch -d @1 "$SCRATCH/old/folder"
folder_stays() {
	echo "from lablib import host; host.forget_old('$SCRATCH/old', 0)" | py &&
		[ -d "$SCRATCH/old/folder" ]
}
check "a folder is not an entry" folder_stays

py >"$SCRATCH/names" 2>&1 <<-EOF
	import time
	from lablib import host

	print(host.base())
	time.sleep(0.1)
	print(host.base())
EOF
check "used again, the base keeps its name" [ "$(sort -u "$SCRATCH/names" | wc -l)" = 1 ]
finish
