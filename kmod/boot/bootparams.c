// SPDX-License-Identifier: GPL-2.0
/*
 * The memory map, and the state of the 64-bit Linux boot protocol: zero page,
 * page tables, GDT (Documentation/arch/x86/boot.rst, 64-bit Boot Protocol).
 *
 * The guest is told of less RAM than it has: the last KiB before 640 KiB is the
 * extended BIOS data area, and what lies between 768 KiB and 1 MiB is left out,
 * its end (the BIOS area with the ACPI tables) marked as reserved.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "boot/loader.h"

static u32 e820_add(struct boot_e820_entry *table, u32 n, u64 start, u64 end, u32 type)
{
	if (start >= end)
		return n;
	table[n].addr = start;
	table[n].size = end - start;
	table[n].type = type;
	return n + 1;
}

u32 aerie_e820_build(const struct aerie_mem *mem, struct boot_e820_entry *table)
{
	unsigned int i;
	u32 n = 0;

	for (i = 0; i < mem->nr_ram; i++)
		n = e820_add(table, n, mem->ram[i].start,
			     min_t(u64, mem->ram[i].end, AERIE_EBDA_START), AERIE_E820_RAM);
	n = e820_add(table, n, AERIE_EBDA_START, AERIE_LOWMEM_END, AERIE_E820_RESERVED);
	n = e820_add(table, n, AERIE_BIOS_START, AERIE_BIOS_END, AERIE_E820_RESERVED);
	for (i = 0; i < mem->nr_ram; i++)
		n = e820_add(table, n, max_t(u64, mem->ram[i].start, AERIE_HIGH_RAM),
			     mem->ram[i].end, AERIE_E820_RAM);
	return n;
}

bool aerie_e820_usable(const struct aerie_mem *mem, u64 start, u64 len)
{
	struct boot_e820_entry table[AERIE_E820_MAX];
	u32 i, n = aerie_e820_build(mem, table);

	for (i = 0; i < n; i++) {
		if (table[i].type == AERIE_E820_RAM && start >= table[i].addr &&
		    start - table[i].addr < table[i].size &&
		    len <= table[i].size - (start - table[i].addr))
			return true;
	}
	return false;
}

u64 aerie_high_ram_end(const struct aerie_mem *mem)
{
	unsigned int i;

	for (i = 0; i < mem->nr_ram; i++) {
		if (mem->ram[i].start <= AERIE_HIGH_RAM && mem->ram[i].end > AERIE_HIGH_RAM)
			return mem->ram[i].end;
	}
	return AERIE_HIGH_RAM;
}

int aerie_boot_params_write(const struct aerie_boot *boot, const struct setup_header *hdr,
			    u64 rsdp)
{
	const char *cmdline = boot->cmdline ?: "";
	struct boot_params *params;
	int err;

	BUILD_BUG_ON(sizeof(*params) != PAGE_SIZE);
	BUILD_BUG_ON(AERIE_E820_MAX > E820_MAX_ENTRIES_ZEROPAGE);

	params = kzalloc(sizeof(*params), GFP_KERNEL);
	if (!params)
		return -ENOMEM;
	params->hdr = *hdr;
	params->hdr.type_of_loader = 0xff;	/* none that has a number */
	params->hdr.cmd_line_ptr = AERIE_BOOT_CMDLINE;
	params->hdr.setup_data = 0;
	params->acpi_rsdp_addr = rsdp;
	params->e820_entries = aerie_e820_build(boot->mem, params->e820_table);

	err = aerie_mem_write(boot->mem, AERIE_BOOT_PARAMS, params, sizeof(*params), GFP_KERNEL);
	kfree(params);
	if (err)
		return err;
	return aerie_mem_write(boot->mem, AERIE_BOOT_CMDLINE, cmdline, strlen(cmdline) + 1,
			       GFP_KERNEL);
}

/* Present, writable, accessed; the last two bits are dirty and large page. */
#define PT_TABLE	0x23ull
#define PT_LARGE	0xe3ull

#define NR_PD		4	/* one GiB each: all of the 32-bit address space */

int aerie_boot_long_mode(struct aerie_mem *mem, struct aerie_boot_state *state)
{
	static const u64 gdt[] = {
		0, 0,
		0x00af9b000000ffffull,	/* 0x10: code, 64-bit */
		0x00cf93000000ffffull,	/* 0x18: data, flat */
	};
	u64 entry, *table;
	unsigned int i, pd;
	int err;

	table = kzalloc(PAGE_SIZE, GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	for (pd = 0; pd < NR_PD; pd++)
		table[pd] = (AERIE_BOOT_PD + pd * PAGE_SIZE) | PT_TABLE;
	err = aerie_mem_write(mem, AERIE_BOOT_PDPT, table, PAGE_SIZE, GFP_KERNEL);
	for (pd = 0; pd < NR_PD && !err; pd++) {
		for (i = 0; i < 512; i++)
			table[i] = (u64)(pd * 512 + i) << 21 | PT_LARGE;
		err = aerie_mem_write(mem, AERIE_BOOT_PD + pd * PAGE_SIZE, table, PAGE_SIZE,
				      GFP_KERNEL);
	}
	kfree(table);
	if (err)
		return err;
	/* The rest of the table's page is clear: guest memory starts that way. */
	entry = AERIE_BOOT_PDPT | PT_TABLE;
	err = aerie_mem_write(mem, AERIE_BOOT_PML4, &entry, sizeof(entry), GFP_KERNEL);
	if (err)
		return err;
	err = aerie_mem_write(mem, AERIE_BOOT_GDT, gdt, sizeof(gdt), GFP_KERNEL);
	if (err)
		return err;

	state->long_mode = true;
	state->cr3 = AERIE_BOOT_PML4;
	state->gdt_base = AERIE_BOOT_GDT;
	state->gdt_limit = sizeof(gdt) - 1;
	return 0;
}
