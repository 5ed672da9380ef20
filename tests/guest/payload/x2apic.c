// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC in x2APIC mode, which a processor may keep by itself: registers, task
 * priority by MSR and by CR8, what goes first, and the end of interrupts.
 */
#include "guest.h"

#define X2(reg)		(0x800 + (reg) / 16)
#define LOW		0x48
#define HIGH		0x62
#define LEVEL		0x55
#define COM1		4
#define MANY		20

/* Vectors as they came. */
static u8 order[64];
static volatile u32 total;
static volatile bool nest;
static u32 in_service;		/* of LOW's handler: what is in service behind HIGH's */

static void note(u8 vector)
{
	order[total++ % sizeof(order)] = vector;
}

static void self(u8 vector)
{
	wrmsr(X2(APIC_ICR), (u64)apic_id() << 32 | ICR_ASSERT | vector);
}

static void on_low(struct regs *r)
{
	note(LOW);
	if (nest) {
		nest = false;
		self(HIGH);	/* goes in between */
		self(LOW);	/* has to wait for the end of this one */
		sti_nop_cli();
		in_service = apic_bit(APIC_ISR, LOW) | apic_bit(APIC_ISR, HIGH) << 1 |
			     apic_bit(APIC_IRR, LOW) << 2 | apic_bit(APIC_IRR, HIGH) << 3;
		note(0);
	}
	apic_eoi();
}

static void on_high(struct regs *r)
{
	note(HIGH);
	apic_eoi();
}

static void on_level(struct regs *r)
{
	note(LEVEL);
	if (total == MANY)
		inb(0x3fa);	/* the source falls silent */
	apic_eoi();
}

static bool setup(void)
{
	if (!has_x2apic())
		return false;
	pic_mask(0xffff);
	if (!apic_is_x2())
		apic_to_x2();
	apic_write(APIC_TPR, 0);
	set_handler(LOW, on_low);
	set_handler(HIGH, on_high);
	set_handler(LEVEL, on_level);
	sti_nop_cli();
	total = 0;
	return true;
}

#define SETUP()	do { if (!setup()) SKIP("no x2APIC"); } while (0)

TEST(registers)
{
	u32 id, i;

	SETUP();
	id = apic_read(APIC_ID);
	EXPECT_EQ(id, this_cpu()->apic_id);
	EXPECT((apic_read(APIC_VERSION) & 0xff) >= 0x10);
	EXPECT_EQ(apic_read(APIC_LDR), id >> 4 << 16 | BIT(id & 15));
	apic_write(APIC_SVR, 0x1f7);
	EXPECT_EQ(apic_read(APIC_SVR), 0x1f7);
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_LVT_ERROR, LVT_MASKED | 0x99);
	EXPECT_EQ(apic_read(APIC_LVT_ERROR), LVT_MASKED | 0x99);
	for (i = 0; i < 8; i++) {
		EXPECT_EQ(rdmsr(X2(APIC_ISR) + i), 0);
		EXPECT_EQ(rdmsr(X2(APIC_IRR) + i), 0);
	}
	/* All of the ICR is one register. */
	self(LOW);
	EXPECT_EQ(rdmsr(X2(APIC_ICR)) >> 32, id);
	sti_nop_cli();
	EXPECT_EQ(total, 1);
}

/* Not there, not to be read, not to be written, not with such a value. */
TEST(refused)
{
	static const u16 absent[] = { 0x800, 0x804, 0x807, 0x809, 0x80c, 0x80e, 0x831, 0x83a, 0x840, 0x8ff };
	static const u16 read_only[] = { 0x802, 0x803, 0x80a, 0x80d, 0x810, 0x820, 0x839 };
	u32 i;

	SETUP();
	for (i = 0; i < ARRAY_SIZE(absent); i++) {
		EXPECT_EQ(TRY((void)rdmsr(absent[i])), GP);
		EXPECT_EQ(TRY(wrmsr(absent[i], 0)), GP);
	}
	for (i = 0; i < ARRAY_SIZE(read_only); i++) {
		EXPECT_EQ(TRY((void)rdmsr(read_only[i])), NO_TRAP);
		EXPECT_EQ(TRY(wrmsr(read_only[i], 0)), GP);
	}
	EXPECT_EQ(TRY((void)rdmsr(X2(APIC_EOI))), GP);
	EXPECT_EQ(TRY((void)rdmsr(0x83f)), GP);
	EXPECT_EQ(TRY(wrmsr(X2(APIC_EOI), 1)), GP);
	EXPECT_EQ(TRY(wrmsr(X2(APIC_TPR), 0x100)), GP);
	EXPECT_EQ(TRY(wrmsr(X2(APIC_TPR), BIT(32))), GP);
	EXPECT_EQ(apic_read(APIC_TPR), 0);
}

TEST(task_priority)
{
	SETUP();
	apic_write(APIC_TPR, 0x5f);
	EXPECT_EQ(apic_read(APIC_TPR), 0x5f);
	EXPECT_EQ(apic_read(APIC_PPR), 0x5f);
	if (!tcg_below()) {
		EXPECT_EQ(read_cr8(), 5);
		write_cr8(3);
		EXPECT_EQ(apic_read(APIC_TPR), 0x30);
		EXPECT_EQ(apic_read(APIC_PPR), 0x30);
		EXPECT_EQ(TRY(write_cr8(16)), GP);
	}
	set_tpr(0);
	EXPECT_EQ(apic_read(APIC_TPR), 0);
	EXPECT_EQ(apic_read(APIC_PPR), 0);
}

/* What the task priority holds back comes when it falls, by MSR and by CR8. */
TEST(priority_holds_back)
{
	SETUP();
	apic_write(APIC_TPR, 0x50);
	self(LOW);
	self(HIGH);
	EXPECT(apic_bit(APIC_IRR, LOW) && apic_bit(APIC_IRR, HIGH));
	sti_nop_cli();
	EXPECT_EQ(total, 1);
	EXPECT_EQ(order[0], HIGH);
	EXPECT(apic_bit(APIC_IRR, LOW) && !apic_bit(APIC_IRR, HIGH));
	sti();
	apic_write(APIC_TPR, 0);
	cli();
	EXPECT_EQ(total, 2);
	EXPECT_EQ(order[1], LOW);

	set_tpr(4);
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(total, 2);
	sti();
	set_tpr(5);
	set_tpr(3);
	cli();
	EXPECT_EQ(total, 3);
	set_tpr(0);
	EXPECT(!apic_bit(APIC_IRR, LOW) && !apic_bit(APIC_ISR, LOW));
}

TEST(highest_first)
{
	SETUP();
	self(LOW);
	self(HIGH);
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(total, 2);
	EXPECT(order[0] == HIGH && order[1] == LOW);
}

TEST(nested)
{
	SETUP();
	nest = true;
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(total, 4);
	EXPECT(order[0] == LOW && order[1] == HIGH && order[2] == 0 && order[3] == LOW);
	EXPECT_EQ(in_service, 1 | 4);
	EXPECT_EQ(apic_read(APIC_PPR), 0);
}

TEST(end_of_nothing)
{
	SETUP();
	apic_eoi();
	self(LOW);
	sti_nop_cli();
	apic_eoi();
	self(LOW);
	sti_nop_cli();
	EXPECT_EQ(total, 2);
}

/* The I/O APIC sends once more when it hears of the end, while the line is high. */
TEST(level)
{
	SETUP();
	outb(0, 0x3f9);
	outb(8, 0x3fc);
	inb(0x3fa);
	ioapic_route(COM1, (u64)apic_id() << 56 | ICR_LEVEL | LEVEL);
	outb(2, 0x3f9);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); total >= MANY; }), 5000));
	EXPECT_EQ(total, MANY);
	EXPECT(apic_bit(APIC_TMR, LEVEL));
	EXPECT(!(ioapic_read(0x10 + 2 * COM1) & BIT(14)));
	outb(0, 0x3f9);
	/* The same vector as an edge: nobody waits for its end. */
	ioapic_route(COM1, LVT_MASKED);
	self(LEVEL);
	EXPECT(!apic_bit(APIC_TMR, LEVEL));
	sti_nop_cli();
	EXPECT_EQ(total, MANY + 1);
}

/* A request does not survive a disabled APIC; both modes work after it. */
TEST(modes)
{
	SETUP();
	self(LOW);
	apic_write(APIC_TPR, 0x70);
	apic_to_xapic();
	sti_nop_cli();
	EXPECT_EQ(total, 0);
	EXPECT_EQ(mmio_read32(LAPIC + APIC_TPR), 0);
	apic_icr(this_cpu()->apic_id, ICR_ASSERT | HIGH);
	sti_nop_cli();
	EXPECT_EQ(total, 1);
	/* Requested in one mode, delivered in the other. */
	apic_icr(this_cpu()->apic_id, ICR_ASSERT | LOW);
	apic_to_x2();
	sti_nop_cli();
	EXPECT_EQ(total, 2);
	EXPECT(order[0] == HIGH && order[1] == LOW);
	self(HIGH);
	sti_nop_cli();
	EXPECT_EQ(total, 3);
}
