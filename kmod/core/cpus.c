// SPDX-License-Identifier: GPL-2.0
/*
 * How many vCPUs a guest has while it runs: asked by the user, changed by the guest.
 *
 * Which ones, and what the guest is told, is dev/cpu_hotplug.c's.
 */
#include <linux/bitops.h>

#include "control.h"
#include "core/core.h"
#include "dev/chips.h"
#include "sched/sched.h"
#include "uapi.h"

static bool vm_on(const struct aerie_vm *vm)
{
	enum aerie_vm_state state = READ_ONCE(vm->state);

	return state == AERIE_VM_RUNNING || state == AERIE_VM_PAUSED;
}

/* Those that are there and have been started. */
static u32 nr_online(const struct aerie_vm *vm, u64 present)
{
	u32 nr = 0;

	if (!vm_on(vm))
		return 0;
	for (; present; present &= present - 1)
		nr += READ_ONCE(vm->vcpus[__ffs(present)]->mp_state) != AERIE_MP_WAIT_SIPI;
	return nr;
}

int aerie_vm_cpus(struct aerie_vm *vm, u32 wanted, struct aerie_cpus_info *info,
		  struct aerie_why *why)
{
	u64 present, come;
	int err = aerie_vm_lock(vm, why);

	if (err)
		return err;
	present = READ_ONCE(vm->vcpus_present);
	if (wanted > vm->nr_vcpus) {
		err = aerie_refuse(why, -ERANGE, AERIE_A_VCPUS,
				   "is more vCPUs than the VM was made for");
	} else if (wanted && !vm_on(vm)) {
		err = aerie_refuse(why, -EINVAL, AERIE_A_NAME, "the VM does not run");
	} else {
		/* Only what comes can lack room: fewer, or a question, is never refused. */
		come = aerie_cpu_hotplug_coming(vm, wanted);
		err = come ? aerie_sched_follow(vm, come, why) : 0;
		if (wanted && !err)
			aerie_cpu_hotplug_want(vm, wanted);
		if (READ_ONCE(vm->vcpus_present) & ~present)
			aerie_nl_event(vm, AERIE_EV_CPUS);
		present = READ_ONCE(vm->vcpus_present);
		*info = (struct aerie_cpus_info) {
			.present = hweight64(present),
			.wanted = aerie_cpu_hotplug_wanted(vm),
			.possible = vm->nr_vcpus,
			.online = nr_online(vm, present),
		};
	}
	mutex_unlock(&vm->lock);
	return err;
}

void aerie_vm_vcpus_ejected(struct aerie_vm *vm)
{
	aerie_nl_event(vm, AERIE_EV_CPUS);
	/* What was reserved for them is free. */
	aerie_vm_eject(vm);
}
