// SPDX-License-Identifier: GPL-2.0
/* The 8259 pair: initialisation, masks, priorities, EOI kinds, spurious ones. */
#include "guest.h"

static volatile u32 count[16], order[16], nr_order;
static volatile bool auto_eoi = true;

static void on_irq(struct regs *r)
{
	u32 irq = r->vector - 0x20;

	count[irq]++;
	if (nr_order < ARRAY_SIZE(order))
		order[nr_order++] = irq;
	if (auto_eoi)
		pic_eoi(irq);
}

static u8 read_isr(u16 port) { outb(0x0b, port); return inb(port); }
static u8 read_irr(u16 port) { outb(0x0a, port); return inb(port); }

/* IRQ 0 is the 8254's; one pulse of it. Interrupts are off, so it stays in IRR. */
static void pit_pulse(void)
{
	outb(0x30, 0x43);	/* mode 0: output low, high at the end */
	outb(50, 0x40);
	outb(0, 0x40);
	EXPECT(WAIT_FOR(read_irr(0x20) & 1, 2000));
}

/* IRQ 4 is the serial port's: level until IER says otherwise. */
static void com1(bool high)
{
	outb(high ? 2 : 0, 0x3f9);
}

/* IRQ 8 is the RTC's: the periodic interrupt, 1024 Hz. */
static bool rtc_pulse(void)
{
	cmos_read(12);
	cmos_write(10, 0x26);
	cmos_write(11, cmos_read(11) | 0x40);
	return WAIT_FOR(read_irr(0xa0) & 1, 1000);
}

static void rtc_quiet(void)
{
	cmos_write(11, cmos_read(11) & ~0x70);
	cmos_read(12);
}

static void setup(void)
{
	u32 i;

	while (!(inb(0x3fd) & 0x40))
		;
	com1(false);
	outb(8, 0x3fc);
	rtc_quiet();
	pic_setup();
	apic_enable();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	for (i = 0; i < 16; i++) {
		set_handler(0x20 + i, on_irq);
		count[i] = 0;
	}
	nr_order = 0;
	auto_eoi = true;
	sti_nop_cli();
	nr_order = 0;
}

TEST(masks_read_back)
{
	setup();
	pic_mask(0x5aa5);
	EXPECT_EQ(inb(0x21), 0xa5);
	EXPECT_EQ(inb(0xa1), 0x5a);
	pic_mask(0xffff);
}

TEST(masked_is_kept_until_unmasked)
{
	setup();
	pit_pulse();
	EXPECT_EQ(read_irr(0x20) & 1, 1);
	sti_nop_cli();
	EXPECT_EQ(nr_order, 0);
	pic_mask(0xfffe);
	sti_nop_cli();
	EXPECT_EQ(count[0], 1);
	sti_nop_cli();
	EXPECT_EQ(count[0], 1);
}

TEST(in_service_blocks_lower_and_same)
{
	setup();
	auto_eoi = false;
	pit_pulse();
	pic_mask(0xffee);
	sti_nop_cli();
	EXPECT_EQ(count[0], 1);
	EXPECT_EQ(read_isr(0x20), 1);
	com1(true);
	delay_us(500);
	sti_nop_cli();
	EXPECT_EQ(count[4], 0);
	EXPECT_EQ(read_irr(0x20) & 0x10, 0x10);
	outb(0x20, 0x20);		/* non-specific EOI: the highest */
	EXPECT_EQ(read_isr(0x20), 0);
	sti_nop_cli();
	EXPECT_EQ(count[4], 1);
	/* A higher one interrupts a lower. */
	inb(0x3fa);
	pit_pulse();
	sti_nop_cli();
	EXPECT_EQ(count[0], 2);
	EXPECT_EQ(read_isr(0x20), 0x11);
	outb(0x64, 0x20);		/* specific EOI of 4 */
	EXPECT_EQ(read_isr(0x20), 0x01);
	outb(0x60, 0x20);
	EXPECT_EQ(read_isr(0x20), 0);
	com1(false);
}

TEST(higher_first)
{
	setup();
	com1(true);
	delay_us(500);
	pit_pulse();
	pic_mask(0xffee);
	sti_nop_cli();
	sti_nop_cli();
	EXPECT_EQ(order[0], 0);
	EXPECT_EQ(order[1], 4);
	com1(false);
}

TEST(cascade)
{
	setup();
	auto_eoi = false;
	EXPECT(rtc_pulse());
	pic_mask(0xfefb);
	sti_nop_cli();
	EXPECT_EQ(count[8], 1);
	EXPECT_EQ(read_isr(0xa0), 1);
	EXPECT_EQ(read_isr(0x20), 4);
	outb(0x20, 0xa0);
	EXPECT_EQ(read_isr(0xa0), 0);
	EXPECT_EQ(read_isr(0x20), 4);
	outb(0x20, 0x20);
	EXPECT_EQ(read_isr(0x20), 0);
	rtc_quiet();
	/* The period's flag comes whether it may interrupt or not; an interrupt does not. */
	EXPECT_EQ(cmos_read(12) & 0x80, 0);
}

TEST(automatic_eoi)
{
	setup();
	auto_eoi = false;
	outb(0x11, 0x20);
	outb(0x20, 0x21);
	outb(4, 0x21);
	outb(3, 0x21);			/* 8086, automatic EOI */
	pit_pulse();
	outb(0xfe, 0x21);
	sti_nop_cli();
	EXPECT_EQ(count[0], 1);
	EXPECT_EQ(read_isr(0x20), 0);
	outb(0xff, 0x21);
	pic_setup();
}

TEST(vectors_follow_the_base)
{
	setup();
	outb(0x11, 0x20);
	outb(0x98, 0x21);
	outb(4, 0x21);
	outb(1, 0x21);
	outb(0xfe, 0x21);
	pit_pulse();
	EXPECT_EQ(TRY(sti_nop_cli()), 0x98);
	cli();
	outb(0x20, 0x20);
	pic_setup();
}

TEST(poll_command)
{
	setup();
	pit_pulse();
	pic_mask(0xfffe);
	outb(0x0c, 0x20);
	EXPECT_EQ(inb(0x20) & 0x87, 0x80);
	EXPECT_EQ(read_isr(0x20), 1);
	sti_nop_cli();
	EXPECT_EQ(count[0], 0);
	outb(0x20, 0x20);
	pic_mask(0xffff);
}

TEST(local_apic_masks_it)
{
	setup();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT | LVT_MASKED);
	pit_pulse();
	pic_mask(0xfffe);
	sti_nop_cli();
	EXPECT_EQ(count[0], 0);
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	sti_nop_cli();
	EXPECT_EQ(count[0], 1);
	pic_mask(0xffff);
}
