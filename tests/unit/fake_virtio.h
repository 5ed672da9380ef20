/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A machine with a virtio device behind PCI, for tests of transport and rings: it
 * copies what it reads to what it writes, and its driver is the test.
 */
#ifndef FAKE_VIRTIO_H
#define FAKE_VIRTIO_H

#include "fake_machine.h"
#include "fake_mem.h"
#include "virtio/virtio.h"
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_pci.h>

struct work_struct *shim_works[SHIM_WORKS];

#define DESC		0x1000u		/* the rings, a page each */
#define AVAIL		0x2000u
#define USED		0x3000u
#define BUF		0x4000u
#define QSIZE		8u
#define VIRTIO_SLOT	1
#define REG(field)	(0xc0000000u + VIRTIO_PCI_COMMON_##field)
#define ISR		0xc0001000u
#define DEVICE_CONFIG	0xc0002000u
#define DOORBELL	0xc0003000u
#define MSIX_TABLE	0xc0004000u
#define CONFIG_AT(slot, reg) (AERIE_PCI_ECAM_BASE + (slot) * 0x8000u + (reg))

static struct aerie_virtio *vdev;
static unsigned int served;

static void echo_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u8 buf[64];
	ssize_t n, m;

	served++;
	if (chain->nr_in + chain->nr_out > AERIE_VQ_SIZE)
		abort();
	n = aerie_vq_read(vq, chain, 0, buf, sizeof(buf));
	if (n > (ssize_t)sizeof(buf) || n > (ssize_t)chain->in_bytes)
		abort();
	m = n < 0 ? n : aerie_vq_write(vq, chain, 0, buf, n);
	if (m > n || m > (ssize_t)chain->out_bytes)
		abort();
	if (m < 0)
		aerie_virtio_broken(vq->vdev);
	else
		aerie_vq_done(vq, chain, m);
}

static void echo_free(struct aerie_virtio *v)
{
	kfree(v);
}

static const struct aerie_virtio_ops echo_ops = {
	.id = VIRTIO_ID_RNG, .class = 0xff0000, .serve = echo_serve, .free = echo_free,
};

static void virtio_machine_init(void)
{
	static const u32 config = 0x44332211;

	machine_init();
	memset(shim_works, 0, sizeof(shim_works));
	served = 0;
	aerie_mem_init(&vm.mem, 1 << 20, NULL);
	machine_add(&aerie_ioapic_dev);
	machine_add(&aerie_pic_dev);
	machine_add(&aerie_pci_dev);
	if (aerie_virtio_start())
		abort();
	vdev = kzalloc(sizeof(*vdev), GFP_KERNEL);
	vdev->ops = &echo_ops;
	vdev->config = &config;
	vdev->config_len = sizeof(config);
	if (aerie_virtio_init(vdev, &vm, "echo", 2))
		abort();
	vdev->dev.ops->reset(&vdev->dev);
}

static void virtio_machine_fini(void)
{
	machine_fini();
	/* Whoever is gone has no work left. */
	if (shim_works[0])
		abort();
	aerie_virtio_stop();
	aerie_mem_fini(&vm.mem);
}

static void write_at(u64 gpa, unsigned int size, u64 val)
{
	aerie_bus_write(&vm.mmio, NULL, gpa, size, val);
}

static u64 read_at(u64 gpa, unsigned int size)
{
	u64 val;

	aerie_bus_read(&vm.mmio, NULL, gpa, size, &val);
	return val;
}

static void put_mem(u64 gpa, const void *buf, size_t len)
{
	aerie_mem_write(&vm.mem, gpa, buf, len, GFP_KERNEL);
}

static __maybe_unused u16 get_mem16(u64 gpa)
{
	u16 val;

	aerie_mem_read(&vm.mem, gpa, &val, sizeof(val), GFP_KERNEL);
	return val;
}

/* What a driver does first: queue 0 is ready, without MSI-X. */
static void driver_start(u64 features)
{
	write_at(CONFIG_AT(VIRTIO_SLOT, PCI_COMMAND), 2, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	write_at(REG(STATUS), 1, 3);
	features |= BIT_ULL(VIRTIO_F_VERSION_1);
	write_at(REG(GFSELECT), 4, 0);
	write_at(REG(GF), 4, features);
	write_at(REG(GFSELECT), 4, 1);
	write_at(REG(GF), 4, features >> 32);
	write_at(REG(STATUS), 1, 11);
	write_at(REG(Q_SELECT), 2, 0);
	write_at(REG(Q_SIZE), 2, QSIZE);
	write_at(REG(Q_DESCLO), 8, DESC);
	write_at(REG(Q_AVAILLO), 8, AVAIL);
	write_at(REG(Q_USEDLO), 8, USED);
	write_at(REG(Q_ENABLE), 2, 1);
	write_at(REG(STATUS), 1, 15);
}

#endif
