// SPDX-License-Identifier: GPL-2.0
/*
 * Origins: a guest's disks, as far as its memory has what they have.
 *
 * A page that has been read from a disk, or written to it, can leave memory without being
 * written anywhere: it can be read from there again. Which page of a disk it was is
 * remembered by gfn. Nothing of that is believed: what is about to leave is compared
 * (origin_leave.c).
 *
 * From then on the page of the disk is needed, and an origin knows what has left for which.
 * Who is about to write to the disk says so first, and has it come back; as long as he is at it
 * nothing leaves for the part of the disk that it is in (STRIPE_PAGES), and what was compared
 * before does not count.
 *
 * A disk may go while the guest runs: all comes back, as far as it can be read. What has not
 * come back cannot be read any more, and keeps the origin.
 *
 * Locks: origin->lock (mutex) is for what leaves: it has left when that is free. origin->io
 * (rw_semaphore) keeps the disk for who reads. origins_lock (spinlock) is for which disks a VM
 * has.
 */
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>
#include "mm/map.h"
#include "mm/origin.h"
#include "mm/pool.h"
#include "mm/swap.h"

#define STRIPES		64u
#define STRIPE_PAGES	256u
#define BACK_TRIES	1000u	/* to have all come back, where there is no memory for it */
#define KNOWN_AT_BITS	32	/* of what is remembered: the page; above it whose */

/* A part of the disk, and all that are as many STRIPES away. */
struct stripe {
	atomic_t writers;
	atomic_t seq;		/* writers that have begun */
};

/**
 * struct aerie_origin - a disk of a VM
 * @ref: who has it, the disk, and each page that has left for it
 * @mem: the VM's memory
 * @id: it is mem->origins[id]
 * @lock: what leaves memory for it does so under this lock; @closed
 * @closed: nothing leaves for it any more
 * @io: who reads has it, so that the disk stays
 * @at: where on which file a page of the disk is; NULL when the disk is gone
 * @disk: for @at
 * @left: by page of the disk: the gfn of what has left memory for it
 * @stripes: who writes to it
 */
struct aerie_origin {
	struct kref ref;
	struct aerie_mem *mem;
	unsigned int id;
	struct mutex lock;
	bool closed;
	struct rw_semaphore io;
	aerie_origin_at at;
	void *disk;
	struct xarray left;
	struct stripe stripes[STRIPES];
};

static DEFINE_SPINLOCK(origins_lock);

/* ---- What is known ------------------------------------------------------------------ */

bool aerie_origin_wanted(const struct aerie_origin *origin)
{
	return origin && (READ_ONCE(aerie_pool_limited) || aerie_pool_asked_lately());
}

/* What is remembered of a page that is @origin's page @at. */
static void *known(const struct aerie_origin *origin, u32 at)
{
	return xa_mk_value((u64)origin->id << KNOWN_AT_BITS | at);
}

void aerie_origin_same(struct aerie_origin *origin, gpa_t gpa, u64 pos, u32 pages)
{
	struct aerie_mem *mem = origin->mem;
	struct mem_cgroup *memcg = set_active_memcg(mem->memcg);
	gfn_t gfn = gpa >> PAGE_SHIFT;
	u64 at = pos >> PAGE_SHIFT;

	for (; pages && at <= U32_MAX; pages--, gfn++, at++)
		xa_store(&mem->known, gfn, known(origin, at), GFP_KERNEL | __GFP_NOWARN);
	set_active_memcg(memcg);
}

void aerie_origin_differs(struct aerie_origin *origin, u32 at, gfn_t gfn)
{
	xa_cmpxchg(&origin->mem->known, gfn, known(origin, at), NULL, 0);
}

void aerie_origin_forget(struct aerie_mem *mem)
{
	xa_destroy(&mem->known);
}

static void origin_release(struct kref *ref)
{
	struct aerie_origin *origin = container_of(ref, struct aerie_origin, ref);

	xa_destroy(&origin->left);
	kfree(origin);
}

void aerie_origin_put(struct aerie_origin *origin)
{
	kref_put(&origin->ref, origin_release);
}

struct aerie_origin *aerie_origin_of(struct aerie_mem *mem, gfn_t gfn, u32 *at)
{
	void *found = xa_load(&mem->known, gfn);
	struct aerie_origin *origin;

	if (!found)
		return NULL;
	*at = xa_to_value(found);
	spin_lock(&origins_lock);
	origin = mem->origins[xa_to_value(found) >> KNOWN_AT_BITS];
	if (origin)
		kref_get(&origin->ref);
	spin_unlock(&origins_lock);
	return origin;
}

/* ---- Reading ------------------------------------------------------------------------ */

/* Add page @at to @parts, of which there are @nr. Returns how many there are then, or 0. */
static unsigned int part_add(struct aerie_origin *origin, struct aerie_swap_part *parts,
			     unsigned int nr, u32 at)
{
	const u64 pos = (u64)at << PAGE_SHIFT;
	struct aerie_swap_part *last = parts + nr - 1;
	u64 len = PAGE_SIZE;
	struct file *file = origin->at(origin->disk, pos, &len);

	if (!file || len < PAGE_SIZE)
		return 0;
	if (nr && last->file == file && last->pos + last->nr * PAGE_SIZE == pos) {
		last->nr++;
		return nr;
	}
	parts[nr] = (struct aerie_swap_part){ .file = file, .pos = pos, .nr = 1 };
	return nr + 1;
}

int aerie_origin_read(struct aerie_origin *origin, const u32 *at, struct page *const *pages,
		      unsigned int nr)
{
	struct aerie_swap_part parts[AERIE_SWAP_READ];
	unsigned int i, nr_parts = 0;
	int err;
	u64 took;

	down_read(&origin->io);
	err = origin->at ? 0 : -EIO;
	for (i = 0; !err && i < nr; i++) {
		nr_parts = part_add(origin, parts, nr_parts, at[i]);
		if (!nr_parts)
			err = -ENOENT;
	}
	if (!err && aerie_swap_io_read(parts, nr_parts, pages, &took))
		err = -EIO;
	up_read(&origin->io);
	return err;
}

/* ---- Leaving ------------------------------------------------------------------------ */

static struct stripe *stripe_of(struct aerie_origin *origin, u64 at)
{
	return &origin->stripes[at / STRIPE_PAGES % STRIPES];
}

bool aerie_origin_quiet(struct aerie_origin *origin, u32 at, unsigned int *seq)
{
	struct stripe *stripe = stripe_of(origin, at);

	*seq = atomic_read(&stripe->seq);
	smp_mb();	/* pairs with aerie_origin_write_begin() */
	return !atomic_read(&stripe->writers);
}

void aerie_origin_lock(struct aerie_origin *origin)
{
	mutex_lock(&origin->lock);
}

void aerie_origin_unlock(struct aerie_origin *origin)
{
	mutex_unlock(&origin->lock);
}

bool aerie_origin_take(struct aerie_origin *origin, u32 at, unsigned int seq, gfn_t gfn)
{
	struct mem_cgroup *memcg;
	unsigned int now;
	int err;

	if (origin->closed)
		return false;
	memcg = set_active_memcg(origin->mem->memcg);
	err = xa_insert(&origin->left, at, xa_mk_value(gfn), GFP_KERNEL | __GFP_NOWARN);
	set_active_memcg(memcg);
	if (err)
		return false;
	smp_mb();	/* pairs with aerie_origin_write_begin(): who begins now sees it */
	if (!aerie_origin_quiet(origin, at, &now) || now != seq) {
		xa_erase(&origin->left, at);
		return false;
	}
	kref_get(&origin->ref);
	return true;
}

void aerie_origin_give(struct aerie_origin *origin, u32 at)
{
	xa_erase(&origin->left, at);
	aerie_origin_put(origin);
}

/* ---- Coming back -------------------------------------------------------------------- */

/* The gfn of what has left for a page from *@at on, up to @last. What is leaving has left. */
static bool next_left(struct aerie_origin *origin, unsigned long *at, unsigned long last, gfn_t *gfn)
{
	void *found;

	mutex_lock(&origin->lock);
	found = xa_find(&origin->left, at, last, XA_PRESENT);
	mutex_unlock(&origin->lock);
	if (found)
		*gfn = xa_to_value(found);
	return found;
}

/*
 * All that has left for pages @at to @last comes back, as the disk is @taken away or they are
 * written. What cannot be read stays where it is and is lost, which is found when it is needed.
 * Returns 0 or -ENOMEM.
 */
static int bring_back(struct aerie_origin *origin, unsigned long at, unsigned long last, bool taken)
{
	atomic_long_t *there = &origin->mem->on_disk;
	int err = 0, entered;
	long had;
	gfn_t gfn;

	while (err != -ENOMEM && at <= last && next_left(origin, &at, last, &gfn)) {
		had = atomic_long_read(there);
		entered = aerie_map_enter();
		err = aerie_map_load(origin->mem, gfn, GFP_KERNEL);
		aerie_map_leave(entered);
		aerie_pool_lend(origin->mem, had - atomic_long_read(there), taken);
		/* Else it is looked for again: somebody may be about to free it. */
		if (err == -EIO)
			at++;
		cond_resched();
	}
	return err == -ENOMEM ? err : 0;
}

/* The stripes of @len bytes at @pos, the first and how many; they follow each other in a ring. */
static unsigned int stripes_of(u64 pos, u64 len, u64 *first)
{
	*first = pos / PAGE_SIZE / STRIPE_PAGES;
	return min_t(u64, (pos + len - 1) / PAGE_SIZE / STRIPE_PAGES - *first + 1, STRIPES);
}

int aerie_origin_write_begin(struct aerie_origin *origin, u64 pos, u64 len)
{
	unsigned int i, nr;
	u64 first;
	int err;

	if (!origin || !len)
		return 0;
	nr = stripes_of(pos, len, &first);
	for (i = 0; i < nr; i++) {
		struct stripe *stripe = &origin->stripes[(first + i) % STRIPES];

		atomic_inc(&stripe->writers);
		smp_mb__after_atomic();	/* pairs with aerie_origin_quiet() */
		atomic_inc(&stripe->seq);
	}
	smp_mb__after_atomic();		/* pairs with aerie_origin_take() */
	if (likely(xa_empty(&origin->left)))
		return 0;
	err = bring_back(origin, pos / PAGE_SIZE, (pos + len - 1) / PAGE_SIZE, false);
	if (err)
		aerie_origin_write_end(origin, pos, len);
	return err;
}

void aerie_origin_write_end(struct aerie_origin *origin, u64 pos, u64 len)
{
	unsigned int i, nr;
	u64 first;

	if (!origin || !len)
		return;
	nr = stripes_of(pos, len, &first);
	smp_mb__before_atomic();	/* it has been written */
	for (i = 0; i < nr; i++)
		atomic_dec(&origin->stripes[(first + i) % STRIPES].writers);
}

/* ---- Disks -------------------------------------------------------------------------- */

struct aerie_origin *aerie_origin_open(struct aerie_mem *mem, aerie_origin_at at, void *disk)
{
	struct aerie_origin *origin = kzalloc(sizeof(*origin), GFP_KERNEL_ACCOUNT);
	unsigned int id;

	if (!origin)
		return NULL;
	kref_init(&origin->ref);
	mutex_init(&origin->lock);
	init_rwsem(&origin->io);
	xa_init_flags(&origin->left, XA_FLAGS_ACCOUNT);
	origin->mem = mem;
	origin->at = at;
	origin->disk = disk;
	spin_lock(&origins_lock);
	for (id = 0; id < AERIE_ORIGINS && mem->origins[id]; id++)
		;
	origin->id = id;
	if (id < AERIE_ORIGINS)
		mem->origins[id] = origin;
	spin_unlock(&origins_lock);
	if (id < AERIE_ORIGINS)
		return origin;
	kfree(origin);
	return NULL;
}

void aerie_origin_close(struct aerie_origin *origin, bool goes_on)
{
	unsigned int tries;

	if (!origin)
		return;
	mutex_lock(&origin->lock);
	origin->closed = true;
	mutex_unlock(&origin->lock);
	for (tries = BACK_TRIES; goes_on && tries && bring_back(origin, 0, ULONG_MAX, true); tries--)
		schedule_timeout_idle(1);
	spin_lock(&origins_lock);
	origin->mem->origins[origin->id] = NULL;
	spin_unlock(&origins_lock);
	down_write(&origin->io);
	origin->at = NULL;
	origin->disk = NULL;
	up_write(&origin->io);
	aerie_origin_put(origin);
}
