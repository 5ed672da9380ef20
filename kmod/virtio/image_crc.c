// SPDX-License-Identifier: GPL-2.0
/* Checksums of images: the kernel's CRC-32C. */
#include "compat.h"
#include "virtio/image_format.h"

__u32 aerie_image_crc(__u32 crc, const void *data, size_t len)
{
	return ~compat_crc32c(~crc, data, len);
}
