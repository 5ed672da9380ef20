// SPDX-License-Identifier: GPL-2.0
/*
 * What the scanner has been told: which pages have just been read, and from where.
 *
 * Who has read them, a disk, puts them into a ring of the VM's and goes on; what does not
 * fit is not told, and found like anything else. The scanner takes them out, a run of one VM
 * after one of another. Of where they come from nothing is known here but that it is the
 * same where the key is, and nothing is believed: it says what is worth being compared.
 *
 * A page of a 2 MiB frame is of no use before the frame is split, and that pays where many
 * of its pages have twins. Until as many have been told they are kept by frame; then they
 * come once more.
 *
 * Locks: a ring's lock (spinlock) is for those who fill it. Taking out of rings, and the
 * frames, are under share_lock. A ring stays as long as its VM's memory.
 */
#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include "mm/map.h"
#include "mm/share.h"

#define RING_RUNS	2048u
#define FRAME_BITS	6u

struct run {
	gfn_t gfn;
	u64 key;		/* of the first; the next has the next */
	u32 pages;
};

struct aerie_ring {
	spinlock_t lock;
	unsigned int head, tail;	/* put in so far, taken out so far */
	struct run runs[RING_RUNS];
};

/* A 2 MiB frame, and of its pages those that have twins. */
struct frame {
	struct aerie_mem *mem;		/* or NULL */
	gfn_t gfn;
	unsigned int nr;
	struct {
		u64 key;
		bool is;
	} pages[AERIE_LARGE_PAGES];
};

static atomic_t nr_runs;		/* in all rings */
static struct aerie_mem *at_mem;	/* whose ring is next; NULL: the first's */
static struct frame *frames;		/* by hash; a new one takes another's place */
static struct frame *again;		/* its pages come once more, */
static unsigned int again_at;		/* from this one on */

/* ---- Telling ------------------------------------------------------------------------ */

static struct aerie_ring *ring_make(struct aerie_mem *mem)
{
	struct mem_cgroup *memcg = set_active_memcg(mem->memcg);
	struct aerie_ring *ring, *old;

	ring = kvmalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	set_active_memcg(memcg);
	if (!ring)
		return NULL;
	spin_lock_init(&ring->lock);
	ring->head = 0;
	ring->tail = 0;
	old = cmpxchg(&mem->ring, NULL, ring);
	if (old)
		kvfree(ring);
	return old ?: ring;
}

void aerie_share_tell(struct aerie_mem *mem, gpa_t gpa, u32 pages, u64 key)
{
	struct aerie_ring *ring = READ_ONCE(mem->ring);
	bool first = false;

	if (!mem->told || !pages || !aerie_share_budget())
		return;
	if (!ring)
		ring = ring_make(mem);
	if (!ring)
		return;
	spin_lock(&ring->lock);
	/* Pairs with run_taken(): what was there has been read. */
	if (ring->head - smp_load_acquire(&ring->tail) < RING_RUNS) {
		ring->runs[ring->head % RING_RUNS] =
			(struct run){ .gfn = gpa >> PAGE_SHIFT, .key = key, .pages = pages };
		/* Pairs with aerie_told_next(): who sees that it is there sees what it is. */
		smp_store_release(&ring->head, ring->head + 1);
		first = atomic_inc_return(&nr_runs) == 1;
	}
	spin_unlock(&ring->lock);
	if (first)
		aerie_share_wake();
}

bool aerie_told_any(void)
{
	return atomic_read(&nr_runs) || READ_ONCE(again);
}

/* ---- Taking it ---------------------------------------------------------------------- */

/* The next page of a frame that was split. */
static bool again_next(struct aerie_told *told)
{
	unsigned int i;

	while (again && again_at < AERIE_LARGE_PAGES) {
		i = again_at++;
		if (!again->pages[i].is)
			continue;
		*told = (struct aerie_told){ again->mem, again->gfn + i, again->pages[i].key };
		return true;
	}
	if (again)
		again->mem = NULL;
	WRITE_ONCE(again, NULL);
	return false;
}

static void run_taken(struct aerie_ring *ring)
{
	/* Pairs with aerie_share_tell(). */
	smp_store_release(&ring->tail, ring->tail + 1);
	atomic_dec(&nr_runs);
	/* Turn and turn about. */
	at_mem = aerie_share_next(at_mem);
}

bool aerie_told_next(struct aerie_told *told)
{
	struct aerie_mem *mem, *start;
	struct aerie_ring *ring;
	struct run *run;

	if (again_next(told))
		return true;
	start = at_mem ?: aerie_share_next(NULL);
	for (mem = start; mem; ) {
		ring = READ_ONCE(mem->ring);
		/* Pairs with aerie_share_tell(). */
		if (ring && smp_load_acquire(&ring->head) != ring->tail) {
			at_mem = mem;
			run = &ring->runs[ring->tail % RING_RUNS];
			*told = (struct aerie_told){ mem, run->gfn++, run->key++ };
			if (!--run->pages)
				run_taken(ring);
			return true;
		}
		mem = aerie_share_next(mem) ?: aerie_share_next(NULL);
		if (mem == start)
			break;
	}
	return false;
}

/* ---- Frames of 2 MiB ---------------------------------------------------------------- */

static struct frame *frame_of(const struct aerie_told *told)
{
	gfn_t gfn = told->gfn & ~(gfn_t)(AERIE_LARGE_PAGES - 1);
	struct frame *frame;

	if (!frames)
		frames = kvcalloc(1u << FRAME_BITS, sizeof(*frames), GFP_KERNEL | __GFP_NOWARN);
	if (!frames)
		return NULL;
	frame = &frames[hash_64((u64)(uintptr_t)told->mem + gfn, FRAME_BITS)];
	if (frame->mem != told->mem || frame->gfn != gfn) {
		memset(frame, 0, sizeof(*frame));
		frame->mem = told->mem;
		frame->gfn = gfn;
	}
	return frame;
}

unsigned int aerie_told_twin(const struct aerie_told *told, bool is)
{
	unsigned int i = told->gfn & (AERIE_LARGE_PAGES - 1);
	struct frame *frame = frame_of(told);

	if (!frame)
		return 0;
	frame->nr += (int)is - (int)frame->pages[i].is;
	frame->pages[i].is = is;
	frame->pages[i].key = told->key;
	return frame->nr;
}

void aerie_told_again(const struct aerie_told *told)
{
	WRITE_ONCE(again, frame_of(told));
	again_at = 0;
}

/* ---- The end ------------------------------------------------------------------------ */

void aerie_told_leave(struct aerie_mem *mem)
{
	unsigned int i;

	if (at_mem == mem)
		at_mem = NULL;
	if (again && again->mem == mem)
		WRITE_ONCE(again, NULL);
	for (i = 0; frames && i < 1u << FRAME_BITS; i++)
		if (frames[i].mem == mem)
			frames[i].mem = NULL;
	if (mem->ring)
		atomic_sub(mem->ring->head - mem->ring->tail, &nr_runs);
	kvfree(mem->ring);
	mem->ring = NULL;
}

void aerie_told_free(void)
{
	kvfree(frames);
	frames = NULL;
}
