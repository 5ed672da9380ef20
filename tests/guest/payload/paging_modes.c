// SPDX-License-Identifier: GPL-2.0
/*
 * All paging modes: none, 32-bit with 4 KiB and 4 MiB pages, PAE, 4 levels with
 * 4 KiB, 2 MiB and 1 GiB pages, 5 levels. In each: translations, permissions,
 * error codes, accessed and dirty bits, what INVLPG and CR3 drop.
 */
#include "guest.h"

/* Where the mappings under test are; what maps the program is below. */
#define VA		0x40000000u
#define CR0_BASE	(CR0_PE | CR0_NE)

/* 32-bit code for run_mode32(): EBX is the address, ESI the value. */
extern u8 read32[], write32[], jump32[], two_reads32[];
asm(".text; .code32\n"
    "read32: mov (%ebx), %eax; ret\n"
    "write32: mov %esi, (%ebx); mov (%ebx), %eax; ret\n"
    "jump32: jmp *%ebx\n"
    /* reads, changes the entry at ESI to not present, reads again: the TLB may have it */
    "two_reads32: mov (%ebx), %eax; movl $0, (%esi); invlpg (%ebx); mov (%ebx), %eax; ret\n"
    ".code64\n");

static struct mode32 m;

static int run(u32 cr0, u32 cr3, u32 cr4, u32 efer, const void *code, u32 va, u32 value)
{
	setup_idt32();
	m = (struct mode32) {
		.cr0 = CR0_BASE | cr0, .cr3 = cr3, .cr4 = cr4, .efer = efer,
		.code = (u64)code, .ebx = va, .esi = value, .vector = ~0u,
	};
	run_mode32(&m);
	return m.vector;
}

TEST(no_paging)
{
	u32 *page = page_alloc();

	page[1] = 0x12345678;
	EXPECT_EQ(run(0, 0, 0, 0, read32, (u64)&page[1], 0), NO_TRAP);
	EXPECT_EQ(m.result, 0x12345678);
	EXPECT_EQ(run(0, 0, 0, 0, write32, (u64)&page[2], 0x55), NO_TRAP);
	EXPECT_EQ(page[2], 0x55);
}

/* A 32-bit directory that maps the first 16 MiB to themselves. */
static u32 *directory(void)
{
	static u32 *pd;
	u32 i;

	if (!pd) {
		pd = page_alloc();
		for (i = 0; i < 4; i++)
			pd[i] = i << 22 | PTE_PS | PTE_P | PTE_W | PTE_U;
	}
	return pd;
}

#define RUN32(cr0, code, va, value)	run(CR0_PG | (cr0), (u64)pd, CR4_PSE, 0, code, va, value)

TEST(legacy_4k_pages)
{
	u32 *pd = directory(), *pt = page_alloc(), *page = page_alloc();

	page[1] = 0xabcdef01;
	pd[VA >> 22] = (u64)pt | PTE_P | PTE_W;
	pt[5] = (u64)page | PTE_P | PTE_W;
	EXPECT_EQ(RUN32(0, read32, VA + 0x5004, 0), NO_TRAP);
	EXPECT_EQ(m.result, 0xabcdef01);
	EXPECT_EQ(pd[VA >> 22] & PTE_A, PTE_A);
	EXPECT_EQ(pt[5] & (PTE_A | PTE_D), PTE_A);
	EXPECT_EQ(RUN32(0, write32, VA + 0x5008, 0x99), NO_TRAP);
	EXPECT_EQ(page[2], 0x99);
	EXPECT_EQ(pt[5] & (PTE_A | PTE_D), PTE_A | PTE_D);

	/* Not present */
	EXPECT_EQ(RUN32(0, read32, VA + 0x6004, 0), PF);
	EXPECT_EQ(m.cr2, VA + 0x6004);
	EXPECT_EQ(m.error, 0);
	EXPECT_EQ(RUN32(0, write32, VA + 0x6004, 0), PF);
	EXPECT_EQ(m.error, 2);
	EXPECT_EQ(RUN32(0, read32, VA + 0x400000, 0), PF);
	EXPECT_EQ(RUN32(0, jump32, VA + 0x6000, 0), PF);
	EXPECT_EQ(m.eip, VA + 0x6000);

	/* Read-only at either level counts only with CR0.WP */
	pt[5] = (u64)page | PTE_P;
	EXPECT_EQ(RUN32(0, write32, VA + 0x5008, 1), NO_TRAP);
	EXPECT_EQ(RUN32(CR0_WP, write32, VA + 0x5008, 2), PF);
	EXPECT_EQ(m.error, 3);
	EXPECT_EQ(RUN32(CR0_WP, read32, VA + 0x5008, 0), NO_TRAP);
	EXPECT_EQ(m.result, 1);
	pt[5] = (u64)page | PTE_P | PTE_W;
	pd[VA >> 22] = (u64)pt | PTE_P;
	EXPECT_EQ(RUN32(CR0_WP, write32, VA + 0x5008, 2), PF);
	pd[VA >> 22] = 0;
}

TEST(legacy_4m_pages)
{
	u32 *pd = directory();

	/* 16 MiB on, above the identity mapping */
	*(u32 *)0x1000abc = 0x600df00d;
	pd[VA >> 22] = 0x1000000 | PTE_PS | PTE_P | PTE_W;
	EXPECT_EQ(RUN32(0, read32, VA + 0xabc, 0), NO_TRAP);
	EXPECT_EQ(m.result, 0x600df00d);
	EXPECT_EQ(pd[VA >> 22] & (PTE_A | PTE_D), PTE_A);
	EXPECT_EQ(RUN32(0, write32, VA + 0x3ffffc, 7), NO_TRAP);
	EXPECT_EQ(*(u32 *)0x13ffffc, 7);
	EXPECT_EQ(pd[VA >> 22] & (PTE_A | PTE_D), PTE_A | PTE_D);
	pd[VA >> 22] = 0;
}

TEST(legacy_invlpg)
{
	u32 *pd = directory(), *pt = page_alloc(), *page = page_alloc();

	pt[0] = (u64)page | PTE_P | PTE_W;
	pd[VA >> 22] = (u64)pt | PTE_P | PTE_W;
	EXPECT_EQ(RUN32(0, two_reads32, VA, (u64)&pt[0]), PF);
	EXPECT_EQ(m.cr2, VA);
	pd[VA >> 22] = 0;
}

/* PAE: four directories; the first maps 16 MiB to themselves. */
static u64 *pae_root(u64 **pd)
{
	u64 *pdpt = page_alloc(), i;

	*pd = page_alloc();
	for (i = 0; i < 8; i++)
		(*pd)[i] = i << 21 | PTE_PS | PTE_P | PTE_W | PTE_U;
	pdpt[0] = (u64)*pd | PTE_P;
	return pdpt;
}

#define RUN_PAE(cr0, efer, code, va, value) \
	run(CR0_PG | (cr0), (u64)pdpt, CR4_PAE, efer, code, va, value)

TEST(pae)
{
	u64 *low, *pdpt = pae_root(&low), *pd = page_alloc(), *pt = page_alloc();
	u32 *page = page_alloc();

	page[1] = 0x0badcafe;
	pdpt[1] = (u64)pd | PTE_P;
	pd[0] = (u64)pt | PTE_P | PTE_W;
	pd[1] = 0x1000000 | PTE_PS | PTE_P | PTE_W;
	pt[7] = (u64)page | PTE_P | PTE_W;
	EXPECT_EQ(RUN_PAE(0, 0, read32, VA + 0x7004, 0), NO_TRAP);
	EXPECT_EQ(m.result, 0x0badcafe);
	EXPECT_EQ(pt[7] & (PTE_A | PTE_D), PTE_A);
	EXPECT_EQ(RUN_PAE(0, 0, write32, VA + 0x7008, 3), NO_TRAP);
	EXPECT_EQ(page[2], 3);
	EXPECT_EQ(pt[7] & (PTE_A | PTE_D), PTE_A | PTE_D);
	/* 2 MiB */
	*(u32 *)0x1012344 = 0x77;
	EXPECT_EQ(RUN_PAE(0, 0, read32, VA + 0x212344, 0), NO_TRAP);
	EXPECT_EQ(m.result, 0x77);
	/* Not present at each level */
	EXPECT_EQ(RUN_PAE(0, 0, read32, VA + 0x8000, 0), PF);
	EXPECT_EQ(RUN_PAE(0, 0, read32, VA + 0x400000, 0), PF);
	EXPECT_EQ(RUN_PAE(0, 0, write32, 0x80000000, 0), PF);
	EXPECT_EQ(m.error, 2);
	EXPECT_EQ(m.cr2, 0x80000000);
	/* No execution */
	pt[7] |= PTE_NX;
	EXPECT_EQ(RUN_PAE(0, EFER_NXE, read32, VA + 0x7004, 0), NO_TRAP);
	EXPECT_EQ(RUN_PAE(0, EFER_NXE, jump32, VA + 0x7004, 0), PF);
	EXPECT_EQ(m.error, 0x11);
	/* CR3 need only be aligned to 32 bytes. */
	memcpy((u8 *)pdpt + 0x20, pdpt, 32);
	pdpt[1] = 0;
	EXPECT_EQ(run(CR0_PG, (u64)pdpt + 0x20, CR4_PAE, 0, read32, VA + 0x212344, 0), NO_TRAP);
	EXPECT_EQ(m.result, 0x77);
}

/* A root pointer with reserved bits: loading CR3 (or switching paging on) faults. */
extern u8 load_cr3_32[];
asm(".text; .code32\n"
    "load_cr3_32: mov %esi, %cr3; mov (%ebx), %eax; ret\n"
    ".code64\n");

TEST(pae_roots_are_loaded_with_cr3)
{
	u64 *low, *pdpt = pae_root(&low), *other = page_alloc();

	if (tcg_below())
		SKIP("TCG reads them when it needs them");
	memcpy(other, pdpt, 32);
	other[2] = (u64)low | PTE_P | BIT(1);	/* reserved */
	EXPECT_EQ(run(CR0_PG, (u64)pdpt, CR4_PAE, 0, load_cr3_32, 0x200000, (u64)other), GP);
}

/* ---- Long mode ---- */

static void long_mode_checks(void)
{
	const u64 va = 0x45000000;
	volatile u32 *p = (u32 *)va;
	u64 *pte = pte_of(read_cr3(), va, 1), *pde = pte_of(read_cr3(), va, 2);
	u32 *a = page_alloc(), *b = page_alloc();
	u32 val;

	a[0] = 1;
	b[0] = 2;
	*pte = (u64)a | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(*p, 1);
	EXPECT_EQ(*pte & (PTE_A | PTE_D), PTE_A);
	EXPECT_EQ(*pde & PTE_A, PTE_A);
	*p = 3;
	EXPECT_EQ(*pte & (PTE_A | PTE_D), PTE_A | PTE_D);
	*pte = (u64)b | PTE_P | PTE_W;
	invlpg(va);
	EXPECT_EQ(*p, 2);
	*pte = (u64)a | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(*p, 3);
	/* Not present higher up */
	*pde &= ~PTE_P;
	flush_tlb();
	EXPECT_EQ(TRY(val = *p), PF);
	EXPECT_EQ(LAST_TRAP->error, 0);
	EXPECT_EQ(LAST_TRAP->cr2, va);
	*pde |= PTE_P;
	flush_tlb();
	EXPECT_EQ(*p, 3);
	(void)val;
}

TEST(four_levels)
{
	long_mode_checks();
}

TEST(global_pages_and_cr4)
{
	const u64 va = 0x46000000;
	volatile u32 *p = (u32 *)va;
	u64 *pte = pte_of(read_cr3(), va, 1);
	u32 *a = page_alloc(), *b = page_alloc();

	a[0] = 1;
	b[0] = 2;
	write_cr4(read_cr4() | CR4_PGE);
	*pte = (u64)a | PTE_P | PTE_W | BIT(8);
	flush_tlb();
	EXPECT_EQ(*p, 1);
	*pte = (u64)b | PTE_P | PTE_W | BIT(8);
	/* CR3 may keep it, a change of CR4.PGE may not. */
	write_cr4(read_cr4() & ~CR4_PGE);
	EXPECT_EQ(*p, 2);
}

/* Again and again: what is decoded the first time is remembered. */
TEST(write_protection_follows_cr0)
{
	static u8 page[4096] __attribute__((aligned(4096)));
	const u64 va = 0x48205000, cr0 = read_cr0() & ~(u64)CR0_WP;
	volatile u32 *p = (volatile u32 *)va;
	u64 *pte = pte_of(read_cr3(), va, 1);
	u32 i;

	*pte = (u64)page | PTE_P;
	invlpg(va);
	for (i = 1; i <= 8; i++) {
		write_cr0(cr0 | CR0_WP);
		EXPECT_EQ(TRY(*p = i), PF);
		EXPECT_EQ(LAST_TRAP->error, 3);
		EXPECT_EQ(*p, i - 1);
		write_cr0(cr0);
		EXPECT_EQ(TRY(*p = i), NO_TRAP);
		EXPECT_EQ(*(volatile u32 *)page, i);
	}
	*pte = 0;
	invlpg(va);
}

TEST(large_pages)
{
	u64 *pde = pte_of(read_cr3(), 0x48000000, 2);

	*(u32 *)0x1001234 = 0x2222;
	*pde = 0x1000000 | PTE_PS | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(*(volatile u32 *)0x48001234, 0x2222);
	EXPECT_EQ(*pde & (PTE_A | PTE_D), PTE_A);
	*(volatile u32 *)0x481ffffc = 9;
	EXPECT_EQ(*pde & (PTE_A | PTE_D), PTE_A | PTE_D);
	EXPECT_EQ(*(u32 *)0x11ffffc, 9);

	if (!(cpuid(0x80000001, 0).d & BIT(26)))
		SKIP("no 1 GiB pages");
	*pte_of(read_cr3(), 0x8000000000, 3) = 0 | PTE_PS | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(*(volatile u32 *)0x8001001234, 0x2222);
	*(volatile u32 *)0x8001001238 = 0x3333;
	EXPECT_EQ(*(u32 *)0x1001238, 0x3333);
}

/* SMEP and SMAP: what belongs to ring 3 is not for ring 0. */
TEST(protection_extensions)
{
	static u8 code[] = { 0xc3 };	/* ret */
	u64 user = 0x49000000, at = user + ((u64)code & 0xfff), cr4 = read_cr4();
	u64 *pte = pte_of(read_cr3(), user, 1), entry;
	u64 here = ((u64)protection_extensions) & ~0x1fffffull, i;

	*pte = ((u64)code & ~0xfffull) | PTE_P | PTE_W | PTE_U;
	/* Everything we stand on becomes the supervisor's. */
	for (i = 0; i < 4; i++)
		*pte_of(read_cr3(), here + (i << 21), 2) &= ~PTE_U;
	flush_tlb();
	EXPECT_EQ(TRY(asm volatile("call *%0" :: "r"(at))), NO_TRAP);
	if (cpuid(7, 0).b & BIT(7)) {
		write_cr4(cr4 | CR4_SMEP);
		EXPECT_EQ(TRY(asm volatile("call *%0" :: "r"(at))), PF);
		EXPECT_EQ(LAST_TRAP->error & ~0x10, 1);
		write_cr4(cr4);
	}
	if (cpuid(7, 0).b & BIT(20)) {
		write_cr4(cr4 | CR4_SMAP);
		EXPECT_EQ(TRY(entry = *(volatile u8 *)at), PF);
		EXPECT_EQ(LAST_TRAP->error, 1);
		EXPECT_EQ(TRY(asm volatile("stac"); entry = *(volatile u8 *)at;
			      asm volatile("clac")), NO_TRAP);
		EXPECT_EQ(entry, 0xc3);
		write_cr4(cr4);
	}
	for (i = 0; i < 4; i++)
		*pte_of(read_cr3(), here + (i << 21), 2) |= PTE_U;
	flush_tlb();
}

static void in_five_levels(void)
{
	volatile u32 *far = (u32 *)0x0010000000001000;
	u64 *pte;
	u32 *page = page_alloc();

	EXPECT(read_cr4() & CR4_LA57);
	long_mode_checks();
	/* An address of more than 48 bits */
	pte = pte_of(read_cr3(), (u64)far, 1);
	page[0] = 57;
	*pte = (u64)page | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(*far, 57);
	if (!tcg_below())
		EXPECT_EQ(TRY((void)*(volatile u32 *)(1ull << 60)), GP);
}

TEST(five_levels)
{
	u64 *pml5;

	if (!(cpuid(7, 0).c & BIT(16)))
		SKIP("no 5-level paging");
	pml5 = page_alloc();
	pml5[0] = (read_cr3() & PTE_ADDR) | PTE_P | PTE_W | PTE_U;
	run_long((u64)pml5, read_cr4() | CR4_LA57, in_five_levels);
	EXPECT(!(read_cr4() & CR4_LA57));
	EXPECT_EQ(TRY(asm volatile("ud2")), UD);
	/* Not while in long mode */
	if (!on_tcg())
		EXPECT_EQ(TRY(write_cr4(read_cr4() | CR4_LA57)), GP);
}

static void pcid_part(void)
{
	volatile u32 *p = (u32 *)0x4a000000;
	u64 *pte = pte_of(read_cr3(), (u64)p, 1), cr3 = read_cr3() & PTE_ADDR;
	u32 *a = page_alloc(), *b = page_alloc();

	a[0] = 1;
	b[0] = 2;
	write_cr4(read_cr4() | CR4_PCIDE);
	*pte = (u64)a | PTE_P | PTE_W;
	write_cr3(cr3 | 1);
	EXPECT_EQ(*p, 1);
	*pte = (u64)b | PTE_P | PTE_W;
	write_cr3(cr3 | 2);
	EXPECT_EQ(*p, 2);
	write_cr3(cr3 | 1);			/* without bit 63: flushes PCID 1 */
	EXPECT_EQ(*p, 2);
	EXPECT_EQ(read_cr3(), cr3 | 1);
	write_cr3(cr3 | 1 | BIT(63));
	EXPECT_EQ(read_cr3(), cr3 | 1);
	write_cr3(cr3);
	write_cr4(read_cr4() & ~CR4_PCIDE);
}

TEST(process_context_ids)
{
	if (!(cpuid(1, 0).c & BIT(17)))
		SKIP("no PCID");
	pcid_part();
}
