// SPDX-License-Identifier: GPL-2.0
/*
 * Virtio over PCI, modern only (Virtual I/O Device, Virtio Over PCI Bus): the life of a
 * device and of its queues. What a driver reads and writes is in registers.c.
 *
 * A doorbell queues the queue's work, which is all that happens on the vCPU. The work
 * serves requests until there are no more, or does what its kind of device does with its
 * queues; no two of one queue run at once. A driver resets the device by writing status 0
 * and waits until it reads 0: the works are ended by another work, because that sleeps.
 * Before guest memory goes away, and while the machine is paused, it is quiet: no work is
 * queued until it goes on, or the next reset.
 */
#include <linux/bits.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/virtio_config.h>
#include <uapi/linux/virtio_pci.h>

#include "aerie.h"
#include "virtio/transport.h"
#include "virtio/virtio.h"

#define VIRTIO_VENDOR	0x1af4u
#define VIRTIO_MODERN	0x1040u	/* plus the device's ID */
#define SUBSYSTEM	0x1100u
#define REVISION	1

#define ISR_QUEUE	BIT(0)
#define ISR_CONFIG	BIT(1)

#define TRANSPORT_FEATURES (BIT_ULL(VIRTIO_F_VERSION_1) | BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC) | \
			    BIT_ULL(VIRTIO_RING_F_EVENT_IDX))

static struct workqueue_struct *workers;

static struct aerie_virtio *from_dev(struct aerie_dev *dev)
{
	return container_of(dev, struct aerie_virtio, dev);
}

/* ---- Interrupts ----------------------------------------------------------- */

static void interrupt(struct aerie_virtio *vdev, u8 isr, u16 vector)
{
	unsigned long flags;

	if (aerie_msix_enabled(&vdev->pci)) {
		aerie_msix_notify(&vdev->pci, vector);
		return;
	}
	raw_spin_lock_irqsave(&vdev->lock, flags);
	vdev->s.isr |= isr;
	aerie_pci_intx(&vdev->pci, true);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
}

void aerie_virtio_interrupt(struct aerie_vq *vq)
{
	vq->interrupts++;
	interrupt(vq->vdev, ISR_QUEUE, READ_ONCE(vq->vector));
}

static void config_changed(struct aerie_virtio *vdev)
{
	interrupt(vdev, ISR_CONFIG, READ_ONCE(vdev->s.config_vector));
}

void aerie_virtio_broken(struct aerie_virtio *vdev)
{
	unsigned long flags;
	unsigned int i;
	bool tell;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	tell = !(vdev->s.status & VIRTIO_CONFIG_S_NEEDS_RESET) &&
	       vdev->s.status & VIRTIO_CONFIG_S_DRIVER_OK;
	vdev->s.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	/* Who has something waiting gives it up. */
	for (i = 0; tell && vdev->ops->run && !vdev->stopped && i < vdev->nr_vqs; i++)
		queue_work(workers, &vdev->vqs[i].work);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	if (tell)
		config_changed(vdev);
}

void aerie_virtio_config_set(struct aerie_virtio *vdev, void *dst, const void *src, size_t len)
{
	unsigned long flags;
	bool tell;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	memcpy(dst, src, len);
	vdev->s.generation++;
	tell = vdev->s.status & VIRTIO_CONFIG_S_DRIVER_OK;
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	if (tell)
		config_changed(vdev);
}

/* ---- Queues --------------------------------------------------------------- */

#define SERVING		(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)

/* So many requests at a time, then other works of the host have their turn. */
#define RUN_REQUESTS	256u

bool aerie_vq_live(const struct aerie_vq *vq)
{
	u8 status = READ_ONCE(vq->vdev->s.status);

	return READ_ONCE(vq->enabled) && (status & SERVING) == SERVING &&
	       !(status & VIRTIO_CONFIG_S_NEEDS_RESET);
}

static void vq_serve(struct aerie_vq *vq)
{
	const struct aerie_virtio_ops *ops = vq->vdev->ops;

	if (!READ_ONCE(vq->vdev->severed))
		ops->serve(vq, vq->chain);
	else if (ops->fail)
		ops->fail(vq, vq->chain);
	else
		aerie_vq_done(vq, vq->chain, 0);
}

bool aerie_vq_may_serve(const struct aerie_vq *vq)
{
	return !READ_ONCE(vq->vdev->stopped) && aerie_vq_live(vq);
}

void aerie_vq_serve(struct aerie_vq *vq)
{
	const struct aerie_virtio_ops *ops = vq->vdev->ops;
	unsigned int left = RUN_REQUESTS;
	bool more = false;
	int n;

	if (aerie_vq_may_serve(vq))
		aerie_vq_kicks(vq, false);
	while (aerie_vq_may_serve(vq)) {
		if (!left--) {
			queue_work(workers, &vq->work);
			break;
		}
		if (ops->ready && !ops->ready(vq))
			break;
		n = aerie_vq_next(vq, vq->chain);
		/* Requests that go away again: the rings lie over each other. */
		if (n < 0 || (!n && more))
			aerie_virtio_broken(vq->vdev);
		else if (n)
			vq_serve(vq);
		else if (!aerie_vq_kicks(vq, true))
			break;
		else
			aerie_vq_kicks(vq, false);
		more = !n;
		if (aerie_vq_must_signal(vq))
			aerie_virtio_interrupt(vq);
		cond_resched();
	}
	/* What was done on the side. */
	if (ops->ready && aerie_vq_live(vq) && aerie_vq_must_signal(vq))
		aerie_virtio_interrupt(vq);
}

static void vq_work(struct work_struct *work)
{
	struct aerie_vq *vq = container_of(work, struct aerie_vq, work);

	if (vq->vdev->ops->run)
		vq->vdev->ops->run(vq);
	else
		aerie_vq_serve(vq);
}

void aerie_vq_kick(struct aerie_vq *vq)
{
	if (aerie_vq_may_serve(vq))
		queue_work(workers, &vq->work);
}

static void vq_reset(struct aerie_vq *vq)
{
	vq->size = vq->max;
	vq->vector = VIRTIO_MSI_NO_VECTOR;
	vq->enabled = false;
	vq->desc = vq->avail = vq->used = 0;
	vq->next_avail = vq->seen_avail = vq->next_used = vq->signalled = 0;
}

/* ---- Reset ---------------------------------------------------------------- */

static void works_cancel(struct aerie_virtio *vdev)
{
	unsigned int i;

	for (i = 0; i < vdev->nr_vqs; i++)
		cancel_work_sync(&vdev->vqs[i].work);
}

/* No queue may be served any more: end what is under way. */
static void serving_end(struct aerie_virtio *vdev)
{
	works_cancel(vdev);
	if (!vdev->ops->drain)
		return;
	vdev->ops->drain(vdev);
	/* What came to an end has kicked them again. */
	works_cancel(vdev);
}

/* Nothing is served any more: what the driver has set up is forgotten. */
static void state_reset(struct aerie_virtio *vdev)
{
	unsigned long flags;
	unsigned int i;

	if (vdev->ops->reset)
		vdev->ops->reset(vdev);
	raw_spin_lock_irqsave(&vdev->lock, flags);
	for (i = 0; i < vdev->nr_vqs; i++)
		vq_reset(&vdev->vqs[i]);
	memset(&vdev->s, 0, sizeof(vdev->s));
	vdev->resetting = false;
	vdev->s.config_vector = VIRTIO_MSI_NO_VECTOR;
	aerie_pci_intx(&vdev->pci, false);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
}

static void reset_work(struct work_struct *work)
{
	struct aerie_virtio *vdev = container_of(work, struct aerie_virtio, reset_work);

	serving_end(vdev);
	state_reset(vdev);
}

/*
 * Status 0 is read only when the reset has been done. It is done once, however often
 * it is asked for meanwhile: whoever has read 0 goes on with the device.
 */
void virtio_reset_begin(struct aerie_virtio *vdev)
{
	if (!vdev->s.status || vdev->resetting)
		return;
	vdev->resetting = true;
	/* Not served any more from here on. */
	vdev->s.status = VIRTIO_CONFIG_S_NEEDS_RESET;
	if (!vdev->stopped)
		queue_work(workers, &vdev->reset_work);
}

static void virtio_quiesce(struct aerie_dev *dev)
{
	struct aerie_virtio *vdev = from_dev(dev);
	unsigned long flags;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	WRITE_ONCE(vdev->stopped, true);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	cancel_work_sync(&vdev->reset_work);
	serving_end(vdev);
}

/* Go on after a quiesce() that no reset has followed. */
static void virtio_resume(struct aerie_dev *dev)
{
	struct aerie_virtio *vdev = from_dev(dev);
	unsigned long flags;
	bool resetting;
	unsigned int i;

	raw_spin_lock_irqsave(&vdev->lock, flags);
	WRITE_ONCE(vdev->stopped, false);
	resetting = vdev->resetting;
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	if (resetting)
		queue_work(workers, &vdev->reset_work);
	for (i = 0; i < vdev->nr_vqs; i++)
		aerie_vq_kick(&vdev->vqs[i]);
}

static void virtio_reset(struct aerie_dev *dev)
{
	struct aerie_virtio *vdev = from_dev(dev);

	state_reset(vdev);
	aerie_pci_reset(&vdev->pci);
	vdev->stopped = false;
}

/* Requests that wait, and a reset that has been asked for meanwhile, are seen to after it. */
static bool virtio_sever(struct aerie_dev *dev)
{
	struct aerie_virtio *vdev = from_dev(dev);
	unsigned long flags;
	unsigned int i;

	if (!READ_ONCE(vdev->s.status))
		return false;
	virtio_quiesce(dev);
	if (vdev->ops->sever)
		vdev->ops->sever(vdev);
	raw_spin_lock_irqsave(&vdev->lock, flags);
	vdev->severed = true;
	WRITE_ONCE(vdev->stopped, !dev->vm->devs_run);
	if (vdev->resetting && !vdev->stopped)
		queue_work(workers, &vdev->reset_work);
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	for (i = 0; i < vdev->nr_vqs; i++)
		aerie_vq_kick(&vdev->vqs[i]);
	return true;
}

/* ---- Life ----------------------------------------------------------------- */

static void vqs_free(struct aerie_virtio *vdev)
{
	unsigned int i;

	for (i = 0; vdev->vqs && i < vdev->nr_vqs; i++)
		kfree(vdev->vqs[i].chain);
	kfree(vdev->vqs);
}

static int vqs_alloc(struct aerie_virtio *vdev)
{
	unsigned int i;

	vdev->vqs = kcalloc(vdev->nr_vqs, sizeof(*vdev->vqs), GFP_KERNEL_ACCOUNT);
	if (!vdev->vqs)
		return -ENOMEM;
	for (i = 0; i < vdev->nr_vqs; i++) {
		struct aerie_vq *vq = &vdev->vqs[i];

		vq->vdev = vdev;
		vq->index = i;
		vq->max = AERIE_VQ_SIZE;
		INIT_WORK(&vq->work, vq_work);
		vq_reset(vq);
		vq->chain = kmalloc(sizeof(*vq->chain), GFP_KERNEL_ACCOUNT);
		if (!vq->chain)
			return -ENOMEM;
	}
	return 0;
}

int aerie_virtio_init(struct aerie_virtio *vdev, struct aerie_vm *vm, const char *name,
		      unsigned int nr_vqs)
{
	int err;

	raw_spin_lock_init(&vdev->lock);
	INIT_WORK(&vdev->reset_work, reset_work);
	vdev->nr_vqs = nr_vqs;
	vdev->features |= TRANSPORT_FEATURES;
	vdev->stopped = !vm->devs_run;
	vdev->s.config_vector = VIRTIO_MSI_NO_VECTOR;
	vdev->pci.vm = vm;
	vdev->pci.ops = &virtio_registers_ops;
	vdev->pci.bar_size[VIRTIO_BAR_REGS] = VIRTIO_REGS_SIZE;
	vdev->dev.name = name;
	vdev->dev.pci = &vdev->pci;
	err = vqs_alloc(vdev);
	if (err)
		goto err_vqs;
	aerie_pci_setup(&vdev->pci, VIRTIO_VENDOR | (VIRTIO_MODERN + vdev->ops->id) << 16,
			vdev->ops->class << 8 | REVISION, VIRTIO_VENDOR | SUBSYSTEM << 16);
	vdev->pci.config[PCI_INTERRUPT_PIN] = 1;
	err = aerie_msix_init(&vdev->pci, VIRTIO_BAR_MSIX, nr_vqs + 1);
	if (err)
		goto err_vqs;
	virtio_caps_add(vdev);
	err = aerie_pci_plug(&vdev->pci);
	if (err)
		goto err_msix;
	aerie_device_add(vm, &vdev->dev, &aerie_virtio_dev_ops);
	return 0;

err_msix:
	aerie_msix_fini(&vdev->pci);
err_vqs:
	vqs_free(vdev);
	return err;
}

static void virtio_destroy(struct aerie_dev *dev)
{
	struct aerie_virtio *vdev = from_dev(dev);

	if (vdev->ops->detach)
		vdev->ops->detach(vdev);
	/* First nobody can queue a work any more, then none is, then no line is driven. */
	aerie_pci_unplug(&vdev->pci);
	virtio_quiesce(dev);
	aerie_pci_intx(&vdev->pci, false);
	aerie_msix_fini(&vdev->pci);
	vqs_free(vdev);
	vdev->ops->free(vdev);
}

static void virtio_describe(struct aerie_dev *dev, struct aerie_dev_info *info)
{
	struct aerie_virtio *vdev = from_dev(dev);
	unsigned int i;

	info->kind = vdev->ops->kind;
	info->nr_queues = vdev->nr_vqs;
	for (i = 0; i < vdev->nr_vqs; i++) {
		info->queues[i].requests = READ_ONCE(vdev->vqs[i].requests);
		info->queues[i].interrupts = READ_ONCE(vdev->vqs[i].interrupts);
	}
	if (vdev->ops->describe)
		vdev->ops->describe(vdev, info);
}

/* What debugfs shows: the device's, then counters of each queue. */
struct virtio_record {
	struct aerie_virtio_state s;
	u64 features;
	u64 requests[AERIE_VQ_MAX], interrupts[AERIE_VQ_MAX];
};

static void virtio_state(struct aerie_dev *dev, void *buf)
{
	struct aerie_virtio *vdev = from_dev(dev);
	struct virtio_record *r = buf;
	unsigned long flags;
	unsigned int i;

	memset(r, 0, sizeof(*r));
	raw_spin_lock_irqsave(&vdev->lock, flags);
	r->s = vdev->s;
	raw_spin_unlock_irqrestore(&vdev->lock, flags);
	r->features = vdev->features;
	for (i = 0; i < vdev->nr_vqs; i++) {
		r->requests[i] = READ_ONCE(vdev->vqs[i].requests);
		r->interrupts[i] = READ_ONCE(vdev->vqs[i].interrupts);
	}
}

static const struct aerie_field virtio_fields[] = {
	AERIE_FIELD(struct virtio_record, features),
	AERIE_FIELD(struct virtio_record, s.driver_features),
	AERIE_FIELD(struct virtio_record, s.device_feature_sel),
	AERIE_FIELD(struct virtio_record, s.driver_feature_sel),
	AERIE_FIELD(struct virtio_record, s.queue_sel),
	AERIE_FIELD(struct virtio_record, s.config_vector),
	AERIE_FIELD(struct virtio_record, s.status),
	AERIE_FIELD(struct virtio_record, s.isr),
	AERIE_FIELD(struct virtio_record, s.generation),
	AERIE_FIELD_ARRAY(struct virtio_record, requests),
	AERIE_FIELD_ARRAY(struct virtio_record, interrupts),
};

static const struct aerie_record virtio_record =
	AERIE_RECORD("virtio", 2, struct virtio_record, virtio_fields);

const struct aerie_dev_ops aerie_virtio_dev_ops = {
	.name = "virtio",
	.destroy = virtio_destroy,
	.quiesce = virtio_quiesce,
	.resume = virtio_resume,
	.reset = virtio_reset,
	.sever = virtio_sever,
	.describe = virtio_describe,
	.record = &virtio_record,
	.state = virtio_state,
};

int aerie_virtio_start(void)
{
	workers = alloc_workqueue("aerie-io", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return workers ? 0 : -ENOMEM;
}

void aerie_virtio_stop(void)
{
	destroy_workqueue(workers);
}
