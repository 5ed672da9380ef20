// SPDX-License-Identifier: GPL-2.0
/* The control queue's requests, and what is none. */
// sources: kmod/virtio/net_ctrl.c kmod/virtio/net_mode.c kmod/virtio/queue.c
#include "ktap.h"
#include "fake_net.h"

#define OK	VIRTIO_NET_OK
#define ERR	VIRTIO_NET_ERR

static u8 do_ctrl(u8 class, u8 cmd, const void *data, u32 len)
{
	u8 buf[2048] = { class, cmd };

	memcpy(buf + 2, data, len);
	return ctrl_bytes(buf, 2 + len, 7);
}

static u8 do_byte(u8 class, u8 cmd, u8 val)
{
	return do_ctrl(class, cmd, &val, 1);
}

static u8 do_word(u8 class, u8 cmd, u16 val)
{
	return do_ctrl(class, cmd, &val, 2);
}

TEST(receive_modes)
{
	ctrl_setup(ALL_FEATURES);
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 0), OK);
	EXPECT(!mode.promisc);
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1), OK);
	EXPECT(mode.promisc);
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 1), OK);
	EXPECT(mode.allmulti);
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, 2), ERR);
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI, 1), ERR);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, "", 0), ERR);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1), ERR);
	ctrl_teardown();
}

/* @uni and @multi addresses, each ending with its number; @cut bytes are missing. */
static u8 do_table(u32 uni, u32 multi, u32 cut)
{
	u8 buf[2048] = {}, *p = buf + 4;
	u32 i;

	memcpy(buf, &uni, 4);
	for (i = 0; i < uni; i++, p += 6)
		memcpy(p, (u8[]){ 2, 0, 0, 0, 0, i }, 6);
	memcpy(p, &multi, 4);
	p += 4;
	for (i = 0; i < multi; i++, p += 6)
		memcpy(p, (u8[]){ 3, 0, 0, 0, 0, i }, 6);
	return do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, buf, p - buf - cut);
}

static bool pass(u8 first, u8 last)
{
	u8 head[18] = { first, 0, 0, 0, 0, last };

	return aerie_net_mode_pass(&mode, 0, head, sizeof(head));
}

TEST(tables)
{
	ctrl_setup(ALL_FEATURES);
	mode.promisc = false;
	EXPECT_EQ(do_table(0, 0, 0), OK);
	EXPECT(!pass(2, 0));
	EXPECT_EQ(do_table(3, 2, 0), OK);
	EXPECT(pass(2, 2) && !pass(2, 3) && pass(3, 1) && !pass(3, 2));
	EXPECT_EQ(do_table(AERIE_NET_MACS, 0, 0), OK);
	EXPECT(pass(2, AERIE_NET_MACS - 1) && !pass(2, AERIE_NET_MACS) && !pass(3, 0));
	EXPECT_EQ(do_table(0, AERIE_NET_MACS, 0), OK);
	EXPECT(pass(3, 0) && !pass(3, AERIE_NET_MACS) && !pass(2, 0));
	/* One more than there is room for. */
	EXPECT_EQ(do_table(AERIE_NET_MACS, 1, 0), OK);
	EXPECT(pass(2, 0) && !pass(2, 200) && pass(3, 200));
	EXPECT_EQ(do_table(AERIE_NET_MACS + 1, 2, 0), OK);
	EXPECT(pass(2, 200) && pass(3, 1) && !pass(3, 2));
	EXPECT_EQ(do_table(100, 100, 0), OK);
	EXPECT(pass(2, 200) && pass(3, 200));
	/* Shorter than it says, longer, and nothing. */
	EXPECT_EQ(do_table(3, 2, 1), ERR);
	EXPECT_EQ(do_table(3, 2, 12), ERR);
	EXPECT_EQ(do_table(3, 0, 4), ERR);
	EXPECT_EQ(do_table(3, 0, 5), ERR);
	EXPECT_EQ(do_table(0, 0, 5), ERR);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, "\0\0\0\0\0\0\0\0", 9), ERR);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
			  "\xff\xff\xff\xff\0\0\0\0", 8), ERR);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
			  "\0\0\0\0\xab\xaa\xaa\x2a", 8), ERR);
	ctrl_teardown();
}

TEST(its_own_address)
{
	ctrl_setup(ALL_FEATURES);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, "\x02uvwxy", 6), OK);
	EXPECT(!memcmp(mode.mac, "\x02uvwxy", 6));
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, "\x03uvwxy", 6), ERR);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, "\x02uvwx", 5), ERR);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, "\x02uvwxyz", 7), ERR);
	ctrl_teardown();
}

TEST(vlans)
{
	ctrl_setup(ALL_FEATURES);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 4095), OK);
	EXPECT(test_bit(4095, mode.vlans));
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, 4095), OK);
	EXPECT(!test_bit(4095, mode.vlans));
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 4096), ERR);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_VLAN, 2, 1), ERR);
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 1), ERR);
	ctrl_teardown();
}

TEST(pairs)
{
	ctrl_setup(ALL_FEATURES);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 4), OK);
	EXPECT_EQ(mode.pairs, 4);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 5), ERR);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 0), ERR);
	EXPECT_EQ(do_word(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_RSS_CONFIG, 1), ERR);
	EXPECT_EQ(mode.pairs, 4);
	ctrl_teardown();
}

TEST(announced)
{
	ctrl_setup(ALL_FEATURES);
	mode.announce = true;
	EXPECT_EQ(do_byte(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, 0), ERR);
	EXPECT(mode.announce);
	EXPECT_EQ(do_ctrl(VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, "", 0), OK);
	EXPECT(!mode.announce);
	ctrl_teardown();
}

TEST(what_was_not_accepted_is_refused)
{
	static const struct {
		u8 class, cmd, len, data[8];
		u8 feature;
	} rows[] = {
		{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1, { 1 }, VIRTIO_NET_F_CTRL_RX },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 8, { 0 }, VIRTIO_NET_F_CTRL_RX },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 6, { 2 }, VIRTIO_NET_F_CTRL_MAC_ADDR },
		{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 2, { 2 }, VIRTIO_NET_F_CTRL_VLAN },
		{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, 0, { 0 }, VIRTIO_NET_F_GUEST_ANNOUNCE },
		{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 2, { 2 }, VIRTIO_NET_F_MQ },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		ctrl_setup(BIT_ULL(rows[i].feature));
		EXPECT_EQ(do_ctrl(rows[i].class, rows[i].cmd, rows[i].data, rows[i].len), OK);
		vdev.s.driver_features = ~BIT_ULL(rows[i].feature);
		EXPECT_EQ(do_ctrl(rows[i].class, rows[i].cmd, rows[i].data, rows[i].len), ERR);
		ctrl_teardown();
	}
}

TEST(no_request)
{
	ctrl_setup(ALL_FEATURES);
	EXPECT_EQ(ctrl_bytes("", 0, 1), ERR);
	EXPECT_EQ(ctrl_bytes("\0", 1, 1), ERR);
	EXPECT_EQ(do_byte(200, 0, 0), ERR);
	/* Its buffer is not RAM. */
	chain = (struct aerie_vq_chain){ .nr_in = 1, .in_bytes = 3, .bufs = { { 0xd0000000, 3 } } };
	EXPECT_EQ(aerie_net_ctrl(&vq, &chain, &mode), ERR);
	ctrl_teardown();
}
