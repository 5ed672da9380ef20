// SPDX-License-Identifier: GPL-2.0
/* All devices of a machine together: creation, failure at each allocation, reset. */
// sources: kmod/dev/device.c kmod/dev/irq.c kmod/dev/ioapic.c kmod/dev/pic.c kmod/dev/pit.c kmod/dev/rtc.c kmod/dev/pm.c kmod/dev/cpu_hotplug.c kmod/dev/hotplug.c kmod/dev/serial.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include "dev/lapic.h"
#include "dev/pci.h"

int shim_fail_alloc;

void aerie_lapic_lint(struct aerie_vcpu *vcpu, unsigned int pin)
{
}

void aerie_vm_eject(struct aerie_vm *v)
{
}

void aerie_vcpu_kick(struct aerie_vcpu *vcpu)
{
}

void aerie_apic_eject(struct aerie_vcpu *v)
{
}

void aerie_vm_vcpus_ejected(struct aerie_vm *v)
{
}

static void none(const struct aerie_range *range, void *arg)
{
	printf("# %s is still claimed\n", range->name);
	ktap_failures++;
}

TEST(every_class_once_with_a_record)
{
	struct aerie_dev *dev, *other;

	machine_init();
	EXPECT_EQ(aerie_devices_create(&vm), 0);
	list_for_each_entry(dev, &vm.devs, node) {
		expect_record(dev);
		EXPECT(dev->vm == &vm);
		list_for_each_entry(other, &vm.devs, node)
			EXPECT(other == dev || strcmp(other->ops->name, dev->ops->name));
	}
	EXPECT(vm.ioapic && vm.pic && vm.pit && vm.rtc && vm.pm && vm.hotplug && vm.serial && vm.pci);
	EXPECT(vm.cpu_hotplug);
	aerie_devices_destroy(&vm);
	EXPECT(list_empty(&vm.devs));
	EXPECT(!vm.ioapic && !vm.pic && !vm.pit && !vm.rtc && !vm.pm && !vm.hotplug && !vm.serial && !vm.pci);
	EXPECT(!vm.cpu_hotplug);
	machine_fini();
}

TEST(fails_cleanly_at_every_allocation)
{
	unsigned int n, i;
	int err;

	for (n = 1; n < 100; n++) {
		machine_init();
		shim_fail_alloc = n;
		err = aerie_devices_create(&vm);
		shim_fail_alloc = 0;
		if (!err)
			break;
		EXPECT_EQ(err, -ENOMEM);
		EXPECT(list_empty(&vm.devs));
		aerie_bus_for_each(&vm.pio, none, NULL);
		aerie_bus_for_each(&vm.mmio, none, NULL);
		for (i = 0; i < MAX_TIMERS; i++)
			EXPECT(!timers[i].timer || timers[i].deadline == NEVER);
		machine_fini();
	}
	EXPECT(n > 12 && n < 100);
	aerie_devices_destroy(&vm);
	machine_fini();
}

TEST(interrupts_reach_both_controllers_and_reset_drops_them)
{
	machine_init();
	EXPECT_EQ(aerie_devices_create(&vm), 0);
	outb(0x20, 0x11);
	outb(0x21, 0x20);
	outb(0x21, 4);
	outb(0x21, 1);
	writel(AERIE_IOAPIC_BASE, 0x18);
	writel(AERIE_IOAPIC_BASE + 0x10, 0x34);
	outb(0x3f9, 2);				/* transmitter empty */
	EXPECT_EQ(last_msg.vector, 0x34);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x24);
	outb(0x43, 0x34);
	outb(0x40, 0x00);
	outb(0x40, 0x10);
	advance(NSEC_PER_MSEC * 20);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x20);
	aerie_devices_reset(&vm);
	EXPECT_EQ(vm.irq_sources[4], 0);
	EXPECT(!aerie_pic_pending(vm.pic));
	timers_fired = 0;
	advance(NSEC_PER_SEC);
	EXPECT_EQ(timers_fired, 0);
	aerie_devices_destroy(&vm);
	machine_fini();
}

TEST(pci_interrupts_reach_the_upper_pins_of_the_io_apic)
{
	struct aerie_pci_dev pci = { .vm = &vm };

	machine_init();
	EXPECT_EQ(aerie_devices_create(&vm), 0);
	aerie_pci_setup(&pci, 0x12345678, 0, 0);
	EXPECT_EQ(aerie_pci_plug(&pci), 0);
	EXPECT_EQ(pci.slot, 1);
	writel(AERIE_IOAPIC_BASE, 0x10 + 17 * 2);
	writel(AERIE_IOAPIC_BASE + 0x10, 0xa052);	/* level, low, as guests take PCI to be */
	aerie_pci_intx(&pci, true);
	EXPECT_EQ(messages, 1);
	EXPECT_EQ(last_msg.vector, 0x52);
	EXPECT(last_msg.level);
	aerie_pci_unplug(&pci);
	EXPECT_EQ(vm.irq_sources[17], 0);
	aerie_devices_destroy(&vm);
	machine_fini();
}

/* ---- Those that come and go ------------------------------------------------ */

static void card_destroy(struct aerie_dev *dev)
{
	aerie_pci_unplug(dev->pci);
}

static const struct aerie_dev_ops card_ops = { .name = "card", .destroy = card_destroy };
static struct aerie_pci_dev card_pci[3];
static struct aerie_dev cards[3];
static char card_names[3][8];

static void add_card(unsigned int i)
{
	memset(&cards[i], 0, sizeof(cards[i]));
	memset(&card_pci[i], 0, sizeof(card_pci[i]));
	card_pci[i].vm = &vm;
	aerie_pci_setup(&card_pci[i], 0x12345678, 0, 0);
	EXPECT_EQ(aerie_pci_plug(&card_pci[i]), 0);
	aerie_device_name(&vm, "card", card_names[i], sizeof(card_names[i]));
	cards[i].name = card_names[i];
	cards[i].pci = &card_pci[i];
	aerie_device_add(&vm, &cards[i], &card_ops);
}

static int told(struct aerie_dev *dev, void *arg)
{
	*(struct aerie_dev **)arg = dev;
	return 5;
}

TEST(names_and_slots_are_reused_and_numbers_are_not)
{
	struct aerie_dev *dev = NULL;
	u32 first;

	machine_init();
	EXPECT_EQ(aerie_devices_create(&vm), 0);
	EXPECT_EQ(aerie_device_describe(&vm, 0, told, &dev), -ENOENT);	/* chips are not told */
	add_card(0);
	add_card(1);
	EXPECT(!strcmp(cards[0].name, "card0") && !strcmp(cards[1].name, "card1"));
	EXPECT(aerie_device_find(&vm, "card1") == &cards[1]);
	EXPECT(!aerie_device_find(&vm, "card2"));
	EXPECT(aerie_device_find(&vm, "pic") && !aerie_device_find(&vm, "pic")->pci);
	EXPECT(aerie_device_at(&vm, 2) == &cards[1]);
	EXPECT(!aerie_device_at(&vm, 3));
	EXPECT_EQ(aerie_device_describe(&vm, 0, told, &dev), 5);
	EXPECT(dev == &cards[0]);
	EXPECT_EQ(aerie_device_describe(&vm, cards[0].id + 1, told, &dev), 5);
	EXPECT(dev == &cards[1]);
	EXPECT_EQ(aerie_device_describe(&vm, cards[1].id + 1, told, &dev), -ENOENT);
	first = cards[0].id;
	aerie_device_remove(&cards[0]);
	EXPECT(!aerie_device_find(&vm, "card0"));
	EXPECT(!aerie_device_at(&vm, 1));
	add_card(0);
	EXPECT(!strcmp(cards[0].name, "card0"));
	EXPECT_EQ(card_pci[0].slot, 1);
	EXPECT(cards[0].id > cards[1].id && cards[0].id > first);
	/* What has gone keeps its slot and nothing else. */
	cards[0].gone = true;
	EXPECT(!aerie_device_find(&vm, "card0"));
	EXPECT(aerie_device_gone(&vm) == &cards[0]);
	EXPECT(aerie_device_at(&vm, 1) == &cards[0]);
	EXPECT_EQ(aerie_device_describe(&vm, cards[0].id, told, &dev), -ENOENT);
	add_card(2);
	EXPECT(!strcmp(cards[2].name, "card0"));
	EXPECT_EQ(card_pci[2].slot, 3);
	aerie_devices_destroy(&vm);
	machine_fini();
}
