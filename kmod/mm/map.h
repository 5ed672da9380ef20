/* SPDX-License-Identifier: GPL-2.0 */
/* Frames, the gfn map and the nested table, as the files of mm/ see them. */
#ifndef AERIE_MM_MAP_H
#define AERIE_MM_MAP_H

#include <linux/list.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include "mm/mm.h"

struct aerie_stored;

#define AERIE_LARGE_PAGES	512u		/* 4 KiB pages in a 2 MiB frame */
#define AERIE_LARGE_BYTES	(2u << 20)
#define AERIE_LARGE_ORDER	9u

/**
 * struct aerie_frame_ref - what a gfn holds
 * @pfn: host frame of exactly this gfn
 * @large: it is part of a 2 MiB frame
 * @zero: it is a page of zeroes that everybody holds
 * @busy: it is about to be replaced: whoever remembers it does so too late to be told
 * @stored: there is no frame, the content is stored: aerie_map_load()
 */
struct aerie_frame_ref {
	u64 pfn;
	bool large;
	bool zero;
	bool busy;
	bool stored;
};

/*
 * How memory for a guest is asked for: its owner's memory cgroup pays, where the host has
 * none the guest stops, and the host does not kill its processes to find some.
 */
static inline gfp_t aerie_guest_gfp(gfp_t gfp)
{
	return gfp | __GFP_ACCOUNT | __GFP_NOWARN | (gfp == GFP_KERNEL ? __GFP_RETRY_MAYFAIL : 0);
}

/* frame.c */

/* Make the frames of zeroes; without memory for a large one there is none. May sleep. */
void aerie_frames_prepare(void);
/* The zero frame of 4 KiB, or of 2 MiB: NULL where there is none. Context: any. */
struct page *aerie_frame_zero(bool large);
/*
 * A frame of 4 KiB or 2 MiB that @mem's memory cgroup pays for, NULL: nobody. NULL without
 * memory. @zeroed: its content matters.
 */
struct page *aerie_frame_alloc(struct aerie_mem *mem, gfp_t gfp, bool large, bool zeroed);
/*
 * Free a frame that nobody looks at any more. @counted: its pages of 4 KiB have been
 * counted one by one (aerie_frame_count()).
 */
void aerie_frame_free(struct page *page, bool large, bool counted);
/* The map's reference to a frame of 4 KiB; it is freed when nobody has it pinned. */
void aerie_frame_put(struct page *page);
/* One reference more, for what will be put again. */
void aerie_frame_get(struct page *page);
/* From now on each 4 KiB page of a 2 MiB frame has a reference count. Context: any. */
void aerie_frame_count(struct page *page);

/* map.c */

/*
 * Find the frame of @gfn. Read-only for the caller, unless aerie_map_find_own().
 * Context: a read-side section of RCU, which is how long the frame stays.
 * Return: false where there is no frame: @ref->stored tells whether the content is stored,
 * else it is zeroes, the gfn being untouched.
 */
bool aerie_map_find(const struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref);

/* The same, for writing: false where the gfn has no frame of its own. */
bool aerie_map_find_own(struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref);

/*
 * Slots that are found stay slots from aerie_map_enter() to aerie_map_leave(), or in a
 * read-side section of RCU: what the three calls below need where preemption is on. Context:
 * any; who sleeps in between waits for nothing that waits for share_lock.
 */
int aerie_map_enter(void);
void aerie_map_leave(int entered);
/* Wait until all have left who had entered. May sleep. */
void aerie_map_wait(void);

/*
 * Give @gfn, which is RAM, a frame of its own with the content it has.
 * Context: any with GFP_NOWAIT: then @ref is good while preemption stays off. Else may
 * sleep: what @ref tells has then to be found again.
 * Return: 0; -EAGAIN where GFP_NOWAIT does not suffice; -ENOMEM; -EIO where what has been
 * stored cannot be read back.
 */
int aerie_map_own(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp, struct aerie_frame_ref *ref);

/* Make the nodes that aerie_map_show() needs, bring back what is stored. Context and errors as above. */
int aerie_map_reach(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp);

/*
 * Map @gfn, which is RAM, into the nested table for reading.
 * Context: preemption off or a read-side section of RCU; does not sleep.
 * Return: 0, -EAGAIN.
 */
int aerie_map_show(struct aerie_mem *mem, gfn_t gfn);

/* May the 2 MiB around @gfn be one frame: RAM from end to end? Context: any. */
bool aerie_map_large_fits(const struct aerie_mem *mem, gfn_t gfn);

/* Have the 4 KiB pages of @gfn's 2 MiB frame counted one by one. Context: any. */
void aerie_map_count(struct aerie_mem *mem, gfn_t gfn);

/* Give back every frame and every node but the root. Nobody else uses the map. */
void aerie_map_clear(struct aerie_mem *mem);

/* What the scanner (share.c) and others walk over: a leaf of the map. */
struct aerie_leaf {
	gfn_t gfn;		/* the first of it */
	u64 *slot, val;		/* map.c's, as long as nobody clears the map */
	struct page *page;	/* NULL: none */
	bool large, own, stored;
	bool raw;		/* does not get smaller in the store */
	bool unasked;		/* was read around another, and not known to be accessed since */
};

/* What has become of a frame since it was looked at the last time. */
enum aerie_seen {
	AERIE_SEEN_WRITTEN,	/* or never looked at */
	AERIE_SEEN_STILL,
	AERIE_SEEN_HASHED,	/* the same, and its pages' private fields are hashes */
};

/*
 * The calls below are of leaf.c. Context: may sleep; nobody clears the map meanwhile.
 */

/* The first leaf at @gfn or behind it, but not at @end; false where there is none. */
bool aerie_map_next_in(const struct aerie_mem *mem, gfn_t gfn, gfn_t end,
		       struct aerie_leaf *leaf);

/* The first leaf at @gfn or behind it; false where there is none. */
static inline bool aerie_map_next(const struct aerie_mem *mem, gfn_t gfn, struct aerie_leaf *leaf)
{
	return aerie_map_next_in(mem, gfn, ~0ull, leaf);
}

/* The first leaf behind @leaf, which has been found like that; false where there is none. */
bool aerie_map_after(const struct aerie_mem *mem, struct aerie_leaf *leaf);

/*
 * Look at an own frame: from now on it counts as not written. @flush is set where
 * translations have to be flushed for that to be known. Writes by the host or by devices
 * may escape notice: that is good enough for a hash, no more.
 */
enum aerie_seen aerie_map_look(struct aerie_mem *mem, struct aerie_leaf *leaf, bool *flush);

/* Is it an own frame that counts as not written and has hashes? */
bool aerie_map_has_hash(const struct aerie_leaf *leaf);

/* Is it a shared frame, still? Context: a read-side section of RCU, which it stays for. */
bool aerie_map_shared(const struct aerie_leaf *leaf);

/* The pages' private fields are hashes now. False where it has been written meanwhile. */
bool aerie_map_hashed(struct aerie_leaf *leaf);

/* Split an own 2 MiB frame. Return: 0, -ENOMEM, -EAGAIN where it is none any more. */
int aerie_map_split(struct aerie_mem *mem, const struct aerie_leaf *leaf);

/*
 * Begin to take an own 4 KiB frame away: who writes to it from now on ends that. False
 * where it has changed since it was looked at. After a grace period of RCU and one of
 * holders, aerie_map_protect() and a flush nobody is left who writes without doing so.
 */
bool aerie_map_hold(struct aerie_leaf *leaf);
bool aerie_map_held(const struct aerie_leaf *leaf);
/* Let it be. @forget: it has been found to be another than it was thought to be. */
void aerie_map_unhold(struct aerie_leaf *leaf, bool forget);
/* Return: true where translations have to be flushed. @written: as if it were not held. */
bool aerie_map_protect(struct aerie_mem *mem, const struct aerie_leaf *leaf, bool *written);

/*
 * Have the gfn of a held frame hold @page with others, which has the same content: the
 * zero frame, or a frame of aerie_shared_make(), maybe its own. The caller gives the gfn's
 * part in the latter. False where somebody has written to it. Translations are flushed
 * and a grace period passes before the old frame is freed, by the caller.
 */
bool aerie_map_share(struct aerie_mem *mem, const struct aerie_leaf *leaf, struct page *page);

/*
 * How long has a frame not been accessed by the guest? @tick: a number that goes up with
 * each round in which all ages are counted, or 0: this is no such look. @accessed: whether
 * it has been since the last look; @flush as for aerie_map_look().
 */
unsigned int aerie_map_age(struct aerie_mem *mem, struct aerie_leaf *leaf, unsigned int tick,
			   bool *accessed, bool *flush);

/* A small frame does not get smaller in the store: leaf->raw, until it is accessed again. */
void aerie_map_raw(struct aerie_leaf *leaf);

/*
 * The content of a held frame is stored. Translations are flushed (aerie_map_stored_flush())
 * and a grace period passes before the frame is freed, by the caller. False where somebody has
 * written to it.
 */
bool aerie_map_store(struct aerie_mem *mem, const struct aerie_leaf *leaf,
		     const struct aerie_stored *stored);

/*
 * Nobody uses a translation any more to a frame whose content has been stored. Until then who
 * brings it back does so before it lets anybody write to it. Context: may sleep; share_lock.
 */
void aerie_map_stored_flush(struct aerie_mem *mem);

/*
 * Empty the slot of a leaf; @leaf tells then what it held. The caller frees that, when
 * nobody can have it any more: see drop.c. Context: share_lock is held.
 * Return: false where nothing is left to be freed: it is none any more, is being replaced,
 * is zeroes, or was stored and is freed.
 */
bool aerie_map_take(struct aerie_mem *mem, struct aerie_leaf *leaf);

/* load.c */

/* Bring back the content of @gfn, if it is stored. Context and errors as aerie_map_own(). */
int aerie_map_load(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp);

/* A page that was read around another has been used, or leaves without. Context: any. */
void aerie_map_around_was(struct aerie_mem *mem, bool used);

/*
 * @gfn is about to be written as a whole: what is stored of it is not needed, it gets a frame
 * of zeroes, or nothing happens. Context: as aerie_map_own().
 */
void aerie_map_fresh(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp);

/*
 * Bring back what a leaf says is stored, if it is in the swap area @id. Context: may sleep;
 * nobody clears the map. Return: 0; -EAGAIN where it has changed; -ENOMEM, -EIO.
 */
int aerie_map_load_from(struct aerie_mem *mem, const struct aerie_leaf *leaf, unsigned int id);

/*
 * Have what a leaf says is stored for oneself, until it is returned: to put it elsewhere. NULL
 * where it has changed, or somebody else has it. Context: as aerie_map_load_from().
 */
struct aerie_stored *aerie_map_borrow(struct aerie_mem *mem, const struct aerie_leaf *leaf);
void aerie_map_return(struct aerie_mem *mem, const struct aerie_leaf *leaf);

/* shared.c */

struct aerie_group;

/**
 * struct aerie_shared - a frame that several gfns hold
 * @page: its content, which does not change; the private field leads back here
 * @hash: of it, under @group's seed
 * @holders: gfns that hold it, and who has found it and is not done with it
 * @mark: for who counts (aerie_share_figures())
 */
struct aerie_shared {
	struct hlist_node node;
	struct page *page;
	u64 hash;
	const struct aerie_group *group;
	refcount_t holders;
	u32 mark;
	struct rcu_head rcu;
};

/* Of a page that the map says is shared. */
static inline struct aerie_shared *aerie_shared_of(struct page *page)
{
	return (struct aerie_shared *)page_private(page);
}

int aerie_shared_init(void);
void aerie_shared_exit(void);
/* Make @page, held by one gfn, a shared one. NULL without memory. May sleep. */
struct aerie_shared *aerie_shared_make(const struct aerie_group *group, u64 hash,
				       struct page *page);
/* Find one, and be a holder of it; or NULL. */
struct aerie_shared *aerie_shared_find(const struct aerie_group *group, u64 hash);
/* Be a holder of what aerie_map_shared() says is one, or NULL. Context: that one's. */
struct aerie_shared *aerie_shared_get(struct page *page);
/* Have it be found by another hash, if nothing else is. The caller is a holder. */
void aerie_shared_rehash(struct aerie_shared *shared, u64 hash);
/* One holder less. Context: any but handlers of interrupts. */
void aerie_shared_put(struct aerie_shared *shared);

/* Nobody uses a translation any more that has been taken away or changed. May sleep. */
static inline void aerie_mem_flush(struct aerie_mem *mem)
{
	preempt_disable();
	if (mem->flush)
		mem->flush(mem);
	preempt_enable();
}

/* access.c */

/* Wait until whoever holds memory (aerie_mem_hold()) has released it. May sleep. */
void aerie_mem_wait_holders(void);
/* Call @fn then, and wait until that has been done for all. Context: any; may sleep. */
void aerie_mem_after_holders(struct rcu_head *head, rcu_callback_t fn);
void aerie_mem_after_barrier(void);

/* npt.c */

int aerie_npt_init(struct aerie_npt *npt, const struct aerie_pte_ops *ops);
void aerie_npt_fini(struct aerie_npt *npt);

/* Free every table but the root, and empty that. Translations are flushed after it. */
void aerie_npt_clear(struct aerie_npt *npt);

/*
 * Make the tables that mapping the page of @gpa needs.
 * Context and errors as aerie_map_own().
 */
int aerie_npt_reach(struct aerie_npt *npt, gpa_t gpa, bool large, gfp_t gfp);

/*
 * Map the page of @gpa; @large maps the 2 MiB page around it, @pfn being the
 * frame of @gpa itself. What is mapped there already stays, but becomes writable if
 * it is to be.
 * Context and errors as aerie_map_own().
 */
int aerie_npt_map(struct aerie_npt *npt, gpa_t gpa, u64 pfn, bool large, bool writable,
		  gfp_t gfp);

/*
 * Unmap the page of @gpa, or the 2 MiB around it. Context: any; mem->lock.
 * Return: true where something was mapped, so that translations have to be flushed.
 */
bool aerie_npt_unmap(struct aerie_npt *npt, gpa_t gpa, bool large);

/*
 * Nothing can be written through the table from now on, when translations have been flushed;
 * @npt->guarded tells. What is mapped writable then takes aerie_npt_pass(). Context: mem->lock.
 */
void aerie_npt_guard(struct aerie_npt *npt);

/*
 * The page of @gpa is about to be mapped writable: let it be by what leads to it. Context:
 * mem->lock. Return: true where it was not, itself.
 */
bool aerie_npt_pass(struct aerie_npt *npt, gpa_t gpa);

/* What leads to pages is writable again, they themselves may not be. Context: mem->lock. */
void aerie_npt_unguard(struct aerie_npt *npt);

/*
 * Take the table of the 2 MiB around @gpa, which maps nothing, out: a large page can be there.
 * Context: mem->lock. Return: the table, to be freed with free_page() when translations have
 * been flushed and a grace period of aerie_map_wait() and of RCU has passed; or NULL.
 */
void *aerie_npt_cut(struct aerie_npt *npt, gpa_t gpa);

/*
 * Has the page of @gpa, or the 2 MiB around it, been written through the table since this
 * was asked the last time, and, with @protect, make it read-only. A larger page in the way
 * is unmapped. Context: mem->lock.
 * Return: true where translations have to be flushed: before that nothing is certain.
 */
bool aerie_npt_look(struct aerie_npt *npt, gpa_t gpa, bool large, bool protect, bool *written);

/*
 * Has the page of @gpa, or the 2 MiB around it, been accessed through the table since this
 * was asked the last time? Where the processor does not say so it is unmapped, and is known
 * to be accessed by being mapped again. Context: mem->lock.
 * Return: true where translations have to be flushed for the next time to be right.
 */
bool aerie_npt_age(struct aerie_npt *npt, gpa_t gpa, bool large, bool *accessed);

/*
 * Have what is mapped at @gpa, read-only, be the frame @pfn. Context: mem->lock.
 * Return: true where translations have to be flushed.
 */
bool aerie_npt_replace(struct aerie_npt *npt, gpa_t gpa, u64 pfn);

#endif
