// SPDX-License-Identifier: GPL-2.0
/* Images in chunks: what is read where, copies, checksums, flushes that fail, refusals. */
// sources: kmod/virtio/image.c kmod/virtio/image_format.c ctl/image_crc.c
#include "ktap.h"
#include "fake_chunks.h"

static struct aerie_why why;
static struct aerie_image *image;

static void open_all(bool writable)
{
	why = (struct aerie_why){};
	image = aerie_image_open(layers, 3, writable, "disk0", &why);
	if (IS_ERR(image)) {
		printf("# refused: %s\n", why.msg);
		exit(1);
	}
}

static void setup(void)
{
	layers_setup();
	open_all(true);
}

static void teardown(void)
{
	aerie_image_close(image);
	layers_teardown();
}

/* @nr layers are refused with @err and @msg. */
static void refused(unsigned int nr, int err, const char *msg)
{
	why = (struct aerie_why){};
	image = aerie_image_open(layers, nr, true, "disk0", &why);
	EXPECT_EQ(PTR_ERR(image), err);
	EXPECT(why.msg && strstr(why.msg, msg));
	if (why.msg && !strstr(why.msg, msg))
		printf("# said: %s\n", why.msg);
	layers_teardown();
}

TEST(every_sector_is_where_it_should_be)
{
	u64 i;

	setup();
	for (i = 0; i < SECTORS; i++)
		EXPECT_EQ(read_value(image, i), first_value(i));
	EXPECT_EQ(fake_ops, 0);
	teardown();
}

TEST(reads_go_over_chunks_and_layers)
{
	u8 *buf = malloc(DISK);
	u64 i, value;

	setup();
	EXPECT_EQ(disk_read(image, 0, buf, DISK), 0);
	for (i = 0; i < SECTORS; i++) {
		memcpy(&value, buf + i * 512, 8);
		EXPECT_EQ(value, first_value(i));
	}
	free(buf);
	teardown();
}

TEST(one_file_where_it_can_be)
{
	setup();
	EXPECT(!aerie_image_whole(image, 0, 512, false));		/* not verified yet */
	read_value(image, 0);
	EXPECT(aerie_image_whole(image, 0, 512, false) == &top_data);
	EXPECT(aerie_image_whole(image, 4 * CHUNK, 2 * CHUNK, false) == &top_data);
	EXPECT(!aerie_image_whole(image, 5 * CHUNK, 2 * CHUNK, false));
	EXPECT(!aerie_image_whole(image, 6 * CHUNK, 512, false));	/* zeroes */
	EXPECT(aerie_image_whole(image, 8 * CHUNK, 512, false) == &raw_data);
	EXPECT(!aerie_image_whole(image, 45 * CHUNK, 512, false));
	EXPECT(!aerie_image_whole(image, 4 * CHUNK, 512, true));	/* nothing has begun */
	write_value(image, 4 * 8, 1, 9);
	EXPECT(aerie_image_whole(image, 4 * CHUNK, 512, true) == &top_data);
	EXPECT(!aerie_image_whole(image, 0, 512, true));
	teardown();
}

TEST(writes_copy_what_is_around_them)
{
	static const u64 at[] = { 3, 4 * 8 + 1, 6 * 8 + 2, 7 * 8 + 7, 12 * 8, 50 * 8 + 3, SECTORS - 1 };
	unsigned int i;
	u64 s;

	setup();
	for (i = 0; i < ARRAY_SIZE(at); i++)
		EXPECT_EQ(write_value(image, at[i], 1, 42 + i), 0);
	for (s = 0; s < SECTORS; s++) {
		u64 want = first_value(s);

		for (i = 0; i < ARRAY_SIZE(at); i++)
			if (at[i] == s)
				want = 42 + i;
		EXPECT_EQ(read_value(image, s), want);
	}
	aerie_image_close(image);
	/* And again, by what is in the map. */
	open_all(true);
	for (i = 0; i < ARRAY_SIZE(at); i++)
		EXPECT_EQ(read_value(image, at[i]), 42 + i);
	EXPECT_EQ(read_value(image, 51), first_value(51));
	teardown();
}

TEST(a_base_is_never_written)
{
	u8 *base = malloc(BASE_DISK), *raw = malloc(RAW_DISK);
	u64 i;

	setup();
	memcpy(base, base_data.now, BASE_DISK);
	memcpy(raw, raw_data.now, RAW_DISK);
	for (i = 0; i + 5 < SECTORS; i += 5)
		write_value(image, i, 5, i);
	EXPECT_EQ(aerie_image_drop(image, 0, DISK), 0);
	EXPECT_EQ(aerie_image_flush(image), 0);
	EXPECT(!memcmp(base, base_data.now, BASE_DISK));
	EXPECT(!memcmp(raw, raw_data.now, RAW_DISK));
	free(base);
	free(raw);
	teardown();
}

TEST(what_is_dropped_is_zeroes)
{
	u64 s;

	setup();
	/* From the middle of chunk 1 to the middle of chunk 12. */
	EXPECT_EQ(aerie_image_drop(image, CHUNK + 512, 11 * CHUNK), 0);
	for (s = 2 * 8; s < 12 * 8; s++)
		EXPECT_EQ(read_value(image, s), 0);
	EXPECT_EQ(read_value(image, 8), first_value(8));
	EXPECT_EQ(read_value(image, 12 * 8), first_value(12 * 8));
	/* Zeroes are zeroes wherever they begin. */
	EXPECT_EQ(aerie_image_zero(image, 14 * CHUNK + 512, CHUNK, true), 0);
	EXPECT_EQ(aerie_image_zero(image, 20 * CHUNK + 512, CHUNK, false), 0);
	for (s = 1; s < 9; s++) {
		EXPECT_EQ(read_value(image, 14 * 8 + s), 0);
		EXPECT_EQ(read_value(image, 20 * 8 + s), 0);
	}
	EXPECT_EQ(read_value(image, 14 * 8), first_value(14 * 8));
	EXPECT_EQ(read_value(image, 15 * 8 + 1), first_value(15 * 8 + 1));
	/* Where nothing lies below nothing is kept. */
	EXPECT_EQ(write_value(image, 60 * 8, 8, 5), 0);
	EXPECT_EQ(aerie_image_drop(image, 60 * CHUNK, CHUNK), 0);
	EXPECT_EQ(image->layers[0].chunks[60].state, AERIE_CHUNK_ABSENT);
	EXPECT_EQ(write_value(image, 60 * 8, 1, 6), 0);
	EXPECT_EQ(read_value(image, 60 * 8 + 1), 0);
	teardown();
}

TEST(a_damaged_chunk_is_an_error_and_stays_one)
{
	setup();
	base_data.now[12 * CHUNK + 700] ^= 1;	/* chunk 6 of the base: 12 and 13 of the disk */
	top_data.now[2 * CHUNK] ^= 1;
	EXPECT_EQ(read_value(image, 12 * 8), -1);
	EXPECT_EQ(read_value(image, 13 * 8 + 5), -1);
	EXPECT_EQ(read_value(image, 14 * 8), first_value(14 * 8));
	EXPECT_EQ(write_value(image, 12 * 8, 1, 1), -EIO);
	EXPECT_EQ(write_value(image, 2 * 8 + 1, 1, 1), -EIO);
	EXPECT_EQ(aerie_image_drop(image, 2 * CHUNK + 512, 512), -EIO);
	EXPECT_EQ(read_value(image, 2 * 8 + 1), -1);
	/* What is written whole does not matter. */
	EXPECT_EQ(write_value(image, 12 * 8, 8, 1), 0);
	EXPECT_EQ(read_value(image, 12 * 8), 1);
	EXPECT_EQ(write_value(image, 2 * 8, 8, 2), 0);
	EXPECT_EQ(read_value(image, 2 * 8 + 7), 2);
	teardown();
}

TEST(the_content_number_changes_with_the_first_change)
{
	struct aerie_image_info info;

	setup();
	EXPECT(!aerie_image_parse(top_manifest.disk, top_manifest.size, &info));
	EXPECT(!memcmp(info.content, "top", 3));
	read_value(image, 0);
	EXPECT_EQ(aerie_image_flush(image), 0);
	EXPECT(!aerie_image_parse(top_manifest.disk, top_manifest.size, &info));
	EXPECT(!memcmp(info.content, "top", 3));
	EXPECT_EQ(write_value(image, 32, 1, 1), 0);
	EXPECT(!aerie_image_parse(top_manifest.disk, top_manifest.size, &info));
	EXPECT(memcmp(info.content, "top", 3));
	EXPECT_EQ(info.seq, 1);
	EXPECT_EQ(write_value(image, 33, 1, 1), 0);
	EXPECT(!aerie_image_parse(top_manifest.disk, top_manifest.size, &info));
	EXPECT_EQ(info.seq, 1);
	teardown();
}

TEST(a_flush_that_fails_is_not_forgotten)
{
	setup();
	EXPECT_EQ(write_value(image, 100 * 8 / 8, 1, 1), 0);
	fake_sync_fails = true;
	EXPECT_EQ(aerie_image_flush(image), -EIO);
	EXPECT_EQ(aerie_image_flush(image), -EIO);
	EXPECT_EQ(write_value(image, 100, 1, 1), -EIO);
	EXPECT_EQ(aerie_image_drop(image, 4 * CHUNK, CHUNK), -EIO);
	EXPECT_EQ(read_value(image, 100), 1);
	teardown();
}

TEST(a_full_disk_is_an_error_of_that_write)
{
	u64 s;

	setup();
	EXPECT_EQ(write_value(image, 4 * 8, 1, 1), 0);
	fake_full = true;
	EXPECT_EQ(write_value(image, 8 * 8 + 1, 1, 1), -ENOSPC);	/* copying what is before */
	fake_full = true;
	EXPECT_EQ(write_value(image, 12 * 8, 8, 1), -ENOSPC);		/* a whole chunk */
	fake_full = true;
	EXPECT_EQ(write_value(image, 1, 1, 1), -ENOSPC);		/* the map, of one that is sealed */
	EXPECT_EQ(aerie_image_flush(image), 0);
	for (s = 0; s < SECTORS; s++)
		EXPECT_EQ(read_value(image, s), s == 4 * 8 ? 1 : first_value(s));
	fake_full = true;
	EXPECT_EQ(write_value(image, 8 * 8, 1, 2), -ENOSPC);
	EXPECT_EQ(write_value(image, 8 * 8, 1, 2), 0);
	fake_full = true;
	EXPECT_EQ(aerie_image_flush(image), -ENOSPC);
	EXPECT_EQ(aerie_image_flush(image), 0);
	aerie_image_close(image);
	open_all(true);
	EXPECT_EQ(read_value(image, 8 * 8), 2);
	teardown();
}

TEST(without_memory_nothing_is_lost)
{
	int n;

	for (n = 1; n < 12; n++) {
		layers_setup();
		why = (struct aerie_why){};
		shim_fail_alloc = n;
		image = aerie_image_open(layers, 3, true, "disk0", &why);
		shim_fail_alloc = 0;
		if (!IS_ERR(image)) {
			aerie_image_close(image);
			layers_teardown();
			break;
		}
		EXPECT_EQ(PTR_ERR(image), -ENOMEM);
		layers_teardown();
	}
	EXPECT(n > 6 && n < 12);
	setup();
	shim_fail_alloc = 1;
	EXPECT_EQ(write_value(image, 32, 1, 1), -ENOMEM);
	EXPECT_EQ(write_value(image, 32, 1, 1), 0);
	shim_fail_alloc = 1;
	EXPECT_EQ(write_value(image, 8 * 8, 1, 1), -ENOMEM);
	EXPECT_EQ(read_value(image, 8 * 8), first_value(8 * 8));
	EXPECT_EQ(write_value(image, 8 * 8, 1, 1), 0);
	shim_fail_alloc = 1;
	EXPECT_EQ(read_value(image, 0), -1);
	EXPECT_EQ(read_value(image, 0), first_value(0));
	teardown();
}

TEST(a_base_that_was_changed)
{
	layers_setup();
	base_manifest.now[40] ^= 1;
	refused(3, -EINVAL, "no valid header");
	layers_setup();
	raw_data.mtime++;
	refused(3, -ESTALE, "was changed since");
	layers_setup();
	raw_data.size -= 512;
	refused(3, -ESTALE, "was changed since");
	layers_setup();
	image = aerie_image_open(layers + 1, 2, true, "disk0", &why);
	write_value(image, 0, 1, 1);
	aerie_image_close(image);
	refused(3, -ESTALE, "was changed since");
}

TEST(layers_that_are_none)
{
	struct aerie_disk_layer wrong[] = { layers[0], layers[2], layers[1] };

	layers_setup();
	refused(2, -EINVAL, "a base, which was not given");
	layers_setup();
	refused(1, -EINVAL, "a base, which was not given");
	layers_setup();
	why = (struct aerie_why){};
	EXPECT_EQ(PTR_ERR(aerie_image_open(wrong, 3, true, "disk0", &why)), -EINVAL);
	EXPECT(why.msg && strstr(why.msg, "of another kind"));
	why = (struct aerie_why){};
	EXPECT_EQ(PTR_ERR(aerie_image_open(wrong + 1, 1, true, "disk0", &why)), -EINVAL);
	EXPECT(why.msg && strstr(why.msg, "has no manifest"));
	layers_teardown();
}

TEST(files_that_were_cut_short)
{
	layers_setup();
	top_data.size -= 512;
	refused(3, -EINVAL, "has data that was cut short");
	layers_setup();
	top_manifest.size -= 1;
	refused(3, -EINVAL, "has a manifest that was cut short");
	layers_setup();
	top_manifest.size = 4096;
	refused(3, -EINVAL, "has a manifest that was cut short");
	layers_setup();
	base_manifest.now[AERIE_IMAGE_MAP + 8 * 3 + 1] ^= 4;
	refused(3, -EINVAL, "has a damaged map");
}

int shim_fail_alloc;
