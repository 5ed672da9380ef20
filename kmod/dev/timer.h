/* SPDX-License-Identifier: GPL-2.0 */
/* One-shot timers of device models: a thin cover of hrtimers that tests replace. */
#ifndef AERIE_DEV_TIMER_H
#define AERIE_DEV_TIMER_H

#include <linux/types.h>
#include <linux/hrtimer.h>

/*
 * Periodic ticks that a guest was late for are owed to it: each is given when the one before
 * has been taken. That many at most are remembered: a tenth of a second at 1000 Hz, which a
 * busy host may make a vCPU wait for its turn. Who was away for longer has to read a clock.
 * What became due while the VM was paused (vm->resumed_ns) is one tick.
 */
#define AERIE_TICKS_OWED_MAX	100u

/* Periods of timers that interrupt without being asked each time are no shorter: 5 kHz. */
#define AERIE_PERIOD_MIN_NS	200000u

/**
 * struct aerie_timer - a one-shot timer
 * @fn: called in hard interrupt context when the deadline has passed; may arm
 *	the timer again
 */
struct aerie_timer {
	struct hrtimer hr;
	void (*fn)(struct aerie_timer *timer);
};

/**
 * aerie_now_ns() - the clock device models run by
 *
 * Context: any.
 * Return: nanoseconds of CLOCK_MONOTONIC.
 */
u64 aerie_now_ns(void);

/**
 * aerie_wall_ns() - the host's wall clock, for the real-time clock device
 *
 * Context: any.
 * Return: nanoseconds since 1970-01-01 00:00 UTC.
 */
u64 aerie_wall_ns(void);

/* The host's wall clock when aerie_now_ns() is @ns. Context: any. */
u64 aerie_wall_at(u64 ns);

/**
 * aerie_timer_init() - prepare a timer, not armed
 * @timer: the timer
 * @fn: its callback
 */
void aerie_timer_init(struct aerie_timer *timer, void (*fn)(struct aerie_timer *timer));

/**
 * aerie_timer_arm() - (re)arm for an absolute deadline
 * @timer: the timer
 * @deadline_ns: on the clock of aerie_now_ns(); one in the past fires at once
 *
 * Context: any up to hard interrupt; the device's lock may be held.
 */
void aerie_timer_arm(struct aerie_timer *timer, u64 deadline_ns);

/**
 * aerie_timer_disarm() - disarm; a callback that has begun may still run
 * @timer: the timer
 *
 * Context: any up to hard interrupt; the device's lock may be held. The
 * callback checks its device's state under that lock.
 */
void aerie_timer_disarm(struct aerie_timer *timer);

/**
 * aerie_timer_fini() - disarm and wait for a running callback
 * @timer: the timer
 *
 * Context: may sleep; no lock that the callback takes is held.
 */
void aerie_timer_fini(struct aerie_timer *timer);

#endif
