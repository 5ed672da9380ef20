// SPDX-License-Identifier: GPL-2.0
/*
 * The 8254 timer: three counters, and the speaker port 0x61 that gates the third.
 *
 * Nothing counts. A counter remembers when it was started and computes its value
 * and its output from the clock whenever somebody looks. Times are in ticks of
 * 1193182 Hz since @start_ns; while a counter is stopped by its gate the ticks so
 * far are kept in @ticks.
 *
 * Counter 0 also has to interrupt: rising edges of its output reach GSI 0 as short
 * pulses from a timer. An edge that becomes due is owed, AERIE_TICKS_OWED_MAX at most,
 * until there is a pulse for it, and there is none while the one before still waits for
 * the guest to take it: the two would be one interrupt. So a guest that keeps time by
 * counting ticks catches up, whether the host was late or the guest. Pulses are
 * AERIE_PERIOD_MIN_NS apart, whatever count the guest programs, and one that found its
 * predecessor waiting is tried again half a period later: no guest can make the host
 * spend its time on a timer, and none is asked what it has acknowledged. Nothing is owed
 * while the line is masked. While the VM is paused or stopped nothing is delivered, and
 * the timer only looks now and then whether it goes on.
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

#define TICK_HZ			1193182u
#define NR_COUNTERS		3
#define NR_RANGES		2
#define PAUSED_LOOK_NS		(100 * NSEC_PER_MSEC)
#define REFRESH_NS		15085u	/* period of the refresh toggle, counter 1 */

#define CTRL_BCD		BIT(0)
#define CTRL_SELECT_SHIFT	6
#define CTRL_READ_BACK		3
#define CTRL_RW_SHIFT		4
#define READ_BACK_NO_COUNT	BIT(5)
#define READ_BACK_NO_STATUS	BIT(4)
#define STATUS_OUT		BIT(7)
#define STATUS_NULL		BIT(6)
#define RW_LATCH		0
#define RW_LOW			1
#define RW_HIGH			2

#define P61_GATE2		BIT(0)
#define P61_WRITABLE		0x0f	/* gate, speaker and the two NMI enables */
#define P61_REFRESH		BIT(4)
#define P61_OUT2		BIT(5)

struct counter_state {
	u64 start_ns;		/* when it began to count, less @ticks */
	u64 ticks;		/* counted before it stopped */
	u32 reload;		/* 1 to 0x10000, 0 where none was written */
	u32 next_reload;	/* takes effect at @switch_tick, 0 if none */
	u64 switch_tick;
	u16 latch;		/* latched count */
	u8 ctrl;		/* low six bits of the control word */
	u8 gate;
	u8 running;
	u8 null_count;		/* the count written has not been loaded */
	u8 write_low;		/* low byte, waits for the high one */
	u8 write_high_next;
	u8 read_high_next;
	u8 latched;		/* bytes of @latch still to be read */
	u8 status_latched;
	u8 status;
};

struct pit_state {
	struct counter_state counter[NR_COUNTERS];
	u64 seen;		/* edges of counter 0 that became due since start */
	u64 pulse_ns;		/* time of the last pulse, or attempt at one */
	u32 owed;		/* edges due and not delivered */
	u8 waits;		/* the last pulse has not been taken */
	u8 port61;
};

struct aerie_pit {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* comes before irq_lock */
	struct pit_state s;
	struct aerie_timer timer;
	struct aerie_range ranges[NR_RANGES];
};

static u64 ns_to_ticks(u64 ns)
{
	return mul_u64_u32_div(ns, TICK_HZ, NSEC_PER_SEC);
}

/* The first nanosecond at which @ticks are complete. */
static u64 ticks_to_ns(u64 ticks)
{
	return mul_u64_u32_div(ticks, NSEC_PER_SEC, TICK_HZ) + 1;
}

/* Modes 6 and 7 are 2 and 3. */
static unsigned int counter_mode(const struct counter_state *c)
{
	unsigned int mode = c->ctrl >> 1 & 7;

	return mode > 5 ? mode - 4 : mode;
}

static bool counter_periodic(const struct counter_state *c)
{
	return counter_mode(c) == 2 || counter_mode(c) == 3;
}

/* Counts only from a rising gate on. */
static bool counter_triggered(const struct counter_state *c)
{
	return counter_mode(c) == 1 || counter_mode(c) == 5;
}

static u64 counter_ticks(const struct counter_state *c, u64 now)
{
	return c->running ? ns_to_ticks(now - min(now, c->start_ns)) : c->ticks;
}

static void counter_stop(struct counter_state *c, u64 now)
{
	c->ticks = counter_ticks(c, now);
	c->running = 0;
}

static void counter_resume(struct counter_state *c, u64 now)
{
	if (c->running || !c->reload)
		return;
	c->start_ns = now - min(now, ticks_to_ns(c->ticks));
	c->running = 1;
}

/* Load the count and begin again. */
static void counter_start(struct counter_state *c, u64 now)
{
	if (c->next_reload)
		c->reload = c->next_reload;
	c->next_reload = 0;
	c->null_count = 0;
	c->ticks = 0;
	c->start_ns = now;
	c->running = c->reload && (c->gate || counter_triggered(c));
}

/* A new count of a periodic counter takes effect at the end of the current period. */
static void counter_sync(struct counter_state *c, u64 now)
{
	if (!c->next_reload || !c->running || counter_triggered(c) ||
	    counter_ticks(c, now) < c->switch_tick)
		return;
	c->start_ns += ticks_to_ns(c->switch_tick);
	c->reload = c->next_reload;
	c->next_reload = 0;
	c->null_count = 0;
}

static u16 counter_value(const struct counter_state *c, u64 now)
{
	u32 wrap = c->ctrl & CTRL_BCD ? 10000 : 0x10000;
	u32 half, pos, val;
	u64 ticks;

	if (!c->reload)
		return 0;
	ticks = counter_ticks(c, now);
	switch (counter_mode(c)) {
	case 2:
		div64_u64_rem(ticks, c->reload, &ticks);
		val = c->reload - ticks;
		break;
	case 3:
		/* Counts down by two, once for each half of the wave. */
		div64_u64_rem(ticks, c->reload, &ticks);
		half = (c->reload + 1) / 2;
		pos = ticks < half ? ticks : ticks - half;
		val = (c->reload & ~1u) - 2 * pos;
		break;
	default:
		/* Goes on from the top when it has reached zero. */
		div64_u64_rem(ticks, wrap, &ticks);
		val = c->reload + wrap - ticks;
	}
	val %= wrap;
	if (c->ctrl & CTRL_BCD)
		val = val % 10 | val / 10 % 10 << 4 | val / 100 % 10 << 8 | val / 1000 << 12;
	return val;
}

static bool counter_out(const struct counter_state *c, u64 now)
{
	u64 ticks = counter_ticks(c, now);

	if (!c->reload)
		return counter_mode(c) != 0;
	switch (counter_mode(c)) {
	case 0:
		return ticks >= c->reload;
	case 1:
		return !c->running || ticks >= c->reload;
	case 2:
		div64_u64_rem(ticks, c->reload, &ticks);
		return !c->gate || ticks != c->reload - 1;
	case 3:
		div64_u64_rem(ticks, c->reload, &ticks);
		return !c->gate || ticks < (c->reload + 1) / 2;
	default:
		return !c->running || ticks != c->reload;
	}
}

/* Rising edges of counter 0's output since it was started. */
static u64 edges(const struct counter_state *c, u64 ticks)
{
	if (!c->reload || !c->running || counter_triggered(c))
		return 0;
	if (counter_periodic(c))
		return div64_u64(ticks, c->reload);
	return ticks >= c->reload + (counter_mode(c) == 4);
}

/* When edge number @n (from 1) of counter 0 is due, or U64_MAX for never. */
static u64 edge_ns(const struct counter_state *c, u64 n)
{
	u64 ticks;

	if (!c->reload || !c->running || counter_triggered(c))
		return U64_MAX;
	if (counter_periodic(c))
		ticks = n * c->reload;
	else if (n == 1)
		ticks = c->reload + (counter_mode(c) == 4);
	else
		return U64_MAX;
	return c->start_ns + ticks_to_ns(ticks);
}

/* Edges of counter 0 up to @ticks are owed; those of a pause are one. */
static void pit_owe(struct aerie_pit *pit, u64 ticks)
{
	const struct counter_state *c = &pit->s.counter[0];
	u64 resumed = counter_ticks(c, READ_ONCE(pit->dev.vm->resumed_ns));
	u64 due = edges(c, ticks), paused = edges(c, min(ticks, resumed));

	if (paused > pit->s.seen)
		pit->s.seen = paused - 1;
	if (due <= pit->s.seen)
		return;
	pit->s.owed = min_t(u64, pit->s.owed + (due - pit->s.seen), AERIE_TICKS_OWED_MAX);
	pit->s.seen = due;
}

/* Bring counter 0 and the edges it owes up to date. */
static void pit_sync(struct aerie_pit *pit, u64 now)
{
	struct counter_state *c = &pit->s.counter[0];
	u32 pending = c->next_reload;

	lockdep_assert_held(&pit->lock);
	if (pending) {
		pit_owe(pit, min(counter_ticks(c, now), c->switch_tick));
		counter_sync(c, now);
		if (!c->next_reload)
			pit->s.seen = 0;
	}
	pit_owe(pit, counter_ticks(c, now));
}

static void pit_arm(struct aerie_pit *pit)
{
	struct counter_state *c = &pit->s.counter[0];
	u64 next, gap = AERIE_PERIOD_MIN_NS;

	if (pit->s.owed) {
		if (pit->s.waits && counter_periodic(c))
			gap = max(gap, ticks_to_ns(c->reload) / 2);
		next = 0;
	} else {
		next = edge_ns(c, pit->s.seen + 1);
	}
	if (next == U64_MAX)
		aerie_timer_disarm(&pit->timer);
	else
		aerie_timer_arm(&pit->timer, max(next, pit->s.pulse_ns + gap));
}

/* An edge that is owed, unless it would be lost. */
static void pit_pulse(struct aerie_pit *pit, u64 now)
{
	enum aerie_edge edge = aerie_irq_edge(pit->dev.vm, AERIE_GSI_PIT);

	pit->s.pulse_ns = now;
	pit->s.waits = edge == AERIE_EDGE_WAITS && counter_periodic(&pit->s.counter[0]);
	if (pit->s.waits)
		return;
	pit->s.owed = edge == AERIE_EDGE_UNHEARD ? 0 : pit->s.owed - 1;
	aerie_irq_set(pit->dev.vm, AERIE_GSI_PIT, AERIE_IRQ_PIT, true);
	aerie_irq_set(pit->dev.vm, AERIE_GSI_PIT, AERIE_IRQ_PIT, false);
}

static void pit_timer(struct aerie_timer *timer)
{
	struct aerie_pit *pit = container_of(timer, struct aerie_pit, timer);
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = aerie_now_ns();
	if (READ_ONCE(pit->dev.vm->state) != AERIE_VM_RUNNING) {
		aerie_timer_arm(&pit->timer, now + PAUSED_LOOK_NS);
		goto out;
	}
	pit_sync(pit, now);
	if (pit->s.owed)
		pit_pulse(pit, now);
	pit_arm(pit);
out:
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void counter_latch_count(struct counter_state *c, u64 now)
{
	if (c->latched)
		return;
	c->latch = counter_value(c, now);
	c->latched = (c->ctrl >> CTRL_RW_SHIFT & 3) == 3 ? 2 : 1;
}

static void counter_latch_status(struct counter_state *c, u64 now)
{
	if (c->status_latched)
		return;
	c->status = c->ctrl | (counter_out(c, now) ? STATUS_OUT : 0) |
		    (c->null_count ? STATUS_NULL : 0);
	c->status_latched = 1;
}

static void counter_control(struct counter_state *c, u8 ctrl)
{
	u8 gate = c->gate;

	memset(c, 0, sizeof(*c));
	c->gate = gate;
	c->ctrl = ctrl & 0x3f;
	c->null_count = 1;
}

static void pit_control(struct aerie_pit *pit, u8 val, u64 now)
{
	unsigned int n = val >> CTRL_SELECT_SHIFT;
	struct counter_state *c;

	if (n == CTRL_READ_BACK) {
		for (n = 0; n < NR_COUNTERS; n++) {
			c = &pit->s.counter[n];
			if (!(val & BIT(n + 1)))
				continue;
			if (!(val & READ_BACK_NO_COUNT))
				counter_latch_count(c, now);
			if (!(val & READ_BACK_NO_STATUS))
				counter_latch_status(c, now);
		}
		return;
	}
	c = &pit->s.counter[n];
	if ((val >> CTRL_RW_SHIFT & 3) == RW_LATCH) {
		counter_latch_count(c, now);
		return;
	}
	counter_control(c, val);
	if (n == 0) {
		pit->s.seen = 0;
		pit->s.owed = 0;
	}
}

/* A whole count has been written. Returns whether counting begins afresh. */
static bool counter_set(struct counter_state *c, u16 val, u64 now)
{
	u32 count = val;

	if (c->ctrl & CTRL_BCD)
		count = (val & 15) + (val >> 4 & 15) * 10 + (val >> 8 & 15) * 100 +
			(val >> 12) * 1000;
	if (!count)
		count = c->ctrl & CTRL_BCD ? 10000 : 0x10000;
	c->null_count = 1;
	if (counter_triggered(c)) {
		c->next_reload = count;
		return false;
	}
	if (counter_periodic(c) && c->running) {
		c->next_reload = count;
		c->switch_tick = (div64_u64(counter_ticks(c, now), c->reload) + 1) * c->reload;
		return false;
	}
	c->reload = count;
	c->next_reload = 0;
	counter_start(c, now);
	return true;
}

static bool counter_write(struct counter_state *c, u8 val, u64 now)
{
	switch (c->ctrl >> CTRL_RW_SHIFT & 3) {
	case RW_LATCH:
		return false;	/* not programmed yet */
	case RW_LOW:
		return counter_set(c, val, now);
	case RW_HIGH:
		return counter_set(c, val << 8, now);
	}
	c->write_high_next ^= 1;
	if (c->write_high_next) {
		c->write_low = val;
		/* In mode 0 the first byte stops the counter and lowers its output. */
		if (counter_mode(c) == 0) {
			c->running = 0;
			c->reload = 0;
		}
		return false;
	}
	return counter_set(c, val << 8 | c->write_low, now);
}

static u8 counter_read(struct counter_state *c, u64 now)
{
	u16 count = c->latched ? c->latch : counter_value(c, now);
	bool high;

	if (c->status_latched) {
		c->status_latched = 0;
		return c->status;
	}
	if ((c->ctrl >> CTRL_RW_SHIFT & 3) == 3) {
		high = c->read_high_next;
		c->read_high_next ^= 1;
	} else {
		high = (c->ctrl >> CTRL_RW_SHIFT & 3) == RW_HIGH;
	}
	if (c->latched)
		c->latched--;
	return high ? count >> 8 : count;
}

static void counter_gate(struct counter_state *c, bool gate, u64 now)
{
	if (c->gate == gate)
		return;
	c->gate = gate;
	if (gate) {
		if (counter_mode(c) == 0 || counter_mode(c) == 4)
			counter_resume(c, now);
		else if (c->reload || c->next_reload)
			counter_start(c, now);
	} else if (!counter_triggered(c)) {
		counter_stop(c, now);
	}
}

static u8 pit_read_byte(void *chip, u64 off)
{
	struct aerie_pit *pit = chip;
	unsigned long flags;
	u8 val = 0;
	u64 now;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = aerie_now_ns();
	if (off == 0)
		pit_sync(pit, now);
	if (off < NR_COUNTERS) {
		counter_sync(&pit->s.counter[off], now);
		val = counter_read(&pit->s.counter[off], now);
	}
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return val;
}

static void pit_write_byte(void *chip, u64 off, u8 val)
{
	struct aerie_pit *pit = chip;
	unsigned long flags;
	unsigned int n;
	u64 now;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = aerie_now_ns();
	pit_sync(pit, now);
	for (n = 1; n < NR_COUNTERS; n++)
		counter_sync(&pit->s.counter[n], now);
	if (off == NR_COUNTERS) {
		pit_control(pit, val, now);
	} else if (counter_write(&pit->s.counter[off], val, now) && off == 0) {
		pit->s.seen = 0;
		pit->s.owed = 0;
	}
	pit_arm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static u64 pit_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		    unsigned int size)
{
	return aerie_bytes_read(container_of(range, struct aerie_pit, ranges[0]), off, size,
				pit_read_byte);
}

static void pit_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size, u64 val)
{
	aerie_bytes_write(container_of(range, struct aerie_pit, ranges[0]), off, size, val,
			  pit_write_byte);
}

static u64 port61_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size)
{
	struct aerie_pit *pit = container_of(range, struct aerie_pit, ranges[1]);
	struct counter_state *c = &pit->s.counter[2];
	unsigned long flags;
	u64 now;
	u8 val;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = aerie_now_ns();
	counter_sync(c, now);
	val = pit->s.port61;
	if (div_u64(now, REFRESH_NS) & 1)
		val |= P61_REFRESH;
	if (counter_out(c, now))
		val |= P61_OUT2;
	raw_spin_unlock_irqrestore(&pit->lock, flags);
	return val;
}

static void port61_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			 unsigned int size, u64 val)
{
	struct aerie_pit *pit = container_of(range, struct aerie_pit, ranges[1]);
	struct counter_state *c = &pit->s.counter[2];
	unsigned long flags;
	u64 now;

	raw_spin_lock_irqsave(&pit->lock, flags);
	now = aerie_now_ns();
	counter_sync(c, now);
	pit->s.port61 = val & P61_WRITABLE;
	counter_gate(c, val & P61_GATE2, now);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static const struct aerie_range_ops pit_ops = { .read = pit_read, .write = pit_write };
static const struct aerie_range_ops port61_ops = { .read = port61_read, .write = port61_write };

static const struct aerie_range pit_ranges[NR_RANGES] = {
	{ .base = 0x40, .len = 4, .ops = &pit_ops, .name = "pit" },
	{ .base = 0x61, .len = 1, .ops = &port61_ops, .name = "pit-speaker" },
};

static struct aerie_dev *pit_create(struct aerie_vm *vm)
{
	struct aerie_pit *pit;
	int err;

	pit = kzalloc(sizeof(*pit), GFP_KERNEL_ACCOUNT);
	if (!pit)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&pit->lock);
	aerie_timer_init(&pit->timer, pit_timer);
	memcpy(pit->ranges, pit_ranges, sizeof(pit_ranges));
	err = aerie_bus_claim_all(&vm->pio, pit->ranges, NR_RANGES);
	if (err) {
		kfree(pit);
		return ERR_PTR(err);
	}
	vm->pit = pit;
	return &pit->dev;
}

static void pit_destroy(struct aerie_dev *dev)
{
	struct aerie_pit *pit = container_of(dev, struct aerie_pit, dev);

	aerie_bus_release_all(&dev->vm->pio, pit->ranges, NR_RANGES);
	aerie_timer_fini(&pit->timer);
	dev->vm->pit = NULL;
	kfree(pit);
}

static void pit_reset(struct aerie_dev *dev)
{
	struct aerie_pit *pit = container_of(dev, struct aerie_pit, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	memset(&pit->s, 0, sizeof(pit->s));
	/* The gates of the first two counters are tied high. */
	pit->s.counter[0].gate = 1;
	pit->s.counter[1].gate = 1;
	pit_arm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

/* The timer may be in the middle between two looks. */
static void pit_resume(struct aerie_dev *dev)
{
	struct aerie_pit *pit = container_of(dev, struct aerie_pit, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	pit_arm(pit);
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

static void pit_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_pit *pit = container_of(dev, struct aerie_pit, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&pit->lock, flags);
	memcpy(buf, &pit->s, sizeof(pit->s));
	raw_spin_unlock_irqrestore(&pit->lock, flags);
}

#define COUNTER_FIELDS(n)						\
	AERIE_FIELD(struct pit_state, counter[n].start_ns),		\
	AERIE_FIELD(struct pit_state, counter[n].ticks),		\
	AERIE_FIELD(struct pit_state, counter[n].reload),		\
	AERIE_FIELD(struct pit_state, counter[n].next_reload),		\
	AERIE_FIELD(struct pit_state, counter[n].switch_tick),		\
	AERIE_FIELD(struct pit_state, counter[n].latch),		\
	AERIE_FIELD(struct pit_state, counter[n].ctrl),			\
	AERIE_FIELD(struct pit_state, counter[n].gate),			\
	AERIE_FIELD(struct pit_state, counter[n].running),		\
	AERIE_FIELD(struct pit_state, counter[n].null_count),		\
	AERIE_FIELD(struct pit_state, counter[n].write_low),		\
	AERIE_FIELD(struct pit_state, counter[n].write_high_next),	\
	AERIE_FIELD(struct pit_state, counter[n].read_high_next),	\
	AERIE_FIELD(struct pit_state, counter[n].latched),		\
	AERIE_FIELD(struct pit_state, counter[n].status_latched),	\
	AERIE_FIELD(struct pit_state, counter[n].status)

static const struct aerie_field pit_fields[] = {
	COUNTER_FIELDS(0),
	COUNTER_FIELDS(1),
	COUNTER_FIELDS(2),
	AERIE_FIELD(struct pit_state, seen),
	AERIE_FIELD(struct pit_state, pulse_ns),
	AERIE_FIELD(struct pit_state, owed),
	AERIE_FIELD(struct pit_state, waits),
	AERIE_FIELD(struct pit_state, port61),
};

static const struct aerie_record pit_record =
	AERIE_RECORD("pit", 2, struct pit_state, pit_fields);

const struct aerie_dev_ops aerie_pit_dev = {
	.name = "pit",
	.create = pit_create,
	.destroy = pit_destroy,
	.reset = pit_reset,
	.resume = pit_resume,
	.record = &pit_record,
	.state = pit_state,
};
