/* SPDX-License-Identifier: GPL-2.0 */
/* Calls between the files of core/. */
#ifndef AERIE_CORE_CORE_H
#define AERIE_CORE_CORE_H

#include <linux/interrupt.h>

#include "backend.h"
#include "emul/emul.h"

/* What the run loop does after an exit. */
enum aerie_next {
	AERIE_NEXT_ENTER,	/* enter again, still loaded */
	AERIE_NEXT_PUT,		/* give the processor up for a moment */
	AERIE_NEXT_FAULT,	/* put, make vcpu->fault_gpa resident, enter again */
	AERIE_NEXT_HALT,	/* sleep until an event */
	AERIE_NEXT_YIELD,	/* the vCPU spins: let others run */
	AERIE_NEXT_STOP,	/* the VM no longer runs */
};

/* hw.c: processors in VMX or SVM operation while any VM runs */
int aerie_hw_init(struct aerie_why *why);
void aerie_hw_exit(void);
int aerie_hw_get(struct aerie_why *why);	/* may sleep; 0, -EBUSY and why */
void aerie_hw_put(void);
bool aerie_hw_on(void);			/* on this processor; preemption off */
bool aerie_hw_down(void);		/* the machine goes down: none will be on again */

/* vm.c */
bool aerie_vm_may_run(const struct aerie_vm *vm);
/* Park all VMs for good: the machine goes down. May sleep. */
void aerie_vm_quiesce_all(void);

/* Take the life-cycle lock of a VM that still lives. */
int aerie_vm_lock(struct aerie_vm *vm, struct aerie_why *why);

/* plug.c: devices that come and go. Context: may sleep; vm->lock held, or VM being built */
int aerie_plug_create(struct aerie_vm *vm, const struct aerie_vm_config *what,
		      struct aerie_why *why);
/* Take out what the guest has ejected and, as the guest is at its end, what it was asked for. */
void aerie_plug_eject(struct aerie_vm *vm, bool also_asked);

/* vcpu.c */
struct aerie_vcpu *aerie_vcpu_create(struct aerie_vm *vm, u32 id);
/* End the thread and free what it needed; the rest when nobody holds the VM. */
void aerie_vcpu_stop(struct aerie_vcpu *vcpu);
/* No kick is on its way any more, though one may be arriving: RCU waits for that. */
void aerie_vcpu_kicks_sent(struct aerie_vcpu *vcpu);
void aerie_vcpu_free(struct aerie_vcpu *vcpu);
/* There are softirqs that run when the vCPU is put. Others wait for ksoftirqd's turn. Loaded. */
static inline bool aerie_softirqs_wait(const struct aerie_vcpu *vcpu)
{
	return local_softirq_pending() & ~vcpu->softirqs_left;
}
/* INIT or power-on state; neither voids what the local APIC has taken. Context: loaded. */
void aerie_vcpu_reset(struct aerie_vcpu *vcpu, bool init);

/* exit.c: act on a decoded exit. Context: loaded; interrupts on but for AERIE_EXITS_IRQOFF */
enum aerie_next aerie_exit_handle(struct aerie_vcpu *vcpu, struct aerie_exit *exit);
/* Exits that are handled before interrupts are enabled again. */
#define AERIE_EXITS_IRQOFF						\
	(BIT_ULL(AERIE_EXIT_CPUID) | BIT_ULL(AERIE_EXIT_HYPERCALL) |	\
	 BIT_ULL(AERIE_EXIT_RDMSR) | BIT_ULL(AERIE_EXIT_WRMSR) |	\
	 BIT_ULL(AERIE_EXIT_WBINVD) | BIT_ULL(AERIE_EXIT_INVD) |	\
	 BIT_ULL(AERIE_EXIT_INTR_WINDOW) | BIT_ULL(AERIE_EXIT_NMI_WINDOW))

/* fast.c: exits in a row that are done there before interrupts get in. */
#define AERIE_FAST_RUN	256

/* event.c */
/* Raise an exception of the current instruction. Context: loaded. */
void aerie_raise(struct aerie_vcpu *vcpu, u8 vector, bool has_error, u32 error, u64 payload);
static inline void aerie_raise_gp(struct aerie_vcpu *vcpu)
{
	aerie_raise(vcpu, 13, true, 0, 0);
}
static inline void aerie_raise_ud(struct aerie_vcpu *vcpu)
{
	aerie_raise(vcpu, 6, false, 0, 0);
}
/*
 * Pick what goes in with the next entry. False where a request has to be served before that
 * can be known. Context: loaded, interrupts off.
 */
bool aerie_event_prepare(struct aerie_vcpu *vcpu);
/* Would an interrupt, an NMI or another vCPU's kick end the vCPU's HLT? Own thread. */
bool aerie_event_wakes(struct aerie_vcpu *vcpu);

/* emulate.c */
/* Finish an instruction of @len bytes: RIP, interrupt shadow, RF, single-step. */
void aerie_skip(struct aerie_vcpu *vcpu, unsigned int len);
/* Fetch and decode the instruction at RIP. ENTER where done, else what to do instead. */
enum aerie_next aerie_fetch(struct aerie_vcpu *vcpu, struct aerie_insn *insn, bool *ok);
/*
 * Emulate the instruction at RIP: device memory or, where @pio is the exit for it,
 * string port I/O.
 */
enum aerie_next aerie_emulate(struct aerie_vcpu *vcpu, const struct aerie_exit *pio);
/* Linear address of a decoded instruction's memory operand. */
gva_t aerie_operand_linear(struct aerie_vcpu *vcpu, const struct aerie_insn *insn);
/* Read guest linear memory for a handler; ENTER and *ok, else what to do instead. */
enum aerie_next aerie_linear_read(struct aerie_vcpu *vcpu, gva_t gva, void *buf,
				  unsigned int len, bool *ok);
enum aerie_next aerie_linear_write(struct aerie_vcpu *vcpu, gva_t gva, const void *buf,
				   unsigned int len, bool *ok);
enum aerie_cpu_mode aerie_vcpu_cpu_mode(struct aerie_vcpu *vcpu);

/* fpu.c: guest FPU and debug registers around the loaded section */
int aerie_fpu_init(void);
int aerie_fpu_create(struct aerie_vcpu *vcpu);
void aerie_fpu_destroy(struct aerie_vcpu *vcpu);
void aerie_fpu_reset(struct aerie_vcpu *vcpu);
void aerie_fpu_load(struct aerie_vcpu *vcpu);
void aerie_fpu_put(struct aerie_vcpu *vcpu);
/* The guest changed XCR0. Context: loaded. */
void aerie_fpu_xcr0(struct aerie_vcpu *vcpu);
void aerie_dr_load(struct aerie_vcpu *vcpu);
void aerie_dr_put(struct aerie_vcpu *vcpu);
/* Give the guest its debug registers without exits until the next put. */
void aerie_dr_own(struct aerie_vcpu *vcpu);

/* vm_request.c */

/* Post @request to all vCPUs; then none is in the guest that has not served it. Any thread. */
void aerie_vm_request(struct aerie_vm *vm, int request);
/* aerie_mem.flush of a VM's memory. */
void aerie_vm_flush(struct aerie_mem *mem);

/* stats.c */
/* Count from 0: a VM starts. vCPUs are parked. */
void aerie_stats_start(struct aerie_vm *vm);

/* debugfs.c */
void aerie_debugfs_init(void);
void aerie_debugfs_exit(void);
void aerie_debugfs_vm_add(struct aerie_vm *vm);
void aerie_debugfs_vm_remove(struct aerie_vm *vm);
struct aerie_dev;
void aerie_debugfs_device_add(struct aerie_dev *dev);
void aerie_debugfs_device_remove(struct aerie_dev *dev);

#endif
