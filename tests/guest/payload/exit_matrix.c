// SPDX-License-Identifier: GPL-2.0
/*
 * Every instruction that makes a guest exit, crossed with everything that its
 * completion has to heed: single steps, interrupt shadows, prefixes, pages, code that
 * changes, the mode, the privilege level, interrupts and NMIs.
 *
 * The instructions are a table: bytes, what they need in registers, and what they change
 * by the manuals. How they are run is a struct way. run() puts
 *
 *	[STI or MOV SS] [prefixes] INSTRUCTION NOP INT 3
 *
 * where the way says, enters it by IRETQ with all registers known, notes every trap
 * from there to the INT, and compares traps, registers, flags and the machine with
 * what instruction and way together ask for.
 */
#include "exit_matrix/matrix.h"

TEST(alone)
{
	begin();
	run_all(&(struct way){ "alone", PLAIN });
	EXPECT_EQ(failures, 0);
}

/* A #DB behind each instruction: not before it, and once. */
TEST(single_step)
{
	begin();
	run_all(&(struct way){ "TF", PLAIN, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* Prefixes that change nothing but the length. */
static const struct {
	u8 len, bytes[8];
	u32 not_with;
} prefixes[] = {
	{ 1, { 0x66 }, SIZED | FIXED },
	{ 1, { 0x67 }, MOFFS },
	{ 1, { 0x40 }, BYTEREG },
	{ 1, { 0x4f }, BYTEREG | MEM | WIDE | SIZED | FIXED },
	{ 1, { 0x26 }, 0 }, { 1, { 0x2e }, 0 }, { 1, { 0x36 }, 0 }, { 1, { 0x3e }, 0 },
	{ 1, { 0x64 }, 0 }, { 1, { 0x65 }, 0 },
	{ 1, { 0xf3 }, NOREP | FIXED },
	{ 1, { 0xf2 }, NOREP | FIXED },
	{ 5, { 0x2e, 0x67, 0x3e, 0x64, 0x40 }, MOFFS | BYTEREG },
	{ 6, { 0x66, 0x66, 0x66, 0x2e, 0x66, 0x66 }, SIZED | FIXED },
};

static void with_prefixes(struct way *w)
{
	u32 i, j;

	for (j = 0; j < ARRAY_SIZE(prefixes); j++) {
		w->nprefix = prefixes[j].len;
		memcpy(w->prefix, prefixes[j].bytes, sizeof(prefixes[j].bytes));
		for (i = 0; i < nr_insns; i++)
			if (usable(&insns[i], w) && !(insns[i].flags & prefixes[j].not_with) &&
			    insns[i].len + w->nprefix <= 15)
				run(&insns[i], w);
	}
}

TEST(redundant_prefixes)
{
	begin();
	with_prefixes(&(struct way){ "prefixes", PLAIN });
	with_prefixes(&(struct way){ "prefixes and TF", PLAIN, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* Two instructions that begin alike; the page with the rest of it is exchanged. */
TEST(across_two_pages)
{
	const struct insn *x, *y;
	struct way w = { "across pages", PLAIN };
	u8 cut;

	begin();
	for (x = insns; x < insns + nr_insns; x++) {
		for (cut = 1; cut < x->len; cut++) {
			w.at = CODE_ADDR + 4096 - cut;
			for (y = insns; y < insns + nr_insns; y++) {
				if (memcmp(x->bytes, y->bytes, cut) || y->len < cut ||
				    !usable(x, &w) || !usable(y, &w))
					continue;
				map(CODE_ADDR + 4096, 1);
				run(x, &w);
				map(CODE_ADDR + 4096, 2);
				run(y, &w);
			}
		}
	}
	EXPECT_EQ(failures, 0);
}

/*
 * An interrupt waits from before STI: it comes behind the next instruction. TCG's VMRUN
 * does not load the shadow that its #VMEXIT has saved: where the exit is for the host
 * or to have the instruction executed again, the interrupt comes early.
 */
TEST(sti_shadow)
{
	begin();
	shadows_lost = 0;
	run_all(&(struct way){ "STI", PLAIN, STI, .irq = true });
	with_prefixes(&(struct way){ "STI and prefixes", PLAIN, STI, .irq = true });
	run_all(&(struct way){ "STI, 32-bit", .at = CODE_ADDR, .cs = SEL_CODE32, STI, .irq = true });
	run_all(&(struct way){ "STI, 16-bit", .at = CODE_LOW, .cs = SEL_CODE16, STI, .irq = true });
	EXPECT_EQ(failures, 0);
	if (shadows_lost)
		printf("# skipped %u: TCG has lost the shadow\n", shadows_lost);
}

/* No #DB between MOV SS and the next instruction. */
TEST(mov_ss_shadow)
{
	begin();
	run_all(&(struct way){ "MOV SS", PLAIN, MOV_SS });
	run_all(&(struct way){ "MOV SS and TF", PLAIN, MOV_SS, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* An instruction that makes an interrupt pending itself, in a shadow or not, with TF. */
TEST(interrupt_by_the_instruction)
{
	if (on_tcg())
		SKIP("TCG looks for interrupts some instructions later");
	begin();
	run(&icr_store, &(struct way){ "IF", PLAIN, .flags = FLAG_IF, .irq = true });
	run(&icr_store, &(struct way){ "IF and TF", PLAIN, .flags = FLAG_IF | FLAG_TF, .irq = true });
	run(&icr_store, &(struct way){ "STI", PLAIN, STI, .irq = true });
	run(&icr_store, &(struct way){ "MOV SS", PLAIN, MOV_SS, .flags = FLAG_IF, .irq = true });
	run(&icr_store, &(struct way){ "MOV SS and TF", PLAIN, MOV_SS, .flags = FLAG_IF | FLAG_TF,
				       .irq = true });
	EXPECT_EQ(failures, 0);
}

/* Each after each other one at the same address, so that memories of code are wrong. */
TEST(rewritten_code)
{
	static const u8 steps[] = { 1, 7, 19, 31 };
	struct way w = { "rewritten", PLAIN };
	u32 i, j, n = nr_insns;

	begin();
	for (j = 0; j < ARRAY_SIZE(steps); j++) {
		for (i = 0; i < n; i++) {
			const struct insn *x = &insns[i], *y = &insns[(i + steps[j]) % n];

			if (usable(x, &w) && usable(y, &w)) {
				run(x, &w);
				run(y, &w);
				run(x, &w);
			}
		}
	}
	EXPECT_EQ(failures, 0);
}

/* Another address space, the same but for the code. */
static u64 clone_space(u32 frame)
{
	u64 root = (u64)page_alloc(), *entry;
	u32 level;

	memcpy((void *)root, (void *)(read_cr3() & PTE_ADDR), 4096);
	for (level = 4; level > 1; level--) {
		void *table = page_alloc();

		entry = pte_of(root, CODE_ADDR, level);
		memcpy(table, (void *)(*entry & PTE_ADDR), 4096);
		*entry = (u64)table | PTE_P | PTE_W | PTE_U;
	}
	*pte_of(root, CODE_ADDR, 1) = (u64)frames[frame] | PTE_P | PTE_W | PTE_U;
	return root;
}

/* The same address in two address spaces, and behind a changed translation. */
TEST(remapped_code)
{
	struct way w = { "another address space", PLAIN }, v = { "remapped", PLAIN };
	u64 cr3 = read_cr3(), other;
	u32 i;

	begin();
	other = clone_space(3);
	for (i = 0; i < nr_insns; i++) {
		if (!usable(&insns[i], &w))
			continue;
		write_cr3(i & 1 ? cr3 : other);
		run(&insns[i], &w);
	}
	write_cr3(cr3);
	for (i = 0; i < nr_insns; i++) {
		if (!usable(&insns[i], &v))
			continue;
		map(CODE_ADDR, i & 1 ? 3 : 0);
		run(&insns[i], &v);
	}
	EXPECT_EQ(failures, 0);
}

/* RIP does not wrap in 64-bit code. */
TEST(across_4g)
{
	struct way w = { "across 4 GiB", .cs = SEL_CODE64 };
	u32 i, cut;

	begin();
	map((1ull << 32) - 4096, 0);
	map(1ull << 32, 1);
	for (i = 0; i < nr_insns; i++) {
		for (cut = 0; cut <= insns[i].len + 1u; cut++) {
			w.at = (1ull << 32) - cut;
			w.flags = cut & 1 ? FLAG_TF : 0;
			if (usable(&insns[i], &w))
				run(&insns[i], &w);
		}
	}
	EXPECT_EQ(failures, 0);
}

TEST(user)
{
	static const u16 cs[] = { SEL_UCODE64, SEL_UCODE32 };
	u32 i;

	begin();
	for (i = 0; i < ARRAY_SIZE(cs); i++) {
		run_all(&(struct way){ "CPL 3", .at = CODE_ADDR, .cs = cs[i] });
		run_all(&(struct way){ "CPL 3, TF", .at = CODE_ADDR, .cs = cs[i], .flags = FLAG_TF });
		run_all(&(struct way){ "CPL 3, IOPL 3", .at = CODE_ADDR, .cs = cs[i], .flags = IOPL3 });
		run_all(&(struct way){ "CPL 3, IOPL 3, TF", .at = CODE_ADDR, .cs = cs[i],
				       .flags = IOPL3 | FLAG_TF });
	}
	EXPECT_EQ(failures, 0);
}

TEST(compatibility_mode)
{
	begin();
	run_all(&(struct way){ "32-bit", .at = CODE_ADDR, .cs = SEL_CODE32 });
	run_all(&(struct way){ "32-bit, TF", .at = CODE_ADDR, .cs = SEL_CODE32, .flags = FLAG_TF });
	run_all(&(struct way){ "16-bit", .at = CODE_LOW, .cs = SEL_CODE16 });
	run_all(&(struct way){ "16-bit, TF", .at = CODE_LOW, .cs = SEL_CODE16, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}
