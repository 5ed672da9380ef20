# shellcheck shell=sh
# What the tests of guest memory share: one guest, $v, at its serial console, and figures of
# its memory. For sourcing by tests/ctl/NAME_test.sh after it has named $v.

# shellcheck source=tests/lib/ctl.sh
. "${lib:?}/ctl.sh"

# shellcheck disable=SC2034 # who sources this uses it
MB=1048576

# What puts memory away takes modules of the kernel: Debian's have them, and the debug kernel.
need_store() {
	modprobe -a zsmalloc lz4 2>/dev/null
	[ -d /sys/module/zsmalloc ] || skip_all "this kernel has no zsmalloc"
}

# Nobody else gives memory back meanwhile: the scanner finds zeroes. It may be told to look.
no_scanner() {
	budget=$(aerie share --json | tr ',{}' '\n' | sed -n 's/.*"budget": *\([0-9]*\).*/\1/p')
	on_exit "aerie share --budget $budget >/dev/null"
	aerie share --budget 0 >/dev/null
}

# pool KEY: from the JSON that aerie pool has.
pool() {
	aerie pool --json | tr ',{}' '\n' | sed -n "s/.*\"$1\": *\\([0-9]*\\).*/\\1/p"
}

# number KEY [VERB]: from the JSON that aerie mem, or VERB, has of the VM.
number() {
	aerie "${2:-mem}" "${v:?}" --json | tr ',{}' '\n' | sed -n "s/.*\"$1\": *\\([0-9]*\\).*/\\1/p"
}

# at_least KEY MIB, at_most KEY MIB
at_least() {
	[ "$(number "$1")" -ge $(($2 * MB)) ]
}
at_most() {
	[ "$(number "$1")" -le $(($2 * MB)) ]
}

# say LINE: at the guest's console, which does not echo; said PATTERN: a line that ends so.
say() {
	stty raw -echo <"/dev/$(field "$v" tty)"
	echo "$1" >"/dev/$(field "$v" tty)"
}
# distinct MIB: for a guest's shell, to have /tmp/x filled with pages that are not equal and
# take less when compressed; of long lines, as each costs the guest about the same.
distinct() {
	echo "p=\$(echo \$(seq 1000000 1000499)); i=0; while [ \$i -lt $(($1 * 256)) ]; do echo \"\$p\$i\"; i=\$((i + 1)); done >/tmp/x"
}
said() {
	soon 90 eval "tr -d '\r' <'$SCRATCH/$v.log' | grep -qx -e '.*$1'"
}

# summed: the checksum that it has told last, behind the word sum.
summed() {
	tr -d '\r' <"$SCRATCH/$v.log" | sed -n 's/.*sum \([0-9a-f]*  -\)$/\1/p' | tail -n 1
}

stopped() {
	[ "$(field "$v" state)" = stopped ]
}
