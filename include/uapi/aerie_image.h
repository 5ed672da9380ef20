/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The chunked copy-on-write image, version 1: what a manifest is made of. The module and
 * the control tool read and write it by kmod/virtio/image_format.c.
 *
 * An image is a folder with two files. "data" is as large as the disk, and sparse: each
 * chunk of it is at the place that it has on the disk. "manifest" says which chunks the
 * image has, and what lies below:
 *
 *      0   struct aerie_image_header, with an even seq
 *   4096   struct aerie_image_header, with an odd seq; the larger seq of the valid ones counts
 *   8192   the map: for each chunk a little-endian 64-bit entry
 *            bits  0-31  CRC-32C of the chunk, where it is SEALED
 *            bits 32-39  AERIE_CHUNK_*
 *            bits 40-63  low bits of the CRC-32C of the chunk's number, as 64 bits, and the
 *                        bits before; all 64 bits of an entry that is ABSENT are zero
 *
 * CRC-32C is as iSCSI has it (all ones at first, inverted at the end). A sector of the map
 * that a power cut has left old or new is valid either way: entries stand for themselves,
 * and a chunk's data is on the disk before an entry that speaks of it is written. Data of
 * chunks that an entry does not speak of is whatever was there, and never read.
 */
#ifndef _UAPI_AERIE_IMAGE_H
#define _UAPI_AERIE_IMAGE_H

#include <linux/types.h>

#define AERIE_IMAGE_MAGIC	"AerieImg"
#define AERIE_IMAGE_VERSION	1
#define AERIE_IMAGE_SLOT	4096		/* bytes of a header */
#define AERIE_IMAGE_MAP		8192		/* where the map begins */
#define AERIE_IMAGE_SHIFT_MIN	12		/* chunks of 4 KiB */
#define AERIE_IMAGE_SHIFT_MAX	24		/* 16 MiB */
#define AERIE_IMAGE_CHUNKS_MAX	(1u << 22)
#define AERIE_IMAGE_LAYERS_MAX	16		/* images and the raw file below one another */
#define AERIE_IMAGE_PATH_MAX	2048		/* bytes, with a terminating zero */
#define AERIE_IMAGE_ID		16		/* bytes */

enum aerie_chunk_state {
	AERIE_CHUNK_ABSENT,	/* what lies below, or zeroes */
	AERIE_CHUNK_OPEN,	/* in "data", written since it was sealed: no checksum */
	AERIE_CHUNK_SEALED,	/* in "data", with that checksum */
	AERIE_CHUNK_ZERO,	/* zeroes, whatever lies below */
	AERIE_CHUNK_STATES
};

enum aerie_image_base {
	AERIE_BASE_NONE,
	AERIE_BASE_RAW,		/* a file, of base_size bytes, changed last at base_mtime */
	AERIE_BASE_IMAGE,	/* an image whose content is base_content */
};

/**
 * struct aerie_image_header - the head of a manifest; all numbers are little-endian
 * @magic: AERIE_IMAGE_MAGIC
 * @version: AERIE_IMAGE_VERSION
 * @check: CRC-32C of the 4096 bytes with this field zero
 * @seq: counts the changes of the header
 * @size: of the disk, in bytes, whole sectors of 512
 * @chunk_shift: a chunk has 1 << chunk_shift bytes
 * @base: AERIE_BASE_*
 * @content: what the image holds: a new random number with the first change after every
 *	opening
 * @base_content, @base_size, @base_mtime_s, @base_mtime_ns: what the base was
 * @base_path: where the tool finds the base: absolute, or from the folder that the image's
 *	folder is in; zero-terminated
 */
struct aerie_image_header {
	__u8 magic[8];
	__le32 version;
	__le32 check;
	__le64 seq;
	__le64 size;
	__le32 chunk_shift;
	__le32 base;
	__u8 content[AERIE_IMAGE_ID];
	__u8 base_content[AERIE_IMAGE_ID];
	__le64 base_size;
	__le64 base_mtime_s;
	__le32 base_mtime_ns;
	__u8 reserved[AERIE_IMAGE_SLOT - 92 - AERIE_IMAGE_PATH_MAX];
	char base_path[AERIE_IMAGE_PATH_MAX];
};

#endif
