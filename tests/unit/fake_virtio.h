/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A virtio device that hands back what it is given, in a fake machine with PCI and
 * memory, and the driver's accesses to it.
 */
#ifndef FAKE_VIRTIO_H
#define FAKE_VIRTIO_H

#include "fake_machine.h"
#include "fake_mem.h"
#include "fake_pci.h"
#include "fake_ring.h"
#include "fake_work.h"
#include "virtio/virtio.h"
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_pci.h>

#define ECHO_SLOT	1
#define ECHO_VQS	2
#define ECHO_ID		42
#define ECHO_FEATURES	(BIT_ULL(3) | BIT_ULL(37))
#define ECHO_MAX	256	/* bytes of a request it hands back */

static const char echo_config[] = "0123456789";
static struct aerie_virtio echo;
static unsigned int echo_resets, echo_frees;
/* Called with each request before it is served, where set. */
static void (*echo_hook)(struct aerie_vq *vq, const struct aerie_vq_chain *chain);

static void echo_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u8 buf[ECHO_MAX];
	ssize_t n;

	if (echo_hook)
		echo_hook(vq, chain);
	n = aerie_vq_read(vq, chain, 0, buf, sizeof(buf));
	if (n > 0)
		n = aerie_vq_write(vq, chain, 0, buf, n);
	if (n < 0)
		aerie_virtio_broken(vq->vdev);
	else
		aerie_vq_done(vq, chain, n);
}

static void echo_reset(struct aerie_virtio *vdev)
{
	echo_resets++;
}

static void echo_free(struct aerie_virtio *vdev)
{
	echo_frees++;
}

static const struct aerie_virtio_ops echo_ops = {
	.id = ECHO_ID,
	.class = 0xff0000,
	.serve = echo_serve,
	.reset = echo_reset,
	.free = echo_free,
};

/* Not yet reset: nothing is served until then. */
static __maybe_unused int echo_create(void)
{
	memset(&echo, 0, sizeof(echo));
	echo.ops = &echo_ops;
	echo.features = ECHO_FEATURES;
	echo.config = echo_config;
	echo.config_len = sizeof(echo_config) - 1;
	return aerie_virtio_init(&echo, &vm, "echo", ECHO_VQS);
}

static void virtio_machine(u64 mem_bytes)
{
	machine_init();
	aerie_mem_init(&vm.mem, mem_bytes, NULL);
	machine_add(&aerie_pm_dev);
	machine_add(&aerie_pci_dev);
	if (aerie_virtio_start())
		abort();
	echo_resets = echo_frees = 0;
	echo_hook = NULL;
	nr_works = 0;
}

static void virtio_machine_fini(void)
{
	machine_fini();
	aerie_virtio_stop();
	aerie_mem_fini(&vm.mem);
}

/* Where BAR 0 has what. */
#define COMMON(field)	(regs_base + VIRTIO_PCI_COMMON_##field)
#define ISR		(regs_base + 0x1000)
#define DEVICE		(regs_base + 0x2000)
#define DOORBELL(vq)	(regs_base + 0x3000 + 4 * (vq))

static u32 regs_base, msix_base;

static __maybe_unused void decode_bars(void)
{
	config_out(ECHO_SLOT, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	regs_base = config_in(ECHO_SLOT, PCI_BASE_ADDRESS_0, 4);
	msix_base = config_in(ECHO_SLOT, PCI_BASE_ADDRESS_1, 4);
}

/* Give a queue a ring of eight, as a driver does. */
static __maybe_unused void ring_enable(struct ring *ring, struct aerie_vq *vq)
{
	*ring = (struct ring) { &vm.mem, 8, 0x10000, 0x20000, 0x30000, 0 };
	vq->size = ring->size;
	vq->desc = ring->desc;
	vq->avail = ring->avail;
	vq->used = ring->used;
	vq->enabled = true;
}

#endif
