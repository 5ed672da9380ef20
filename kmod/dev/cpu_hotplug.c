// SPDX-License-Identifier: GPL-2.0
/*
 * Hot-plug of vCPUs by ACPI: which of them the guest has, and how it lets them go.
 *
 * All vCPUs that there can be are made with the VM. Those that are not present wait for
 * a start-up IPI that cannot reach them: no message does (dev/lapic_ipi.c). The guest
 * hears of them from general purpose event block 1, two bytes of ports with one event,
 * and from four masks with a bit a vCPU:
 *
 *   LOOK     a vCPU has come
 *   ASK      it is to be let go
 *   EJECT    written by _EJ0: the guest has let it go
 *   PRESENT  it is there; read by _STA
 *
 * The event's method reads LOOK and ASK, writes back what it has read, which clears it,
 * and notifies the processors, as that of dev/hotplug.c does: see there.
 *
 * How many are wanted is all that is ever asked for. What is missing is present at once,
 * the lowest first; what is too much is asked for, the highest first, until the guest
 * ejects it, or is reset or stopped: then there are as many as are wanted. A guest may
 * eject what nobody has asked for; it wants fewer then. The first vCPU stays.
 *
 * An ejected vCPU is at its power-on state before a start-up IPI reaches it again.
 */
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "aerie.h"
#include "dev/bytes.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"

#define REG_EVENT	0			/* status, enable */
#define REG_LOOK	(AERIE_CPU_HOTPLUG_PORT - AERIE_GPE1_PORT)
#define REG_ASK		(REG_LOOK + 8)
#define REG_EJECT	(REG_LOOK + 16)
#define REG_PRESENT	(REG_LOOK + 24)
#define BLOCK_LEN	(REG_LOOK + 32)
#define EVENT		BIT(AERIE_CPU_HOTPLUG_GPE - AERIE_GPE1_BASE)
#define FIRST		BIT_ULL(0)		/* the vCPU that stays */

struct cpu_hotplug_state {
	u64 look, ask;
	u64 asked;		/* vCPUs that the guest has yet to let go */
	u64 present;		/* vm->vcpus_present is the same */
	u32 wanted;
	u8 enable;
};

struct aerie_cpu_hotplug {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* comes before irq_lock */
	struct cpu_hotplug_state s;
	struct aerie_range range;
};

static u8 status(const struct aerie_cpu_hotplug *hp)
{
	return hp->s.look | hp->s.ask ? EVENT : 0;
}

static void update(struct aerie_cpu_hotplug *hp)
{
	lockdep_assert_held(&hp->lock);
	aerie_irq_set(hp->dev.vm, AERIE_GSI_SCI, AERIE_IRQ_GPE1, status(hp) & hp->s.enable);
}

static void set_present(struct aerie_cpu_hotplug *hp, u64 vcpus)
{
	lockdep_assert_held(&hp->lock);
	hp->s.present = vcpus;
	WRITE_ONCE(hp->dev.vm->vcpus_present, vcpus);
}

/* vCPUs that are there, and not the first, are no longer. */
static void eject(struct aerie_cpu_hotplug *hp, u64 vcpus)
{
	set_present(hp, hp->s.present & ~vcpus);
	hp->s.look &= ~vcpus;
	hp->s.ask &= ~vcpus;
	hp->s.asked &= ~vcpus;
	hp->s.wanted = min_t(u32, hp->s.wanted, hweight64(hp->s.present));
	/* Under the lock: it cannot have come back before. */
	for (; vcpus; vcpus &= vcpus - 1)
		aerie_apic_eject(hp->dev.vm->vcpus[__ffs(vcpus)]);
}

static u8 read_byte(void *chip, u64 off)
{
	const struct aerie_cpu_hotplug *hp = chip;
	unsigned int shift = 8 * (off % 8);

	switch (off & ~7ull) {
	case REG_EVENT:
		return (u64)(status(hp) | hp->s.enable << 8) >> shift;
	case REG_LOOK:
		return hp->s.look >> shift;
	case REG_ASK:
		return hp->s.ask >> shift;
	case REG_PRESENT:
		return hp->s.present >> shift;
	}
	return 0;
}

static u64 block_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size)
{
	struct aerie_cpu_hotplug *hp = container_of(range, struct aerie_cpu_hotplug, range);
	unsigned long flags;
	u64 val;

	raw_spin_lock_irqsave(&hp->lock, flags);
	val = aerie_bytes_read(hp, off, size, read_byte);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	return val;
}

static void write_byte(void *chip, u64 off, u8 val)
{
	struct aerie_cpu_hotplug *hp = chip;
	u64 bits = (u64)val << 8 * (off % 8);

	switch (off & ~7ull) {
	case REG_EVENT:
		if (off == REG_EVENT + 1)
			hp->s.enable = val & EVENT;
		break;
	case REG_LOOK:
		hp->s.look &= ~bits;
		break;
	case REG_ASK:
		hp->s.ask &= ~bits;
		break;
	case REG_EJECT:
		eject(hp, bits & hp->s.present & ~FIRST);
		break;
	}
}

static void block_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			unsigned int size, u64 val)
{
	struct aerie_cpu_hotplug *hp = container_of(range, struct aerie_cpu_hotplug, range);
	unsigned long flags;
	u64 before, after;

	raw_spin_lock_irqsave(&hp->lock, flags);
	before = hp->s.present;
	aerie_bytes_write(hp, off, size, val, write_byte);
	after = hp->s.present;
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
	if (after != before)
		aerie_vm_vcpus_ejected(hp->dev.vm);
}

static const struct aerie_range_ops block_ops = { .read = block_read, .write = block_write };

/* Those that come where there are to be @nr: the lowest, ~x & -~x being the first bit not in x. */
static u64 coming(u64 present, u32 nr)
{
	u64 come = 0;

	while (hweight64(present | come) < nr)
		come |= ~(present | come) & -~(present | come);
	return come;
}

u64 aerie_cpu_hotplug_coming(struct aerie_vm *vm, u32 nr)
{
	return coming(READ_ONCE(vm->vcpus_present), nr);
}

void aerie_cpu_hotplug_want(struct aerie_vm *vm, u32 nr)
{
	struct aerie_cpu_hotplug *hp = vm->cpu_hotplug;
	u64 present, come, go = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	present = hp->s.present;
	come = coming(present, nr);
	while (hweight64(present & ~go) > nr)
		go |= BIT_ULL(__fls(present & ~go));
	set_present(hp, present | come);
	hp->s.look |= come;
	hp->s.ask = go;
	hp->s.asked = go;
	hp->s.wanted = nr;
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

u32 aerie_cpu_hotplug_wanted(struct aerie_vm *vm)
{
	return READ_ONCE(vm->cpu_hotplug->s.wanted);
}

void aerie_cpu_hotplug_settle(struct aerie_vm *vm)
{
	struct aerie_cpu_hotplug *hp = vm->cpu_hotplug;
	unsigned long flags;
	u32 wanted, nr;

	raw_spin_lock_irqsave(&hp->lock, flags);
	wanted = hp->s.wanted;
	/* None while the VM is still being made. */
	nr = min(wanted, vm->nr_vcpus);
	memset(&hp->s, 0, sizeof(hp->s));
	hp->s.wanted = wanted;
	set_present(hp, nr ? ~0ull >> (64 - nr) : 0);
	update(hp);
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

static struct aerie_dev *cpu_hotplug_create(struct aerie_vm *vm)
{
	struct aerie_cpu_hotplug *hp;
	int err;

	hp = kzalloc(sizeof(*hp), GFP_KERNEL_ACCOUNT);
	if (!hp)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&hp->lock);
	hp->dev.vm = vm;
	hp->s.wanted = vm->config.nr_present;
	hp->range = (struct aerie_range) {
		.base = AERIE_GPE1_PORT, .len = BLOCK_LEN, .ops = &block_ops,
		.name = "acpi-cpu-hotplug",
	};
	err = aerie_bus_claim(&vm->pio, &hp->range);
	if (err) {
		kfree(hp);
		return ERR_PTR(err);
	}
	vm->cpu_hotplug = hp;
	return &hp->dev;
}

static void cpu_hotplug_destroy(struct aerie_dev *dev)
{
	struct aerie_cpu_hotplug *hp = container_of(dev, struct aerie_cpu_hotplug, dev);

	aerie_bus_release(&dev->vm->pio, &hp->range);
	dev->vm->cpu_hotplug = NULL;
	kfree(hp);
}

static void cpu_hotplug_reset(struct aerie_dev *dev)
{
	aerie_cpu_hotplug_settle(dev->vm);
}

static void cpu_hotplug_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_cpu_hotplug *hp = container_of(dev, struct aerie_cpu_hotplug, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&hp->lock, flags);
	memcpy(buf, &hp->s, sizeof(hp->s));
	raw_spin_unlock_irqrestore(&hp->lock, flags);
}

static const struct aerie_field cpu_hotplug_fields[] = {
	AERIE_FIELD(struct cpu_hotplug_state, look),
	AERIE_FIELD(struct cpu_hotplug_state, ask),
	AERIE_FIELD(struct cpu_hotplug_state, asked),
	AERIE_FIELD(struct cpu_hotplug_state, present),
	AERIE_FIELD(struct cpu_hotplug_state, wanted),
	AERIE_FIELD(struct cpu_hotplug_state, enable),
};

static const struct aerie_record cpu_hotplug_record =
	AERIE_RECORD("cpu-hotplug", 1, struct cpu_hotplug_state, cpu_hotplug_fields);

const struct aerie_dev_ops aerie_cpu_hotplug_dev = {
	.name = "cpu-hotplug",
	.create = cpu_hotplug_create,
	.destroy = cpu_hotplug_destroy,
	.reset = cpu_hotplug_reset,
	.record = &cpu_hotplug_record,
	.state = cpu_hotplug_state,
};
