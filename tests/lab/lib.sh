# shellcheck shell=sh
# What the tests of the lab share, beyond lib/ktap.sh. They run on the machine
# that runs scripts/lab, not on a test host.

# shellcheck source=tests/lib/ktap.sh
. "$(dirname "$0")/../lib/ktap.sh"

TOP=$(cd "$HERE/../.." && pwd)
scratch

# lab ARGUMENT...: run scripts/lab, leave its status in $status, its output in
# $SCRATCH/out and $SCRATCH/err. No guest files: that is quicker.
lab() {
	status=0
	"$TOP/scripts/lab" "$@" >"$SCRATCH/out" 2>"$SCRATCH/err" || status=$?
}

# ended STATUS NAME [PATTERN]: one test: the last run ended with STATUS and said
# PATTERN on stderr.
ended() {
	if [ "$status" = "$1" ] && { [ -z "${3:-}" ] || grep -Eq "$3" "$SCRATCH/err"; }; then
		ok "$2"
	else
		echo "# status $status instead of $1${3:+, or no \"$3\" on stderr:}"
		tail -n 30 "$SCRATCH/err" | sed 's/^/# /'
		not_ok "$2"
	fi
}

# output TEXT NAME: one test: the last run's stdout is TEXT.
output() {
	if [ "$(cat "$SCRATCH/out")" = "$1" ]; then
		ok "$2"
	else
		sed 's/^/# /' "$SCRATCH/out" | head -n 20
		not_ok "$2"
	fi
}

# stand_in KERNEL: build module/ for it, print where the result is.
stand_in() {
	src=$TOP/build/lab/stand-in-$1
	mkdir -p "$src"
	cp -f "$HERE"/module/* "$src"
	cc=''
	[ "$1" = debug ] && cc=CC=gcc-12
	make -s -C "$TOP/build/kernels/$1/headers" "M=$src" ${cc:+"$cc"} \
		CONFIG_DEBUG_INFO_BTF_MODULES= modules >"$SCRATCH/make" 2>&1 || {
		cat "$SCRATCH/make" >&2
		return 1
	}
	echo "$src/aerie.ko"
}
