// SPDX-License-Identifier: GPL-2.0
/* Counters of exits: kept by each vCPU for itself, summed by whoever asks. */
#include <linux/string.h>
#include "control.h"
#include "core/core.h"

const char * const aerie_exit_names[AERIE_NR_EXIT_KINDS] = {
#define X(id, name) [AERIE_EXIT_##id] = name,
	AERIE_EXIT_KINDS(X)
#undef X
};

static void exit_stat_add(struct aerie_exit_stat *to, const struct aerie_exit_stat *s)
{
	unsigned int i;

	if (!s->count)
		return;
	if (!to->count || s->min_tsc < to->min_tsc)
		to->min_tsc = s->min_tsc;
	to->max_tsc = max(to->max_tsc, s->max_tsc);
	to->count += s->count;
	to->total_tsc += s->total_tsc;
	for (i = 0; i < AERIE_HIST_BUCKETS; i++)
		to->hist[i] += s->hist[i];
}

void aerie_vm_stats(struct aerie_vm *vm, struct aerie_vcpu_stats *out)
{
	unsigned int i, n;

	memset(out, 0, sizeof(*out));
	for (n = 0; n < vm->nr_vcpus; n++) {
		const struct aerie_vcpu_stats *s = vm->vcpus[n]->stats;

		for (i = 0; i < AERIE_NR_EXIT_KINDS; i++)
			exit_stat_add(&out->exits[i], &s->exits[i]);
		for (i = 0; i < ARRAY_SIZE(s->injected); i++)
			out->injected[i] += s->injected[i];
		out->loads += s->loads;
		out->halts += s->halts;
		out->guest_tsc += s->guest_tsc;
	}
}

u64 aerie_vcpu_exits(struct aerie_vcpu *vcpu)
{
	u64 sum = 0;
	unsigned int i;

	for (i = 0; i < AERIE_NR_EXIT_KINDS; i++)
		sum += vcpu->stats->exits[i].count;
	return sum;
}

static u64 thread_cpu_ns(struct aerie_vcpu *vcpu)
{
	return READ_ONCE(vcpu->task->se.sum_exec_runtime);
}

u64 aerie_vcpu_cpu_ns(struct aerie_vcpu *vcpu)
{
	return thread_cpu_ns(vcpu) - vcpu->cpu_base_ns;
}

u64 aerie_vm_cpu_ns(struct aerie_vm *vm)
{
	u64 sum = 0;
	unsigned int n;

	for (n = 0; n < vm->nr_vcpus; n++)
		sum += aerie_vcpu_cpu_ns(vm->vcpus[n]);
	return sum;
}

void aerie_stats_start(struct aerie_vm *vm)
{
	unsigned int i, n;

	for (n = 0; n < vm->nr_vcpus; n++) {
		struct aerie_vcpu_stats *s = vm->vcpus[n]->stats;

		memset(s, 0, sizeof(*s));
		for (i = 0; i < AERIE_NR_EXIT_KINDS; i++)
			s->exits[i].min_tsc = U64_MAX;
		vm->vcpus[n]->cpu_base_ns = thread_cpu_ns(vm->vcpus[n]);
	}
}
