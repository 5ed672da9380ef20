/* SPDX-License-Identifier: GPL-2.0 */
/* The driver's side of a split virtqueue in guest memory. Needs fake_mem.h. */
#ifndef FAKE_RING_H
#define FAKE_RING_H

#include <uapi/linux/virtio_ring.h>

struct ring {
	struct aerie_mem *mem;
	u16 size;
	gpa_t desc, avail, used;
	u16 idx;		/* of the available ring */
};

#define NEXT		VRING_DESC_F_NEXT
#define WRITE		VRING_DESC_F_WRITE
#define INDIRECT	VRING_DESC_F_INDIRECT

static void ring_put(struct ring *r, gpa_t gpa, u64 val, size_t size)
{
	if (aerie_mem_write(r->mem, gpa, &val, size, GFP_KERNEL))
		abort();
}

/* Descriptor @i of the table at @table. */
static void table_desc(struct ring *r, gpa_t table, unsigned int i, gpa_t gpa, u32 len,
		       u16 flags, u16 next)
{
	const struct vring_desc desc = { gpa, len, flags, next };

	if (aerie_mem_write(r->mem, table + i * sizeof(desc), &desc, sizeof(desc), GFP_KERNEL))
		abort();
}

static __maybe_unused void ring_desc(struct ring *r, unsigned int i, gpa_t gpa, u32 len,
				     u16 flags, u16 next)
{
	table_desc(r, r->desc, i, gpa, len, flags, next);
}

/* Make the chain that begins at @head available. */
static void ring_offer(struct ring *r, u16 head)
{
	ring_put(r, r->avail + offsetof(struct vring_avail, ring) + r->idx % r->size * 2, head, 2);
	ring_put(r, r->avail + offsetof(struct vring_avail, idx), ++r->idx, 2);
}

static __maybe_unused u16 ring_used_idx(struct ring *r)
{
	return fake_mem_value(r->mem, r->used + offsetof(struct vring_used, idx), 2);
}

/* What was used as the @n-th. */
static __maybe_unused struct vring_used_elem ring_used(struct ring *r, u16 n)
{
	struct vring_used_elem elem;

	if (aerie_mem_read(r->mem, r->used + offsetof(struct vring_used, ring) +
			   n % r->size * sizeof(elem), &elem, sizeof(elem), GFP_KERNEL))
		abort();
	return elem;
}

#endif
