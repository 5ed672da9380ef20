// SPDX-License-Identifier: GPL-2.0
/*
 * A guest that is a bad neighbour, for as long as it is let: "what=1" sends interrupts to all
 * its processors from all of them, "what=2" has every timer tick as fast as it goes. Or a good
 * one, "what=3", which does "work=" rounds and ends.
 */
#include "guest.h"

#define VEC_IPI		0x60
#define VEC_TIMER	0x61
#define VEC_PIT		0x62
#define VEC_RTC		0x28

static volatile u32 ticks;

static void on_irq(struct regs *r)
{
	ticks++;
	if (r->vector == VEC_RTC) {
		cmos_read(12);
		pic_eoi(8);
	} else {
		apic_eoi();
	}
}

static void interrupts(void *arg)
{
	apic_enable();
	sti();
	for (;;)
		apic_icr(0, ICR_ALL | ICR_ASSERT | VEC_IPI);
}

static void timers(void)
{
	apic_enable();
	pic_setup();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	cmos_write(10, 0x23);		/* 8192 Hz */
	cmos_read(12);
	cmos_write(11, 0x42);
	pic_mask(0xfefb);
	outb(0x34, 0x43);
	outb(1, 0x40);
	outb(0, 0x40);
	ioapic_route(2, (u64)apic_id() << 56 | VEC_PIT);
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, VEC_TIMER | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, 1);
	sti();
	for (;;)
		barrier();
}

TEST(neighbour)
{
	u32 what = boot_option("what=", 0), work = boot_option("work=", 0), i, k;

	set_handler(VEC_IPI, on_irq);
	set_handler(VEC_TIMER, on_irq);
	set_handler(VEC_PIT, on_irq);
	set_handler(VEC_RTC, on_irq);
	if (what == 1) {
		smp_start();
		smp_run(interrupts, NULL);
	} else if (what == 2) {
		timers();
	}
	for (i = 0; i < work; i++)
		for (k = 0; k < 1000000; k++)
			barrier();
	EXPECT(work > 0);
}
