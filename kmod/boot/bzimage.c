// SPDX-License-Identifier: GPL-2.0
/*
 * Loads a Linux bzImage for the 64-bit boot protocol.
 *
 * The real-mode part of the file is skipped, the protected-mode part goes to
 * the address the kernel prefers (the decompressor never works below it, so
 * there is nothing to gain from another one), the initrd to the end of RAM
 * below 4 GiB. The file is the user's, but nothing in it is believed: every
 * size is checked against the file and the guest's memory first.
 */
#include <linux/align.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "boot/loader.h"
#include "uapi.h"

#define SECTOR		512u
#define SETUP_HEADER	0x1f1u		/* offset of struct setup_header in the file */
#define HEADER_END	0x202u		/* plus the jump's distance: end of the header */
#define BOOT_FLAG	0xaa55
#define HDRS		0x53726448u	/* "HdrS" */
#define MIN_VERSION	0x020c		/* xloadflags came with 2.12 */
#define ENTRY_64	0x200u		/* of the 64-bit entry in the protected-mode part */

/* A bzImage that has been looked at; what is in here has been checked. */
struct bzimage {
	struct setup_header hdr;
	u64 code_off, code_len;		/* protected-mode part in the file */
	u64 code_gpa;
	u64 ram_end;
};

static int bad_kernel(struct aerie_why *why, const char *msg)
{
	return aerie_refuse(why, -ENOEXEC, AERIE_A_KERNEL_FD, msg);
}

int aerie_bzimage_probe(struct aerie_image *kernel)
{
	struct setup_header hdr;
	u32 len = offsetofend(struct setup_header, version);
	int err;

	if (kernel->size < SETUP_HEADER + len)
		return 0;
	err = kernel->read(kernel, SETUP_HEADER, &hdr, len);
	if (err)
		return err;
	return hdr.boot_flag == BOOT_FLAG && hdr.header == HDRS;
}

static int read_header(const struct aerie_boot *boot, struct bzimage *bz, struct aerie_why *why)
{
	struct aerie_image *kernel = boot->kernel;
	struct setup_header *hdr = &bz->hdr;
	u32 len;
	int err;

	if (kernel->size < SETUP_HEADER + sizeof(*hdr))
		return bad_kernel(why, "the kernel image is truncated");
	err = kernel->read(kernel, SETUP_HEADER, hdr, sizeof(*hdr));
	if (err)
		return aerie_refuse(why, err, AERIE_A_KERNEL_FD, "cannot read the file");

	if (hdr->boot_flag != BOOT_FLAG || hdr->header != HDRS)
		return bad_kernel(why, "not a Linux bzImage");
	if (hdr->version < MIN_VERSION)
		return bad_kernel(why, "the kernel is too old: boot protocol before 2.12");
	if (!(hdr->xloadflags & XLF_KERNEL_64))
		return bad_kernel(why, "not a 64-bit kernel");
	if (!(hdr->loadflags & LOADED_HIGH))
		return bad_kernel(why, "a zImage; only a bzImage can be booted");

	/* The second byte of the jump says where the header ends. */
	len = HEADER_END + (hdr->jump >> 8) - SETUP_HEADER;
	if (len < offsetofend(struct setup_header, init_size))
		return bad_kernel(why, "the kernel's setup header is too short");
	if (len < sizeof(*hdr))
		memset((u8 *)hdr + len, 0, sizeof(*hdr) - len);

	bz->code_off = ((hdr->setup_sects ?: 4) + 1) * SECTOR;
	bz->code_len = (u64)hdr->syssize * 16;
	if (bz->code_off > kernel->size || bz->code_len > kernel->size - bz->code_off)
		return bad_kernel(why, "the kernel image is truncated");
	if (bz->code_len <= ENTRY_64)
		return bad_kernel(why, "the kernel image holds no code");
	return 0;
}

static int check_memory(const struct aerie_boot *boot, struct bzimage *bz, struct aerie_why *why)
{
	const struct setup_header *hdr = &bz->hdr;

	bz->code_gpa = hdr->pref_address;
	bz->ram_end = aerie_high_ram_end(boot->mem);
	if (hdr->init_size < bz->code_len)
		return bad_kernel(why, "the kernel claims to need less memory than its own size");
	if (bz->code_gpa < AERIE_HIGH_RAM || bz->code_gpa >= AERIE_PCI_HOLE_START ||
	    !IS_ALIGNED(bz->code_gpa, PAGE_SIZE))
		return bad_kernel(why, "the kernel asks for an impossible load address");
	if (bz->code_gpa > bz->ram_end || hdr->init_size > bz->ram_end - bz->code_gpa)
		return aerie_refuse(why, -E2BIG, AERIE_A_MEMORY,
				    "memory too small for this kernel");
	return 0;
}

static int check_cmdline(const struct aerie_boot *boot, const struct bzimage *bz,
			 struct aerie_why *why)
{
	size_t len = boot->cmdline ? strlen(boot->cmdline) : 0;

	if (len > bz->hdr.cmdline_size || len >= AERIE_BOOT_CMDLINE_MAX)
		return aerie_refuse(why, -E2BIG, AERIE_A_CMDLINE,
				    "the command line is longer than this kernel takes");
	return 0;
}

static int load_initrd(const struct aerie_boot *boot, struct bzimage *bz, struct aerie_why *why)
{
	struct aerie_image *initrd = boot->initrd;
	u64 top = min_t(u64, bz->ram_end, (u64)bz->hdr.initrd_addr_max + 1);
	u64 bottom = ALIGN(bz->code_gpa + bz->hdr.init_size, PAGE_SIZE);
	u64 gpa;

	bz->hdr.ramdisk_image = 0;
	bz->hdr.ramdisk_size = 0;
	if (!initrd)
		return 0;
	if (!initrd->size)
		return aerie_refuse(why, -EINVAL, AERIE_A_INITRD_FD, "the initrd is empty");
	if (bottom > bz->ram_end || initrd->size > bz->ram_end - bottom)
		return aerie_refuse(why, -E2BIG, AERIE_A_INITRD_FD,
				    "the initrd does not fit into memory beside the kernel");
	if (bottom > top || initrd->size > top - bottom)
		return aerie_refuse(why, -E2BIG, AERIE_A_INITRD_FD,
				    "the initrd is larger than this kernel takes");
	gpa = round_down(top - initrd->size, PAGE_SIZE);
	bz->hdr.ramdisk_image = gpa;
	bz->hdr.ramdisk_size = initrd->size;
	return aerie_boot_place(boot->mem, initrd, 0, gpa, initrd->size, AERIE_A_INITRD_FD, why);
}

int aerie_bzimage_load(const struct aerie_boot *boot, struct aerie_boot_state *state,
		       struct aerie_why *why)
{
	struct bzimage bz;
	s64 rsdp;
	int err;

	if (boot->nr_modules)
		return aerie_refuse(why, -EINVAL, AERIE_A_MODULE_FDS,
				    "Linux takes an initrd, not multiboot modules");
	err = read_header(boot, &bz, why);
	if (!err)
		err = check_memory(boot, &bz, why);
	if (!err)
		err = check_cmdline(boot, &bz, why);
	if (!err)
		err = load_initrd(boot, &bz, why);
	if (!err)
		err = aerie_boot_place(boot->mem, boot->kernel, bz.code_off, bz.code_gpa,
				       bz.code_len, AERIE_A_KERNEL_FD, why);
	if (err)
		return err;

	rsdp = aerie_boot_firmware(boot, why);
	if (rsdp < 0)
		return rsdp;
	bz.hdr.code32_start = bz.code_gpa;
	err = aerie_boot_params_write(boot, &bz.hdr, rsdp);
	if (!err)
		err = aerie_boot_long_mode(boot->mem, state);
	if (err)
		return aerie_boot_mem_error(why, err);

	state->rip = bz.code_gpa + ENTRY_64;
	state->rsi = AERIE_BOOT_PARAMS;
	state->rsp = AERIE_BOOT_STACK;
	return 0;
}
