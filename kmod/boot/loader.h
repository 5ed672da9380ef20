/* SPDX-License-Identifier: GPL-2.0 */
/* What the loaders of kmod/boot share: memory map, firmware area, file placement. */
#ifndef AERIE_BOOT_LOADER_H
#define AERIE_BOOT_LOADER_H

#include <asm/bootparam.h>
#include "aerie.h"
#include "boot/boot.h"

/* Types of a memory map entry, the same in E820 and multiboot. */
#define AERIE_E820_RAM		1
#define AERIE_E820_RESERVED	2

#define AERIE_E820_MAX		(AERIE_MAX_RAM + 3)
#define AERIE_EBDA_START	0x9fc00u	/* low RAM ends here for the guest */
#define AERIE_HIGH_RAM		0x100000u	/* the RAM kernels live in starts here */

/* Low memory while a kernel starts; free again as soon as the kernel says so. */
#define AERIE_BOOT_GDT		0x1000u
#define AERIE_BOOT_PARAMS	0x2000u		/* zero page */
#define AERIE_BOOT_PML4		0x3000u
#define AERIE_BOOT_PDPT		0x4000u
#define AERIE_BOOT_PD		0x5000u		/* four of them */
#define AERIE_BOOT_STACK	0x10000u	/* grows down to 0x9000 */
#define AERIE_BOOT_CMDLINE	0x20000u
#define AERIE_BOOT_CMDLINE_MAX	0x10000u	/* with its NUL */

/**
 * aerie_e820_build() - the memory map a guest is told
 * @mem: guest memory
 * @table: room for AERIE_E820_MAX entries, filled in ascending order
 *
 * Return: number of entries.
 */
u32 aerie_e820_build(const struct aerie_mem *mem, struct boot_e820_entry *table);

/**
 * aerie_e820_usable() - is a range free RAM in the map the guest is told
 * @mem: guest memory
 * @start: first byte
 * @len: bytes, not 0; the range may wrap, then it is not usable
 */
bool aerie_e820_usable(const struct aerie_mem *mem, u64 start, u64 len);

/**
 * aerie_high_ram_end() - end of the run of RAM that starts at 1 MiB
 * @mem: guest memory
 *
 * Return: an address below 4 GiB; 1 MiB where there is no such RAM.
 */
u64 aerie_high_ram_end(const struct aerie_mem *mem);

/**
 * aerie_boot_params_write() - write the zero page and what it points at
 * @boot: what is booted
 * @hdr: setup header from the image, with load and initrd addresses filled in
 * @rsdp: address of the RSDP
 *
 * Context: may sleep. Return: 0 or -errno of aerie_mem_write().
 */
int aerie_boot_params_write(const struct aerie_boot *boot, const struct setup_header *hdr,
			    u64 rsdp);

/**
 * aerie_boot_long_mode() - page tables and GDT for a 64-bit entry
 * @mem: guest memory
 * @state: cr3, gdt_base, gdt_limit and long_mode are set
 *
 * Context: may sleep. Return: 0 or -errno of aerie_mem_write().
 */
int aerie_boot_long_mode(struct aerie_mem *mem, struct aerie_boot_state *state);

/**
 * aerie_boot_firmware() - write what a BIOS leaves behind: data area, ACPI tables
 * @boot: what is booted
 * @why: reason of a refusal
 *
 * Context: may sleep. Return: GPA of the RSDP, or -errno.
 */
s64 aerie_boot_firmware(const struct aerie_boot *boot, struct aerie_why *why);

/**
 * aerie_boot_place() - read part of a file straight into guest memory
 * @mem: guest memory
 * @image: the file
 * @off: offset in the file
 * @gpa: where to
 * @len: bytes; the caller has checked both ends
 * @attr: AERIE_A_* attribute that gave the file
 * @why: reason of a refusal
 *
 * Context: may sleep. Return: 0, -EIO (or what the file said), -ENOMEM, -EFAULT.
 */
int aerie_boot_place(struct aerie_mem *mem, struct aerie_image *image, u64 off, gpa_t gpa,
		     u64 len, u32 attr, struct aerie_why *why);

/* Say in words what an error of aerie_mem_write() or of an allocation means. */
int aerie_boot_mem_error(struct aerie_why *why, int err);

/*
 * 1 it is one, 0 it is not, or -errno of the file. Only the magic is looked at:
 * an image that says it is one and is broken is refused by the loader.
 */
int aerie_bzimage_probe(struct aerie_image *kernel);
int aerie_multiboot_probe(struct aerie_image *kernel);

#endif
