/* SPDX-License-Identifier: GPL-2.0 */
/* A network device and its host interface, as the files of both see them. */
#ifndef AERIE_VIRTIO_NET_H
#define AERIE_VIRTIO_NET_H

#include <linux/cache.h>
#include <linux/netdevice.h>
#include <linux/rcupdate.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/uio.h>
#include <linux/workqueue.h>

#include "aerie.h"
#include "virtio/net_mode.h"

#define AERIE_NET_PAIRS		8u	/* of queues, the most */
#define AERIE_NET_RING		256u	/* frames that wait for the guest, of each queue */
#define AERIE_NET_BATCH		64u	/* requests that are given back at a time */

/* Pieces that a request's buffers lie in: each, and where the frame crosses pages. */
#define AERIE_NET_SEGS		(AERIE_VQ_SIZE + 32)

struct virtio_net;

/**
 * struct aerie_net_queue - a pair of queues, and the host interface's
 * @net: the device
 * @index: which
 *
 * To the guest: the interface's transmission puts frames into a ring, whose other end
 * is the receive queue's work.
 * @ring: frames that wait
 * @tail: where the next goes to; the interface's queue lock
 * @head: which is to be taken next; the work
 * @idle: the work has seen the ring empty: kick it
 * @stalled: the guest has given no buffers for a second: frames are dropped
 * @waiting: it gives none at the moment, and @stall is on its way
 * @stall: says that the second is over
 * @chain: a frame's further buffers
 * @rx_segs: pieces of a buffer
 * @to_packets: frames the guest has got
 * @to_bytes: of them
 * @to_dropped: frames it has not
 *
 * From the guest: the transmit queue's work makes frames of requests, the interface's
 * NAPI hands them to the host.
 * @napi: its
 * @pending: frames for it
 * @polling: those it has taken
 * @open: there is somebody to hand them to; pending.lock
 * @blocked: the work waits until some have gone
 * @tx_segs: pieces of a request
 * @from_packets: frames the host has got
 * @from_bytes: of them
 * @from_errors: requests that are no frames
 * @from_dropped: frames for which there was no memory, or nobody
 */
struct aerie_net_queue {
	struct virtio_net *net;
	u16 index;

	u32 tail ____cacheline_aligned;
	u32 head ____cacheline_aligned;
	bool idle, stalled, waiting;
	struct sk_buff *ring[AERIE_NET_RING];
	struct delayed_work stall;
	struct aerie_vq_chain *chain;
	struct kvec rx_segs[AERIE_NET_SEGS];
	u64 to_packets, to_bytes;
	atomic64_t to_dropped;

	struct napi_struct napi ____cacheline_aligned;
	struct sk_buff_head pending, polling;
	bool open, blocked;
	struct kvec tx_segs[AERIE_NET_SEGS];
	u64 from_packets, from_bytes, from_errors, from_dropped;
};

/**
 * struct virtio_net - a network device
 * @vdev: what it is
 * @dev: the host interface
 * @config: device configuration; vdev.lock
 * @mode: what the driver has asked for; replaced by the control queue's work
 * @mac: the address it was made with
 * @bridge: that the interface was to join, or ""
 * @pairs: of queues
 * @link_lock: config.status and the interface's carrier
 * @shown: the interface is registered, and is not about to go; changes under link_lock
 * @name: for people, "nic0"
 * @queues: each pair's
 */
struct virtio_net {
	struct aerie_virtio vdev;
	struct net_device *dev;
	struct virtio_net_config config;
	struct aerie_net_mode __rcu *mode;
	u8 mac[ETH_ALEN];
	char bridge[AERIE_IFNAME_LEN];
	u16 pairs;
	spinlock_t link_lock;
	bool shown;
	char name[8];
	struct aerie_net_queue *queues;
};

/* Queues are receive, transmit, receive, ...: those of a pair. */
static inline struct aerie_vq *aerie_net_rx_vq(const struct aerie_net_queue *q)
{
	return &q->net->vdev.vqs[2 * q->index];
}

static inline struct aerie_vq *aerie_net_tx_vq(const struct aerie_net_queue *q)
{
	return &q->net->vdev.vqs[2 * q->index + 1];
}

static inline bool aerie_net_has(const struct virtio_net *net, unsigned int feature)
{
	return net->vdev.s.driver_features & BIT_ULL(feature);
}

/* net.c */

/* Is the driver up and does the machine run? So is the interface's carrier. May sleep. */
void aerie_net_carrier(struct virtio_net *net, bool on);

/**
 * aerie_net_link() - change what the driver is told of the link
 * @net: the device
 * @set: VIRTIO_NET_S_* to set
 * @clear: to clear
 *
 * Context: may be atomic, not an interrupt.
 */
void aerie_net_link(struct virtio_net *net, u16 set, u16 clear);

/* net_rx.c: to the guest */

/* The interface's transmission: takes the frame over. Context: its queue lock is held. */
netdev_tx_t aerie_net_xmit(struct sk_buff *skb, struct net_device *dev);
/* The receive queue's work. */
void aerie_net_rx_run(struct aerie_vq *vq);
/* Drop what waits; its work does not run, nor does the interface's transmission. May sleep. */
void aerie_net_rx_drain(struct aerie_net_queue *q);
void aerie_net_rx_init(struct aerie_net_queue *q);

/* net_tx.c: from the guest */

/* The transmit queue's work. */
void aerie_net_tx_run(struct aerie_vq *vq);
int aerie_net_tx_poll(struct napi_struct *napi, int budget);
/* Begin and end to hand frames to the host. Context: may sleep. */
void aerie_net_tx_open(struct aerie_net_queue *q);
void aerie_net_tx_close(struct aerie_net_queue *q);

/* net_copy.c; both: 0, or -EFAULT where the one or the other ends too early. */

/* Fill @skb, as it was allocated, from @iter, which is of kvecs. */
int aerie_net_copy_from(struct sk_buff *skb, struct iov_iter *iter);
/* @len bytes of @skb from its byte @off on, to @iter, which is of kvecs. */
int aerie_net_copy_to(struct sk_buff *skb, u32 off, struct iov_iter *iter, u32 len);

/* netdev.c */

/**
 * aerie_netdev_alloc() - make the host interface, not visible yet
 * @net: the device, with mac, pairs, queues; dev is set
 * @vm: the VM's name, which the interface's begins with
 *
 * Context: may sleep. Return: 0 or -ENOMEM; free_netdev() frees.
 */
int aerie_netdev_alloc(struct virtio_net *net, const char *vm);

/**
 * aerie_netdev_add() - show the host interface, set it up and have it join its bridge
 * @net: the device, in its slot
 * @bridge: the bridge's name, or "" for none
 * @why: reason of a refusal
 *
 * Context: may sleep. Return: 0 or -errno; then the interface is as it was.
 */
int aerie_netdev_add(struct virtio_net *net, const char *bridge, struct aerie_why *why);

/* Take it away again. Nobody comes by it after that. Context: may sleep. */
void aerie_netdev_del(struct virtio_net *net);

#endif
