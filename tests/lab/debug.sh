#!/bin/sh
# The debug kernel finds what it is there for, and the lab notices.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
[ -e "$TOP/build/kernels/debug/vmlinuz" ] || skip_all "the debug kernel is not built"
module=$(stand_in debug) || bail "cannot build the stand-in module"
plan 10

lab svm --kernel debug --module "$module" --module-args what=leak --guest '' -- 'echo run'
ended 122 "a leak though nothing else was wrong" 'lab: memory leaked'
check "it is said where" grep -q 'leak[+].*\[aerie\]' "$SCRATCH/err"

lab svm --kernel debug --module "$module" --module-args what=locks,sleep,write,shift \
	--guest '' -- 'cat /proc/self/make-it-fail; ls -d /sys/kernel/debug/fail*'
ended 122 "other mistakes"
check "lock order" grep -q 'possible circular locking' "$SCRATCH/err"
check "sleeping while atomic" grep -q 'sleeping function called from invalid' "$SCRATCH/err"
check "memory" grep -q 'KASAN: slab-out-of-bounds' "$SCRATCH/err"
check "undefined behaviour" grep -q 'UBSAN: shift-out-of-bounds' "$SCRATCH/err"
output "0
/sys/kernel/debug/fail_page_alloc
/sys/kernel/debug/failslab" "allocations can be made to fail"

lab svm --kernel "$(readlink -f "$TOP/build/kernels/debug/vmlinuz")" --module "$module" \
	--module-args what=fine --guest '' -- 'cat /sys/module/aerie/parameters/what'
ended 0 "a bare bzImage with a module"
output fine "which is inserted"
finish
