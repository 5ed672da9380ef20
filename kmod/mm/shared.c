// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that several gfns hold, found by their content's hash.
 *
 * One has a reference to its page and a count of holders; with the last holder it leaves
 * the table, and the page its reference, when nobody can look at it any more. No two of a
 * group have the same hash: content that collides with another's is not shared.
 *
 * Locks: shared_lock (spinlock) protects the table. Nothing is taken inside it, nor is it
 * inside mem->lock; no handler of interrupts takes it.
 */
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "mm/map.h"

#define BUCKET_BITS	14

static struct hlist_head *buckets;
static DEFINE_SPINLOCK(shared_lock);

int aerie_shared_init(void)
{
	buckets = kvcalloc(1u << BUCKET_BITS, sizeof(*buckets), GFP_KERNEL);
	return buckets ? 0 : -ENOMEM;
}

void aerie_shared_exit(void)
{
	rcu_barrier();
	aerie_mem_after_barrier();
	kvfree(buckets);
	buckets = NULL;
}

static struct hlist_head *bucket(u64 hash)
{
	return &buckets[hash_64(hash, BUCKET_BITS)];
}

static struct aerie_shared *find(const struct aerie_group *group, u64 hash)
{
	struct aerie_shared *shared;

	hlist_for_each_entry(shared, bucket(hash), node)
		if (shared->hash == hash && shared->group == group)
			return shared;
	return NULL;
}

struct aerie_shared *aerie_shared_make(const struct aerie_group *group, u64 hash,
				       struct page *page)
{
	struct aerie_shared *shared = kzalloc(sizeof(*shared), GFP_KERNEL | __GFP_NOWARN);
	bool known;

	if (!shared)
		return NULL;
	shared->page = page;
	shared->hash = hash;
	shared->group = group;
	refcount_set(&shared->holders, 1);
	spin_lock(&shared_lock);
	known = find(group, hash);
	if (!known)
		hlist_add_head(&shared->node, bucket(hash));
	spin_unlock(&shared_lock);
	if (known) {
		kfree(shared);
		return NULL;
	}
	set_page_private(page, (unsigned long)shared);
	return shared;
}

struct aerie_shared *aerie_shared_find(const struct aerie_group *group, u64 hash)
{
	struct aerie_shared *shared;

	spin_lock(&shared_lock);
	shared = find(group, hash);
	if (shared)
		refcount_inc(&shared->holders);
	spin_unlock(&shared_lock);
	return shared;
}

struct aerie_shared *aerie_shared_get(struct page *page)
{
	struct aerie_shared *shared = aerie_shared_of(page);

	return refcount_inc_not_zero(&shared->holders) ? shared : NULL;
}

void aerie_shared_rehash(struct aerie_shared *shared, u64 hash)
{
	spin_lock(&shared_lock);
	if (!find(shared->group, hash)) {
		hlist_del(&shared->node);
		shared->hash = hash;
		hlist_add_head(&shared->node, bucket(hash));
	}
	spin_unlock(&shared_lock);
}

static void shared_free_late(struct rcu_head *rcu)
{
	struct aerie_shared *shared = container_of(rcu, struct aerie_shared, rcu);

	aerie_frame_put(shared->page);
	kfree(shared);
}

/* Nobody who copies looks at it any more, but those may who hold memory. */
static void shared_free(struct rcu_head *rcu)
{
	aerie_mem_after_holders(rcu, shared_free_late);
}

void aerie_shared_put(struct aerie_shared *shared)
{
	if (!refcount_dec_and_lock(&shared->holders, &shared_lock))
		return;
	__acquire(&shared_lock);	/* sparse does not see that it has been */
	hlist_del(&shared->node);
	spin_unlock(&shared_lock);
	call_rcu(&shared->rcu, shared_free);
}
