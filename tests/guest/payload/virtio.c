// SPDX-License-Identifier: GPL-2.0
/*
 * PCI and virtio as a driver meets them: configuration space, BARs, interrupts, the
 * entropy device, a disk of 1 MiB whose serial number is "payload", and what a driver
 * must not do.
 */
#include "guest.h"

#define ECAM		0xe0000000ull
#define MSI_ADDR	0xfee00000u
#define VEC		0x60	/* queue */
#define VEC_CONFIG	0x61
#define VEC_INTX	0x62

/* Capabilities (Virtio Over PCI Bus), and registers of the common configuration. */
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_PCI };
enum {
	OFFER_SELECT = 0, OFFER = 4, ACCEPT_SELECT = 8, ACCEPT = 12, CONFIG_VECTOR = 16, NUM_QUEUES = 18,
	STATUS = 20, Q_SELECT = 22, Q_SIZE = 24, Q_VECTOR = 26, Q_ENABLE = 28, Q_NOTIFY_OFF = 30,
	Q_DESC = 32, Q_DRIVER = 40, Q_DEVICE = 48,
};
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8, NEEDS_RESET = 64 };
#define F_INDIRECT	BIT(28)
#define F_EVENT_IDX	BIT(29)
#define F_VERSION_1	BIT(32)
#define NO_VECTOR	0xffff
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

#define SIZE	8	/* of the queue */

struct desc {
	u64 addr;
	u32 len;
	u16 flags, next;
};

struct ring {
	struct desc desc[SIZE];
	u16 avail_flags, avail_idx, avail[SIZE], used_event, pad[1];
	struct {
		u16 flags, idx;
		struct { u32 id, len; } ring[SIZE];
		u16 avail_event;
	} used __attribute__((aligned(4)));
};

struct device {
	u32 slot;
	u64 common, notify, isr, config, msix;
	u32 notify_step, window;
};

static struct ring *ring;
static u8 *data;
static volatile u32 queue_irqs, config_irqs, intx_irqs;
static struct device rng, blk;

/* ---- Configuration space -------------------------------------------------- */

static void address(u32 slot, u32 reg)
{
	outl(BIT(31) | slot << 11 | (reg & 0xfc), 0xcf8);
}

static u32 cf_read(u32 slot, u32 reg)
{
	address(slot, reg);
	return inl(0xcfc);
}

static void cf_write(u32 slot, u32 reg, u32 val)
{
	address(slot, reg);
	outl(val, 0xcfc);
}

static u8 cf_read8(u32 slot, u32 reg)
{
	address(slot, reg);
	return inb(0xcfc + (reg & 3));
}

static u32 ecam_read(u32 slot, u32 reg)
{
	return mmio_read32(ECAM + slot * 0x8000 + reg);
}

/* ---- Devices -------------------------------------------------------------- */

static u32 find(u32 id)
{
	u32 slot;

	for (slot = 0; slot < 32; slot++)
		if (cf_read(slot, 0) == (0x1af4 | (0x1040 + id) << 16))
			return slot;
	return 0;
}

static void capabilities(struct device *d)
{
	u32 cap = cf_read8(d->slot, 0x34), bar, type;
	u64 base;

	for (; cap; cap = cf_read8(d->slot, cap + 1)) {
		if (cf_read8(d->slot, cap) == 0x11) {
			bar = cf_read(d->slot, cap + 4);
			d->msix = (cf_read(d->slot, 0x10 + 4 * (bar & 7)) & ~0xfu) + (bar & ~7u);
			continue;
		}
		if (cf_read8(d->slot, cap) != 9)
			continue;
		type = cf_read8(d->slot, cap + 3);
		base = (cf_read(d->slot, 0x10 + 4 * cf_read8(d->slot, cap + 4)) & ~0xfu) +
		       cf_read(d->slot, cap + 8);
		if (type == CAP_COMMON)
			d->common = base;
		else if (type == CAP_ISR)
			d->isr = base;
		else if (type == CAP_DEVICE)
			d->config = base;
		else if (type == CAP_PCI)
			d->window = cap;
		else if (type == CAP_NOTIFY)
			d->notify = base, d->notify_step = cf_read(d->slot, cap + 16);
	}
}

static u32 msix_cap(const struct device *d)
{
	u32 cap = cf_read8(d->slot, 0x34);

	while (cap && cf_read8(d->slot, cap) != 0x11)
		cap = cf_read8(d->slot, cap + 1);
	return cap;
}

static void msix_enable(const struct device *d, bool on, bool mask_all)
{
	u32 cap = msix_cap(d);

	cf_write(d->slot, cap, (cf_read(d->slot, cap) & 0x3fffffff) | (u32)on << 31 |
			       (u32)mask_all << 30);
}

static void msix_entry(const struct device *d, u32 i, u32 vector, bool masked)
{
	mmio_write32(d->msix + 16 * i, MSI_ADDR | apic_id() << 12);
	mmio_write32(d->msix + 16 * i + 4, 0);
	mmio_write32(d->msix + 16 * i + 8, vector);
	mmio_write32(d->msix + 16 * i + 12, masked);
}

static bool probe(struct device *d, u32 id)
{
	d->slot = find(id);
	if (!d->slot)
		return false;
	cf_write(d->slot, 4, 0x6);		/* memory, bus master */
	capabilities(d);
	return d->common && d->notify && d->isr && d->msix;
}

/* Registers have the width that a driver accesses them with. */
static void put8(const struct device *d, u32 reg, u8 val) { WRITE_ONCE(*(u8 *)(d->common + reg), val); }
static void put16(const struct device *d, u32 reg, u16 val) { WRITE_ONCE(*(u16 *)(d->common + reg), val); }
static u8 get8(const struct device *d, u32 reg) { return READ_ONCE(*(u8 *)(d->common + reg)); }
static u16 get16(const struct device *d, u32 reg) { return READ_ONCE(*(u16 *)(d->common + reg)); }

static void put64(const struct device *d, u32 reg, u64 val)
{
	mmio_write32(d->common + reg, val);
	mmio_write32(d->common + reg + 4, val >> 32);
}

static bool reset(const struct device *d)
{
	put8(d, STATUS, 0);
	return WAIT_FOR(!get8(d, STATUS), 2000);
}

static void features(const struct device *d, u64 wanted)
{
	mmio_write32(d->common + ACCEPT_SELECT, 0);
	mmio_write32(d->common + ACCEPT, wanted);
	mmio_write32(d->common + ACCEPT_SELECT, 1);
	mmio_write32(d->common + ACCEPT, wanted >> 32);
}

static void notify(const struct device *d, u32 queue)
{
	WRITE_ONCE(*(u16 *)(d->notify + queue * d->notify_step), queue);
}

/* Reset, negotiate, one queue, ready: the rings are empty. */
static bool start(const struct device *d, u64 wanted, u16 vector)
{
	if (!reset(d))
		return false;
	memset(ring, 0, sizeof(*ring));
	put8(d, STATUS, ACKNOWLEDGE | DRIVER);
	features(d, wanted | F_VERSION_1);
	put8(d, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
	if (!(get8(d, STATUS) & FEATURES_OK))
		return false;
	put16(d, Q_SELECT, 0);
	put16(d, Q_SIZE, SIZE);
	put16(d, Q_VECTOR, vector);
	put64(d, Q_DESC, (u64)ring->desc);
	put64(d, Q_DRIVER, (u64)&ring->avail_flags);
	put64(d, Q_DEVICE, (u64)&ring->used);
	put16(d, Q_ENABLE, 1);
	put8(d, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
	return get16(d, Q_ENABLE) == 1;
}

static void describe(u32 i, void *addr, u32 len, u16 flags, u16 next)
{
	ring->desc[i] = (struct desc){ (u64)addr, len, flags, next };
}

/* Hand over the chain that begins at @head. */
static void submit(const struct device *d, u16 head)
{
	ring->avail[ring->avail_idx % SIZE] = head;
	barrier();
	WRITE_ONCE(ring->avail_idx, ring->avail_idx + 1);
	notify(d, 0);
}

/* Whoever waits for the device looks at a register of it, for the reason of relax(). */
static u16 used_now(void)
{
	(void)get8(&rng, STATUS);
	return READ_ONCE(ring->used.idx);
}

static bool used(u16 idx)
{
	return WAIT_FOR(used_now() == idx, 5000);
}

static bool broken(const struct device *d)
{
	return WAIT_FOR(get8(d, STATUS) & NEEDS_RESET, 2000);
}

/* The device still works after a reset. */
static bool works(void)
{
	if (!start(&rng, 0, NO_VECTOR))
		return false;
	describe(0, data, 16, DESC_WRITE, 0);
	submit(&rng, 0);
	return used(1) && ring->used.ring[0].len == 16;
}

static void on_queue(struct regs *r) { queue_irqs++; apic_eoi(); }
static void on_config(struct regs *r) { config_irqs++; apic_eoi(); }

static void on_intx(struct regs *r)
{
	intx_irqs++;
	(void)READ_ONCE(*(u8 *)rng.isr);	/* which lowers the line */
	apic_eoi();
}

static bool setup(void)
{
	static bool done;

	if (!done) {
		ring = page_alloc();
		data = page_alloc();
		pic_mask(0xffff);
		apic_enable();
		set_handler(VEC, on_queue);
		set_handler(VEC_CONFIG, on_config);
		set_handler(VEC_INTX, on_intx);
		done = probe(&rng, 4) && probe(&blk, 2);
	}
	memset(data, 0, 4096);
	queue_irqs = config_irqs = intx_irqs = 0;
	if (!done)
		return false;
	msix_enable(&rng, false, false);
	return true;
}

#define SETUP()	do { if (!setup()) { EXPECT(!"both devices are there"); return; } } while (0)

/* ---- PCI ------------------------------------------------------------------ */

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

/* ---- Entropy device ------------------------------------------------------- */

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

/* ---- What a driver must not do -------------------------------------------- */

struct bad {
	const char *name;
	struct desc desc[3];
	u16 head, idx;
	bool fine;	/* not an error of the ring: answered, not broken */
};

TEST(broken_rings)
{
	u64 buf = (u64)data, table = (u64)data + 2048;
	const struct bad bad[] = {
		{ "loop", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, 1 }, { buf, 4, DESC_WRITE | DESC_NEXT, 0 } } },
		{ "itself", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, 0 } } },
		{ "head out of range", .head = SIZE },
		{ "head far out of range", .head = 0xffff },
		{ "next out of range", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, SIZE } } },
		{ "index ahead", .desc = { { buf, 4, DESC_WRITE, 0 } }, .idx = SIZE + 1 },
		{ "index far ahead", .desc = { { buf, 4, DESC_WRITE, 0 } }, .idx = 0x8000 },
		{ "read behind written", .desc = { { buf, 4, DESC_WRITE | DESC_NEXT, 1 }, { buf, 4, 0, 0 } } },
		{ "indirect with next", .desc = { { table, 16, DESC_INDIRECT | DESC_NEXT, 1 }, { buf, 4, DESC_WRITE, 0 } } },
		{ "indirect of no entry", .desc = { { table, 0, DESC_INDIRECT, 0 } } },
		{ "indirect of half an entry", .desc = { { table, 24, DESC_INDIRECT, 0 } } },
		{ "indirect too long", .desc = { { table, 16 * 1024, DESC_INDIRECT, 0 } } },
		{ "indirect nowhere", .desc = { { 0xa0000, 16, DESC_INDIRECT, 0 } } },
		{ "lengths add up to more than 4 GiB",
		  .desc = { { buf, 0xffffffff, DESC_WRITE | DESC_NEXT, 1 }, { buf, 2, DESC_WRITE, 0 } } },
		{ "buffer in a hole", .desc = { { 0xc8000000, 64, DESC_WRITE, 0 } } },
		{ "buffer beyond memory", .desc = { { 1ull << 40, 64, DESC_WRITE, 0 } } },
		{ "buffer at the end of the address space", .desc = { { ~0ull - 8, 64, DESC_WRITE, 0 } } },
		{ "buffer over the end of memory", .desc = { { (64 << 20) - 8, 64, DESC_WRITE, 0 } } },
		{ "no bytes", .desc = { { buf, 0, DESC_WRITE, 0 } }, .fine = true },
		{ "nothing to be written", .desc = { { buf, 64, 0, 0 } }, .fine = true },
	};
	u32 i;

	SETUP();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		bool ok = start(&rng, F_INDIRECT, NO_VECTOR);

		memcpy(ring->desc, bad[i].desc, sizeof(bad[i].desc));
		ring->avail[0] = bad[i].head;
		WRITE_ONCE(ring->avail_idx, bad[i].idx ?: 1);
		notify(&rng, 0);
		ok = ok && (bad[i].fine ? used(1) : broken(&rng));
		if (!ok)
			printf("# %s: status 0x%x, used %u\n", bad[i].name, get8(&rng, STATUS),
			       ring->used.idx);
		EXPECT(ok);
	}
	EXPECT(works());
}

/* A queue that is no queue is found when it is set up, or when it is used. */
TEST(broken_queues)
{
	static const struct {
		u16 size;
		u64 desc, avail, used;
	} bad[] = {
		{ .size = 0 }, { .size = 3 }, { .size = 512 }, { .size = 0xffff },
		{ .size = SIZE, .desc = 8 }, { .size = SIZE, .avail = 1 }, { .size = SIZE, .used = 2 },
		{ .size = SIZE, .desc = 0xa0000 }, { .size = SIZE, .avail = 0xa0000 },
		{ .size = SIZE, .used = 0xa0000 }, { .size = SIZE, .desc = 0xfffffffffffffff0 },
		{ .size = SIZE, .avail = 0xfffffffffffffffe },
		{ .size = SIZE, .used = 0xfffffffffffffffc }, { .size = SIZE, .desc = 0xfee00000 },
	};
	u32 i;

	SETUP();
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT(reset(&rng));
		memset(ring, 0, sizeof(*ring));
		describe(0, data, 16, DESC_WRITE, 0);
		put8(&rng, STATUS, ACKNOWLEDGE | DRIVER);
		features(&rng, F_VERSION_1);
		put8(&rng, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
		put16(&rng, Q_SELECT, 0);
		put16(&rng, Q_SIZE, bad[i].size);
		put64(&rng, Q_DESC, bad[i].desc ?: (u64)ring->desc);
		put64(&rng, Q_DRIVER, bad[i].avail ?: (u64)&ring->avail_flags);
		put64(&rng, Q_DEVICE, bad[i].used ?: (u64)&ring->used);
		put16(&rng, Q_ENABLE, 1);
		put8(&rng, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
		submit(&rng, 0);
		if (!broken(&rng))
			printf("# queue %u\n", i);
		EXPECT(get8(&rng, STATUS) & NEEDS_RESET);
	}
	/* Queues that there are not, kicks of what is not set up. */
	EXPECT(reset(&rng));
	put16(&rng, Q_SELECT, 0xffff);
	EXPECT_EQ(get16(&rng, Q_SIZE), 0);
	put16(&rng, Q_ENABLE, 1);
	notify(&rng, 0);
	notify(&rng, 1);
	WRITE_ONCE(*(u16 *)(rng.notify + 0xffe), 0);
	EXPECT(works());
}

TEST(broken_is_told)
{
	SETUP();
	msix_enable(&rng, true, false);
	msix_entry(&rng, 0, VEC_CONFIG, false);
	EXPECT(start(&rng, 0, NO_VECTOR));
	put16(&rng, CONFIG_VECTOR, 0);
	submit(&rng, SIZE);
	EXPECT(WAIT_FOR(({ sti_nop_cli(); used_now(); config_irqs; }), 5000));
	EXPECT_EQ(config_irqs, 1);
	EXPECT(get8(&rng, STATUS) & NEEDS_RESET);
}

TEST(reset_at_any_time)
{
	u32 i, j;

	SETUP();
	for (i = 0; i < 60; i++) {
		EXPECT(start(&rng, 0, NO_VECTOR));
		for (j = 0; j < SIZE; j++)
			describe(j, data + 64 * j, 64 + i * 50, DESC_WRITE, 0);
		for (j = 0; j < SIZE; j++)
			submit(&rng, j);
		delay_us(i * 7);
		EXPECT(reset(&rng));
	}
	EXPECT(works());
}

static volatile bool meddle;

static void meddler(void *arg)
{
	u32 i = 0;

	while (meddle) {
		volatile u16 *words = (volatile u16 *)ring;

		words[i * 7919 % (sizeof(*ring) / 2)] = i * 40503 >> (i & 7);
		if (++i % 64 == 0)
			relax();
	}
}

/* Another processor changes the rings while they are in use. */
TEST(rings_that_change)
{
	u32 i;

	if (smp_start() < 2)
		SKIP("one processor");
	SETUP();
	for (i = 0; i < 30; i++) {
		EXPECT(start(&rng, F_INDIRECT | F_EVENT_IDX, NO_VECTOR));
		describe(0, data, 64, DESC_WRITE, 0);
		meddle = true;
		cpu_start(1, meddler, NULL);
		WRITE_ONCE(ring->avail_idx, 1);
		notify(&rng, 0);
		delay_us(300);
		notify(&rng, 0);
		meddle = false;
		cpu_wait(1);
	}
	EXPECT(works());
}

/* ---- Disk ----------------------------------------------------------------- */

#define SECTORS	2048

enum { T_IN = 0, T_OUT = 1, T_FLUSH = 4, T_GET_ID = 8, T_DISCARD = 11, T_ZEROES = 13 };
enum { S_OK = 0, S_IOERR = 1, S_UNSUPP = 2 };

static struct {
	u32 type, ioprio;
	u64 sector;
} header;

static struct {
	u64 sector;
	u32 sectors, flags;
} range;

static volatile u8 status;
static u16 done;

static bool blk_start(void)
{
	done = 0;
	return start(&blk, BIT(9), NO_VECTOR);
}

/* One request with @len bytes of data at @buf; the status, or 255. */
static u8 blk_do(u32 type, u64 sector, void *buf, u32 len)
{
	bool writes = type == T_IN || type == T_GET_ID;

	header.type = type;
	header.sector = sector;
	status = 255;
	describe(0, &header, sizeof(header), DESC_NEXT, len ? 1 : 2);
	describe(1, buf, len, DESC_NEXT | (writes ? DESC_WRITE : 0), 2);
	describe(2, (void *)&status, 1, DESC_WRITE, 0);
	submit(&blk, 0);
	return used(++done) ? status : 255;
}

TEST(disk_keeps_what_is_written)
{
	u32 i;

	SETUP();
	EXPECT_EQ(READ_ONCE(*(u64 *)blk.config), SECTORS);
	EXPECT(blk_start());
	for (i = 0; i < 4096; i++)
		data[i] = i * 31 >> 3;
	EXPECT_EQ(blk_do(T_OUT, 8, data, 4096), S_OK);
	EXPECT_EQ(blk_do(T_FLUSH, 0, NULL, 0), S_OK);
	memset(data, 0, 4096);
	EXPECT_EQ(blk_do(T_IN, 8, data, 4096), S_OK);
	EXPECT_EQ(ring->used.ring[2].len, 4097);
	for (i = 0; i < 4096; i++)
		if (data[i] != (u8)(i * 31 >> 3))
			break;
	EXPECT_EQ(i, 4096);
	/* The first and the last sector, and a buffer that crosses pages. */
	EXPECT_EQ(blk_do(T_OUT, SECTORS - 1, data, 512), S_OK);
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
	EXPECT_EQ(blk_do(T_IN, SECTORS - 1, data + 512 - 3, 512), S_OK);
	EXPECT_EQ(data[512 - 3 + 100], (u8)(100 * 31 >> 3));
}

TEST(disk_serial_number)
{
	SETUP();
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_GET_ID, 0, data, 20), S_OK);
	EXPECT(!memcmp(data, "payload\0", 8));
}

TEST(disk_discards_and_zeroes)
{
	u32 i;

	SETUP();
	EXPECT(blk_start());
	memset(data, 0xaa, 4096);
	EXPECT_EQ(blk_do(T_OUT, 64, data, 4096), S_OK);
	range.sector = 64;
	range.sectors = 4;
	range.flags = 0;
	EXPECT_EQ(blk_do(T_ZEROES, 0, &range, sizeof(range)), S_OK);
	EXPECT_EQ(blk_do(T_IN, 64, data, 4096), S_OK);
	for (i = 0; i < 2048; i++)
		if (data[i])
			break;
	EXPECT_EQ(i, 2048);
	EXPECT_EQ(data[2048], 0xaa);
	range.flags = 1;
	range.sector = 68;
	EXPECT_EQ(blk_do(T_ZEROES, 0, &range, sizeof(range)), S_OK);
	EXPECT_EQ(blk_do(T_IN, 68, data, 512), S_OK);
	EXPECT_EQ(data[0], 0);
	range.flags = 0;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_OK);
	range.flags = 2;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_UNSUPP);
	range.flags = 0;
	range.sectors = 0;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_IOERR);
	range.sector = SECTORS - 1;
	range.sectors = 2;
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range)), S_IOERR);
	range.sector = ~0ull - 1;
	range.sectors = 4;
	EXPECT_EQ(blk_do(T_ZEROES, 0, &range, sizeof(range)), S_IOERR);
	EXPECT_EQ(blk_do(T_DISCARD, 0, &range, sizeof(range) - 1), S_IOERR);
}

TEST(disk_refuses)
{
	SETUP();
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_IN, SECTORS, data, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, SECTORS - 1, data, 1024), S_IOERR);
	EXPECT_EQ(blk_do(T_OUT, SECTORS - 1, data, 1024), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, ~0ull, data, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, 1ull << 55, data, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, 0, data, 511), S_IOERR);
	EXPECT_EQ(blk_do(99, 0, data, 512), S_UNSUPP);
	/* Data that is not there is an error of the request. */
	EXPECT_EQ(blk_do(T_IN, 0, (void *)0xc8000000, 512), S_IOERR);
	EXPECT_EQ(blk_do(T_OUT, 0, (void *)(1ull << 40), 512), S_IOERR);
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
	/* No header, or nothing to put the status into, is one of the driver. */
	describe(0, &header, 15, DESC_NEXT, 1);
	describe(1, (void *)&status, 1, DESC_WRITE, 0);
	submit(&blk, 0);
	EXPECT(broken(&blk));
	EXPECT(blk_start());
	describe(0, &header, 16, 0, 0);
	submit(&blk, 0);
	EXPECT(broken(&blk));
	EXPECT(blk_start());
	EXPECT_EQ(blk_do(T_IN, 0, data, 512), S_OK);
}
