// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that is paused while three periodic timers run: the ticks of the pause are not
 * made up for, and those after it come as before. The timers are slow, so that a pause of
 * two seconds has fewer ticks than are owed at most, and a host that is late not many.
 */
#include "guest.h"

#define VEC_APIC	0x60
#define VEC_PIT		0x61
#define VEC_RTC		0x28
#define PAUSE_MS	1000	/* the guest stood still for at least that */
#define AFTER_MS	1000
#define PAUSES		3
#define APIC_HZ		20
#define RTC_HZ		16

static volatile u32 apic_ticks, pit_ticks, rtc_ticks;

static void on_apic(struct regs *r)
{
	apic_ticks++;
	apic_eoi();
}

static void on_pit(struct regs *r)
{
	pit_ticks++;
	apic_eoi();
}

static void on_rtc(struct regs *r)
{
	rtc_ticks++;
	cmos_read(12);
	pic_eoi(8);
}

static void start(void)
{
	u64 t0, rate;

	apic_enable();
	set_handler(VEC_APIC, on_apic);
	set_handler(VEC_PIT, on_pit);
	set_handler(VEC_RTC, on_rtc);
	pic_setup();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	cmos_write(10, 0x2c);		/* RTC_HZ */
	cmos_read(12);
	cmos_write(11, 0x42);
	pic_mask(0xfefb);

	outb(0x34, 0x43);
	outb(0, 0x40);			/* as slow as it goes */
	outb(0, 0x40);
	ioapic_route(2, (u64)apic_id() << 56 | VEC_PIT);

	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, VEC_APIC | LVT_MASKED);
	apic_write(APIC_TIMER_INIT, ~0u);
	t0 = rdtsc();
	delay_us(10000);
	rate = (~0u - apic_read(APIC_TIMER_NOW)) * tsc_per_ms() / (rdtsc() - t0);
	apic_write(APIC_LVT_TIMER, VEC_APIC | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, rate * 1000 / APIC_HZ);
}

/* As many as are due in @ms, and a few that were so before. */
static bool some(const char *what, u32 n, u64 ms, u32 hz)
{
	u64 due = ms * hz / 1000;

	printf("# %s: %u ticks, %lu due\n", what, n, due);
	return n + 4 >= due && n <= due + 12;
}

static bool one_pause(void)
{
	u64 last, now, end;
	u32 apic, pit, rtc;
	bool ok;

	for (now = rdtsc();;) {
		apic = apic_ticks, pit = pit_ticks, rtc = rtc_ticks;
		last = now;
		sti_nop_cli();
		now = rdtsc();
		if (now - last > PAUSE_MS * tsc_per_ms())
			break;
	}
	printf("# paused for %lu ms\n", (now - last) / tsc_per_ms());
	end = now + AFTER_MS * tsc_per_ms();
	while (rdtsc() < end)
		sti_nop_cli();
	now = (rdtsc() - now) / tsc_per_ms();
	ok = some("local APIC", apic_ticks - apic, now, APIC_HZ);
	ok &= some("PIT", pit_ticks - pit, now, PIT_HZ / 65536);
	ok &= some("RTC", rtc_ticks - rtc, now, RTC_HZ);
	return ok;
}

/* A host that is busy makes guests late besides, and they have those ticks to get. */
TEST(ticks_of_a_pause_are_not_made_up_for)
{
	u32 i;
	bool ok = false;

	start();
	printf("# ready\n");
	for (i = 0; i < PAUSES && !ok; i++)
		ok = one_pause();
	EXPECT(ok);
}
