// SPDX-License-Identifier: GPL-2.0
/* Ends of interrupts without an exit: what is offered, taken, and taken back. */
// sources: kmod/core/pv_eoi.c kmod/dev/lapic.c kmod/dev/lapic_ipi.c kmod/dev/lapic_timer.c
#include <uapi/linux/kvm_para.h>
#include "core/core.h"
#include "fake_lapic.h"
#include "ktap.h"

#define AT	0x2004ull
#define CPU	(&vcpus[0])

static u8 flag;
static bool missing;

int aerie_mem_try_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size, u64 *old, u64 new)
{
	EXPECT_EQ(size, 1);
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
	machine(1, false);
	aerie_lapic_write(CPU, APIC_SPIV, 0x1ff);
	CPU->pv = (struct aerie_pv) { 0 };
	clear_bit(AERIE_REQ_STEAL, &CPU->requests);
	flag = 0;
	missing = false;
	EXPECT_EQ(aerie_pv_eoi_write(CPU, AT | 1), 0);
}

/* An interrupt goes in. */
static void deliver(u8 vector)
{
	aerie_lapic_irq(CPU, vector, false);
	EXPECT_EQ(aerie_lapic_highest(CPU), vector);
	aerie_lapic_ack(CPU, vector);
	EXPECT(aerie_lapic_ends_alone(CPU, vector));
	aerie_pv_eoi_offer(CPU);
}

TEST(register_takes_aligned_addresses)
{
	setup();
	EXPECT_EQ(CPU->pv.eoi_msr, AT | 1);
	EXPECT_EQ(aerie_pv_eoi_write(CPU, AT | 3), 1);
	EXPECT_EQ(CPU->pv.eoi_msr, AT | 1);
	EXPECT_EQ(aerie_pv_eoi_write(CPU, AT), 0);
	EXPECT_EQ(CPU->pv.eoi_msr, 0);
}

TEST(guest_ends_it_by_the_bit)
{
	setup();
	deliver(0x51);
	EXPECT_EQ(flag, 1);
	flag = 0;
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x51);
	EXPECT_EQ(aerie_pv_eoi_settle(CPU), 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), -1);
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
	/* And the next one by the register. */
	deliver(0x41);
	EXPECT_EQ(aerie_pv_eoi_settle(CPU), 0);
	EXPECT_EQ(flag, 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x41);
	aerie_lapic_write(CPU, APIC_EOI, 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), -1);
}

TEST(what_waits_is_let_through)
{
	setup();
	deliver(0x51);
	flag = 0;
	/* Of the same class: not before the other one has ended. */
	aerie_lapic_irq(CPU, 0x52, false);
	EXPECT(aerie_lapic_asked(CPU));
	EXPECT_EQ(aerie_lapic_highest(CPU), -1);
	EXPECT_EQ(aerie_pv_eoi_settle(CPU), 0);
	EXPECT_EQ(aerie_lapic_highest(CPU), 0x52);
}

TEST(no_offer_where_the_end_matters)
{
	setup();
	/* Level-triggered: the I/O APIC waits for it. */
	aerie_lapic_irq(CPU, 0x51, true);
	aerie_lapic_ack(CPU, 0x51);
	EXPECT(!aerie_lapic_ends_alone(CPU, 0x51));
	aerie_lapic_write(CPU, APIC_EOI, 0);
	/* Another one waits. */
	aerie_lapic_irq(CPU, 0x51, false);
	aerie_lapic_irq(CPU, 0x41, false);
	aerie_lapic_ack(CPU, 0x51);
	EXPECT(!aerie_lapic_ends_alone(CPU, 0x51));
	aerie_lapic_ack(CPU, 0x41);
	aerie_lapic_write(CPU, APIC_EOI, 0);
	aerie_lapic_write(CPU, APIC_EOI, 0);
	/* A timer owes a tick. */
	aerie_lapic_irq(CPU, 0x51, false);
	aerie_lapic_ack(CPU, 0x51);
	EXPECT(aerie_lapic_ends_alone(CPU, 0x51));
	CPU->lapic->timer_owed = 1;
	EXPECT(!aerie_lapic_ends_alone(CPU, 0x51));
}

TEST(guest_reads_what_is_true)
{
	setup();
	deliver(0x51);
	flag = 0;
	EXPECT_EQ(aerie_lapic_read(CPU, APIC_ISR + 0x20), 0);
	EXPECT_EQ(aerie_lapic_read(CPU, APIC_PROCPRI), 0);
	deliver(0x51);
	EXPECT_EQ(aerie_lapic_read(CPU, APIC_ISR + 0x20), 1u << 17);
	EXPECT_EQ(flag, 0);
}

TEST(a_page_that_has_left_is_asked_for)
{
	setup();
	missing = true;
	deliver(0x51);
	EXPECT_EQ(CPU->pv.eoi_offer, 0);	/* not offered */
	aerie_lapic_write(CPU, APIC_EOI, 0);
	missing = false;
	deliver(0x51);
	flag = 0;
	missing = true;
	EXPECT_EQ(aerie_pv_eoi_settle(CPU), -EAGAIN);
	EXPECT(test_bit(AERIE_REQ_STEAL, &CPU->requests));
	EXPECT_EQ(CPU->fault_gpa, AT);
	EXPECT_EQ(aerie_lapic_in_service(CPU), 0x51);
	missing = false;
	EXPECT_EQ(aerie_pv_eoi_settle(CPU), 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), -1);
}

TEST(an_address_of_nothing_is_not_used)
{
	setup();
	EXPECT_EQ(aerie_pv_eoi_write(CPU, 0x7ffffffffffff001ull), 0);
	deliver(0x51);
	EXPECT_EQ(CPU->pv.eoi_offer, 0);
	/* An offer stands where it was made. */
	setup();
	deliver(0x51);
	EXPECT_EQ(aerie_pv_eoi_write(CPU, 0), 0);
	flag = 0;
	EXPECT_EQ(aerie_pv_eoi_settle(CPU), 0);
	EXPECT_EQ(aerie_lapic_in_service(CPU), -1);
}
