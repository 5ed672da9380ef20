// SPDX-License-Identifier: GPL-2.0
/*
 * Breakpoints on an address of the host that the command line tells ("at=HEX"):
 * nothing in the guest touches it, so they never hit.
 */
#include "guest.h"

static u32 hits;

static void on_db(struct regs *r)
{
	hits++;
	write_dr6(0xffff0ff0);
}

static u64 place(void)
{
	const char *p = boot_cmdline();
	u64 n = 0;

	for (; *p && memcmp(p, "at=", 3); p++)
		;
	for (p += *p ? 3 : 0; *p; p++) {
		if (*p >= '0' && *p <= '9')
			n = n << 4 | (*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			n = n << 4 | (*p - 'a' + 10);
		else
			break;
	}
	return n;
}

TEST(breakpoints_are_the_guests_alone)
{
	u64 at = place();
	u32 i;

	set_handler(DB, on_db);
	write_dr0(at);
	write_dr1(at);
	write_dr2(at);
	write_dr3(at);
	write_dr7(0xbbbb0400 | 0xaa);	/* reads and writes of 8 bytes */
	/* As long as it takes to be put and loaded often, with and without exits. */
	for (i = 0; i < 100; i++) {
		delay_us(10000);
		cpuid(0, 0);
	}
	EXPECT_EQ(hits, 0);
	EXPECT_EQ(read_dr0(), at);
	EXPECT_EQ(read_dr3(), at);
	EXPECT_EQ(read_dr7(), 0xbbbb0400 | 0xaa);
	write_dr7(0x400);
}
