// SPDX-License-Identifier: GPL-2.0
/* Frames a driver wants, headers it may give, addresses of its own. */
// sources: kmod/virtio/net_mode.c
#include "ktap.h"
#include "aerie.h"
#include "virtio/net_mode.h"

#define VLANS	BIT_ULL(VIRTIO_NET_F_CTRL_VLAN)

static const u8 own[] = { 0x02, 1, 2, 3, 4, 5 };
static const u8 other[] = { 0x02, 1, 2, 3, 4, 6 };
static const u8 group[] = { 0x33, 0x33, 0, 0, 0, 1 };
static const u8 everybody[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static struct aerie_net_mode mode;

static void quiet(void)
{
	aerie_net_mode_init(&mode, own, 4);
	mode.promisc = false;
}

static bool pass(const u8 *to)
{
	u8 head[18] = {};

	memcpy(head, to, 6);
	return aerie_net_mode_pass(&mode, 0, head, sizeof(head));
}

static bool pass_tagged(u16 tag, u64 features, unsigned int len)
{
	u8 head[18] = { 0x02, 1, 2, 3, 4, 5, [12] = 0x81, [14] = tag >> 8, [15] = tag };

	return aerie_net_mode_pass(&mode, features, head, len);
}

TEST(everything_passes_until_the_driver_says_otherwise)
{
	aerie_net_mode_init(&mode, own, 4);
	EXPECT(pass(own) && pass(other) && pass(group) && pass(everybody));
	EXPECT_EQ(mode.pairs, 1);
	EXPECT_EQ(mode.max_pairs, 4);
}

TEST(then_what_is_for_it)
{
	quiet();
	EXPECT(pass(own));
	EXPECT(!pass(other));
	EXPECT(!pass(group));
	EXPECT(pass(everybody));
	mode.allmulti = true;
	EXPECT(pass(group));
	EXPECT(!pass(other));
}

TEST(and_what_is_in_its_table)
{
	quiet();
	memcpy(mode.macs[0], other, 6);
	EXPECT(!pass(other));
	mode.nr_uni = 1;
	EXPECT(pass(other));
	memcpy(mode.macs[AERIE_NET_MACS - 2], group, 6);
	mode.nr_multi = 1;
	EXPECT(!pass(group));
	mode.nr_multi = 2;
	EXPECT(pass(group));
}

TEST(a_table_that_is_too_long_lets_all_of_its_kind_pass)
{
	quiet();
	mode.nr_uni = AERIE_NET_MACS + 1;
	EXPECT(pass(other));
	EXPECT(!pass(group));
	quiet();
	mode.nr_multi = AERIE_NET_MACS + 1;
	EXPECT(!pass(other));
	EXPECT(pass(group));
}

TEST(vlans)
{
	quiet();
	EXPECT(pass_tagged(5, 0, 18));
	EXPECT(!pass_tagged(5, VLANS, 18));
	EXPECT(pass_tagged(0, VLANS, 18));
	EXPECT(pass_tagged(0xe000, VLANS, 18));
	set_bit(5, mode.vlans);
	set_bit(4095, mode.vlans);
	EXPECT(pass_tagged(5, VLANS, 18));
	EXPECT(pass_tagged(0xe005, VLANS, 18));
	EXPECT(pass_tagged(0xffff, VLANS, 18));
	EXPECT(!pass_tagged(6, VLANS, 18));
	/* A frame that ends before its tag has none. */
	EXPECT(pass_tagged(6, VLANS, 14));
}

#define CSUM	BIT_ULL(VIRTIO_NET_F_CSUM)
#define TSO4	(CSUM | BIT_ULL(VIRTIO_NET_F_HOST_TSO4))
#define TSO6	(CSUM | BIT_ULL(VIRTIO_NET_F_HOST_TSO6))
#define ECN	BIT_ULL(VIRTIO_NET_F_HOST_ECN)

TEST(headers)
{
	const u8 needs = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	const struct {
		const char *name;
		struct virtio_net_hdr hdr;
		u64 features;
		u32 len;
		bool valid;
	} rows[] = {
		{ "plain", { 0 }, 0, 60, true },
		{ "shortest", { 0 }, 0, 14, true },
		{ "too short", { 0 }, 0, 13, false },
		{ "nothing", { 0 }, 0, 0, false },
		{ "longest", { 0 }, 0, AERIE_NET_FRAME_MAX, true },
		{ "too long", { 0 }, 0, AERIE_NET_FRAME_MAX + 1, false },
		{ "checksum", { needs, 0, 0, 0, 34, 16 }, CSUM, 60, true },
		{ "checksum not accepted", { needs, 0, 0, 0, 34, 16 }, 0, 60, false },
		{ "checksum at the end", { needs, 0, 0, 0, 42, 16 }, CSUM, 60, true },
		{ "checksum over the end", { needs, 0, 0, 0, 43, 16 }, CSUM, 60, false },
		{ "checksum far away", { needs, 0, 0, 0, 0xffff, 0xffff }, CSUM, 60, false },
		{ "TSO", { needs, 1, 54, 1460, 34, 16 }, TSO4, 9000, true },
		{ "TSO of IPv6", { needs, 4, 74, 1440, 54, 16 }, TSO6, 9000, true },
		{ "TSO not accepted", { needs, 1, 54, 1460, 34, 16 }, TSO6, 9000, false },
		{ "TSO of IPv6 not accepted", { needs, 4, 74, 1440, 54, 16 }, TSO4, 9000, false },
		{ "TSO without checksum", { 0, 1, 54, 1460, 34, 16 }, TSO4, 9000, false },
		{ "TSO of no size", { needs, 1, 54, 0, 34, 16 }, TSO4, 9000, false },
		{ "TSO of tiny size", { needs, 1, 54, 7, 34, 16 }, TSO4, 9000, false },
		{ "TSO with ECN", { needs, 0x81, 54, 1460, 34, 16 }, TSO4 | ECN, 9000, true },
		{ "ECN not accepted", { needs, 0x81, 54, 1460, 34, 16 }, TSO4, 9000, false },
		{ "ECN alone", { needs, 0x80, 54, 1460, 34, 16 }, TSO4 | ECN, 9000, false },
		{ "UDP", { needs, 3, 54, 1460, 34, 6 }, ~0ull, 9000, false },
		{ "UDP segments", { needs, 5, 54, 1460, 34, 6 }, ~0ull, 9000, false },
		{ "no kind", { needs, 0x7f, 54, 1460, 34, 16 }, ~0ull, 9000, false },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		bool valid = aerie_net_header_valid(&rows[i].hdr, rows[i].features, rows[i].len);

		if (valid != rows[i].valid)
			printf("# %s\n", rows[i].name);
		EXPECT_EQ(valid, rows[i].valid);
	}
}

TEST(addresses_are_stable_and_differ)
{
	static u8 macs[26 * 26 * 8][6];
	char name[3] = "";
	unsigned int a, b, n, i, j, nr = 0;
	u8 mac[6], again[6];

	aerie_net_mac(mac, "web", 0);
	aerie_net_mac(again, "web", 0);
	EXPECT(!memcmp(mac, again, 6));
	/* Whoever changes the hash changes the addresses of everybody's guests. */
	EXPECT(!memcmp(mac, "\x02\x49\x10\xcb\x84\x55", 6));
	for (a = 'a'; a <= 'z'; a++)
		for (b = 'a'; b <= 'z'; b++)
			for (n = 0; n < 8; n++) {
				name[0] = a;
				name[1] = b;
				aerie_net_mac(macs[nr++], name, n);
			}
	for (i = 0; i < nr; i++) {
		EXPECT_EQ(macs[i][0] & 3, 2);
		for (j = 0; j < i; j++)
			if (!memcmp(macs[i], macs[j], 6))
				break;
		EXPECT_EQ(j, i);
	}
}
