/* SPDX-License-Identifier: GPL-2.0 */
/* Loading a boot image into guest memory, and the state the first vCPU starts in. */
#ifndef AERIE_BOOT_BOOT_H
#define AERIE_BOOT_BOOT_H

#include "types.h"

struct aerie_mem;
struct aerie_why;

/**
 * struct aerie_image - a file to load, real or a test's buffer
 * @size: bytes
 * @read: read exactly @len bytes at @off into @buf (kernel memory); 0 or -errno.
 *	  May sleep.
 */
struct aerie_image {
	u64 size;
	int (*read)(struct aerie_image *image, u64 off, void *buf, size_t len);
};

/**
 * struct aerie_boot - what is to be booted
 * @mem: guest memory, clear
 * @kernel: bzImage or multiboot image
 * @initrd: or NULL
 * @modules: multiboot modules, @nr_modules of them
 * @cmdline: NUL-terminated, or NULL
 * @nr_vcpus: for the ACPI tables: that there can be
 * @nr_present: the first of them, that there are
 */
struct aerie_boot {
	struct aerie_mem *mem;
	struct aerie_image *kernel;
	struct aerie_image *initrd;
	struct aerie_image **modules;
	u32 nr_modules;
	const char *cmdline;
	u32 nr_vcpus, nr_present;
};

/**
 * struct aerie_boot_state - state of the first vCPU at its first instruction
 * @long_mode: 64-bit with flat segments, CR3 = @cr3, GDT as the Linux boot
 *	       protocol wants (0x10 code, 0x18 data); else 32-bit protected mode
 *	       without paging as multiboot wants
 * @regs: RIP, RSP, RAX, RBX, RSI; the others are 0
 */
struct aerie_boot_state {
	bool long_mode;
	u64 cr3;
	u64 gdt_base;
	u16 gdt_limit;
	u64 rip, rsp, rax, rbx, rsi;
};

/**
 * aerie_boot_load() - recognise and load the image, tables and command line
 * @boot: what to load
 * @state: filled in
 * @why: reason of a refusal, with the attribute at fault
 *
 * A multiboot 1 header wins over a bzImage header only where the image is not
 * a bzImage. Nothing in a refused image is trusted: sizes and addresses are
 * checked against the file and guest memory before use.
 * Context: may sleep.
 * Return: 0; -ENOEXEC not a kernel we know, or a broken one; -E2BIG does not
 * fit into memory; -ENOMEM; -EIO.
 */
int aerie_boot_load(const struct aerie_boot *boot, struct aerie_boot_state *state,
		    struct aerie_why *why);

/* bzimage.c and multiboot.c: as aerie_boot_load(); *_probe() say whether it is one. */
int aerie_bzimage_load(const struct aerie_boot *boot, struct aerie_boot_state *state,
		       struct aerie_why *why);
int aerie_multiboot_load(const struct aerie_boot *boot, struct aerie_boot_state *state,
			 struct aerie_why *why);

/**
 * aerie_acpi_build() - write the ACPI tables into the BIOS area
 * @mem: guest memory; tables end up at 0xe0000-0xfffff
 * @nr_vcpus: processors in the MADT
 * @nr_present: the first of them, which are there now
 *
 * Context: may sleep. Return: GPA of the RSDP, or -errno.
 */
s64 aerie_acpi_build(struct aerie_mem *mem, u32 nr_vcpus, u32 nr_present);

#define AERIE_BIOS_START	0xe0000u	/* reserved in the guest's memory map */
#define AERIE_BIOS_END		0x100000u
#define AERIE_LAPIC_BASE	0xfee00000u

#endif
