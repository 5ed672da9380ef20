// SPDX-License-Identifier: GPL-2.0
/*
 * Non-maskable interrupts: delivered with interrupts off, not while another is
 * handled, one is kept until IRET, and they wake a halted processor.
 */
#include "guest.h"

#define IRQ	0x40

static volatile u32 nmis, irqs, nested, depth;
static volatile bool resend;

/* To self by its ID: the shorthand takes only fixed interrupts on hardware. */
static void nmi_self(void)
{
	u32 id = apic_id();

	apic_icr(id, ICR_NMI | ICR_ASSERT);
}

static void on_nmi(struct regs *r)
{
	nmis++;
	if (depth++)
		nested++;
	if (resend) {
		resend = false;
		nmi_self();
		nmi_self();
		delay_us(200);
	}
	depth--;
}

static void on_irq(struct regs *r)
{
	irqs++;
	apic_eoi();
}

static void setup(void)
{
	apic_enable();
	set_handler(NMI, on_nmi);
	set_handler(IRQ, on_irq);
	nmis = irqs = nested = depth = 0;
	resend = false;
}

TEST(delivered_with_interrupts_off)
{
	setup();
	cli();
	nmi_self();
	EXPECT(WAIT_FOR(nmis, 1000));
	EXPECT_EQ(nmis, 1);
}

TEST(blocked_until_iret_and_one_is_kept)
{
	setup();
	resend = true;
	nmi_self();
	EXPECT(WAIT_FOR(nmis >= 2, 1000));
	delay_us(1000);
	EXPECT_EQ(nmis, 2);
	EXPECT_EQ(nested, 0);
}

/* The handler takes an exception; the IRET from that ends the blocking. */
static void on_nmi_with_trap(struct regs *r)
{
	nmis++;
	if (nmis > 1)
		return;
	nmi_self();
	delay_us(200);
	irqs = nmis;			/* still blocked */
	asm volatile("int $0x91");
	nested = WAIT_FOR(nmis > 1, 1000);
}

static void nothing(struct regs *r)
{
}

TEST(any_iret_ends_the_blocking)
{
	setup();
	/* The second one runs on the first's stack otherwise. */
	idt[NMI].ist = 0;
	set_handler(NMI, on_nmi_with_trap);
	set_handler(0x91, nothing);
	nmi_self();
	EXPECT(WAIT_FOR(nmis == 2, 2000));
	EXPECT_EQ(irqs, 1);
	EXPECT_EQ(nested, 1);
	set_handler(0x91, NULL);
	idt[NMI].ist = 2;
}

TEST(comes_before_an_interrupt)
{
	setup();
	apic_icr(apic_id(), IRQ | ICR_ASSERT);
	nmi_self();
	EXPECT(WAIT_FOR(nmis, 1000));
	EXPECT_EQ(irqs, 0);
	sti_nop_cli();
	EXPECT(WAIT_FOR(irqs, 1000));
	EXPECT_EQ(irqs, 1);
	EXPECT_EQ(nmis, 1);
}

/* A step's #DB and an NMI at once: the handler finds, and clears, what the step has set. */
static u32 traps, traps_without_step, traps_not_cleared;

static void on_step(struct regs *r)
{
	traps++;
	traps_without_step += !(read_dr6() & DR6_BS);
	write_dr6(DR6_NONE);
	traps_not_cleared += read_dr6() != DR6_NONE;
}

TEST(together_with_a_single_step)
{
	u32 i;

	setup();
	if (apic_is_x2())
		SKIP("the ICR is no memory");
	set_handler(DB, on_step);
	traps = traps_without_step = traps_not_cleared = 0;
	write_dr6(DR6_NONE);
	for (i = 0; i < 40; i++) {
		/* A hypervisor has time to do something else with the debug registers. */
		delay_us(1000);
		mmio_write32(LAPIC + APIC_ICR2, apic_id() << 24);
		asm volatile("pushfq; orl %[tf], (%%rsp); popfq\n"
			     "movl %[icr], (%[reg])\n"
			     "pushfq; andl %[not_tf], (%%rsp); popfq"
			     :: [tf] "i"(FLAG_TF), [not_tf] "i"(~FLAG_TF),
				[icr] "i"(ICR_NMI | ICR_ASSERT), [reg] "r"(LAPIC + APIC_ICR)
			     : "memory", "cc");
	}
	set_handler(DB, NULL);
	EXPECT_EQ(nmis, 40);
	EXPECT(traps >= 3 * 40);
	EXPECT_EQ(traps_without_step, 0);
	EXPECT_EQ(traps_not_cleared, 0);
}

TEST(wakes_from_halt)
{
	u32 i;

	if (smp_start() < 2)
		SKIP("one processor");
	setup();
	for (i = 0; i < 8; i++) {
		extern void nmi_from_other(void *arg);

		nmis = 0;
		cpu_start(1, nmi_from_other, (void *)(u64)apic_id());
		if (!nmis)
			asm volatile("cli; hlt");
		cpu_wait(1);
		EXPECT(nmis >= 1);
	}
}

void nmi_from_other(void *arg)
{
	/* Two, well apart: the first may come before the HLT. */
	delay_us(500);
	apic_icr((u64)arg, ICR_NMI | ICR_ASSERT);
	delay_us(5000);
	if (nmis < 2)
		apic_icr((u64)arg, ICR_NMI | ICR_ASSERT);
}

/* No interrupt between STI or MOV SS and the next instruction. */
TEST(interrupt_shadow)
{
	setup();
	apic_icr(apic_id(), IRQ | ICR_ASSERT);
	delay_us(100);
	EXPECT_EQ(irqs, 0);
	asm volatile("sti; nop; nop; cli" ::: "memory");
	EXPECT_EQ(irqs, 1);

	/* STI; CLI lets nothing through */
	apic_icr(apic_id(), IRQ | ICR_ASSERT);
	delay_us(100);
	asm volatile("sti; cli" ::: "memory");
	asm volatile("nop; nop; nop");
	EXPECT_EQ(irqs, 1);
	/* An instruction in the shadow that exits ends it like any other. */
	asm volatile("sti; cpuid; nop; cli" ::: "rax", "rbx", "rcx", "rdx", "memory");
	EXPECT_EQ(irqs, 2);
	setup();
}
