// SPDX-License-Identifier: GPL-2.0
/*
 * Events: what is delivered through the guest's IDT with the next entry.
 *
 * In order (SDM, Priority Among Concurrent Events): what an exit cut off, an
 * exception the emulation raised, NMI, external interrupt. One event goes in
 * with an entry; for those that have to wait a window is asked for, so that the
 * guest exits as soon as it can take the next. An interrupt is acknowledged at
 * its controller only when it really goes in.
 */
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/processor-flags.h>
#include "core/core.h"
#include "core/policy.h"
#include "dev/chips.h"
#include "dev/lapic.h"
#include "trace.h"

#define DR7_GD	BIT_ULL(13)	/* SDM, Debug Control Register */
#define VEC_DB	1
#define VEC_DF	8
#define VEC_PF	14

/*
 * SDM, Exception and Interrupt Reference: those of the class "fault". Their handler
 * finds RF set in what they save (SDM, Instruction-Breakpoint Exception Condition),
 * else a breakpoint at the instruction would be met again. #DB never is one of them:
 * with it RF is as it was.
 */
#define VEC_FAULTS	(BIT(0) | BIT(5) | BIT(6) | BIT(7) | GENMASK(14, 10) | BIT(16) | BIT(17) | \
			 BIT(19) | BIT(20) | BIT(21) | BIT(29) | BIT(30))

/* SDM, Interrupt 8: which pairs of exceptions make a double fault. */
static bool vec_contributory(u8 vector)
{
	return vector == 0 || (vector >= 10 && vector <= 13);
}

/* The exception during whose delivery the current exit happened, if any. */
static struct aerie_event *delivering(struct aerie_vcpu *vcpu)
{
	if (vcpu->exception.type)
		return &vcpu->exception;
	if (vcpu->reinject.type == AERIE_EVENT_EXCEPTION)
		return &vcpu->reinject;
	return NULL;
}

void aerie_raise(struct aerie_vcpu *vcpu, u8 vector, bool has_error, u32 error, u64 payload)
{
	struct aerie_event *first = delivering(vcpu);

	if (first && first->vector == VEC_DF && (vec_contributory(vector) || vector == VEC_PF)) {
		aerie_vm_request_reset(vcpu->vm);
		return;
	}
	if (first && ((vec_contributory(first->vector) && vec_contributory(vector)) ||
		      (first->vector == VEC_PF &&
		       (vec_contributory(vector) || vector == VEC_PF)))) {
		vector = VEC_DF;
		has_error = true;
		error = 0;
		payload = 0;
	}
	vcpu->reinject.type = AERIE_EVENT_NONE;
	vcpu->exception = (struct aerie_event){
		.type = AERIE_EVENT_EXCEPTION,
		.vector = vector,
		.has_error = has_error,
		.error = error,
		.payload = payload,
	};
}

static void event_inject(struct aerie_vcpu *vcpu, const struct aerie_event *event)
{
	trace_aerie_inject(vcpu, event);
	vcpu->stats->injected[event->type]++;
	aerie_hw(inject)(vcpu, event);
}

/* Real mode delivers no error code; CR2, DR6 and RF change when the exception is delivered. */
static void exception_inject(struct aerie_vcpu *vcpu)
{
	struct aerie_event event = vcpu->exception;

	vcpu->exception.type = AERIE_EVENT_NONE;
	if (event.vector == VEC_PF)
		vcpu->cr2 = event.payload;
	if (event.vector == VEC_DB && event.payload) {
		u64 dr6 = aerie_backend->dr6_get(vcpu);

		/* BS, BT and so on accumulate; bit 16 (RTM) and the B bits are as hardware. */
		vcpu->dr6 = (dr6 & ~0xfull) | event.payload;
		aerie_backend->dr6_set(vcpu, vcpu->dr6);
		aerie_backend->dr7_set(vcpu, aerie_backend->dr7_get(vcpu) & ~DR7_GD);
	}
	if (event.vector < 32 && VEC_FAULTS & BIT(event.vector))
		aerie_reg_write(vcpu, AERIE_REG_RFLAGS,
				aerie_reg_read(vcpu, AERIE_REG_RFLAGS) | X86_EFLAGS_RF);
	if (!(aerie_reg_read(vcpu, AERIE_REG_CR0) & X86_CR0_PE))
		event.has_error = false;
	event_inject(vcpu, &event);
}

/* One can wait while another is handled; two where one can go in at once. */
static void nmi_collect(struct aerie_vcpu *vcpu)
{
	int n;

	if (likely(!atomic_read(&vcpu->nmi_queued)))
		return;
	n = atomic_xchg(&vcpu->nmi_queued, 0) + vcpu->nmi_pending + vcpu->nmi_second;
	vcpu->nmi_pending = n > 0;
	vcpu->nmi_second = n > 1 && aerie_hw(nmi_ready)(vcpu);
}

/* A pending external interrupt: AERIE_IRQ_EXT for the PIC's, a vector, or -1. */
#define AERIE_IRQ_EXT	256

static int irq_find(struct aerie_vcpu *vcpu)
{
	if (aerie_pic_pending(vcpu->vm->pic) && aerie_lapic_extint(vcpu))
		return AERIE_IRQ_EXT;
	/* What the processor delivers itself is none of these. */
	return vcpu->lapic->virtual ? -1 : aerie_lapic_highest(vcpu);
}

static void irq_inject(struct aerie_vcpu *vcpu, int irq)
{
	struct aerie_event event = { .type = AERIE_EVENT_EXTINT };

	if (irq == AERIE_IRQ_EXT) {
		event.vector = aerie_pic_ack(vcpu->vm->pic);
	} else {
		bool alone = vcpu->pv.eoi_msr && aerie_lapic_in_service(vcpu) < 0;

		event.vector = irq;
		aerie_lapic_ack(vcpu, irq);
		if (alone && aerie_lapic_ends_alone(vcpu, irq))
			aerie_pv_eoi_offer(vcpu);
	}
	event_inject(vcpu, &event);
}

/* Whoever changes the task priority otherwise than by CR8 asks for a look at events. */
static void cr8_sync(struct aerie_vcpu *vcpu)
{
	u8 cr8 = aerie_lapic_cr8(vcpu);

	if (vcpu->hw_cr8 == cr8)
		return;
	vcpu->hw_cr8 = cr8;
	aerie_backend->cr8_set(vcpu, cr8);
}

bool aerie_event_prepare(struct aerie_vcpu *vcpu)
{
	bool busy = true;	/* something goes in already */
	int irq, irr;

	/* Whether one can go in depends on whether the one before has ended. */
	if (unlikely(vcpu->pv.eoi_offer) && aerie_lapic_asked(vcpu) && aerie_pv_eoi_settle(vcpu))
		return false;
	cr8_sync(vcpu);
	nmi_collect(vcpu);
	if (vcpu->reinject.type) {
		event_inject(vcpu, &vcpu->reinject);
		vcpu->reinject.type = AERIE_EVENT_NONE;
	} else if (vcpu->exception.type) {
		exception_inject(vcpu);
	} else {
		busy = false;
	}

	if (vcpu->nmi_pending) {
		if (!busy && aerie_hw(nmi_ready)(vcpu)) {
			static const struct aerie_event nmi = {
				.type = AERIE_EVENT_NMI, .vector = 2,
			};

			vcpu->nmi_pending = vcpu->nmi_second;
			vcpu->nmi_second = false;
			event_inject(vcpu, &nmi);
			busy = true;
		}
	}
	aerie_hw(want_nmi_window)(vcpu, vcpu->nmi_pending);

	irq = irq_find(vcpu);
	if (irq >= 0 && !busy && aerie_hw(irq_ready)(vcpu) &&
	    likely(!vcpu->pv.eoi_offer || !aerie_pv_eoi_settle(vcpu))) {
		irq_inject(vcpu, irq);
		irq = irq_find(vcpu);
	}
	aerie_hw(want_irq_window)(vcpu, irq >= 0);

	if (vcpu->lapic->virtual) {
		aerie_backend->virtual_irq(vcpu, aerie_lapic_highest_irr(vcpu));
		return true;
	}
	irr = irq < 0 ? aerie_lapic_highest_irr(vcpu) : -1;
	aerie_hw(want_cr8_window)(vcpu, irr > 0 && aerie_lapic_cr8(vcpu) >= irr >> 4 ?
					     irr >> 4 : 0);
	return true;
}

bool aerie_event_wakes(struct aerie_vcpu *vcpu)
{
	if (atomic_read(&vcpu->nmi_queued) || vcpu->nmi_pending || READ_ONCE(vcpu->pv_kicked))
		return true;
	if (!vcpu->halt_if)
		return false;
	return (aerie_pic_pending(vcpu->vm->pic) && aerie_lapic_extint(vcpu)) ||
	       aerie_lapic_highest(vcpu) >= 0;
}
