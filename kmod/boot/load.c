// SPDX-License-Identifier: GPL-2.0
/* Recognises boot images, and does what every loader needs. */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>

#include "uapi.h"
#include "boot/loader.h"

/* BIOS data area */
#define BDA_COM1	0x400	/* port of the first serial port */
#define BDA_EBDA	0x40e	/* segment of the extended BIOS data area */
#define BDA_BASE_KB	0x413	/* KiB of base memory */

int aerie_boot_mem_error(struct aerie_why *why, int err)
{
	if (err == -EFAULT)
		return aerie_refuse(why, -E2BIG, AERIE_A_MEMORY,
				    "memory too small to boot in");
	return aerie_refuse(why, err, 0, "the host has no memory for the boot image");
}

/* The part of a file that goes into one page. */
static int place_page(struct aerie_mem *mem, struct aerie_image *image, u64 off, gpa_t gpa,
		      u64 len, u32 attr, struct aerie_why *why)
{
	int held = aerie_mem_hold(), err;

	err = aerie_mem_populate(mem, gpa, GFP_KERNEL);
	if (err) {
		err = aerie_boot_mem_error(why, err);
	} else {
		err = image->read(image, off, aerie_mem_kaddr(mem, gpa), len);
		if (err)
			aerie_refuse(why, err, attr, "cannot read the file");
	}
	aerie_mem_release(held);
	return err;
}

int aerie_boot_place(struct aerie_mem *mem, struct aerie_image *image, u64 off, gpa_t gpa,
		     u64 len, u32 attr, struct aerie_why *why)
{
	while (len) {
		u64 chunk = min_t(u64, len, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
		int err = place_page(mem, image, off, gpa, chunk, attr, why);

		if (err)
			return err;
		off += chunk;
		gpa += chunk;
		len -= chunk;
		cond_resched();
	}
	return 0;
}

s64 aerie_boot_firmware(const struct aerie_boot *boot, struct aerie_why *why)
{
	static const struct {
		u16 gpa, val;
	} bda[] = {
		{ BDA_COM1, 0x3f8 },
		{ BDA_EBDA, AERIE_EBDA_START >> 4 },
		{ BDA_BASE_KB, AERIE_EBDA_START >> 10 },
	};
	s64 rsdp;
	int i, err;

	for (i = 0; i < ARRAY_SIZE(bda); i++) {
		err = aerie_mem_write(boot->mem, bda[i].gpa, &bda[i].val, sizeof(bda[i].val),
				      GFP_KERNEL);
		if (err)
			return aerie_boot_mem_error(why, err);
	}
	rsdp = aerie_acpi_build(boot->mem, boot->nr_vcpus, boot->nr_present);
	if (rsdp < 0)
		return aerie_boot_mem_error(why, rsdp);
	return rsdp;
}

static const char elf_magic[4] = "\177ELF";

int aerie_boot_load(const struct aerie_boot *boot, struct aerie_boot_state *state,
		    struct aerie_why *why)
{
	struct aerie_image *kernel = boot->kernel;
	char magic[sizeof(elf_magic)];
	int is;

	memset(state, 0, sizeof(*state));
	is = aerie_bzimage_probe(kernel);
	if (is > 0)
		return aerie_bzimage_load(boot, state, why);
	if (!is)
		is = aerie_multiboot_probe(kernel);
	if (is > 0)
		return aerie_multiboot_load(boot, state, why);
	if (!is && kernel->size >= sizeof(magic))
		is = kernel->read(kernel, 0, magic, sizeof(magic));
	if (is < 0)
		return aerie_refuse(why, is, AERIE_A_KERNEL_FD, "cannot read the file");
	if (kernel->size >= sizeof(magic) && !memcmp(magic, elf_magic, sizeof(magic)))
		return aerie_refuse(why, -ENOEXEC, AERIE_A_KERNEL_FD,
				    "an ELF file without a multiboot header; of Linux, give the bzImage");
	return aerie_refuse(why, -ENOEXEC, AERIE_A_KERNEL_FD,
			    "not a kernel: neither a Linux bzImage nor a multiboot image");
}
