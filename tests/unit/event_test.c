// SPDX-License-Identifier: GPL-2.0
/* What goes in with an entry: order, windows, double faults; ends of interrupts that are offered. */
// sources: kmod/core/event.c kmod/core/pv_eoi.c kmod/dev/lapic.c kmod/dev/lapic_ipi.c kmod/dev/lapic_timer.c
#include <asm/processor-flags.h>
#include <asm/trapnr.h>
#include <uapi/linux/kvm_para.h>
#include "core/core.h"
#include "core/stats.h"
#include "fake_lapic.h"
#include "ktap.h"

#define AT	0x2004ull
#define CPU	(&vcpus[0])
#define IRQ	AERIE_EVENT_EXTINT
#define NMI	AERIE_EVENT_NMI
#define EXC	AERIE_EVENT_EXCEPTION
#define RF	X86_EFLAGS_RF
#define DR6_CLEAR 0xffff0ff0ull
#define DR7_GD	0x2000ull

static struct aerie_vcpu_stats stats;
static struct aerie_event went[4];
static unsigned int nr_went, resets;
static bool irq_ready, nmi_ready, irq_window, nmi_window;
static u8 cr8_window, hw_cr8, flag;
static u64 dr6, dr7;
static bool missing, pic_pending;

static void inject(struct aerie_vcpu *v, const struct aerie_event *event)
{
	EXPECT(nr_went < ARRAY_SIZE(went));
	went[nr_went++] = *event;
}
static bool is_irq_ready(struct aerie_vcpu *v) { return irq_ready; }
static bool is_nmi_ready(struct aerie_vcpu *v) { return nmi_ready; }
static void want_irq(struct aerie_vcpu *v, bool on) { irq_window = on; }
static void want_nmi(struct aerie_vcpu *v, bool on) { nmi_window = on; }
static void want_cr8(struct aerie_vcpu *v, u8 threshold) { cr8_window = threshold; }
static void cr8_set(struct aerie_vcpu *v, u8 val) { hw_cr8 = val; }
static u64 dr6_get(struct aerie_vcpu *v) { return dr6; }
static void dr6_set(struct aerie_vcpu *v, u64 val) { dr6 = val; }
static u64 dr7_get(struct aerie_vcpu *v) { return dr7; }
static void dr7_set(struct aerie_vcpu *v, u64 val) { dr7 = val; }

static const struct aerie_backend fake = {
	.inject = inject, .irq_ready = is_irq_ready, .nmi_ready = is_nmi_ready,
	.want_irq_window = want_irq, .want_nmi_window = want_nmi, .want_cr8_window = want_cr8,
	.cr8_set = cr8_set, .dr6_get = dr6_get, .dr6_set = dr6_set, .dr7_get = dr7_get,
	.dr7_set = dr7_set,
};
const struct aerie_backend *aerie_backend = &fake;

void aerie_vm_request_reset(struct aerie_vm *v) { resets++; }
bool aerie_pic_pending(struct aerie_pic *pic) { return pic_pending; }

u8 aerie_pic_ack(struct aerie_pic *pic)
{
	EXPECT(pic_pending);
	pic_pending = false;
	return 0x20;
}

int aerie_mem_try_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size, u64 *old, u64 new)
{
	if (gpa != AT)
		return -EFAULT;
	if (missing)
		return -EAGAIN;
	if (flag != *old) {
		*old = flag;
		return 0;
	}
	flag = new;
	return 1;
}

static void setup(void)
{
	machine(1, true);
	CPU->stats = &stats;
	CPU->regs_avail = ~0u;
	CPU->regs[AERIE_REG_CR0] = X86_CR0_PE;
	CPU->regs[AERIE_REG_RFLAGS] = 2;
	memset(&stats, 0, sizeof(stats));
	irq_ready = nmi_ready = true;
	missing = pic_pending = false;
	flag = hw_cr8 = 0;
	dr6 = DR6_CLEAR;
	dr7 = 0x400;
	nr_went = resets = 0;
}

/* An entry: how much goes in. */
static unsigned int entry(void)
{
	nr_went = 0;
	irq_window = nmi_window = false;
	cr8_window = 0;
	EXPECT(aerie_event_prepare(CPU));
	return nr_went;
}

static bool goes(u8 type, u8 vector)
{
	if (entry() == 1 && went[0].type == type && went[0].vector == vector)
		return true;
	printf("# %u went in: type %u, vector %#x\n", nr_went, went[0].type, went[0].vector);
	return false;
}

/* ---- Order -------------------------------------------------------------------- */

TEST(one_at_a_time_in_order)
{
	setup();
	CPU->reinject = (struct aerie_event) { .type = AERIE_EVENT_SOFTINT, .vector = 0x80 };
	CPU->exception = (struct aerie_event) { .type = EXC, .vector = X86_TRAP_UD };
	atomic_set(&CPU->nmi_queued, 1);
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT(goes(AERIE_EVENT_SOFTINT, 0x80));
	EXPECT(nmi_window && irq_window);
	EXPECT(goes(EXC, X86_TRAP_UD));
	EXPECT(nmi_window && irq_window);
	EXPECT(goes(NMI, 2));
	EXPECT(!nmi_window && irq_window);
	EXPECT(goes(IRQ, 0x51));
	EXPECT(!irq_window);
	EXPECT_EQ(entry(), 0);
	EXPECT_EQ(stats.injected[IRQ] + stats.injected[NMI] + stats.injected[EXC], 3);
}

TEST(windows_are_asked_for_where_the_guest_cannot_take_it)
{
	setup();
	irq_ready = nmi_ready = false;
	atomic_set(&CPU->nmi_queued, 1);
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT_EQ(entry(), 0);
	EXPECT(irq_window && nmi_window);
	EXPECT_EQ(aerie_lapic_in_service(CPU), -1);	/* not acknowledged yet */
	/* Held back by the task priority: a window of another kind. */
	irq_ready = nmi_ready = true;
	EXPECT(goes(NMI, 2));
	aerie_lapic_set_cr8(CPU, 5);
	EXPECT_EQ(entry(), 0);
	EXPECT_EQ(hw_cr8, 5);
	EXPECT(!irq_window);
	EXPECT_EQ(cr8_window, 5);
	aerie_lapic_set_cr8(CPU, 4);
	EXPECT(goes(IRQ, 0x51));
	EXPECT_EQ(cr8_window, 0);
	/* Held back by the one in service, whose end is what tells. */
	aerie_lapic_set_cr8(CPU, 3);
	aerie_lapic_irq(CPU, 0x41, false);
	EXPECT_EQ(entry(), 0);
	EXPECT(!irq_window);
	EXPECT_EQ(cr8_window, 0);
	/* One that would go in is no matter of the task priority. */
	aerie_lapic_write(CPU, APIC_EOI, 0);
	irq_ready = false;
	aerie_lapic_set_cr8(CPU, 3);
	EXPECT_EQ(entry(), 0);
	EXPECT(irq_window);
	EXPECT_EQ(cr8_window, 0);
}

TEST(two_nmis_where_one_goes_in_at_once)
{
	setup();
	atomic_set(&CPU->nmi_queued, 5);
	EXPECT(goes(NMI, 2));
	EXPECT(nmi_window);
	EXPECT(goes(NMI, 2));
	EXPECT_EQ(entry(), 0);
	/* One, where the guest is in its handler. */
	nmi_ready = false;
	atomic_set(&CPU->nmi_queued, 5);
	EXPECT_EQ(entry(), 0);
	atomic_set(&CPU->nmi_queued, 5);
	EXPECT_EQ(entry(), 0);
	nmi_ready = true;
	EXPECT(goes(NMI, 2));
	EXPECT_EQ(entry(), 0);
}

TEST(the_pic_comes_first_where_it_is_let_through)
{
	setup();
	pic_pending = true;
	aerie_lapic_irq(CPU, 0x51, false);
	aerie_lapic_write(CPU, APIC_LVT0, APIC_LVT_MASKED);
	EXPECT(goes(IRQ, 0x51));
	EXPECT(pic_pending);
	aerie_lapic_write(CPU, APIC_EOI, 0);
	aerie_lapic_irq(CPU, 0x51, false);
	aerie_lapic_write(CPU, APIC_LVT0, APIC_DM_EXTINT);
	EXPECT(goes(IRQ, 0x20));
	EXPECT(irq_window);
	EXPECT(goes(IRQ, 0x51));
}

/* ---- Exceptions ----------------------------------------------------------------- */

/* As the manual's table of double faults: benign, contributory, page faults. */
TEST(double_faults)
{
	static const u8 kinds[3][3] = {
		{ X86_TRAP_DB, X86_TRAP_UD, X86_TRAP_AC },
		{ X86_TRAP_DE, X86_TRAP_GP, X86_TRAP_TS },
		{ X86_TRAP_PF, X86_TRAP_PF, X86_TRAP_PF },
	};
	static const bool doubles[3][3] = { { 0, 0, 0 }, { 0, 1, 0 }, { 0, 1, 1 } };
	unsigned int a, b, i, requeued;
	u8 first, second;

	for (i = 0; i < 2 * 81; i++) {
		requeued = i / 81;
		a = i % 81 / 27;
		b = i % 27 / 9;
		first = kinds[a][i % 9 / 3];
		second = kinds[b][i % 3];
		setup();
		if (requeued)
			CPU->reinject = (struct aerie_event) { .type = EXC, .vector = first };
		else
			aerie_raise(CPU, first, false, 0, 0);
		aerie_raise(CPU, second, true, 0x12, 0x1000);
		EXPECT_EQ(resets, 0);
		EXPECT(goes(EXC, doubles[a][b] ? X86_TRAP_DF : second));
		EXPECT_EQ(went[0].error, doubles[a][b] ? 0 : 0x12);
		EXPECT(went[0].has_error);
		EXPECT_EQ(entry(), 0);
	}
}

TEST(a_third_fault_resets_the_machine)
{
	setup();
	CPU->reinject = (struct aerie_event) { .type = EXC, .vector = X86_TRAP_DF };
	aerie_raise_gp(CPU);
	EXPECT_EQ(resets, 1);
	aerie_raise(CPU, X86_TRAP_PF, true, 0, 0);
	EXPECT_EQ(resets, 2);
	/* Of the benign ones, no. */
	aerie_raise_ud(CPU);
	EXPECT_EQ(resets, 2);
	EXPECT(goes(EXC, X86_TRAP_UD));
	/* What was cut off and is no exception is none that counts. */
	CPU->reinject = (struct aerie_event) { .type = IRQ, .vector = X86_TRAP_DF };
	aerie_raise_gp(CPU);
	EXPECT_EQ(resets, 2);
	EXPECT(goes(EXC, X86_TRAP_GP));
}

TEST(registers_change_with_the_delivery)
{
	setup();
	CPU->cr2 = 7;
	aerie_raise(CPU, X86_TRAP_PF, true, 2, 0xdead000);
	EXPECT_EQ(CPU->cr2, 7);
	EXPECT(goes(EXC, X86_TRAP_PF));
	EXPECT_EQ(CPU->cr2, 0xdead000);
	EXPECT(CPU->regs[AERIE_REG_RFLAGS] & RF);
	/* #DB: RF is as it was, BS joins what is there, and GD goes. */
	setup();
	dr6 |= 1;
	dr7 |= DR7_GD;
	aerie_raise(CPU, X86_TRAP_DB, false, 0, 0x4002);
	EXPECT(goes(EXC, X86_TRAP_DB));
	EXPECT_EQ(dr6, DR6_CLEAR | 0x4002);
	EXPECT_EQ(dr7, 0x400);
	EXPECT(!(CPU->regs[AERIE_REG_RFLAGS] & RF));
	/* Real mode has no error codes. */
	setup();
	CPU->regs[AERIE_REG_CR0] = 0;
	aerie_raise_gp(CPU);
	EXPECT(goes(EXC, X86_TRAP_GP));
	EXPECT(!went[0].has_error);
}

/* ---- Ends of interrupts that are offered ----------------------------------------- */

static void setup_eoi(void)
{
	setup();
	EXPECT_EQ(aerie_pv_eoi_write(CPU, AT | 1), 0);
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT(goes(IRQ, 0x51));
}

TEST(the_end_is_offered_with_an_interrupt_that_is_alone)
{
	setup_eoi();
	EXPECT_EQ(flag, 1);
	EXPECT_EQ(CPU->pv.eoi_offer, AT | 1);
	/* Another goes in while it is in service: the offer is taken back, and none is made. */
	aerie_lapic_irq(CPU, 0x61, false);
	EXPECT(goes(IRQ, 0x61));
	EXPECT_EQ(flag, 0);
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x61);
	aerie_lapic_write(CPU, APIC_EOI, 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x51);
}

TEST(no_end_is_offered_that_somebody_has_to_hear_of)
{
	setup();
	EXPECT_EQ(aerie_pv_eoi_write(CPU, AT | 1), 0);
	aerie_lapic_irq(CPU, 0x51, true);
	EXPECT(goes(IRQ, 0x51));
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
	EXPECT_EQ(flag, 0);
}

/* Whether another can go in is not known before the page is there: nothing is entered. */
TEST(a_page_that_is_missing_is_waited_for)
{
	setup_eoi();
	flag = 0;				/* the guest has ended it, */
	missing = true;				/* and its page has left */
	aerie_lapic_irq(CPU, 0x52, false);	/* of the same class: waits for the end */
	nr_went = 0;
	CPU->requests = 0;
	EXPECT(!aerie_event_prepare(CPU));
	EXPECT_EQ(nr_went, 0);
	EXPECT(test_bit(AERIE_REQ_STEAL, &CPU->requests));
	EXPECT_EQ(CPU->fault_gpa, AT);
	EXPECT_EQ(CPU->fault_acc, AERIE_ACC_WRITE);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x51);
	missing = false;
	EXPECT(goes(IRQ, 0x52));
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x52);
	EXPECT_EQ(flag, 1);			/* and is alone */
}

TEST(the_pics_go_in_behind_a_page_that_is_missing)
{
	setup_eoi();
	missing = true;
	pic_pending = true;
	aerie_lapic_write(CPU, APIC_LVT0, APIC_DM_EXTINT);
	/* It is the PIC's and waits for no end; the offer is settled first all the same. */
	CPU->requests = 0;
	EXPECT_EQ(entry(), 0);
	EXPECT(irq_window && pic_pending);
	EXPECT(test_bit(AERIE_REQ_STEAL, &CPU->requests));
	missing = false;
	EXPECT(goes(IRQ, 0x20));
	EXPECT_EQ(flag, 0);
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x51);
}

TEST(without_its_page_the_guest_does_without)
{
	setup();
	EXPECT_EQ(aerie_pv_eoi_write(CPU, AT | 1), 0);
	missing = true;
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT(goes(IRQ, 0x51));
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x51);
	/* And where it never can have it. */
	aerie_lapic_write(CPU, APIC_EOI, 0);
	EXPECT_EQ(aerie_pv_eoi_write(CPU, 0xfee00000 | 1), 0);
	aerie_lapic_irq(CPU, 0x52, false);
	EXPECT(goes(IRQ, 0x52));
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
}

/* ---- What ends a HLT -------------------------------------------------------------- */

TEST(what_ends_a_halt)
{
	setup();
	CPU->halt_if = true;
	EXPECT(!aerie_event_wakes(CPU));
	aerie_lapic_irq(CPU, 0x51, false);
	EXPECT(aerie_event_wakes(CPU));
	CPU->halt_if = false;
	EXPECT(!aerie_event_wakes(CPU));
	CPU->pv_kicked = true;
	EXPECT(aerie_event_wakes(CPU));
	CPU->pv_kicked = false;
	atomic_set(&CPU->nmi_queued, 1);
	EXPECT(aerie_event_wakes(CPU));
	atomic_set(&CPU->nmi_queued, 0);
	CPU->nmi_pending = true;
	EXPECT(aerie_event_wakes(CPU));
	CPU->nmi_pending = false;
	/* The PIC's, where this vCPU takes them. */
	setup();
	CPU->halt_if = true;
	pic_pending = true;
	aerie_lapic_write(CPU, APIC_LVT0, APIC_LVT_MASKED);
	EXPECT(!aerie_event_wakes(CPU));
	aerie_lapic_write(CPU, APIC_LVT0, APIC_DM_EXTINT);
	EXPECT(aerie_event_wakes(CPU));
}
