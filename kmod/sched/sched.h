/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Scheduling of vCPUs: the host's scheduler runs their threads; here is what it cannot
 * know, and what the user wants of it.
 */
#ifndef AERIE_SCHED_SCHED_H
#define AERIE_SCHED_SCHED_H

#include "aerie.h"

/* time.c */

/* A new vCPU, or a VM that starts: it is paused from now on, and has done nothing yet. */
void aerie_sched_time_start(struct aerie_sched_time *t, u64 now);

/**
 * aerie_sched_time_enter() - from now on the vCPU does something else
 * @t: its times
 * @state: what
 * @now: aerie_now_ns(), not before the last
 *
 * Context: own thread; preemption may be on.
 * Return: how long it did what it did before, in nanoseconds.
 */
u64 aerie_sched_time_enter(struct aerie_sched_time *t, enum aerie_sched_state state, u64 now);

/* The times up to @now, which add up; the state. Context: any thread. */
enum aerie_sched_state aerie_sched_time_read(const struct aerie_sched_time *t, u64 now,
					     u64 ns[AERIE_SCHED_STATES]);

/* What others have had of a vCPU's time: all in which it could have run and did not. */
static inline u64 aerie_sched_stolen(const u64 ns[AERIE_SCHED_STATES])
{
	return ns[AERIE_SCHED_WAIT] + ns[AERIE_SCHED_CAPPED] + ns[AERIE_SCHED_BLOCKED] +
	       ns[AERIE_SCHED_PAUSED];
}

/* weight.c */

/* The nice level whose weight is nearest to @want; the weight of level 0 is 1024. */
int aerie_weight_nice(u32 want);

/**
 * aerie_weight_next() - the level for the next while
 * @w: of the vCPU
 * @want: the weight that it shall have, on average
 * @had: the weight that it had since the last call
 *
 * Return: a nice level.
 */
int aerie_weight_next(struct aerie_weight *w, u32 want, u32 had);

/* cap.c */

void aerie_cap_set(struct aerie_cap *cap, u32 percent, u64 now);
/* A vCPU of the VM has run for @ran_ns, until @now. Any thread. */
void aerie_cap_charge(struct aerie_cap *cap, u64 ran_ns, u64 now);
/* When vCPUs may run again, or 0: now. */
u64 aerie_cap_until(const struct aerie_cap *cap, u64 now);

/* poll.c */

/* A vCPU slept for @slept_ns, or found something to do before it did: 0. */
void aerie_poll_learn(struct aerie_poll *poll, u64 slept_ns, u32 max_ns);

/* grace.c: own thread; loaded, interrupts off, unless it says otherwise. */

void aerie_grace_init(struct aerie_vcpu *vcpu);
void aerie_grace_fini(struct aerie_vcpu *vcpu);
/* The processor is wanted: may the guest go on for a moment? Asked before each entry. */
bool aerie_grace_given(struct aerie_vcpu *vcpu);
/* A vCPU with a reservation has been woken. Context: any. */
void aerie_grace_urgent(u64 now);
/* The vCPU is about to be put, and vcpu->sched.grace.until_ns is not 0. Interrupts may be on. */
void aerie_grace_end(struct aerie_vcpu *vcpu);

/* spin.c: own thread; loaded, unless it says otherwise. */

void aerie_spin_init(struct aerie_vcpu *vcpu);
void aerie_spin_fini(struct aerie_vcpu *vcpu);
/* It has just been loaded, or is about to be put. */
void aerie_spin_load(struct aerie_vcpu *vcpu);
void aerie_spin_put(struct aerie_vcpu *vcpu, bool halts);

/**
 * aerie_spin_look() - AERIE_REQ_SPIN: does the vCPU spin?
 * @vcpu: the vCPU, loaded
 * @rip: where it is
 * @pauses: whether there is a PAUSE close to that
 *
 * Context: own thread. Return: true where it does, and is to yield.
 */
bool aerie_spin_look(struct aerie_vcpu *vcpu, u64 rip, bool pauses);

/* vcpu.c: what a vCPU's thread does about it; unless it says otherwise, by that thread, not loaded. */

void aerie_sched_create(struct aerie_vcpu *vcpu);
/* A VM starts: its vCPUs have done nothing yet. They are parked; vm->lock is held. */
void aerie_sched_start(struct aerie_vm *vm);
void aerie_sched_enter(struct aerie_vcpu *vcpu, enum aerie_sched_state state);
/* It halts: nothing has woken it yet. */
void aerie_sched_sleep(struct aerie_vcpu *vcpu);
/* It goes on: what lies between being woken and now was waiting. */
void aerie_sched_awake(struct aerie_vcpu *vcpu);
/* Somebody wakes it. Context: any up to hard interrupt. */
void aerie_sched_wake(struct aerie_vcpu *vcpu);
/* Look for something to do, as long as that pays. True where there is. */
bool aerie_sched_poll(struct aerie_vcpu *vcpu, bool (*has_work)(struct aerie_vcpu *));
/* Once a tick or so: its weight, the cap, siblings that have waited for too long. */
void aerie_sched_look(struct aerie_vcpu *vcpu);
/* It waits because the scheduler wants its processor: until it has one again. */
void aerie_sched_preempted(struct aerie_vcpu *vcpu);
/* Could it run, and has no processor? Any thread; it may have one by now. */
bool aerie_sched_waits(const struct aerie_vcpu *vcpu);
/* The vCPU spins, or has sent something to @to, by number + 1: let who waits run. */
void aerie_sched_yield(struct aerie_vcpu *vcpu, u32 to);

/* policy.c */

void aerie_sched_vm_init(struct aerie_vm *vm);
/* AERIE_REQ_UNRESERVE. Context: own thread, not loaded; may sleep. */
void aerie_sched_unreserve(struct aerie_vcpu *vcpu);

/**
 * aerie_sched_change() - say how a VM's vCPUs are to be scheduled
 * @vm: the VM, in any state
 * @change: what of it
 * @why: reason of a refusal
 *
 * Context: may sleep; takes vm->lock.
 * Return: 0; -ENOENT the VM is being destroyed; -EINVAL no such processors, a budget without
 * a period; -ERANGE a budget that its period has no room for; -EBUSY the reservation does
 * not fit beside others, -ENOMEM; then all is as it was.
 */
int aerie_sched_change(struct aerie_vm *vm, const struct aerie_sched_change *change,
		       struct aerie_why *why);

/**
 * aerie_sched_follow() - a VM's reservation is for the vCPUs that there are
 * @vm: the VM
 * @coming: a bit for each vCPU that is about to come
 * @why: reason of a refusal, or NULL
 *
 * Context: may sleep; vm->lock held. Return: 0; -EBUSY no room for the new ones, and then
 * all is as it was.
 */
int aerie_sched_follow(struct aerie_vm *vm, u64 coming, struct aerie_why *why);

#endif
