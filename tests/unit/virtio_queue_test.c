// SPDX-License-Identifier: GPL-2.0
/* Split virtqueues: chains, notifications both ways, copies; and rings that are none. */
// sources: kmod/virtio/queue.c
#include "ktap.h"
#include "aerie.h"
#include "virtio/virtio.h"
#include "fake_mem.h"
#include "fake_ring.h"

#define TABLE		0x14000ull	/* an indirect table */
#define DATA		0x40000ull
#define NOT_RAM		0xd0000000ull
#define RAM_END		(4ull << 20)
#define EVENT_IDX	BIT_ULL(VIRTIO_RING_F_EVENT_IDX)
#define INDIRECTS	BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)

static struct aerie_vm vm;
static struct aerie_virtio vdev;
static struct aerie_vq vq;
static struct aerie_vq_chain chain;
static struct ring ring;
static unsigned int broken;

void aerie_virtio_broken(struct aerie_virtio *v)
{
	broken++;
}

static void setup(u16 size, u64 features)
{
	aerie_mem_init(&vm.mem, RAM_END, NULL);
	memset(&vdev, 0, sizeof(vdev));
	vdev.dev.vm = &vm;
	vdev.s.driver_features = features;
	memset(&chain, 0xa5, sizeof(chain));
	broken = 0;
	ring = (struct ring) { &vm.mem, size, 0x10000, 0x20000, 0x30000, 0 };
	vq = (struct aerie_vq) {
		.vdev = &vdev, .max = AERIE_VQ_SIZE, .size = size, .enabled = true,
		.event_idx = features & EVENT_IDX,
		.desc = ring.desc, .avail = ring.avail, .used = ring.used,
	};
}

static void teardown(void)
{
	EXPECT_EQ(fake_mem_fail, 0);
	aerie_mem_fini(&vm.mem);
}

static int next(void)
{
	return aerie_vq_next(&vq, &chain);
}

/* All indices stand at @idx. */
static void start_at(u16 idx)
{
	ring.idx = vq.next_avail = vq.seen_avail = vq.next_used = vq.signalled = idx;
	ring_put(&ring, ring.avail + 2, idx, 2);
	ring_put(&ring, ring.used + 2, idx, 2);
}

/* Chain descriptors @first to @first + @nr - 1, one byte each. */
static void link_descs(gpa_t table, unsigned int first, unsigned int nr, u16 flags)
{
	unsigned int i;

	for (i = first; i < first + nr; i++)
		table_desc(&ring, table, i, DATA + i, 1,
			   flags | (i < first + nr - 1 ? NEXT : 0), i + 1);
}

/* ---- Chains --------------------------------------------------------------- */

TEST(an_empty_ring_has_no_request)
{
	setup(8, 0);
	EXPECT_EQ(next(), 0);
	EXPECT_EQ(vq.next_avail, 0);
	teardown();
}

TEST(a_chain_is_what_is_read_then_what_is_written)
{
	setup(8, 0);
	ring_desc(&ring, 5, DATA, 16, NEXT, 2);
	ring_desc(&ring, 2, DATA + 0x100, 32, NEXT, 7);
	ring_desc(&ring, 7, DATA + 0x200, 64, NEXT | WRITE, 0);
	ring_desc(&ring, 0, DATA + 0x300, 1, WRITE, 5);	/* no NEXT: it ends here */
	ring_offer(&ring, 5);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.head, 5);
	EXPECT_EQ(chain.nr_in, 2);
	EXPECT_EQ(chain.nr_out, 2);
	EXPECT_EQ(chain.in_bytes, 48);
	EXPECT_EQ(chain.out_bytes, 65);
	EXPECT_EQ(chain.bufs[0].gpa, DATA);
	EXPECT_EQ(chain.bufs[1].len, 32);
	EXPECT_EQ(chain.bufs[2].gpa, DATA + 0x200);
	EXPECT_EQ(chain.bufs[3].gpa, DATA + 0x300);
	EXPECT_EQ(chain.bufs[3].len, 1);
	EXPECT_EQ(next(), 0);
	teardown();
}

TEST(requests_come_in_order_and_go_back_in_any)
{
	struct aerie_vq_chain first;

	setup(8, 0);
	link_descs(ring.desc, 0, 1, 0);
	link_descs(ring.desc, 3, 2, WRITE);
	ring_offer(&ring, 3);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	first = chain;
	EXPECT_EQ(first.head, 3);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.head, 0);
	EXPECT_EQ(ring_used_idx(&ring), 0);
	aerie_vq_done(&vq, &chain, 0);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	aerie_vq_done(&vq, &first, 2);
	EXPECT_EQ(ring_used_idx(&ring), 2);
	EXPECT_EQ(ring_used(&ring, 0).id, 0);
	EXPECT_EQ(ring_used(&ring, 0).len, 0);
	EXPECT_EQ(ring_used(&ring, 1).id, 3);
	EXPECT_EQ(ring_used(&ring, 1).len, 2);
	EXPECT_EQ(vq.requests, 2);
	EXPECT_EQ(broken, 0);
	teardown();
}

TEST(indices_wrap_at_16_bits_and_slots_at_the_size)
{
	unsigned int i;

	setup(4, 0);
	start_at(0xfffd);
	for (i = 0; i < 4; i++) {
		ring_desc(&ring, i, DATA, i + 1, WRITE, 0);
		ring_offer(&ring, i);
	}
	EXPECT_EQ(ring.idx, 1);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(next(), 1);
		EXPECT_EQ(chain.head, i);
		EXPECT_EQ(chain.out_bytes, i + 1);
		aerie_vq_done(&vq, &chain, 10 + i);
	}
	EXPECT_EQ(next(), 0);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(ring_used(&ring, 0xfffd + i).id, i);
		EXPECT_EQ(ring_used(&ring, 0xfffd + i).len, 10 + i);
	}
	teardown();
}

TEST(a_chain_may_have_as_many_buffers_as_the_queue)
{
	setup(AERIE_VQ_SIZE, 0);
	link_descs(ring.desc, 0, AERIE_VQ_SIZE, WRITE);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.nr_in, 0);
	EXPECT_EQ(chain.nr_out, AERIE_VQ_SIZE);
	EXPECT_EQ(chain.bufs[AERIE_VQ_SIZE - 1].gpa, DATA + AERIE_VQ_SIZE - 1);
	teardown();
}

TEST(an_indirect_table_is_a_chain)
{
	setup(2, INDIRECTS);
	link_descs(TABLE, 0, AERIE_VQ_SIZE, 0);
	/* WRITE means nothing for the table itself. */
	ring_desc(&ring, 1, TABLE, AERIE_VQ_SIZE * 16, INDIRECT | WRITE, 0);
	ring_offer(&ring, 1);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.head, 1);
	EXPECT_EQ(chain.nr_in, AERIE_VQ_SIZE);
	EXPECT_EQ(chain.nr_out, 0);
	EXPECT_EQ(chain.in_bytes, AERIE_VQ_SIZE);
	teardown();
}

TEST(an_indirect_table_may_end_a_chain)
{
	setup(4, INDIRECTS);
	ring_desc(&ring, 0, DATA, 7, NEXT, 3);
	ring_desc(&ring, 3, TABLE, 2 * 16, INDIRECT, 0);
	table_desc(&ring, TABLE, 0, DATA + 8, 8, NEXT, 1);
	table_desc(&ring, TABLE, 1, DATA + 16, 9, WRITE, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.nr_in, 2);
	EXPECT_EQ(chain.nr_out, 1);
	EXPECT_EQ(chain.in_bytes, 15);
	EXPECT_EQ(chain.out_bytes, 9);
	teardown();
}

TEST(buffers_may_be_empty)
{
	u8 buf[4] = "";

	setup(4, 0);
	ring_desc(&ring, 0, NOT_RAM, 0, NEXT, 1);
	ring_desc(&ring, 1, DATA, 2, NEXT, 2);
	ring_desc(&ring, 2, NOT_RAM, 0, NEXT | WRITE, 3);
	ring_desc(&ring, 3, DATA + 8, 2, WRITE, 0);
	ring_put(&ring, DATA, 0x2211, 2);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.nr_in + chain.nr_out, 4);
	EXPECT_EQ(aerie_vq_read(&vq, &chain, 0, buf, 4), 2);
	EXPECT(!memcmp(buf, "\x11\x22", 2));
	EXPECT_EQ(aerie_vq_write(&vq, &chain, 0, "ab", 2), 2);
	EXPECT(fake_mem_equal(&vm.mem, DATA + 8, "ab", 2));
	teardown();
}

/* ---- No chains ------------------------------------------------------------ */

static void expect_refused(u16 head)
{
	ring_offer(&ring, head);
	EXPECT_EQ(next(), -EPROTO);
	EXPECT_EQ(vq.next_avail, (u16)(ring.idx - 1));	/* nothing was taken */
}

TEST(a_loop_is_refused)
{
	setup(8, 0);
	ring_desc(&ring, 0, DATA, 1, NEXT, 1);
	ring_desc(&ring, 1, DATA, 1, NEXT, 0);
	expect_refused(0);
	teardown();
	setup(8, 0);
	ring_desc(&ring, 3, DATA, 0, NEXT | WRITE, 3);
	expect_refused(3);
	teardown();
	setup(8, INDIRECTS);
	table_desc(&ring, TABLE, 0, DATA, 1, NEXT, 0);
	ring_desc(&ring, 0, TABLE, 16, INDIRECT, 0);
	expect_refused(0);
	teardown();
}

TEST(a_head_out_of_range_is_refused)
{
	static const u16 heads[] = { 8, 9, 0x100, 0xffff };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(heads); i++) {
		setup(8, 0);
		link_descs(ring.desc, 8, 2, 0);		/* beyond the table it would do */
		expect_refused(heads[i]);
		teardown();
	}
}

TEST(a_next_out_of_range_is_refused)
{
	setup(8, INDIRECTS);
	ring_desc(&ring, 0, DATA, 1, NEXT, 8);
	ring_desc(&ring, 8, DATA, 1, 0, 0);
	expect_refused(0);
	teardown();
	setup(8, INDIRECTS);
	ring_desc(&ring, 0, TABLE, 2 * 16, INDIRECT, 0);
	table_desc(&ring, TABLE, 0, DATA, 1, NEXT, 2);
	table_desc(&ring, TABLE, 2, DATA, 1, 0, 0);
	expect_refused(0);
	teardown();
}

TEST(a_buffer_read_after_one_written_is_refused)
{
	setup(8, INDIRECTS);
	ring_desc(&ring, 0, DATA, 1, NEXT | WRITE, 1);
	ring_desc(&ring, 1, DATA, 1, 0, 0);
	expect_refused(0);
	teardown();
	setup(8, INDIRECTS);
	ring_desc(&ring, 0, DATA, 1, NEXT | WRITE, 1);
	ring_desc(&ring, 1, TABLE, 16, INDIRECT, 0);
	table_desc(&ring, TABLE, 0, DATA, 1, 0, 0);
	expect_refused(0);
	teardown();
}

TEST(sums_of_4_gib_are_refused)
{
	static const u16 ways[] = { 0, WRITE };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(ways); i++) {
		setup(8, 0);
		ring_desc(&ring, 0, DATA, 0x80000000, NEXT | ways[i], 1);
		ring_desc(&ring, 1, DATA, 0x7fffffff, ways[i], 2);
		ring_offer(&ring, 0);
		EXPECT_EQ(next(), 1);
		EXPECT_EQ(ways[i] ? chain.out_bytes : chain.in_bytes, 0xffffffff);
		ring_desc(&ring, 1, DATA, 0x80000000, ways[i], 2);
		expect_refused(0);
		teardown();
	}
	/* Each way has a sum of its own. */
	setup(8, 0);
	ring_desc(&ring, 0, DATA, 0xffffffff, NEXT, 1);
	ring_desc(&ring, 1, DATA, 0xffffffff, WRITE, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	teardown();
}

TEST(an_index_ahead_by_more_than_the_size_is_refused)
{
	setup(8, 0);
	start_at(0xfffc);
	link_descs(ring.desc, 0, 1, 0);
	ring_put(&ring, ring.avail + 2, (u16)(0xfffc + 8), 2);
	EXPECT_EQ(next(), 1);
	vq.next_avail = vq.seen_avail = 0xfffc;
	ring_put(&ring, ring.avail + 2, (u16)(0xfffc + 9), 2);
	EXPECT_EQ(next(), -EPROTO);
	ring_put(&ring, ring.avail + 2, 0xfffb, 2);		/* back */
	EXPECT_EQ(next(), -EPROTO);
	EXPECT_EQ(vq.next_avail, 0xfffc);
	teardown();
}

TEST(an_indirect_table_needs_its_feature)
{
	setup(8, 0);
	link_descs(TABLE, 0, 1, 0);
	ring_desc(&ring, 0, TABLE, 16, INDIRECT, 0);
	expect_refused(0);
	teardown();
}

TEST(an_indirect_table_within_one_is_refused)
{
	setup(8, INDIRECTS);
	ring_desc(&ring, 0, TABLE, 2 * 16, INDIRECT, 0);
	table_desc(&ring, TABLE, 0, DATA, 1, NEXT, 1);
	table_desc(&ring, TABLE, 1, TABLE + 0x1000, 16, INDIRECT, 0);
	link_descs(TABLE + 0x1000, 0, 1, 0);
	expect_refused(0);
	teardown();
}

TEST(an_indirect_table_with_a_next_is_refused)
{
	setup(8, INDIRECTS);
	link_descs(TABLE, 0, 1, 0);
	link_descs(ring.desc, 1, 1, 0);
	ring_desc(&ring, 0, TABLE, 16, INDIRECT | NEXT, 1);
	expect_refused(0);
	teardown();
}

TEST(an_indirect_table_of_a_wrong_size_is_refused)
{
	static const u32 sizes[] = {
		0, 1, 15, 17, 31, (AERIE_VQ_SIZE + 1) * 16, 0x10000 * 16, 0xfffffff0, 0xffffffff,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		setup(8, INDIRECTS);
		link_descs(TABLE, 0, 1, 0);
		ring_desc(&ring, 0, TABLE, sizes[i], INDIRECT, 0);
		expect_refused(0);
		teardown();
	}
}

TEST(more_buffers_than_a_chain_holds_are_refused)
{
	setup(8, INDIRECTS);
	ring_desc(&ring, 0, DATA, 1, NEXT, 1);
	ring_desc(&ring, 1, TABLE, AERIE_VQ_SIZE * 16, INDIRECT, 0);
	link_descs(TABLE, 0, AERIE_VQ_SIZE - 1, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(chain.nr_in, AERIE_VQ_SIZE);
	link_descs(TABLE, 0, AERIE_VQ_SIZE, 0);
	expect_refused(0);
	teardown();
}

TEST(rings_outside_ram_are_refused)
{
	static const gpa_t nowhere[] = { NOT_RAM, RAM_END - 2, 0xa0000, 1ull << 63 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		setup(8, INDIRECTS);
		vq.avail = nowhere[i];
		EXPECT_EQ(next(), -EPROTO);
		vq.avail = ring.avail;
		vq.desc = nowhere[i];
		ring_offer(&ring, 0);
		EXPECT_EQ(next(), -EPROTO);
		vq.desc = ring.desc;
		ring_desc(&ring, 0, nowhere[i], 16, INDIRECT, 0);
		EXPECT_EQ(next(), -EPROTO);
		link_descs(ring.desc, 0, 1, 0);
		EXPECT_EQ(next(), 1);
		vq.used = nowhere[i];
		aerie_vq_done(&vq, &chain, 0);
		EXPECT_EQ(broken, 1);
		teardown();
	}
}

TEST(a_ring_that_leaves_ram_midway_is_refused)
{
	setup(8, 0);
	vq.avail = RAM_END - 4;			/* flags and index only */
	ring_put(&ring, vq.avail + 2, 1, 2);
	EXPECT_EQ(next(), -EPROTO);
	vq.avail = ring.avail;
	vq.desc = RAM_END - 16;			/* one descriptor */
	link_descs(vq.desc, 0, 1, 0);
	ring_offer(&ring, 1);
	EXPECT_EQ(next(), -EPROTO);
	ring.idx--;
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	vq.used = RAM_END - 4;
	ring_put(&ring, vq.used + 2, 0x7777, 2);
	aerie_vq_done(&vq, &chain, 0);
	EXPECT_EQ(broken, 1);
	EXPECT_EQ(fake_mem_value(&vm.mem, RAM_END - 2, 2), 0x7777);
	teardown();
}

TEST(no_memory_for_the_used_ring_breaks_the_queue)
{
	setup(8, 0);
	link_descs(ring.desc, 0, 1, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	fake_mem_fail = 1;
	aerie_vq_done(&vq, &chain, 0);
	EXPECT_EQ(broken, 1);
	EXPECT_EQ(ring_used_idx(&ring), 0);
	teardown();
}

/* ---- Copies --------------------------------------------------------------- */

static void scattered(void)
{
	setup(8, 0);
	ring_desc(&ring, 0, DATA + 0xffe, 4, NEXT, 1);		/* across a page */
	ring_desc(&ring, 1, DATA + 0x3000, 3, NEXT, 2);
	ring_desc(&ring, 2, DATA + 0x4000, 2, NEXT | WRITE, 3);
	ring_desc(&ring, 3, DATA + 0x5fff, 4, WRITE, 0);
	aerie_mem_write(&vm.mem, DATA + 0xffe, "0123", 4, GFP_KERNEL);
	aerie_mem_write(&vm.mem, DATA + 0x3000, "456x", 4, GFP_KERNEL);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
}

TEST(reads_gather_from_any_offset)
{
	unsigned int off, len;
	char buf[16];

	scattered();
	for (off = 0; off <= 9; off++) {
		for (len = 0; len <= 9; len++) {
			unsigned int n = off < 7 ? min(len, 7 - off) : 0;

			memset(buf, '-', sizeof(buf));
			EXPECT_EQ(aerie_vq_read(&vq, &chain, off, buf, len), n);
			EXPECT(!memcmp(buf, "0123456" + min(off, 7u), n));
			EXPECT_EQ(buf[n], '-');
		}
	}
	EXPECT_EQ(aerie_vq_read(&vq, &chain, 1ull << 32, buf, 1), 0);
	EXPECT_EQ(aerie_vq_read(&vq, &chain, ~0ull, buf, 1), 0);
	teardown();
}

TEST(writes_scatter_to_any_offset)
{
	unsigned int off, len;

	for (off = 0; off <= 8; off++) {
		for (len = 0; len <= 8; len++) {
			unsigned int n = off < 6 ? min(len, 6 - off) : 0;
			char want[] = "\0\0\0\0\0\0";

			scattered();
			memcpy(want + off * !!n, "abcdefgh", n);
			EXPECT_EQ(aerie_vq_write(&vq, &chain, off, "abcdefgh", len), n);
			EXPECT(fake_mem_equal(&vm.mem, DATA + 0x4000, want, 2));
			EXPECT(fake_mem_equal(&vm.mem, DATA + 0x5fff, want + 2, 4));
			/* Neither what is beyond, nor what is only to be read. */
			EXPECT_EQ(fake_mem_value(&vm.mem, DATA + 0x4002, 8), 0);
			EXPECT_EQ(fake_mem_value(&vm.mem, DATA + 0x6003, 8), 0);
			EXPECT(fake_mem_equal(&vm.mem, DATA + 0xffe, "0123", 4));
			teardown();
		}
	}
}

TEST(buffers_outside_ram_fail_when_they_are_reached)
{
	char buf[8];

	setup(8, 0);
	ring_desc(&ring, 0, DATA, 2, NEXT, 1);
	ring_desc(&ring, 1, NOT_RAM, 2, NEXT, 2);
	ring_desc(&ring, 2, DATA, 2, NEXT | WRITE, 3);
	ring_desc(&ring, 3, RAM_END - 1, 2, WRITE, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(aerie_vq_read(&vq, &chain, 0, buf, 2), 2);
	EXPECT_EQ(aerie_vq_read(&vq, &chain, 0, buf, 3), -EFAULT);
	EXPECT_EQ(aerie_vq_read(&vq, &chain, 3, buf, 1), -EFAULT);
	EXPECT_EQ(aerie_vq_write(&vq, &chain, 0, buf, 2), 2);
	EXPECT_EQ(aerie_vq_write(&vq, &chain, 0, buf, 4), -EFAULT);
	EXPECT_EQ(aerie_vq_write(&vq, &chain, 2, buf, 1), 1);
	EXPECT_EQ(broken, 0);
	teardown();
}

TEST(no_memory_for_a_buffer_is_told)
{
	setup(8, 0);
	ring_desc(&ring, 0, DATA, 2, WRITE, 0);
	ring_offer(&ring, 0);
	EXPECT_EQ(next(), 1);
	fake_mem_fail = 1;
	EXPECT_EQ(aerie_vq_write(&vq, &chain, 0, "ab", 2), -ENOMEM);
	EXPECT_EQ(broken, 0);
	teardown();
}

/* ---- Notifications -------------------------------------------------------- */

static void use(unsigned int n)
{
	const struct aerie_vq_chain c = { .head = 0 };

	while (n--)
		aerie_vq_done(&vq, &c, 0);
}

TEST(kicks_are_asked_for_by_a_flag)
{
	setup(8, 0);
	link_descs(ring.desc, 0, 1, 0);
	EXPECT_EQ(aerie_vq_kicks(&vq, false), false);
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used, 2), VRING_USED_F_NO_NOTIFY);
	EXPECT_EQ(aerie_vq_kicks(&vq, true), false);
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used, 2), 0);
	/* One that came just before is not missed. */
	ring_offer(&ring, 0);
	EXPECT_EQ(aerie_vq_kicks(&vq, true), true);
	EXPECT_EQ(aerie_vq_kicks(&vq, false), false);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(aerie_vq_kicks(&vq, true), false);
	/* Nothing is written where the event would be. */
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used + 4 + 8 * 8, 2), 0);
	teardown();
}

TEST(kicks_are_asked_for_by_an_event)
{
	setup(8, EVENT_IDX);
	link_descs(ring.desc, 0, 1, 0);
	start_at(0xffff);
	EXPECT_EQ(aerie_vq_kicks(&vq, false), false);
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used + 4 + 8 * 8, 2), 0);
	EXPECT_EQ(aerie_vq_kicks(&vq, true), false);
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used + 4 + 8 * 8, 2), 0xffff);
	ring_offer(&ring, 0);
	EXPECT_EQ(aerie_vq_kicks(&vq, true), true);
	EXPECT_EQ(next(), 1);
	EXPECT_EQ(aerie_vq_kicks(&vq, true), false);
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used + 4 + 8 * 8, 2), 0);
	EXPECT_EQ(fake_mem_value(&vm.mem, ring.used, 2), 0);	/* the flag is not used */
	teardown();
}

TEST(a_wish_that_cannot_be_written_breaks_the_queue)
{
	setup(8, 0);
	vq.used = NOT_RAM;
	EXPECT_EQ(aerie_vq_kicks(&vq, true), false);
	EXPECT_EQ(broken, 1);
	teardown();
	setup(8, EVENT_IDX);
	vq.used = RAM_END - 16;			/* the event is beyond */
	EXPECT_EQ(aerie_vq_kicks(&vq, true), false);
	EXPECT_EQ(broken, 1);
	teardown();
}

TEST(signals_are_wanted_unless_a_flag_says_no)
{
	setup(8, 0);
	EXPECT(!aerie_vq_must_signal(&vq));		/* nothing was done */
	use(1);
	EXPECT(aerie_vq_must_signal(&vq));
	EXPECT(!aerie_vq_must_signal(&vq));		/* once */
	ring_put(&ring, ring.avail, VRING_AVAIL_F_NO_INTERRUPT, 2);
	use(1);
	EXPECT(!aerie_vq_must_signal(&vq));
	ring_put(&ring, ring.avail, 0, 2);
	EXPECT(!aerie_vq_must_signal(&vq));
	use(1);
	EXPECT(aerie_vq_must_signal(&vq));
	teardown();
}

TEST(signals_are_wanted_when_the_event_is_passed)
{
	gpa_t event;

	setup(4, EVENT_IDX);
	event = ring.avail + 4 + 2 * 4;
	ring_put(&ring, ring.avail, VRING_AVAIL_F_NO_INTERRUPT, 2);	/* not used */
	start_at(0xfffe);
	ring_put(&ring, event, 0xffff, 2);
	use(1);
	EXPECT(!aerie_vq_must_signal(&vq));		/* 0xfffe was used */
	use(1);
	EXPECT(aerie_vq_must_signal(&vq));		/* 0xffff was */
	use(1);
	EXPECT(!aerie_vq_must_signal(&vq));
	/* Passed by more than one at a time, across the wrap. */
	start_at(0xfffe);
	ring_put(&ring, event, 0, 2);
	use(3);
	EXPECT(aerie_vq_must_signal(&vq));
	ring_put(&ring, event, 0x7000, 2);
	use(1);
	EXPECT(!aerie_vq_must_signal(&vq));
	teardown();
}

TEST(a_wish_that_cannot_be_read_is_a_yes)
{
	setup(8, 0);
	use(1);
	vq.avail = NOT_RAM;
	EXPECT(aerie_vq_must_signal(&vq));
	teardown();
}
