/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Files as a disk has them, for tests of images: what was written is seen at once, and is on
 * the disk after a sync. A power cut leaves each sector as it was at any time since the
 * last, whatever became of the others.
 */
#ifndef FAKE_DISK_H
#define FAKE_DISK_H

#include "shim.h"
#include "virtio/disk_file.h"

#define FAKE_SECTOR	512u

struct fake_write {
	u64 sector;
	u8 data[FAKE_SECTOR];
};

struct file {
	u8 *now, *disk;			/* as it is seen; as it was synced last */
	u64 size;
	struct fake_write *writes;	/* since then */
	size_t nr_writes;
	u64 mtime;
};

/* Writes and syncs until the power is cut, and then nothing is done; -1: it is not. */
static long fake_power = -1;
static long fake_ops;
/* The next sync, or the next write, fails. */
static bool fake_sync_fails, fake_full;

static bool fake_dead(void)
{
	fake_ops++;
	if (fake_power < 0)
		return false;
	return fake_power == 0 || --fake_power == 0;
}

static void fake_file(struct file *f, u64 size)
{
	*f = (struct file){ .now = calloc(1, size), .disk = calloc(1, size), .size = size };
}

static void fake_file_free(struct file *f)
{
	free(f->now);
	free(f->disk);
	free(f->writes);
}

/* All of it is on the disk. */
static void fake_settle(struct file *f)
{
	memcpy(f->disk, f->now, f->size);
	f->nr_writes = 0;
}

int aerie_file_read(struct file *file, u64 pos, void *buf, size_t len)
{
	if (pos > file->size || len > file->size - pos)
		return -EIO;
	memcpy(buf, file->now + pos, len);
	return 0;
}

static void fake_log(struct file *f, u64 pos, u64 len)
{
	u64 sector;

	for (sector = pos / FAKE_SECTOR; sector * FAKE_SECTOR < pos + len; sector++) {
		struct fake_write *w;
		u64 at = sector * FAKE_SECTOR;

		f->writes = realloc(f->writes, (f->nr_writes + 1) * sizeof(*f->writes));
		w = &f->writes[f->nr_writes++];
		w->sector = sector;
		memcpy(w->data, f->now + at, min_t(u64, FAKE_SECTOR, f->size - at));
	}
}

static int fake_put(struct file *file, u64 pos, const void *buf, size_t len)
{
	if (fake_dead())
		return -EIO;
	if (fake_full) {
		fake_full = false;
		return -ENOSPC;
	}
	if (pos > file->size || len > file->size - pos)
		abort();	/* an image never makes a file longer */
	if (buf)
		memcpy(file->now + pos, buf, len);
	else
		memset(file->now + pos, 0, len);
	fake_log(file, pos, len);
	return 0;
}

int aerie_file_write(struct file *file, u64 pos, const void *buf, size_t len)
{
	return fake_put(file, pos, buf, len);
}

int aerie_file_zero(struct file *file, u64 pos, u64 len, bool unmap)
{
	return fake_put(file, pos, NULL, len);
}

int aerie_file_discard(struct file *file, u64 pos, u64 len)
{
	return fake_put(file, pos, NULL, len);
}

int aerie_file_sync(struct file *file)
{
	if (fake_dead() || fake_sync_fails) {
		fake_sync_fails = false;
		return -EIO;
	}
	fake_settle(file);
	return 0;
}

int aerie_file_stat(struct file *file, u64 *size, u64 *mtime_s, u32 *mtime_ns)
{
	*size = file->size;
	*mtime_s = file->mtime;
	*mtime_ns = 0;
	return 0;
}

/* What a power cut leaves of @f, into @left, of the same size. @random is a stream. */
static __maybe_unused void fake_cut(const struct file *f, struct file *left, u32 (*random)(void))
{
	u64 nr = DIV_ROUND_UP(f->size, FAKE_SECTOR), i, at;
	u8 *stopped = calloc(1, nr);	/* the sector: later writes did not arrive */

	memcpy(left->now, f->disk, f->size);
	for (i = 0; i < f->nr_writes; i++) {
		const struct fake_write *w = &f->writes[i];

		if (random() % 3 == 0)
			stopped[w->sector] = 1;
		at = w->sector * FAKE_SECTOR;
		if (!stopped[w->sector])
			memcpy(left->now + at, w->data, min_t(u64, FAKE_SECTOR, f->size - at));
	}
	fake_settle(left);
	free(stopped);
}

#endif
