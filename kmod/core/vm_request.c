// SPDX-License-Identifier: GPL-2.0
/*
 * Has all of a VM's vCPUs do something before they next execute in the guest, as to drop
 * what their processors cache of the nested table.
 *
 * A vCPU that is not in the guest does it before it enters: whoever finds it outside,
 * after having posted the request, is done with it. One that is in the guest is kicked
 * and waited for, which takes no longer than an interrupt: it leaves, or what keeps it
 * outside the guest between two entries of the fast path ends first. One that sleeps
 * sleeps on.
 */
#include "core/core.h"

static bool in_guest(const struct aerie_vcpu *vcpu, int request)
{
	return vcpu->task != current && READ_ONCE(vcpu->mode) == AERIE_VCPU_GUEST &&
	       test_bit(request, &vcpu->requests);
}

void aerie_vm_request(struct aerie_vm *vm, int request)
{
	u32 nr = smp_load_acquire(&vm->nr_vcpus), i;

	for (i = 0; i < nr; i++)
		set_bit(request, &vm->vcpus[i]->requests);
	smp_mb();	/* pairs with the entry check in vcpu.c */
	for (i = 0; i < nr; i++)
		if (in_guest(vm->vcpus[i], request))
			aerie_vcpu_kick(vm->vcpus[i]);
	for (i = 0; i < nr; i++)
		while (in_guest(vm->vcpus[i], request))
			cpu_relax();
}

void aerie_vm_flush(struct aerie_mem *mem)
{
	aerie_vm_request(container_of(mem, struct aerie_vm, mem), AERIE_REQ_TLB_FLUSH);
}
