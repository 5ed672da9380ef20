// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions while an exception is delivered: which become a double fault, and
 * which are handled one after the other (SDM, Interrupt 8).
 */
#include "guest.h"

#define HOLE	0x50000000ull	/* never mapped here */
#define IST_BAD	4		/* stack in the hole */

static void setup(void)
{
	*pte_of(read_cr3(), HOLE, 1) = 0;
	flush_tlb();
	tss[0].ist[IST_BAD - 1] = HOLE + 0x800;
}

/* Change one gate for the time of a statement. */
#define WITH_GATE(vector, field, value, stmt) do {				\
	struct gate _saved = idt[vector];					\
	idt[vector].field = value;						\
	stmt;									\
	idt[vector] = _saved;							\
} while (0)

static volatile u32 *hole = (u32 *)HOLE;
#define PAGE_FAULT	TRY((void)*hole)
#define GENERAL		TRY(asm volatile("mov %0, %%fs" :: "r"(0xfff8)))
#define INVALID		TRY(asm volatile("ud2"))
#define DIVIDE		TRY(asm volatile("divl %0" :: "r"(0), "a"(1), "d"(0)))

/* Benign, then contributory: one after the other. */
TEST(gate_of_benign_absent)
{
	int vec;

	setup();
	WITH_GATE(UD, type, 0x0e, vec = INVALID);
	EXPECT_EQ(vec, NP);	/* with an error code on which no two emulators agree */
}

/* Contributory, then contributory. */
TEST(gate_of_contributory_absent)
{
	int vec;

	/* TCG forgets what came first where a hypervisor has injected it. */
	WITH_GATE(GP, type, 0x0e, vec = GENERAL);
	EXPECT(vec == DF || (vec == NP && tcg_below()));
	WITH_GATE(DE, type, 0x0e, vec = DIVIDE);
	EXPECT_EQ(vec, DF);
}

/* Contributory, then page fault: one after the other. */
TEST(stack_of_contributory_unmapped)
{
	int vec;

	WITH_GATE(GP, ist, IST_BAD, vec = GENERAL);
	EXPECT_EQ(vec, PF);
	EXPECT_EQ(LAST_TRAP->cr2 & ~0xfffull, HOLE);
	EXPECT_EQ(LAST_TRAP->error, 2);
}

/* Benign, then page fault. */
TEST(stack_of_benign_unmapped)
{
	int vec;

	WITH_GATE(UD, ist, IST_BAD, vec = INVALID);
	EXPECT_EQ(vec, PF);
	EXPECT_EQ(LAST_TRAP->error, 2);
}

/* Page fault, then page fault; page fault, then contributory. */
TEST(page_fault_cannot_be_delivered)
{
	int vec;

	WITH_GATE(PF, ist, IST_BAD, vec = PAGE_FAULT);
	EXPECT_EQ(vec, DF);
	EXPECT_EQ(LAST_TRAP->error, 0);
	WITH_GATE(PF, type, 0x0e, vec = PAGE_FAULT);
	EXPECT_EQ(vec, DF);
}

/* The IDT itself is not there: its page is gone for one vector's gate only. */
TEST(idt_unmapped)
{
	u64 pages = (u64)page_alloc();
	struct dtable d = { .limit = 4095 };
	int vec;

	/* Gates 0-255 fill a page; start it so that 13 and up lie in the hole. */
	d.base = HOLE + 0x3000 - 13 * 16;
	*pte_of(read_cr3(), HOLE + 0x2000, 1) = pages | PTE_P | PTE_W;
	*pte_of(read_cr3(), HOLE + 0x3000, 1) = 0;
	flush_tlb();
	memcpy((void *)d.base, idt, 13 * 16);
	asm volatile("lidt %0" :: "m"(d));
	vec = GENERAL;			/* #GP -> #PF -> #PF's gate is gone too -> #DF */
	load_idt();
	EXPECT_EQ(vec, DF);
}

/* No room in the task state for the second's stack pointer: #TS is contributory, too. */
TEST(task_state_too_short)
{
	int first, second;

	tss_limit(offsetof(struct tss, ist[2]) - 1);
	WITH_GATE(DE, ist, 3, first = DIVIDE);
	WITH_GATE(PF, ist, 3, second = PAGE_FAULT);
	tss_limit(sizeof(struct tss) - 1);
	EXPECT_EQ(first, DF);
	EXPECT_EQ(second, DF);
}

/* After all of that the machine is as before. */
TEST(still_sane)
{
	EXPECT_EQ(INVALID, UD);
	EXPECT_EQ(PAGE_FAULT, PF);
	EXPECT_EQ(GENERAL, GP);
	EXPECT_EQ(DIVIDE, DE);
}
