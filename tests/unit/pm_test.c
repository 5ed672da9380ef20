// SPDX-License-Identifier: GPL-2.0
/* ACPI fixed hardware: timer, power button, sleep; and every way to reset. */
// sources: kmod/dev/pm.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"

#define STS	AERIE_PM1A_EVT_PORT
#define EN	(AERIE_PM1A_EVT_PORT + 2)
#define CNT	AERIE_PM1A_CNT_PORT
#define TMR	AERIE_PM_TMR_PORT
#define PWRBTN	0x100
#define FREQ	3579545ull

static struct aerie_dev *dev;

static void setup(void)
{
	machine_init();
	dev = machine_add(&aerie_pm_dev);
	machine_add(&aerie_pci_dev);
}

static void outw(u16 port, u16 val)
{
	aerie_bus_write(&vm.pio, NULL, port, 2, val);
}

TEST(timer_counts_32_bits)
{
	u64 t0;

	setup();
	expect_record(dev);
	t0 = now_ns;
	EXPECT_EQ(in(TMR, 4), 0);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(in(TMR, 4), FREQ);
	EXPECT_EQ(in(TMR, 2), FREQ & 0xffff);
	EXPECT_EQ(in(TMR + 1, 1), FREQ >> 8 & 0xff);
	advance(1200 * NSEC_PER_SEC);
	EXPECT_EQ(in(TMR, 4), (u32)((now_ns - t0) * FREQ / NSEC_PER_SEC));
	EXPECT_EQ(in(TMR + 1, 4), 0xffffffff);	/* across the end of the block */
	machine_fini();
}

TEST(timer_status_follows_the_top_bit)
{
	setup();
	EXPECT_EQ(in(STS, 2), 0);
	advance(599 * NSEC_PER_SEC);
	EXPECT_EQ(in(STS, 2), 0);
	advance(2 * NSEC_PER_SEC);		/* 2^31 ticks are 599.9 s */
	EXPECT_EQ(in(STS, 2), 1);
	EXPECT(!line[9]);
	EXPECT_EQ(timers_fired, 0);
	outw(EN, 1);
	EXPECT(line[9]);
	outw(STS, 1);
	EXPECT(!line[9]);
	advance(600 * NSEC_PER_SEC);
	EXPECT(line[9]);
	EXPECT_EQ(timers_fired, 1);
	EXPECT_EQ(in(TMR, 4) >> 31, 0);
	outw(EN, 0);
	EXPECT(!line[9]);
	machine_fini();
}

TEST(power_button)
{
	setup();
	EXPECT_EQ(aerie_pm_power_button(&vm), -EOPNOTSUPP);
	EXPECT_EQ(in(STS, 2), 0);
	outw(EN, 0xffff);
	EXPECT_EQ(in(EN, 2), 0x521);
	EXPECT(!line[9]);
	EXPECT_EQ(aerie_pm_power_button(&vm), 0);
	EXPECT(line[9]);
	EXPECT_EQ(in(STS, 2), PWRBTN);
	EXPECT_EQ(in(STS, 4), 0x521 << 16 | PWRBTN);
	outw(STS, ~PWRBTN);			/* clears by writing ones */
	EXPECT(line[9]);
	outb(STS + 1, PWRBTN >> 8);
	EXPECT(!line[9]);
	EXPECT_EQ(in(STS, 2), 0);
	EXPECT_EQ(aerie_pm_power_button(&vm), 0);
	outb(EN + 1, 0);
	EXPECT(!line[9]);
	EXPECT_EQ(in(EN, 2), 0x21);
	EXPECT_EQ(in(STS, 2), PWRBTN);
	expect_record(dev);
	machine_fini();
}

TEST(sleep)
{
	unsigned int typ;

	setup();
	EXPECT_EQ(in(CNT, 2), 1);		/* SCI_EN, always */
	outw(CNT, 0);
	EXPECT_EQ(in(CNT, 2), 1);
	for (typ = 0; typ < 8; typ++) {
		outw(CNT, typ << 10);
		EXPECT_EQ(in(CNT, 2), typ << 10 | 1);
		outw(CNT, typ << 10 | 0x2000);
		EXPECT_EQ(power_offs, typ >= AERIE_PM_S5_TYP);
		EXPECT_EQ(in(CNT, 2), typ << 10 | 1);	/* SLP_EN reads 0 */
	}
	/* By bytes. */
	outb(CNT + 1, 0x20 | AERIE_PM_S5_TYP << 2);
	EXPECT_EQ(power_offs, 2);
	outb(CNT, 0xff);
	EXPECT_EQ(power_offs, 2);
	EXPECT_EQ(resets, 0);
	machine_fini();
}

TEST(wide_access)
{
	setup();
	advance(NSEC_PER_SEC);
	aerie_bus_write(&vm.pio, NULL, STS, 8, 0x0002012000000000ull | 0x100ull << 16);
	EXPECT_EQ(in(EN, 2), PWRBTN);
	EXPECT_EQ(in(CNT, 2), 1);
	EXPECT_EQ(in(STS, 8), 0x0000000101000000ull);
	EXPECT_EQ(in(STS + 6, 4), (FREQ << 16 & 0xffffffff));
	machine_fini();
}

TEST(reset_control_register)
{
	setup();
	outb(0xcf9, 0x02);
	EXPECT_EQ(inb(0xcf9), 0x02);
	EXPECT_EQ(resets, 0);
	outb(0xcf9, 0x06);
	EXPECT_EQ(resets, 1);
	EXPECT_EQ(inb(0xcf9), 0x02);
	outb(0xcf9, 0x0e);
	outb(0xcf9, 0x04);
	EXPECT_EQ(resets, 3);
	dev->ops->reset(dev);
	EXPECT_EQ(inb(0xcf9), 0);
	machine_fini();
}

TEST(reset_control_register_is_one_byte_within_the_pci_address)
{
	setup();
	outb(0xcf9, 0x02);
	/* The address register is a double word: no other access is one. */
	aerie_bus_write(&vm.pio, NULL, 0xcf8, 4, 0x80000600);
	outw(0xcf8, 0x0600);
	outw(0xcf9, 0x0606);
	outb(0xcf8, 0x06);
	outb(0xcfa, 0x06);
	outb(0xcfb, 0x06);
	EXPECT_EQ(resets, 0);
	EXPECT_EQ(in(0xcf8, 4), 0x80000600);
	EXPECT_EQ(inb(0xcf9), 0x02);
	EXPECT_EQ(in(0xcf9, 2), 0xffff);
	EXPECT_EQ(inb(0xcf8), 0xff);
	machine_fini();
}

TEST(port_a)
{
	setup();
	EXPECT_EQ(inb(0x92), 0x02);
	outb(0x92, 0x00);
	EXPECT_EQ(inb(0x92), 0x02);		/* A20 stays on */
	EXPECT_EQ(resets, 0);
	outb(0x92, 0x03);
	EXPECT_EQ(resets, 1);
	EXPECT_EQ(inb(0x92), 0x02);
	machine_fini();
}

TEST(keyboard_controller_is_absent_but_resets)
{
	unsigned int i;

	setup();
	/* A probe drains a buffer that never empties; nobody waits to write. */
	for (i = 0; i < 32; i++) {
		EXPECT_EQ(inb(0x64) & 3, 1);
		EXPECT_EQ(inb(0x60), 0xff);
	}
	outb(0x64, 0x60);
	outb(0x60, 0xfe);
	outb(0x64, 0xaa);
	outb(0x64, 0xff);
	EXPECT_EQ(resets, 0);
	outb(0x64, 0xfe);
	EXPECT_EQ(resets, 1);
	/* Through the output port: A20 on, then reset. */
	outb(0x64, 0xd1);
	outb(0x60, 0xdf);
	EXPECT_EQ(resets, 1);
	outb(0x60, 0xde);			/* no command before it */
	EXPECT_EQ(resets, 1);
	outb(0x64, 0xd1);
	outb(0x60, 0xde);
	EXPECT_EQ(resets, 2);
	machine_fini();
}

TEST(reset_clears_events)
{
	setup();
	outw(EN, PWRBTN);
	aerie_pm_power_button(&vm);
	outw(CNT, 3 << 10);
	dev->ops->reset(dev);
	EXPECT(!line[9]);
	EXPECT_EQ(in(STS, 4), 0);
	EXPECT_EQ(in(CNT, 2), 1);
	machine_fini();
}
