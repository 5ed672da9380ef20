/* SPDX-License-Identifier: GPL-2.0 */
/* A driver of one queue for the virtio payload's tests. */
#ifndef DRIVER_H
#define DRIVER_H

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

extern struct ring *ring;
extern u8 *data;
extern volatile u32 queue_irqs, config_irqs, intx_irqs;
extern struct device rng, blk;

/* Configuration space, by ports and by ECAM. */
void address(u32 slot, u32 reg);
u32 cf_read(u32 slot, u32 reg);
void cf_write(u32 slot, u32 reg, u32 val);
u8 cf_read8(u32 slot, u32 reg);
u32 ecam_read(u32 slot, u32 reg);

void msix_enable(const struct device *d, bool on, bool mask_all);
void msix_entry(const struct device *d, u32 i, u32 vector, bool masked);

/* Registers have the width that a driver accesses them with. */
void put8(const struct device *d, u32 reg, u8 val);
void put16(const struct device *d, u32 reg, u16 val);
u8 get8(const struct device *d, u32 reg);
u16 get16(const struct device *d, u32 reg);
void put64(const struct device *d, u32 reg, u64 val);

/* Find the device with virtio's @id; false where there is none. */
bool probe(struct device *d, u32 id);
/* False where the device does not become what it should. */
bool reset(const struct device *d);
void features(const struct device *d, u64 wanted);
void notify(const struct device *d, u32 queue);
bool start(const struct device *d, u64 wanted, u16 vector);

/* Requests: a descriptor, the chain that begins at @head, is the used index @idx soon. */
void describe(u32 i, void *addr, u32 len, u16 flags, u16 next);
void submit(const struct device *d, u16 head);
u16 used_now(void);
bool used(u16 idx);
bool broken(const struct device *d);
bool works(void);
bool setup(void);	/* before each test; false where a device is not there */

#define SETUP()	do { if (!setup()) { EXPECT(!"both devices are there"); return; } } while (0)

#endif
