// SPDX-License-Identifier: GPL-2.0
/*
 * The thread that looks for duplicates, and its budget: per cent of one processor.
 *
 * After each batch it sleeps for as long as makes its part of the time so small. Waiting
 * for grace periods is sleep, too. A pass over all memory begins a second after the one
 * before at the earliest, for what is written more often is not worth sharing; and later where
 * it would look at much of which little changes, but for another budget. Batches of what has been told go before the
 * others, and go on between passes; as each takes grace periods and flushes, they are put off
 * a little for more to be told.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/sched.h>
#include <linux/wait.h>
#include "mm/share.h"

#define TOLD_NS		(20 * NSEC_PER_MSEC)

static unsigned int budget = 5;
static DECLARE_WAIT_QUEUE_HEAD(wait);
static struct task_struct *thread;

static int budget_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_uint_minmax(val, kp, 0, 100);

	if (!err)
		wake_up(&wait);
	return err;
}

static const struct kernel_param_ops budget_ops = {
	.set = budget_set,
	.get = param_get_uint,
};

module_param_cb(share_percent, &budget_ops, &budget, 0644);
MODULE_PARM_DESC(share_percent, "of one processor, for finding duplicate pages of guests; 0: none");

unsigned int aerie_share_budget(void)
{
	return READ_ONCE(budget);
}

void aerie_share_set_budget(unsigned int percent)
{
	WRITE_ONCE(budget, percent);
	wake_up(&wait);
}

void aerie_share_wake(void)
{
	wake_up(&wait);
}

static bool has_work(void)
{
	return kthread_should_stop() || (READ_ONCE(budget) && !aerie_share_idle());
}

/* Until @end, or the thread is to stop or has another budget, or with @told is told something. */
static void rest_until(u64 end, unsigned int percent, bool told)
{
	s64 left = end - ktime_get_ns();

	if (left > 0)
		wait_event_idle_timeout(wait, kthread_should_stop() ||
					READ_ONCE(budget) != percent || (told && aerie_told_any()),
					nsecs_to_jiffies(left) + 1);
}

/* After a pass. */
static void rest(u64 next, unsigned int percent)
{
	bool told = aerie_told_any();

	rest_until(next, percent, true);
	if (!told && aerie_told_any())
		rest_until(ktime_get_ns() + TOLD_NS, percent, false);
}

/* From the beginning of a pass to that of the next one. */
static u64 pass_ns(void)
{
	unsigned long looked, changed;

	aerie_share_seen(&looked, &changed);
	return NSEC_PER_SEC * aerie_share_pace(looked, changed);
}

static int share_run(void *unused)
{
	u64 next = 0;		/* when the pass may go on, or a new one begin */
	u64 pass = 0;		/* when it has begun; 0: it is over */

	while (!kthread_should_stop()) {
		u64 start = ktime_get_ns(), used = current->se.sum_exec_runtime;
		unsigned int percent = READ_ONCE(budget);

		if (!percent || aerie_share_idle()) {
			wait_event_idle(wait, has_work());
			continue;
		}
		aerie_share_lock();
		aerie_share_told_batch();
		if (start >= next) {
			pass = pass ?: start;
			next = 0;
			if (!aerie_share_batch()) {
				next = pass + pass_ns();
				pass = 0;
			}
		}
		aerie_share_unlock();
		cond_resched();
		used = current->se.sum_exec_runtime - used;
		rest_until(start + div_u64(used * 100, percent), percent, false);
		rest(next, percent);
		if (READ_ONCE(budget) != percent)
			next = 0;
	}
	return 0;
}

int aerie_share_start(void)
{
	thread = kthread_run(share_run, NULL, "aerie-share");
	return PTR_ERR_OR_ZERO(thread);
}

void aerie_share_stop(void)
{
	kthread_stop(thread);
}
