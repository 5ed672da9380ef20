// SPDX-License-Identifier: GPL-2.0
/* Requests given back several at a time, taken again, and gone over in place. */
// sources: kmod/virtio/queue.c
#include "ktap.h"
#include "aerie.h"
#include "virtio/virtio.h"
#include <linux/uio.h>
#include "fake_mem.h"
#include "fake_ring.h"

#define DATA	0x40000ull
#define RAM_END	(4ull << 20)

static struct aerie_vm vm;
static struct aerie_virtio vdev;
static struct aerie_vq vq;
static struct aerie_vq_chain chain;
static struct ring ring;
static struct kvec segs[4];
static struct iov_iter iter;
static unsigned int broken;

void aerie_virtio_broken(struct aerie_virtio *v)
{
	broken++;
}

static void setup(void)
{
	aerie_mem_init(&vm.mem, RAM_END, NULL);
	vdev.dev.vm = &vm;
	broken = 0;
	ring = (struct ring) { &vm.mem, 4, 0x10000, 0x20000, 0x30000, 0 };
	vq = (struct aerie_vq) {
		.vdev = &vdev, .max = AERIE_VQ_SIZE, .size = 4, .enabled = true,
		.desc = ring.desc, .avail = ring.avail, .used = ring.used,
	};
}

static void teardown(void)
{
	EXPECT_EQ(fake_mem_fail, 0);
	aerie_mem_fini(&vm.mem);
}

TEST(what_is_prepared_is_seen_all_at_once)
{
	unsigned int i;

	setup();
	vq.next_used = 0xfffe;
	for (i = 0; i < 3; i++)
		aerie_vq_fill(&vq, i, 10 + i, 100 + i);
	EXPECT_EQ(ring_used_idx(&ring), 0);
	aerie_vq_publish(&vq, 3);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(ring_used(&ring, 2 + i).id, 10 + i);
		EXPECT_EQ(ring_used(&ring, 2 + i).len, 100 + i);
	}
	EXPECT_EQ(vq.requests, 3);
	EXPECT_EQ(broken, 0);
	teardown();
}

TEST(prepared_where_nothing_can_be_written_breaks_the_queue)
{
	setup();
	vq.used = RAM_END;
	aerie_vq_fill(&vq, 0, 0, 0);
	EXPECT_EQ(broken, 1);
	aerie_vq_publish(&vq, 1);
	EXPECT_EQ(broken, 2);
	teardown();
}

TEST(requests_can_be_taken_again)
{
	setup();
	ring_desc(&ring, 0, DATA, 1, 0, 0);
	ring_desc(&ring, 3, DATA, 2, 0, 0);
	ring_offer(&ring, 3);
	ring_offer(&ring, 0);
	EXPECT_EQ(aerie_vq_next(&vq, &chain), 1);
	EXPECT_EQ(aerie_vq_next(&vq, &chain), 1);
	EXPECT_EQ(aerie_vq_next(&vq, &chain), 0);
	aerie_vq_back(&vq, 2);
	EXPECT_EQ(aerie_vq_next(&vq, &chain), 1);
	EXPECT_EQ(chain.head, 3);
	EXPECT_EQ(chain.in_bytes, 2);
	teardown();
}

TEST(buffers_are_gone_over_in_place)
{
	setup();
	aerie_mem_write(&vm.mem, DATA, "abcdef", 6, GFP_KERNEL);
	ring_desc(&ring, 0, DATA, 4, NEXT, 1);
	ring_desc(&ring, 1, DATA + 4, 0, NEXT, 2);
	ring_desc(&ring, 2, DATA + 0x1ffe, 4, WRITE, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(aerie_vq_next(&vq, &chain), 1);
	EXPECT_EQ(aerie_vq_iter(&vq, &chain, 3, false, &iter, segs, 4), 0);
	EXPECT_EQ(iter.direction, ITER_SOURCE);
	EXPECT_EQ(iter.count, 3);
	EXPECT_EQ(iter.nr_segs, 1);
	EXPECT_EQ(segs[0].iov_len, 3);
	EXPECT(!memcmp(segs[0].iov_base, "abc", 3));
	/* Over the end of a page, in memory that nobody has touched. */
	EXPECT_EQ(aerie_vq_iter(&vq, &chain, 4, true, &iter, segs, 4), 0);
	EXPECT_EQ(iter.direction, ITER_DEST);
	EXPECT_EQ(iter.nr_segs, 2);
	EXPECT_EQ(segs[0].iov_len, 2);
	EXPECT_EQ(segs[1].iov_len, 2);
	memcpy(segs[1].iov_base, "xy", 2);
	EXPECT(fake_mem_equal(&vm.mem, DATA + 0x2000, "xy", 2));
	teardown();
}

TEST(buffers_that_cannot_be_gone_over)
{
	setup();
	ring_desc(&ring, 0, DATA + 0xffe, 4, NEXT, 1);
	ring_desc(&ring, 1, RAM_END - 4, 8, WRITE, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(aerie_vq_next(&vq, &chain), 1);
	EXPECT_EQ(aerie_vq_iter(&vq, &chain, 4, false, &iter, segs, 1), -E2BIG);
	EXPECT_EQ(aerie_vq_iter(&vq, &chain, 4, true, &iter, segs, 4), 0);
	EXPECT_EQ(aerie_vq_iter(&vq, &chain, 5, true, &iter, segs, 4), -EFAULT);
	fake_mem_fail = 1;
	EXPECT_EQ(aerie_vq_iter(&vq, &chain, 1, true, &iter, segs, 4), -ENOMEM);
	teardown();
}
