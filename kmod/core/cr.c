// SPDX-License-Identifier: GPL-2.0
/*
 * Which values a guest may write to control registers, EFER and XCR0, and what
 * follows from a write.
 *
 * Which bits there are follows from CPUID (register_bits in cpuid.c), which of them
 * need others is in tables here; what depends on the state that a write comes in
 * (long mode, paging, PDPTEs) is code.
 *
 * Rules are the SDM's (Control Registers; MOV to control registers; Initializing
 * IA-32e Mode; XCR0). A write that is refused has changed nothing. LMA is ours:
 * it follows PG, and what a guest writes to it is ignored. Translations are
 * dropped here where the instruction would have dropped them, because an
 * instruction that was intercepted has not.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"

#define CR0_BITS	(X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS |	\
			 X86_CR0_ET | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM |	\
			 X86_CR0_NW | X86_CR0_CD | X86_CR0_PG)

#define CR3_NOFLUSH	BIT_ULL(63)
#define CR3_PCID	0xfffull
#define CR3_PDPT	0xffffffe0ull	/* PAE paging: where the four PDPTEs are */
#define PDPTE_P		BIT_ULL(0)
#define PDPTE_A		BIT_ULL(5)	/* reserved; QEMU's TCG sets it when it walks */
#define PDPTE_RESERVED	0x1c6ull	/* below the address: 1, 2, 6 to 8 */

#define TR_BUSY_16	3u		/* type of a busy 16-bit TSS */

/* Bits that need others: a value with any of @bits set has all of @need. */
struct needs {
	u64 bits, need;
};

static const struct needs cr0_needs[] = {
	{ X86_CR0_PG, X86_CR0_PE },
	{ X86_CR0_NW, X86_CR0_CD },
};

static const struct needs xcr0_needs[] = {
	{ XCR0_AVX, XCR0_SSE },
	{ XCR0_AVX512, XCR0_AVX512 | XCR0_AVX },
};

static __always_inline bool fits(u64 val, const struct needs *needs, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (val & needs[i].bits && needs[i].need & ~val)
			return false;
	return true;
}

#define FITS(val, needs)	fits(val, needs, ARRAY_SIZE(needs))

static u64 guest_cr(struct aerie_vcpu *vcpu, enum aerie_reg reg)
{
	return aerie_reg_read(vcpu, reg);
}

static void cr_stored(struct aerie_vcpu *vcpu, enum aerie_reg reg, u64 val)
{
	vcpu->regs[reg] = val;
	vcpu->regs_avail |= BIT(reg);
}

static void efer_store(struct aerie_vcpu *vcpu, u64 efer)
{
	/* In this order: the backend compares with the value before. */
	aerie_backend->efer_set(vcpu, efer);
	vcpu->efer = efer;
}

static bool cs_is_64bit(struct aerie_vcpu *vcpu)
{
	struct aerie_segment cs;

	aerie_backend->seg_get(vcpu, AERIE_SEG_CS, &cs);
	return cs.attr & AERIE_SEG_L;
}

static bool tr_is_16bit(struct aerie_vcpu *vcpu)
{
	struct aerie_segment tr;

	aerie_backend->seg_get(vcpu, AERIE_SEG_TR, &tr);
	return (tr.attr & AERIE_SEG_TYPE) == TR_BUSY_16;
}

static bool is_pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return cr0 & X86_CR0_PG && cr4 & X86_CR4_PAE && !(efer & EFER_LME);
}

/* SDM, PDPTE Registers: all four are loaded, or none and #GP. */
static int pdptes_load(struct aerie_vcpu *vcpu, u64 cr3)
{
	u64 reserved = PDPTE_RESERVED | ~GENMASK_ULL(aerie_guest_phys_bits(vcpu->vm) - 1, 0);
	u64 pdpte[4];
	int err, i;

	err = aerie_mem_read(&vcpu->vm->mem, cr3 & CR3_PDPT, pdpte, sizeof(pdpte), GFP_NOWAIT);
	if (err == -EAGAIN) {
		vcpu->fault_gpa = cr3 & CR3_PDPT;
		vcpu->fault_acc = AERIE_ACC_READ;
		return err;
	}
	if (err)
		return AERIE_RAISE_GP;	/* nothing there: all ones, with reserved bits */
	for (i = 0; i < 4; i++)
		if (pdpte[i] & PDPTE_P && pdpte[i] & reserved)
			return AERIE_RAISE_GP;
	for (i = 0; i < 4; i++)
		vcpu->pdpte[i] = pdpte[i] & PDPTE_P ? pdpte[i] & ~PDPTE_A : pdpte[i];
	return 0;
}

int aerie_cr0_write(struct aerie_vcpu *vcpu, u64 val)
{
	u64 old = guest_cr(vcpu, AERIE_REG_CR0), cr4 = guest_cr(vcpu, AERIE_REG_CR4);
	u64 efer = vcpu->efer;
	int err;

	if (val >> 32)
		return AERIE_RAISE_GP;
	val = (val & CR0_BITS) | X86_CR0_ET;
	if (!FITS(val, cr0_needs))
		return AERIE_RAISE_GP;

	if (val & ~old & X86_CR0_PG && efer & EFER_LME) {
		if (!(cr4 & X86_CR4_PAE) || cs_is_64bit(vcpu) || tr_is_16bit(vcpu))
			return AERIE_RAISE_GP;
		efer |= EFER_LMA;
	}
	if (old & ~val & X86_CR0_PG) {
		if (cr4 & X86_CR4_PCIDE || (efer & EFER_LMA && cs_is_64bit(vcpu)))
			return AERIE_RAISE_GP;
		efer &= ~(u64)EFER_LMA;
	}
	if (is_pae_paging(val, cr4, efer) &&
	    (old ^ val) & (X86_CR0_PG | X86_CR0_CD | X86_CR0_NW)) {
		err = pdptes_load(vcpu, guest_cr(vcpu, AERIE_REG_CR3));
		if (err)
			return err;
	}

	if (efer != vcpu->efer)
		efer_store(vcpu, efer);
	aerie_backend->cr0_set(vcpu, val);
	cr_stored(vcpu, AERIE_REG_CR0, val);
	if ((old ^ val) & X86_CR0_PG)
		aerie_backend->flush_tlb(vcpu);
	return 0;
}

int aerie_cr3_write(struct aerie_vcpu *vcpu, u64 val)
{
	u64 cr0 = guest_cr(vcpu, AERIE_REG_CR0), cr4 = guest_cr(vcpu, AERIE_REG_CR4);
	bool keep = false;
	int err;

	if (vcpu->efer & EFER_LMA) {
		if (cr4 & X86_CR4_PCIDE) {
			keep = val & CR3_NOFLUSH;
			val &= ~CR3_NOFLUSH;
		}
		if (val >> aerie_guest_phys_bits(vcpu->vm))
			return AERIE_RAISE_GP;
	} else {
		val = (u32)val;
		if (is_pae_paging(cr0, cr4, vcpu->efer)) {
			err = pdptes_load(vcpu, val);
			if (err)
				return err;
		}
	}
	aerie_backend->cr3_set(vcpu, val);
	cr_stored(vcpu, AERIE_REG_CR3, val);
	if (!keep)
		aerie_backend->flush_tlb(vcpu);
	return 0;
}

int aerie_cr4_write(struct aerie_vcpu *vcpu, u64 val)
{
	u64 old = guest_cr(vcpu, AERIE_REG_CR4), cr0 = guest_cr(vcpu, AERIE_REG_CR0);
	u64 set = val & ~old, cleared = old & ~val, changed = set | cleared;
	bool lma = vcpu->efer & EFER_LMA;
	int err;

	if (val & ~aerie_guest_cr4_mask(vcpu->vm))
		return AERIE_RAISE_GP;
	if (lma && (cleared & X86_CR4_PAE || changed & X86_CR4_LA57))
		return AERIE_RAISE_GP;
	if (set & X86_CR4_PCIDE && (!lma || guest_cr(vcpu, AERIE_REG_CR3) & CR3_PCID))
		return AERIE_RAISE_GP;
	if (is_pae_paging(cr0, val, vcpu->efer) &&
	    changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)) {
		err = pdptes_load(vcpu, guest_cr(vcpu, AERIE_REG_CR3));
		if (err)
			return err;
	}

	aerie_backend->cr4_set(vcpu, val);
	cr_stored(vcpu, AERIE_REG_CR4, val);
	/* SDM, Operations that Invalidate TLBs and Paging-Structure Caches. */
	if (changed & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE) ||
	    cleared & X86_CR4_PCIDE || set & X86_CR4_SMEP)
		aerie_backend->flush_tlb(vcpu);
	return 0;
}

int aerie_cr8_write(struct aerie_vcpu *vcpu, u64 val)
{
	if (val & ~0xfull)
		return AERIE_RAISE_GP;
	aerie_lapic_set_cr8(vcpu, val);
	return 0;
}

int aerie_efer_write(struct aerie_vcpu *vcpu, u64 val)
{
	u64 old = vcpu->efer;

	if (val & ~aerie_guest_efer_mask(vcpu->vm))
		return AERIE_RAISE_GP;
	if ((old ^ val) & EFER_LME && guest_cr(vcpu, AERIE_REG_CR0) & X86_CR0_PG)
		return AERIE_RAISE_GP;
	val = (val & ~(u64)EFER_LMA) | (old & EFER_LMA);
	efer_store(vcpu, val);
	/* Cached translations took bit 63 as reserved, or as no-execute. */
	if ((old ^ val) & EFER_NX)
		aerie_backend->flush_tlb(vcpu);
	return 0;
}

int aerie_xcr0_write(struct aerie_vcpu *vcpu, u32 index, u64 val)
{
	if (index || val & ~aerie_guest_xcr0_mask(vcpu->vm) || !(val & XCR0_X87) ||
	    !FITS(val, xcr0_needs))
		return AERIE_RAISE_GP;
	vcpu->xcr0 = val;
	return 0;
}
