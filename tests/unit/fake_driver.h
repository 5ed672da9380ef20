/* SPDX-License-Identifier: GPL-2.0 */
/* The driver of the device of fake_virtio.h: negotiation, queues, requests. */
#ifndef FAKE_DRIVER_H
#define FAKE_DRIVER_H

#include "fake_virtio.h"

#define ACKNOWLEDGE	VIRTIO_CONFIG_S_ACKNOWLEDGE
#define DRIVER		VIRTIO_CONFIG_S_DRIVER
#define FEATURES_OK	VIRTIO_CONFIG_S_FEATURES_OK
#define DRIVER_OK	VIRTIO_CONFIG_S_DRIVER_OK
#define NEEDS_RESET	VIRTIO_CONFIG_S_NEEDS_RESET
#define FAILED		VIRTIO_CONFIG_S_FAILED
#define NO_VECTOR	VIRTIO_MSI_NO_VECTOR
#define EVENT_IDX	BIT_ULL(VIRTIO_RING_F_EVENT_IDX)
#define VERSION_1	BIT_ULL(VIRTIO_F_VERSION_1)
#define GSI		AERIE_PCI_GSI(ECHO_SLOT)
#define DATA		0x40000ull

int shim_fail_alloc;

static struct ring rings[ECHO_VQS];

static __maybe_unused void setup(void)
{
	virtio_machine(4ull << 20);
	EXPECT_EQ(echo_create(), 0);
	EXPECT_EQ(echo.pci.slot, ECHO_SLOT);
	vm.devs_run = true;
	echo.dev.ops->reset(&echo.dev);
	echo_resets = 0;
	decode_bars();
}

static __maybe_unused void teardown(void)
{
	virtio_machine_fini();
	EXPECT_EQ(echo_frees, 1);
}

static __maybe_unused u8 status(void)
{
	return mem_in(COMMON(STATUS), 1);
}

static __maybe_unused void set_status(u8 val)
{
	mem_out(COMMON(STATUS), 1, val);
}

static __maybe_unused u64 offered(void)
{
	u64 features;

	mem_out(COMMON(DFSELECT), 4, 1);
	features = mem_in(COMMON(DF), 4) << 32;
	mem_out(COMMON(DFSELECT), 4, 0);
	return features | mem_in(COMMON(DF), 4);
}

static __maybe_unused u64 accepted(void)
{
	u64 features;

	mem_out(COMMON(GFSELECT), 4, 1);
	features = mem_in(COMMON(GF), 4) << 32;
	mem_out(COMMON(GFSELECT), 4, 0);
	return features | mem_in(COMMON(GF), 4);
}

static __maybe_unused void accept(u64 features)
{
	mem_out(COMMON(GFSELECT), 4, 0);
	mem_out(COMMON(GF), 4, features);
	mem_out(COMMON(GFSELECT), 4, 1);
	mem_out(COMMON(GF), 4, features >> 32);
}

static __maybe_unused void queue_program(unsigned int i, u16 size)
{
	rings[i] = (struct ring) {
		&vm.mem, size, 0x10000 + 0x8000 * i, 0x11000 + 0x8000 * i, 0x12000 + 0x8000 * i, 0
	};
	mem_out(COMMON(Q_SELECT), 2, i);
	mem_out(COMMON(Q_SIZE), 2, size);
	mem_out(COMMON(Q_DESCLO), 4, rings[i].desc);
	mem_out(COMMON(Q_AVAILLO), 4, rings[i].avail);
	mem_out(COMMON(Q_USEDLO), 4, rings[i].used);
}

static __maybe_unused void queue_enable(unsigned int i, u16 size)
{
	queue_program(i, size);
	mem_out(COMMON(Q_ENABLE), 2, 1);
	EXPECT_EQ(mem_in(COMMON(Q_ENABLE), 2), 1);
}

/* What a driver does, with queues of eight entries. */
static __maybe_unused void start(u64 features)
{
	unsigned int i;

	set_status(ACKNOWLEDGE);
	set_status(ACKNOWLEDGE | DRIVER);
	accept(features | VERSION_1);
	set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
	EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER | FEATURES_OK);
	for (i = 0; i < ECHO_VQS; i++)
		queue_enable(i, 8);
	set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
}

static __maybe_unused u8 vendor_cap(u8 type)
{
	u8 cap = 0;

	do
		cap = cap_find(ECHO_SLOT, cap, PCI_CAP_ID_VNDR);
	while (cap && config_in(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, cfg_type), 1) !=
		      type);
	return cap;
}

/* Give vectors 0 to 2 to the configuration and the queues. */
static __maybe_unused void msix_on(void)
{
	u8 cap = cap_find(ECHO_SLOT, 0, PCI_CAP_ID_MSIX);
	unsigned int i;

	for (i = 0; i <= ECHO_VQS; i++) {
		mem_out(msix_base + 16 * i, 8, 0xfee00000);
		mem_out(msix_base + 16 * i + 8, 8, 0x50 + i);
	}
	config_out(ECHO_SLOT, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	mem_out(COMMON(MSIX), 2, 0);
	for (i = 0; i < ECHO_VQS; i++) {
		mem_out(COMMON(Q_SELECT), 2, i);
		mem_out(COMMON(Q_MSIX), 2, i + 1);
	}
}

/* Offer a request for @text to be handed back, at descriptors @at and the next. */
static __maybe_unused void offer(unsigned int i, unsigned int at, const char *text)
{
	struct ring *r = &rings[i];
	u32 len = strlen(text);

	aerie_mem_write(&vm.mem, DATA, text, len, GFP_KERNEL);
	ring_desc(r, at, DATA, len, NEXT, at + 1);
	ring_desc(r, at + 1, DATA + 0x1000, len, WRITE, 0);
	ring_offer(r, at);
}

static __maybe_unused void kick(unsigned int i)
{
	mem_out(DOORBELL(i), 2, i);
}

#endif
