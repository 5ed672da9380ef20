// SPDX-License-Identifier: GPL-2.0
/*
 * Wiring between device models and interrupt controllers: lines, PIC output, MSI.
 *
 * A line is the OR of its sources. Only changes of the OR reach the chips, and
 * they reach them under the VM's irq_lock, so that two threads which drive one
 * line cannot deliver its edges in the wrong order. Lock order: device, irq_lock,
 * PIC or I/O APIC.
 */
#include <linux/bits.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/spinlock.h>

#include "aerie.h"
#include "dev/chips.h"
#include "dev/irq.h"
#include "dev/lapic.h"

void aerie_irq_set(struct aerie_vm *vm, unsigned int gsi, unsigned int source, bool high)
{
	unsigned long flags;
	u64 old, new;

	raw_spin_lock_irqsave(&vm->irq_lock, flags);
	old = vm->irq_sources[gsi];
	new = high ? old | BIT_ULL(source) : old & ~BIT_ULL(source);
	vm->irq_sources[gsi] = new;
	if (!old != !new) {
		if (gsi < 16)
			aerie_pic_set(vm->pic, gsi, new);
		aerie_ioapic_set(vm->ioapic, gsi ? gsi : 2, new);
	}
	raw_spin_unlock_irqrestore(&vm->irq_lock, flags);
}

/* Whoever has taken it does not wait for others, who may only seem to listen. */
enum aerie_edge aerie_irq_edge(struct aerie_vm *vm, unsigned int gsi)
{
	int pic = gsi < 16 ? aerie_pic_waits(vm->pic, gsi) : -1;
	int ioapic = aerie_ioapic_waits(vm->ioapic, gsi ? gsi : 2);

	if (pic < 0 && ioapic < 0)
		return AERIE_EDGE_UNHEARD;
	return pic && ioapic ? AERIE_EDGE_WAITS : AERIE_EDGE_TAKEN;
}

void aerie_pic_intr(struct aerie_vm *vm)
{
	unsigned int i;

	/* INTR is wired to every local APIC's LINT0; mostly one lets it through. */
	for (i = 0; i < vm->nr_vcpus; i++)
		aerie_lapic_lint(vm->vcpus[i], 0);
}

/* Fields of message address and data (SDM, Message Signalled Interrupts). */
#define MSI_ADDR_BASE		0xfee00000ull
#define MSI_ADDR_BASE_MASK	(~0ull << 20)
#define MSI_ADDR_DEST_SHIFT	12
#define MSI_ADDR_REDIRECTION	BIT(3)
#define MSI_ADDR_LOGICAL	BIT(2)
#define MSI_DATA_MODE_SHIFT	8
#define MSI_DATA_MODE		7
#define MSI_DATA_LEVEL		BIT(15)

int aerie_msi_send(struct aerie_vm *vm, u64 addr, u32 data)
{
	struct aerie_apic_msg msg = {
		.dest = addr >> MSI_ADDR_DEST_SHIFT & 0xff,
		.vector = data & 0xff,
		.mode = data >> MSI_DATA_MODE_SHIFT & MSI_DATA_MODE,
		.logical = addr & MSI_ADDR_LOGICAL,
		.level = data & MSI_DATA_LEVEL,
	};

	if ((addr & MSI_ADDR_BASE_MASK) != MSI_ADDR_BASE)
		return -EINVAL;
	/* Reserved in a message: nobody takes it. */
	if (msg.mode == 3 || msg.mode == AERIE_DELIVER_SIPI)
		return 0;
	/* The redirection hint asks for one of the addressed processors. */
	if (addr & MSI_ADDR_REDIRECTION && msg.logical && msg.mode == AERIE_DELIVER_FIXED)
		msg.mode = AERIE_DELIVER_LOWEST;
	return aerie_apic_send(vm, &msg);
}
