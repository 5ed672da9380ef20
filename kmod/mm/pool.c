// SPDX-License-Identifier: GPL-2.0
/*
 * The pool: how much of the host's memory guests have, and may have.
 *
 * It is what frames take, of all VMs, and what the store takes. Where it comes near its
 * limit, a VM near its own, or where the host wants memory back (its shrinker), something has
 * to leave memory: the excess, which the pool's thread works off (reclaim.c). So has something
 * of a VM that the host had no memory for: it may be its memory cgroup that has no more.
 * It begins a thirty-second below a limit, and makes room down to a sixteenth.
 *
 * Who needs a frame and may not sleep does not get one beyond a limit; a vCPU waits for
 * room before it asks again. Loaders and devices, which may hold memory that something else
 * would have to wait for, get what they need.
 */
#include <linux/atomic.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include "mm/map.h"
#include "mm/pool.h"
#include "mm/share.h"
#include "mm/store.h"

#define MIB_PAGES	((1ul << 20) >> PAGE_SHIFT)
#define WAIT_MS		100u
#define STARVED_SECS	30u
#define LATELY_SECS	10u
#define FAILED_PAGES	1024u	/* that an allocation that failed asks for */

static unsigned int pool_limit;		/* MiB */
static atomic_long_t frames;
static atomic_long_t asked;		/* pages that the host wants back */
static unsigned long lately;		/* jiffies until which it has asked lately */
static atomic_t stucks;			/* attempts to make room that made none */
bool aerie_pool_limited;

static int limit_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_uint(val, kp);

	if (!err && pool_limit)
		WRITE_ONCE(aerie_pool_limited, true);
	aerie_pool_wake();
	return err;
}

static const struct kernel_param_ops limit_ops = {
	.set = limit_set,
	.get = param_get_uint,
};

module_param_cb(pool_limit, &limit_ops, &pool_limit, 0644);
MODULE_PARM_DESC(pool_limit, "of the host's memory that all guests together have, in MiB; 0: none");

u64 aerie_pool_limit(void)
{
	return (u64)READ_ONCE(pool_limit) << 20;
}

/* Without a store a limit would only stop guests. */
static int limited(bool is)
{
	int err = 0;

	if (is) {
		aerie_share_lock();
		err = aerie_store_open();
		aerie_share_unlock();
	}
	if (is && !err)
		WRITE_ONCE(aerie_pool_limited, true);
	return err;
}

int aerie_pool_set_limit(u64 bytes)
{
	int err = limited(bytes);

	if (err)
		return err;
	WRITE_ONCE(pool_limit, min_t(u64, (bytes >> 20) + !!(bytes & ((1u << 20) - 1)), UINT_MAX));
	aerie_pool_wake();
	return 0;
}

/* How far @mem may at most be beyond its limit, if any: as it is, if @all that is; and a little. */
static long lent_at_most(const struct aerie_mem *mem, bool all)
{
	long limit = READ_ONCE(mem->limit);

	if (!limit)
		return 0;
	return limit / 16 + (all ? max(atomic_long_read(&mem->resident) - limit, 0l) : 0);
}

int aerie_mem_set_limits(struct aerie_mem *mem, const struct aerie_mem_limits *limits)
{
	int err = limited(limits->limit);

	if (err)
		return err;
	WRITE_ONCE(mem->reserve, limits->reserve >> PAGE_SHIFT);
	WRITE_ONCE(mem->weight, limits->weight);
	WRITE_ONCE(mem->limit, limits->limit >> PAGE_SHIFT);
	atomic_long_set(&mem->lent, min(atomic_long_read(&mem->lent), lent_at_most(mem, true)));
	aerie_pool_wake();
	return 0;
}

void aerie_mem_limits(const struct aerie_mem *mem, struct aerie_mem_limits *limits)
{
	limits->reserve = (u64)READ_ONCE(mem->reserve) << PAGE_SHIFT;
	limits->limit = (u64)READ_ONCE(mem->limit) << PAGE_SHIFT;
	limits->weight = READ_ONCE(mem->weight);
}

void aerie_pool_charge(unsigned long pages)
{
	atomic_long_add(pages, &frames);
}

void aerie_pool_uncharge(unsigned long pages)
{
	atomic_long_sub(pages, &frames);
}

static unsigned long pool_used(void)
{
	return atomic_long_read(&frames) + aerie_store_pages();
}

u64 aerie_pool_used(void)
{
	return (u64)pool_used() << PAGE_SHIFT;
}

u64 aerie_pool_stored(void)
{
	return (u64)aerie_store_pages() << PAGE_SHIFT;
}

static bool fits(const struct aerie_mem *mem, unsigned long pages)
{
	unsigned long all = READ_ONCE(pool_limit) * MIB_PAGES, own = READ_ONCE(mem->limit);
	unsigned long then = atomic_long_read(&mem->resident) + pages;

	/* What is reserved is there, whatever others have. */
	return (!all || then <= READ_ONCE(mem->reserve) || pool_used() + pages <= all) &&
	       (!own || then <= own + atomic_long_read(&mem->lent));
}

/* How much is @used more than @limit leaves room for? */
static unsigned long excess(unsigned long used, unsigned long limit)
{
	return limit && used > limit - limit / 32 ? used - (limit - limit / 16) : 0;
}

unsigned long aerie_pool_excess(void)
{
	return max_t(unsigned long, excess(pool_used(), READ_ONCE(pool_limit) * MIB_PAGES),
		     max(atomic_long_read(&asked), 0l));
}

unsigned long aerie_pool_excess_of(const struct aerie_mem *mem)
{
	return max_t(unsigned long, excess(atomic_long_read(&mem->resident), READ_ONCE(mem->limit)),
		     max(atomic_long_read(&mem->asked), 0l));
}

bool aerie_pool_fits(const struct aerie_mem *mem, gfp_t gfp, bool large)
{
	if (aerie_pool_excess() || aerie_pool_excess_of(mem))
		aerie_pool_wake();
	if (!large && gfp == GFP_KERNEL)
		return true;
	return fits(mem, large ? AERIE_LARGE_PAGES : 1);
}

static void give(atomic_long_t *of, unsigned long pages)
{
	if (atomic_long_sub_return(pages, of) < 0)
		atomic_long_set(of, 0);
}

void aerie_pool_left(struct aerie_mem *mem, unsigned long pages)
{
	give(&mem->asked, pages);
	give(&asked, pages);
	if (unlikely(atomic_long_read(&mem->lent)) &&
	    atomic_long_read(&mem->resident) <= READ_ONCE(mem->limit))
		atomic_long_set(&mem->lent, 0);
}

void aerie_pool_lend(struct aerie_mem *mem, long pages, bool taken)
{
	long lent = atomic_long_read(&mem->lent), most = lent_at_most(mem, taken);

	/* What others do to it meanwhile may be lost: it is a bound in either case. */
	if (pages > 0 && lent < most)
		atomic_long_set(&mem->lent, min(lent + pages, most));
}

void aerie_pool_forget(void)
{
	atomic_long_set(&asked, 0);
}

void aerie_pool_stuck(void)
{
	atomic_inc(&stucks);
}

/* A VM that has waited in vain from beginning to end of an attempt waits no more. */
static int starve(struct aerie_mem *mem)
{
	struct aerie_starving *starving = &mem->starving;

	if (!starving->is) {
		starving->stucks = atomic_read(&stucks);
		starving->since = jiffies;
		starving->is = true;
	}
	aerie_pool_wake();
	aerie_pool_wait(WAIT_MS);
	if (atomic_read(&stucks) - starving->stucks >= 2 ||
	    time_after(jiffies, starving->since + STARVED_SECS * HZ))
		return -ENOMEM;
	return -EAGAIN;
}

int aerie_pool_room(struct aerie_mem *mem)
{
	if (likely(!READ_ONCE(aerie_pool_limited)) || fits(mem, 1))
		return 0;
	return starve(mem);
}

static void ask(atomic_long_t *of, unsigned long pages)
{
	if (atomic_long_read(of) < (long)pages)
		atomic_long_set(of, pages);
	aerie_pool_wake();
}

int aerie_pool_failed(struct aerie_mem *mem)
{
	ask(&mem->asked, FAILED_PAGES);
	return starve(mem);
}

void aerie_pool_ask(unsigned long pages)
{
	WRITE_ONCE(lately, jiffies + LATELY_SECS * HZ);
	ask(&asked, pages);
}

bool aerie_pool_asked_lately(void)
{
	return time_after(READ_ONCE(lately), jiffies);
}
