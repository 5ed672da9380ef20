// SPDX-License-Identifier: GPL-2.0
/*
 * Anything as the manifests of two layers, and then reads, writes, drops and flushes: they
 * stay in their files, and what was read is what was written.
 *
 * The input is four bytes, requests that they tell the number of, and the first manifest;
 * the second is the same with chunks in other states, and without a base. Checksums are made right, so that what stands
 * behind them is reached.
 */
// sources: kmod/virtio/image.c kmod/virtio/image_format.c ctl/image_crc.c
#include "fake_disk.h"
#include "virtio/image.h"

#define DATA	(256u << 10)
#define REQUEST	4u

int shim_fail_alloc;

static void fix_header(u8 *slot)
{
	const size_t at = offsetof(struct aerie_image_header, check);
	u32 crc;

	memset(slot + at, 0, 4);
	crc = aerie_image_crc(0, slot, AERIE_IMAGE_SLOT);
	memcpy(slot + at, &crc, 4);
}

/* @more: its chunks are in other states. */
static void fix(struct file *manifest, u8 more)
{
	u64 i, entry;

	fix_header(manifest->now);
	fix_header(manifest->now + AERIE_IMAGE_SLOT);
	for (i = 0; AERIE_IMAGE_MAP + 8 * i + 8 <= manifest->size; i++) {
		u8 *at = manifest->now + AERIE_IMAGE_MAP + 8 * i;

		memcpy(&entry, at, 8);
		entry = aerie_image_entry(i, ((entry >> 32) + more) & 3, entry);
		memcpy(at, &entry, 8);
	}
}

/* It has no base, and one header. */
static void make_lowest(u8 *slots)
{
	slots[offsetof(struct aerie_image_header, base)] = AERIE_BASE_NONE;
	slots[offsetof(struct aerie_image_header, base_path)] = 0;
	slots[AERIE_IMAGE_SLOT] = 0;
}

/* As a disk does. */
static int rw(struct aerie_image *image, u64 pos, u8 *buf, u64 len, bool write)
{
	struct file *file = aerie_image_whole(image, pos, len, write);
	int err = 0;
	u64 n;

	if (file)
		return write ? aerie_file_write(file, pos, buf, len) :
			       aerie_file_read(file, pos, buf, len);
	for (; !err && len; pos += n, buf += n, len -= n) {
		n = len;
		err = write ? aerie_image_write_begin(image, pos, &n, &file) :
			      aerie_image_read(image, pos, &n, &file);
		if (err)
			break;
		if (!n || n > len)
			abort();
		if (write) {
			err = aerie_file_write(file, pos, buf, n);
			aerie_image_write_end(image, pos, n, err);
		} else if (file) {
			err = aerie_file_read(file, pos, buf, n);
		} else {
			memset(buf, 0, n);
		}
	}
	return err;
}

static void request(struct aerie_image *image, const u8 *r)
{
	u64 sectors = image->layers[0].size / 512, sector = (r[1] | r[2] << 8) % sectors;
	u64 nr = min_t(u64, r[3] + 1, sectors - sector), i;
	u8 buf[256 * 512], again[256 * 512];
	int err;

	switch (r[0] % 5) {
	case 0:
		aerie_image_flush(image);
		break;
	case 1:
		rw(image, sector * 512, buf, nr * 512, false);
		break;
	case 2:
		memset(buf, r[0], nr * 512);
		err = rw(image, sector * 512, buf, nr * 512, true);
		if (err)
			break;
		if (rw(image, sector * 512, again, nr * 512, false) || memcmp(buf, again, nr * 512))
			abort();
		break;
	case 3:
		aerie_image_drop(image, sector * 512, nr * 512);
		break;
	case 4:
		if (aerie_image_zero(image, sector * 512, nr * 512, r[0] & 128) ||
		    rw(image, sector * 512, again, nr * 512, false))
			break;
		for (i = 0; i < nr * 512; i++)
			if (again[i])
				abort();
	}
}

int LLVMFuzzerTestOneInput(const u8 *in, size_t size)
{
	struct file manifest[2], data[2];
	struct aerie_disk_layer layers[2] = { { &manifest[0], &data[0] }, { &manifest[1], &data[1] } };
	struct aerie_image *image;
	struct aerie_why why = {};
	unsigned int i, nr, requests;
	const u8 *head;

	if (size < 4)
		return 0;
	requests = min_t(unsigned int, in[0] % 32, (size - 4) / REQUEST);
	nr = in[1] % 2 + 1;
	head = in + 4 + requests * REQUEST;
	size -= 4 + requests * REQUEST;
	for (i = 0; i < 2; i++) {
		fake_file(&manifest[i], max_t(size_t, size, AERIE_IMAGE_MAP));
		memcpy(manifest[i].now, head, size);
		if (i)
			make_lowest(manifest[1].now);
		fix(&manifest[i], i * in[2]);
		fake_file(&data[i], DATA);
	}
	image = aerie_image_open(layers, nr, in[3] & 1, "disk0", &why);
	if (IS_ERR(image) && PTR_ERR(image) != -ENOMEM && !why.msg)
		abort();
	if (!IS_ERR(image)) {
		for (i = 0; i < requests; i++)
			if (in[3] & 1 || in[4 + i * REQUEST] % 5 == 1)
				request(image, in + 4 + i * REQUEST);
		aerie_image_close(image);
	}
	for (i = 0; i < 2; i++) {
		fake_file_free(&manifest[i]);
		fake_file_free(&data[i]);
	}
	return 0;
}
