// SPDX-License-Identifier: GPL-2.0
/*
 * A guest without any regard for itself: all processors do anything at random, with
 * ports, MSRs, control and debug registers, interrupts to each other, page tables,
 * device memory, and execute random bytes. It dies all the time; who survives that
 * resets the machine. "seed=N" on the command line repeats a run of one processor,
 * otherwise every life is another. The host must not notice.
 *
 * Under QEMU's TCG it is the emulator that dies of some of it: of a stack switch
 * without a TSS, of vCPUs with different breakpoints, of random code anyway. There it
 * keeps from random code, descriptor tables and restarts of other processors.
 */
#include "guest.h"

static u64 seed0;
static u8 code[MAX_CPUS][64] __attribute__((aligned(64)));

static u64 rnd(u64 *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Often what is likely to matter: few bits, all bits, small numbers, addresses. */
static u64 value(u64 *seed)
{
	switch (rnd(seed) % 8) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return 1ull << rnd(seed) % 64;
	case 3: return rnd(seed) % 256;
	case 4: return ~(1ull << rnd(seed) % 64);
	case 5: return 0xfec00000 + rnd(seed) % 0x201000;
	case 6: return rnd(seed) % (64 << 20) & ~4095ull;
	default: return rnd(seed);
	}
}

static void any_port(u64 *seed)
{
	u16 port = rnd(seed) % 4 ? rnd(seed) % 0xd00 : rnd(seed);
	u64 val = value(seed);

	/* Not what ends the run: power */
	if (port >= 0x600 && port < 0x608)
		return;
	switch (rnd(seed) % 8) {
	case 0: outb(val, port); break;
	case 1: outw(val, port); break;
	case 2: outl(val, port); break;
	case 3: inb(port); break;
	case 4: inw(port); break;
	case 5: inl(port); break;
	case 6: {
		u64 n = val % 64, at = value(seed);

		asm volatile("rep insb" : "+D"(at), "+c"(n) : "d"(port) : "memory");
		break;
	}
	default: {
		u64 n = val % 64, at = value(seed);

		asm volatile("rep outsw" : "+S"(at), "+c"(n) : "d"(port) : "memory");
		break;
	}
	}
}

static u32 any_msr(u64 *seed)
{
	static const u32 bases[] = { 0, 0x200, 0x400, 0x800, 0xc0000080, 0xc0010000, 0xc0000100,
				     0x4b564d00, 0x40000000, 0xda0, 0x6a0 };

	return rnd(seed) % 16 ? bases[rnd(seed) % ARRAY_SIZE(bases)] + rnd(seed) % 0x200 : rnd(seed);
}

static void any_register(u64 *seed)
{
	u64 val = value(seed);

	switch (rnd(seed) % 12) {
	case 0: write_cr0(val | (rnd(seed) % 4 ? CR0_PG | CR0_PE : 0)); break;
	case 1: write_cr4(val | (rnd(seed) % 4 ? CR4_PAE : 0)); break;
	case 2:
		/* TCG lets bits through that are reserved. */
		val &= tcg_below() ? 0xfffffff000 : ~0ull;
		write_cr3(rnd(seed) % 4 ? read_cr3() ^ (val & 0xfff) : val);
		break;
	case 3:
		/* With an interrupt pending it ends QEMU 7.2: an assertion about its lock. */
		if (!tcg_below())
			write_cr8(val);
		break;
	case 4:
		/* See debug_regs.c: it would end the emulator, not the guest. */
		write_dr7(tcg_below() ? val & ~0xffull : val);
		break;
	case 5: write_dr6(val); break;
	case 6: write_dr0(val); break;
	case 7: wrmsr(MSR_EFER, val | (rnd(seed) % 4 ? EFER_LME : 0)); break;
	case 8: write_flags(val); break;
	case 9:
		asm volatile("xsetbv" :: "a"((u32)val), "d"(0), "c"((u32)rnd(seed) % 3));
		break;
	case 10: cpuid(val, rnd(seed) % 64); break;
	default:
		if (tcg_below())
			break;
		asm volatile("lgdt (%0); lldt %w1" :: "r"(code[0]), "r"(val) : "memory");
		break;
	}
}

static void any_interrupt(u64 *seed)
{
	u32 low = rnd(seed) % BIT(20), dest = rnd(seed) % 5;

	if (rnd(seed) % 16 == 0)
		low = value(seed);
	/* INIT and start-up become lowest priority and SMI. */
	if (tcg_below() && (low & 0x700) >= 0x500)
		low &= ~0x400;
	apic_write(APIC_ICR2, dest << 24);
	apic_write(APIC_ICR, low);
}

static void any_memory(u64 *seed)
{
	static const u64 bases[] = { LAPIC, IOAPIC, 0xa0000, 0xf0000, 0xf0000000, 0xfffff000 };
	u64 at = rnd(seed) % 8 ? bases[rnd(seed) % ARRAY_SIZE(bases)] + rnd(seed) % 0x1100 :
		 value(seed);
	u64 val = value(seed), n = rnd(seed) % 64;

	switch (rnd(seed) % 10) {
	case 0: *(volatile u8 *)at = val; break;
	case 1: *(volatile u16 *)at = val; break;
	case 2: *(volatile u32 *)at = val; break;
	case 3: *(volatile u64 *)at = val; break;
	case 4: (void)*(volatile u32 *)at; break;
	case 5: asm volatile("lock xaddq %0, (%1)" : "+r"(val) : "r"(at) : "memory"); break;
	case 6: asm volatile("rep movsb" : "+S"(val), "+D"(at), "+c"(n) :: "memory"); break;
	case 7: asm volatile("rep stosq" : "+D"(at), "+c"(n) : "a"(val) : "memory"); break;
	case 8: asm volatile("cmpxchg16b (%0)" :: "r"(at & ~15ull), "a"(0), "d"(0), "b"(1), "c"(2)
			     : "memory"); break;
	default: *(volatile u32 *)(at & ~15ull) = val; break;
	}
}

static void any_page_table(u64 *seed)
{
	u64 *entry = pte_of(read_cr3() & PTE_ADDR, value(seed) % BIT(32), 2 + rnd(seed) % 2);

	if (entry)
		*entry ^= rnd(seed) % 2 ? BIT(rnd(seed) % 64) : value(seed);
	flush_tlb();
}

/* Often with a prefix or an escape, so that more than the common is met. */
static void any_code(u64 *seed)
{
	static const u8 starts[] = { 0x0f, 0x66, 0xf3, 0xf2, 0xf0, 0x67, 0x48, 0xc4, 0xc5, 0x62, 0x64 };
	u8 *at = code[this_cpu()->id];
	u32 i;

	if (tcg_below())
		return;
	for (i = 0; i < 32; i++)
		at[i] = rnd(seed);
	at[0] = rnd(seed) % 2 ? starts[rnd(seed) % ARRAY_SIZE(starts)] : at[0];
	if (rnd(seed) % 3 == 0) {
		at[0] = 0x0f;
		at[1] = rnd(seed) % 4 ? rnd(seed) % 0x40 : rnd(seed);
	}
	at[32] = 0xc3;
	asm volatile("push %%rbp; call *%0; pop %%rbp" :: "r"(at)
		     : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12",
		       "r13", "r14", "r15", "memory", "cc");
}

static void anything(u64 *seed)
{
	switch (rnd(seed) % 64) {
	case 0: any_page_table(seed); break;
	case 1 ... 4: any_register(seed); break;
	case 5 ... 10: any_interrupt(seed); break;
	case 11 ... 20: any_memory(seed); break;
	case 21 ... 30: (void)rdmsr(any_msr(seed)); break;
	case 31 ... 40: wrmsr(any_msr(seed), value(seed)); break;
	case 41 ... 50: any_code(seed); break;
	default: any_port(seed); break;
	}
}

static void live(void *arg)
{
	/* Where a random jump back into the loop finds it. */
	static volatile u64 seeds[MAX_CPUS];
	u64 seed = seed0 + this_cpu()->id * 0x9e3779b97f4a7c15ull, i;

	for (i = 0; i < 20000; i++) {
		seed = rnd(&seed);
		seeds[this_cpu()->id] = seed;
		(void)TRY(anything(&seed));
		seed = seeds[this_cpu()->id] + i;
	}
}

TEST(lives_and_dies)
{
	seed0 = boot_option("seed=", rdtsc() | 1);
	printf("# seed=%lu%s\n", seed0, tcg_below() ? ", gentle" : "");
	if (smp_start() > 1)
		smp_run(live, NULL);
	else
		live(NULL);
	outb(0x06, 0xcf9);
}
