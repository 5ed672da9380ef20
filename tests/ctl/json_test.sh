#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Wherever a table is printed, --json says the same under the same names.
# shellcheck disable=SC2317 # check runs what looks unused
lib=$(dirname "$0")/lib
[ -e "$lib/ktap.sh" ] || lib=$(dirname "$0")/../lib
# shellcheck source=tests/lib/ctl.sh
. "$lib/ctl.sh"
need_guest
plan 14

v=$(vm json)
# Braces, brackets and quotes pair up outside strings: as good as it gets without jq.
balanced() {
	awk '
		{ text = text $0 "\n" }
		END {
			for (i = 1; i <= length(text); i++) {
				c = substr(text, i, 1)
				if (quoted) {
					if (c == "\\") i++
					else if (c == "\"") quoted = 0
					else if (c == "\n") exit 1
				} else if (c == "\"") quoted = 1
				else if (c == "{" || c == "[") stack = stack c
				else if (c == "}" || c == "]") {
					top = substr(stack, length(stack), 1)
					if (top != (c == "}" ? "{" : "[")) exit 1
					stack = substr(stack, 1, length(stack) - 1)
				}
			}
			exit quoted || stack != "" || text !~ /^[{[]/
		}' "$1"
}
# is_json NAME COMMAND...: it succeeds, and what it prints is one.
is_json() {
	out=$SCRATCH/$1.json
	shift
	"$@" >"$out" 2>"$SCRATCH/err" </dev/null && balanced "$out"
}
has_names() {
	for name in $2; do
		grep -qF "\"$name\":" "$SCRATCH/$1.json" || { echo "# no $name"; return 1; }
	done
}
columns() {
	aerie "$@" | head -n 1 | tr '[:upper:]' '[:lower:]'
}

check "run" boot "$v" -c 2
check "list" is_json list aerie list --json
check "list has the columns' names" has_names list "$(columns list)"
check "show" is_json show aerie show "$v" --json
check "show has the fields' names" has_names show \
	"$(aerie show "$v" | sed '/^$/,$d' | awk '{ print $1 }')"
check "show has a thread for each vCPU" [ "$(grep -c '"tid":' "$SCRATCH/show.json")" = 2 ]
check "sizes are bytes" grep -q '"memory": 268435456' "$SCRATCH/show.json"
check "stat" is_json stat aerie stat "$v" --json --histogram
check "stat has the columns' names" has_names stat "$(columns stat "$v")"
check "doctor" is_json doctor aerie doctor --json
check "doctor lists the mitigations" has_names doctor "mitigations mitigation active where next"
check "version" is_json version aerie version --json
check "destroy" aerie destroy -q "$v"
check "a list without this VM" eval "is_json list aerie list --json && ! grep -q $v $SCRATCH/list.json"
finish
