/* SPDX-License-Identifier: GPL-2.0 */
/* Manifests of images as bytes. The control tool is built with it too: no kernel types. */
#ifndef AERIE_VIRTIO_IMAGE_FORMAT_H
#define AERIE_VIRTIO_IMAGE_FORMAT_H

#ifdef __KERNEL__
#include <linux/stddef.h>
#else
#include <stddef.h>
#endif

#include "../../include/uapi/aerie_image.h"

/* A header, checked, in the host's byte order. */
struct aerie_image_info {
	__u64 seq, size;
	unsigned int shift;		/* of a chunk */
	__u32 nr;			/* chunks */
	enum aerie_image_base base;
	__u8 content[AERIE_IMAGE_ID], base_content[AERIE_IMAGE_ID];
	__u64 base_size, base_mtime_s;
	__u32 base_mtime_ns;
	char base_path[AERIE_IMAGE_PATH_MAX];
};

/**
 * aerie_image_parse() - read the head of a manifest
 * @head: its first AERIE_IMAGE_MAP bytes
 * @bytes: how large the manifest is
 * @info: filled in, also where the map is too short
 *
 * Return: NULL, or what is wrong with it, completing "the image ...".
 */
const char *aerie_image_parse(const void *head, __u64 bytes, struct aerie_image_info *info);

/* Is it an image that can be: sizes, base? As aerie_image_parse(). */
const char *aerie_image_wrong(const struct aerie_image_info *info);

/* The header that says so, and where in the manifest its place is. */
void aerie_image_header(const struct aerie_image_info *info, struct aerie_image_header *header);
static inline __u64 aerie_image_slot(const struct aerie_image_info *info)
{
	return info->seq % 2 * AERIE_IMAGE_SLOT;
}

/* Bytes of chunk @n, which the last has fewer of. */
static inline __u32 aerie_image_chunk_len(const struct aerie_image_info *info, __u32 n)
{
	__u64 begin = (__u64)n << info->shift, left = info->size - begin;

	return left < 1u << info->shift ? left : 1u << info->shift;
}

/* Bytes of the map. */
static inline __u64 aerie_image_map_len(const struct aerie_image_info *info)
{
	return (__u64)info->nr * 8;
}

/* The entry of chunk @n. @crc: where it is SEALED. */
__le64 aerie_image_entry(__u32 n, enum aerie_chunk_state state, __u32 crc);

/* Take one apart. -1: it is none; else AERIE_CHUNK_*. */
int aerie_image_entry_state(__u32 n, __le64 entry, __u32 *crc);

/* CRC-32C, to be gone on with: @crc is 0 at first. */
__u32 aerie_image_crc(__u32 crc, const void *data, size_t len);

#endif
