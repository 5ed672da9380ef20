// SPDX-License-Identifier: GPL-2.0
/* The 8254: the six modes as software sees them, latches, BCD, interrupts, port 0x61. */
// sources: kmod/dev/pit.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"

#define FREQ	1193182ull

static struct aerie_dev *dev;

static void setup(void)
{
	machine_init();
	dev = machine_add(&aerie_pit_dev);
}

/* Move to the middle of tick @n after @start, so that rounding cannot matter. */
static void at_tick(u64 start, u64 n)
{
	u64 when = start + (2 * n + 1) * NSEC_PER_SEC / (2 * FREQ);

	if (when > now_ns)
		advance(when - now_ns);
}

static void program(unsigned int n, unsigned int mode, u16 count)
{
	outb(0x43, n << 6 | 0x30 | mode << 1);
	outb(0x40 + n, count);
	outb(0x40 + n, count >> 8);
}

static u16 count_of(unsigned int n)
{
	u8 low;

	outb(0x43, n << 6);
	low = inb(0x40 + n);
	return low | inb(0x40 + n) << 8;
}

static u8 status_of(unsigned int n)
{
	outb(0x43, 0xe0 | 2 << n);
	return inb(0x40 + n);
}

static bool out2(void)
{
	return inb(0x61) & 0x20;
}

TEST(mode_0_counts_down_once)
{
	u64 t0;

	setup();
	expect_record(dev);
	outb(0x61, 1);
	outb(0x43, 0xb0);
	EXPECT_EQ(status_of(2), 0x40 | 0x30);	/* OUT low, nothing loaded */
	outb(0x42, 100);
	EXPECT_EQ(status_of(2), 0x40 | 0x30);
	outb(0x42, 0);
	t0 = now_ns;
	at_tick(t0, 0);
	EXPECT_EQ(count_of(2), 100);
	EXPECT_EQ(status_of(2), 0x30);
	at_tick(t0, 60);
	EXPECT_EQ(count_of(2), 40);
	EXPECT(!out2());
	at_tick(t0, 100);
	EXPECT(out2());
	EXPECT_EQ(status_of(2), 0xb0);
	at_tick(t0, 101);
	EXPECT_EQ(count_of(2), 0xffff);		/* goes on, OUT stays high */
	EXPECT(out2());
	/* The first byte of a new count lowers OUT and stops counting. */
	outb(0x42, 50);
	EXPECT(!out2());
	advance(NSEC_PER_SEC);
	EXPECT(!out2());
	outb(0x42, 0);
	advance(NSEC_PER_SEC);
	EXPECT(out2());
	expect_record(dev);
	machine_fini();
}

TEST(mode_0_gate_pauses)
{
	u64 t0;

	setup();
	outb(0x61, 1);
	program(2, 0, 1000);
	t0 = now_ns;
	at_tick(t0, 300);
	outb(0x61, 0);
	advance(NSEC_PER_MSEC * 50);
	EXPECT_EQ(count_of(2), 700);
	EXPECT(!out2());
	outb(0x61, 1);
	t0 = now_ns;
	at_tick(t0, 698);
	EXPECT(!out2());
	at_tick(t0, 701);
	EXPECT(out2());
	machine_fini();
}

TEST(mode_1_and_5_wait_for_the_gate)
{
	u64 t0;

	setup();
	program(2, 1, 200);
	EXPECT(out2());
	EXPECT_EQ(status_of(2), 0x80 | 0x40 | 0x30 | 2);
	advance(NSEC_PER_MSEC);
	EXPECT(out2());
	outb(0x61, 1);
	t0 = now_ns;
	EXPECT(!out2());
	EXPECT_EQ(status_of(2), 0x30 | 2);
	at_tick(t0, 150);
	EXPECT(!out2());
	EXPECT_EQ(count_of(2), 50);
	/* Triggered again before its end; the fall of the gate is nothing. */
	outb(0x61, 0);
	outb(0x61, 1);
	t0 = now_ns;
	at_tick(t0, 199);
	EXPECT(!out2());
	at_tick(t0, 200);
	EXPECT(out2());
	/* A new count waits for the next trigger. */
	outb(0x42, 10);
	outb(0x42, 0);
	EXPECT(out2());
	outb(0x61, 0);
	outb(0x61, 1);
	t0 = now_ns;
	at_tick(t0, 9);
	EXPECT(!out2());
	at_tick(t0, 10);
	EXPECT(out2());

	outb(0x61, 0);
	program(2, 5, 20);
	advance(NSEC_PER_MSEC);
	EXPECT(out2());
	outb(0x61, 1);
	t0 = now_ns;
	at_tick(t0, 19);
	EXPECT(out2());
	at_tick(t0, 20);
	EXPECT(!out2());			/* one tick of strobe */
	at_tick(t0, 21);
	EXPECT(out2());
	machine_fini();
}

TEST(mode_2_divides)
{
	u64 t0;

	setup();
	outb(0x61, 1);
	program(2, 2, 10);
	t0 = now_ns;
	EXPECT(out2());
	at_tick(t0, 0);
	EXPECT_EQ(count_of(2), 10);
	at_tick(t0, 8);
	EXPECT(out2());
	EXPECT_EQ(count_of(2), 2);
	at_tick(t0, 9);
	EXPECT(!out2());
	EXPECT_EQ(count_of(2), 1);
	at_tick(t0, 10);
	EXPECT(out2());
	EXPECT_EQ(count_of(2), 10);
	at_tick(t0, 12345678);
	EXPECT_EQ(count_of(2), 2);
	/* The gate stops it with OUT high, and restarts it from the top. */
	outb(0x61, 0);
	advance(NSEC_PER_MSEC);
	EXPECT(out2());
	outb(0x61, 1);
	t0 = now_ns;
	at_tick(t0, 3);
	EXPECT_EQ(count_of(2), 7);
	/* A new count takes effect with the next period. */
	outb(0x42, 100);
	outb(0x42, 0);
	EXPECT_EQ(status_of(2), 0xc0 | 0x30 | 4);
	at_tick(t0, 5);
	EXPECT_EQ(count_of(2), 5);
	at_tick(t0, 11);
	EXPECT_EQ(count_of(2), 99);
	EXPECT_EQ(status_of(2), 0x80 | 0x30 | 4);
	machine_fini();
}

TEST(mode_3_is_a_square_wave)
{
	u64 t0;

	setup();
	outb(0x61, 1);
	program(2, 3, 8);
	t0 = now_ns;
	at_tick(t0, 1);
	EXPECT_EQ(count_of(2), 6);
	at_tick(t0, 3);
	EXPECT(out2());
	EXPECT_EQ(count_of(2), 2);
	at_tick(t0, 4);
	EXPECT(!out2());
	EXPECT_EQ(count_of(2), 8);
	at_tick(t0, 8);
	EXPECT(out2());
	/* Odd: high one tick longer than low, and only even counts. */
	program(2, 3, 5);
	t0 = now_ns;
	at_tick(t0, 0);
	EXPECT_EQ(count_of(2), 4);
	at_tick(t0, 2);
	EXPECT(out2());
	EXPECT_EQ(count_of(2), 0);
	at_tick(t0, 3);
	EXPECT(!out2());
	EXPECT_EQ(count_of(2), 4);
	at_tick(t0, 5);
	EXPECT(out2());
	/* 7 is another name of mode 3, and 0 is 65536. */
	program(2, 7, 0);
	t0 = now_ns;
	at_tick(t0, 32767);
	EXPECT(out2());
	EXPECT_EQ(count_of(2), 2);
	at_tick(t0, 32768);
	EXPECT(!out2());
	EXPECT_EQ(count_of(2), 0);
	EXPECT_EQ(status_of(2), 0x30 | 14);
	machine_fini();
}

TEST(mode_4_strobes_once)
{
	u64 t0;

	setup();
	outb(0x61, 1);
	program(2, 4, 30);
	t0 = now_ns;
	at_tick(t0, 29);
	EXPECT(out2());
	at_tick(t0, 30);
	EXPECT(!out2());
	at_tick(t0, 31);
	EXPECT(out2());
	EXPECT_EQ(count_of(2), 0xffff);
	at_tick(t0, 30 + 65536);
	EXPECT(out2());
	machine_fini();
}

TEST(bcd)
{
	u64 t0;

	setup();
	outb(0x61, 1);
	outb(0x43, 0xb1);
	outb(0x42, 0x34);
	outb(0x42, 0x12);
	t0 = now_ns;
	at_tick(t0, 235);
	EXPECT_EQ(count_of(2), 0x0999);
	at_tick(t0, 1234);
	EXPECT(out2());
	at_tick(t0, 1235);
	EXPECT_EQ(count_of(2), 0x9999);
	/* 0 is 10000; digits that are none do no harm. */
	outb(0x43, 0xb5);
	outb(0x42, 0);
	outb(0x42, 0);
	t0 = now_ns;
	at_tick(t0, 1);
	EXPECT_EQ(count_of(2), 0x9999);
	outb(0x42, 0xff);
	outb(0x42, 0xff);
	at_tick(t0, 10000 + 16665);
	EXPECT_EQ(count_of(2), 0x6665);		/* 16665 begins anew */
	machine_fini();
}

TEST(latch_and_read_back)
{
	u64 t0;

	setup();
	program(0, 2, 0x1234);
	outb(0x61, 1);
	program(2, 2, 0x8000);
	t0 = now_ns;
	at_tick(t0, 0);
	/* A latched count stays, and a second latch does not replace it. */
	outb(0x43, 0x80);
	at_tick(t0, 0x100);
	outb(0x43, 0x80);
	EXPECT_EQ(inb(0x42), 0x00);
	at_tick(t0, 0x200);
	EXPECT_EQ(inb(0x42), 0x80);
	EXPECT_EQ(inb(0x42), 0x00);		/* runs again: 0x7e00 */
	EXPECT_EQ(inb(0x42), 0x7e);
	/* Status and count of two counters in one command; status is read first. */
	outb(0x43, 0xca);
	at_tick(t0, 0x300);
	EXPECT_EQ(inb(0x42), 0x80 | 0x30 | 4);
	EXPECT_EQ(inb(0x42), 0x00);
	EXPECT_EQ(inb(0x42), 0x7e);
	EXPECT_EQ(inb(0x40), 0x80 | 0x30 | 4);
	/* One byte only. */
	outb(0x43, 0xa4);
	outb(0x42, 0x12);			/* high byte, mode 2 */
	t0 = now_ns;
	at_tick(t0, 0x100);
	EXPECT_EQ(inb(0x42), 0x11);
	EXPECT_EQ(inb(0x42), 0x11);
	outb(0x43, 0x94);
	outb(0x42, 0x40);			/* low byte */
	t0 = now_ns;
	at_tick(t0, 1);
	EXPECT_EQ(inb(0x42), 0x3f);
	outb(0x43, 0x80);
	at_tick(t0, 2);
	EXPECT_EQ(inb(0x42), 0x3f);
	EXPECT_EQ(inb(0x42), 0x3e);
	EXPECT_EQ(inb(0x43), 0);
	machine_fini();
}

TEST(periodic_interrupts_do_not_drift)
{
	u64 t0;

	setup();
	EXPECT_EQ(rises[0], 0);
	program(0, 2, 11932);
	t0 = now_ns;
	advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 10 * FREQ / 11932);
	EXPECT(!line[0]);
	at_tick(t0, 100000 * 11932ull - 2);
	EXPECT_EQ(rises[0], 99999);
	at_tick(t0, 100000 * 11932ull);
	EXPECT_EQ(rises[0], 100000);
	/* A control word silences it. */
	outb(0x43, 0x34);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 100000);
	machine_fini();
}

TEST(one_shot_interrupts)
{
	setup();
	program(0, 4, 1000);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 1);
	program(0, 0, 1000);
	advance(1000 * NSEC_PER_SEC / FREQ - 1000);
	EXPECT_EQ(rises[0], 1);
	advance(2000);
	EXPECT_EQ(rises[0], 2);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 2);
	/* As a kernel's clock event does it: a new count alone starts again. */
	outb(0x40, 0xe8);
	outb(0x40, 3);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 3);
	/* Its gate is tied high, so what waits for a gate never comes. */
	program(0, 1, 1000);
	advance(NSEC_PER_SEC);
	program(0, 5, 1000);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 3);
	machine_fini();
}

TEST(changing_the_period_keeps_counting)
{
	u64 t0;

	setup();
	program(0, 2, 10000);
	t0 = now_ns;
	at_tick(t0, 15000);
	EXPECT_EQ(rises[0], 1);
	outb(0x40, 0x88);
	outb(0x40, 0x13);			/* 5000 */
	at_tick(t0, 19990);
	EXPECT_EQ(rises[0], 1);
	at_tick(t0, 20010);
	EXPECT_EQ(rises[0], 2);
	at_tick(t0, 24990);
	EXPECT_EQ(rises[0], 2);
	at_tick(t0, 25010);
	EXPECT_EQ(rises[0], 3);
	at_tick(t0, 20000 + 5000 * 100 + 10);
	EXPECT_EQ(rises[0], 102);
	machine_fini();
}

TEST(late_ticks_are_owed_and_come_one_by_one)
{
	unsigned int before;
	u64 t0;

	setup();
	program(0, 2, 1193);			/* about a millisecond */
	t0 = now_ns;
	advance(10 * NSEC_PER_MSEC);
	before = rises[0];
	stall(50 * NSEC_PER_MSEC);
	advance(0);
	EXPECT_EQ(rises[0], before + 1);	/* no burst */
	advance(5 * NSEC_PER_MSEC);
	EXPECT(rises[0] <= before + 26);	/* 5 kHz */
	EXPECT(rises[0] >= before + 24);
	advance(100 * NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], (now_ns - t0) * FREQ / NSEC_PER_SEC / 1193);
	/* What goes beyond the bound is lost. */
	before = rises[0];
	stall(10 * NSEC_PER_SEC);
	advance(NSEC_PER_SEC);
	EXPECT(rises[0] - before < 1000 + 102);
	EXPECT(rises[0] - before > 1000 + 98);
	machine_fini();
}

/* What the guest was late for, with its interrupts off, comes when it takes them again. */
TEST(ticks_that_would_be_lost_are_owed)
{
	unsigned int before, n;

	setup();
	program(0, 2, 1193);
	advance(10 * NSEC_PER_MSEC + NSEC_PER_MSEC / 2);
	before = rises[0];
	edge = AERIE_EDGE_WAITS;
	timers_fired = 0;
	advance(50 * NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], before);
	EXPECT(timers_fired <= 101);		/* twice a period */
	edge = AERIE_EDGE_TAKEN;
	advance(15 * NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], before + 65);
	/* One whose handler takes longer than a pulse is apart still catches up. */
	before = rises[0];
	edge = AERIE_EDGE_WAITS;
	advance(50 * NSEC_PER_MSEC);
	for (n = 0; n < 250; n++) {
		edge = n % 2 ? AERIE_EDGE_WAITS : AERIE_EDGE_TAKEN;
		advance(400 * NSEC_PER_USEC);
	}
	EXPECT_EQ(rises[0], before + 150);
	/* The bound. */
	before = rises[0];
	edge = AERIE_EDGE_WAITS;
	advance(10 * NSEC_PER_SEC);
	edge = AERIE_EDGE_TAKEN;
	advance(100 * NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], before + 100 + 100);
	machine_fini();
}

TEST(ticks_are_owed_to_who_wants_them)
{
	unsigned int before;

	/* Masked everywhere: pulses come as on the real chip, and none is kept. */
	setup();
	program(0, 2, 1193);
	edge = AERIE_EDGE_UNHEARD;
	advance(50 * NSEC_PER_MSEC + NSEC_PER_MSEC / 2);
	EXPECT_EQ(rises[0], 50);
	stall(50 * NSEC_PER_MSEC);
	advance(0);
	before = rises[0];
	edge = AERIE_EDGE_TAKEN;
	advance(NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], before + 1);
	/* Programmed anew; reset. */
	edge = AERIE_EDGE_WAITS;
	advance(50 * NSEC_PER_MSEC);
	edge = AERIE_EDGE_TAKEN;
	before = rises[0];
	program(0, 2, 11930);
	advance(9 * NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], before);
	edge = AERIE_EDGE_WAITS;
	advance(500 * NSEC_PER_MSEC);
	dev->ops->reset(dev);
	edge = AERIE_EDGE_TAKEN;
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], before);
	/* A one-shot is one with the one before. */
	edge = AERIE_EDGE_WAITS;
	program(0, 0, 1193);
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], before + 1);
	machine_fini();
}

TEST(no_count_makes_a_storm)
{
	static const u16 counts[] = { 1, 2, 3, 10, 23 };
	unsigned int i, mode;

	for (mode = 2; mode <= 3; mode++) {
		for (i = 0; i < ARRAY_SIZE(counts); i++) {
			setup();
			program(0, mode, counts[i]);
			timers_fired = 0;
			advance(10 * NSEC_PER_MSEC);
			EXPECT(timers_fired <= 51);
			EXPECT(rises[0] >= 49);
			machine_fini();
		}
	}
	/* Nor does programming it again and again. */
	setup();
	timers_fired = 0;
	for (i = 0; i < 1000; i++) {
		program(0, 0, 1);
		advance(1000);
	}
	EXPECT(timers_fired <= 6);
	machine_fini();
}

/* No tick is lost at the rates that systems use: up to 5 kHz. */
TEST(fast_ticks_all_come)
{
	static const u16 counts[] = { 240, 298, 1193 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		setup();
		program(0, 2, counts[i]);
		advance(10 * NSEC_PER_SEC);
		EXPECT_EQ(rises[0], 10 * FREQ / counts[i]);
		machine_fini();
	}
}

TEST(a_paused_machine_gets_no_ticks)
{
	setup();
	program(0, 2, 1193);
	advance(10 * NSEC_PER_MSEC);
	vm.state = AERIE_VM_PAUSED;
	rises[0] = 0;
	timers_fired = 0;
	advance(10 * NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 0);
	EXPECT(timers_fired <= 101);
	/* It goes on at once; what the pause was late for is one tick. */
	vm.resumed_ns = now_ns;
	vm.state = AERIE_VM_RUNNING;
	dev->ops->resume(dev);
	advance(10 * NSEC_PER_MSEC);
	EXPECT(rises[0] >= 10 && rises[0] <= 12);
	advance(NSEC_PER_SEC);
	EXPECT(rises[0] >= 1010 && rises[0] <= 1012);
	machine_fini();
}

/* Those owed before stay so, and the period goes on where it would be. */
TEST(a_pause_takes_nothing_away)
{
	u64 t0;

	setup();
	program(0, 2, 11930);
	t0 = now_ns;
	edge = AERIE_EDGE_WAITS;
	advance(55 * NSEC_PER_MSEC);		/* 5 are owed */
	vm.state = AERIE_VM_PAUSED;
	advance(NSEC_PER_SEC);
	edge = AERIE_EDGE_TAKEN;
	EXPECT_EQ(rises[0], 0);
	vm.resumed_ns = now_ns;
	vm.state = AERIE_VM_RUNNING;
	dev->ops->resume(dev);
	advance(2 * NSEC_PER_MSEC);
	EXPECT_EQ(rises[0], 6);
	at_tick(t0, 106 * 11930 - 10);
	EXPECT_EQ(rises[0], 6);
	at_tick(t0, 106 * 11930 + 10);
	EXPECT_EQ(rises[0], 7);
	machine_fini();
}

TEST(port_61)
{
	unsigned int i, toggles = 0;
	u8 last, val;

	setup();
	outb(0x61, 0xff);
	EXPECT_EQ(inb(0x61) & ~0x30, 0x0f);
	outb(0x61, 0);
	EXPECT_EQ(inb(0x61) & ~0x30, 0);
	last = inb(0x61) & 0x10;
	for (i = 0; i < 1000; i++) {
		advance(1000);
		val = inb(0x61) & 0x10;
		toggles += val != last;
		last = val;
	}
	EXPECT(toggles >= 65 && toggles <= 67);	/* every 15 us */
	machine_fini();
}

TEST(reset_silences_it)
{
	setup();
	program(0, 2, 1000);
	advance(NSEC_PER_MSEC * 10);
	EXPECT(rises[0] > 0);
	dev->ops->reset(dev);
	rises[0] = 0;
	advance(NSEC_PER_SEC);
	EXPECT_EQ(rises[0], 0);
	EXPECT_EQ(count_of(0), 0);
	machine_fini();
}
