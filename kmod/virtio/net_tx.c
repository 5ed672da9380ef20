// SPDX-License-Identifier: GPL-2.0
/*
 * Frames of the guest: from the transmit queue to the host interface.
 *
 * The queue's work copies each request into an skb, gives requests back in batches, and
 * leaves the frames to the interface's NAPI, which hands them to the host as any driver
 * does. Where the host does not keep up the work stops taking requests; NAPI kicks it.
 */
#include <linux/etherdevice.h>
#include <linux/kernel.h>
#include <linux/virtio_net.h>

#include "virtio/net.h"

#define PENDING_MAX	512u
/* Headers of each protocol: what the host looks at lies in one piece. */
#define HEAD_LEN	192u
/* A frame up to this size lies in one piece. */
#define LINEAR_MAX	SKB_WITH_OVERHEAD(4096 - NET_SKB_PAD - NET_IP_ALIGN)

static struct sk_buff *skb_make(struct net_device *dev, u32 len)
{
	struct sk_buff *skb;
	int err;

	if (len <= LINEAR_MAX) {
		skb = __netdev_alloc_skb_ip_align(dev, len, GFP_KERNEL);
		if (skb)
			skb_put(skb, len);
		return skb;
	}
	skb = alloc_skb_with_frags(NET_SKB_PAD + NET_IP_ALIGN + HEAD_LEN, len - HEAD_LEN,
				   PAGE_ALLOC_COSTLY_ORDER, &err, GFP_KERNEL);
	if (!skb)
		return NULL;
	skb_reserve(skb, NET_SKB_PAD + NET_IP_ALIGN);
	skb_put(skb, HEAD_LEN);
	skb->data_len = len - HEAD_LEN;
	skb->len += skb->data_len;
	skb->dev = dev;
	return skb;
}

/* The frame of a request, or NULL, which has been counted. */
static struct sk_buff *frame_get(struct aerie_net_queue *q, const struct aerie_vq_chain *chain)
{
	struct virtio_net_hdr_mrg_rxbuf hdr;
	struct virtio_net *net = q->net;
	struct aerie_vq *vq = aerie_net_tx_vq(q);
	u32 len = chain->in_bytes - sizeof(hdr);
	struct iov_iter iter;
	struct sk_buff *skb;

	if (chain->in_bytes < sizeof(hdr) || chain->in_bytes > sizeof(hdr) + AERIE_NET_FRAME_MAX ||
	    aerie_vq_iter(vq, chain, chain->in_bytes, false, &iter, q->tx_segs, AERIE_NET_SEGS) ||
	    copy_from_iter(&hdr, sizeof(hdr), &iter) != sizeof(hdr) ||
	    !aerie_net_header_valid(&hdr.hdr, net->vdev.s.driver_features, len)) {
		q->from_errors++;
		return NULL;
	}
	skb = skb_make(net->dev, len);
	if (!skb) {
		q->from_dropped++;
		return NULL;
	}
	if (aerie_net_copy_from(skb, &iter) ||
	    virtio_net_hdr_to_skb(skb, &hdr.hdr, true)) {
		q->from_errors++;
		kfree_skb(skb);
		return NULL;
	}
	skb->protocol = eth_type_trans(skb, net->dev);
	skb_record_rx_queue(skb, q->index);
	return skb;
}

/* Hand frames to NAPI, or drop them where the interface is down. */
static void frames_pass(struct aerie_net_queue *q, struct sk_buff_head *frames)
{
	bool open;

	if (skb_queue_empty(frames))
		return;
	spin_lock_bh(&q->pending.lock);
	open = q->open;
	if (open) {
		skb_queue_splice_tail_init(frames, &q->pending);
		napi_schedule(&q->napi);
	}
	spin_unlock_bh(&q->pending.lock);	/* where it runs */
	if (open)
		return;
	q->from_dropped += skb_queue_len(frames);
	__skb_queue_purge(frames);
}

static void give_back(struct aerie_net_queue *q, unsigned int *prepared,
		      struct sk_buff_head *frames)
{
	struct aerie_vq *vq = aerie_net_tx_vq(q);

	if (*prepared)
		aerie_vq_publish(vq, *prepared);
	*prepared = 0;
	if (aerie_vq_must_signal(vq))
		aerie_virtio_interrupt(vq);
	frames_pass(q, frames);
}

/* The host does not keep up: true where the work has to wait. */
static bool must_wait(struct aerie_net_queue *q)
{
	if (skb_queue_len_lockless(&q->pending) < PENDING_MAX)
		return false;
	WRITE_ONCE(q->blocked, true);
	smp_mb();	/* either this sees that they have gone, or NAPI that it waits */
	return skb_queue_len_lockless(&q->pending) >= PENDING_MAX;
}

void aerie_net_tx_run(struct aerie_vq *vq)
{
	struct virtio_net *net = container_of(vq->vdev, struct virtio_net, vdev);
	struct aerie_net_queue *q = &net->queues[vq->index / 2];
	unsigned int prepared = 0;
	struct sk_buff_head frames;
	struct sk_buff *skb;
	bool more = false;
	int n, held;

	__skb_queue_head_init(&frames);
	if (aerie_vq_may_serve(vq))
		aerie_vq_kicks(vq, false);
	while (aerie_vq_may_serve(vq) && !must_wait(q)) {
		n = aerie_vq_next(vq, vq->chain);
		/* Requests that go away again: the rings lie over each other. */
		if (n < 0 || (!n && more)) {
			aerie_virtio_broken(vq->vdev);
			break;
		}
		more = !n;
		if (!n) {
			give_back(q, &prepared, &frames);
			if (!aerie_vq_kicks(vq, true))
				return;
			aerie_vq_kicks(vq, false);
			continue;
		}
		held = aerie_mem_hold();
		skb = frame_get(q, vq->chain);
		aerie_mem_release(held);
		if (skb)
			__skb_queue_tail(&frames, skb);
		aerie_vq_fill(vq, prepared++, vq->chain->head, 0);
		if (prepared == AERIE_NET_BATCH) {
			give_back(q, &prepared, &frames);
			cond_resched();
		}
	}
	give_back(q, &prepared, &frames);
}

static struct sk_buff *pending_next(struct aerie_net_queue *q)
{
	if (skb_queue_empty(&q->polling)) {
		spin_lock(&q->pending.lock);
		skb_queue_splice_tail_init(&q->pending, &q->polling);
		spin_unlock(&q->pending.lock);
	}
	return __skb_dequeue(&q->polling);
}

int aerie_net_tx_poll(struct napi_struct *napi, int budget)
{
	struct aerie_net_queue *q = container_of(napi, struct aerie_net_queue, napi);
	struct sk_buff *skb;
	int done = 0;

	while (done < budget && (skb = pending_next(q))) {
		q->from_packets++;
		q->from_bytes += skb->len + ETH_HLEN;
		napi_gro_receive(napi, skb);
		done++;
	}
	smp_mb();	/* pairs with must_wait() */
	if (READ_ONCE(q->blocked) && xchg(&q->blocked, false))
		aerie_vq_kick(aerie_net_tx_vq(q));
	if (done < budget)
		napi_complete_done(napi, done);
	return done;
}

void aerie_net_tx_open(struct aerie_net_queue *q)
{
	napi_enable(&q->napi);
	spin_lock_bh(&q->pending.lock);
	q->open = true;
	spin_unlock_bh(&q->pending.lock);
}

void aerie_net_tx_close(struct aerie_net_queue *q)
{
	spin_lock_bh(&q->pending.lock);
	q->open = false;
	spin_unlock_bh(&q->pending.lock);
	napi_disable(&q->napi);
	skb_queue_purge(&q->pending);
	__skb_queue_purge(&q->polling);
	if (xchg(&q->blocked, false))
		aerie_vq_kick(aerie_net_tx_vq(q));
}
