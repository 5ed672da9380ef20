// SPDX-License-Identifier: GPL-2.0
/*
 * Messages between local APICs, from the I/O APIC and from devices: who is
 * addressed, and what arriving there means.
 *
 * Routing reads the addressed APICs' registers as they are and takes no lock.
 * The vCPUs that a message addresses are a bitmap: 64 vCPUs fit into a word, a
 * physical destination is one bit without a look at any other APIC, and the 16
 * logical IDs of an x2APIC cluster are 16 consecutive bits, because x2APIC
 * derives logical IDs from APIC IDs, which are the vCPUs' indices.
 */
#include <linux/kernel.h>
#include <linux/nospec.h>
#include <uapi/linux/kvm_para.h>

#include "dev/chips.h"
#include "dev/lapic_regs.h"

#define ICR_MODE_SHIFT		8
#define ICR_MODE		7
#define ICR_SHORTHAND		APIC_DEST_ALLBUT	/* both bits */

#define XAPIC_BROADCAST		0xffu
#define X2APIC_BROADCAST	0xffffffffu

static_assert(AERIE_MAX_VCPUS <= 64, "a bitmap of vCPUs is one word");

/* Those that are there. None while the VM is still being made: a device may already send. */
static u64 route_all(struct aerie_vm *vm)
{
	return READ_ONCE(vm->vcpus_present);
}

/* SDM, Logical Destination Mode, for an APIC that is in xAPIC mode. */
static bool xapic_logical_match(struct aerie_lapic *lapic, u8 dest)
{
	u8 id = GET_APIC_LOGICAL_ID(lapic_get(lapic, APIC_LDR));

	if (lapic_get(lapic, APIC_DFR) >> 28 == 0xf)
		return id & dest;
	return id >> 4 == dest >> 4 && id & dest & 0xf;
}

/* The vCPUs of an x2APIC logical destination; the upper half is the cluster. */
static u64 x2apic_logical(struct aerie_vm *vm, u32 dest)
{
	u32 cluster = dest >> 16;

	if (cluster >= AERIE_MAX_VCPUS / 16)
		return 0;
	return (u64)(dest & 0xffff) << (cluster * 16) & route_all(vm);
}

static u64 route_logical(struct aerie_vm *vm, const struct aerie_apic_msg *msg)
{
	u64 targets = 0, x2apic = x2apic_logical(vm, msg->dest);
	u64 scan = msg->x2apic ? x2apic : route_all(vm);

	for (; scan; scan &= scan - 1) {
		unsigned int id = __ffs(scan);
		struct aerie_lapic *lapic = vm->vcpus[id]->lapic;

		if (lapic_x2apic(lapic) ? !!(x2apic & BIT_ULL(id)) :
		    !msg->x2apic && xapic_logical_match(lapic, msg->dest))
			targets |= BIT_ULL(id);
	}
	return targets;
}

static u64 route(struct aerie_vm *vm, const struct aerie_apic_msg *msg)
{
	u32 dest = msg->x2apic ? msg->dest : msg->dest & 0xff;

	if (dest == (msg->x2apic ? X2APIC_BROADCAST : XAPIC_BROADCAST))
		return route_all(vm);
	if (msg->logical)
		return route_logical(vm, msg);
	if (dest >= vm->nr_vcpus)
		return 0;
	return BIT_ULL(array_index_nospec(dest, vm->nr_vcpus)) & route_all(vm);
}

/*
 * Lowest priority: the lowest task priority class wins, and the vector chooses
 * among equals, so that one interrupt stays with one vCPU and its caches.
 */
static u64 route_lowest(struct aerie_vm *vm, u64 targets, u8 vector)
{
	u32 best = U32_MAX;
	unsigned int skip;
	u64 equal = 0;

	for (; targets; targets &= targets - 1) {
		unsigned int id = __ffs(targets);
		struct aerie_lapic *lapic = vm->vcpus[id]->lapic;
		u32 prio = lapic_get(lapic, APIC_TASKPRI) & LAPIC_PRIO;

		if (!lapic_enabled(lapic) || prio > best)
			continue;
		if (prio < best)
			equal = 0;
		best = prio;
		equal |= BIT_ULL(id);
	}
	if (!equal)
		return 0;
	for (skip = vector % hweight64(equal); skip; skip--)
		equal &= equal - 1;
	return equal & -equal;
}

static void take_init(struct aerie_lapic *lapic)
{
	/* A start-up IPI from before this INIT is void. */
	xchg(&lapic->pending, BIT(AERIE_LAPIC_INIT));
	aerie_vcpu_request(lapic->vcpu, AERIE_REQ_APIC);
}

void aerie_apic_eject(struct aerie_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->ejected, true);
	take_init(vcpu->lapic);		/* whoever sees it sees that */
}

static void take_sipi(struct aerie_lapic *lapic, u8 vector)
{
	WRITE_ONCE(lapic->sipi_vector, vector);
	smp_mb__before_atomic();	/* whoever sees the bit sees the vector */
	set_bit(AERIE_LAPIC_SIPI, &lapic->pending);
	aerie_vcpu_request(lapic->vcpu, AERIE_REQ_APIC);
}

/* One APIC gets the message. @self: its own vCPU's thread sent it. */
static bool deliver(struct aerie_lapic *lapic, const struct aerie_apic_msg *msg, bool self)
{
	if (!lapic_on(lapic))
		return false;
	switch (msg->mode) {
	case AERIE_DELIVER_FIXED:
	case AERIE_DELIVER_LOWEST:
		if (!lapic_enabled(lapic))
			return false;
		if (self)
			lapic_raise_self(lapic, msg->vector);
		else
			aerie_lapic_irq(lapic->vcpu, msg->vector, msg->level);
		return true;
	case AERIE_DELIVER_NMI:
		lapic_nmi(lapic);
		return true;
	case AERIE_DELIVER_INIT:
		take_init(lapic);
		return true;
	case AERIE_DELIVER_SIPI:
		take_sipi(lapic, msg->vector);
		return true;
	}
	/* No system management mode; ExtINT comes by LINT0 alone. */
	return false;
}

static int deliver_all(struct aerie_vm *vm, u64 targets, const struct aerie_apic_msg *msg,
		       struct aerie_lapic *from)
{
	int taken = 0;

	if (msg->mode == AERIE_DELIVER_LOWEST)
		targets = route_lowest(vm, targets, msg->vector);
	for (; targets; targets &= targets - 1) {
		struct aerie_lapic *lapic = vm->vcpus[__ffs(targets)]->lapic;

		taken += deliver(lapic, msg, lapic == from);
	}
	return taken;
}

int aerie_apic_send(struct aerie_vm *vm, const struct aerie_apic_msg *msg)
{
	return deliver_all(vm, route(vm, msg), msg, NULL);
}

int aerie_apic_waits(struct aerie_vm *vm, const struct aerie_apic_msg *msg)
{
	u64 targets = route(vm, msg);
	int waits = -1;

	if (msg->mode == AERIE_DELIVER_LOWEST)
		targets = route_lowest(vm, targets, msg->vector);
	else if (msg->mode != AERIE_DELIVER_FIXED)
		return targets ? 0 : -1;
	for (; targets; targets &= targets - 1) {
		struct aerie_lapic *lapic = vm->vcpus[__ffs(targets)]->lapic;

		if (!lapic_enabled(lapic))
			continue;
		if (!lapic_pending(lapic, msg->vector))
			return 0;
		waits = 1;
	}
	return waits;
}

void lapic_icr_send(struct aerie_lapic *lapic, u32 icr, u32 dest)
{
	struct aerie_vm *vm = lapic->vcpu->vm;
	u64 me = BIT_ULL(lapic->vcpu->id), targets;
	struct aerie_apic_msg msg = {
		.dest = dest,
		.vector = icr & APIC_VECTOR_MASK,
		.mode = icr >> ICR_MODE_SHIFT & ICR_MODE,
		.logical = icr & APIC_DEST_LOGICAL,
		.x2apic = lapic_x2apic(lapic),
	};

	switch (msg.mode) {
	case AERIE_DELIVER_FIXED:
	case AERIE_DELIVER_LOWEST:
		if (msg.vector < LAPIC_FIRST_VECTOR) {
			lapic_error(lapic, APIC_ESR_SENDILL);
			return;
		}
		break;
	case AERIE_DELIVER_INIT:
		/* De-assertion only ever set arbitration IDs, which are gone. */
		if (icr & APIC_INT_LEVELTRIG && !(icr & APIC_INT_ASSERT))
			return;
		break;
	}

	switch (icr & ICR_SHORTHAND) {
	case APIC_DEST_SELF:
		targets = me;
		break;
	case APIC_DEST_ALLINC:
		targets = route_all(vm);
		break;
	case APIC_DEST_ALLBUT:
		targets = route_all(vm) & ~me;
		break;
	default:
		targets = route(vm, &msg);
		me = 0;
		break;
	}
	/* SDM, Valid Combinations: these never go to oneself by a shorthand. */
	if (msg.mode == AERIE_DELIVER_INIT || msg.mode == AERIE_DELIVER_SIPI)
		targets &= ~me;
	deliver_all(vm, targets, &msg, lapic);
}

bool lapic_icr_one(struct aerie_lapic *lapic, u64 icr)
{
	struct aerie_vm *vm = lapic->vcpu->vm;
	u32 dest = icr >> 32;
	struct aerie_lapic *to;
	u8 vector = icr;

	if ((u32)icr & ~(APIC_VECTOR_MASK | APIC_INT_ASSERT) || vector < LAPIC_FIRST_VECTOR ||
	    dest == X2APIC_BROADCAST)
		return false;
	lapic_put(lapic, APIC_ICR, icr);
	lapic_put(lapic, APIC_ICR2, dest);
	if (dest >= AERIE_MAX_VCPUS)
		return true;
	dest = array_index_nospec(dest, AERIE_MAX_VCPUS);
	if (!(route_all(vm) >> dest & 1))
		return true;
	to = vm->vcpus[dest]->lapic;
	if (!lapic_enabled(to))
		return true;
	if (to == lapic)
		lapic_raise_self(lapic, vector);
	else
		aerie_lapic_irq(to->vcpu, vector, false);
	return true;
}

s64 aerie_apic_send_set(struct aerie_vcpu *vcpu, u64 low, u64 high, unsigned int width, u64 min,
			u64 icr)
{
	struct aerie_apic_msg msg = {
		.vector = icr & APIC_VECTOR_MASK,
		.mode = icr >> ICR_MODE_SHIFT & ICR_MODE,
	};
	u64 targets;

	if (icr & ~(u64)(APIC_VECTOR_MASK | ICR_MODE << ICR_MODE_SHIFT | APIC_INT_ASSERT) ||
	    (msg.mode != AERIE_DELIVER_FIXED && msg.mode != AERIE_DELIVER_NMI) ||
	    (msg.mode == AERIE_DELIVER_FIXED && msg.vector < LAPIC_FIRST_VECTOR))
		return -KVM_EINVAL;
	if (min >= AERIE_MAX_VCPUS)
		return 0;
	/* Above 64 there are none: of two whole words the second names none of them. */
	targets = width < 64 ? low | high << width : low;
	targets = targets << min & route_all(vcpu->vm);
	return deliver_all(vcpu->vm, targets, &msg, vcpu->lapic);
}
