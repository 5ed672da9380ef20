// SPDX-License-Identifier: GPL-2.0
/*
 * What a hypervisor seldom sees: SMSW while the caches are off, and HLT followed
 * by a single-step trap instead of an interrupt.
 */
#include "guest.h"

TEST(smsw_with_caches_off)
{
	u64 cr0 = read_cr0(), want = cr0 | CR0_CD, wide = 0x1122334455667788ull;
	u64 reg = 0x1122334455667788ull;
	u32 half = ~0u;
	u16 mem[2] = { 0, 0xa5a5 };
	int vec;

	write_cr0(want);
	vec = TRY(asm volatile("smsw %w0" : "+r"(reg));
		  asm volatile("smsw %k0" : "=r"(half));
		  asm volatile("smsw %q0" : "=r"(wide));
		  asm volatile("smsw %0" : "=m"(mem[0])));
	write_cr0(cr0);
	EXPECT_EQ(vec, NO_TRAP);
	EXPECT_EQ(reg, 0x1122334455660000ull | (want & 0xffff));
	EXPECT_EQ(half & 0xffff, want & 0xffff);
	EXPECT_EQ(wide & 0xffff, want & 0xffff);
	EXPECT_EQ(mem[0], want & 0xffff);
	EXPECT_EQ(mem[1], 0xa5a5);
}

static volatile u32 steps;

static void count_step(struct regs *regs)
{
	steps++;
	regs->rflags &= ~FLAG_TF;
}

/* Interrupts are off: nothing but the trap can end the HLT. */
TEST(hlt_with_tf_ends)
{
	set_handler(DB, count_step);
	asm volatile("pushfq; orq %0, (%%rsp); popfq; hlt; nop"
		     :: "i"(FLAG_TF) : "memory", "cc");
	EXPECT_EQ(steps, 1);
	set_handler(DB, NULL);
}
