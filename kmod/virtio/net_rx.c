// SPDX-License-Identifier: GPL-2.0
/*
 * Frames for the guest: from the host interface's transmission to the receive queue.
 *
 * Transmission puts a frame into the ring and stops the interface's queue when that is
 * full; the receive queue's work copies frames into the guest's buffers and starts it
 * again. Of a guest that gives no buffers for a second all frames are dropped until it
 * does, so that none is held for longer. Who finds the ring empty says so (idle) and
 * looks again; who puts a frame into it looks at that afterwards, and kicks.
 */
#include <linux/if_vlan.h>
#include <linux/kernel.h>
#include <linux/virtio_net.h>

#include "virtio/net.h"

#define STALL_TIME	HZ

static struct netdev_queue *host_queue(const struct aerie_net_queue *q)
{
	return netdev_get_tx_queue(q->net->dev, q->index);
}

static u32 ring_used(const struct aerie_net_queue *q)
{
	return READ_ONCE(q->tail) - READ_ONCE(q->head);
}

/* ---- The interface's end -------------------------------------------------- */

static bool wanted(const struct aerie_net_queue *q, const struct sk_buff *skb)
{
	const struct aerie_net_mode *mode = rcu_dereference_bh(q->net->mode);
	u8 buf[ETH_HLEN + VLAN_HLEN];
	unsigned int len = min_t(unsigned int, skb->len, sizeof(buf));
	const u8 *head = skb_header_pointer(skb, 0, len, buf);

	/* Not all ways to transmit ask which queue there is. */
	return q->index < mode->pairs && head && len >= ETH_HLEN &&
	       skb->len <= AERIE_NET_FRAME_MAX &&
	       aerie_net_mode_pass(mode, q->net->vdev.s.driver_features, head, len);
}

static void wake_work(struct aerie_net_queue *q)
{
	smp_mb();	/* either this sees idle, or the work the frame */
	if (READ_ONCE(q->idle) && xchg(&q->idle, false))
		aerie_vq_kick(aerie_net_rx_vq(q));
}

static void ring_push(struct aerie_net_queue *q, struct netdev_queue *txq, struct sk_buff *skb)
{
	q->ring[q->tail % AERIE_NET_RING] = skb;
	smp_store_release(&q->tail, q->tail + 1);
	if (ring_used(q) < AERIE_NET_RING)
		return;
	netif_tx_stop_queue(txq);
	smp_mb();	/* either this sees room, or the work that it is stopped */
	if (ring_used(q) <= AERIE_NET_RING / 2)
		netif_tx_start_queue(txq);
}

netdev_tx_t aerie_net_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct virtio_net *net = *(struct virtio_net **)netdev_priv(dev);
	struct aerie_net_queue *q = &net->queues[skb_get_queue_mapping(skb)];
	struct netdev_queue *txq = host_queue(q);

	if (!aerie_vq_may_serve(aerie_net_rx_vq(q)) || READ_ONCE(q->stalled) ||
	    ring_used(q) >= AERIE_NET_RING) {
		atomic64_inc(&q->to_dropped);
		dev_kfree_skb_any(skb);
	} else if (!wanted(q, skb)) {
		dev_consume_skb_any(skb);
	} else {
		skb_tx_timestamp(skb);
		ring_push(q, txq, skb);
	}
	/* Frames before this one may have left it to the last. */
	if (!netdev_xmit_more() || netif_xmit_stopped(txq))
		wake_work(q);
	return NETDEV_TX_OK;
}

/* ---- The guest's end ------------------------------------------------------ */

static struct sk_buff *ring_peek(const struct aerie_net_queue *q)
{
	return q->head == smp_load_acquire(&q->tail) ? NULL : q->ring[q->head % AERIE_NET_RING];
}

static void ring_pop(struct aerie_net_queue *q)
{
	struct netdev_queue *txq = host_queue(q);

	WRITE_ONCE(q->head, q->head + 1);
	if (ring_used(q) > AERIE_NET_RING / 2)
		return;
	smp_mb();	/* the room before the look whether it is stopped */
	if (netif_tx_queue_stopped(txq) && READ_ONCE(q->net->shown)) {
		local_bh_disable();
		netif_tx_wake_queue(txq);
		local_bh_enable();
	}
}

static void ring_drop(struct aerie_net_queue *q)
{
	struct sk_buff *skb;

	while ((skb = ring_peek(q))) {
		ring_pop(q);
		atomic64_inc(&q->to_dropped);
		kfree_skb(skb);
	}
}

/* The frame's header; false where the driver cannot take it. */
static bool header(const struct virtio_net *net, struct sk_buff *skb,
		   struct virtio_net_hdr_mrg_rxbuf *hdr)
{
	bool csum = aerie_net_has(net, VIRTIO_NET_F_GUEST_CSUM);

	if (skb->ip_summed == CHECKSUM_PARTIAL && !csum && skb_checksum_help(skb))
		return false;
	if (virtio_net_hdr_from_skb(skb, &hdr->hdr, true, csum, 0))
		return false;
	hdr->num_buffers = __cpu_to_virtio16(true, 1);
	switch (hdr->hdr.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return true;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return aerie_net_has(net, VIRTIO_NET_F_GUEST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return aerie_net_has(net, VIRTIO_NET_F_GUEST_TSO6);
	}
	return false;
}

/*
 * The next buffer: 1; 0 where the guest has given none, then it kicks when it does;
 * -EPROTO where it is none to receive into.
 */
static int buffer_next(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	int n = aerie_vq_next(vq, chain);

	if (!n && aerie_vq_kicks(vq, true)) {
		aerie_vq_kicks(vq, false);
		n = aerie_vq_next(vq, chain) ?: -EPROTO;
	}
	return n > 0 && (!chain->out_bytes || chain->nr_in) ? -EPROTO : n;
}

/* Copy what follows the first @done bytes of header and frame, as much as there is room for. */
static int buffer_fill(struct aerie_net_queue *q, const struct aerie_vq_chain *chain,
		       const struct virtio_net_hdr_mrg_rxbuf *hdr, struct sk_buff *skb,
		       u32 done, u32 len)
{
	struct iov_iter iter;
	int err;

	err = aerie_vq_iter(aerie_net_rx_vq(q), chain, len, true, &iter, q->rx_segs,
			    AERIE_NET_SEGS);
	if (err)
		return err;
	if (!done) {
		if (copy_to_iter(hdr, sizeof(*hdr), &iter) != sizeof(*hdr))
			return -EFAULT;
		done = sizeof(*hdr);
		len -= sizeof(*hdr);
	}
	return len ? aerie_net_copy_to(skb, done - sizeof(*hdr), &iter, len) : 0;
}

/*
 * Copy a frame into buffers, of which @prepared have been used and not been given back.
 * Returns how many it takes, -EAGAIN where there are too few, -EINVAL where the driver
 * cannot take such a frame; any other error ends the device.
 */
static int frame_put(struct aerie_net_queue *q, struct sk_buff *skb, unsigned int prepared)
{
	struct aerie_vq *vq = aerie_net_rx_vq(q);
	bool merge = aerie_net_has(q->net, VIRTIO_NET_F_MRG_RXBUF);
	struct aerie_vq_chain *chain = vq->chain;
	struct virtio_net_hdr_mrg_rxbuf hdr;
	u32 total = sizeof(hdr) + skb->len, done = 0, len;
	unsigned int taken = 0;
	__virtio16 num;
	int n, held;

	if (!header(q->net, skb, &hdr))
		return -EINVAL;
	for (; done < total; done += len, chain = q->chain) {
		n = buffer_next(vq, chain);
		if (!n)
			aerie_vq_back(vq, taken);
		if (n <= 0)
			return n ?: -EAGAIN;
		if (!done && chain->out_bytes < sizeof(hdr))
			return -EPROTO;
		len = min(total - done, chain->out_bytes);
		held = aerie_mem_hold();
		n = buffer_fill(q, chain, &hdr, skb, done, len);
		aerie_mem_release(held);
		taken++;
		/* It does not fit, or the host has no memory: the frame is lost, no more. */
		if (n == -ENOMEM || (done + len < total && !merge)) {
			aerie_vq_back(vq, taken);
			return -EINVAL;
		}
		if (n)
			return n;
		aerie_vq_fill(vq, prepared + taken - 1, chain->head, len);
	}
	num = __cpu_to_virtio16(true, taken);
	if (taken > 1 &&
	    aerie_vq_write(vq, vq->chain, offsetof(struct virtio_net_hdr_mrg_rxbuf, num_buffers),
			   &num, sizeof(num)) != sizeof(num))
		return -EFAULT;
	return taken;
}

static void give_back(struct aerie_vq *vq, unsigned int *prepared)
{
	if (*prepared)
		aerie_vq_publish(vq, *prepared);
	*prepared = 0;
	if (aerie_vq_must_signal(vq))
		aerie_virtio_interrupt(vq);
}

/* The ring is empty: false where it is not so any more. */
static bool go_idle(struct aerie_net_queue *q)
{
	WRITE_ONCE(q->idle, true);
	smp_mb();	/* pairs with wake_work() */
	return !ring_peek(q) || !xchg(&q->idle, false);
}

static void stall_over(struct aerie_net_queue *q)
{
	if (q->waiting)
		cancel_delayed_work(&q->stall);
	q->waiting = false;
	WRITE_ONCE(q->stalled, false);
}

/* Frames wait, and there are no buffers. */
static void stall_begin(struct aerie_net_queue *q)
{
	if (READ_ONCE(q->stalled)) {
		ring_drop(q);
	} else if (!q->waiting) {
		q->waiting = true;
		schedule_delayed_work(&q->stall, STALL_TIME);
	}
}

static void stall_work(struct work_struct *work)
{
	struct aerie_net_queue *q = container_of(to_delayed_work(work), struct aerie_net_queue,
						 stall);

	WRITE_ONCE(q->stalled, true);
	aerie_vq_kick(aerie_net_rx_vq(q));
}

/* One frame; false where there is nothing to do until somebody kicks. */
static bool frame_move(struct aerie_net_queue *q, unsigned int *prepared)
{
	struct sk_buff *skb = ring_peek(q);
	struct aerie_vq *vq = aerie_net_rx_vq(q);
	int n;

	if (!skb) {
		give_back(vq, prepared);
		return !go_idle(q);
	}
	n = frame_put(q, skb, *prepared);
	if (n == -EAGAIN) {
		give_back(vq, prepared);
		stall_begin(q);
		return false;
	}
	if (n < 0 && n != -EINVAL) {
		aerie_virtio_broken(&q->net->vdev);
		return false;
	}
	ring_pop(q);
	if (n < 0) {
		atomic64_inc(&q->to_dropped);
		kfree_skb(skb);
		return true;
	}
	stall_over(q);
	q->to_packets++;
	q->to_bytes += skb->len;
	consume_skb(skb);
	*prepared += n;
	if (*prepared >= AERIE_NET_BATCH) {
		give_back(vq, prepared);
		cond_resched();
	}
	return true;
}

void aerie_net_rx_run(struct aerie_vq *vq)
{
	struct virtio_net *net = container_of(vq->vdev, struct virtio_net, vdev);
	struct aerie_net_queue *q = &net->queues[vq->index / 2];
	unsigned int prepared = 0;

	if (aerie_vq_may_serve(vq)) {
		aerie_net_carrier(net, true);
		if (READ_ONCE(q->stalled) && aerie_vq_kicks(vq, true))
			stall_over(q);
		aerie_vq_kicks(vq, false);
	}
	while (aerie_vq_may_serve(vq) && frame_move(q, &prepared))
		;
	if (!aerie_vq_live(vq))
		ring_drop(q);
}

void aerie_net_rx_drain(struct aerie_net_queue *q)
{
	cancel_delayed_work_sync(&q->stall);
	ring_drop(q);
	q->waiting = false;
	WRITE_ONCE(q->stalled, false);
	WRITE_ONCE(q->idle, true);
}

void aerie_net_rx_init(struct aerie_net_queue *q)
{
	INIT_DELAYED_WORK(&q->stall, stall_work);
	q->idle = true;
}
