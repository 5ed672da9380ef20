#!/bin/sh
# /share on both kinds of host, which run at the same time: what is there can be
# read, what is changed comes back.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 10

for host in svm vmx; do
	mkdir -p "$SCRATCH/$host/deep/er"
	head -c 20000 /dev/urandom >"$SCRATCH/$host/random"
	echo old >"$SCRATCH/$host/deep/file"
	chmod 750 "$SCRATCH/$host/random"
	ln -s random "$SCRATCH/$host/link"
done

"$TOP/scripts/lab" vmx --no-module --guest '' --share "$SCRATCH/vmx" -- \
	'md5sum </share/link; grep -owE "vmx|avx512f" /proc/cpuinfo | sort -u; exit 9' \
	>"$SCRATCH/vmx.out" 2>"$SCRATCH/vmx.err" &
vmx=$!

# shellcheck disable=SC2016 # the host expands it
lab svm --no-module --guest '' --share "$SCRATCH/svm" --with xz -- \
	'cd /share && md5sum <link && stat -c %a random && echo new >deep/file &&
	 cp random deep/er/copy && ln -s copy deep/er/l && xz --version >/dev/null &&
	 grep -ow -m 1 svm /proc/cpuinfo'
ended 0 "a command on svm"
output "$(md5sum <"$SCRATCH/svm/random")
750
svm" "it read what is shared and had the program brought --with it"
check "a changed file is back" grep -qx new "$SCRATCH/svm/deep/file"
check "a new file is back" cmp -s "$SCRATCH/svm/random" "$SCRATCH/svm/deep/er/copy"
check "a new link is back" [ "$(readlink "$SCRATCH/svm/deep/er/l")" = copy ]
check "what was not changed is as it was" [ "$(stat -c %a "$SCRATCH/svm/random")" = 750 ]

wait "$vmx"
status=$?
for f in out err; do cp "$SCRATCH/vmx.$f" "$SCRATCH/$f"; done
ended 9 "a command on vmx at the same time"
output "$(md5sum <"$SCRATCH/vmx/random")
avx512f
vmx" "it read what is shared"
check "its kernel has AVX-512 for guests to be tested with" grep -qx avx512f "$SCRATCH/out"
check "nothing was changed" grep -qx old "$SCRATCH/vmx/deep/file"
finish
