// SPDX-License-Identifier: GPL-2.0
/* What a guest may write to control registers, EFER and XCR0. */
// sources: kmod/core/cr.c
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "ktap.h"

#define GP	AERIE_RAISE_GP

static struct aerie_vm vm;
static struct aerie_vcpu vcpu;
static struct aerie_segment cs, tr;
static u64 cr4_mask, efer_mask, xcr0_mask;
static u64 hw[AERIE_NR_REGS], hw_efer;
static unsigned int flushes, efer_sets;
static u8 cr8;
static u64 pdpt[4];
static gpa_t pdpt_at;
static int mem_err;

static void cr0_set(struct aerie_vcpu *v, u64 val)
{
	/* LMA has to be right by the time PG changes. */
	if (val & X86_CR0_PG)
		EXPECT_EQ(!!(hw_efer & EFER_LMA), !!(hw_efer & EFER_LME));
	hw[AERIE_REG_CR0] = val;
}

static void cr3_set(struct aerie_vcpu *v, u64 val) { hw[AERIE_REG_CR3] = val; }
static void cr4_set(struct aerie_vcpu *v, u64 val) { hw[AERIE_REG_CR4] = val; }
static void efer_set(struct aerie_vcpu *v, u64 val) { hw_efer = val; efer_sets++; }
static void flush_tlb(struct aerie_vcpu *v) { flushes++; }
static void seg_get(struct aerie_vcpu *v, enum aerie_seg seg, struct aerie_segment *s)
{
	*s = seg == AERIE_SEG_CS ? cs : tr;
}

static const struct aerie_backend fake = {
	.cr0_set = cr0_set, .cr3_set = cr3_set, .cr4_set = cr4_set, .efer_set = efer_set,
	.flush_tlb = flush_tlb, .seg_get = seg_get,
};
const struct aerie_backend *aerie_backend = &fake;

u64 aerie_guest_cr4_mask(struct aerie_vm *v) { return cr4_mask; }
u64 aerie_guest_efer_mask(struct aerie_vm *v) { return efer_mask; }
u64 aerie_guest_xcr0_mask(struct aerie_vm *v) { return xcr0_mask; }
u32 aerie_guest_phys_bits(struct aerie_vm *v) { return 40; }
void aerie_lapic_set_cr8(struct aerie_vcpu *v, u8 val) { cr8 = val; }

int aerie_mem_read(struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len, gfp_t gfp)
{
	EXPECT_EQ(gfp, GFP_NOWAIT);
	EXPECT_EQ(len, sizeof(pdpt));
	pdpt_at = gpa;
	memcpy(buf, pdpt, sizeof(pdpt));
	return mem_err;
}

#define CR0_RESET	(X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)
#define CR0_PROTECTED	(X86_CR0_PE | X86_CR0_ET)
#define CR0_PAGED	(X86_CR0_PG | X86_CR0_PE | X86_CR0_ET)

static void cpu(u64 cr0, u64 cr4, u64 efer)
{
	memset(&vcpu, 0, sizeof(vcpu));
	vcpu.vm = &vm;
	vcpu.regs_avail = ~0u;
	vcpu.regs[AERIE_REG_CR0] = hw[AERIE_REG_CR0] = cr0;
	vcpu.regs[AERIE_REG_CR4] = hw[AERIE_REG_CR4] = cr4;
	vcpu.regs[AERIE_REG_CR3] = hw[AERIE_REG_CR3] = 0x1000;
	vcpu.efer = hw_efer = efer;
	cs = (struct aerie_segment) { .attr = 0xc09b };
	tr = (struct aerie_segment) { .attr = 0x8b };
	cr4_mask = 0x3f7fff & ~0x2000ull & ~BIT(19);	/* neither VMXE nor a hole */
	efer_mask = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX;
	xcr0_mask = 0xe7;
	memset(pdpt, 0, sizeof(pdpt));
	flushes = efer_sets = 0;
	mem_err = 0;
	pdpt_at = 0;
}

static void long_mode(u64 cr4)
{
	cpu(CR0_PAGED, X86_CR4_PAE | cr4, EFER_LME | EFER_LMA);
	cs.attr = 0xa09b;
}

TEST(cr0_combinations)
{
	static const struct {
		u64 val;
		int err;
		u64 stored;
	} t[] = {
		{ 0, 0, X86_CR0_ET },
		{ X86_CR0_PE, 0, CR0_PROTECTED },
		{ X86_CR0_PG, GP, 0 },
		{ X86_CR0_NW, GP, 0 },
		{ X86_CR0_CD, 0, X86_CR0_CD | X86_CR0_ET },
		{ X86_CR0_CD | X86_CR0_NW, 0, CR0_RESET },
		{ X86_CR0_PG | X86_CR0_PE, 0, CR0_PAGED },
		{ BIT_ULL(32) | X86_CR0_PE, GP, 0 },
		{ BIT_ULL(63), GP, 0 },
		{ 0x1ff8ffc0 | X86_CR0_PE, 0, CR0_PROTECTED },	/* reserved: ignored */
		{ 0xffffffff, 0, 0xe005003f },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		cpu(CR0_RESET, 0, 0);
		EXPECT_EQ(aerie_cr0_write(&vcpu, t[i].val), t[i].err);
		EXPECT_EQ(hw[AERIE_REG_CR0], t[i].err ? CR0_RESET : t[i].stored);
		EXPECT_EQ(vcpu.regs[AERIE_REG_CR0], hw[AERIE_REG_CR0]);
		EXPECT_EQ(flushes, !t[i].err && t[i].val & X86_CR0_PG ? 1 : 0);
		EXPECT_EQ(efer_sets, 0);
	}
}

TEST(long_mode_activation)
{
	cpu(CR0_PROTECTED, X86_CR4_PAE, EFER_LME);
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED), 0);
	EXPECT_EQ(vcpu.efer, EFER_LME | EFER_LMA);
	EXPECT_EQ(hw_efer, vcpu.efer);
	EXPECT_EQ(flushes, 1);
	EXPECT_EQ(pdpt_at, 0);
	/* And back, from compatibility mode. */
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PROTECTED), 0);
	EXPECT_EQ(hw_efer, EFER_LME);
	EXPECT_EQ(flushes, 2);

	cpu(CR0_PROTECTED, 0, EFER_LME);		/* no PAE */
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED), GP);
	EXPECT_EQ(hw_efer, EFER_LME);
	cpu(CR0_PROTECTED, X86_CR4_PAE, EFER_LME);	/* CS.L */
	cs.attr |= AERIE_SEG_L;
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED), GP);
	cpu(CR0_PROTECTED, X86_CR4_PAE, EFER_LME);	/* 16-bit TSS */
	tr.attr = 0x83;
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED), GP);
	EXPECT_EQ(hw[AERIE_REG_CR0], CR0_PROTECTED);
	EXPECT_EQ(efer_sets, 0);

	long_mode(0);					/* from 64-bit mode */
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PROTECTED), GP);
	long_mode(X86_CR4_PCIDE);
	cs.attr &= ~AERIE_SEG_L;
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PROTECTED), GP);
	/* Other bits as one likes, without a flush. */
	long_mode(X86_CR4_PCIDE);
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED | X86_CR0_WP | X86_CR0_TS), 0);
	EXPECT_EQ(flushes, 0);
	EXPECT_EQ(efer_sets, 0);
}

TEST(pae_pdptes)
{
	cpu(CR0_PROTECTED, X86_CR4_PAE, 0);
	vcpu.regs[AERIE_REG_CR3] = 0x12345fff;
	pdpt[0] = 0x5001;
	pdpt[3] = 0xffffffffffffffe6;	/* not present: not looked at */
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED), 0);
	EXPECT_EQ(pdpt_at, 0x12345fe0);
	EXPECT_EQ(vcpu.pdpte[0], 0x5001);
	EXPECT_EQ(vcpu.pdpte[3], 0xffffffffffffffe6);

	/* Reserved bits, and addresses beyond the processor's. */
	pdpt[1] = 0x6003;
	pdpt[0] = 0x7001;
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x2000), GP);
	EXPECT_EQ(hw[AERIE_REG_CR3], 0x1000);
	EXPECT_EQ(vcpu.pdpte[0], 0x5001);	/* all or none */
	pdpt[1] = BIT_ULL(40) | 1;
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x2000), GP);
	pdpt[1] = 0x6e19;			/* PWT, PCD and ignored bits are fine */
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x2000), 0);
	EXPECT_EQ(vcpu.pdpte[0], 0x7001);
	EXPECT_EQ(flushes, 2);

	/* Where there is no memory. */
	mem_err = -EFAULT;
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x3000), GP);
	/* Where it has to be made resident first. */
	mem_err = -EAGAIN;
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x3000), -EAGAIN);
	EXPECT_EQ(vcpu.fault_gpa, 0x3000);
	EXPECT_EQ(hw[AERIE_REG_CR3], 0x2000);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_PGE), -EAGAIN);
	EXPECT_EQ(hw[AERIE_REG_CR4], X86_CR4_PAE);
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED | X86_CR0_CD), -EAGAIN);
	EXPECT_EQ(aerie_cr0_write(&vcpu, CR0_PAGED | X86_CR0_WP), 0);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_DE), 0);
	/* Without PAE nothing is loaded. */
	EXPECT_EQ(aerie_cr4_write(&vcpu, 0), 0);
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x3000), 0);
}

TEST(cr3_bits)
{
	cpu(CR0_PAGED, 0, 0);
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0xfffff01f), 0);
	EXPECT_EQ(hw[AERIE_REG_CR3], 0xfffff01f);
	EXPECT_EQ(flushes, 1);

	long_mode(0);
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0xfffffff018), 0);
	EXPECT_EQ(aerie_cr3_write(&vcpu, BIT_ULL(40)), GP);
	EXPECT_EQ(aerie_cr3_write(&vcpu, BIT_ULL(63) | 0x1000), GP);
	EXPECT_EQ(aerie_cr3_write(&vcpu, BIT_ULL(61)), GP);
	EXPECT_EQ(flushes, 1);

	long_mode(X86_CR4_PCIDE);
	EXPECT_EQ(aerie_cr3_write(&vcpu, BIT_ULL(63) | 0x5001), 0);
	EXPECT_EQ(hw[AERIE_REG_CR3], 0x5001);
	EXPECT_EQ(flushes, 0);
	EXPECT_EQ(aerie_cr3_write(&vcpu, 0x5002), 0);
	EXPECT_EQ(flushes, 1);
	EXPECT_EQ(aerie_cr3_write(&vcpu, BIT_ULL(62)), GP);
}

TEST(cr4_rules)
{
	cpu(CR0_PROTECTED, 0, 0);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_VMXE), GP);
	EXPECT_EQ(aerie_cr4_write(&vcpu, BIT_ULL(32)), GP);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PCIDE), GP);	/* not in long mode */
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_DE), 0);
	EXPECT_EQ(flushes, 0);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_LA57), 0);
	EXPECT_EQ(hw[AERIE_REG_CR4], X86_CR4_LA57);

	long_mode(0);
	EXPECT_EQ(aerie_cr4_write(&vcpu, 0), GP);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_LA57), GP);
	vcpu.regs[AERIE_REG_CR3] = 0x1001;
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_PCIDE), GP);
	vcpu.regs[AERIE_REG_CR3] = 0x1000;
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_PCIDE), 0);
	EXPECT_EQ(flushes, 0);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE), 0);
	EXPECT_EQ(flushes, 1);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_PGE), 0);
	EXPECT_EQ(flushes, 2);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP), 0);
	EXPECT_EQ(flushes, 3);
	EXPECT_EQ(aerie_cr4_write(&vcpu, X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR), 0);
	EXPECT_EQ(flushes, 3);
	EXPECT_EQ(vcpu.regs[AERIE_REG_CR4], X86_CR4_PAE | X86_CR4_PGE | X86_CR4_OSFXSR);
}

TEST(cr8_range)
{
	EXPECT_EQ(aerie_cr8_write(&vcpu, 0xf), 0);
	EXPECT_EQ(cr8, 0xf);
	EXPECT_EQ(aerie_cr8_write(&vcpu, 0x10), GP);
	EXPECT_EQ(aerie_cr8_write(&vcpu, BIT_ULL(63)), GP);
	EXPECT_EQ(cr8, 0xf);
}

TEST(efer_rules)
{
	cpu(CR0_PROTECTED, 0, 0);
	EXPECT_EQ(aerie_efer_write(&vcpu, EFER_SVME), GP);
	EXPECT_EQ(aerie_efer_write(&vcpu, BIT_ULL(1)), GP);
	EXPECT_EQ(aerie_efer_write(&vcpu, EFER_LME | EFER_SCE), 0);
	EXPECT_EQ(hw_efer, EFER_LME | EFER_SCE);
	EXPECT_EQ(flushes, 0);
	/* LMA is the processor's. */
	EXPECT_EQ(aerie_efer_write(&vcpu, EFER_LME | EFER_LMA), 0);
	EXPECT_EQ(hw_efer, EFER_LME);

	long_mode(0);
	EXPECT_EQ(aerie_efer_write(&vcpu, EFER_LMA | EFER_SCE), GP);
	EXPECT_EQ(aerie_efer_write(&vcpu, EFER_LME | EFER_NX), 0);
	EXPECT_EQ(hw_efer, EFER_LME | EFER_LMA | EFER_NX);
	EXPECT_EQ(vcpu.efer, hw_efer);
	EXPECT_EQ(flushes, 1);
	cpu(CR0_PAGED, 0, 0);
	EXPECT_EQ(aerie_efer_write(&vcpu, EFER_LME), GP);
}

TEST(xcr0_combinations)
{
	unsigned int val;

	cpu(CR0_PROTECTED, 0, 0);
	for (val = 0; val < 0x200; val++) {
		u32 avx512 = val & 0xe0;
		bool ok = val & 1 && !(val & ~0xe7) && (!(val & 4) || val & 2) &&
			  (!avx512 || (avx512 == 0xe0 && val & 4));

		vcpu.xcr0 = 1;
		EXPECT_EQ(aerie_xcr0_write(&vcpu, 0, val), ok ? 0 : GP);
		EXPECT_EQ(vcpu.xcr0, ok ? val : 1);
	}
	EXPECT_EQ(aerie_xcr0_write(&vcpu, 1, 1), GP);
	EXPECT_EQ(aerie_xcr0_write(&vcpu, 0, BIT_ULL(63) | 1), GP);
	xcr0_mask = 3;
	EXPECT_EQ(aerie_xcr0_write(&vcpu, 0, 7), GP);
	EXPECT_EQ(aerie_xcr0_write(&vcpu, 0, 3), 0);
}
