/* SPDX-License-Identifier: GPL-2.0 */
/* The gfn map and the nested table, as the files of mm/ see them. */
#ifndef AERIE_MM_MAP_H
#define AERIE_MM_MAP_H

#include "mm/mm.h"

#define AERIE_LARGE_PAGES	512u		/* 4 KiB pages in a 2 MiB frame */
#define AERIE_LARGE_BYTES	(2u << 20)

/**
 * struct aerie_frame_ref - what a gfn holds
 * @pfn: host frame of exactly this gfn
 * @large: it is part of a 2 MiB frame
 */
struct aerie_frame_ref {
	u64 pfn;
	bool large;
};

/*
 * How memory for a guest is asked for: where the host has none the guest stops, and
 * the host does not kill its processes to find some.
 */
static inline gfp_t aerie_guest_gfp(gfp_t gfp)
{
	return gfp | __GFP_NOWARN | (gfp == GFP_KERNEL ? __GFP_RETRY_MAYFAIL : 0);
}

/* map.c */

/* Find the frame of @gfn. Context: any. Return: false where the gfn is untouched. */
bool aerie_map_find(const struct aerie_mem *mem, gfn_t gfn, struct aerie_frame_ref *ref);

/*
 * Find the frame of @gfn, which is RAM, or make one.
 * Context: any with GFP_NOWAIT, else may sleep.
 * Return: 0; -EAGAIN where GFP_NOWAIT does not suffice; -ENOMEM.
 */
int aerie_map_fill(struct aerie_mem *mem, gfn_t gfn, gfp_t gfp, struct aerie_frame_ref *ref);

/* Free every frame and every node but the root. Nobody else uses the map. */
void aerie_map_clear(struct aerie_mem *mem);

/* npt.c */

int aerie_npt_init(struct aerie_npt *npt, const struct aerie_pte_ops *ops);
void aerie_npt_fini(struct aerie_npt *npt);

/* Free every table but the root, and empty that. Translations are flushed after it. */
void aerie_npt_clear(struct aerie_npt *npt);

/*
 * Map the page of @gpa; @large maps the 2 MiB page around it, @pfn being the
 * frame of @gpa itself.
 * Context and errors as aerie_map_fill().
 */
int aerie_npt_map(struct aerie_npt *npt, gpa_t gpa, u64 pfn, bool large, bool writable,
		  gfp_t gfp);

#endif
