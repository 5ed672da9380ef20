// SPDX-License-Identifier: GPL-2.0
/* Guest memory held in place for somebody else to read or write: a file system, a disk. */
#include <linux/bvec.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include "mm/map.h"

int aerie_mem_pin(struct aerie_mem *mem, gpa_t gpa, u32 len, bool write, struct bio_vec *seg)
{
	const gfn_t gfn = gpa >> PAGE_SHIFT;
	u32 off = gpa & (PAGE_SIZE - 1), room = PAGE_SIZE - off;
	struct aerie_frame_ref ref;
	struct page *page = NULL;
	int err;

	if (!aerie_map_find(mem, gfn, &ref)) {
		if (!aerie_mem_is_ram(mem, gpa, 1))
			return -EFAULT;
		if (write) {
			err = aerie_map_fill(mem, gfn, GFP_KERNEL, &ref);
			if (err)
				return err;
		} else {
			page = ZERO_PAGE(0);
		}
	}
	if (!page) {
		page = pfn_to_page(ref.pfn);
		if (ref.large)
			room += (AERIE_LARGE_PAGES - 1 - (gfn & (AERIE_LARGE_PAGES - 1))) <<
				PAGE_SHIFT;
	}
	get_page(page);
	seg->bv_page = page;
	seg->bv_offset = off;
	seg->bv_len = min(len, room);
	return 0;
}

void aerie_mem_unpin(const struct bio_vec *seg)
{
	put_page(seg->bv_page);
}
