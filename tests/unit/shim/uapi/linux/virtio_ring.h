/* SPDX-License-Identifier: GPL-2.0 */
/* The interface to user space is the same there. */
#define __bitwise
#include "/usr/include/linux/virtio_ring.h"
