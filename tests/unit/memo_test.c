// SPDX-License-Identifier: GPL-2.0
/* The decoder with a memory answers as the decoder without one, whatever was there before. */
// sources: kmod/emul/memo.c kmod/emul/decode.c
#include "emul/memo.h"
#include "ktap.h"

static struct aerie_memo memo;

/* Both decoders on 16 bytes at @rip; their answers must be the same. */
static void compare(u64 rip, const u8 *bytes)
{
	const struct aerie_insn *got;
	struct aerie_insn want;
	u64 words[2];
	bool valid;

	memcpy(words, bytes, sizeof(words));
	valid = !aerie_insn_decode(&want, bytes, AERIE_INSN_MAX, AERIE_MODE_64);
	got = aerie_memo_decode(&memo, rip, words);
	EXPECT_EQ(!!got, valid);
	if (got && valid)
		EXPECT(!memcmp(got, &want, sizeof(want)));
}

static const u8 codes[][16] = {
	{ 0x0f, 0xa2 },					/* cpuid */
	{ 0x66, 0x2e, 0x0f, 0xa2 },
	{ 0x8b, 0x06 },					/* mov (%rsi), %eax */
	{ 0x44, 0x8b, 0x84, 0x24, 1, 2, 3, 4 },		/* mov 0x4030201(%rsp), %r8d */
	{ 0x48, 0xc7, 0x05, 1, 2, 3, 4, 5, 6, 7, 8 },	/* 11 bytes */
	{ 0x67, 0x41, 0xc7, 0x84, 0x9d, 1, 2, 3, 4, 5, 6, 7, 8 },
	{ 0x2e, 0x2e, 0x2e, 0x67, 0x41, 0xc7, 0x84, 0x9d, 1, 2, 3, 4, 5, 6, 7, 8 },
	{ 0x06 },					/* invalid */
	{ 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	  0x66, 0x90 },					/* too long */
};

/* A bit that changes at the same address, of the instruction or behind it. */
TEST(every_bit_counts)
{
	u8 bytes[16];
	u32 i, bit;

	for (i = 0; i < ARRAY_SIZE(codes); i++) {
		for (bit = 0; bit < 128; bit++) {
			memcpy(bytes, codes[i], sizeof(bytes));
			compare(0x1000, bytes);
			bytes[bit / 8] ^= 1 << bit % 8;
			compare(0x1000, bytes);
			compare(0x1000, bytes);
		}
	}
}

/* Addresses that share a slot, and code that goes back and forth between them. */
TEST(addresses_share_slots)
{
	u32 i, j, rip;

	for (rip = 0; rip < 64; rip++)
		for (i = 0; i < ARRAY_SIZE(codes); i++)
			for (j = 0; j < ARRAY_SIZE(codes); j++) {
				compare(rip, codes[i]);
				compare(rip + 16, codes[j]);
				compare(rip, codes[i]);
			}
}

/* What is there before anything was decoded matches nothing. */
TEST(empty)
{
	static const u8 zeros[16];

	memset(&memo, 0, sizeof(memo));
	compare(0, zeros);
	compare(0, zeros);
}
