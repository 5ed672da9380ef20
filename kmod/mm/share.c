// SPDX-License-Identifier: GPL-2.0
/*
 * Duplicate detection: gfns with the same content are given one frame.
 *
 * A batch walks on over the maps of all VMs, one pass after the other. At a frame's first
 * visit it is only noted that it was seen. If the next finds that nobody has written to it
 * since it is hashed, once, for as long as it stays so: what stands still costs nothing
 * but the look, and what changes all the time is never hashed. The hash is kept in the
 * private field of the frame's page, and looked up among the shared frames and in a table
 * of hints, which says where that hash was seen last: a hint may be wrong, or overwritten
 * by another. Hashes are seeded by the sharing group, so that groups cannot meet.
 *
 * A hash is that of a sample of the page (hash_sample()), a tenth of the work. Where two
 * turn out to differ with the same sample, it is noted that this one tells nothing, and
 * pages that have it are hashed whole.
 *
 * What has a twin goes through the rest of the batch together: frames are held, a grace
 * period passes, the nested tables are made read-only and flushed; then, when nothing can
 * change unnoticed, the contents are compared byte by byte, and only now one frame takes
 * the place of the other (map.c says how a write ends that at any point). After a last
 * flush and grace period the frames that nobody holds any more are freed.
 *
 * What disks have read from the same place is likely to be equal, and they tell so (told.c):
 * of each page the place is a hash, too, and leads to a hint. Where that is good, by a sample
 * of both, the two go through a batch at once, with neither visits nor a hash of their content.
 *
 * A 2 MiB frame is hashed in pages of 4 KiB and split where enough of them have twins. One
 * that is written all the time is looked into every few passes: it may be one page of it
 * that is, and the others have twins.
 * Pages that somebody has pinned have more references than the map's; they are left alone.
 *
 * Locks: share_lock (mutex) protects the lists of memories and groups and is held over a
 * batch; whoever clears a map takes it, so that a batch can rely on what it walks over. It
 * is taken inside vm->lock, and mem->lock and shared_lock inside it.
 */
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/xxhash.h>
#include "mm/map.h"
#include "mm/reclaim.h"
#include "mm/share.h"

static unsigned int share_split = 64;
module_param(share_split, uint, 0644);
MODULE_PARM_DESC(share_split, "of the 512 pages in 2 MiB, how many have to be duplicates for it to be split");

#define BATCH_LEAVES	512u	/* frames of 4 KiB looked at in a batch */
#define BATCH_TWINS	1024u	/* those held; a leaf may bring its hint's along */
#define RESCHED_PAGES	32u	/* looked at without asking who else wants the processor */
#define HINT_WAYS	4u
#define PROBE_PASSES	8u	/* as often are frames looked into that never stand still */
#define TWIN_SLOTS	(2 * BATCH_TWINS)
#define HASH_ZERO	0ull	/* of a page of zeroes */
#define HASH_WHOLE	1ull	/* set in that of a whole page, clear in that of a sample, */
#define HASH_SAMPLE	2ull	/* in which this is set; both clear in that of a place */
#define SAMPLE_WORDS	12u
#define SAMPLE_STEP	43u	/* words: one a 344 bytes, each time at another offset */
#define PAGE_WORDS	(PAGE_SIZE / sizeof(u64))
#define VAGUE_SLOTS	1024u
#define LARGE_CHANGED	16u	/* pages, so many as a frame of 2 MiB that has been written to */

struct aerie_group {
	struct list_head node;
	char name[AERIE_GROUP_LEN];	/* or "": of one VM alone */
	unsigned int members;
	u64 seed;
};

/* Where a hash was seen. */
struct hint {
	u64 hash;
	struct aerie_mem *mem;
	gfn_t gfn;
};

/* A frame that is held, and what it is thought to equal. */
struct twin {
	struct aerie_mem *mem;
	struct aerie_leaf leaf;
	u64 hash;
	bool zero;			/* zeroes, */
	struct aerie_shared *found;	/* or a shared frame, of which this is a holder, */
	struct twin *other;		/* or another that is held */
	struct aerie_shared *made;	/* what its own frame has become for others */
	struct page *old;		/* has been replaced, is to be freed */
	bool dropped;			/* it is not what it was thought to be */
	bool flush;
};

static LIST_HEAD(mems);
static LIST_HEAD(groups);
static DEFINE_MUTEX(share_lock);

/* All under share_lock. */
static struct hint *hints;
static size_t nr_hints;			/* a power of 2 */
static struct twin *twins;
static unsigned int nr_twins;
static u16 twin_slots[TWIN_SLOTS];	/* 1 + index, found by memory and gfn; 0: empty */
static u64 vague[VAGUE_SLOTS];		/* hashes of samples that differing pages have had */
static struct aerie_mem *at_mem;	/* where the pass is; NULL: at its start */
static gfn_t at_gfn;
static unsigned int pass;
static unsigned long pass_looked, pass_changed;	/* pages, of the pass */

/* ---- Groups and members ---------------------------------------------------------- */

static struct aerie_group *group_get(const char *name)
{
	struct aerie_group *group;

	list_for_each_entry(group, &groups, node) {
		if (*name && !strcmp(group->name, name)) {
			group->members++;
			return group;
		}
	}
	group = kzalloc(sizeof(*group), GFP_KERNEL);
	if (!group)
		return NULL;
	strscpy(group->name, name, sizeof(group->name));
	group->members = 1;
	get_random_bytes(&group->seed, sizeof(group->seed));
	list_add_tail(&group->node, &groups);
	return group;
}

/* The next in the list of memories, NULL behind the last. */
static struct aerie_mem *mem_next(struct aerie_mem *mem)
{
	if (mem->share_node.next == &mems)
		return NULL;
	return list_entry(mem->share_node.next, struct aerie_mem, share_node);
}

int aerie_share_join(struct aerie_mem *mem, const char *name)
{
	mutex_lock(&share_lock);
	mem->group = group_get(name);
	mem->told = *name;
	if (mem->group)
		list_add_tail(&mem->share_node, &mems);
	mutex_unlock(&share_lock);
	if (!mem->group)
		return -ENOMEM;
	aerie_share_wake();
	return 0;
}

void aerie_share_leave(struct aerie_mem *mem)
{
	size_t i;

	if (!mem->group)
		return;
	mutex_lock(&share_lock);
	if (at_mem == mem) {
		at_mem = mem_next(mem);
		at_gfn = 0;
	}
	aerie_reclaim_leave(mem);
	aerie_age_leave(mem);
	aerie_collapse_leave(mem);
	aerie_swap_leave(mem);
	aerie_told_leave(mem);
	list_del(&mem->share_node);
	for (i = 0; i < nr_hints; i++)
		if (hints[i].mem == mem)
			hints[i].mem = NULL;
	if (!--mem->group->members) {
		list_del(&mem->group->node);
		kfree(mem->group);
	}
	mem->group = NULL;
	mutex_unlock(&share_lock);
}

struct aerie_mem *aerie_share_next(struct aerie_mem *mem)
{
	lockdep_assert_held(&share_lock);
	return mem ? mem_next(mem) : list_first_entry_or_null(&mems, struct aerie_mem, share_node);
}

bool aerie_share_idle(void)
{
	return list_empty(&mems);
}

void aerie_share_lock(void)
{
	mutex_lock(&share_lock);
}

void aerie_share_unlock(void)
{
	mutex_unlock(&share_lock);
}

/* ---- Hints -------------------------------------------------------------------------- */

static struct hint *hint_bucket(u64 hash)
{
	return &hints[hash & (nr_hints - 1) & ~(size_t)(HINT_WAYS - 1)];
}

static void hint_add(struct aerie_mem *mem, gfn_t gfn, u64 hash)
{
	struct hint *way = hint_bucket(hash), *to = &way[hash >> 62];
	unsigned int i;

	for (i = 0; i < HINT_WAYS; i++) {
		if (!way[i].mem || way[i].hash == hash) {
			to = &way[i];
			break;
		}
	}
	*to = (struct hint){ .hash = hash, .mem = mem, .gfn = gfn };
}

/*
 * As many as there are pages, and once more for places; without memory it is done with fewer.
 * Those of places nobody would tell again.
 */
static void hints_size(void)
{
	struct hint *old = hints, *bigger;
	size_t pages = 1024, nr = nr_hints, i;
	struct aerie_mem *mem;

	list_for_each_entry(mem, &mems, share_node)
		pages += atomic_long_read(&mem->resident) << !!READ_ONCE(mem->ring);
	pages = roundup_pow_of_two(pages);
	if (pages <= nr_hints && pages >= nr_hints / 8)
		return;
	bigger = kvcalloc(pages, sizeof(*hints), GFP_KERNEL | __GFP_NOWARN);
	if (!bigger)
		return;
	hints = bigger;
	nr_hints = pages;
	for (i = 0; i < nr; i++) {
		if (old[i].mem)
			hint_add(old[i].mem, old[i].gfn, old[i].hash);
		if (i % 1024 == 0)
			cond_resched();
	}
	kvfree(old);
}

/* That of a place, and not of what is there? */
static bool is_place(u64 hash)
{
	return hash != HASH_ZERO && !(hash & (HASH_WHOLE | HASH_SAMPLE));
}

static bool is_zero(const struct aerie_leaf *leaf)
{
	return leaf->page && leaf->page == aerie_frame_zero(leaf->large);
}

/* By a sample. */
static bool alike(const struct page *a, const struct page *b)
{
	const u64 *x = page_address(a), *y = page_address(b);
	unsigned int i, at;

	for (i = 0; i < SAMPLE_WORDS; i++) {
		at = i * SAMPLE_STEP % PAGE_WORDS;
		if (x[at] != y[at])
			return false;
	}
	return true;
}

/*
 * Is page @i of a frame good for a hint: has it had @hash and not been written since; or, where
 * that is a place's, is it, whoever may hold it, like @page?
 */
static bool hint_good(const struct aerie_leaf *leaf, unsigned int i, u64 hash,
		      const struct page *page)
{
	bool is;

	if (!is_place(hash))
		return aerie_map_has_hash(leaf) && page_private(leaf->page + i) == hash;
	rcu_read_lock();
	is = (leaf->own || is_zero(leaf) || aerie_map_shared(leaf)) && alike(leaf->page + i, page);
	rcu_read_unlock();
	return is;
}

/* Where else @hash was seen, if that is still good; not at @gfn itself, where @page is. */
static struct aerie_mem *hint_find(const struct aerie_mem *mem, gfn_t gfn, u64 hash,
				   const struct page *page, struct aerie_leaf *leaf)
{
	struct hint *way = hint_bucket(hash);
	unsigned int i, at;

	for (i = 0; i < HINT_WAYS; i++) {
		struct hint *hint = &way[i];

		if (!hint->mem || hint->hash != hash || hint->mem->group != mem->group ||
		    (hint->mem == mem && hint->gfn == gfn))
			continue;
		if (!aerie_map_next(hint->mem, hint->gfn, leaf) || leaf->gfn > hint->gfn)
			continue;
		at = hint->gfn - leaf->gfn;
		if (!hint_good(leaf, at, hash, page))
			continue;
		leaf->gfn = hint->gfn;
		return hint->mem;
	}
	return NULL;
}

/* Has anybody else of the group been seen with @hash? That may have been long ago. */
static bool hint_any(const struct aerie_mem *mem, gfn_t gfn, u64 hash)
{
	const struct hint *way = hint_bucket(hash);
	unsigned int i;

	for (i = 0; i < HINT_WAYS; i++)
		if (way[i].mem && way[i].hash == hash && way[i].mem->group == mem->group &&
		    (way[i].mem != mem || way[i].gfn != gfn))
			return true;
	return false;
}

/* ---- Collecting --------------------------------------------------------------------- */

static u64 hash_whole(const struct aerie_group *group, const void *kaddr)
{
	return xxh64(kaddr, PAGE_SIZE, group->seed) | HASH_WHOLE;
}

/* HASH_ZERO where there is nothing but zeroes. */
static u64 hash_sample(const struct aerie_group *group, const u64 *words)
{
	u64 sample[SAMPLE_WORDS], any = 0;
	unsigned int i;

	for (i = 0; i < SAMPLE_WORDS; i++) {
		sample[i] = words[i * SAMPLE_STEP % PAGE_WORDS];
		any |= sample[i];
	}
	return any ? (xxh64(sample, sizeof(sample), group->seed) | HASH_SAMPLE) & ~HASH_WHOLE :
		     HASH_ZERO;
}

static u64 hash_place(const struct aerie_group *group, u64 key)
{
	return (xxh64(&key, sizeof(key), group->seed) & ~(HASH_SAMPLE | HASH_WHOLE)) ?: 1ull << 63;
}

static u64 *vague_slot(u64 hash)
{
	return &vague[(hash >> 2) % VAGUE_SLOTS];
}

static bool is_vague(u64 hash)
{
	return hash && *vague_slot(hash) == hash;
}

static u64 page_hash(const struct aerie_mem *mem, struct page *page)
{
	const void *kaddr = page_address(page);
	u64 hash = hash_sample(mem->group, kaddr);

	if (hash == HASH_ZERO && !memchr_inv(kaddr, 0, PAGE_SIZE))
		return HASH_ZERO;
	return hash == HASH_ZERO || is_vague(hash) ? hash_whole(mem->group, kaddr) : hash;
}

static void page_rehash(struct aerie_mem *mem, struct page *page)
{
	set_page_private(page, page_hash(mem, page));
	atomic_long_inc(&mem->hashed);
}

/* @page, whose hash is @hash, equals not all that have it. @shared is its frame, if any. */
static void hash_refine(const struct aerie_group *group, u64 hash, struct aerie_shared *shared)
{
	if (!(hash & HASH_SAMPLE) || hash & HASH_WHOLE)
		return;
	*vague_slot(hash) = hash;
	if (shared)
		aerie_shared_rehash(shared, hash_whole(group, page_address(shared->page)));
}

static unsigned int twin_slot(const struct aerie_mem *mem, gfn_t gfn)
{
	return hash_64((u64)(uintptr_t)mem + gfn, ilog2(TWIN_SLOTS));
}

static struct twin *twin_hold(struct aerie_mem *mem, struct aerie_leaf *leaf, u64 hash)
{
	struct twin *twin = &twins[nr_twins];
	unsigned int at = twin_slot(mem, leaf->gfn);

	if (!twins || nr_twins == BATCH_TWINS || !aerie_map_hold(leaf))
		return NULL;
	while (twin_slots[at])
		at = (at + 1) % TWIN_SLOTS;
	twin_slots[at] = ++nr_twins;
	*twin = (struct twin){ .mem = mem, .leaf = *leaf, .hash = hash };
	return twin;
}

/* One that is held already. */
static struct twin *twin_find(const struct aerie_mem *mem, gfn_t gfn)
{
	unsigned int at = twin_slot(mem, gfn);
	struct twin *twin;

	for (; twin_slots[at]; at = (at + 1) % TWIN_SLOTS) {
		twin = &twins[twin_slots[at] - 1];
		if (twin->mem == mem && twin->leaf.gfn == gfn)
			return twin;
	}
	return NULL;
}

/* The other of a hint, held. */
static struct twin *twin_other(struct aerie_mem *mem, struct aerie_leaf *leaf, u64 hash)
{
	struct twin *twin = twin_find(mem, leaf->gfn);
	gfn_t gfn = leaf->gfn;

	if (twin)
		return twin;
	if (leaf->large && (aerie_map_split(mem, leaf) || !aerie_map_next(mem, gfn, leaf) ||
			    leaf->gfn != gfn || !leaf->own ||
			    !(is_place(hash) || aerie_map_has_hash(leaf))))
		return NULL;
	return page_count(leaf->page) == 1 ? twin_hold(mem, leaf, hash) : NULL;
}

/*
 * Hold a small frame and its hint's: both or none; the other one has a place of its own to be
 * found by.
 */
static void twins_hold(struct aerie_mem *mem, struct aerie_leaf *leaf, struct aerie_mem *with,
		       struct aerie_leaf *other, u64 hash)
{
	struct twin *twin;

	if (nr_twins + 2 > BATCH_TWINS)
		return;
	twin = twin_other(with, other, hash);
	if (twin && twin_hold(mem, leaf, hash))
		twins[nr_twins - 1].other = twin;
}

/* A small frame that has a hash: does anything equal it? */
static void leaf_match(struct aerie_mem *mem, struct aerie_leaf *leaf, u64 hash)
{
	struct aerie_shared *shared;
	struct aerie_leaf other;
	struct aerie_mem *with;
	struct twin *twin;

	if (hash == HASH_ZERO) {
		twin = twin_hold(mem, leaf, hash);
		if (twin)
			twin->zero = true;
		return;
	}
	shared = aerie_shared_find(mem->group, hash);
	if (shared) {
		twin = twin_hold(mem, leaf, hash);
		if (twin)
			twin->found = shared;
		else
			aerie_shared_put(shared);
		return;
	}
	with = hint_find(mem, leaf->gfn, hash, leaf->page, &other);
	if (with)
		twins_hold(mem, leaf, with, &other, hash);
	else
		hint_add(mem, leaf->gfn, hash);
}

static void small_look(struct aerie_mem *mem, struct aerie_leaf *leaf, bool *flush)
{
	switch (aerie_map_look(mem, leaf, flush)) {
	case AERIE_SEEN_WRITTEN:
		pass_changed++;
		return;
	case AERIE_SEEN_STILL:
		pass_changed++;
		if (page_count(leaf->page) != 1)
			return;
		page_rehash(mem, leaf->page);
		if (!aerie_map_hashed(leaf))
			return;
		break;
	case AERIE_SEEN_HASHED:
		if (page_count(leaf->page) != 1)
			return;
		if (is_vague(page_private(leaf->page)))
			page_rehash(mem, leaf->page);
		break;
	}
	leaf_match(mem, leaf, page_private(leaf->page));
}

static bool has_twin(struct aerie_mem *mem, gfn_t gfn, u64 hash)
{
	struct aerie_shared *shared;
	struct aerie_leaf other;

	if (hash == HASH_ZERO)
		return true;
	shared = aerie_shared_find(mem->group, hash);
	if (shared)
		aerie_shared_put(shared);
	return shared || hint_find(mem, gfn, hash, NULL, &other);
}

/* Would it pay to split a 2 MiB frame that changes while it is looked into? */
static bool large_probe(struct aerie_mem *mem, const struct aerie_leaf *leaf)
{
	struct aerie_shared *shared;
	unsigned int i, found = 0;
	gfn_t gfn = leaf->gfn;
	u64 hash;

	for (i = 0; i < AERIE_LARGE_PAGES; i++, gfn++) {
		hash = page_hash(mem, leaf->page + i);
		shared = hash == HASH_ZERO ? NULL : aerie_shared_find(mem->group, hash);
		if (shared)
			aerie_shared_put(shared);
		if (hash == HASH_ZERO || shared || hint_any(mem, gfn, hash))
			found++;
		else
			hint_add(mem, gfn, hash);
		if (i % RESCHED_PAGES == 0)
			cond_resched();
	}
	atomic_long_add(AERIE_LARGE_PAGES, &mem->hashed);
	return found && found >= READ_ONCE(share_split);
}

/* Returns true where it has been split: its pages are to be looked at then. */
static bool large_look(struct aerie_mem *mem, struct aerie_leaf *leaf, bool *flush)
{
	enum aerie_seen seen = aerie_map_look(mem, leaf, flush);
	unsigned int i, found = 0;

	if (seen != AERIE_SEEN_HASHED)
		pass_changed += LARGE_CHANGED;
	if (seen == AERIE_SEEN_WRITTEN)
		return pass % PROBE_PASSES == 0 && large_probe(mem, leaf) &&
		       !aerie_map_split(mem, leaf);
	for (i = 0; i < AERIE_LARGE_PAGES; i++) {
		struct page *page = leaf->page + i;

		if (seen == AERIE_SEEN_STILL || is_vague(page_private(page)))
			page_rehash(mem, page);
		if (i % RESCHED_PAGES == 0)
			cond_resched();
		if (has_twin(mem, leaf->gfn + i, page_private(page)))
			found++;
		else
			hint_add(mem, leaf->gfn + i, page_private(page));
	}
	if (!aerie_map_hashed(leaf))
		return false;
	return found && found >= READ_ONCE(share_split) && !aerie_map_split(mem, leaf);
}

/* Look at the next frames. Returns false at the end of a pass. */
static bool collect(void)
{
	struct aerie_leaf leaf;
	unsigned int looked = 0;
	bool flush = false, more;

	if (!at_mem) {
		hints_size();
		if (!nr_hints)
			return false;
		at_mem = list_first_entry(&mems, struct aerie_mem, share_node);
		at_gfn = 0;
		pass++;
		pass_looked = 0;
		pass_changed = 0;
	}
	more = aerie_map_next(at_mem, at_gfn, &leaf);
	while (more && looked < BATCH_LEAVES && nr_twins + 2 <= BATCH_TWINS) {
		at_gfn = leaf.gfn + (leaf.large ? AERIE_LARGE_PAGES : 1);
		looked += leaf.large ? AERIE_LARGE_PAGES : 1;
		if (leaf.own && !leaf.large) {
			small_look(at_mem, &leaf, &flush);
		} else if (leaf.own && large_look(at_mem, &leaf, &flush)) {
			at_gfn = leaf.gfn;
			more = aerie_map_next(at_mem, at_gfn, &leaf);
			continue;
		}
		more = aerie_map_after(at_mem, &leaf);
		if (looked % RESCHED_PAGES == 0)
			cond_resched();
	}
	pass_looked += looked;
	if (flush)
		aerie_mem_flush(at_mem);
	if (!looked) {
		at_mem = mem_next(at_mem);
		at_gfn = 0;
	}
	return at_mem;
}

/* ---- Of what has been told ------------------------------------------------------------ */

/* A small frame that was read from the place @hash: is there another of these? */
static void place_match(struct aerie_mem *mem, struct aerie_leaf *leaf, u64 hash)
{
	struct aerie_leaf other;
	struct aerie_mem *with;
	struct twin *twin;

	with = hint_find(mem, leaf->gfn, hash, leaf->page, &other);
	if (!with) {
		hint_add(mem, leaf->gfn, hash);
		return;
	}
	if (other.own) {
		twins_hold(mem, leaf, with, &other, hash);
		return;
	}
	twin = twin_hold(mem, leaf, hash);
	if (!twin)
		return;
	twin->zero = is_zero(&other);
	rcu_read_lock();
	if (aerie_map_shared(&other))
		twin->found = aerie_shared_get(other.page);
	rcu_read_unlock();
}

/* The same in a large frame: it is split where enough have been told that have twins. */
static void place_large(const struct aerie_told *told, const struct aerie_leaf *leaf, u64 hash)
{
	const struct page *page = leaf->page + (told->gfn - leaf->gfn);
	struct aerie_leaf other;
	unsigned int found;
	bool has;

	has = hint_find(told->mem, told->gfn, hash, page, &other);
	if (!has)
		hint_add(told->mem, told->gfn, hash);
	found = aerie_told_twin(told, has);
	if (has && found && found >= READ_ONCE(share_split) && !aerie_map_split(told->mem, leaf))
		aerie_told_again(told);
}

static void place_look(const struct aerie_told *told)
{
	u64 hash = hash_place(told->mem->group, told->key);
	struct aerie_leaf leaf;

	if (!aerie_map_next(told->mem, told->gfn, &leaf) || leaf.gfn > told->gfn)
		return;
	if (leaf.own && leaf.large)
		place_large(told, &leaf, hash);
	else if (leaf.own && page_count(leaf.page) == 1 && !twin_find(told->mem, told->gfn))
		place_match(told->mem, &leaf, hash);
	else if (aerie_map_shared(&leaf))
		hint_add(told->mem, told->gfn, hash);
}

/* Look at the next that have been told. Returns false where there are no more. */
static bool collect_told(void)
{
	struct aerie_told told;
	unsigned int looked;

	hints_size();
	for (looked = 0; looked < BATCH_LEAVES && nr_twins + 2 <= BATCH_TWINS; looked++) {
		if (!aerie_told_next(&told))
			return false;
		if (nr_hints)
			place_look(&told);
		if (looked % RESCHED_PAGES == 0)
			cond_resched();
	}
	return true;
}

/* ---- Comparing and sharing ------------------------------------------------------------ */

/* Written out, eight words for each question whether that was all. */
static bool same(struct page *a, struct page *b)
{
	const u64 *x = page_address(a), *y = page_address(b), *end = x + PAGE_WORDS;

	for (; x < end; x += 8, y += 8)
		if ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) |
		    (x[4] ^ y[4]) | (x[5] ^ y[5]) | (x[6] ^ y[6]) | (x[7] ^ y[7]))
			return false;
	return true;
}

/* Flush each memory of which a twin says so. */
static void twins_flush(void)
{
	unsigned int i, j;

	for (i = 0; i < nr_twins; i++) {
		for (j = 0; twins[i].flush && j < i; j++)
			if (twins[j].flush && twins[j].mem == twins[i].mem)
				break;
		if (twins[i].flush && j == i)
			aerie_mem_flush(twins[i].mem);
	}
}

/* From here on the content of what is still held does not change. */
static void twins_protect(void)
{
	struct twin *twin;
	bool written;

	synchronize_rcu();
	aerie_mem_wait_holders();
	for (twin = twins; twin < twins + nr_twins; twin++) {
		twin->flush = aerie_map_protect(twin->mem, &twin->leaf, &written);
		/* What has been read only now was mostly something else before. */
		twin->dropped = written && !is_place(twin->hash);
	}
	twins_flush();
	for (twin = twins; twin < twins + nr_twins; twin++)
		twin->dropped |= page_count(twin->leaf.page) != 1 || !aerie_map_held(&twin->leaf);
}

/* Let others hold the frame of a twin. Returns NULL where that cannot be. */
static struct aerie_shared *twin_open(struct twin *twin, u64 hash)
{
	if (twin->made)
		return twin->made;
	twin->made = aerie_shared_make(twin->mem->group, hash, twin->leaf.page);
	if (!twin->made)
		return NULL;
	if (aerie_map_share(twin->mem, &twin->leaf, twin->leaf.page)) {
		if (is_place(twin->hash))
			atomic_long_inc(&twin->mem->born);
		return twin->made;
	}
	/* Written at the last moment: the reference is the map's, as before. */
	aerie_frame_get(twin->leaf.page);
	aerie_shared_put(twin->made);
	twin->made = NULL;
	twin->dropped = true;
	return NULL;
}

static bool twin_replace(struct twin *twin, struct page *page)
{
	if (!aerie_map_share(twin->mem, &twin->leaf, page)) {
		twin->dropped = true;
		return false;
	}
	twin->old = twin->leaf.page;
	twin->flush = true;
	if (is_place(twin->hash)) {
		atomic_long_inc(&twin->mem->born);
		/* Who has read it last is likely to keep it. */
		hint_add(twin->mem, twin->leaf.gfn, twin->hash);
	}
	return true;
}

/* It is not what it was thought to be: the same as @shared, or as what is to be shared. */
static void twin_differs(struct twin *twin, struct aerie_shared *shared)
{
	twin->dropped = true;
	if (is_place(twin->hash))
		hint_add(twin->mem, twin->leaf.gfn, twin->hash);
	else
		hash_refine(twin->mem->group, twin->hash, shared);
}

static void twin_resolve(struct twin *twin);

/*
 * Two that are equal, by their place: their content is new to the scanner. Or there is a frame
 * of it already, of which they become holders; then false.
 */
static bool twins_new(struct twin *twin, struct twin *other, u64 *hash)
{
	*hash = page_hash(other->mem, other->leaf.page);
	if (*hash == HASH_ZERO) {
		twin->zero = true;
		other->zero = true;
	} else {
		other->found = aerie_shared_find(other->mem->group, *hash);
		if (!other->found)
			return true;
		twin->found = aerie_shared_find(twin->mem->group, *hash);
	}
	twin->other = NULL;
	twin_resolve(other);
	twin_resolve(twin);
	return false;
}

/* @twin and its other one. */
static void twins_join(struct twin *twin, struct twin *other)
{
	struct aerie_shared *shared;
	u64 hash = twin->hash;

	if (other->dropped || other->old)
		return;
	if (!same(twin->leaf.page, other->leaf.page)) {
		twin_differs(twin, other->made);
		other->dropped = !other->made;
		return;
	}
	if (is_place(hash) && !other->made && !twins_new(twin, other, &hash))
		return;
	shared = twin_open(other, hash);
	if (!shared)
		return;
	refcount_inc(&shared->holders);
	if (!twin_replace(twin, shared->page))
		aerie_shared_put(shared);
}

static void twin_resolve(struct twin *twin)
{
	struct page *page = twin->leaf.page;

	if (twin->dropped || twin->made)
		return;
	if (twin->zero) {
		if (memchr_inv(page_address(page), 0, PAGE_SIZE))
			twin->dropped = true;
		else
			twin_replace(twin, aerie_frame_zero(false));
	} else if (twin->found) {
		if (!same(page, twin->found->page)) {
			twin_differs(twin, twin->found);
		} else if (twin_replace(twin, twin->found->page)) {
			twin->found = NULL;	/* it is the gfn's now */
		}
	} else if (twin->other) {
		twins_join(twin, twin->other);
	}
}

static void twins_end(void)
{
	struct twin *twin;
	bool old = false;

	twins_flush();
	for (twin = twins; twin < twins + nr_twins; twin++) {
		old |= !!twin->old;
		if (twin->found)
			aerie_shared_put(twin->found);
		/* Whether it was written before it was told is known no longer. */
		if (!twin->old && !twin->made)
			aerie_map_unhold(&twin->leaf, twin->dropped || is_place(twin->hash));
	}
	if (old) {
		synchronize_rcu();
		aerie_mem_wait_holders();
	}
	for (twin = twins; twin < twins + nr_twins; twin++)
		if (twin->old)
			aerie_frame_put(twin->old);
}

static bool batch(bool (*collect_some)(void))
{
	struct twin *twin;
	bool more;

	lockdep_assert_held(&share_lock);
	if (!twins)
		twins = kvcalloc(BATCH_TWINS, sizeof(*twins), GFP_KERNEL | __GFP_NOWARN);
	if (list_empty(&mems))
		return false;
	nr_twins = 0;
	memset(twin_slots, 0, sizeof(twin_slots));
	more = collect_some();
	if (!nr_twins)
		return more;
	twins_protect();
	for (twin = twins; twin < twins + nr_twins; twin++)
		twin->flush = false;
	for (twin = twins; twin < twins + nr_twins; twin++) {
		twin_resolve(twin);
		cond_resched();
	}
	twins_end();
	return more;
}

bool aerie_share_batch(void)
{
	return batch(collect);
}

void aerie_share_seen(unsigned long *looked, unsigned long *changed)
{
	lockdep_assert_held(&share_lock);
	*looked = pass_looked;
	*changed = pass_changed;
}

bool aerie_share_told_batch(void)
{
	return batch(collect_told);
}

void aerie_share_free(void)
{
	kvfree(twins);
	kvfree(hints);
	twins = NULL;
	hints = NULL;
	nr_hints = 0;
	at_mem = NULL;
	aerie_told_free();
}
