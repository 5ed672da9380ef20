/* SPDX-License-Identifier: GPL-2.0 */
/* Three layers for tests of images: an image on an image on a plain file. */
#ifndef FAKE_CHUNKS_H
#define FAKE_CHUNKS_H

#include "fake_disk.h"
#include "virtio/image.h"

#define SHIFT		12u
#define CHUNK		(1u << SHIFT)
#define CHUNKS		70u			/* more than a sector of the map has */
#define DISK		(CHUNKS * CHUNK - 1024)	/* the last is shorter */
#define SECTORS		(DISK / 512)
#define BASE_SHIFT	13u
#define BASE_DISK	(40 * CHUNK)		/* shorter than the disk */
#define RAW_DISK	(60 * CHUNK)

static struct file top_manifest, top_data, base_manifest, base_data, raw_data;
static const struct aerie_disk_layer layers[] = {
	{ &top_manifest, &top_data }, { &base_manifest, &base_data }, { NULL, &raw_data },
};

/* What a sector holds is one number, over and over. */
static void fill_sector(struct file *f, u64 sector, u64 value)
{
	u64 *p = (u64 *)(f->now + sector * 512);
	unsigned int i;

	for (i = 0; i < 64; i++)
		p[i] = value;
}

static void put_entry(struct file *manifest, const struct file *data,
		      const struct aerie_image_info *info, u32 n, enum aerie_chunk_state state)
{
	u32 crc = aerie_image_crc(0, data->now + ((u64)n << info->shift),
				  aerie_image_chunk_len(info, n));
	__le64 entry = aerie_image_entry(n, state, crc);

	memcpy(manifest->now + AERIE_IMAGE_MAP + 8ull * n, &entry, 8);
}

static void make_image(struct file *manifest, struct file *data, struct aerie_image_info *info)
{
	info->nr = ((info->size - 1) >> info->shift) + 1;
	fake_file(manifest, AERIE_IMAGE_MAP + 8ull * info->nr);
	fake_file(data, info->size);
}

static void put_info(struct file *manifest, const struct aerie_image_info *info)
{
	struct aerie_image_header header;

	aerie_image_header(info, &header);
	memcpy(manifest->now + aerie_image_slot(info), &header, sizeof(header));
}

/*
 * Values: 1000000 + sector in the plain file, 2000000 + sector in the base, 3000000 + sector
 * in the image. The base has every third chunk of its own, sealed, and some zeroes. The
 * image has chunks 0 to 3 sealed, 4 and 5 open, 6 zero.
 */
static void layers_setup(void)
{
	struct aerie_image_info info = {
		.shift = BASE_SHIFT, .size = BASE_DISK, .base = AERIE_BASE_RAW, .base_size = RAW_DISK,
		.base_mtime_s = 77, .base_path = "raw", .content = "base",
	}, top = {
		.shift = SHIFT, .size = DISK, .base = AERIE_BASE_IMAGE, .base_path = "base",
		.base_content = "base", .content = "top",
	};
	u64 i;
	u32 n;

	fake_power = -1;
	fake_sync_fails = false;
	fake_full = false;
	fake_file(&raw_data, RAW_DISK);
	raw_data.mtime = 77;
	for (i = 0; i < RAW_DISK / 512; i++)
		fill_sector(&raw_data, i, 1000000 + i);
	make_image(&base_manifest, &base_data, &info);
	put_info(&base_manifest, &info);
	for (i = 0; i < BASE_DISK / 512; i++)
		fill_sector(&base_data, i, 2000000 + i);
	for (n = 0; n < info.nr; n++)
		put_entry(&base_manifest, &base_data, &info, n, n % 3 == 0 ? AERIE_CHUNK_SEALED :
			  n % 7 == 1 ? AERIE_CHUNK_ZERO : AERIE_CHUNK_ABSENT);
	make_image(&top_manifest, &top_data, &top);
	put_info(&top_manifest, &top);
	/* What the map does not speak of is of no meaning. */
	for (i = 0; i < SECTORS; i++)
		fill_sector(&top_data, i, 3000000 + i);
	for (n = 0; n < 7; n++)
		put_entry(&top_manifest, &top_data, &top, n, n < 4 ? AERIE_CHUNK_SEALED :
			  n < 6 ? AERIE_CHUNK_OPEN : AERIE_CHUNK_ZERO);
	for (i = 0; i < 2; i++) {
		fake_settle(layers[i].manifest);
		fake_settle(layers[i].data);
	}
	fake_settle(&raw_data);
}

static void layers_teardown(void)
{
	fake_file_free(&top_manifest);
	fake_file_free(&top_data);
	fake_file_free(&base_manifest);
	fake_file_free(&base_data);
	fake_file_free(&raw_data);
}

/* What a sector of the disk holds at first. */
static u64 first_value(u64 sector)
{
	u64 pos = sector * 512, n = pos >> BASE_SHIFT;

	if (pos >> SHIFT < 6)
		return 3000000 + sector;
	if (pos >> SHIFT == 6 || pos >= BASE_DISK || (n % 3 && n % 7 == 1))
		return 0;
	return (n % 3 ? 1000000 : 2000000) + sector;
}

/* Read as a disk does. */
static int disk_read(struct aerie_image *image, u64 pos, u8 *buf, u64 len)
{
	struct file *file = aerie_image_whole(image, pos, len, false);
	int err = 0;
	u64 n;

	if (file)
		return aerie_file_read(file, pos, buf, len);
	for (; !err && len; pos += n, buf += n, len -= n) {
		n = len;
		err = aerie_image_read(image, pos, &n, &file);
		if (!err && file)
			err = aerie_file_read(file, pos, buf, n);
		else if (!err)
			memset(buf, 0, n);
	}
	return err;
}

static int disk_write(struct aerie_image *image, u64 pos, const u8 *buf, u64 len)
{
	struct file *file = aerie_image_whole(image, pos, len, true);
	int err = 0;
	u64 n;

	if (file)
		return aerie_file_write(file, pos, buf, len);
	for (; !err && len; pos += n, buf += n, len -= n) {
		n = len;
		err = aerie_image_write_begin(image, pos, &n, &file);
		if (err)
			break;
		err = aerie_file_write(file, pos, buf, n);
		aerie_image_write_end(image, pos, n, err);
	}
	return err;
}

/* Sectors, each of which holds @value. */
static int write_value(struct aerie_image *image, u64 sector, u64 nr, u64 value)
{
	u64 *buf = malloc(nr * 512), i;
	int err;

	for (i = 0; i < nr * 64; i++)
		buf[i] = value;
	err = disk_write(image, sector * 512, (u8 *)buf, nr * 512);
	free(buf);
	return err;
}

/* What a sector holds; -1 where it cannot be read, or is of several. */
static u64 read_value(struct aerie_image *image, u64 sector)
{
	u64 buf[64], i;

	if (disk_read(image, sector * 512, (u8 *)buf, 512))
		return -1;
	for (i = 1; i < 64; i++)
		if (buf[i] != buf[0])
			return -1;
	return buf[0];
}

#endif
