// SPDX-License-Identifier: GPL-2.0
/*
 * Swap files: the files and block devices of the host that guest memory goes to, with what
 * keeps others from them. What is in them is mm/'s.
 */
#include <linux/dcache.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/string.h>
#include "control.h"
#include "uapi.h"
#include "virtio/disk_claim.h"
#include "virtio/virtio.h"

static struct swapfile {
	struct file *file;		/* NULL: none */
	struct aerie_disk_claim claim;
	void *bdev;
} files[AERIE_SWAP_AREAS];

/* What is being turned on or off is one at a time. Inside it files_lock: which there are. */
static DEFINE_MUTEX(change_lock);
static DEFINE_MUTEX(files_lock);

static void let_go(struct swapfile *swap)
{
	aerie_bdev_release(swap->bdev);
	aerie_disk_unclaim(&swap->claim);
}

static int suits(const struct file *file, struct aerie_why *why)
{
	if (!(file->f_mode & FMODE_WRITE))
		return aerie_refuse(why, -EBADF, AERIE_A_SWAP_FD, "is not open for writing");
	if (!file->f_op->write_iter || file->f_op->write)
		return aerie_refuse(why, -EINVAL, AERIE_A_SWAP_FD,
				    "is on a file system that the kernel cannot write to itself");
	if (i_size_read(file->f_mapping->host) < AERIE_SWAP_MIN)
		return aerie_refuse(why, -EINVAL, AERIE_A_SWAP_FD, "is smaller than 1 MiB");
	return 0;
}

static int claim(struct swapfile *swap, struct aerie_why *why)
{
	int err = aerie_disk_claim(&swap->claim, swap->file, NULL, true, AERIE_A_SWAP_FD, why);

	if (err)
		return err;
	err = aerie_bdev_claim(swap->file, &swap->bdev, AERIE_A_SWAP_FD, why);
	if (err)
		aerie_disk_unclaim(&swap->claim);
	return err;
}

/* Claims are in lists: they stay where they are made. */
static struct swapfile *files_free(void)
{
	unsigned int i;

	for (i = 0; i < AERIE_SWAP_AREAS; i++)
		if (!files[i].file)
			return &files[i];
	return NULL;
}

static int turn_on(struct file *file, struct aerie_why *why)
{
	struct swapfile *swap = files_free();
	int err;

	if (!swap)
		return aerie_refuse(why, -ENOSPC, AERIE_A_SWAP_FD,
				    "is one too many: 8 are in use");
	memset(swap, 0, sizeof(*swap));
	swap->file = file;
	err = claim(swap, why);
	if (!err)
		err = aerie_swap_add(file, i_size_read(file->f_mapping->host), swap - files);
	if (err) {
		let_go(swap);
		swap->file = NULL;
	}
	return err;
}

int aerie_swapfile_on(struct file *file, struct aerie_why *why)
{
	int err = suits(file, why);

	if (err)
		return err;
	mutex_lock(&change_lock);
	mutex_lock(&files_lock);
	err = turn_on(file, why);
	mutex_unlock(&files_lock);
	mutex_unlock(&change_lock);
	return err;
}

static void turned_off(struct swapfile *swap)
{
	mutex_lock(&files_lock);
	let_go(swap);
	fput(swap->file);
	swap->file = NULL;
	mutex_unlock(&files_lock);
}

static int turn_off(struct swapfile *swap, struct aerie_why *why)
{
	unsigned int id = swap - files;
	int err;

	aerie_swap_close(id, true);
	err = aerie_swap_empty(id);
	if (!err && aerie_swap_remove(id)) {
		turned_off(swap);
		return 0;
	}
	aerie_swap_close(id, false);
	if (err == -ENOMEM)
		aerie_refuse(why, err, AERIE_A_SWAP_PATH,
			     "has more in it than the host has memory for");
	else if (err == -EIO)
		aerie_refuse(why, err, AERIE_A_SWAP_PATH, "holds pages that cannot be read");
	return err ?: -EAGAIN;
}

static struct swapfile *find(const char *path, char *buf)
{
	unsigned int i;
	char *is;

	for (i = 0; i < AERIE_SWAP_AREAS; i++) {
		if (!files[i].file)
			continue;
		is = d_path(&files[i].file->f_path, buf, PATH_MAX);
		if (!IS_ERR(is) && !strcmp(is, path))
			return &files[i];
	}
	return NULL;
}

int aerie_swapfile_off(const char *path, struct aerie_why *why)
{
	char *buf = kmalloc(PATH_MAX, GFP_KERNEL);
	struct swapfile *swap;
	int err;

	if (!buf)
		return -ENOMEM;
	err = mutex_lock_interruptible(&change_lock);
	if (err)
		goto out;
	swap = find(path, buf);
	err = swap ? turn_off(swap, why) :
		     aerie_refuse(why, -ENOENT, AERIE_A_SWAP_PATH, "is not in use as swap");
	mutex_unlock(&change_lock);
out:
	kfree(buf);
	return err;
}

bool aerie_swapfile_next(unsigned int *id, struct aerie_swapfile_info *info)
{
	bool found = false;
	char *path;

	mutex_lock(&files_lock);
	while (*id < AERIE_SWAP_AREAS && !files[*id].file)
		++*id;
	if (*id < AERIE_SWAP_AREAS) {
		path = d_path(&files[*id].file->f_path, info->path, sizeof(info->path));
		if (IS_ERR(path))
			path = "?";
		memmove(info->path, path, strlen(path) + 1);
		aerie_swap_figures(*id, &info->bytes, &info->used);
		found = true;
	}
	mutex_unlock(&files_lock);
	return found;
}

void aerie_swapfile_exit(void)
{
	unsigned int i;

	for (i = 0; i < AERIE_SWAP_AREAS; i++)
		if (files[i].file && !WARN_ON(!aerie_swap_remove(i)))
			turned_off(&files[i]);
}
