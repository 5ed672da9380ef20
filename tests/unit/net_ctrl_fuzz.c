// SPDX-License-Identifier: GPL-2.0
/*
 * Anything as a request of the control queue, and as the header of a frame.
 *
 * The first bytes are the size of the request's buffers and features; the rest is
 * requests, each with its length before it. Whatever they say, what filters look at
 * stays within its bounds.
 */
// sources: kmod/virtio/net_ctrl.c kmod/virtio/net_mode.c kmod/virtio/queue.c
#include "fake_net.h"

#define REQUEST_MAX	1024u

static void check(void)
{
	if (!mode.pairs || mode.pairs > mode.max_pairs || mode.mac[0] & 1)
		abort();
	if (mode.nr_uni <= AERIE_NET_MACS && mode.nr_multi <= AERIE_NET_MACS &&
	    mode.nr_uni + mode.nr_multi > AERIE_NET_MACS)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	const u8 *end = data + size;
	struct virtio_net_hdr hdr;
	u64 features;
	u32 piece;

	if (size < 9)
		return 0;
	piece = data[0] % 64 + 8;
	memcpy(&features, data + 1, 8);
	ctrl_setup(features);
	for (data += 9; end - data >= 2;) {
		struct aerie_net_mode before = mode;
		u32 len = min_t(u32, (data[0] | data[1] << 8) % REQUEST_MAX, end - data - 2);

		data += 2;
		if (ctrl_bytes(data, len, piece) != VIRTIO_NET_OK)
			mode = before;
		check();
		if (len >= ETH_HLEN)
			aerie_net_mode_pass(&mode, features, data, min(len, 18u));
		if (len >= sizeof(hdr)) {
			memcpy(&hdr, data, sizeof(hdr));
			aerie_net_header_valid(&hdr, features, len);
		}
		data += len;
	}
	ctrl_teardown();
	return 0;
}
