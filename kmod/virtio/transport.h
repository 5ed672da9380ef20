/* SPDX-License-Identifier: GPL-2.0 */
/* What the two halves of the transport, transport.c and registers.c, have of each other. */
#ifndef AERIE_VIRTIO_TRANSPORT_H
#define AERIE_VIRTIO_TRANSPORT_H

#include "dev/pci.h"

struct aerie_virtio;

#define VIRTIO_BAR_REGS		0
#define VIRTIO_BAR_MSIX		1
#define VIRTIO_REGS_SIZE	0x4000u	/* bytes of the former */

/* registers.c */

extern const struct aerie_pci_ops virtio_registers_ops;

/* Say where the registers are. The device is being made, and knows its queues. */
void virtio_caps_add(struct aerie_virtio *vdev);

/* transport.c */

/* The driver has asked for a reset. Context: vdev->lock is held. */
void virtio_reset_begin(struct aerie_virtio *vdev);

#endif
