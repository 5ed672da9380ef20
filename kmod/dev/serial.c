// SPDX-License-Identifier: GPL-2.0
/*
 * The first serial port: a 16550A at 0x3f8 on GSI 4, wired to the VM's console.
 *
 * The transmitter is infinitely fast: a byte written is at the console before the
 * write ends, so THR and the transmit FIFO are always empty. The receiver takes
 * what fits its FIFO (or holding register) and asks the console for more when the
 * guest has drained it. Input below the FIFO's trigger level is reported as a
 * character timeout at once. The interrupt reaches the line whatever OUT2 says,
 * as on boards that leave the gate out.
 *
 * The console's output lock nests inside this device's lock; its input side calls
 * aerie_serial_receive() with its own lock held, so aerie_console_room() is only
 * called after this device's lock has been dropped.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/rcupdate.h>
#include <linux/serial_reg.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "aerie.h"
#include "dev/bytes.h"
#include "dev/chips.h"
#include "dev/device.h"
#include "dev/irq.h"

#define SERIAL_PORT		0x3f8
#define FIFO_SIZE		16

#define IER_MASK		(UART_IER_RDI | UART_IER_THRI | UART_IER_RLSI | UART_IER_MSI)
#define MCR_MASK		(UART_MCR_DTR | UART_MCR_RTS | UART_MCR_OUT1 | UART_MCR_OUT2 | \
				 UART_MCR_LOOP)
#define LSR_ERRORS		(UART_LSR_OE | UART_LSR_PE | UART_LSR_FE | UART_LSR_BI)
/* Lines the console holds up: carrier, ready, clear to send. */
#define MSR_CONSOLE		(UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS)

struct serial_state {
	u8 ier, fcr, lcr, mcr, scr;
	u8 dll, dlm;
	u8 lsr;			/* error bits; the others are computed */
	u8 msr;
	u8 thre;		/* transmitter-empty interrupt pending */
	u8 fifo[FIFO_SIZE];
	u8 head;		/* next to read */
	u8 used;
	u64 received, sent;	/* bytes from and to the console */
};

struct aerie_serial {
	struct aerie_dev dev;
	raw_spinlock_t lock;	/* comes before the console's output lock and irq_lock */
	struct serial_state s;
	struct aerie_range range;
};

static bool fifo_enabled(const struct serial_state *s)
{
	return s->fcr & UART_FCR_ENABLE_FIFO;
}

static unsigned int fifo_trigger(const struct serial_state *s)
{
	static const u8 levels[4] = { 1, 4, 8, 14 };

	return fifo_enabled(s) ? levels[s->fcr >> 6] : 1;
}

static unsigned int fifo_room(const struct serial_state *s)
{
	return (fifo_enabled(s) ? FIFO_SIZE : 1) - s->used;
}

static void fifo_clear(struct serial_state *s)
{
	s->head = 0;
	s->used = 0;
	s->lsr &= ~LSR_ERRORS;
}

static void fifo_put(struct serial_state *s, u8 byte)
{
	if (!fifo_room(s)) {
		s->lsr |= UART_LSR_OE;
		/* Without FIFO the newer byte replaces the older; with it, it is lost. */
		if (!fifo_enabled(s))
			s->fifo[s->head] = byte;
		return;
	}
	s->fifo[(s->head + s->used) % FIFO_SIZE] = byte;
	s->used++;
}

static u8 fifo_get(struct serial_state *s)
{
	u8 byte = s->fifo[s->head];

	if (s->used) {
		s->head = (s->head + 1) % FIFO_SIZE;
		s->used--;
	}
	return byte;
}

/* Interrupt identification, by priority; without the FIFO bits. */
static u8 serial_iir(const struct serial_state *s)
{
	if (s->ier & UART_IER_RLSI && s->lsr & LSR_ERRORS)
		return UART_IIR_RLSI;
	if (s->ier & UART_IER_RDI && s->used)
		return s->used >= fifo_trigger(s) ? UART_IIR_RDI : UART_IIR_RX_TIMEOUT;
	if (s->ier & UART_IER_THRI && s->thre)
		return UART_IIR_THRI;
	if (s->ier & UART_IER_MSI && s->msr & UART_MSR_ANY_DELTA)
		return UART_IIR_MSI;
	return UART_IIR_NO_INT;
}

static void serial_update_line(struct aerie_serial *serial)
{
	lockdep_assert_held(&serial->lock);
	aerie_irq_set(serial->dev.vm, AERIE_GSI_COM1, AERIE_IRQ_COM1,
		      serial_iir(&serial->s) != UART_IIR_NO_INT);
}

/* Recompute the modem status lines, from the console or looped back. */
static void serial_update_msr(struct serial_state *s)
{
	u8 lines = MSR_CONSOLE, changed;

	if (s->mcr & UART_MCR_LOOP)
		lines = (s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) |
			(s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
			(s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
			(s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
	changed = (s->msr ^ lines) & (UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD);
	changed >>= 4;
	/* Ring has a delta for its falling edge only. */
	if (s->msr & ~lines & UART_MSR_RI)
		changed |= UART_MSR_TERI;
	s->msr = (s->msr & UART_MSR_ANY_DELTA) | changed | lines;
}

static u8 serial_lsr(const struct serial_state *s)
{
	return s->lsr | UART_LSR_THRE | UART_LSR_TEMT | (s->used ? UART_LSR_DR : 0);
}

static void serial_transmit(struct aerie_serial *serial, u8 byte)
{
	struct serial_state *s = &serial->s;

	if (s->mcr & UART_MCR_LOOP) {
		fifo_put(s, byte);
	} else {
		s->sent++;
		aerie_console_put(serial->dev.vm->console, &byte, 1);
	}
	s->thre = 1;
}

static void serial_set_fcr(struct serial_state *s, u8 val)
{
	if ((s->fcr ^ val) & UART_FCR_ENABLE_FIFO || val & UART_FCR_CLEAR_RCVR)
		fifo_clear(s);
	if ((s->fcr ^ val) & UART_FCR_ENABLE_FIFO || val & UART_FCR_CLEAR_XMIT)
		s->thre = 1;
	/* The other bits count only together with the enable bit. */
	s->fcr = val & UART_FCR_ENABLE_FIFO ?
		 val & (UART_FCR_ENABLE_FIFO | UART_FCR_TRIGGER_MASK) : 0;
}

static u8 serial_get(struct aerie_serial *serial, unsigned int reg)
{
	struct serial_state *s = &serial->s;
	u8 val;

	switch (reg) {
	case UART_RX:
		return s->lcr & UART_LCR_DLAB ? s->dll : fifo_get(s);
	case UART_IER:
		return s->lcr & UART_LCR_DLAB ? s->dlm : s->ier;
	case UART_IIR:
		val = serial_iir(s);
		if (val == UART_IIR_THRI)
			s->thre = 0;
		return val | (fifo_enabled(s) ? 0xc0 : 0);
	case UART_LCR:
		return s->lcr;
	case UART_MCR:
		return s->mcr;
	case UART_LSR:
		val = serial_lsr(s);
		s->lsr &= ~LSR_ERRORS;
		return val;
	case UART_MSR:
		val = s->msr;
		s->msr &= ~UART_MSR_ANY_DELTA;
		return val;
	default:
		return s->scr;
	}
}

static void serial_put(struct aerie_serial *serial, unsigned int reg, u8 val)
{
	struct serial_state *s = &serial->s;

	switch (reg) {
	case UART_TX:
		if (s->lcr & UART_LCR_DLAB)
			s->dll = val;
		else
			serial_transmit(serial, val);
		break;
	case UART_IER:
		if (s->lcr & UART_LCR_DLAB) {
			s->dlm = val;
			break;
		}
		/* Enabling the interrupt of an empty transmitter raises it. */
		if (val & ~s->ier & UART_IER_THRI)
			s->thre = 1;
		s->ier = val & IER_MASK;
		break;
	case UART_FCR:
		serial_set_fcr(s, val);
		break;
	case UART_LCR:
		s->lcr = val;
		break;
	case UART_MCR:
		s->mcr = val & MCR_MASK;
		serial_update_msr(s);
		break;
	case UART_SCR:
		s->scr = val;
		break;
	}
}

/* Bytes the console can send now; in loopback it is cut off. */
static unsigned int serial_room(const struct serial_state *s)
{
	return s->mcr & UART_MCR_LOOP ? 0 : fifo_room(s);
}

size_t aerie_serial_receive(void *arg, const u8 *buf, size_t len)
{
	struct aerie_vm *vm = arg;
	struct aerie_serial *serial;
	unsigned long flags;
	size_t n = 0;

	rcu_read_lock();	/* serial_destroy() waits for us */
	serial = READ_ONCE(vm->serial);
	if (serial) {
		raw_spin_lock_irqsave(&serial->lock, flags);
		len = min_t(size_t, len, serial_room(&serial->s));
		for (; n < len; n++)
			fifo_put(&serial->s, buf[n]);
		serial->s.received += n;
		if (n)
			serial_update_line(serial);
		raw_spin_unlock_irqrestore(&serial->lock, flags);
	}
	rcu_read_unlock();
	return n;
}

/* Has the access that began with @before bytes of room left the receiver empty? */
static bool serial_drained(const struct serial_state *s, unsigned int before)
{
	return serial_room(s) > before && !s->used;
}

static u8 serial_read_byte(void *chip, u64 off)
{
	struct aerie_serial *serial = chip;
	unsigned long flags;
	unsigned int before;
	bool drained;
	u8 val;

	raw_spin_lock_irqsave(&serial->lock, flags);
	before = serial_room(&serial->s);
	val = serial_get(serial, off);
	drained = serial_drained(&serial->s, before);
	serial_update_line(serial);
	raw_spin_unlock_irqrestore(&serial->lock, flags);
	if (drained)
		aerie_console_room(serial->dev.vm->console);
	return val;
}

static void serial_write_byte(void *chip, u64 off, u8 val)
{
	struct aerie_serial *serial = chip;
	unsigned long flags;
	unsigned int before;
	bool drained;

	raw_spin_lock_irqsave(&serial->lock, flags);
	before = serial_room(&serial->s);
	serial_put(serial, off, val);
	drained = serial_drained(&serial->s, before);
	serial_update_line(serial);
	raw_spin_unlock_irqrestore(&serial->lock, flags);
	if (drained)
		aerie_console_room(serial->dev.vm->console);
}

static u64 serial_read(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
		       unsigned int size)
{
	return aerie_bytes_read(container_of(range, struct aerie_serial, range), off, size,
				serial_read_byte);
}

static void serial_write(struct aerie_range *range, struct aerie_vcpu *vcpu, u64 off,
			 unsigned int size, u64 val)
{
	aerie_bytes_write(container_of(range, struct aerie_serial, range), off, size, val,
			  serial_write_byte);
}

static const struct aerie_range_ops serial_ops = { .read = serial_read, .write = serial_write };

static struct aerie_dev *serial_create(struct aerie_vm *vm)
{
	struct aerie_serial *serial;
	int err;

	serial = kzalloc(sizeof(*serial), GFP_KERNEL_ACCOUNT);
	if (!serial)
		return ERR_PTR(-ENOMEM);
	raw_spin_lock_init(&serial->lock);
	serial->range = (struct aerie_range) {
		.base = SERIAL_PORT, .len = 8, .ops = &serial_ops, .name = "serial",
	};
	err = aerie_bus_claim(&vm->pio, &serial->range);
	if (err) {
		kfree(serial);
		return ERR_PTR(err);
	}
	serial->dev.vm = vm;
	WRITE_ONCE(vm->serial, serial);
	return &serial->dev;
}

static void serial_destroy(struct aerie_dev *dev)
{
	struct aerie_serial *serial = container_of(dev, struct aerie_serial, dev);

	WRITE_ONCE(dev->vm->serial, NULL);
	aerie_bus_release(&dev->vm->pio, &serial->range);	/* waits for receivers, too */
	kfree(serial);
}

static void serial_reset(struct aerie_dev *dev)
{
	struct aerie_serial *serial = container_of(dev, struct aerie_serial, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&serial->lock, flags);
	memset(&serial->s, 0, sizeof(serial->s));
	serial->s.dll = 12;	/* 9600 baud, as firmware leaves it */
	serial->s.lcr = UART_LCR_WLEN8;
	serial->s.msr = MSR_CONSOLE;
	serial_update_line(serial);
	raw_spin_unlock_irqrestore(&serial->lock, flags);
	/* Input that waited for the guest before the reset is the next guest's. */
	if (dev->vm->console)
		aerie_console_room(dev->vm->console);
}

static void serial_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_serial *serial = container_of(dev, struct aerie_serial, dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&serial->lock, flags);
	memcpy(buf, &serial->s, sizeof(serial->s));
	raw_spin_unlock_irqrestore(&serial->lock, flags);
}

static const struct aerie_field serial_fields[] = {
	AERIE_FIELD(struct serial_state, ier),
	AERIE_FIELD(struct serial_state, fcr),
	AERIE_FIELD(struct serial_state, lcr),
	AERIE_FIELD(struct serial_state, mcr),
	AERIE_FIELD(struct serial_state, scr),
	AERIE_FIELD(struct serial_state, dll),
	AERIE_FIELD(struct serial_state, dlm),
	AERIE_FIELD(struct serial_state, lsr),
	AERIE_FIELD(struct serial_state, msr),
	AERIE_FIELD(struct serial_state, thre),
	AERIE_FIELD_ARRAY(struct serial_state, fifo),
	AERIE_FIELD(struct serial_state, head),
	AERIE_FIELD(struct serial_state, used),
	AERIE_FIELD(struct serial_state, received),
	AERIE_FIELD(struct serial_state, sent),
};

static const struct aerie_record serial_record =
	AERIE_RECORD("serial", 1, struct serial_state, serial_fields);

const struct aerie_dev_ops aerie_serial_dev = {
	.name = "serial",
	.create = serial_create,
	.destroy = serial_destroy,
	.reset = serial_reset,
	.record = &serial_record,
	.state = serial_state,
};
