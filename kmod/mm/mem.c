// SPDX-License-Identifier: GPL-2.0
/* The memory of one VM: its layout, its life, its nested faults. */
#include <linux/gfp.h>
#include <linux/memcontrol.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include "mm/map.h"
#include "mm/origin.h"
#include "mm/pool.h"
#include "mm/share.h"

static void ram_add(struct aerie_mem *mem, gpa_t start, gpa_t end)
{
	if (start < end)
		mem->ram[mem->nr_ram++] = (struct aerie_ram){ start, end };
}

/*
 * As on a PC: @bytes of RAM from 0, less the VGA hole, and what does not fit
 * below the PCI hole continues at 4 GiB. The BIOS area is RAM that the memory
 * map given to the guest reserves.
 */
static void ram_layout(struct aerie_mem *mem, u64 bytes)
{
	u64 low = min_t(u64, bytes, AERIE_PCI_HOLE_START);

	mem->nr_ram = 0;
	ram_add(mem, 0, min_t(u64, low, AERIE_LOWMEM_END));
	ram_add(mem, AERIE_HIGHMEM_START, low);
	ram_add(mem, AERIE_PCI_HOLE_END, AERIE_PCI_HOLE_END + bytes - low);
}

int aerie_mem_init(struct aerie_mem *mem, u64 bytes, const struct aerie_pte_ops *ops)
{
	int err;

	if (bytes & (PAGE_SIZE - 1) || bytes < (1u << 20) || bytes > 1ull << 46)
		return -EINVAL;
	memset(mem, 0, sizeof(*mem));
	mem->bytes = bytes;
	mem->weight = AERIE_WEIGHT;
	mem->memcg = get_mem_cgroup_from_mm(current->mm);
	spin_lock_init(&mem->lock);
	xa_init_flags(&mem->known, XA_FLAGS_ACCOUNT);
	ram_layout(mem, bytes);
	aerie_frames_prepare();
	mem->map = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!mem->map) {
		err = -ENOMEM;
		goto err_memcg;
	}
	atomic_long_set(&mem->nodes, 1);
	err = aerie_npt_init(&mem->npt, ops);
	if (!err)
		return 0;
	free_page((unsigned long)mem->map);
	mem->map = NULL;
err_memcg:
	mem_cgroup_put(mem->memcg);
	return err;
}

void aerie_mem_fini(struct aerie_mem *mem)
{
	if (!mem->map)
		return;
	aerie_share_lock();
	aerie_npt_fini(&mem->npt);
	aerie_map_clear(mem);
	aerie_share_unlock();
	aerie_share_leave(mem);
	aerie_origin_forget(mem);
	free_page((unsigned long)mem->map);
	mem->map = NULL;
	mem_cgroup_put(mem->memcg);
}

void aerie_mem_clear(struct aerie_mem *mem)
{
	aerie_share_lock();
	aerie_npt_clear(&mem->npt);
	aerie_map_clear(mem);
	mem->generation++;
	aerie_share_unlock();
}

int aerie_mem_dump(struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len)
{
	int err;

	aerie_share_lock();
	err = aerie_mem_read(mem, gpa, buf, len, GFP_KERNEL);
	aerie_share_unlock();
	return err;
}

bool aerie_mem_is_ram(const struct aerie_mem *mem, gpa_t gpa, u64 len)
{
	unsigned int i;

	for (i = 0; i < mem->nr_ram; i++) {
		const struct aerie_ram *ram = &mem->ram[i];

		if (gpa >= ram->start && gpa < ram->end)
			return len <= ram->end - gpa;
	}
	return false;
}

/* The page, or the 2 MiB, is about to be writable: it counts as written. */
static noinline void pass(struct aerie_mem *mem, gpa_t gpa, bool large)
{
	spin_lock(&mem->lock);
	if (aerie_npt_pass(&mem->npt, gpa))
		atomic_long_add(large ? AERIE_LARGE_PAGES : 1, &mem->written);
	spin_unlock(&mem->lock);
}

/* One try, without sleep. Context: preemption off, or a read-side section of RCU. */
static __always_inline int fault_once(struct aerie_mem *mem, gpa_t gpa, bool write)
{
	struct aerie_frame_ref ref;
	int err;

	if (!write)
		return aerie_map_show(mem, gpa >> PAGE_SHIFT);
	err = aerie_map_own(mem, gpa >> PAGE_SHIFT, GFP_NOWAIT, &ref);
	if (unlikely(READ_ONCE(mem->npt.guarded)) && !err)
		pass(mem, gpa, ref.large);
	return err ?: aerie_npt_map(&mem->npt, gpa, ref.pfn, ref.large, true, GFP_NOWAIT);
}

/* Does it take a frame that there is not yet? */
static bool takes_frame(struct aerie_mem *mem, gfn_t gfn, bool write)
{
	struct aerie_frame_ref ref = {};
	bool found;

	rcu_read_lock();
	found = write ? aerie_map_find_own(mem, gfn, &ref) :
			aerie_map_find(mem, gfn, &ref) || !ref.stored;
	rcu_read_unlock();
	return !found;
}

/* Make what it takes, and map; without sleep it is for reading. */
static int fault_slow(struct aerie_mem *mem, gpa_t gpa, bool write, gfp_t gfp)
{
	const gfn_t gfn = gpa >> PAGE_SHIFT;
	struct aerie_frame_ref ref;
	int err;

	do {
		ref.large = true;
		err = write ? aerie_map_own(mem, gfn, gfp, &ref) : aerie_map_reach(mem, gfn, gfp);
		err = err ?: aerie_npt_reach(&mem->npt, gpa, ref.large, gfp);
		if (err)
			return err;
		rcu_read_lock();
		err = fault_once(mem, gpa, write);
		rcu_read_unlock();
	} while (err && gfp == GFP_KERNEL);
	return err;
}

int aerie_mem_fault(struct aerie_mem *mem, gpa_t gpa, u32 acc, gfp_t gfp)
{
	const bool write = acc & AERIE_ACC_WRITE;
	int err, entered;

	if (!aerie_mem_is_ram(mem, gpa, 1))
		return -EFAULT;
	if (gfp != GFP_KERNEL) {
		err = fault_once(mem, gpa, write);
		if (likely(!err) || write)
			return err;
	}
	if (gfp == GFP_KERNEL && takes_frame(mem, gpa >> PAGE_SHIFT, write)) {
		err = aerie_pool_room(mem);
		if (err)
			return err;
	}
	entered = aerie_map_enter();
	err = fault_slow(mem, gpa, write, gfp);
	aerie_map_leave(entered);
	if (err == -ENOMEM && gfp == GFP_KERNEL)
		return aerie_pool_failed(mem);
	if (!err)
		aerie_pool_got(mem);
	return err;
}
