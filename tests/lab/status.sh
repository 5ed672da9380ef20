#!/bin/sh
# What goes through the lab unchanged: statuses, bytes, arguments; and what it
# answers to wrong ones.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
plan 23

mkdir "$SCRATCH/share"
head -c 300000 /dev/urandom >"$SCRATCH/share/bytes"
lab svm --no-module --guest '' --share "$SCRATCH/share" -- 'cat /share/bytes; echo oops >&2; exit 7'
ended 7 "the command's status" '^oops$'
check "every byte of stdout and no other" cmp -s "$SCRATCH/share/bytes" "$SCRATCH/out"

# One boot answers what can be asked together.
# shellcheck disable=SC2016 # nobody shall expand it
lab svm --no-module --guest '' --kernel 6.1 --cpus 2 --memory 512M --append lab.word -- \
	sh -c 'printf "%s\n" "$@"; id -u; nproc; uname -r | cut -d. -f1,2; test -e /sys/module/aerie
		echo $?; grep -o lab.word /proc/cmdline; ls /guest /share 2>/dev/null | wc -l; kill -9 $$' \
	sh 'a  b' "it's" '$HOME'
ended 137 "the status of a killed command"
output "a  b
it's
\$HOME
0
2
6.1
1
lab.word
0" "arguments, root, --cpus, --kernel, --no-module, --append"

lab svm --no-module --guest '' --timeout 3 -- 'echo begun; sleep 1000'
ended 124 "a time-out" 'lab: the command took too long'
check "what was printed before it" grep -qx begun "$SCRATCH/out"

lab svm --no-module --guest '' --interactive -- 'cat; echo end' </dev/null
ended 0 "--interactive without input"
output end "it sees the end of it"

gcc -O2 -static -o "$SCRATCH/share/icount" "$HERE/icount.c" || bail "cannot compile"
lab svm --no-module --guest '' --icount --share "$SCRATCH/share" -- /share/icount
ended 0 "--icount: an instruction takes a nanosecond"
sed 's/^/# /' "$SCRATCH/out"

lab svm-bochs --no-module --guest '' -- 'grep -qw svm /proc/cpuinfo && echo svm'
ended 0 "a host in Bochs with an AMD model"
output svm "it has SVM"

lab svm
ended 125 "no command is a usage error" 'COMMAND is missing'
lab
ended 125 "no host is one" usage
lab riscv -- true
ended 125 "an unknown host is one" 'invalid choice'
lab svm --no-module --kernel 1.0 -- true
ended 125 "an unknown kernel is said" 'no kernel at'
lab svm --module "$SCRATCH/none.ko" -- true
ended 125 "a missing module is said" 'none.ko'
lab vmx --icount --no-module -- true
ended 125 "an option of the other emulator is refused" 'QEMU hosts only'
lab svm --memory 1x -- true
ended 125 "a size that is none" 'is no size'
lab svm --memory 100 -- true
ended 125 "too little memory" 'at least'
lab svm --share "$SCRATCH/none" -- true
ended 125 "a directory to share that is not there" 'there is no directory'
lab svm --kernel "$TOP/build/kernels/6.12/vmlinuz" -- true
ended 125 "a bare kernel without a word on its module" 'use --module FILE'
name="a kernel by its directory takes the module that is built for directories"
if [ -e "$TOP/build/other" ]; then
	skip "$name" "build/other is there"
else
	lab svm --kernel "$TOP/build/kernels/6.12" -- true
	ended 125 "$name" 'build/other/aerie.ko; run make module KERNEL='
fi
lab --help
check "--help is complete on stdout" grep -q 'exit status' "$SCRATCH/out"
finish
