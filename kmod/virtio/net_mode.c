// SPDX-License-Identifier: GPL-2.0
/* Which frames a driver wants, which headers it may give to its own, which address it has. */
#include <linux/bitops.h>
#include <linux/kernel.h>
#include <linux/string.h>
#include <linux/virtio_byteorder.h>

#include "virtio/net_mode.h"

#define GSO_SIZE_MIN	8	/* smaller segments only make work */
#define TAGGED_LEN	(ETH_HLEN + 4)

void aerie_net_mode_init(struct aerie_net_mode *mode, const u8 *mac, u16 max_pairs)
{
	memset(mode, 0, sizeof(*mode));
	memcpy(mode->mac, mac, ETH_ALEN);
	mode->promisc = true;	/* until the driver says what it wants */
	mode->pairs = 1;
	mode->max_pairs = max_pairs;
}

static bool is_multicast(const u8 *mac)
{
	return mac[0] & 1;
}

static bool is_broadcast(const u8 *mac)
{
	return (mac[0] & mac[1] & mac[2] & mac[3] & mac[4] & mac[5]) == 0xff;
}

static bool in_table(const struct aerie_net_mode *mode, const u8 *mac, u32 first, u32 nr)
{
	u32 i;

	for (i = first; i < first + nr; i++)
		if (!memcmp(mode->macs[i], mac, ETH_ALEN))
			return true;
	return false;
}

static bool mac_passes(const struct aerie_net_mode *mode, const u8 *mac)
{
	if (mode->promisc)
		return true;
	if (is_broadcast(mac))
		return true;
	if (is_multicast(mac))
		return mode->allmulti || mode->nr_multi > AERIE_NET_MACS ||
		       in_table(mode, mac, AERIE_NET_MACS - mode->nr_multi, mode->nr_multi);
	return !memcmp(mac, mode->mac, ETH_ALEN) || mode->nr_uni > AERIE_NET_MACS ||
	       in_table(mode, mac, 0, mode->nr_uni);
}

bool aerie_net_mode_pass(const struct aerie_net_mode *mode, u64 features, const u8 *head,
			 unsigned int len)
{
	u16 vlan;

	if (!mac_passes(mode, head))
		return false;
	if (!(features & BIT_ULL(VIRTIO_NET_F_CTRL_VLAN)) || len < TAGGED_LEN ||
	    (head[12] << 8 | head[13]) != ETH_P_8021Q)
		return true;
	vlan = (head[14] << 8 | head[15]) % AERIE_NET_VLANS;
	/* VLAN 0 is none: the tag is there for its priority. */
	return !vlan || test_bit(vlan, mode->vlans);
}

bool aerie_net_header_valid(const struct virtio_net_hdr *hdr, u64 features, u32 len)
{
	u32 feature;

	if (len < ETH_HLEN || len > AERIE_NET_FRAME_MAX)
		return false;
	if (hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) {
		if (!(features & BIT_ULL(VIRTIO_NET_F_CSUM)))
			return false;
		if ((u32)__virtio16_to_cpu(true, hdr->csum_start) +
		    __virtio16_to_cpu(true, hdr->csum_offset) + 2 > len)
			return false;
	}
	switch (hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	case VIRTIO_NET_HDR_GSO_TCPV4:
		feature = VIRTIO_NET_F_HOST_TSO4;
		break;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		feature = VIRTIO_NET_F_HOST_TSO6;
		break;
	default:
		return false;
	}
	if (hdr->gso_type & VIRTIO_NET_HDR_GSO_ECN &&
	    !(features & BIT_ULL(VIRTIO_NET_F_HOST_ECN)))
		return false;
	/* Segments have checksums that are not there yet. */
	return features & BIT_ULL(feature) && hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM &&
	       __virtio16_to_cpu(true, hdr->gso_size) >= GSO_SIZE_MIN;
}

/* FNV-1a, its result stirred once more: short names differ in few bits. */
void aerie_net_mac(u8 *mac, const char *vm, unsigned int nr)
{
	u64 hash = 0xcbf29ce484222325ull;
	unsigned int i;

	for (; *vm; vm++)
		hash = (hash ^ (u8)*vm) * 0x100000001b3ull;
	hash = (hash ^ (nr + 256)) * 0x100000001b3ull;
	hash = (hash ^ hash >> 33) * 0xff51afd7ed558ccdull;
	hash ^= hash >> 33;
	mac[0] = 0x02;
	for (i = 1; i < ETH_ALEN; i++)
		mac[i] = hash >> 8 * i;
}
