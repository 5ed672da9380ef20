// SPDX-License-Identifier: GPL-2.0
/*
 * The end of an interrupt without an exit, by KVM's interface (Linux, KVM-specific MSRs,
 * MSR_KVM_PV_EOI_EN): a bit in guest memory offers it, and a guest that finds the bit set
 * clears it instead of writing its APIC's EOI register.
 *
 * The offer is made with an interrupt that goes in while no other is in service, none waits
 * and nobody has to hear of its end. As long as it stands, what the APIC has in service is
 * that interrupt, if it has not ended; nobody looks which, for nothing depends on it: not
 * until another interrupt comes, the guest waits for one or asks its APIC. Then the offer is
 * settled, that is, taken back: either the guest had made use of it, or it ends the
 * interrupt by its APIC. So an offer costs nothing on the exits in between.
 */
#include <linux/kernel.h>
#include <asm/kvm_para.h>
#include <uapi/linux/kvm_para.h>

#include "core/core.h"
#include "core/policy.h"
#include "dev/lapic.h"

#define EOI_RESERVED	2ull	/* of MSR_KVM_PV_EOI_EN: the address is that of four bytes */
#define EOI_OFFERED	1ull	/* in guest memory */

static gpa_t offer_gpa(const struct aerie_vcpu *vcpu)
{
	return vcpu->pv.eoi_offer & ~KVM_MSR_ENABLED;
}

int aerie_pv_eoi_write(struct aerie_vcpu *vcpu, u64 val)
{
	if (val & EOI_RESERVED)
		return 1;
	/* An offer that stands has its own address. */
	vcpu->pv.eoi_msr = val & KVM_MSR_ENABLED ? val : 0;
	return 0;
}

void aerie_pv_eoi_offer(struct aerie_vcpu *vcpu)
{
	u64 old = 0;

	vcpu->pv.eoi_offer = vcpu->pv.eoi_msr;
	/* Where it cannot be made at once, the guest does without. */
	if (aerie_mem_try_cmpxchg(&vcpu->vm->mem, offer_gpa(vcpu), 1, &old, EOI_OFFERED) != 1)
		vcpu->pv.eoi_offer = 0;
}

int aerie_pv_eoi_settle(struct aerie_vcpu *vcpu)
{
	u64 old = EOI_OFFERED;
	int done;

	done = aerie_mem_try_cmpxchg(&vcpu->vm->mem, offer_gpa(vcpu), 1, &old, 0);
	if (done == -EAGAIN) {
		vcpu->fault_gpa = offer_gpa(vcpu);
		vcpu->fault_acc = AERIE_ACC_WRITE;
		set_bit(AERIE_REQ_STEAL, &vcpu->requests);
		return -EAGAIN;
	}
	vcpu->pv.eoi_offer = 0;
	if (!done && !(old & EOI_OFFERED))
		aerie_lapic_eoi(vcpu);
	return 0;
}
