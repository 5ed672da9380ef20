// SPDX-License-Identifier: GPL-2.0
/* vCPUs by ACPI: which of them there are, the registers, the event, what is ejected. */
// sources: kmod/dev/cpu_hotplug.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"

#define STATUS	AERIE_GPE1_PORT
#define ENABLE	(AERIE_GPE1_PORT + 1)
#define LOOK	AERIE_CPU_HOTPLUG_PORT
#define ASK	(AERIE_CPU_HOTPLUG_PORT + 8)
#define EJECT	(AERIE_CPU_HOTPLUG_PORT + 16)
#define PRESENT	(AERIE_CPU_HOTPLUG_PORT + 24)
#define SCI	9

static struct aerie_dev *dev;
static struct aerie_vcpu vcpus[AERIE_MAX_VCPUS];
static u64 ejected;		/* vCPUs, by the device */
static unsigned int tells;	/* the core has been told so often */

void aerie_apic_eject(struct aerie_vcpu *vcpu)
{
	/* It has gone by then: nothing reaches it any more. */
	EXPECT(!(vm.vcpus_present & BIT_ULL(vcpu->id)));
	ejected |= BIT_ULL(vcpu->id);
}

void aerie_vm_vcpus_ejected(struct aerie_vm *v)
{
	tells++;
}

static void outl(u16 port, u32 val)
{
	aerie_bus_write(&vm.pio, NULL, port, 4, val);
}

/* A machine that can have @nr vCPUs, and begins with @present. */
static void setup(u32 nr, u32 present)
{
	u32 i;

	machine_init();
	vm.config.nr_vcpus = nr;
	vm.config.nr_present = present;
	dev = machine_add(&aerie_cpu_hotplug_dev);
	EXPECT_EQ(vm.vcpus_present, 0);		/* none has been made yet */
	for (i = 0; i < nr; i++) {
		vcpus[i].id = i;
		vm.vcpus[i] = &vcpus[i];
	}
	vm.nr_vcpus = nr;
	aerie_cpu_hotplug_settle(&vm);
	ejected = 0;
	tells = 0;
}

static void expect(u64 present, u32 wanted, u64 look, u64 ask)
{
	EXPECT_EQ(vm.vcpus_present, present);
	EXPECT_EQ(in(PRESENT, 8), present);
	EXPECT_EQ(aerie_cpu_hotplug_wanted(&vm), wanted);
	EXPECT_EQ(in(LOOK, 8), look);
	EXPECT_EQ(in(ASK, 8), ask);
	EXPECT_EQ(in(STATUS, 1), look || ask);
	expect_record(dev);
}

TEST(it_begins_with_the_first)
{
	setup(4, 2);
	expect(3, 2, 0, 0);
	machine_fini();
	setup(1, 1);
	expect(1, 1, 0, 0);
	machine_fini();
	setup(64, 64);
	expect(~0ull, 64, 0, 0);
	machine_fini();
}

TEST(more_are_there_at_once)
{
	setup(64, 1);
	aerie_cpu_hotplug_want(&vm, 3);
	expect(7, 3, 6, 0);
	EXPECT(!line[SCI]);			/* nobody listens yet: nothing is lost */
	outb(ENABLE, 0xff);
	EXPECT_EQ(in(ENABLE, 1), 1);
	EXPECT(line[SCI]);
	outb(STATUS, 1);			/* the event is a level */
	EXPECT(line[SCI]);
	outl(LOOK, 2);
	expect(7, 3, 4, 0);
	outl(LOOK + 4, ~0u);			/* the other half */
	expect(7, 3, 4, 0);
	outl(LOOK, 4);
	expect(7, 3, 0, 0);
	EXPECT(!line[SCI]);
	aerie_cpu_hotplug_want(&vm, 3);		/* nothing new */
	expect(7, 3, 0, 0);
	aerie_cpu_hotplug_want(&vm, 64);
	expect(~0ull, 64, ~7ull, 0);
	EXPECT_EQ(in(LOOK + 4, 4), 0xffffffff);
	EXPECT_EQ(ejected, 0);
	machine_fini();
}

TEST(the_highest_are_asked_for)
{
	setup(64, 40);
	outb(ENABLE, 1);
	aerie_cpu_hotplug_want(&vm, 38);
	expect(0xffffffffff, 38, 0, 0xc000000000);
	EXPECT(line[SCI]);
	outl(ASK + 4, 0xc0);
	expect(0xffffffffff, 38, 0, 0);		/* told is not done */
	EXPECT(!line[SCI]);
	EXPECT_EQ(tells, 0);
	aerie_cpu_hotplug_want(&vm, 38);	/* again */
	expect(0xffffffffff, 38, 0, 0xc000000000);
	outl(EJECT + 4, 0x80);
	expect(0x7fffffffff, 38, 0, 0x4000000000);
	EXPECT_EQ(ejected, 0x8000000000);
	EXPECT_EQ(tells, 1);
	EXPECT_EQ(in(EJECT, 8), 0);
	outl(EJECT + 4, 0xc0);			/* one of them a second time */
	expect(0x3fffffffff, 38, 0, 0);
	EXPECT_EQ(ejected, 0xc000000000);
	EXPECT_EQ(tells, 2);
	outl(EJECT + 4, 0xc0);
	EXPECT_EQ(tells, 2);
	machine_fini();
}

TEST(asking_is_taken_back)
{
	setup(4, 4);
	aerie_cpu_hotplug_want(&vm, 1);
	expect(0xf, 1, 0, 0xe);
	aerie_cpu_hotplug_want(&vm, 3);
	expect(0xf, 3, 0, 8);
	aerie_cpu_hotplug_want(&vm, 4);
	expect(0xf, 4, 0, 0);
	/* A guest that had been told may have begun: then it has fewer, and wants fewer. */
	outl(EJECT, 8);
	expect(7, 3, 0, 0);
	machine_fini();
}

TEST(the_first_stays)
{
	setup(4, 4);
	outl(EJECT, ~0u);
	expect(1, 1, 0, 0);
	EXPECT_EQ(ejected, 0xe);
	EXPECT_EQ(tells, 1);
	outl(EJECT, 1);
	outl(EJECT + 4, ~0u);			/* that there cannot be */
	expect(1, 1, 0, 0);
	EXPECT_EQ(tells, 1);
	machine_fini();
}

TEST(what_is_missing_is_the_lowest)
{
	setup(4, 4);
	outb(EJECT, 2);				/* nobody asked for it */
	expect(0xd, 3, 0, 0);
	aerie_cpu_hotplug_want(&vm, 2);
	expect(0xd, 2, 0, 8);
	aerie_cpu_hotplug_want(&vm, 4);
	expect(0xf, 4, 2, 0);
	/* What has come, unseen, and goes again is not looked for. */
	outb(EJECT, 2);
	expect(0xd, 3, 0, 0);
	machine_fini();
}

TEST(after_a_reset_there_are_as_many_as_are_wanted)
{
	setup(8, 2);
	outb(ENABLE, 1);
	aerie_cpu_hotplug_want(&vm, 6);
	aerie_cpu_hotplug_want(&vm, 5);
	EXPECT(line[SCI]);
	dev->ops->reset(dev);
	expect(0x1f, 5, 0, 0);
	EXPECT(!line[SCI]);
	EXPECT_EQ(in(ENABLE, 1), 0);
	outl(EJECT, 2);
	expect(0x1d, 4, 0, 0);
	dev->ops->reset(dev);
	expect(0xf, 4, 0, 0);
	machine_fini();
}

TEST(registers_are_accessed_in_any_size)
{
	setup(64, 1);
	aerie_cpu_hotplug_want(&vm, 64);
	outb(ENABLE, 1);
	EXPECT_EQ(in(STATUS, 2), 0x101);
	EXPECT_EQ(in(STATUS, 8), 0x101);
	EXPECT_EQ(in(LOOK - 2, 4), 0xfffe0000);	/* across two registers */
	EXPECT_EQ(in(LOOK + 7, 1), 0xff);
	outb(LOOK + 7, 0x80);
	EXPECT_EQ(in(LOOK + 7, 1), 0x7f);
	aerie_bus_write(&vm.pio, NULL, LOOK, 8, ~0ull);
	expect(~0ull, 64, 0, 0);
	aerie_bus_write(&vm.pio, NULL, EJECT, 8, 0x8000000000000003ull);
	expect(0x7ffffffffffffffd, 62, 0, 0);
	EXPECT_EQ(tells, 1);
	outl(PRESENT, 0);			/* is read only */
	expect(0x7ffffffffffffffd, 62, 0, 0);
	machine_fini();
}
