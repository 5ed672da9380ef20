// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's time: its TSC, deadlines in it, and KVM's paravirtual clock.
 *
 * A guest's TSC is the host's plus an offset, the same for all vCPUs until a
 * guest writes TSC or TSC_ADJUST; the difference a vCPU has made is always in
 * its TSC_ADJUST. The paravirtual clock counts nanoseconds from the VM's start,
 * when the TSC was 0. Where the host's TSC is stable, the page says no more than
 * that: time 0 was at TSC_ADJUST, and it never has to be written again. All
 * vCPUs then compute the same time, and the stable bit lets the guest rely on
 * that. Elsewhere the page pairs the clocks as they are when it is written, which
 * is done again whenever the vCPU changes processors.
 *
 * Pages are written by aerie_time_update() on the vCPU's thread before it
 * enters again, because only there may memory have to be made resident.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <asm/kvm_para.h>
#include <asm/msr-index.h>
#include <asm/pvclock-abi.h>

#include "backend.h"
#include "core/host.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "dev/timer.h"

#define TIME_SHIFT		32	/* of the fixed-point nanoseconds per tick */
#define TIME_MAX_TICKS		(1ull << 60)	/* years: no sum overflows */
#define TIME_FALLBACK_KHZ	1000000u
#define TIME_ENABLE		1ull	/* of MSR_KVM_SYSTEM_TIME */

/**
 * struct aerie_pvclock - KVM clock of a vCPU; its own thread only
 * @system_msr: MSR_KVM_SYSTEM_TIME as written
 * @wall_msr: MSR_KVM_WALL_CLOCK as last written
 * @cpu: processor the vCPU was last loaded on
 * @version: of the system time page, even
 * @wall_version: of the wall clock structure, even
 * @wall_pending: the wall clock is to be written by aerie_time_update()
 */
struct aerie_pvclock {
	u64 system_msr;
	u64 wall_msr;
	int cpu;
	u32 version;
	u32 wall_version;
	bool wall_pending;
};

static u64 time_ns_per_tick;	/* fixed point, TIME_SHIFT bits of fraction */
static u32 time_pv_mul;		/* the same as the paravirtual clock wants it */
static s8 time_pv_shift;

u32 aerie_tsc_khz(void)
{
	return aerie_host_tsc_khz() ?: TIME_FALLBACK_KHZ;
}

/* ns = (ticks << shift) * mul >> 32, with mul as large as 32 bits allow. */
static void time_pv_scale(u32 khz)
{
	u64 ticks = (u64)khz * 1000;
	s8 shift = 0;

	while (ticks > 2ull * NSEC_PER_SEC) {
		ticks >>= 1;
		shift--;
	}
	while (ticks <= NSEC_PER_SEC) {
		ticks <<= 1;
		shift++;
	}
	time_pv_mul = div64_u64((u64)NSEC_PER_SEC << 32, ticks);
	time_pv_shift = shift;
}

void aerie_time_start(struct aerie_vm *vm)
{
	u32 khz = aerie_tsc_khz();

	/* The host has calibrated by now; every start finds the same. */
	time_ns_per_tick = div64_u64(1000000ull << TIME_SHIFT, khz) + 1;
	time_pv_scale(khz);
	vm->clock_base_ns = aerie_now_ns();
	vm->tsc_offset = -aerie_host_tsc();
}

u64 aerie_guest_tsc(struct aerie_vcpu *vcpu)
{
	return aerie_host_tsc() + vcpu->tsc_offset;
}

u64 aerie_tsc_to_deadline(struct aerie_vcpu *vcpu, u64 tsc)
{
	/* TSC first, and rounded up: never a time before the TSC has got there. */
	u64 tsc_now = aerie_guest_tsc(vcpu), now = aerie_now_ns(), ticks;

	if (tsc_now >= tsc)
		return now;
	ticks = min_t(u64, tsc - tsc_now, TIME_MAX_TICKS);
	return now + mul_u64_u64_shr(ticks, time_ns_per_tick, TIME_SHIFT) + 1;
}

int aerie_time_create(struct aerie_vcpu *vcpu)
{
	vcpu->pvclock = kzalloc(sizeof(*vcpu->pvclock), GFP_KERNEL_ACCOUNT);
	return vcpu->pvclock ? 0 : -ENOMEM;
}

void aerie_time_destroy(struct aerie_vcpu *vcpu)
{
	kfree(vcpu->pvclock);
	vcpu->pvclock = NULL;
}

void aerie_time_reset(struct aerie_vcpu *vcpu)
{
	*vcpu->pvclock = (struct aerie_pvclock) {};
	vcpu->tsc_adjust = 0;
	vcpu->tsc_offset = vcpu->vm->tsc_offset;
	aerie_backend->tsc_offset_set(vcpu, vcpu->tsc_offset);
}

/* Move the vCPU's TSC, and what was derived from it. */
static void time_shift_tsc(struct aerie_vcpu *vcpu, u64 delta)
{
	if (!delta)
		return;
	vcpu->tsc_adjust += delta;
	vcpu->tsc_offset += delta;
	aerie_backend->tsc_offset_set(vcpu, vcpu->tsc_offset);
	aerie_lapic_tsc_changed(vcpu);
	/* Our own thread: served before the next instruction of the guest. */
	if (vcpu->pvclock->system_msr & TIME_ENABLE)
		set_bit(AERIE_REQ_CLOCK, &vcpu->requests);
}

void aerie_time_load(struct aerie_vcpu *vcpu)
{
	struct aerie_pvclock *clock = vcpu->pvclock;

	if (likely(clock->cpu == vcpu->cpu))
		return;
	clock->cpu = vcpu->cpu;
	if (clock->system_msr & TIME_ENABLE && !aerie_host_tsc_stable())
		set_bit(AERIE_REQ_CLOCK, &vcpu->requests);
}

int aerie_time_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	switch (msr) {
	case MSR_IA32_TSC:
		*val = aerie_guest_tsc(vcpu);
		return 0;
	case MSR_IA32_TSC_ADJUST:
		*val = vcpu->tsc_adjust;
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		*val = vcpu->pvclock->system_msr;
		return 0;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		*val = vcpu->pvclock->wall_msr;
		return 0;
	}
	return 1;
}

int aerie_time_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	struct aerie_pvclock *clock = vcpu->pvclock;

	switch (msr) {
	case MSR_IA32_TSC:
		time_shift_tsc(vcpu, val - aerie_guest_tsc(vcpu));
		return 0;
	case MSR_IA32_TSC_ADJUST:
		time_shift_tsc(vcpu, val - vcpu->tsc_adjust);
		return 0;
	case MSR_KVM_SYSTEM_TIME:
	case MSR_KVM_SYSTEM_TIME_NEW:
		clock->system_msr = val;
		break;
	case MSR_KVM_WALL_CLOCK:
	case MSR_KVM_WALL_CLOCK_NEW:
		clock->wall_msr = val;
		clock->wall_pending = true;
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
static int time_publish(struct aerie_vcpu *vcpu, gpa_t gpa, void *data, size_t len,
			u32 *version)
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
static int time_missing(struct aerie_vcpu *vcpu, gpa_t gpa, size_t len)
{
	if (!aerie_mem_populate(&vcpu->vm->mem, gpa, GFP_NOWAIT))
		gpa += len - 1;
	vcpu->fault_gpa = gpa;
	vcpu->fault_acc = AERIE_ACC_WRITE;
	return -EAGAIN;
}

static int time_write_system(struct aerie_vcpu *vcpu)
{
	struct aerie_pvclock *clock = vcpu->pvclock;
	struct pvclock_vcpu_time_info info = {
		.tsc_to_system_mul = time_pv_mul,
		.tsc_shift = time_pv_shift,
	};
	gpa_t gpa = clock->system_msr & ~TIME_ENABLE;
	int err;

	if (aerie_host_tsc_stable()) {
		info.tsc_timestamp = vcpu->tsc_adjust;
		info.flags = PVCLOCK_TSC_STABLE_BIT;
	} else {
		info.tsc_timestamp = aerie_guest_tsc(vcpu);
		info.system_time = aerie_now_ns() - vcpu->vm->clock_base_ns;
	}
	err = time_publish(vcpu, gpa, &info, sizeof(info), &clock->version);
	if (err == -EAGAIN)
		return time_missing(vcpu, gpa, sizeof(info));
	/* Not memory: the guest's mistake, its clock just does not run. */
	return 0;
}

/* Wall clock time at time 0 of the paravirtual clock. */
static int time_write_wall(struct aerie_vcpu *vcpu)
{
	struct aerie_pvclock *clock = vcpu->pvclock;
	u64 ns = aerie_wall_ns() - (aerie_now_ns() - vcpu->vm->clock_base_ns);
	u32 rem;
	struct pvclock_wall_clock wall = {
		.sec = div_u64_rem(ns, NSEC_PER_SEC, &rem),
	};
	int err;

	wall.nsec = rem;
	err = time_publish(vcpu, clock->wall_msr, &wall, sizeof(wall), &clock->wall_version);
	if (err == -EAGAIN)
		return time_missing(vcpu, clock->wall_msr, sizeof(wall));
	return 0;
}

int aerie_time_update(struct aerie_vcpu *vcpu)
{
	struct aerie_pvclock *clock = vcpu->pvclock;
	int err;

	if (clock->wall_pending) {
		err = time_write_wall(vcpu);
		if (err)
			return err;
		clock->wall_pending = false;
	}
	return clock->system_msr & TIME_ENABLE ? time_write_system(vcpu) : 0;
}
