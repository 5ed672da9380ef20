// SPDX-License-Identifier: GPL-2.0
/*
 * What the processor does of a local APIC: task priority, and all of an x2APIC.
 *
 * The virtual-APIC page is the local APIC's own register page. With TPR shadow alone the
 * guest reads and writes its task priority there by CR8, and exits where it falls below a
 * threshold. While the APIC is in x2APIC mode and the processor has what it takes
 * (VMX_APICV) it does more: most registers are read in the page, EOI and the task priority
 * are written, and of the interrupts requested there it delivers the highest one as soon as
 * the guest can take it, without an exit or a window.
 *
 * What it has in hand is then in the page when an exit has happened: IRR, ISR, PPR. Guest
 * interrupt status, which says the same in short, is made from them whenever there is
 * something new, before an entry. There are no posted interrupts: others post to the local
 * APIC and kick, and the vCPU's thread moves what they have posted into the page. An
 * interrupt whose end the I/O APIC waits for (TMR) makes its EOI exit, when all else about
 * it is done. That of the 8259 is injected as ever.
 */
#include <linux/minmax.h>
#include <asm/apicdef.h>
#include <asm/msr-index.h>

#include "backend.h"
#include "dev/lapic.h"
#include "vmx/vmx.h"

/*
 * Nothing to do: the virtual-APIC page is the local APIC's own register page, so
 * the guest reads its task priority there; without TPR shadow MOV CR8 exits.
 */
void vmx_cr8_set(struct aerie_vcpu *vcpu, u8 cr8)
{
}

void vmx_want_cr8_window(struct aerie_vcpu *vcpu, u8 threshold)
{
	if (vmx_caps.tpr_shadow)
		to_vmx(vcpu)->tpr_threshold = threshold;
}

/* An entry fails with a threshold above the task priority of that moment. */
void vmx_tpr_threshold_sync(struct vmx_vcpu *vmx)
{
	u8 cr8 = vmx->vcpu.lapic->regs[APIC_TASKPRI] >> 4;
	u8 threshold = min(vmx->tpr_threshold, cr8);

	if (threshold == vmx->tpr_threshold_hw)
		return;
	vmx->tpr_threshold_hw = threshold;
	vmx_write(TPR_THRESHOLD, threshold);
}

/* Context: the VMCS is current, for the first time; no mode has been told yet. */
void vmx_apic_init(struct vmx_vcpu *vmx)
{
	unsigned int i;

	vmx->tpr_watched = vmx_caps.tpr_shadow;
	if (!vmx_caps.tpr_shadow)
		return;
	vmx_write(VIRTUAL_APIC_PAGE_ADDR, __pa(vmx->vcpu.lapic->regs));
	vmx_write(TPR_THRESHOLD, 0);
	if (!vmx_caps.apicv)
		return;
	vmx_write(GUEST_INTR_STATUS, 0);
	for (i = 0; i < ARRAY_SIZE(vmx->eoi_exits); i++)
		vmx_write(EOI_EXIT_BITMAP0 + 2 * i, 0);
}

void vmx_apic_mode(struct aerie_vcpu *vcpu)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	bool on = vmx_caps.apicv && vcpu->lapic->base_msr & X2APIC_ENABLE;

	if (on == vcpu->lapic->virtual)
		return;
	vmx_ctl_set(vmx, VMX_CTL_CPU2, vmx->ctl[VMX_CTL_CPU2] ^ VMX_APICV);
	vmx_write(MSR_BITMAP, vmx_msr_bitmap(on));
	/* A change of the task priority is the processor's business, or ours again. */
	vmx->tpr_watched = !on;
	vmx->tpr_threshold = 0;
	aerie_lapic_virtualize(vcpu, on);
}

void vmx_virtual_irq(struct aerie_vcpu *vcpu, int vector)
{
	struct vmx_vcpu *vmx = to_vmx(vcpu);
	int in_service = aerie_lapic_in_service(vcpu);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(vmx->eoi_exits); i++) {
		u64 ends = aerie_lapic_ends(vcpu, i);

		if (ends == vmx->eoi_exits[i])
			continue;
		vmx->eoi_exits[i] = ends;
		vmx_write(EOI_EXIT_BITMAP0 + 2 * i, ends);
	}
	vmx_write(GUEST_INTR_STATUS, max(vector, 0) | max(in_service, 0) << 8);
}
