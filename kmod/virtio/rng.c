// SPDX-License-Identifier: GPL-2.0
/*
 * Entropy device: bytes of the host kernel's generator (Virtual I/O Device, Entropy
 * Device). A request takes as long as its bytes take at RATE: that is the limit.
 */
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "aerie.h"
#include "uapi.h"
#include "virtio/virtio.h"

#define CLASS_OTHER	0xff0000u	/* PCI has no class for it */
#define NAME		"rng"
#define RATE		(1u << 20)	/* bytes a second */
#define REQUEST_MAX	4096u		/* a driver that wants more asks again */

static void rng_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u32 left = min(chain->out_bytes, REQUEST_MAX), done = 0;
	u8 buf[256];
	ssize_t n = 0;

	while (done < left) {
		u32 len = min_t(u32, left - done, sizeof(buf));

		get_random_bytes(buf, len);
		n = aerie_vq_write(vq, chain, done, buf, len);
		if (n <= 0)
			break;
		done += n;
	}
	memzero_explicit(buf, sizeof(buf));
	if (done)
		usleep_range(done * (USEC_PER_SEC / 1024) / (RATE / 1024),
			     done * (USEC_PER_SEC / 1024) / (RATE / 1024) + 50);
	if (n < 0)
		aerie_virtio_broken(vq->vdev);
	else
		aerie_vq_done(vq, chain, done);
}

static void rng_free(struct aerie_virtio *vdev)
{
	kfree(vdev);
}

static const struct aerie_virtio_ops rng_ops = {
	.id = VIRTIO_ID_RNG,
	.class = CLASS_OTHER,
	.kind = "rng",
	.serve = rng_serve,
	.free = rng_free,
};

int aerie_virtio_rng_create(struct aerie_vm *vm, struct aerie_why *why)
{
	struct aerie_virtio *vdev;
	int err;

	if (aerie_device_find(vm, NAME))
		return aerie_refuse(why, -EEXIST, AERIE_A_ENTROPY, "the VM has a source of entropy");
	vdev = kzalloc(sizeof(*vdev), GFP_KERNEL_ACCOUNT);
	if (!vdev)
		return -ENOMEM;
	vdev->ops = &rng_ops;
	err = aerie_virtio_init(vdev, vm, NAME, 1);
	if (!err)
		return 0;
	kfree(vdev);
	return err == -ENOSPC ? aerie_refuse(why, err, AERIE_A_ENTROPY, "finds no free PCI slot") :
				err;
}
