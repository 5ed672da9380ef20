// SPDX-License-Identifier: GPL-2.0
/* Who takes a message: physical, logical, shorthands, and what arrives there. */
// sources: kmod/dev/lapic.c kmod/dev/lapic_ipi.c kmod/dev/lapic_timer.c
#include <uapi/linux/kvm_para.h>
#include "fake_lapic.h"
#include "ktap.h"

#define VEC	0x51

/* vCPUs that have @vector in the IRR; clears it. */
static u64 took(u8 vector)
{
	u64 mask = 0;
	unsigned int i;

	for (i = 0; i < vm.nr_vcpus; i++)
		if (lapic_test(vcpus[i].lapic, APIC_IRR, vector)) {
			mask |= BIT_ULL(i);
			clear_bit(vector % 32, lapic_bits(vcpus[i].lapic, APIC_IRR, vector));
		}
	return mask;
}

static u64 send(struct aerie_apic_msg msg)
{
	int n = aerie_apic_send(&vm, &msg);
	u64 mask = took(msg.vector);

	EXPECT_EQ(n, hweight64(mask));
	return mask;
}

#define SEND(...) send((struct aerie_apic_msg) { .vector = VEC, __VA_ARGS__ })

/* ICR of vCPU @cpu, in the mode it is in. */
static u64 icr(unsigned int cpu, u32 dest, u32 low)
{
	if (lapic_x2apic(vcpus[cpu].lapic)) {
		EXPECT_EQ(wr(cpu, APIC_ICR, (u64)dest << 32 | low), 0);
	} else {
		aerie_lapic_write(&vcpus[cpu], APIC_ICR2, dest << 24);
		aerie_lapic_write(&vcpus[cpu], APIC_ICR, low);
	}
	return took(VEC);
}

static void all_x2apic(void)
{
	unsigned int i;

	for (i = 0; i < vm.nr_vcpus; i++)
		set_base(i, MODE_X2APIC);
}

TEST(physical)
{
	machine(64, true);
	EXPECT_EQ(SEND(.dest = 0), 1);
	EXPECT_EQ(SEND(.dest = 63), 1ull << 63);
	EXPECT_EQ(SEND(.dest = 64), 0);
	EXPECT_EQ(SEND(.dest = 0xff), ~0ull);
	EXPECT_EQ(SEND(.dest = 0x105), 1ull << 5);	/* 8 bits of it */
	EXPECT_EQ(SEND(.dest = 5, .x2apic = true), 1ull << 5);
	EXPECT_EQ(SEND(.dest = 0xff, .x2apic = true), 0);
	EXPECT_EQ(SEND(.dest = 0xffffffff, .x2apic = true), ~0ull);
	EXPECT_EQ(SEND(.dest = 0xfffffffe, .x2apic = true), 0);
	all_x2apic();
	EXPECT_EQ(SEND(.dest = 63), 1ull << 63);
	EXPECT_EQ(SEND(.dest = 0xff), ~0ull);
	machine(3, true);
	EXPECT_EQ(SEND(.dest = 0xff), 7);
	EXPECT_EQ(SEND(.dest = 3), 0);
}

TEST(disabled_apics_take_nothing)
{
	machine(4, true);
	aerie_lapic_write(&vcpus[1], APIC_SPIV, 0xff);
	set_base(2, MODE_OFF);
	EXPECT_EQ(SEND(.dest = 0xff), BIT(0) | BIT(3));
	EXPECT_EQ(SEND(.dest = 1), 0);
	EXPECT_EQ(SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST) & (BIT(1) | BIT(2)), 0);
	/* NMI and INIT do not ask for the software enable. */
	EXPECT_EQ(aerie_apic_send(&vm, &(struct aerie_apic_msg) {
			.dest = 0xff, .mode = AERIE_DELIVER_NMI }), 3);
	EXPECT_EQ(atomic_read(&vcpus[1].nmi_queued), 1);
	EXPECT_EQ(atomic_read(&vcpus[2].nmi_queued), 0);
}

TEST(no_vcpus_yet)
{
	machine(0, true);
	EXPECT_EQ(SEND(.dest = 0xff), 0);
	EXPECT_EQ(SEND(.dest = 0), 0);
	EXPECT_EQ(SEND(.dest = 1, .logical = true), 0);
}

TEST(logical_flat)
{
	unsigned int i;

	machine(10, true);
	for (i = 0; i < 8; i++)
		aerie_lapic_write(&vcpus[i], APIC_LDR, BIT(i) << 24);
	EXPECT_EQ(SEND(.dest = 0x01, .logical = true), BIT(0));
	EXPECT_EQ(SEND(.dest = 0x85, .logical = true), BIT(0) | BIT(2) | BIT(7));
	EXPECT_EQ(SEND(.dest = 0xff, .logical = true), 0x3ff);	/* broadcast */
	EXPECT_EQ(SEND(.dest = 0x00, .logical = true), 0);
	/* One vCPU may have several logical IDs. */
	aerie_lapic_write(&vcpus[3], APIC_LDR, 0x81u << 24);
	EXPECT_EQ(SEND(.dest = 0x80, .logical = true), BIT(3) | BIT(7));
	EXPECT_EQ(icr(9, 0x06, APIC_DEST_LOGICAL | VEC), BIT(1) | BIT(2));
}

TEST(logical_cluster)
{
	unsigned int i;

	machine(8, true);
	for (i = 0; i < 8; i++) {
		aerie_lapic_write(&vcpus[i], APIC_DFR, 0);
		aerie_lapic_write(&vcpus[i], APIC_LDR, ((i / 4) << 4 | BIT(i % 4)) << 24);
	}
	EXPECT_EQ(SEND(.dest = 0x03, .logical = true), BIT(0) | BIT(1));
	EXPECT_EQ(SEND(.dest = 0x18, .logical = true), BIT(7));
	EXPECT_EQ(SEND(.dest = 0x1f, .logical = true), 0xf0);
	EXPECT_EQ(SEND(.dest = 0x2f, .logical = true), 0);
	EXPECT_EQ(SEND(.dest = 0x10, .logical = true), 0);
}

TEST(logical_x2apic)
{
	machine(64, true);
	all_x2apic();
	EXPECT_EQ(SEND(.dest = 0x00001, .logical = true, .x2apic = true), 1);
	EXPECT_EQ(SEND(.dest = 0x38001, .logical = true, .x2apic = true),
		  BIT_ULL(48) | BIT_ULL(63));
	EXPECT_EQ(SEND(.dest = 0x2ffff, .logical = true, .x2apic = true), 0xffffull << 32);
	EXPECT_EQ(SEND(.dest = 0x4ffff, .logical = true, .x2apic = true), 0);
	EXPECT_EQ(SEND(.dest = 0xffff0001, .logical = true, .x2apic = true), 0);
	EXPECT_EQ(SEND(.dest = 0xffffffff, .logical = true, .x2apic = true), ~0ull);
	EXPECT_EQ(icr(7, 0x10003, APIC_DEST_LOGICAL | VEC), BIT(16) | BIT(17));
	/* Devices have eight bits: the first eight of cluster 0. */
	EXPECT_EQ(SEND(.dest = 0x81, .logical = true), BIT(0) | BIT(7));
	/* An APIC that is in xAPIC mode has no logical x2APIC ID. */
	machine(20, true);
	set_base(17, MODE_X2APIC);
	EXPECT_EQ(SEND(.dest = 0x10007, .logical = true, .x2apic = true), BIT(17));
	machine(5, true);
	all_x2apic();
	EXPECT_EQ(SEND(.dest = 0x0ffff, .logical = true, .x2apic = true), 0x1f);
}

TEST(shorthands)
{
	int x2apic;

	for (x2apic = 0; x2apic < 2; x2apic++) {
		machine(6, true);
		if (x2apic)
			all_x2apic();
		EXPECT_EQ(icr(2, 0, APIC_DEST_SELF | VEC), BIT(2));
		EXPECT_EQ(icr(2, 0, APIC_DEST_ALLINC | VEC), 0x3f);
		EXPECT_EQ(icr(2, 0, APIC_DEST_ALLBUT | VEC), 0x3b);
		EXPECT_EQ(icr(2, 4, VEC), BIT(4));
		EXPECT_EQ(icr(2, 2, VEC), BIT(2));
		EXPECT_EQ(icr(2, 2, APIC_DM_SMI | VEC), 0);
		EXPECT_EQ(icr(2, 2, APIC_DM_EXTINT | VEC), 0);
		EXPECT_EQ(icr(2, 2, 0x300 | VEC), 0);
		/* Level says nothing but for INIT. */
		EXPECT_EQ(icr(2, 4, APIC_INT_LEVELTRIG | APIC_INT_ASSERT | VEC), BIT(4));
		EXPECT(!lapic_test(vcpus[4].lapic, APIC_TMR, VEC));
	}
}

TEST(lowest_priority)
{
	u64 one;

	machine(8, true);
	aerie_lapic_write(&vcpus[0], APIC_TASKPRI, 0x40);
	aerie_lapic_write(&vcpus[1], APIC_TASKPRI, 0x20);
	aerie_lapic_write(&vcpus[2], APIC_TASKPRI, 0x2f);
	aerie_lapic_write(&vcpus[3], APIC_TASKPRI, 0x30);
	/* The same vector stays where it is; vectors spread. */
	EXPECT_EQ(icr(4, 0, APIC_DEST_ALLBUT | APIC_DM_LOWEST | VEC) & 0xf, 0);
	one = SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST);
	EXPECT_EQ(hweight64(one), 1);
	EXPECT_EQ(one & ~0xf0ull, 0);
	EXPECT_EQ(SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST), one);
	EXPECT(send((struct aerie_apic_msg) { .vector = VEC + 1, .dest = 0xff,
		    .mode = AERIE_DELIVER_LOWEST }) != one);
	machine(3, true);
	aerie_lapic_write(&vcpus[0], APIC_TASKPRI, 0x40);
	aerie_lapic_write(&vcpus[1], APIC_TASKPRI, 0x2f);
	aerie_lapic_write(&vcpus[2], APIC_TASKPRI, 0x30);
	EXPECT_EQ(SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST), BIT(1));
	/* Those that are disabled do not count, until there is none. */
	aerie_lapic_write(&vcpus[1], APIC_SPIV, 0xff);
	EXPECT_EQ(SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST), BIT(2));
	aerie_lapic_write(&vcpus[2], APIC_SPIV, 0xff);
	EXPECT_EQ(SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST), BIT(0));
	aerie_lapic_write(&vcpus[0], APIC_SPIV, 0xff);
	EXPECT_EQ(SEND(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST), 0);
}

TEST(level_sets_the_tmr)
{
	machine(2, true);
	EXPECT_EQ(aerie_apic_send(&vm, &(struct aerie_apic_msg) {
			.dest = 1, .vector = VEC, .level = true }), 1);
	EXPECT(lapic_test(vcpus[1].lapic, APIC_TMR, VEC));
	EXPECT_EQ(kicks[1], 1);
	EXPECT(vcpus[1].requests & BIT(AERIE_REQ_EVENT));
	EXPECT_EQ(kicks[0], 0);
}

TEST(init_and_startup)
{
	struct aerie_lapic *ap;

	machine(3, false);
	ap = vcpus[1].lapic;
	icr(0, 1, APIC_DM_INIT | APIC_INT_LEVELTRIG | APIC_INT_ASSERT);
	EXPECT_EQ(ap->pending, BIT(AERIE_LAPIC_INIT));
	EXPECT_EQ(vcpus[1].requests, BIT(AERIE_REQ_APIC));
	EXPECT_EQ(kicks[1], 1);
	/* De-assertion means nothing. */
	ap->pending = 0;
	icr(0, 1, APIC_DM_INIT | APIC_INT_LEVELTRIG);
	EXPECT_EQ(ap->pending, 0);
	icr(0, 1, APIC_DM_STARTUP | 0x9a);
	EXPECT_EQ(ap->pending, BIT(AERIE_LAPIC_SIPI));
	EXPECT_EQ(ap->sipi_vector, 0x9a);
	/* INIT voids a start-up that has not been taken. */
	icr(0, 1, APIC_DM_INIT);
	EXPECT_EQ(ap->pending, BIT(AERIE_LAPIC_INIT));
	icr(0, 1, APIC_DM_STARTUP | 0x10);
	EXPECT_EQ(ap->pending, BIT(AERIE_LAPIC_INIT) | BIT(AERIE_LAPIC_SIPI));
	/* By shorthand everybody but oneself, even when oneself is included. */
	icr(0, 0, APIC_DEST_ALLINC | APIC_DM_INIT);
	EXPECT_EQ(vcpus[2].lapic->pending, BIT(AERIE_LAPIC_INIT));
	EXPECT_EQ(vcpus[0].lapic->pending, 0);
	icr(0, 0, APIC_DEST_SELF | APIC_DM_STARTUP | 1);
	EXPECT_EQ(vcpus[0].lapic->pending, 0);
	/* Addressed, the bootstrap processor resets itself. */
	icr(0, 0, APIC_DM_INIT);
	EXPECT_EQ(vcpus[0].lapic->pending, BIT(AERIE_LAPIC_INIT));
	EXPECT_EQ(vcpus[1].lapic->pending & BIT(AERIE_LAPIC_INIT), BIT(AERIE_LAPIC_INIT));
}

TEST(what_is_not_present_is_not_reached)
{
	machine(4, true);
	vm.vcpus_present = 0xb;
	EXPECT_EQ(SEND(.dest = 2), 0);
	EXPECT_EQ(SEND(.dest = 3), 8);
	EXPECT_EQ(SEND(.dest = 0xff), 0xb);
	EXPECT_EQ(icr(0, 0, APIC_DEST_ALLBUT | VEC), 0xa);
	all_x2apic();
	EXPECT_EQ(SEND(.dest = 0xf, .logical = true, .x2apic = true), 0xb);
	EXPECT_EQ(SEND(.dest = 4, .logical = true, .x2apic = true), 0);
	icr(0, 2, APIC_DM_INIT);
	icr(0, 2, APIC_DM_STARTUP | 0x10);
	icr(0, 2, APIC_DM_NMI);
	EXPECT_EQ(vcpus[2].lapic->pending, 0);
	EXPECT_EQ(vcpus[2].requests, 0);
	EXPECT(!vcpus[2].ejected);
	/* None is there while the machine is being made. */
	vm.vcpus_present = 0;
	EXPECT_EQ(SEND(.dest = 0), 0);
	EXPECT_EQ(SEND(.dest = 0xff), 0);
}

TEST(an_ejected_one_is_reset)
{
	machine(2, true);
	vcpus[1].lapic->pending = BIT(AERIE_LAPIC_SIPI);
	aerie_apic_eject(&vcpus[1]);
	EXPECT(vcpus[1].ejected);
	EXPECT_EQ(vcpus[1].lapic->pending, BIT(AERIE_LAPIC_INIT));
	EXPECT_EQ(vcpus[1].requests, BIT(AERIE_REQ_APIC));
	EXPECT_EQ(kicks[1], 1);
	/* What comes for it before its thread has seen that is not lost. */
	aerie_lapic_reset(&vcpus[1], false);
	icr(0, 1, APIC_DM_STARTUP | 0x10);
	aerie_lapic_reset(&vcpus[1], false);
	EXPECT_EQ(vcpus[1].lapic->pending, BIT(AERIE_LAPIC_INIT) | BIT(AERIE_LAPIC_SIPI));
}

TEST(nmi)
{
	unsigned int i;

	machine(4, true);
	icr(1, 0, APIC_DEST_ALLBUT | APIC_DM_NMI);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(atomic_read(&vcpus[i].nmi_queued), i != 1);
	for (i = 0; i < 1000; i++)
		icr(1, 3, APIC_DM_NMI);
	EXPECT_EQ(atomic_read(&vcpus[3].nmi_queued), 2);
	EXPECT(vcpus[3].requests & BIT(AERIE_REQ_EVENT));
}

#define WAITS(...) aerie_apic_waits(&vm, &(struct aerie_apic_msg) { .vector = VEC, __VA_ARGS__ })

TEST(what_waits)
{
	machine(4, true);
	EXPECT_EQ(WAITS(.dest = 1), 0);
	aerie_lapic_irq(&vcpus[1], VEC, false);
	EXPECT_EQ(WAITS(.dest = 1), 1);
	EXPECT_EQ(WAITS(.dest = 2), 0);
	EXPECT_EQ(WAITS(.dest = 9), -1);
	/* With several, until all have it; those that are off do not count. */
	EXPECT_EQ(WAITS(.dest = 0xff), 0);
	aerie_lapic_irq(&vcpus[0], VEC, false);
	aerie_lapic_irq(&vcpus[2], VEC, false);
	EXPECT_EQ(WAITS(.dest = 0xff), 0);
	aerie_lapic_write(&vcpus[3], APIC_SPIV, 0xff);
	EXPECT_EQ(WAITS(.dest = 0xff), 1);
	EXPECT_EQ(WAITS(.dest = 3), -1);
	EXPECT_EQ(WAITS(.dest = 0xff, .mode = AERIE_DELIVER_LOWEST), 1);
	/* Taken, or of a kind that does not wait. */
	aerie_lapic_ack(&vcpus[1], VEC);
	EXPECT_EQ(WAITS(.dest = 1), 0);
	EXPECT_EQ(WAITS(.dest = 2, .mode = AERIE_DELIVER_NMI), 0);
	EXPECT_EQ(WAITS(.dest = 9, .mode = AERIE_DELIVER_NMI), -1);
	machine(0, false);
}

TEST(illegal_vectors)
{
	machine(2, true);
	icr(0, 1, 0x0f);
	aerie_lapic_write(&vcpus[0], APIC_ESR, 0);
	EXPECT_EQ(aerie_lapic_read(&vcpus[0], APIC_ESR), 0x20);
	aerie_lapic_write(&vcpus[1], APIC_ESR, 0);
	EXPECT_EQ(aerie_lapic_read(&vcpus[1], APIC_ESR), 0);
	/* From a device the receiver complains. */
	EXPECT_EQ(aerie_apic_send(&vm, &(struct aerie_apic_msg) { .dest = 1, .vector = 3 }), 1);
	aerie_lapic_write(&vcpus[1], APIC_ESR, 0);
	EXPECT_EQ(aerie_lapic_read(&vcpus[1], APIC_ESR), 0x40);
	machine(0, false);
}

TEST(a_set_of_vcpus_takes_an_interrupt)
{
	machine(20, true);
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 0x13, 0, 64, 2, VEC), 3);
	EXPECT_EQ(took(VEC), 0x13 << 2);
	/* Halves of 32-bit code; who sends, too. */
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 1, 1, 32, 0, VEC), 1);
	EXPECT_EQ(took(VEC), 1);
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 0x80000000, 0, 32, 0, VEC), 0);
	/* Those that are not there. */
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], ~0ull, ~0ull, 64, 18, VEC), 2);
	EXPECT_EQ(took(VEC), BIT(18) | BIT(19));
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], ~0ull, ~0ull, 64, 64, VEC), 0);
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], ~0ull, ~0ull, 64, ~0ull, VEC), 0);
	EXPECT_EQ(took(VEC), 0);
	/* An NMI is none of a vector's. */
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 2, 0, 64, 0, APIC_DM_NMI), 1);
	EXPECT_EQ(took(VEC), 0);
	/* Vectors of exceptions, destinations, other modes. */
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 1, 0, 64, 0, 15), -KVM_EINVAL);
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 1, 0, 64, 0, APIC_DM_INIT), -KVM_EINVAL);
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 1, 0, 64, 0, VEC | APIC_DEST_ALLINC), -KVM_EINVAL);
	EXPECT_EQ(aerie_apic_send_set(&vcpus[0], 1, 0, 64, 0, VEC | 1ull << 32), -KVM_EINVAL);
}

/* All that a message changes, of three APICs of which one is not enabled. */
struct outcome {
	u8 regs[3][PAGE_SIZE];
	u64 requests[3];
	u32 errors[3];
	bool pending[3], check[3];
	unsigned int kicks[3];
};

static void three(void)
{
	unsigned int i;

	machine(4, true);
	vm.vcpus_present = 7;
	for (i = 0; i < 4; i++)
		EXPECT_EQ(set_base(i, MODE_X2APIC), 0);
	EXPECT_EQ(wr(2, APIC_SPIV, 0xff), 0);
	for (i = 0; i < 4; i++)
		vcpus[i].check_events = false;
}

static void look(struct outcome *o)
{
	unsigned int i;

	memset(o, 0, sizeof(*o));
	for (i = 0; i < 3; i++) {
		memcpy(o->regs[i], vcpus[i].lapic->regs, PAGE_SIZE);
		o->requests[i] = vcpus[i].requests;
		o->errors[i] = vcpus[i].lapic->errors;
		o->pending[i] = vcpus[i].lapic->irr_pending;
		o->check[i] = vcpus[i].check_events;
		o->kicks[i] = kicks[i];
	}
}

TEST(a_message_to_one_is_what_it_is_in_general)
{
	static const u32 dests[] = { 0, 1, 2, 3, 4, 63, 64, 65, 0x77, 0x10000, 0x10001, ~0u };
	static const u32 vectors[] = { 0, 15, 16, 0x40, 0xff };
	static const u32 bits[] = { APIC_INT_ASSERT, APIC_INT_LEVELTRIG, APIC_DEST_LOGICAL, 0x100,
				    0x200, 0x400, APIC_DEST_SELF, APIC_DEST_ALLINC };
	static struct outcome before, one, any;
	unsigned int d, v, b, taken = 0;
	u32 icr;

	three();
	look(&before);
	for (d = 0; d < ARRAY_SIZE(dests); d++) {
		for (v = 0; v < ARRAY_SIZE(vectors); v++) {
			for (b = 0; b <= ARRAY_SIZE(bits); b++) {
				icr = vectors[v] | (b ? bits[b - 1] : 0);
				three();
				if (!lapic_icr_one(vcpus[0].lapic, (u64)dests[d] << 32 | icr)) {
					look(&one);
					EXPECT(!memcmp(&one, &before, sizeof(one)));
					continue;
				}
				taken++;
				look(&one);
				three();
				lapic_put(vcpus[0].lapic, APIC_ICR, icr);
				lapic_put(vcpus[0].lapic, APIC_ICR2, dests[d]);
				lapic_icr_send(vcpus[0].lapic, icr, dests[d]);
				look(&any);
				EXPECT(!memcmp(&one, &any, sizeof(one)));
			}
		}
	}
	/* Of legal vectors, with the level asserted or not; not to all. */
	EXPECT_EQ(taken, 11 * 3 * 2);
}
