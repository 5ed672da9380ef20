// SPDX-License-Identifier: GPL-2.0
/* The 8259 pair: initialization, priorities, EOI, modes, cascade, edge and level. */
// sources: kmod/dev/pic.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"

#define MASTER	0x20
#define SLAVE	0xa0

static struct aerie_dev *dev;

static void icw(u16 port, u8 base, u8 icw3, u8 icw4)
{
	outb(port, 0x11);
	outb(port + 1, base);
	outb(port + 1, icw3);
	outb(port + 1, icw4);
}

/* As a PC's firmware or kernel does: vectors 0x30 and 0x38. */
static void setup(u8 master_icw4, u8 slave_icw4)
{
	machine_init();
	dev = machine_add(&aerie_pic_dev);
	icw(MASTER, 0x30, 4, master_icw4);
	icw(SLAVE, 0x38, 2, slave_icw4);
}

static void pulse(unsigned int n)
{
	aerie_pic_set(vm.pic, n, true);
	aerie_pic_set(vm.pic, n, false);
}

static u8 isr(u16 port)
{
	outb(port, 0x0b);
	return inb(port);
}

static u8 irr(u16 port)
{
	outb(port, 0x0a);
	return inb(port);
}

TEST(masked_until_initialized)
{
	machine_init();
	dev = machine_add(&aerie_pic_dev);
	expect_record(dev);
	EXPECT_EQ(inb(MASTER + 1), 0xff);
	EXPECT_EQ(inb(SLAVE + 1), 0xff);
	pulse(0);
	EXPECT(!aerie_pic_pending(vm.pic));
	machine_fini();
}

TEST(edge_is_latched_and_acknowledged_once)
{
	setup(1, 1);
	EXPECT_EQ(inb(MASTER + 1), 0);	/* ICW1 clears the mask */
	pulse(4);
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(intr_rises, 1);
	EXPECT_EQ(irr(MASTER), 0x10);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x34);
	EXPECT(!aerie_pic_pending(vm.pic));
	EXPECT_EQ(irr(MASTER), 0);
	EXPECT_EQ(isr(MASTER), 0x10);
	/* Held back while it is served, delivered after. */
	pulse(4);
	EXPECT(!aerie_pic_pending(vm.pic));
	outb(MASTER, 0x20);
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(intr_rises, 2);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x34);
	/* A line that stays high is no new edge. */
	outb(MASTER, 0x20);
	aerie_pic_set(vm.pic, 4, true);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x34);
	outb(MASTER, 0x20);
	aerie_pic_set(vm.pic, 4, true);
	EXPECT(!aerie_pic_pending(vm.pic));
	expect_record(dev);
	machine_fini();
}

TEST(priority_and_nesting)
{
	setup(1, 1);
	pulse(5);
	pulse(3);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x33);
	EXPECT(!aerie_pic_pending(vm.pic));	/* 5 is below what is served */
	pulse(1);
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x31);
	EXPECT_EQ(isr(MASTER), 0x0a);
	outb(MASTER, 0x20);			/* ends the highest */
	EXPECT_EQ(isr(MASTER), 0x08);
	outb(MASTER, 0x60 | 3);			/* specific */
	EXPECT_EQ(isr(MASTER), 0);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x35);
	outb(MASTER, 0x60 | 2);			/* of something else: no effect */
	EXPECT_EQ(isr(MASTER), 0x20);
	machine_fini();
}

TEST(mask_holds_back_and_keeps)
{
	setup(1, 1);
	outb(MASTER + 1, 0x10);
	EXPECT_EQ(inb(MASTER + 1), 0x10);
	pulse(4);
	EXPECT(!aerie_pic_pending(vm.pic));
	EXPECT_EQ(irr(MASTER), 0x10);
	outb(MASTER + 1, 0);
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(intr_rises, 1);
	machine_fini();
}

/* A mask that is written shows at INTR at once, whatever has happened before it. */
TEST(masks_in_any_state)
{
	static const u8 commands[] = { 0x20, 0x68, 0x48, 0x60, 0x63, 0xc2, 0x0a, 0x0b };
	u32 x = 1, i;
	bool intr;

	setup(1, 1);
	for (i = 0; i < 20000; i++) {
		x = x * 1664525 + 1013904223;
		switch (x >> 30) {
		case 0:
			if ((x >> 8 & 15) != 10)
				aerie_pic_set(vm.pic, x >> 8 & 15, x & BIT(16));
			break;
		case 1:
			if (aerie_pic_pending(vm.pic))
				aerie_pic_ack(vm.pic);
			break;
		case 2:
			outb(x & BIT(8) ? SLAVE : MASTER, commands[x >> 16 & 7]);
			break;
		}
		outb(x & BIT(9) ? SLAVE + 1 : MASTER + 1, x >> 20);
		intr = aerie_pic_pending(vm.pic);
		/* This computes it anew and changes nothing: nothing ever drives input 10. */
		aerie_pic_set(vm.pic, 10, false);
		EXPECT_EQ(aerie_pic_pending(vm.pic), intr);
	}
	machine_fini();
}

TEST(cascade)
{
	setup(1, 1);
	pulse(8);
	EXPECT_EQ(irr(SLAVE), 1);
	EXPECT_EQ(irr(MASTER), 4);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x38);
	EXPECT_EQ(isr(MASTER), 4);
	EXPECT_EQ(isr(SLAVE), 1);
	/* Fully nested: no further slave interrupt before the master's EOI. */
	outb(SLAVE, 0x20);
	pulse(14);
	EXPECT(!aerie_pic_pending(vm.pic));
	outb(MASTER, 0x20);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x3e);
	/* The slave's inputs come before the master's 3. */
	outb(SLAVE, 0x20);
	outb(MASTER, 0x20);
	pulse(3);
	pulse(15);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x3f);
	/* The cascade input is no line of its own. */
	outb(SLAVE, 0x20);
	outb(MASTER, 0x20);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x33);
	outb(MASTER, 0x20);
	pulse(2);
	EXPECT(!aerie_pic_pending(vm.pic));
	machine_fini();
}

TEST(special_fully_nested_lets_the_slave_nest)
{
	setup(0x11, 1);
	pulse(12);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x3c);
	pulse(9);
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x39);
	pulse(13);				/* below what the slave serves */
	EXPECT(!aerie_pic_pending(vm.pic));
	pulse(3);				/* below the slave on the master */
	EXPECT(!aerie_pic_pending(vm.pic));
	machine_fini();
}

TEST(spurious)
{
	setup(1, 1);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x37);
	EXPECT_EQ(isr(MASTER), 0);
	/* A level request of the slave that goes away between INTR and acknowledge. */
	outb(0x4d1, 0x08);
	aerie_pic_set(vm.pic, 11, true);
	EXPECT(aerie_pic_pending(vm.pic));
	outb(SLAVE + 1, 0x08);
	EXPECT(!aerie_pic_pending(vm.pic));
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x37);
	machine_fini();
}

TEST(level_triggered)
{
	setup(1, 1);
	outb(0x4d0, 0xff);
	outb(0x4d1, 0xff);
	EXPECT_EQ(inb(0x4d0), 0xf8);
	EXPECT_EQ(inb(0x4d1), 0xde);
	EXPECT_EQ(in(0x4d0, 2), 0xdef8);
	aerie_pic_set(vm.pic, 9, true);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x39);
	outb(SLAVE, 0x20);
	outb(MASTER, 0x20);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x39);	/* still high: again */
	aerie_pic_set(vm.pic, 9, false);
	outb(SLAVE, 0x20);
	outb(MASTER, 0x20);
	EXPECT(!aerie_pic_pending(vm.pic));
	/* Turned to level, a line that is high requests. */
	outb(0x4d1, 0);
	aerie_pic_set(vm.pic, 11, true);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x3b);
	outb(SLAVE, 0x20);
	outb(MASTER, 0x20);
	EXPECT(!aerie_pic_pending(vm.pic));
	outb(0x4d1, 0x08);
	EXPECT(aerie_pic_pending(vm.pic));
	machine_fini();
}

TEST(auto_eoi_and_rotation)
{
	setup(3, 1);
	pulse(1);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x31);
	EXPECT_EQ(isr(MASTER), 0);
	outb(MASTER, 0x80);			/* rotate in automatic EOI */
	pulse(1);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x31);
	pulse(1);
	pulse(5);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x35);	/* 1 is lowest now, then 2 first */
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x31);
	outb(MASTER, 0x00);
	machine_fini();
}

TEST(rotation_commands)
{
	setup(1, 1);
	outb(MASTER, 0xc0 | 4);			/* 4 lowest, so 5 is highest */
	pulse(0);
	pulse(5);
	pulse(4);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x35);
	outb(MASTER, 0xa0);			/* rotate on unspecific EOI: 5 lowest */
	pulse(5);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x30);
	outb(MASTER, 0xe0 | 0);			/* rotate on specific EOI: 0 lowest */
	EXPECT_EQ(isr(MASTER), 0);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x34);
	outb(MASTER, 0x20);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x35);
	outb(MASTER, 0x20);
	EXPECT(!aerie_pic_pending(vm.pic));
	machine_fini();
}

TEST(special_mask_mode)
{
	setup(1, 1);
	pulse(3);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x33);
	pulse(6);
	EXPECT(!aerie_pic_pending(vm.pic));
	outb(MASTER + 1, 0x08);
	EXPECT(!aerie_pic_pending(vm.pic));
	outb(MASTER, 0x68);
	EXPECT(aerie_pic_pending(vm.pic));
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x36);
	outb(MASTER, 0x20);			/* does not end what is masked */
	EXPECT_EQ(isr(MASTER), 0x08);
	outb(MASTER, 0x48);
	outb(MASTER, 0x20);
	EXPECT_EQ(isr(MASTER), 0);
	machine_fini();
}

TEST(poll)
{
	setup(1, 1);
	outb(MASTER, 0x0c);
	EXPECT_EQ(inb(MASTER), 0);		/* nothing there */
	pulse(6);
	outb(MASTER, 0x0c);
	EXPECT_EQ(inb(MASTER), 0x86);
	EXPECT_EQ(isr(MASTER), 0x40);
	EXPECT(!aerie_pic_pending(vm.pic));
	outb(MASTER, 0x20);
	pulse(10);
	outb(MASTER, 0x0c);
	EXPECT_EQ(inb(MASTER), 0x82);		/* each chip is polled for itself */
	outb(SLAVE, 0x0c);
	EXPECT_EQ(inb(SLAVE), 0x82);
	EXPECT_EQ(isr(SLAVE), 4);
	machine_fini();
}

TEST(initialization_sequences)
{
	setup(1, 1);
	pulse(1);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x31);
	/* ICW1 forgets requests, service, mask and modes. */
	outb(MASTER, 0xc0 | 2);
	outb(MASTER, 0x0b);
	pulse(3);
	outb(MASTER, 0x12);			/* single, no ICW4: one more word */
	outb(MASTER + 1, 0x47);
	outb(MASTER + 1, 0xf0);			/* a mask again */
	EXPECT_EQ(inb(MASTER + 1), 0xf0);
	EXPECT_EQ(inb(MASTER), 0);
	EXPECT_EQ(isr(MASTER), 0);
	pulse(3);
	EXPECT_EQ(aerie_pic_ack(vm.pic), 0x43);
	machine_fini();
}

TEST(word_access_is_two_bytes)
{
	setup(1, 1);
	aerie_bus_write(&vm.pio, NULL, MASTER, 2, 0x5a0b);
	EXPECT_EQ(inb(MASTER + 1), 0x5a);
	EXPECT_EQ(in(MASTER, 2), 0x5a00);
	machine_fini();
}
