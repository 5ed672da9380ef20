// SPDX-License-Identifier: GPL-2.0
/*
 * The power is cut after every single write and sync of an image, with what had not been
 * synced on the disk or not, sector by sector: the image can be opened, and each sector of
 * it holds what it held at the last flush, or something that was written since.
 */
// sources: kmod/virtio/image.c kmod/virtio/image_format.c ctl/image_crc.c
#include "ktap.h"
#include "fake_chunks.h"

#define STEPS	40		/* of a driver, in a run */
#define SINCE	(STEPS + 1)

/* Of each sector: what it held at the last flush, and what was written since. */
static struct {
	u64 value[SINCE];
	unsigned int nr;
} may[SECTORS];

static u32 seed;

static u32 random_u32(void)
{
	seed = seed * 1664525 + 1013904223;
	return seed >> 8;
}

static void may_be(u64 sector, u64 nr, u64 value)
{
	for (; nr; sector++, nr--)
		may[sector].value[may[sector].nr++] = value;
}

/* What was written last is there for good. */
static void must_be(void)
{
	u64 s;

	for (s = 0; s < SECTORS; s++) {
		may[s].value[0] = may[s].value[may[s].nr - 1];
		may[s].nr = 1;
	}
}

/* One thing that a driver does; 0, or an error: the power is gone. */
static int step(struct aerie_image *image, unsigned int n)
{
	u64 sector = random_u32() % SECTORS, nr = random_u32() % 20 + 1, s;
	bool whole = random_u32() % 2, unmap = random_u32() % 2;
	int err;

	nr = min(nr, SECTORS - sector);
	switch (random_u32() % 8) {
	case 0:
		err = aerie_image_flush(image);
		if (!err)
			must_be();
		return err;
	case 1:
		/* Parts of chunks stay or are zeroes, whole ones are zeroes. */
		sector = whole ? sector & ~7ull : sector;
		nr = min_t(u64, nr, SECTORS - sector);
		may_be(sector, nr, 0);
		err = aerie_image_drop(image, sector * 512, nr * 512);
		for (s = sector; !err && s < sector + nr; s++) {
			u64 value = read_value(image, s);

			EXPECT(!value || value == may[s].value[may[s].nr - 2]);
			may[s].value[may[s].nr - 1] = value;
		}
		return err;
	case 2:
		may_be(sector, nr, 0);
		return aerie_image_zero(image, sector * 512, nr * 512, unmap);
	default:
		may_be(sector, nr, n + 1);
		return write_value(image, sector, nr, n + 1);
	}
}

/* A run until the power is gone, or all steps are done: is it gone? */
static bool run(u32 run_seed, long power)
{
	struct aerie_why why = {};
	struct aerie_image *image;
	unsigned int n;
	bool gone;
	u64 s;

	layers_setup();
	for (s = 0; s < SECTORS; s++)
		may[s].nr = 0;
	for (s = 0; s < SECTORS; s++)
		may_be(s, 1, first_value(s));
	seed = run_seed;
	image = aerie_image_open(layers, 3, true, "disk0", &why);
	fake_power = power;
	for (n = 0; n < STEPS && fake_power; n++)
		if (step(image, n) && fake_power) {
			EXPECT(!"an error that is none of the power");
			break;
		}
	gone = !fake_power;
	/* Who goes on after that finds no disk. */
	fake_power = 0;
	aerie_image_close(image);
	return gone;
}

static bool is_possible(u64 sector, u64 value)
{
	unsigned int i;

	for (i = 0; i < may[sector].nr; i++)
		if (may[sector].value[i] == value)
			return true;
	return false;
}

/* What the power cut has left, by @cut_seed, is an image, and holds what it may. */
static bool left_is_good(u32 run_seed, long power, u32 cut_seed)
{
	struct file manifest, data;
	struct aerie_disk_layer left[] = { { &manifest, &data }, layers[1], layers[2] };
	struct aerie_why why = {};
	struct aerie_image *image;
	bool good = true;
	u64 s, value;

	fake_file(&manifest, top_manifest.size);
	fake_file(&data, top_data.size);
	seed = cut_seed;
	fake_cut(&top_manifest, &manifest, random_u32);
	fake_cut(&top_data, &data, random_u32);
	fake_power = -1;
	image = aerie_image_open(left, 3, true, "disk0", &why);
	if (IS_ERR(image)) {
		printf("# run %u, cut %ld/%u: the image %s\n", run_seed, power, cut_seed, why.msg);
		good = false;
	}
	for (s = 0; good && s < SECTORS; s++) {
		value = read_value(image, s);
		if (!is_possible(s, value)) {
			printf("# run %u, cut %ld/%u: sector %llu holds %lld\n", run_seed, power, cut_seed,
			       (unsigned long long)s, (long long)value);
			good = false;
		}
	}
	if (!IS_ERR(image))
		aerie_image_close(image);
	fake_file_free(&manifest);
	fake_file_free(&data);
	return good;
}

TEST(the_power_is_cut_at_every_point)
{
	long power, cuts = 0;
	u32 r, c;
	bool gone, good = true;

	for (r = 1; r <= 6; r++) {
		for (gone = true, power = 1; gone && good; power++) {
			gone = run(r, power);
			for (c = 0; good && c < 4; c++, cuts++)
				good = left_is_good(r, power, c * 977 + power);
			layers_teardown();
		}
	}
	printf("# %ld power cuts\n", cuts);
	EXPECT(good);
	EXPECT(cuts > 1000);
}

/* The test tells: data that is written after the map, and a chunk that is written SEALED. */
TEST(a_map_that_was_too_early_is_found)
{
	__le64 entry = aerie_image_entry(30, AERIE_CHUNK_OPEN, 0);

	run(1, 1);
	memcpy(top_manifest.now + AERIE_IMAGE_MAP + 30 * 8, &entry, 8);
	fake_settle(&top_manifest);
	EXPECT(!left_is_good(1, 1, 1));
	layers_teardown();
	run(1, 1);
	fill_sector(&top_data, 0, first_value(0) + 1);
	fake_settle(&top_data);
	EXPECT(!left_is_good(1, 1, 1));
	layers_teardown();
}
