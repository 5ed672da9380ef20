/* SPDX-License-Identifier: GPL-2.0 */
/* Virtio devices, their queues, and the transport that carries both. */
#ifndef AERIE_VIRTIO_VIRTIO_H
#define AERIE_VIRTIO_VIRTIO_H

#include <linux/workqueue.h>
#include <uapi/linux/virtio_ids.h>
#include <uapi/linux/virtio_ring.h>

#include "aerie.h"
#include "dev/device.h"
#include "dev/pci.h"

struct aerie_balloon_info;
struct aerie_virtio;
struct bio_vec;
struct iov_iter;
struct kvec;

#define AERIE_VQ_SIZE		256	/* descriptors a queue has at the most */
#define AERIE_VQ_MAX		AERIE_DEV_QUEUES

/* One buffer of a chain: guest memory, read by the device or written by it. */
struct aerie_vq_buf {
	gpa_t gpa;
	u32 len;
};

/**
 * struct aerie_vq_chain - a request: what the device reads, then what it writes
 * @head: descriptor that names it
 * @nr_in: buffers the device reads, the first of @bufs
 * @nr_out: buffers it writes, those after them
 * @in_bytes: sum of the former
 * @out_bytes: sum of the latter, below 4 GiB
 * @bufs: the buffers
 */
struct aerie_vq_chain {
	u16 head;
	u16 nr_in, nr_out;
	u32 in_bytes, out_bytes;
	struct aerie_vq_buf bufs[AERIE_VQ_SIZE];
};

/**
 * struct aerie_vq - a split virtqueue
 * @vdev: the device
 * @index: which of its queues
 * @max: entries it offers
 * @size: entries the driver uses, a power of two
 * @vector: MSI-X vector, or VIRTIO_MSI_NO_VECTOR
 * @enabled: the driver has set it up
 * @desc: GPA of the descriptor table
 * @avail: GPA of the driver's ring
 * @used: GPA of the device's ring
 * @next_avail: entry of @avail to be taken next
 * @seen_avail: entries of @avail before it are known to be there, from @next_avail on
 * @next_used: entry of @used to be written next
 * @signalled: @next_used when the driver was last told
 * @event_idx: VIRTIO_RING_F_EVENT_IDX, latched when the queue was enabled
 * @work: serves it
 * @chain: the request being served
 * @requests: served since the device was made
 * @interrupts: sent since then
 */
struct aerie_vq {
	struct aerie_virtio *vdev;
	u16 index, max;
	u16 size, vector;
	bool enabled;
	gpa_t desc, avail, used;
	u16 next_avail, seen_avail, next_used, signalled;
	bool event_idx;
	struct work_struct work;
	struct aerie_vq_chain *chain;
	u64 requests, interrupts;
};

/**
 * struct aerie_virtio_ops - a kind of virtio device
 * @id: VIRTIO_ID_*
 * @class: PCI class code, 24 bits
 * @kind: what people call it
 * @serve: take one request: data in and out, then aerie_vq_done(); may sleep
 * @describe: say what is behind it (aerie_dev_ops.describe); or NULL
 * @fail: answer a request when the host's side of it has gone; NULL: with nothing
 * @sever: give back what of the host is behind the device, nothing is served; or NULL;
 *	   may sleep
 * @configure: the driver writes @val, of @size bytes, to @off of the device's configuration;
 *	       vdev->lock is held; or NULL
 * @reset: the driver has reset the device; or NULL; may sleep
 * @free: give back what the device holds, itself included
 * @run: what a queue's work does, where that is not to serve one request after the other;
 *	 called after a kick, aerie_vq_kick(), once the driver is up, and when it has
 *	 broken the device; or NULL; may sleep
 * @ready: give back requests that were done on the side, and say whether another may be
 *	   taken; who says no calls aerie_vq_kick() later; the queue's work; or NULL
 * @drain: no queue is served any more, until the driver is up or the machine runs again: wait
 *	   until no request is under way and give them back where aerie_vq_live(), give up
 *	   what waits; no queue's work runs, none is kicked after it; may sleep; or NULL
 * @detach: the device goes: see that nobody calls aerie_vq_kick() any more; may sleep; or NULL
 */
struct aerie_virtio_ops {
	u16 id;
	u32 class;
	const char *kind;
	void (*describe)(struct aerie_virtio *vdev, struct aerie_dev_info *info);
	void (*serve)(struct aerie_vq *vq, struct aerie_vq_chain *chain);
	void (*fail)(struct aerie_vq *vq, struct aerie_vq_chain *chain);
	void (*sever)(struct aerie_virtio *vdev);
	void (*configure)(struct aerie_virtio *vdev, u64 off, unsigned int size, u64 val);
	void (*reset)(struct aerie_virtio *vdev);
	void (*free)(struct aerie_virtio *vdev);
	void (*run)(struct aerie_vq *vq);
	bool (*ready)(struct aerie_vq *vq);
	void (*drain)(struct aerie_virtio *vdev);
	void (*detach)(struct aerie_virtio *vdev);
};

/* What a driver sees of a device besides queues. */
struct aerie_virtio_state {
	u64 driver_features;
	u32 device_feature_sel, driver_feature_sel;
	u16 queue_sel;
	u16 config_vector;
	u8 status;
	u8 isr;
	u8 generation;
};

/**
 * struct aerie_virtio - a virtio device, embedded in what it is
 * @dev: in the VM's list; first
 * @pci: its PCI function
 * @ops: its kind
 * @features: what it offers, the transport's own included
 * @config: device configuration, read by the driver; NULL: none
 * @config_len: bytes of it
 * @lock: @s and the set-up of queues; before pci.lock
 * @s: state
 * @window: offset, length and BAR of the PCI configuration access capability
 * @vqs: queues
 * @nr_vqs: how many
 * @stopped: no queue is served, for the guest's memory goes away
 * @severed: nothing of the host is behind it any more; written while @stopped
 * @resetting: the driver has asked for a reset that is not done yet
 * @reset_work: does a reset that the driver asked for
 */
struct aerie_virtio {
	struct aerie_dev dev;
	struct aerie_pci_dev pci;
	const struct aerie_virtio_ops *ops;
	u64 features;
	const void *config;
	u32 config_len;
	raw_spinlock_t lock;
	struct aerie_virtio_state s;
	u8 window;
	struct aerie_vq *vqs;
	u16 nr_vqs;
	bool stopped, severed, resetting;
	struct work_struct reset_work;
};

/* transport.c */

extern const struct aerie_dev_ops aerie_virtio_dev_ops;

/**
 * aerie_virtio_init() - make a virtio device of what embeds it, and plug it in
 * @vdev: zeroed but for ops, features, config, config_len
 * @vm: the VM, being built, or its lock is held
 * @name: shown to people, unique in the VM
 * @nr_vqs: queues, 1 to AERIE_VQ_MAX
 *
 * Context: may sleep.
 * Return: 0; or -ENOMEM, -ENOSPC, then nothing of it is left but the caller's memory.
 */
int aerie_virtio_init(struct aerie_virtio *vdev, struct aerie_vm *vm, const char *name,
		      unsigned int nr_vqs);

/**
 * aerie_virtio_broken() - the driver has done what no driver may do
 * @vdev: the device: it stops serving and says DEVICE_NEEDS_RESET
 *
 * Context: any up to hard interrupt.
 */
void aerie_virtio_broken(struct aerie_virtio *vdev);

/* Tell the driver about used buffers. Context: any up to hard interrupt. */
void aerie_virtio_interrupt(struct aerie_vq *vq);

/* May its rings be touched? Context: any. */
bool aerie_vq_live(const struct aerie_vq *vq);
/* And does the machine run? Context: any. */
bool aerie_vq_may_serve(const struct aerie_vq *vq);

/* Have the queue's work run, where it may. Context: any up to hard interrupt. */
void aerie_vq_kick(struct aerie_vq *vq);

/* Serve requests until there are no more. Context: the queue's work. */
void aerie_vq_serve(struct aerie_vq *vq);

/**
 * aerie_virtio_config_set() - change the device's own configuration, and say so
 * @vdev: the device
 * @dst: where, in what vdev->config points at
 * @src: new content
 * @len: bytes
 *
 * Context: any up to hard interrupt.
 */
void aerie_virtio_config_set(struct aerie_virtio *vdev, void *dst, const void *src, size_t len);

/* The queues' workers: module load and unload. */
int aerie_virtio_start(void);
void aerie_virtio_stop(void);

/* queue.c */

/**
 * aerie_vq_next() - take the next request
 * @vq: enabled
 * @chain: filled in
 *
 * Context: may sleep; the queue's work.
 * Return: 1; 0 where there is none; -EPROTO where the ring is no ring.
 */
int aerie_vq_next(struct aerie_vq *vq, struct aerie_vq_chain *chain);

/**
 * aerie_vq_done() - give a request back
 * @vq: the queue
 * @chain: the request
 * @written: bytes written to its buffers
 */
void aerie_vq_done(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u32 written);

/* The same by the descriptor that names the request. */
void aerie_vq_used(struct aerie_vq *vq, u16 head, u32 written);

/**
 * aerie_vq_back() - leave requests that were taken last to be taken again
 * @vq: the queue
 * @nr: how many, of those not given back
 */
static inline void aerie_vq_back(struct aerie_vq *vq, unsigned int nr)
{
	vq->next_avail -= nr;
}

/**
 * aerie_vq_fill() - prepare to give a request back
 * @vq: the queue
 * @nth: requests that have been prepared before it
 * @head: descriptor that names it
 * @written: bytes written to its buffers
 *
 * The driver sees nothing of it until aerie_vq_publish(), and then all at once.
 * Return: false where that cannot be, which ends the device.
 */
bool aerie_vq_fill(struct aerie_vq *vq, unsigned int nth, u16 head, u32 written);

/* Give back @nr requests that have been prepared; not 0. */
void aerie_vq_publish(struct aerie_vq *vq, unsigned int nr);

/**
 * aerie_vq_kicks() - ask the driver to kick, or not to
 * @vq: the queue
 * @on: whether
 *
 * Return: with @on, true where requests have come in the meantime.
 */
bool aerie_vq_kicks(struct aerie_vq *vq, bool on);

/* Does the driver want to hear of what was done since it was told last? Asked once. */
bool aerie_vq_must_signal(struct aerie_vq *vq);

/**
 * aerie_vq_read() - copy what the driver hands to the device
 * @vq: the queue
 * @chain: the request
 * @off: bytes from the start of what the device reads
 * @buf: destination
 * @len: bytes
 *
 * Return: bytes copied, fewer where there are no more; -EFAULT where a buffer is not RAM.
 */
ssize_t aerie_vq_read(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 off,
		      void *buf, size_t len);
/* The same to what the device writes. -ENOMEM where the host has no memory. */
ssize_t aerie_vq_write(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 off,
		       const void *buf, size_t len);

/**
 * aerie_vq_iter() - go over the buffers of a request in place
 * @vq: the queue
 * @chain: the request
 * @len: bytes, from the start of its side; 1 to what there are
 * @write: of what the device writes; else of what it reads
 * @iter: made to go over them
 * @segs: for it
 * @nr: room in @segs
 *
 * Good until the queue is served no more. Context: may sleep; the queue's work.
 * Return: 0, -EFAULT where a buffer is not RAM, -E2BIG where it takes more of @segs,
 * -ENOMEM.
 */
int aerie_vq_iter(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u32 len, bool write,
		  struct iov_iter *iter, struct kvec *segs, unsigned int nr);

/* pin.c */

/**
 * aerie_vq_pin() - hold buffers of a request in place
 * @vq: the queue
 * @chain: the request
 * @off: bytes to leave out, from the start of its side
 * @len: bytes wanted
 * @write: of what the device writes; else of what it reads
 * @segs: filled in, each to be given to aerie_mem_unpin()
 * @nr: room in @segs; on return how many there are, also after an error
 *
 * Context: may sleep.
 * Return: bytes, fewer than @len where @segs or the buffers are at their end; -EFAULT
 * where a buffer is not RAM, -ENOMEM.
 */
s64 aerie_vq_pin(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 off, u64 len,
		 bool write, struct bio_vec *segs, unsigned int *nr);

/*
 * The devices. Context: may sleep; the VM is being built, or its lock is held. Return: 0
 * or -errno; then vm->devs ends with the device.
 */

int aerie_virtio_rng_create(struct aerie_vm *vm, struct aerie_why *why);
int aerie_virtio_balloon_create(struct aerie_vm *vm, const struct aerie_balloon_config *config,
				struct aerie_why *why);
int aerie_virtio_blk_create(struct aerie_vm *vm, const struct aerie_disk_config *disk,
			    struct aerie_why *why);
int aerie_virtio_console_create(struct aerie_vm *vm, struct aerie_why *why);
int aerie_virtio_net_create(struct aerie_vm *vm, const struct aerie_nic_config *nic,
			    struct aerie_why *why);

/* As aerie_vm_disk_change(). vm->lock is held. */
int aerie_virtio_blk_change(struct aerie_vm *vm, const struct aerie_disk_change *change,
			    struct aerie_disk_info *info, struct aerie_why *why);

/* As aerie_vm_balloon(). vm->lock is held. */
int aerie_virtio_balloon_set(struct aerie_vm *vm, const struct aerie_balloon_config *config,
			     struct aerie_balloon_info *info, struct aerie_why *why);
/* As aerie_vm_ballooned(). vm->devs_lock or vm->lock is held. */
bool aerie_virtio_balloon_size(struct aerie_vm *vm, u64 *wanted, u64 *actual);

/* netdev.c: what all host interfaces share; module load and unload. */
int aerie_netdev_start(void);
void aerie_netdev_stop(void);

/* bdev.c */

/**
 * aerie_bdev_claim() - keep a block device from everybody else who claims it
 * @file: a file; one that is no block device needs no claim
 * @bdev: set to the claim, for aerie_bdev_release(), or to NULL where none is needed
 * @attr: the attribute that named it
 * @why: reason of a refusal
 *
 * Several files of one block device can be claimed; which of them may be open for writing
 * is the caller's.
 * Context: may sleep.
 * Return: 0, -EBUSY where it is mounted or somebody else has claimed it or a part of it.
 */
int aerie_bdev_claim(struct file *file, void **bdev, u32 attr, struct aerie_why *why);
/* Does nothing with NULL. Context: may sleep. */
void aerie_bdev_release(void *bdev);

#endif
