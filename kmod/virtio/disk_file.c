// SPDX-License-Identifier: GPL-2.0
/*
 * A disk's files, read and written by the host itself: headers and maps of images, chunks
 * that are copied, zeroes. O_DIRECT is left aside: these are small, and memory of the kernel.
 */
#include <linux/fs.h>
#include <linux/falloc.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/uio.h>

#include "virtio/disk_file.h"

static int rw(struct file *file, u64 pos, void *buf, size_t len, bool write)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n = 1;

	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	iocb.ki_flags &= ~IOCB_DIRECT;
	iov_iter_kvec(&iter, write ? ITER_SOURCE : ITER_DEST, &vec, 1, len);
	if (write)
		file_start_write(file);
	while (n > 0 && iov_iter_count(&iter)) {
		n = write ? file->f_op->write_iter(&iocb, &iter) :
			    file->f_op->read_iter(&iocb, &iter);
		cond_resched();
	}
	if (write)
		file_end_write(file);
	return n > 0 ? 0 : n ?: -EIO;
}

int aerie_file_read(struct file *file, u64 pos, void *buf, size_t len)
{
	return rw(file, pos, buf, len, false);
}

int aerie_file_write(struct file *file, u64 pos, const void *buf, size_t len)
{
	return rw(file, pos, (void *)buf, len, true);
}

int aerie_file_zero(struct file *file, u64 pos, u64 len, bool unmap)
{
	int err = -EOPNOTSUPP;
	u64 n;

	if (unmap)
		err = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len);
	if (err)
		err = vfs_fallocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, pos, len);
	if (!err)
		return 0;
	for (err = 0; !err && len; pos += n, len -= n) {
		n = min_t(u64, len, PAGE_SIZE);
		err = aerie_file_write(file, pos, page_address(ZERO_PAGE(0)), n);
	}
	return err;
}

int aerie_file_discard(struct file *file, u64 pos, u64 len)
{
	int err = vfs_fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, pos, len);

	return err == -EOPNOTSUPP ? 0 : err;
}

int aerie_file_sync(struct file *file)
{
	return vfs_fsync(file, 1);
}

int aerie_file_stat(struct file *file, u64 *size, u64 *mtime_s, u32 *mtime_ns)
{
	struct kstat stat;
	int err = vfs_getattr(&file->f_path, &stat, STATX_SIZE | STATX_MTIME, AT_STATX_SYNC_AS_STAT);

	if (err)
		return err;
	*size = i_size_read(file->f_mapping->host);
	/* Of a block device's node it says nothing. */
	*mtime_s = S_ISREG(stat.mode) ? stat.mtime.tv_sec : 0;
	*mtime_ns = S_ISREG(stat.mode) ? stat.mtime.tv_nsec : 0;
	return 0;
}
