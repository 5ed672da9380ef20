// SPDX-License-Identifier: GPL-2.0
/* The local APIC's registers, modes, priorities and timer. */
// sources: kmod/dev/lapic.c kmod/dev/lapic_ipi.c kmod/dev/lapic_timer.c
#include "fake_lapic.h"
#include "ktap.h"

#define CPU	(&vcpus[0])
#define LAPIC	(vcpus[0].lapic)

static u32 get(u32 reg)
{
	return aerie_lapic_read(CPU, reg);
}

static void set(u32 reg, u32 val)
{
	aerie_lapic_write(CPU, reg, val);
}

TEST(power_on_state)
{
	machine(2, false);
	EXPECT_EQ(LAPIC->base_msr, 0xfee00900);
	EXPECT_EQ(vcpus[1].lapic->base_msr, 0xfee00800);
	EXPECT_EQ(get(APIC_ID), 0);
	EXPECT_EQ(aerie_lapic_read(&vcpus[1], APIC_ID), 1u << 24);
	EXPECT_EQ(get(APIC_LVR) & 0xff, 0x14);
	EXPECT_EQ(get(APIC_LVR) >> 16 & 0xff, 5);
	EXPECT_EQ(get(APIC_SPIV), 0xff);
	EXPECT_EQ(get(APIC_DFR), 0xffffffff);
	EXPECT_EQ(get(APIC_LVTT), APIC_LVT_MASKED);
	EXPECT_EQ(get(APIC_LVTERR), APIC_LVT_MASKED);
	/* Virtual wire on the bootstrap processor alone. */
	EXPECT(aerie_lapic_extint(&vcpus[0]));
	EXPECT(!aerie_lapic_extint(&vcpus[1]));
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
}

TEST(create_fails_cleanly)
{
	struct aerie_vcpu vcpu = { .vm = &vm };

	for (shim_fail_alloc = 1; shim_fail_alloc < 3; shim_fail_alloc++) {
		int n = shim_fail_alloc;

		EXPECT_EQ(aerie_lapic_create(&vcpu), -ENOMEM);
		EXPECT(!vcpu.lapic);
		shim_fail_alloc = n;
	}
	shim_fail_alloc = 0;
}
int shim_fail_alloc;

TEST(priority_and_nesting)
{
	machine(1, true);
	aerie_lapic_irq(CPU, 0x31, false);
	aerie_lapic_irq(CPU, 0x35, false);
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT_EQ(kicks[0], 3);
	EXPECT(CPU->requests & BIT(AERIE_REQ_EVENT));
	/* The same again is one interrupt, and whoever came first has kicked. */
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT_EQ(kicks[0], 3);
	EXPECT_EQ(get(APIC_IRR + 0x10), BIT(0x11) | BIT(0x15));
	EXPECT_EQ(get(APIC_IRR + 0x20), BIT(0x11));

	EXPECT_EQ(aerie_lapic_highest(CPU), 0x51);
	aerie_lapic_ack(CPU, 0x51);
	EXPECT_EQ(get(APIC_ISR + 0x20), BIT(0x11));
	EXPECT_EQ(get(APIC_IRR + 0x20), 0);
	EXPECT_EQ(get(APIC_PROCPRI), 0x50);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), 0x35);

	/* A higher class nests, one of the same class waits. */
	aerie_lapic_irq(CPU, 0x5f, false);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	aerie_lapic_irq(CPU, 0x60, false);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x60);
	aerie_lapic_ack(CPU, 0x60);
	EXPECT_EQ(get(APIC_PROCPRI), 0x60);
	set(APIC_EOI, 0);
	EXPECT_EQ(get(APIC_PROCPRI), 0x50);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	CPU->check_events = false;
	set(APIC_EOI, 0);
	EXPECT_EQ(get(APIC_PROCPRI), 0);
	EXPECT(CPU->check_events);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x5f);
	aerie_lapic_ack(CPU, 0x5f);
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x35);
	aerie_lapic_ack(CPU, 0x35);
	aerie_lapic_eoi(CPU);
	aerie_lapic_ack(CPU, 0x31);
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), -1);
	EXPECT(!LAPIC->irr_pending);
	/* One too many does nothing. */
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(get(APIC_PROCPRI), 0);
}

/* Where the processor may move IRR bits, others leave theirs beside them. */
TEST(posted)
{
	machine(1, true);
	LAPIC->staged = true;
	aerie_lapic_irq(CPU, 0x31, false);
	aerie_lapic_irq(CPU, 0xff, false);
	aerie_lapic_irq(CPU, 0xff, false);
	EXPECT_EQ(kicks[0], 2);
	EXPECT_EQ(get(APIC_IRR + 0x10) | get(APIC_IRR + 0x70), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0xff);
	EXPECT_EQ(get(APIC_IRR + 0x70), BIT(31));
	EXPECT_EQ(get(APIC_IRR + 0x10), BIT(0x11));
	/* Requested once more while it is already: somebody has to look again. */
	aerie_lapic_irq(CPU, 0xff, false);
	EXPECT_EQ(kicks[0], 3);
	aerie_lapic_ack(CPU, 0xff);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), 0x31);
	aerie_lapic_irq(CPU, 0x40, false);
	aerie_lapic_reset(CPU, true);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), -1);
}

/* The processor delivers and ends interrupts: what it leaves in the page is what counts. */
TEST(kept_by_the_processor)
{
	machine(1, true);
	LAPIC->staged = true;
	CPU->check_events = false;
	aerie_lapic_virtualize(CPU, true);
	EXPECT(CPU->check_events);
	aerie_lapic_irq(CPU, 0x48, true);
	aerie_lapic_irq(CPU, 0x62, false);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), 0x62);
	EXPECT_EQ(aerie_lapic_ends(CPU, 1), BIT_ULL(0x48 - 64));
	EXPECT_EQ(aerie_lapic_ends(CPU, 0) | aerie_lapic_ends(CPU, 3), 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), -1);
	/* It has delivered one of them. */
	*lapic_word(LAPIC, APIC_IRR, 3) = 0;
	*lapic_word(LAPIC, APIC_ISR, 3) = BIT(2);
	lapic_put(LAPIC, APIC_PROCPRI, 0x60);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x62);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), 0x48);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	/* The other way round it is ours again, as the processor has left it. */
	aerie_lapic_virtualize(CPU, false);
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(get(APIC_ISR + 0x30), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x48);
}

TEST(vector_bounds)
{
	machine(1, true);
	aerie_lapic_irq(CPU, 16, false);
	aerie_lapic_irq(CPU, 255, false);
	EXPECT_EQ(aerie_lapic_highest(CPU), 255);
	aerie_lapic_ack(CPU, 255);
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(aerie_lapic_highest(CPU), 16);
	aerie_lapic_irq(CPU, 15, false);
	set(APIC_ESR, 0);
	EXPECT_EQ(get(APIC_ESR), 0x40);
	EXPECT_EQ(get(APIC_IRR), BIT(16));
}

TEST(task_priority)
{
	machine(1, true);
	aerie_lapic_irq(CPU, 0x48, false);
	set(APIC_TASKPRI, 0x4f);
	EXPECT_EQ(get(APIC_PROCPRI), 0x4f);
	EXPECT_EQ(aerie_lapic_cr8(CPU), 4);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), 0x48);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	CPU->check_events = false;
	aerie_lapic_set_cr8(CPU, 3);
	EXPECT(CPU->check_events);
	EXPECT_EQ(get(APIC_TASKPRI), 0x30);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x48);
	EXPECT(aerie_lapic_highest(CPU) >= 0);
	aerie_lapic_ack(CPU, 0x48);
	EXPECT_EQ(get(APIC_PROCPRI), 0x40);
	set(APIC_TASKPRI, 0x42);
	EXPECT_EQ(get(APIC_PROCPRI), 0x42);
}

TEST(level_eoi_reaches_the_ioapic)
{
	machine(1, true);
	aerie_lapic_irq(CPU, 0x40, true);
	EXPECT_EQ(get(APIC_TMR + 0x20), BIT(0));
	aerie_lapic_ack(CPU, 0x40);
	EXPECT_EQ(last_eoi, -1);
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(last_eoi, 0x40);
	last_eoi = -1;
	aerie_lapic_irq(CPU, 0x40, false);
	EXPECT_EQ(get(APIC_TMR + 0x20), 0);
	aerie_lapic_ack(CPU, 0x40);
	aerie_lapic_eoi(CPU);
	EXPECT_EQ(last_eoi, -1);
}

TEST(xapic_writes_are_masked)
{
	static const struct {
		u32 reg, wrote, reads;
	} t[] = {
		{ APIC_ID, 0x55000000, 0 },
		{ APIC_LVR, 0xffffffff, 0x50014 },
		{ APIC_TASKPRI, 0xffffffff, 0xff },
		{ APIC_PROCPRI, 0x10, 0xff },
		{ APIC_LDR, 0xffffffff, 0xff000000 },
		{ APIC_DFR, 0, 0x0fffffff },
		{ APIC_SPIV, 0xffffffff, 0x3ff },
		{ APIC_ISR, 0xffffffff, 0 },
		{ APIC_IRR, 0xffffffff, 0 },
		{ APIC_ICR2, 0xffffffff, 0xff000000 },
		{ APIC_LVTT, 0xffffffff, 0x700ff },
		{ APIC_LVTTHMR, 0xffffffff, 0x107ff },
		{ APIC_LVTPC, 0xffffffff, 0x107ff },
		{ APIC_LVT0, 0xffffffff, 0x1a7ff },
		{ APIC_LVT1, 0xffffffff, 0x1a7ff },
		{ APIC_LVTERR, 0xffffffff, 0x100ff },
		{ APIC_TDCR, 0xffffffff, 0xb },
		{ APIC_TMCCT, 0x1234, 0 },
		{ APIC_RRR, 0x1234, 0 },
		{ APIC_EOI, 0x1234, 0 },
		{ APIC_SELF_IPI, 0x40, 0 },
		{ 0x3a0, 0x1234, 0 },
		{ 0x400, 0x1234, 0 },
		{ 0xff0, 0x1234, 0 },
	};
	unsigned int i;

	machine(1, true);
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		set(t[i].reg, t[i].wrote);
		EXPECT_EQ(get(t[i].reg), t[i].reads);
	}
	EXPECT_EQ(aerie_lapic_highest_irr(CPU), -1);
	/* Only the first four of every sixteen bytes are a register. */
	set(APIC_TASKPRI + 4, 0x20);
	EXPECT_EQ(get(APIC_TASKPRI), 0xff);
	EXPECT_EQ(get(APIC_LVR + 4), 0);
	EXPECT_EQ(get(APIC_LVR + 2), 5);
}

TEST(errors)
{
	machine(1, true);
	get(APIC_SELF_IPI);
	EXPECT_EQ(get(APIC_ESR), 0);
	set(APIC_ESR, 0);
	EXPECT_EQ(get(APIC_ESR), 0x80);
	set(APIC_ESR, 0xff);
	EXPECT_EQ(get(APIC_ESR), 0);
	/* The first error of a kind raises the interrupt. */
	set(APIC_LVTERR, 0xfe);
	set(0x3a0, 1);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0xfe);
	aerie_lapic_ack(CPU, 0xfe);
	aerie_lapic_eoi(CPU);
	set(0x3a0, 1);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	/* An error entry with an illegal vector ends with its own error. */
	set(APIC_ESR, 0);
	set(APIC_LVTERR, 3);
	set(APIC_ICR, APIC_DEST_SELF | 5);
	set(APIC_ESR, 0);
	EXPECT_EQ(get(APIC_ESR), 0x60);
}

TEST(software_disable_masks_the_lvt)
{
	machine(1, true);
	set(APIC_LVTT, 0x30);
	set(APIC_LVT0, APIC_DM_EXTINT);
	EXPECT(aerie_lapic_extint(CPU));
	set(APIC_SPIV, 0xff);
	EXPECT_EQ(get(APIC_LVTT), 0x10030);
	EXPECT(!aerie_lapic_extint(CPU));
	set(APIC_LVTT, 0x31);
	EXPECT_EQ(get(APIC_LVTT), 0x10031);
	set(APIC_SPIV, 0x1ff);
	EXPECT_EQ(get(APIC_LVTT), 0x10031);
	set(APIC_LVTT, 0x31);
	EXPECT_EQ(get(APIC_LVTT), 0x31);
}

TEST(mode_transitions)
{
	/* From, to, allowed (SDM, x2APIC State Transitions). */
	static const struct {
		u64 from, to;
		int err;
	} t[] = {
		{ MODE_OFF, MODE_OFF, 0 },
		{ MODE_OFF, MODE_XAPIC, 0 },
		{ MODE_OFF, MODE_X2APIC, 1 },
		{ MODE_OFF, X2APIC_ENABLE, 1 },
		{ MODE_XAPIC, MODE_OFF, 0 },
		{ MODE_XAPIC, MODE_XAPIC, 0 },
		{ MODE_XAPIC, MODE_X2APIC, 0 },
		{ MODE_XAPIC, X2APIC_ENABLE, 1 },
		{ MODE_X2APIC, MODE_OFF, 0 },
		{ MODE_X2APIC, MODE_XAPIC, 1 },
		{ MODE_X2APIC, MODE_X2APIC, 0 },
		{ MODE_X2APIC, X2APIC_ENABLE, 1 },
	};
	unsigned int i;
	u64 base;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		machine(1, true);
		EXPECT_EQ(set_base(0, t[i].from), 0);
		EXPECT_EQ(set_base(0, t[i].to), t[i].err);
		EXPECT_EQ(LAPIC->base_msr & MODE_X2APIC, t[i].err ? t[i].from : t[i].to);
		EXPECT_EQ(aerie_lapic_claims(CPU->lapic, 0xfee00300),
			  (LAPIC->base_msr & MODE_X2APIC) == MODE_XAPIC);
	}
	machine(1, true);
	EXPECT_EQ(set_base(0, MODE_XAPIC | 1), 1);
	EXPECT_EQ(set_base(0, MODE_XAPIC | BIT(9)), 1);
	EXPECT_EQ(set_base(0, MODE_XAPIC | BIT_ULL(40)), 1);
	EXPECT_EQ(set_base(0, MODE_XAPIC | MSR_IA32_APICBASE_BSP), 0);
	/* The window moves. */
	EXPECT_EQ(aerie_lapic_msr_write(CPU, MSR_IA32_APICBASE, 0xd0000000 | MODE_XAPIC), 0);
	EXPECT_EQ(aerie_lapic_msr_read(CPU, MSR_IA32_APICBASE, &base), 0);
	EXPECT_EQ(base, 0xd0000000 | MODE_XAPIC);
	EXPECT(aerie_lapic_claims(CPU->lapic, 0xd0000fff));
	EXPECT(!aerie_lapic_claims(CPU->lapic, 0xd0001000));
	EXPECT(!aerie_lapic_claims(CPU->lapic, 0xfee00000));
}

TEST(disabling_forgets)
{
	machine(1, true);
	aerie_lapic_irq(CPU, 0x40, false);
	EXPECT_EQ(set_base(0, MODE_OFF), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT(aerie_lapic_extint(CPU));	/* the pin is INTR now */
	EXPECT_EQ(set_base(0, MODE_XAPIC), 0);
	EXPECT_EQ(get(APIC_SPIV), 0xff);
	EXPECT_EQ(get(APIC_LVT0), APIC_LVT_MASKED);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT(!aerie_lapic_extint(CPU));
}

TEST(x2apic_keeps_state_and_sets_ids)
{
	machine(36, true);
	set(APIC_TASKPRI, 0x20);
	set(APIC_ICR2, 0x05000000);
	aerie_lapic_irq(CPU, 0x40, false);
	EXPECT_EQ(set_base(0, MODE_X2APIC), 0);
	EXPECT_EQ(rd(0, APIC_TASKPRI), 0x20);
	EXPECT_EQ(rd(0, APIC_ICR) >> 32, 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x40);
	EXPECT_EQ(set_base(35, MODE_X2APIC), 0);
	EXPECT_EQ(rd(35, APIC_ID), 35);
	EXPECT_EQ(rd(35, APIC_LDR), 2u << 16 | BIT(3));
}

TEST(x2apic_msr_rules)
{
	static const struct {
		u32 msr;
		u64 val;
		int err;
	} w[] = {
		{ 0x802, 0, 1 }, { 0x803, 0, 1 },
		{ 0x808, 0xff, 0 }, { 0x808, 0x100, 1 }, { 0x808, 1ull << 32, 1 },
		{ 0x809, 0, 1 }, { 0x80a, 0, 1 }, { 0x808, 0, 0 },
		{ 0x80b, 0, 0 }, { 0x80b, 1, 1 },
		{ 0x80d, 0, 1 }, { 0x80e, 0, 1 },
		{ 0x80f, 0x1ff, 0 }, { 0x80f, 0x1000, 1 }, { 0x80f, 0x400, 1 },
		{ 0x810, 0, 1 }, { 0x818, 0, 1 }, { 0x827, 0, 1 },
		{ 0x828, 0, 0 }, { 0x828, 1, 1 },
		{ 0x82f, 0, 1 },
		{ 0x830, APIC_DEST_SELF | 0x40, 0 }, { 0x830, 0x100000, 1 }, { 0x830, 0x10000, 1 },
		{ 0x830, 0x2000, 1 }, { 0x830, 0x40ull << 32 | 0x1040, 0 },
		{ 0x831, 0, 1 },
		{ 0x832, 0x10030, 0 }, { 0x832, 0x80000, 1 }, { 0x832, 0x11030, 0 },
		{ 0x835, 0x1e7ff, 0 }, { 0x835, 0x20000, 1 },
		{ 0x837, 0x10030, 0 }, { 0x837, 0x10130, 1 },
		{ 0x838, 0xffffffff, 0 }, { 0x838, 1ull << 32, 1 },
		{ 0x839, 0, 1 },
		{ 0x83e, 0xb, 0 }, { 0x83e, 4, 1 },
		{ 0x83f, 0x41, 0 }, { 0x83f, 0x141, 1 },
		{ 0x800, 0, 1 }, { 0x840, 0, 1 }, { 0x8ff, 0, 1 },
	};
	static const u32 unreadable[] = { 0x800, 0x809, 0x80b, 0x80c, 0x80e, 0x82f, 0x831,
					  0x83f, 0x840, 0x8ff };
	unsigned int i;
	u64 val;

	machine(1, true);
	EXPECT_EQ(aerie_lapic_msr_read(CPU, 0x802, &val), 1);
	EXPECT_EQ(aerie_lapic_msr_write(CPU, 0x808, 0), 1);
	EXPECT_EQ(set_base(0, MODE_X2APIC), 0);
	for (i = 0; i < ARRAY_SIZE(w); i++) {
		int err = aerie_lapic_msr_write(CPU, w[i].msr, w[i].val);

		if (err != w[i].err)
			printf("# wrmsr 0x%x 0x%llx\n", w[i].msr, (unsigned long long)w[i].val);
		EXPECT_EQ(err, w[i].err);
	}
	for (i = 0; i < ARRAY_SIZE(unreadable); i++)
		EXPECT_EQ(aerie_lapic_msr_read(CPU, unreadable[i], &val), 1);
	EXPECT_EQ(aerie_lapic_msr_read(CPU, 0x830, &val), 0);
	EXPECT_EQ(val, 0x40ull << 32 | 0x40);
	/* Both self-IPIs have arrived. */
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x41);
	aerie_lapic_ack(CPU, 0x41);
	EXPECT_EQ(wr(0, APIC_EOI, 0), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x40);
	EXPECT_EQ(wr(0, APIC_SELF_IPI, 3), 0);
	EXPECT_EQ(wr(0, APIC_ESR, 0), 0);
	EXPECT_EQ(rd(0, APIC_ESR), 0x20);
}

TEST(self_ipi_needs_no_kick)
{
	machine(2, true);
	set_base(0, MODE_X2APIC);
	CPU->check_events = false;
	EXPECT_EQ(wr(0, APIC_SELF_IPI, 0x66), 0);
	EXPECT_EQ(kicks[0], 0);
	EXPECT(CPU->check_events);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x66);
}

TEST(pins)
{
	machine(1, true);
	set(APIC_LVT1, APIC_DM_NMI);
	aerie_lapic_lint(CPU, 1);
	EXPECT_EQ(atomic_read(&CPU->nmi_queued), 1);
	aerie_lapic_lint(CPU, 1);
	aerie_lapic_lint(CPU, 1);
	EXPECT_EQ(atomic_read(&CPU->nmi_queued), 2);
	set(APIC_LVT0, APIC_DM_FIXED | 0x44);
	aerie_lapic_lint(CPU, 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x44);
	EXPECT(!aerie_lapic_extint(CPU));
	kicks[0] = 0;
	set(APIC_LVT0, APIC_LVT_MASKED | APIC_DM_EXTINT);
	aerie_lapic_lint(CPU, 0);
	EXPECT_EQ(kicks[0], 0);
	CPU->check_events = false;
	set(APIC_LVT0, APIC_DM_EXTINT);
	EXPECT(CPU->check_events);
	aerie_lapic_lint(CPU, 0);
	EXPECT_EQ(kicks[0], 1);
	set_base(0, MODE_OFF);
	aerie_lapic_lint(CPU, 0);
	EXPECT_EQ(kicks[0], 2);
	atomic_set(&CPU->nmi_queued, 0);
	aerie_lapic_lint(CPU, 1);
	EXPECT_EQ(atomic_read(&CPU->nmi_queued), 1);
}

TEST(init_keeps_mode_and_id)
{
	machine(2, true);
	set_base(1, MODE_X2APIC);
	aerie_lapic_irq(&vcpus[1], 0x40, false);
	aerie_lapic_ack(&vcpus[1], 0x40);
	aerie_lapic_reset(&vcpus[1], true);
	EXPECT_EQ(vcpus[1].lapic->base_msr & MODE_X2APIC, MODE_X2APIC);
	EXPECT_EQ(rd(1, APIC_ID), 1);
	EXPECT_EQ(rd(1, APIC_LDR), 2);
	EXPECT_EQ(rd(1, APIC_SPIV), 0xff);
	EXPECT_EQ(rd(1, APIC_ISR + 0x20), 0);
	EXPECT_EQ(rd(1, APIC_PROCPRI), 0);
	aerie_lapic_reset(&vcpus[1], false);
	EXPECT_EQ(vcpus[1].lapic->base_msr, 0xfee00800);
	EXPECT_EQ(aerie_lapic_read(&vcpus[1], APIC_ID), 1u << 24);
}

/* Timer */

TEST(timer_one_shot)
{
	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, 0x30);
	set(APIC_TMICT, 1000);
	EXPECT_EQ(get(APIC_TMCCT), 1000);
	pass(400);
	EXPECT_EQ(get(APIC_TMCCT), 600);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	pass(599);
	EXPECT_EQ(get(APIC_TMCCT), 1);
	EXPECT_EQ(kicks[0], 0);
	pass(1);
	EXPECT_EQ(kicks[0], 1);
	EXPECT(aerie_lapic_highest(CPU) >= 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
	EXPECT_EQ(get(APIC_TMCCT), 0);
	EXPECT_EQ(get(APIC_TMICT), 1000);
	aerie_lapic_ack(CPU, 0x30);
	aerie_lapic_eoi(CPU);
	pass(1000000);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT_EQ(kicks[0], 1);
}

TEST(timer_divides)
{
	static const struct {
		u32 tdcr, div;
	} t[] = {
		{ 0xb, 1 }, { 0, 2 }, { 1, 4 }, { 2, 8 }, { 3, 16 },
		{ 8, 32 }, { 9, 64 }, { 0xa, 128 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		machine(1, true);
		set(APIC_TDCR, t[i].tdcr);
		set(APIC_LVTT, 0x30);
		set(APIC_TMICT, 100);
		pass(50 * t[i].div);
		EXPECT_EQ(get(APIC_TMCCT), 50);
		pass(50 * t[i].div - 1);
		EXPECT_EQ(kicks[0], 0);
		pass(1);
		EXPECT_EQ(kicks[0], 1);
	}
	/* A change on the way keeps the count and changes the pace. */
	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, 0x30);
	set(APIC_TMICT, 100);
	pass(40);
	set(APIC_TDCR, 1);
	EXPECT_EQ(get(APIC_TMCCT), 60);
	pass(239);
	EXPECT_EQ(kicks[0], 0);
	pass(1);
	EXPECT_EQ(kicks[0], 1);
}

/* Take vector 0x31 as often as it comes. */
static unsigned int take_ticks(void)
{
	unsigned int n = 0;

	while (aerie_lapic_highest(CPU) == 0x31) {
		aerie_lapic_ack(CPU, 0x31);
		/* Not before the end of this one, of which the vCPU hears. */
		EXPECT_EQ(aerie_lapic_highest(CPU), -1);
		CPU->check_events = false;
		aerie_lapic_eoi(CPU);
		EXPECT_EQ(CPU->check_events, lapic_pending(LAPIC, 0x31));
		n++;
	}
	return n;
}

static void start_ticks(u32 period)
{
	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x31);
	set(APIC_TMICT, period);
}

TEST(timer_periodic)
{
	int i;

	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x31);
	set(APIC_TMICT, 400000);
	for (i = 0; i < 5; i++) {
		pass(400000);
		EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);
		aerie_lapic_ack(CPU, 0x31);
		aerie_lapic_eoi(CPU);
	}
	EXPECT_EQ(kicks[0], 5);
	pass(100000);
	EXPECT_EQ(get(APIC_TMCCT), 300000);
	/* A vCPU that does not look costs one alarm; its ticks all come; phase is kept. */
	arms = 0;
	pass(300000 + 50 * 400000 + 140000);
	EXPECT_EQ(kicks[0], 6);
	EXPECT_EQ(arms, 0);
	EXPECT_EQ(take_ticks(), 51);
	EXPECT_EQ(get(APIC_TMCCT), 260000);
	/* Stopped by a count of 0. */
	set(APIC_TMICT, 0);
	pass(2000000);
	EXPECT_EQ(kicks[0], 6);
	EXPECT_EQ(get(APIC_TMCCT), 0);
}

TEST(timer_ticks_that_find_one_waiting_are_owed)
{
	unsigned int i;

	start_ticks(NSEC_PER_MSEC);
	for (i = 0; i < 10; i++) {
		pass(NSEC_PER_MSEC);
		EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);	/* its interrupts are off */
	}
	EXPECT_EQ(kicks[0], 10);
	EXPECT_EQ(LAPIC->timer_owed, 9);
	EXPECT_EQ(aerie_lapic_ends(CPU, 0), BIT_ULL(0x31));
	EXPECT_EQ(take_ticks(), 10);
	EXPECT_EQ(aerie_lapic_ends(CPU, 0), 0);
	pass(NSEC_PER_MSEC);
	EXPECT_EQ(take_ticks(), 1);
	/* The bound. */
	pass(NSEC_PER_SEC);
	EXPECT_EQ(take_ticks(), 100);
	EXPECT_EQ(take_ticks(), 0);
}

TEST(timer_ticks_are_not_owed_to_another_timer)
{
	const u32 periodic = APIC_LVT_TIMER_PERIODIC | 0x31;

	/* What is in the IRR comes; the rest is gone with what it was of. */
	start_ticks(NSEC_PER_MSEC);
	pass(10 * NSEC_PER_MSEC);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);
	set(APIC_TMICT, NSEC_PER_MSEC);
	EXPECT_EQ(take_ticks(), 1);
	pass(10 * NSEC_PER_MSEC);
	set(APIC_LVTT, APIC_LVT_MASKED | periodic);
	EXPECT_EQ(take_ticks(), 1);
	pass(10 * NSEC_PER_MSEC);
	set(APIC_LVTT, periodic);
	EXPECT_EQ(take_ticks(), 0);
	pass(10 * NSEC_PER_MSEC);
	set(APIC_LVTT, 0x31);
	EXPECT_EQ(take_ticks(), 1);
	set(APIC_LVTT, periodic);
	set(APIC_TMICT, NSEC_PER_MSEC);
	pass(10 * NSEC_PER_MSEC);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);
	set(APIC_SPIV, 0xff);		/* turned off, it is masked */
	set(APIC_SPIV, 0x1ff);
	EXPECT_EQ(take_ticks(), 1);
	/* INIT and reset. */
	start_ticks(NSEC_PER_MSEC);
	pass(10 * NSEC_PER_MSEC);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);
	aerie_lapic_reset(CPU, true);
	EXPECT_EQ(LAPIC->timer_owed, 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	/* An illegal vector is an error, not an endless row of them. */
	start_ticks(NSEC_PER_MSEC);
	set(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 3);
	pass(10 * NSEC_PER_MSEC);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT_EQ(LAPIC->timer_owed, 0);
}

TEST(timer_ticks_of_a_pause_are_one)
{
	start_ticks(NSEC_PER_MSEC);
	pass(50 * NSEC_PER_MSEC + 300000);
	vm.resumed_ns = now_ns;
	EXPECT_EQ(take_ticks(), 1);
	EXPECT_EQ(get(APIC_TMCCT), 700000);
	/* Late after it, it gets those. */
	pass(50 * NSEC_PER_MSEC);
	vm.resumed_ns = now_ns;
	pass(3 * NSEC_PER_MSEC);
	EXPECT_EQ(take_ticks(), 4);
	/* Owed before, owed after. */
	pass(3 * NSEC_PER_MSEC);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);
	pass(50 * NSEC_PER_MSEC);
	vm.resumed_ns = now_ns;
	EXPECT_EQ(take_ticks(), 4);
}

TEST(timer_period_has_a_floor)
{
	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x31);
	set(APIC_TMICT, 1);
	pass(AERIE_PERIOD_MIN_NS - 1);
	EXPECT_EQ(kicks[0], 0);
	EXPECT_EQ(get(APIC_TMCCT), 1);
	pass(1);
	EXPECT_EQ(kicks[0], 1);
	/* Also by way of one-shot mode. */
	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, 0x31);
	set(APIC_TMICT, 10);
	set(APIC_LVTT, APIC_LVT_TIMER_PERIODIC | 0x31);
	pass(10);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x31);
	kicks[0] = 0;
	pass(AERIE_PERIOD_MIN_NS - 1);
	EXPECT_EQ(kicks[0], 0);
	pass(1);
	EXPECT_EQ(kicks[0], 1);
}

TEST(timer_masked_counts_silently)
{
	machine(1, true);
	set(APIC_TDCR, 0xb);
	set(APIC_LVTT, APIC_LVT_MASKED | 0x30);
	set(APIC_TMICT, 1000);
	EXPECT_EQ(arms, 0);
	pass(500);
	EXPECT_EQ(get(APIC_TMCCT), 500);
	pass(600);
	EXPECT_EQ(get(APIC_TMCCT), 0);
	set(APIC_LVTT, 0x30);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	/* Unmasked on the way it still comes. */
	set(APIC_LVTT, APIC_LVT_MASKED | 0x30);
	set(APIC_TMICT, 1000);
	pass(500);
	set(APIC_LVTT, 0x30);
	pass(500);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
}

static u64 deadline(void)
{
	u64 val = ~0ull;

	EXPECT_EQ(aerie_lapic_msr_read(CPU, MSR_IA32_TSC_DEADLINE, &val), 0);
	return val;
}

static void set_deadline(u64 val)
{
	EXPECT_EQ(aerie_lapic_msr_write(CPU, MSR_IA32_TSC_DEADLINE, val), 0);
}

TEST(timer_tsc_deadline)
{
	machine(1, true);
	/* In other modes the register is dead. */
	set(APIC_LVTT, 0x30);
	set_deadline(5000);
	EXPECT_EQ(deadline(), 0);
	set(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | 0x30);
	set(APIC_TMICT, 100);
	EXPECT_EQ(get(APIC_TMICT), 0);
	set_deadline(5000);		/* at 2500 ns; it is 1000 now */
	EXPECT_EQ(deadline(), 5000);
	EXPECT_EQ(get(APIC_TMCCT), 0);
	pass(1499);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	pass(1);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
	EXPECT_EQ(deadline(), 0);
	aerie_lapic_ack(CPU, 0x30);
	aerie_lapic_eoi(CPU);
	/* In the past: at once, without a host timer. */
	arms = 0;
	set_deadline(1);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
	EXPECT_EQ(arms, 0);
	EXPECT_EQ(deadline(), 0);
	aerie_lapic_ack(CPU, 0x30);
	aerie_lapic_eoi(CPU);
	/* The divider is none of its business. */
	set_deadline(2 * now_ns + 2000);
	set(APIC_TDCR, 0xa);
	pass(999);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	pass(1);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
	aerie_lapic_ack(CPU, 0x30);
	aerie_lapic_eoi(CPU);
	/* Who reads it first when its time has come finds that it has. */
	set_deadline(2 * now_ns + 2000);
	now_ns += 1000;
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
	aerie_lapic_ack(CPU, 0x30);
	aerie_lapic_eoi(CPU);
	/* Disarmed by 0, and by a change of mode. */
	set_deadline(20000);
	set_deadline(0);
	pass(20000);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	set_deadline(2 * now_ns + 2000);
	set(APIC_LVTT, 0x30);
	pass(2000);
	set(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | 0x30);
	EXPECT_EQ(deadline(), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
}

TEST(timer_late_alarm_is_harmless)
{
	machine(1, true);
	set(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | 0x30);
	set_deadline(2 * now_ns + 2000);
	set_deadline(2 * now_ns + 20000);
	/* The callback of the first one had begun. */
	now_ns += 1000;
	LAPIC->timer.fn(&LAPIC->timer);
	EXPECT_EQ(kicks[0], 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT(deadline() != 0);
	pass(9000);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x30);
}

TEST(timer_follows_the_tsc)
{
	machine(1, true);
	set(APIC_LVTT, APIC_LVT_TIMER_TSCDEADLINE | 0x30);
	set_deadline(2 * now_ns + 2000);
	LAPIC->timer.hr.expires = -1;	/* as if the guest's TSC now were another */
	aerie_lapic_tsc_changed(CPU);
	EXPECT_EQ(LAPIC->timer.hr.expires, now_ns + 1000);
}

TEST(state_record)
{
	const struct aerie_record *r = &aerie_lapic_record;
	const struct aerie_field *f, *tpr = NULL, *irr = NULL;
	u8 *buf = calloc(1, r->size);

	machine(1, true);
	set(APIC_TASKPRI, 0x24);
	aerie_lapic_irq(CPU, 0xe1, false);
	aerie_lapic_state(CPU, buf);
	for (f = r->fields; f < r->fields + r->nr_fields; f++) {
		EXPECT(f->offset + f->size * f->count <= r->size);
		if (!strcmp(f->name, "tpr"))
			tpr = f;
		if (!strcmp(f->name, "irr"))
			irr = f;
	}
	EXPECT_EQ(*(u32 *)(buf + tpr->offset), 0x24);
	EXPECT_EQ(((u32 *)(buf + irr->offset))[7], 2);
	free(buf);
	machine(0, false);
}
