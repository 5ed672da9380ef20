/* SPDX-License-Identifier: GPL-2.0 */
/* What a driver asks of a disk, checked: nothing behind this sees the guest's own words. */
#ifndef AERIE_VIRTIO_BLK_REQ_H
#define AERIE_VIRTIO_BLK_REQ_H

#include "virtio/virtio.h"

#define AERIE_BLK_SECTOR	512u
#define AERIE_BLK_RANGES	16u		/* of a discard */
#define AERIE_BLK_RANGE_MAX	(1u << 22)	/* sectors, 2 GiB */

enum aerie_blk_op {
	AERIE_BLK_READ,
	AERIE_BLK_WRITE,
	AERIE_BLK_FLUSH,
	AERIE_BLK_ID,
	AERIE_BLK_DISCARD,
	AERIE_BLK_ZEROES,
};

/**
 * struct aerie_blk_ask - a request
 * @op: what is to be done
 * @pos: READ, WRITE: where on the disk, in bytes
 * @len: READ, WRITE, ID: bytes of data
 * @off: where these begin in the request's buffers of their side
 * @nr: DISCARD, ZEROES: how many @ranges
 * @ranges: of the disk, in bytes; @unmap: of ZEROES, the space may be given up
 */
struct aerie_blk_ask {
	enum aerie_blk_op op;
	u64 pos;
	u32 len, off;
	unsigned int nr;
	struct aerie_blk_range {
		u64 pos, len;
		bool unmap;
	} ranges[AERIE_BLK_RANGES];
};

/**
 * aerie_blk_parse() - read and check a request
 * @vq: the queue
 * @chain: the request
 * @sectors: what the disk has
 * @read_only: it is not to be written
 * @ask: filled in
 *
 * Context: may sleep.
 * Return: VIRTIO_BLK_S_OK; _IOERR where the request is outside the disk or makes no
 * sense, _UNSUPP where it is none of ours; -EPROTO where it has no header, or no status.
 */
int aerie_blk_parse(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 sectors,
		    bool read_only, struct aerie_blk_ask *ask);

/* Where the status of a request goes, which has room for it: the last byte written. */
gpa_t aerie_blk_status_gpa(const struct aerie_vq_chain *chain);

#endif
