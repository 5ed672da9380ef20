# shellcheck shell=sh
# What the tests of bad days share. For sourcing by tests/fault/NAME_test.sh and
# tests/scale/NAME_test.sh, after which it is as with ctl.sh.

# shellcheck source=tests/lib/ctl.sh
. "${lib:?}/ctl.sh"

SLOW=${GUEST_SLOW:-1}

# need_payload NAME: for tests that run a bare-metal guest, which is $payload then.
need_payload() {
	need_aerie
	payload=$(built "payload/$1.elf") || exit
	scratch
	on_exit "destroy_mine"
}

# rounds N: how many of N rounds there is time for here.
rounds() {
	n=$(($1 / SLOW))
	[ "$n" -ge "${2:-3}" ] || n=${2:-3}
	echo "$n"
}

# Seconds, with hundredths, since the host came up; and 0.01s between two of them.
now() {
	cut -d' ' -f1 /proc/uptime
}
since() {
	echo "$1 $(now)" | awk '{ print int(($2 - $1) * 100) }'
}

# within SECONDS COMMAND...: it succeeds, and in that time.
within() {
	within_limit=$(($1 * SLOW))
	shift
	within_start=$(now)
	timeout "$((within_limit * 2))" "$@" >/dev/null || { echo "# $*: status $?"; return 1; }
	within_took=$(since "$within_start")
	[ "$within_took" -le $((within_limit * 100)) ] || {
		echo "# $*: took $within_took/100 s, wanted $within_limit s"
		return 1
	}
}

# responsive: what somebody at the host's shell would notice, had guests taken it.
responsive() {
	# shellcheck disable=SC2034 # it only counts
	for i in 1 2 3 4 5; do
		within 3 sleep 0 && within 5 aerie list || return 1
	done
}

no_vm() {
	[ -z "$(aerie list --names)" ]
}

# need_reload: for tests that unload the module; MODULE_ARGS is what it was loaded with.
need_reload() {
	no_vm || skip_all "there are VMs of somebody else"
	/sbin/modprobe -n -q aerie 2>/dev/null || skip_all "modprobe does not know aerie"
	MODULE_ARGS=''
	for param in /sys/module/aerie/parameters/*; do
		MODULE_ARGS="$MODULE_ARGS ${param##*/}=$(cat "$param")"
	done
}

load() {
	# shellcheck disable=SC2086 # words on purpose
	/sbin/modprobe aerie $MODULE_ARGS
}

# runs_on VM: it has exits, now.
exits_of() {
	aerie stat "$1" | awk '{ n += $2 } END { print n + 0 }'
}
more_exits() {
	[ "$(exits_of "$1")" -gt "$2" ]
}
runs_on() {
	is_state "$1" running && soon 10 more_exits "$1" "$(exits_of "$1")"
}
