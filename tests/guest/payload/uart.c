// SPDX-License-Identifier: GPL-2.0
/* The 16550A: registers, FIFO, loopback, interrupts and their priorities. */
#include "guest.h"

#define PORT	0x3f8
#define THR	(PORT + 0)
#define IER	(PORT + 1)
#define IIR	(PORT + 2)
#define LCR	(PORT + 3)
#define MCR	(PORT + 4)
#define LSR	(PORT + 5)
#define MSR	(PORT + 6)
#define SCR	(PORT + 7)

static volatile u32 irqs;

static void on_irq(struct regs *r)
{
	irqs++;
	pic_eoi(4);
}

static void quiet(void)
{
	while (!(inb(LSR) & 0x40))
		;
	outb(0, IER);
	outb(3, LCR);
	outb(0x08, MCR);
	outb(7, IIR);
}

TEST(scratch_and_divisor)
{
	quiet();
	outb(0xa5, SCR);
	EXPECT_EQ(inb(SCR), 0xa5);
	outb(0x83, LCR);
	EXPECT_EQ(inb(LCR), 0x83);
	outb(0x34, PORT);
	outb(0x12, PORT + 1);
	EXPECT_EQ(inb(PORT), 0x34);
	EXPECT_EQ(inb(PORT + 1), 0x12);
	outb(1, PORT);
	outb(0, PORT + 1);
	outb(3, LCR);
	EXPECT_EQ(inb(LCR), 3);
	/* Only four interrupt sources */
	outb(0xff, IER);
	EXPECT_EQ(inb(IER), 0x0f);
	outb(0, IER);
	EXPECT_EQ(inb(IER), 0);
}

TEST(fifo_is_announced)
{
	quiet();
	EXPECT_EQ(inb(IIR), 0xc1);
	outb(0, IIR);
	EXPECT_EQ(inb(IIR), 0x01);
	outb(7, IIR);
	EXPECT_EQ(inb(IIR), 0xc1);
}

TEST(transmitter_is_empty_again)
{
	quiet();
	EXPECT_EQ(inb(LSR) & 0x61, 0x60);
	EXPECT(WAIT_FOR(inb(LSR) & 0x40, 1000));
}

/* Nothing may be printed in loopback: results are looked at afterwards. */
TEST(loopback_of_modem_lines)
{
	/* DTR -> DSR, RTS -> CTS, OUT1 -> RI, OUT2 -> DCD */
	static const u8 in[] = { 0, 1, 2, 4, 8 }, out[] = { 0, 0x20, 0x10, 0x40, 0x80 };
	u8 got[ARRAY_SIZE(in)];
	u32 i;

	quiet();
	for (i = 0; i < ARRAY_SIZE(in); i++) {
		outb(0x10 | in[i], MCR);
		got[i] = inb(MSR);
	}
	quiet();
	for (i = 0; i < ARRAY_SIZE(in); i++)
		EXPECT_EQ(got[i] & 0xf0, out[i]);
}

TEST(loopback_of_data)
{
	u32 i, bad = 0;

	quiet();
	outb(0x18, MCR);
	for (i = 0; i < 256; i++) {
		outb(i, THR);
		if (!WAIT_FOR(inb(LSR) & 1, 1000)) {
			bad++;
			break;
		}
		bad += inb(THR) != i;
	}
	i = inb(LSR);
	quiet();
	EXPECT_EQ(bad, 0);
	EXPECT_EQ(i & 1, 0);
}

TEST(interrupt_of_the_transmitter)
{
	quiet();
	set_handler(0x24, on_irq);
	pic_setup();
	apic_enable();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	pic_mask(0xffef);
	irqs = 0;
	outb(2, IER);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); irqs; }), 1000));
	EXPECT_EQ(inb(IIR) & 0x0f, 2);
	/* Reading IIR has taken it back. */
	EXPECT_EQ(inb(IIR) & 0x0f, 1);
	/* Off and on again brings a new one. */
	outb(0, IER);
	irqs = 0;
	outb(2, IER);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); irqs; }), 1000));
	outb(0, IER);
	pic_mask(0xffff);
	set_handler(0x24, NULL);
}

/* Received data beats the transmitter beats modem lines. */
TEST(interrupt_priorities)
{
	u8 id[4], msr;

	quiet();
	outb(0, IIR);
	outb(0x10, MCR);
	inb(MSR);
	outb(0x0f, IER);
	inb(IIR);
	outb('x', THR);
	WAIT_FOR(inb(LSR) & 1, 1000);
	outb(0x11, MCR);
	id[0] = inb(IIR);
	inb(THR);
	id[1] = inb(IIR);
	id[2] = inb(IIR);
	msr = inb(MSR);
	id[3] = inb(IIR);
	quiet();
	EXPECT_EQ(id[0], 4);
	EXPECT_EQ(id[1], 2);
	EXPECT_EQ(id[2], on_tcg() ? 1 : 0);	/* QEMU sees no change in loopback */
	EXPECT_EQ(msr & 0x22, on_tcg() ? 0x20 : 0x22);
	EXPECT_EQ(id[3], 1);
}
