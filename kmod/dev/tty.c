// SPDX-License-Identifier: GPL-2.0
/*
 * Host ttys: /dev/ttyAERIE0 and up, one for each console.
 *
 * A tty outlives its VM for as long as somebody holds it open, and the tty layer
 * then still uses its port. So a port, once made, belongs to its number and stays
 * until the module goes; a VM borrows the lowest number that is free. What a port
 * is wired to is @con, which is cleared under @lock when the VM ends.
 *
 * Opening shows what the console's ring holds. Output that the tty's buffer has no
 * room for stays in the ring and follows with the next output, or when the reader
 * has caught up.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/tty.h>
#include <linux/tty_driver.h>
#include <linux/tty_flip.h>
#include <linux/tty_port.h>

#include "aerie.h"
#include "compat.h"
#include "dev/chips.h"
#include "dev/console.h"

#define NR_TTYS		256
#define TTY_NAME	"ttyAERIE"

struct aerie_tty {
	struct tty_port port;
	unsigned int index;
	char name[16];
	bool used;			/* ttys_lock */
	raw_spinlock_t lock;		/* con; comes before the console's locks */
	struct aerie_console *con;	/* NULL when the VM is gone */
	struct mutex feed_lock;		/* pos */
	u64 pos;			/* in the console's output */
};

static DEFINE_MUTEX(ttys_lock);
static struct aerie_tty *ttys[NR_TTYS];		/* ttys_lock; entries are never freed */
static struct tty_driver *driver;

static struct aerie_tty *to_tty(struct tty_port *port)
{
	return container_of(port, struct aerie_tty, port);
}

/* Run the console's work, if there is a console. */
static void tty_wake(struct aerie_tty *t)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&t->lock, flags);
	if (t->con)
		console_wake(t->con);
	raw_spin_unlock_irqrestore(&t->lock, flags);
}

/* First open: begin with the oldest byte, once the port counts as initialized. */
static int port_activate(struct tty_port *port, struct tty_struct *tty)
{
	struct aerie_tty *t = to_tty(port);

	mutex_lock(&t->feed_lock);
	t->pos = 0;
	mutex_unlock(&t->feed_lock);
	return READ_ONCE(t->con) ? 0 : -EIO;
}

static const struct tty_port_operations port_ops = {
	.activate = port_activate,
};

static int op_install(struct tty_driver *drv, struct tty_struct *tty)
{
	struct aerie_tty *t = READ_ONCE(ttys[tty->index]);

	if (!t)
		return -ENODEV;
	tty->driver_data = t;
	return tty_port_install(&t->port, drv, tty);
}

static int op_open(struct tty_struct *tty, struct file *file)
{
	struct aerie_tty *t = tty->driver_data;
	int err = tty_port_open(&t->port, tty, file);

	if (!err)
		tty_wake(t);
	return err;
}

static void op_close(struct tty_struct *tty, struct file *file)
{
	struct aerie_tty *t = tty->driver_data;

	/* Without one, installing failed. */
	if (t)
		tty_port_close(&t->port, tty, file);
}

static void op_hangup(struct tty_struct *tty)
{
	struct aerie_tty *t = tty->driver_data;

	tty_port_hangup(&t->port);
}

static compat_tty_ret op_write(struct tty_struct *tty, const unsigned char *buf,
			       compat_tty_len count)
{
	struct aerie_tty *t = tty->driver_data;
	compat_tty_ret done = -EIO;
	unsigned long flags;

	raw_spin_lock_irqsave(&t->lock, flags);
	if (t->con)
		done = console_input(t->con, buf, count);
	raw_spin_unlock_irqrestore(&t->lock, flags);
	return done;
}

static unsigned int op_write_room(struct tty_struct *tty)
{
	struct aerie_tty *t = tty->driver_data;
	unsigned int room = 0;
	unsigned long flags;

	raw_spin_lock_irqsave(&t->lock, flags);
	if (t->con)
		room = console_input_room(t->con);
	raw_spin_unlock_irqrestore(&t->lock, flags);
	return room;
}

static void op_unthrottle(struct tty_struct *tty)
{
	tty_wake(tty->driver_data);
}

static const struct tty_operations tty_ops = {
	.install = op_install,
	.open = op_open,
	.close = op_close,
	.hangup = op_hangup,
	.write = op_write,
	.write_room = op_write_room,
	.unthrottle = op_unthrottle,
};

void tty_feed(struct aerie_console *con)
{
	struct aerie_tty *t = con->tty;
	u8 buf[256];
	size_t n, taken;

	if (!t || !tty_port_initialized(&t->port))
		return;
	tty_port_tty_wakeup(&t->port);	/* there may be room to write */
	mutex_lock(&t->feed_lock);
	do {
		n = console_read(con, &t->pos, buf, sizeof(buf));
		taken = n ? tty_insert_flip_string(&t->port, buf, n) : 0;
		t->pos -= n - taken;
	} while (n && taken == n);
	mutex_unlock(&t->feed_lock);
	tty_flip_buffer_push(&t->port);
}

/* The lowest number without a VM, or NULL when all have one. */
static struct aerie_tty *tty_borrow(void)
{
	struct aerie_tty *t = NULL;
	unsigned int i;

	mutex_lock(&ttys_lock);
	for (i = 0; i < NR_TTYS && ttys[i] && ttys[i]->used; i++)
		;
	if (i == NR_TTYS)
		goto out;
	t = ttys[i];
	if (!t) {
		t = kzalloc(sizeof(*t), GFP_KERNEL);
		if (!t) {
			t = ERR_PTR(-ENOMEM);
			goto out;
		}
		t->index = i;
		snprintf(t->name, sizeof(t->name), TTY_NAME "%u", i);
		raw_spin_lock_init(&t->lock);
		mutex_init(&t->feed_lock);
		tty_port_init(&t->port);
		t->port.ops = &port_ops;
		WRITE_ONCE(ttys[i], t);
	}
	t->used = true;
out:
	mutex_unlock(&ttys_lock);
	return t;
}

static void tty_return(struct aerie_tty *t)
{
	mutex_lock(&ttys_lock);
	t->used = false;
	mutex_unlock(&ttys_lock);
}

static void tty_wire(struct aerie_tty *t, struct aerie_console *con)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&t->lock, flags);
	t->con = con;
	raw_spin_unlock_irqrestore(&t->lock, flags);
}

int tty_attach(struct aerie_console *con)
{
	struct aerie_tty *t = tty_borrow();
	struct device *dev;

	if (IS_ERR_OR_NULL(t))
		return PTR_ERR_OR_ZERO(t);	/* a VM can do without */
	tty_wire(t, con);
	dev = tty_port_register_device(&t->port, driver, t->index, NULL);
	if (IS_ERR(dev)) {
		tty_wire(t, NULL);
		tty_return(t);
		/* The driver core's word for a device whose name it had no memory for. */
		return PTR_ERR(dev) == -EINVAL ? -ENOMEM : PTR_ERR(dev);
	}
	con->tty = t;
	return 0;
}

const char *aerie_console_tty(const struct aerie_console *con)
{
	return con->tty ? con->tty->name : NULL;
}

void tty_unwire(struct aerie_console *con)
{
	if (con->tty)
		tty_wire(con->tty, NULL);
}

void tty_detach(struct aerie_console *con)
{
	struct aerie_tty *t = con->tty;
	struct tty_struct *tty;

	if (!t)
		return;
	tty_port_unregister_device(&t->port, driver, t->index);
	tty = tty_port_tty_get(&t->port);
	if (tty) {
		tty_vhangup(tty);
		tty_ldisc_flush(tty);	/* nor is unread output the next VM's */
		tty_kref_put(tty);
	}
	tty_return(t);
}

int aerie_tty_init(void)
{
	int err;

	driver = tty_alloc_driver(NR_TTYS, TTY_DRIVER_REAL_RAW | TTY_DRIVER_DYNAMIC_DEV |
				  TTY_DRIVER_RESET_TERMIOS);
	if (IS_ERR(driver))
		return PTR_ERR(driver);
	driver->driver_name = "aerie";
	driver->name = TTY_NAME;
	driver->type = TTY_DRIVER_TYPE_SERIAL;
	driver->subtype = SERIAL_TYPE_NORMAL;
	/* Raw: the guest does the echo and the line editing. */
	driver->init_termios = tty_std_termios;
	driver->init_termios.c_iflag = 0;
	driver->init_termios.c_oflag = 0;
	driver->init_termios.c_lflag = 0;
	driver->init_termios.c_cflag = B115200 | CS8 | CREAD | CLOCAL;
	driver->init_termios.c_ispeed = 115200;
	driver->init_termios.c_ospeed = 115200;
	tty_set_operations(driver, &tty_ops);
	err = tty_register_driver(driver);
	if (err)
		tty_driver_kref_put(driver);
	return err;
}

void aerie_tty_exit(void)
{
	unsigned int i;

	tty_unregister_driver(driver);
	for (i = 0; i < NR_TTYS; i++) {
		if (!ttys[i])
			continue;
		tty_port_destroy(&ttys[i]->port);
		kfree(ttys[i]);
		ttys[i] = NULL;
	}
	tty_driver_kref_put(driver);
}
