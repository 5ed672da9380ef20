// SPDX-License-Identifier: GPL-2.0
/*
 * Network device (Virtual I/O Device, Network Device): its life, its configuration and its
 * control queue. Its other end is an interface of the host (netdev.c); net_rx.c and
 * net_tx.c move frames between the two.
 *
 * The interface's carrier is the guest's driver and machine: on while they are up. The
 * link the guest sees is the interface: up while that is. What the driver has set by the
 * control queue is a mode that is replaced whole, and read under RCU for every frame.
 */
#include <linux/etherdevice.h>
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/virtio_byteorder.h>

#include "uapi.h"
#include "virtio/net.h"

#define KIND		"nic"
#define CLASS_ETHERNET	0x020000u
#define CTRL_SHORT	2u	/* its index where there is one pair */

#define FEATURES (BIT_ULL(VIRTIO_NET_F_CSUM) | BIT_ULL(VIRTIO_NET_F_GUEST_CSUM) |		\
		  BIT_ULL(VIRTIO_NET_F_HOST_TSO4) | BIT_ULL(VIRTIO_NET_F_HOST_TSO6) |		\
		  BIT_ULL(VIRTIO_NET_F_HOST_ECN) | BIT_ULL(VIRTIO_NET_F_GUEST_TSO4) |		\
		  BIT_ULL(VIRTIO_NET_F_GUEST_TSO6) | BIT_ULL(VIRTIO_NET_F_GUEST_ECN) |		\
		  BIT_ULL(VIRTIO_NET_F_MRG_RXBUF) | BIT_ULL(VIRTIO_NET_F_MAC) |			\
		  BIT_ULL(VIRTIO_NET_F_STATUS) | BIT_ULL(VIRTIO_NET_F_MTU) |			\
		  BIT_ULL(VIRTIO_NET_F_CTRL_VQ) | BIT_ULL(VIRTIO_NET_F_CTRL_RX) |		\
		  BIT_ULL(VIRTIO_NET_F_CTRL_VLAN) | BIT_ULL(VIRTIO_NET_F_CTRL_MAC_ADDR) |	\
		  BIT_ULL(VIRTIO_NET_F_GUEST_ANNOUNCE))

static_assert(2 * AERIE_NET_PAIRS + 1 <= AERIE_VQ_MAX);

static struct virtio_net *net_of(struct aerie_virtio *vdev)
{
	return container_of(vdev, struct virtio_net, vdev);
}

void aerie_net_carrier(struct virtio_net *net, bool on)
{
	if (netif_carrier_ok(net->dev) == on)
		return;
	spin_lock_bh(&net->link_lock);
	if (net->shown && on)
		netif_carrier_on(net->dev);
	else if (net->shown)
		netif_carrier_off(net->dev);
	spin_unlock_bh(&net->link_lock);
}

void aerie_net_link(struct virtio_net *net, u16 set, u16 clear)
{
	u16 old, status;
	__virtio16 val;

	spin_lock_bh(&net->link_lock);
	old = __virtio16_to_cpu(true, net->config.status);
	status = (old | set) & ~clear;
	val = __cpu_to_virtio16(true, status);
	if (status != old)
		aerie_virtio_config_set(&net->vdev, &net->config.status, &val, sizeof(val));
	spin_unlock_bh(&net->link_lock);
}

/* ---- Control queue -------------------------------------------------------- */

static void config_mac(struct virtio_net *net, const u8 *mac)
{
	unsigned long flags;

	/* The driver knows: it has asked for it, or begins anew. */
	raw_spin_lock_irqsave(&net->vdev.lock, flags);
	memcpy(net->config.mac, mac, ETH_ALEN);
	raw_spin_unlock_irqrestore(&net->vdev.lock, flags);
}

static struct aerie_net_mode *mode_of(struct virtio_net *net)
{
	/* Its works and its end replace it, no two of them at once. */
	return rcu_dereference_protected(net->mode, true);
}

static void mode_set(struct virtio_net *net, struct aerie_net_mode *mode)
{
	struct aerie_net_mode *old = mode_of(net);

	rcu_assign_pointer(net->mode, mode);
	kfree_rcu_mightsleep(old);
}

static u8 ctrl_do(struct virtio_net *net, struct aerie_vq *vq, const struct aerie_vq_chain *chain)
{
	struct aerie_net_mode *old = mode_of(net), *mode;
	bool announced;

	mode = kmemdup(old, sizeof(*mode), GFP_KERNEL_ACCOUNT);
	if (!mode)
		return VIRTIO_NET_ERR;
	mode->announce = true;
	if (aerie_net_ctrl(vq, chain, mode) != VIRTIO_NET_OK) {
		kfree(mode);
		return VIRTIO_NET_ERR;
	}
	announced = !mode->announce;
	config_mac(net, mode->mac);
	mode_set(net, mode);
	if (announced)
		aerie_net_link(net, 0, VIRTIO_NET_S_ANNOUNCE);
	return VIRTIO_NET_OK;
}

static void ctrl_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	u8 ack;

	if (!chain->out_bytes) {
		aerie_virtio_broken(vq->vdev);
		return;
	}
	ack = ctrl_do(net_of(vq->vdev), vq, chain);
	if (aerie_vq_write(vq, chain, 0, &ack, sizeof(ack)) != sizeof(ack))
		aerie_virtio_broken(vq->vdev);
	else
		aerie_vq_done(vq, chain, sizeof(ack));
}

/* ---- The device ----------------------------------------------------------- */

/* Of one that has been taken by force nothing arrives, and what is sent is lost. */
static void net_run(struct aerie_vq *vq)
{
	struct virtio_net *net = net_of(vq->vdev);
	u16 ctrl = aerie_net_has(net, VIRTIO_NET_F_MQ) ? 2 * net->pairs : CTRL_SHORT;

	if (vq->index == ctrl)
		aerie_vq_serve(vq);
	else if (vq->index > ctrl)
		aerie_virtio_broken(vq->vdev);
	else if (vq->index % 2 && vq->vdev->severed)
		aerie_vq_serve(vq);
	else if (vq->index % 2)
		aerie_net_tx_run(vq);
	else if (!vq->vdev->severed)
		aerie_net_rx_run(vq);
}

static void net_drain(struct aerie_virtio *vdev)
{
	struct virtio_net *net = net_of(vdev);
	u16 i;

	aerie_net_carrier(net, false);
	/* Transmission that has seen the driver up comes to its end; where nobody comes by
	 * the interface there is none.
	 */
	if (READ_ONCE(net->shown)) {
		netif_tx_lock_bh(net->dev);
		netif_tx_unlock_bh(net->dev);
	}
	for (i = 0; i < net->pairs; i++)
		aerie_net_rx_drain(&net->queues[i]);
}

static void net_reset(struct aerie_virtio *vdev)
{
	struct virtio_net *net = net_of(vdev);

	/* No frame is looked at: no driver is up, and net_drain() has seen to the last. */
	aerie_net_mode_init(mode_of(net), net->mac, net->pairs);
	config_mac(net, net->mac);
	aerie_net_link(net, 0, VIRTIO_NET_S_ANNOUNCE);
}

static void net_detach(struct aerie_virtio *vdev)
{
	aerie_netdev_del(net_of(vdev));
}

static void net_sever(struct aerie_virtio *vdev)
{
	aerie_netdev_del(net_of(vdev));
	aerie_net_link(net_of(vdev), 0, VIRTIO_NET_S_LINK_UP);
}

static void net_describe(struct aerie_virtio *vdev, struct aerie_dev_info *info)
{
	const struct virtio_net *net = net_of(vdev);

	strscpy(info->backing, net->dev->name, sizeof(info->backing));
	strscpy(info->bridge, net->bridge, sizeof(info->bridge));
	memcpy(info->mac, net->mac, sizeof(info->mac));
	info->ifindex = net->dev->ifindex;
}

static void net_fini(struct virtio_net *net)
{
	u16 i;

	for (i = 0; net->queues && i < net->pairs; i++)
		kfree(net->queues[i].chain);
	if (net->dev)
		free_netdev(net->dev);
	kvfree(net->queues);
	kfree(mode_of(net));
	kfree(net);
}

static void net_free(struct aerie_virtio *vdev)
{
	net_fini(net_of(vdev));
}

static const struct aerie_virtio_ops net_ops = {
	.id = VIRTIO_ID_NET,
	.class = CLASS_ETHERNET,
	.kind = KIND,
	.serve = ctrl_serve,
	.run = net_run,
	.sever = net_sever,
	.describe = net_describe,
	.drain = net_drain,
	.detach = net_detach,
	.reset = net_reset,
	.free = net_free,
};

static int queues_alloc(struct virtio_net *net)
{
	u16 i;

	net->queues = kvcalloc(net->pairs, sizeof(*net->queues), GFP_KERNEL_ACCOUNT);
	if (!net->queues)
		return -ENOMEM;
	for (i = 0; i < net->pairs; i++) {
		struct aerie_net_queue *q = &net->queues[i];

		q->net = net;
		q->index = i;
		aerie_net_rx_init(q);
		skb_queue_head_init(&q->pending);
		__skb_queue_head_init(&q->polling);
		q->chain = kmalloc(sizeof(*q->chain), GFP_KERNEL_ACCOUNT);
		if (!q->chain)
			return -ENOMEM;
	}
	return 0;
}

static void config_fill(struct virtio_net *net)
{
	struct virtio_net_config *c = &net->config;

	memcpy(c->mac, net->mac, ETH_ALEN);
	c->max_virtqueue_pairs = __cpu_to_virtio16(true, net->pairs);
	c->mtu = __cpu_to_virtio16(true, net->dev->mtu);
	net->vdev.ops = &net_ops;
	net->vdev.features = FEATURES | (net->pairs > 1 ? BIT_ULL(VIRTIO_NET_F_MQ) : 0);
	net->vdev.config = c;
	net->vdev.config_len = offsetofend(struct virtio_net_config, mtu);
}

static int net_init(struct virtio_net *net, struct aerie_vm *vm,
		    const struct aerie_nic_config *nic)
{
	struct aerie_net_mode *mode = kzalloc(sizeof(*mode), GFP_KERNEL_ACCOUNT);
	unsigned int nr;
	int err;

	if (!mode)
		return -ENOMEM;
	RCU_INIT_POINTER(net->mode, mode);
	spin_lock_init(&net->link_lock);
	strscpy(net->bridge, nic->bridge, sizeof(net->bridge));
	net->pairs = min(vm->config.nr_vcpus, AERIE_NET_PAIRS);
	aerie_device_name(vm, KIND, net->name, sizeof(net->name));
	err = kstrtouint(net->name + strlen(KIND), 10, &nr);
	if (err)
		return err;
	if (is_zero_ether_addr(nic->mac))
		aerie_net_mac(net->mac, vm->config.name, nr);
	else
		memcpy(net->mac, nic->mac, ETH_ALEN);
	aerie_net_mode_init(mode, net->mac, net->pairs);
	err = queues_alloc(net);
	if (!err)
		err = aerie_netdev_alloc(net, vm->config.name);
	return err;
}

int aerie_virtio_net_create(struct aerie_vm *vm, const struct aerie_nic_config *nic,
			    struct aerie_why *why)
{
	struct virtio_net *net = kzalloc(sizeof(*net), GFP_KERNEL_ACCOUNT);
	int err;

	if (!net)
		return -ENOMEM;
	err = net_init(net, vm, nic);
	if (err)
		goto err_net;
	config_fill(net);
	err = aerie_virtio_init(&net->vdev, vm, net->name, 2 * net->pairs + 1);
	if (err == -ENOSPC)
		aerie_refuse(why, err, AERIE_A_NIC_LIST, "finds no free PCI slot");
	if (err)
		goto err_net;
	err = aerie_netdev_add(net, nic->bridge, why);
	if (err) {
		aerie_device_remove(&net->vdev.dev);
		return err;
	}
	return 0;

err_net:
	net_fini(net);
	return err;
}
