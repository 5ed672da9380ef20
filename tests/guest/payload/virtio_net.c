// SPDX-License-Identifier: GPL-2.0
/*
 * Two network devices on one bridge: frames from the first to the second, and what a
 * driver must not do.
 */
#include "virtio_net/nic.h"

#define MRG	BIT(F_MRG_RXBUF)
#define CTRLS	(BIT(F_CTRL_VQ) | BIT(F_CTRL_RX) | BIT(F_CTRL_VLAN) | BIT(F_CTRL_MAC))

static const u8 everybody[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const u8 group[] = { 0x03, 0, 0, 0, 0, 9 };
static struct nic *const from = &nics[0], *const to = &nics[1];

/*
 * Both up, and the bridge passes frames: it takes a while to see carriers. No buffer is left
 * offered, and no frame under way: a reset of either would take a carrier again.
 */
static bool up(u64 from_wanted, u64 to_wanted)
{
	u32 i, len;

	if (!nic_start(from, from_wanted) || !nic_start(to, to_wanted))
		return false;
	nic_offer(to, 0, BUF);
	nic_frame(from->tx, everybody, 60, 0);
	for (i = 0; i < 100; i++) {
		if (!nic_send(from, 0, 60))
			return false;
		if (nic_received(to, 100, &len) != SIZE)
			break;
	}
	if (i == 100)
		return false;
	/* Those that were late. */
	do
		nic_offer(to, 0, BUF);
	while (nic_received(to, 300, &len) != SIZE);
	return nic_send(from, 0, 60) && nic_received(to, 1000, &len) == 0;
}

/* A frame of @len bytes to @mac is received as it was sent. */
static bool passes(const u8 *mac, u32 len)
{
	u32 i, got;

	nic_frame(from->tx, mac, len, len);
	nic_offer(to, 1, BUF);
	if (!nic_send(from, 0, len))
		return false;
	i = nic_received(to, 1000, &got);
	if (i == SIZE || got != HDR_LEN + len)
		return false;
	return !memcmp(to->rx + i * BUF + HDR_LEN, from->tx, len);
}

TEST(frames)
{
	static const u32 lens[] = { 14, 15, 60, 61, 1000, FRAME_MAX };
	u32 i;

	NIC_SETUP();
	EXPECT(up(0, 0));
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		memset(to->rx, 0xee, SIZE * BUF);
		EXPECT(passes(everybody, lens[i]));
		EXPECT_EQ(to->rx[BUF + HDR_LEN + lens[i]], 0xee);
		EXPECT_EQ(to->rx[BUF], 0);		/* flags */
		EXPECT_EQ(to->rx[BUF + 1], 0);		/* segmentation */
		EXPECT_EQ(to->rx[BUF + 10], 1);		/* buffers */
	}
}

TEST(a_frame_in_several_buffers)
{
	u32 i, len, off = HDR_LEN;
	u16 used;

	NIC_SETUP();
	EXPECT(up(0, MRG));
	used = nic_used(to, RX);
	nic_frame(from->tx, everybody, 200, 7);
	for (i = 0; i < SIZE; i++)
		nic_offer(to, i, 64);
	EXPECT(nic_send(from, 0, 200));
	EXPECT(WAIT_FOR(nic_used(to, RX) == (u16)(used + 4), 1000));
	for (i = 0; i < 4; i++) {
		EXPECT_EQ(nic_received(to, 0, &len), i);
		EXPECT_EQ(len, i < 3 ? 64 : 20);
		EXPECT(!memcmp(to->rx + i * BUF + (i ? 0 : HDR_LEN),
			       from->tx + 64 * i - (i ? HDR_LEN : 0), len - (i ? 0 : HDR_LEN)));
		off += len;
	}
	EXPECT_EQ(to->rx[10], 4);
	/* It needs more buffers than there are: it waits until there are. */
	nic_frame(from->tx, everybody, 400, 9);
	EXPECT(nic_send(from, 0, 400));
	delay_us(20000);
	EXPECT_EQ(nic_used(to, RX), (u16)(used + 4));
	for (i = 0; i < 3; i++)
		nic_offer(to, i, 64);
	EXPECT(WAIT_FOR(nic_used(to, RX) == (u16)(used + 11), 1000));
	EXPECT_EQ(to->rx[4 * BUF + 10], 7);
}

TEST(a_buffer_too_small_loses_the_frame)
{
	u32 len;

	NIC_SETUP();
	EXPECT(up(0, 0));
	nic_frame(from->tx, everybody, 200, 7);
	nic_offer(to, 2, 100);
	EXPECT(nic_send(from, 0, 200));
	EXPECT_EQ(nic_received(to, 300, &len), SIZE);
	EXPECT(nic_send(from, 0, 60));
	EXPECT_EQ(nic_received(to, 1000, &len), 2);
	EXPECT_EQ(len, HDR_LEN + 60);
}

/* The bridge's host computes what the receiver has not said it could. */
TEST(checksums)
{
	u32 i, sum = 0, len;
	u8 *got;

	NIC_SETUP();
	EXPECT(up(BIT(F_CSUM), 0));
	nic_frame(from->tx, everybody, 100, 3);
	from->tx[40] = from->tx[41] = 0;
	header = (struct header){ .flags = 1, .csum_start = 34, .csum_offset = 6 };
	nic_offer(to, 1, BUF);
	EXPECT(nic_send(from, 0, 100));
	EXPECT_EQ(nic_received(to, 1000, &len), 1);
	got = to->rx + BUF;
	EXPECT_EQ(got[0], 0);
	for (i = HDR_LEN + 34; i < HDR_LEN + 100; i += 2)
		sum += got[i] << 8 | got[i + 1];
	EXPECT_EQ((sum & 0xffff) + (sum >> 16), 0xffff);
	/* Who can gets the same header. */
	EXPECT(up(BIT(F_CSUM), BIT(F_GUEST_CSUM)));
	nic_frame(from->tx, everybody, 100, 3);
	nic_offer(to, 1, BUF);
	EXPECT(nic_send(from, 0, 100));
	EXPECT_EQ(nic_received(to, 1000, &len), 1);
	EXPECT_EQ(got[0], 1);
	EXPECT_EQ(got[6], 34);
	EXPECT_EQ(got[8], 6);
}

TEST(bad_headers)
{
	static const struct {
		const char *name;
		struct header h;
		u32 len;
	} bad[] = {
		{ "checksum over the end", { .flags = 1, .csum_start = 59 }, 60 },
		{ "checksum far away", { .flags = 1, .csum_start = 0xffff, .csum_offset = 0xffff }, 60 },
		{ "checksum in the address", { .flags = 1, .gso_type = 1, .gso_size = 100 }, 60 },
		{ "segments without checksum", { .gso_type = 1, .gso_size = 100 }, 1000 },
		{ "segments of nothing", { .flags = 1, .gso_type = 1, .csum_start = 34, .csum_offset = 16 }, 1000 },
		{ "segments of other bytes", { .flags = 1, .gso_type = 1, .gso_size = 100, .csum_start = 34, .csum_offset = 6 }, 1000 },
		{ "segments of UDP", { .flags = 1, .gso_type = 3, .gso_size = 100, .csum_start = 34, .csum_offset = 6 }, 1000 },
		{ "segments not accepted", { .flags = 1, .gso_type = 4, .gso_size = 100, .csum_start = 54, .csum_offset = 16 }, 1000 },
		{ "segments of no kind", { .gso_type = 0x55 }, 1000 },
		{ "ECN alone", { .gso_type = 0x80 }, 1000 },
		{ "no frame", { .flags = 0 }, 0 },
		{ "half a header", { .flags = 0 }, 13 },
	};
	u32 i, len;

	NIC_SETUP();
	EXPECT(up(BIT(F_CSUM) | BIT(F_HOST_TSO4), MRG));
	nic_offer(to, 0, BUF);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		header = bad[i].h;
		nic_frame(from->tx, everybody, 1000, 0);
		if (!nic_send(from, 0, bad[i].len) || nic_received(to, 30, &len) != SIZE) {
			printf("# %s\n", bad[i].name);
			EXPECT(!"it is dropped");
		}
	}
	/* A request that is too short for a header, and one that is too long for a frame. */
	from->ring[TX]->desc[2] = (struct desc){ (u64)from->tx, 11, 0, 0 };
	from->ring[TX]->avail[from->ring[TX]->avail_idx % SIZE] = 2;
	WRITE_ONCE(from->ring[TX]->avail_idx, from->ring[TX]->avail_idx + 1);
	nic_kick(from, TX);
	EXPECT(WAIT_FOR(nic_used(from, TX) == from->ring[TX]->avail_idx, 1000));
	header = (struct header){};
	EXPECT(nic_send(from, 0, 0x20000));
	EXPECT(nic_send(from, 0, 0x7fffffff));
	/* Data that is not there. */
	from->ring[TX]->desc[2] = (struct desc){ 0xc8000000, 100, 0, 0 };
	from->ring[TX]->avail[from->ring[TX]->avail_idx % SIZE] = 2;
	WRITE_ONCE(from->ring[TX]->avail_idx, from->ring[TX]->avail_idx + 1);
	nic_kick(from, TX);
	EXPECT(WAIT_FOR(nic_used(from, TX) == from->ring[TX]->avail_idx, 1000));
	EXPECT_EQ(nic_received(to, 100, &len), SIZE);
	nic_frame(from->tx, everybody, 60, 5);
	EXPECT(nic_send(from, 0, 60));
	EXPECT_EQ(nic_received(to, 1000, &len), 0);
}

TEST(bad_receive_buffers)
{
	static const struct desc bad[] = {
		{ 0x100000, 0, DESC_WRITE, 0 },
		{ 0x100000, 11, DESC_WRITE, 0 },
		{ 0x100000, 100, 0, 0 },
		{ 0xc8000000, 100, DESC_WRITE, 0 },
		{ ~0ull - 8, 100, DESC_WRITE, 0 },
		{ 0, 100, DESC_WRITE | DESC_NEXT, 0 },
		{ 0, 100, DESC_WRITE | DESC_NEXT, SIZE },
	};
	u32 i;

	NIC_SETUP();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT(up(0, MRG));
		nic_offer(to, 0, BUF);
		to->ring[RX]->desc[0] = bad[i];
		nic_frame(from->tx, everybody, 60, 5);
		EXPECT(nic_send(from, 0, 60));
		if (!nic_broken(to))
			printf("# buffer %u\n", i);
		EXPECT(get8(&to->dev, STATUS) & NEEDS_RESET);
		/* The sender does not notice. */
		EXPECT(nic_send(from, 0, 60));
	}
	EXPECT(up(0, MRG));
	EXPECT(passes(everybody, 100));
}

TEST(filters)
{
	u8 own[6], other[] = { 0x02, 0xbb, 0, 0, 0, 2 }, on = 1, off = 0;
	u8 table[] = { 1, 0, 0, 0, 0x02, 0xbb, 0, 0, 0, 2, 1, 0, 0, 0, 3, 0, 0, 0, 0, 9 };
	u16 vlan = 5;
	u32 i;

	NIC_SETUP();
	for (i = 0; i < 6; i++)
		own[i] = READ_ONCE(*(u8 *)(to->dev.config + i));
	EXPECT_EQ(own[0], 2);
	EXPECT(up(0, CTRLS));
	EXPECT(passes(other, 60));
	EXPECT_EQ(nic_ctrl(to, 0, 0, &off, 1), 0);
	EXPECT(!passes(other, 60));
	EXPECT(up(0, CTRLS));
	EXPECT_EQ(nic_ctrl(to, 0, 0, &off, 1), 0);
	EXPECT(passes(own, 60));
	EXPECT(passes(everybody, 60));
	EXPECT_EQ(nic_ctrl(to, 1, 0, table, sizeof(table)), 0);
	EXPECT(passes(other, 60));
	EXPECT(passes(group, 60));
	EXPECT_EQ(nic_ctrl(to, 0, 1, &on, 1), 0);
	/* An address of its own, until the next reset. */
	EXPECT_EQ(nic_ctrl(to, 1, 1, "\x02\xcc\0\0\0\1", 6), 0);
	EXPECT_EQ(READ_ONCE(*(u8 *)(to->dev.config + 1)), 0xcc);
	EXPECT_EQ(nic_ctrl(to, 2, 0, &vlan, 2), 0);
	EXPECT_EQ(nic_ctrl(to, 2, 1, &vlan, 2), 0);
	EXPECT(reset(&to->dev));
	EXPECT_EQ(READ_ONCE(*(u8 *)(to->dev.config + 1)), own[1]);
}

TEST(control_garbage)
{
	struct ring *r = to->ring[CTRL];
	u8 junk[64];
	u32 i, j, x = 12345;

	NIC_SETUP();
	r = to->ring[CTRL];
	EXPECT(up(0, CTRLS));
	for (i = 0; i < 300; i++) {
		for (j = 0; j < sizeof(junk); j++)
			junk[j] = (x = x * 1103515245 + 12345) >> 16;
		if (nic_ctrl(to, junk[0] % 7, junk[1] % 5, junk + 2, i % 60) > 1)
			break;
	}
	EXPECT_EQ(i, 300);
	EXPECT_EQ(nic_ctrl(to, 1, 0, "\xff\xff\xff\xff\0\0\0\0", 8), 1);
	/* No answer is wanted, or it would go nowhere. */
	r->desc[0] = (struct desc){ (u64)junk, 3, 0, 0 };
	r->avail[r->avail_idx % SIZE] = 0;
	WRITE_ONCE(r->avail_idx, r->avail_idx + 1);
	nic_kick(to, CTRL);
	EXPECT(nic_broken(to));
	EXPECT(up(0, CTRLS));
	r->desc[0] = (struct desc){ (u64)junk, 3, DESC_NEXT, 1 };
	r->desc[1] = (struct desc){ 0xc8000000, 1, DESC_WRITE, 0 };
	r->avail[r->avail_idx % SIZE] = 0;
	WRITE_ONCE(r->avail_idx, r->avail_idx + 1);
	nic_kick(to, CTRL);
	EXPECT(nic_broken(to));
	EXPECT(up(0, CTRLS));
	EXPECT(passes(everybody, 60));
}

/* Nobody waits for a guest that does not receive: what is for it is lost. */
TEST(a_guest_that_does_not_receive)
{
	u32 i, len;

	NIC_SETUP();
	EXPECT(up(0, MRG));
	nic_frame(from->tx, everybody, 1000, 1);
	for (i = 0; i < 1500; i++)
		if (!nic_send(from, 0, 1000))
			break;
	EXPECT_EQ(i, 1500);
	delay_us(1500000);
	for (i = 0; i < 20; i++)
		EXPECT(nic_send(from, 0, 1000));
	/* When it does it gets what is sent from then on. */
	nic_offer(to, 3, BUF);
	for (i = 0; i < 20; i++) {
		EXPECT(nic_send(from, 0, 60));
		if (nic_received(to, 200, &len) != SIZE)
			break;
	}
	EXPECT(i < 20);
	EXPECT_EQ(len, HDR_LEN + 60);
}

static volatile bool traffic;

static void sender(void *arg)
{
	nic_frame(from->tx, everybody, 500, 1);
	while (traffic) {
		struct ring *r = from->ring[TX];

		relax();
		if ((u16)(r->avail_idx - READ_ONCE(r->used.idx)) >= SIZE)
			continue;
		r->desc[1] = (struct desc){ (u64)from->tx, 512, 0, 0 };
		r->avail[r->avail_idx % SIZE] = 1;
		barrier();
		WRITE_ONCE(r->avail_idx, r->avail_idx + 1);
		nic_kick(from, TX);
	}
}

TEST(resets_under_traffic)
{
	u32 i, j;

	if (smp_start() < 2)
		SKIP("one processor");
	NIC_SETUP();
	EXPECT(up(0, MRG));
	traffic = true;
	cpu_start(1, sender, NULL);
	for (i = 0; i < 60; i++) {
		struct nic *n = i % 3 ? to : from;

		for (j = 0; j < SIZE; j++)
			nic_offer(to, j, BUF);
		delay_us(i * 50);
		if (!nic_start(n, MRG))
			break;
	}
	EXPECT_EQ(i, 60);
	traffic = false;
	cpu_wait(1);
	EXPECT(up(0, MRG));
	EXPECT(passes(everybody, 60));
}
