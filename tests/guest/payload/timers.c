// SPDX-License-Identifier: GPL-2.0
/*
 * All clocks and timers agree with each other: TSC, ACPI PM timer, 8254, local
 * APIC timer in its three modes. Rates are compared over spans long enough that
 * the time of an exit does not matter, and late interrupts are no error.
 */
#include "guest.h"

#define VEC	0x60

static volatile u32 ticks;
static volatile u64 tick_tsc;

static void on_tick(struct regs *r)
{
	ticks++;
	tick_tsc = rdtsc();
	apic_eoi();
}

static void on_pic_tick(struct regs *r)
{
	ticks++;
	tick_tsc = rdtsc();
	pic_eoi(0);
}

/* Is a within percent of b? */
static bool about(u64 a, u64 b, u64 percent)
{
	u64 d = a > b ? a - b : b - a;

	return d * 100 <= b * percent;
}

/* The host has other things to do as well: the best of some attempts counts. */
#define ONE_OF(n, attempt) ({							\
	u32 _i;									\
	u64 _got = 0;								\
	bool _ok = false;							\
	for (_i = 0; _i < (n) && !_ok; _i++)					\
		_ok = attempt(&_got);						\
	if (!_ok)								\
		printf("# %s: last it was %lu\n", #attempt, _got);		\
	_ok;									\
})

/* A counter's value and when it was read, as exactly as can be had. */
struct sample {
	u64 tsc;
	u32 count;
};

static struct sample sample(u32 (*counter)(void))
{
	u64 t0, t1, best = ~0ull;
	struct sample s = { 0 };
	u32 i, c;

	for (i = 0; i < 8; i++) {
		t0 = rdtsc();
		c = counter();
		t1 = rdtsc();
		if (t1 - t0 < best) {
			best = t1 - t0;
			s = (struct sample) { t0 + best / 2, c };
		}
	}
	return s;
}

/* Counts a second over 20 ms; @mask is how far the counter goes. */
static u64 rate_of(u32 (*counter)(void), u32 mask, bool down)
{
	struct sample a = sample(counter), b;
	u32 n;

	delay_us(20000);
	b = sample(counter);
	n = (down ? a.count - b.count : b.count - a.count) & mask;
	return n * (tsc_per_ms() * 1000) / (b.tsc - a.tsc);
}

static u64 us_since(u64 t0)
{
	return (rdtsc() - t0) * 1000 / tsc_per_ms();
}

static void pit_mode(u32 channel, u32 mode, u16 count)
{
	outb(channel << 6 | 0x30 | mode << 1, 0x43);
	outb(count, 0x40 + channel);
	outb(count >> 8, 0x40 + channel);
}

static u16 pit_count(u32 channel)
{
	u8 lo;

	outb(channel << 6, 0x43);
	lo = inb(0x40 + channel);
	return lo | inb(0x40 + channel) << 8;
}

/* Until an interrupt or for a time. */
static bool wait_tick(u32 n, u64 ms)
{
	u64 end = rdtsc() + ms * tsc_per_ms();

	while (ticks < n && rdtsc() < end)
		sti_nop_cli();
	return ticks >= n;
}

TEST(pm_timer_counts_evenly)
{
	u32 i, a = pm_timer(), b, back = 0;

	printf("# %lu TSC cycles a millisecond\n", tsc_per_ms());
	for (i = 0; i < 1000; i++, a = b) {
		b = pm_timer();
		back += ((b - a) & 0xffffff) > 0x800000;
	}
	EXPECT_EQ(back, 0);
	EXPECT(about(rate_of(pm_timer, 0xffffff, false), PM_TIMER_HZ, 5));
}

static u32 pit0(void)
{
	return pit_count(0);
}

static bool pit_rate(u64 *hz)
{
	*hz = rate_of(pit0, 0xffff, true);
	return about(*hz, PIT_HZ, 5);
}

TEST(pit_counts_down)
{
	pit_mode(0, 2, 0);
	EXPECT(ONE_OF(50, pit_rate));
	/* Read-back: latched status says mode 2, both bytes */
	outb(0xe2, 0x43);
	EXPECT_EQ(inb(0x40) & 0x3f, 0x34);
}

/* What Linux calibrates with: the output goes high after 20 ms. */
static bool pit2_output(u64 *us)
{
	u64 t0;

	outb((inb(0x61) & ~2) | 1, 0x61);
	pit_mode(2, 0, PIT_HZ / 50);
	t0 = rdtsc();
	if (inb(0x61) & 0x20 || !WAIT_FOR(inb(0x61) & 0x20, 1000))
		return false;
	*us = us_since(t0);
	return about(*us, 20000, 5);
}

TEST(pit_channel_2_and_gate)
{
	u16 a, b;

	EXPECT(ONE_OF(50, pit2_output));
	pit_mode(2, 0, 0xffff);
	a = pit_count(2);
	delay_us(2000);
	b = pit_count(2);
	EXPECT(b < a);
	/* The gate stops it. */
	outb(inb(0x61) & ~1, 0x61);
	a = pit_count(2);
	delay_us(2000);
	b = pit_count(2);
	EXPECT(a == b || on_tcg());	/* where QEMU lets it run on */
}

static bool ten_pit_ticks(u64 *us)
{
	u64 t0;

	ticks = 0;
	wait_tick(1, 1000);
	t0 = tick_tsc;
	if (!wait_tick(11, 2000))
		return false;
	*us = (tick_tsc - t0) * 1000 / tsc_per_ms();
	return about(*us, 100000, 10);
}

TEST(pit_interrupts_through_the_pic)
{
	set_handler(0x20, on_pic_tick);
	pic_setup();
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	pit_mode(0, 2, PIT_HZ / 100);
	pic_mask(0xfffe);
	EXPECT(ONE_OF(20, ten_pit_ticks));
	pic_mask(0xffff);

	/* one-shot: just one */
	pit_mode(0, 0, PIT_HZ / 100);
	pic_eoi(0);
	sti_nop_cli();
	ticks = 0;
	pit_mode(0, 0, PIT_HZ / 100);
	pic_mask(0xfffe);
	EXPECT(wait_tick(1, 1000));
	EXPECT(!wait_tick(2, 50));
	pic_mask(0xffff);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT | LVT_MASKED);
	set_handler(0x20, NULL);
}

static void timer_setup(u32 lvt)
{
	apic_enable();
	set_handler(VEC, on_tick);
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_TIMER_DIV, 0xb);	/* by 1 */
	apic_write(APIC_LVT_TIMER, lvt);
	ticks = 0;
}

static u32 apic_count(void)
{
	return apic_read(APIC_TIMER_NOW);
}

/* Counts of the local APIC timer a millisecond */
static u64 apic_rate(void)
{
	static u64 rate;

	if (rate)
		return rate;
	timer_setup(VEC | LVT_MASKED);
	apic_write(APIC_TIMER_INIT, ~0u);
	rate = rate_of(apic_count, ~0u, true) / 1000;
	apic_write(APIC_TIMER_INIT, 0);
	return rate;
}

TEST(apic_timer_rate_and_divider)
{
	u64 rate = apic_rate();

	printf("# %lu counts of the APIC timer a millisecond\n", rate);
	EXPECT(rate > 1000);
	apic_write(APIC_TIMER_DIV, 0x3);	/* by 16 */
	apic_write(APIC_TIMER_INIT, ~0u);
	EXPECT(about(rate_of(apic_count, ~0u, true) / 1000, rate / 16, 5));
	apic_write(APIC_TIMER_INIT, 0);
	EXPECT_EQ(apic_read(APIC_TIMER_NOW), 0);
}

static bool one_shot(u64 *us)
{
	u64 t0;

	timer_setup(VEC);
	t0 = rdtsc();
	apic_write(APIC_TIMER_INIT, apic_rate() * 20);
	if (!wait_tick(1, 1000))
		return false;
	*us = (tick_tsc - t0) * 1000 / tsc_per_ms();
	EXPECT(*us >= 19500);		/* never early */
	return about(*us, 20000, 10);
}

static bool ten_ticks(u64 *us)
{
	u64 t0;

	ticks = 0;
	wait_tick(1, 1000);
	t0 = tick_tsc;
	if (!wait_tick(11, 2000))
		return false;
	*us = (tick_tsc - t0) * 1000 / tsc_per_ms();
	return about(*us, 100000, 10);
}

static bool five_halts(u64 *us)
{
	u64 t0;
	u32 i;

	timer_setup(VEC);
	t0 = rdtsc();
	for (i = 1; i <= 5; i++) {
		apic_write(APIC_TIMER_INIT, apic_rate() * 10);
		sti_hlt_cli();
		EXPECT_EQ(ticks, i);
	}
	*us = us_since(t0);
	return about(*us, 50000, 15);
}

TEST(apic_timer_one_shot)
{
	u64 rate = apic_rate();

	EXPECT(ONE_OF(50, one_shot));
	EXPECT(!wait_tick(2, 50));
	EXPECT_EQ(apic_read(APIC_TIMER_NOW), 0);

	/* Masked: it counts and stays silent */
	timer_setup(VEC | LVT_MASKED);
	apic_write(APIC_TIMER_INIT, rate);
	EXPECT(!wait_tick(1, 20));
	/* Stopped in time: nothing comes */
	timer_setup(VEC);
	apic_write(APIC_TIMER_INIT, rate * 20);
	apic_write(APIC_TIMER_INIT, 0);
	EXPECT(!wait_tick(1, 50));
}

TEST(apic_timer_periodic)
{
	u64 rate = apic_rate();

	timer_setup(VEC | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, rate * 10);
	EXPECT(ONE_OF(20, ten_ticks));
	EXPECT(apic_read(APIC_TIMER_NOW) <= rate * 10);
	apic_write(APIC_TIMER_INIT, 0);
	ticks = 0;
	sti_nop_cli();
	ticks = 0;
	EXPECT(!wait_tick(1, 50));
}

/*
 * Ticks of @period_us that become due while interrupts are off come when they are on again,
 * and no others. QEMU's own timers lose them, as the real chips do.
 */
static bool ticks_all_come(u64 period_us)
{
	u64 t0, due;
	u32 late;

	if (!wait_tick(1, 1000))
		return false;
	t0 = tick_tsc;
	ticks = 0;
	delay_us(30 * period_us);
	late = ticks;
	do {
		sti_nop_cli();
		due = us_since(t0) / period_us;
	} while (ticks + 1 < due && due < 300);
	printf("# %u of %lu ticks\n", ticks, due);
	return late == 0 && (on_tcg() || ticks + 1 >= due) && ticks <= due + 1;
}

TEST(apic_timer_ticks_are_not_lost)
{
	timer_setup(VEC | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, apic_rate() * 2);
	EXPECT(ticks_all_come(2000));
	apic_write(APIC_TIMER_INIT, 0);
}

TEST(apic_timer_ticks_are_owed_up_to_a_bound)
{
	u64 t0, due, end;

	if (on_tcg())
		SKIP("no tick is owed there");
	timer_setup(VEC | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, apic_rate() * 2);
	delay_us(500000);
	t0 = rdtsc();
	EXPECT(wait_tick(100, 1000));
	due = us_since(t0) / 2000;
	printf("# 100 ticks in the time of %lu\n", due);
	EXPECT(due < 80);
	for (end = rdtsc() + 100 * tsc_per_ms(); rdtsc() < end;)
		sti_nop_cli();
	due = us_since(t0) / 2000;
	EXPECT(ticks <= 100 + due + 2);
	/* Programmed anew, it owes nothing. */
	delay_us(50000);
	apic_write(APIC_TIMER_INIT, apic_rate() * 1000);
	sti_nop_cli();
	ticks = 0;
	EXPECT(!wait_tick(1, 20));
	apic_write(APIC_TIMER_INIT, 0);
}

TEST(pit_ticks_are_not_lost)
{
	apic_enable();
	/* Through the PIC. */
	set_handler(0x20, on_pic_tick);
	pic_setup();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	pit_mode(0, 2, PIT_HZ / 500);
	pic_mask(0xfffe);
	ticks = 0;
	EXPECT(ticks_all_come(2000));
	pic_mask(0xffff);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT | LVT_MASKED);
	set_handler(0x20, NULL);
	/* Through the I/O APIC; what was not taken from the PIC is not owed any more. */
	set_handler(VEC, on_tick);
	ioapic_route(2, (u64)apic_id() << 56 | VEC);
	pit_mode(0, 2, PIT_HZ / 500);
	ticks = 0;
	EXPECT(ticks_all_come(2000));
	ioapic_route(2, LVT_MASKED);
	pit_mode(0, 0, 1);
}

static void on_rtc_tick(struct regs *r)
{
	ticks++;
	tick_tsc = rdtsc();
	cmos_read(12);
	pic_eoi(8);
}

TEST(rtc_ticks_are_not_lost)
{
	set_handler(0x28, on_rtc_tick);
	pic_setup();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	cmos_write(10, 0x26);		/* 1024 Hz */
	cmos_read(12);
	cmos_write(11, 0x42);		/* periodic, 24 hours */
	pic_mask(0xfefb);
	ticks = 0;
	EXPECT(ticks_all_come(1000000 / 1024));
	cmos_write(11, 0x02);
	cmos_read(12);
	pic_mask(0xffff);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT | LVT_MASKED);
	sti_nop_cli();
	set_handler(0x28, NULL);
}

TEST(apic_timer_deadline)
{
	u64 t0;

	if (!(cpuid(1, 0).c & BIT(24)))
		SKIP("no TSC deadline");
	timer_setup(VEC | LVT_DEADLINE);
	asm volatile("mfence");
	EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	t0 = rdtsc() + 20 * tsc_per_ms();
	wrmsr(MSR_TSC_DEADLINE, t0);
	EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), t0);
	EXPECT(wait_tick(1, 1000));
	EXPECT(tick_tsc >= t0);
	EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	/* In the past: at once. Taken back: never. */
	wrmsr(MSR_TSC_DEADLINE, 1);
	EXPECT(wait_tick(2, 1000));
	wrmsr(MSR_TSC_DEADLINE, rdtsc() + 20 * tsc_per_ms());
	wrmsr(MSR_TSC_DEADLINE, 0);
	EXPECT(!wait_tick(3, 50));
	/* The other modes' count register does nothing here, and the MSR nothing there. */
	apic_write(APIC_TIMER_INIT, 1000);
	EXPECT(!wait_tick(3, 20));
	apic_write(APIC_LVT_TIMER, VEC);
	wrmsr(MSR_TSC_DEADLINE, rdtsc());
	EXPECT_EQ(rdmsr(MSR_TSC_DEADLINE), 0);
	EXPECT(!wait_tick(3, 20));
}

TEST(halted_processor_is_woken)
{
	EXPECT(ONE_OF(50, five_halts));
}

static volatile u64 seen[MAX_CPUS];

static void read_tsc(void *arg)
{
	seen[this_cpu()->id] = rdtsc();
}

TEST(tsc_is_the_same_on_all_processors)
{
	u32 i, nr = smp_start(), round;

	for (round = 0; round < 20; round++) {
		for (i = 1; i < nr; i++) {
			u64 before = rdtsc(), after;

			cpu_start(i, read_tsc, NULL);
			cpu_wait(i);
			after = rdtsc();
			EXPECT(seen[i] >= before && seen[i] <= after);
		}
	}
}

static bool one_second(u64 *us)
{
	u8 s = cmos_read(0);
	u64 t0;

	if (!WAIT_FOR(cmos_read(0) != s, 3000))
		return false;
	t0 = rdtsc();
	s = cmos_read(0);
	if (!WAIT_FOR(!(cmos_read(10) & 0x80) && cmos_read(0) != s, 3000))
		return false;
	*us = us_since(t0);
	return about(*us, 1000000, 5);
}

TEST(rtc_ticks_in_seconds)
{
	EXPECT(ONE_OF(3, one_second));
}
