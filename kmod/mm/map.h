/* SPDX-License-Identifier: GPL-2.0 */
/* Frames, the gfn map and the nested table, as the files of mm/ see them. */
#ifndef AERIE_MM_MAP_H
#define AERIE_MM_MAP_H

#include <linux/mm.h>
#include "mm/mm.h"

#define AERIE_LARGE_PAGES	512u		/* 4 KiB pages in a 2 MiB frame */
#define AERIE_LARGE_BYTES	(2u << 20)
#define AERIE_LARGE_ORDER	9u

/**
 * struct aerie_frame_ref - what a gfn holds
 * @pfn: host frame of exactly this gfn
 * @large: it is part of a 2 MiB frame
 * @zero: it is a page of zeroes that everybody holds
 */
struct aerie_frame_ref {
	u64 pfn;
	bool large;
	bool zero;
};

/*
 * How memory for a guest is asked for: where the host has none the guest stops, and
 * the host does not kill its processes to find some.
 */
static inline gfp_t aerie_guest_gfp(gfp_t gfp)
{
	return gfp | __GFP_NOWARN | (gfp == GFP_KERNEL ? __GFP_RETRY_MAYFAIL : 0);
}

/* frame.c */

/* Make the frames of zeroes; without memory for a large one there is none. May sleep. */
void aerie_frames_prepare(void);
/* The zero frame of 4 KiB, or of 2 MiB: NULL where there is none. Context: any. */
struct page *aerie_frame_zero(bool large);
/* A frame of 4 KiB or 2 MiB, NULL without memory. @zeroed: its content matters. */
struct page *aerie_frame_alloc(gfp_t gfp, bool large, bool zeroed);
/*
 * Free a frame that nobody looks at any more. @counted: its pages of 4 KiB have been
 * counted one by one (aerie_frame_count()).
 */
void aerie_frame_free(struct page *page, bool large, bool counted);
/* From now on each 4 KiB page of a 2 MiB frame has a reference count. Context: any. */
void aerie_frame_count(struct page *page);

/* map.c */

/*
 * Find the frame of @gfn. Read-only for the caller, unless aerie_map_find_own().
 * Context: a read-side section of RCU, which is how long the frame stays.
 * Return: false where the gfn is untouched: its content is zeroes.
 */
bool aerie_map_find(const struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref);

/* The same, for writing: false where the gfn has no frame of its own. */
bool aerie_map_find_own(struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref);

/*
 * Give @gfn, which is RAM, a frame of its own with the content it has.
 * Context: any with GFP_NOWAIT: then @ref is good while preemption stays off. Else may
 * sleep: what @ref tells has then to be found again.
 * Return: 0; -EAGAIN where GFP_NOWAIT does not suffice; -ENOMEM.
 */
int aerie_map_own(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp, struct aerie_frame_ref *ref);

/* Make the nodes that aerie_map_show() needs. Context and errors as above. */
int aerie_map_reach(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp);

/*
 * Map @gfn, which is RAM, into the nested table for reading.
 * Context: preemption off or a read-side section of RCU; does not sleep.
 * Return: 0, -EAGAIN.
 */
int aerie_map_show(struct aerie_mem *mem, gfn_t gfn);

/* Have the 4 KiB pages of @gfn's 2 MiB frame counted one by one. Context: any. */
void aerie_map_count(struct aerie_mem *mem, gfn_t gfn);

/* Give back every frame and every node but the root. Nobody else uses the map. */
void aerie_map_clear(struct aerie_mem *mem);

/* access.c */

/* Wait until whoever holds memory (aerie_mem_hold()) has released it. May sleep. */
void aerie_mem_wait_holders(void);

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

#endif
