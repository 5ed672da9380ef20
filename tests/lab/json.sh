#!/bin/sh
# What the tool prints with --json is JSON, says a parser that is not ours; and the
# values are of the kind and size they should be.
# shellcheck disable=SC2317 # check calls them
# shellcheck disable=SC2016 # the host expands it, or Python

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
for file in build/6.12/aerie.ko build/aerie; do
	[ -e "$TOP/$file" ] || skip_all "$file is not built"
done
plan 17

mkdir "$SCRATCH/share"
# A multiboot image at 1 MiB that reads port 0x21 again and again.
printf '\002\260\255\033\000\000\001\000\376\117\121\344\000\000\020\000\000\000\020\000\000\000\000\000\000\000\000\000\040\000\020\000\344\041\353\374' \
	>"$SCRATCH/share/loop"
# Everything that JSON wants escaped, and what it does not.
printf 'quote=" back=\\ tab=\t line=\n bell=\a del=\177 \303\244 {[,:' >"$SCRATCH/share/append"

lab svm --guest '' --share "$SCRATCH/share" -- '
	set -e
	cd /share
	aerie events --json >events & events=$!
	sleep 1
	aerie list --json >list-none
	aerie run web -q -m 16M -c 2 -k loop -a "$(cat append)"
	aerie create db -q -m 1G -k loop
	aerie list --json >list
	aerie show web --json >show
	aerie show db --json >show-created
	sleep 1
	aerie pause -q web
	aerie stat web --json --histogram >stat
	aerie stat web --json --cycles --vcpu 0 >stat-vcpu
	aerie stat db --json >stat-none
	aerie version --json >version
	aerie doctor --json >doctor
	aerie stop -q --force web
	aerie show web --json >show-stopped
	aerie destroy -q web db
	sleep 1
	kill -INT $events
	wait $events
	rmmod aerie
	aerie version --json >version-none
	aerie doctor --json >doctor-none || [ $? = 5 ]
	modprobe aerie'
ended 0 "the commands"

# is FILE CONDITION: the file is one JSON text (events: one a line, d is the list of
# them), its names are unique, and the condition holds of it, d.
is() {
	python3 - "$SCRATCH/share/$1" "$2" <<-'END'
	import json, sys

	def unique(pairs):
	    if len(dict(pairs)) != len(pairs):
	        raise ValueError(f"a name twice among {[k for k, _ in pairs]}")
	    return dict(pairs)

	def no_number(text):
	    raise ValueError(f"{text} is no number of JSON")

	def parse(text):
	    return json.loads(text, object_pairs_hook=unique, parse_constant=no_number)

	path, condition = sys.argv[1:]
	text = open(path, encoding="utf-8").read()
	try:
	    d = [parse(t) for t in text.splitlines()] if path.endswith("/events") else parse(text)
	    good = eval(f"({condition})")
	except (ValueError, LookupError, TypeError) as e:
	    good = False
	    print(f"# {type(e).__name__}: {e}")
	if not good:
	    print(f"# {condition}: not so in")
	    print("\n".join("#   " + line for line in text.splitlines()[:40]))
	sys.exit(not good)
	END
}

check "a list of none" is list-none 'd == []'
check "list" is list '[v["name"] for v in d] == ["web", "db"] and d[0]["state"] == "running" and
	d[0]["memory"] == 16 << 20 and d[0]["vcpus"] == 2 and d[0]["uptime"] > 0'
check "a VM that has not run has no means" is list 'd[1]["cpu%"] is None and d[1]["uptime"] is None'
check "show" is show 'd["name"] == "web" and d["memory"] == 16 << 20 and d["reason"] is None'
check "show: what has to be escaped" is show \
	'open(path.replace("/show", "/append"), newline="").read() in d.values()'
check "show: a thread for each vCPU" is show \
	'[t["vcpu"] for t in d["threads"]] == [0, 1] and all(t["tid"] > 1 for t in d["threads"])'
check "show, created" is show-created 'd["state"] == "created"'
check "show, stopped" is show-stopped 'd["stopped"] == "forced" and type(d["reason"]) is str'
check "stat" is stat 'any(x["exit"] == "pio" for x in d["exits"]) and d["unit"] == "ns" and
	all(x["count"] > 0 and 0 < x["min"] <= x["mean"] <= x["max"] for x in d["exits"]) and
	abs(sum(x["share"] for x in d["exits"]) - 100) < 1'
check "stat: the histogram has every exit" is stat \
	'{k: sum(v) for k, v in d["histogram"].items()} ==
	{x["exit"]: x["count"] for x in d["exits"]}'
check "stat of one vCPU, in cycles" is stat-vcpu 'd["unit"] == "cycles" and
	all(type(x["min"]) is int for x in d["exits"])'
check "stat of a VM that has not run" is stat-none 'd["exits"] == []'
check "version" is version 'd["loaded"] is True and d["tool"] == d["module"] and d["backend"] == "svm"'
check "version without the module" is version-none 'd["loaded"] is False and "module" not in d'
check "doctor, with and without it" eval 'is doctor "d[\"mitigations\"] and d[\"capabilities\"]" &&
	is doctor-none "\"insmod\" in d[\"next\"] or \"make load\" in d[\"next\"]"'
check "events" is events '[e["event"] for e in d if e["name"] == "web"] ==
	["created", "started", "paused", "stopped", "destroyed"] and
	all(type(e["id"]) is int for e in d)'
finish
