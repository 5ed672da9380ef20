// SPDX-License-Identifier: GPL-2.0
/* Configuration space and base addresses. */
#include "driver.h"

TEST(host_bridge)
{
	EXPECT_EQ(cf_read(0, 8) >> 16, 0x0600);
	EXPECT_EQ(ecam_read(0, 0), cf_read(0, 0));
	EXPECT_EQ(ecam_read(0, 8), cf_read(0, 8));
	/* Nobody there; no such function; no such bus. */
	EXPECT_EQ(cf_read(31, 0), 0xffffffff);
	EXPECT_EQ(ecam_read(31, 0), 0xffffffff);
	outl(BIT(31) | 1 << 8, 0xcf8);
	EXPECT_EQ(inl(0xcfc), 0xffffffff);
	outl(BIT(31) | 1 << 16, 0xcf8);
	EXPECT_EQ(inl(0xcfc), 0xffffffff);
	outl(0, 0xcf8);
	EXPECT_EQ(inl(0xcfc), 0xffffffff);
	/* Read-only, and nothing beyond the first 256 bytes. */
	cf_write(0, 0, 0);
	EXPECT_EQ(cf_read(0, 0) & 0xffff, 0x1b36);
	EXPECT_EQ(ecam_read(0, 0x100), 0);
}

TEST(widths)
{
	SETUP();
	EXPECT_EQ(cf_read(rng.slot, 0) & 0xffff, 0x1af4);
	address(rng.slot, 0);
	EXPECT_EQ(inw(0xcfe), 0x1044);
	EXPECT_EQ(inb(0xcfd), 0x1a);
	EXPECT_EQ(READ_ONCE(*(u16 *)(ECAM + rng.slot * 0x8000 + 2)), 0x1044);
	EXPECT_EQ(READ_ONCE(*(u64 *)(ECAM + rng.slot * 0x8000)) >> 48 & 0xff,
		  cf_read(rng.slot, 4) >> 16 & 0xff);
	/* The reset register lies among the ports, and is no part of the address. */
	outb(0, 0xcf9);
	EXPECT_EQ(inb(0xcf9), 0);
}

TEST(base_addresses)
{
	u32 old, common;

	SETUP();
	old = cf_read(rng.slot, 0x10);
	common = rng.common - (old & ~0xfu);
	cf_write(rng.slot, 0x10, 0xffffffff);
	EXPECT_EQ(cf_read(rng.slot, 0x10), 0xffffc000);
	/* Another place, then none. */
	cf_write(rng.slot, 0x10, 0xd0000000);
	EXPECT_EQ(READ_ONCE(*(u16 *)(0xd0000000ull + common + NUM_QUEUES)), 1);
	EXPECT_EQ(get16(&rng, NUM_QUEUES), 0xffff);
	cf_write(rng.slot, 4, 0);
	EXPECT_EQ(READ_ONCE(*(u16 *)(0xd0000000ull + common + NUM_QUEUES)), 0xffff);
	cf_write(rng.slot, 4, 6);
	cf_write(rng.slot, 0x10, 0x1000000);	/* RAM stays RAM */
	WRITE_ONCE(*(u32 *)0x1000000, 0x12345678);
	EXPECT_EQ(READ_ONCE(*(u32 *)0x1000000), 0x12345678);
	cf_write(rng.slot, 0x10, old);
	EXPECT_EQ(get16(&rng, NUM_QUEUES), 1);
}

TEST(window_in_configuration_space)
{
	SETUP();
	cf_write(rng.slot, rng.window + 4, 0);			/* BAR 0 */
	cf_write(rng.slot, rng.window + 8, NUM_QUEUES);
	cf_write(rng.slot, rng.window + 12, 2);
	EXPECT_EQ(cf_read(rng.slot, rng.window + 16) & 0xffff, 1);
	cf_write(rng.slot, rng.window + 8, OFFER_SELECT);
	cf_write(rng.slot, rng.window + 12, 4);
	cf_write(rng.slot, rng.window + 16, 1);
	EXPECT_EQ(mmio_read32(rng.common + OFFER_SELECT), 1);
	/* Nowhere, not aligned, no width. */
	cf_write(rng.slot, rng.window + 8, 0xfffffffc);
	(void)cf_read(rng.slot, rng.window + 16);
	cf_write(rng.slot, rng.window + 8, 1);
	cf_write(rng.slot, rng.window + 16, 0);
	cf_write(rng.slot, rng.window + 12, 3);
	cf_write(rng.slot, rng.window + 16, 0);
	cf_write(rng.slot, rng.window + 4, 5);
	cf_write(rng.slot, rng.window + 16, 0);
	EXPECT_EQ(mmio_read32(rng.common + OFFER_SELECT), 1);
}
