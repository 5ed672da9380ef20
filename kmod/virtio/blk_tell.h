/* SPDX-License-Identifier: GPL-2.0 */
/* From which places of its files a disk has read pages: what it tells the memory. */
#ifndef AERIE_VIRTIO_BLK_TELL_H
#define AERIE_VIRTIO_BLK_TELL_H

#include "virtio/virtio.h"

struct aerie_blk;
struct aerie_origin;
struct inode;

/*
 * blk_io.c: what holds the disk's byte @pos, at the same place; @len is cut to what it holds
 * from there on. NULL: nothing does, it is zero. Context: any.
 */
const struct inode *aerie_blk_at(struct aerie_blk *blk, u64 pos, u64 *len);

/* blk_io.c: the disk's origin. */
struct aerie_origin *aerie_blk_origin(struct aerie_blk *blk);

/**
 * aerie_blk_tell() - tell of a read or a write that is over
 * @blk: disk
 * @mem: the guest's memory
 * @pos: where on the disk
 * @len: bytes, not more than @bufs have
 * @bufs: where to, or where from
 * @read: it was a read
 *
 * Context: may sleep.
 */
void aerie_blk_tell(struct aerie_blk *blk, struct aerie_mem *mem, u64 pos, u32 len,
		    const struct aerie_vq_buf *bufs, bool read);

#endif
