// SPDX-License-Identifier: GPL-2.0
// sources: MEMORY kmod/mm/share_figures.c kmod/mm/pte_ept.c kmod/mm/pte_npt.c kmod/mm/written.c
/*
 * Which pages become one: what the scanner finds, what disks tell; and what of it is counted.
 * What happens meanwhile is model_test's.
 */
#include "model.h"

/* Whole passes, nobody interfering. */
static void passes(unsigned int nr)
{
	while (nr) {
		aerie_share_lock();
		nr -= !aerie_share_batch();
		aerie_share_unlock();
	}
}

static void put_pattern(struct vm *vm, gpa_t gpa, unsigned int kind)
{
	u8 page[PAGE_SIZE];

	pattern(page, kind);
	EXPECT_EQ(aerie_mem_write(&vm->mem, gpa, page, PAGE_SIZE, GFP_KERNEL), 0);
	memcpy(vm->model + gpa, page, PAGE_SIZE);
}

/* What the last pass found changed. It looked at least at as much. */
#define EXPECT_SEEN(nr) do {						\
	unsigned long looked, changed;					\
									\
	aerie_share_lock();						\
	aerie_share_seen(&looked, &changed);				\
	aerie_share_unlock();						\
	EXPECT_EQ(changed, nr);						\
	EXPECT(looked >= changed);					\
} while (0)

TEST(passes_are_further_apart_where_little_changes)
{
	EXPECT_EQ(aerie_share_pace(0, 0), 1);
	EXPECT_EQ(aerie_share_pace(4096, 0), 1);
	EXPECT_EQ(aerie_share_pace(8192, 0), 2);
	EXPECT_EQ(aerie_share_pace(32768, 0), 8);
	EXPECT_EQ(aerie_share_pace(32768, 128), 4);
	EXPECT_EQ(aerie_share_pace(32768, 1024), 1);
	EXPECT_EQ(aerie_share_pace(1ul << 30, 0), 16);
	EXPECT_EQ(aerie_share_pace(1ul << 30, 1ul << 25), 1);
	EXPECT_EQ(aerie_share_pace(1ul << 30, 1ul << 30), 1);
}

TEST(equal_pages_become_one)
{
	unsigned int i;
	u64 one = 1;

	setup(1);
	quiet = true;
	for (i = 0; i < 8; i++) {
		put_pattern(&vms[0], i * PAGE_SIZE, 1 + i % 4);
		put_pattern(&vms[1], i * PAGE_SIZE, 1 + i % 4);
		put_pattern(&vms[3], i * PAGE_SIZE, 1 + i % 4);
	}
	put_pattern(&vms[0], 0x20000, 0);
	passes(4);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 8);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.zero), 1);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.resident), 0);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.resident), 0);
	/* The one of its own shares within itself, and with nobody. */
	EXPECT_EQ(atomic_long_read(&vms[3].mem.shared), 8);
	EXPECT_EQ(aerie_share_with(&vms[0].mem, &vms[1].mem), 8);
	EXPECT_EQ(aerie_share_with(&vms[0].mem, &vms[0].mem), 8);
	EXPECT_EQ(aerie_share_with(&vms[0].mem, &vms[3].mem), 0);
	EXPECT_EQ(aerie_share_with(&vms[0].mem, &vms[2].mem), 0);
	/* Four frames of four holders each. */
	EXPECT_EQ(aerie_share_saved(&vms[0].mem), 8 * (PAGE_SIZE - PAGE_SIZE / 4));
	for (i = 0; i < MEMS; i++)
		verify(&vms[i]);
	/* Nothing has changed: nothing is hashed again. */
	i = atomic_long_read(&vms[0].mem.hashed);
	passes(4);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.hashed), i);
	EXPECT_SEEN(0);
	/* A write is of one VM alone. */
	EXPECT_EQ(aerie_mem_write(&vms[0].mem, 8, &one, 8, GFP_KERNEL), 0);
	memcpy(vms[0].model + 8, &one, 8);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.broken), 1);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 7);
	verify(&vms[0]);
	verify(&vms[1]);
	/* Unpinned for writing it would be shared again. */
	put_pattern(&vms[0], 0, 1);
	passes(1);
	EXPECT_SEEN(1);
	passes(3);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 8);
	EXPECT_SEEN(0);
	teardown();
}

/* What the sample does not tell is told by more of the page, and by nothing twice. */
TEST(pages_that_differ_in_a_word)
{
	unsigned int vm, i;
	u64 word;

	setup(1);
	quiet = true;
	for (i = 0; i < 12; i++) {
		for (vm = 0; vm < 2; vm++) {
			gpa_t gpa = i * PAGE_SIZE;

			put_pattern(&vms[vm], gpa, 1);
			word = i % 6;
			EXPECT_EQ(aerie_mem_write(&vms[vm].mem, gpa + 8, &word, 8, GFP_KERNEL), 0);
			memcpy(vms[vm].model + gpa + 8, &word, 8);
		}
	}
	passes(12);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 12);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.shared), 12);
	EXPECT_EQ(aerie_share_with(&vms[0].mem, &vms[1].mem), 12);
	EXPECT_EQ(aerie_share_saved(&vms[0].mem), 12 * (PAGE_SIZE - PAGE_SIZE / 4));
	/* The same where nothing has a twin. */
	for (i = 12; i < 20; i++) {
		gpa_t gpa = i * PAGE_SIZE;

		put_pattern(&vms[1], gpa, 2);
		word = i;
		EXPECT_EQ(aerie_mem_write(&vms[1].mem, gpa + 8, &word, 8, GFP_KERNEL), 0);
		memcpy(vms[1].model + gpa + 8, &word, 8);
	}
	passes(30);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.shared), 12);
	word = atomic_long_read(&vms[1].mem.hashed);
	passes(4);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.hashed), word);
	verify(&vms[0]);
	verify(&vms[1]);
	teardown();
}

TEST(what_a_guest_writes_is_counted)
{
	struct vm *vm;
	u64 ns;
	int i, j;

	setup(5);
	quiet = true;
	for (i = 0; i < MEMS; i++) {
		vm = &vms[i];
		/* Above 2 MiB in large frames, below in small ones. */
		for (j = 0; j < 8; j++) {
			EXPECT(guest_access(vm, j * PAGE_SIZE, true, 1));
			EXPECT(guest_access(vm, (2u << 20) + j * PAGE_SIZE, true, 1));
		}
		count_written(vm, true);
		EXPECT_EQ(aerie_mem_written(&vm->mem, &ns), 0);
		for (j = 0; j < 8; j++)
			EXPECT(guest_access(vm, j * PAGE_SIZE, false, 0));
		EXPECT_EQ(aerie_mem_written(&vm->mem, &ns), 0);
		EXPECT(guest_access(vm, 3 * PAGE_SIZE, true, 2));
		EXPECT(guest_access(vm, 3 * PAGE_SIZE + 8, true, 2));
		EXPECT(guest_access(vm, 5 * PAGE_SIZE, true, 2));
		/* What is new is written, too. */
		EXPECT(guest_access(vm, 9 * PAGE_SIZE, true, 2));
		EXPECT_EQ(aerie_mem_written(&vm->mem, &ns), 3 * PAGE_SIZE);
		EXPECT(guest_access(vm, 2u << 20, true, 2));
		EXPECT(guest_access(vm, (2u << 20) + PAGE_SIZE, true, 2));
		EXPECT_EQ(aerie_mem_written(&vm->mem, &ns), (3 + 512) * PAGE_SIZE);
		/* And from the start. */
		count_written(vm, true);
		EXPECT(guest_access(vm, 3 * PAGE_SIZE, true, 3));
		EXPECT_EQ(aerie_mem_written(&vm->mem, &ns), PAGE_SIZE);
		count_written(vm, false);
		EXPECT(guest_access(vm, 4 * PAGE_SIZE, true, 3));
		EXPECT(!vm->mem.npt.guarded);
	}
	teardown();
}

static void read_block(struct vm *vm, gpa_t gpa, unsigned int block)
{
	put_pattern(vm, gpa, block);
	aerie_share_tell(&vm->mem, gpa, 1, block);
}

static void told(void)
{
	aerie_share_lock();
	while (aerie_share_told_batch())
		;
	aerie_share_unlock();
	EXPECT(!aerie_told_any());
}

static void expect_shared(const struct vm *vm, long shared, long from)
{
	EXPECT_EQ(atomic_long_read(&vm->mem.shared), shared);
	EXPECT_EQ(atomic_long_read(&vm->mem.born), from);
}

TEST(what_is_read_from_one_place_is_born_shared)
{
	unsigned int i;
	u64 one = 1;

	setup(1);
	quiet = true;
	for (i = 0; i < 8; i++) {
		read_block(&vms[0], i * PAGE_SIZE, 1 + i);
		read_block(&vms[3], i * PAGE_SIZE, 1 + i);
	}
	told();
	expect_shared(&vms[0], 0, 0);
	for (i = 0; i < 8; i++)
		read_block(&vms[1], (8 + i) * PAGE_SIZE, 1 + i);
	told();
	expect_shared(&vms[0], 8, 8);
	expect_shared(&vms[1], 8, 8);
	/* The third finds what is shared; also where who has read it first has written since. */
	EXPECT_EQ(aerie_mem_write(&vms[0].mem, 0, &one, 8, GFP_KERNEL), 0);
	memcpy(vms[0].model, &one, 8);
	for (i = 0; i < 8; i++)
		read_block(&vms[2], i * PAGE_SIZE, 1 + i);
	told();
	expect_shared(&vms[0], 7, 8);
	expect_shared(&vms[2], 8, 8);
	EXPECT_EQ(aerie_share_with(&vms[2].mem, &vms[1].mem), 8);
	/* Within a VM, too, but not where nobody can join. */
	read_block(&vms[2], 16 * PAGE_SIZE, 1);
	told();
	expect_shared(&vms[2], 9, 9);
	expect_shared(&vms[3], 0, 0);
	for (i = 0; i < MEMS; i++) {
		EXPECT_EQ(atomic_long_read(&vms[i].mem.hashed), 0);
		verify(&vms[i]);
	}
	/* The scanner knows what it finds then: it is one frame with what others have. */
	put_pattern(&vms[1], 0x20000, 8);
	passes(4);
	expect_shared(&vms[1], 9, 8);
	EXPECT_EQ(aerie_share_saved(&vms[1].mem), 7 * (PAGE_SIZE - PAGE_SIZE / 3) +
		  2 * (PAGE_SIZE - PAGE_SIZE / 4));
	teardown();
}

TEST(what_is_told_need_not_be_true)
{
	unsigned int i;
	u64 odd;

	setup(1);
	quiet = true;
	/* Others by a sample, others that a sample does not tell, zeroes. */
	for (i = 0; i < 6; i++) {
		put_pattern(&vms[0], i * PAGE_SIZE, i < 2 ? 1 : 0);
		put_pattern(&vms[1], i * PAGE_SIZE, i < 2 ? 2 : 0);
	}
	for (i = 2; i < 4; i++) {
		odd = 1 + i;
		EXPECT_EQ(aerie_mem_write(&vms[1].mem, i * PAGE_SIZE + 8, &odd, 8, GFP_KERNEL), 0);
		memcpy(vms[1].model + i * PAGE_SIZE + 8, &odd, 8);
	}
	aerie_share_tell(&vms[0].mem, 0, 6, 100);
	aerie_share_tell(&vms[1].mem, 0, 6, 100);
	/* No RAM, no memory yet, beyond the end. */
	aerie_share_tell(&vms[0].mem, 0xa0000, 4, 100);
	aerie_share_tell(&vms[0].mem, 0x300000, 2, 100);
	aerie_share_tell(&vms[0].mem, BYTES, 100, 100);
	aerie_share_tell(&vms[0].mem, ~0ull << 12, 3, 100);
	aerie_share_tell(&vms[0].mem, 0, 0, 100);
	told();
	EXPECT_EQ(atomic_long_read(&vms[0].mem.zero), 2);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.zero), 2);
	expect_shared(&vms[0], 0, 2);
	expect_shared(&vms[1], 0, 2);
	/* The one who read last is right. */
	put_pattern(&vms[2], 0, 2);
	aerie_share_tell(&vms[2].mem, 0, 1, 100);
	told();
	expect_shared(&vms[1], 1, 3);
	expect_shared(&vms[2], 1, 1);
	for (i = 0; i < MEMS; i++)
		verify(&vms[i]);
	teardown();
}

/* More than there is room for; and a VM that goes before it is looked at. */
TEST(what_is_told_in_excess_is_dropped)
{
	unsigned int i;

	setup(1);
	quiet = true;
	for (i = 0; i < 5000; i++)
		read_block(&vms[0], i % 8 * PAGE_SIZE, 1 + i % 8);
	for (i = 0; i < 8; i++)
		read_block(&vms[1], i * PAGE_SIZE, 1 + i);
	aerie_share_lock();
	EXPECT(aerie_share_told_batch());
	aerie_share_unlock();
	/* Its turn came early. */
	expect_shared(&vms[1], 8, 8);
	vm_destroy(&vms[0]);
	told();
	verify(&vms[1]);
	vm_create(&vms[0], &aerie_pte_npt4, "a");
	teardown();
}

TEST(large_frames_are_split_where_enough_is_told)
{
	const gpa_t at = 2u << 20;
	unsigned int i;

	setup(1);
	quiet = true;
	for (i = 0; i < 63; i++) {
		read_block(&vms[0], at + i * PAGE_SIZE, 1 + i);
		read_block(&vms[1], at + (2 * i) * PAGE_SIZE, 1 + i);
	}
	told();
	expect_shared(&vms[1], 0, 0);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.large), 512);
	/* One of them is something else by now, and told to be: they are 63 still. */
	put_pattern(&vms[1], at, 200);
	aerie_share_tell(&vms[1].mem, at, 1, 200);
	read_block(&vms[0], at + 63 * PAGE_SIZE, 64);
	read_block(&vms[1], at + 126 * PAGE_SIZE, 64);
	told();
	EXPECT_EQ(atomic_long_read(&vms[1].mem.large), 512);
	read_block(&vms[0], at + 400 * PAGE_SIZE, 300);
	read_block(&vms[1], at + 1 * PAGE_SIZE, 300);
	told();
	expect_shared(&vms[0], 64, 64);
	expect_shared(&vms[1], 64, 64);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.large), 0);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.large), 0);
	/* From now on one is enough. */
	read_block(&vms[1], at + 3 * PAGE_SIZE, 63);
	told();
	expect_shared(&vms[1], 65, 65);
	verify(&vms[0]);
	verify(&vms[1]);
	teardown();
}

TEST(pinned_pages_are_left_alone)
{
	struct bio_vec seg;

	setup(2);
	quiet = true;
	put_pattern(&vms[0], 0, 1);
	put_pattern(&vms[1], 0, 1);
	EXPECT_EQ(aerie_mem_pin(&vms[0].mem, 0, PAGE_SIZE, true, &seg), 0);
	passes(4);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 0);
	EXPECT_EQ(atomic_long_read(&vms[1].mem.shared), 0);
	aerie_mem_unpin(&seg);
	passes(4);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 1);
	/* For reading a shared page will do, for writing it gets one of its own. */
	EXPECT_EQ(aerie_mem_pin(&vms[0].mem, 0, PAGE_SIZE, false, &seg), 0);
	aerie_mem_unpin(&seg);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 1);
	EXPECT_EQ(aerie_mem_pin(&vms[0].mem, 0, PAGE_SIZE, true, &seg), 0);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 0);
	aerie_mem_unpin(&seg);
	teardown();
}

TEST(large_frames_are_split_where_it_pays)
{
	unsigned int i;

	setup(3);
	quiet = true;
	/* Of one all pages are different, but few; of the other many are zeroes. */
	for (i = 0; i < 512; i++) {
		u64 val = i + 1;

		put_pattern(&vms[0], (4u << 20) + i * PAGE_SIZE, 0);
		aerie_mem_write(&vms[0].mem, (2u << 20) + i * PAGE_SIZE, &val, 8, GFP_KERNEL);
	}
	EXPECT_EQ(atomic_long_read(&vms[0].mem.large), 1024);
	passes(5);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.zero), 512);
	EXPECT(atomic_long_read(&vms[0].mem.large) == 512);
	teardown();
}

/* One page of it is written between any two passes; the others have twins. */
TEST(large_frames_that_never_stand_still_are_looked_into)
{
	const gpa_t at = 2u << 20;
	unsigned int vm, i;
	u64 n = 0;

	setup(1);
	quiet = true;
	for (vm = 0; vm < 2; vm++)
		for (i = 0; i < 512; i++)
			put_pattern(&vms[vm], at + i * PAGE_SIZE, 1 + i % 4);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.large), 512);
	for (i = 0; i < 40; i++) {
		for (vm = 0; vm < 2; vm++, n++) {
			EXPECT_EQ(aerie_mem_write(&vms[vm].mem, at, &n, 8, GFP_KERNEL), 0);
			memcpy(vms[vm].model + at, &n, 8);
		}
		passes(1);
	}
	for (vm = 0; vm < 2; vm++) {
		EXPECT_EQ(atomic_long_read(&vms[vm].mem.large), 0);
		EXPECT_EQ(atomic_long_read(&vms[vm].mem.shared), 511);
		verify(&vms[vm]);
	}
	teardown();
}

TEST(who_holds_memory_keeps_what_it_has_found)
{
	size_t len = PAGE_SIZE;
	void *addr;
	u64 val = 7;
	int held;

	setup(4);
	quiet = true;
	put_pattern(&vms[0], 0, 1);
	put_pattern(&vms[1], 0, 1);
	passes(4);
	EXPECT_EQ(atomic_long_read(&vms[0].mem.shared), 1);
	held = aerie_mem_hold();
	EXPECT_EQ(aerie_mem_span(&vms[0].mem, 0, false, &addr, &len, GFP_KERNEL), 0);
	EXPECT_EQ(aerie_mem_write(&vms[0].mem, 0, &val, 8, GFP_KERNEL), 0);
	EXPECT_EQ(aerie_mem_write(&vms[1].mem, 0, &val, 8, GFP_KERNEL), 0);
	synchronize_rcu();
	EXPECT(!memcmp(addr, vms[0].model, PAGE_SIZE));
	aerie_mem_release(held);
	teardown();
}
