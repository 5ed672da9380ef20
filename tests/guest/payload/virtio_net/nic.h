/* SPDX-License-Identifier: GPL-2.0 */
/* A driver of network devices: rings of each queue, frames, control requests. */
#ifndef NIC_H
#define NIC_H

#include "../virtio/driver.h"

enum { RX, TX, CTRL, QUEUES };
enum {
	F_CSUM = 0, F_GUEST_CSUM = 1, F_GUEST_TSO4 = 7, F_HOST_TSO4 = 11, F_MRG_RXBUF = 15,
	F_CTRL_VQ = 17, F_CTRL_RX = 18, F_CTRL_VLAN = 19, F_CTRL_MAC = 23,
};

#define HDR_LEN		12
#define TYPE		0x88b5	/* of our frames: for experiments */
#define FRAME_MAX	1514

struct nic {
	struct device dev;
	struct ring *ring[QUEUES];
	u16 seen[QUEUES];	/* used entries looked at */
	u8 *rx, *tx;		/* buffers: SIZE of BUF each */
};

#define BUF	2048

struct header {
	u8 flags, gso_type;
	u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers;
} __attribute__((packed));

extern struct nic nics[2];
extern struct header header;	/* of the next frames; nic_setup() clears it */

/* Before each test; false where there are not two. */
bool nic_setup(void);
bool nic_start(struct nic *n, u64 wanted);

/* Offer buffer @i, of @len bytes, to be received into. */
void nic_offer(struct nic *n, u32 i, u32 len);
/* Make a frame: addresses, our type, @len - 14 bytes beginning with @tag. */
void nic_frame(u8 *frame, const u8 *to, u32 len, u8 tag);
/* Send @len bytes of tx buffer @i behind @header; true when it has been taken. */
bool nic_send(struct nic *n, u32 i, u32 len);
void nic_kick(struct nic *n, u32 queue);
bool nic_broken(struct nic *n);
u16 nic_used(struct nic *n, u32 queue);

/* Wait for a buffer that is received into; its index, or SIZE where none comes. */
u32 nic_received(struct nic *n, u32 ms, u32 *len);

/* A control request of class, command and @len bytes; the answer, or 255. */
u8 nic_ctrl(struct nic *n, u8 class, u8 cmd, const void *payload, u32 len);

#define NIC_SETUP() do { if (!nic_setup()) { EXPECT(!"two network devices"); return; } } while (0)

#endif
