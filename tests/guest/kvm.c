// SPDX-License-Identifier: GPL-2.0
/*
 * Runs a payload under KVM, for tests that compare.
 * usage: kvm PAYLOAD TEXT	the latter is its command line
 */
#include <err.h>
#include <stdio.h>

#include "kvm.h"

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: kvm PAYLOAD TEXT");
	setvbuf(stdout, NULL, _IOLBF, 0);
	vm_keep_output(vm_create(argv[1], 64 << 20, 1, false, argv[2]));
	return vm_run(0);
}
