// SPDX-License-Identifier: GPL-2.0
// sources: MEMORY kmod/mm/share_figures.c kmod/mm/pte_ept.c kmod/mm/pte_npt.c kmod/mm/written.c
/* Guest memory against a model: whatever may happen, in any order. */
#include "model.h"

static unsigned long collapses, to_disk;

/* All of 2 MiB is a VM's own, as far as memory suffices. */
static void own_all(struct vm *vm)
{
	gpa_t gpa = (2 + 2 * rnd(2)) << 20, end = gpa + AERIE_LARGE_BYTES;
	u64 val = rnd(4);

	depth++;
	for (; gpa < end; gpa += PAGE_SIZE)
		if (!aerie_mem_write(&vm->mem, gpa, &val, 8, GFP_KERNEL))
			memcpy(vm->model + gpa, &val, 8);
	depth--;
}

static long large_pages(void)
{
	long sum = 0;
	int i;

	for (i = 0; i < MEMS; i++)
		sum += atomic_long_read(&vms[i].mem.large);
	return sum;
}

static void collapse(void)
{
	long large = large_pages();

	aerie_share_lock();
	scanning = true;
	collapsing = true;
	while (aerie_collapse_batch())
		;
	collapsing = false;
	scanning = false;
	aerie_share_unlock();
	collapses += large_pages() > large;
}

static void batches(void)
{
	unsigned int i;

	aerie_share_lock();
	if (!rnd(10))
		shim_fail_alloc = 1 + rnd(6);
	scanning = true;
	if (!rnd(3)) {
		for (i = 1 + rnd(4); i && aerie_share_told_batch(); i--)
			;
	} else if (rnd(3)) {
		for (i = 1 + rnd(40); i && aerie_share_batch(); i--)
			;
	} else if (rnd(4)) {
		aerie_pool_ask(1 + rnd(300));
		fake_store_full = !rnd(4);
		fake_swap_room = rnd(3) ? 300 : 0;
		reclaiming = true;
		for (i = 1 + rnd(40); i && aerie_reclaim_batch() == AERIE_RECLAIM_MORE; i--)
			;
		reclaiming = false;
		for (i = 0; i < MEMS; i++)
			to_disk += atomic_long_read(&vms[i].mem.on_disk);
		fake_store_full = false;
		fake_swap_room = 0;
	} else if (!rnd(20)) {
		scanning = false;
		shim_fail_alloc = 0;
		aerie_share_unlock();
		EXPECT_EQ(aerie_swap_empty(0), 0);
		return;
	} else {
		for (i = 1 + rnd(10); i && aerie_age_batch(); i--)
			;
	}
	scanning = false;
	shim_fail_alloc = 0;
	aerie_share_unlock();
	for (i = 0; i < MEMS; i++)
		EXPECT(!vms[i].mem.flush_due);
}

TEST(anything_in_any_order)
{
	unsigned int run, i;

	ZERO_PAGE(0);
	for (run = 0; run < 12; run++) {
		shim_hash_shift = run % 2 ? 60 : 0;
		setup(0x123456789 + run);
		for (i = 0; i < 6000; i++) {
			one_op();
			if (!rnd(6))
				batches();
			if (!rnd(100)) {
				own_all(some_vm());
				collapse();
			}
			if (!rnd(100))
				count_written(some_vm(), rnd(4));
			if (!rnd(4000))
				vm_clear(some_vm());
			if (!rnd(500)) {
				struct vm *vm = some_vm();

				disk_close(vm, true);
				disk_open(vm);
			}
			if (!rnd(3000))
				verify(some_vm());
		}
		for (i = 0; i < MEMS; i++)
			verify(&vms[i]);
		teardown();
	}
	shim_hash_shift = 0;
	printf("# %lu pages shared at the end, %lu born so, %lu broken, %lu brought back, %lu faults, %lu collapses, %lu on disks\n",
	       shares, born, breaks, loads, faults, collapses, to_disk);
	EXPECT(to_disk > 1000);
	EXPECT(collapses > 20);
	EXPECT(born > 1000);
	EXPECT(loads > 1000);
	EXPECT(shares > 100);
	EXPECT(breaks > 1000);
}
