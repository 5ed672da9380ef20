#!/bin/sh
# Processors that Aerie cannot use: it does not load, and the kernel's log says why.
# What the firmware has disabled cannot be had here: QEMU's VM_CR is constant.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
for file in 6.12/aerie.ko aerie; do
	[ -e "$TOP/build/$file" ] || skip_all "build/$file is not built"
done
plan 8

lab svm --guest '' --cpu EPYC-Rome,-svm -- 'echo not reached'
ended 121 "without SVM" 'lab: load .*not supported'
check "the log says why" grep -q \
	'aerie: cannot load: the processor has neither VMX nor SVM' "$SCRATCH/err"
output "" "the command is not run"
lab svm --guest '' --cpu EPYC-Rome,+svm,-npt -- 'echo not reached'
ended 121 "without nested paging" 'lab: load .*not supported'
check "the log says why" grep -q \
	'aerie: cannot load: the processor has SVM without nested paging' "$SCRATCH/err"

lab svm --guest '' --no-module --cpu EPYC-Rome,-svm -- 'aerie doctor'
ended 1 "doctor without SVM: a problem, whatever is loaded"
check "it is named" grep -q 'neither VMX nor SVM' "$SCRATCH/out"
lab svm --guest '' --no-module -- 'aerie doctor'
ended 5 "doctor where only the module is missing"
finish
