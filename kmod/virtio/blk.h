/* SPDX-License-Identifier: GPL-2.0 */
/* A disk: what its files share. blk.c makes and changes it, blk_io.c serves requests. */
#ifndef AERIE_VIRTIO_BLK_H
#define AERIE_VIRTIO_BLK_H

#include <linux/llist.h>
#include <uapi/linux/virtio_blk.h>

#include "dev/timer.h"
#include "virtio/blk_limit.h"
#include "virtio/disk_claim.h"
#include "virtio/virtio.h"

#define AERIE_BLK_QUEUES	8u

struct aerie_blk_io;
struct aerie_image;

/**
 * struct aerie_blk_queue - what a disk has for each of its queues
 * @vq: the queue
 * @spare: for a request that gets no memory, or is too large to be done in one piece
 * @done: requests that were done on the side, to be given back by the queue's work
 * @in_flight: requests taken and not given back yet; the queue's work
 * @server: who takes a request at the moment
 * @timer: goes off when the limit lets the next request through
 */
struct aerie_blk_queue {
	struct aerie_vq *vq;
	struct aerie_blk_io *spare;
	struct llist_head done;
	unsigned int in_flight;
	struct task_struct *server;
	struct aerie_timer timer;
};

/**
 * struct aerie_blk - a disk
 * @vdev: the device; first
 * @file: read-only where it is not open for writing; of an image its topmost data
 * @image: or NULL: @file is all there is. blk_io.c alone does anything with it
 * @layers: of @image
 * @nr_layers: of them
 * @claims: what keeps other disks from the files
 * @origin: by which pages of the guest leave memory for being on the disk, or NULL
 * @bdev: its claim, where it is a block device
 * @memcg: the memory cgroup of who made the VM: it pays for the page cache and requests
 * @direct: the file is open with O_DIRECT: the host's page cache is left out
 * @sectors: how large the disk is; grows at any time
 * @serial: its serial number
 * @name: "disk0" and so on
 * @config: what the driver reads
 * @queues: one for each of @vdev's
 * @pending: requests that somebody else is at, a worker, the file system or the disk
 * @limit_lock: @limit
 * @limit: how much it may do
 */
struct aerie_blk {
	struct aerie_virtio vdev;
	struct file *file;
	struct aerie_image *image;
	struct aerie_disk_layer layers[AERIE_DISK_LAYERS];
	unsigned int nr_layers;
	struct aerie_disk_claim claims[2 * AERIE_DISK_LAYERS];
	struct aerie_origin *origin;
	void *bdev;
	struct mem_cgroup *memcg;
	bool direct;
	u64 sectors;
	char serial[VIRTIO_BLK_ID_BYTES];
	char name[8];
	struct virtio_blk_config config;
	struct aerie_blk_queue queues[AERIE_BLK_QUEUES];
	atomic_t pending;
	spinlock_t limit_lock;
	struct aerie_limit limit;
};

static inline struct aerie_blk *aerie_blk_of(const struct aerie_vq *vq)
{
	return container_of(vq->vdev, struct aerie_blk, vdev);
}

static inline struct inode *aerie_blk_inode(const struct aerie_blk *blk)
{
	return blk->file->f_mapping->host;
}

static inline bool aerie_blk_read_only(const struct aerie_blk *blk)
{
	return !(blk->file->f_mode & FMODE_WRITE);
}

/* blk_io.c; the first two are for aerie_virtio_ops. */

bool aerie_blk_ready(struct aerie_vq *vq);
void aerie_blk_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain);
void aerie_blk_drain(struct aerie_virtio *vdev);

/* aerie_origin_at, of a struct aerie_blk. */
struct file *aerie_blk_file_at(void *disk, u64 pos, u64 *len);

/* What the queues need, before there are any, and after. May sleep; 0 or -ENOMEM. */
int aerie_blk_queues_init(struct aerie_blk *blk, unsigned int nr);
void aerie_blk_queues_fini(struct aerie_blk *blk);

/* The workers that requests are handed to: module load and unload. */
int aerie_blk_start(void);
void aerie_blk_stop(void);

#endif
