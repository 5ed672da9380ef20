/* SPDX-License-Identifier: GPL-2.0 */
/* Images in chunks, as disks use them. */
#ifndef AERIE_VIRTIO_IMAGE_H
#define AERIE_VIRTIO_IMAGE_H

#include <linux/mutex.h>

#include "aerie.h"
#include "virtio/image_format.h"

#define AERIE_IMAGE_BATCH	64u	/* sectors of the map written by one flush, at a time */

struct file;

/**
 * struct aerie_image_chunk - a chunk of a layer
 * @crc: where @state is SEALED
 * @state: AERIE_CHUNK_*: what it is now
 * @disk: AERIE_CHUNK_*: what the map on the disk says
 * @verified: its checksum was found to be right
 */
struct aerie_image_chunk {
	u32 crc;
	u8 state, disk;
	bool verified;
};

/**
 * struct aerie_image_layer - one of the images and files that lie below one another
 * @manifest: or NULL: a raw file
 * @data: its content
 * @size: bytes of it; what is beyond are zeroes
 * @info: what the manifest says; of layers with one
 * @chunks: one for each of @info.nr
 */
struct aerie_image_layer {
	struct file *manifest, *data;
	u64 size;
	struct aerie_image_info *info;
	struct aerie_image_chunk *chunks;
};

/**
 * struct aerie_image - an image with what lies below it
 * @name: of the disk, for the host's log
 * @layers: the topmost first, which alone is written
 * @nr: of them
 * @begun: @layers[0] has got a new content number since it was opened
 * @failed: a flush of it has failed: what is on the disk is not known any more
 * @commit_lock: who writes the manifest; taken before @lock
 * @lock: chunks of @layers[0] that change; @dirty
 * @dirty: a bit for each sector of the map: what it says has changed
 * @batch, @sectors: what a flush writes: contents, and which sectors they are
 */
struct aerie_image {
	const char *name;
	struct aerie_image_layer layers[AERIE_IMAGE_LAYERS_MAX];
	unsigned int nr;
	bool begun, failed;
	struct mutex commit_lock, lock;
	unsigned long *dirty;
	__le64 (*batch)[64];
	u32 sectors[AERIE_IMAGE_BATCH];
};

/**
 * aerie_image_open() - take an image into use
 * @files: its layers, the topmost first; the caller keeps them open as long as the image is
 * @nr: how many
 * @writable: the first is to be written; nobody else uses it meanwhile
 * @name: of the disk, stays
 * @why: the reason where it is refused
 *
 * Context: may sleep.
 * Return: the image, or -EINVAL what is none, -ESTALE where a base is not what it was,
 * -ENOMEM, or what reading gives.
 */
struct aerie_image *aerie_image_open(const struct aerie_disk_layer *files, unsigned int nr,
				     bool writable, const char *name, struct aerie_why *why);

/* Write what has to be written, and give it back. NULL is no image. */
void aerie_image_close(struct aerie_image *image);

/**
 * aerie_image_whole() - the one file that holds a whole range of the disk
 * @image: image
 * @pos, @len: the range, not empty
 * @write: it is to be written
 *
 * Nothing is read, nothing waited for: what needs that has none.
 * Return: the file, in which the range is at the same place, or NULL: to be done by
 * aerie_image_read(), aerie_image_write_begin().
 */
struct file *aerie_image_whole(struct aerie_image *image, u64 pos, u64 len, bool write);

/*
 * The file that holds what is at @pos, at the same place, for the time being; @len is cut to
 * what it holds from there on. NULL: zeroes. Context: any.
 */
struct file *aerie_image_at(const struct aerie_image *image, u64 pos, u64 *len);

/**
 * aerie_image_read() - where to read
 * @image: image
 * @pos: where on the disk
 * @len: bytes from there on, not 0; set to how many of them @file holds
 * @file: set to the file in which they are at the same place, or NULL: they are zeroes
 *
 * Context: may sleep; no lock of the image is held.
 * Return: 0; -EIO where the checksum is wrong, or what reading gives.
 */
int aerie_image_read(struct aerie_image *image, u64 pos, u64 *len, struct file **file);

/**
 * aerie_image_write_begin() - make room for what is written
 * @image: image
 * @pos: where on the disk
 * @len: bytes from there on, not 0; set to how many of them can be written now
 * @file: set to the file to which they are to be written, at the same place
 *
 * Context: may sleep. Locks are held until aerie_image_write_end(), which follows where it
 * succeeds.
 * Return: 0 or -errno.
 */
int aerie_image_write_begin(struct aerie_image *image, u64 pos, u64 *len, struct file **file);

/* They were written, or with @err were not. */
void aerie_image_write_end(struct aerie_image *image, u64 pos, u64 len, int err);

/**
 * aerie_image_drop() - give up what a range holds
 * @image: image
 * @pos, @len: the range
 *
 * Chunks that lie in it are zeroes afterwards. Of others what is in this image may become
 * zeroes or stay.
 * Return: 0 or -errno.
 */
int aerie_image_drop(struct aerie_image *image, u64 pos, u64 len);

/* The range reads as zeroes. With @unmap its space may be given up. Otherwise the same. */
int aerie_image_zero(struct aerie_image *image, u64 pos, u64 len, bool unmap);

/* What was written before is on the disk when it returns 0. May sleep. */
int aerie_image_flush(struct aerie_image *image);

#endif
