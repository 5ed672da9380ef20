// SPDX-License-Identifier: GPL-2.0
/*
 * Power management: ACPI fixed hardware, and the ports that reset a PC.
 *
 * PM1a events, control and the 32-bit timer (TMR_VAL_EXT in the FADT) lie in one
 * block of ports. The event interrupt, SCI, is level on GSI 9: high while a status
 * bit and its enable bit are both set. SCI_EN reads as set, because there is no
 * firmware to hand over from.
 *
 * Three ports reset: 0xcf9, which lies among those of PCI and is called from pci.c,
 * port A at 0x92, and the keyboard controller, which is otherwise absent: its status
 * says that there always is something to read and never anything to wait for, so
 * that a probe gives up at once and no driver waits for it to take a command.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/time64.h>

#include "aerie.h"
#include "dev/bytes.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/timer.h"

#define TIMER_HZ		3579545u
#define PM1_TMR			BIT(0)	/* the top bit of the timer has changed */
#define PM1_GBL			BIT(5)
#define PM1_PWRBTN		BIT(8)
#define PM1_RTC			BIT(10)
/* Guests check that what they enable sticks; GBL and RTC just never happen. */
#define PM1_EN_MASK		(PM1_TMR | PM1_GBL | PM1_PWRBTN | PM1_RTC)
#define CNT_SCI_EN		BIT(0)
#define CNT_SLP_TYP_SHIFT	10
#define CNT_SLP_TYP		(7u << CNT_SLP_TYP_SHIFT)
#define CNT_SLP_EN		BIT(13)
#define CNT_MASK		(BIT(1) | CNT_SLP_TYP)	/* bus master reload, sleep type */

/* Offsets in the register block. */
#define BLOCK_LEN		12
#define REG_STS			0
#define REG_EN			2
#define REG_CNT			(AERIE_PM1A_CNT_PORT - AERIE_PM1A_EVT_PORT)
#define REG_TMR			(AERIE_PM_TMR_PORT - AERIE_PM1A_EVT_PORT)

#define RESET_CPU		BIT(2)	/* port 0xcf9 */
#define PORT_A_RESET		BIT(0)
#define PORT_A_A20		BIT(1)
#define KBD_DATA		0x60
#define KBD_STATUS		0x64
#define KBD_STATUS_ABSENT	0xfd	/* output buffer full, input buffer empty */
#define KBD_WRITE_OUTPUT	0xd1	/* next data byte goes to the output port */
#define KBD_PULSE		0xf0	/* low bits that are 0 pulse: bit 0 is reset */

enum { RANGE_BLOCK, RANGE_PORT_A, RANGE_KBD_DATA, RANGE_KBD_STATUS, NR_RANGES };

struct pm_state {
	u64 start_ns;		/* when the timer was 0 */
	u64 halves;		/* changes of its top bit that TMR_STS has seen */
	u16 sts, en, cnt;
	u8 reset;		/* port 0xcf9 */
	u8 port_a;
	u8 kbd_output_next;	/* the next byte is for the output port */
};

struct aerie_pm {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* comes before irq_lock */
	struct pm_state s;
	struct aerie_timer timer;
	struct aerie_range ranges[NR_RANGES];
};

static u64 pm_ticks(const struct aerie_pm *pm)
{
	return mul_u64_u32_div(aerie_now_ns() - pm->s.start_ns, TIMER_HZ, NSEC_PER_SEC);
}

/* Bring TMR_STS, the SCI line and the timer for the next TMR_STS up to date. */
static void pm_update(struct aerie_pm *pm)
{
	u64 halves = pm_ticks(pm) >> 31;

	lockdep_assert_held(&pm->lock);
	if (halves != pm->s.halves)
		pm->s.sts |= PM1_TMR;
	pm->s.halves = halves;
	aerie_irq_set(pm->dev.vm, AERIE_GSI_SCI, AERIE_IRQ_SCI, pm->s.sts & pm->s.en);
	if (pm->s.en & PM1_TMR && !(pm->s.sts & PM1_TMR))
		aerie_timer_arm(&pm->timer, pm->s.start_ns + 1 +
				mul_u64_u32_div((halves + 1) << 31, NSEC_PER_SEC, TIMER_HZ));
	else
		aerie_timer_disarm(&pm->timer);
}

static void pm_timer(struct aerie_timer *timer)
{
	struct aerie_pm *pm = container_of(timer, struct aerie_pm, timer);
	unsigned long flags;

	raw_spin_lock_irqsave(&pm->lock, flags);
	pm_update(pm);
	raw_spin_unlock_irqrestore(&pm->lock, flags);
}

int aerie_pm_power_button(struct aerie_vm *vm)
{
	struct aerie_pm *pm = vm->pm;
	unsigned long flags;
	int err = -EOPNOTSUPP;

	raw_spin_lock_irqsave(&pm->lock, flags);
	if (pm->s.en & PM1_PWRBTN) {
		pm->s.sts |= PM1_PWRBTN;
		pm_update(pm);
		err = 0;
	}
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	return err;
}

static u64 block_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size)
{
	struct aerie_pm *pm = container_of(range, struct aerie_pm, ranges[RANGE_BLOCK]);
	u64 regs, timer = (u32)pm_ticks(pm);
	unsigned long flags;

	/* The usual read of the timer takes no lock. */
	if (off >= REG_TMR)
		return timer >> (off - REG_TMR) * 8;
	raw_spin_lock_irqsave(&pm->lock, flags);
	pm_update(pm);
	regs = pm->s.sts | (u64)pm->s.en << REG_EN * 8 |
	       (u64)(pm->s.cnt | CNT_SCI_EN) << REG_CNT * 8;
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	/* A wide access may reach from one into the other. */
	return off ? regs >> off * 8 | timer << (REG_TMR - off) * 8 : regs;
}

static void block_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			unsigned int size, u64 val)
{
	struct aerie_pm *pm = container_of(range, struct aerie_pm, ranges[RANGE_BLOCK]);
	bool sleep = false, power_off;
	unsigned long flags;
	unsigned int i;
	u8 byte;

	raw_spin_lock_irqsave(&pm->lock, flags);
	pm_update(pm);
	for (i = off; i < off + size; i++, val >>= 8) {
		byte = val;
		switch (i) {
		case REG_STS:
			pm->s.sts &= ~byte;
			break;
		case REG_STS + 1:
			pm->s.sts &= ~(byte << 8);
			break;
		case REG_EN:
			pm->s.en = (pm->s.en & 0xff00) | (byte & PM1_EN_MASK);
			break;
		case REG_EN + 1:
			pm->s.en = (pm->s.en & 0xff) | (byte << 8 & PM1_EN_MASK);
			break;
		case REG_CNT:
			pm->s.cnt = (pm->s.cnt & 0xff00) | (byte & CNT_MASK);
			break;
		case REG_CNT + 1:
			pm->s.cnt = (pm->s.cnt & 0xff) | (byte << 8 & CNT_MASK);
			sleep = byte << 8 & CNT_SLP_EN;
			break;
		}
	}
	power_off = sleep && (pm->s.cnt & CNT_SLP_TYP) >> CNT_SLP_TYP_SHIFT == AERIE_PM_S5_TYP;
	pm_update(pm);
	raw_spin_unlock_irqrestore(&pm->lock, flags);
	if (power_off)
		aerie_vm_power_off(pm->dev.vm);
}

u8 aerie_pm_reset_read(struct aerie_vm *vm)
{
	return READ_ONCE(vm->pm->s.reset);
}

void aerie_pm_reset_write(struct aerie_vm *vm, u8 val)
{
	WRITE_ONCE(vm->pm->s.reset, val & ~RESET_CPU);
	if (val & RESET_CPU)
		aerie_vm_request_reset(vm);
}

static u64 port_a_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size)
{
	struct aerie_pm *pm = container_of(range, struct aerie_pm, ranges[RANGE_PORT_A]);

	return READ_ONCE(pm->s.port_a) | PORT_A_A20;
}

/* Address line 20 is always there, whatever the guest writes. */
static void port_a_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			 unsigned int size, u64 val)
{
	struct aerie_pm *pm = container_of(range, struct aerie_pm, ranges[RANGE_PORT_A]);

	WRITE_ONCE(pm->s.port_a, val & ~PORT_A_RESET);
	if (val & PORT_A_RESET)
		aerie_vm_request_reset(pm->dev.vm);
}

static u64 kbd_data_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			 unsigned int size)
{
	return 0xff;
}

static void kbd_data_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			   unsigned int size, u64 val)
{
	struct aerie_pm *pm = container_of(range, struct aerie_pm, ranges[RANGE_KBD_DATA]);

	/* Bit 0 of the output port is the reset line, active low. */
	if (xchg(&pm->s.kbd_output_next, 0) && !(val & BIT(0)))
		aerie_vm_request_reset(pm->dev.vm);
}

static u64 kbd_status_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			   unsigned int size)
{
	return KBD_STATUS_ABSENT;
}

static void kbd_status_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			     unsigned int size, u64 val)
{
	struct aerie_pm *pm = container_of(range, struct aerie_pm, ranges[RANGE_KBD_STATUS]);

	WRITE_ONCE(pm->s.kbd_output_next, val == KBD_WRITE_OUTPUT);
	if ((val & KBD_PULSE) == KBD_PULSE && !(val & BIT(0)))
		aerie_vm_request_reset(pm->dev.vm);
}

static const struct aerie_range_ops block_ops = { .read = block_read, .write = block_write };
static const struct aerie_range_ops port_a_ops = { .read = port_a_read, .write = port_a_write };
static const struct aerie_range_ops kbd_data_ops = {
	.read = kbd_data_read, .write = kbd_data_write
};

static const struct aerie_range_ops kbd_status_ops = {
	.read = kbd_status_read, .write = kbd_status_write
};

static const struct aerie_range pm_ranges[NR_RANGES] = {
	[RANGE_BLOCK] = { .base = AERIE_PM1A_EVT_PORT, .len = BLOCK_LEN, .ops = &block_ops,
			  .name = "acpi-pm" },
	[RANGE_PORT_A] = { .base = 0x92, .len = 1, .ops = &port_a_ops, .name = "port-a" },
	[RANGE_KBD_DATA] = { .base = KBD_DATA, .len = 1, .ops = &kbd_data_ops,
			     .name = "kbd-data" },
	[RANGE_KBD_STATUS] = { .base = KBD_STATUS, .len = 1, .ops = &kbd_status_ops,
			       .name = "kbd-status" },
};

static struct aerie_dev *pm_create(struct aerie_vm *vm)
{
	struct aerie_pm *pm;
	int err;

	pm = kzalloc(sizeof(*pm), GFP_KERNEL_ACCOUNT);
	if (!pm)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&pm->lock);
	aerie_timer_init(&pm->timer, pm_timer);
	memcpy(pm->ranges, pm_ranges, sizeof(pm_ranges));
	err = aerie_bus_claim_all(&vm->pio, pm->ranges, NR_RANGES);
	if (err) {
		kfree(pm);
		return ERR_PTR(err);
	}
	vm->pm = pm;
	return &pm->dev;
}

static void pm_destroy(struct aerie_dev *dev)
{
	struct aerie_pm *pm = container_of(dev, struct aerie_pm, dev);

	aerie_bus_release_all(&dev->vm->pio, pm->ranges, NR_RANGES);
	aerie_timer_fini(&pm->timer);
	dev->vm->pm = NULL;
	kfree(pm);
}

static void pm_reset(struct aerie_dev *dev)
{
	struct aerie_pm *pm = container_of(dev, struct aerie_pm, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&pm->lock, flags);
	memset(&pm->s, 0, sizeof(pm->s));
	pm->s.start_ns = aerie_now_ns();
	pm_update(pm);
	raw_spin_unlock_irqrestore(&pm->lock, flags);
}

static void pm_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_pm *pm = container_of(dev, struct aerie_pm, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&pm->lock, flags);
	memcpy(buf, &pm->s, sizeof(pm->s));
	raw_spin_unlock_irqrestore(&pm->lock, flags);
}

static const struct aerie_field pm_fields[] = {
	AERIE_FIELD(struct pm_state, start_ns),
	AERIE_FIELD(struct pm_state, halves),
	AERIE_FIELD(struct pm_state, sts),
	AERIE_FIELD(struct pm_state, en),
	AERIE_FIELD(struct pm_state, cnt),
	AERIE_FIELD(struct pm_state, reset),
	AERIE_FIELD(struct pm_state, port_a),
	AERIE_FIELD(struct pm_state, kbd_output_next),
};

static const struct aerie_record pm_record =
	AERIE_RECORD("pm", 1, struct pm_state, pm_fields);

const struct aerie_dev_ops aerie_pm_dev = {
	.name = "pm",
	.create = pm_create,
	.destroy = pm_destroy,
	.reset = pm_reset,
	.record = &pm_record,
	.state = pm_state,
};
