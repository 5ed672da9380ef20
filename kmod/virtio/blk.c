// SPDX-License-Identifier: GPL-2.0
/*
 * Block device on a file or block device of the host (Virtual I/O Device, Block
 * Device): how it is made, what the driver is told of it, who has which image.
 *
 * The host's page cache is a write-back cache that the driver flushes; a file that is
 * open with O_DIRECT is read and written past it, and has the disk's own cache flushed.
 * A file that is being written by one VM can be opened by no other.
 */
#include <linux/blk_types.h>
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/memcontrol.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/virtio_byteorder.h>

#include "aerie.h"
#include "uapi.h"
#include "virtio/blk.h"
#include "virtio/blk_req.h"
#include "virtio/image.h"

#define CLASS_SCSI_STORAGE	0x010000u	/* what virtio disks have always been */
#define SEG_MAX			(AERIE_VQ_SIZE - 2)	/* header and status */

void aerie_disk_files_put(struct file *file, const struct aerie_disk_layer *layers, u32 nr)
{
	u32 i;

	for (i = 0; i < nr; i++) {
		if (layers[i].manifest)
			fput(layers[i].manifest);
		fput(layers[i].data);
	}
	if (file)
		fput(file);
}

static void blk_files_put(struct aerie_blk *blk)
{
	aerie_disk_files_put(blk->file, blk->layers, blk->nr_layers);
	blk->file = NULL;
}

static void blk_fail(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u8 status = VIRTIO_BLK_S_IOERR;

	if (chain->out_bytes &&
	    aerie_vq_write(vq, chain, chain->out_bytes - 1, &status, 1) == 1)
		aerie_vq_done(vq, chain, 1);
	else
		aerie_virtio_broken(vq->vdev);
}

static void blk_release(struct aerie_blk *blk)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(blk->claims); i++)
		aerie_disk_unclaim(&blk->claims[i]);
}

static int claim(struct aerie_blk *blk, struct aerie_disk_claim *claim, const struct file *file,
		 bool writes, struct aerie_why *why)
{
	return aerie_disk_claim(claim, file, blk->vdev.dev.vm, writes, AERIE_A_DISK_LIST, why);
}

/* Its file; of an image both of every layer, of which the first alone is written. */
static int blk_claim(struct aerie_blk *blk, struct aerie_why *why)
{
	bool writes = !aerie_blk_read_only(blk);
	struct aerie_disk_claim *next = blk->claims;
	unsigned int i;
	int err = 0;

	if (!blk->nr_layers)
		err = claim(blk, next, blk->file, writes, why);
	for (i = 0; !err && i < blk->nr_layers; i++, writes = false) {
		err = claim(blk, next++, blk->layers[i].data, writes, why);
		if (!err && blk->layers[i].manifest)
			err = claim(blk, next++, blk->layers[i].manifest, writes, why);
	}
	if (err)
		blk_release(blk);
	return err;
}

static void blk_sever(struct aerie_virtio *vdev)
{
	struct aerie_blk *blk = container_of(vdev, struct aerie_blk, vdev);

	aerie_origin_close(blk->origin, READ_ONCE(vdev->dev.vm->state) != AERIE_VM_DYING);
	blk->origin = NULL;
	aerie_image_close(blk->image);
	blk->image = NULL;
	blk_release(blk);
	aerie_bdev_release(blk->bdev);
	blk_files_put(blk);
	mem_cgroup_put(blk->memcg);
}

static void blk_free(struct aerie_virtio *vdev)
{
	struct aerie_blk *blk = container_of(vdev, struct aerie_blk, vdev);

	if (blk->file)
		blk_sever(vdev);
	aerie_blk_queues_fini(blk);
	kfree(blk);
}

static void info_fill(struct aerie_blk *blk, struct aerie_disk_info *info)
{
	info->bytes = READ_ONCE(blk->sectors) << SECTOR_SHIFT;
	spin_lock(&blk->limit_lock);
	info->limit.iops = blk->limit.iops;
	info->limit.bps = blk->limit.bps;
	info->limit.burst_ms = div_u64(blk->limit.burst_ns, NSEC_PER_MSEC);
	spin_unlock(&blk->limit_lock);
}

static void blk_describe(struct aerie_virtio *vdev, struct aerie_dev_info *info)
{
	struct aerie_blk *blk = container_of(vdev, struct aerie_blk, vdev);
	char *path = d_path(&blk->file->f_path, info->backing, sizeof(info->backing));

	if (IS_ERR(path))
		info->backing[0] = '\0';	/* longer than any path that can be opened */
	else
		memmove(info->backing, path, strlen(path) + 1);
	memcpy(info->serial, blk->serial, sizeof(blk->serial));
	info->read_only = aerie_blk_read_only(blk);
	info_fill(blk, &info->disk);
}

static const struct aerie_virtio_ops blk_ops = {
	.id = VIRTIO_ID_BLOCK,
	.class = CLASS_SCSI_STORAGE,
	.kind = "disk",
	.fail = blk_fail,
	.sever = blk_sever,
	.describe = blk_describe,
	.serve = aerie_blk_serve,
	.free = blk_free,
	.ready = aerie_blk_ready,
	.drain = aerie_blk_drain,
};

static void limit_set(struct aerie_blk *blk, const struct aerie_disk_limit *limit)
{
	spin_lock(&blk->limit_lock);
	aerie_limit_set(&blk->limit, limit->iops, limit->bps, limit->burst_ms, aerie_now_ns());
	spin_unlock(&blk->limit_lock);
}

static void blk_files_get(struct aerie_blk *blk, const struct aerie_disk_config *disk)
{
	unsigned int i;

	blk->file = get_file(disk->file);
	blk->nr_layers = disk->nr_layers;
	for (i = 0; i < disk->nr_layers; i++) {
		blk->layers[i] = disk->layers[i];
		get_file(blk->layers[i].data);
		if (blk->layers[i].manifest)
			get_file(blk->layers[i].manifest);
	}
}

/* What its size is, and of an image what is where. */
static int blk_open(struct aerie_blk *blk, struct aerie_why *why)
{
	struct aerie_image *image;

	blk->sectors = i_size_read(aerie_blk_inode(blk)) >> SECTOR_SHIFT;
	if (!blk->nr_layers)
		return 0;
	image = aerie_image_open(blk->layers, blk->nr_layers, !aerie_blk_read_only(blk),
				 blk->name, why);
	if (IS_ERR(image))
		return PTR_ERR(image);
	blk->image = image;
	blk->sectors = image->layers[0].size >> SECTOR_SHIFT;
	return 0;
}

/* Discards of whole pages, or chunks, are worth something. */
static u32 discard_sectors(const struct aerie_blk *blk)
{
	return blk->image ? 1u << (blk->image->layers[0].info->shift - SECTOR_SHIFT) :
			    PAGE_SIZE >> SECTOR_SHIFT;
}

static void config_fill(struct aerie_blk *blk, unsigned int nr_vqs)
{
	struct virtio_blk_config *c = &blk->config;

	c->capacity = __cpu_to_virtio64(true, blk->sectors);
	c->seg_max = __cpu_to_virtio32(true, SEG_MAX);
	c->blk_size = __cpu_to_virtio32(true, SECTOR_SIZE);
	c->num_queues = __cpu_to_virtio16(true, nr_vqs);
	c->max_discard_sectors = __cpu_to_virtio32(true, AERIE_BLK_RANGE_MAX);
	c->max_discard_seg = __cpu_to_virtio32(true, AERIE_BLK_RANGES);
	c->discard_sector_alignment = __cpu_to_virtio32(true, discard_sectors(blk));
	c->max_write_zeroes_sectors = __cpu_to_virtio32(true, AERIE_BLK_RANGE_MAX);
	c->max_write_zeroes_seg = __cpu_to_virtio32(true, AERIE_BLK_RANGES);
	c->write_zeroes_may_unmap = 1;
	blk->vdev.features = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
			     BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_MQ);
	blk->vdev.features |= aerie_blk_read_only(blk) ? BIT_ULL(VIRTIO_BLK_F_RO) :
					       BIT_ULL(VIRTIO_BLK_F_DISCARD) |
					       BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
	blk->vdev.config = c;
	blk->vdev.config_len = sizeof(*c);
}

int aerie_virtio_blk_create(struct aerie_vm *vm, const struct aerie_disk_config *disk,
			    struct aerie_why *why)
{
	unsigned int nr_vqs = min(vm->config.nr_vcpus, AERIE_BLK_QUEUES);
	struct aerie_blk *blk;
	unsigned int i;
	int err;

	blk = kzalloc(sizeof(*blk), GFP_KERNEL_ACCOUNT);
	if (!blk)
		return -ENOMEM;
	blk->vdev.dev.vm = vm;
	blk_files_get(blk, disk);
	blk->memcg = get_mem_cgroup_from_mm(current->mm);
	blk->direct = blk->file->f_flags & O_DIRECT;
	spin_lock_init(&blk->limit_lock);
	limit_set(blk, &disk->limit);
	memcpy(blk->serial, disk->serial, sizeof(blk->serial));
	aerie_device_name(vm, "disk", blk->name, sizeof(blk->name));
	blk->vdev.ops = &blk_ops;
	err = aerie_blk_queues_init(blk, nr_vqs);
	if (err)
		goto err_file;
	err = blk_claim(blk, why);
	if (err)
		goto err_queues;
	err = aerie_bdev_claim(blk->file, &blk->bdev, AERIE_A_DISK_LIST, why);
	if (err)
		goto err_claim;
	err = blk_open(blk, why);
	if (err)
		goto err_bdev;
	config_fill(blk, nr_vqs);
	blk->origin = aerie_origin_open(&vm->mem, aerie_blk_file_at, blk);
	err = aerie_virtio_init(&blk->vdev, vm, blk->name, nr_vqs);
	if (!err) {
		for (i = 0; i < nr_vqs; i++)
			blk->queues[i].vq = &blk->vdev.vqs[i];
		return 0;
	}
	if (err == -ENOSPC)
		aerie_refuse(why, err, AERIE_A_DISK_LIST, "finds no free PCI slot");
	aerie_origin_close(blk->origin, false);
	aerie_image_close(blk->image);
err_bdev:
	aerie_bdev_release(blk->bdev);
err_claim:
	blk_release(blk);
err_queues:
	aerie_blk_queues_fini(blk);
err_file:
	blk_files_put(blk);
	mem_cgroup_put(blk->memcg);
	kfree(blk);
	return err;
}

/* ---- Changes -------------------------------------------------------------- */

static struct aerie_blk *blk_find(struct aerie_vm *vm, const char *name)
{
	struct aerie_dev *dev = aerie_device_find(vm, name);
	struct aerie_virtio *vdev = dev ? container_of(dev, struct aerie_virtio, dev) : NULL;

	if (!dev || dev->ops != &aerie_virtio_dev_ops || vdev->ops != &blk_ops)
		return NULL;
	return container_of(vdev, struct aerie_blk, vdev);
}

/* Make the file as large as that. */
static int file_grow(struct aerie_blk *blk, u64 bytes, struct aerie_why *why)
{
	int err;

	if (S_ISBLK(aerie_blk_inode(blk)->i_mode))
		return aerie_refuse(why, -EINVAL, AERIE_A_DISK_SIZE,
				    "the disk is a block device, which has the size it has");
	if (aerie_blk_read_only(blk))
		return aerie_refuse(why, -EROFS, AERIE_A_DISK_SIZE, "the disk is read-only");
	err = vfs_truncate(&blk->file->f_path, bytes);
	return err ? aerie_refuse(why, err, AERIE_A_DISK_SIZE,
				  "the file cannot be made that large") : 0;
}

/* Disks only grow: what drivers do with one that shrinks is not to be relied on. */
static int blk_resize(struct aerie_blk *blk, u64 bytes, struct aerie_why *why)
{
	u64 now = i_size_read(aerie_blk_inode(blk)), sectors;
	__virtio64 capacity;
	int err;

	if (blk->image)
		return aerie_refuse(why, -EINVAL, AERIE_A_DISK_SIZE,
				    "the disk is an image, which has the size it was made with");
	if (bytes % SECTOR_SIZE)
		return aerie_refuse(why, -EINVAL, AERIE_A_DISK_SIZE,
				    "the size is not a multiple of 512 bytes");
	if ((bytes ?: now) >> SECTOR_SHIFT < blk->sectors)
		return aerie_refuse(why, -EINVAL, AERIE_A_DISK_SIZE,
				    bytes ? "a disk does not shrink" :
				    "the file is smaller than the disk, which does not shrink");
	if (bytes > now) {
		err = file_grow(blk, bytes, why);
		if (err)
			return err;
	}
	sectors = (bytes ?: now) >> SECTOR_SHIFT;
	if (sectors == blk->sectors)
		return 0;
	WRITE_ONCE(blk->sectors, sectors);
	capacity = __cpu_to_virtio64(true, sectors);
	aerie_virtio_config_set(&blk->vdev, &blk->config.capacity, &capacity, sizeof(capacity));
	return 0;
}

int aerie_virtio_blk_change(struct aerie_vm *vm, const struct aerie_disk_change *change,
			    struct aerie_disk_info *info, struct aerie_why *why)
{
	struct aerie_blk *blk = blk_find(vm, change->name);
	unsigned int i;
	int err = 0;

	if (!blk)
		return aerie_refuse(why, -ENOENT, AERIE_A_DISK_NAME, "the VM has no such disk");
	if (change->resize)
		err = blk_resize(blk, change->bytes, why);
	info_fill(blk, info);
	if (err || (!change->iops && !change->bps && !change->burst_ms))
		return err;
	if (change->iops)
		info->limit.iops = change->limit.iops;
	if (change->bps)
		info->limit.bps = change->limit.bps;
	if (change->burst_ms)
		info->limit.burst_ms = change->limit.burst_ms;
	limit_set(blk, &info->limit);
	/* Who waits for the old limit would wait too long. */
	for (i = 0; i < blk->vdev.nr_vqs; i++)
		aerie_vq_kick(&blk->vdev.vqs[i]);
	return 0;
}
