// SPDX-License-Identifier: GPL-2.0
/* Virtio as a driver meets it, with the entropy device; see virtio/ for the rest. */
#include "virtio/driver.h"

static u32 ones_in(const u8 *p, u32 len)
{
	u32 i, ones = 0;

	for (i = 0; i < 8 * len; i++)
		ones += p[i / 8] >> i % 8 & 1;
	return ones;
}

TEST(bytes_without_interrupts)
{
	u32 ones;

	SETUP();
	EXPECT(start(&rng, 0, NO_VECTOR));
	describe(0, data, 300, DESC_WRITE | DESC_NEXT, 3);
	describe(3, data + 2048, 212, DESC_WRITE, 0);
	submit(&rng, 0);
	EXPECT(used(1));
	EXPECT_EQ(ring->used.ring[0].id, 0);
	EXPECT_EQ(ring->used.ring[0].len, 512);
	ones = ones_in(data, 300) + ones_in(data + 2048, 212);
	/* 4096 bits, each as likely 0 as 1: ten standard deviations. */
	EXPECT(ones > 2048 - 320 && ones < 2048 + 320);
	EXPECT_EQ(data[300], 0);
	EXPECT_EQ(data[2048 + 212], 0);
}

TEST(features_are_negotiated)
{
	SETUP();
	EXPECT(reset(&rng));
	mmio_write32(rng.common + OFFER_SELECT, 1);
	EXPECT(mmio_read32(rng.common + OFFER) & 1);
	mmio_write32(rng.common + OFFER_SELECT, 2);
	EXPECT_EQ(mmio_read32(rng.common + OFFER), 0);
	/* Not without VERSION_1, nor what was never offered. */
	put8(&rng, STATUS, ACKNOWLEDGE | DRIVER);
	features(&rng, 0);
	put8(&rng, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	EXPECT(!(get8(&rng, STATUS) & FEATURES_OK));
	features(&rng, ~0ull);
	mmio_write32(rng.common + ACCEPT_SELECT, 0);
	EXPECT_EQ(mmio_read32(rng.common + ACCEPT), F_INDIRECT | F_EVENT_IDX);
	put8(&rng, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	EXPECT(get8(&rng, STATUS) & FEATURES_OK);
	features(&rng, 0);
	mmio_write32(rng.common + ACCEPT_SELECT, 0);
	EXPECT_EQ(mmio_read32(rng.common + ACCEPT), F_INDIRECT | F_EVENT_IDX);
}

TEST(msix)
{
	SETUP();
	msix_enable(&rng, true, false);
	msix_entry(&rng, 1, VEC, false);
	EXPECT(start(&rng, 0, 1));
	describe(0, data, 16, DESC_WRITE, 0);
	submit(&rng, 0);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); used_now(); queue_irqs; }), 5000));
	EXPECT_EQ(queue_irqs, 1);
	EXPECT_EQ(READ_ONCE(*(u8 *)rng.isr), 0);

	/* Masked alone: pending, and sent when the mask goes. */
	msix_entry(&rng, 1, VEC, true);
	submit(&rng, 0);
	EXPECT(used(2));
	EXPECT(WAIT_FOR(mmio_read32(rng.msix + 2048) == 2, 2000));
	sti_nop_cli();
	EXPECT_EQ(queue_irqs, 1);
	mmio_write32(rng.msix + 16 + 12, 0);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); queue_irqs == 2; }), 2000));
	EXPECT_EQ(mmio_read32(rng.msix + 2048), 0);

	/* The same with all of them masked. */
	msix_enable(&rng, true, true);
	submit(&rng, 0);
	EXPECT(used(3));
	EXPECT(WAIT_FOR(mmio_read32(rng.msix + 2048) == 2, 2000));
	msix_enable(&rng, true, false);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); queue_irqs == 3; }), 2000));
	/* A vector that there is not is none. */
	put16(&rng, Q_VECTOR, 5);
	EXPECT_EQ(get16(&rng, Q_VECTOR), NO_VECTOR);
}

TEST(intx)
{
	u32 pin;

	SETUP();
	pin = 16 + rng.slot % 8;
	ioapic_route(pin, (u64)apic_id() << 56 | BIT(15) | VEC_INTX);
	EXPECT(start(&rng, 0, NO_VECTOR));
	describe(0, data, 16, DESC_WRITE, 0);
	submit(&rng, 0);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); used_now(); intx_irqs; }), 5000));
	EXPECT_EQ(intx_irqs, 1);
	/* Disabled in the command register: the status says so all the same. */
	cf_write(rng.slot, 4, 6 | BIT(10));
	submit(&rng, 0);
	EXPECT(WAIT_FOR(cf_read(rng.slot, 4) >> 16 & 8, 5000));
	sti_nop_cli();
	EXPECT_EQ(intx_irqs, 1);
	cf_write(rng.slot, 4, 6);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); intx_irqs == 2; }), 2000));
	ioapic_route(pin, LVT_MASKED);
}

TEST(event_index)
{
	SETUP();
	msix_enable(&rng, true, false);
	msix_entry(&rng, 1, VEC, false);
	EXPECT(start(&rng, F_EVENT_IDX, 1));
	describe(0, data, 16, DESC_WRITE, 0);
	ring->used_event = 1;		/* not before the second */
	submit(&rng, 0);
	EXPECT(used(1));
	delay_us(2000);
	sti_nop_cli();
	EXPECT_EQ(queue_irqs, 0);
	submit(&rng, 0);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); used_now(); queue_irqs; }), 5000));
	EXPECT_EQ(queue_irqs, 1);
	EXPECT(WAIT_FOR(({ used_now(); READ_ONCE(ring->used.avail_event) == 2; }), 2000));
}

TEST(indirect)
{
	struct desc *table = (void *)(data + 1024);

	SETUP();
	EXPECT(start(&rng, F_INDIRECT, NO_VECTOR));
	table[0] = (struct desc){ (u64)data, 8, DESC_WRITE | DESC_NEXT, 1 };
	table[1] = (struct desc){ (u64)data + 8, 8, DESC_WRITE, 0 };
	describe(2, table, 32, DESC_INDIRECT, 0);
	submit(&rng, 2);
	EXPECT(used(1));
	EXPECT_EQ(ring->used.ring[0].id, 2);
	EXPECT_EQ(ring->used.ring[0].len, 16);
}

/* Many more than the ring has, so that indices wrap; all that are there are taken. */
TEST(many_requests)
{
	u32 i;

	SETUP();
	EXPECT(start(&rng, 0, NO_VECTOR));
	for (i = 0; i < SIZE; i++)
		describe(i, data + 64 * i, 64, DESC_WRITE, 0);
	for (i = 0; i < 200; i++) {
		submit(&rng, i % SIZE);
		if (i % SIZE == SIZE - 1)
			EXPECT(used(i + 1));
	}
}
