/* SPDX-License-Identifier: GPL-2.0 */
/* What is done with whole images: copied, checked, taken apart, put together, committed. */
#ifndef CTL_IMAGE_COPY_H
#define CTL_IMAGE_COPY_H

#include "image.h"

/* All of them return false with the reason in @why, IMAGE_WHY bytes. */

/* Fill the empty image @to with what @from holds, sealed. */
bool image_fill(struct image *from, struct image *to, char *why);

/* Write what @from holds into the new file @path. */
bool image_to_raw(struct image *from, const char *path, char *why);

/* Have qemu-img read @path, of that format, into the new file @raw. */
bool image_from_other(const char *path, const char *format, const char *raw, char *why);

/* What a check of a layer found. */
struct image_found {
	uint32_t checked, damaged, first_damaged;
};

bool image_check(const struct image_layer *layer, struct image_found *found, char *why);

/* Give checksums to all chunks of a layer that is open to be written. */
bool image_seal(struct image_layer *layer, uint32_t *sealed, char *why);

/* The topmost layer as parts of @part bytes in the new folder @path. */
bool image_split(struct image *image, const char *path, uint64_t part, uint32_t *nr, char *why);

/* And back, from the folder @path to a new image @to. */
bool image_join(const char *path, const char *to, char *why);

/* Write what @image has into its base, after which it is empty. @path is the image's. */
bool image_commit(struct image *image, uint32_t *chunks, char *why);

#endif
