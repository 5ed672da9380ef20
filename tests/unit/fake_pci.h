/* SPDX-License-Identifier: GPL-2.0 */
/* Accesses of a guest to the PCI bus of the fake machine. Needs fake_machine.h. */
#ifndef FAKE_PCI_H
#define FAKE_PCI_H

#include "dev/pci.h"

static __maybe_unused u64 mem_in(u64 gpa, unsigned int size)
{
	u64 val;

	aerie_bus_read(&vm.mmio, NULL, gpa, size, &val);
	return val;
}

static __maybe_unused void mem_out(u64 gpa, unsigned int size, u64 val)
{
	aerie_bus_write(&vm.mmio, NULL, gpa, size, val);
}

static u64 ecam(unsigned int slot, unsigned int reg)
{
	return AERIE_PCI_ECAM_BASE + (slot << 15) + reg;
}

static __maybe_unused u64 config_in(unsigned int slot, unsigned int reg, unsigned int size)
{
	return mem_in(ecam(slot, reg), size);
}

static __maybe_unused void config_out(unsigned int slot, unsigned int reg, unsigned int size,
				      u64 val)
{
	mem_out(ecam(slot, reg), size, val);
}

/* The next capability with @id after the one at @cap, or from the first where 0. */
static __maybe_unused u8 cap_find(unsigned int slot, u8 cap, u8 id)
{
	cap = config_in(slot, cap ? cap + PCI_CAP_LIST_NEXT : PCI_CAPABILITY_LIST, 1);
	while (cap && config_in(slot, cap, 1) != id)
		cap = config_in(slot, cap + PCI_CAP_LIST_NEXT, 1);
	return cap;
}

#endif
