// SPDX-License-Identifier: GPL-2.0
/* Which MSRs a guest has, what they take and what they refuse. */
#include "guest.h"

static int write(u32 msr, u64 val) { return TRY(wrmsr(msr, val)); }

static void keeps(u32 msr, u64 val)
{
	u64 old = rdmsr(msr), got;

	wrmsr(msr, val);
	got = rdmsr(msr);
	wrmsr(msr, old);
	if (got != val)
		printf("# MSR 0x%x\n", msr);
	EXPECT_EQ(got, val);
	EXPECT_EQ(rdmsr(msr), old);
}

TEST(plain_registers)
{
	keeps(MSR_SYSENTER_CS, 0x8);
	keeps(MSR_SYSENTER_ESP, 0xffff800000001000);
	keeps(MSR_SYSENTER_EIP, 0x12345678);
	keeps(MSR_STAR, 0x0023001000000000);
	keeps(MSR_LSTAR, 0xffffffff81000000);
	keeps(MSR_CSTAR, 0xffffffff81000100);
	keeps(MSR_SFMASK, 0x47700);
	keeps(MSR_FS_BASE, 0x00007fff12345678);
	keeps(MSR_GS_BASE, 0xffff888000000000);
	keeps(MSR_KGS_BASE, 0xffffc90000000000);
	keeps(MSR_TSC_AUX, 0x76543210);
	keeps(MSR_PAT, 0x0407050600070106);
	if (!on_tcg())
		keeps(MSR_TSC_ADJUST, 0);
}

TEST(bases_are_canonical)
{
	static const u32 msrs[] = {
		MSR_LSTAR, MSR_CSTAR, MSR_FS_BASE, MSR_GS_BASE, MSR_KGS_BASE,
		MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
	};
	u32 i;

	if (tcg_below())
		SKIP("TCG does not check");
	for (i = 0; i < ARRAY_SIZE(msrs); i++) {
		u64 old = rdmsr(msrs[i]);
		int vec = write(msrs[i], 1ull << 62);

		if (vec != GP)
			printf("# MSR 0x%x\n", msrs[i]);
		/* AMD takes anything for SYSENTER. */
		EXPECT(vec == GP || (i >= 5 && cpuid(0, 0).b == 0x68747541));
		wrmsr(msrs[i], old);
	}
}

TEST(efer)
{
	u64 efer = rdmsr(MSR_EFER);

	EXPECT_EQ(efer & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
	keeps(MSR_EFER, efer ^ EFER_SCE);
	if (on_tcg())
		SKIP("TCG does not check");
	EXPECT_EQ(write(MSR_EFER, efer | BIT(63)), GP);
	EXPECT_EQ(write(MSR_EFER, efer | BIT(1)), GP);
	EXPECT_EQ(write(MSR_EFER, efer | BIT(12)), GP);	/* no SVM for guests */
	EXPECT_EQ(write(MSR_EFER, efer & ~EFER_LME), GP);	/* not with paging on */
	EXPECT_EQ(rdmsr(MSR_EFER), efer);
}

TEST(pat_types)
{
	u64 pat = rdmsr(MSR_PAT);

	EXPECT_EQ(pat, 0x0007040600070406);
	if (on_tcg())
		SKIP("TCG does not check");
	EXPECT_EQ(write(MSR_PAT, 0x0007040600070402), GP);
	EXPECT_EQ(write(MSR_PAT, 0x0307040600070406), GP);
	EXPECT_EQ(write(MSR_PAT, 0x0008040600070406), GP);
	EXPECT_EQ(rdmsr(MSR_PAT), pat);
}

TEST(apic_base)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	EXPECT_EQ(base, LAPIC | BIT(11) | BIT(8));
	if (on_tcg())
		SKIP("TCG does not check");
	EXPECT_EQ(write(MSR_APIC_BASE, base | BIT(0)), GP);
	EXPECT_EQ(write(MSR_APIC_BASE, base | BIT(9)), GP);
	EXPECT_EQ(write(MSR_APIC_BASE, base | BIT(62)), GP);
	/* x2APIC without the APIC */
	EXPECT_EQ(write(MSR_APIC_BASE, (base & ~BIT(11)) | BIT(10)), GP);
	EXPECT_EQ(rdmsr(MSR_APIC_BASE), base);
	/* Switched off, its registers are memory that is not there. */
	wrmsr(MSR_APIC_BASE, base & ~BIT(11));
	EXPECT_EQ(cpuid(1, 0).d & BIT(9), 0);
	EXPECT_EQ(mmio_read32(LAPIC + APIC_VERSION), 0xffffffff);
	wrmsr(MSR_APIC_BASE, base);
	EXPECT_EQ(cpuid(1, 0).d & BIT(9), BIT(9));
	EXPECT(mmio_read32(LAPIC + APIC_VERSION) != 0xffffffff);
}

TEST(unknown_ones_fault)
{
	static const u32 none[] = { 0x3, 0x3fff, 0x12345678, 0xc0000fff, 0x40000200, 0xffffffff };
	u32 i;

	if (on_tcg())
		SKIP("TCG has them all");
	for (i = 0; i < ARRAY_SIZE(none); i++) {
		EXPECT_EQ(TRY(rdmsr(none[i])), GP);
		EXPECT_EQ(LAST_TRAP->error, 0);
		EXPECT_EQ(write(none[i], 0), GP);
	}
}

/* What would give a guest power over the host */
TEST(host_registers_are_not_reached)
{
	static const u32 host[] = {
		0x480, 0x48b, 0xc0010117 /* VM_HSAVE_PA */, 0x9e /* SMBASE */,
	};
	u32 i;

	if (on_tcg())
		SKIP("TCG does not check");
	for (i = 0; i < ARRAY_SIZE(host); i++)
		EXPECT_EQ(write(host[i], 0x1000), GP);
}

TEST(tsc_and_its_adjustment)
{
	u64 tsc, adjust, now;

	if (on_tcg())
		SKIP("TCG has no such MSRs");
	adjust = rdmsr(MSR_TSC_ADJUST);
	tsc = rdtsc();
	wrmsr(MSR_TSC_ADJUST, adjust + (1ull << 40));
	now = rdtsc();
	EXPECT(now - tsc >= 1ull << 40);
	EXPECT(now - tsc < (1ull << 40) + (1ull << 34));
	wrmsr(MSR_TSC_ADJUST, adjust);
	now = rdtsc();
	EXPECT(now >= tsc && now - tsc < 1ull << 34);
	/* Writing the TSC shows in the adjustment. */
	wrmsr(MSR_TSC, now + (1ull << 42));
	EXPECT(rdtsc() - now >= 1ull << 42);
	EXPECT(rdmsr(MSR_TSC_ADJUST) - adjust > 1ull << 41);
	wrmsr(MSR_TSC_ADJUST, adjust);
}

/* MTRRs: whatever they say, memory behaves; types are checked. */
TEST(mtrrs)
{
	u64 cap, type;

	if (!(cpuid(1, 0).d & BIT(12)))
		SKIP("no MTRRs");
	cap = rdmsr(0xfe);
	type = rdmsr(0x2ff);
	EXPECT((cap & 0xff) <= 16);
	keeps(0x2ff, type);
	if (cap & 0xff)
		keeps(0x200, 0x80000006);
	if (on_tcg())
		SKIP("TCG does not check");
	EXPECT_EQ(write(0x2ff, 2), GP);
	EXPECT_EQ(write(0xfe, 0), GP);
}

TEST(microcode_and_platform)
{
	/* Linux reads these early; they may hold anything. */
	EXPECT_EQ(TRY(rdmsr(0x8b)), NO_TRAP);
	if (cpuid(0, 0).b == 0x756e6547) {
		EXPECT_EQ(TRY(rdmsr(MSR_MISC_ENABLE)), NO_TRAP);
	} else {
		EXPECT_EQ(TRY(rdmsr(0xc0010015)), NO_TRAP);	/* HWCR */
		EXPECT_EQ(TRY(rdmsr(0xc0010010)), NO_TRAP);	/* SYSCFG */
	}
}

/* Machine check banks: those announced are there. */
TEST(machine_checks)
{
	u32 i, n;

	if (!(cpuid(1, 0).d & BIT(14)))
		SKIP("no machine check architecture");
	n = rdmsr(0x179) & 0xff;
	for (i = 0; i < n; i++) {
		EXPECT_EQ(TRY(rdmsr(0x400 + 4 * i)), NO_TRAP);
		EXPECT_EQ(rdmsr(0x401 + 4 * i), 0);
		EXPECT_EQ(write(0x401 + 4 * i, 0), NO_TRAP);
	}
	EXPECT_EQ(rdmsr(0x17a) & 7, 0);
}
