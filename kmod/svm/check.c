// SPDX-License-Identifier: GPL-2.0
/* What VMRUN would refuse (APM, Canonicalization and Consistency Checks), as text. */
#include <linux/bitops.h>
#include <asm/page.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>
#include <asm/msr-index.h>

#include "svm/svm.h"

#define CR4_KNOWN	(X86_CR4_VME | X86_CR4_PVI | X86_CR4_TSD | X86_CR4_DE | X86_CR4_PSE | \
			 X86_CR4_PAE | X86_CR4_MCE | X86_CR4_PGE | X86_CR4_PCE |		\
			 X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_UMIP | X86_CR4_LA57 |	\
			 X86_CR4_FSGSBASE | X86_CR4_PCIDE | X86_CR4_OSXSAVE | X86_CR4_SMEP |	\
			 X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_CET)
#define EFER_KNOWN	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NX | EFER_SVME | EFER_LMSLE | \
			 EFER_FFXSR | BIT(15) | BIT(17) | BIT(18) | BIT(20) | BIT(21))

#define ATTR_L	(AERIE_SEG_L >> 4)
#define ATTR_DB	(AERIE_SEG_DB >> 4)

static bool intercepted(const struct svm_control *c, unsigned int bit)
{
	return c->intercept[bit / 32] & BIT(bit % 32);
}

static const char *check_injection(u32 inj)
{
	const u32 type = inj & SVM_EVTINJ_TYPE_MASK;
	const u8 vector = inj & SVM_EVTINJ_VEC_MASK;

	if (!(inj & SVM_EVTINJ_VALID))
		return NULL;
	switch (type) {
	case SVM_EVTINJ_TYPE_INTR:
	case SVM_EVTINJ_TYPE_NMI:
	case SVM_EVTINJ_TYPE_SOFT:
		return NULL;
	case SVM_EVTINJ_TYPE_EXEPT:
		if (vector == 2 || vector > 31)
			return "EVENTINJ holds no exception's vector";
		return NULL;
	default:
		return "EVENTINJ has a reserved type";
	}
}

static const char *check_mode(const struct svm_save *s)
{
	if (!(s->efer & EFER_LME) || !(s->cr0 & X86_CR0_PG))
		return NULL;
	if (!(s->cr4 & X86_CR4_PAE))
		return "EFER.LME and CR0.PG without CR4.PAE";
	if (!(s->cr0 & X86_CR0_PE))
		return "EFER.LME and CR0.PG without CR0.PE";
	if ((s->cs.attr & ATTR_L) && (s->cs.attr & ATTR_DB))
		return "CS.L and CS.D in long mode";
	return NULL;
}

/**
 * svm_vmcb_check() - would VMRUN refuse this VMCB?
 * @vmcb: ready for VMRUN
 * @phys_bits: MAXPHYADDR of the processor
 *
 * Context: any. Pure.
 * Return: the rule that is broken, or NULL.
 */
const char *svm_vmcb_check(const struct svm_vmcb *vmcb, u32 phys_bits)
{
	const struct svm_control *c = &vmcb->control;
	const struct svm_save *s = &vmcb->save;
	const char *rule;

	if (!(s->efer & EFER_SVME))
		return "EFER.SVME is 0";
	if (s->efer & ~(u64)EFER_KNOWN)
		return "EFER has reserved bits";
	if ((s->cr0 & X86_CR0_NW) && !(s->cr0 & X86_CR0_CD))
		return "CR0.NW without CR0.CD";
	if (s->cr0 >> 32)
		return "CR0 has bits above 31";
	if ((s->cr0 & X86_CR0_PG) && !(s->cr0 & X86_CR0_PE))
		return "CR0.PG without CR0.PE";
	if ((s->efer & EFER_LMA) && s->cr3 >> phys_bits)
		return "CR3 has reserved bits";
	if (s->cr4 & ~(u64)CR4_KNOWN)
		return "CR4 has reserved bits";
	if ((s->cr4 & X86_CR4_CET) && !(s->cr0 & X86_CR0_WP))
		return "CR4.CET without CR0.WP";
	if (s->dr6 >> 32)
		return "DR6 has bits above 31";
	if (s->dr7 >> 32)
		return "DR7 has bits above 31";
	rule = check_mode(s);
	if (rule)
		return rule;
	if (!intercepted(c, INTERCEPT_VMRUN))
		return "the VMRUN intercept is clear";
	if ((c->msrpm_pa + 0x2000) >> phys_bits || (c->iopm_pa + 0x3000) >> phys_bits)
		return "a permission map lies beyond physical memory";
	if (!c->asid || c->asid >= svm_caps.nr_asids)
		return "the ASID is 0 or more than there are";
	if (!(c->np_control & SVM_NP_ENABLE) || !c->n_cr3)
		return "nested paging is off";
	return check_injection(c->event_inj);
}
