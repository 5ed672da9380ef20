# shellcheck shell=sh
# What the tests of disks share: guests that run commands. For sourcing after ctl.sh.

# shellcheck source=tests/lib/devices.sh
. "${lib:?}/devices.sh"

# guest COMMANDS [OPTION...]: they run in a guest; what they print is in $SCRATCH/said.
# The VM's name is $v.
guest() {
	commands=$(echo "$1" | tr '\n\t' '  ')
	shift
	timeout $((120 * ${GUEST_SLOW:-1})) aerie run "${v:?}" -q -m 128M -k "$KERNEL" -i "$INITRD" \
		-a "$APPEND aerie.run=\"$commands; poweroff -f\"" "$@" --console \
		</dev/null >"$SCRATCH/said" 2>&1
	aerie destroy -q "$v"
}

said() {
	grep -qF -e "$1" "$SCRATCH/said" && return
	sed 's/^/#   /' "$SCRATCH/said"
	return 1
}

sum() {
	md5sum "$@" | cut -d ' ' -f 1
}

# ask COMMAND TEXT: typed at the shell of the guest $v it prints TEXT, after what was there before.
ask() {
	asked_before=$(wc -l <"$SCRATCH/$v.log")
	tell "$v" "$1"
	soon 20 answered "$2"
}
answered() {
	tail -n "+$asked_before" "$SCRATCH/$v.log" | grep -qF -e "$1"
}
