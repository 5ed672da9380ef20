// SPDX-License-Identifier: GPL-2.0
/*
 * Decoding of exits. The reason has been read by vmx_enter(); only what the
 * reason makes meaningful is read here.
 */
#include <asm/apicdef.h>
#include <asm/trapnr.h>

#include "backend.h"
#include "dev/lapic.h"
#include "uapi.h"
#include "vmx/reason.h"
#include "vmx/vmx.h"

/* SDM: bit 12 of both, an IRET had ended blocking by NMI when it faulted. */
#define NMI_UNBLOCKED	BIT(12)

static void decode_exception(struct vmx_vcpu *vmx, struct aerie_exit *exit)
{
	struct aerie_vcpu *vcpu = &vmx->vcpu;
	u32 info = vmx->intr_info;
	u8 vector = info;

	vmx->l1d_stale = true;
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR || vector == X86_TRAP_MC) {
		exit->kind = AERIE_EXIT_HOST_NMI;	/* served by vmx_enter() */
		return;
	}
	if (info & NMI_UNBLOCKED && vector != X86_TRAP_DF && !vcpu->reinject.type)
		vmx_nmi_block(vmx, true);
	exit->exc.vector = vector;
	exit->exc.has_error = info & INTR_INFO_DELIVER_CODE_MASK;
	if (exit->exc.has_error)
		exit->exc.error = vmx_read(VM_EXIT_INTR_ERROR_CODE);
	if (vector == X86_TRAP_PF) {
		exit->hw_qual = vmx_read(EXIT_QUALIFICATION);
		exit->exc.payload = exit->hw_qual;
	}
	if (vector != X86_TRAP_DB)
		return;
	if ((info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_PRIV_SW_EXCEPTION) {
		/* INT1 is a trap without bits in DR6: done, then a plain #DB. */
		aerie_reg_write(vcpu, AERIE_REG_RIP, aerie_reg_read(vcpu, AERIE_REG_RIP) +
						     vmx_read(VM_EXIT_INSTRUCTION_LEN));
		vmx_shadow_set(vcpu, 0);
		return;
	}
	exit->hw_qual = vmx_read(EXIT_QUALIFICATION);
	exit->exc.payload = vmx_decode_db(exit->hw_qual);
	vmx_pending_dbg_fix(vmx);
}

static void decode_fault(struct vmx_vcpu *vmx, struct aerie_exit *exit)
{
	gva_t gva = 0;

	if (exit->hw_qual & EPT_VIOLATION_GVA_IS_VALID)
		gva = vmx_read(GUEST_LINEAR_ADDRESS);
	vmx_decode_ept(exit->hw_qual, vmx_read(GUEST_PHYSICAL_ADDRESS), gva, exit);
	vmx_drop_single_step(vmx);
	if (exit->hw_qual & NMI_UNBLOCKED && !vmx->vcpu.reinject.type)
		vmx_nmi_block(vmx, true);
}

/* Through a task gate the event is part of the switch, not to be delivered again. */
static void decode_task(struct vmx_vcpu *vmx, struct aerie_exit *exit)
{
	struct aerie_event *event = &vmx->vcpu.reinject;

	vmx_decode_task(exit->hw_qual, exit);
	if (!event->type)
		return;
	exit->task.has_error = event->has_error;
	exit->task.error = event->error;
	if (event->type == AERIE_EVENT_NMI)
		vmx_nmi_block(vmx, true);
	event->type = AERIE_EVENT_NONE;
}

/* The processor refused the guest's state: say which rule it breaks. */
static void entry_failed(struct vmx_vcpu *vmx, struct aerie_exit *exit)
{
	const char *rule = vmx_entry_check(vmx);

	exit->kind = AERIE_EXIT_INVALID_STATE;
	if (rule)
		aerie_vm_kill(vmx->vcpu.vm, AERIE_STOP_GUEST,
			      "vCPU %u: no entry with this state: %s", vmx->vcpu.id, rule);
}

void vmx_decode_exit(struct aerie_vcpu *vcpu, struct aerie_exit *exit)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	u32 basic = (u16)vmx->exit_reason;
	const struct vmx_reason *reason = vmx_reason(basic);
	u8 cr8;

	memset(exit, 0, sizeof(*exit));
	exit->kind = reason->kind;
	exit->hw_reason = vmx->exit_reason;
	if (reason->flags & VMX_R_INSN) {
		exit->insn_len = vmx_read(VM_EXIT_INSTRUCTION_LEN);
		vcpu->regs[AERIE_REG_RIP] = vmx_read(GUEST_RIP);
		vcpu->regs_avail |= BIT(AERIE_REG_RIP);
	}
	if (reason->flags & VMX_R_QUAL)
		exit->hw_qual = vmx_read(EXIT_QUALIFICATION);
	vcpu->reinject.type = AERIE_EVENT_NONE;
	if (reason->flags & VMX_R_VECTOR)
		vmx_event_cut_off(vmx);
	if (vmx->tpr_watched) {
		cr8 = vcpu->lapic->regs[APIC_TASKPRI] >> 4;
		if (unlikely(cr8 != vcpu->hw_cr8)) {
			vcpu->hw_cr8 = cr8;
			aerie_lapic_set_cr8(vcpu, cr8);
		}
	}
	if (unlikely(vmx->exit_reason & VMX_EXIT_REASONS_FAILED_VMENTRY)) {
		entry_failed(vmx, exit);
		return;
	}

	switch (basic) {
	case EXIT_REASON_EXCEPTION_NMI:
		decode_exception(vmx, exit);
		break;
	case EXIT_REASON_EXTERNAL_INTERRUPT:
		vmx->l1d_stale = true;
		break;
	case EXIT_REASON_TASK_SWITCH:
		decode_task(vmx, exit);
		break;
	case EXIT_REASON_CR_ACCESS:
		vmx_decode_cr(exit->hw_qual, exit);
		break;
	case EXIT_REASON_DR_ACCESS:
		vmx_decode_dr(exit->hw_qual, exit);
		break;
	case EXIT_REASON_IO_INSTRUCTION:
		vmx_decode_pio(exit->hw_qual, exit);
		break;
	case EXIT_REASON_INVLPG:
		exit->invlpg.gva = exit->hw_qual;
		exit->invlpg.decoded = true;
		break;
	case EXIT_REASON_MSR_WRITE:
		exit->msr.write = true;
		break;
	case EXIT_REASON_EOI_INDUCED:
		exit->eoi.vector = exit->hw_qual;
		break;
	case EXIT_REASON_EPT_VIOLATION:
		decode_fault(vmx, exit);
		break;
	case EXIT_REASON_EPT_MISCONFIG:
		exit->hw_qual = vmx_read(GUEST_PHYSICAL_ADDRESS);
		break;
	}
}
