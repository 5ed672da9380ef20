// SPDX-License-Identifier: GPL-2.0
/* What CPUID says is consistent, the same on all processors, and true. */
#include "guest.h"

static bool intel(void) { return cpuid(0, 0).b == 0x756e6547; }

TEST(leaves)
{
	struct cpuid c0 = cpuid(0, 0), e0 = cpuid(0x80000000, 0);

	printf("# basic up to 0x%x, extended up to 0x%x\n", c0.a, e0.a);
	EXPECT(c0.a >= 0xb && c0.a < 0x100);
	EXPECT(e0.a >= 0x80000008 && e0.a < 0x80000100);
	if (on_tcg())
		SKIP("no hypervisor");
	/* Beyond the end: zero, or on Intel the last basic leaf */
	c0 = cpuid(0x80000000 | 0xfff, 0);
	if (!intel())
		EXPECT_EQ(c0.a | c0.b | c0.c | c0.d, 0);
}

TEST(hypervisor_leaves)
{
	struct cpuid h = cpuid(0x40000000, 0);
	u64 rate, khz;

	EXPECT(cpuid(1, 0).c & BIT(31));
	if (on_tcg())
		SKIP("no KVM leaves");
	/* "KVMKVMKVM": Linux's paravirtual code looks for it. */
	EXPECT_EQ(h.b, 0x4b4d564b);
	EXPECT_EQ(h.c, 0x564b4d56);
	EXPECT_EQ(h.d, 0x4d);
	EXPECT(h.a >= 0x40000001 && h.a < 0x40000100);
	if (h.a >= 0x40000010) {
		khz = cpuid(0x40000010, 0).a;
		rate = tsc_per_ms();
		EXPECT(khz > rate - rate / 20 && khz < rate + rate / 20);
	}
}

TEST(features_and_registers_agree)
{
	struct cpuid c1 = cpuid(1, 0), c7 = cpuid(7, 0), e1 = cpuid(0x80000001, 0);
	u64 cr4 = read_cr4();
	u32 i;
	static const struct {
		u8 bit;
		char leaf;	/* 1 ecx, d edx of 1, 7 ebx, c ecx of 7 */
		u8 feature;
	} t[] = {
		{ 3, 'd', 2 }, { 7, 'd', 13 }, { 11, 'c', 2 }, { 12, 'c', 16 }, { 13, '1', 5 },
		{ 16, '7', 0 }, { 17, '1', 17 }, { 18, '1', 26 }, { 20, '7', 7 }, { 21, '7', 20 },
		{ 22, 'c', 3 },
	};

	/* What Linux needs of a 64-bit processor */
	EXPECT_EQ(c1.d & 0x0700a171, 0x0700a171);
	EXPECT(e1.d & BIT(29));
	EXPECT(e1.d & BIT(11));
	EXPECT(e1.d & BIT(20));
	if (on_tcg())
		SKIP("TCG does not check");
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		u32 reg = t[i].leaf == 'd' ? c1.d : t[i].leaf == '1' ? c1.c :
			  t[i].leaf == '7' ? c7.b : c7.c;
		bool has = reg >> t[i].feature & 1;
		int vec;

		/* SMEP and SMAP would take all our pages away; paging_modes.c tries them. */
		if (has && (t[i].bit == 20 || t[i].bit == 21))
			continue;
		vec = TRY(write_cr4(cr4 ^ BIT(t[i].bit)));
		write_cr4(cr4);
		/* LA57 cannot be switched in long mode. */
		if (t[i].bit == 12)
			has = false;
		if ((vec == NO_TRAP) != has)
			printf("# CR4 bit %u\n", t[i].bit);
		EXPECT_EQ(vec, has ? NO_TRAP : GP);
	}
}

TEST(changes_with_the_machine)
{
	if (cpuid(1, 0).c & BIT(26)) {
		EXPECT_EQ(cpuid(1, 0).c & BIT(27), 0);
		write_cr4(read_cr4() | CR4_OSXSAVE);
		EXPECT_EQ(cpuid(1, 0).c & BIT(27), BIT(27));
		write_cr4(read_cr4() & ~CR4_OSXSAVE);
		EXPECT_EQ(cpuid(1, 0).c & BIT(27), 0);
	}
}

TEST(xsave_sizes)
{
	struct cpuid d, d1;
	u64 mask, all;
	u32 i, size, end = 576;

	if (!(cpuid(1, 0).c & BIT(26)))
		SKIP("no XSAVE");
	write_cr4(read_cr4() | CR4_OSXSAVE);
	d = cpuid(0xd, 0);
	mask = (u64)d.d << 32 | d.a;
	all = mask;
	EXPECT_EQ(mask & 3, 3);
	for (i = 2; i < 63; i++) {
		if (!(mask >> i & 1))
			continue;
		d1 = cpuid(0xd, i);
		EXPECT(d1.a);
		EXPECT(d1.b >= 576);
		if (d1.b + d1.a > end)
			end = d1.b + d1.a;
	}
	EXPECT_EQ(d.c, end);
	/* EBX follows XCR0. */
	asm volatile("xsetbv" :: "a"(1), "d"(0), "c"(0));
	EXPECT_EQ(cpuid(0xd, 0).b, 576);
	if (mask & 4) {
		asm volatile("xsetbv" :: "a"(7), "d"(0), "c"(0));
		size = cpuid(0xd, 0).b;
		EXPECT_EQ(size, cpuid(0xd, 2).a + cpuid(0xd, 2).b);
	}
	asm volatile("xsetbv" :: "a"((u32)all), "d"((u32)(all >> 32)), "c"(0));
	EXPECT_EQ(cpuid(0xd, 0).b, d.c);
	asm volatile("xsetbv" :: "a"(1), "d"(0), "c"(0));
	write_cr4(read_cr4() & ~CR4_OSXSAVE);
	/* A leaf without a component is empty. */
	d1 = cpuid(0xd, 62);
	EXPECT_EQ(d1.a | d1.b, 0);
}

TEST(physical_addresses)
{
	u32 bits = cpuid(0x80000008, 0).a & 0xff;
	u64 *pte = pte_of(read_cr3(), 0x45000000, 1);

	EXPECT(bits >= 36 && bits <= 52);
	EXPECT((cpuid(0x80000008, 0).a >> 8 & 0xff) >= 48);
	if (bits == 52 || tcg_below())
		SKIP("no reserved bits to try");
	*pte = BIT(51) | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(TRY(*(volatile u32 *)0x45000000), PF);
	EXPECT_EQ(LAST_TRAP->error, 9);
	*pte = 0x45000000 | PTE_P | PTE_W;
	flush_tlb();
}

static struct { u32 initial, x2id, features; } seen[MAX_CPUS];

static void look(void *arg)
{
	u32 id = this_cpu()->id;

	seen[id].initial = cpuid(1, 0).b >> 24;
	seen[id].x2id = cpuid(0xb, 0).d;
	seen[id].features = cpuid(1, 0).d ^ cpuid(1, 0).c ^ cpuid(7, 0).b;
}

TEST(processors_differ_only_in_their_ids)
{
	u32 i, nr = smp_start(), threads;

	smp_run(look, NULL);
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(seen[i].initial, cpus[i].apic_id);
		if (!on_tcg())
			EXPECT_EQ(seen[i].x2id, cpus[i].apic_id);
		EXPECT_EQ(seen[i].features, seen[0].features);
	}
	threads = cpuid(0xb, 1).b;
	if (threads && !on_tcg())
		EXPECT_EQ(threads & 0xffff, nr);
}
