// SPDX-License-Identifier: GPL-2.0
/*
 * Block device on a file or block device of the host (Virtual I/O Device, Block
 * Device). Data goes between the file and the guest's pages with no copy in between
 * but the page cache's own.
 *
 * The host's page cache is a write-back cache that the driver flushes; for a driver
 * that has not accepted VIRTIO_BLK_F_FLUSH every write is flushed. An image that is
 * being written by one VM can be opened by no other.
 */
#include <linux/blk_types.h>
#include <linux/dcache.h>
#include <linux/falloc.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/virtio_byteorder.h>
#include <uapi/linux/virtio_blk.h>

#include "aerie.h"
#include "uapi.h"
#include "virtio/virtio.h"

#define CLASS_SCSI_STORAGE	0x010000u	/* what virtio disks have always been */
#define QUEUES_MAX		8u
#define SEG_MAX			(AERIE_VQ_SIZE - 2)	/* header and status */
#define RANGES_MAX		16u		/* of a discard */
#define RANGE_SECTORS		(1u << 22)	/* 2 GiB */

struct virtio_blk {
	struct aerie_virtio vdev;
	struct file *file;		/* read-only where it is not open for writing */
	void *bdev;			/* its claim, where it is a block device */
	u64 sectors;
	char serial[VIRTIO_BLK_ID_BYTES];
	char name[8];
	struct virtio_blk_config config;
	struct list_head node;		/* disks */
};

static LIST_HEAD(disks);
static DEFINE_MUTEX(disks_lock);

static struct virtio_blk *blk_of(const struct aerie_vq *vq)
{
	return container_of(vq->vdev, struct virtio_blk, vdev);
}

static bool read_only(const struct virtio_blk *blk)
{
	return !(blk->file->f_mode & FMODE_WRITE);
}

static int blk_flush(struct virtio_blk *blk)
{
	return vfs_fsync(blk->file, 1);
}

/* Read or write @len bytes of the file at guest memory @gpa, which is in one page. */
static int page_io(struct virtio_blk *blk, gpa_t gpa, u32 len, loff_t *pos, bool write)
{
	struct aerie_mem *mem = &blk->vdev.dev.vm->mem;
	ssize_t n;
	void *at;
	int err;

	err = aerie_mem_populate(mem, gpa, GFP_KERNEL);
	if (err)
		return err;
	at = aerie_mem_kaddr(mem, gpa);
	if (!at)
		return -EFAULT;
	n = write ? kernel_write(blk->file, at, len, pos) : kernel_read(blk->file, at, len, pos);
	return n == len ? 0 : n < 0 ? n : -EIO;
}

/* The same for all buffers of a request's data, which begin at @off of those of its side. */
static int blk_rw(struct virtio_blk *blk, const struct aerie_vq_chain *chain, u32 off, u64 len,
		  loff_t pos, bool write)
{
	const struct aerie_vq_buf *b = write ? chain->bufs : chain->bufs + chain->nr_in;
	int err;

	for (; len; b++) {
		u32 done = min(off, b->len), n;

		off -= done;
		for (; done < b->len && len; done += n, len -= n) {
			gpa_t gpa = b->gpa + done;

			n = min3((u64)b->len - done, len, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
			err = page_io(blk, gpa, n, &pos, write);
			if (err)
				return err;
		}
	}
	return 0;
}

/* Does the range, of whole sectors, lie on the disk? */
static bool on_disk(const struct virtio_blk *blk, u64 sector, u64 bytes)
{
	return !(bytes & (SECTOR_SIZE - 1)) && sector <= blk->sectors &&
	       bytes >> SECTOR_SHIFT <= blk->sectors - sector;
}

static int write_zeroes(struct virtio_blk *blk, loff_t pos, u64 len, bool unmap)
{
	void *zeroes = page_address(ZERO_PAGE(0));
	int err = -EOPNOTSUPP;
	ssize_t n;

	if (unmap)
		err = vfs_fallocate(blk->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len);
	if (err)
		err = vfs_fallocate(blk->file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, pos, len);
	if (!err)
		return 0;
	while (len) {
		n = kernel_write(blk->file, zeroes, min_t(u64, len, PAGE_SIZE), &pos);
		if (n <= 0)
			return n ?: -EIO;
		len -= n;
		cond_resched();
	}
	return 0;
}

/* Advice: where the file system cannot, nothing happens. */
static int discard(struct virtio_blk *blk, loff_t pos, u64 len)
{
	int err = vfs_fallocate(blk->file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len);

	return err == -EOPNOTSUPP ? 0 : err;
}

/* DISCARD and WRITE_ZEROES: ranges follow the header. */
static int blk_ranges(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u32 type, u32 len)
{
	struct virtio_blk_discard_write_zeroes r;
	struct virtio_blk *blk = blk_of(vq);
	u64 sector, bytes;
	u32 i, nr, flags;
	bool unmap;
	int err;

	if (!len || len % sizeof(r) || len / sizeof(r) > RANGES_MAX)
		return -EINVAL;
	for (i = 0; i < len / sizeof(r); i++) {
		if (aerie_vq_read(vq, chain, sizeof(struct virtio_blk_outhdr) + i * sizeof(r), &r,
				  sizeof(r)) != sizeof(r))
			return -EFAULT;
		sector = le64_to_cpu(r.sector);
		nr = le32_to_cpu(r.num_sectors);
		flags = le32_to_cpu(r.flags);
		bytes = (u64)nr << SECTOR_SHIFT;
		unmap = flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
		if (flags & ~VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP ||
		    (type == VIRTIO_BLK_T_DISCARD && unmap))
			return -EOPNOTSUPP;
		if (!nr || nr > RANGE_SECTORS || !on_disk(blk, sector, bytes))
			return -EINVAL;
		if (type == VIRTIO_BLK_T_WRITE_ZEROES)
			err = write_zeroes(blk, sector << SECTOR_SHIFT, bytes, unmap);
		else
			err = discard(blk, sector << SECTOR_SHIFT, bytes);
		if (err)
			return err;
	}
	return 0;
}

/* Do a request; bytes of data handed to the driver, or -errno. */
static s64 blk_do(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u32 type, u64 sector)
{
	u32 in = chain->in_bytes - sizeof(struct virtio_blk_outhdr), out = chain->out_bytes - 1;
	struct virtio_blk *blk = blk_of(vq);
	bool flushes = blk->vdev.s.driver_features & BIT_ULL(VIRTIO_BLK_F_FLUSH);
	int err;

	switch (type) {
	case VIRTIO_BLK_T_IN:
		if (in || !on_disk(blk, sector, out))
			return -EINVAL;
		err = blk_rw(blk, chain, 0, out, sector << SECTOR_SHIFT, false);
		return err ? err : (s64)out;
	case VIRTIO_BLK_T_OUT:
		if (read_only(blk) || out || !on_disk(blk, sector, in))
			return -EINVAL;
		err = blk_rw(blk, chain, chain->in_bytes - in, in, sector << SECTOR_SHIFT, true);
		break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (read_only(blk) || out)
			return -EINVAL;
		err = blk_ranges(vq, chain, type, in);
		break;
	case VIRTIO_BLK_T_FLUSH:
		return blk_flush(blk);
	case VIRTIO_BLK_T_GET_ID:
		return aerie_vq_write(vq, chain, 0, blk->serial,
				      min_t(u32, out, sizeof(blk->serial)));
	default:
		return -EOPNOTSUPP;
	}
	return err || flushes ? err : blk_flush(blk);
}

static void blk_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	struct virtio_blk_outhdr hdr;
	u8 status = VIRTIO_BLK_S_OK;
	s64 n;

	if (!chain->out_bytes ||
	    aerie_vq_read(vq, chain, 0, &hdr, sizeof(hdr)) != sizeof(hdr)) {
		aerie_virtio_broken(vq->vdev);
		return;
	}
	n = blk_do(vq, chain, __virtio32_to_cpu(true, hdr.type),
		   __virtio64_to_cpu(true, hdr.sector));
	if (n < 0) {
		status = n == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
		n = 0;
	}
	if (aerie_vq_write(vq, chain, chain->out_bytes - 1, &status, 1) != 1) {
		aerie_virtio_broken(vq->vdev);
		return;
	}
	aerie_vq_done(vq, chain, n + 1);
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

static void blk_sever(struct aerie_virtio *vdev)
{
	struct virtio_blk *blk = container_of(vdev, struct virtio_blk, vdev);

	mutex_lock(&disks_lock);
	list_del(&blk->node);
	mutex_unlock(&disks_lock);
	aerie_bdev_release(blk->bdev);
	fput(blk->file);
	blk->file = NULL;
}

static void blk_free(struct aerie_virtio *vdev)
{
	struct virtio_blk *blk = container_of(vdev, struct virtio_blk, vdev);

	if (blk->file)
		blk_sever(vdev);
	kfree(blk);
}

static void blk_describe(struct aerie_virtio *vdev, struct aerie_dev_info *info)
{
	struct virtio_blk *blk = container_of(vdev, struct virtio_blk, vdev);
	char *path = d_path(&blk->file->f_path, info->backing, sizeof(info->backing));

	if (IS_ERR(path))
		info->backing[0] = '\0';	/* longer than any path that can be opened */
	else
		memmove(info->backing, path, strlen(path) + 1);
	memcpy(info->serial, blk->serial, sizeof(blk->serial));
	info->read_only = read_only(blk);
}

static const struct aerie_virtio_ops blk_ops = {
	.id = VIRTIO_ID_BLOCK,
	.class = CLASS_SCSI_STORAGE,
	.kind = "disk",
	.fail = blk_fail,
	.sever = blk_sever,
	.describe = blk_describe,
	.serve = blk_serve,
	.free = blk_free,
};

/* One writer, or any number of readers. */
static int blk_claim(struct virtio_blk *blk, struct aerie_why *why)
{
	const struct virtio_blk *other;
	int err = 0;

	mutex_lock(&disks_lock);
	list_for_each_entry(other, &disks, node) {
		if (other->file->f_mapping == blk->file->f_mapping &&
		    !(read_only(other) && read_only(blk)))
			err = aerie_refuse(why, -EBUSY, AERIE_A_DISK_LIST,
					   other->vdev.dev.vm == blk->vdev.dev.vm ?
					   "is in use by this VM already" :
					   "is in use by another VM, and one of them writes");
	}
	if (!err)
		list_add(&blk->node, &disks);
	mutex_unlock(&disks_lock);
	return err;
}

static void config_fill(struct virtio_blk *blk, unsigned int nr_vqs)
{
	struct virtio_blk_config *c = &blk->config;

	c->capacity = __cpu_to_virtio64(true, blk->sectors);
	c->seg_max = __cpu_to_virtio32(true, SEG_MAX);
	c->blk_size = __cpu_to_virtio32(true, SECTOR_SIZE);
	c->num_queues = __cpu_to_virtio16(true, nr_vqs);
	c->max_discard_sectors = __cpu_to_virtio32(true, RANGE_SECTORS);
	c->max_discard_seg = __cpu_to_virtio32(true, RANGES_MAX);
	c->discard_sector_alignment = __cpu_to_virtio32(true, PAGE_SIZE >> SECTOR_SHIFT);
	c->max_write_zeroes_sectors = __cpu_to_virtio32(true, RANGE_SECTORS);
	c->max_write_zeroes_seg = __cpu_to_virtio32(true, RANGES_MAX);
	c->write_zeroes_may_unmap = 1;
	blk->vdev.features = BIT_ULL(VIRTIO_BLK_F_SEG_MAX) | BIT_ULL(VIRTIO_BLK_F_BLK_SIZE) |
			     BIT_ULL(VIRTIO_BLK_F_FLUSH) | BIT_ULL(VIRTIO_BLK_F_MQ);
	blk->vdev.features |= read_only(blk) ? BIT_ULL(VIRTIO_BLK_F_RO) :
					       BIT_ULL(VIRTIO_BLK_F_DISCARD) |
					       BIT_ULL(VIRTIO_BLK_F_WRITE_ZEROES);
	blk->vdev.config = c;
	blk->vdev.config_len = sizeof(*c);
}

int aerie_virtio_blk_create(struct aerie_vm *vm, const struct aerie_disk_config *disk,
			    struct aerie_why *why)
{
	unsigned int nr_vqs = min(vm->config.nr_vcpus, QUEUES_MAX);
	struct virtio_blk *blk;
	int err;

	blk = kzalloc(sizeof(*blk), GFP_KERNEL_ACCOUNT);
	if (!blk)
		return -ENOMEM;
	blk->vdev.dev.vm = vm;
	blk->file = get_file(disk->file);
	blk->sectors = i_size_read(disk->file->f_mapping->host) >> SECTOR_SHIFT;
	memcpy(blk->serial, disk->serial, sizeof(blk->serial));
	aerie_device_name(vm, "disk", blk->name, sizeof(blk->name));
	blk->vdev.ops = &blk_ops;
	config_fill(blk, nr_vqs);
	err = blk_claim(blk, why);
	if (err)
		goto err_file;
	err = aerie_bdev_claim(blk->file, &blk->bdev, why);
	if (err)
		goto err_claim;
	err = aerie_virtio_init(&blk->vdev, vm, blk->name, nr_vqs);
	if (!err)
		return 0;
	if (err == -ENOSPC)
		aerie_refuse(why, err, AERIE_A_DISK_LIST, "finds no free PCI slot");
	aerie_bdev_release(blk->bdev);
err_claim:
	mutex_lock(&disks_lock);
	list_del(&blk->node);
	mutex_unlock(&disks_lock);
err_file:
	fput(blk->file);
	kfree(blk);
	return err;
}
