// SPDX-License-Identifier: GPL-2.0
/*
 * A console: a ring of the last output, descriptors that watch it, and input.
 *
 * Output is numbered from its first byte on. A watcher is a position in it;
 * one that falls more than the ring's size behind goes on with the oldest byte
 * there is. The guest's side may run in interrupt context with raw locks held, so
 * it only copies and leaves waking to work that runs a jiffy later: a guest that
 * prints costs one wake-up per jiffy, not one per byte.
 *
 * Input goes through a ring, too, because the receiver of a serial port takes 16
 * bytes at a time. Bytes move on when they arrive and when the receiver has been
 * drained, in the context of whoever did it; or the receiver takes them from a context
 * of its own.
 *
 * Lock order: in_lock, the lock of the device, out_lock.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/kref.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "aerie.h"
#include "dev/chips.h"
#include "dev/console.h"

#define CHUNK	512u	/* bytes copied at once under a lock */

/* An open descriptor. */
struct watcher {
	struct aerie_console *con;
	struct mutex lock;	/* pos, buf: readers of one descriptor take turns */
	u64 pos;
	u8 buf[CHUNK];
};

void console_release(struct kref *ref)
{
	struct aerie_console *con = container_of(ref, struct aerie_console, ref);

	vfree(con->ring);
	kfree(con);
}

void console_wake(struct aerie_console *con)
{
	schedule_delayed_work(&con->work, 1);
}

static void console_work(struct work_struct *work)
{
	struct aerie_console *con = container_of(work, struct aerie_console, work.work);

	wake_up_interruptible_poll(&con->wait,
				   EPOLLIN | EPOLLRDNORM | EPOLLOUT | EPOLLWRNORM);
	tty_feed(con);
}

void aerie_console_put(struct aerie_console *con, const u8 *buf, size_t len)
{
	unsigned long flags;
	size_t at, n;

	raw_spin_lock_irqsave(&con->out_lock, flags);
	while (len) {
		at = con->written % AERIE_CONSOLE_RING;
		n = min_t(size_t, len, AERIE_CONSOLE_RING - at);
		memcpy(con->ring + at, buf, n);
		WRITE_ONCE(con->written, con->written + n);
		buf += n;
		len -= n;
	}
	raw_spin_unlock_irqrestore(&con->out_lock, flags);
	console_wake(con);
}

size_t console_read(struct aerie_console *con, u64 *pos, u8 *buf, size_t len)
{
	unsigned long flags;
	size_t at, n;

	raw_spin_lock_irqsave(&con->out_lock, flags);
	if (con->written - *pos > AERIE_CONSOLE_RING)
		*pos = con->written - AERIE_CONSOLE_RING;
	at = *pos % AERIE_CONSOLE_RING;
	n = min3(len, (size_t)(con->written - *pos), (size_t)(AERIE_CONSOLE_RING - at));
	memcpy(buf, con->ring + at, n);
	raw_spin_unlock_irqrestore(&con->out_lock, flags);
	*pos += n;
	return n;
}

static void input_used_up(struct aerie_console *con, size_t n)
{
	con->in_head = (con->in_head + n) % CONSOLE_INPUT;
	con->in_used -= n;
}

/* Give the receiver what it takes. Returns whether that made room. */
static bool console_push(struct aerie_console *con)
{
	bool pushed = false;
	size_t n;

	lockdep_assert_held(&con->in_lock);
	while (con->receive && con->in_used) {
		n = min(con->in_used, CONSOLE_INPUT - con->in_head);
		n = con->receive(con->arg, con->input + con->in_head, n);
		if (!n)
			break;
		input_used_up(con, n);
		pushed = true;
	}
	return pushed;
}

void aerie_console_room(struct aerie_console *con)
{
	unsigned long flags;
	bool pushed;

	raw_spin_lock_irqsave(&con->in_lock, flags);
	pushed = console_push(con);
	raw_spin_unlock_irqrestore(&con->in_lock, flags);
	if (pushed)
		console_wake(con);
}

size_t aerie_console_take(struct aerie_console *con, u8 *buf, size_t len)
{
	unsigned long flags;
	size_t done = 0, n;

	raw_spin_lock_irqsave(&con->in_lock, flags);
	while (done < len && con->in_used) {
		n = min3(len - done, (size_t)con->in_used, (size_t)(CONSOLE_INPUT - con->in_head));
		memcpy(buf + done, con->input + con->in_head, n);
		input_used_up(con, n);
		done += n;
	}
	raw_spin_unlock_irqrestore(&con->in_lock, flags);
	if (done)
		console_wake(con);
	return done;
}

size_t console_input(struct aerie_console *con, const u8 *buf, size_t len)
{
	unsigned long flags;
	size_t done = 0, at, n;

	raw_spin_lock_irqsave(&con->in_lock, flags);
	while (done < len && con->in_used < CONSOLE_INPUT) {
		at = (con->in_head + con->in_used) % CONSOLE_INPUT;
		n = min3(len - done, (size_t)(CONSOLE_INPUT - con->in_used),
			 (size_t)(CONSOLE_INPUT - at));
		memcpy(con->input + at, buf + done, n);
		con->in_used += n;
		done += n;
	}
	console_push(con);
	raw_spin_unlock_irqrestore(&con->in_lock, flags);
	return done;
}

unsigned int console_input_room(struct aerie_console *con)
{
	return CONSOLE_INPUT - READ_ONCE(con->in_used);
}

static ssize_t watcher_read(struct file *file, char __user *buf, size_t count, loff_t *ppos)
{
	struct watcher *w = file->private_data;
	struct aerie_console *con = w->con;
	ssize_t done = 0;
	bool dead;
	size_t n;
	int err;

	if (!count)
		return 0;
	for (;;) {
		/* Nothing is put after the end, so look for it before looking for bytes. */
		dead = smp_load_acquire(&con->dead);	/* pairs with the destroyer's */
		if (mutex_lock_interruptible(&w->lock))
			return -ERESTARTSYS;
		while (done < count) {
			n = console_read(con, &w->pos, w->buf, min_t(size_t, count - done, CHUNK));
			if (!n)
				break;
			if (copy_to_user(buf + done, w->buf, n)) {
				mutex_unlock(&w->lock);
				return done ?: -EFAULT;
			}
			done += n;
		}
		mutex_unlock(&w->lock);
		if (done || dead)
			return done;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		err = wait_event_interruptible(con->wait, READ_ONCE(con->dead) ||
					       READ_ONCE(con->written) != READ_ONCE(w->pos));
		if (err)
			return err;
	}
}

static ssize_t watcher_write(struct file *file, const char __user *buf, size_t count,
			     loff_t *ppos)
{
	struct watcher *w = file->private_data;
	struct aerie_console *con = w->con;
	u8 bytes[64];
	ssize_t done = 0;
	size_t n, taken;
	int err;

	while (done < count) {
		if (READ_ONCE(con->dead))
			return done ?: -EIO;
		if (signal_pending(current))
			return done ?: -ERESTARTSYS;
		n = min_t(size_t, count - done, sizeof(bytes));
		if (copy_from_user(bytes, buf + done, n))
			return done ?: -EFAULT;
		taken = console_input(con, bytes, n);
		done += taken;
		if (taken)
			continue;
		if (file->f_flags & O_NONBLOCK)
			return done ?: -EAGAIN;
		err = wait_event_interruptible(con->wait, READ_ONCE(con->dead) ||
					       console_input_room(con));
		if (err)
			return done ?: err;
	}
	return done;
}

static __poll_t watcher_poll(struct file *file, struct poll_table_struct *table)
{
	struct watcher *w = file->private_data;
	struct aerie_console *con = w->con;
	__poll_t events = 0;

	poll_wait(file, &con->wait, table);
	if (READ_ONCE(con->dead))
		events |= EPOLLIN | EPOLLRDNORM | EPOLLHUP;
	if (READ_ONCE(con->written) != READ_ONCE(w->pos))
		events |= EPOLLIN | EPOLLRDNORM;
	if (console_input_room(con))
		events |= EPOLLOUT | EPOLLWRNORM;
	return events;
}

static int watcher_release(struct inode *inode, struct file *file)
{
	struct watcher *w = file->private_data;

	kref_put(&w->con->ref, console_release);
	mutex_destroy(&w->lock);
	kfree(w);
	return 0;
}

static const struct file_operations watcher_fops = {
	.owner = THIS_MODULE,
	.read = watcher_read,
	.write = watcher_write,
	.poll = watcher_poll,
	.release = watcher_release,
};

struct file *aerie_console_open(struct aerie_console *con)
{
	struct watcher *w;
	struct file *file;

	w = kzalloc(sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return ERR_PTR(-ENOMEM);
	mutex_init(&w->lock);
	w->con = con;
	file = anon_inode_getfile("[aerie-console]", &watcher_fops, w, O_RDWR);
	if (IS_ERR(file)) {
		mutex_destroy(&w->lock);
		kfree(w);
		return file;
	}
	kref_get(&w->con->ref);
	stream_open(file_inode(file), file);
	return file;
}

struct aerie_console *aerie_console_create(aerie_console_receive *receive, void *arg)
{
	struct aerie_console *con;
	int err;

	con = kzalloc(sizeof(*con), GFP_KERNEL_ACCOUNT);
	if (!con)
		return ERR_PTR(-ENOMEM);
	kref_init(&con->ref);
	init_waitqueue_head(&con->wait);
	INIT_DELAYED_WORK(&con->work, console_work);
	raw_spin_lock_init(&con->out_lock);
	raw_spin_lock_init(&con->in_lock);
	con->receive = receive;
	con->arg = arg;
	con->ring = vzalloc(AERIE_CONSOLE_RING);
	err = con->ring ? tty_attach(con) : -ENOMEM;
	if (err) {
		kref_put(&con->ref, console_release);
		return ERR_PTR(err);
	}
	return con;
}

void aerie_console_mute(struct aerie_console *con)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&con->in_lock, flags);
	con->receive = NULL;
	raw_spin_unlock_irqrestore(&con->in_lock, flags);
}

void aerie_console_destroy(struct aerie_console *con)
{
	if (!con)
		return;
	aerie_console_mute(con);
	tty_unwire(con);
	cancel_delayed_work_sync(&con->work);
	tty_detach(con);
	smp_store_release(&con->dead, true);	/* all output is in the ring before */
	wake_up_interruptible_all(&con->wait);
	kref_put(&con->ref, console_release);
}
