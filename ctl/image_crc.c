// SPDX-License-Identifier: GPL-2.0
/* CRC-32C for programs, by tables: eight bytes at a time. */
#include "../kmod/virtio/image_format.h"

#define POLYNOMIAL	0x82f63b78u	/* reflected */

static __u32 table[8][256];

static void __attribute__((constructor)) fill(void)
{
	unsigned int i, j;

	for (i = 0; i < 256; i++) {
		__u32 crc = i;

		for (j = 0; j < 8; j++)
			crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
		table[0][i] = crc;
	}
	for (i = 0; i < 256; i++)
		for (j = 1; j < 8; j++)
			table[j][i] = table[j - 1][i] >> 8 ^ table[0][table[j - 1][i] & 0xff];
}

__u32 aerie_image_crc(__u32 crc, const void *data, size_t len)
{
	const __u8 *p = data;

	for (crc = ~crc; len >= 8; p += 8, len -= 8)
		crc = table[7][(crc ^ p[0]) & 0xff] ^ table[6][(crc >> 8 ^ p[1]) & 0xff] ^
		      table[5][(crc >> 16 ^ p[2]) & 0xff] ^ table[4][(crc >> 24 ^ p[3]) & 0xff] ^
		      table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	for (; len; p++, len--)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 0xff];
	return ~crc;
}
