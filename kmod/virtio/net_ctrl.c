// SPDX-License-Identifier: GPL-2.0
/*
 * The control queue of a network device (Virtual I/O Device, Control Virtqueue): what its
 * requests ask for becomes a mode. Their content is the guest's and is checked here.
 */
#include <linux/bitops.h>
#include <linux/kernel.h>

#include "virtio/net_mode.h"

/* A request as it is read, from after its class and command on. */
struct request {
	struct aerie_vq *vq;
	const struct aerie_vq_chain *chain;
	u64 features;
	u32 off, len;
};

/* The next @len bytes of it; false where there are fewer. */
static bool take(struct request *r, void *buf, u32 len)
{
	if (r->len - r->off < len || aerie_vq_read(r->vq, r->chain, r->off, buf, len) != len)
		return false;
	r->off += len;
	return true;
}

/* The whole of what is left is this. */
static bool take_all(struct request *r, void *buf, u32 len)
{
	return r->len - r->off == len && take(r, buf, len);
}

static bool has(const struct request *r, unsigned int feature)
{
	return r->features & BIT_ULL(feature);
}

static bool ctrl_rx(struct request *r, u8 cmd, struct aerie_net_mode *mode)
{
	u8 on;

	if (!has(r, VIRTIO_NET_F_CTRL_RX) || !take_all(r, &on, sizeof(on)) || on > 1)
		return false;
	switch (cmd) {
	case VIRTIO_NET_CTRL_RX_PROMISC:
		mode->promisc = on;
		return true;
	case VIRTIO_NET_CTRL_RX_ALLMULTI:
		mode->allmulti = on;
		return true;
	}
	return false;
}

/* How many addresses follow, which lie within the request. */
static bool take_count(struct request *r, u32 *nr)
{
	return take(r, nr, sizeof(*nr)) && *nr <= (r->len - r->off) / ETH_ALEN;
}

/* Unicast addresses fill the table from its start, multicast ones up to its end. */
static bool mac_table(struct request *r, struct aerie_net_mode *mode)
{
	u32 uni, multi;

	if (!take_count(r, &uni))
		return false;
	if (uni > AERIE_NET_MACS)
		r->off += uni * ETH_ALEN;
	else if (!take(r, mode->macs, uni * ETH_ALEN))
		return false;
	mode->nr_uni = uni;
	if (!take_count(r, &multi))
		return false;
	if (multi > AERIE_NET_MACS || (uni <= AERIE_NET_MACS && uni + multi > AERIE_NET_MACS)) {
		r->off += multi * ETH_ALEN;
		multi = AERIE_NET_MACS + 1;
	} else if (!take(r, mode->macs[AERIE_NET_MACS - multi], multi * ETH_ALEN)) {
		return false;
	}
	mode->nr_multi = multi;
	return r->off == r->len;
}

static bool ctrl_mac(struct request *r, u8 cmd, struct aerie_net_mode *mode)
{
	u8 mac[ETH_ALEN];

	switch (cmd) {
	case VIRTIO_NET_CTRL_MAC_TABLE_SET:
		return has(r, VIRTIO_NET_F_CTRL_RX) && mac_table(r, mode);
	case VIRTIO_NET_CTRL_MAC_ADDR_SET:
		if (!has(r, VIRTIO_NET_F_CTRL_MAC_ADDR) || !take_all(r, mac, sizeof(mac)) ||
		    mac[0] & 1)
			return false;
		memcpy(mode->mac, mac, sizeof(mac));
		return true;
	}
	return false;
}

static bool ctrl_vlan(struct request *r, u8 cmd, struct aerie_net_mode *mode)
{
	u16 vlan;

	if (!has(r, VIRTIO_NET_F_CTRL_VLAN) || !take_all(r, &vlan, sizeof(vlan)) ||
	    vlan >= AERIE_NET_VLANS)
		return false;
	switch (cmd) {
	case VIRTIO_NET_CTRL_VLAN_ADD:
		__set_bit(vlan, mode->vlans);
		return true;
	case VIRTIO_NET_CTRL_VLAN_DEL:
		__clear_bit(vlan, mode->vlans);
		return true;
	}
	return false;
}

static bool ctrl_announce(struct request *r, u8 cmd, struct aerie_net_mode *mode)
{
	if (cmd != VIRTIO_NET_CTRL_ANNOUNCE_ACK || !has(r, VIRTIO_NET_F_GUEST_ANNOUNCE) ||
	    r->off != r->len)
		return false;
	mode->announce = false;
	return true;
}

static bool ctrl_mq(struct request *r, u8 cmd, struct aerie_net_mode *mode)
{
	u16 pairs;

	if (cmd != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !has(r, VIRTIO_NET_F_MQ) ||
	    !take_all(r, &pairs, sizeof(pairs)) || !pairs || pairs > mode->max_pairs)
		return false;
	mode->pairs = pairs;
	return true;
}

u8 aerie_net_ctrl(struct aerie_vq *vq, const struct aerie_vq_chain *chain,
		  struct aerie_net_mode *mode)
{
	struct request r = {
		.vq = vq, .chain = chain, .len = chain->in_bytes,
		.features = vq->vdev->s.driver_features,
	};
	struct virtio_net_ctrl_hdr hdr;
	bool ok = false;

	if (!take(&r, &hdr, sizeof(hdr)))
		return VIRTIO_NET_ERR;
	switch (hdr.class) {
	case VIRTIO_NET_CTRL_RX:
		ok = ctrl_rx(&r, hdr.cmd, mode);
		break;
	case VIRTIO_NET_CTRL_MAC:
		ok = ctrl_mac(&r, hdr.cmd, mode);
		break;
	case VIRTIO_NET_CTRL_VLAN:
		ok = ctrl_vlan(&r, hdr.cmd, mode);
		break;
	case VIRTIO_NET_CTRL_ANNOUNCE:
		ok = ctrl_announce(&r, hdr.cmd, mode);
		break;
	case VIRTIO_NET_CTRL_MQ:
		ok = ctrl_mq(&r, hdr.cmd, mode);
		break;
	}
	return ok ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
}
