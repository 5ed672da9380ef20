// SPDX-License-Identifier: GPL-2.0
/*
 * The boot loaders on any file; the multiboot header's magic and checksum are
 * made right where the input says so. The image may only ever start in RAM.
 */
// sources: kmod/boot/load.c kmod/boot/bzimage.c kmod/boot/bootparams.c kmod/boot/multiboot.c kmod/boot/acpi.c kmod/boot/aml.c
#include "fake_mem.h"
#include "fake_image.h"
#include "boot/loader.h"

struct input {
	u8 memory_mib;		/* 1 to 256 */
	u8 nr_modules;
	u16 header_off;		/* in words; 0xffff: leave the file alone */
} __packed;

static u8 file[16384];

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct aerie_image *mods[256];
	struct aerie_boot_state state;
	struct aerie_why why = { 0 };
	struct fake_image kernel;
	struct aerie_mem mem;
	struct aerie_boot boot = { .mem = &mem, .modules = mods, .nr_vcpus = 1, .nr_present = 1 };
	struct input in;
	u32 header[3];
	int err, i;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	size = min_t(u64, size - sizeof(in), sizeof(file));
	memcpy(file, data + sizeof(in), size);
	if (in.header_off * 4 + sizeof(header) <= size) {
		memcpy(header, file + in.header_off * 4, sizeof(header));
		header[0] = 0x1badb002;
		header[2] = -(header[0] + header[1]);
		memcpy(file + in.header_off * 4, header, sizeof(header));
	}

	aerie_mem_init(&mem, ((u64)in.memory_mib + 1) << 20, NULL);
	kernel = fake_image(file, size);
	boot.kernel = &kernel.image;
	boot.nr_modules = in.nr_modules;
	for (i = 0; i < in.nr_modules; i++)
		mods[i] = &kernel.image;

	err = aerie_boot_load(&boot, &state, &why);
	if (!err != !why.msg || err > 0)
		abort();
	if (!err && !aerie_e820_usable(&mem, state.rip, 1))
		abort();
	aerie_mem_fini(&mem);
	return 0;
}
