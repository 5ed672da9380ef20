// SPDX-License-Identifier: GPL-2.0
/*
 * KVM's paravirtual clock: nanoseconds from the VM's start, when the TSC was 0.
 *
 * Where the host keeps its own time by the TSC, the clock is a line of the TSC
 * (clock_line.c), the same for all vCPUs, and the stable bit lets guests rely on that. A
 * few times a second, and before one goes on that has slept, a vCPU compares it
 * with the host's clock, which is not quite as regular, for somebody disciplines it. If
 * they have come apart the line is drawn anew while no vCPU is in the guest, and written for all of
 * them before any goes on: guests may read any vCPU's page.
 *
 * Elsewhere each page pairs the clocks as they are when it is written, which is done again
 * a few times a second, and whenever the vCPU changes processors.
 *
 * A page belongs to whoever holds the clock's lock; that is the vCPU's thread, before it
 * enters again, as only there may memory have to be made resident, or the one that draws a line.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/time64.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/pvclock-abi.h>
#include <uapi/linux/kvm_para.h>

#include "core/core.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/timer.h"

#define LOOK_EVERY	(HZ / 4)
#define CLOCK_ENABLE	1ull	/* of MSR_KVM_SYSTEM_TIME */

/* The guest's TSC, less what vCPUs have made of it, and the time since the VM's start. */
static bool now(const struct aerie_vm *vm, u64 *tick, u64 *ns)
{
	if (!aerie_host_clock_pair(tick, ns))
		return false;
	*tick += vm->tsc_offset;
	*ns -= vm->clock.base_ns;
	return true;
}

void aerie_clock_start(struct aerie_vm *vm)
{
	struct aerie_clock *clock = &vm->clock;
	u64 tsc;

	aerie_line_start(&clock->line, aerie_tsc_khz());
	clock->next_look = jiffies;
	clock->kept = aerie_host_clock_pair(&tsc, &clock->base_ns);
	if (!clock->kept) {
		tsc = aerie_host_tsc();
		clock->base_ns = aerie_now_ns();
	}
	vm->tsc_offset = -tsc;
}

void aerie_clock_reset(struct aerie_vcpu *vcpu)
{
	vcpu->clock = (struct aerie_vcpu_clock) {};
}

void aerie_clock_load(struct aerie_vcpu *vcpu)
{
	struct aerie_vcpu_clock *own = &vcpu->clock;

	if (likely(own->cpu == vcpu->cpu))
		return;
	own->cpu = vcpu->cpu;
	if (!READ_ONCE(vcpu->vm->clock.kept))
		aerie_clock_changed(vcpu);
}

void aerie_clock_changed(struct aerie_vcpu *vcpu)
{
	/* Our own thread: served before the next instruction of the guest. */
	if (vcpu->clock.system_msr & CLOCK_ENABLE)
		set_bit(AERIE_REQ_CLOCK, &vcpu->requests);
}

int aerie_clock_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*val = vcpu->clock.system_msr;
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*val = vcpu->clock.wall_msr;
		return 0;
	}
	return 1;
}

int aerie_clock_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	struct aerie_vcpu_clock *own = &vcpu->clock;

	switch (msr) {
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		/* Who writes the page meanwhile is done before the guest goes on. */
		WRITE_ONCE(own->system_msr, val);
		break;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		own->wall_msr = val;
		own->wall_pending = true;
		break;
	default:
		return 1;
	}
	set_bit(AERIE_REQ_CLOCK, &vcpu->requests);
	return 0;
}

/*
 * Write a structure that begins with a version: odd while its content changes.
 * x86 keeps the order of the three stores, and the calls keep the compiler's.
 */
static int publish(struct aerie_vcpu *vcpu, gpa_t gpa, void *data, size_t len, u32 *version)
{
	struct aerie_mem *mem = &vcpu->vm->mem;
	u32 busy = *version + 1, done = *version + 2;
	int err;

	memcpy(data, &busy, sizeof(busy));
	err = aerie_mem_write(mem, gpa, &busy, sizeof(busy), GFP_NOWAIT);
	if (!err)
		err = aerie_mem_write(mem, gpa, data, len, GFP_NOWAIT);
	if (!err)
		err = aerie_mem_write(mem, gpa, &done, sizeof(done), GFP_NOWAIT);
	if (!err)
		*version = done;
	return err;
}

/* One of the pages that a structure lies in is missing: the core shall make it resident. */
static int missing(struct aerie_vcpu *vcpu, gpa_t gpa, size_t len)
{
	if (!aerie_mem_populate(&vcpu->vm->mem, gpa, GFP_NOWAIT))
		gpa += len - 1;
	vcpu->fault_gpa = gpa;
	vcpu->fault_acc = AERIE_ACC_WRITE;
	return -EAGAIN;
}

/* Context: clock->lock held. */
static int write_system(struct aerie_vcpu *vcpu, gpa_t gpa)
{
	const struct aerie_clock *clock = &vcpu->vm->clock;
	const struct aerie_clock_line *line = &clock->line;
	struct pvclock_vcpu_time_info info = {
		.tsc_to_system_mul = line->mul,
		.tsc_shift = line->shift,
	};

	if (clock->kept) {
		info.tsc_timestamp = line->tick + vcpu->tsc_adjust;
		info.system_time = line->ns;
		info.flags = PVCLOCK_TSC_STABLE_BIT;
	} else {
		info.tsc_timestamp = aerie_guest_tsc(vcpu);
		info.system_time = aerie_now_ns() - clock->base_ns;
	}
	return publish(vcpu, gpa, &info, sizeof(info), &vcpu->clock.version);
}

/* Wall clock time at time 0 of the paravirtual clock. */
static int write_wall(struct aerie_vcpu *vcpu)
{
	struct aerie_vcpu_clock *own = &vcpu->clock;
	u64 ns = aerie_wall_at(vcpu->vm->clock.base_ns);
	u32 rem;
	struct pvclock_wall_clock wall = {
		.sec = div_u64_rem(ns, NSEC_PER_SEC, &rem),
	};

	wall.nsec = rem;
	return publish(vcpu, own->wall_msr, &wall, sizeof(wall), &own->wall_version);
}

/* KVM_HC_CLOCK_PAIRING's answer; @own->pairing_gpa says where to. */
static int write_pairing(struct aerie_vcpu *vcpu)
{
	u64 tsc, ns = 0;
	u32 rem;
	struct kvm_clock_pairing pairing = {};

	if (!aerie_host_clock_pair(&tsc, &ns))
		return -EOPNOTSUPP;
	ns = aerie_wall_at(ns);
	pairing.sec = div_u64_rem(ns, NSEC_PER_SEC, &rem);
	pairing.nsec = rem;
	pairing.tsc = tsc + vcpu->tsc_offset;
	return aerie_mem_write(&vcpu->vm->mem, vcpu->clock.pairing_gpa, &pairing, sizeof(pairing),
			       GFP_NOWAIT);
}

s64 aerie_clock_pairing(struct aerie_vcpu *vcpu, gpa_t gpa, u64 type)
{
	struct aerie_vcpu_clock *own = &vcpu->clock;

	if (type != KVM_CLOCK_PAIRING_WALLCLOCK)
		return -KVM_EOPNOTSUPP;
	own->pairing_gpa = gpa;
	switch (write_pairing(vcpu)) {
	case 0:
		return 0;
	case -EAGAIN:
		/* It is written before the next instruction. */
		own->pairing_pending = true;
		set_bit(AERIE_REQ_CLOCK, &vcpu->requests);
		return 0;
	case -EOPNOTSUPP:
		return -KVM_EOPNOTSUPP;
	}
	return -KVM_EFAULT;
}

int aerie_clock_update(struct aerie_vcpu *vcpu)
{
	struct aerie_vcpu_clock *own = &vcpu->clock;
	struct aerie_clock *clock = &vcpu->vm->clock;
	gpa_t gpa = own->system_msr & ~CLOCK_ENABLE;
	int err = 0;

	if (own->wall_pending && write_wall(vcpu) == -EAGAIN)
		return missing(vcpu, own->wall_msr, sizeof(struct pvclock_wall_clock));
	own->wall_pending = false;
	if (own->pairing_pending && write_pairing(vcpu) == -EAGAIN)
		return missing(vcpu, own->pairing_gpa, sizeof(struct kvm_clock_pairing));
	own->pairing_pending = false;
	/* Where that is no memory it is the guest's mistake, its clock just does not run. */
	spin_lock(&clock->lock);
	if (own->system_msr & CLOCK_ENABLE)
		err = write_system(vcpu, gpa);
	spin_unlock(&clock->lock);
	return err == -EAGAIN ? missing(vcpu, gpa, sizeof(struct pvclock_vcpu_time_info)) : 0;
}

/* The last tick at which a vCPU may have read the clock. None is in the guest. */
static u64 last_seen(const struct aerie_vm *vm)
{
	u64 start = -vm->tsc_offset, seen = 0;
	u32 n;

	for (n = 0; n < vm->nr_vcpus; n++) {
		u64 tsc = READ_ONCE(vm->vcpus[n]->exited_tsc);

		/* One may have run before the VM's start only. */
		if (tsc > start)
			seen = max(seen, tsc - start);
	}
	return seen;
}

/* No vCPU goes on before it has had the lock, and by then all have the new line. */
static void draw(struct aerie_vm *vm)
{
	u64 tick, ns;
	u32 n;

	aerie_vm_request(vm, AERIE_REQ_CLOCK);
	if (!now(vm, &tick, &ns))
		return;
	aerie_line_correct(&vm->clock.line, tick, ns, last_seen(vm));
	for (n = 0; n < vm->nr_vcpus; n++) {
		u64 msr = READ_ONCE(vm->vcpus[n]->clock.system_msr);

		/* Where memory is missing the vCPU sees to it. */
		if (msr & CLOCK_ENABLE)
			write_system(vm->vcpus[n], msr & ~CLOCK_ENABLE);
	}
}

/* Context: clock->lock held. */
static void look(struct aerie_vm *vm)
{
	struct aerie_clock *clock = &vm->clock;
	bool had = clock->kept;
	u64 tick, ns;

	WRITE_ONCE(clock->kept, now(vm, &tick, &ns));
	if (!clock->kept)
		aerie_vm_request(vm, AERIE_REQ_CLOCK);
	else if (!had || aerie_line_off(&clock->line, tick, ns))
		draw(vm);
	else
		aerie_line_looked(&clock->line, tick, ns);
}

void aerie_clock_look(struct aerie_vcpu *vcpu)
{
	struct aerie_clock *clock = &vcpu->vm->clock;

	if (likely(time_before(jiffies, READ_ONCE(clock->next_look))))
		return;
	spin_lock(&clock->lock);
	if (time_after_eq(jiffies, clock->next_look)) {
		WRITE_ONCE(clock->next_look, jiffies + LOOK_EVERY);
		look(vcpu->vm);
	}
	spin_unlock(&clock->lock);
}
