// SPDX-License-Identifier: GPL-2.0
/*
 * The thread of the pool, which makes room in it, counts the ages of its frames and makes
 * large ones; and the host's shrinker, which asks it for room.
 *
 * The shrinker itself frees nothing: it is called by whoever needs memory, also by who holds
 * memory of guests or a lock that the thread's work waits for. So it does not wait for long.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/minmax.h>
#include <linux/moduleparam.h>
#include <linux/printk.h>
#include <linux/sched.h>
#include <linux/shrinker.h>
#include <linux/swap.h>
#include <linux/wait.h>
#include "compat.h"
#include "mm/map.h"
#include "mm/pool.h"
#include "mm/reclaim.h"
#include "mm/share.h"
#include "mm/store.h"

#define STUCK_MS	200u	/* until it is tried again */
#define SHRINK_MAX	4096u	/* pages that the host asks for at a time */
#define SHRINK_MS	20u	/* it waits for some of them */

static unsigned int age_seconds = 10;
module_param(age_seconds, uint, 0644);
MODULE_PARM_DESC(age_seconds, "between two looks at which pages guests have accessed; 0: none");

unsigned int aerie_age_seconds(void)
{
	return READ_ONCE(age_seconds);
}

static DECLARE_WAIT_QUEUE_HEAD(wait);	/* of the thread */
static DECLARE_WAIT_QUEUE_HEAD(room);	/* of who waits for it */
static struct task_struct *thread;
static unsigned long rounds;		/* in which something may have left memory */
static bool woken;

void aerie_pool_wake(void)
{
	if (READ_ONCE(woken))
		return;
	WRITE_ONCE(woken, true);
	wake_up(&wait);
}

void aerie_pool_wait(unsigned int ms)
{
	unsigned long seen = READ_ONCE(rounds);

	wait_event_idle_timeout(room, READ_ONCE(rounds) != seen, msecs_to_jiffies(ms));
}

static void round_over(void)
{
	WRITE_ONCE(rounds, rounds + 1);
	wake_up_all(&room);
}

/* Until @ms have gone by, or there is something to do. */
static void rest(unsigned int ms)
{
	wait_event_idle_timeout(wait, kthread_should_stop() || READ_ONCE(woken),
				msecs_to_jiffies(ms));
}

static enum aerie_reclaim make_room(void)
{
	enum aerie_reclaim state;
	int err;

	aerie_share_lock();
	err = aerie_share_idle() ? -EAGAIN : aerie_store_open();
	if (err == -ENOENT)
		pr_warn_once("the kernel has no zsmalloc or no compressor: guest memory stays where it is\n");
	state = err ? AERIE_RECLAIM_STUCK : aerie_reclaim_batch();
	if (!err && state == AERIE_RECLAIM_STUCK && aerie_store_compact())
		state = AERIE_RECLAIM_MORE;
	aerie_share_unlock();
	return state;
}

static void make_rooms(void)
{
	enum aerie_reclaim state;

	do {
		state = make_room();
		round_over();
		cond_resched();
	} while (state == AERIE_RECLAIM_MORE && !kthread_should_stop());
	if (state == AERIE_RECLAIM_STUCK)
		aerie_pool_stuck();
	aerie_pool_forget();
	if (state == AERIE_RECLAIM_STUCK && !kthread_should_stop())
		schedule_timeout_idle(msecs_to_jiffies(STUCK_MS));
}

/* A round of @batch over all memory. */
static void go_round(bool (*batch)(void))
{
	bool more;

	do {
		aerie_share_lock();
		more = batch();
		aerie_share_unlock();
		cond_resched();
	} while (more && !kthread_should_stop());
}

static int pool_run(void *unused)
{
	unsigned long next = jiffies;

	while (!kthread_should_stop()) {
		unsigned int secs = READ_ONCE(age_seconds);

		if (secs && time_after_eq(jiffies, next)) {
			go_round(aerie_age_batch);
			go_round(aerie_collapse_batch);
			next = jiffies + min(secs, 3600u) * HZ;
		}
		rest(1000);
		if (READ_ONCE(woken)) {
			WRITE_ONCE(woken, false);
			make_rooms();
		}
	}
	return 0;
}

static unsigned long shrink_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	return aerie_pool_used() >> PAGE_SHIFT ?: SHRINK_EMPTY;
}

/*
 * The host's processes, and who frees memory for them, wait a little for what they are to get:
 * where nothing ever came they would be killed. The kernel's threads, this one among them, do not.
 */
static unsigned long shrink_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	unsigned long used = aerie_pool_used() >> PAGE_SHIFT, left;

	aerie_pool_ask(min_t(unsigned long, sc->nr_to_scan, SHRINK_MAX));
	if (current_is_kswapd() ||
	    (!(current->flags & PF_KTHREAD) && gfpflags_allow_blocking(sc->gfp_mask)))
		aerie_pool_wait(SHRINK_MS);
	left = aerie_pool_used() >> PAGE_SHIFT;
	return left < used ? used - left : SHRINK_STOP;
}

static struct shrinker *shrinker;

int aerie_pool_start(void)
{
	shrinker = compat_shrinker_new("aerie", shrink_count, shrink_scan);
	if (!shrinker)
		return -ENOMEM;
	thread = kthread_run(pool_run, NULL, "aerie-pool");
	if (IS_ERR(thread))
		compat_shrinker_free(shrinker);
	return PTR_ERR_OR_ZERO(thread);
}

void aerie_pool_stop(void)
{
	compat_shrinker_free(shrinker);
	kthread_stop(thread);
}
