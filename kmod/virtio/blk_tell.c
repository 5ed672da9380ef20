// SPDX-License-Identifier: GPL-2.0
/*
 * What a disk tells the memory of what it has read or written: of each page, at which place.
 *
 * Its origin, by which pages leave memory, is told where that is on the disk. Who looks for
 * pages that are the same is told of what has been read: that is a page in the file that holds it: of an image the layer's, which clones have in
 * common, so that they tell the same of what none of them has written. Only whole pages of
 * memory count that were read from whole pages of the disk. Zeroes in no file are not told.
 */
#include <linux/hash.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/mm.h>

#include "virtio/blk_tell.h"

/* Elsewhere it is another number; the next page has the next. */
static u64 place(const struct inode *inode, u64 pos)
{
	return hash_64((u64)(uintptr_t)inode, 64) + (pos >> PAGE_SHIFT);
}

/* What holds the page at @pos, and how many of @pages from there on; NULL: they are no file's. */
static const struct inode *holder(struct aerie_blk *blk, u64 pos, u32 pages, u32 *nr)
{
	u64 len = (u64)pages << PAGE_SHIFT, n = len, done;
	const struct inode *inode = aerie_blk_at(blk, pos, &n);

	for (done = n; done < len; done += n) {
		n = len - done;
		if (aerie_blk_at(blk, pos + done, &n) != inode)
			break;
	}
	/* One that two files hold in parts is not told either. */
	*nr = max_t(u64, done >> PAGE_SHIFT, 1);
	return done < PAGE_SIZE ? NULL : inode;
}

static void tell_pages(struct aerie_blk *blk, struct aerie_mem *mem, gpa_t gpa, u64 pos, u32 pages)
{
	const struct inode *inode;
	u32 nr;

	for (; pages; pages -= nr) {
		inode = holder(blk, pos, pages, &nr);
		if (inode)
			aerie_share_tell(mem, gpa, nr, place(inode, pos));
		gpa += (u64)nr << PAGE_SHIFT;
		pos += (u64)nr << PAGE_SHIFT;
	}
}

static void tell(struct aerie_blk *blk, struct aerie_mem *mem, gpa_t gpa, u64 pos, u32 pages,
		 bool read)
{
	struct aerie_origin *origin = aerie_blk_origin(blk);

	if (aerie_origin_wanted(origin))
		aerie_origin_same(origin, gpa, pos, pages);
	if (read && mem->told)
		tell_pages(blk, mem, gpa, pos, pages);
}

void aerie_blk_tell(struct aerie_blk *blk, struct aerie_mem *mem, u64 pos, u32 len,
		    const struct aerie_vq_buf *b, bool read)
{
	u32 n, skip;

	for (; len; pos += n, len -= n, b++) {
		n = min(b->len, len);
		skip = -b->gpa & (PAGE_SIZE - 1);
		if (n >= skip + PAGE_SIZE && !((pos + skip) % PAGE_SIZE))
			tell(blk, mem, b->gpa + skip, pos + skip, (n - skip) >> PAGE_SHIFT, read);
	}
}
