// SPDX-License-Identifier: GPL-2.0
/*
 * How much of its memory a guest writes: whoever is to copy it while it runs wants to know.
 *
 * The nested table is protected as a whole, by its root's entries. Each page that the guest
 * then writes faults once, is counted, and is writable again; what leads to it is too, and what
 * is beside it protected, so that what is never written costs nothing. Pages of a 2 MiB frame
 * are mapped, and count, together. What the host and devices write is not counted.
 */
#include <linux/ktime.h>
#include <linux/mm.h>
#include "mm/map.h"
#include "mm/share.h"

void aerie_mem_count_written(struct aerie_mem *mem, bool count)
{
	aerie_share_lock();
	/* Of a VM that is gone there is nothing to be counted. */
	if (!mem->npt.root) {
		aerie_share_unlock();
		return;
	}
	spin_lock(&mem->lock);
	if (count) {
		atomic_long_set(&mem->written, 0);
		aerie_npt_guard(&mem->npt);
	} else if (mem->npt.guarded) {
		aerie_npt_unguard(&mem->npt);
	}
	spin_unlock(&mem->lock);
	if (count)
		aerie_mem_flush(mem);
	WRITE_ONCE(mem->written_since, count ? ktime_get_ns() : 0);
	aerie_share_unlock();
}

u64 aerie_mem_written(const struct aerie_mem *mem, u64 *ns)
{
	u64 since = READ_ONCE(mem->written_since);

	*ns = since ? ktime_get_ns() - since : 0;
	return (u64)atomic_long_read(&mem->written) << PAGE_SHIFT;
}
