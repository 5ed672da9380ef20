// SPDX-License-Identifier: GPL-2.0
/*
 * MSI-X (PCI Local Bus Specification, MSI-X Capability and Table Structures).
 *
 * One BAR holds the table in its first half and the pending bits in its second. A
 * vector that is masked, alone or with all others, leaves its pending bit, and goes
 * out when the last mask goes.
 */
#include <linux/bitops.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/slab.h>

#include "aerie.h"
#include "dev/irq.h"
#include "dev/pci.h"

#define PBA_OFF		(AERIE_MSIX_BAR_SIZE / 2)
#define CONTROL		(PCI_MSIX_FLAGS)	/* from the start of the capability */

static u16 control(const struct aerie_pci_dev *pci)
{
	return aerie_pci_get(pci, pci->msix_cap + CONTROL, 2);
}

bool aerie_msix_enabled(const struct aerie_pci_dev *pci)
{
	return pci->msix_cap && READ_ONCE(pci->config[pci->msix_cap + CONTROL + 1]) &
				PCI_MSIX_FLAGS_ENABLE >> 8;
}

static bool masked(const struct aerie_pci_dev *pci, unsigned int vector)
{
	return control(pci) & PCI_MSIX_FLAGS_MASKALL ||
	       pci->msix[vector].control & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

void aerie_msix_send_pending(struct aerie_pci_dev *pci)
{
	unsigned int i;

	if (!aerie_msix_enabled(pci))
		return;
	for (i = 0; pci->msix_pending && i < pci->msix_nr; i++) {
		if (!(pci->msix_pending & BIT_ULL(i)) || masked(pci, i))
			continue;
		pci->msix_pending &= ~BIT_ULL(i);
		aerie_msi_send(pci->vm, pci->msix[i].addr, pci->msix[i].data);
	}
}

void aerie_msix_notify(struct aerie_pci_dev *pci, unsigned int vector)
{
	unsigned long flags;

	if (vector >= pci->msix_nr)
		return;
	raw_spin_lock_irqsave(&pci->lock, flags);
	if (aerie_msix_enabled(pci)) {
		pci->msix_pending |= BIT_ULL(vector);
		aerie_msix_send_pending(pci);
	}
	raw_spin_unlock_irqrestore(&pci->lock, flags);
}

/* Table and pending bits are read in double and quad words; narrower ones are undefined. */
static u32 word_read(const struct aerie_pci_dev *pci, u64 off)
{
	const struct aerie_msix_entry *entry = &pci->msix[off / PCI_MSIX_ENTRY_SIZE];

	if (off >= PBA_OFF)
		return off < PBA_OFF + 8 ? pci->msix_pending >> (off - PBA_OFF) * 8 : 0;
	if (off >= pci->msix_nr * PCI_MSIX_ENTRY_SIZE)
		return 0;
	switch (off % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		return entry->addr;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		return entry->addr >> 32;
	case PCI_MSIX_ENTRY_DATA:
		return entry->data;
	default:
		return entry->control;
	}
}

static void word_write(struct aerie_pci_dev *pci, u64 off, u32 val)
{
	struct aerie_msix_entry *entry = &pci->msix[off / PCI_MSIX_ENTRY_SIZE];

	if (off >= pci->msix_nr * PCI_MSIX_ENTRY_SIZE)
		return;
	switch (off % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		entry->addr = (entry->addr & ~0xffffffffull) | (val & ~3u);
		break;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		entry->addr = (u32)entry->addr | (u64)val << 32;
		break;
	case PCI_MSIX_ENTRY_DATA:
		entry->data = val;
		break;
	case PCI_MSIX_ENTRY_VECTOR_CTRL:
		entry->control = val & PCI_MSIX_ENTRY_CTRL_MASKBIT;
		aerie_msix_send_pending(pci);
		break;
	}
}

u64 aerie_msix_read(struct aerie_pci_dev *pci, u64 off, unsigned int size)
{
	unsigned long flags;
	u64 val;

	if (size < 4 || off % size)
		return 0;
	raw_spin_lock_irqsave(&pci->lock, flags);
	val = word_read(pci, off);
	if (size == 8)
		val |= (u64)word_read(pci, off + 4) << 32;
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	return val;
}

void aerie_msix_write(struct aerie_pci_dev *pci, u64 off, unsigned int size, u64 val)
{
	unsigned long flags;

	if (size < 4 || off % size)
		return;
	raw_spin_lock_irqsave(&pci->lock, flags);
	word_write(pci, off, val);
	if (size == 8)
		word_write(pci, off + 4, val >> 32);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
}

void aerie_msix_reset(struct aerie_pci_dev *pci)
{
	unsigned int i;

	if (!pci->msix)
		return;
	pci->msix_pending = 0;
	for (i = 0; i < pci->msix_nr; i++)
		pci->msix[i] = (struct aerie_msix_entry){ .control = PCI_MSIX_ENTRY_CTRL_MASKBIT };
}

int aerie_msix_init(struct aerie_pci_dev *pci, unsigned int bar, unsigned int nr)
{
	u8 cap;

	pci->msix = kcalloc(nr, sizeof(*pci->msix), GFP_KERNEL_ACCOUNT);
	if (!pci->msix)
		return -ENOMEM;
	pci->msix_nr = nr;
	pci->bar_size[bar] = AERIE_MSIX_BAR_SIZE;
	cap = aerie_pci_cap_add(pci, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	aerie_pci_put(pci, cap + PCI_MSIX_FLAGS, 2, nr - 1);
	aerie_pci_put(pci, cap + PCI_MSIX_TABLE, 4, bar);
	aerie_pci_put(pci, cap + PCI_MSIX_PBA, 4, PBA_OFF | bar);
	pci->writable[cap + PCI_MSIX_FLAGS + 1] =
		(PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL) >> 8;
	pci->msix_cap = cap;
	return 0;
}

void aerie_msix_fini(struct aerie_pci_dev *pci)
{
	kfree(pci->msix);
	pci->msix = NULL;
}
