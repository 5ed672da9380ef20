// SPDX-License-Identifier: GPL-2.0
/* Manifests as bytes: what is written is read, and what is not whole is found. */
// sources: kmod/virtio/image_format.c ctl/image_crc.c
#include "ktap.h"
#include "shim.h"
#include "virtio/image_format.h"

static union {
	u8 bytes[AERIE_IMAGE_MAP];
	struct aerie_image_header slot[2];
} head;
static struct aerie_image_info info, back;

static void setup(void)
{
	info = (struct aerie_image_info){
		.seq = 6, .size = 100 * 65536 + 512, .shift = 16, .nr = 101,
		.base = AERIE_BASE_RAW, .base_size = 12345, .base_mtime_s = 1ull << 40,
		.base_mtime_ns = 999999999, .base_path = "../raw", .content = "0123456789abcde",
	};
	memset(&head, 0, sizeof(head));
	aerie_image_header(&info, &head.slot[0]);
}

static u64 bytes_of(u32 nr)
{
	return AERIE_IMAGE_MAP + 8ull * nr;
}

static void wrong(const char *text)
{
	const char *said = aerie_image_parse(&head, bytes_of(info.nr), &back);

	EXPECT(said && strstr(said, text));
	if (!said || !strstr(said, text))
		printf("# said: %s\n", said ?: "nothing");
}

TEST(checksums_are_those_of_iscsi)
{
	u8 zeroes[32] = {}, ones[32];

	memset(ones, 0xff, sizeof(ones));
	EXPECT_EQ(aerie_image_crc(0, "123456789", 9), 0xe3069283);
	EXPECT_EQ(aerie_image_crc(0, zeroes, 32), 0x8a9136aa);
	EXPECT_EQ(aerie_image_crc(0, ones, 32), 0x62a8ab43);
	EXPECT_EQ(aerie_image_crc(aerie_image_crc(0, "12345", 5), "6789", 4), 0xe3069283);
}

TEST(a_header_comes_back)
{
	setup();
	EXPECT(!aerie_image_parse(&head, bytes_of(101), &back));
	EXPECT(!memcmp(&info, &back, sizeof(info)));
	EXPECT_EQ(aerie_image_chunk_len(&back, 99), 65536);
	EXPECT_EQ(aerie_image_chunk_len(&back, 100), 512);
}

TEST(any_bit_that_changes_is_found)
{
	unsigned int bit, found = 0;

	for (bit = 0; bit < AERIE_IMAGE_SLOT * 8; bit += 7) {
		setup();
		head.bytes[bit / 8] ^= 1 << bit % 8;
		found += !!aerie_image_parse(&head, bytes_of(101), &back);
	}
	EXPECT_EQ(found, (AERIE_IMAGE_SLOT * 8 + 6) / 7);
}

TEST(the_later_header_counts)
{
	setup();
	info.seq = 7;
	info.size = 512;
	aerie_image_header(&info, &head.slot[1]);
	EXPECT(!aerie_image_parse(&head, bytes_of(101), &back));
	EXPECT_EQ(back.size, 512);
	head.bytes[AERIE_IMAGE_SLOT + 100] ^= 1;
	EXPECT(!aerie_image_parse(&head, bytes_of(101), &back));
	EXPECT_EQ(back.seq, 6);
	/* One that is where the other should be is none. */
	setup();
	head.slot[1] = head.slot[0];
	memset(&head.slot[0], 0, sizeof(head.slot[0]));
	wrong("no valid header");
}

TEST(what_cannot_be_is_refused)
{
	setup();
	info.size = 513;
	aerie_image_header(&info, &head.slot[0]);
	wrong("no number of sectors");
	setup();
	info.size = 0;
	aerie_image_header(&info, &head.slot[0]);
	wrong("no number of sectors");
	setup();
	info.size = (u64)AERIE_IMAGE_CHUNKS_MAX * 65536 + 512;
	aerie_image_header(&info, &head.slot[0]);
	wrong("more than 4194304 chunks");
	setup();
	info.shift = 11;
	aerie_image_header(&info, &head.slot[0]);
	wrong("4 KiB to 16 MiB");
	setup();
	info.shift = 64;
	aerie_image_header(&info, &head.slot[0]);
	wrong("4 KiB to 16 MiB");
	setup();
	info.base = 3;
	aerie_image_header(&info, &head.slot[0]);
	wrong("unknown kind");
	setup();
	info.base = AERIE_BASE_NONE;
	aerie_image_header(&info, &head.slot[0]);
	wrong("a path without a base");
	setup();
	info.base_path[0] = 0;
	aerie_image_header(&info, &head.slot[0]);
	wrong("a base without a path");
	setup();
	memset(info.base_path, 'x', sizeof(info.base_path));
	aerie_image_header(&info, &head.slot[0]);
	wrong("a base without a path");
	setup();
	info.base_mtime_ns = 1000000000;
	aerie_image_header(&info, &head.slot[0]);
	wrong("at no time");
	setup();
	EXPECT(aerie_image_parse(&head, bytes_of(101) - 1, &back));
}

TEST(entries_come_back_and_are_found_where_they_are_not)
{
	u32 n, crc;
	int state;

	for (n = 0; n < 1000; n++) {
		for (state = 0; state < AERIE_CHUNK_STATES; state++) {
			__le64 entry = aerie_image_entry(n, state, 0xdeadbeef + n);

			EXPECT_EQ(aerie_image_entry_state(n, entry, &crc), state);
			if (state == AERIE_CHUNK_SEALED)
				EXPECT_EQ(crc, 0xdeadbeef + n);
			if (state != AERIE_CHUNK_ABSENT)
				EXPECT_EQ(aerie_image_entry_state(n + 1, entry, &crc), -1);
			else
				EXPECT_EQ(entry, 0);
			EXPECT_EQ(aerie_image_entry_state(n, entry ^ 1ull << (n % 64), &crc), -1);
		}
	}
	EXPECT_EQ(aerie_image_entry_state(0, -1ull, &crc), -1);
}
