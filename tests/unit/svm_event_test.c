// SPDX-License-Identifier: GPL-2.0
/* SVM: injection, windows, NMI blocking and the hidden single step. */
// sources: kmod/svm/event.c
#include "shim.h"
#include <asm/svm.h>
#include "svm/svm.h"
#include "ktap.h"

#define TF	0x100ull
#define IF	0x200ull
#define BS	0x4000ull

static struct svm_vcpu svm;
static struct svm_vmcb vmcb;
static struct aerie_vcpu *const vcpu = &svm.vcpu;

static bool dr_intercepted;

void svm_dr_intercept(struct aerie_vcpu *v, bool on)
{
	dr_intercepted = on;
}

static void setup(void)
{
	memset(&svm, 0, sizeof(svm));
	memset(&vmcb, 0, sizeof(vmcb));
	svm.vmcb = &vmcb;
	vmcb.control.clean = SVM_CLEAN_ALL;
	vmcb.save.dr6 = SVM_DR6_RESET;
	vmcb.save.rip = 0x1000;
	vcpu->regs[AERIE_REG_RFLAGS] = 2 | IF;
}

static void inject(u8 type, u8 vector, bool has_error, u32 error)
{
	const struct aerie_event ev = {
		.type = type, .vector = vector, .has_error = has_error, .error = error,
	};

	svm_inject(vcpu, &ev);
}

/* As svm_enter() does, up to VMRUN. */
static void enter(void)
{
	vmcb.save.rflags = vcpu->regs[AERIE_REG_RFLAGS];
	if (svm.step)
		svm_step_begin(&svm);
}

/* As after VMRUN: the guest is at @rip. */
static struct aerie_exit leave(u32 code, u8 kind, u64 rip)
{
	struct aerie_exit exit = { .kind = kind, .hw_reason = code };

	vmcb.save.rip = rip;
	vmcb.control.event_inj = 0;
	vcpu->regs[AERIE_REG_RFLAGS] = vmcb.save.rflags;
	if (kind == AERIE_EXIT_EXCEPTION)
		exit.exc.vector = code - SVM_EXIT_EXCP_BASE;
	if (svm.nmi_masked || svm.stepping)
		svm_track(&svm, &exit);
	return exit;
}

static struct aerie_exit leave_db(u64 rip)
{
	return leave(SVM_EXIT_EXCP_BASE + 1, AERIE_EXIT_EXCEPTION, rip);
}

TEST(injection_encodings)
{
	setup();
	inject(AERIE_EVENT_EXTINT, 0x31, false, 0);
	EXPECT_EQ(vmcb.control.event_inj, 0x80000031u);
	inject(AERIE_EVENT_EXCEPTION, 13, true, 0x18);
	EXPECT_EQ(vmcb.control.event_inj, 0x80000b0du);
	EXPECT_EQ(vmcb.control.event_error, 0x18);
	inject(AERIE_EVENT_EXCEPTION, 6, false, 0);
	EXPECT_EQ(vmcb.control.event_inj, 0x80000306u);
	inject(AERIE_EVENT_NMI, 2, false, 0);
	EXPECT_EQ(vmcb.control.event_inj, 0x80000202u);
	vmcb.control.event_inj = 0;
	/* RIP is still on the instruction: it is executed again. */
	inject(AERIE_EVENT_SOFTINT, 0x80, false, 0);
	EXPECT_EQ(vmcb.control.event_inj, 0);
}

TEST(interrupt_window)
{
	setup();
	EXPECT(svm_irq_ready(vcpu));
	svm_shadow_set(vcpu, 1);
	EXPECT_EQ(svm_irq_ready(vcpu), false);
	EXPECT_EQ(svm_shadow_get(vcpu), 1);
	svm_shadow_set(vcpu, 0);
	vcpu->regs[AERIE_REG_RFLAGS] = 2;
	EXPECT_EQ(svm_irq_ready(vcpu), false);
	svm_cr8_set(vcpu, 9);
	svm_want_irq_window(vcpu, true);
	EXPECT(svm_intercepts(&svm, INTERCEPT_VINTR));
	EXPECT_EQ(vmcb.control.int_ctl, V_IRQ_INJECTION_BITS_MASK | 9);
	EXPECT_EQ(vmcb.control.clean & (SVM_CLEAN_I | SVM_CLEAN_TPR), 0);
	svm_want_irq_window(vcpu, false);
	EXPECT_EQ(svm_intercepts(&svm, INTERCEPT_VINTR), false);
	EXPECT_EQ(vmcb.control.int_ctl, 9);
}

TEST(cr8_window)
{
	setup();
	svm_want_cr8_window(vcpu, 5);
	EXPECT(svm_intercepts(&svm, INTERCEPT_CR8_WRITE));
	svm_want_cr8_window(vcpu, 0);
	EXPECT_EQ(svm_intercepts(&svm, INTERCEPT_CR8_WRITE), false);
}

TEST(nmi_blocked_until_iret_is_over)
{
	setup();
	EXPECT(svm_nmi_ready(vcpu));
	inject(AERIE_EVENT_NMI, 2, false, 0);
	EXPECT_EQ(svm_nmi_ready(vcpu), false);
	EXPECT(svm_intercepts(&svm, INTERCEPT_IRET));
	enter();
	leave(SVM_EXIT_INTR, AERIE_EXIT_HOST_INTR, 0x2000);
	EXPECT_EQ(svm_nmi_ready(vcpu), false);
	leave(SVM_EXIT_IRET, AERIE_EXIT_NMI_WINDOW, 0x2010);
	EXPECT_EQ(svm_nmi_ready(vcpu), false);
	EXPECT_EQ(svm_intercepts(&svm, INTERCEPT_IRET), false);
	/* An exit before it has executed, a nested fault on the stack. */
	leave(SVM_EXIT_NPF, AERIE_EXIT_FAULT, 0x2010);
	EXPECT_EQ(svm_nmi_ready(vcpu), false);
	leave(SVM_EXIT_INTR, AERIE_EXIT_HOST_INTR, 0x1000);
	EXPECT(svm_nmi_ready(vcpu));
}

TEST(second_nmi_steps_over_iret)
{
	struct aerie_exit e;

	setup();
	inject(AERIE_EVENT_NMI, 2, false, 0);
	svm_want_nmi_window(vcpu, true);
	enter();
	/* The intercept is enough until IRET is reached. */
	EXPECT_EQ(vmcb.save.rflags & TF, 0);
	vcpu->regs[AERIE_REG_RFLAGS] = 2;
	vmcb.save.rflags = 2;
	leave(SVM_EXIT_IRET, AERIE_EXIT_NMI_WINDOW, 0x2010);
	svm_want_nmi_window(vcpu, true);
	enter();
	EXPECT_EQ(vmcb.save.rflags, 2 | TF);
	/* A host interrupt first: the guest's flags have no TF. */
	leave(SVM_EXIT_INTR, AERIE_EXIT_HOST_INTR, 0x2010);
	EXPECT_EQ(vcpu->regs[AERIE_REG_RFLAGS], 2);
	EXPECT_EQ(svm_nmi_ready(vcpu), false);
	enter();
	EXPECT(vmcb.save.rflags & TF);
	vmcb.save.rflags = 2 | IF;	/* from the stack */
	vmcb.save.dr6 |= BS;
	e = leave_db(0x1000);
	EXPECT_EQ(e.kind, AERIE_EXIT_NMI_WINDOW);
	EXPECT_EQ(vmcb.save.dr6, SVM_DR6_RESET);
	EXPECT_EQ(vcpu->regs[AERIE_REG_RFLAGS], 2 | IF);
	EXPECT(svm_nmi_ready(vcpu));
	EXPECT_EQ(svm.step, false);
}

TEST(iret_to_a_single_stepping_guest_keeps_tf)
{
	setup();
	inject(AERIE_EVENT_NMI, 2, false, 0);
	leave(SVM_EXIT_IRET, AERIE_EXIT_NMI_WINDOW, 0x2010);
	svm_want_nmi_window(vcpu, true);
	enter();
	vmcb.save.rflags = 2 | IF | TF;
	vmcb.save.dr6 |= BS;
	EXPECT_EQ(leave_db(0x1000).kind, AERIE_EXIT_NMI_WINDOW);
	EXPECT_EQ(vcpu->regs[AERIE_REG_RFLAGS], 2 | IF | TF);
}

TEST(step_out_of_a_shadow)
{
	setup();
	svm_shadow_set(vcpu, 1);
	EXPECT_EQ(svm_nmi_ready(vcpu), false);
	svm_want_nmi_window(vcpu, true);
	vmcb.save.dr6 |= BS | 1;	/* the guest has not cleared these */
	enter();
	EXPECT_EQ(vmcb.save.dr6, SVM_DR6_RESET);
	vmcb.control.int_state = 0;
	vmcb.save.dr6 |= BS;
	EXPECT_EQ(leave_db(0x1003).kind, AERIE_EXIT_NMI_WINDOW);
	EXPECT_EQ(vmcb.save.dr6, SVM_DR6_RESET | BS | 1);
	EXPECT_EQ(vcpu->regs[AERIE_REG_RFLAGS], 2 | IF);
	EXPECT(svm_nmi_ready(vcpu));
}

TEST(step_meets_a_breakpoint_of_the_guest)
{
	struct aerie_exit e;

	setup();
	svm_shadow_set(vcpu, 1);
	svm_want_nmi_window(vcpu, true);
	enter();
	vmcb.save.dr6 |= BS | 4;
	e = leave_db(0x1003);
	EXPECT_EQ(e.kind, AERIE_EXIT_EXCEPTION);
	EXPECT_EQ(e.exc.payload, 4);
	EXPECT_EQ(vmcb.save.dr6, SVM_DR6_RESET | 4);
}

TEST(step_of_a_guest_that_steps_itself)
{
	struct aerie_exit e;

	setup();
	vcpu->regs[AERIE_REG_RFLAGS] |= TF;
	svm_shadow_set(vcpu, 1);
	svm_want_nmi_window(vcpu, true);
	enter();
	vmcb.save.dr6 |= BS;
	e = leave_db(0x1003);
	EXPECT_EQ(e.kind, AERIE_EXIT_EXCEPTION);
	EXPECT(vmcb.save.dr6 & BS);
	EXPECT(vcpu->regs[AERIE_REG_RFLAGS] & TF);
}

TEST(no_step_while_an_event_goes_in)
{
	setup();
	svm_shadow_set(vcpu, 1);
	svm_want_nmi_window(vcpu, true);
	inject(AERIE_EVENT_EXCEPTION, 14, true, 2);
	enter();
	EXPECT_EQ(vmcb.save.rflags & TF, 0);
	EXPECT_EQ(svm.stepping, false);
	/* An interrupt ends the turn instead, and then it is looked at again. */
	EXPECT_EQ(svm.exit_soon.queued, 1);
	EXPECT(vcpu->check_events);
}

/* What could see the step, or would be undone by it, is executed without. */
static void expect_unstepped(u32 code, u8 kind)
{
	struct aerie_exit e;

	setup();
	vcpu->dr_dirty = true;
	svm_shadow_set(vcpu, 1);
	svm_want_nmi_window(vcpu, true);
	vmcb.save.dr6 |= BS;
	enter();
	EXPECT(svm_intercepts(&svm, INTERCEPT_PUSHF) && svm_intercepts(&svm, INTERCEPT_POPF));
	EXPECT(svm_intercepts(&svm, INTERCEPT_IRET) && svm_intercepts(&svm, INTERCEPT_INTn));
	EXPECT(dr_intercepted);
	e = leave(code, kind, 0x1000);
	EXPECT_EQ(e.kind, AERIE_EXIT_NMI_WINDOW);
	EXPECT_EQ(vcpu->regs[AERIE_REG_RFLAGS], 2 | IF);
	EXPECT_EQ(vmcb.save.dr6, SVM_DR6_RESET | BS);
	EXPECT(!svm_intercepts(&svm, INTERCEPT_PUSHF) && !svm_intercepts(&svm, INTERCEPT_POPF));
	EXPECT(!svm_intercepts(&svm, INTERCEPT_IRET) && !svm_intercepts(&svm, INTERCEPT_INTn));
	EXPECT(!dr_intercepted);
	EXPECT(!svm.iret_seen && !svm.nmi_masked);
	/* The window is asked for again, as the shadow is still there. */
	svm_want_nmi_window(vcpu, true);
	vcpu->check_events = false;
	enter();
	EXPECT_EQ(vmcb.save.rflags, 2 | IF);
	EXPECT(vcpu->check_events);
	EXPECT_EQ(svm.exit_soon.queued, 0);
	/* Once: the next one is stepped over. */
	leave(SVM_EXIT_INTR, AERIE_EXIT_HOST_INTR, 0x1001);
	svm_want_nmi_window(vcpu, true);
	enter();
	EXPECT(vmcb.save.rflags & TF);
}

TEST(no_step_over_what_could_see_it)
{
	expect_unstepped(SVM_EXIT_READ_DR0 + 6, AERIE_EXIT_DR);
	expect_unstepped(SVM_EXIT_WRITE_DR0 + 6, AERIE_EXIT_DR);
	expect_unstepped(SVM_EXIT_PUSHF, AERIE_EXIT_OTHER);
	expect_unstepped(SVM_EXIT_POPF, AERIE_EXIT_OTHER);
	expect_unstepped(SVM_EXIT_IRET, AERIE_EXIT_NMI_WINDOW);
	expect_unstepped(SVM_EXIT_SWINT, AERIE_EXIT_OTHER);
}

TEST(emulated_single_step)
{
	setup();
	svm_pend_single_step(vcpu);
	EXPECT_EQ(vcpu->exception.type, AERIE_EVENT_EXCEPTION);
	EXPECT_EQ(vcpu->exception.vector, 1);
	EXPECT_EQ(vcpu->exception.payload, BS);
	vcpu->exception.vector = 13;
	svm_pend_single_step(vcpu);
	EXPECT_EQ(vcpu->exception.vector, 13);
}
