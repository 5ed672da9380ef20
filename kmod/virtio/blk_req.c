// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of a disk, from their descriptors to what is to be done (Virtual I/O Device,
 * Block Device, Device Operation). A driver may lay out header, data and status in
 * buffers as it likes: here they are bytes.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <uapi/linux/virtio_blk.h>

#include "virtio/blk_req.h"

/* Does the range, of whole sectors, lie on the disk? */
static bool on_disk(u64 sectors, u64 sector, u64 bytes)
{
	return !(bytes % AERIE_BLK_SECTOR) && sector <= sectors &&
	       bytes / AERIE_BLK_SECTOR <= sectors - sector;
}

static int parse_data(struct aerie_blk_ask *ask, u64 sectors, u64 sector, u32 len, u32 off)
{
	if (!on_disk(sectors, sector, len))
		return VIRTIO_BLK_S_IOERR;
	ask->pos = sector * AERIE_BLK_SECTOR;
	ask->len = len;
	ask->off = off;
	return VIRTIO_BLK_S_OK;
}

/* DISCARD and WRITE_ZEROES: ranges follow the header. */
static int parse_ranges(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 sectors,
			u32 len, struct aerie_blk_ask *ask)
{
	struct virtio_blk_discard_write_zeroes r;
	u64 sector, bytes;
	u32 nr, flags;
	unsigned int i;

	if (!len || len % sizeof(r) || len / sizeof(r) > AERIE_BLK_RANGES)
		return VIRTIO_BLK_S_IOERR;
	ask->nr = len / sizeof(r);
	for (i = 0; i < ask->nr; i++) {
		if (aerie_vq_read(vq, chain, sizeof(struct virtio_blk_outhdr) + i * sizeof(r), &r,
				  sizeof(r)) != sizeof(r))
			return VIRTIO_BLK_S_IOERR;
		sector = le64_to_cpu(r.sector);
		nr = le32_to_cpu(r.num_sectors);
		flags = le32_to_cpu(r.flags);
		bytes = (u64)nr * AERIE_BLK_SECTOR;
		if (flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ||
		    (flags && ask->op == AERIE_BLK_DISCARD))
			return VIRTIO_BLK_S_UNSUPP;
		if (!nr || nr > AERIE_BLK_RANGE_MAX || !on_disk(sectors, sector, bytes))
			return VIRTIO_BLK_S_IOERR;
		ask->ranges[i] = (struct aerie_blk_range){
			.pos = sector * AERIE_BLK_SECTOR, .len = bytes, .unmap = flags,
		};
	}
	return VIRTIO_BLK_S_OK;
}

int aerie_blk_parse(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 sectors,
		    bool read_only, struct aerie_blk_ask *ask)
{
	struct virtio_blk_outhdr hdr;
	u32 in, out, type;
	u64 sector;

	if (!chain->out_bytes || aerie_vq_read(vq, chain, 0, &hdr, sizeof(hdr)) != sizeof(hdr))
		return -EPROTO;
	in = chain->in_bytes - sizeof(hdr);
	out = chain->out_bytes - 1;
	sector = le64_to_cpu((__force __le64)hdr.sector);
	type = le32_to_cpu((__force __le32)hdr.type);
	switch (type) {
	case VIRTIO_BLK_T_IN:
		ask->op = AERIE_BLK_READ;
		return in ? VIRTIO_BLK_S_IOERR : parse_data(ask, sectors, sector, out, 0);
	case VIRTIO_BLK_T_OUT:
		ask->op = AERIE_BLK_WRITE;
		if (read_only || out)
			return VIRTIO_BLK_S_IOERR;
		return parse_data(ask, sectors, sector, in, sizeof(hdr));
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		ask->op = type == VIRTIO_BLK_T_DISCARD ? AERIE_BLK_DISCARD : AERIE_BLK_ZEROES;
		if (read_only || out)
			return VIRTIO_BLK_S_IOERR;
		return parse_ranges(vq, chain, sectors, in, ask);
	case VIRTIO_BLK_T_FLUSH:
		ask->op = AERIE_BLK_FLUSH;
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_GET_ID:
		ask->op = AERIE_BLK_ID;
		ask->len = out;
		return VIRTIO_BLK_S_OK;
	}
	return VIRTIO_BLK_S_UNSUPP;
}

gpa_t aerie_blk_status_gpa(const struct aerie_vq_chain *chain)
{
	const struct aerie_vq_buf *b = chain->bufs + chain->nr_in + chain->nr_out - 1;

	while (!b->len)
		b--;
	return b->gpa + b->len - 1;
}
