/* SPDX-License-Identifier: GPL-2.0 */
/* What a PCI device says of itself, and the calls between it, the bus and MSI-X. */
#ifndef AERIE_DEV_PCI_H
#define AERIE_DEV_PCI_H

#include <linux/bits.h>
#include <linux/pci_regs.h>
#include <linux/spinlock.h>

#include "types.h"

struct aerie_pci_dev;
struct aerie_vm;

#define AERIE_PCI_SLOTS		32
#define AERIE_PCI_BARS		2	/* memory, 32 bits, not prefetchable */
#define AERIE_PCI_CONFIG	256	/* bytes with content; the rest reads as zero */

/* Where the machine has PCI; the ACPI tables say the same. */
#define AERIE_PCI_MMIO_BASE	0xc0000000u
#define AERIE_PCI_MMIO_LEN	0x20000000u
#define AERIE_PCI_SLOT_LEN	(AERIE_PCI_MMIO_LEN / AERIE_PCI_SLOTS)	/* for BARs at power-on */
#define AERIE_PCI_ECAM_BASE	0xe0000000u
#define AERIE_PCI_ECAM_LEN	0x100000u	/* bus 0 */

/* INTx of a slot: pin A alone, spread over the upper eight inputs of the I/O APIC. */
#define AERIE_PCI_GSI(slot)	(16 + (slot) % 8)

/**
 * struct aerie_pci_ops - what a device does with accesses to its BARs
 * @bar_read: returns the value, zero-extended; @off + @size is within the BAR
 * @bar_write: takes a value, upper bits zero
 * @config_read: brings bytes of configuration space up to date before a read, or NULL
 * @config_write: acts on bytes of it that have been written, or NULL
 *
 * @size is 1, 2, 4 or 8, for configuration space at most 4 and within a double word.
 * Context: preemption off, interrupts off or on; no lock of the PCI device is held.
 */
struct aerie_pci_ops {
	u64 (*bar_read)(struct aerie_pci_dev *pci, unsigned int bar, u64 off,
			unsigned int size);
	void (*bar_write)(struct aerie_pci_dev *pci, unsigned int bar, u64 off,
			  unsigned int size, u64 val);
	void (*config_read)(struct aerie_pci_dev *pci, unsigned int reg);
	void (*config_write)(struct aerie_pci_dev *pci, unsigned int reg);
};

/* A vector of MSI-X: the entry as the guest writes it (PCI, MSI-X Table). */
struct aerie_msix_entry {
	u64 addr;
	u32 data;
	u32 control;
};

/**
 * struct aerie_pci_dev - a PCI function, embedded in its device
 * @vm: the VM
 * @ops: what it does
 * @slot: device number on bus 0, function 0
 * @lock: configuration space, INTx, the MSI-X table; before irq_lock
 * @config: configuration space
 * @writable: bits of it that the guest writes
 * @caps_end: where the next capability goes
 * @bar_size: bytes of each BAR, a power of two from 4096 on; 0: there is none
 * @bar_boot: address each is given at power-on
 * @bar_base: where each BAR is decoded now, or 0; read without the lock
 * @intx: the device asks for INTx
 * @msix_cap: offset of the MSI-X capability, 0: none
 * @msix_nr: vectors
 * @msix: their table
 * @msix_pending: bits of the pending array
 */
struct aerie_pci_dev {
	struct aerie_vm *vm;
	const struct aerie_pci_ops *ops;
	u8 slot;
	raw_spinlock_t lock;
	u8 config[AERIE_PCI_CONFIG];
	u8 writable[AERIE_PCI_CONFIG];
	u8 caps_end;
	u32 bar_size[AERIE_PCI_BARS];
	u32 bar_boot[AERIE_PCI_BARS];
	u32 bar_base[AERIE_PCI_BARS];
	bool intx;
	u8 msix_cap;
	u16 msix_nr;
	struct aerie_msix_entry *msix;
	u64 msix_pending;
};

static inline u32 aerie_pci_get(const struct aerie_pci_dev *pci, unsigned int reg,
				unsigned int size)
{
	u32 val = 0;
	unsigned int i;

	for (i = 0; i < size; i++)
		val |= (u32)pci->config[reg + i] << (8 * i);
	return val;
}

static inline void aerie_pci_put(struct aerie_pci_dev *pci, unsigned int reg,
				 unsigned int size, u32 val)
{
	unsigned int i;

	for (i = 0; i < size; i++)
		pci->config[reg + i] = val >> (8 * i);
}

/**
 * aerie_pci_setup() - fill in configuration space that every device has
 * @pci: zeroed but for vm, ops, bar_size
 * @ids: vendor ID, in the upper half the device ID
 * @class: class code and revision, as in the register
 * @subsystem: subsystem vendor ID, in the upper half the subsystem ID
 */
void aerie_pci_setup(struct aerie_pci_dev *pci, u32 ids, u32 class, u32 subsystem);

/**
 * aerie_pci_cap_add() - append a capability to the list
 * @pci: the device
 * @id: PCI_CAP_ID_*
 * @len: bytes, with ID and next pointer
 *
 * Return: its offset.
 */
u8 aerie_pci_cap_add(struct aerie_pci_dev *pci, u8 id, u8 len);

/**
 * aerie_pci_plug() - put a device into the first free slot
 * @pci: set up, with capabilities
 *
 * Its BARs are given addresses, as firmware would, and are not decoded. The guest can
 * access it before this returns.
 * Context: may sleep; the VM is being built, or its lock is held.
 * Return: 0, or -ENOSPC where all slots are taken.
 */
int aerie_pci_plug(struct aerie_pci_dev *pci);

/**
 * aerie_pci_hide() - take a device off the bus; its slot stays taken
 * @vm: the VM
 * @slot: device number
 *
 * Accesses find nothing there from now on, but those under way go on.
 * Context: any up to hard interrupt. Return: false where nothing was to be seen there.
 */
bool aerie_pci_hide(struct aerie_vm *vm, unsigned int slot);

/* Are all slots taken? Context: the VM's lock is held. */
bool aerie_pci_full(struct aerie_vm *vm);

/*
 * Take it out, hidden or not. Nothing accesses it any more when this returns; that it
 * stays quiet itself is the caller's. Context: may sleep; waits for accesses under way.
 */
void aerie_pci_unplug(struct aerie_pci_dev *pci);

/* Power-on state of what the guest writes. */
void aerie_pci_reset(struct aerie_pci_dev *pci);

/* Drive INTx. Context: any up to hard interrupt. */
void aerie_pci_intx(struct aerie_pci_dev *pci, bool high);

/* msix.c */

#define AERIE_MSIX_MAX		64	/* vectors: bits of the pending array */
#define AERIE_MSIX_BAR_SIZE	4096u

/**
 * aerie_msix_init() - give a device MSI-X, its table in a BAR of its own
 * @pci: set up, not plugged
 * @bar: the BAR, which becomes AERIE_MSIX_BAR_SIZE bytes
 * @nr: vectors, 1 to AERIE_MSIX_MAX
 *
 * Context: may sleep. Return: 0 or -ENOMEM; aerie_msix_fini() frees.
 */
int aerie_msix_init(struct aerie_pci_dev *pci, unsigned int bar, unsigned int nr);
void aerie_msix_fini(struct aerie_pci_dev *pci);
void aerie_msix_reset(struct aerie_pci_dev *pci);

/* Has the guest switched MSI-X on? INTx is of no use then. */
bool aerie_msix_enabled(const struct aerie_pci_dev *pci);

/**
 * aerie_msix_notify() - send a vector's message, or keep it until it is unmasked
 * @pci: the device, with MSI-X enabled; else nothing happens
 * @vector: one that there is not is left alone
 *
 * Context: any up to hard interrupt.
 */
void aerie_msix_notify(struct aerie_pci_dev *pci, unsigned int vector);

/* Accesses to the BAR that holds the table. */
u64 aerie_msix_read(struct aerie_pci_dev *pci, u64 off, unsigned int size);
void aerie_msix_write(struct aerie_pci_dev *pci, u64 off, unsigned int size, u64 val);

/* Send what waits and is masked no longer. Context: pci->lock held. */
void aerie_msix_send_pending(struct aerie_pci_dev *pci);

#endif
