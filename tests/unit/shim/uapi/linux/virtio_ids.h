/* SPDX-License-Identifier: GPL-2.0 */
/* The interface to user space is the same there. */
#include "/usr/include/linux/virtio_ids.h"
