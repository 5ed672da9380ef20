// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile driver: rings, buffers, registers and configuration space, all as bytes say.
 *
 * The device is one that is ready, with a request in its ring. Input is a series of
 * commands. Apart from the sanitizers it is checked that no read returns more than its
 * size, that a request has no more buffers than there can be and no more bytes than
 * they hold, and that rings cannot keep a worker busy for ever.
 */
// sources: kmod/virtio/transport.c kmod/virtio/queue.c kmod/dev/device.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/irq.c kmod/dev/bus.c kmod/dev/ioapic.c kmod/dev/pic.c kmod/dev/pit.c kmod/dev/rtc.c kmod/dev/pm.c kmod/dev/serial.c
#include "fake_virtio.h"
#include "dev/lapic.h"

void aerie_lapic_lint(struct aerie_vcpu *v, unsigned int pin)
{
}

void aerie_vcpu_kick(struct aerie_vcpu *v)
{
}

static const u8 *next;
static size_t left;

static u64 take(unsigned int bytes)
{
	u64 val = 0;

	for (; bytes && left; bytes--, left--)
		val = val << 8 | *next++;
	return val;
}

/* Registers mostly, and anything else of the window. */
static u64 take_mmio(void)
{
	u8 n = take(1);

	switch (n & 7) {
	case 0: case 1: case 2:
		return REG(DFSELECT) + (n >> 3) * 2;
	case 3:
		return DOORBELL + (n >> 3);
	case 4:
		return MSIX_TABLE + (n >> 3) * 4;
	case 5:
		return CONFIG_AT(VIRTIO_SLOT, take(1));
	case 6:
		return AERIE_PCI_ECAM_BASE + take(3) % AERIE_PCI_ECAM_LEN;
	default:
		return AERIE_PCI_MMIO_BASE + (take(3) << (n >> 3 & 7));
	}
}

static void run(void)
{
	static const u16 places[] = { DESC, AVAIL, USED, BUF };
	unsigned int size, ports = 0;
	u64 val, gpa;

	while (left) {
		u8 cmd = take(1);

		size = 1u << (cmd >> 6 & 3);
		switch (cmd & 15) {
		case 0: case 1: case 2: case 3:
			gpa = places[cmd & 3] + (take(1) << (cmd >> 4 & 1));
			val = take(size);
			put_mem(gpa, &val, size);
			break;
		case 4: case 5: case 6:
			gpa = take_mmio();
			write_at(gpa, size, take(size));
			break;
		case 7:
			gpa = take_mmio();
			val = read_at(gpa, size);
			if (size < 8 && val >> size * 8)
				abort();
			break;
		case 8: case 9: case 10:
			write_at(DOORBELL, 2, 0);
			shim_works_run();
			break;
		case 11:
			shim_works_run();
			break;
		case 12:
			/* Not the reset register among them. */
			ports = take(2);
			aerie_bus_write(&vm.pio, NULL, 0xcf8, 4, 0x80000000 | ports);
			aerie_bus_write(&vm.pio, NULL, 0xcfc, size & 7, take(size & 7));
			break;
		case 13:
			vdev->dev.ops->quiesce(&vdev->dev);
			break;
		case 14:
			vdev->dev.ops->quiesce(&vdev->dev);
			vdev->dev.ops->reset(&vdev->dev);
			driver_start(take(4));
			break;
		case 15:
			val = take(2);
			put_mem(AVAIL + 2, &val, 2);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const struct { u64 addr; u32 len; u16 flags, next; } desc[] = {
		{ BUF, 16, VRING_DESC_F_NEXT, 1 }, { BUF + 64, 16, VRING_DESC_F_WRITE, 0 },
	};
	const u16 ring[] = { 0, 1, 0, 0 };

	if (size > 4096)
		return 0;
	next = data;
	left = size;
	virtio_machine_init();
	driver_start(BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | BIT_ULL(VIRTIO_RING_F_EVENT_IDX));
	put_mem(DESC, desc, sizeof(desc));
	put_mem(AVAIL, ring, sizeof(ring));
	run();
	/* Each time the work runs it serves at most what the ring holds, or stops. */
	if (served > (size + 1) * AERIE_VQ_SIZE)
		abort();
	virtio_machine_fini();
	return 0;
}
