#!/bin/sh
# What the lab has to notice on the host: panics, warnings, resets, modules that
# do not load or unload.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
module=$(stand_in 6.12) || bail "cannot build the stand-in module"
plan 12

lab svm --no-module --guest '' -- 'echo before; echo c >/proc/sysrq-trigger'
ended 123 "a panic" 'sysrq triggered crash'
output before "what was printed before it"

lab svm --kernel "$TOP/build/kernels/6.12" --module "$module" --module-args what=warn \
	--guest '' --keep-log "$SCRATCH/log" -- \
	'cat /sys/module/aerie/parameters/what'
ended 122 "a WARN though the command succeeded" 'asked to warn'
output warn "the module with its arguments"
check "--keep-log has the host's boot" grep -q 'Linux version 6' "$SCRATCH/log"

lab svm --module "$module" --module-args what=refuse --guest '' -- 'echo not reached'
ended 121 "a module that does not load" 'No such device'

lab svm --module "$module" --module-args what=busy --guest '' -- 'echo b >/proc/sysrq-trigger'
ended 120 "a reset" 'reset or switched off'

lab svm --module "$module" --module-args what=warn --guest '' -- 'echo b >/proc/sysrq-trigger'
ended 122 "a WARN and then a reset" 'asked to warn'

lab svm --module "$module" --guest '' --timeout 5 -- \
	'echo before; sleep 1; echo 1 >/sys/module/aerie/parameters/hang'
ended 124 "a host that hangs with interrupts off" 'or the host hung'
output before "what was printed before it"
check "where it hangs is in the log" grep -q 'hang_set.*\[aerie\]' "$SCRATCH/err"
check "with the processor's registers" grep -q '^RIP=' "$SCRATCH/err"
finish
