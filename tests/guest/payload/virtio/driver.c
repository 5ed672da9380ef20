// SPDX-License-Identifier: GPL-2.0
/* A driver of one queue: PCI, capabilities, interrupts, requests. */
#include "driver.h"

struct ring *ring;
u8 *data;
volatile u32 queue_irqs, config_irqs, intx_irqs;
struct device rng, blk;

/* ---- Configuration space -------------------------------------------------- */

void address(u32 slot, u32 reg)
{
	outl(BIT(31) | slot << 11 | (reg & 0xfc), 0xcf8);
}

u32 cf_read(u32 slot, u32 reg)
{
	address(slot, reg);
	return inl(0xcfc);
}

void cf_write(u32 slot, u32 reg, u32 val)
{
	address(slot, reg);
	outl(val, 0xcfc);
}

u8 cf_read8(u32 slot, u32 reg)
{
	address(slot, reg);
	return inb(0xcfc + (reg & 3));
}

u32 ecam_read(u32 slot, u32 reg)
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

void msix_enable(const struct device *d, bool on, bool mask_all)
{
	u32 cap = msix_cap(d);

	cf_write(d->slot, cap, (cf_read(d->slot, cap) & 0x3fffffff) | (u32)on << 31 |
			       (u32)mask_all << 30);
}

void msix_entry(const struct device *d, u32 i, u32 vector, bool masked)
{
	mmio_write32(d->msix + 16 * i, MSI_ADDR | apic_id() << 12);
	mmio_write32(d->msix + 16 * i + 4, 0);
	mmio_write32(d->msix + 16 * i + 8, vector);
	mmio_write32(d->msix + 16 * i + 12, masked);
}

bool probe(struct device *d, u32 id)
{
	d->slot = find(id);
	if (!d->slot)
		return false;
	cf_write(d->slot, 4, 0x6);		/* memory, bus master */
	capabilities(d);
	return d->common && d->notify && d->isr && d->msix;
}

/* Registers have the width that a driver accesses them with. */
void put8(const struct device *d, u32 reg, u8 val) { WRITE_ONCE(*(u8 *)(d->common + reg), val); }
void put16(const struct device *d, u32 reg, u16 val) { WRITE_ONCE(*(u16 *)(d->common + reg), val); }
u8 get8(const struct device *d, u32 reg) { return READ_ONCE(*(u8 *)(d->common + reg)); }
u16 get16(const struct device *d, u32 reg) { return READ_ONCE(*(u16 *)(d->common + reg)); }

void put64(const struct device *d, u32 reg, u64 val)
{
	mmio_write32(d->common + reg, val);
	mmio_write32(d->common + reg + 4, val >> 32);
}

bool reset(const struct device *d)
{
	put8(d, STATUS, 0);
	return WAIT_FOR(!get8(d, STATUS), 2000);
}

void features(const struct device *d, u64 wanted)
{
	mmio_write32(d->common + ACCEPT_SELECT, 0);
	mmio_write32(d->common + ACCEPT, wanted);
	mmio_write32(d->common + ACCEPT_SELECT, 1);
	mmio_write32(d->common + ACCEPT, wanted >> 32);
}

void notify(const struct device *d, u32 queue)
{
	WRITE_ONCE(*(u16 *)(d->notify + queue * d->notify_step), queue);
}

/* Reset, negotiate, one queue, ready: the rings are empty. */
bool start(const struct device *d, u64 wanted, u16 vector)
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

void describe(u32 i, void *addr, u32 len, u16 flags, u16 next)
{
	ring->desc[i] = (struct desc){ (u64)addr, len, flags, next };
}

/* Hand over the chain that begins at @head. */
void submit(const struct device *d, u16 head)
{
	ring->avail[ring->avail_idx % SIZE] = head;
	barrier();
	WRITE_ONCE(ring->avail_idx, ring->avail_idx + 1);
	notify(d, 0);
}

/* Whoever waits for the device looks at a register of it, for the reason of relax(). */
u16 used_now(void)
{
	(void)get8(&rng, STATUS);
	return READ_ONCE(ring->used.idx);
}

bool used(u16 idx)
{
	return WAIT_FOR(used_now() == idx, 5000);
}

bool broken(const struct device *d)
{
	return WAIT_FOR(get8(d, STATUS) & NEEDS_RESET, 2000);
}

/* The device still works after a reset. */
bool works(void)
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

bool setup(void)
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
