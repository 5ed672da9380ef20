// SPDX-License-Identifier: GPL-2.0
/*
 * Fills memory and stands still: "mib=N" MiB from 16 MiB on, no two pages of it alike, and
 * every guest's the same.
 */
#include "guest.h"

#define FIRST	0x1000000ull	/* clear of the payload itself */

TEST(fill)
{
	u64 end = FIRST + (boot_option("mib=", 1) << 20), at;

	for (at = FIRST; at < end; at += 8)
		*(volatile u64 *)at = (at >> 12) * 0x9e3779b97f4a7c15ull + at % 4096 + 1;
	printf("# filled\n");
	for (;;)
		asm volatile("cli; hlt");
}
