// SPDX-License-Identifier: GPL-2.0
/*
 * Console device (Virtual I/O Device, Console Device) of one port without a size: hvc0
 * of a Linux guest. What the guest transmits goes into the ring of a console of its own;
 * what is typed there waits in that console until the receive queue has a buffer.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/slab.h>

#include "aerie.h"
#include "dev/chips.h"
#include "uapi.h"
#include "virtio/virtio.h"

#define NAME			"console"
#define CLASS_OTHER_COMM	0x078000u	/* simple communication controller, other */

enum { RECEIVE, TRANSMIT, NR_QUEUES };

struct virtio_console {
	struct aerie_virtio vdev;
	struct aerie_console *con;
};

static struct virtio_console *of_vdev(struct aerie_virtio *vdev)
{
	return container_of(vdev, struct virtio_console, vdev);
}

/* Of a long request only the end is read: the rest would leave the ring again. */
static void console_transmit(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u32 at = chain->in_bytes - min(chain->in_bytes, AERIE_CONSOLE_RING);
	u8 buf[256];
	ssize_t n;

	while ((n = aerie_vq_read(vq, chain, at, buf, sizeof(buf))) > 0) {
		aerie_console_put(of_vdev(vq->vdev)->con, buf, n);
		at += n;
	}
	if (n < 0)
		aerie_virtio_broken(vq->vdev);
	else
		aerie_vq_done(vq, chain, 0);
}

/* Fill one buffer. False where nothing was typed that it could take. */
static bool console_fill(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u8 buf[256];
	u32 len;

	len = aerie_console_take(of_vdev(vq->vdev)->con, buf,
				 min_t(u32, chain->out_bytes, sizeof(buf)));
	if (!len)
		return false;
	if (aerie_vq_write(vq, chain, 0, buf, len) == len)
		aerie_vq_done(vq, chain, len);
	else
		aerie_virtio_broken(vq->vdev);
	return true;
}

/* A buffer is given back when there is something to put into it. */
static void console_receive(struct aerie_vq *vq)
{
	int n;

	while (aerie_vq_may_serve(vq)) {
		n = aerie_vq_next(vq, vq->chain);
		if (n < 0) {
			aerie_virtio_broken(vq->vdev);
		} else if (n) {
			if (!console_fill(vq, vq->chain)) {
				/* Buffers that come now are not waited for. */
				aerie_vq_back(vq, 1);
				aerie_vq_kicks(vq, false);
				break;
			}
		} else if (!aerie_vq_kicks(vq, true)) {
			break;
		}
		if (aerie_vq_must_signal(vq))
			aerie_virtio_interrupt(vq);
		cond_resched();
	}
}

static void console_run(struct aerie_vq *vq)
{
	if (vq->index != RECEIVE)
		aerie_vq_serve(vq);
	else if (!vq->vdev->severed)
		console_receive(vq);
}

/* Typed bytes are fetched, since guest memory is written by who may sleep. */
static size_t console_typed(void *arg, const u8 *buf, size_t len)
{
	struct virtio_console *vc = arg;

	aerie_vq_kick(&vc->vdev.vqs[RECEIVE]);
	return 0;
}

static void console_detach(struct aerie_virtio *vdev)
{
	if (of_vdev(vdev)->con)
		aerie_console_mute(of_vdev(vdev)->con);
}

/* Its console goes; the driver may transmit into nothing. */
static void console_sever(struct aerie_virtio *vdev)
{
	struct virtio_console *vc = of_vdev(vdev);

	vdev->dev.vm->hvc = NULL;
	WRITE_ONCE(vdev->dev.vm->hvc_tty, NULL);
	aerie_console_destroy(vc->con);
	vc->con = NULL;
}

static void console_describe(struct aerie_virtio *vdev, struct aerie_dev_info *info)
{
	strscpy(info->backing, aerie_console_tty(of_vdev(vdev)->con) ?: "", sizeof(info->backing));
}

static void console_free(struct aerie_virtio *vdev)
{
	if (of_vdev(vdev)->con)
		console_sever(vdev);
	kfree(of_vdev(vdev));
}

static const struct aerie_virtio_ops console_ops = {
	.id = VIRTIO_ID_CONSOLE,
	.class = CLASS_OTHER_COMM,
	.kind = NAME,
	.serve = console_transmit,
	.run = console_run,
	.detach = console_detach,
	.sever = console_sever,
	.describe = console_describe,
	.free = console_free,
};

int aerie_virtio_console_create(struct aerie_vm *vm, struct aerie_why *why)
{
	struct virtio_console *vc;
	int err;

	if (aerie_device_find(vm, NAME))
		return aerie_refuse(why, -EEXIST, AERIE_A_HVC, "the VM has a virtio console");
	vc = kzalloc(sizeof(*vc), GFP_KERNEL_ACCOUNT);
	if (!vc)
		return -ENOMEM;
	vc->vdev.ops = &console_ops;
	vc->con = aerie_console_create(console_typed, vc);
	if (IS_ERR(vc->con)) {
		err = PTR_ERR(vc->con);
		goto err_vc;
	}
	err = aerie_virtio_init(&vc->vdev, vm, NAME, NR_QUEUES);
	if (err == -ENOSPC)
		aerie_refuse(why, err, AERIE_A_HVC, "finds no free PCI slot");
	if (err)
		goto err_con;
	vm->hvc = vc->con;
	WRITE_ONCE(vm->hvc_tty, aerie_console_tty(vc->con));
	return 0;

err_con:
	aerie_console_destroy(vc->con);
err_vc:
	kfree(vc);
	return err;
}
