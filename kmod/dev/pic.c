// SPDX-License-Identifier: GPL-2.0
/*
 * The pair of 8259A interrupt controllers, with the edge/level registers of a PCI PC.
 *
 * Each chip is a set of requests (IRR), a mask (IMR), a set of interrupts being
 * served (ISR) and a rotating priority order. A request goes out when nothing of
 * its own or higher priority is being served. The slave's output is wired to the
 * master's input 2, the master's to INTR. Edge requests stay latched until they
 * are acknowledged even if the line falls, which loses no pulse; a level request
 * that falls in time ends as a spurious interrupt 7 or 15, as on the real chip.
 *
 * INTR is recomputed after every change and kept in @intr, so that the vCPU looks
 * at one byte before each entry. After the acknowledge of one interrupt INTR may
 * stay high for the next without a call of aerie_pic_intr(): the vCPU that
 * acknowledges looks again before it enters.
 *
 * Facts are from the 8259A data sheet and, for the edge/level registers, the
 * 82371AB's.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "aerie.h"
#include "dev/bytes.h"
#include "dev/chips.h"
#include "dev/device.h"

#define CASCADE			2	/* input of the master that the slave drives */
#define NR_RANGES		3

#define ICW1_INIT		BIT(4)
#define ICW1_SINGLE		BIT(1)
#define ICW1_IC4		BIT(0)
#define ICW4_SFNM		BIT(4)
#define ICW4_AEOI		BIT(1)
#define OCW3_SELECT		BIT(3)
#define OCW3_ESMM		BIT(6)
#define OCW3_SMM		BIT(5)
#define OCW3_POLL		BIT(2)
#define OCW3_RR			BIT(1)
#define OCW3_RIS		BIT(0)

/* OCW2 commands: rotate, specific, EOI in bits 7 to 5. */
enum {
	OCW2_ROTATE_AEOI_CLEAR = 0,
	OCW2_EOI = 1,
	OCW2_NOP = 2,
	OCW2_SPECIFIC_EOI = 3,
	OCW2_ROTATE_AEOI_SET = 4,
	OCW2_ROTATE_EOI = 5,
	OCW2_SET_PRIORITY = 6,
	OCW2_ROTATE_SPECIFIC_EOI = 7,
};

/* Initialization sequence: the word expected at the odd port. */
enum { ICW_NONE, ICW2, ICW3, ICW4 };

struct chip_state {
	u8 irr, imr, isr;
	u8 lines;		/* input levels */
	u8 elcr;		/* 1: level-triggered */
	u8 base;		/* vector of input 0 */
	u8 lowest;		/* input of lowest priority */
	u8 icw;			/* next word of the initialization sequence */
	u8 icw1;
	u8 auto_eoi, rotate_aeoi;
	u8 special_mask, special_nested;
	u8 read_isr;		/* the even port reads ISR, not IRR */
	u8 poll;		/* the next read is an acknowledge */
};

struct pic_state {
	struct chip_state chip[2];	/* master, slave */
	u8 intr;
};

struct aerie_pic {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* device locks come first, nothing after it */
	struct pic_state s;
	struct aerie_range ranges[NR_RANGES];
};

static const u8 elcr_mask[2] = { 0xf8, 0xde };

/* Input whose request goes out now, or -1. */
static int chip_pending(const struct chip_state *c, bool master)
{
	u8 want = c->irr & ~c->imr, serving = c->isr, bit;
	unsigned int i, n;

	if (!want)
		return -1;
	/* In special mask mode, what is masked blocks nothing below it. */
	if (c->special_mask)
		serving &= ~c->imr;
	for (i = 1; i <= 8; i++) {
		n = (c->lowest + i) & 7;
		bit = BIT(n);
		/* Specially nested: the slave may interrupt its own service. */
		if (serving & bit && !(c->special_nested && master && n == CASCADE))
			return -1;
		if (want & bit)
			return n;
		if (serving & bit)
			return -1;
	}
	return -1;
}

static void chip_ack(struct chip_state *c, unsigned int n)
{
	if (!(c->elcr & BIT(n)))
		c->irr &= ~BIT(n);
	if (!c->auto_eoi)
		c->isr |= BIT(n);
	else if (c->rotate_aeoi)
		c->lowest = n;
}

/* Follow the chain slave, master, INTR. Returns whether INTR rose. */
static bool pic_update(struct aerie_pic *pic)
{
	struct chip_state *master = &pic->s.chip[0];
	u8 intr;
	bool rose;

	lockdep_assert_held(&pic->lock);
	if (chip_pending(&pic->s.chip[1], false) >= 0)
		master->irr |= BIT(CASCADE);
	else
		master->irr &= ~BIT(CASCADE);
	intr = chip_pending(master, true) >= 0;
	rose = intr && !pic->s.intr;
	WRITE_ONCE(pic->s.intr, intr);
	return rose;
}

static void chip_set(struct chip_state *c, unsigned int n, bool high)
{
	u8 bit = BIT(n);

	if (high) {
		if (c->elcr & bit || !(c->lines & bit))
			c->irr |= bit;
		c->lines |= bit;
	} else {
		if (c->elcr & bit)
			c->irr &= ~bit;
		c->lines &= ~bit;
	}
}

void aerie_pic_set(struct aerie_pic *pic, unsigned int line, bool high)
{
	unsigned long flags;

	if (line == CASCADE)
		return;
	raw_spin_lock_irqsave(&pic->lock, flags);
	chip_set(&pic->s.chip[line >> 3], line & 7, high);
	if (pic_update(pic))
		aerie_pic_intr(pic->dev.vm);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

int aerie_pic_waits(struct aerie_pic *pic, unsigned int line)
{
	const struct chip_state *c = &pic->s.chip[line >> 3];

	if (READ_ONCE(c->imr) & BIT(line & 7))
		return -1;
	return !!(READ_ONCE(c->irr) & BIT(line & 7));
}

bool aerie_pic_pending(struct aerie_pic *pic)
{
	return READ_ONCE(pic->s.intr);
}

u8 aerie_pic_ack(struct aerie_pic *pic)
{
	struct chip_state *c = &pic->s.chip[0];
	unsigned long flags;
	u8 vector;
	int n;

	raw_spin_lock_irqsave(&pic->lock, flags);
	n = chip_pending(c, true);
	if (n >= 0)
		chip_ack(c, n);
	if (n == CASCADE) {
		c = &pic->s.chip[1];
		n = chip_pending(c, false);
		if (n >= 0)
			chip_ack(c, n);
	}
	/* With nothing pending, the spurious interrupt 7 of the chip that answers. */
	vector = c->base + (n >= 0 ? n : 7);
	pic_update(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	return vector;
}

/* Input of highest priority being served that an unspecific EOI ends, or -1. */
static int chip_served(const struct chip_state *c)
{
	u8 serving = c->isr;
	unsigned int i, n;

	if (c->special_mask)
		serving &= ~c->imr;
	for (i = 1; i <= 8; i++) {
		n = (c->lowest + i) & 7;
		if (serving & BIT(n))
			return n;
	}
	return -1;
}

static void chip_ocw2(struct chip_state *c, u8 val)
{
	int n = val & 7;

	switch (val >> 5) {
	case OCW2_ROTATE_AEOI_CLEAR:
	case OCW2_ROTATE_AEOI_SET:
		c->rotate_aeoi = val >> 7;
		break;
	case OCW2_EOI:
	case OCW2_ROTATE_EOI:
		n = chip_served(c);
		if (n < 0)
			break;
		c->isr &= ~BIT(n);
		if (val >> 5 == OCW2_ROTATE_EOI)
			c->lowest = n;
		break;
	case OCW2_SPECIFIC_EOI:
		c->isr &= ~BIT(n);
		break;
	case OCW2_SET_PRIORITY:
		c->lowest = n;
		break;
	case OCW2_ROTATE_SPECIFIC_EOI:
		c->isr &= ~BIT(n);
		c->lowest = n;
		break;
	case OCW2_NOP:
		break;
	}
}

static void chip_ocw3(struct chip_state *c, u8 val)
{
	if (val & OCW3_ESMM)
		c->special_mask = !!(val & OCW3_SMM);
	if (val & OCW3_POLL)
		c->poll = 1;
	else if (val & OCW3_RR)
		c->read_isr = val & OCW3_RIS;
}

/* ICW1: edge latches, mask, service and modes start afresh. */
static void chip_icw1(struct chip_state *c, u8 val)
{
	c->irr = c->lines & c->elcr;
	c->imr = 0;
	c->isr = 0;
	c->lowest = 7;
	c->icw1 = val;
	c->icw = ICW2;
	c->auto_eoi = 0;
	c->rotate_aeoi = 0;
	c->special_mask = 0;
	c->special_nested = 0;
	c->read_isr = 0;
	c->poll = 0;
}

/* A word of the initialization sequence that ICW1 has begun. */
static noinline void chip_icw(struct chip_state *c, u8 val)
{
	switch (c->icw) {
	case ICW2:
		c->base = val & 0xf8;
		if (!(c->icw1 & ICW1_SINGLE))
			c->icw = ICW3;
		else
			c->icw = c->icw1 & ICW1_IC4 ? ICW4 : ICW_NONE;
		break;
	case ICW3:
		/* Which input the slave is on is a matter of wiring, not of choice. */
		c->icw = c->icw1 & ICW1_IC4 ? ICW4 : ICW_NONE;
		break;
	case ICW4:
		c->special_nested = !!(val & ICW4_SFNM);
		c->auto_eoi = !!(val & ICW4_AEOI);
		c->icw = ICW_NONE;
	}
}

/* Returns whether what the chip has to say may be another thing now. */
static bool chip_write_odd(struct chip_state *c, u8 val)
{
	bool asks;

	if (unlikely(c->icw != ICW_NONE)) {
		chip_icw(c, val);
		return true;
	}
	/* Drivers mostly mask and unmask what does not ask. */
	asks = c->irr & (c->imr ^ val) || c->special_mask;
	c->imr = val;
	return asks;
}

static void chip_write_even(struct chip_state *c, u8 val)
{
	if (val & ICW1_INIT)
		chip_icw1(c, val);
	else if (val & OCW3_SELECT)
		chip_ocw3(c, val);
	else
		chip_ocw2(c, val);
}

/* A register as it is: that changes nothing, so it takes no lock. */
static u8 chip_read(const struct chip_state *c, unsigned int port)
{
	if (port)
		return READ_ONCE(c->imr);
	return READ_ONCE(c->read_isr) ? READ_ONCE(c->isr) : READ_ONCE(c->irr);
}

/* The read after a poll command acknowledges, if no other processor's has. */
static u8 pic_poll(struct aerie_pic *pic, unsigned int n, u64 off)
{
	struct chip_state *c = &pic->s.chip[n];
	unsigned long flags;
	u8 val = 0;
	int line;

	raw_spin_lock_irqsave(&pic->lock, flags);
	if (c->poll) {
		WRITE_ONCE(c->poll, 0);
		line = chip_pending(c, n == 0);
		if (line >= 0) {
			chip_ack(c, line);
			val = 0x80 | line;
		}
		if (pic_update(pic))
			aerie_pic_intr(pic->dev.vm);
	} else {
		val = chip_read(c, off);
	}
	raw_spin_unlock_irqrestore(&pic->lock, flags);
	return val;
}

static u8 pic_read_byte(struct aerie_pic *pic, unsigned int n, u64 off)
{
	const struct chip_state *c = &pic->s.chip[n];

	return unlikely(READ_ONCE(c->poll)) ? pic_poll(pic, n, off) : chip_read(c, off);
}

static __always_inline void pic_write_byte(struct aerie_pic *pic, unsigned int n, u64 off, u8 val)
{
	struct chip_state *c = &pic->s.chip[n];
	unsigned long flags;
	bool update = true;

	raw_spin_lock_irqsave(&pic->lock, flags);
	if (off)
		update = chip_write_odd(c, val);
	else
		chip_write_even(c, val);
	if (update && pic_update(pic))
		aerie_pic_intr(pic->dev.vm);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

static u8 master_read_byte(void *pic, u64 off)
{
	return pic_read_byte(pic, 0, off);
}

static void master_write_byte(void *pic, u64 off, u8 val)
{
	pic_write_byte(pic, 0, off, val);
}

static u8 slave_read_byte(void *pic, u64 off)
{
	return pic_read_byte(pic, 1, off);
}

static void slave_write_byte(void *pic, u64 off, u8 val)
{
	pic_write_byte(pic, 1, off, val);
}

static u8 elcr_read_byte(void *chip, u64 off)
{
	struct aerie_pic *pic = chip;

	return READ_ONCE(pic->s.chip[off].elcr);
}

static void elcr_write_byte(void *chip, u64 off, u8 val)
{
	struct aerie_pic *pic = chip;
	struct chip_state *c = &pic->s.chip[off];
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	c->elcr = val & elcr_mask[off];
	/* Level inputs are what the lines are now; latched edges stay. */
	c->irr = (c->irr & ~c->elcr) | (c->lines & c->elcr);
	if (pic_update(pic))
		aerie_pic_intr(pic->dev.vm);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

static u64 master_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size)
{
	return aerie_bytes_read(container_of(range, struct aerie_pic, ranges[0]), off, size,
				master_read_byte);
}

static void master_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			 unsigned int size, u64 val)
{
	aerie_bytes_write(container_of(range, struct aerie_pic, ranges[0]), off, size, val,
			  master_write_byte);
}

static u64 slave_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size)
{
	return aerie_bytes_read(container_of(range, struct aerie_pic, ranges[1]), off, size,
				slave_read_byte);
}

static void slave_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			unsigned int size, u64 val)
{
	aerie_bytes_write(container_of(range, struct aerie_pic, ranges[1]), off, size, val,
			  slave_write_byte);
}

static u64 elcr_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		     unsigned int size)
{
	return aerie_bytes_read(container_of(range, struct aerie_pic, ranges[2]), off, size,
				elcr_read_byte);
}

static void elcr_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size, u64 val)
{
	aerie_bytes_write(container_of(range, struct aerie_pic, ranges[2]), off, size, val,
			  elcr_write_byte);
}

static const struct aerie_range_ops master_ops = { .read = master_read, .write = master_write };
static const struct aerie_range_ops slave_ops = { .read = slave_read, .write = slave_write };
static const struct aerie_range_ops elcr_ops = { .read = elcr_read, .write = elcr_write };

static const struct aerie_range pic_ranges[NR_RANGES] = {
	{ .base = 0x20, .len = 2, .ops = &master_ops, .name = "pic-master" },
	{ .base = 0xa0, .len = 2, .ops = &slave_ops, .name = "pic-slave" },
	{ .base = 0x4d0, .len = 2, .ops = &elcr_ops, .name = "pic-elcr" },
};

static struct aerie_dev *pic_create(struct aerie_vm *vm)
{
	struct aerie_pic *pic;
	int err;

	pic = kzalloc(sizeof(*pic), GFP_KERNEL_ACCOUNT);
	if (!pic)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&pic->lock);
	memcpy(pic->ranges, pic_ranges, sizeof(pic_ranges));
	err = aerie_bus_claim_all(&vm->pio, pic->ranges, NR_RANGES);
	if (err) {
		kfree(pic);
		return ERR_PTR(err);
	}
	vm->pic = pic;
	return &pic->dev;
}

static void pic_destroy(struct aerie_dev *dev)
{
	struct aerie_pic *pic = container_of(dev, struct aerie_pic, dev);

	aerie_bus_release_all(&dev->vm->pio, pic->ranges, NR_RANGES);
	dev->vm->pic = NULL;
	kfree(pic);
}

/*
 * Everything is masked until the guest initializes the chips, as firmware would
 * leave it. The input levels belong to those who drive them and stay.
 */
static void pic_reset(struct aerie_dev *dev)
{
	struct aerie_pic *pic = container_of(dev, struct aerie_pic, dev);
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&pic->lock, flags);
	for (i = 0; i < 2; i++) {
		pic->s.chip[i].elcr = 0;
		chip_icw1(&pic->s.chip[i], 0);
		pic->s.chip[i].icw = ICW_NONE;
		pic->s.chip[i].base = 0;
		pic->s.chip[i].imr = 0xff;
	}
	pic_update(pic);
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

static void pic_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_pic *pic = container_of(dev, struct aerie_pic, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&pic->lock, flags);
	memcpy(buf, &pic->s, sizeof(pic->s));
	raw_spin_unlock_irqrestore(&pic->lock, flags);
}

#define CHIP_FIELDS(n)							\
	AERIE_FIELD(struct pic_state, chip[n].irr),			\
	AERIE_FIELD(struct pic_state, chip[n].imr),			\
	AERIE_FIELD(struct pic_state, chip[n].isr),			\
	AERIE_FIELD(struct pic_state, chip[n].lines),			\
	AERIE_FIELD(struct pic_state, chip[n].elcr),			\
	AERIE_FIELD(struct pic_state, chip[n].base),			\
	AERIE_FIELD(struct pic_state, chip[n].lowest),			\
	AERIE_FIELD(struct pic_state, chip[n].icw),			\
	AERIE_FIELD(struct pic_state, chip[n].icw1),			\
	AERIE_FIELD(struct pic_state, chip[n].auto_eoi),		\
	AERIE_FIELD(struct pic_state, chip[n].rotate_aeoi),		\
	AERIE_FIELD(struct pic_state, chip[n].special_mask),		\
	AERIE_FIELD(struct pic_state, chip[n].special_nested),		\
	AERIE_FIELD(struct pic_state, chip[n].read_isr),		\
	AERIE_FIELD(struct pic_state, chip[n].poll)

static const struct aerie_field pic_fields[] = {
	CHIP_FIELDS(0),
	CHIP_FIELDS(1),
	AERIE_FIELD(struct pic_state, intr),
};

static const struct aerie_record pic_record =
	AERIE_RECORD("pic", 1, struct pic_state, pic_fields);

const struct aerie_dev_ops aerie_pic_dev = {
	.name = "pic",
	.create = pic_create,
	.destroy = pic_destroy,
	.reset = pic_reset,
	.record = &pic_record,
	.state = pic_state,
};
