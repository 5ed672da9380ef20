/* SPDX-License-Identifier: GPL-2.0 */
/* Local APIC and x2APIC of one vCPU: registers, priorities, timer, messages. */
#ifndef AERIE_DEV_LAPIC_H
#define AERIE_DEV_LAPIC_H

#include <linux/atomic.h>
#include <asm/apicdef.h>
#include <asm/page.h>

#include "dev/irq.h"
#include "dev/timer.h"
#include "state/field.h"

/**
 * struct aerie_lapic - a local APIC
 *
 * @regs is one page in the layout of the memory-mapped registers (SDM, Local
 * APIC Register Address Map), so that it can serve as VMX's virtual-APIC page.
 * IRR and TMR bits in it are set with atomic operations by anybody; every other
 * register is touched by the vCPU's own thread only, and by the processor while the
 * guest runs. Where that may move IRR bits itself (@staged), others leave theirs in
 * @posted.
 */
struct aerie_lapic {
	struct aerie_vcpu *vcpu;
	u8 *regs;		/* one page */
	u64 base_msr;		/* IA32_APIC_BASE */
	u64 tsc_deadline;	/* IA32_TSC_DEADLINE, guest TSC, 0 disarmed */
	u64 timer_deadline_ns;	/* when the running count ends, 0 stopped */
	u64 timer_period_ns;	/* length of a whole count */
	u32 timer_owed;		/* periodic ticks that found another one in the IRR */
	struct aerie_timer timer;
	unsigned long pending;	/* atomic: BIT(0) INIT, BIT(1) SIPI */
	unsigned long errors;	/* atomic: ESR bits since the ESR was written */
	u8 sipi_vector;
	atomic_t timer_ticks;	/* it has fired, or ticks are owed: look at the deadline */
	bool irr_pending;	/* hint: some IRR bit may be set */
	s16 isrv;		/* highest vector in service, -1 none; not while @virtual */
	bool staged;		/* constant once the vCPU is made */
	bool virtual;		/* the processor delivers interrupts and ends them */
	unsigned long posted[256 / BITS_PER_LONG];	/* atomic: IRR bits to be moved over */
};

/**
 * aerie_lapic_create() - allocate the local APIC of a vCPU and reset it
 * @vcpu: the vCPU; sets vcpu->lapic
 *
 * Return: 0 or -ENOMEM. Context: may sleep.
 */
int aerie_lapic_create(struct aerie_vcpu *vcpu);
void aerie_lapic_destroy(struct aerie_vcpu *vcpu);

/*
 * Power-on state, or INIT state where @init (APIC ID, base and mode are kept). What is in
 * lapic->pending stays.
 */
void aerie_lapic_reset(struct aerie_vcpu *vcpu, bool init);

/**
 * aerie_lapic_irq() - set a vector in the IRR and make the vCPU notice
 * @vcpu: target; any thread may call
 * @vector: 16-255; below 16 is recorded as a receive error
 * @level: trigger mode for the TMR
 *
 * Context: any up to hard interrupt, takes no lock.
 */
void aerie_lapic_irq(struct aerie_vcpu *vcpu, u8 vector, bool level);

/**
 * aerie_lapic_highest() - highest pending vector that the PPR lets through
 * @vcpu: on its own thread
 *
 * Also turns timer expiries into LVT timer interrupts.
 * Return: the vector, or -1.
 */
int aerie_lapic_highest(struct aerie_vcpu *vcpu);

/* Highest vector in the IRR whatever the PPR, or -1. For CR8 windows. */
int aerie_lapic_highest_irr(struct aerie_vcpu *vcpu);

/* Interrupt acknowledge: move @vector from IRR to ISR, update the PPR. */
void aerie_lapic_ack(struct aerie_vcpu *vcpu, u8 vector);

/* Does LVT0 (or a disabled APIC) let the PIC's INTR through to this vCPU? */
bool aerie_lapic_extint(struct aerie_vcpu *vcpu);

/**
 * aerie_lapic_lint() - a local interrupt pin of one vCPU is asserted
 * @vcpu: the vCPU; any thread may call
 * @pin: 0 LINT0, wired to the PIC's INTR; 1 LINT1, wired to the NMI line
 *
 * Does what the pin's LVT entry says; for ExtINT the vCPU is made to ask the PIC.
 * Context: any up to hard interrupt, takes no lock.
 */
void aerie_lapic_lint(struct aerie_vcpu *vcpu, unsigned int pin);

/* The guest's TSC was changed: its deadline is another point in time. Own thread. */
void aerie_lapic_tsc_changed(struct aerie_vcpu *vcpu);

/* TPR bits 7:4, as CR8 has them. */
u8 aerie_lapic_cr8(struct aerie_vcpu *vcpu);
void aerie_lapic_set_cr8(struct aerie_vcpu *vcpu, u8 cr8);

/* EOI register; also forwards to the I/O APIC for level-triggered vectors. */
void aerie_lapic_eoi(struct aerie_vcpu *vcpu);

/**
 * aerie_lapic_virtualize() - the processor keeps IRR, ISR and PPR from now on, or no more
 * @vcpu: on its own thread; lapic->staged
 * @on: whether
 */
void aerie_lapic_virtualize(struct aerie_vcpu *vcpu, bool on);

/* The processor has ended an interrupt by itself: the I/O APIC may wait for that. */
void aerie_lapic_ended(struct aerie_vcpu *vcpu, u8 vector);

/* Highest vector in service, or -1. Own thread. */
int aerie_lapic_in_service(struct aerie_vcpu *vcpu);

/* Is an interrupt waiting, or may a timer's be by now? Own thread. */
bool aerie_lapic_asked(struct aerie_vcpu *vcpu);

/* Has nobody to hear of the end of @vector, which has just been acknowledged? Own thread. */
bool aerie_lapic_ends_alone(struct aerie_vcpu *vcpu, u8 vector);

/* Vectors of whose end somebody has to hear: bit n is vector 64 * @quarter + n. */
u64 aerie_lapic_ends(struct aerie_vcpu *vcpu, unsigned int quarter);

/* Memory-mapped register access at @off (0-0xfff); xAPIC mode only. */
u32 aerie_lapic_read(struct aerie_vcpu *vcpu, u32 off);
void aerie_lapic_write(struct aerie_vcpu *vcpu, u32 off, u32 val);

/* Is @gpa in the memory-mapped window of @lapic, and is that enabled? */
static inline bool aerie_lapic_claims(const struct aerie_lapic *lapic, gpa_t gpa)
{
	const u64 mode = XAPIC_ENABLE | X2APIC_ENABLE, page = gpa & PAGE_MASK;

	return !((lapic->base_msr ^ (page | XAPIC_ENABLE)) & (PAGE_MASK | mode));
}

/* MSRs 0x1b, 0x6e0 and 0x800-0x8ff. 0, or 1 for #GP. */
int aerie_lapic_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val);
int aerie_lapic_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val);
/* MSR 0x6e0 alone, which takes any value. */
void aerie_lapic_write_deadline(struct aerie_vcpu *vcpu, u64 tsc);
/* Those from APIC_BASE_MSR on: SDM, x2APIC Register Address Space. */
#define AERIE_X2APIC_MSRS	0x100u
/* One of them: 0, or 1 for #GP, and then nothing has been done. */
int aerie_lapic_x2apic_write(struct aerie_vcpu *vcpu, u32 msr, u64 val);

/**
 * aerie_apic_send_set() - send an interrupt to a set of vCPUs (KVM_HC_SEND_IPI)
 * @vcpu: who sends, on its own thread
 * @low: bit n is APIC ID @min + n
 * @high: bit n is APIC ID @min + @width + n
 * @width: bits that each of them has, 32 or 64
 * @min: lowest APIC ID
 * @icr: vector and delivery mode as in the ICR; fixed or NMI
 *
 * Context: any but NMI, takes no lock.
 * Return: how many local APICs took it, or -KVM_EINVAL.
 */
s64 aerie_apic_send_set(struct aerie_vcpu *vcpu, u64 low, u64 high, unsigned int width, u64 min,
			u64 icr);

/* INIT and SIPI taken from lapic->pending by the vCPU's thread: see core/vcpu.c. */
enum { AERIE_LAPIC_INIT, AERIE_LAPIC_SIPI };

/* Table and state for dumps; @buf as the record says. */
extern const struct aerie_record aerie_lapic_record;
void aerie_lapic_state(struct aerie_vcpu *vcpu, void *buf);

#endif
