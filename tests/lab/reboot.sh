#!/bin/sh
# A host with a running guest is rebooted, starts another kernel, crashes: it ends as
# it should, its log is clean, and the next kernel finds processors that have left SVM
# operation.

# shellcheck source=tests/lab/lib.sh
. "$(dirname "$0")/lib.sh"
for file in 6.12/aerie.ko aerie; do
	[ -e "$TOP/build/$file" ] || skip_all "build/$file is not built"
done
plan 8

share=$SCRATCH/share
mkdir "$share"
gcc -O2 -static -o "$share/kexec" "$HERE/kexec.c" || bail "cannot compile"
cp "$TOP/build/kernels/6.12/vmlinuz" "$share"
# First process after the next kernel: what EFER says of SVM.
cat >"$share/init" <<-'END'
	#!/bin/busybox sh
	mount -t devtmpfs devtmpfs /dev
	insmod /msr.ko
	set -- $(dd if=/dev/cpu/0/msr bs=8 count=1 iflag=skip_bytes skip=3221225600 2>/dev/null |
		od -An -t x4)
	echo "next kernel: EFER $1, SVM $((0x$1 >> 12 & 1))" >/dev/console
	sleep 1
	reboot -f
END
cat >"$share/start" <<-'END'
	set -e
	aerie run web -q -m 256M -c 2 -k /guest/vmlinuz -i /guest/initrd.img -a console=ttyS0
	timeout 60 aerie console web </dev/null | grep -q -m 1 'aerie guest ready'
	mkdir -p /tmp/r/bin /tmp/r/dev
	cd /tmp/r
	cp /usr/bin/busybox bin
	for f in sh mount insmod dd od sleep reboot; do ln -s busybox bin/$f; done
	cp -a /dev/console dev
	cp "$(modinfo -n msr)" /share/init .
	chmod +x init
	find . | cpio -o -H newc >/tmp/initrd 2>/dev/null
	echo "the guest runs" >/dev/kmsg
END

# started NAME: the last run came as far as a guest that runs.
started() {
	check "$1" grep -q 'the guest runs' "$SCRATCH/err"
}

lab svm --share "$share" -- '. /share/start; reboot -f'
ended 120 "a reboot" 'reset or switched off'
started "with a guest"

lab svm --share "$share" -- '. /share/start
	/share/kexec /share/vmlinuz /tmp/initrd "console=ttyS0 loglevel=2"'
ended 120 "the next kernel" 'reset or switched off'
started "with a guest"
check "finds SVM off" grep -q 'next kernel: EFER .* SVM 0' "$SCRATCH/err"

lab svm --share "$share" --append crashkernel=256M -- '. /share/start
	/share/kexec --on-crash /share/vmlinuz /tmp/initrd "console=ttyS0 loglevel=2"
	echo c >/proc/sysrq-trigger'
ended 123 "a crash" 'sysrq triggered crash'
started "with a guest"
check "the next kernel finds SVM off" grep -q 'next kernel: EFER .* SVM 0' "$SCRATCH/err"
finish
