// SPDX-License-Identifier: GPL-2.0
/*
 * The local APIC's registers: memory-mapped and as x2APIC MSRs, modes,
 * priorities, acknowledge and end of interrupt, local vector table, errors.
 *
 * Anybody may set bits in the IRR and TMR, latch errors, and read registers to
 * route a message. All else belongs to the vCPU's own thread, so nothing here
 * takes a lock. irr_pending spares that thread the search of an empty IRR: it is
 * set after the IRR bit, and cleared before the IRR is searched again, so a bit
 * it does not show is one whose setter has yet to set it, and to kick.
 *
 * Where the processor can deliver interrupts by itself, it owns the IRR while the
 * guest runs: what others set is posted beside it, and the vCPU's thread moves it
 * over when it looks. While the processor does deliver (@virtual), it alone keeps
 * ISR and PPR, in the same page, and knows of no @isrv.
 *
 * Register accesses go through one table of what there is and what of it can be
 * written. In xAPIC mode reserved bits are dropped and a wrong address is an
 * ESR bit; in x2APIC mode both are #GP.
 */
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <asm/msr-index.h>
#include <asm/page.h>

#include "core/policy.h"
#include "dev/chips.h"
#include "dev/lapic_regs.h"

#define LAPIC_VERSION		0x50014u	/* integrated, six LVT entries */
#define LAPIC_LVT_MODE		APIC_MODE_MASK
#define LAPIC_LVT_RO		(APIC_SEND_PENDING | APIC_LVT_REMOTE_IRR)
#define LAPIC_LVT_COMMON	(APIC_VECTOR_MASK | APIC_LVT_MASKED)
#define LAPIC_LVT_LINT		(LAPIC_LVT_COMMON | LAPIC_LVT_MODE |		\
				 APIC_INPUT_POLARITY | APIC_LVT_LEVEL_TRIGGER)
#define LAPIC_TDCR_BITS		0xbu
#define LAPIC_ICR_BITS		0xccfffu	/* delivery status, bit 12, apart */
#define LAPIC_BASE_ENABLE	((u64)XAPIC_ENABLE)
#define LAPIC_BASE_X2APIC	((u64)X2APIC_ENABLE)
#define LAPIC_BASE_MODE		(LAPIC_BASE_ENABLE | LAPIC_BASE_X2APIC)

/* Where a register can be read and written. */
#define R	BIT(0)
#define W	BIT(1)
#define RW	(R | W)
#define X	BIT(2)	/* not in xAPIC mode */
#define M	BIT(3)	/* not in x2APIC mode */

/* By offset / 16. @bits can be written; those of @ro are ignored, others reserved. */
static const struct lapic_reg {
	u8 flags;
	u32 bits, ro;
} lapic_regs[0x40] = {
	[APIC_ID >> 4]			= { R, 0, 0 },
	[APIC_LVR >> 4]			= { R, 0, 0 },
	[APIC_TASKPRI >> 4]		= { RW, 0xff, 0 },
	[APIC_ARBPRI >> 4]		= { R | M, 0, 0 },
	[APIC_PROCPRI >> 4]		= { R, 0, 0 },
	[APIC_EOI >> 4]			= { W, 0, 0 },
	[APIC_RRR >> 4]			= { R | M, 0, 0 },
	[APIC_LDR >> 4]			= { RW, APIC_LDR_MASK, 0 },
	[APIC_DFR >> 4]			= { RW | M, 0xf0000000, 0 },
	[APIC_SPIV >> 4]		= { RW, APIC_VECTOR_MASK | APIC_SPIV_APIC_ENABLED |
						APIC_SPIV_FOCUS_DISABLED, 0 },
	[APIC_ISR >> 4 ... (APIC_ISR >> 4) + 7] = { R, 0, 0 },
	[APIC_TMR >> 4 ... (APIC_TMR >> 4) + 7] = { R, 0, 0 },
	[APIC_IRR >> 4 ... (APIC_IRR >> 4) + 7] = { R, 0, 0 },
	[APIC_ESR >> 4]			= { RW, 0, 0 },
	[APIC_ICR >> 4]			= { RW, LAPIC_ICR_BITS, APIC_ICR_BUSY },
	[APIC_ICR2 >> 4]		= { RW | M, 0xff000000, 0 },
	[APIC_LVTT >> 4]		= { RW, LAPIC_LVT_COMMON | LAPIC_LVT_TIMER_MODE,
					    APIC_SEND_PENDING },
	[APIC_LVTTHMR >> 4]		= { RW, LAPIC_LVT_COMMON | LAPIC_LVT_MODE,
					    APIC_SEND_PENDING },
	[APIC_LVTPC >> 4]		= { RW, LAPIC_LVT_COMMON | LAPIC_LVT_MODE,
					    APIC_SEND_PENDING },
	[APIC_LVT0 >> 4]		= { RW, LAPIC_LVT_LINT, LAPIC_LVT_RO },
	[APIC_LVT1 >> 4]		= { RW, LAPIC_LVT_LINT, LAPIC_LVT_RO },
	[APIC_LVTERR >> 4]		= { RW, LAPIC_LVT_COMMON, APIC_SEND_PENDING },
	[APIC_TMICT >> 4]		= { RW, U32_MAX, 0 },
	[APIC_TMCCT >> 4]		= { R, 0, 0 },
	[APIC_TDCR >> 4]		= { RW, LAPIC_TDCR_BITS, 0 },
	[APIC_SELF_IPI >> 4]		= { W | X, APIC_VECTOR_MASK, 0 },
};

static const u16 lapic_lvts[] = {
	APIC_LVTT, APIC_LVTTHMR, APIC_LVTPC, APIC_LVT0, APIC_LVT1, APIC_LVTERR,
};

/* The table's row for @reg if @access (R or W) is allowed, and it is not @not (X or M). */
static const struct lapic_reg *lapic_find(u32 reg, u8 access, u8 not)
{
	const struct lapic_reg *r;

	if (reg >> 4 >= ARRAY_SIZE(lapic_regs))
		return NULL;
	r = &lapic_regs[array_index_nospec(reg >> 4, ARRAY_SIZE(lapic_regs))];
	return (r->flags & (access | not)) == access ? r : NULL;
}

/* Highest vector set in the 256 bits at @reg, or -1. */
static __always_inline int lapic_search(struct aerie_lapic *lapic, u32 reg)
{
	int word;

	/* Three instructions a word, where a loop takes six. */
#pragma GCC unroll 8
	for (word = 7; word >= 0; word--) {
		u32 bits = READ_ONCE(*lapic_word(lapic, reg, word));

		if (bits)
			return word * 32 + fls(bits) - 1;
	}
	return -1;
}

static noinline int lapic_search_isr(struct aerie_lapic *lapic)
{
	return lapic_search(lapic, APIC_ISR);
}

/* Highest vector in service, or -1. */
static __always_inline int lapic_isrv(struct aerie_lapic *lapic)
{
	return unlikely(lapic->virtual) ? lapic_search_isr(lapic) : lapic->isrv;
}

/* SDM, Task and Processor Priorities. */
static void lapic_update_ppr(struct aerie_lapic *lapic)
{
	u32 tpr = lapic_get(lapic, APIC_TASKPRI) & 0xff;
	int vector = lapic_isrv(lapic);
	u32 isrv = vector < 0 ? 0 : vector & LAPIC_PRIO;

	lapic_put(lapic, APIC_PROCPRI, (tpr & LAPIC_PRIO) >= isrv ? tpr : isrv);
	/* What waits may be let through now. */
	if (READ_ONCE(lapic->irr_pending))
		lapic->vcpu->check_events = true;
}

/* Interrupts in */

bool lapic_set_irr(struct aerie_lapic *lapic, u8 vector, bool level)
{
	if (unlikely(vector < LAPIC_FIRST_VECTOR)) {
		lapic_error(lapic, APIC_ESR_RECVILL);
		return false;
	}
	if (unlikely(lapic_test(lapic, APIC_TMR, vector) != level)) {
		if (level)
			set_bit(vector % 32, lapic_bits(lapic, APIC_TMR, vector));
		else
			clear_bit(vector % 32, lapic_bits(lapic, APIC_TMR, vector));
	}
	if (lapic->staged ? test_and_set_bit(vector, lapic->posted) :
			    test_and_set_bit(vector % 32, lapic_bits(lapic, APIC_IRR, vector)))
		return false;
	WRITE_ONCE(lapic->irr_pending, true);
	return true;
}

void lapic_raise_self(struct aerie_lapic *lapic, u8 vector)
{
	lapic_set_irr(lapic, vector, false);
	lapic->vcpu->check_events = true;
}

void aerie_lapic_irq(struct aerie_vcpu *vcpu, u8 vector, bool level)
{
	if (lapic_set_irr(vcpu->lapic, vector, level))
		aerie_vcpu_request(vcpu, AERIE_REQ_EVENT);
}

void lapic_nmi(struct aerie_lapic *lapic)
{
	/* A processor takes two at most; the bound keeps the counter from wrapping. */
	if (atomic_read(&lapic->vcpu->nmi_queued) < 2)
		atomic_inc(&lapic->vcpu->nmi_queued);
	aerie_vcpu_request(lapic->vcpu, AERIE_REQ_EVENT);
}

void lapic_error(struct aerie_lapic *lapic, u32 bit)
{
	u32 lvt = lapic_get(lapic, APIC_LVTERR);

	/* Bits still latched have raised the interrupt; this also ends recursion. */
	if (!test_and_set_bit(__ffs(bit), &lapic->errors) && !(lvt & APIC_LVT_MASKED))
		aerie_lapic_irq(lapic->vcpu, lvt & APIC_VECTOR_MASK, false);
}

void aerie_lapic_lint(struct aerie_vcpu *vcpu, unsigned int pin)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	u32 lvt = lapic_get(lapic, pin ? APIC_LVT1 : APIC_LVT0);

	if (!lapic_on(lapic)) {
		/* The pins of a disabled APIC are INTR and NMI. */
		lvt = pin ? APIC_DM_NMI : APIC_DM_EXTINT;
	} else if (lvt & APIC_LVT_MASKED) {
		return;
	}
	switch (lvt & LAPIC_LVT_MODE) {
	case APIC_DM_FIXED:
		aerie_lapic_irq(vcpu, lvt & APIC_VECTOR_MASK, false);
		break;
	case APIC_DM_NMI:
		lapic_nmi(lapic);
		break;
	case APIC_DM_EXTINT:
		aerie_vcpu_request(vcpu, AERIE_REQ_EVENT);
		break;
	}
}

/* Interrupts out */

/* Move over what has been posted. */
static noinline void lapic_take_posted(struct aerie_lapic *lapic)
{
	unsigned int i, first;
	unsigned long bits;

	for (i = 0; i < ARRAY_SIZE(lapic->posted); i++) {
		if (!READ_ONCE(lapic->posted[i]))
			continue;
		bits = xchg(&lapic->posted[i], 0);
		first = i * BITS_PER_LONG / 32;
		*lapic_word(lapic, APIC_IRR, first) |= (u32)bits;
		*lapic_word(lapic, APIC_IRR, first + 1) |= bits >> 32;
	}
}

int aerie_lapic_highest_irr(struct aerie_vcpu *vcpu)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	if (unlikely(atomic_read(&lapic->timer_ticks)))
		lapic_timer_serve(lapic);
	if (!READ_ONCE(lapic->irr_pending) || !lapic_on(lapic))
		return -1;
	if (lapic->staged)
		lapic_take_posted(lapic);
	return lapic_search(lapic, APIC_IRR);
}

int aerie_lapic_highest(struct aerie_vcpu *vcpu)
{
	int vector = aerie_lapic_highest_irr(vcpu);

	if (vector >= 0 &&
	    (vector & LAPIC_PRIO) <= (lapic_get(vcpu->lapic, APIC_PROCPRI) & LAPIC_PRIO))
		return -1;
	return vector;
}

void aerie_lapic_ack(struct aerie_vcpu *vcpu, u8 vector)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	u32 *isr = lapic_word(lapic, APIC_ISR, vector / 32);

	WRITE_ONCE(lapic->irr_pending, false);
	if (lapic->staged) {
		smp_mb();	/* the hint before the bits that it stands for */
		lapic_take_posted(lapic);
	}
	clear_bit(vector % 32, lapic_bits(lapic, APIC_IRR, vector));
	if (lapic_search(lapic, APIC_IRR) >= 0)
		WRITE_ONCE(lapic->irr_pending, true);
	WRITE_ONCE(*isr, *isr | BIT(vector % 32));
	if (vector > lapic->isrv)
		lapic->isrv = vector;
	lapic_update_ppr(lapic);
}

bool aerie_lapic_extint(struct aerie_vcpu *vcpu)
{
	u32 lvt = lapic_get(vcpu->lapic, APIC_LVT0);

	return !lapic_on(vcpu->lapic) ||
	       (lvt & (LAPIC_LVT_MODE | APIC_LVT_MASKED)) == APIC_DM_EXTINT;
}

u8 aerie_lapic_cr8(struct aerie_vcpu *vcpu)
{
	return lapic_get(vcpu->lapic, APIC_TASKPRI) >> 4 & 0xf;
}

static void lapic_set_tpr(struct aerie_lapic *lapic, u32 tpr)
{
	lapic_put(lapic, APIC_TASKPRI, tpr);
	lapic_update_ppr(lapic);
}

void aerie_lapic_set_cr8(struct aerie_vcpu *vcpu, u8 cr8)
{
	lapic_set_tpr(vcpu->lapic, (cr8 & 0xf) << 4);
}

static noinline void lapic_end(struct aerie_lapic *lapic, u8 vector)
{
	u32 *isr = lapic_word(lapic, APIC_ISR, vector / 32);

	WRITE_ONCE(*isr, *isr & ~BIT(vector % 32));
	lapic->isrv = lapic_search(lapic, APIC_ISR);
	lapic_update_ppr(lapic);
	aerie_lapic_ended(lapic->vcpu, vector);
}

void aerie_lapic_eoi(struct aerie_vcpu *vcpu)
{
	int vector = lapic_isrv(vcpu->lapic);

	if (vector >= 0)
		lapic_end(vcpu->lapic, vector);
}

void aerie_lapic_ended(struct aerie_vcpu *vcpu, u8 vector)
{
	if (unlikely(lapic_test(vcpu->lapic, APIC_TMR, vector)))
		aerie_ioapic_eoi(vcpu->vm->ioapic, vector);
}

int aerie_lapic_in_service(struct aerie_vcpu *vcpu)
{
	return lapic_isrv(vcpu->lapic);
}

bool aerie_lapic_asked(struct aerie_vcpu *vcpu)
{
	return READ_ONCE(vcpu->lapic->irr_pending) || atomic_read(&vcpu->lapic->timer_ticks);
}

bool aerie_lapic_ends_alone(struct aerie_vcpu *vcpu, u8 vector)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	return !aerie_lapic_asked(vcpu) && !lapic->timer_owed && !lapic->virtual &&
	       !lapic_test(lapic, APIC_TMR, vector);
}

u64 aerie_lapic_ends(struct aerie_vcpu *vcpu, unsigned int quarter)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	u32 low = READ_ONCE(*lapic_word(lapic, APIC_TMR, 2 * quarter));
	u32 high = READ_ONCE(*lapic_word(lapic, APIC_TMR, 2 * quarter + 1));
	u8 timer = lapic_get(lapic, APIC_LVTT) & APIC_VECTOR_MASK;
	u64 bits = low | (u64)high << 32;

	/* Level-triggered ones, and the timer's while it has another tick to give. */
	if (lapic->timer_owed && timer / 64 == quarter)
		bits |= BIT_ULL(timer % 64);
	return bits;
}

void aerie_lapic_virtualize(struct aerie_vcpu *vcpu, bool on)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	/* What is not known now is taken to be in service yet: the guest ends it with an exit. */
	if (vcpu->pv.eoi_offer)
		aerie_pv_eoi_settle(vcpu);
	lapic->virtual = on;
	lapic->isrv = lapic_search_isr(lapic);
	vcpu->check_events = true;
}

/* Registers */

/* The ID registers follow from the APIC ID and the mode. */
static void lapic_set_ids(struct aerie_lapic *lapic)
{
	u32 id = lapic->vcpu->id;

	if (lapic_x2apic(lapic)) {
		lapic_put(lapic, APIC_ID, id);
		lapic_put(lapic, APIC_LDR, id >> 4 << 16 | BIT(id & 0xf));
		lapic_put(lapic, APIC_ICR2, 0);
	} else {
		lapic_put(lapic, APIC_ID, id << 24);
	}
}

/* SDM, Local APIC State After Power-Up or Reset; the same after INIT but for the ID. */
static void lapic_reset_regs(struct aerie_lapic *lapic)
{
	unsigned int i;

	lapic_timer_reset(lapic);
	/* Before the IRR: a bit that is set from now on must not lose its hint. */
	WRITE_ONCE(lapic->irr_pending, false);
	for (i = 0; i < ARRAY_SIZE(lapic->posted); i++)
		xchg(&lapic->posted[i], 0);
	for (i = 0; i < ARRAY_SIZE(lapic_regs); i++)
		lapic_put(lapic, i << 4, 0);
	lapic_put(lapic, APIC_LVR, LAPIC_VERSION);
	lapic_put(lapic, APIC_DFR, U32_MAX);
	lapic_put(lapic, APIC_SPIV, APIC_VECTOR_MASK);
	for (i = 0; i < ARRAY_SIZE(lapic_lvts); i++)
		lapic_put(lapic, lapic_lvts[i], APIC_LVT_MASKED);
	lapic_set_ids(lapic);
	xchg(&lapic->errors, 0);
	lapic->isrv = -1;
	lapic_update_ppr(lapic);
	lapic->vcpu->check_events = true;
}

void aerie_lapic_reset(struct aerie_vcpu *vcpu, bool init)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	if (!init)
		WRITE_ONCE(lapic->base_msr, APIC_DEFAULT_PHYS_BASE | LAPIC_BASE_ENABLE |
			   (vcpu->id ? 0 : MSR_IA32_APICBASE_BSP));
	lapic_reset_regs(lapic);
	/*
	 * There may be no firmware to set up virtual wire mode, by which a
	 * system without an APIC driver gets the PIC's interrupts.
	 */
	if (!vcpu->id)
		lapic_put(lapic, APIC_LVT0, APIC_DM_EXTINT);
}

int aerie_lapic_create(struct aerie_vcpu *vcpu)
{
	struct aerie_lapic *lapic = kzalloc(sizeof(*lapic), GFP_KERNEL_ACCOUNT);

	if (!lapic)
		return -ENOMEM;
	lapic->regs = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!lapic->regs) {
		kfree(lapic);
		return -ENOMEM;
	}
	lapic->vcpu = vcpu;
	lapic_timer_init(lapic);
	vcpu->lapic = lapic;
	aerie_lapic_reset(vcpu, false);
	return 0;
}

void aerie_lapic_destroy(struct aerie_vcpu *vcpu)
{
	aerie_timer_fini(&vcpu->lapic->timer);
	free_page((unsigned long)vcpu->lapic->regs);
	kfree(vcpu->lapic);
	vcpu->lapic = NULL;
}

static u32 lapic_reg_read(struct aerie_lapic *lapic, u32 reg)
{
	if (reg == APIC_TMCCT)
		return lapic_timer_count(lapic);
	/* What is in service, and the priority that follows from it. */
	if (lapic->vcpu->pv.eoi_offer && reg >= APIC_PROCPRI && reg < APIC_TMR)
		aerie_pv_eoi_settle(lapic->vcpu);
	return lapic_get(lapic, reg);
}

static void lapic_write_spiv(struct aerie_lapic *lapic, u32 val)
{
	unsigned int i;

	lapic_put(lapic, APIC_SPIV, val);
	if (val & APIC_SPIV_APIC_ENABLED)
		return;
	for (i = 0; i < ARRAY_SIZE(lapic_lvts); i++)
		lapic_put(lapic, lapic_lvts[i],
			  lapic_get(lapic, lapic_lvts[i]) | APIC_LVT_MASKED);
}

/* But for EOI, which who calls this has looked at first. @val has no reserved bits. */
static void lapic_reg_write(struct aerie_lapic *lapic, u32 reg, u32 val)
{
	switch (reg) {
	case APIC_TASKPRI:
		lapic_set_tpr(lapic, val);
		/* The hardware's CR8 has to follow. */
		lapic->vcpu->check_events = true;
		break;
	case APIC_DFR:
		lapic_put(lapic, reg, val | APIC_DFR_CLUSTER);
		break;
	case APIC_SPIV:
		lapic_write_spiv(lapic, val);
		break;
	case APIC_ESR:
		lapic_put(lapic, reg, xchg(&lapic->errors, 0));
		break;
	case APIC_ICR:
		lapic_put(lapic, reg, val);
		lapic_icr_send(lapic, val, lapic_x2apic(lapic) ? lapic_get(lapic, APIC_ICR2) :
			       GET_XAPIC_DEST_FIELD(lapic_get(lapic, APIC_ICR2)));
		break;
	case APIC_SELF_IPI:
		lapic_icr_send(lapic, APIC_DEST_SELF | APIC_DM_FIXED | val, 0);
		break;
	case APIC_LVTT:
	case APIC_LVTTHMR:
	case APIC_LVTPC:
	case APIC_LVT0:
	case APIC_LVT1:
	case APIC_LVTERR:
		if (!(lapic_get(lapic, APIC_SPIV) & APIC_SPIV_APIC_ENABLED))
			val |= APIC_LVT_MASKED;
		if (reg == APIC_LVTT)
			lapic_timer_write_lvt(lapic, val);
		else
			lapic_put(lapic, reg, val);
		/* LINT0 may let the PIC through now. */
		lapic->vcpu->check_events = true;
		break;
	case APIC_TMICT:
		lapic_timer_write_count(lapic, val);
		break;
	case APIC_TDCR:
		lapic_timer_write_divide(lapic, val);
		break;
	default:	/* APIC_LDR, APIC_ICR2 */
		lapic_put(lapic, reg, val);
		break;
	}
}

u32 aerie_lapic_read(struct aerie_vcpu *vcpu, u32 off)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	if (!lapic_find(off, R, X)) {
		lapic_error(lapic, APIC_ESR_ILLREGA);
		return 0;
	}
	/* Of every 16 bytes the first four are the register. */
	if (off & 0xc)
		return 0;
	return lapic_reg_read(lapic, off & ~0xfu) >> (off & 3) * 8;
}

void aerie_lapic_write(struct aerie_vcpu *vcpu, u32 off, u32 val)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	const struct lapic_reg *reg;

	/* What is written most is not looked up. */
	if (off == APIC_EOI) {
		aerie_lapic_eoi(vcpu);
		return;
	}
	reg = lapic_find(off, W, X);
	if (!reg)
		lapic_error(lapic, APIC_ESR_ILLREGA);
	else if (!(off & 0xf))
		lapic_reg_write(lapic, off, val & reg->bits);
}

/* MSRs */

static int lapic_base_write(struct aerie_lapic *lapic, u64 val)
{
	u64 old = lapic->base_msr, mode = val & LAPIC_BASE_MODE;
	u64 valid = LAPIC_BASE_MODE | MSR_IA32_APICBASE_BSP |
		    (GENMASK_ULL(aerie_guest_phys_bits(lapic->vcpu->vm) - 1, 0) & PAGE_MASK);

	/*
	 * SDM, x2APIC State Transitions: x2APIC is entered from xAPIC mode and
	 * left to disabled only; x2APIC without enable is no mode.
	 */
	if (val & ~valid || mode == LAPIC_BASE_X2APIC)
		return 1;
	if (mode == LAPIC_BASE_MODE && !(old & LAPIC_BASE_ENABLE))
		return 1;
	if (mode == LAPIC_BASE_ENABLE && old & LAPIC_BASE_X2APIC)
		return 1;

	WRITE_ONCE(lapic->base_msr, val);
	if ((old ^ val) & LAPIC_BASE_ENABLE)
		lapic_reset_regs(lapic);
	else if ((old ^ val) & LAPIC_BASE_X2APIC)
		lapic_set_ids(lapic);
	/* The PIC reaches a disabled APIC's vCPU directly. */
	lapic->vcpu->check_events = true;
	return 0;
}

int aerie_lapic_msr_read(struct aerie_vcpu *vcpu, u32 msr, u64 *val)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	u32 reg;

	if (msr == MSR_IA32_APICBASE) {
		*val = lapic->base_msr;
		return 0;
	}
	if (msr == MSR_IA32_TSC_DEADLINE) {
		*val = lapic_timer_deadline(lapic);
		return 0;
	}
	reg = (msr - APIC_BASE_MSR) << 4;
	if (!lapic_x2apic(lapic) || !lapic_find(reg, R, M))
		return 1;
	*val = lapic_reg_read(lapic, reg);
	if (reg == APIC_ICR)
		*val |= (u64)lapic_get(lapic, APIC_ICR2) << 32;
	return 0;
}

int aerie_lapic_msr_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	struct aerie_lapic *lapic = vcpu->lapic;

	if (msr == MSR_IA32_APICBASE)
		return lapic_base_write(lapic, val);
	if (msr == MSR_IA32_TSC_DEADLINE) {
		aerie_lapic_write_deadline(vcpu, val);
		return 0;
	}
	return aerie_lapic_x2apic_write(vcpu, msr, val);
}

int aerie_lapic_x2apic_write(struct aerie_vcpu *vcpu, u32 msr, u64 val)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	u32 reg = (msr - APIC_BASE_MSR) << 4;
	const struct lapic_reg *r;

	if (!lapic_x2apic(lapic))
		return 1;
	/* What is written most is not looked up. */
	if (reg == APIC_EOI && !val) {
		aerie_lapic_eoi(vcpu);
		return 0;
	}
	if (reg == APIC_ICR && lapic_icr_one(lapic, val))
		return 0;
	if (reg == APIC_TMICT && !(val >> 32)) {
		lapic_timer_write_count(lapic, val);
		return 0;
	}
	r = lapic_find(reg, W, M);
	/* The logical ID is read-only in this mode. */
	if (!r || reg == APIC_LDR)
		return 1;
	if ((u32)val & ~(r->bits | r->ro) || (reg != APIC_ICR && val >> 32))
		return 1;
	if (reg == APIC_ICR)
		lapic_put(lapic, APIC_ICR2, val >> 32);
	lapic_reg_write(lapic, reg, val & r->bits);
	return 0;
}

/* Dumps */

struct lapic_state {
	u64 base_msr;
	u64 tsc_deadline;
	u64 timer_deadline_ns;
	u64 timer_period_ns;
	u64 pending;
	u32 timer_owed;
	u32 id, tpr, ppr, ldr, dfr, spiv, esr, icr, icr2, tmict, tdcr;
	u32 lvt[ARRAY_SIZE(lapic_lvts)];
	u32 isr[8], tmr[8], irr[8];
	u8 sipi_vector;
};

static const struct aerie_field lapic_fields[] = {
	AERIE_FIELD(struct lapic_state, base_msr),
	AERIE_FIELD(struct lapic_state, tsc_deadline),
	AERIE_FIELD(struct lapic_state, timer_deadline_ns),
	AERIE_FIELD(struct lapic_state, timer_period_ns),
	AERIE_FIELD(struct lapic_state, pending),
	AERIE_FIELD(struct lapic_state, timer_owed),
	AERIE_FIELD(struct lapic_state, id),
	AERIE_FIELD(struct lapic_state, tpr),
	AERIE_FIELD(struct lapic_state, ppr),
	AERIE_FIELD(struct lapic_state, ldr),
	AERIE_FIELD(struct lapic_state, dfr),
	AERIE_FIELD(struct lapic_state, spiv),
	AERIE_FIELD(struct lapic_state, esr),
	AERIE_FIELD(struct lapic_state, icr),
	AERIE_FIELD(struct lapic_state, icr2),
	AERIE_FIELD(struct lapic_state, tmict),
	AERIE_FIELD(struct lapic_state, tdcr),
	AERIE_FIELD_ARRAY(struct lapic_state, lvt),
	AERIE_FIELD_ARRAY(struct lapic_state, isr),
	AERIE_FIELD_ARRAY(struct lapic_state, tmr),
	AERIE_FIELD_ARRAY(struct lapic_state, irr),
	AERIE_FIELD(struct lapic_state, sipi_vector),
};

const struct aerie_record aerie_lapic_record =
	AERIE_RECORD("lapic", 2, struct lapic_state, lapic_fields);

void aerie_lapic_state(struct aerie_vcpu *vcpu, void *buf)
{
	struct aerie_lapic *lapic = vcpu->lapic;
	struct lapic_state *s = buf;
	unsigned int i;

	*s = (struct lapic_state) {
		.base_msr = lapic->base_msr,
		.tsc_deadline = lapic->tsc_deadline,
		.timer_deadline_ns = lapic->timer_deadline_ns,
		.timer_period_ns = lapic->timer_period_ns,
		.pending = lapic->pending,
		.timer_owed = lapic->timer_owed,
		.id = lapic_get(lapic, APIC_ID),
		.tpr = lapic_get(lapic, APIC_TASKPRI),
		.ppr = lapic_get(lapic, APIC_PROCPRI),
		.ldr = lapic_get(lapic, APIC_LDR),
		.dfr = lapic_get(lapic, APIC_DFR),
		.spiv = lapic_get(lapic, APIC_SPIV),
		.esr = lapic_get(lapic, APIC_ESR),
		.icr = lapic_get(lapic, APIC_ICR),
		.icr2 = lapic_get(lapic, APIC_ICR2),
		.tmict = lapic_get(lapic, APIC_TMICT),
		.tdcr = lapic_get(lapic, APIC_TDCR),
		.sipi_vector = lapic->sipi_vector,
	};
	for (i = 0; i < ARRAY_SIZE(lapic_lvts); i++)
		s->lvt[i] = lapic_get(lapic, lapic_lvts[i]);
	for (i = 0; i < 8; i++) {
		s->isr[i] = *lapic_word(lapic, APIC_ISR, i);
		s->tmr[i] = *lapic_word(lapic, APIC_TMR, i);
		s->irr[i] = *lapic_word(lapic, APIC_IRR, i) | (u32)(lapic->posted[i / 2] >> i % 2 * 32);
	}
}
