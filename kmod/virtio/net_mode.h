/* SPDX-License-Identifier: GPL-2.0 */
/* What a driver has asked of a network device: addresses, filters, queues. */
#ifndef AERIE_VIRTIO_NET_MODE_H
#define AERIE_VIRTIO_NET_MODE_H

#include <linux/bitops.h>
#include <linux/types.h>
#include <uapi/linux/if_ether.h>
#include <uapi/linux/virtio_net.h>

#include "virtio/virtio.h"

#define AERIE_NET_MACS	64	/* in its table; beyond that all of their kind pass */
#define AERIE_NET_VLANS	4096

/* The longest frame: an IP packet of 64 KiB, an Ethernet header with a VLAN tag. */
#define AERIE_NET_FRAME_MAX	(65535 + ETH_HLEN + 4)

/**
 * struct aerie_net_mode - what the control queue has set
 * @mac: the device's own address
 * @promisc: frames to any address pass
 * @allmulti: all multicast frames pass
 * @nr_uni: unicast addresses in @macs, the first; above AERIE_NET_MACS: all pass
 * @nr_multi: multicast addresses, those after them; likewise
 * @macs: frames to these pass, too
 * @vlans: and of tagged frames those of these VLANs
 * @pairs: pairs of queues in use
 * @max_pairs: the most there can be
 * @announce: the driver has yet to announce itself
 */
struct aerie_net_mode {
	u8 mac[ETH_ALEN];
	bool promisc, allmulti;
	u32 nr_uni, nr_multi;
	u8 macs[AERIE_NET_MACS][ETH_ALEN];
	unsigned long vlans[BITS_TO_LONGS(AERIE_NET_VLANS)];
	u16 pairs, max_pairs;
	bool announce;
};

/* As after a reset. @mac and @max_pairs are those the device was made with. */
void aerie_net_mode_init(struct aerie_net_mode *mode, const u8 *mac, u16 max_pairs);

/**
 * aerie_net_mode_pass() - does the driver want a frame?
 * @mode: what it has asked for
 * @features: what it has accepted
 * @head: the frame's first @len bytes: 18, or all there are, at least 14
 * @len: of them
 */
bool aerie_net_mode_pass(const struct aerie_net_mode *mode, u64 features, const u8 *head,
			 unsigned int len);

/**
 * aerie_net_header_valid() - may a driver give this header to a frame?
 * @hdr: the header
 * @features: what the driver has accepted
 * @len: bytes of the frame
 *
 * What it does not look at, offsets in the frame above all, the kernel checks.
 */
bool aerie_net_header_valid(const struct virtio_net_hdr *hdr, u64 features, u32 len);

/**
 * aerie_net_mac() - an address of its own for each interface of each VM
 * @mac: set to it: locally administered, unicast, the same each time
 * @vm: the VM's name
 * @nr: which of its interfaces
 */
void aerie_net_mac(u8 *mac, const char *vm, unsigned int nr);

/* net_ctrl.c */

/**
 * aerie_net_ctrl() - do what a request of the control queue asks for
 * @vq: the control queue
 * @chain: the request
 * @mode: changed
 *
 * Context: may sleep; the queue's work.
 * Return: VIRTIO_NET_OK, or VIRTIO_NET_ERR: then @mode may have been changed in part.
 */
u8 aerie_net_ctrl(struct aerie_vq *vq, const struct aerie_vq_chain *chain,
		  struct aerie_net_mode *mode);

#endif
