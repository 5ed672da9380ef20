/* SPDX-License-Identifier: GPL-2.0 */
/* Register access and calls between the three files of the local APIC. */
#ifndef AERIE_DEV_LAPIC_REGS_H
#define AERIE_DEV_LAPIC_REGS_H

#include <linux/bitops.h>
#include <linux/compiler.h>
#include <asm/apicdef.h>

#include "aerie.h"
#include "dev/lapic.h"

#define LAPIC_FIRST_VECTOR	16	/* below: illegal (SDM, Valid Interrupt Vectors) */
#define LAPIC_PRIO		0xf0u	/* priority class of a vector, TPR or PPR */
#define LAPIC_LVT_TIMER_MODE	(3u << 17)

/* The address of a vector's 32 bits in the ISR, TMR or IRR at @reg. */
static inline u32 *lapic_word(struct aerie_lapic *lapic, u32 reg, unsigned int word)
{
	return (u32 *)(lapic->regs + reg + word * 16);
}

static inline u32 lapic_get(struct aerie_lapic *lapic, u32 reg)
{
	return READ_ONCE(*(u32 *)(lapic->regs + reg));
}

static inline void lapic_put(struct aerie_lapic *lapic, u32 reg, u32 val)
{
	WRITE_ONCE(*(u32 *)(lapic->regs + reg), val);
}

/* For the bit operations: words are 16 bytes apart, so 8-byte accesses stay apart too. */
static inline unsigned long *lapic_bits(struct aerie_lapic *lapic, u32 reg, u8 vector)
{
	return (unsigned long *)lapic_word(lapic, reg, vector / 32);
}

static inline bool lapic_test(struct aerie_lapic *lapic, u32 reg, u8 vector)
{
	return READ_ONCE(*lapic_word(lapic, reg, vector / 32)) & BIT(vector % 32);
}

/* Does @vector wait in the IRR? Any thread. */
static inline bool lapic_pending(struct aerie_lapic *lapic, u8 vector)
{
	return lapic_test(lapic, APIC_IRR, vector) || test_bit(vector, lapic->posted);
}

static inline bool lapic_on(struct aerie_lapic *lapic)
{
	return READ_ONCE(lapic->base_msr) & XAPIC_ENABLE;
}

static inline bool lapic_x2apic(struct aerie_lapic *lapic)
{
	return READ_ONCE(lapic->base_msr) & X2APIC_ENABLE;
}

/* Takes fixed interrupts: enabled in the base MSR and in the spurious vector register. */
static inline bool lapic_enabled(struct aerie_lapic *lapic)
{
	return lapic_on(lapic) && lapic_get(lapic, APIC_SPIV) & APIC_SPIV_APIC_ENABLED;
}

/* lapic.c */

/*
 * Set @vector in the IRR; false where it is illegal and recorded as an error,
 * or was set already (then whoever set it makes the vCPU look).
 */
bool lapic_set_irr(struct aerie_lapic *lapic, u8 vector, bool level);
/* An interrupt from the vCPU's own thread to itself: it looks before it enters again. */
void lapic_raise_self(struct aerie_lapic *lapic, u8 vector);
/* Record an ESR bit (APIC_ESR_*) and raise the error interrupt. Any thread. */
void lapic_error(struct aerie_lapic *lapic, u32 bit);
/* The vCPU is to take an NMI. Any thread. */
void lapic_nmi(struct aerie_lapic *lapic);

/* lapic_ipi.c: the ICR was written; @dest is 8 bits in xAPIC mode. Own thread. */
void lapic_icr_send(struct aerie_lapic *lapic, u32 icr, u32 dest);
/*
 * The ICR is written in x2APIC mode: all that is to be done, if it is a fixed interrupt to one
 * APIC by its ID, as most are; else false, with nothing done. Own thread.
 */
bool lapic_icr_one(struct aerie_lapic *lapic, u64 icr);

/* lapic_timer.c: all on the vCPU's own thread */
void lapic_timer_init(struct aerie_lapic *lapic);
void lapic_timer_reset(struct aerie_lapic *lapic);
/* The timer has fired: raise its interrupt, start the next period. */
void lapic_timer_serve(struct aerie_lapic *lapic);
u32 lapic_timer_count(struct aerie_lapic *lapic);
void lapic_timer_write_count(struct aerie_lapic *lapic, u32 val);
void lapic_timer_write_divide(struct aerie_lapic *lapic, u32 val);
void lapic_timer_write_lvt(struct aerie_lapic *lapic, u32 val);
u64 lapic_timer_deadline(struct aerie_lapic *lapic);

#endif
