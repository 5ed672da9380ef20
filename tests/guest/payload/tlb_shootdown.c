// SPDX-License-Identifier: GPL-2.0
/*
 * TLB shootdown: a page is taken away or exchanged while another processor has it in
 * its TLB. Once that has been interrupted and has done INVLPG, or loaded CR3, or
 * turned CR4.PGE off and on, it must see the page tables as they are. "rounds=N" (40).
 */
#include "guest.h"

#define VEC	0xa0
#define PAGE	0x40000000ull

static volatile u32 round, warm, gone, answered, acks;
static volatile u64 seen;
static volatile int trap;
static void (*invalidate)(void);
static bool halted;

static void on_shootdown(struct regs *r)
{
	invalidate();
	atomic_inc(&acks);
	apic_eoi();
}

/* The other processor: use the page, wait until it is gone, use it again. */
static void user(void *arg)
{
	volatile u64 *page = (u64 *)PAGE;
	u32 mine = 0;

	do {
		mine++;
		while (READ_ONCE(round) != mine)
			pause();
		seen = *page;
		warm = mine;
		while (gone != mine)
			halted && acks != mine ? sti_hlt_cli() : sti_nop_cli();
		trap = TRY(seen = *page);
		answered = mine;
	} while (mine < (u32)(u64)arg);
}

static void by_invlpg(void)
{
	invlpg(PAGE);
}

static void by_pge(void)
{
	write_cr4(read_cr4() & ~CR4_PGE);
	write_cr4(read_cr4() | CR4_PGE);
}

static void by_cr3(void)
{
	flush_tlb();
}

/*
 * Page A is taken away, B is mapped in its place, B is exchanged for A, and so on: what
 * is not present is in no TLB, so that each round has but one thing to invalidate.
 */
static void all_rounds(void (*how)(void), u64 bits, bool halt)
{
	static u64 *a, *b;
	u64 *leaf = pte_of(read_cr3(), PAGE, 1), old, new;
	u32 rounds = boot_option("rounds=", 40), i;

	if (!a) {
		a = page_alloc();
		b = page_alloc();
		*a = 1;
		*b = 2;
	}
	invalidate = how;
	halted = halt;
	round = warm = gone = answered = acks = 0;
	set_handler(VEC, on_shootdown);
	cpu_start(1, user, (void *)(u64)rounds);
	for (i = 1; i <= rounds; i++) {
		old = (u64)(i % 2 ? a : b) | bits | PTE_P | PTE_W;
		new = i % 2 ? 0 : (u64)a | bits | PTE_P | PTE_W;
		WRITE_ONCE(*leaf, old);
		round = i;
		if (!WAIT_FOR(warm == i, 5000) || seen != (i % 2 ? 1 : 2))
			break;
		WRITE_ONCE(*leaf, new);
		apic_icr(cpus[1].apic_id, VEC | ICR_ASSERT);
		if (!WAIT_FOR(acks == i, 5000))
			break;
		gone = i;
		if (!WAIT_FOR(answered == i, 5000) || trap != (new ? NO_TRAP : PF))
			break;
		if (new && seen != 1)
			break;
	}
	if (i <= rounds)
		printf("# round %u: warm %u, acknowledged %u, answered %u, trap %d, saw %lu\n",
		       i, warm, acks, answered, trap, seen);
	EXPECT(i > rounds);
	if (i <= rounds)
		die("the other processor is of no use any more");
	cpu_wait(1);
}

static void pge_on(void *arg)
{
	write_cr4(read_cr4() | CR4_PGE);
}

TEST(invlpg_while_running)
{
	if (smp_start() < 2)
		SKIP("one processor");
	all_rounds(by_invlpg, 0, false);
}

TEST(invlpg_woken_from_halt)
{
	if (smp_start() < 2)
		SKIP("one processor");
	all_rounds(by_invlpg, 0, true);
}

TEST(cr3)
{
	if (smp_start() < 2)
		SKIP("one processor");
	all_rounds(by_cr3, 0, false);
}

TEST(global_pages)
{
	if (smp_start() < 2)
		SKIP("one processor");
	smp_run(pge_on, NULL);
	all_rounds(by_invlpg, PTE_G, false);
	all_rounds(by_pge, PTE_G, false);
}
