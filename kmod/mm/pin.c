// SPDX-License-Identifier: GPL-2.0
/*
 * Guest memory held in place for somebody else to read or write: a file system, a disk.
 *
 * A pin is a reference to each page. One for writing is of a frame that is its gfn's own,
 * and nobody takes a frame away, or lets others hold it, that has more references than
 * the map's; one for reading may be of a frame that many hold.
 */
#include <linux/bvec.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include "mm/map.h"

static unsigned int seg_pages(const struct bio_vec *seg)
{
	return (seg->bv_offset + seg->bv_len + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

/* Context: a read-side section of RCU. False where there is no frame for it; then @stored. */
static bool pin(struct aerie_mem *mem, gfn_t gfn, u32 len, bool write, struct bio_vec *seg,
		bool *stored)
{
	struct aerie_frame_ref ref = {};
	u32 room;
	unsigned int i;

	if (write ? !aerie_map_find_own(mem, gfn, &ref) : !aerie_map_find(mem, gfn, &ref)) {
		*stored = ref.stored;
		return false;
	}
	if (ref.large && !ref.zero)
		aerie_map_count(mem, gfn);
	room = (ref.large ? AERIE_LARGE_PAGES - (gfn & (AERIE_LARGE_PAGES - 1)) : 1) << PAGE_SHIFT;
	seg->bv_page = pfn_to_page(ref.pfn);
	seg->bv_len = min(len, room - seg->bv_offset);
	for (i = 0; i < seg_pages(seg); i++)
		get_page(seg->bv_page + i);
	return true;
}

int aerie_mem_pin(struct aerie_mem *mem, gpa_t gpa, u32 len, bool write, struct bio_vec *seg)
{
	struct aerie_frame_ref ref;
	bool pinned, stored = false;
	int err, entered;

	seg->bv_offset = gpa & (PAGE_SIZE - 1);
	for (;;) {
		rcu_read_lock();
		pinned = pin(mem, gpa >> PAGE_SHIFT, len, write, seg, &stored);
		rcu_read_unlock();
		if (pinned)
			return 0;
		if (!aerie_mem_is_ram(mem, gpa, 1))
			return -EFAULT;
		if (!write && !stored)
			break;
		entered = aerie_map_enter();
		if (write && !seg->bv_offset && len >= PAGE_SIZE)
			aerie_map_fresh(mem, gpa >> PAGE_SHIFT, GFP_KERNEL);
		err = write ? aerie_map_own(mem, gpa >> PAGE_SHIFT, GFP_KERNEL, &ref) :
			      aerie_map_load(mem, gpa >> PAGE_SHIFT, GFP_KERNEL);
		aerie_map_leave(entered);
		if (err)
			return err;
	}
	seg->bv_page = aerie_frame_zero(false);
	seg->bv_len = min_t(u32, len, PAGE_SIZE - seg->bv_offset);
	get_page(seg->bv_page);
	return 0;
}

void aerie_mem_unpin(const struct bio_vec *seg)
{
	unsigned int i;

	for (i = 0; i < seg_pages(seg); i++)
		put_page(seg->bv_page + i);
}
