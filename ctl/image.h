/* SPDX-License-Identifier: GPL-2.0 */
/* Disk images in chunks, see aerie_image.h: their files, opened, locked and read. */
#ifndef CTL_IMAGE_H
#define CTL_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "../kmod/virtio/image_format.h"

#define IMAGE_WHY	(2 * AERIE_IMAGE_PATH_MAX + 256)	/* bytes of a reason */

/* An image, or at the lowest place a plain file. */
struct image_layer {
	char *path;
	int manifest, data;		/* manifest -1: a plain file */
	uint64_t size;			/* of the disk */
	struct aerie_image_info info;	/* of an image */
	__le64 *map;			/* of an image, info.nr entries */
	bool base_changed;		/* it is not what the layer above was made on */
};

struct image {
	struct image_layer layer[AERIE_IMAGE_LAYERS_MAX];
	size_t nr;
};

enum image_open {
	IMAGE_WRITE = 1,	/* the topmost is to be written, by nobody else */
	IMAGE_UNLOCKED = 2,	/* only to look: others may write it */
	IMAGE_ANY_BASE = 4,	/* a base that was changed is for the caller to see */
	IMAGE_DIRECT = 8,	/* data with O_DIRECT */
};

/**
 * image_open() - open an image with all that lies below it
 * @image: filled in; image_close() in either case
 * @path: the image's folder, or a plain file or block device
 * @how: IMAGE_* together
 * @why: IMAGE_WHY bytes; set to the reason where it fails, a whole sentence about @path
 *
 * Images and plain files are locked, by flock(): by as many as read, or one who writes. The
 * locks stay until the last has closed the files, the module included.
 */
bool image_open(struct image *image, const char *path, unsigned int how, char *why);
void image_close(struct image *image);

/* Is it an image? A folder is: what a guest can write is inside, and decides nothing. */
bool image_is(const char *path);

/* How many of its chunks are in that state. */
uint32_t image_count(const struct image_layer *layer, enum aerie_chunk_state state);
enum aerie_chunk_state image_state(const struct image_layer *layer, uint32_t n);

/**
 * image_read() - read what the disk holds, from layer @from on
 * @image: image
 * @from: the topmost layer to be seen
 * @pos: where on the disk
 * @buf, @len: what is read; beyond the end are zeroes
 * @why: as image_open()
 *
 * What has a checksum is compared with it.
 */
bool image_read(struct image *image, size_t from, uint64_t pos, void *buf, uint64_t len,
		char *why);

/* Compare one chunk with its checksum. True also where it has none. */
bool image_verify(const struct image_layer *layer, uint32_t n, bool *same, char *why);

/**
 * image_make() - make an empty image, which is none until image_put_header()
 * @image: filled in: one layer, open to be written; image_close() in either case
 * @path: its folder, which must not exist; it is gone again where this fails
 * @info: shift, size and base of it; the rest is set
 * @why: as image_open()
 */
bool image_make(struct image *image, const char *path, struct aerie_image_info *info, char *why);
/* Take an image away that has just been made. */
void image_unmake(const char *path);

/* What @base is, into the header of the image at @path that is made on it. */
bool image_set_base(struct aerie_image_info *info, const char *path, const struct image *base,
		    char *why);

/* Write the header, with another content number; with @same_content keep that. */
bool image_put_header(struct image_layer *layer, bool same_content, char *why);
/* Set an entry of the map in memory. */
void image_set(struct image_layer *layer, uint32_t n, enum aerie_chunk_state state, uint32_t crc);
/* Write the whole map. Data first: what the map says is true when this begins. */
bool image_put_map(struct image_layer *layer, char *why);
/* Write to the data; zeroes become a hole. */
bool image_put(struct image_layer *layer, uint64_t pos, const void *buf, uint64_t len, char *why);

bool image_zeroes(const void *buf, uint64_t len);
/* All of it, or false with errno; a file that is too short is EIO. */
bool read_all(int fd, void *buf, uint64_t len, uint64_t pos);
bool write_all(int fd, const void *buf, uint64_t len, uint64_t pos);

#endif
