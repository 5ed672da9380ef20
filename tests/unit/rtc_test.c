// SPDX-License-Identifier: GPL-2.0
/* The real-time clock: formats, setting, update cycle, the three interrupts, CMOS bytes. */
// sources: kmod/dev/rtc.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include <linux/mc146818rtc.h>

static struct aerie_dev *dev;

static void setup(void)
{
	machine_init();
	vm.vcpus_present = 0xf;
	vm.mem.ram[0] = (struct aerie_ram) { 0, 0xa0000 };
	vm.mem.ram[1] = (struct aerie_ram) { 0xc0000, 0xc0000000 };
	vm.mem.ram[2] = (struct aerie_ram) { 0x100000000, 0x180000000 };
	vm.mem.nr_ram = 3;
	dev = machine_add(&aerie_rtc_dev);
}

static u8 get(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static void put(u8 reg, u8 val)
{
	outb(0x70, reg);
	outb(0x71, val);
}

/* Hours, minutes and seconds as they are in the registers. */
static u32 hms(void)
{
	return get(4) << 16 | get(2) << 8 | get(0);
}

TEST(shows_the_wall_clock_in_bcd)
{
	setup();
	expect_record(dev);
	EXPECT_EQ(hms(), 0x221320);
	EXPECT_EQ(get(6), 3);			/* Sunday is 1 */
	EXPECT_EQ(get(7), 0x14);
	EXPECT_EQ(get(8), 0x11);
	EXPECT_EQ(get(9), 0x23);
	EXPECT_EQ(get(0x32), 0x20);
	EXPECT_EQ(get(0xb), RTC_24H);
	EXPECT_EQ(get(0xd), 0x80);
	EXPECT_EQ(inb(0x70), 0xff);
	advance(2 * 3600ull * NSEC_PER_SEC);
	EXPECT_EQ(hms(), 0x001320);
	EXPECT_EQ(get(7), 0x15);
	EXPECT_EQ(in(0x70, 2), 0x15ff);
	machine_fini();
}

TEST(binary_and_12_hours)
{
	setup();
	put(0xb, RTC_24H | RTC_DM_BINARY);
	EXPECT_EQ(hms(), 22 << 16 | 13 << 8 | 20);
	EXPECT_EQ(get(0x32), 20);
	put(0xb, 0);
	EXPECT_EQ(get(4), 0x90);		/* 10 in the evening */
	put(0xb, RTC_DM_BINARY);
	EXPECT_EQ(get(4), 0x8a);
	advance(2 * 3600ull * NSEC_PER_SEC);
	EXPECT_EQ(get(4), 12);			/* midnight is 12 AM */
	advance(12 * 3600ull * NSEC_PER_SEC);
	EXPECT_EQ(get(4), 0x8c);		/* noon is 12 PM */
	put(4, 0x81);				/* one in the afternoon */
	put(0xb, RTC_24H);
	EXPECT_EQ(get(4), 0x13);
	machine_fini();
}

TEST(set_the_way_a_kernel_does)
{
	setup();
	put(0xb, get(0xb) | RTC_SET);
	put(0xa, get(0xa) | RTC_DIV_RESET2);
	put(9, 0x99);
	put(8, 0x12);
	put(7, 0x31);
	put(4, 0x23);
	put(2, 0x59);
	put(0, 0x58);
	put(0x32, 0x19);
	advance(5 * NSEC_PER_SEC);
	EXPECT_EQ(hms(), 0x235958);		/* stands still */
	EXPECT_EQ(get(0xa) & RTC_UIP, 0);
	put(0xb, get(0xb) & ~RTC_SET);
	put(0xa, 0x26);
	/* Half a second to the first update. */
	advance(499 * NSEC_PER_MSEC);
	EXPECT_EQ(hms(), 0x235958);
	advance(2 * NSEC_PER_MSEC);
	EXPECT_EQ(hms(), 0x235959);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(hms(), 0);
	EXPECT_EQ(get(9), 0);
	EXPECT_EQ(get(8), 1);
	EXPECT_EQ(get(7), 1);
	EXPECT_EQ(get(6), 7);			/* a Saturday */
	EXPECT_EQ(get(0x32), 0x20);
	/* Reset keeps the time. */
	dev->ops->reset(dev);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(hms(), 1);
	expect_record(dev);
	machine_fini();
}

TEST(set_without_halting)
{
	setup();
	advance(300 * NSEC_PER_MSEC);
	put(4, 0x05);
	put(2, 0x06);
	EXPECT_EQ(hms(), 0x050620);
	advance(699 * NSEC_PER_MSEC);
	EXPECT_EQ(hms(), 0x050620);
	advance(2 * NSEC_PER_MSEC);
	EXPECT_EQ(hms(), 0x050621);
	machine_fini();
}

TEST(values_that_are_no_time_do_no_harm)
{
	static const u8 vals[] = { 0, 0xff, 0x7f, 0x80, 0x13, 0xa5 };
	static const u8 regs[] = { 0, 2, 4, 6, 7, 8, 9, 0x32 };
	unsigned int i, j, mode;

	setup();
	for (mode = 0; mode < 8; mode += 2) {
		for (i = 0; i < ARRAY_SIZE(vals); i++) {
			put(0xb, mode | RTC_SET);
			for (j = 0; j < ARRAY_SIZE(regs); j++)
				put(regs[j], vals[i]);
			put(0xb, mode | RTC_DM_BINARY | RTC_24H);
			advance(NSEC_PER_SEC);
			EXPECT(get(0) < 60 && get(2) < 60 && get(4) < 24);
			EXPECT(get(7) >= 1 && get(7) <= 31 && get(8) >= 1 && get(8) <= 12);
		}
	}
	machine_fini();
}

TEST(update_in_progress)
{
	setup();
	EXPECT_EQ(get(0xa), 0x26);
	advance(NSEC_PER_SEC - 2500 * NSEC_PER_USEC);
	EXPECT_EQ(get(0xa), 0x26);
	advance(1500 * NSEC_PER_USEC);
	EXPECT_EQ(get(0xa), 0x26 | RTC_UIP);
	EXPECT_EQ(hms(), 0x221320);
	advance(1000 * NSEC_PER_USEC);
	EXPECT_EQ(get(0xa), 0x26);
	EXPECT_EQ(hms(), 0x221321);
	machine_fini();
}

TEST(flags_without_interrupts)
{
	setup();
	get(0xc);
	EXPECT_EQ(get(0xc), 0);
	advance(NSEC_PER_MSEC);
	EXPECT_EQ(get(0xc), RTC_PF);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(get(0xc), RTC_PF | RTC_UF);
	EXPECT_EQ(rises[8], 0);
	EXPECT_EQ(timers_fired, 0);
	machine_fini();
}

TEST(update_interrupt)
{
	setup();
	put(0xb, RTC_24H | RTC_UIE);
	get(0xc);
	advance(NSEC_PER_SEC - 1);
	EXPECT_EQ(rises[8], 0);
	advance(1);
	EXPECT_EQ(rises[8], 1);
	EXPECT(line[8]);
	/* High until register C is read, and nothing fires in between. */
	timers_fired = 0;
	advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 1);
	EXPECT_EQ(timers_fired, 0);
	EXPECT_EQ(get(0xc), RTC_IRQF | RTC_PF | RTC_UF);
	EXPECT(!line[8]);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 2);
	/* SET turns it off. */
	put(0xb, RTC_24H | RTC_UIE | RTC_SET);
	EXPECT_EQ(get(0xb), RTC_24H | RTC_SET);
	EXPECT(!line[8]);
	machine_fini();
}

TEST(periodic_interrupt)
{
	static const struct { u8 rate; unsigned int hz; } rates[] = {
		{ 1, 256 }, { 2, 128 }, { 3, 8192 }, { 4, 4096 }, { 6, 1024 }, { 13, 8 }, { 15, 2 },
	};
	unsigned int i, n;

	for (i = 0; i < ARRAY_SIZE(rates); i++) {
		setup();
		put(0xa, 0x20 | rates[i].rate);
		put(0xb, RTC_24H | RTC_PIE);
		get(0xc);
		rises[8] = 0;
		for (n = 0; n < rates[i].hz; n++) {
			advance(NSEC_PER_SEC / rates[i].hz + 1);
			EXPECT_EQ(get(0xc) & (RTC_IRQF | RTC_PF), RTC_IRQF | RTC_PF);
		}
		EXPECT_EQ(rises[8], rates[i].hz);
		machine_fini();
	}
	/* Rate 0 is none. */
	setup();
	put(0xa, 0x20);
	put(0xb, RTC_24H | RTC_PIE);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 0);
	machine_fini();
}

/* Interrupts that come, each acknowledged by a read of register C. */
static unsigned int take_ticks(void)
{
	unsigned int n = 0, before;

	while (line[8]) {
		before = rises[8];
		EXPECT(get(0xc) & RTC_PF);
		EXPECT_EQ(rises[8] - before, line[8]);	/* it fell, if it is high again */
		n++;
	}
	return n;
}

static void start_ticks(void)
{
	setup();
	put(0xa, 0x26);				/* 1024 Hz */
	put(0xb, RTC_24H | RTC_PIE);
	get(0xc);
}

#define TICK	(NSEC_PER_SEC / 1024)

TEST(ticks_that_nobody_took_are_owed)
{
	start_ticks();
	advance(10 * TICK + TICK / 2);
	timers_fired = 0;
	advance(10 * TICK);
	EXPECT_EQ(timers_fired, 0);
	EXPECT_EQ(take_ticks(), 20);
	advance(TICK);
	EXPECT_EQ(take_ticks(), 1);
	/* The bound: one in register C, the others behind it. */
	advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(take_ticks(), 101);
	EXPECT_EQ(take_ticks(), 0);
	machine_fini();
}

TEST(ticks_are_not_owed_to_another_rate)
{
	start_ticks();
	advance(10 * TICK + TICK / 2);
	put(0xa, 0x2f);				/* 2 Hz */
	EXPECT_EQ(take_ticks(), 1);
	put(0xa, 0x26);
	put(0xb, RTC_24H | RTC_PIE);
	advance(10 * TICK);
	put(0xb, RTC_24H);
	get(0xc);
	put(0xb, RTC_24H | RTC_PIE);
	EXPECT_EQ(take_ticks(), 0);
	/* Without the interrupt there are none. */
	put(0xb, RTC_24H);
	advance(10 * TICK);
	EXPECT_EQ(get(0xc), RTC_PF);
	EXPECT_EQ(get(0xc), 0);
	put(0xb, RTC_24H | RTC_PIE);
	advance(10 * TICK);
	dev->ops->reset(dev);
	put(0xb, RTC_24H | RTC_PIE);
	EXPECT_EQ(take_ticks(), 0);
	machine_fini();
}

TEST(clocks_that_are_set_owe_nothing)
{
	start_ticks();
	advance(3 * TICK + TICK / 2);
	EXPECT_EQ(take_ticks(), 3);
	wall_ns += 3600 * NSEC_PER_SEC;		/* the host's */
	advance(TICK);
	EXPECT(take_ticks() <= 2);
	wall_ns -= 3600 * NSEC_PER_SEC;
	advance(TICK);
	take_ticks();
	advance(TICK);
	EXPECT_EQ(take_ticks(), 1);
	put(4, 0x23);				/* the guest's */
	EXPECT(take_ticks() <= 1);
	machine_fini();
}

TEST(ticks_of_a_pause_are_one)
{
	start_ticks();
	advance(TICK / 2);
	advance(5 * TICK);
	EXPECT_EQ(take_ticks(), 5);
	stall(NSEC_PER_SEC);
	vm.resumed_ns = now_ns;
	advance(0);
	EXPECT_EQ(take_ticks(), 1);
	stall(NSEC_PER_SEC);
	vm.resumed_ns = now_ns;
	stall(3 * TICK);
	advance(0);
	EXPECT(take_ticks() <= 4);
	machine_fini();
}

static void alarm(u8 hour, u8 min, u8 sec)
{
	put(5, hour);
	put(3, min);
	put(1, sec);
}

TEST(alarm_interrupt)
{
	setup();				/* 22:13:20 */
	alarm(0x22, 0x13, 0x25);
	put(0xb, RTC_24H | RTC_AIE);
	get(0xc);
	advance(5 * NSEC_PER_SEC - 1);
	EXPECT_EQ(rises[8], 0);
	advance(1);
	EXPECT_EQ(rises[8], 1);
	EXPECT_EQ(get(0xc) & (RTC_IRQF | RTC_AF), RTC_IRQF | RTC_AF);
	advance(86399ull * NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 1);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 2);
	get(0xc);
	/* Every minute at :07. */
	alarm(0xff, 0xc0, 0x07);
	advance(41 * NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 2);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 3);
	get(0xc);
	advance(60 * NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 4);
	get(0xc);
	/* Every second. */
	alarm(0xff, 0xff, 0xff);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 5);
	get(0xc);
	/* The first second of an hour that has passed today. */
	alarm(0x01, 0xff, 0xff);		/* it is 22:15:08 */
	advance((3600ull * 2 + 44 * 60 + 51) * NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 5);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 6);
	EXPECT_EQ(hms(), 0x010000);
	get(0xc);
	/* Never. */
	alarm(0x30, 0, 0);
	advance(3 * 86400ull * NSEC_PER_SEC);
	EXPECT_EQ(rises[8], 6);
	machine_fini();
}

TEST(alarm_is_found_exactly)
{
	static const u8 fields[][3] = {
		{ 0, 0, 0 }, { 0x23, 0x59, 0x59 }, { 0xff, 0x13, 0x19 }, { 0xff, 0x13, 0x20 },
		{ 0x22, 0xff, 0x10 }, { 0x22, 0x12, 0xff }, { 0xff, 0, 0xff }, { 0x10, 0xff, 0x30 },
	};
	unsigned int i, s;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		setup();
		alarm(fields[i][0], fields[i][1], fields[i][2]);
		put(0xb, RTC_24H | RTC_AIE);
		get(0xc);
		/* Step by step until a second matches by plain comparison. */
		for (s = 1; s <= 86400; s++) {
			advance(NSEC_PER_SEC);
			if ((fields[i][0] >= 0xc0 || get(4) == fields[i][0]) &&
			    (fields[i][1] >= 0xc0 || get(2) == fields[i][1]) &&
			    (fields[i][2] >= 0xc0 || get(0) == fields[i][2]))
				break;
			if (rises[8])
				break;
		}
		EXPECT(s <= 86400);
		EXPECT_EQ(rises[8], 1);
		EXPECT_EQ(get(0xc) & RTC_AF, RTC_AF);
		machine_fini();
	}
}

TEST(host_clock_steps)
{
	setup();
	put(0xb, RTC_24H | RTC_UIE);
	get(0xc);
	wall_ns -= 3600ull * NSEC_PER_SEC;
	EXPECT_EQ(hms(), 0x211320);
	EXPECT(!line[8]);
	wall_ns += 7200ull * NSEC_PER_SEC;
	EXPECT_EQ(hms(), 0x231320);
	EXPECT(line[8]);
	machine_fini();
}

TEST(cmos_memory)
{
	setup();
	EXPECT_EQ(get(0x15) | get(0x16) << 8, 640);
	EXPECT_EQ(get(0x17) | get(0x18) << 8, 0xffff);
	EXPECT_EQ(get(0x30) | get(0x31) << 8, 0xffff);
	EXPECT_EQ(get(0x34) | get(0x35) << 8, (0xc0000000 - 0x1000000) >> 16);
	EXPECT_EQ(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 0x8000);
	EXPECT_EQ(get(0x5f), 3);
	put(0x0f, 0x0a);
	put(0x7f, 0x55);
	dev->ops->reset(dev);
	EXPECT_EQ(get(0x0f), 0x0a);
	EXPECT_EQ(get(0x7f), 0x55);
	EXPECT_EQ(get(0x5f), 3);
	vm.vcpus_present = 0x5;			/* of four vCPUs two have gone since */
	dev->ops->reset(dev);
	EXPECT_EQ(get(0x5f), 1);
	EXPECT_EQ(get(0xff), 0x55);		/* bit 7 of the index masks NMI */
	put(0xd, 0);
	put(0xc, 0xff);
	EXPECT_EQ(get(0xd), 0x80);
	EXPECT_EQ(get(0xc) & RTC_AF, 0);
	machine_fini();

	machine_init();
	vm.mem.ram[0] = (struct aerie_ram) { 0, 0xa0000 };
	vm.mem.ram[1] = (struct aerie_ram) { 0xc0000, 8 << 20 };
	vm.mem.nr_ram = 2;
	dev = machine_add(&aerie_rtc_dev);
	EXPECT_EQ(get(0x17) | get(0x18) << 8, 7 * 1024);
	EXPECT_EQ(get(0x34) | get(0x35) << 8, 0);
	EXPECT_EQ(get(0x5b) | get(0x5c) << 8 | get(0x5d) << 16, 0);
	machine_fini();
}
