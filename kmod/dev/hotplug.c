// SPDX-License-Identifier: GPL-2.0
/*
 * Hot-plug of PCI devices by ACPI: what the machine tells the guest of its slots, and
 * how the guest lets a device go.
 *
 * Two bytes of ports are general purpose event block 0 (ACPI Specification, General-
 * Purpose Event Registers) with one event, the others three masks with a bit a slot:
 *
 *   LOOK   a device has come; bit 0: look at all slots, from one of which it has gone
 *   ASK    the device is to be let go
 *   EJECT  written by _EJ0: the guest has let it go
 *
 * The event's method reads LOOK and ASK, writes back what it has read, which clears
 * it, and notifies the slots. The event is a level: it is there for as long as either
 * mask has a bit. So nothing is lost on a guest that does not listen yet, and writing
 * its status has no effect.
 *
 * A device that is being asked for stays until the guest ejects it, until the machine
 * is reset or stopped, or until it is taken by force. An ejected device is off the bus
 * at once; the rest is done by vm->work, because handlers do not sleep. Guests may eject
 * what nobody has asked for.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "aerie.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/pci.h"

#define BLOCK_LEN	16
#define REG_ENABLE	1
#define REG_LOOK	(AERIE_HOTPLUG_PORT - AERIE_GPE0_PORT)
#define REG_ASK		(REG_LOOK + 4)
#define REG_EJECT	(REG_LOOK + 8)
#define EVENT		BIT(AERIE_HOTPLUG_GPE)

struct hotplug_state {
	u32 look, ask;
	u32 asked;		/* devices that the guest has yet to let go */
	u8 enable;
};

struct aerie_hotplug {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* comes before irq_lock */
	struct hotplug_state s;
	u32 ejected;		/* off the bus, waiting for the work */
	struct aerie_range range;
};

static u8 status(const struct aerie_hotplug *hp)
{
	return hp->s.look | hp->s.ask ? EVENT : 0;
}

static void update(struct aerie_hotplug *hp)
{
	lockdep_assert_held(&hp->lock);
	aerie_irq_set(hp->dev.vm, AERIE_GSI_SCI, AERIE_IRQ_GPE, status(hp) & hp->s.enable);
}

static u64 block_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size)
{
	struct aerie_hotplug *hp = container_of(range, struct aerie_hotplug, range);
	unsigned long flags;
	u64 low, high;

	raw_spin_lock_irqsave(&hp->lock, flags);
	low = status(hp) | hp->s.enable << 8 * REG_ENABLE | (u64)hp->s.look << 8 * REG_LOOK;
	high = hp->s.ask;
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	if (off >= REG_ASK)
		return high >> 8 * (off - REG_ASK);
	return off ? low >> 8 * off | high << 8 * (REG_ASK - off) : low;
}

static void block_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			unsigned int size, u64 val)
{
	struct aerie_hotplug *hp = container_of(range, struct aerie_hotplug, range);
	u32 bits, eject = 0;
	unsigned long flags;
	unsigned int i;
	bool work = false;

	raw_spin_lock_irqsave(&hp->lock, flags);
	for (i = off; i < off + size; i++, val >>= 8) {
		bits = (u32)(u8)val << 8 * (i % 4);
		if (i == REG_ENABLE)
			hp->s.enable = val & EVENT;
		else if (i >= REG_EJECT)
			eject |= bits;
		else if (i >= REG_ASK)
			hp->s.ask &= ~bits;
		else if (i >= REG_LOOK)
			hp->s.look &= ~bits;
	}
	/* Not slot 0, which is the host bridge. */
	for (i = 1; i < AERIE_PCI_SLOTS; i++) {
		if (!(eject & BIT(i)) || !aerie_pci_hide(hp->dev.vm, i))
			continue;
		hp->ejected |= BIT(i);
		work = true;
	}
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	if (work)
		aerie_vm_eject(hp->dev.vm);
}

static const struct aerie_range_ops block_ops = { .read = block_read, .write = block_write };

void aerie_hotplug_look(struct aerie_vm *vm, unsigned int slot)
{
	struct aerie_hotplug *hp = vm->hotplug;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	hp->s.look |= BIT(slot);
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

void aerie_hotplug_ask(struct aerie_vm *vm, unsigned int slot)
{
	struct aerie_hotplug *hp = vm->hotplug;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	hp->s.ask |= BIT(slot);
	hp->s.asked |= BIT(slot);
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

bool aerie_hotplug_asked(struct aerie_vm *vm, unsigned int slot)
{
	return READ_ONCE(vm->hotplug->s.asked) & BIT(slot);
}

u32 aerie_hotplug_ejected(struct aerie_vm *vm, bool also_asked)
{
	struct aerie_hotplug *hp = vm->hotplug;
	unsigned long flags;
	u32 slots;

	raw_spin_lock_irqsave(&hp->lock, flags);
	slots = hp->ejected | (also_asked ? hp->s.asked : 0);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	return slots;
}

void aerie_hotplug_empty(struct aerie_vm *vm, unsigned int slot)
{
	struct aerie_hotplug *hp = vm->hotplug;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	hp->s.look &= ~BIT(slot);
	hp->s.ask &= ~BIT(slot);
	hp->s.asked &= ~BIT(slot);
	hp->ejected &= ~BIT(slot);
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

static struct aerie_dev *hotplug_create(struct aerie_vm *vm)
{
	struct aerie_hotplug *hp;
	int err;

	hp = kzalloc(sizeof(*hp), GFP_KERNEL_ACCOUNT);
	if (!hp)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&hp->lock);
	hp->dev.vm = vm;
	hp->range = (struct aerie_range) {
		.base = AERIE_GPE0_PORT, .len = BLOCK_LEN, .ops = &block_ops,
		.name = "acpi-hotplug",
	};
	err = aerie_bus_claim(&vm->pio, &hp->range);
	if (err) {
		kfree(hp);
		return ERR_PTR(err);
	}
	vm->hotplug = hp;
	return &hp->dev;
}

static void hotplug_destroy(struct aerie_dev *dev)
{
	struct aerie_hotplug *hp = container_of(dev, struct aerie_hotplug, dev);

	aerie_bus_release(&dev->vm->pio, &hp->range);
	dev->vm->hotplug = NULL;
	kfree(hp);
}

/* What was asked for or ejected has gone before. */
static void hotplug_reset(struct aerie_dev *dev)
{
	struct aerie_hotplug *hp = container_of(dev, struct aerie_hotplug, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	memset(&hp->s, 0, sizeof(hp->s));
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

static void hotplug_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_hotplug *hp = container_of(dev, struct aerie_hotplug, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	memcpy(buf, &hp->s, sizeof(hp->s));
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

static const struct aerie_field hotplug_fields[] = {
	AERIE_FIELD(struct hotplug_state, look),
	AERIE_FIELD(struct hotplug_state, ask),
	AERIE_FIELD(struct hotplug_state, asked),
	AERIE_FIELD(struct hotplug_state, enable),
};

static const struct aerie_record hotplug_record =
	AERIE_RECORD("hotplug", 1, struct hotplug_state, hotplug_fields);

const struct aerie_dev_ops aerie_hotplug_dev = {
	.name = "hotplug",
	.create = hotplug_create,
	.destroy = hotplug_destroy,
	.reset = hotplug_reset,
	.record = &hotplug_record,
	.state = hotplug_state,
};
