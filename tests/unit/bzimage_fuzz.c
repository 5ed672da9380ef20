// SPDX-License-Identifier: GPL-2.0
/*
 * The boot loaders on any file whose header says bzImage. The input's first
 * bytes choose memory size, initrd and command line; the rest is the file's
 * setup header, behind which the file continues with what else there is.
 */
// sources: kmod/boot/load.c kmod/boot/bzimage.c kmod/boot/bootparams.c kmod/boot/multiboot.c kmod/boot/acpi.c kmod/boot/aml.c
#include "fake_mem.h"
#include "fake_image.h"
#include "boot/loader.h"

struct input {
	u8 memory_mib;		/* 1 to 256 */
	u8 initrd_kib;		/* 0 for none */
	u16 cmdline_len;
	u16 file_kib;
	u8 header[0x7f];
} __packed;

static u8 file[1 << 20], cmdline[1 << 16];

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct aerie_boot_state state;
	struct aerie_why why = { 0 };
	struct fake_image kernel, initrd;
	struct aerie_mem mem;
	struct aerie_boot boot = { .mem = &mem, .cmdline = (char *)cmdline };
	struct input in;
	int err;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	memset(file, 0, sizeof(file));
	memcpy(file + 0x1f1, in.header, sizeof(in.header));
	memcpy(file + 0x1000, data, size < 0x1000 ? size : 0x1000);
	memset(cmdline, 'x', in.cmdline_len);
	cmdline[in.cmdline_len] = 0;

	aerie_mem_init(&mem, ((u64)in.memory_mib + 1) << 20, NULL);
	kernel = fake_image(file, min_t(u64, (in.file_kib << 8), sizeof(file)));
	initrd = fake_image(file, (u64)in.initrd_kib << 10);
	boot.kernel = &kernel.image;
	boot.initrd = in.initrd_kib ? &initrd.image : NULL;
	boot.nr_vcpus = 1;
	boot.nr_present = 1;

	err = aerie_boot_load(&boot, &state, &why);
	if (!err != !why.msg || err > 0)
		abort();
	if (!err && state.long_mode && (!aerie_e820_usable(&mem, state.rip, 1) ||
					!aerie_e820_usable(&mem, state.rsi, 4096)))
		abort();
	aerie_mem_fini(&mem);
	return 0;
}
