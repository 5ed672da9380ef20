# shellcheck shell=bash
# Consoles of guests, for scripts that use guests as people do, on a test host: a
# descriptor to type into and one to read from, for each guest. Who comes after this
# has a function failed.
shopt -s extglob

declare -A TYPE READ
PATIENCE=120	# seconds of the host's time without a line; the lab watches the real time

attach() {
	local in out
	mkfifo "/tmp/$1"
	exec {out}< <(exec aerie console "$1" <"/tmp/$1" 2>&1)
	exec {in}>"/tmp/$1"
	TYPE[$1]=$in READ[$1]=$out
}

# next_line VM [SECONDS]: LINE, without what a terminal would take as orders.
next_line() {
	LINE=
	IFS= read -r -t "${2:-$PATIENCE}" -u "${READ[$1]}" LINE || return
	LINE=${LINE//$'\r'/}
	LINE=${LINE//$'\e['*([0-9;?])[A-Za-z]/}
}

show() { printf '%-4s | %s\n' "$1" "$2"; }

# watch VM PATTERN [INTERESTING]: show the console (what is INTERESTING) until a line
# matches.
watch() {
	local lines=0
	while next_line "$1"; do
		lines=$((lines + 1))
		if [[ $LINE =~ $2 ]]; then
			show "$1" "$LINE"
			return 0
		fi
		if [ -n "$DEMO_VERBOSE" ] || [[ $LINE =~ ${3:-.} ]]; then
			show "$1" "$LINE"
		fi
	done
	failed "console of $1: no '$2' after $lines lines"
}

# ask VM COMMAND: type it at the guest's shell; ANSWER is what it printed. That the
# shell itself answers is seen from the sum it has to work out.
SERIAL=1000
ask() {
	local end=$((SERIAL += 7)) typed=
	# shellcheck disable=SC2016 # for the guest's shell to expand
	printf '%s; echo end-$((%d+3))\n' "$2" $((end - 3)) >&"${TYPE[$1]}"
	show "$1" "guest# $2"
	ANSWER=
	while next_line "$1"; do
		[ "$LINE" = "end-$end" ] && [ -n "$typed" ] && return
		if [[ $LINE == *"echo end-"* ]]; then
			typed=1
		elif [ -n "$typed" ]; then
			show "$1" "$LINE"
			# Its kernel may have something to say in between.
			[[ $LINE =~ ^\[\ *[0-9]+\.[0-9]+\] ]] && continue
			ANSWER+=${ANSWER:+$'\n'}$LINE
		fi
	done
	failed "$1 does not answer"
}
