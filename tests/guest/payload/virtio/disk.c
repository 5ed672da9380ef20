// SPDX-License-Identifier: GPL-2.0
/* A disk of 1 MiB whose serial number is "payload". */
#include "driver.h"

#define SECTORS	2048

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

static struct {
	u32 type, ioprio;
	u64 sector;
} header;

static struct {
	u64 sector;
	u32 sectors, flags;
} range;

static volatile u8 status;
static u16 done;

static bool blk_start(void)
{
	done = 0;
	return start(&blk, BIT(9), NO_VECTOR);
}

/* One request with @len bytes of data at @buf; the status, or 255. */
static u8 blk_do(u32 type, u64 sector, void *buf, u32 len)
{
	bool writes = type == T_IN || type == T_GET_ID;

	header.type = type;
	header.sector = sector;
	status = 255;
	describe(0, &header, sizeof(header), DESC_NEXT, len ? 1 : 2);
	describe(1, buf, len, DESC_NEXT | (writes ? DESC_WRITE : 0), 2);
	describe(2, (void *)&status, 1, DESC_WRITE, 0);
	submit(&blk, 0);
	return used(++done) ? status : 255;
}

TEST(disk_keeps_what_is_written)
{
	u32 i;

	SETUP();
	EXPECT_EQ(READ_ONCE(*(u64 *)blk.config), SECTORS);
	EXPECT(blk_start());
	for (i = 0; i < 4096; i++)
		data[i] = i * 31 >> 3;
	EXPECT_EQ(blk_do(T_OUT, 8, data, 4096), S_OK);
	EXPECT_EQ(blk_do(T_FLUSH, 0, NULL, 0), S_OK);
	memset(data, 0, 4096);
	EXPECT_EQ(blk_do(T_IN, 8, data, 4096), S_OK);
	EXPECT_EQ(ring->used.ring[2].len, 4097);
	for (i = 0; i < 4096; i++)
		if (data[i] != (u8)(i * 31 >> 3))
			break;
	EXPECT_EQ(i, 4096);
	/* The first and the last sector, and a buffer that crosses pages. */
	EXPECT_EQ(blk_do(T_OUT, SECTORS - 1, data, 512), S_OK);
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
	EXPECT_EQ(blk_do(T_IN, SECTORS - 1, data + 512 - 3, 512), S_OK);
	EXPECT_EQ(data[512 - 3 + 100], (u8)(100 * 31 >> 3));
}

TEST(disk_serial_number)
{
	SETUP();
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_GET_ID, 0, data, 20), S_OK);
	EXPECT(!memcmp(data, "payload\0", 8));
}

TEST(disk_discards_and_zeroes)
{
	u32 i;

	SETUP();
	EXPECT(blk_start());
	memset(data, 0xaa, 4096);
	EXPECT_EQ(blk_do(T_OUT, 64, data, 4096), S_OK);
	range.sector = 64;
	range.sectors = 4;
	range.flags = 0;
	EXPECT_EQ(blk_do(T_ZEROES, 0, &range, sizeof(range)), S_OK);
	EXPECT_EQ(blk_do(T_IN, 64, data, 4096), S_OK);
	for (i = 0; i < 2048; i++)
		if (data[i])
			break;
	EXPECT_EQ(i, 2048);
	EXPECT_EQ(data[2048], 0xaa);
	range.flags = 1;
	range.sector = 68;
	EXPECT_EQ(blk_do(T_ZEROES, 0, &range, sizeof(range)), S_OK);
	EXPECT_EQ(blk_do(T_IN, 68, data, 512), S_OK);
	EXPECT_EQ(data[0], 0);
	range.flags = 0;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_OK);
	range.flags = 2;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_UNSUPP);
	range.flags = 0;
	range.sectors = 0;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_IOERR);
	range.sector = SECTORS - 1;
	range.sectors = 2;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_IOERR);
	range.sector = ~0ull - 1;
	range.sectors = 4;
	EXPECT_EQ(blk_do(T_ZEROES, 0, &range, sizeof(range)), S_IOERR);
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range) - 1), S_IOERR);
}

TEST(disk_refuses)
{
	SETUP();
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_IN, SECTORS, data, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, SECTORS - 1, data, 1024), S_IOERR);
	EXPECT_EQ(blk_do(T_OUT, SECTORS - 1, data, 1024), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, ~0ull, data, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, 1ull << 55, data, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, 0, data, 511), S_IOERR);
	EXPECT_EQ(blk_do(99, 0, data, 512), S_UNSUPP);
	/* Data that is not there is an error of the request. */
	EXPECT_EQ(blk_do(T_IN, 0, (void *)0xc8000000, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_OUT, 0, (void *)(1ull << 40), 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
	/* No header, or nothing to put the status into, is one of the driver. */
	describe(0, &header, 15, DESC_NEXT, 1);
	describe(1, (void *)&status, 1, DESC_WRITE, 0);
	submit(&blk, 0);
	EXPECT(broken(&blk));
	EXPECT(blk_start());
	describe(0, &header, 16, 0, 0);
	submit(&blk, 0);
	EXPECT(broken(&blk));
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
}

#define FAR		((u8 *)(16ull << 20))	/* RAM that nothing else uses, up to 64 MiB */
#define UNTOUCHED	((u8 *)(40ull << 20))
#define ALL		(SECTORS * 512u)

static bool same(const u8 *a, const u8 *b, u32 len)
{
	return !memcmp(a, b, len);
}

TEST(disk_takes_large_requests)
{
	struct desc *table = (void *)data;
	u8 *from = FAR, *to = FAR + (2 << 20);
	u32 i, parts = 250;

	SETUP();
	EXPECT(blk_start());
	for (i = 0; i < ALL; i++)
		from[i] = i * 2654435761u >> 24;
	/* All of it at once, from an odd address to another. */
	memset(to, 0, ALL + 8);
	EXPECT_EQ(blk_do(T_OUT, 0, from, ALL), S_OK);
	EXPECT_EQ(blk_do(T_IN, 0, to + 3, ALL), S_OK);
	EXPECT_EQ(ring->used.ring[1].len, ALL + 1);
	EXPECT(same(from, to + 3, ALL));
	/* Cut into as many parts as there may be, none of a sector's length. */
	EXPECT(start(&blk, F_INDIRECT, NO_VECTOR));
	memset(to, 0, ALL + 8);
	header.type = T_IN;
	header.sector = 0;
	table[0] = (struct desc){ (u64)&header, sizeof(header), DESC_NEXT, 1 };
	for (i = 0; i < parts; i++)
		table[1 + i] = (struct desc){ (u64)to + 4090 * i, 4090, DESC_NEXT | DESC_WRITE, 2 + i };
	i = 512 * 2000 - 4090 * parts;	/* what is left of 2000 sectors */
	table[1 + parts] = (struct desc){ (u64)to + 4090 * parts, i, DESC_NEXT | DESC_WRITE, 2 + parts };
	status = 255;
	table[2 + parts] = (struct desc){ (u64)&status, 1, DESC_WRITE, 0 };
	describe(0, table, (3 + parts) * sizeof(*table), DESC_INDIRECT, 0);
	submit(&blk, 0);
	EXPECT(used(1));
	EXPECT_EQ(status, S_OK);
	EXPECT(same(from, to, 512 * 2000));
	EXPECT_EQ(to[512 * 2000], 0);
}

TEST(disk_reads_untouched_memory_as_zeroes)
{
	SETUP();
	EXPECT(blk_start());
	memset(data, 0xaa, 4096);
	EXPECT_EQ(blk_do(T_OUT, 128, data, 4096), S_OK);
	EXPECT_EQ(blk_do(T_OUT, 128, UNTOUCHED, 4096), S_OK);
	EXPECT_EQ(blk_do(T_IN, 128, data, 4096), S_OK);
	EXPECT_EQ(data[0] | data[4095], 0);
	/* And puts what it reads into such memory, across pages. */
	memset(data, 0xbb, 4096);
	EXPECT_EQ(blk_do(T_OUT, 128, data, 4096), S_OK);
	EXPECT_EQ(blk_do(T_IN, 128, UNTOUCHED + 0x100f00, 4096), S_OK);
	EXPECT(same(UNTOUCHED + 0x100f00, data, 4096));
	EXPECT_EQ(UNTOUCHED[0x100eff] | UNTOUCHED[0x101f00], 0);
}

/* Flushes are under way while the device is reset, and none comes back after it. */
TEST(disk_is_reset_while_it_works)
{
	static volatile u8 states[2];
	u32 i, n;

	SETUP();
	for (i = 0; i < 50; i++) {
		EXPECT(blk_start());
		header.type = T_FLUSH;
		for (n = 0; n < 2; n++) {
			describe(2 * n, &header, sizeof(header), DESC_NEXT, 2 * n + 1);
			describe(2 * n + 1, (void *)&states[n], 1, DESC_WRITE, 0);
			submit(&blk, 2 * n);
		}
		delay_us(i * 20);
		EXPECT(reset(&blk));
		states[0] = states[1] = 255;
		delay_us(200);
		EXPECT_EQ(states[0] & states[1], 255);
	}
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
}
