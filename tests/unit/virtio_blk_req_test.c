// SPDX-License-Identifier: GPL-2.0
/* Requests of a disk as drivers may write them, and as they may not. */
// sources: kmod/virtio/blk_req.c kmod/virtio/queue.c
#include "ktap.h"
#include "aerie.h"
#include "virtio/blk_req.h"
#include <uapi/linux/virtio_blk.h>
#include "fake_mem.h"

#define HEADER		0x10000ull
#define DATA		0x40000ull
#define STATUS		0x50000ull
#define NOT_RAM		0xd0000000ull
#define RAM_END		(4ull << 20)
#define SECTORS		2048ull

static struct aerie_vm vm;
static struct aerie_virtio vdev;
static struct aerie_vq vq = { .vdev = &vdev };
static struct aerie_vq_chain chain;
static struct aerie_blk_ask ask;

void aerie_virtio_broken(struct aerie_virtio *v)
{
	abort();
}

static void setup(void)
{
	aerie_mem_init(&vm.mem, RAM_END, NULL);
	vdev.dev.vm = &vm;
}

static void teardown(void)
{
	aerie_mem_fini(&vm.mem);
}

static void put(gpa_t gpa, const void *buf, size_t len)
{
	if (aerie_mem_write(&vm.mem, gpa, buf, len, GFP_KERNEL))
		abort();
}

static void buf(gpa_t gpa, u32 len, bool write)
{
	chain.bufs[chain.nr_in + chain.nr_out] = (struct aerie_vq_buf){ gpa, len };
	*(write ? &chain.nr_out : &chain.nr_in) += 1;
	*(write ? &chain.out_bytes : &chain.in_bytes) += len;
}

/* A request with @in bytes for the device after its header and @out from it before its status. */
static int parse(u32 type, u64 sector, u32 in, u32 out, bool read_only)
{
	const struct virtio_blk_outhdr hdr = { .type = type, .sector = sector };

	put(HEADER, &hdr, sizeof(hdr));
	memset(&chain, 0, sizeof(chain));
	memset(&ask, 0x5a, sizeof(ask));
	buf(HEADER, sizeof(hdr), false);
	if (in)
		buf(DATA, in, false);
	if (out)
		buf(DATA, out, true);
	buf(STATUS, 1, true);
	return aerie_blk_parse(&vq, &chain, SECTORS, read_only, &ask);
}

static int ranges(u32 type, const struct virtio_blk_discard_write_zeroes *r, u32 bytes)
{
	put(DATA, r, bytes);
	return parse(type, 0, bytes, 0, false);
}

TEST(reading)
{
	setup();
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, 8, 0, 4096, false), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_READ);
	EXPECT_EQ(ask.pos, 4096);
	EXPECT_EQ(ask.len, 4096);
	EXPECT_EQ(ask.off, 0);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, 0, 0, SECTORS * 512, true), VIRTIO_BLK_S_OK);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, SECTORS, 0, 0, false), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.len, 0);
	/* Data on the wrong side, no sector, beyond the end, far beyond it. */
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, 0, 512, 512, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, 0, 0, 511, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, SECTORS - 1, 0, 1024, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, SECTORS + 1, 0, 0, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, 1ull << 55, 0, 512, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_IN, ~0ull, 0, 512, false), VIRTIO_BLK_S_IOERR);
	teardown();
}

TEST(writing)
{
	setup();
	EXPECT_EQ(parse(VIRTIO_BLK_T_OUT, SECTORS - 1, 512, 0, false), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_WRITE);
	EXPECT_EQ(ask.pos, (SECTORS - 1) * 512);
	EXPECT_EQ(ask.len, 512);
	EXPECT_EQ(ask.off, 16);
	EXPECT_EQ(parse(VIRTIO_BLK_T_OUT, 0, 512, 0, true), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_OUT, 0, 512, 512, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_OUT, 0, 100, 0, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_OUT, SECTORS, 512, 0, false), VIRTIO_BLK_S_IOERR);
	teardown();
}

TEST(the_others)
{
	setup();
	EXPECT_EQ(parse(VIRTIO_BLK_T_FLUSH, 0, 0, 0, true), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_FLUSH);
	EXPECT_EQ(parse(VIRTIO_BLK_T_GET_ID, 0, 0, 20, false), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_ID);
	EXPECT_EQ(ask.len, 20);
	EXPECT_EQ(parse(2, 0, 0, 0, false), VIRTIO_BLK_S_UNSUPP);
	EXPECT_EQ(parse(~0u, 0, 0, 0, false), VIRTIO_BLK_S_UNSUPP);
	teardown();
}

TEST(ranges_are_checked_one_by_one)
{
	struct virtio_blk_discard_write_zeroes r[AERIE_BLK_RANGES + 1] = {};
	unsigned int i;

	setup();
	for (i = 0; i <= AERIE_BLK_RANGES; i++)
		r[i] = (struct virtio_blk_discard_write_zeroes){ .sector = 8 * i, .num_sectors = 8 };
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, AERIE_BLK_RANGES * sizeof(r[0])), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_DISCARD);
	EXPECT_EQ(ask.nr, AERIE_BLK_RANGES);
	EXPECT_EQ(ask.ranges[15].pos, 15 * 4096);
	EXPECT_EQ(ask.ranges[15].len, 4096);
	EXPECT(!ask.ranges[15].unmap);
	r[1].flags = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	EXPECT_EQ(ranges(VIRTIO_BLK_T_WRITE_ZEROES, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_ZEROES);
	EXPECT(!ask.ranges[0].unmap && ask.ranges[1].unmap);
	/* Of a discard no flag; of zeroes none but that one. */
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_UNSUPP);
	r[1].flags = 2;
	EXPECT_EQ(ranges(VIRTIO_BLK_T_WRITE_ZEROES, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_UNSUPP);
	r[1].flags = 0;
	/* None, a part of one, one too many. */
	EXPECT_EQ(parse(VIRTIO_BLK_T_DISCARD, 0, 0, 0, false), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, sizeof(r[0]) + 8), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, sizeof(r)), VIRTIO_BLK_S_IOERR);
	/* Empty, beyond the end, longer than was said. */
	r[1].num_sectors = 0;
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_IOERR);
	r[1].num_sectors = SECTORS;
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_IOERR);
	r[1].num_sectors = ~0u;
	EXPECT_EQ(ranges(VIRTIO_BLK_T_WRITE_ZEROES, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_IOERR);
	r[1] = (struct virtio_blk_discard_write_zeroes){ .sector = ~0ull, .num_sectors = 1 };
	EXPECT_EQ(ranges(VIRTIO_BLK_T_DISCARD, r, 2 * sizeof(r[0])), VIRTIO_BLK_S_IOERR);
	r[1].sector = 0;
	EXPECT_EQ(parse(VIRTIO_BLK_T_DISCARD, 0, sizeof(r[0]), 0, true), VIRTIO_BLK_S_IOERR);
	EXPECT_EQ(parse(VIRTIO_BLK_T_DISCARD, 0, sizeof(r[0]), 8, false), VIRTIO_BLK_S_IOERR);
	teardown();
}

TEST(buffers_as_the_driver_likes)
{
	const struct virtio_blk_outhdr hdr = { .type = VIRTIO_BLK_T_OUT, .sector = 1 };

	/* The header in two, data behind its second half, nothing at the end of all. */
	setup();
	put(HEADER, &hdr, 10);
	put(DATA, (const u8 *)&hdr + 10, 6);
	memset(&chain, 0, sizeof(chain));
	buf(HEADER, 10, false);
	buf(HEADER, 0, false);
	buf(DATA, 6 + 512, false);
	buf(STATUS - 100, 0, true);
	buf(STATUS, 1, true);
	buf(NOT_RAM, 0, true);
	EXPECT_EQ(aerie_blk_parse(&vq, &chain, SECTORS, false, &ask), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.op, AERIE_BLK_WRITE);
	EXPECT_EQ(ask.len, 512);
	EXPECT_EQ(ask.off, 16);
	EXPECT_EQ(aerie_blk_status_gpa(&chain), STATUS);
	teardown();
}

TEST(the_status_is_the_last_byte)
{
	setup();
	memset(&chain, 0, sizeof(chain));
	buf(HEADER, 16, false);
	buf(DATA, 513, true);
	EXPECT_EQ(aerie_blk_status_gpa(&chain), DATA + 512);
	EXPECT_EQ(aerie_blk_parse(&vq, &chain, SECTORS, false, &ask), VIRTIO_BLK_S_OK);
	EXPECT_EQ(ask.len, 512);
	teardown();
}

TEST(no_header_or_no_status_is_no_request)
{
	setup();
	memset(&chain, 0, sizeof(chain));
	buf(HEADER, 15, false);
	buf(STATUS, 1, true);
	EXPECT_EQ(aerie_blk_parse(&vq, &chain, SECTORS, false, &ask), -EPROTO);
	memset(&chain, 0, sizeof(chain));
	buf(HEADER, 16, false);
	buf(STATUS, 0, true);
	EXPECT_EQ(aerie_blk_parse(&vq, &chain, SECTORS, false, &ask), -EPROTO);
	memset(&chain, 0, sizeof(chain));
	buf(NOT_RAM, 16, false);
	buf(STATUS, 1, true);
	EXPECT_EQ(aerie_blk_parse(&vq, &chain, SECTORS, false, &ask), -EPROTO);
	teardown();
}
