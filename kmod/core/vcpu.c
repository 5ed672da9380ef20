// SPDX-License-Identifier: GPL-2.0
/*
 * The vCPU: its thread, its run loop, how others reach it.
 *
 * The thread is in one of three places. *Parked*: the VM does not run; the
 * thread sleeps outside and touches nothing but what aerie_vcpu_call() hands
 * it. *Halted*: HLT or waiting for a start-up IPI; it sleeps until a request or
 * an event. *Running*: the run loop below, loaded most of the time.
 *
 * One that sleeps halted is at rest, which is as good as parked where nobody wants to
 * change what it has: a pause leaves it alone. It parks when something wakes it, for it
 * looks whether the VM runs after it has said that it rests no more, and whoever
 * pauses looks whether it rests after having said that the VM does not run.
 *
 * Others only ever set a bit in vcpu->requests and kick. The store of
 * AERIE_VCPU_GUEST to vcpu->mode and the load of requests after it pair with
 * the store of a request and the load of mode in the kick: one of the two sees
 * the other, so either the entry is called off or an IPI ends it.
 *
 * There is one IPI a vCPU, and whoever sets the bit in vcpu->kick_sent sends it:
 * the kernel leaves it to its callers that nobody sends what is on its way. The
 * bit is set until the IPI arrives, or until it turns out that the processor is
 * offline. Kicks that find it set rely on that IPI, which may go where the vCPU
 * no longer is; so whoever clears it looks at the requests after that, and kicks
 * once more where they still need it.
 *
 * Interrupts are off from the mode change to the exit. What core/fast.c does
 * comes and goes meanwhile. Of other exits those in AERIE_EXITS_IRQOFF are
 * handled before interrupts come on again; a host interrupt that waits makes the
 * next entry exit at once and is served then.
 *
 * Once a tick, and whenever the scheduler or a softirq asks, the vCPU is put:
 * that is also what tells RCU that this processor passes quiescent states. Softirqs
 * that wait all the same were left to ksoftirqd, a thread that has its turn as others do.
 */
#include <linux/kthread.h>
#include <linux/interrupt.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <asm/debugreg.h>
#include <asm/fpu/api.h>
#include <asm/tsc.h>
#include "control.h"
#include "core/core.h"
#include "core/fetch.h"
#include "core/place.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "sched/sched.h"
#include "trace.h"
#include "uapi.h"

const char * const aerie_reg_names[AERIE_NR_REGS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
	"r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"rip", "rflags", "cr0", "cr3", "cr4",
};

/* An IPI is all it takes: it ends guest execution. */
static void kick_arrived(void *info)
{
	struct aerie_vcpu *vcpu = info;

	clear_bit(0, &vcpu->kick_sent);
	smp_mb__after_atomic();		/* pairs with aerie_vcpu_request() */
	if (unlikely(READ_ONCE(vcpu->requests) && READ_ONCE(vcpu->mode) == AERIE_VCPU_GUEST))
		aerie_vcpu_kick(vcpu);
}

void aerie_vcpu_kick(struct aerie_vcpu *vcpu)
{
	int cpu, me;

	switch (READ_ONCE(vcpu->mode)) {
	case AERIE_VCPU_OUT:
		aerie_sched_wake(vcpu);
		wake_up_process(vcpu->task);
		break;
	case AERIE_VCPU_GUEST:
		me = get_cpu();
		cpu = READ_ONCE(vcpu->cpu);
		/*
		 * On its own processor this is an interrupt: the exit has happened.
		 * One that is offline the vCPU has left.
		 */
		if (cpu >= 0 && cpu != me && !test_and_set_bit(0, &vcpu->kick_sent) &&
		    smp_call_function_single_async(cpu, &vcpu->kick_csd))
			kick_arrived(vcpu);
		put_cpu();
		break;
	}
}

/* Take the processor. False where it has left VMX/SVM operation (hotplug). */
static bool vcpu_load(struct aerie_vcpu *vcpu)
{
	kernel_fpu_begin();
	if (unlikely(!aerie_hw_on())) {
		kernel_fpu_end();
		return false;
	}
	WRITE_ONCE(vcpu->cpu, smp_processor_id());
	aerie_fpu_load(vcpu);
	aerie_backend->vcpu_load(vcpu, vcpu->cpu);
	aerie_dr_load(vcpu);
	aerie_clock_load(vcpu);
	WRITE_ONCE(vcpu->mode, AERIE_VCPU_LOADED);
	vcpu->stats->loads++;
	vcpu->last_put = jiffies;
	vcpu->softirqs_left = local_softirq_pending();
	vcpu->check_events = true;
	aerie_spin_load(vcpu);
	return true;
}

static void vcpu_put(struct aerie_vcpu *vcpu)
{
	if (unlikely(vcpu->sched.grace.until_ns))
		aerie_grace_end(vcpu);
	aerie_spin_put(vcpu, vcpu->mp_state != AERIE_MP_RUNNING);
	WRITE_ONCE(vcpu->mode, AERIE_VCPU_OUT);
	aerie_dr_put(vcpu);
	aerie_backend->vcpu_put(vcpu);
	aerie_fpu_put(vcpu);
	WRITE_ONCE(vcpu->cpu, -1);
	kernel_fpu_end();
}

/*
 * This processor has left VMX/SVM operation: wait to be moved to another. False
 * where they all have, for good.
 */
static bool vcpu_wait_hw(void)
{
	if (aerie_hw_down())
		return false;
	schedule_timeout_idle(1);
	return true;
}

/* Control registers at reset and INIT (SDM, Processor State After Reset). */
#define CR0_RESET	(X86_CR0_CD | X86_CR0_NW | X86_CR0_ET)

void aerie_vcpu_reset(struct aerie_vcpu *vcpu, bool init)
{
	u64 cr0 = CR0_RESET;

	/* INIT keeps CD and NW. */
	if (init)
		cr0 = X86_CR0_ET | (aerie_reg_read(vcpu, AERIE_REG_CR0) &
				    (X86_CR0_CD | X86_CR0_NW));
	memset(vcpu->regs, 0, sizeof(vcpu->regs));
	vcpu->regs_avail = GENMASK(AERIE_NR_REGS - 1, 0);
	vcpu->regs_dirty = vcpu->regs_avail;
	vcpu->regs[AERIE_REG_RDX] = 0x600;
	vcpu->regs[AERIE_REG_RIP] = 0xfff0;
	vcpu->regs[AERIE_REG_RFLAGS] = X86_EFLAGS_FIXED;
	vcpu->cr2 = 0;
	vcpu->efer = 0;
	if (vcpu->dr_dirty)
		aerie_dr_put(vcpu);
	memset(vcpu->dr, 0, sizeof(vcpu->dr));
	vcpu->dr6 = DR6_RESERVED;
	vcpu->dr7 = 0x400;
	vcpu->reinject.type = AERIE_EVENT_NONE;
	vcpu->exception.type = AERIE_EVENT_NONE;
	vcpu->nmi_pending = false;
	vcpu->nmi_second = false;
	atomic_set(&vcpu->nmi_queued, 0);
	aerie_backend->vcpu_reset(vcpu);
	aerie_backend->efer_set(vcpu, 0);
	aerie_backend->cr4_set(vcpu, 0);
	aerie_backend->cr0_set(vcpu, cr0);
	aerie_backend->cr3_set(vcpu, 0);
	aerie_backend->dr6_set(vcpu, vcpu->dr6);
	aerie_backend->dr7_set(vcpu, vcpu->dr7);
	aerie_backend->flush_tlb(vcpu);
	if (!init) {
		aerie_tsc_reset(vcpu);
		aerie_clock_reset(vcpu);
		aerie_pv_reset(vcpu);
		aerie_msr_reset(vcpu);
		aerie_fpu_put(vcpu);
		aerie_fpu_reset(vcpu);
		aerie_fpu_load(vcpu);
		/* One at a time: others set bits meanwhile. */
		clear_bit(AERIE_REQ_EVENT, &vcpu->requests);
		clear_bit(AERIE_REQ_TLB_FLUSH, &vcpu->requests);
		clear_bit(AERIE_REQ_CLOCK, &vcpu->requests);
		clear_bit(AERIE_REQ_STEAL, &vcpu->requests);
		clear_bit(AERIE_REQ_YIELD, &vcpu->requests);
	}
	aerie_lapic_reset(vcpu, init);
	if (aerie_backend->apic_mode)
		aerie_backend->apic_mode(vcpu);
	vcpu->hw_cr8 = 0;
	aerie_backend->cr8_set(vcpu, 0);
	WRITE_ONCE(vcpu->pv_kicked, false);
	vcpu->mp_state = vcpu->id ? AERIE_MP_WAIT_SIPI : AERIE_MP_RUNNING;
	vcpu->pv.eoi_offer = 0;
	vcpu->check_events = true;
}

/* INIT and start-up IPIs that the local APIC has taken. */
static void vcpu_serve_apic(struct aerie_vcpu *vcpu)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	if (test_and_clear_bit(AERIE_LAPIC_INIT, &lapic->pending)) {
		aerie_vcpu_reset(vcpu, !xchg(&vcpu->ejected, false));
		/* The bootstrap processor starts again at the reset vector. */
		if (vcpu->id)
			vcpu->mp_state = AERIE_MP_WAIT_SIPI;
	}
	/* One that was on its way when the vCPU was ejected starts nothing. */
	if (test_and_clear_bit(AERIE_LAPIC_SIPI, &lapic->pending) &&
	    vcpu->mp_state == AERIE_MP_WAIT_SIPI &&
	    READ_ONCE(vcpu->vm->vcpus_present) & BIT_ULL(vcpu->id)) {
		u8 vector = READ_ONCE(lapic->sipi_vector);
		struct aerie_segment cs;

		aerie_backend->seg_get(vcpu, AERIE_SEG_CS, &cs);
		cs.selector = vector << 8;
		cs.base = (u64)vector << 12;
		aerie_backend->seg_set(vcpu, AERIE_SEG_CS, &cs);
		aerie_reg_write(vcpu, AERIE_REG_RIP, 0);
		vcpu->mp_state = AERIE_MP_RUNNING;
	}
}

static void vcpu_serve_call(struct aerie_vcpu *vcpu)
{
	vcpu->call_fn(vcpu, vcpu->call_arg);
	vcpu->call_err = 0;
	complete(&vcpu->call_done);
}

/* The same while parked. Returns without having served it to be called again. */
static void vcpu_serve_call_parked(struct aerie_vcpu *vcpu)
{
	if (vcpu_load(vcpu)) {
		clear_bit(AERIE_REQ_CALL, &vcpu->requests);
		vcpu_serve_call(vcpu);
		vcpu_put(vcpu);
	} else if (!vcpu_wait_hw()) {
		clear_bit(AERIE_REQ_CALL, &vcpu->requests);
		vcpu->call_err = -ESHUTDOWN;
		complete(&vcpu->call_done);
	}
}

/* Serve what others have posted. Context: loaded, interrupts on. */
static enum aerie_next vcpu_serve(struct aerie_vcpu *vcpu)
{
	if (test_and_clear_bit(AERIE_REQ_EVENT, &vcpu->requests))
		vcpu->check_events = true;
	if (test_and_clear_bit(AERIE_REQ_TLB_FLUSH, &vcpu->requests))
		aerie_backend->flush_tlb(vcpu);
	if (test_and_clear_bit(AERIE_REQ_CALL, &vcpu->requests))
		vcpu_serve_call(vcpu);
	if (READ_ONCE(vcpu->requests) & (BIT(AERIE_REQ_PARK) | BIT(AERIE_REQ_UNRESERVE)))
		return AERIE_NEXT_STOP;
	if (test_and_clear_bit(AERIE_REQ_APIC, &vcpu->requests))
		vcpu_serve_apic(vcpu);
	if (test_and_clear_bit(AERIE_REQ_CLOCK, &vcpu->requests) &&
	    aerie_clock_update(vcpu) == -EAGAIN) {
		set_bit(AERIE_REQ_CLOCK, &vcpu->requests);
		return AERIE_NEXT_FAULT;
	}
	if (test_and_clear_bit(AERIE_REQ_STEAL, &vcpu->requests) &&
	    aerie_pv_update(vcpu) == -EAGAIN) {
		set_bit(AERIE_REQ_STEAL, &vcpu->requests);
		return AERIE_NEXT_FAULT;
	}
	if (test_and_clear_bit(AERIE_REQ_YIELD, &vcpu->requests))
		return AERIE_NEXT_YIELD;
	if (test_and_clear_bit(AERIE_REQ_SPIN, &vcpu->requests) &&
	    aerie_spin_look(vcpu, aerie_reg_read(vcpu, AERIE_REG_RIP), aerie_fetch_pauses(vcpu)))
		return AERIE_NEXT_YIELD;
	return vcpu->mp_state == AERIE_MP_RUNNING ? AERIE_NEXT_ENTER : AERIE_NEXT_HALT;
}

/* Somebody else wants the processor, and the guest is in nothing that should end first. */
static bool vcpu_must_put(struct aerie_vcpu *vcpu)
{
	return (need_resched() || aerie_softirqs_wait(vcpu) || vcpu->last_put != jiffies) &&
	       !aerie_grace_given(vcpu);
}

/*
 * The loaded section: enter, handle, enter again, until something needs the
 * vCPU put. Interrupts are on at both ends.
 */
static enum aerie_next vcpu_run_loaded(struct aerie_vcpu *vcpu)
{
	struct aerie_exit exit = { .kind = AERIE_EXIT_UNCLAIMED };
	bool irqs_on = true, handled = false, must_put;
	enum aerie_next next;
	int err;

	for (;;) {
		if (unlikely(READ_ONCE(vcpu->requests))) {
			if (!irqs_on)
				local_irq_enable();
			irqs_on = true;
			next = vcpu_serve(vcpu);
			if (next != AERIE_NEXT_ENTER)
				break;
		}
		if (irqs_on)
			local_irq_disable();
		WRITE_ONCE(vcpu->mode, AERIE_VCPU_GUEST);
		smp_mb();	/* pairs with aerie_vcpu_request() */
		must_put = vcpu_must_put(vcpu);
		if (unlikely(READ_ONCE(vcpu->requests) || must_put)) {
			WRITE_ONCE(vcpu->mode, AERIE_VCPU_LOADED);
			local_irq_enable();
			irqs_on = true;
			next = AERIE_NEXT_PUT;
			if (must_put)
				break;
			continue;
		}
		if (vcpu->check_events || vcpu->reinject.type || vcpu->exception.type) {
			vcpu->check_events = false;
			if (unlikely(!aerie_event_prepare(vcpu))) {
				vcpu->check_events = true;
				WRITE_ONCE(vcpu->mode, AERIE_VCPU_LOADED);
				local_irq_enable();
				irqs_on = true;
				continue;
			}
		}
		trace_aerie_entry(vcpu);
		vcpu->fast_left = AERIE_FAST_RUN;
		vcpu->entered_tsc = rdtsc();
		if (handled)
			aerie_stat_add(&vcpu->stats->exits[exit.kind],
				       vcpu->entered_tsc - vcpu->exited_tsc);

		err = aerie_hw(enter)(vcpu, &exit);

		WRITE_ONCE(vcpu->mode, AERIE_VCPU_LOADED);
		if (unlikely(err)) {
			local_irq_enable();
			aerie_vm_kill(vcpu->vm, AERIE_STOP_HOST,
				      "vCPU %u: the processor refused the entry, error %d",
				      vcpu->id, err);
			return AERIE_NEXT_STOP;
		}
		vcpu->stats->guest_tsc += vcpu->exited_tsc - vcpu->entered_tsc;
		handled = true;
		irqs_on = exit.done;
		if (exit.done) {
			exit.kind = vcpu->done_kind;
			local_irq_enable();
			if (likely(vcpu->mp_state == AERIE_MP_RUNNING))
				continue;
			next = AERIE_NEXT_HALT;
			break;
		}
		trace_aerie_exit(vcpu, exit.kind, exit.hw_reason, exit.hw_qual);
		irqs_on = !(AERIE_EXITS_IRQOFF & BIT_ULL(exit.kind));
		if (irqs_on)
			local_irq_enable();
		next = aerie_exit_handle(vcpu, &exit);
		if (next != AERIE_NEXT_ENTER)
			break;
	}
	if (!irqs_on)
		local_irq_enable();
	if (handled)
		aerie_stat_add(&vcpu->stats->exits[exit.kind], rdtsc() - vcpu->exited_tsc);
	return next;
}

/* Make the page that the loaded section could not get resident. May sleep. */
static void vcpu_populate(struct aerie_vcpu *vcpu)
{
	int err = aerie_mem_fault(&vcpu->vm->mem, vcpu->fault_gpa, vcpu->fault_acc, GFP_KERNEL);

	if (err == -ENOMEM)
		aerie_vm_kill(vcpu->vm, AERIE_STOP_HOST,
			      "vCPU %u: the host has no memory for guest page 0x%llx",
			      vcpu->id, vcpu->fault_gpa);
	else if (err == -EIO)
		aerie_vm_kill(vcpu->vm, AERIE_STOP_HOST,
			      "vCPU %u: guest page 0x%llx has left memory and cannot be read back",
			      vcpu->id, vcpu->fault_gpa);
}

static bool vcpu_has_work(struct aerie_vcpu *vcpu)
{
	return READ_ONCE(vcpu->requests) || kthread_should_stop() ||
	       (vcpu->mp_state == AERIE_MP_HALTED && aerie_event_wakes(vcpu));
}

/* Sleep in HLT or while waiting for a start-up IPI. */
static void vcpu_halt(struct aerie_vcpu *vcpu)
{
	vcpu->stats->halts++;
	aerie_sched_sleep(vcpu);
	if (!aerie_sched_poll(vcpu, vcpu_has_work)) {
		/* Before it rests: who rests leaves guest memory alone. */
		aerie_pv_leave(vcpu);
		WRITE_ONCE(vcpu->resting, true);
		for (;;) {
			set_current_state(TASK_IDLE);
			if (vcpu_has_work(vcpu))
				break;
			schedule();
		}
		__set_current_state(TASK_RUNNING);
		WRITE_ONCE(vcpu->resting, false);
		smp_mb();	/* pairs with vcpu_rests() in vm.c */
	}
	if (vcpu->mp_state == AERIE_MP_HALTED && aerie_event_wakes(vcpu)) {
		WRITE_ONCE(vcpu->pv_kicked, false);
		vcpu->mp_state = AERIE_MP_RUNNING;
	}
	aerie_sched_awake(vcpu);
	aerie_pv_return(vcpu);
}

/*
 * Sleep while the VM does not run. The check and the change of vcpu->parked are
 * one step under state_lock, so that whoever has stopped the VM and sees parked
 * knows that the vCPU stays where it is.
 */
static void vcpu_park(struct aerie_vcpu *vcpu)
{
	struct aerie_vm *vm = vcpu->vm;
	bool run = false;

	aerie_sched_enter(vcpu, AERIE_SCHED_PAUSED);
	while (!run && !kthread_should_stop()) {
		spin_lock_irq(&vm->state_lock);
		clear_bit(AERIE_REQ_PARK, &vcpu->requests);
		run = aerie_vm_may_run(vm);
		vcpu->parked = !run;
		spin_unlock_irq(&vm->state_lock);
		if (run)
			break;
		wake_up_all(&vm->state_wait);
		if (test_bit(AERIE_REQ_CALL, &vcpu->requests)) {
			vcpu_serve_call_parked(vcpu);
			continue;
		}
		aerie_sched_unreserve(vcpu);
		set_current_state(TASK_IDLE);
		if (!aerie_vm_may_run(vm) && !kthread_should_stop() &&
		    !(READ_ONCE(vcpu->requests) &
		      (BIT(AERIE_REQ_CALL) | BIT(AERIE_REQ_UNRESERVE))))
			schedule();
		__set_current_state(TASK_RUNNING);
	}
	aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
	aerie_pv_return(vcpu);
}

static int vcpu_thread(void *arg)
{
	struct aerie_vcpu *vcpu = arg;
	enum aerie_next next;
	bool wanted;

	/* Tables are paid for like frames. */
	set_active_memcg(vcpu->vm->mem.memcg);
	vcpu_park(vcpu);
	while (!kthread_should_stop()) {
		if (test_bit(AERIE_REQ_PARK, &vcpu->requests) || !aerie_vm_may_run(vcpu->vm)) {
			vcpu_park(vcpu);
			continue;
		}
		aerie_sched_unreserve(vcpu);
		if (vcpu->mp_state != AERIE_MP_RUNNING && !READ_ONCE(vcpu->requests)) {
			vcpu_halt(vcpu);
			continue;
		}
		aerie_clock_look(vcpu);
		if (unlikely(!vcpu_load(vcpu))) {
			if (!vcpu_wait_hw())
				aerie_vm_kill(vcpu->vm, AERIE_STOP_HOST, "the host goes down");
			continue;
		}
		next = vcpu_serve(vcpu);
		if (next == AERIE_NEXT_ENTER)
			next = vcpu_run_loaded(vcpu);
		/* Where the kernel preempts, another thread has the processor before put returns. */
		wanted = need_resched();
		if (wanted) {
			aerie_pv_leave(vcpu);
			aerie_sched_enter(vcpu, AERIE_SCHED_WAIT);
		}
		vcpu_put(vcpu);
		if (wanted) {
			aerie_sched_preempted(vcpu);
			aerie_pv_return(vcpu);
		}
		aerie_sched_look(vcpu);
		switch (next) {
		case AERIE_NEXT_FAULT:
			aerie_sched_enter(vcpu, AERIE_SCHED_BLOCKED);
			vcpu_populate(vcpu);
			aerie_sched_enter(vcpu, AERIE_SCHED_RUN);
			break;
		case AERIE_NEXT_YIELD:
			aerie_pv_leave(vcpu);
			aerie_sched_yield(vcpu, vcpu->yield_to);
			aerie_pv_return(vcpu);
			vcpu->yield_to = 0;
			break;
		case AERIE_NEXT_PUT:
			/* Not only RCU: a guest need not ever sleep. */
			cond_resched_tasks_rcu_qs();
			break;
		case AERIE_NEXT_ENTER:
		case AERIE_NEXT_HALT:
		case AERIE_NEXT_STOP:
			break;
		}
	}
	return 0;
}

int aerie_vcpu_call(struct aerie_vcpu *vcpu, void (*fn)(struct aerie_vcpu *, void *),
		    void *arg)
{
	struct aerie_vm *vm = vcpu->vm;
	int err = 0;

	mutex_lock(&vm->call_lock);
	if (READ_ONCE(vm->state) == AERIE_VM_DYING || !vm->holds_cpus) {
		err = -ESHUTDOWN;
	} else {
		vcpu->call_fn = fn;
		vcpu->call_arg = arg;
		reinit_completion(&vcpu->call_done);
		aerie_vcpu_request(vcpu, AERIE_REQ_CALL);
		wait_for_completion(&vcpu->call_done);
		err = vcpu->call_err;
	}
	mutex_unlock(&vm->call_lock);
	return err;
}

struct aerie_vcpu *aerie_vcpu_create(struct aerie_vm *vm, u32 id)
{
	struct aerie_vcpu *vcpu;
	int err = -ENOMEM;

	vcpu = kzalloc(aerie_backend->vcpu_size, GFP_KERNEL_ACCOUNT);
	if (!vcpu)
		return ERR_PTR(-ENOMEM);
	vcpu->vm = vm;
	vcpu->id = id;
	vcpu->cpu = -1;
	init_completion(&vcpu->call_done);
	INIT_CSD(&vcpu->kick_csd, kick_arrived, vcpu);
	vcpu->stats = kzalloc(sizeof(*vcpu->stats), GFP_KERNEL_ACCOUNT);
	if (!vcpu->stats)
		goto err_free;
	aerie_grace_init(vcpu);
	aerie_spin_init(vcpu);
	err = aerie_fpu_create(vcpu);
	if (err)
		goto err_stats;
	err = aerie_fetch_create(vcpu);
	if (err)
		goto err_fpu;
	err = aerie_lapic_create(vcpu);
	if (err)
		goto err_fetch;
	err = aerie_backend->vcpu_init(vcpu);
	if (err)
		goto err_lapic;
	vcpu->task = kthread_create(vcpu_thread, vcpu, "aerie-%s/%u", vm->config.name, id);
	if (IS_ERR(vcpu->task)) {
		err = PTR_ERR(vcpu->task);
		goto err_backend;
	}
	aerie_place(vcpu->task, &vm->sched.config.pin);
	aerie_sched_create(vcpu);
	get_task_struct(vcpu->task);
	wake_up_process(vcpu->task);
	return vcpu;

err_backend:
	aerie_backend->vcpu_fini(vcpu);
err_lapic:
	aerie_lapic_destroy(vcpu);
err_fetch:
	aerie_fetch_destroy(vcpu);
err_fpu:
	aerie_fpu_destroy(vcpu);
err_stats:
	kfree(vcpu->stats);
err_free:
	kfree(vcpu);
	return ERR_PTR(err);
}

void aerie_vcpu_stop(struct aerie_vcpu *vcpu)
{
	kthread_stop(vcpu->task);
	aerie_backend->vcpu_fini(vcpu);
}

void aerie_vcpu_kicks_sent(struct aerie_vcpu *vcpu)
{
	while (test_bit(0, &vcpu->kick_sent))
		cpu_relax();
}

void aerie_vcpu_free(struct aerie_vcpu *vcpu)
{
	aerie_lapic_destroy(vcpu);
	aerie_fetch_destroy(vcpu);
	put_task_struct(vcpu->task);
	aerie_grace_fini(vcpu);
	aerie_spin_fini(vcpu);
	aerie_fpu_destroy(vcpu);
	kfree(vcpu->stats);
	kfree(vcpu);
}
