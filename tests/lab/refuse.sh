#!/bin/sh
# Processors that Aerie cannot use: it does not load, and the kernel's log says why.
# Of what the firmware can turn off VMX is tested; neither emulator has SVM's VM_CR:
# QEMU's is constant, to Bochs 2.7 it is an unknown MSR.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
for file in 6.12/aerie.ko aerie; do
	[ -e "$TOP/build/$file" ] || skip_all "build/$file is not built"
done
plan 14

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

# One boot of Bochs answers it all. The log must have nothing else of Aerie's in it;
# the lab sees to what is no one's.
mkdir "$SCRATCH/share"
cp "$TOP/build/6.12/aerie.ko" "$SCRATCH/share"
lab vmx --guest '' --no-module --firmware-off --share "$SCRATCH/share" -- \
	'aerie doctor; echo "doctor $?"; insmod /share/aerie.ko; echo "insmod $?"
	modprobe msr; aerie doctor; echo "doctor with msr $?"; dmesg | sed -n "s/.*] aerie: /log: /p"'
if grep -q "enables VMX in a way unknown" "$SCRATCH/err"; then
	for n in 1 2 3 4 5; do
		skip "firmware that has turned VMX off, $n" "this BIOS of Bochs is not known"
	done
else
	ended 0 "firmware that has turned VMX off" 'insmod: .*not supported'
	check "the module does not load" grep -qx 'insmod 1' "$SCRATCH/out"
	check "the log says why, and no more" [ "$(sed -n 's/^log: //p' "$SCRATCH/out" | grep -v taint)" = \
		"cannot load: VMX is disabled by the firmware: enable virtualization in its set-up (error -95)" ]
	check "doctor finds a problem, by what the kernel knows and by the MSR" \
		[ "$(grep -c '^doctor.* 1$' "$SCRATCH/out")" = 2 ]
	check "it is named" [ "$(grep -c '^firmware *problem *VMX is turned off' "$SCRATCH/out")" = 2 ]
fi
lab svm --firmware-off -- true
ended 125 "where it cannot be had it is refused" 'goes with vmx'
finish
