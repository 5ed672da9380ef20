// SPDX-License-Identifier: GPL-2.0
/*
 * What the switch between guest and host costs, beside what handlers do.
 *
 * Time stamps on the exit path could not tell it: the guest's own time lies between
 * the last one before an entry and the first one after the exit. So it is measured when
 * somebody asks, on the vCPU's thread, and the exit path knows nothing of it: entries
 * that end before the guest has executed an instruction, then parts of the same code
 * alone. A handler's time is what core/stats.c has counted all along. The one is the
 * same for all exits, the other is each kind's own; together they are the exit.
 */
#include <linux/irqflags.h>
#include <linux/sort.h>
#include <asm/msr.h>
#include <asm/tsc.h>

#include "backend.h"
#include "control.h"
#include "uapi.h"

/* Odd: there is one in the middle. The first ones find caches cold, most do not. */
#define RUNS	51

static int by_size(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median(void (*fn)(void *arg), void *arg)
{
	u64 runs[RUNS], start;
	int i;

	for (i = 0; i < RUNS; i++) {
		start = rdtsc_ordered();
		fn(arg);
		runs[i] = rdtsc_ordered() - start;
	}
	sort(runs, RUNS, sizeof(runs[0]), by_size, NULL);
	return runs[RUNS / 2];
}

static noinline void nothing(void *arg)
{
}

u64 aerie_cost_of(void (*fn)(void *arg), void *arg)
{
	u64 with = median(fn, arg), without = median(nothing, NULL);

	return with > without ? with - without : 0;
}

struct request {
	struct aerie_cost cost;
	int err;
};

static void measure(struct aerie_vcpu *vcpu, void *arg)
{
	struct request *r = arg;
	u64 start = rdtsc();

	local_irq_disable();
	r->err = aerie_backend->cost(vcpu, &r->cost);
	local_irq_enable();
	/* It is no part of the exit that is being handled. */
	vcpu->exited_tsc += rdtsc() - start;
}

int aerie_vm_cost(struct aerie_vm *vm, u32 id, struct aerie_cost *cost, struct aerie_why *why)
{
	struct request r = {};
	int err;

	/* While it is held the VM is not taken apart. */
	mutex_lock(&vm->lock);
	if (id >= vm->nr_vcpus)
		err = aerie_refuse(why, -EINVAL, AERIE_A_VCPU_ID, "the VM has no such vCPU");
	else if (!vm->holds_cpus)
		err = aerie_refuse(why, -EINVAL, AERIE_A_NAME,
				   "the VM does not run, and that is measured on its processors");
	else
		err = aerie_vcpu_call(vm->vcpus[id], measure, &r) ?: r.err;
	mutex_unlock(&vm->lock);
	if (err == -EIO)
		aerie_refuse(why, err, 0, "the processor does not open an interrupt window at once");
	*cost = r.cost;
	return err;
}
