#!/bin/sh
# However a run ends, it leaves no process and no file behind.
# shellcheck disable=SC2317 # check calls them

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 17

# begin HOST: a run in the background that has come as far as an emulator: its
# process id in $lab, the emulator's in $emulator, its directory in $directory.
begin() {
	"$TOP/scripts/lab" "$1" --no-module --guest '' -- 'echo booted; sleep 1000' \
		>"$SCRATCH/out" 2>"$SCRATCH/err" &
	lab=$!
	emulator='' directory=''
	for _ in $(seq 300); do
		emulator=$(pgrep -P "$lab" -f 'bochs.* -f |qemu.* -initrd')
		[ -n "$emulator" ] && break
		sleep 0.1
	done
	directory=$(tr '\0' '\n' <"/proc/$emulator/cmdline" |
		sed -n "s,^\($TOP/build/lab/[^/]*\)/.*,\1,p" | head -n 1)
}

# gone PID: within some seconds it does not exist.
gone() {
	[ -n "$1" ] || return 1
	for _ in $(seq 100); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	return 1
}

# vanished PATH: the same for a directory.
vanished() {
	[ -n "$1" ] || return 1
	for _ in $(seq 100); do
		[ -e "$1" ] || return 0
		sleep 0.1
	done
	return 1
}

# ends SIGNAL STATUS NAME: it does, that is the lab's status, and nothing stays.
ends() {
	kill -"$1" "$lab" 2>/dev/null
	status=0
	wait "$lab" 2>/dev/null || status=$?
	check "$3: SIG$1 ends lab and emulator" eval "[ $status = $2 ] && gone $emulator"
	check "$3: and leaves no file" vanished "$directory"
}

begin svm; ends TERM 143 svm
begin svm; ends INT 130 svm
begin svm; ends HUP 129 svm
# More of them while it ends.
begin svm
for _ in $(seq 20); do
	kill -TERM "$lab" 2>/dev/null
	sleep 0.003
done
ends TERM 143 "svm, many times"
check "svm, many times: without a word" [ ! -s "$SCRATCH/err" ]
begin svm; ends KILL 137 svm
begin vmx; ends TERM 143 vmx
begin vmx; ends KILL 137 vmx
begin svm
for _ in $(seq 1200); do
	grep -q booted "$SCRATCH/out" && break
	sleep 0.1
done
ends KILL 137 "svm that has booted"
finish
