/* SPDX-License-Identifier: GPL-2.0 */
/* The console as its descriptors (console.c) and its host tty (tty.c) share it. */
#ifndef AERIE_DEV_CONSOLE_H
#define AERIE_DEV_CONSOLE_H

#include <linux/kref.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "dev/chips.h"

#define CONSOLE_INPUT	4096u	/* bytes typed that wait for the receiver */

struct aerie_tty;

/**
 * struct aerie_console - output ring, input ring, and who waits for either
 *
 * [o] out_lock; [i] in_lock; [c] constant.
 */
struct aerie_console {
	struct kref ref;		/* the VM, the tty and every descriptor */
	struct aerie_tty *tty;		/* the VM's create and destroy; NULL if none is free */
	bool dead;			/* the VM is gone */
	wait_queue_head_t wait;		/* for output, room for input, or the end */
	struct delayed_work work;	/* wakes them; feeds the tty */

	raw_spinlock_t out_lock;	/* comes after the serial port's lock */
	u64 written;			/* [o] bytes of output ever, read by anybody */
	u8 *ring;			/* [c] the last AERIE_CONSOLE_RING of them [o] */

	raw_spinlock_t in_lock;		/* comes before the serial port's lock */
	aerie_console_receive *receive;	/* [i] who takes input, or NULL */
	void *arg;			/* [c] for it */
	u32 in_head, in_used;		/* [i] */
	u8 input[CONSOLE_INPUT];	/* [i] */
};

void console_release(struct kref *ref);

/**
 * console_read() - copy output from a position on
 * @con: the console
 * @pos: position in the whole output; moved on, past bytes that are lost
 * @buf: destination
 * @len: bytes at most; copied with interrupts off
 *
 * Context: any. Return: bytes copied; 0 at the end of the output.
 */
size_t console_read(struct aerie_console *con, u64 *pos, u8 *buf, size_t len);

/* Take input; returns how many bytes found room. Context: any. */
size_t console_input(struct aerie_console *con, const u8 *buf, size_t len);

/* Bytes of input there is room for. Context: any. */
unsigned int console_input_room(struct aerie_console *con);

/* Have the work run soon. Context: any; the console is not being destroyed. */
void console_wake(struct aerie_console *con);

/* tty.c */

/*
 * Give the console a host tty and its VM the name of it. Context: may sleep, the
 * VM is being made. Return: 0 or an error; without one where none is free.
 */
int tty_attach(struct aerie_console *con);

/* Nothing comes from the console's tty any more, nor starts its work. */
void tty_unwire(struct aerie_console *con);

/*
 * Hang up the console's tty and let its number go. Context: may sleep; it is not
 * wired and the console's work, which feeds it, has ended.
 */
void tty_detach(struct aerie_console *con);

/* Hand new output to whoever has the tty open. Context: the console's work. */
void tty_feed(struct aerie_console *con);

#endif
