// SPDX-License-Identifier: GPL-2.0
/*
 * Events into the guest, and the windows in which it can take them.
 *
 * Interrupt window: a virtual interrupt (V_IRQ) of highest priority with the
 * VINTR intercept. It exits as soon as the guest could take an interrupt and is
 * never delivered.
 *
 * NMI window: nothing in the base architecture tells when NMIs are unblocked, so
 * it is followed by hand:
 *
 *	unmasked --NMI injected--> masked --IRET intercept--> iret_seen
 *	    ^                                                     |
 *	    +---------- an exit with RIP no longer on it ---------+
 *
 * The intercept comes before the IRET executes, and NMIs are blocked until it
 * has. An NMI that waits for that end, or for the end of an STI or MOV SS
 * shadow, is given an exit after exactly one instruction: TF is set behind the
 * guest's back, and the #DB, which is always intercepted, is not the guest's.
 * DR6 bits are put aside over the step, so that those set by it can be told. An
 * IRET loads RFLAGS: what TF is after it is the guest's own business again.
 *
 * What an instruction in a shadow could see or lose by that, TF and DR6, makes
 * it exit instead: it is executed without the step, and the NMI waits for the
 * exit after that, a tick at the most.
 *
 * An NMI that waits only because another event goes in with this entry needs no
 * step: an interrupt of this processor, posted with interrupts off, ends the
 * guest's turn when the event has been delivered.
 *
 * Software interrupts and INT3, INTO cut off by an exit are executed again: RIP
 * is still on the instruction, and nothing of it has happened.
 */
#include <linux/percpu.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include <asm/svm.h>
#include <asm/trapnr.h>

#include "svm/svm.h"

/* DR6 bits put aside over a hidden step. */
#define STEP_DR6	(DR_STEP | DR_TRAP_BITS)

/* Instructions that save TF, or load another: not to be stepped over. MOV DR as well. */
static const u8 tf_intercepts[] = {
	INTERCEPT_PUSHF, INTERCEPT_POPF, INTERCEPT_INTn, INTERCEPT_IRET,
};

static void step_guard(struct svm_vcpu *svm, bool on)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(tf_intercepts); i++)
		svm_intercept(svm, tf_intercepts[i], on);
	svm_dr_intercept(&svm->vcpu, on || !svm->vcpu.dr_dirty);
}

/**
 * svm_step_begin() - see that an exit follows this entry as soon as it can
 * @svm: about to be entered, with an NMI that waits
 *
 * Context: loaded, interrupts off.
 */
void svm_step_begin(struct svm_vcpu *svm)
{
	struct svm_save *save = &svm->vmcb->save;

	if (svm->vmcb->control.event_inj & SVM_EVTINJ_VALID || svm->unstepped) {
		if (!svm->unstepped)
			irq_work_queue(&svm->exit_soon);
		svm->unstepped = false;
		svm->vcpu.check_events = true;
		return;
	}
	/* Of an IRET it is known what it does. */
	if (!svm->iret_seen)
		step_guard(svm, true);
	svm->stepping = true;
	svm->step_rip = save->rip;
	svm->step_tf = save->rflags & X86_EFLAGS_TF;
	svm->step_dr6 = save->dr6 & STEP_DR6;
	save->rflags |= X86_EFLAGS_TF;
	save->dr6 &= ~(u64)STEP_DR6;
	svm_dirty(svm, SVM_CLEAN_DR);
}

/* Take back TF and DR6 after an entry with a hidden step. */
static void step_end(struct svm_vcpu *svm, struct aerie_exit *exit)
{
	struct svm_save *save = &svm->vmcb->save;
	u64 *rflags = &svm->vcpu.regs[AERIE_REG_RFLAGS];
	u64 dr6 = save->dr6;
	bool executed_iret = svm->iret_seen && save->rip != svm->step_rip;

	svm->stepping = false;
	if (!svm->iret_seen)
		step_guard(svm, false);
	switch (exit->hw_reason) {
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR7:
	case SVM_EXIT_PUSHF:
	case SVM_EXIT_POPF:
	case SVM_EXIT_IRET:
	case SVM_EXIT_SWINT:
		svm->unstepped = true;
		exit->kind = AERIE_EXIT_NMI_WINDOW;
	}
	if (!svm->step_tf && !executed_iret)
		*rflags &= ~(u64)X86_EFLAGS_TF;
	if (exit->kind == AERIE_EXIT_EXCEPTION && exit->exc.vector == X86_TRAP_DB &&
	    !svm->step_tf) {
		svm->step = false;
		dr6 &= ~(u64)DR_STEP;
		exit->exc.payload = dr6 & SVM_DR6_EVENTS;
		if (!exit->exc.payload)
			exit->kind = AERIE_EXIT_NMI_WINDOW;
	}
	save->dr6 = dr6 | svm->step_dr6;
	svm_dirty(svm, SVM_CLEAN_DR);
}

/**
 * svm_track() - follow NMI blocking and the hidden step over an exit
 * @svm: has an NMI blocked or was entered with a hidden step
 * @exit: decoded; the step's #DB becomes NMI_WINDOW
 *
 * Context: loaded, interrupts off.
 */
void svm_track(struct svm_vcpu *svm, struct aerie_exit *exit)
{
	u64 rip = svm->vmcb->save.rip;

	if (svm->stepping)
		step_end(svm, exit);
	if (svm->iret_seen && rip != svm->iret_rip) {
		svm->iret_seen = false;
		svm->nmi_masked = false;
		svm->step = false;
	}
	if (exit->hw_reason == SVM_EXIT_IRET && svm->nmi_masked) {
		svm->iret_seen = true;
		svm->iret_rip = rip;
		svm_intercept(svm, INTERCEPT_IRET, false);
	}
}

void svm_inject(struct aerie_vcpu *vcpu, const struct aerie_event *event)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;
	u32 inj = SVM_EVTINJ_VALID | event->vector;

	switch (event->type) {
	case AERIE_EVENT_EXTINT:
		inj |= SVM_EVTINJ_TYPE_INTR;
		break;
	case AERIE_EVENT_NMI:
		inj |= SVM_EVTINJ_TYPE_NMI;
		svm->nmi_masked = true;
		svm->iret_seen = false;
		svm_intercept(svm, INTERCEPT_IRET, true);
		break;
	case AERIE_EVENT_EXCEPTION:
		inj |= SVM_EVTINJ_TYPE_EXEPT;
		if (event->has_error) {
			inj |= SVM_EVTINJ_VALID_ERR;
			c->event_error = event->error;
		}
		break;
	default:
		return;
	}
	c->event_inj = inj;
}

bool svm_irq_ready(struct aerie_vcpu *vcpu)
{
	return vcpu->regs[AERIE_REG_RFLAGS] & X86_EFLAGS_IF && !svm_shadow_get(vcpu);
}

bool svm_nmi_ready(struct aerie_vcpu *vcpu)
{
	return !to_svm(vcpu)->nmi_masked && !svm_shadow_get(vcpu);
}

void svm_want_irq_window(struct aerie_vcpu *vcpu, bool on)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;

	if (svm_intercepts(svm, INTERCEPT_VINTR) == on)
		return;
	svm_intercept(svm, INTERCEPT_VINTR, on);
	c->int_ctl &= ~V_IRQ_INJECTION_BITS_MASK;
	if (on)
		c->int_ctl |= V_IRQ_INJECTION_BITS_MASK;
	svm_dirty(svm, SVM_CLEAN_TPR);
}

void svm_want_nmi_window(struct aerie_vcpu *vcpu, bool on)
{
	struct svm_vcpu *svm = to_svm(vcpu);

	/* While masked and away from IRET, the intercept will come. */
	svm->step = on && (!svm->nmi_masked || svm->iret_seen);
}

/* SVM has one shadow; which of the two instructions it was cannot be told. */
u32 svm_shadow_get(struct aerie_vcpu *vcpu)
{
	return to_svm(vcpu)->vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK;
}

void svm_shadow_set(struct aerie_vcpu *vcpu, u32 shadow)
{
	u32 *state = &to_svm(vcpu)->vmcb->control.int_state;

	*state &= ~(u32)SVM_INTERRUPT_SHADOW_MASK;
	if (shadow)
		*state |= SVM_INTERRUPT_SHADOW_MASK;
}

/* There is no field for pending debug exceptions: it goes in with the next entry. */
void svm_pend_single_step(struct aerie_vcpu *vcpu)
{
	if (vcpu->exception.type)
		return;
	vcpu->exception = (struct aerie_event){
		.type = AERIE_EVENT_EXCEPTION,
		.vector = X86_TRAP_DB,
		.payload = DR_STEP,
	};
}

void svm_cr8_set(struct aerie_vcpu *vcpu, u8 cr8)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct svm_control *c = &svm->vmcb->control;

	c->int_ctl = (c->int_ctl & ~V_TPR_MASK) | (cr8 & V_TPR_MASK);
	svm_dirty(svm, SVM_CLEAN_TPR);
}

/* No threshold in hardware: every write exits while one is wanted. */
void svm_want_cr8_window(struct aerie_vcpu *vcpu, u8 threshold)
{
	svm_intercept(to_svm(vcpu), INTERCEPT_CR8_WRITE, threshold);
}
