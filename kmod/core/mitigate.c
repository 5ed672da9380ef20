// SPDX-License-Identifier: GPL-2.0
/*
 * The table of mitigations: which are on, decided once from what the host does.
 *
 * The host kernel has chosen its mitigations before the module loads; Aerie
 * follows that choice and never goes beyond it, so mitigations=off turns off
 * everything that costs anything. Only processor feature bits and the exported
 * cpu_mitigations_off() are looked at: the kernel's own switches are not for
 * every module to read.
 */
#include <linux/cpu.h>
#include <linux/percpu.h>
#include <asm/cpufeature.h>

#include "aerie.h"
#include "compat.h"
#include "control.h"
#include "core/mitigate.h"

#define X(flag, name, where) bool aerie_mit_##flag __ro_after_init;
AERIE_MITIGATIONS(X)
#undef X

enum {
#define X(flag, name, where) MIT_##flag,
	AERIE_MITIGATIONS(X)
#undef X
	NR_MITIGATIONS
};

static struct aerie_mitigation mitigations[NR_MITIGATIONS + 1] __ro_after_init;

/*
 * The vCPU that ran last on this processor: VM and vCPU number, plus one so that
 * 0 is nobody. Not a pointer: memory of a destroyed vCPU is used again.
 */
static DEFINE_PER_CPU(u64, mitigate_last);

void aerie_ibpb(void)
{
	wrmsrq(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

void aerie_mitigate_switch(const struct aerie_vcpu *vcpu)
{
	u64 self = ((u64)vcpu->vm->id << 32 | vcpu->id) + 1;

	if (this_cpu_read(mitigate_last) == self)
		return;
	this_cpu_write(mitigate_last, self);
	aerie_ibpb();
}

static void __init mitigation_set(int i, const char *name, const char *where, bool active)
{
	mitigations[i] = (struct aerie_mitigation){
		.name = name, .where = where, .active = active,
	};
}

void __init aerie_mitigations_init(void)
{
	bool on = !cpu_mitigations_off();
	bool intel = boot_cpu_has(X86_FEATURE_VMX);

	aerie_mit_clear_regs = true;	/* costs less than to ask */
	aerie_mit_rsb_fill = boot_cpu_has(X86_FEATURE_RSB_VMEXIT) ||
			     boot_cpu_has(X86_FEATURE_RSB_VMEXIT_LITE);
	aerie_mit_untrain_ret = boot_cpu_has(X86_FEATURE_UNRET) ||
				boot_cpu_has(X86_FEATURE_SRSO_ALIAS);
	aerie_mit_ibpb_exit = boot_cpu_has(X86_FEATURE_ENTRY_IBPB) ||
			      boot_cpu_has(X86_FEATURE_IBPB_ON_VMEXIT);
	aerie_mit_ibpb_switch = on && compat_use_ibpb();
	aerie_mit_ibpb_put = on && compat_ibpb_exit_to_user();
	aerie_mit_verw_entry = compat_clear_cpu_buf_vm() ||
			       (intel && compat_clear_cpu_buf());
	aerie_mit_bhb_clear = intel && compat_clear_bhb_vmexit();
	aerie_mit_ibrs = intel && boot_cpu_has(X86_FEATURE_KERNEL_IBRS);
	aerie_mit_l1d_flush = boot_cpu_has_bug(X86_BUG_L1TF) && compat_l1d_flush() &&
			      boot_cpu_has(X86_FEATURE_FLUSH_L1D);
	aerie_mit_ept_4k = on && boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT);

#define X(flag, name, where) mitigation_set(MIT_##flag, name, where, aerie_mit_##flag);
	AERIE_MITIGATIONS(X)
#undef X
}

const struct aerie_mitigation *aerie_mitigations(void)
{
	return mitigations;
}
