// SPDX-License-Identifier: GPL-2.0
/* The balloon: which memory is given up for what the driver hands in, and what is refused. */
// sources: kmod/virtio/balloon.c kmod/virtio/balloon_policy.c kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include <uapi/linux/virtio_balloon.h>
#include "ktap.h"
#include "uapi.h"
#include "control.h"
#include "fake_virtio.h"

#define READY		(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define DATA		0x40000ull
#define RAM_END		(4ull << 20)
#define CONFIG_ACTUAL	4

int shim_fail_alloc;
u64 shim_slept_us;

static struct aerie_virtio *balloon;
static struct ring ring;
static struct aerie_ram dropped[64];
static unsigned int nr_dropped, drops;

int aerie_mem_drop(struct aerie_mem *mem, const struct aerie_ram *runs, unsigned int nr)
{
	unsigned int i;

	drops++;
	for (i = 0; i < nr && nr_dropped < ARRAY_SIZE(dropped); i++)
		dropped[nr_dropped++] = runs[i];
	return 0;
}

static struct aerie_mem_need need;

void aerie_mem_need(const struct aerie_mem *mem, struct aerie_mem_need *n)
{
	*n = need;
}

static const struct aerie_balloon_config none;

static void setup(unsigned int queue)
{
	need = (struct aerie_mem_need){};
	virtio_machine(RAM_END);
	vm.config.memory_bytes = RAM_END;
	EXPECT_EQ(aerie_virtio_balloon_create(&vm, &none, NULL), 0);
	balloon = container_of(list_entry(vm.devs.prev, struct aerie_dev, node),
			       struct aerie_virtio, dev);
	balloon->dev.ops->reset(&balloon->dev);
	ring_enable(&ring, &balloon->vqs[queue]);
	balloon->s.status = READY;
	nr_dropped = drops = 0;
}

static void serve(unsigned int queue)
{
	ring_offer(&ring, 0);
	queue_work(NULL, &balloon->vqs[queue].work);
	works_run();
}

TEST(neighbours_that_are_handed_in_are_one_run)
{
	static const u32 pfns[] = { 0x90, 0x91, 0x92, 0x80, 0x7f, 0x20 };

	setup(0);
	EXPECT_EQ(aerie_mem_write(&vm.mem, DATA, pfns, sizeof(pfns), GFP_KERNEL), 0);
	/* Half a number at the end is none. */
	ring_desc(&ring, 0, DATA, sizeof(pfns) + 2, 0, 0);
	serve(0);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	EXPECT_EQ(nr_dropped, 3);
	EXPECT(dropped[0].start == 0x90000 && dropped[0].end == 0x93000);
	EXPECT(dropped[1].start == 0x7f000 && dropped[1].end == 0x81000);
	EXPECT(dropped[2].start == 0x20000 && dropped[2].end == 0x21000);
	virtio_machine_fini();
}

TEST(the_highest_number_stays_what_it_is)
{
	u32 pfn = ~0u;

	setup(0);
	EXPECT_EQ(aerie_mem_write(&vm.mem, DATA, &pfn, sizeof(pfn), GFP_KERNEL), 0);
	ring_desc(&ring, 0, DATA, sizeof(pfn), 0, 0);
	serve(0);
	EXPECT_EQ(nr_dropped, 1);
	EXPECT(dropped[0].start == 0xffffffff000ull && dropped[0].end == 0x100000000000ull);
	virtio_machine_fini();
}

TEST(a_huge_request_is_served_in_part)
{
	setup(0);
	ring_desc(&ring, 0, DATA, 1u << 20, 0, 0);
	serve(0);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	EXPECT_EQ(drops, 16);
	EXPECT_EQ(balloon->s.status, READY);
	virtio_machine_fini();
}

TEST(numbers_outside_ram_break_the_device)
{
	setup(0);
	ring_desc(&ring, 0, RAM_END, 64, 0, 0);
	serve(0);
	EXPECT_EQ(drops, 0);
	EXPECT_EQ(balloon->s.status, READY | VIRTIO_CONFIG_S_NEEDS_RESET);
	virtio_machine_fini();
}

TEST(what_is_taken_back_only_goes_back)
{
	setup(1);
	ring_desc(&ring, 0, DATA, 64, 0, 0);
	serve(1);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	EXPECT_EQ(drops, 0);
	virtio_machine_fini();
}

TEST(buffers_of_a_report_are_given_up_where_they_are_ram)
{
	struct aerie_balloon_info info;

	setup(3);
	ring_desc(&ring, 0, 0x100000, 0x4000, NEXT, 1);		/* read: it is no report */
	ring_desc(&ring, 1, 0x200000, 0x100000, NEXT | WRITE, 2);
	ring_desc(&ring, 2, RAM_END - 0x1000, 0x2000, NEXT | WRITE, 3);
	ring_desc(&ring, 3, ~0ull - 0xfff, 0x2000, WRITE, 0);
	serve(3);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	EXPECT_EQ(nr_dropped, 1);
	EXPECT(dropped[0].start == 0x200000 && dropped[0].end == 0x300000);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT_EQ(info.reported, 0x100000);
	virtio_machine_fini();
}

/* The same memory, reported again and again in one request, is not walked through as often. */
TEST(no_more_is_reported_than_there_is)
{
	unsigned int i;

	setup(3);
	for (i = 0; i < 7; i++)
		ring_desc(&ring, i, 0x100000, 0x180000, i < 6 ? NEXT | WRITE : WRITE, i + 1);
	serve(3);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	EXPECT_EQ(nr_dropped, 2);
	virtio_machine_fini();
}

TEST(what_is_wanted_has_bounds)
{
	static const struct aerie_balloon_config most = { .bytes = RAM_END };
	static const struct aerie_balloon_config more = { .bytes = RAM_END + 1 };
	static const struct aerie_balloon_config most_of_all = { .bytes = ~0ull };
	struct aerie_balloon_info info;
	struct aerie_why why = {};

	setup(0);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &most, &info, NULL), 0);
	EXPECT_EQ(info.wanted, RAM_END);
	EXPECT_EQ(*(const u32 *)balloon->config, RAM_END / PAGE_SIZE);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &more, &info, &why), -ERANGE);
	EXPECT_EQ(why.attr, AERIE_A_BALLOON);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &most_of_all, &info, &why), -ERANGE);
	EXPECT_EQ(aerie_virtio_balloon_create(&vm, &none, &why), -EEXIST);
	virtio_machine_fini();
}

TEST(the_driver_says_how_much_and_nothing_else)
{
	struct aerie_balloon_info info;

	setup(0);
	balloon->ops->configure(balloon, CONFIG_ACTUAL, 4, 7);
	balloon->ops->configure(balloon, 0, 4, 9);
	balloon->ops->configure(balloon, CONFIG_ACTUAL, 8, 9);
	balloon->ops->configure(balloon, CONFIG_ACTUAL + 1, 4, 9);
	balloon->ops->configure(balloon, 0xffc, 4, 9);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT_EQ(info.actual, 7 * PAGE_SIZE);
	EXPECT_EQ(info.wanted, 0);
	balloon->dev.ops->reset(&balloon->dev);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT_EQ(info.actual, 0);
	virtio_machine_fini();
}

static struct virtio_balloon_stat figure(u16 tag, u64 val)
{
	return (struct virtio_balloon_stat){ .tag = tag, .val = val };
}

/* The guest's figures, and what is known of them then. */
static void tell(const struct virtio_balloon_stat *stats, u32 len)
{
	EXPECT_EQ(aerie_mem_write(&vm.mem, DATA, stats, len, GFP_KERNEL), 0);
	ring_desc(&ring, 0, DATA, len, 0, 0);
	serve(2);
}

TEST(figures_are_kept_until_new_ones_are_wanted)
{
	const struct virtio_balloon_stat first[] = {
		figure(VIRTIO_BALLOON_S_MEMTOT, 1000), figure(99, 7), figure(VIRTIO_BALLOON_S_AVAIL, 500),
	};
	struct aerie_balloon_info info;

	setup(2);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT(!info.has_stats);
	works_run();
	/* A figure that is not whole is none. */
	tell(first, sizeof(first) - 1);
	EXPECT_EQ(ring_used_idx(&ring), 0);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT(info.has_stats);
	EXPECT_EQ(info.stats[VIRTIO_BALLOON_S_MEMTOT], 1000);
	EXPECT_EQ(info.stats[VIRTIO_BALLOON_S_AVAIL], ~0ull);
	works_run();
	EXPECT_EQ(ring_used_idx(&ring), 1);
	tell(first, sizeof(first));
	EXPECT_EQ(ring_used_idx(&ring), 1);
	/* One is kept, not two. */
	tell(first, sizeof(first));
	EXPECT_EQ(ring_used_idx(&ring), 2);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT_EQ(info.stats[VIRTIO_BALLOON_S_AVAIL], 500);
	balloon->dev.ops->reset(&balloon->dev);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT(!info.has_stats);
	virtio_machine_fini();
}

/* A guest of 64 MiB, of which 40 are available, as it says; the host has no use for them. */
static void setup_auto(u64 min, u64 max)
{
	const struct aerie_balloon_config config = { .automatic = true, .min = min, .max = max };
	const struct virtio_balloon_stat stats[] = { figure(VIRTIO_BALLOON_S_AVAIL, 40 << 20) };
	struct aerie_balloon_info info;

	setup(2);
	vm.config.memory_bytes = 64 << 20;
	now_ns = NSEC_PER_SEC;
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &config, &info, NULL), 0);
	EXPECT(info.config.automatic);
	tell(stats, sizeof(stats));
	works_run();
}

static u64 wanted(void)
{
	u64 want, have;

	EXPECT(aerie_virtio_balloon_size(&vm, &want, &have));
	return want;
}

TEST(what_is_left_to_us_follows_need)
{
	struct aerie_balloon_info info;

	setup_auto(1 << 20, ~0ull);
	EXPECT_EQ(wanted(), 0);
	delayed_works_run();
	EXPECT_EQ(wanted(), 1 << 20);
	/* Nobody has a use for new figures. */
	works_run();
	EXPECT_EQ(ring_used_idx(&ring), 0);
	need.need = 5 << 20;
	delayed_works_run();
	EXPECT_EQ(wanted(), 5 << 20);
	works_run();
	EXPECT_EQ(ring_used_idx(&ring), 1);
	/* Figures that are old are not gone by. */
	now_ns += 6 * NSEC_PER_SEC;
	need.need = 10 << 20;
	delayed_works_run();
	EXPECT_EQ(wanted(), 5 << 20);
	/* A size ends it. */
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &none, &info, NULL), 0);
	EXPECT(!info.config.automatic);
	delayed_works_run();
	EXPECT_EQ(wanted(), 0);
	virtio_machine_fini();
}

TEST(nothing_is_looked_at_when_it_has_gone)
{
	setup_auto(0, ~0ull);
	virtio_machine_fini();
	delayed_works_run();
}

TEST(after_a_reset_the_least_is_wanted)
{
	setup_auto(2 << 20, 30 << 20);
	need.need = 10 << 20;
	delayed_works_run();
	EXPECT_EQ(wanted(), 10 << 20);
	balloon->dev.ops->reset(&balloon->dev);
	delayed_works_run();
	EXPECT_EQ(wanted(), 2 << 20);
	virtio_machine_fini();
}

TEST(bounds_are_checked)
{
	struct aerie_balloon_config config = { .automatic = true, .min = RAM_END + 1, .max = ~0ull };
	struct aerie_balloon_info info;
	struct aerie_why why = {};

	setup(0);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &config, &info, &why), -ERANGE);
	EXPECT_EQ(why.attr, AERIE_A_BALLOON_MIN);
	config.min = 2 << 20;
	config.max = 1 << 20;
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &config, &info, &why), -EINVAL);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT(!info.config.automatic);
	config.max = ~0ull;
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, &config, &info, NULL), 0);
	EXPECT_EQ(info.config.min, 2 << 20);
	EXPECT_EQ(info.config.max, RAM_END);
	virtio_machine_fini();
}

TEST(no_more_is_told_than_the_vm_has)
{
	u64 want, have;

	setup(0);
	balloon->ops->configure(balloon, CONFIG_ACTUAL, 4, ~0u);
	EXPECT(aerie_virtio_balloon_size(&vm, &want, &have));
	EXPECT_EQ(have, RAM_END);
	virtio_machine_fini();
}

TEST(figures_outside_ram_break_the_device)
{
	struct aerie_balloon_info info;

	setup(2);
	ring_desc(&ring, 0, RAM_END, 64, 0, 0);
	serve(2);
	EXPECT_EQ(balloon->s.status, READY | VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT_EQ(aerie_virtio_balloon_set(&vm, NULL, &info, NULL), 0);
	EXPECT(!info.has_stats);
	virtio_machine_fini();
}
