// SPDX-License-Identifier: GPL-2.0
/* The 16550A: what a driver's probe looks for, FIFOs, interrupts, loopback, flow. */
// sources: kmod/dev/serial.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include <linux/serial_reg.h>

#define COM	0x3f8

static struct aerie_dev *dev;

static void setup(void)
{
	machine_init();
	dev = machine_add(&aerie_serial_dev);
	rooms = 0;
}

static u8 get(unsigned int reg)
{
	return inb(COM + reg);
}

static void put(unsigned int reg, u8 val)
{
	outb(COM + reg, val);
}

static size_t type(const char *text)
{
	return aerie_serial_receive(&vm, (const u8 *)text, strlen(text));
}

TEST(power_on)
{
	setup();
	expect_record(dev);
	EXPECT_EQ(get(UART_IER), 0);
	EXPECT_EQ(get(UART_IIR), UART_IIR_NO_INT);
	EXPECT_EQ(get(UART_MCR), 0);
	EXPECT_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	EXPECT_EQ(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	EXPECT(!line[4]);
	machine_fini();
}

/* The steps of the kernel's 8250 autoconfig() and autoconfig_16550a(). */
TEST(is_found_to_be_a_16550a)
{
	unsigned int i;
	u8 status;

	setup();
	put(UART_IER, 0);
	EXPECT_EQ(get(UART_IER), 0);
	put(UART_IER, 0xff);
	EXPECT_EQ(get(UART_IER), 0x0f);
	put(UART_IER, 0);
	put(UART_SCR, 0x5a);
	EXPECT_EQ(get(UART_SCR), 0x5a);
	put(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT2 | UART_MCR_RTS);
	EXPECT_EQ(get(UART_MSR) & 0xf0, UART_MSR_DCD | UART_MSR_CTS);
	put(UART_MCR, 0);

	put(UART_LCR, 0xbf);
	put(2, 0);				/* would be EFR */
	put(UART_LCR, 0);
	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	EXPECT_EQ(get(UART_IIR), 0xc0 | UART_IIR_NO_INT);
	put(UART_LCR, UART_LCR_DLAB);
	EXPECT(get(2) != 0);			/* no EFR here */
	put(UART_LCR, 0xbf);
	EXPECT(get(2) != 0);
	put(UART_LCR, 0xe0);
	status = get(2);
	EXPECT_EQ(status & UART_MCR_LOOP, 0);	/* no second register bank */
	put(UART_LCR, UART_LCR_DLAB);
	put(UART_FCR, UART_FCR_ENABLE_FIFO | 0x20);
	EXPECT_EQ(get(UART_IIR) & 0xe0, 0xc0);	/* no 64-byte FIFO */
	put(UART_LCR, UART_LCR_WLEN8);
	put(UART_IER, 0x40);
	EXPECT_EQ(get(UART_IER), 0);		/* no UUE */

	/* size_fifo() */
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | UART_FCR_CLEAR_XMIT);
	put(UART_MCR, UART_MCR_LOOP);
	for (i = 0; i < 256; i++)
		put(UART_TX, i);
	for (i = 0; get(UART_LSR) & UART_LSR_DR && i < 256; i++)
		EXPECT_EQ(get(UART_RX), i);
	EXPECT_EQ(i, 16);
	EXPECT_EQ(nr_printed, 0);

	/* The test of the transmitter's interrupt at startup. */
	put(UART_MCR, 0);
	for (i = 0; i < 2; i++) {
		put(UART_IER, UART_IER_THRI);
		EXPECT(line[4]);
		EXPECT_EQ(get(UART_IIR) & 0x0f, UART_IIR_THRI);
		EXPECT(!line[4]);
		put(UART_IER, 0);
	}
	machine_fini();
}

TEST(divisor_latch)
{
	setup();
	put(UART_LCR, UART_LCR_DLAB | UART_LCR_WLEN8);
	put(UART_DLL, 0x34);
	put(UART_DLM, 0x12);
	EXPECT_EQ(get(UART_DLL), 0x34);
	EXPECT_EQ(get(UART_DLM), 0x12);
	EXPECT_EQ(nr_printed, 0);
	put(UART_LCR, UART_LCR_WLEN8);
	EXPECT_EQ(get(UART_LCR), UART_LCR_WLEN8);
	EXPECT_EQ(get(UART_IER), 0);
	put(UART_TX, 'x');
	EXPECT_EQ(nr_printed, 1);
	put(UART_LCR, UART_LCR_DLAB);
	EXPECT_EQ(get(UART_DLL), 0x34);
	machine_fini();
}

TEST(transmits_at_once)
{
	setup();
	put(UART_TX, 'h');
	EXPECT_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	put(UART_TX, 'i');
	EXPECT_EQ(nr_printed, 2);
	EXPECT_EQ(printed[0], 'h');
	EXPECT_EQ(printed[1], 'i');
	EXPECT(!line[4]);
	put(UART_IER, UART_IER_THRI);
	EXPECT_EQ(rises[4], 1);
	EXPECT_EQ(get(UART_IIR), UART_IIR_THRI);
	EXPECT_EQ(get(UART_IIR), UART_IIR_NO_INT);
	EXPECT(!line[4]);
	/* Each byte empties it again, an edge. */
	put(UART_TX, '!');
	EXPECT_EQ(rises[4], 2);
	put(UART_IER, 0);
	EXPECT(!line[4]);
	expect_record(dev);
	machine_fini();
}

TEST(receives_without_fifo)
{
	setup();
	EXPECT_EQ(type("ab"), 1);
	EXPECT_EQ(type("b"), 0);
	EXPECT(!line[4]);
	EXPECT(get(UART_LSR) & UART_LSR_DR);
	put(UART_IER, UART_IER_RDI);
	EXPECT(line[4]);
	EXPECT_EQ(get(UART_IIR), UART_IIR_RDI);
	EXPECT(line[4]);
	EXPECT_EQ(get(UART_RX), 'a');
	EXPECT(!line[4]);
	EXPECT_EQ(rooms, 1);
	EXPECT(!(get(UART_LSR) & UART_LSR_DR));
	get(UART_RX);				/* of nothing */
	EXPECT_EQ(rooms, 1);
	EXPECT_EQ(type("b"), 1);
	EXPECT_EQ(rises[4], 2);
	machine_fini();
}

TEST(receives_with_fifo)
{
	static const struct { u8 fcr, level; } triggers[] = {
		{ UART_FCR_R_TRIG_00, 1 }, { UART_FCR_R_TRIG_01, 4 },
		{ UART_FCR_R_TRIG_10, 8 }, { UART_FCR_R_TRIG_11, 14 },
	};
	unsigned int i, n;

	setup();
	put(UART_IER, UART_IER_RDI);
	for (i = 0; i < ARRAY_SIZE(triggers); i++) {
		put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR | triggers[i].fcr);
		for (n = 1; n <= 16; n++) {
			EXPECT_EQ(type("."), 1);
			EXPECT(line[4]);
			EXPECT_EQ(get(UART_IIR), 0xc0 | (n >= triggers[i].level ?
				  UART_IIR_RDI : UART_IIR_RX_TIMEOUT));
		}
		EXPECT_EQ(type("."), 0);
		EXPECT(!(get(UART_LSR) & UART_LSR_OE));	/* the console waits instead */
	}
	rooms = 0;
	for (n = 0; n < 16; n++) {
		EXPECT_EQ(rooms, 0);
		EXPECT_EQ(get(UART_RX), '.');
	}
	EXPECT_EQ(rooms, 1);
	EXPECT(!line[4]);
	/* Order, around the end of the ring. */
	EXPECT_EQ(type("0123456789"), 10);
	for (n = 0; n < 8; n++)
		EXPECT_EQ(get(UART_RX), '0' + n);
	EXPECT_EQ(type("abcdefghijklmnop"), 14);
	EXPECT_EQ(get(UART_RX), '8');
	EXPECT_EQ(get(UART_RX), '9');
	for (n = 0; n < 14; n++)
		EXPECT_EQ(get(UART_RX), 'a' + n);
	/* Clearing it, and turning it off, make room. */
	type("zz");
	rooms = 0;
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_EQ(rooms, 1);
	EXPECT(!(get(UART_LSR) & UART_LSR_DR));
	type("zz");
	put(UART_FCR, 0);
	EXPECT(!(get(UART_LSR) & UART_LSR_DR));
	EXPECT_EQ(type("zz"), 1);
	machine_fini();
}

TEST(interrupt_priorities)
{
	setup();
	put(UART_IER, 0x0f);
	put(UART_FCR, UART_FCR_ENABLE_FIFO);
	put(UART_MCR, UART_MCR_LOOP);		/* modem lines fall: a delta */
	while (get(UART_LSR) & UART_LSR_DR)
		get(UART_RX);
	for (unsigned int i = 0; i < 17; i++)
		put(UART_TX, i);		/* overruns */
	EXPECT_EQ(get(UART_IIR), 0xc0 | UART_IIR_RLSI);
	EXPECT_EQ(get(UART_LSR), UART_LSR_DR | UART_LSR_OE | UART_LSR_THRE | UART_LSR_TEMT);
	EXPECT_EQ(get(UART_LSR), UART_LSR_DR | UART_LSR_THRE | UART_LSR_TEMT);
	EXPECT_EQ(get(UART_IIR), 0xc0 | UART_IIR_RDI);
	put(UART_FCR, UART_FCR_ENABLE_FIFO | UART_FCR_CLEAR_RCVR);
	EXPECT_EQ(get(UART_IIR), 0xc0 | UART_IIR_THRI);
	EXPECT_EQ(get(UART_IIR), 0xc0 | UART_IIR_MSI);
	EXPECT_EQ(get(UART_MSR), UART_MSR_DCTS | UART_MSR_DDSR | UART_MSR_DDCD);
	EXPECT_EQ(get(UART_IIR), 0xc0 | UART_IIR_NO_INT);
	EXPECT(!line[4]);
	machine_fini();
}

TEST(loopback)
{
	setup();
	put(UART_MCR, UART_MCR_LOOP);
	get(UART_MSR);
	put(UART_MCR, UART_MCR_LOOP | UART_MCR_DTR);
	EXPECT_EQ(get(UART_MSR), UART_MSR_DSR | UART_MSR_DDSR);
	put(UART_MCR, UART_MCR_LOOP | UART_MCR_OUT1);
	EXPECT_EQ(get(UART_MSR), UART_MSR_RI | UART_MSR_DDSR);
	put(UART_MCR, UART_MCR_LOOP);
	EXPECT_EQ(get(UART_MSR), UART_MSR_TERI);	/* ring's trailing edge */
	put(UART_MCR, UART_MCR_LOOP | UART_MCR_RTS | UART_MCR_OUT2);
	EXPECT_EQ(get(UART_MSR), UART_MSR_CTS | UART_MSR_DCD | UART_MSR_DCTS | UART_MSR_DDCD);
	/* Without FIFO the newer byte wins. */
	put(UART_TX, 'a');
	put(UART_TX, 'b');
	EXPECT(get(UART_LSR) & UART_LSR_OE);
	EXPECT_EQ(get(UART_RX), 'b');
	EXPECT_EQ(nr_printed, 0);
	/* The console is cut off until loopback ends. */
	EXPECT_EQ(type("x"), 0);
	rooms = 0;
	put(UART_MCR, 0);
	EXPECT_EQ(rooms, 1);
	EXPECT_EQ(type("x"), 1);
	EXPECT_EQ(get(UART_MCR), 0);
	put(UART_MCR, 0xff);
	EXPECT_EQ(get(UART_MCR), 0x1f);
	machine_fini();
}

TEST(factory_registers_take_no_writes)
{
	setup();
	put(UART_LSR, 0xff);
	put(UART_MSR, 0xff);
	EXPECT_EQ(get(UART_LSR), UART_LSR_THRE | UART_LSR_TEMT);
	EXPECT_EQ(get(UART_MSR), UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS);
	machine_fini();
}

TEST(input_after_the_port_is_gone)
{
	setup();
	machine_fini();
	EXPECT_EQ(type("x"), 0);
}

TEST(reset_lets_waiting_input_in)
{
	setup();
	put(UART_IER, 0x0f);
	type("x");
	dev->ops->reset(dev);
	EXPECT_EQ(rooms, 1);
	EXPECT(!line[4]);
	EXPECT(!(get(UART_LSR) & UART_LSR_DR));
	machine_fini();
}
