// SPDX-License-Identifier: GPL-2.0
/*
 * Frames: pages of guest content.
 *
 * A frame of 4 KiB is a page of the host, and its reference count is the frame's: the
 * map that holds it has one reference, whoever has it pinned another each. A frame of
 * 2 MiB is an allocation in one piece, whose pages get reference counts of their own
 * when somebody wants to have one of them: that costs a guest's first touch nothing,
 * and it makes the frame one that can be split without being copied.
 *
 * Two frames belong to everybody: a page of zeroes, the host's, and 2 MiB of zeroes,
 * made with the first VM. They are only ever mapped for reading.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include "mm/map.h"
#include "mm/pool.h"
#include "mm/reclaim.h"
#include "mm/share.h"
#include "mm/store.h"

static struct page *zero_large;		/* written once, under the mutex */
static DEFINE_MUTEX(zero_mutex);

void aerie_frames_prepare(void)
{
	struct page *page;

	mutex_lock(&zero_mutex);
	if (!zero_large) {
		page = aerie_frame_alloc(NULL, GFP_KERNEL, true, true);
		if (page)
			aerie_frame_count(page);
		smp_store_release(&zero_large, page);
	}
	mutex_unlock(&zero_mutex);
}

int aerie_mm_init(void)
{
	int err = aerie_shared_init();

	if (err)
		return err;
	err = aerie_share_start();
	if (err)
		goto err_shared;
	err = aerie_pool_start();
	if (err)
		goto err_share;
	return 0;

err_share:
	aerie_share_stop();
err_shared:
	aerie_shared_exit();
	return err;
}

void aerie_mm_exit(void)
{
	aerie_pool_stop();
	aerie_share_stop();
	aerie_reclaim_free();
	aerie_collapse_free();
	aerie_share_free();
	aerie_shared_exit();
	aerie_store_close();
	if (zero_large)
		aerie_frame_free(zero_large, true, true);
	zero_large = NULL;
}

struct page *aerie_frame_zero(bool large)
{
	return large ? smp_load_acquire(&zero_large) : ZERO_PAGE(0);
}

struct page *aerie_frame_alloc(struct aerie_mem *mem, gfp_t gfp, bool large, bool zeroed)
{
	struct mem_cgroup *old = set_active_memcg(mem ? mem->memcg : NULL);
	struct page *page;

	gfp = aerie_guest_gfp(gfp);
	if (!mem)
		gfp &= ~__GFP_ACCOUNT;
	if (zeroed)
		gfp |= __GFP_ZERO;
	if (large)
		gfp |= __GFP_NORETRY;
	page = alloc_pages(gfp, large ? AERIE_LARGE_ORDER : 0);
	set_active_memcg(old);
	if (likely(page))
		aerie_pool_charge(large ? AERIE_LARGE_PAGES : 1);
	return page;
}

void aerie_frame_free(struct page *page, bool large, bool counted)
{
	unsigned int i;

	aerie_pool_uncharge(large ? AERIE_LARGE_PAGES : 1);
	if (!large || !counted) {
		__free_pages(page, large ? AERIE_LARGE_ORDER : 0);
		return;
	}
	for (i = 0; i < AERIE_LARGE_PAGES; i++)
		put_page(page + i);
}

void aerie_frame_get(struct page *page)
{
	aerie_pool_charge(1);
	get_page(page);
}

void aerie_frame_put(struct page *page)
{
	aerie_pool_uncharge(1);
	put_page(page);
}

void aerie_frame_count(struct page *page)
{
	split_page(page, AERIE_LARGE_ORDER);
}
