// SPDX-License-Identifier: GPL-2.0
/*
 * The I/O APIC: 24 pins at 0xfec00000, version 0x20 (with an EOI register).
 *
 * An edge pin sends its message when the line rises while the pin is unmasked; an
 * edge that comes while it is masked is lost, as on the real part. A level pin
 * sends when the line is high, the pin is unmasked and remote IRR is clear; remote
 * IRR is set by a local APIC taking the message and cleared by its EOI, or by
 * turning the entry to edge. Polarity is kept for the guest to read and otherwise
 * ignored: lines here are asserted or not.
 *
 * Messages are sent under the chip's lock, which is what orders them; sending
 * takes no further lock.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "aerie.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"

#define IOAPIC_LEN		0x1000
#define IOAPIC_SELECT		0x00
#define IOAPIC_WINDOW		0x10
#define IOAPIC_EOI		0x40
#define IOAPIC_VERSION		0x20

#define REG_ID			0
#define REG_VERSION		1
#define REG_ARBITRATION		2
#define REG_ENTRIES		0x10
#define ID_MASK			0x0f000000u

/* A redirection entry. */
#define ENTRY_VECTOR		0xffull
#define ENTRY_MODE_SHIFT	8
#define ENTRY_MODE		7
#define ENTRY_LOGICAL		BIT_ULL(11)
#define ENTRY_STATUS		BIT_ULL(12)
#define ENTRY_REMOTE_IRR	BIT_ULL(14)
#define ENTRY_LEVEL		BIT_ULL(15)
#define ENTRY_MASKED		BIT_ULL(16)
#define ENTRY_DEST_SHIFT	56
#define ENTRY_WRITABLE		(0xff0000000001ffffull & ~(ENTRY_STATUS | ENTRY_REMOTE_IRR))

struct ioapic_state {
	u64 entries[AERIE_NR_GSIS];
	u32 lines;		/* input levels */
	u32 id;
	u8 select;
};

struct aerie_ioapic {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* nothing comes after it */
	struct ioapic_state s;
	struct aerie_range range;
};

/* Only these have an end that the I/O APIC waits for. */
static bool entry_level(u64 entry)
{
	unsigned int mode = entry >> ENTRY_MODE_SHIFT & ENTRY_MODE;

	return entry & ENTRY_LEVEL &&
	       (mode == AERIE_DELIVER_FIXED || mode == AERIE_DELIVER_LOWEST);
}

static struct aerie_apic_msg entry_msg(u64 entry)
{
	return (struct aerie_apic_msg) {
		.dest = entry >> ENTRY_DEST_SHIFT,
		.vector = entry & ENTRY_VECTOR,
		.mode = entry >> ENTRY_MODE_SHIFT & ENTRY_MODE,
		.logical = entry & ENTRY_LOGICAL,
		.level = entry_level(entry),
	};
}

static void pin_send(struct aerie_ioapic *ioapic, unsigned int pin)
{
	u64 *entry = &ioapic->s.entries[pin];
	struct aerie_apic_msg msg = entry_msg(*entry);

	lockdep_assert_held(&ioapic->lock);
	/* What no local APIC takes is tried again with the next change. */
	if (aerie_apic_send(ioapic->dev.vm, &msg) > 0 && msg.level)
		*entry |= ENTRY_REMOTE_IRR;
}

/* A level pin: send if it is due. */
static void pin_level(struct aerie_ioapic *ioapic, unsigned int pin)
{
	u64 entry = ioapic->s.entries[pin];

	if (entry_level(entry) && ioapic->s.lines & BIT(pin) &&
	    !(entry & (ENTRY_MASKED | ENTRY_REMOTE_IRR)))
		pin_send(ioapic, pin);
}

void aerie_ioapic_set(struct aerie_ioapic *ioapic, unsigned int pin, bool high)
{
	unsigned long flags;
	bool rose;
	u64 entry;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	rose = high && !(ioapic->s.lines & BIT(pin));
	if (high)
		ioapic->s.lines |= BIT(pin);
	else
		ioapic->s.lines &= ~BIT(pin);
	entry = ioapic->s.entries[pin];
	if (entry_level(entry))
		pin_level(ioapic, pin);
	else if (rose && !(entry & ENTRY_MASKED))
		pin_send(ioapic, pin);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

int aerie_ioapic_waits(struct aerie_ioapic *ioapic, unsigned int pin)
{
	u64 entry = READ_ONCE(ioapic->s.entries[pin]);
	struct aerie_apic_msg msg = entry_msg(entry);

	return entry & ENTRY_MASKED ? -1 : aerie_apic_waits(ioapic->dev.vm, &msg);
}

static void ioapic_end(struct aerie_ioapic *ioapic, u8 vector)
{
	unsigned int pin;
	u64 *entry;

	for (pin = 0; pin < AERIE_NR_GSIS; pin++) {
		entry = &ioapic->s.entries[pin];
		if (!(*entry & ENTRY_REMOTE_IRR) || (*entry & ENTRY_VECTOR) != vector)
			continue;
		*entry &= ~ENTRY_REMOTE_IRR;
		pin_level(ioapic, pin);
	}
}

void aerie_ioapic_eoi(struct aerie_ioapic *ioapic, u8 vector)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	ioapic_end(ioapic, vector);
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static u32 reg_read(const struct aerie_ioapic *ioapic, unsigned int reg)
{
	unsigned int pin = (reg - REG_ENTRIES) / 2;

	switch (reg) {
	case REG_ID:
	case REG_ARBITRATION:
		return READ_ONCE(ioapic->s.id);
	case REG_VERSION:
		return IOAPIC_VERSION | (AERIE_NR_GSIS - 1) << 16;
	}
	if (reg < REG_ENTRIES || pin >= AERIE_NR_GSIS)
		return 0;
	pin = array_index_nospec(pin, AERIE_NR_GSIS);
	return READ_ONCE(ioapic->s.entries[pin]) >> (reg & 1 ? 32 : 0);
}

static void reg_write(struct aerie_ioapic *ioapic, u32 val)
{
	unsigned int reg = ioapic->s.select, pin = (reg - REG_ENTRIES) / 2;
	u64 entry, mask;

	if (reg == REG_ID)
		ioapic->s.id = val & ID_MASK;
	if (reg < REG_ENTRIES || pin >= AERIE_NR_GSIS)
		return;
	pin = array_index_nospec(pin, AERIE_NR_GSIS);
	mask = ENTRY_WRITABLE & (reg & 1 ? ~0ull << 32 : ~0u);
	entry = ioapic->s.entries[pin] & ~mask;
	entry |= ((u64)val << (reg & 1 ? 32 : 0)) & mask;
	/* Nothing is outstanding on an edge pin: guests clear remote IRR this way. */
	if (!entry_level(entry))
		entry &= ~ENTRY_REMOTE_IRR;
	ioapic->s.entries[pin] = entry;
	pin_level(ioapic, pin);
}

/*
 * Registers are 32 bits wide at multiples of 16; a read elsewhere finds nothing. Each is
 * changed by one store, so reading takes no lock.
 */
static u64 ioapic_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size)
{
	struct aerie_ioapic *ioapic = container_of(range, struct aerie_ioapic, range);
	u8 select = READ_ONCE(ioapic->s.select);
	u32 val = 0;

	if ((off & ~3ull) == IOAPIC_SELECT)
		val = select;
	else if ((off & ~3ull) == IOAPIC_WINDOW)
		val = reg_read(ioapic, select);
	return val >> (off & 3) * 8;
}

static void ioapic_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			 unsigned int size, u64 val)
{
	struct aerie_ioapic *ioapic = container_of(range, struct aerie_ioapic, range);
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	switch (off) {
	case IOAPIC_SELECT:
		ioapic->s.select = val;
		break;
	case IOAPIC_WINDOW:
		reg_write(ioapic, val);
		break;
	case IOAPIC_EOI:
		ioapic_end(ioapic, val);
		break;
	}
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static const struct aerie_range_ops ioapic_ops = { .read = ioapic_read, .write = ioapic_write };

static struct aerie_dev *ioapic_create(struct aerie_vm *vm)
{
	struct aerie_ioapic *ioapic;
	int err;

	ioapic = kzalloc(sizeof(*ioapic), GFP_KERNEL_ACCOUNT);
	if (!ioapic)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&ioapic->lock);
	ioapic->range = (struct aerie_range) {
		.base = AERIE_IOAPIC_BASE, .len = IOAPIC_LEN, .ops = &ioapic_ops, .name = "ioapic",
	};
	err = aerie_bus_claim(&vm->mmio, &ioapic->range);
	if (err) {
		kfree(ioapic);
		return ERR_PTR(err);
	}
	vm->ioapic = ioapic;
	return &ioapic->dev;
}

static void ioapic_destroy(struct aerie_dev *dev)
{
	struct aerie_ioapic *ioapic = container_of(dev, struct aerie_ioapic, dev);

	aerie_bus_release(&dev->vm->mmio, &ioapic->range);
	dev->vm->ioapic = NULL;
	kfree(ioapic);
}

/* The input levels belong to those who drive them and stay. */
static void ioapic_reset(struct aerie_dev *dev)
{
	struct aerie_ioapic *ioapic = container_of(dev, struct aerie_ioapic, dev);
	unsigned long flags;
	unsigned int pin;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	for (pin = 0; pin < AERIE_NR_GSIS; pin++)
		ioapic->s.entries[pin] = ENTRY_MASKED;
	ioapic->s.id = 0;
	ioapic->s.select = 0;
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static void ioapic_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_ioapic *ioapic = container_of(dev, struct aerie_ioapic, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&ioapic->lock, flags);
	memcpy(buf, &ioapic->s, sizeof(ioapic->s));
	raw_spin_unlock_irqrestore(&ioapic->lock, flags);
}

static const struct aerie_field ioapic_fields[] = {
	AERIE_FIELD_ARRAY(struct ioapic_state, entries),
	AERIE_FIELD(struct ioapic_state, lines),
	AERIE_FIELD(struct ioapic_state, id),
	AERIE_FIELD(struct ioapic_state, select),
};

static const struct aerie_record ioapic_record =
	AERIE_RECORD("ioapic", 1, struct ioapic_state, ioapic_fields);

const struct aerie_dev_ops aerie_ioapic_dev = {
	.name = "ioapic",
	.create = ioapic_create,
	.destroy = ioapic_destroy,
	.reset = ioapic_reset,
	.record = &ioapic_record,
	.state = ioapic_state,
};
