# shellcheck shell=sh
# What the tests of the tool share: guests that boot to a shell, and words for what
# is expected of a command. For sourcing by tests/ctl/NAME_test.sh. Timeouts are
# multiplied by GUEST_SLOW.

# shellcheck source=tests/lib/ktap.sh
. "${lib:?}/ktap.sh"

KERNEL=${GUEST_KERNEL:-/guest/vmlinuz}
INITRD=${GUEST_INITRD:-/guest/initrd.img}
MEMORY=256M
# Half of what a stock kernel does until then is test its cryptography.
APPEND="console=ttyS0 quiet cryptomgr.notests"
# For irq_off_loop.elf. While a guest has its interrupts off, Bochs's VMX takes none for
# the host, KVM's hosts stand still in the same way: there the loop has exits in it.
LOOP=
[ "${LAB_HOST:-}" != vmx ] || LOOP=exits

need_guest() {
	need_aerie
	{ [ -f "$KERNEL" ] && [ -f "$INITRD" ]; } || skip_all "no guest at $KERNEL, $INITRD"
	scratch
	on_exit "destroy_mine"
}

# Names carry our process id: other tests' VMs are none of our business.
vm() {
	echo "t$$-$1"
}

destroy_mine() {
	for each in $(aerie list --names); do
		case $each in
		t$$-*) aerie destroy -q "$each" ;;
		esac
	done
}

# says STATUS TEXT COMMAND...: the exit status, TEXT on stderr, one line there.
says() {
	want=$1 text=$2
	shift 2
	"$@" >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null
	got=$?
	if [ "$got" != "$want" ] || ! grep -qF -e "$text" "$SCRATCH/err" ||
		[ "$(wc -l <"$SCRATCH/err")" != 1 ]; then
		echo "# $*: status $got, wanted $want and '$text'"
		sed 's/^/#   /' "$SCRATCH/err"
		return 1
	fi
}

# prints TEXT COMMAND...: exit status 0 and TEXT on stdout.
prints() {
	text=$1
	shift
	if ! "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" </dev/null ||
		! grep -qF -e "$text" "$SCRATCH/out"; then
		echo "# $*: wanted '$text'"
		sed 's/^/#   /' "$SCRATCH/out" "$SCRATCH/err"
		return 1
	fi
}

# soon SECONDS COMMAND...: the command succeeds before the time is up.
soon() {
	tries=$(($1 * ${GUEST_SLOW:-1} * 5))
	shift
	while ! "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || return 1
		usleep 200000
	done
}

# field VM NAME: a value of aerie show.
field() {
	aerie show "$1" | sed -n "s/^$2  *//p" | head -n 1
}

is_state() {
	[ "$(field "$1" state)" = "$2" ]
}

# watch VM: its console to $SCRATCH/VM.log from now on, until it stops; what tell() types
# comes through $SCRATCH/VM.keys, which has no end while this runs.
watch() {
	rm -f "$SCRATCH/$1.keys"
	mkfifo "$SCRATCH/$1.keys" || return 1
	# Before it is looked at, not when the console gets there.
	: >"$SCRATCH/$1.log"
	aerie console "$1" >"$SCRATCH/$1.log" <>"$SCRATCH/$1.keys" &
}

seen() {
	grep -qF -e "$2" "$SCRATCH/$1.log"
}

# The line is there to its end: it says what the guest has.
came_up() {
	grep -q "aerie guest ready (.*)" "$SCRATCH/$1.log"
}

# boot VM [OPTION...]: a guest of its own, up to its shell.
boot() {
	booting=$1
	shift
	case " $* " in
	*' -m '*) ;;
	*) set -- -m "$MEMORY" "$@" ;;
	esac
	aerie run "$booting" -q -k "$KERNEL" -i "$INITRD" -a "$APPEND" "$@" || return 1
	watch "$booting"
	if ! soon 120 came_up "$booting"; then
		echo "# $booting did not come up:"
		tail -n 20 "$SCRATCH/$booting.log" | sed 's/^/#   /'
		return 1
	fi
}

# tell VM COMMAND: type a line at the shell of one that is watched.
tell() {
	echo "$2" 1<>"$SCRATCH/$1.keys"
}
