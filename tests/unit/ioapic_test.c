// SPDX-License-Identifier: GPL-2.0
/* The I/O APIC's registers, edge and level pins; lines and MSIs on their way to it. */
// sources: kmod/dev/ioapic.c kmod/dev/irq.c kmod/dev/pic.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include "dev/lapic.h"

#define MASKED	0x10000u
#define LEVEL	0x8000u
#define LOGICAL	0x800u
#define RIRR	0x4000u

static struct aerie_vcpu vcpus[2];
static bool extint[2];
static unsigned int kicks[2];

void aerie_lapic_lint(struct aerie_vcpu *vcpu, unsigned int pin)
{
	EXPECT_EQ(pin, 0);
	if (extint[vcpu->id])
		aerie_vcpu_request(vcpu, AERIE_REQ_EVENT);
}

void aerie_vcpu_kick(struct aerie_vcpu *vcpu)
{
	kicks[vcpu->id]++;
}

static struct aerie_dev *dev;

static void setup(void)
{
	unsigned int i;

	machine_init();
	dev = machine_add(&aerie_ioapic_dev);
	machine_add(&aerie_pic_dev);
	memset(vcpus, 0, sizeof(vcpus));
	for (i = 0; i < 2; i++) {
		vcpus[i].id = i;
		vm.vcpus[i] = &vcpus[i];
		extint[i] = false;
		kicks[i] = 0;
	}
	vm.nr_vcpus = 2;
}

static u32 get(u8 reg)
{
	writel(AERIE_IOAPIC_BASE, reg);
	return readl(AERIE_IOAPIC_BASE + 0x10);
}

static void put(u8 reg, u32 val)
{
	writel(AERIE_IOAPIC_BASE, reg);
	writel(AERIE_IOAPIC_BASE + 0x10, val);
}

static void entry(unsigned int pin, u32 low, u8 dest)
{
	put(0x11 + pin * 2, (u32)dest << 24);
	put(0x10 + pin * 2, low);
}

TEST(registers)
{
	unsigned int reg;
	u64 val;

	setup();
	expect_record(dev);
	EXPECT_EQ(get(1), 0x00170020);
	put(1, ~0u);
	EXPECT_EQ(get(1), 0x00170020);
	put(0, ~0u);
	EXPECT_EQ(get(0), 0x0f000000);
	EXPECT_EQ(get(2), 0x0f000000);
	for (reg = 0x10; reg < 0x40; reg++)
		EXPECT_EQ(get(reg), reg & 1 ? 0 : MASKED);
	/* Delivery status and remote IRR are the chip's. */
	put(0x10, ~0u);
	put(0x11, ~0u);
	EXPECT_EQ(get(0x10), 0x1afff);
	EXPECT_EQ(get(0x11), 0xff000000);
	/* Beyond the last entry, and beside the registers. */
	for (reg = 0x40; reg < 0x100; reg++) {
		put(reg, ~0u);
		EXPECT_EQ(get(reg), 0);
	}
	EXPECT_EQ(readl(AERIE_IOAPIC_BASE + 0x20), 0);
	EXPECT_EQ(readl(AERIE_IOAPIC_BASE + 0xffc), 0);
	EXPECT_EQ(readl(AERIE_IOAPIC_BASE), 0xff);
	/* One byte of the version register, and an access across its end. */
	writel(AERIE_IOAPIC_BASE, 1);
	aerie_bus_read(&vm.mmio, NULL, AERIE_IOAPIC_BASE + 0x12, 1, &val);
	EXPECT_EQ(val, 0x17);
	EXPECT_EQ(aerie_bus_read(&vm.mmio, NULL, AERIE_IOAPIC_BASE + 0xffe, 4, &val), -ENXIO);
	EXPECT_EQ(messages, 0);
	machine_fini();
}

TEST(edge_pin)
{
	setup();
	entry(4, 0x41, 3);
	aerie_ioapic_set(vm.ioapic, 4, true);
	EXPECT_EQ(messages, 1);
	EXPECT_EQ(last_msg.vector, 0x41);
	EXPECT_EQ(last_msg.dest, 3);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_FIXED);
	EXPECT(!last_msg.logical && !last_msg.level && !last_msg.x2apic);
	EXPECT_EQ(get(0x18), 0x41);
	aerie_ioapic_set(vm.ioapic, 4, true);
	EXPECT_EQ(messages, 1);
	aerie_ioapic_set(vm.ioapic, 4, false);
	EXPECT_EQ(messages, 1);
	/* An edge that comes while masked is lost. */
	entry(4, 0x41 | MASKED, 3);
	aerie_ioapic_set(vm.ioapic, 4, true);
	entry(4, 0x41, 3);
	EXPECT_EQ(messages, 1);
	machine_fini();
}

TEST(level_pin)
{
	setup();
	entry(9, 0x59 | LEVEL | LOGICAL | 0x100, 0x81);
	aerie_ioapic_set(vm.ioapic, 9, true);
	EXPECT_EQ(messages, 1);
	EXPECT_EQ(last_msg.vector, 0x59);
	EXPECT_EQ(last_msg.dest, 0x81);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_LOWEST);
	EXPECT(last_msg.logical && last_msg.level);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL | LOGICAL | 0x100 | RIRR);
	/* Not again before the EOI, and again after it while high. */
	aerie_ioapic_set(vm.ioapic, 9, false);
	aerie_ioapic_set(vm.ioapic, 9, true);
	EXPECT_EQ(messages, 1);
	aerie_ioapic_eoi(vm.ioapic, 0x58);
	EXPECT_EQ(messages, 1);
	aerie_ioapic_eoi(vm.ioapic, 0x59);
	EXPECT_EQ(messages, 2);
	aerie_ioapic_set(vm.ioapic, 9, false);
	aerie_ioapic_eoi(vm.ioapic, 0x59);
	EXPECT_EQ(messages, 2);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL | LOGICAL | 0x100);
	expect_record(dev);
	machine_fini();
}

TEST(level_pin_is_delivered_when_unmasked)
{
	setup();
	entry(9, 0x59 | LEVEL | MASKED, 0);
	aerie_ioapic_set(vm.ioapic, 9, true);
	EXPECT_EQ(messages, 0);
	entry(9, 0x59 | LEVEL, 0);
	EXPECT_EQ(messages, 1);
	/* Masked before the EOI: nothing until it is unmasked. */
	entry(9, 0x59 | LEVEL | MASKED, 0);
	aerie_ioapic_eoi(vm.ioapic, 0x59);
	EXPECT_EQ(messages, 1);
	entry(9, 0x59 | LEVEL, 0);
	EXPECT_EQ(messages, 2);
	machine_fini();
}

TEST(level_message_that_nobody_takes_is_not_outstanding)
{
	setup();
	takers = 0;
	entry(9, 0x59 | LEVEL, 7);
	aerie_ioapic_set(vm.ioapic, 9, true);
	EXPECT_EQ(messages, 1);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL);
	takers = 1;
	entry(9, 0x59 | LEVEL, 0);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL | RIRR);
	machine_fini();
}

TEST(eoi_register_and_turning_to_edge_clear_remote_irr)
{
	setup();
	entry(9, 0x59 | LEVEL, 0);
	aerie_ioapic_set(vm.ioapic, 9, true);
	aerie_ioapic_set(vm.ioapic, 9, false);
	writel(AERIE_IOAPIC_BASE + 0x40, 0x59);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL);
	aerie_ioapic_set(vm.ioapic, 9, true);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL | RIRR);
	put(0x22, 0x59 | MASKED);
	put(0x22, 0x59 | LEVEL | MASKED);
	EXPECT_EQ(get(0x22), 0x59 | LEVEL | MASKED);
	machine_fini();
}

TEST(nmi_pin_is_edge_whatever_its_trigger_mode)
{
	setup();
	entry(5, 0x400 | LEVEL, 0);
	aerie_ioapic_set(vm.ioapic, 5, true);
	EXPECT_EQ(messages, 1);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_NMI);
	EXPECT(!last_msg.level);
	EXPECT_EQ(get(0x1a), 0x400 | LEVEL);
	machine_fini();
}

TEST(reset_masks_all_pins_and_keeps_the_levels)
{
	setup();
	entry(9, 0x59 | LEVEL, 0);
	aerie_ioapic_set(vm.ioapic, 9, true);
	dev->ops->reset(dev);
	EXPECT_EQ(get(0x22), MASKED);
	entry(9, 0x5a | LEVEL, 0);
	EXPECT_EQ(last_msg.vector, 0x5a);
	EXPECT_EQ(messages, 2);
	machine_fini();
}

TEST(lines_are_the_or_of_their_sources)
{
	setup();
	entry(10, 0x61, 0);
	aerie_irq_set(&vm, 10, AERIE_IRQ_PCI, true);
	aerie_irq_set(&vm, 10, AERIE_IRQ_PCI + 1, true);
	aerie_irq_set(&vm, 10, AERIE_IRQ_PCI, false);
	aerie_irq_set(&vm, 10, AERIE_IRQ_PCI, true);
	EXPECT_EQ(messages, 1);
	aerie_irq_set(&vm, 10, AERIE_IRQ_PCI, false);
	aerie_irq_set(&vm, 10, AERIE_IRQ_PCI + 1, false);
	aerie_irq_set(&vm, 10, 63, true);
	EXPECT_EQ(messages, 2);
	machine_fini();
}

TEST(line_0_is_pin_2_and_low_lines_reach_the_pic)
{
	setup();
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	extint[1] = true;
	entry(2, 0x62, 0);
	aerie_irq_set(&vm, 0, AERIE_IRQ_PIT, true);
	EXPECT_EQ(last_msg.vector, 0x62);
	/* INTR wakes the vCPU that takes it, and only that. */
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(kicks[0], 0);
	EXPECT_EQ(kicks[1], 1);
	EXPECT_EQ(vcpus[1].requests, BIT(AERIE_REQ_EVENT));
	EXPECT_EQ(vcpus[0].requests, 0);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x20);
	/* Lines above 15 exist at the I/O APIC only. */
	outb(0x20, 0x20);
	entry(16, 0x70, 0);
	aerie_irq_set(&vm, 16, AERIE_IRQ_PCI, true);
	EXPECT_EQ(last_msg.vector, 0x70);
	EXPECT(!aerie_pic_pending(vm.pic));
	machine_fini();
}

TEST(an_edge_waits_until_somebody_takes_it)
{
	setup();
	outb(0x21, 0xff);
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_UNHEARD);
	EXPECT_EQ(aerie_irq_edge(&vm, 16), AERIE_EDGE_UNHEARD);
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_TAKEN);
	aerie_irq_set(&vm, 0, AERIE_IRQ_PIT, true);
	aerie_irq_set(&vm, 0, AERIE_IRQ_PIT, false);
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_WAITS);
	EXPECT_EQ(aerie_irq_edge(&vm, 1), AERIE_EDGE_TAKEN);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x20);
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_TAKEN);
	/* One that waits at the PIC does not hold up the other way. */
	aerie_irq_set(&vm, 0, AERIE_IRQ_PIT, true);
	aerie_irq_set(&vm, 0, AERIE_IRQ_PIT, false);
	entry(2, 0x62, 0);
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_TAKEN);
	waits = 1;
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_WAITS);
	outb(0x21, 1);
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_WAITS);
	takers = 0;
	EXPECT_EQ(aerie_irq_edge(&vm, 0), AERIE_EDGE_UNHEARD);
	/* The slave's. */
	outb(0xa1, 0);
	EXPECT_EQ(aerie_irq_edge(&vm, 8), AERIE_EDGE_TAKEN);
	outb(0xa1, 1);
	EXPECT_EQ(aerie_irq_edge(&vm, 8), AERIE_EDGE_UNHEARD);
	machine_fini();
}

TEST(msi)
{
	setup();
	EXPECT_EQ(aerie_msi_send(&vm, 0xfee05000, 0x4123), 1);
	EXPECT_EQ(last_msg.dest, 5);
	EXPECT_EQ(last_msg.vector, 0x23);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_LOWEST);
	EXPECT(!last_msg.logical && !last_msg.level && !last_msg.x2apic);
	aerie_msi_send(&vm, 0xfeeff004, 0x8045);
	EXPECT_EQ(last_msg.dest, 0xff);
	EXPECT(last_msg.logical && last_msg.level);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_FIXED);
	/* The redirection hint picks one of a logical destination. */
	aerie_msi_send(&vm, 0xfee0300c, 0x45);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_LOWEST);
	aerie_msi_send(&vm, 0xfee03008, 0x45);
	EXPECT_EQ(last_msg.mode, AERIE_DELIVER_FIXED);
	EXPECT_EQ(messages, 4);
	/* Outside the window, and reserved modes. */
	EXPECT_EQ(aerie_msi_send(&vm, 0xfed00000, 0x45), -EINVAL);
	EXPECT_EQ(aerie_msi_send(&vm, 0x1fee00000, 0x45), -EINVAL);
	EXPECT_EQ(aerie_msi_send(&vm, 0, 0x45), -EINVAL);
	EXPECT_EQ(aerie_msi_send(&vm, 0xfee00000, 0x345), 0);
	EXPECT_EQ(aerie_msi_send(&vm, 0xfee00000, 0x645), 0);
	EXPECT_EQ(messages, 4);
	takers = 0;
	EXPECT_EQ(aerie_msi_send(&vm, 0xfee09000, 0x45), 0);
	machine_fini();
}
