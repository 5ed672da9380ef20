// SPDX-License-Identifier: GPL-2.0
/*
 * Help for guests that know they are guests, by KVM's interface: steal time with the
 * preempted flag, and hypercalls by which vCPUs reach each other. Ends of interrupts
 * without an exit are in pv_eoi.c.
 *
 * The guest names a structure per vCPU. In it we say how much time others have had of the
 * vCPU's, and, while it has no processor, that this is so. Guests then do not wait for
 * it, and instead of having it flush its TLB at once leave a mark, which is taken off
 * before it goes on. All of it is written by the vCPU's own thread: what is to be said
 * before the guest goes on by aerie_pv_update(), where memory that is missing is brought
 * in first; that it has no processor where that is possible at once.
 */
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/stddef.h>
#include <asm/kvm_para.h>
#include <asm/processor-flags.h>
#include <uapi/linux/kvm_para.h>

#include "core/core.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "dev/timer.h"
#include "sched/sched.h"

#define STEAL_AT(field)		offsetof(struct kvm_steal_time, field)
#define POLL_ALLOWED		1ull	/* of MSR_KVM_POLL_CONTROL */

static bool steal_on(const struct aerie_vcpu *vcpu)
{
	return vcpu->pv.steal_msr & KVM_MSR_ENABLED;
}

static gpa_t steal_gpa(const struct aerie_vcpu *vcpu)
{
	return vcpu->pv.steal_msr & KVM_STEAL_VALID_BITS;
}

void aerie_pv_reset(struct aerie_vcpu *vcpu)
{
	vcpu->pv = (struct aerie_pv) { .poll_control = POLL_ALLOWED };
}

int aerie_pv_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_KVM_STEAL_TIME:
		*val = vcpu->pv.steal_msr;
		break;
	case MSR_KVM_PV_EOI_EN:
		*val = vcpu->pv.eoi_msr;
		break;
	default:
		*val = vcpu->pv.poll_control;
	}
	return 0;
}

int aerie_pv_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	if (msr == MSR_KVM_PV_EOI_EN)
		return aerie_pv_eoi_write(vcpu, val);
	if (msr == MSR_KVM_POLL_CONTROL) {
		if (val & ~POLL_ALLOWED)
			return 1;
		vcpu->pv.poll_control = val;
		return 0;
	}
	if (val & KVM_STEAL_RESERVED_MASK)
		return 1;
	vcpu->pv.steal_msr = val;
	vcpu->pv.told_ns = 0;
	if (val & KVM_MSR_ENABLED)
		set_bit(AERIE_REQ_STEAL, &vcpu->requests);
	return 0;
}

/* The byte stays in its cache line: an aligned structure does not cross a page. */
static int put(struct aerie_vcpu *vcpu, size_t at, const void *val, size_t len)
{
	return aerie_mem_write(&vcpu->vm->mem, steal_gpa(vcpu) + at, val, len, GFP_NOWAIT);
}

void aerie_pv_leave(struct aerie_vcpu *vcpu)
{
	static const u8 preempted = KVM_VCPU_PREEMPTED;

	if (!steal_on(vcpu) || vcpu->pv.away)
		return;
	/* Where it cannot be said now, the guest takes it for one that runs. */
	vcpu->pv.away = !put(vcpu, STEAL_AT(preempted), &preempted, sizeof(preempted));
}

void aerie_pv_return(struct aerie_vcpu *vcpu)
{
	if (steal_on(vcpu))
		set_bit(AERIE_REQ_STEAL, &vcpu->requests);
}

/*
 * It has a processor again; what others have left for it to do is done before it goes on.
 * Where there is more than our own mark, what comes until it is taken off is seen to by the
 * flush behind that; so a guest that plays with it keeps nobody here.
 */
static int come_back(struct aerie_vcpu *vcpu)
{
	static const u8 none;
	u64 old = KVM_VCPU_PREEMPTED;
	int done, err;

	done = aerie_mem_cmpxchg(&vcpu->vm->mem, steal_gpa(vcpu) + STEAL_AT(preempted), 1,
				 &old, none, GFP_NOWAIT);
	if (done < 0)
		return done;
	if (!done) {
		err = put(vcpu, STEAL_AT(preempted), &none, sizeof(none));
		if (err)
			return err;
		aerie_backend->flush_tlb(vcpu);
	}
	vcpu->pv.away = false;
	return 0;
}

/* KVM, struct kvm_steal_time: the version is odd while the rest changes. */
static int tell_steal(struct aerie_vcpu *vcpu)
{
	struct aerie_pv *pv = &vcpu->pv;
	u32 busy = pv->version + 1, done = pv->version + 2;
	u64 ns[AERIE_SCHED_STATES], steal;
	int err;

	aerie_sched_time_read(&vcpu->sched.time, vcpu->sched.time.since_ns, ns);
	steal = aerie_sched_stolen(ns);
	if (steal == pv->told_ns)
		return 0;
	err = put(vcpu, STEAL_AT(version), &busy, sizeof(busy)) ?:
	      put(vcpu, STEAL_AT(steal), &steal, sizeof(steal)) ?:
	      put(vcpu, STEAL_AT(version), &done, sizeof(done));
	if (err)
		return err;
	pv->version = done;
	pv->told_ns = steal;
	return 0;
}

int aerie_pv_update(struct aerie_vcpu *vcpu)
{
	int err = 0;

	if (vcpu->pv.eoi_offer && aerie_pv_eoi_settle(vcpu))
		return -EAGAIN;
	if (!steal_on(vcpu))
		return 0;
	if (vcpu->pv.away)
		err = come_back(vcpu);
	if (!err)
		err = tell_steal(vcpu);
	if (err == -EAGAIN) {
		vcpu->fault_gpa = steal_gpa(vcpu);
		vcpu->fault_acc = AERIE_ACC_WRITE;
		return err;
	}
	/* Not memory: the guest's mistake, nothing is told there any more. */
	if (err)
		vcpu->pv.steal_msr = 0;
	return 0;
}

static struct aerie_vcpu *by_apic_id(struct aerie_vm *vm, u64 id)
{
	return id < vm->nr_vcpus ? vm->vcpus[array_index_nospec(id, vm->nr_vcpus)] : NULL;
}

/* Give the processor to @to before the next instruction. */
static void yield_soon(struct aerie_vcpu *vcpu, const struct aerie_vcpu *to)
{
	if (to == vcpu || !aerie_sched_waits(to))
		return;
	vcpu->yield_to = to->id + 1;
	set_bit(AERIE_REQ_YIELD, &vcpu->requests);
}

static s64 kick(struct aerie_vcpu *vcpu, u64 id)
{
	struct aerie_vcpu *to = by_apic_id(vcpu->vm, id);

	if (!to)
		return 0;
	WRITE_ONCE(to->pv_kicked, true);
	aerie_vcpu_request(to, AERIE_REQ_EVENT);
	yield_soon(vcpu, to);
	return 0;
}

u64 aerie_pv_hypercall(struct aerie_vcpu *vcpu)
{
	const bool wide = aerie_vcpu_cpu_mode(vcpu) == AERIE_MODE_64;
	const u64 mask = wide ? ~0ull : U32_MAX;
	const u64 *regs = vcpu->regs;
	u64 a0 = regs[AERIE_REG_RBX] & mask, a1 = regs[AERIE_REG_RCX] & mask;
	struct aerie_vcpu *to;
	s64 ret = 0;

	switch (regs[AERIE_REG_RAX] & mask) {
	case KVM_HC_KICK_CPU:
		ret = kick(vcpu, a1);
		break;
	case KVM_HC_SEND_IPI:
		ret = aerie_apic_send_set(vcpu, a0, a1, wide ? 64 : 32, regs[AERIE_REG_RDX] & mask,
					  regs[AERIE_REG_RSI] & mask);
		break;
	case KVM_HC_CLOCK_PAIRING:
		ret = aerie_clock_pairing(vcpu, a0, a1);
		break;
	case KVM_HC_SCHED_YIELD:
		to = by_apic_id(vcpu->vm, a0);
		if (to)
			yield_soon(vcpu, to);
		break;
	default:
		ret = -KVM_ENOSYS;
	}
	return ret & mask;
}
