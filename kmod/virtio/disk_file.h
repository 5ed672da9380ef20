/* SPDX-License-Identifier: GPL-2.0 */
/* A disk's files, read and written by the host itself: by way of the page cache. */
#ifndef AERIE_VIRTIO_DISK_FILE_H
#define AERIE_VIRTIO_DISK_FILE_H

#include <linux/types.h>

struct file;

/* Context of all: may sleep. Return of all: 0 or -errno, -EIO where the file is too short. */

/* @buf is kernel memory. */
int aerie_file_read(struct file *file, u64 pos, void *buf, size_t len);
int aerie_file_write(struct file *file, u64 pos, const void *buf, size_t len);

/* Make the range read as zeroes. @unmap: its space may be given up. The file keeps its size. */
int aerie_file_zero(struct file *file, u64 pos, u64 len, bool unmap);

/* Give up the space of the range. Advice: where the file system cannot, nothing happens. */
int aerie_file_discard(struct file *file, u64 pos, u64 len);

/* What was written is on the disk. */
int aerie_file_sync(struct file *file);

/* How large the file is, and when it was changed last. */
int aerie_file_stat(struct file *file, u64 *size, u64 *mtime_s, u32 *mtime_ns);

#endif
