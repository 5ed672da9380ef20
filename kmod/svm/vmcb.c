// SPDX-License-Identifier: GPL-2.0
/*
 * The VMCB's fields: the guest's registers in it, its controls, its dump.
 *
 * What the guest believes and what the hardware runs with differ in few bits:
 *
 *	CR0.CD, NW	never set for the hardware; a guest that believes they are
 *			has CR0 reads and all CR0 writes intercepted. Otherwise only
 *			writes that change more than TS and MP exit.
 *	CR0.ET		always set
 *	CR4.MCE		set while the host has it; CR4 reads are intercepted where
 *			the guest believes it clear
 *	EFER.SVME	always set
 *
 * Every store here clears the clean bit of its group, so that the processor does
 * not go on with what it kept from the last VMRUN.
 */
#include <linux/seq_file.h>
#include <linux/string.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>
#include <asm/trapnr.h>

#include "state/field.h"
#include "svm/svm.h"

#define CR0_SHADOWED	(X86_CR0_CD | X86_CR0_NW)

/* Bits whose change makes translations stale that are tagged with the ASID. */
#define CR4_FLUSHES	(X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE | \
			 X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57)

static const unsigned int intercepts[] = {
	INTERCEPT_INTR, INTERCEPT_NMI, INTERCEPT_SMI, INTERCEPT_INIT,
	INTERCEPT_SELECTIVE_CR0, INTERCEPT_CR4_WRITE,
	INTERCEPT_CPUID, INTERCEPT_HLT, INTERCEPT_INVD, INTERCEPT_WBINVD,
	INTERCEPT_RDPMC, INTERCEPT_RSM, INTERCEPT_MONITOR, INTERCEPT_MWAIT,
	INTERCEPT_XSETBV, INTERCEPT_RDPRU,
	INTERCEPT_IOIO_PROT, INTERCEPT_MSR_PROT, INTERCEPT_TASK_SWITCH,
	INTERCEPT_FERR_FREEZE, INTERCEPT_SHUTDOWN, INTERCEPT_INVLPGA,
	INTERCEPT_VMRUN, INTERCEPT_VMMCALL, INTERCEPT_VMLOAD, INTERCEPT_VMSAVE,
	INTERCEPT_STGI, INTERCEPT_CLGI, INTERCEPT_SKINIT,
	/* Endless #DB or #AC delivery in microcode would shut out the host. */
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_DB,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_AC,
	INTERCEPT_EXCEPTION_OFFSET + X86_TRAP_MC,
};

static void control_reset(struct svm_vcpu *svm)
{
	struct svm_control *c = &svm->vmcb->control;
	int i;

	memset(c->intercept, 0, sizeof(c->intercept));
	for (i = 0; i < ARRAY_SIZE(intercepts); i++)
		svm_intercept(svm, intercepts[i], true);
	if (svm_caps.pause_filter) {
		svm_intercept(svm, INTERCEPT_PAUSE, true);
		c->pause_count = 3000;
		c->pause_threshold = svm_caps.pause_threshold ? 128 : 0;
	}
	c->iopm_pa = svm_iopm_pa;
	c->msrpm_pa = svm_msrpm_pa;
	c->np_control = SVM_NP_ENABLE;
	c->int_ctl = V_INTR_MASKING_MASK;
	c->int_state = 0;
	c->event_inj = 0;
}

static void segment_reset(struct svm_segment *s, u16 attr)
{
	*s = (struct svm_segment){ .attr = attr, .limit = 0xffff };
}

/**
 * svm_vcpu_reset() - state after INIT (APM, Processor Initialization State)
 * @vcpu: the vCPU; the core sets general and control registers and MSRs
 *
 * TR is a busy 32-bit TSS and not a 16-bit one: a guest may enter long mode with
 * what it found at reset.
 */
void svm_vcpu_reset(struct aerie_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_save *s = &svm->vmcb->save;

	control_reset(svm);
	svm_dr_intercept(vcpu, true);
	segment_reset(&s->es, 0x93);
	segment_reset(&s->ss, 0x93);
	segment_reset(&s->ds, 0x93);
	segment_reset(&s->fs, 0x93);
	segment_reset(&s->gs, 0x93);
	segment_reset(&s->cs, 0x9b);
	s->cs.selector = 0xf000;
	s->cs.base = 0xffff0000;
	segment_reset(&s->ldtr, 0x82);
	segment_reset(&s->tr, 0x8b);
	segment_reset(&s->gdtr, 0);
	segment_reset(&s->idtr, 0);
	s->cpl = 0;
	svm->nmi_masked = false;
	svm->iret_seen = false;
	svm->step = false;
	svm->stepping = false;
	svm->unstepped = false;
	svm_dirty(svm, SVM_CLEAN_ALL);
}

void svm_cache_reg(struct aerie_vcpu *vcpu, enum aerie_reg reg)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	switch (reg) {
	case AERIE_REG_CR0:
		vcpu->regs[reg] = svm->vmcb->save.cr0 | svm->cr0_shadow;
		break;
	case AERIE_REG_CR3:
		vcpu->regs[reg] = svm->vmcb->save.cr3;
		break;
	case AERIE_REG_CR4:
		vcpu->regs[reg] = svm->cr4;
		break;
	case AERIE_REG_RSP:
		vcpu->regs[reg] = svm->vmcb->save.rsp;
		break;
	case AERIE_REG_RIP:
		vcpu->regs[reg] = svm->vmcb->save.rip;
		break;
	case AERIE_REG_RFLAGS:
		vcpu->regs[reg] = svm->vmcb->save.rflags;
		break;
	default:	/* switched at every entry and exit */
		break;
	}
	vcpu->regs_avail |= BIT(reg);
}

static void reg_cached(struct aerie_vcpu *vcpu, enum aerie_reg reg, u64 val)
{
	vcpu->regs[reg] = val;
	vcpu->regs_avail |= BIT(reg);
}

static struct svm_segment *segment(struct svm_vcpu *svm, enum aerie_seg seg)
{
	struct svm_save *s = &svm->vmcb->save;

	switch (seg) {
	case AERIE_SEG_ES:
		return &s->es;
	case AERIE_SEG_CS:
		return &s->cs;
	case AERIE_SEG_SS:
		return &s->ss;
	case AERIE_SEG_DS:
		return &s->ds;
	case AERIE_SEG_FS:
		return &s->fs;
	case AERIE_SEG_GS:
		return &s->gs;
	case AERIE_SEG_LDTR:
		return &s->ldtr;
	default:
		return &s->tr;
	}
}

void svm_seg_get(struct aerie_vcpu *vcpu, enum aerie_seg seg, struct aerie_segment *s)
{
	const struct svm_segment *hw = segment(to_svm(vcpu), seg);

	s->base = hw->base;
	s->limit = hw->limit;
	s->attr = svm_attr_from_hw(hw->attr, hw->limit);
	s->selector = hw->selector;
	/* Some processors show TR as not busy. */
	if (seg == AERIE_SEG_TR)
		s->attr |= 2;
	/* SYSRET leaves another DPL than the CPL in SS; the CPL is the truth. */
	if (seg == AERIE_SEG_SS)
		s->attr = (s->attr & ~AERIE_SEG_DPL) |
			  (u32)svm_cpl(vcpu) << AERIE_SEG_DPL_SHIFT;
}

void svm_seg_set(struct aerie_vcpu *vcpu, enum aerie_seg seg, const struct aerie_segment *s)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_segment *hw = segment(svm, seg);

	hw->base = s->base;
	hw->limit = s->limit;
	hw->attr = svm_attr_to_hw(s->attr);
	hw->selector = s->selector;
	if (seg == AERIE_SEG_SS)
		svm->vmcb->save.cpl = (s->attr & AERIE_SEG_DPL) >> AERIE_SEG_DPL_SHIFT;
	svm_dirty(svm, SVM_CLEAN_SEG);
}

u8 svm_cpl(struct aerie_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.cpl;
}

static void dtable_set(struct svm_vcpu *svm, struct svm_segment *hw,
		       const struct aerie_dtable *dt)
{
	hw->base = dt->base;
	hw->limit = dt->limit;
	svm_dirty(svm, SVM_CLEAN_DT);
}

void svm_gdt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt)
{
	const struct svm_segment *hw = &to_svm(vcpu)->vmcb->save.gdtr;

	*dt = (struct aerie_dtable){ .base = hw->base, .limit = hw->limit };
}

void svm_gdt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt)
{
	dtable_set(to_svm(vcpu), &to_svm(vcpu)->vmcb->save.gdtr, dt);
}

void svm_idt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt)
{
	const struct svm_segment *hw = &to_svm(vcpu)->vmcb->save.idtr;

	*dt = (struct aerie_dtable){ .base = hw->base, .limit = hw->limit };
}

void svm_idt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt)
{
	dtable_set(to_svm(vcpu), &to_svm(vcpu)->vmcb->save.idtr, dt);
}

void svm_cr0_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_save *s = &svm->vmcb->save;
	u64 old = s->cr0;

	val |= X86_CR0_ET;
	svm->cr0_shadow = val & CR0_SHADOWED;
	s->cr0 = val & ~CR0_SHADOWED;
	svm_dirty(svm, SVM_CLEAN_CR);
	svm_intercept(svm, INTERCEPT_CR0_READ, svm->cr0_shadow);
	svm_intercept(svm, INTERCEPT_CR0_WRITE, svm->cr0_shadow);
	reg_cached(vcpu, AERIE_REG_CR0, val);
	if ((old ^ s->cr0) & (X86_CR0_PG | X86_CR0_WP))
		svm_flush_tlb(vcpu);
}

void svm_cr3_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	svm->vmcb->save.cr3 = val;
	svm_dirty(svm, SVM_CLEAN_CR);
	reg_cached(vcpu, AERIE_REG_CR3, val);
	svm_flush_tlb(vcpu);
}

void svm_cr4_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 old = svm->cr4;

	svm->cr4 = val;
	svm->vmcb->save.cr4 = val | svm_caps.host_cr4_mce;
	svm_dirty(svm, SVM_CLEAN_CR);
	svm_intercept(svm, INTERCEPT_CR4_READ, svm->vmcb->save.cr4 != val);
	reg_cached(vcpu, AERIE_REG_CR4, val);
	if ((old ^ val) & CR4_FLUSHES)
		svm_flush_tlb(vcpu);
}

void svm_efer_set(struct aerie_vcpu *vcpu, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 old = vcpu->efer;

	vcpu->efer = val;
	svm->vmcb->save.efer = val | EFER_SVME;
	svm_dirty(svm, SVM_CLEAN_CR);
	if ((old ^ val) & (EFER_NX | EFER_LMA))
		svm_flush_tlb(vcpu);
}

u64 svm_dr7_get(struct aerie_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.dr7;
}

void svm_dr7_set(struct aerie_vcpu *vcpu, u64 val)
{
	to_svm(vcpu)->vmcb->save.dr7 = val;
	svm_dirty(to_svm(vcpu), SVM_CLEAN_DR);
}

u64 svm_dr6_get(struct aerie_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->save.dr6;
}

void svm_dr6_set(struct aerie_vcpu *vcpu, u64 val)
{
	to_svm(vcpu)->vmcb->save.dr6 = val;
	svm_dirty(to_svm(vcpu), SVM_CLEAN_DR);
}

void svm_dr_intercept(struct aerie_vcpu *vcpu, bool on)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	/* Reads and writes of DR0 to DR15. */
	svm->vmcb->control.intercept[INTERCEPT_DR] = on ? ~0u : 0;
	svm_dirty(svm, SVM_CLEAN_I);
}

void svm_tsc_offset_set(struct aerie_vcpu *vcpu, u64 offset)
{
	to_svm(vcpu)->vmcb->control.tsc_offset = offset;
	svm_dirty(to_svm(vcpu), SVM_CLEAN_I);
}

void svm_pat_set(struct aerie_vcpu *vcpu, u64 pat)
{
	to_svm(vcpu)->vmcb->save.g_pat = pat;
	svm_dirty(to_svm(vcpu), SVM_CLEAN_NP);
}

void svm_flush_tlb(struct aerie_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	if (svm_caps.flush_by_asid)
		svm->vmcb->control.tlb_control = TLB_CONTROL_FLUSH_ASID;
	else
		svm->asid_generation = 0;
}

void svm_flush_gva(struct aerie_vcpu *vcpu, gva_t gva)
{
	asm volatile("invlpga %%rax, %%ecx"
		     : : "a" (gva), "c" (to_svm(vcpu)->vmcb->control.asid));
}

/**
 * svm_asid_new() - give a vCPU an ASID that has no translations
 * @svm: about to enter on svm->cpu
 *
 * Context: loaded, interrupts off.
 */
void svm_asid_new(struct svm_vcpu *svm)
{
	struct svm_control *c = &svm->vmcb->control;
	struct svm_cpu *cpu = svm->cpu;

	if (cpu->asid_next >= svm_caps.nr_asids) {
		cpu->asid_generation++;
		cpu->asid_next = 1;
		c->tlb_control = TLB_CONTROL_FLUSH_ALL_ASID;
	}
	svm->asid_generation = cpu->asid_generation;
	c->asid = cpu->asid_next++;
	svm_dirty(svm, SVM_CLEAN_ASID);
}

#define CTL(member)	AERIE_FIELD(struct svm_vmcb, control.member)
#define SAV(member)	AERIE_FIELD(struct svm_vmcb, save.member)
#define SEG(member)	SAV(member.selector), SAV(member.attr), SAV(member.limit), \
			SAV(member.base)

static const struct aerie_field fields[] = {
	AERIE_FIELD_ARRAY(struct svm_vmcb, control.intercept),
	CTL(pause_threshold), CTL(pause_count), CTL(iopm_pa), CTL(msrpm_pa),
	CTL(tsc_offset), CTL(asid), CTL(tlb_control), CTL(int_ctl), CTL(int_vector),
	CTL(int_state), CTL(exit_code), CTL(exit_info_1), CTL(exit_info_2),
	CTL(exit_int_info), CTL(exit_int_error), CTL(np_control), CTL(avic_bar),
	CTL(ghcb_pa), CTL(event_inj), CTL(event_error), CTL(n_cr3), CTL(lbr_control),
	CTL(clean), CTL(next_rip), CTL(nr_insn),
	AERIE_FIELD_ARRAY(struct svm_vmcb, control.insn),
	CTL(avic_backing_page), CTL(avic_logical_table), CTL(avic_physical_table),
	SEG(es), SEG(cs), SEG(ss), SEG(ds), SEG(fs), SEG(gs),
	SEG(gdtr), SEG(ldtr), SEG(idtr), SEG(tr),
	SAV(cpl), SAV(efer), SAV(cr4), SAV(cr3), SAV(cr0), SAV(dr7), SAV(dr6),
	SAV(rflags), SAV(rip), SAV(rsp), SAV(s_cet), SAV(ssp), SAV(isst_addr), SAV(rax),
	SAV(star), SAV(lstar), SAV(cstar), SAV(sfmask), SAV(kernel_gs_base),
	SAV(sysenter_cs), SAV(sysenter_esp), SAV(sysenter_eip), SAV(cr2), SAV(g_pat),
	SAV(debugctl), SAV(br_from), SAV(br_to), SAV(last_exc_from), SAV(last_exc_to),
	SAV(spec_ctrl),
};

void svm_dump(struct aerie_vcpu *vcpu, struct seq_file *m)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	int i, j;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		const struct aerie_field *f = &fields[i];
		const void *p = (const void *)svm->vmcb + f->offset;

		seq_printf(m, "%-32s", f->name);
		for (j = 0; j < f->count; j++, p += f->size) {
			u64 val = 0;

			memcpy(&val, p, f->size);
			seq_printf(m, " 0x%0*llx", f->size * 2, val);
		}
		seq_putc(m, '\n');
	}
	seq_printf(m, "nmi: masked %d iret_seen %d step %d\n", svm->nmi_masked,
		   svm->iret_seen, svm->step);
}
