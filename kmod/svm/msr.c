// SPDX-License-Identifier: GPL-2.0
/*
 * The permission maps, and the MSRs that VMLOAD and VMSAVE switch.
 *
 * All VMs have the same policy, so there is one MSR map (all intercepted but for
 * the core's list) and one I/O map (all intercepted). The processor keeps the
 * guest's values of the listed MSRs in the VMCB's state save area: after an exit
 * they are current there, and what is written there is loaded at the next entry.
 */
#include <linux/gfp.h>
#include <linux/mem_encrypt.h>
#include <linux/string.h>
#include <asm/io.h>
#include <asm/msr-index.h>

#include "compat.h"
#include "core/policy.h"
#include "svm/bitmap.h"
#include "svm/svm.h"

#define MSRPM_ORDER	1	/* 8 KiB, two bits an MSR */
#define IOPM_ORDER	2	/* 12 KiB used */

hpa_t svm_msrpm_pa, svm_iopm_pa;
static void *msrpm, *iopm;

int svm_bitmaps_create(void)
{
	const u32 *msr;

	msrpm = (void *)__get_free_pages(GFP_KERNEL, MSRPM_ORDER);
	iopm = (void *)__get_free_pages(GFP_KERNEL, IOPM_ORDER);
	if (!msrpm || !iopm) {
		svm_bitmaps_destroy();
		return -ENOMEM;
	}
	memset(msrpm, 0xff, PAGE_SIZE << MSRPM_ORDER);
	memset(iopm, 0xff, PAGE_SIZE << IOPM_ORDER);
	for (msr = aerie_msr_passthrough; *msr; msr++)
		svm_msrpm_pass(msrpm, *msr);
	svm_msrpm_pa = __sme_set(__pa(msrpm));
	svm_iopm_pa = __sme_set(__pa(iopm));
	return 0;
}

void svm_bitmaps_destroy(void)
{
	free_pages((unsigned long)msrpm, MSRPM_ORDER);
	free_pages((unsigned long)iopm, IOPM_ORDER);
	msrpm = NULL;
	iopm = NULL;
}

/* Where the VMCB keeps an MSR, or NULL. */
static u64 *msr_slot(struct svm_save *save, u32 msr)
{
	switch (msr) {
	case MSR_FS_BASE:		return &save->fs.base;
	case MSR_GS_BASE:		return &save->gs.base;
	case MSR_KERNEL_GS_BASE:	return &save->kernel_gs_base;
	case MSR_STAR:			return &save->star;
	case MSR_LSTAR:			return &save->lstar;
	case MSR_CSTAR:			return &save->cstar;
	case MSR_SYSCALL_MASK:		return &save->sfmask;
	case MSR_IA32_SYSENTER_CS:	return &save->sysenter_cs;
	case MSR_IA32_SYSENTER_ESP:	return &save->sysenter_esp;
	case MSR_IA32_SYSENTER_EIP:	return &save->sysenter_eip;
	case MSR_IA32_DEBUGCTLMSR:	return &save->debugctl;
	default:			return NULL;
	}
}

int svm_msr_get(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	const u64 *slot = msr_slot(&to_svm(vcpu)->vmcb->save, msr);

	if (msr == MSR_TSC_AUX) {
		*val = vcpu->tsc_aux;
		return 0;
	}
	if (!slot)
		return -ENOENT;
	*val = *slot;
	return 0;
}

int svm_msr_set(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	u64 *slot = msr_slot(&svm->vmcb->save, msr);

	/* Not switched by VMLOAD: load and put do it. */
	if (msr == MSR_TSC_AUX) {
		if (svm_caps.tsc_aux)
			wrmsrq(MSR_TSC_AUX, val);
		return 0;
	}
	if (!slot)
		return -ENOENT;
	*slot = val;
	if (msr == MSR_IA32_DEBUGCTLMSR && svm_caps.lbr_virt) {
		/* Only with LBR virtualization is it the guest's own. */
		svm->vmcb->control.lbr_control = val ? SVM_LBR_ENABLE : 0;
		svm_dirty(svm, SVM_CLEAN_LBR);
	}
	return 0;
}
