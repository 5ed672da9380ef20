// SPDX-License-Identifier: GPL-2.0
/* PCI slots by ACPI: the registers, the event, and what the guest ejects. */
// sources: kmod/dev/hotplug.c kmod/dev/pm.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include "fake_pci.h"

#define STATUS	AERIE_GPE0_PORT
#define ENABLE	(AERIE_GPE0_PORT + 1)
#define LOOK	AERIE_HOTPLUG_PORT
#define ASK	(AERIE_HOTPLUG_PORT + 4)
#define EJECT	(AERIE_HOTPLUG_PORT + 8)
#define SCI	9

static struct aerie_dev *dev;
static struct aerie_pci_dev card[2];
static unsigned int ejects;

void aerie_vm_eject(struct aerie_vm *v)
{
	ejects++;
}

static void outl(u16 port, u32 val)
{
	aerie_bus_write(&vm.pio, NULL, port, 4, val);
}

/* Cards in slots 1 and 2. */
static void setup(void)
{
	unsigned int i;

	machine_init();
	machine_add(&aerie_pm_dev);
	dev = machine_add(&aerie_hotplug_dev);
	machine_add(&aerie_pci_dev);
	ejects = 0;
	for (i = 0; i < 2; i++) {
		memset(&card[i], 0, sizeof(card[i]));
		card[i].vm = &vm;
		aerie_pci_setup(&card[i], 0x10421af4 + i, 0, 0);
		EXPECT_EQ(aerie_pci_plug(&card[i]), 0);
	}
}

TEST(the_event_is_there_while_a_slot_is_to_be_looked_at)
{
	setup();
	expect_record(dev);
	EXPECT_EQ(in(STATUS, 1), 0);
	aerie_hotplug_look(&vm, 2);
	EXPECT_EQ(in(STATUS, 1), 1);
	EXPECT(!line[SCI]);			/* nobody listens yet: nothing is lost */
	outb(ENABLE, 0xff);
	EXPECT_EQ(in(ENABLE, 1), 1);
	EXPECT(line[SCI]);
	outb(STATUS, 1);			/* as a guest does before or after its method */
	EXPECT_EQ(in(STATUS, 1), 1);
	EXPECT(line[SCI]);
	EXPECT_EQ(in(LOOK, 4), 4);
	outl(LOOK, 3);				/* other bits than those that are there */
	EXPECT_EQ(in(LOOK, 4), 4);
	outl(LOOK, 4);
	EXPECT_EQ(in(LOOK, 4), 0);
	EXPECT_EQ(in(STATUS, 1), 0);
	EXPECT(!line[SCI]);
	expect_record(dev);
	machine_fini();
}

TEST(asking_ends_when_the_guest_ejects)
{
	setup();
	outb(ENABLE, 1);
	aerie_hotplug_ask(&vm, 1);
	EXPECT(line[SCI]);
	EXPECT(aerie_hotplug_asked(&vm, 1));
	EXPECT(!aerie_hotplug_asked(&vm, 2));
	EXPECT_EQ(in(ASK, 4), 2);
	outl(ASK, 2);
	EXPECT(!line[SCI]);
	EXPECT(aerie_hotplug_asked(&vm, 1));	/* told is not done */
	EXPECT_EQ(aerie_hotplug_ejected(&vm, false), 0);
	EXPECT_EQ(aerie_hotplug_ejected(&vm, true), 2);
	EXPECT_EQ(config_in(1, 0, 4), 0x10421af4);
	outl(EJECT, 2);
	EXPECT_EQ(ejects, 1);
	EXPECT_EQ(config_in(1, 0, 4), 0xffffffff);
	EXPECT_EQ(aerie_hotplug_ejected(&vm, false), 2);
	EXPECT_EQ(in(EJECT, 4), 0);
	/* Off the bus, but its slot is not free before it has been taken out. */
	card[1].slot = 0xff;
	EXPECT_EQ(aerie_pci_plug(&card[1]), 0);
	EXPECT_EQ(card[1].slot, 3);
	aerie_pci_unplug(&card[0]);
	aerie_hotplug_empty(&vm, 1);
	EXPECT(!aerie_hotplug_asked(&vm, 1));
	EXPECT_EQ(aerie_hotplug_ejected(&vm, true), 0);
	EXPECT_EQ(aerie_pci_plug(&card[0]), 0);
	EXPECT_EQ(card[0].slot, 1);
	machine_fini();
}

TEST(what_is_not_there_is_not_ejected)
{
	setup();
	outl(EJECT, ~6u);			/* the bridge, empty slots */
	EXPECT_EQ(ejects, 0);
	EXPECT_EQ(aerie_hotplug_ejected(&vm, true), 0);
	EXPECT_EQ(config_in(0, 0, 4), 0x00081b36);
	outl(EJECT, ~0u);
	EXPECT_EQ(ejects, 1);
	EXPECT_EQ(aerie_hotplug_ejected(&vm, false), 6);
	outl(EJECT, ~0u);			/* a second time */
	EXPECT_EQ(ejects, 1);
	machine_fini();
}

TEST(a_guest_may_eject_what_nobody_asked_for)
{
	setup();
	outb(EJECT, 1 << 2);
	EXPECT_EQ(ejects, 1);
	EXPECT_EQ(aerie_hotplug_ejected(&vm, false), 4);
	EXPECT_EQ(config_in(2, 0, 4), 0xffffffff);
	machine_fini();
}

TEST(registers_are_accessed_in_any_size)
{
	setup();
	aerie_hotplug_look(&vm, 31);
	aerie_hotplug_ask(&vm, 8);
	outb(ENABLE, 1);
	EXPECT_EQ(in(LOOK + 3, 1), 0x80);
	EXPECT_EQ(in(ASK + 1, 1), 0x01);
	EXPECT_EQ(in(LOOK + 2, 4), 0x01008000);
	EXPECT_EQ(in(STATUS, 8), 0x8000000000000101ull);
	EXPECT_EQ(in(ASK, 8), 0x100);
	outb(LOOK + 3, 0x80);
	outb(ASK + 1, 1);
	EXPECT_EQ(in(LOOK, 8), 0);
	outb(EJECT + 3, 0xff);
	aerie_bus_write(&vm.pio, NULL, ASK, 8, 2ull << 32);
	EXPECT_EQ(ejects, 1);
	machine_fini();
}

TEST(reset_forgets_all)
{
	setup();
	outb(ENABLE, 1);
	aerie_hotplug_look(&vm, 1);
	aerie_hotplug_ask(&vm, 2);
	EXPECT(line[SCI]);
	dev->ops->reset(dev);
	EXPECT(!line[SCI]);
	EXPECT_EQ(in(STATUS, 8), 0);
	EXPECT_EQ(in(ASK, 8), 0);
	EXPECT(!aerie_hotplug_asked(&vm, 2));
	machine_fini();
}
