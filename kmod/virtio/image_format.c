// SPDX-License-Identifier: GPL-2.0
/*
 * Manifests of images: headers and entries of the map, from bytes and to bytes.
 *
 * Whoever can write a manifest can make it say anything: nothing behind this sees a number
 * that has not been checked. What aerie_image.h shows is all there is to the format.
 */
#ifdef __KERNEL__
#include <linux/string.h>
#include <asm/byteorder.h>
#else
#include <string.h>
#endif

#include "virtio/image_format.h"

#ifndef le64_to_cpu
#include <endian.h>
#define le32_to_cpu	le32toh
#define le64_to_cpu	le64toh
#define cpu_to_le32	htole32
#define cpu_to_le64	htole64
#endif

_Static_assert(sizeof(struct aerie_image_header) == AERIE_IMAGE_SLOT, "a header fills its slot");

static __u32 header_check(const struct aerie_image_header *header)
{
	const size_t at = offsetof(struct aerie_image_header, check), end = at + 4;
	const __u8 *bytes = (const __u8 *)header, zeroes[4] = {};
	__u32 crc = aerie_image_crc(0, bytes, at);

	crc = aerie_image_crc(crc, zeroes, 4);
	return aerie_image_crc(crc, bytes + end, sizeof(*header) - end);
}

/* A header that was written whole; of any version. */
static int valid(const struct aerie_image_header *header, unsigned int slot)
{
	return !memcmp(header->magic, AERIE_IMAGE_MAGIC, sizeof(header->magic)) &&
	       le32_to_cpu(header->check) == header_check(header) &&
	       le64_to_cpu(header->seq) % 2 == slot;
}

const char *aerie_image_wrong(const struct aerie_image_info *info)
{
	if (info->shift < AERIE_IMAGE_SHIFT_MIN || info->shift > AERIE_IMAGE_SHIFT_MAX)
		return "has chunks of a size that is not 4 KiB to 16 MiB";
	if (!info->size || info->size % 512)
		return "has a size that is no number of sectors";
	if ((info->size - 1) >> info->shift >= AERIE_IMAGE_CHUNKS_MAX)
		return "has more than 4194304 chunks";
	if (info->base > AERIE_BASE_IMAGE)
		return "has a base of an unknown kind";
	if (!memchr(info->base_path, 0, sizeof(info->base_path)) ||
	    !*info->base_path != (info->base == AERIE_BASE_NONE))
		return "has a base without a path, or a path without a base";
	if (info->base_mtime_ns >= 1000000000)
		return "has a base that was changed at no time there is";
	return NULL;
}

const char *aerie_image_parse(const void *head, __u64 bytes, struct aerie_image_info *info)
{
	const struct aerie_image_header *slots = head, *header = NULL;
	const char *wrong;
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (valid(&slots[i], i) &&
		    (!header || le64_to_cpu(slots[i].seq) > le64_to_cpu(header->seq)))
			header = &slots[i];
	if (!header)
		return "has no valid header in its manifest";
	if (le32_to_cpu(header->version) != AERIE_IMAGE_VERSION)
		return "is of a version that is not known here";
	info->seq = le64_to_cpu(header->seq);
	info->size = le64_to_cpu(header->size);
	info->shift = le32_to_cpu(header->chunk_shift);
	info->base = le32_to_cpu(header->base);
	memcpy(info->content, header->content, sizeof(info->content));
	memcpy(info->base_content, header->base_content, sizeof(info->base_content));
	info->base_size = le64_to_cpu(header->base_size);
	info->base_mtime_s = le64_to_cpu(header->base_mtime_s);
	info->base_mtime_ns = le32_to_cpu(header->base_mtime_ns);
	memcpy(info->base_path, header->base_path, sizeof(info->base_path));
	wrong = aerie_image_wrong(info);
	if (wrong)
		return wrong;
	info->nr = ((info->size - 1) >> info->shift) + 1;
	if (bytes < AERIE_IMAGE_MAP + aerie_image_map_len(info))
		return "has a manifest that was cut short";
	return NULL;
}

void aerie_image_header(const struct aerie_image_info *info, struct aerie_image_header *header)
{
	memset(header, 0, sizeof(*header));
	memcpy(header->magic, AERIE_IMAGE_MAGIC, sizeof(header->magic));
	header->version = cpu_to_le32(AERIE_IMAGE_VERSION);
	header->seq = cpu_to_le64(info->seq);
	header->size = cpu_to_le64(info->size);
	header->chunk_shift = cpu_to_le32(info->shift);
	header->base = cpu_to_le32(info->base);
	memcpy(header->content, info->content, sizeof(header->content));
	memcpy(header->base_content, info->base_content, sizeof(header->base_content));
	header->base_size = cpu_to_le64(info->base_size);
	header->base_mtime_s = cpu_to_le64(info->base_mtime_s);
	header->base_mtime_ns = cpu_to_le32(info->base_mtime_ns);
	memcpy(header->base_path, info->base_path, sizeof(header->base_path));
	header->check = cpu_to_le32(header_check(header));
}

__le64 aerie_image_entry(__u32 n, enum aerie_chunk_state state, __u32 crc)
{
	__u64 bits = (__u64)state << 32 | (state == AERIE_CHUNK_SEALED ? crc : 0);
	__le64 number = cpu_to_le64(n), low = cpu_to_le64(bits);
	__u32 check;

	if (state == AERIE_CHUNK_ABSENT)
		return 0;
	check = aerie_image_crc(0, &number, 8);
	check = aerie_image_crc(check, &low, 5);
	return cpu_to_le64(bits | (__u64)(check & 0xffffff) << 40);
}

int aerie_image_entry_state(__u32 n, __le64 entry, __u32 *crc)
{
	__u64 bits = le64_to_cpu(entry);
	unsigned int state = bits >> 32 & 0xff;

	*crc = bits;
	if (state >= AERIE_CHUNK_STATES || entry != aerie_image_entry(n, state, *crc))
		return -1;
	return state;
}
