// SPDX-License-Identifier: GPL-2.0
/*
 * Images in chunks: which layer holds what, and how a power cut at any time leaves an image
 * that holds all that was flushed.
 *
 * A chunk is at the same place in its file as on the disk, so most requests are those of a
 * plain file: aerie_image_whole() finds the file without a lock. The rest goes chunk by chunk.
 *
 * The topmost layer changes in an order that holds at any time:
 *  - Before the first change after opening it gets a new content number, so that an image
 *    above it knows.
 *  - A chunk that it does not have, or that is ZERO, is made whole in the file, and is OPEN in
 *    memory only. A flush has the file's data on the disk first and writes the map after it.
 *    Until then what the map does not speak of is not read after a power cut: the chunk is
 *    what it was, without the writes that were not flushed.
 *  - A chunk that is SEALED is made OPEN in the map on the disk before it is written.
 *    Who may have written a chunk thus never finds it with an old checksum.
 *  - What is dropped becomes a hole at once. A chunk that is OPEN and a hole reads as
 *    zeroes, so the map can follow with the next flush.
 *
 * Sealing, and bringing layers together, is the control tool's, while no VM has the image.
 * A SEALED chunk is read and its checksum compared before anything else of it is read.
 */
#include <linux/align.h>
#include <linux/bitmap.h>
#include <linux/bitops.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "uapi.h"
#include "virtio/disk_file.h"
#include "virtio/image.h"

#define PIECE		32768u		/* bytes read at a time */
#define ENTRIES		64u		/* of a sector of the map */
#define SECTOR		512u
#define ZEROES		(-1)		/* in place of a layer */

_Static_assert(AERIE_DISK_LAYERS == AERIE_IMAGE_LAYERS_MAX, "a disk has room for all layers");

/* ---- Where things are ----------------------------------------------------- */

static struct aerie_image_layer *top(struct aerie_image *image)
{
	return &image->layers[0];
}

static u8 state_of(const struct aerie_image_layer *layer, u32 n)
{
	/* Pairs with publish(): who sees the state finds the data. */
	return smp_load_acquire(&layer->chunks[n].state);
}

/*
 * The layer that holds @pos, from layer @i on, or ZEROES. @len is cut to what the same
 * holds for.
 */
static int find(const struct aerie_image *image, unsigned int i, u64 pos, u64 *len)
{
	for (; i < image->nr; i++) {
		const struct aerie_image_layer *layer = &image->layers[i];
		u64 mask;
		u8 state;

		if (pos >= layer->size)
			return ZEROES;
		*len = min(*len, layer->size - pos);
		if (!layer->chunks)
			return i;
		mask = (1ull << layer->info->shift) - 1;
		*len = min(*len, mask + 1 - (pos & mask));
		state = state_of(layer, pos >> layer->info->shift);
		if (state == AERIE_CHUNK_ZERO)
			return ZEROES;
		if (state != AERIE_CHUNK_ABSENT)
			return i;
	}
	return ZEROES;
}

static bool must_verify(const struct aerie_image_layer *layer, u64 pos)
{
	const struct aerie_image_chunk *chunk;

	if (!layer->chunks)
		return false;
	chunk = &layer->chunks[pos >> layer->info->shift];
	return READ_ONCE(chunk->state) == AERIE_CHUNK_SEALED && !READ_ONCE(chunk->verified);
}

struct file *aerie_image_whole(struct aerie_image *image, u64 pos, u64 len, bool write)
{
	int first = ZEROES - 1, i;
	u64 n;

	if (write && (!READ_ONCE(image->begun) || READ_ONCE(image->failed)))
		return NULL;
	for (; len; pos += n, len -= n) {
		n = len;
		i = find(image, 0, pos, &n);
		if (i == ZEROES || (first >= 0 && i != first))
			return NULL;
		if (write && (i || state_of(top(image), pos >> top(image)->info->shift) !=
				    AERIE_CHUNK_OPEN))
			return NULL;
		if (must_verify(&image->layers[i], pos))
			return NULL;
		first = i;
	}
	return image->layers[first].data;
}

struct file *aerie_image_at(const struct aerie_image *image, u64 pos, u64 *len)
{
	int i = find(image, 0, pos, len);

	return i == ZEROES ? NULL : image->layers[i].data;
}

/* ---- Checksums ------------------------------------------------------------ */

/* Read the chunk that @pos is in and compare its checksum. */
static int verify(struct aerie_image *image, struct aerie_image_layer *layer, u64 pos, void *buf)
{
	u32 n = pos >> layer->info->shift, left = aerie_image_chunk_len(layer->info, n), len;
	struct aerie_image_chunk *chunk = &layer->chunks[n];
	u64 at = (u64)n << layer->info->shift;
	u32 crc = 0, want = READ_ONCE(chunk->crc);
	int err;

	for (; left; at += len, left -= len) {
		len = min(left, PIECE);
		err = aerie_file_read(layer->data, at, buf, len);
		if (err)
			return err;
		crc = aerie_image_crc(crc, buf, len);
	}
	/* Somebody may have been about to write it. */
	if (crc != want && READ_ONCE(chunk->state) == AERIE_CHUNK_SEALED) {
		pr_warn_ratelimited("aerie: %s: chunk %u of layer %td is damaged: its checksum is %08x, not %08x\n",
				    image->name, n, layer - image->layers, crc, want);
		return -EIO;
	}
	WRITE_ONCE(chunk->verified, true);
	return 0;
}

static int verify_alloc(struct aerie_image *image, struct aerie_image_layer *layer, u64 pos)
{
	void *buf;
	int err;

	if (!must_verify(layer, pos))
		return 0;
	buf = kmalloc(PIECE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = verify(image, layer, pos, buf);
	kfree(buf);
	return err;
}

int aerie_image_read(struct aerie_image *image, u64 pos, u64 *len, struct file **file)
{
	int i = find(image, 0, pos, len);

	*file = i == ZEROES ? NULL : image->layers[i].data;
	return i == ZEROES ? 0 : verify_alloc(image, &image->layers[i], pos);
}

/* ---- The map -------------------------------------------------------------- */

/* Whoever sees the state finds the data. @image->lock is held. */
static void publish(struct aerie_image *image, u32 n, u8 state)
{
	/* Pairs with state_of(). */
	smp_store_release(&top(image)->chunks[n].state, state);
	set_bit(n / ENTRIES, image->dirty);
}

/* A sector of the map as it is, or as it is on the disk. @image->lock is held. */
static void encode(struct aerie_image *image, u32 sector, bool disk, __le64 *entries)
{
	const struct aerie_image_layer *layer = top(image);
	u32 i, n;

	memset(entries, 0, SECTOR);
	for (i = 0; i < ENTRIES; i++) {
		n = sector * ENTRIES + i;
		if (n < layer->info->nr)
			entries[i] = aerie_image_entry(n, disk ? layer->chunks[n].disk :
						       layer->chunks[n].state,
						       layer->chunks[n].crc);
	}
}

static int put_sector(struct aerie_image *image, u32 sector, const __le64 *entries)
{
	/* The file ends with the last entry. */
	u64 at = (u64)sector * SECTOR, left = aerie_image_map_len(top(image)->info) - at;

	return aerie_file_write(top(image)->manifest, AERIE_IMAGE_MAP + at, entries,
				min_t(u64, left, SECTOR));
}

/* Once it has failed nobody knows what is on the disk: the page cache may have dropped it. */
static int sync(struct aerie_image *image, struct file *file)
{
	int err = READ_ONCE(image->failed) ? -EIO : aerie_file_sync(file);

	if (err)
		WRITE_ONCE(image->failed, true);
	return err;
}

/* What has changed, up to a batch of it. Returns how many sectors. */
static unsigned int gather(struct aerie_image *image)
{
	u32 nr_sectors = DIV_ROUND_UP(top(image)->info->nr, ENTRIES);
	unsigned long sector = 0;
	unsigned int nr = 0;

	mutex_lock(&image->lock);
	while (nr < AERIE_IMAGE_BATCH) {
		sector = find_next_bit(image->dirty, nr_sectors, sector);
		if (sector >= nr_sectors)
			break;
		clear_bit(sector, image->dirty);
		encode(image, sector, false, image->batch[nr]);
		image->sectors[nr++] = sector++;
	}
	mutex_unlock(&image->lock);
	return nr;
}

/* The batch is on the disk, or is not. */
static void settle(struct aerie_image *image, unsigned int nr, bool written)
{
	struct aerie_image_layer *layer = top(image);
	unsigned int i, j;
	u32 n, crc;

	mutex_lock(&image->lock);
	for (i = 0; i < nr; i++) {
		if (!written)
			set_bit(image->sectors[i], image->dirty);
		for (j = 0; written && j < ENTRIES; j++) {
			n = image->sectors[i] * ENTRIES + j;
			if (n < layer->info->nr)
				layer->chunks[n].disk = aerie_image_entry_state(n, image->batch[i][j],
										&crc);
		}
	}
	mutex_unlock(&image->lock);
}

/* Data first, then what the map says of it. @image->commit_lock is held. */
static int commit(struct aerie_image *image)
{
	unsigned int nr, i;
	int err;

	do {
		nr = gather(image);
		err = sync(image, top(image)->data);
		for (i = 0; !err && i < nr; i++)
			err = put_sector(image, image->sectors[i], image->batch[i]);
		if (!err && nr)
			err = sync(image, top(image)->manifest);
		settle(image, nr, !err);
	} while (!err && nr == AERIE_IMAGE_BATCH);
	return err;
}

int aerie_image_flush(struct aerie_image *image)
{
	int err;

	if (!image->batch)
		return 0;	/* it is not written */
	mutex_lock(&image->commit_lock);
	err = commit(image);
	mutex_unlock(&image->commit_lock);
	return err;
}

static int put_header(struct aerie_image *image)
{
	struct aerie_image_info *info = top(image)->info;
	struct aerie_image_header *header = kmalloc(sizeof(*header), GFP_KERNEL);
	int err;

	if (!header)
		return -ENOMEM;
	get_random_bytes(info->content, sizeof(info->content));
	info->seq++;
	aerie_image_header(info, header);
	err = aerie_file_write(top(image)->manifest, aerie_image_slot(info), header,
			       sizeof(*header));
	kfree(header);
	if (!err)
		err = sync(image, top(image)->manifest);
	if (err)
		info->seq--;	/* the other header is the valid one still */
	return err;
}

/* Before the first change. */
static int begin(struct aerie_image *image)
{
	int err = 0;

	if (READ_ONCE(image->failed))
		return -EIO;
	if (READ_ONCE(image->begun))
		return 0;
	mutex_lock(&image->commit_lock);
	if (!image->begun) {
		err = put_header(image);
		if (!err)
			WRITE_ONCE(image->begun, true);
	}
	mutex_unlock(&image->commit_lock);
	return err;
}

/* Chunk @n is OPEN on the disk, where it was SEALED. */
static int unseal(struct aerie_image *image, u32 n)
{
	struct aerie_image_chunk *chunk = &top(image)->chunks[n];
	__le64 *entries;
	int err = 0;

	if (READ_ONCE(chunk->state) != AERIE_CHUNK_SEALED)
		return 0;
	mutex_lock(&image->commit_lock);
	mutex_lock(&image->lock);
	entries = image->batch[0];
	if (chunk->state == AERIE_CHUNK_SEALED) {
		encode(image, n / ENTRIES, true, entries);
		entries[n % ENTRIES] = aerie_image_entry(n, AERIE_CHUNK_OPEN, 0);
		err = put_sector(image, n / ENTRIES, entries);
		if (!err)
			err = sync(image, top(image)->manifest);
		if (!err) {
			chunk->disk = AERIE_CHUNK_OPEN;
			/* Pairs with state_of(): who may write in place finds it on the disk. */
			smp_store_release(&chunk->state, AERIE_CHUNK_OPEN);
		}
	}
	mutex_unlock(&image->lock);
	mutex_unlock(&image->commit_lock);
	return err;
}

/* ---- Writing -------------------------------------------------------------- */

/* Does nothing below the topmost layer hold anything of the range? */
static bool nothing_below(const struct aerie_image *image, u64 pos, u64 len)
{
	u64 n;

	for (; len; pos += n, len -= n) {
		n = len;
		if (find(image, 1, pos, &n) != ZEROES)
			return false;
	}
	return true;
}

/* Copy a range from below. */
static int copy_up(struct aerie_image *image, u64 pos, u64 len, void *buf)
{
	struct aerie_image_layer *layer;
	int err = 0, i;
	u64 n;

	for (; !err && len; pos += n, len -= n) {
		n = min_t(u64, len, PIECE);
		i = find(image, 1, pos, &n);
		layer = i == ZEROES ? NULL : &image->layers[i];
		if (layer && must_verify(layer, pos))
			err = verify(image, layer, pos, buf);
		if (!layer)
			memset(buf, 0, n);
		else if (!err)
			err = aerie_file_read(layer->data, pos, buf, n);
		if (!err)
			err = aerie_file_write(top(image)->data, pos, buf, n);
	}
	return err;
}

/* All of chunk @n but @len bytes from @pos on, which are going to be written. */
static int fill(struct aerie_image *image, u32 n, u64 pos, u64 len)
{
	struct aerie_image_layer *layer = top(image);
	u64 begin_at = (u64)n << layer->info->shift;
	u64 end = begin_at + aerie_image_chunk_len(layer->info, n);
	void *buf;
	int err;

	if (pos == begin_at && pos + len == end)
		return 0;
	/* What is there is of no meaning: a hole is cheapest to make whole. */
	if (layer->chunks[n].state == AERIE_CHUNK_ZERO ||
	    nothing_below(image, begin_at, end - begin_at))
		return aerie_file_zero(layer->data, begin_at, end - begin_at, true);
	buf = kmalloc(PIECE, GFP_KERNEL);
	if (!buf)
		return -ENOMEM;
	err = copy_up(image, begin_at, pos - begin_at, buf);
	if (!err)
		err = copy_up(image, pos + len, end - pos - len, buf);
	kfree(buf);
	return err;
}

int aerie_image_write_begin(struct aerie_image *image, u64 pos, u64 *len, struct file **file)
{
	struct aerie_image_layer *layer = top(image);
	u32 n = pos >> layer->info->shift;
	u64 at = (u64)n << layer->info->shift, whole = aerie_image_chunk_len(layer->info, n);
	int err;

	*len = min(*len, at + whole - pos);
	*file = layer->data;
	err = begin(image);
	/* What is damaged is not to become sound by being written in part. */
	if (!err && *len < whole)
		err = verify_alloc(image, layer, pos);
	if (!err)
		err = unseal(image, n);
	if (err)
		return err;
	mutex_lock(&image->lock);
	if (layer->chunks[n].state != AERIE_CHUNK_OPEN)
		err = fill(image, n, pos, *len);
	if (err)
		mutex_unlock(&image->lock);
	return err;
}

void aerie_image_write_end(struct aerie_image *image, u64 pos, u64 len, int err)
{
	u32 n = pos >> top(image)->info->shift;

	if (!err && top(image)->chunks[n].state != AERIE_CHUNK_OPEN)
		publish(image, n, AERIE_CHUNK_OPEN);
	mutex_unlock(&image->lock);
}

/* Drop what lies in chunk @n: all of it, or a part. */
static int drop(struct aerie_image *image, u32 n, u64 pos, u64 len)
{
	struct aerie_image_layer *layer = top(image);
	bool whole = len == aerie_image_chunk_len(layer->info, n), below;
	u8 state = state_of(layer, n);
	int err;

	if (state == AERIE_CHUNK_ZERO || (state == AERIE_CHUNK_ABSENT && !whole))
		return 0;
	err = begin(image);
	if (!err && !whole)
		err = verify_alloc(image, layer, pos);
	if (!err)
		err = unseal(image, n);
	if (err)
		return err;
	mutex_lock(&image->lock);
	state = layer->chunks[n].state;
	if (state == AERIE_CHUNK_OPEN)
		err = aerie_file_discard(layer->data, pos, len);
	if (!err && whole) {
		below = !nothing_below(image, pos, len);
		if (state == AERIE_CHUNK_OPEN || (state == AERIE_CHUNK_ABSENT && below))
			publish(image, n, below ? AERIE_CHUNK_ZERO : AERIE_CHUNK_ABSENT);
	}
	mutex_unlock(&image->lock);
	return err;
}

static int zero(struct aerie_image *image, u64 pos, u64 len, bool unmap)
{
	struct file *file;
	int err = aerie_image_write_begin(image, pos, &len, &file);

	if (err)
		return err;
	err = aerie_file_zero(file, pos, len, unmap);
	aerie_image_write_end(image, pos, len, err);
	return err;
}

/* Chunk by chunk; with @zeroes parts of chunks become zeroes too. */
static int empty(struct aerie_image *image, u64 pos, u64 len, bool zeroes, bool unmap)
{
	const struct aerie_image_info *info = top(image)->info;
	int err = 0;
	u64 begin_at, n;
	u32 i, whole;

	for (; !err && len; pos += n, len -= n) {
		i = pos >> info->shift;
		begin_at = (u64)i << info->shift;
		whole = aerie_image_chunk_len(info, i);
		n = min(len, begin_at + whole - pos);
		err = zeroes && (n < whole || !unmap) ? zero(image, pos, n, unmap) :
							drop(image, i, pos, n);
		cond_resched();
	}
	return err;
}

int aerie_image_drop(struct aerie_image *image, u64 pos, u64 len)
{
	return empty(image, pos, len, false, true);
}

int aerie_image_zero(struct aerie_image *image, u64 pos, u64 len, bool unmap)
{
	return empty(image, pos, len, true, unmap);
}

/* ---- Opening -------------------------------------------------------------- */

static int refuse(struct aerie_why *why, int err, const char *what)
{
	return aerie_refuse(why, err, AERIE_A_DISK_LIST, what);
}

static int read_map(struct aerie_image_layer *layer, void *buf, struct aerie_why *why)
{
	u32 nr = layer->info->nr, n = 0, i, count;
	const __le64 *entries = buf;
	int err, state;

	layer->chunks = kvcalloc(nr, sizeof(*layer->chunks), GFP_KERNEL_ACCOUNT);
	if (!layer->chunks)
		return -ENOMEM;
	for (; n < nr; n += count) {
		count = min(nr - n, PIECE / 8);
		err = aerie_file_read(layer->manifest, AERIE_IMAGE_MAP + 8ull * n, buf, count * 8);
		if (err)
			return refuse(why, err, "has a manifest that cannot be read");
		for (i = 0; i < count; i++) {
			struct aerie_image_chunk *chunk = &layer->chunks[n + i];

			state = aerie_image_entry_state(n + i, entries[i], &chunk->crc);
			if (state < 0)
				return refuse(why, -EINVAL, "has a damaged map: see aerie image check");
			chunk->state = state;
			chunk->disk = state;
		}
		cond_resched();
	}
	return 0;
}

static int read_manifest(struct aerie_image_layer *layer, u64 bytes, void *buf,
			 struct aerie_why *why)
{
	const char *wrong;
	int err;

	if (bytes < AERIE_IMAGE_MAP)
		return refuse(why, -EINVAL, "has a manifest that was cut short");
	err = aerie_file_read(layer->manifest, 0, buf, AERIE_IMAGE_MAP);
	if (err)
		return refuse(why, err, "has a manifest that cannot be read");
	layer->info = kzalloc(sizeof(*layer->info), GFP_KERNEL_ACCOUNT);
	if (!layer->info)
		return -ENOMEM;
	wrong = aerie_image_parse(buf, bytes, layer->info);
	return wrong ? refuse(why, -EINVAL, wrong) : read_map(layer, buf, why);
}

/* Is the layer below what the layer above was made on? */
static int check_base(const struct aerie_image_info *above, const struct aerie_image_layer *base,
		      u64 mtime_s, u32 mtime_ns, struct aerie_why *why)
{
	bool same;

	if (above->base != (base->info ? AERIE_BASE_IMAGE : AERIE_BASE_RAW))
		return refuse(why, -EINVAL, "has a base of another kind than it was given");
	if (base->info)
		same = !memcmp(base->info->content, above->base_content, AERIE_IMAGE_ID);
	else
		same = base->size == above->base_size && mtime_s == above->base_mtime_s &&
		       mtime_ns == above->base_mtime_ns;
	return same ? 0 : refuse(why, -ESTALE, "has a base that was changed since: see aerie image check");
}

static int open_layer(struct aerie_image *image, const struct aerie_disk_layer *files, void *buf,
		      struct aerie_why *why)
{
	struct aerie_image_layer *layer = &image->layers[image->nr++], *above = layer - 1;
	u64 bytes, size, mtime_s;
	u32 mtime_ns;
	int err;

	layer->manifest = files->manifest;
	layer->data = files->data;
	if (files->manifest) {
		err = aerie_file_stat(files->manifest, &bytes, &mtime_s, &mtime_ns);
		if (!err)
			err = read_manifest(layer, bytes, buf, why);
		if (err)
			return err;
	}
	err = aerie_file_stat(files->data, &size, &mtime_s, &mtime_ns);
	if (err)
		return err;
	layer->size = layer->info ? layer->info->size : size;
	if (size < layer->size)
		return refuse(why, -EINVAL, "has data that was cut short");
	return image->nr == 1 ? 0 : check_base(above->info, layer, mtime_s, mtime_ns, why);
}

static int open_layers(struct aerie_image *image, const struct aerie_disk_layer *files,
		       unsigned int nr, struct aerie_why *why)
{
	void *buf = kmalloc(PIECE, GFP_KERNEL);
	int err = buf ? 0 : -ENOMEM;

	while (!err && image->nr < nr) {
		if (image->nr && !image->layers[image->nr - 1].info)
			err = refuse(why, -EINVAL, "has a layer below a raw file");
		else if (!image->nr && !files->manifest)
			err = refuse(why, -EINVAL, "has no manifest");
		else
			err = open_layer(image, &files[image->nr], buf, why);
	}
	kfree(buf);
	if (!err && image->layers[nr - 1].info &&
	    image->layers[nr - 1].info->base != AERIE_BASE_NONE)
		err = refuse(why, -EINVAL, "has a base, which was not given");
	return err;
}

static int make_writable(struct aerie_image *image)
{
	u32 nr_sectors = DIV_ROUND_UP(top(image)->info->nr, ENTRIES);

	image->dirty = kvcalloc(BITS_TO_LONGS(nr_sectors), sizeof(long), GFP_KERNEL_ACCOUNT);
	image->batch = kvcalloc(AERIE_IMAGE_BATCH, sizeof(*image->batch), GFP_KERNEL_ACCOUNT);
	return image->dirty && image->batch ? 0 : -ENOMEM;
}

static void image_free(struct aerie_image *image)
{
	unsigned int i;

	for (i = 0; i < image->nr; i++) {
		kvfree(image->layers[i].chunks);
		kfree(image->layers[i].info);
	}
	kvfree(image->dirty);
	kvfree(image->batch);
	mutex_destroy(&image->lock);
	mutex_destroy(&image->commit_lock);
	kfree(image);
}

struct aerie_image *aerie_image_open(const struct aerie_disk_layer *files, unsigned int nr,
				     bool writable, const char *name, struct aerie_why *why)
{
	struct aerie_image *image = kzalloc(sizeof(*image), GFP_KERNEL_ACCOUNT);
	int err;

	if (!image)
		return ERR_PTR(-ENOMEM);
	image->name = name;
	mutex_init(&image->commit_lock);
	mutex_init(&image->lock);
	err = open_layers(image, files, nr, why);
	if (!err && writable)
		err = make_writable(image);
	if (!err)
		return image;
	image_free(image);
	return ERR_PTR(err);
}

void aerie_image_close(struct aerie_image *image)
{
	if (!image)
		return;
	if (image->begun)
		aerie_image_flush(image);
	image_free(image);
}
