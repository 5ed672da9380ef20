// SPDX-License-Identifier: GPL-2.0
/*
 * The host interface of a network device: an Ethernet interface like any other, for ip,
 * bridges, filters and captures. It is made with its VM and goes with it; moved to a
 * network namespace that goes away it comes back to the initial one.
 *
 * Its own address is the guest's with another first byte: it belongs to this end of the
 * link, and is so high that no bridge takes it for its own.
 */
#include <linux/etherdevice.h>
#include <linux/ethtool.h>
#include <linux/if_vlan.h>
#include <linux/kernel.h>
#include <linux/rtnetlink.h>

#include "uapi.h"
#include "virtio/net.h"

#define HOST_MAC_FIRST	0xfe
#define NAME_CUT	11	/* of the VM's name; "-" and a number follow */
#define OFFLOADS	(NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_HW_CSUM | NETIF_F_TSO | \
			 NETIF_F_TSO6 | NETIF_F_TSO_ECN)

static struct virtio_net *net_of(const struct net_device *dev)
{
	return *(struct virtio_net **)netdev_priv(dev);
}

/* The guest is to tell everybody where it is, where its driver can. */
static u16 announce(const struct virtio_net *net)
{
	return aerie_net_has(net, VIRTIO_NET_F_GUEST_ANNOUNCE) ? VIRTIO_NET_S_ANNOUNCE : 0;
}

static int netdev_open(struct net_device *dev)
{
	struct virtio_net *net = net_of(dev);
	u16 i;

	for (i = 0; i < net->pairs; i++)
		aerie_net_tx_open(&net->queues[i]);
	netif_tx_start_all_queues(dev);
	aerie_net_link(net, VIRTIO_NET_S_LINK_UP | announce(net), 0);
	return 0;
}

static int netdev_stop(struct net_device *dev)
{
	struct virtio_net *net = net_of(dev);
	u16 i;

	aerie_net_link(net, 0, VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	netif_tx_stop_all_queues(dev);
	for (i = 0; i < net->pairs; i++)
		aerie_net_tx_close(&net->queues[i]);
	return 0;
}

/* The driver says how many pairs it uses; flows keep theirs. */
static u16 select_queue(struct net_device *dev, struct sk_buff *skb, struct net_device *sb_dev)
{
	u16 pairs;

	rcu_read_lock();
	pairs = rcu_dereference(net_of(dev)->mode)->pairs;
	rcu_read_unlock();
	return pairs == 1 ? 0 : reciprocal_scale(skb_get_hash(skb), pairs);
}

/* What the driver has not accepted the host's stack does. */
static netdev_features_t features_check(struct sk_buff *skb, struct net_device *dev,
					netdev_features_t features)
{
	const struct virtio_net *net = net_of(dev);

	features = vlan_features_check(skb, features);
	if (!aerie_net_has(net, VIRTIO_NET_F_GUEST_CSUM))
		return features & ~(NETIF_F_CSUM_MASK | NETIF_F_GSO_MASK);
	if (!aerie_net_has(net, VIRTIO_NET_F_GUEST_TSO4))
		features &= ~NETIF_F_TSO;
	if (!aerie_net_has(net, VIRTIO_NET_F_GUEST_TSO6))
		features &= ~NETIF_F_TSO6;
	if (!aerie_net_has(net, VIRTIO_NET_F_GUEST_ECN))
		features &= ~NETIF_F_TSO_ECN;
	return features;
}

static void get_stats64(struct net_device *dev, struct rtnl_link_stats64 *stats)
{
	const struct virtio_net *net = net_of(dev);
	u16 i;

	for (i = 0; i < net->pairs; i++) {
		const struct aerie_net_queue *q = &net->queues[i];

		stats->tx_packets += READ_ONCE(q->to_packets);
		stats->tx_bytes += READ_ONCE(q->to_bytes);
		stats->tx_dropped += atomic64_read(&q->to_dropped);
		stats->rx_packets += READ_ONCE(q->from_packets);
		stats->rx_bytes += READ_ONCE(q->from_bytes);
		stats->rx_dropped += READ_ONCE(q->from_dropped);
		stats->rx_frame_errors += READ_ONCE(q->from_errors);
	}
	stats->rx_errors = stats->rx_frame_errors;
}

/* Drivers look at it when they start. */
static int change_mtu(struct net_device *dev, int mtu)
{
	struct virtio_net *net = net_of(dev);
	__virtio16 val = __cpu_to_virtio16(true, mtu);

	WRITE_ONCE(dev->mtu, mtu);
	aerie_virtio_config_set(&net->vdev, &net->config.mtu, &val, sizeof(val));
	return 0;
}

static const struct net_device_ops netdev_ops = {
	.ndo_open = netdev_open,
	.ndo_stop = netdev_stop,
	.ndo_start_xmit = aerie_net_xmit,
	.ndo_select_queue = select_queue,
	.ndo_features_check = features_check,
	.ndo_get_stats64 = get_stats64,
	.ndo_change_mtu = change_mtu,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

static void get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	const struct virtio_net *net = net_of(dev);

	strscpy(info->driver, "aerie", sizeof(info->driver));
	strscpy(info->version, AERIE_VERSION, sizeof(info->version));
	snprintf(info->bus_info, sizeof(info->bus_info), "%.20s/%s",
		 net->vdev.dev.vm->config.name, net->name);
}

/* It has none; bridges and bonds want to hear of one. */
static int get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *cmd)
{
	ethtool_link_ksettings_zero_link_mode(cmd, supported);
	ethtool_link_ksettings_zero_link_mode(cmd, advertising);
	cmd->base.speed = SPEED_10000;
	cmd->base.duplex = DUPLEX_FULL;
	cmd->base.port = PORT_OTHER;
	cmd->base.autoneg = AUTONEG_DISABLE;
	return 0;
}

static void get_channels(struct net_device *dev, struct ethtool_channels *channels)
{
	const struct virtio_net *net = net_of(dev);

	channels->max_combined = net->pairs;
	rcu_read_lock();
	channels->combined_count = rcu_dereference(net->mode)->pairs;
	rcu_read_unlock();
}

static const struct ethtool_ops ethtool_ops = {
	.get_drvinfo = get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = get_link_ksettings,
	.get_channels = get_channels,
	.get_ts_info = ethtool_op_get_ts_info,
};

/* On another bridge nobody knows the guest yet. */
static int netdev_event(struct notifier_block *nb, unsigned long event, void *ptr)
{
	const struct netdev_notifier_changeupper_info *info = ptr;
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);

	if (event == NETDEV_CHANGEUPPER && dev->netdev_ops == &netdev_ops && info->master &&
	    info->linking)
		aerie_net_link(net_of(dev), announce(net_of(dev)), 0);
	return NOTIFY_DONE;
}

static struct notifier_block netdev_notifier = { .notifier_call = netdev_event };

int aerie_netdev_start(void)
{
	return register_netdevice_notifier(&netdev_notifier);
}

void aerie_netdev_stop(void)
{
	unregister_netdevice_notifier(&netdev_notifier);
}

static const struct device_type netdev_type = { .name = "aerie" };

int aerie_netdev_alloc(struct virtio_net *net, const char *vm)
{
	struct net_device *dev = alloc_etherdev_mq(sizeof(net), net->pairs);
	u8 mac[ETH_ALEN];
	u16 i;

	if (!dev)
		return -ENOMEM;
	*(struct virtio_net **)netdev_priv(dev) = net;
	snprintf(dev->name, sizeof(dev->name), "%.*s-%%d", NAME_CUT, vm);
	dev->netdev_ops = &netdev_ops;
	dev->ethtool_ops = &ethtool_ops;
	SET_NETDEV_DEVTYPE(dev, &netdev_type);
	dev->hw_features = OFFLOADS;
	dev->features = OFFLOADS | NETIF_F_HIGHDMA;
	dev->vlan_features = OFFLOADS;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU;
	memcpy(mac, net->mac, ETH_ALEN);
	mac[0] = HOST_MAC_FIRST;
	eth_hw_addr_set(dev, mac);
	for (i = 0; i < net->pairs; i++)
		netif_napi_add(dev, &net->queues[i].napi, aerie_net_tx_poll);
	netif_carrier_off(dev);
	net->dev = dev;
	return 0;
}

/* A bridge's refusal in its own words, where they outlive the call. */
static int refuse(struct aerie_why *why, int err, const struct netlink_ext_ack *extack,
		  const char *msg)
{
	const char *said = extack->_msg;

	if (said && ((void *)said < (void *)extack || (void *)said >= (void *)(extack + 1)))
		msg = said;
	return aerie_refuse(why, err, AERIE_A_NIC_LIST, msg);
}

static void shown(struct virtio_net *net, bool on)
{
	spin_lock_bh(&net->link_lock);
	WRITE_ONCE(net->shown, on);
	spin_unlock_bh(&net->link_lock);
}

static int bridge_find(const char *name, struct net_device **bridge, struct aerie_why *why)
{
	*bridge = NULL;
	if (!*name)
		return 0;
	*bridge = __dev_get_by_name(&init_net, name);
	if (!*bridge)
		return aerie_refuse(why, -ENODEV, AERIE_A_NIC_LIST, "is no interface of the host");
	if (!netif_is_bridge_master(*bridge))
		return aerie_refuse(why, -EINVAL, AERIE_A_NIC_LIST, "is not a bridge");
	return 0;
}

/* The netlink family is in the initial network namespace, and so is who asks. */
int aerie_netdev_add(struct virtio_net *net, const char *name, struct aerie_why *why)
{
	struct netlink_ext_ack extack = {};
	struct net_device *dev = net->dev, *bridge;
	int err;

	rtnl_lock();
	err = bridge_find(name, &bridge, why);
	if (err)
		goto out;
	/* A bridge's MTU is that of the port with the smallest. */
	if (bridge)
		change_mtu(dev, clamp(bridge->mtu, dev->min_mtu, dev->max_mtu));
	err = register_netdevice(dev);
	/* The driver core's word for a device whose name it had no memory for. */
	if (err == -EINVAL)
		err = -ENOMEM;
	if (err)
		goto out;
	err = dev_open(dev, &extack);
	if (err)
		refuse(why, err, &extack, "has an interface that cannot be set up");
	if (!err && bridge) {
		err = bridge->netdev_ops->ndo_add_slave(bridge, dev, &extack);
		if (err)
			refuse(why, err, &extack, "takes no interface");
	}
	if (err)
		unregister_netdevice(dev);
	else
		shown(net, true);
out:
	rtnl_unlock();
	/* A driver that is up already finds the carrier on. */
	aerie_vq_kick(aerie_net_rx_vq(&net->queues[0]));
	return err;
}

void aerie_netdev_del(struct virtio_net *net)
{
	if (!net->shown)
		return;
	shown(net, false);
	unregister_netdev(net->dev);
}
