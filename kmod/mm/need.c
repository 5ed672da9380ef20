// SPDX-License-Identifier: GPL-2.0
/*
 * How short memory is getting: for who can have a guest do without some of it, before any of
 * it has to leave memory.
 *
 * Of the pool's limit, a VM's own and the host's memory each has a mark. With less than that
 * free memory is short; with twice as much there is room again. In between nothing has to be
 * done, so that what one does is not undone at once. A limit's mark is well above where the
 * pool's thread begins. The host's is twice as high while its shrinker asks: that alone says
 * little, for what it makes room for may be the page cache.
 */
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include "mm/mm.h"
#include "mm/pool.h"

#define HOST_MARK_MAX	((1ull << 30) >> PAGE_SHIFT)

/* In 4 KiB pages: of @all there are @used. */
static void level(struct aerie_mem_need *need, u64 all, u64 used, u64 mark)
{
	u64 left = all > used ? all - used : 0;

	need->need = left < mark ? mark + mark / 2 - left : 0;
	need->room = left > 2 * mark ? left - 2 * mark : 0;
}

static void add(struct aerie_mem_need *need, const struct aerie_mem_need *other)
{
	need->need = max(need->need, other->need);
	need->room = min(need->room, other->room);
}

static void host_level(struct aerie_mem_need *need)
{
	u64 all = totalram_pages(), mark = min(all / 16, HOST_MARK_MAX);
	long left = si_mem_available();

	level(need, all, all - clamp_t(u64, max(left, 0l), 0, all),
	      aerie_pool_asked_lately() ? 2 * mark : mark);
}

/* What is needed of all, as far as it is for one to give: by what it has. */
static void part(struct aerie_mem_need *need, const struct aerie_mem *mem)
{
	u64 own = atomic_long_read(&mem->resident), reserve = READ_ONCE(mem->reserve);
	u64 used = aerie_pool_used(), stored = aerie_pool_stored();
	u64 all = used > stored ? (used - stored) >> PAGE_SHIFT : 0;
	u64 given = mul_u64_u64_div_u64(need->need, own, max(all, own) ?: 1);

	need->need = min(given, own > reserve ? own - reserve : 0);
}

void aerie_mem_need(const struct aerie_mem *mem, struct aerie_mem_need *need)
{
	u64 all = aerie_pool_limit() >> PAGE_SHIFT, own = READ_ONCE(mem->limit);
	struct aerie_mem_need other;

	host_level(need);
	if (all) {
		level(&other, all, aerie_pool_used() >> PAGE_SHIFT, all / 8);
		add(need, &other);
	}
	part(need, mem);
	if (own) {
		level(&other, own, atomic_long_read(&mem->resident), own / 8);
		add(need, &other);
	}
	need->need <<= PAGE_SHIFT;
	need->room <<= PAGE_SHIFT;
}
