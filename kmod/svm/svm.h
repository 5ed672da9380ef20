/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of svm/ share: the vCPU with its VMCB, the processor, capabilities. */
#ifndef AERIE_SVM_SVM_H
#define AERIE_SVM_SVM_H

#include <linux/compiler.h>
#include <linux/irq_work.h>
#include <linux/percpu.h>
#include <asm/svm.h>

#include "backend.h"
#include "svm/vmcb.h"

struct seq_file;

/* CPUID 8000_000A, read by setup. */
struct svm_caps {
	u32 nr_asids;
	bool nrips;		/* next_rip is kept */
	bool decode_assists;	/* CR and DR operands, instruction bytes */
	bool flush_by_asid;
	bool clean_bits;
	bool pause_filter;
	bool pause_threshold;
	bool lbr_virt;
	bool tsc_aux;		/* RDTSCP or RDPID: MSR_TSC_AUX exists */
	u64 host_cr4_mce;	/* machine checks stay on while a guest runs */
};

extern struct svm_caps svm_caps;

/*
 * One processor. ASIDs are handed out in order; when they run out, or another
 * use of the processor may have left translations, the generation goes up, the
 * next entry flushes all, and whoever has an ASID of an older generation takes
 * a new one.
 */
struct svm_cpu {
	u64 asid_generation;	/* from 1 */
	u32 asid_next;
	void *hsave;		/* the processor keeps host state here (VM_HSAVE_PA) */
	void *host;		/* VMSAVE and VMLOAD keep the rest of it here */
	hpa_t host_pa;
	u64 tsc_aux;		/* the host's, constant */
};

DECLARE_PER_CPU(struct svm_cpu, svm_cpu);

struct svm_vcpu {
	struct aerie_vcpu vcpu;		/* must be first */
	struct svm_vmcb *vmcb;
	hpa_t vmcb_pa;
	struct svm_cpu *cpu;		/* processor it ran on last */
	u64 asid_generation;		/* of vmcb->control.asid, on @cpu */
	u64 cr0_shadow;			/* CD and NW as the guest believes them */
	u64 cr4;			/* CR4 as the guest believes it */

	/* NMI blocking and the hidden single step, see event.c */
	bool nmi_masked;		/* between NMI delivery and the end of IRET */
	bool iret_seen;			/* about to execute that IRET, at @iret_rip */
	bool step;			/* exit after one instruction is wanted */
	bool stepping;			/* the entry was made with TF for that */
	bool step_tf;			/* the guest had TF itself */
	bool unstepped;			/* the next instruction is not to be stepped over */
	struct irq_work exit_soon;	/* interrupts this processor, which is all */
	u64 iret_rip;
	u64 step_rip;
	u64 step_dr6;			/* DR6 bits put aside meanwhile */
};

static inline struct svm_vcpu *to_svm(struct aerie_vcpu *vcpu)
{
	return container_of(vcpu, struct svm_vcpu, vcpu);
}

/* Something under the clean bits @bits has been written. */
static inline void svm_dirty(struct svm_vcpu *svm, u32 bits)
{
	svm->vmcb->control.clean &= ~bits;
}

static inline bool svm_intercepts(const struct svm_vcpu *svm, unsigned int bit)
{
	return svm->vmcb->control.intercept[bit / 32] & BIT(bit % 32);
}

/* Turn the intercept INTERCEPT_* on or off. */
static inline void svm_intercept(struct svm_vcpu *svm, unsigned int bit, bool on)
{
	u32 *word = &svm->vmcb->control.intercept[bit / 32];
	u32 val = on ? *word | BIT(bit % 32) : *word & ~BIT(bit % 32);

	if (*word == val)
		return;
	*word = val;
	svm_dirty(svm, SVM_CLEAN_I);
}

/* Why VM_CR, which is the firmware's, forbids SVM; or NULL. */
static inline const char *svm_disabled(u64 vm_cr)
{
	if (!(vm_cr & SVM_VM_CR_SVM_DIS_MASK))
		return NULL;
	return vm_cr & SVM_VM_CR_SVM_LOCK_MASK ?
		"the firmware has disabled SVM and locked that; enable it in the firmware's setup (SVM mode)" :
		"the firmware has disabled SVM; enable it in the firmware's setup (SVM mode)";
}

/* enter.S: run the guest with interrupts off; @regs is vcpu->regs. */
void svm_vmrun(hpa_t vmcb_pa, u64 *regs, hpa_t host_pa);
/* Parts of that, alone: the guest's FS, GS and so on in and out, then the host's in. */
void svm_host_state(hpa_t vmcb_pa, hpa_t host_pa);
void svm_mitigations(void);

/* decode.c: pure */
void svm_decode(const struct svm_vmcb *vmcb, bool assists, struct aerie_exit *exit);
void svm_decode_event(const struct svm_vmcb *vmcb, struct aerie_event *event);

/**
 * svm_decode_fault() - what a nested page fault says
 * @c: after #VMEXIT
 * @assists: the processor has decode assists
 * @exit: its @fault is filled
 *
 * Return: false for a reserved bit set in a nested table, a fault of ours.
 */
static __always_inline bool svm_decode_fault(const struct svm_control *c, bool assists,
					     struct aerie_exit *exit)
{
	const u64 info = c->exit_info_1;

	exit->fault.gpa = c->exit_info_2;
	exit->fault.gva_valid = false;
	exit->fault.walk = info & SVM_NPF_WALK;
	exit->fault.acc = (info & SVM_NPF_WRITE ? AERIE_ACC_WRITE : 0) |
			  (info & SVM_NPF_FETCH ? AERIE_ACC_FETCH : 0);
	exit->fault.nr_insn = 0;
	if (assists && c->nr_insn <= sizeof(c->insn)) {
		exit->fault.nr_insn = c->nr_insn;
		memcpy(exit->fault.insn, c->insn, sizeof(c->insn));
	}
	return !(info & SVM_NPF_RSVD);
}

/* exit.c */
int svm_enter(struct aerie_vcpu *vcpu, struct aerie_exit *exit);
int svm_cost(struct aerie_vcpu *vcpu, struct aerie_cost *cost);
const char *svm_reason_name(u32 hw_reason);

/* event.c */
void svm_step_begin(struct svm_vcpu *svm);
void svm_track(struct svm_vcpu *svm, struct aerie_exit *exit);
void svm_inject(struct aerie_vcpu *vcpu, const struct aerie_event *event);
bool svm_irq_ready(struct aerie_vcpu *vcpu);
bool svm_nmi_ready(struct aerie_vcpu *vcpu);
void svm_want_irq_window(struct aerie_vcpu *vcpu, bool on);
void svm_want_nmi_window(struct aerie_vcpu *vcpu, bool on);
u32 svm_shadow_get(struct aerie_vcpu *vcpu);
void svm_shadow_set(struct aerie_vcpu *vcpu, u32 shadow);
void svm_pend_single_step(struct aerie_vcpu *vcpu);
void svm_cr8_set(struct aerie_vcpu *vcpu, u8 cr8);
void svm_want_cr8_window(struct aerie_vcpu *vcpu, u8 threshold);

/* vmcb.c */
void svm_vcpu_reset(struct aerie_vcpu *vcpu);
void svm_cache_reg(struct aerie_vcpu *vcpu, enum aerie_reg reg);
void svm_seg_get(struct aerie_vcpu *vcpu, enum aerie_seg seg, struct aerie_segment *s);
void svm_seg_set(struct aerie_vcpu *vcpu, enum aerie_seg seg, const struct aerie_segment *s);
u8 svm_cpl(struct aerie_vcpu *vcpu);
void svm_gdt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt);
void svm_gdt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt);
void svm_idt_get(struct aerie_vcpu *vcpu, struct aerie_dtable *dt);
void svm_idt_set(struct aerie_vcpu *vcpu, const struct aerie_dtable *dt);
void svm_cr0_set(struct aerie_vcpu *vcpu, u64 val);
void svm_cr3_set(struct aerie_vcpu *vcpu, u64 val);
void svm_cr4_set(struct aerie_vcpu *vcpu, u64 val);
void svm_efer_set(struct aerie_vcpu *vcpu, u64 val);
u64 svm_dr7_get(struct aerie_vcpu *vcpu);
void svm_dr7_set(struct aerie_vcpu *vcpu, u64 val);
u64 svm_dr6_get(struct aerie_vcpu *vcpu);
void svm_dr6_set(struct aerie_vcpu *vcpu, u64 val);
void svm_dr_intercept(struct aerie_vcpu *vcpu, bool on);
void svm_tsc_offset_set(struct aerie_vcpu *vcpu, u64 offset);
void svm_pat_set(struct aerie_vcpu *vcpu, u64 pat);
void svm_flush_tlb(struct aerie_vcpu *vcpu);
void svm_flush_gva(struct aerie_vcpu *vcpu, gva_t gva);
void svm_asid_new(struct svm_vcpu *svm);
void svm_dump(struct aerie_vcpu *vcpu, struct seq_file *m);

/* check.c */
const char *svm_vmcb_check(const struct svm_vmcb *vmcb, u32 phys_bits);

/* msr.c */
extern hpa_t svm_msrpm_pa, svm_iopm_pa;
int svm_bitmaps_create(void);
void svm_bitmaps_destroy(void);
int svm_msr_get(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int svm_msr_set(struct aerie_vcpu *vcpu, u32 msr, u64 val);

#endif
