// SPDX-License-Identifier: GPL-2.0
/*
 * The MC146818 real-time clock and its CMOS memory, at ports 0x70 and 0x71.
 *
 * The time is the host's wall clock (UTC) plus an offset, computed when somebody
 * looks. A guest that sets the time changes the offset. While it holds the SET bit
 * or the divider in reset, the clock is halted: the time registers are plain bytes,
 * and the offset is taken from them when the clock starts again.
 *
 * Flags of register C are found the same way: each look compares the time with
 * that of the look before (@seen_sec, @seen_ns) and sets the flags of whatever
 * happened in between. A timer is armed only for an event that would raise the
 * interrupt line, which stays high until register C is read; so there is at most
 * one expiry per read of register C.
 *
 * Periodic interrupts that became due while the line was high are counted with the next
 * look. Each read of register C, which is how a guest acknowledges one, makes way for
 * another of these. The guest's clock may be set, by itself or by the host: no more are
 * owed than fit into the time that has really passed (@seen_mono_ns).
 */
#include <linux/bcd.h>
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/mc146818rtc.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/time.h>
#include <linux/time64.h>

#include "aerie.h"
#include "dev/bytes.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"
#include "dev/timer.h"

#define RTC_PORT_BASE		0x70
#define CENTURY			0x32
#define CRYSTAL_HZ		32768u
#define UIP_NS			2228000u	/* 244 us ahead of, 1984 us in the update */
#define RTC_DIV_MASK		0x70
#define RTC_PM			0x80		/* afternoon, in 12-hour mode */
#define ALARM_ANY		0xc0		/* both bits: matches every value */
#define SEC_PER_HOUR		3600
#define SEC_PER_DAY		86400

/* CMOS bytes that firmware leaves for the system. */
#define CMOS_BASE_MEM		0x15	/* KiB below 640 KiB, 2 bytes */
#define CMOS_EXT_MEM		0x17	/* KiB above 1 MiB, 2 bytes */
#define CMOS_EXT_MEM2		0x30	/* the same */
#define CMOS_MEM_16M		0x34	/* 64 KiB units from 16 MiB to 4 GiB, 2 bytes */
#define CMOS_MEM_4G		0x5b	/* 64 KiB units above 4 GiB, 3 bytes */
#define CMOS_CPUS		0x5f	/* processors but the first */

struct rtc_state {
	s64 offset_sec;		/* guest's time less the host's wall clock */
	u32 offset_ns;
	u32 seen_ns;
	s64 seen_sec;		/* guest's time at the last look */
	u64 seen_mono_ns;	/* aerie_now_ns() then */
	u32 owed;		/* periodic interrupts due and not given */
	u8 index;
	u8 cmos[128];
};

struct aerie_rtc {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* comes before irq_lock */
	struct rtc_state s;
	struct aerie_timer timer;
	struct aerie_range range;
};

/* A time as the guest's clock has it. */
struct moment {
	s64 sec;
	u32 ns;
};

static struct moment rtc_now(const struct aerie_rtc *rtc)
{
	struct moment now;
	u32 ns;

	now.sec = div_u64_rem(aerie_wall_ns(), NSEC_PER_SEC, &ns) + rtc->s.offset_sec;
	now.ns = ns + rtc->s.offset_ns;
	if (now.ns >= NSEC_PER_SEC) {
		now.ns -= NSEC_PER_SEC;
		now.sec++;
	}
	return now;
}

/* Make the clock show @sec and @ns now. */
static void rtc_set_now(struct aerie_rtc *rtc, s64 sec, u32 ns)
{
	u32 wall_ns;
	s64 wall_sec = div_u64_rem(aerie_wall_ns(), NSEC_PER_SEC, &wall_ns);

	if (ns < wall_ns) {
		ns += NSEC_PER_SEC;
		sec--;
	}
	rtc->s.offset_ns = ns - wall_ns;
	rtc->s.offset_sec = sec - wall_sec;
}

static bool divider_reset(const struct aerie_rtc *rtc)
{
	return (rtc->s.cmos[RTC_FREQ_SELECT] & RTC_DIV_MASK) >= RTC_DIV_RESET1;
}

static bool rtc_halted(const struct aerie_rtc *rtc)
{
	return rtc->s.cmos[RTC_CONTROL] & RTC_SET || divider_reset(rtc);
}

/* Binary value to the data mode of register B, and back. */
static u8 rtc_encode(const struct aerie_rtc *rtc, u8 val)
{
	return rtc->s.cmos[RTC_CONTROL] & RTC_DM_BINARY ? val : bin2bcd(val);
}

static u8 rtc_decode(const struct aerie_rtc *rtc, u8 val)
{
	return rtc->s.cmos[RTC_CONTROL] & RTC_DM_BINARY ? val : bcd2bin(val);
}

static u8 encode_hour(const struct aerie_rtc *rtc, u8 hour)
{
	if (rtc->s.cmos[RTC_CONTROL] & RTC_24H)
		return rtc_encode(rtc, hour);
	return rtc_encode(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? RTC_PM : 0);
}

static u8 decode_hour(const struct aerie_rtc *rtc, u8 val)
{
	u8 hour;

	if (rtc->s.cmos[RTC_CONTROL] & RTC_24H)
		return rtc_decode(rtc, val);
	hour = rtc_decode(rtc, val & ~RTC_PM);
	return (hour == 12 ? 0 : hour) + (val & RTC_PM ? 12 : 0);
}

/* Put the time into the time registers. */
static void rtc_show(struct aerie_rtc *rtc, s64 sec)
{
	u8 *cmos = rtc->s.cmos;
	struct tm tm;
	long year;

	time64_to_tm(sec, 0, &tm);
	year = clamp_t(long, tm.tm_year + 1900, 0, 25599);
	cmos[RTC_SECONDS] = rtc_encode(rtc, tm.tm_sec);
	cmos[RTC_MINUTES] = rtc_encode(rtc, tm.tm_min);
	cmos[RTC_HOURS] = encode_hour(rtc, tm.tm_hour);
	cmos[RTC_DAY_OF_WEEK] = rtc_encode(rtc, tm.tm_wday + 1);
	cmos[RTC_DAY_OF_MONTH] = rtc_encode(rtc, tm.tm_mday);
	cmos[RTC_MONTH] = rtc_encode(rtc, tm.tm_mon + 1);
	cmos[RTC_YEAR] = rtc_encode(rtc, year % 100);
	cmos[CENTURY] = rtc_encode(rtc, year / 100);
}

/* Seconds since 1970 that the time registers say; what is no time is made one. */
static s64 rtc_shown(const struct aerie_rtc *rtc)
{
	const u8 *cmos = rtc->s.cmos;

	return mktime64(rtc_decode(rtc, cmos[CENTURY]) * 100 + rtc_decode(rtc, cmos[RTC_YEAR]),
			clamp_t(u8, rtc_decode(rtc, cmos[RTC_MONTH]), 1, 12),
			clamp_t(u8, rtc_decode(rtc, cmos[RTC_DAY_OF_MONTH]), 1, 31),
			min_t(u8, decode_hour(rtc, cmos[RTC_HOURS]), 23),
			min_t(u8, rtc_decode(rtc, cmos[RTC_MINUTES]), 59),
			min_t(u8, rtc_decode(rtc, cmos[RTC_SECONDS]), 59));
}

/* Does the alarm register want any value, or which? */
static int alarm_field(const struct aerie_rtc *rtc, unsigned int reg)
{
	u8 val = rtc->s.cmos[reg];

	if ((val & ALARM_ANY) == ALARM_ANY)
		return -1;
	return reg == RTC_HOURS_ALARM ? decode_hour(rtc, val) : rtc_decode(rtc, val);
}

/* First second after @sec at which the alarm matches; false if it never does. */
static bool next_alarm(const struct aerie_rtc *rtc, s64 sec, s64 *when)
{
	int hour = alarm_field(rtc, RTC_HOURS_ALARM);
	int min = alarm_field(rtc, RTC_MINUTES_ALARM);
	int s = alarm_field(rtc, RTC_SECONDS_ALARM);
	s32 of_day;
	s64 day;

	if (hour > 23 || min > 59 || s > 59)
		return false;
	sec++;
	day = div_s64_rem(sec, SEC_PER_DAY, &of_day);
	if (of_day < 0) {	/* before 1970 */
		of_day += SEC_PER_DAY;
		day--;
	}
	/* Each step reaches the start of the next hour, minute or second wanted. */
	for (;;) {
		int h = of_day / SEC_PER_HOUR % 24, m = of_day / 60 % 60;

		if (hour >= 0 && h != hour)
			of_day = of_day / SEC_PER_HOUR * SEC_PER_HOUR +
				 (hour + 24 - h) % 24 * SEC_PER_HOUR;
		else if (min >= 0 && m != min)
			of_day = of_day / 60 * 60 + (min > m ? min - m : 60 - m) * 60;
		else if (s >= 0 && of_day % 60 != s)
			of_day += s > of_day % 60 ? s - of_day % 60 : 60 - of_day % 60;
		else
			break;
	}
	*when = day * SEC_PER_DAY + of_day;
	return true;
}

/* Periodic interrupt: nanoseconds between flags, or 0 for none. All divide a second. */
static u32 rtc_period_ticks(const struct aerie_rtc *rtc)
{
	unsigned int rate = rtc->s.cmos[RTC_FREQ_SELECT] & 0xf;

	if (!rate || divider_reset(rtc))
		return 0;
	/* Rates 1 and 2 are 256 and 128 Hz, the others a falling series from 8192. */
	return 1u << (rate < 3 ? rate + 6 : rate - 1);
}

static u32 ns_to_crystal(u32 ns)
{
	return mul_u64_u32_div(ns, CRYSTAL_HZ, NSEC_PER_SEC);
}

static void rtc_update_line(struct aerie_rtc *rtc)
{
	u8 *cmos = rtc->s.cmos;

	/* Flags and their enables are at the same bits: PF, AF, UF. */
	cmos[RTC_INTR_FLAGS] &= RTC_PF | RTC_AF | RTC_UF;
	if (cmos[RTC_INTR_FLAGS] & cmos[RTC_CONTROL])
		cmos[RTC_INTR_FLAGS] |= RTC_IRQF;
	aerie_irq_set(rtc->dev.vm, AERIE_GSI_RTC, AERIE_IRQ_RTC,
		      cmos[RTC_INTR_FLAGS] & RTC_IRQF);
}

/* Periods that ended since the last look. */
static u64 rtc_periods(const struct aerie_rtc *rtc, struct moment now)
{
	const struct rtc_state *s = &rtc->s;
	u32 period = rtc_period_ticks(rtc);

	if (!period)
		return 0;
	return (u64)(now.sec - s->seen_sec) * (CRYSTAL_HZ / period) +
	       ns_to_crystal(now.ns) / period - ns_to_crystal(s->seen_ns) / period;
}

/* Of @n periods that ended, the first sets the flag, if it is not set. */
static void rtc_tick(struct aerie_rtc *rtc, u64 n)
{
	struct rtc_state *s = &rtc->s;
	u64 since = max(s->seen_mono_ns, READ_ONCE(rtc->dev.vm->resumed_ns));
	u64 now = aerie_now_ns(), passed = now - min(since, now);
	u32 period = rtc_period_ticks(rtc);

	if (!n)
		return;
	n = min(n, mul_u64_u32_div(passed, CRYSTAL_HZ / period, NSEC_PER_SEC) + 1);
	if (!(s->cmos[RTC_INTR_FLAGS] & RTC_PF)) {
		s->cmos[RTC_INTR_FLAGS] |= RTC_PF;
		n--;
	}
	if (s->cmos[RTC_CONTROL] & RTC_PIE)
		s->owed = min_t(u64, s->owed + n, AERIE_TICKS_OWED_MAX);
}

static void rtc_seen(struct aerie_rtc *rtc, struct moment now)
{
	rtc->s.seen_sec = now.sec;
	rtc->s.seen_ns = now.ns;
	rtc->s.seen_mono_ns = aerie_now_ns();
}

/* Set the flags of what happened since the last look; returns the time. */
static struct moment rtc_sync(struct aerie_rtc *rtc)
{
	struct moment now = rtc_now(rtc);
	struct rtc_state *s = &rtc->s;
	s64 alarm;

	lockdep_assert_held(&rtc->lock);
	if (now.sec > s->seen_sec || (now.sec == s->seen_sec && now.ns >= s->seen_ns)) {
		rtc_tick(rtc, rtc_periods(rtc, now));
		if (now.sec != s->seen_sec && !rtc_halted(rtc)) {
			s->cmos[RTC_INTR_FLAGS] |= RTC_UF;
			if (next_alarm(rtc, s->seen_sec, &alarm) && alarm <= now.sec)
				s->cmos[RTC_INTR_FLAGS] |= RTC_AF;
		}
	}
	rtc_seen(rtc, now);
	rtc_update_line(rtc);
	return now;
}

/* Arm the timer for the next event that would raise the line. */
static void rtc_arm(struct aerie_rtc *rtc, struct moment now)
{
	const u8 *cmos = rtc->s.cmos;
	u32 period = rtc_period_ticks(rtc);
	u64 delta = U64_MAX;
	s64 alarm;

	if (cmos[RTC_INTR_FLAGS] & RTC_IRQF) {
		aerie_timer_disarm(&rtc->timer);
		return;
	}
	if (cmos[RTC_CONTROL] & RTC_PIE && period)
		delta = mul_u64_u32_div((ns_to_crystal(now.ns) / period + 1) * (u64)period,
					NSEC_PER_SEC, CRYSTAL_HZ) + 1 - now.ns;
	if (cmos[RTC_CONTROL] & RTC_UIE && !rtc_halted(rtc))
		delta = min_t(u64, delta, NSEC_PER_SEC - now.ns);
	if (cmos[RTC_CONTROL] & RTC_AIE && !rtc_halted(rtc) && next_alarm(rtc, now.sec, &alarm))
		delta = min_t(u64, delta, (alarm - now.sec) * NSEC_PER_SEC - now.ns);
	if (delta == U64_MAX)
		aerie_timer_disarm(&rtc->timer);
	else
		aerie_timer_arm(&rtc->timer, aerie_now_ns() + delta);
}

static void rtc_timer(struct aerie_timer *timer)
{
	struct aerie_rtc *rtc = container_of(timer, struct aerie_rtc, timer);
	unsigned long flags;

	raw_spin_lock_irqsave(&rtc->lock, flags);
	rtc_arm(rtc, rtc_sync(rtc));
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
}

static bool is_time(unsigned int index)
{
	return index == RTC_SECONDS || index == RTC_MINUTES || index == RTC_HOURS ||
	       (index >= RTC_DAY_OF_WEEK && index <= RTC_YEAR) || index == CENTURY;
}

static u8 rtc_read_data(struct aerie_rtc *rtc, struct moment now)
{
	unsigned int index = rtc->s.index;
	u8 *cmos = rtc->s.cmos;
	u8 val;

	switch (index) {
	case RTC_FREQ_SELECT:
		val = cmos[index];
		if (!rtc_halted(rtc) && now.ns >= NSEC_PER_SEC - UIP_NS)
			val |= RTC_UIP;
		return val;
	case RTC_INTR_FLAGS:
		val = cmos[index];
		cmos[index] = 0;
		/* The line falls, and rises again where another tick is owed. */
		rtc_update_line(rtc);
		if (rtc->s.owed) {
			rtc->s.owed--;
			cmos[index] = RTC_PF;
			rtc_update_line(rtc);
		}
		return val;
	case RTC_VALID:
		return RTC_VRT;
	}
	if (is_time(index) && !rtc_halted(rtc))
		rtc_show(rtc, now.sec);
	return cmos[index];
}

static void rtc_write_data(struct aerie_rtc *rtc, u8 val, struct moment now)
{
	unsigned int index = rtc->s.index;
	u8 *cmos = rtc->s.cmos;
	bool was_halted = rtc_halted(rtc), was_reset = divider_reset(rtc);

	/* The registers are read and written in the format they were shown in. */
	if (!was_halted && (is_time(index) || index == RTC_CONTROL || index == RTC_FREQ_SELECT))
		rtc_show(rtc, now.sec);
	switch (index) {
	case RTC_FREQ_SELECT:
		cmos[index] = val & ~RTC_UIP;
		rtc->s.owed = 0;
		break;
	case RTC_CONTROL:
		cmos[index] = val;
		if (!(val & RTC_PIE))
			rtc->s.owed = 0;
		if (val & RTC_SET)
			cmos[index] &= ~RTC_UIE;
		break;
	case RTC_INTR_FLAGS:
	case RTC_VALID:
		return;
	default:
		cmos[index] = val;
	}
	if (rtc_halted(rtc))
		return;
	if (was_halted) {
		/* The first update comes half a second after the divider starts. */
		rtc_set_now(rtc, rtc_shown(rtc), was_reset ? NSEC_PER_SEC / 2 : now.ns);
	} else if (is_time(index) && index != RTC_DAY_OF_WEEK) {
		rtc_set_now(rtc, rtc_shown(rtc), now.ns);
	} else {
		return;
	}
	now = rtc_now(rtc);
	rtc_seen(rtc, now);
}

static u8 rtc_read_byte(void *chip, u64 off)
{
	struct aerie_rtc *rtc = chip;
	struct moment now;
	unsigned long flags;
	u8 val;

	if (off == 0)
		return 0xff;	/* the index register is write-only */
	raw_spin_lock_irqsave(&rtc->lock, flags);
	now = rtc_sync(rtc);
	val = rtc_read_data(rtc, now);
	rtc_arm(rtc, now);
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
	return val;
}

static void rtc_write_byte(void *chip, u64 off, u8 val)
{
	struct aerie_rtc *rtc = chip;
	unsigned long flags;

	raw_spin_lock_irqsave(&rtc->lock, flags);
	if (off == 0) {
		rtc->s.index = val & 0x7f;	/* bit 7 masks NMI, of which we have none */
	} else {
		rtc_write_data(rtc, val, rtc_sync(rtc));
		rtc_update_line(rtc);
		rtc_arm(rtc, rtc_now(rtc));
	}
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
}

static u64 rtc_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		    unsigned int size)
{
	return aerie_bytes_read(container_of(range, struct aerie_rtc, range), off, size,
				rtc_read_byte);
}

static void rtc_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		      unsigned int size, u64 val)
{
	aerie_bytes_write(container_of(range, struct aerie_rtc, range), off, size, val,
			  rtc_write_byte);
}

static const struct aerie_range_ops rtc_ops = { .read = rtc_read, .write = rtc_write };

static void cmos_put(struct aerie_rtc *rtc, unsigned int index, unsigned int bytes, u64 val)
{
	for (; bytes; bytes--, val >>= 8)
		rtc->s.cmos[index++] = val;
}

/* What firmware would have found and noted. */
static void rtc_note_machine(struct aerie_rtc *rtc, const struct aerie_vm *vm)
{
	const struct aerie_mem *mem = &vm->mem;
	u64 low = 0, high = 0, ext;
	unsigned int i;

	for (i = 0; i < mem->nr_ram; i++) {
		if (mem->ram[i].start >= AERIE_PCI_HOLE_END)
			high += mem->ram[i].end - mem->ram[i].start;
		else
			low = mem->ram[i].end;
	}
	ext = low > 1u << 20 ? (low >> 10) - 1024 : 0;
	cmos_put(rtc, CMOS_BASE_MEM, 2, 640);
	cmos_put(rtc, CMOS_EXT_MEM, 2, min_t(u64, ext, 0xffff));
	cmos_put(rtc, CMOS_EXT_MEM2, 2, min_t(u64, ext, 0xffff));
	cmos_put(rtc, CMOS_MEM_16M, 2, low > 16u << 20 ? (low >> 16) - 256 : 0);
	cmos_put(rtc, CMOS_MEM_4G, 3, min_t(u64, high >> 16, 0xffffff));
}

static struct aerie_dev *rtc_create(struct aerie_vm *vm)
{
	struct aerie_rtc *rtc;
	int err;

	rtc = kzalloc(sizeof(*rtc), GFP_KERNEL_ACCOUNT);
	if (!rtc)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&rtc->lock);
	aerie_timer_init(&rtc->timer, rtc_timer);
	rtc_note_machine(rtc, vm);
	rtc->range = (struct aerie_range) {
		.base = RTC_PORT_BASE, .len = 2, .ops = &rtc_ops, .name = "rtc",
	};
	err = aerie_bus_claim(&vm->pio, &rtc->range);
	if (err) {
		kfree(rtc);
		return ERR_PTR(err);
	}
	vm->rtc = rtc;
	return &rtc->dev;
}

static void rtc_destroy(struct aerie_dev *dev)
{
	struct aerie_rtc *rtc = container_of(dev, struct aerie_rtc, dev);

	aerie_bus_release(&dev->vm->pio, &rtc->range);
	aerie_timer_fini(&rtc->timer);
	dev->vm->rtc = NULL;
	kfree(rtc);
}

/*
 * The battery keeps the time and the memory, in which firmware notes how many processors
 * there are; interrupts are turned off.
 */
static void rtc_reset(struct aerie_dev *dev)
{
	struct aerie_rtc *rtc = container_of(dev, struct aerie_rtc, dev);
	unsigned long flags;
	struct moment now;

	raw_spin_lock_irqsave(&rtc->lock, flags);
	/* A guest that was setting the time when it was reset leaves it as it shows. */
	if (rtc_halted(rtc))
		rtc_set_now(rtc, rtc_shown(rtc), 0);
	rtc->s.index = 0;
	rtc->s.cmos[RTC_FREQ_SELECT] = RTC_REF_CLCK_32KHZ | 6;	/* 1024 Hz */
	rtc->s.cmos[RTC_CONTROL] = RTC_24H;
	rtc->s.cmos[RTC_INTR_FLAGS] = 0;
	rtc->s.owed = 0;
	if (dev->vm->vcpus_present)
		cmos_put(rtc, CMOS_CPUS, 1, hweight64(dev->vm->vcpus_present) - 1);
	now = rtc_now(rtc);
	rtc_seen(rtc, now);
	rtc_update_line(rtc);
	rtc_arm(rtc, now);
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
}

static void rtc_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_rtc *rtc = container_of(dev, struct aerie_rtc, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&rtc->lock, flags);
	memcpy(buf, &rtc->s, sizeof(rtc->s));
	raw_spin_unlock_irqrestore(&rtc->lock, flags);
}

static const struct aerie_field rtc_fields[] = {
	AERIE_FIELD(struct rtc_state, offset_sec),
	AERIE_FIELD(struct rtc_state, offset_ns),
	AERIE_FIELD(struct rtc_state, seen_sec),
	AERIE_FIELD(struct rtc_state, seen_ns),
	AERIE_FIELD(struct rtc_state, seen_mono_ns),
	AERIE_FIELD(struct rtc_state, owed),
	AERIE_FIELD(struct rtc_state, index),
	AERIE_FIELD_ARRAY(struct rtc_state, cmos),
};

static const struct aerie_record rtc_record =
	AERIE_RECORD("rtc", 2, struct rtc_state, rtc_fields);

const struct aerie_dev_ops aerie_rtc_dev = {
	.name = "rtc",
	.create = rtc_create,
	.destroy = rtc_destroy,
	.reset = rtc_reset,
	.record = &rtc_record,
	.state = rtc_state,
};
