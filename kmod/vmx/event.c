// SPDX-License-Identifier: GPL-2.0
/*
 * Events: injection, windows, shadows, and what an exit cut off.
 *
 * NMIs are virtual: an injected NMI sets blocking by NMI in the interruptibility
 * state, the guest's IRET clears it, and the NMI window opens then. The state is
 * read once an exit at most. It can have the bit only after an NMI was injected,
 * which is why ending a shadow (after every emulated instruction) needs no read.
 */
#include <linux/sched.h>
#include <asm/debugreg.h>
#include <asm/trapnr.h>

#include "backend.h"
#include "vmx/reason.h"
#include "vmx/vmx.h"

#define SHADOW		(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)
#define PENDING_ENABLED	BIT(12)
#define PENDING_BS	BIT(14)

static u32 intr_state(struct vmx_vcpu *vmx)
{
	if (!vmx->intr_state_known) {
		vmx->intr_state = vmx_read(GUEST_INTERRUPTIBILITY_INFO);
		vmx->intr_state_known = true;
		vmx->nmi_maybe = vmx->intr_state & GUEST_INTR_STATE_NMI;
	}
	return vmx->intr_state;
}

static void intr_state_write(struct vmx_vcpu *vmx, u32 val)
{
	if (vmx->intr_state_known && vmx->intr_state == val)
		return;
	vmx->intr_state = val;
	vmx->intr_state_known = true;
	vmx->nmi_maybe = val & GUEST_INTR_STATE_NMI;
	vmx_write(GUEST_INTERRUPTIBILITY_INFO, val);
}

void vmx_nmi_block(struct vmx_vcpu *vmx, bool on)
{
	u32 state = intr_state(vmx);

	intr_state_write(vmx, on ? state | GUEST_INTR_STATE_NMI : state & ~GUEST_INTR_STATE_NMI);
}

void vmx_inject(struct aerie_vcpu *vcpu, const struct aerie_event *event)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 info = vmx_intr_info(event, !(vmx->cr0_shadow & X86_CR0_PE));

	if (info & INTR_INFO_DELIVER_CODE_MASK)
		vmx_write(VM_ENTRY_EXCEPTION_ERROR_CODE, event->error & 0xffff);
	if (event->type >= AERIE_EVENT_SOFTINT)
		vmx_write(VM_ENTRY_INSTRUCTION_LEN, event->insn_len);
	if (event->type == AERIE_EVENT_NMI)
		vmx->nmi_maybe = true;
	vmx_write(VM_ENTRY_INTR_INFO_FIELD, info);
	vmx->injected = true;
}

/*
 * A debug exception is pending: it comes first, and an event injected with the next
 * entry would be instead of it (SDM, Delivery of Pending Debug Exceptions after VM
 * Entry). After it the window opens.
 */
static bool debug_pending(void)
{
	return vmx_read(GUEST_PENDING_DBG_EXCEPTIONS) & (PENDING_ENABLED | PENDING_BS);
}

bool vmx_irq_ready(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	return !vmx->injected && aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_IF &&
	       !(intr_state(vmx) & SHADOW) && !debug_pending();
}

bool vmx_nmi_ready(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	return !vmx->injected && !(intr_state(vmx) & (SHADOW | GUEST_INTR_STATE_NMI)) &&
	       !debug_pending();
}

static void windows_write(struct vmx_vcpu *vmx)
{
	vmx_ctl_bit(vmx, VMX_CTL_CPU, CPU_BASED_INTR_WINDOW_EXITING,
		    vmx->irq_window || vmx->nmi_window_sti);
}

void vmx_want_irq_window(struct aerie_vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->irq_window = on;
	windows_write(vmx);
}

/*
 * Whether an STI shadow keeps the NMI window closed depends on the processor.
 * Where it does not the guest would exit at once, again and again: wait for the
 * end of the shadow by way of the interrupt window, IF being set after STI.
 */
void vmx_want_nmi_window(struct aerie_vcpu *vcpu, bool on)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	vmx->nmi_window_sti = on && intr_state(vmx) & GUEST_INTR_STATE_STI &&
			      !(intr_state(vmx) & GUEST_INTR_STATE_NMI);
	vmx_ctl_bit(vmx, VMX_CTL_CPU, CPU_BASED_NMI_WINDOW_EXITING, on && !vmx->nmi_window_sti);
	windows_write(vmx);
}

u32 vmx_shadow_get(struct aerie_vcpu *vcpu)
{
	return intr_state(to_vmx(vcpu)) & SHADOW;
}

void vmx_shadow_set(struct aerie_vcpu *vcpu, u32 shadow)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 keep = 0;

	if (vmx->intr_state_known || vmx->nmi_maybe)
		keep = intr_state(vmx) & ~SHADOW;
	intr_state_write(vmx, keep | (shadow & SHADOW));
	if (shadow)
		vmx_pending_dbg_fix(vmx);
}

static bool single_steps(struct vmx_vcpu *vmx)
{
	return aerie_reg_read(&vmx->vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_TF &&
	       !(vmx_read(GUEST_IA32_DEBUGCTL) & DEBUGCTLMSR_BTF);
}

/* SDM, Checks on Guest Non-Register State: in a shadow BS is TF and not BTF. */
void vmx_pending_dbg_fix(struct vmx_vcpu *vmx)
{
	u64 pending;

	if (!(intr_state(vmx) & SHADOW))
		return;
	pending = vmx_read(GUEST_PENDING_DBG_EXCEPTIONS);
	if (single_steps(vmx))
		pending |= PENDING_BS;
	else
		pending &= ~PENDING_BS;
	vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, pending);
}

void vmx_drop_single_step(struct vmx_vcpu *vmx)
{
	u64 pending = vmx_read(GUEST_PENDING_DBG_EXCEPTIONS);

	if (unlikely(pending & PENDING_BS) && !(intr_state(vmx) & SHADOW))
		vmx_write(GUEST_PENDING_DBG_EXCEPTIONS, pending & ~PENDING_BS);
}

void vmx_pend_single_step(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);

	if (single_steps(vmx))
		vmx_write(GUEST_PENDING_DBG_EXCEPTIONS,
			  vmx_read(GUEST_PENDING_DBG_EXCEPTIONS) | PENDING_BS);
}

void vmx_event_cut_off(struct vmx_vcpu *vmx)
{
	struct aerie_event *event = &vmx->vcpu.reinject;
	u32 info = vmx_read(IDT_VECTORING_INFO_FIELD), error = 0;
	u8 len = 0;

	if (likely(!(info & VECTORING_INFO_VALID_MASK)))
		return;
	if (info & VECTORING_INFO_DELIVER_CODE_MASK)
		error = vmx_read(IDT_VECTORING_ERROR_CODE);
	switch (info & VECTORING_INFO_TYPE_MASK) {
	case INTR_TYPE_SOFT_INTR:
	case INTR_TYPE_PRIV_SW_EXCEPTION:
	case INTR_TYPE_SOFT_EXCEPTION:
		len = vmx_read(VM_EXIT_INSTRUCTION_LEN);
		break;
	case INTR_TYPE_NMI_INTR:
		/* It blocked NMIs, itself included; it goes in once more. */
		vmx_nmi_block(vmx, false);
		break;
	}
	vmx_event_from_info(info, error, len, event);
	if (event->type == AERIE_EVENT_EXCEPTION && event->vector == X86_TRAP_PF)
		event->payload = vmx->vcpu.cr2;
}
