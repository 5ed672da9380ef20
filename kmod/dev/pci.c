// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI host bridge: configuration space, and where BARs are decoded.
 *
 * One bus, devices of one function each. Configuration space is reached by mechanism
 * 1 (ports 0xcf8 and 0xcfc) and by ECAM; port 0xcf9 in between is the reset control
 * register of pm.c, as on every PC. A device's registers are bytes with a mask of
 * what the guest writes; what a write means follows from the bytes afterwards.
 *
 * The memory window is one range on the bus, claimed once: guests move BARs by
 * configuration writes, whose handlers may not sleep. Each BAR says where it is
 * decoded in one word, which accesses compare without a lock.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "aerie.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/pci.h"

/* The bridge's own function: the identity that virtual hosts have. */
#define HOST_IDS		0x00081b36u
#define HOST_CLASS		(0x060000u << 8)
#define HOST_SUBSYSTEM		0x11001af4u

#define ADDRESS_PORT		0xcf8
#define DATA_PORT		0xcfc
#define ADDRESS_ENABLE		BIT(31)
#define RESET_OFF		(AERIE_RESET_PORT - ADDRESS_PORT)

/* Bits of the command register that mean something here. */
#define COMMAND_MASK		(PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE)
#define CAPS_START		0x40

enum { RANGE_PORTS, RANGE_ECAM, RANGE_MMIO, NR_RANGES };

struct pci_state {
	u32 address;		/* port 0xcf8 */
};

struct aerie_pci {
	struct aerie_dev dev;
	struct pci_state s;
	struct aerie_pci_dev *slots[AERIE_PCI_SLOTS];	/* as the guest sees them; under RCU */
	u32 taken;			/* slots that have a device, seen or not; VM's lock */
	struct aerie_pci_dev self;
	unsigned int hint;		/* slot whose BAR was accessed last */
	struct aerie_range ranges[NR_RANGES];
};

/* ---- One device ----------------------------------------------------------- */

void aerie_pci_setup(struct aerie_pci_dev *pci, u32 ids, u32 class, u32 subsystem)
{
	raw_spin_lock_init(&pci->lock);
	aerie_pci_put(pci, PCI_VENDOR_ID, 4, ids);
	aerie_pci_put(pci, PCI_CLASS_REVISION, 4, class);
	aerie_pci_put(pci, PCI_SUBSYSTEM_VENDOR_ID, 4, subsystem);
	pci->writable[PCI_COMMAND] = COMMAND_MASK & 0xff;
	pci->writable[PCI_COMMAND + 1] = COMMAND_MASK >> 8;
	pci->writable[PCI_INTERRUPT_LINE] = 0xff;
}

u8 aerie_pci_cap_add(struct aerie_pci_dev *pci, u8 id, u8 len)
{
	u8 link = PCI_CAPABILITY_LIST, at = pci->caps_end ?: CAPS_START;

	while (pci->config[link])
		link = pci->config[link] + PCI_CAP_LIST_NEXT;
	pci->config[link] = at;
	pci->config[at + PCI_CAP_LIST_ID] = id;
	pci->caps_end = ALIGN(at + len, 4);
	aerie_pci_put(pci, PCI_STATUS, 2, PCI_STATUS_CAP_LIST);
	return at;
}

/* Drive the line as device and command register say. */
static void intx_update(struct aerie_pci_dev *pci)
{
	u16 command = aerie_pci_get(pci, PCI_COMMAND, 2);

	lockdep_assert_held(&pci->lock);
	if (pci->intx)
		pci->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
	else
		pci->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
	aerie_irq_set(pci->vm, AERIE_PCI_GSI(pci->slot), AERIE_IRQ_PCI + pci->slot,
		      pci->intx && !(command & PCI_COMMAND_INTX_DISABLE) &&
		      !aerie_msix_enabled(pci));
}

void aerie_pci_intx(struct aerie_pci_dev *pci, bool high)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&pci->lock, flags);
	pci->intx = high;
	intx_update(pci);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
}

static u32 bar_reg(unsigned int bar)
{
	return PCI_BASE_ADDRESS_0 + 4 * bar;
}

/* Where BARs are decoded: within the window, and only with memory space on. */
static void bars_update(struct aerie_pci_dev *pci)
{
	bool on = pci->config[PCI_COMMAND] & PCI_COMMAND_MEMORY;
	unsigned int i;
	u32 base;

	for (i = 0; i < AERIE_PCI_BARS; i++) {
		base = aerie_pci_get(pci, bar_reg(i), 4) & PCI_BASE_ADDRESS_MEM_MASK;
		if (!on || !pci->bar_size[i] || base < AERIE_PCI_MMIO_BASE ||
		    base - AERIE_PCI_MMIO_BASE > AERIE_PCI_MMIO_LEN - pci->bar_size[i])
			base = 0;
		WRITE_ONCE(pci->bar_base[i], base);
	}
}

static void config_written(struct aerie_pci_dev *pci)
{
	lockdep_assert_held(&pci->lock);
	bars_update(pci);
	if (pci->msix_cap)
		aerie_msix_send_pending(pci);
	intx_update(pci);
}

static u32 config_read(struct aerie_pci_dev *pci, unsigned int reg, unsigned int size)
{
	unsigned long flags;
	u32 val;

	if (pci->ops && pci->ops->config_read)
		pci->ops->config_read(pci, reg);
	raw_spin_lock_irqsave(&pci->lock, flags);
	val = aerie_pci_get(pci, reg, size);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	return val;
}

static void config_write(struct aerie_pci_dev *pci, unsigned int reg, unsigned int size, u32 val)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&pci->lock, flags);
	for (i = reg; i < reg + size; i++, val >>= 8)
		pci->config[i] = (pci->config[i] & ~pci->writable[i]) | (val & pci->writable[i]);
	config_written(pci);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
	if (pci->ops && pci->ops->config_write)
		pci->ops->config_write(pci, reg);
}

void aerie_pci_reset(struct aerie_pci_dev *pci)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&pci->lock, flags);
	pci->intx = false;
	aerie_msix_reset(pci);
	for (i = 0; i < AERIE_PCI_CONFIG; i++)
		if (i < PCI_BASE_ADDRESS_0 || i >= bar_reg(AERIE_PCI_BARS))
			pci->config[i] &= ~pci->writable[i];
	for (i = 0; i < AERIE_PCI_BARS; i++)
		aerie_pci_put(pci, bar_reg(i), 4, pci->bar_boot[i]);
	config_written(pci);
	raw_spin_unlock_irqrestore(&pci->lock, flags);
}

/* ---- The bus -------------------------------------------------------------- */

int aerie_pci_plug(struct aerie_pci_dev *pci)
{
	struct aerie_pci *host = pci->vm->pci;
	unsigned int slot, i;
	u32 addr;

	for (slot = 0; slot < AERIE_PCI_SLOTS && host->taken & BIT(slot); slot++)
		;
	if (slot == AERIE_PCI_SLOTS)
		return -ENOSPC;
	pci->slot = slot;
	addr = AERIE_PCI_MMIO_BASE + slot * AERIE_PCI_SLOT_LEN;
	for (i = 0; i < AERIE_PCI_BARS; i++) {
		if (!pci->bar_size[i])
			continue;
		addr = ALIGN(addr, pci->bar_size[i]);
		pci->bar_boot[i] = addr;
		addr += pci->bar_size[i];
		/* The low bits of what is written do not stick: that tells the size. */
		aerie_pci_put(pci, bar_reg(i), 4, ~(pci->bar_size[i] - 1));
		memcpy(pci->writable + bar_reg(i), pci->config + bar_reg(i), 4);
	}
	aerie_pci_reset(pci);
	host->taken |= BIT(slot);
	smp_store_release(&host->slots[slot], pci);
	return 0;
}

bool aerie_pci_hide(struct aerie_vm *vm, unsigned int slot)
{
	return xchg(&vm->pci->slots[slot], NULL);
}

bool aerie_pci_full(struct aerie_vm *vm)
{
	return vm->pci->taken == ~0u;
}

void aerie_pci_unplug(struct aerie_pci_dev *pci)
{
	struct aerie_pci *host = pci->vm->pci;

	aerie_pci_hide(pci->vm, pci->slot);
	/* Handlers run with preemption off. */
	synchronize_rcu_expedited();
	aerie_pci_intx(pci, false);
	host->taken &= ~BIT(pci->slot);
}

/* The device at @slot, its configuration space at @reg, or NULL. */
static struct aerie_pci_dev *config_find(struct aerie_pci *host, u32 bus, u32 devfn,
					 unsigned int reg)
{
	if (bus || devfn & 7 || reg >= AERIE_PCI_CONFIG)
		return NULL;
	return READ_ONCE(host->slots[devfn >> 3]);
}

static struct aerie_pci_dev *data_find(struct aerie_pci *host, u64 off, unsigned int *reg)
{
	u32 address = READ_ONCE(host->s.address);

	if (!(address & ADDRESS_ENABLE))
		return NULL;
	*reg = (address & 0xfc) + off;
	return config_find(host, address >> 16 & 0xff, address >> 8 & 0xff, *reg);
}

#define DATA_OFF	(DATA_PORT - ADDRESS_PORT)

static u64 ports_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size)
{
	struct aerie_pci *host = container_of(range, struct aerie_pci, ranges[RANGE_PORTS]);
	struct aerie_pci_dev *pci;
	unsigned int reg;

	if (off >= DATA_OFF) {
		pci = data_find(host, off - DATA_OFF, &reg);
		return pci ? config_read(pci, reg, size) : ~0ull;
	}
	if (off == RESET_OFF && size == 1)
		return aerie_pm_reset_read(host->dev.vm);
	return !off && size == 4 ? READ_ONCE(host->s.address) : ~0ull;
}

static void ports_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			unsigned int size, u64 val)
{
	struct aerie_pci *host = container_of(range, struct aerie_pci, ranges[RANGE_PORTS]);
	struct aerie_pci_dev *pci;
	unsigned int reg;

	if (off >= DATA_OFF) {
		pci = data_find(host, off - DATA_OFF, &reg);
		if (pci)
			config_write(pci, reg, size, val);
	} else if (off == RESET_OFF && size == 1) {
		aerie_pm_reset_write(host->dev.vm, val);
	} else if (!off && size == 4) {
		WRITE_ONCE(host->s.address, val);
	}
}

/* ECAM: 4 KiB for each function. Quad words are two accesses. */
static u64 ecam_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		     unsigned int size)
{
	struct aerie_pci *host = container_of(range, struct aerie_pci, ranges[RANGE_ECAM]);
	struct aerie_pci_dev *pci = config_find(host, 0, off >> 12, 0);
	unsigned int reg = off & 0xfff;
	u64 val;

	if (!pci || (reg & 3) + min(size, 4u) > 4)
		return ~0ull;
	if (reg >= AERIE_PCI_CONFIG)
		return 0;
	val = config_read(pci, reg, min(size, 4u));
	if (size == 8 && reg + 4 < AERIE_PCI_CONFIG)
		val |= (u64)config_read(pci, reg + 4, 4) << 32;
	return val;
}

static void ecam_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size, u64 val)
{
	struct aerie_pci *host = container_of(range, struct aerie_pci, ranges[RANGE_ECAM]);
	struct aerie_pci_dev *pci = config_find(host, 0, off >> 12, 0);
	unsigned int reg = off & 0xfff;

	if (!pci || (reg & 3) + min(size, 4u) > 4 || reg >= AERIE_PCI_CONFIG)
		return;
	config_write(pci, reg, min(size, 4u), val);
	if (size == 8 && reg + 4 < AERIE_PCI_CONFIG)
		config_write(pci, reg + 4, 4, val >> 32);
}

/* The BAR of @pci that decodes @addr, or -1. */
static int bar_match(const struct aerie_pci_dev *pci, u32 addr, u64 *off)
{
	unsigned int i;
	u32 base;

	for (i = 0; i < AERIE_PCI_BARS; i++) {
		base = READ_ONCE(pci->bar_base[i]);
		if (base && addr - base < pci->bar_size[i]) {
			*off = addr - base;
			return i;
		}
	}
	return -1;
}

/* The device and BAR at @off of the window. Guests mostly stay with one device. */
static struct aerie_pci_dev *mmio_find(struct aerie_pci *host, u64 *off, unsigned int size,
				       int *bar)
{
	unsigned int hint = READ_ONCE(host->hint), slot = hint;
	u32 addr = AERIE_PCI_MMIO_BASE + *off;
	struct aerie_pci_dev *pci;

	do {
		pci = READ_ONCE(host->slots[slot]);
		*bar = pci ? bar_match(pci, addr, off) : -1;
		if (*bar >= 0) {
			if (slot != hint)
				WRITE_ONCE(host->hint, slot);
			return *off + size <= pci->bar_size[*bar] ? pci : NULL;
		}
		slot = (slot + 1) % AERIE_PCI_SLOTS;
	} while (slot != hint);
	return NULL;
}

static u64 mmio_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		     unsigned int size)
{
	struct aerie_pci *host = container_of(range, struct aerie_pci, ranges[RANGE_MMIO]);
	struct aerie_pci_dev *pci;
	int bar;

	pci = mmio_find(host, &off, size, &bar);
	return pci ? pci->ops->bar_read(pci, bar, off, size) : ~0ull;
}

static void mmio_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size, u64 val)
{
	struct aerie_pci *host = container_of(range, struct aerie_pci, ranges[RANGE_MMIO]);
	struct aerie_pci_dev *pci;
	int bar;

	pci = mmio_find(host, &off, size, &bar);
	if (pci)
		pci->ops->bar_write(pci, bar, off, size, val);
}

static const struct aerie_range_ops ports_ops = { .read = ports_read, .write = ports_write };
static const struct aerie_range_ops ecam_ops = { .read = ecam_read, .write = ecam_write };
static const struct aerie_range_ops mmio_ops = { .read = mmio_read, .write = mmio_write };

static const struct aerie_range pci_ranges[NR_RANGES] = {
	[RANGE_PORTS] = { .base = ADDRESS_PORT, .len = 8, .ops = &ports_ops, .name = "pci" },
	[RANGE_ECAM] = { .base = AERIE_PCI_ECAM_BASE, .len = AERIE_PCI_ECAM_LEN,
			 .ops = &ecam_ops, .name = "pci-ecam" },
	[RANGE_MMIO] = { .base = AERIE_PCI_MMIO_BASE, .len = AERIE_PCI_MMIO_LEN,
			 .ops = &mmio_ops, .name = "pci-memory" },
};

static void ranges_release(struct aerie_pci *host)
{
	aerie_bus_release(&host->dev.vm->pio, &host->ranges[RANGE_PORTS]);
	aerie_bus_release_all(&host->dev.vm->mmio, &host->ranges[RANGE_ECAM], 2);
}

static struct aerie_dev *pci_create(struct aerie_vm *vm)
{
	struct aerie_pci *host;
	int err;

	host = kzalloc(sizeof(*host), GFP_KERNEL_ACCOUNT);
	if (!host)
		return ERR_PTR(-ENOMEM);
	host->dev.vm = vm;
	memcpy(host->ranges, pci_ranges, sizeof(pci_ranges));
	err = aerie_bus_claim(&vm->pio, &host->ranges[RANGE_PORTS]);
	if (!err)
		err = aerie_bus_claim_all(&vm->mmio, &host->ranges[RANGE_ECAM], 2);
	if (err) {
		ranges_release(host);
		kfree(host);
		return ERR_PTR(err);
	}
	vm->pci = host;
	host->self.vm = vm;
	aerie_pci_setup(&host->self, HOST_IDS, HOST_CLASS, HOST_SUBSYSTEM);
	aerie_pci_plug(&host->self);	/* the first: slot 0 */
	return &host->dev;
}

static void pci_destroy(struct aerie_dev *dev)
{
	struct aerie_pci *host = container_of(dev, struct aerie_pci, dev);

	ranges_release(host);
	dev->vm->pci = NULL;
	kfree(host);
}

static void pci_reset(struct aerie_dev *dev)
{
	struct aerie_pci *host = container_of(dev, struct aerie_pci, dev);

	host->s.address = 0;
	aerie_pci_reset(&host->self);
}

static void pci_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_pci *host = container_of(dev, struct aerie_pci, dev);

	memcpy(buf, &host->s, sizeof(host->s));
}

static const struct aerie_field pci_fields[] = {
	AERIE_FIELD(struct pci_state, address),
};

static const struct aerie_record pci_record =
	AERIE_RECORD("pci", 1, struct pci_state, pci_fields);

const struct aerie_dev_ops aerie_pci_dev = {
	.name = "pci",
	.create = pci_create,
	.destroy = pci_destroy,
	.reset = pci_reset,
	.record = &pci_record,
	.state = pci_state,
};
