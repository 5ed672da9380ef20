// SPDX-License-Identifier: GPL-2.0
/* Debug registers, single steps and breakpoints, also over instructions that exit. */
#include "guest.h"

static volatile u32 hits, steps;
static volatile u64 last_rip, last_dr6;

static void on_db(struct regs *r)
{
	hits++;
	last_rip = r->rip;
	last_dr6 = read_dr6();
	write_dr6(DR6_NONE);
	r->rflags |= FLAG_RF;
}

static void setup(void)
{
	write_dr7(0x400);
	write_dr6(DR6_NONE);
	hits = steps = 0;
	last_rip = last_dr6 = 0;
	set_handler(DB, on_db);
}

static void done(void)
{
	write_dr7(0x400);
	write_dr0(0);
	set_handler(DB, NULL);
}

TEST(values_read_back)
{
	u64 i;

	setup();
	for (i = 0; i < 20; i++) {
		write_dr0(0x1000 + i);
		write_dr1(0xffff800000002000 + i);
		write_dr2(0x3000 + i);
		write_dr3(0x4000 + i);
		if (i % 4 == 0)
			cpuid(0, 0);
		if (i % 4 == 1)
			inb(0x61);
		if (i % 4 == 2)
			delay_us(500);
		EXPECT_EQ(read_dr0(), 0x1000 + i);
		EXPECT_EQ(read_dr1(), 0xffff800000002000 + i);
		EXPECT_EQ(read_dr2(), 0x3000 + i);
		EXPECT_EQ(read_dr3(), 0x4000 + i);
		EXPECT_EQ(read_dr7(), 0x400);
	}
	/* DR6: bits 0-3 and 13-15 can be written, the rest reads 1 or 0 */
	write_dr6(0);
	EXPECT_EQ(read_dr6() & ~BIT(11) & ~BIT(16), 0xfffe07f0);
	write_dr6(DR6_NONE | 5);
	EXPECT_EQ(read_dr6(), 0xffff0ff5);
	/* DR7: bit 10 always reads 1 */
	write_dr7(0);
	EXPECT_EQ(read_dr7(), 0x400);
	if (!on_tcg()) {
		EXPECT_EQ(TRY(write_dr7(BIT(32))), GP);
		EXPECT_EQ(TRY(write_dr6(BIT(32))), GP);
	}
	done();
}

static volatile u64 watched[2] __attribute__((aligned(16)));

TEST(data_breakpoints)
{
	u32 i;
	u64 old;

	setup();
	for (i = 0; i < 4; i++) {
		switch (i) {
		case 0: write_dr0((u64)watched); break;
		case 1: write_dr1((u64)watched); break;
		case 2: write_dr2((u64)watched); break;
		case 3: write_dr3((u64)watched); break;
		}
		/* Write, 8 bytes */
		write_dr7(0x400 | 2ull << (2 * i) | 0x9ull << (16 + 4 * i));
		hits = 0;
		old = watched[0];
		EXPECT_EQ(hits, 0);
		watched[0] = old + 1;
		barrier();
		EXPECT_EQ(hits, 1);
		EXPECT_EQ(last_dr6 & 0xf, BIT(i));
		((volatile u8 *)watched)[7] = 1;
		EXPECT_EQ(hits, 2);
		watched[1] = 1;
		EXPECT_EQ(hits, 2);
		/* Read or write */
		write_dr7(0x400 | 2ull << (2 * i) | 0xbull << (16 + 4 * i));
		old = watched[0];
		EXPECT_EQ(hits, 3);
	}
	(void)old;
	done();
}

TEST(instruction_breakpoint)
{
	extern u8 bp_here[];
	u32 i;

	setup();
	write_dr0((u64)bp_here);
	write_dr7(0x400 | 2);
	for (i = 0; i < 3; i++) {
		asm volatile("nop; bp_here: nop" ::: "memory");
		EXPECT_EQ(hits, i + 1);
		EXPECT_EQ(last_rip, bp_here);
		EXPECT_EQ(last_dr6 & 0xf, 1);
	}
	done();
}

/* On an instruction that exits: before it, once. */
TEST(breakpoint_on_exiting_instruction)
{
	extern u8 bp_cpuid[], bp_in[];

	setup();
	write_dr0((u64)bp_cpuid);
	write_dr7(0x400 | 2);
	asm volatile("xor %%eax, %%eax; xor %%ecx, %%ecx; bp_cpuid: cpuid"
		     ::: "rax", "rbx", "rcx", "rdx", "memory");
	EXPECT_EQ(hits, 1);
	EXPECT_EQ(last_rip, bp_cpuid);
	write_dr0((u64)bp_in);
	asm volatile("bp_in: in $0x61, %%al" ::: "rax", "memory");
	EXPECT_EQ(hits, 2);
	EXPECT_EQ(last_rip, bp_in);
	done();
}

static volatile u64 step_rip[32];

static void on_step(struct regs *r)
{
	if (steps < ARRAY_SIZE(step_rip))
		step_rip[steps] = r->rip;
	steps++;
	last_dr6 |= read_dr6();
	write_dr6(DR6_NONE);
}

/* Every instruction counts, those that a hypervisor carries out included. */
TEST(single_steps_over_exits)
{
	extern u8 s0[], s1[], s2[], s3[], s4[], s5[], s6[], s7[], s8[], s9[];
	const u8 *want[] = { s0, s1, s2, s3, s4, s5, s6, s7, s8, s9 };
	u32 i;

	setup();
	set_handler(DB, on_step);
	asm volatile("push %%rbx; xor %%eax, %%eax; xor %%ecx, %%ecx\n"
		     "pushfq; orl $0x100, (%%rsp); popfq\n"
		     "nop\n"
		     "s0: cpuid\n"
		     "s1: in $0x61, %%al\n"
		     "s2: mov $0x1b, %%ecx\n"
		     "s3: rdmsr\n"
		     "s4: wrmsr\n"
		     "s5: .byte 0x66; wbinvd\n"
		     "s6: mov (%0), %%eax\n"
		     "s7: mov %%eax, (%0)\n"
		     "s8: mov %%cr4, %%rax\n"
		     "s9: pushfq; andl $~0x100, (%%rsp); popfq\n"
		     "pop %%rbx"
		     :: "D"(LAPIC + APIC_VERSION) : "rax", "rcx", "rdx", "memory", "cc");
	for (i = 0; i < ARRAY_SIZE(want); i++)
		EXPECT_EQ(step_rip[i], want[i]);
	EXPECT_EQ(steps, ARRAY_SIZE(want) + 3);
	EXPECT_EQ(last_dr6 & BIT(14), BIT(14));
	done();
}

TEST(general_detect)
{
	if (tcg_below())
		SKIP("TCG has none");
	setup();
	set_handler(DB, NULL);
	write_dr7(0x400 | BIT(13));
	EXPECT_EQ(TRY(write_dr0(1)), DB);
	EXPECT_EQ(LAST_TRAP->dr6 & BIT(13), BIT(13));
	/* Cleared on the way in */
	EXPECT_EQ(read_dr7(), 0x400);
	write_dr6(DR6_NONE);
	done();
}

TEST(aliases_need_debug_extensions_off)
{
	u64 v = 0;

	setup();
	write_cr4(read_cr4() | CR4_DE);
	EXPECT_EQ(TRY(asm volatile("mov %%db4, %0" : "=r"(v))), UD);
	write_cr4(read_cr4() & ~CR4_DE);
	write_dr6(0xffff0ff3);
	asm volatile("mov %%db4, %0" : "=r"(v));
	EXPECT_EQ(v, 0xffff0ff3);
	asm volatile("mov %%db5, %0" : "=r"(v));
	EXPECT_EQ(v, 0x400);
	write_dr6(DR6_NONE);
	done();
}

#define UNTOUCHED	(32ull << 20)

/* Go there with TF: the first trap is after the first instruction. */
static void step_from(u64 rip)
{
	asm volatile("mov %%rsp, %%rax; push %1; push %%rax; pushfq; orq $0x100, (%%rsp);"
		     "push %2; push %0; mov $0x1000000, %%eax; iretq"
		     :: "r"(rip), "r"((u64)SEL_DATA), "r"((u64)SEL_CODE64) : "rax", "memory");
}

/*
 * Memory that nobody has touched: zeroes, add %al, (%rax). That it has to be made resident
 * for the fetch leaves no trap of its own.
 */
TEST(steps_onto_untouched_pages)
{
	u64 page;

	set_handler(DB, NULL);
	for (page = UNTOUCHED; page < UNTOUCHED + 32 * 4096; page += 4096) {
		EXPECT_EQ(TRY(step_from(page)), DB);
		EXPECT_EQ(LAST_TRAP->rip, page + 2);
		EXPECT_EQ(LAST_TRAP->dr6 & DR6_BS, DR6_BS);
		write_dr6(DR6_NONE);
	}
}

static void own_values(void *arg)
{
	u32 id = this_cpu()->id, i;

	for (i = 0; i < 200; i++) {
		write_dr0(0x10000 * (id + 1) + i);
		write_dr3(0x20000 * (id + 1) + i);
		delay_us(50);
		if (read_dr0() != 0x10000 * (id + 1) + i || read_dr3() != 0x20000 * (id + 1) + i)
			atomic_inc((volatile u32 *)arg);
	}
}

/*
 * TCG's VMRUN and #VMEXIT load DR7 without its list of breakpoints. Where vCPUs with
 * different breakpoints share a processor, a MOV to DR7 then takes an entry off that
 * list which is not on it, and QEMU dies of it (cpu_x86_update_dr7).
 */
TEST(processors_have_their_own)
{
	static volatile u32 bad;

	if (tcg_below() && !on_tcg())
		SKIP("TCG mixes up the breakpoints of different vCPUs");
	setup();
	tsc_per_ms();
	smp_start();
	smp_run(own_values, (void *)&bad);
	EXPECT_EQ(bad, 0);
	done();
}
