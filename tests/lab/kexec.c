// SPDX-License-Identifier: GPL-2.0
/*
 * Starts the next kernel, as kexec does: kexec KERNEL INITRD CMDLINE starts it now,
 * kexec --on-crash KERNEL INITRD CMDLINE has it start when this one crashes.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	int crash = argc > 1 && !strcmp(argv[1], "--on-crash");
	int kernel, initrd;

	argv += crash;
	if (argc - crash != 4)
		errx(2, "usage: kexec [--on-crash] KERNEL INITRD CMDLINE");
	kernel = open(argv[1], O_RDONLY);
	initrd = open(argv[2], O_RDONLY);
	if (kernel < 0 || initrd < 0)
		err(1, "%s, %s", argv[1], argv[2]);
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(argv[3]) + 1, argv[3],
		    crash ? KEXEC_FILE_ON_CRASH : 0))
		err(1, "kexec_file_load");
	if (!crash)
		syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			LINUX_REBOOT_CMD_KEXEC, 0);
	return 0;
}
