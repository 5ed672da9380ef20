// SPDX-License-Identifier: GPL-2.0
/*
 * What a multiboot loader hands over: registers, command line, memory map and
 * modules. The runner gives the command line "one two" and two modules, of which
 * the n-th is n * 5000 bytes, byte i of it being the letter (i * 7 + n) % 26.
 */
#include "guest.h"

struct mmap {
	u32 size;
	u64 addr, len;
	u32 type;
} __attribute__((packed));

static const u32 *info(void)
{
	return (u32 *)(u64)boot_ebx;
}

TEST(registers)
{
	EXPECT_EQ(boot_eax, 0x2badb002);
	EXPECT(boot_ebx);
	EXPECT_EQ(boot_ebx & 3, 0);
	/* memory sizes, command line, modules, memory map, loader name */
	EXPECT_EQ(info()[0] & 0x24d, 0x24d);
}

TEST(cmdline)
{
	const char *line = boot_cmdline();
	size_t len = strlen(line);

	/* QEMU puts the file's name in front. */
	EXPECT(len >= 7 && !strcmp(line + len - 7, "one two"));
	EXPECT(strlen((char *)(u64)info()[16]) > 0);
}

TEST(memory_map)
{
	u64 at = info()[12], end = at + info()[11], last = 0, ram = 0, upper = 0;

	for (; at < end; at += ((struct mmap *)at)->size + 4) {
		struct mmap m = *(struct mmap *)at;

		EXPECT(m.size >= 20);
		EXPECT(m.addr >= last);
		EXPECT(m.len);
		last = m.addr + m.len;
		if (m.type != 1)
			continue;
		ram += m.len;
		if (m.addr <= 0x100000 && last > 0x100000)
			upper = last;
		/* No RAM where the PC has none. */
		EXPECT(m.addr >= 0x100000 || last <= 0xa0000);
		EXPECT(m.addr >= 1ull << 32 || last <= 0xf0000000);
	}
	EXPECT_EQ(at, end);
	EXPECT(ram >= 32 << 20);
	EXPECT(info()[1] >= 600 && info()[1] <= 640);
	EXPECT_EQ(info()[2], (upper - 0x100000) >> 10);
}

TEST(ram_is_there_up_to_its_end)
{
	u64 end = 0x100000 + ((u64)info()[2] << 10), at;

	for (at = 0x1000000; at < end - 8; at += 1 << 20) {
		*(volatile u64 *)at = at * 3;
		EXPECT_EQ(*(volatile u64 *)at, at * 3);
	}
	*(volatile u64 *)(end - 8) = end;
	EXPECT_EQ(*(volatile u64 *)(end - 8), end);
}

TEST(modules)
{
	const u32 *mod = (u32 *)(u64)info()[6];
	extern u8 image_end[];
	u32 n, i, bad = 0;

	EXPECT_EQ(info()[5], 2);
	for (n = 0; n < info()[5]; n++, mod += 4) {
		EXPECT_EQ(mod[0] & 4095, 0);
		EXPECT(mod[0] >= (u64)image_end);
		EXPECT_EQ(mod[1] - mod[0], (n + 1) * 5000);
		for (i = 0; i < mod[1] - mod[0]; i++)
			bad += ((u8 *)(u64)mod[0])[i] != 'A' + (i * 7 + n + 1) % 26;
	}
	EXPECT_EQ(bad, 0);
}
