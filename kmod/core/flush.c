// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a VM's vCPUs drop what their processors cache of the nested table.
 *
 * A vCPU that is not in the guest flushes before it enters: whoever finds it outside,
 * after having posted the request, is done with it. One that is in the guest is kicked
 * and waited for, which takes no longer than an interrupt: it leaves, or what keeps it
 * outside the guest between two entries of the fast path ends first.
 */
#include "core/core.h"

static bool in_guest(const struct aerie_vcpu *vcpu)
{
	return vcpu->task != current && READ_ONCE(vcpu->mode) == AERIE_VCPU_GUEST &&
	       test_bit(AERIE_REQ_TLB_FLUSH, &vcpu->requests);
}

void aerie_vm_flush(struct aerie_mem *mem)
{
	struct aerie_vm *vm = container_of(mem, struct aerie_vm, mem);
	u32 nr = smp_load_acquire(&vm->nr_vcpus), i;

	for (i = 0; i < nr; i++)
		set_bit(AERIE_REQ_TLB_FLUSH, &vm->vcpus[i]->requests);
	smp_mb();	/* pairs with the entry check in vcpu.c */
	for (i = 0; i < nr; i++)
		if (in_guest(vm->vcpus[i]))
			aerie_vcpu_kick(vm->vcpus[i]);
	for (i = 0; i < nr; i++)
		while (in_guest(vm->vcpus[i]))
			cpu_relax();
}
