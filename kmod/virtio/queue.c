// SPDX-License-Identifier: GPL-2.0
/*
 * The split virtqueue (Virtual I/O Device, Split Virtqueues), seen by the device.
 *
 * Everything in a ring is the guest's and may change at any time: each word of it is
 * read once, checked, and used from there. What is no ring, a loop, a descriptor out
 * of range, a buffer to be read behind one to be written, is an error that ends the
 * queue; a buffer that is not RAM is one that the request answers for.
 */
#include <linux/build_bug.h>
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/uio.h>

#include "aerie.h"
#include "virtio/virtio.h"

/* As in vring_desc and vring_used_elem. Virtio is little-endian, and so is x86. */
struct desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct used_elem {
	u32 id;
	u32 len;
};

#define AVAIL_FLAGS	offsetof(struct vring_avail, flags)
#define AVAIL_IDX	offsetof(struct vring_avail, idx)
#define AVAIL_RING	offsetof(struct vring_avail, ring)
#define USED_FLAGS	offsetof(struct vring_used, flags)
#define USED_IDX	offsetof(struct vring_used, idx)
#define USED_RING	offsetof(struct vring_used, ring)

static_assert(sizeof(struct desc) == sizeof(struct vring_desc));
static_assert(sizeof(struct used_elem) == sizeof(struct vring_used_elem));

static struct aerie_mem *mem_of(const struct aerie_vq *vq)
{
	return &vq->vdev->dev.vm->mem;
}

static int get(struct aerie_vq *vq, gpa_t gpa, void *buf, size_t len)
{
	return aerie_mem_read(mem_of(vq), gpa, buf, len, GFP_KERNEL) ? -EPROTO : 0;
}

static int get16(struct aerie_vq *vq, gpa_t gpa, u16 *val)
{
	return get(vq, gpa, val, sizeof(*val));
}

static int put16(struct aerie_vq *vq, gpa_t gpa, u16 val)
{
	return aerie_mem_write(mem_of(vq), gpa, &val, sizeof(val), GFP_KERNEL) ? -EPROTO : 0;
}

/* Where each side says when it wants to hear, with VIRTIO_RING_F_EVENT_IDX. */
static gpa_t used_event(const struct aerie_vq *vq)
{
	return vq->avail + AVAIL_RING + 2ull * vq->size;
}

static gpa_t avail_event(const struct aerie_vq *vq)
{
	return vq->used + USED_RING + (u64)sizeof(struct used_elem) * vq->size;
}

static int chain_add(struct aerie_vq_chain *chain, const struct desc *desc)
{
	unsigned int nr = chain->nr_in + chain->nr_out;
	u32 *bytes = &chain->in_bytes;

	if (desc->flags & VRING_DESC_F_WRITE) {
		bytes = &chain->out_bytes;
		chain->nr_out++;
	} else if (chain->nr_out) {
		return -EPROTO;
	} else {
		chain->nr_in++;
	}
	if (check_add_overflow(*bytes, desc->len, bytes))
		return -EPROTO;
	chain->bufs[nr] = (struct aerie_vq_buf){ .gpa = desc->addr, .len = desc->len };
	return 0;
}

/*
 * Follow the chain from @next in the table of @size descriptors at @table. @left is
 * how many a chain may still have: that ends loops.
 */
static int chain_follow(struct aerie_vq *vq, struct aerie_vq_chain *chain, gpa_t table,
			u32 size, u16 next, u32 *left, bool indirect)
{
	struct desc desc;
	int err;

	for (;;) {
		if (next >= size || !*left)
			return -EPROTO;
		err = get(vq, table + (u64)next * sizeof(desc), &desc, sizeof(desc));
		if (err)
			return err;
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			u32 nr = desc.len / sizeof(desc);

			/* One table, no chain of them; a table within one is none. */
			if (indirect || desc.flags & VRING_DESC_F_NEXT || !nr ||
			    desc.len % sizeof(desc) || nr > AERIE_VQ_SIZE ||
			    !(vq->vdev->s.driver_features & BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)))
				return -EPROTO;
			return chain_follow(vq, chain, desc.addr, nr, 0, left, true);
		}
		--*left;
		err = chain_add(chain, &desc);
		if (err)
			return err;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return 0;
		next = desc.next;
	}
}

int aerie_vq_next(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u32 left = AERIE_VQ_SIZE;
	u16 head;
	int err;

	if (vq->seen_avail == vq->next_avail) {
		u16 idx;

		err = get16(vq, vq->avail + AVAIL_IDX, &idx);
		if (err)
			return err;
		if (idx == vq->next_avail)
			return 0;
		if ((u16)(idx - vq->next_avail) > vq->size)
			return -EPROTO;
		vq->seen_avail = idx;
		smp_rmb();	/* the entries after the index that covers them */
	}
	err = get16(vq, vq->avail + AVAIL_RING + 2 * (vq->next_avail & (vq->size - 1)), &head);
	if (err)
		return err;
	chain->head = head;
	chain->nr_in = chain->nr_out = 0;
	chain->in_bytes = chain->out_bytes = 0;
	err = chain_follow(vq, chain, vq->desc, vq->size, head, &left, false);
	if (err)
		return err;
	vq->next_avail++;
	return 1;
}

bool aerie_vq_fill(struct aerie_vq *vq, unsigned int nth, u16 head, u32 written)
{
	struct used_elem elem = { .id = head, .len = written };
	u16 slot = (vq->next_used + nth) & (vq->size - 1);

	if (aerie_mem_write(mem_of(vq), vq->used + USED_RING + slot * sizeof(elem), &elem,
			    sizeof(elem), GFP_KERNEL)) {
		aerie_virtio_broken(vq->vdev);
		return false;
	}
	return true;
}

void aerie_vq_publish(struct aerie_vq *vq, unsigned int nr)
{
	vq->requests += nr;
	vq->next_used += nr;
	smp_wmb();	/* the entries before the index that covers them */
	if (put16(vq, vq->used + USED_IDX, vq->next_used))
		aerie_virtio_broken(vq->vdev);
}

void aerie_vq_done(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u32 written)
{
	aerie_vq_used(vq, chain->head, written);
}

void aerie_vq_used(struct aerie_vq *vq, u16 head, u32 written)
{
	if (aerie_vq_fill(vq, 0, head, written))
		aerie_vq_publish(vq, 1);
}

bool aerie_vq_kicks(struct aerie_vq *vq, bool on)
{
	u16 idx;
	int err;

	if (vq->event_idx)
		err = on ? put16(vq, avail_event(vq), vq->next_avail) : 0;
	else
		err = put16(vq, vq->used + USED_FLAGS, on ? 0 : VRING_USED_F_NO_NOTIFY);
	if (err) {
		aerie_virtio_broken(vq->vdev);
		return false;
	}
	if (!on)
		return false;
	smp_mb();	/* either this sees the driver's index, or the driver this wish */
	return !get16(vq, vq->avail + AVAIL_IDX, &idx) && idx != vq->next_avail;
}

bool aerie_vq_must_signal(struct aerie_vq *vq)
{
	u16 old = vq->signalled, new = vq->next_used, val;

	if (old == new)
		return false;
	vq->signalled = new;
	smp_mb();	/* either this sees the driver's wish, or the driver the used index */
	if (get16(vq, vq->event_idx ? used_event(vq) : vq->avail + AVAIL_FLAGS, &val))
		return true;
	if (vq->event_idx)
		return vring_need_event(val, new, old);
	return !(val & VRING_AVAIL_F_NO_INTERRUPT);
}

/* Between @buf and @nr buffers from @b on, beginning @off bytes behind their start. */
static ssize_t copy(struct aerie_vq *vq, const struct aerie_vq_buf *b, unsigned int nr, u64 off,
		    void *buf, size_t len, bool write)
{
	size_t done = 0, n;
	int err;

	for (; nr && done < len; nr--, b++) {
		if (off >= b->len) {
			off -= b->len;
			continue;
		}
		n = min_t(u64, len - done, b->len - off);
		err = write ? aerie_mem_write(mem_of(vq), b->gpa + off, buf + done, n, GFP_KERNEL) :
			      aerie_mem_read(mem_of(vq), b->gpa + off, buf + done, n, GFP_KERNEL);
		if (err)
			return err;
		done += n;
		off = 0;
	}
	return done;
}

ssize_t aerie_vq_read(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 off,
		      void *buf, size_t len)
{
	return copy(vq, chain->bufs, chain->nr_in, off, buf, len, false);
}

ssize_t aerie_vq_write(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 off,
		       const void *buf, size_t len)
{
	return copy(vq, chain->bufs + chain->nr_in, chain->nr_out, off, (void *)buf, len, true);
}

int aerie_vq_iter(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u32 len, bool write,
		  struct iov_iter *iter, struct kvec *segs, unsigned int nr)
{
	const struct aerie_vq_buf *b = write ? chain->bufs + chain->nr_in : chain->bufs;
	unsigned int used = 0;
	u32 left = len, off;
	int err;

	for (; left; b++) {
		for (off = 0; off < b->len && left; used++) {
			u32 want = min(left, b->len - off);

			if (used == nr)
				return -E2BIG;
			segs[used].iov_len = want;
			err = aerie_mem_span(mem_of(vq), b->gpa + off, write, &segs[used].iov_base,
					     &segs[used].iov_len, GFP_KERNEL);
			if (err)
				return err;
			off += segs[used].iov_len;
			left -= segs[used].iov_len;
		}
	}
	iov_iter_kvec(iter, write ? ITER_DEST : ITER_SOURCE, segs, used, len);
	return 0;
}
