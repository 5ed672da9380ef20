/* SPDX-License-Identifier: GPL-2.0 */
/* Requests to a control queue in fake memory. */
#ifndef FAKE_NET_H
#define FAKE_NET_H

#include "aerie.h"
#include "fake_mem.h"
#include "virtio/net_mode.h"

#define CTRL_DATA	0x40000ull
#define ALL_FEATURES	(~0ull)

static struct aerie_vm vm;
static struct aerie_virtio vdev;
static struct aerie_vq vq;
static struct aerie_vq_chain chain;
static struct aerie_net_mode mode;

void aerie_virtio_broken(struct aerie_virtio *v)
{
	abort();	/* no request does that: its answer is an error */
}

static void ctrl_setup(u64 features)
{
	static const u8 mac[] = { 0x02, 1, 2, 3, 4, 5 };

	aerie_mem_init(&vm.mem, 1 << 20, NULL);
	vdev.dev.vm = &vm;
	vdev.s.driver_features = features;
	vq.vdev = &vdev;
	aerie_net_mode_init(&mode, mac, 4);
}

static void ctrl_teardown(void)
{
	aerie_mem_fini(&vm.mem);
}

/* A request of @len bytes, taken apart into buffers of @piece. */
static u8 ctrl_bytes(const void *buf, u32 len, u32 piece)
{
	u32 off;

	chain.nr_in = chain.nr_out = 0;
	chain.in_bytes = len;
	if (len && aerie_mem_write(&vm.mem, CTRL_DATA, buf, len, GFP_KERNEL))
		abort();
	for (off = 0; off < len; off += piece)
		chain.bufs[chain.nr_in++] = (struct aerie_vq_buf){
			.gpa = CTRL_DATA + off, .len = min(piece, len - off),
		};
	return aerie_net_ctrl(&vq, &chain, &mode);
}

#endif
