#!/bin/sh
# However a run ends, it leaves no process and no file behind.
# shellcheck disable=SC2317 # check calls them

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 8

# begin HOST: a run in the background that has come as far as an emulator: its
# process id in $lab, the emulator's in $emulator, its directory in $directory.
begin() {
	"$TOP/scripts/lab" "$1" --no-module --guest '' -- 'sleep 1000' >/dev/null 2>&1 &
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

for host in svm vmx; do
	for signal in TERM KILL; do
		begin "$host"
		kill -"$signal" "$lab"
		wait "$lab" 2>/dev/null
		check "$host: SIG$signal ends the emulator" gone "$emulator"
		check "$host: and leaves no file" vanished "$directory"
	done
done
finish
