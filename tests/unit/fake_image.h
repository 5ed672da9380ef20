/* SPDX-License-Identifier: GPL-2.0 */
/* A boot image in a buffer. A read beyond its end is a bug of the loader. */
#ifndef FAKE_IMAGE_H
#define FAKE_IMAGE_H

#include "shim.h"
#include "boot/boot.h"

struct fake_image {
	struct aerie_image image;
	const u8 *buf;
	int error;		/* what reads return */
};

static int fake_image_read(struct aerie_image *image, u64 off, void *buf, size_t len)
{
	struct fake_image *fake = container_of(image, struct fake_image, image);

	if (off > image->size || len > image->size - off)
		abort();
	if (!fake->error)
		memcpy(buf, fake->buf + off, len);
	return fake->error;
}

static inline struct fake_image fake_image(const void *buf, u64 size)
{
	return (struct fake_image) { { size, fake_image_read }, buf, 0 };
}

#endif
