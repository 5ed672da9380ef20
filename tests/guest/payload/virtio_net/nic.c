// SPDX-License-Identifier: GPL-2.0
/* A driver of network devices: rings of each queue, frames, control requests. */
#include "nic.h"

struct nic nics[2];
struct header header;
static u8 *scratch;

bool nic_setup(void)
{
	static bool done;
	u32 i, q;

	header = (struct header){};
	if (done)
		return true;
	scratch = page_alloc();
	apic_enable();
	pic_mask(0xffff);
	for (i = 0; i < 2; i++) {
		for (q = 0; q < QUEUES; q++)
			nics[i].ring[q] = page_alloc();
		/* Pages lie next to each other, and each holds two buffers. */
		nics[i].rx = page_alloc();
		for (q = 1; q < SIZE / 2; q++)
			page_alloc();
		nics[i].tx = page_alloc();
		for (q = 1; q < SIZE / 2; q++)
			page_alloc();
		if (!probe(&nics[i].dev, 1, i ? nics[0].dev.slot + 1 : 0))
			return false;
	}
	done = true;
	return true;
}

bool nic_start(struct nic *n, u64 wanted)
{
	const struct device *d = &n->dev;
	u16 ctrl = get16(d, NUM_QUEUES) - 1;
	u32 q;

	if (!reset(d))
		return false;
	put8(d, STATUS, ACKNOWLEDGE | DRIVER);
	features(d, wanted | F_VERSION_1);
	put8(d, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(get8(d, STATUS) & FEATURES_OK))
		return false;
	for (q = 0; q < QUEUES; q++) {
		memset(n->ring[q], 0, sizeof(*n->ring[q]));
		n->seen[q] = 0;
		/* Without several queues the third is the control queue. */
		put16(d, Q_SELECT, q == CTRL && ctrl == CTRL ? ctrl : q);
		put16(d, Q_SIZE, SIZE);
		put16(d, Q_VECTOR, NO_VECTOR);
		put64(d, Q_DESC, (u64)n->ring[q]->desc);
		put64(d, Q_DRIVER, (u64)&n->ring[q]->avail_flags);
		put64(d, Q_DEVICE, (u64)&n->ring[q]->used);
		put16(d, Q_ENABLE, 1);
	}
	put8(d, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	return get8(d, STATUS) == (ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static void give(struct nic *n, u32 queue, u16 head)
{
	struct ring *r = n->ring[queue];

	r->avail[r->avail_idx % SIZE] = head;
	barrier();
	WRITE_ONCE(r->avail_idx, r->avail_idx + 1);
}

void nic_kick(struct nic *n, u32 queue)
{
	notify(&n->dev, queue);
}

u16 nic_used(struct nic *n, u32 queue)
{
	(void)get8(&n->dev, STATUS);	/* for the reason of relax() */
	return READ_ONCE(n->ring[queue]->used.idx);
}

bool nic_broken(struct nic *n)
{
	return WAIT_FOR(get8(&n->dev, STATUS) & NEEDS_RESET, 2000);
}

void nic_offer(struct nic *n, u32 i, u32 len)
{
	n->ring[RX]->desc[i] = (struct desc){ (u64)n->rx + i * BUF, len, DESC_WRITE, 0 };
	give(n, RX, i);
	nic_kick(n, RX);
}

void nic_frame(u8 *frame, const u8 *to, u32 len, u8 tag)
{
	static const u8 from[] = { 0x02, 0xaa, 0, 0, 0, 1 };
	u32 i;

	memcpy(frame, to, 6);
	memcpy(frame + 6, from, 6);
	frame[12] = TYPE >> 8;
	frame[13] = TYPE & 0xff;
	for (i = 14; i < len; i++)
		frame[i] = tag + i - 14;
}

/* The header in one buffer, the frame in the next. */
bool nic_send(struct nic *n, u32 i, u32 len)
{
	struct ring *r = n->ring[TX];
	u16 before = nic_used(n, TX);

	memcpy(scratch, &header, sizeof(header));
	r->desc[0] = (struct desc){ (u64)scratch, sizeof(header), DESC_NEXT, 1 };
	r->desc[1] = (struct desc){ (u64)n->tx + i * BUF, len, 0, 0 };
	give(n, TX, 0);
	nic_kick(n, TX);
	return WAIT_FOR(nic_used(n, TX) != before, 3000);
}

u32 nic_received(struct nic *n, u32 ms, u32 *len)
{
	struct ring *r = n->ring[RX];
	u16 slot = n->seen[RX] % SIZE;

	if (!WAIT_FOR(nic_used(n, RX) != n->seen[RX], ms))
		return SIZE;
	n->seen[RX]++;
	*len = r->used.ring[slot].len;
	return r->used.ring[slot].id;
}

u8 nic_ctrl(struct nic *n, u8 class, u8 cmd, const void *payload, u32 len)
{
	volatile u8 *ack = scratch + 2048;
	struct ring *r = n->ring[CTRL];
	u16 before = nic_used(n, CTRL);

	scratch[0] = class;
	scratch[1] = cmd;
	memcpy(scratch + 2, payload, len);
	*ack = 254;
	r->desc[0] = (struct desc){ (u64)scratch, 2 + len, DESC_NEXT, 1 };
	r->desc[1] = (struct desc){ (u64)ack, 1, DESC_WRITE, 0 };
	give(n, CTRL, 0);
	nic_kick(n, CTRL);
	return WAIT_FOR(nic_used(n, CTRL) != before, 3000) ? *ack : 255;
}
