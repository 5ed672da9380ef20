// SPDX-License-Identifier: GPL-2.0
/*
 * Registers that live in the VMCS: RSP, RIP, RFLAGS, segments, descriptor
 * tables, control registers, EFER, debug registers.
 *
 * Control registers have bits that the guest owns (it changes them without an
 * exit) and bits that the host owns (the guest reads the shadow, and exits to
 * change them). What a paging mode depends on is the host's, so mode changes
 * always come through here and the derived state, EFER.LMA, the IA-32e entry
 * control and the PDPTEs, is kept in one place.
 */
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/special_insns.h>

#include "backend.h"
#include "core/policy.h"
#include "vmx/vmx.h"

/* With EPT neither these nor CR3 affect anything that the host relies on. */
#define CR0_GUEST_OWNED	(X86_CR0_TS | X86_CR0_MP | X86_CR0_EM | X86_CR0_WP | X86_CR0_AM)
#define CR4_GUEST_OWNED	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE |	\
			 X86_CR4_PGE | X86_CR4_PCE | X86_CR4_OSFXSR |		\
			 X86_CR4_OSXMMEXCPT | X86_CR4_FSGSBASE)

/* Caches stay on whatever the guest says: its memory is the host's. */
#define CR0_NEVER	(X86_CR0_CD | X86_CR0_NW)

void vmx_cache_reg(struct aerie_vcpu *vcpu, enum aerie_reg reg)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 val;

	switch (reg) {
	case AERIE_REG_RSP:
		val = vmx_read(GUEST_RSP);
		break;
	case AERIE_REG_RIP:
		val = vmx_read(GUEST_RIP);
		break;
	case AERIE_REG_RFLAGS:
		val = vmx_read(GUEST_RFLAGS);
		break;
	case AERIE_REG_CR0:
		val = (vmx_read(GUEST_CR0) & ~vmx->cr0_mask) | (vmx->cr0_shadow & vmx->cr0_mask);
		break;
	case AERIE_REG_CR3:
		val = vmx_read(GUEST_CR3);
		break;
	case AERIE_REG_CR4:
		val = vmx_cr4(vmx);
		break;
	default:
		return;		/* general registers are always there */
	}
	vcpu->regs[reg] = val;
	vcpu->regs_avail |= BIT(reg);
}

/* The fields of the segment registers are two apart, in the same order for each. */
static const u8 seg_order[AERIE_NR_SEGS] = {
	[AERIE_SEG_ES] = 0, [AERIE_SEG_CS] = 1, [AERIE_SEG_SS] = 2, [AERIE_SEG_DS] = 3,
	[AERIE_SEG_FS] = 4, [AERIE_SEG_GS] = 5, [AERIE_SEG_LDTR] = 6, [AERIE_SEG_TR] = 7,
};

#define SEG_FIELD(seg, first)	((first) + 2 * seg_order[seg])

static_assert(GUEST_TR_SELECTOR == GUEST_ES_SELECTOR + 14 &&
	      GUEST_TR_LIMIT == GUEST_ES_LIMIT + 14 &&
	      GUEST_TR_AR_BYTES == GUEST_ES_AR_BYTES + 14 &&
	      GUEST_TR_BASE == GUEST_ES_BASE + 14);

void vmx_seg_get(struct aerie_vcpu *vcpu, enum aerie_seg seg, struct aerie_segment *s)
{
	s->selector = vmx_read(SEG_FIELD(seg, GUEST_ES_SELECTOR));
	s->base = vmx_read(SEG_FIELD(seg, GUEST_ES_BASE));
	s->limit = vmx_read(SEG_FIELD(seg, GUEST_ES_LIMIT));
	s->attr = vmx_read(SEG_FIELD(seg, GUEST_ES_AR_BYTES));
}

void vmx_seg_set(struct aerie_vcpu *vcpu, enum aerie_seg seg, const struct aerie_segment *s)
{
	u32 attr = s->attr;

	/* An entry wants usable code and data segments accessed, as loading them does. */
	if (!(attr & AERIE_SEG_UNUSABLE) && seg <= AERIE_SEG_GS)
		attr |= VMX_AR_TYPE_ACCESSES_MASK;
	vmx_write(SEG_FIELD(seg, GUEST_ES_SELECTOR), s->selector);
	vmx_write(SEG_FIELD(seg, GUEST_ES_BASE), s->base);
	vmx_write(SEG_FIELD(seg, GUEST_ES_LIMIT), s->limit);
	vmx_write(SEG_FIELD(seg, GUEST_ES_AR_BYTES), attr);
}

u8 vmx_cpl(struct aerie_vcpu *vcpu)
{
	/* SS.DPL is the CPL in every mode, also in real and virtual-8086 mode. */
	return VMX_AR_DPL(vmx_read(GUEST_SS_AR_BYTES));
}

void vmx_gdt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt)
{
	dt->base = vmx_read(GUEST_GDTR_BASE);
	dt->limit = vmx_read(GUEST_GDTR_LIMIT);
}

void vmx_gdt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt)
{
	vmx_write(GUEST_GDTR_BASE, dt->base);
	vmx_write(GUEST_GDTR_LIMIT, dt->limit);
}

void vmx_idt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt)
{
	dt->base = vmx_read(GUEST_IDTR_BASE);
	dt->limit = vmx_read(GUEST_IDTR_LIMIT);
}

void vmx_idt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt)
{
	vmx_write(GUEST_IDTR_BASE, dt->base);
	vmx_write(GUEST_IDTR_LIMIT, dt->limit);
}

void vmx_cr_init(struct vmx_vcpu *vmx)
{
	vmx->cr0_mask = ~(u64)CR0_GUEST_OWNED;
	vmx->cr4_mask = ~(CR4_GUEST_OWNED & aerie_guest_cr4_mask(vmx->vcpu.vm) &
			  vmx_caps.cr4_may);
	vmx_write(CR0_GUEST_HOST_MASK, vmx->cr0_mask);
	vmx_write(CR4_GUEST_HOST_MASK, vmx->cr4_mask);
}

/*
 * With PAE paging the processor takes the PDPTEs from the VMCS. It updates them
 * itself when the guest moves to CR3; where the core has loaded them, because a
 * control register was written, it tells so by the bits that change.
 */
static void pdptes_write(struct vmx_vcpu *vmx)
{
	struct aerie_vcpu *vcpu = &vmx->vcpu;
	int i;

	if (!(vmx->cr0_shadow & X86_CR0_PG) || vcpu->efer & EFER_LMA ||
	    !(aerie_reg_read(vcpu, AERIE_REG_CR4) & X86_CR4_PAE))
		return;
	for (i = 0; i < ARRAY_SIZE(vcpu->pdpte); i++)
		vmx_write(GUEST_PDPTR0 + 2 * i, vcpu->pdpte[i]);
}

void vmx_cr0_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 changed = vmx->cr0_shadow ^ val;

	vmx->cr0_shadow = val;
	vcpu->regs[AERIE_REG_CR0] = val;
	vcpu->regs_avail |= BIT(AERIE_REG_CR0);
	vmx_write(CR0_READ_SHADOW, val);
	vmx_write(GUEST_CR0, (val & ~(u64)CR0_NEVER) | X86_CR0_ET | vmx_caps.cr0_fixed1);
	if (changed & (X86_CR0_PG | CR0_NEVER))
		pdptes_write(vmx);
}

void vmx_cr3_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vcpu->regs[AERIE_REG_CR3] = val;
	vcpu->regs_avail |= BIT(AERIE_REG_CR3);
	vmx_write(GUEST_CR3, val);
	pdptes_write(vmx);
}

void vmx_cr4_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u64 changed = aerie_reg_read(vcpu, AERIE_REG_CR4) ^ val;

	vmx->cr4_shadow = val;
	vcpu->regs[AERIE_REG_CR4] = val;
	vcpu->regs_avail |= BIT(AERIE_REG_CR4);
	vmx_write(CR4_READ_SHADOW, val);
	/* A machine check in the guest is the host's: never without MCE. */
	vmx_write(GUEST_CR4, (val & ~(u64)X86_CR4_MCE) | (__read_cr4() & X86_CR4_MCE) |
			     vmx_caps.cr4_fixed1);
	if (changed & (X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_SMEP))
		pdptes_write(vmx);
}

/* The core keeps EFER.LMA right; the IA-32e entry control has to agree with it. */
void vmx_efer_set(struct aerie_vcpu *vcpu, u64 val)
{
	vcpu->efer = val;
	vmx_write(GUEST_IA32_EFER, val);
	vmx_ctl_bit(to_vmx(vcpu), VMX_CTL_ENTRY, VM_ENTRY_IA32E_MODE, val & EFER_LMA);
}

u64 vmx_dr7_get(struct aerie_vcpu *vcpu)
{
	return to_vmx(vcpu)->dr_free ? vmx_read(GUEST_DR7) : vcpu->dr7;
}

void vmx_dr7_set(struct aerie_vcpu *vcpu, u64 val)
{
	vcpu->dr7 = val;
	vmx_write(GUEST_DR7, val);
}

u64 vmx_dr6_get(struct aerie_vcpu *vcpu)
{
	unsigned long val = vcpu->dr6;

	if (vcpu->dr_dirty)
		get_debugreg(val, 6);
	return val;
}

void vmx_dr6_set(struct aerie_vcpu *vcpu, u64 val)
{
	vcpu->dr6 = val;
	if (vcpu->dr_dirty)
		set_debugreg(val, 6);
}

void vmx_dr_intercept(struct aerie_vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (on && vmx->dr_free)
		vcpu->dr7 = vmx_read(GUEST_DR7);
	vmx->dr_free = !on;
	vmx_ctl_bit(vmx, VMX_CTL_CPU, CPU_BASED_MOV_DR_EXITING, on);
}
