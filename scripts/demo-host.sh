# shellcheck shell=bash
# The part of the demonstration that happens on the test host, module loaded.
# scripts/demo hands it to the lab as the command, lablib/console.sh before it. Each step is verified: the first
# one that did not happen ends it with status 1. Nothing here polls: on a slow
# emulator a second of the host's time is a minute, so what it waits for are
# lines of the consoles.
# shellcheck disable=SC2317 # functions are called through check
heading() { printf '\n== %s\n' "$*"; }
happened() { printf '   ok: %s\n' "$*"; }

failed() {
	printf '   FAILED: %s\n' "$*"
	aerie list
	aerie list --names | while read -r name; do
		aerie destroy "$name"
	done
	exit 1
}

# check TEXT COMMAND...: COMMAND succeeds, so TEXT has happened.
check() {
	local text=$1
	shift
	"$@" || failed "$text"
	happened "$text"
}

# run COMMAND...: show it, run it; it must succeed.
run() {
	local word text=
	for word; do
		case $word in
		*[\ ]*) text+=" \"$word\"" ;;
		*) text+=" $word" ;;
		esac
	done
	printf '$%s\n' "$text"
	"$@" 2>&1 || failed "$1 $2 ended with status $?"
}

state() { aerie list | awk -v name="$1" '$1 == name { print $2 }'; }
field() { aerie show "$1" | awk -v field="$2" '$1 == field { $1 = ""; print substr($0, 2) }'; }
is_state() { [ "$(state "$1")" = "$2" ]; }
is_equal() { [ "$1" = "$2" ] || { echo "   '$1' is not '$2'"; return 1; }; }

# ---- The steps -------------------------------------------------------------

heading "The module, on host kernel $(uname -r)"
run aerie version
check "aerie.ko is loaded" [ -d /sys/module/aerie ]
dmesg | grep 'aerie: ready' || failed "the module has not said that it is ready"
run aerie list

heading "Starting two guests: a stock Debian kernel and a small initramfs each"
boot=(--kernel /guest/vmlinuz --initrd /guest/initrd.img --append "console=ttyS0,115200")
run aerie run red --memory 256M "${boot[@]}"
attach red
run aerie run blue --memory 192M --vcpus 2 "${boot[@]}"
attach blue
check "red is running" is_state red running
check "blue is running" is_state blue running

heading "Their consoles (some of the lines; aerie console NAME shows them all)"
lines='Linux version|Command line|Hypervisor|smp: Brought|Memory: |ttyS0 at|Run /init|Power Button|BusyBox'
watch red 'aerie guest ready' "$lines"
watch red 'BusyBox'
watch blue 'aerie guest ready' "$lines"
watch blue 'BusyBox'
happened "both have booted to a shell"

heading "Running commands inside"
offset=$(od -An -tu2 -j526 -N2 /guest/vmlinuz)
version=$(tail -c +$((offset + 513)) /guest/vmlinuz | head -c 80 | tr '\0' '\n' | sed 's/ .*//;q')
ask red 'uname -r'
check "red runs the kernel it was given" is_equal "$ANSWER" "$version"
ask red 'nproc'
check "red has one processor" is_equal "$ANSWER" 1
ask blue 'nproc'
check "blue has two" is_equal "$ANSWER" 2
ask red 'echo written by red >/tmp/note; cat /tmp/note'
check "red has a file" is_equal "$ANSWER" "written by red"
ask blue 'ls /tmp/note'
check "which blue knows nothing of" [ "${ANSWER/No such file/}" != "$ANSWER" ]

heading "What the tool says"
run aerie list
check "two guests are running" is_equal "$(aerie list | awk '$2 == "running"' | wc -l)" 2
run aerie show red
check "red is in order" is_equal "$(field red name) $(field red state)" "red running"

heading "Pausing red"
run aerie pause red
check "red is paused" is_state red paused
before=$(field red exits)
# shellcheck disable=SC2016 # for the guest's shell to expand
show red 'echo sum $((40+2))     (typed while it is paused)'
# shellcheck disable=SC2016
printf 'echo sum $((40+2))\n' >&"${TYPE[red]}"
if next_line red 2; then
	failed "red has said '$LINE'"
fi
happened "red says nothing"
check "and has not run: still $before exits" is_equal "$(field red exits)" "$before"
ask blue 'echo blue goes on'
check "blue runs meanwhile" is_equal "$ANSWER" "blue goes on"

heading "Resuming red"
run aerie resume red
check "red is running" is_state red running
watch red '^sum 42$'
happened "red answers what was asked while it was paused"
after=$(field red exits)
check "and runs: $after exits" [ "$after" -gt "$before" ]

heading "Pressing the power button of red"
run aerie stop red
watch red 'power button pressed'
watch red 'reboot: Power down'
check "red is stopped" is_state red stopped
check "powered off by the guest" is_equal "$(field red reason)" "powered off by the guest"

heading "Destroying both, blue while it runs"
check "blue is running" is_state blue running
run aerie destroy blue
run aerie destroy red
check "no guest is left" is_equal "$(aerie list --names)" ""

heading "Unloading the module"
run rmmod aerie
check "aerie.ko is gone" [ ! -d /sys/module/aerie ]
echo '$ dmesg'
log=$(dmesg | sed -n '/aerie-lab: ready/,$p' | grep -v 'aerie-lab: ready')
echo "$log"
if grep -qE 'WARNING|BUG|Oops|Call Trace|general protection|unable to handle' <<<"$log"; then
	failed "the kernel's log has a report"
fi
happened "the kernel's log is clean"
exit 0
