// SPDX-License-Identifier: GPL-2.0
/*
 * Entry and exit: registers between vcpu->regs and the VMCB, around enter.S.
 *
 * RAX, RSP, RIP and RFLAGS are copied at every entry and exit, the other general
 * registers are switched by the assembly. CR0 and CR3 change without an exit and
 * are read from the VMCB when somebody asks; CR4 changes by an exit only.
 */
#include <linux/bitops.h>
#include <linux/static_key.h>
#include <asm/page.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>
#include <asm/trapnr.h>

#include "control.h"
#include "core/check.h"
#include "dev/lapic.h"
#include "svm/svm.h"
#include "uapi.h"

/* enter.S has these numbers spelled out. */
static_assert(AERIE_REG_RCX == 1 && AERIE_REG_RDX == 2 && AERIE_REG_RBX == 3);
static_assert(AERIE_REG_RBP == 5 && AERIE_REG_RSI == 6 && AERIE_REG_RDI == 7);
static_assert(AERIE_REG_R8 == 8 && AERIE_REG_R15 == 15);
static_assert(sizeof(((struct aerie_vcpu *)0)->regs[0]) == 8);

/* What of regs[] is current after an exit. */
#define REGS_AFTER_EXIT						\
	(GENMASK(AERIE_NR_REGS - 1, 0) & ~(BIT(AERIE_REG_CR0) | BIT(AERIE_REG_CR3)))

/* The entry would fail, or worse: say why and end the VM. */
static noinline int enter_refused(struct svm_vcpu *svm, const char *rule)
{
	aerie_vm_kill(svm->vcpu.vm, AERIE_STOP_HOST, "vCPU %u: VMCB not consistent: %s",
		      svm->vcpu.id, rule);
	return -EINVAL;
}

int svm_enter(struct aerie_vcpu *vcpu)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;
	struct svm_save *save = &svm->vmcb->save;

	if (unlikely(svm->asid_generation != svm->cpu->asid_generation))
		svm_asid_new(svm);
	save->rax = vcpu->regs[AERIE_REG_RAX];
	save->rsp = vcpu->regs[AERIE_REG_RSP];
	save->rip = vcpu->regs[AERIE_REG_RIP];
	save->rflags = vcpu->regs[AERIE_REG_RFLAGS];
	if (save->cr2 != vcpu->cr2) {
		save->cr2 = vcpu->cr2;
		svm_dirty(svm, SVM_CLEAN_CR2);
	}
	if (unlikely(svm->step) && !(c->event_inj & SVM_EVTINJ_VALID))
		svm_step_begin(svm);
	if (static_branch_unlikely(&aerie_check_entry)) {
		const char *rule = svm_vmcb_check(svm->vmcb, boot_cpu_data.x86_phys_bits);

		if (rule)
			return enter_refused(svm, rule);
	}

	svm_vmrun(svm->vmcb_pa, vcpu->regs, svm->cpu->host_pa);

	c->clean = SVM_CLEAN_ALL;
	c->tlb_control = TLB_CONTROL_DO_NOTHING;
	c->event_inj = 0;
	vcpu->regs[AERIE_REG_RAX] = save->rax;
	vcpu->regs[AERIE_REG_RSP] = save->rsp;
	vcpu->regs[AERIE_REG_RIP] = save->rip;
	vcpu->regs[AERIE_REG_RFLAGS] = save->rflags;
	vcpu->cr2 = save->cr2;
	vcpu->regs_avail = REGS_AFTER_EXIT;
	vcpu->regs_dirty = 0;
	return 0;
}

/*
 * A machine check came while the guest ran. The intercept took it from the
 * guest, and with that from the host's handler, which is called here as the
 * processor would.
 */
static void machine_check(void)
{
	asm volatile("int $18");
}

void svm_decode_exit(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;
	u8 cr8 = c->int_ctl & V_TPR_MASK;

	svm_decode(svm->vmcb, svm_caps.decode_assists, exit);
	if (unlikely(c->exit_int_info & SVM_EXITINTINFO_VALID))
		svm_decode_event(svm->vmcb, &vcpu->reinject);
	else
		vcpu->reinject.type = AERIE_EVENT_NONE;
	if (unlikely(svm->nmi_masked || svm->stepping))
		svm_track(svm, exit);
	if (unlikely(cr8 != vcpu->hw_cr8)) {
		vcpu->hw_cr8 = cr8;
		aerie_lapic_set_cr8(vcpu, cr8);
	}
	if (unlikely(exit->hw_reason == SVM_EXIT_EXCP_BASE + X86_TRAP_MC))
		machine_check();
}

/* The names are the kernel's; exceptions and codes it has no name for follow. */
static const struct {
	u64 code;
	const char *name;
} reasons[] = {
	SVM_EXIT_REASONS,
	{ SVM_EXIT_MWAIT_COND,	"mwait_cond" },
	{ SVM_EXIT_RDPRU,	"rdpru" },
};

const char *svm_reason_name(u32 hw_reason)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(reasons); i++) {
		if ((u32)reasons[i].code == hw_reason)
			return reasons[i].name;
	}
	if (hw_reason >= SVM_EXIT_EXCP_BASE && hw_reason <= SVM_EXIT_LAST_EXCP)
		return "reserved excp";
	return "unknown";
}
