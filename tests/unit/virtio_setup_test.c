// SPDX-License-Identifier: GPL-2.0
/* Virtio over PCI: what a driver finds and sets up. */
// sources: kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_driver.h"

/* ---- What a driver finds -------------------------------------------------- */

TEST(identity)
{
	setup();
	EXPECT_EQ(config_in(ECHO_SLOT, PCI_VENDOR_ID, 4), (0x1040u + ECHO_ID) << 16 | 0x1af4);
	EXPECT_EQ(config_in(ECHO_SLOT, PCI_CLASS_REVISION, 4), 0xff000001);
	EXPECT_EQ(config_in(ECHO_SLOT, PCI_INTERRUPT_PIN, 1), 1);
	EXPECT(!strcmp(echo.dev.name, "echo"));
	teardown();
}

static void expect_cap(u8 type, u8 len, u32 offset, u32 length)
{
	u8 cap = vendor_cap(type);

	EXPECT(cap);
	EXPECT_EQ(config_in(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, cap_len), 1), len);
	EXPECT_EQ(config_in(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, bar), 1), 0);
	EXPECT_EQ(config_in(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, offset), 4), offset);
	EXPECT_EQ(config_in(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, length), 4), length);
}

TEST(capabilities_say_where_registers_are)
{
	u8 cap;

	setup();
	expect_cap(VIRTIO_PCI_CAP_COMMON_CFG, 16, 0, sizeof(struct virtio_pci_common_cfg));
	expect_cap(VIRTIO_PCI_CAP_ISR_CFG, 16, 0x1000, 1);
	expect_cap(VIRTIO_PCI_CAP_DEVICE_CFG, 16, 0x2000, sizeof(echo_config) - 1);
	expect_cap(VIRTIO_PCI_CAP_NOTIFY_CFG, 20, 0x3000, ECHO_VQS * 4);
	expect_cap(VIRTIO_PCI_CAP_PCI_CFG, 20, 0, 0);
	cap = vendor_cap(VIRTIO_PCI_CAP_NOTIFY_CFG);
	EXPECT_EQ(config_in(ECHO_SLOT, cap + sizeof(struct virtio_pci_cap), 4), 4);
	cap = cap_find(ECHO_SLOT, 0, PCI_CAP_ID_MSIX);
	EXPECT_EQ(config_in(ECHO_SLOT, cap + PCI_MSIX_FLAGS, 2), ECHO_VQS);	/* one more */
	teardown();
}

TEST(a_device_without_configuration_has_no_capability_for_it)
{
	virtio_machine(4ull << 20);
	memset(&echo, 0, sizeof(echo));
	echo.ops = &echo_ops;
	EXPECT_EQ(aerie_virtio_init(&echo, &vm, "echo", 1), 0);
	EXPECT_EQ(vendor_cap(VIRTIO_PCI_CAP_DEVICE_CFG), 0);
	EXPECT(vendor_cap(VIRTIO_PCI_CAP_NOTIFY_CFG));
	decode_bars();
	EXPECT_EQ(mem_in(DEVICE, 8), 0);
	teardown();
}

TEST(device_configuration_is_read_in_any_size)
{
	setup();
	EXPECT_EQ(mem_in(DEVICE, 1), '0');
	EXPECT_EQ(mem_in(DEVICE + 3, 2), '3' | '4' << 8);
	EXPECT_EQ(mem_in(DEVICE, 8), 0x3736353433323130);
	EXPECT_EQ(mem_in(DEVICE + 8, 4), '8' | '9' << 8);
	EXPECT_EQ(mem_in(DEVICE + 10, 4), 0);
	EXPECT_EQ(mem_in(DEVICE + 0xff8, 8), 0);
	mem_out(DEVICE, 4, 0);
	EXPECT_EQ(mem_in(DEVICE, 1), '0');
	EXPECT_EQ(mem_in(COMMON(CFGGENERATION), 1), 0);
	teardown();
}

static u64 configured;

static void configure(struct aerie_virtio *vdev, u64 off, unsigned int size, u64 val)
{
	configured = off << 32 | size << 16 | val;
}

TEST(device_configuration_that_is_written_is_the_devices_own)
{
	struct aerie_virtio_ops ops = echo_ops;

	ops.configure = configure;
	setup();
	echo.ops = &ops;
	configured = 0;
	mem_out(DEVICE + 4, 2, 0x1234);
	EXPECT_EQ(configured, 4ull << 32 | 2 << 16 | 0x1234);
	mem_out(DEVICE + 0xffc, 4, 7);		/* far behind its end: for it to refuse */
	EXPECT_EQ(configured, 0xffcull << 32 | 4 << 16 | 7);
	EXPECT_EQ(mem_in(DEVICE, 1), '0');
	echo.ops = &echo_ops;
	teardown();
}

TEST(registers_that_there_are_not_read_as_zero)
{
	setup();
	mem_out(COMMON(GFSELECT), 4, 1);
	EXPECT_EQ(mem_in(COMMON(GFSELECT), 4), 1);
	EXPECT_EQ(mem_in(regs_base + 0x38, 4), 0);	/* behind the last one */
	EXPECT_EQ(mem_in(regs_base + 0xffc, 4), 0);
	EXPECT_EQ(mem_in(ISR + 4, 4), 0);
	EXPECT_EQ(mem_in(DOORBELL(0), 2), 0);
	mem_out(regs_base + 0xffc, 4, ~0u);
	EXPECT_EQ(status(), 0);
	teardown();
}

TEST(init_fails_cleanly_at_every_allocation)
{
	unsigned int n;
	int err;

	for (n = 1; n < 20; n++) {
		virtio_machine(4ull << 20);
		shim_fail_alloc = n;
		err = echo_create();
		shim_fail_alloc = 0;
		if (!err)
			break;
		EXPECT_EQ(err, -ENOMEM);
		EXPECT_EQ(config_in(ECHO_SLOT, PCI_VENDOR_ID, 4), 0xffffffff);
		virtio_machine_fini();
		EXPECT_EQ(echo_frees, 0);		/* the caller's */
	}
	EXPECT_EQ(n, 1 + 1 + ECHO_VQS + 1);	/* queues, a chain each, vectors */
	teardown();
}

TEST(init_fails_cleanly_without_a_slot)
{
	static struct aerie_pci_dev cards[AERIE_PCI_SLOTS];
	unsigned int i;

	virtio_machine(4ull << 20);
	for (i = 1; i < AERIE_PCI_SLOTS; i++) {
		memset(&cards[i], 0, sizeof(cards[i]));
		cards[i].vm = &vm;
		aerie_pci_setup(&cards[i], 0, 0, 0);
		EXPECT_EQ(aerie_pci_plug(&cards[i]), 0);
	}
	EXPECT_EQ(echo_create(), -ENOSPC);
	virtio_machine_fini();
	EXPECT_EQ(echo_frees, 0);
}

/* ---- Negotiation ---------------------------------------------------------- */

TEST(features_are_offered_in_two_halves)
{
	setup();
	EXPECT_EQ(offered(), ECHO_FEATURES | VERSION_1 | EVENT_IDX |
			     BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC));
	mem_out(COMMON(DFSELECT), 4, 2);
	EXPECT_EQ(mem_in(COMMON(DFSELECT), 4), 2);
	EXPECT_EQ(mem_in(COMMON(DF), 4), 0);
	mem_out(COMMON(DFSELECT), 4, 0xffffffff);
	EXPECT_EQ(mem_in(COMMON(DF), 4), 0);
	mem_out(COMMON(DF), 4, 0xffffffff);		/* not to be written */
	EXPECT_EQ(offered() & ~(ECHO_FEATURES | VERSION_1 | EVENT_IDX |
				BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC)), 0);
	teardown();
}

TEST(only_what_is_offered_can_be_accepted)
{
	setup();
	accept(~0ull);
	EXPECT_EQ(accepted(), offered());
	accept(ECHO_FEATURES);
	EXPECT_EQ(accepted(), ECHO_FEATURES);
	mem_out(COMMON(GFSELECT), 4, 2);
	mem_out(COMMON(GF), 4, 0xffffffff);
	EXPECT_EQ(mem_in(COMMON(GF), 4), 0);
	mem_out(COMMON(GFSELECT), 4, 0x80000000);
	mem_out(COMMON(GF), 4, 0xffffffff);
	EXPECT_EQ(accepted(), ECHO_FEATURES);
	teardown();
}

TEST(features_are_refused_without_version_1)
{
	setup();
	accept(ECHO_FEATURES | EVENT_IDX);
	set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
	EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER);
	accept(VERSION_1);
	set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
	EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER | FEATURES_OK);
	teardown();
}

TEST(features_are_fixed_once_ok)
{
	setup();
	accept(VERSION_1 | BIT_ULL(3));
	set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
	accept(VERSION_1 | EVENT_IDX);
	EXPECT_EQ(accepted(), VERSION_1 | BIT_ULL(3));
	accept(0);
	EXPECT_EQ(accepted(), VERSION_1 | BIT_ULL(3));
	teardown();
}

TEST(status_bits_are_not_taken_back)
{
	setup();
	set_status(ACKNOWLEDGE);
	set_status(DRIVER);
	EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER);
	set_status(FAILED);
	EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER | FAILED);
	teardown();
}

/* ---- Setting up queues ---------------------------------------------------- */

TEST(queues_say_what_they_are)
{
	unsigned int i;

	setup();
	EXPECT_EQ(mem_in(COMMON(NUMQ), 2), ECHO_VQS);
	for (i = 0; i < ECHO_VQS; i++) {
		mem_out(COMMON(Q_SELECT), 2, i);
		EXPECT_EQ(mem_in(COMMON(Q_SELECT), 2), i);
		EXPECT_EQ(mem_in(COMMON(Q_SIZE), 2), AERIE_VQ_SIZE);
		EXPECT_EQ(mem_in(COMMON(Q_NOFF), 2), i);
		EXPECT_EQ(mem_in(COMMON(Q_MSIX), 2), NO_VECTOR);
		EXPECT_EQ(mem_in(COMMON(Q_ENABLE), 2), 0);
	}
	teardown();
}

TEST(queues_that_there_are_not_read_as_zero)
{
	static const u16 sels[] = { ECHO_VQS, AERIE_VQ_MAX, 0xffff };
	unsigned int i, off;

	setup();
	for (i = 0; i < ARRAY_SIZE(sels); i++) {
		mem_out(COMMON(Q_SELECT), 2, sels[i]);
		for (off = VIRTIO_PCI_COMMON_Q_SIZE; off < 0x100; off += 2)
			mem_out(regs_base + off, 2, 1);
		for (off = VIRTIO_PCI_COMMON_Q_SIZE; off < 0x100; off += 2)
			EXPECT_EQ(mem_in(regs_base + off, 2), 0);
	}
	teardown();
}

TEST(ring_addresses_have_two_halves)
{
	setup();
	mem_out(COMMON(Q_DESCLO), 4, 0x11223340);
	mem_out(COMMON(Q_DESCHI), 4, 0x55667788);
	EXPECT_EQ(mem_in(COMMON(Q_DESCLO), 8), 0x5566778811223340);
	mem_out(COMMON(Q_DESCLO), 4, 0);
	EXPECT_EQ(mem_in(COMMON(Q_DESCHI), 4), 0x55667788);
	mem_out(COMMON(Q_AVAILLO), 8, 0x123456789abcdef0);
	EXPECT_EQ(mem_in(COMMON(Q_AVAILLO), 4), 0x9abcdef0);
	EXPECT_EQ(mem_in(COMMON(Q_AVAILHI), 4), 0x12345678);
	mem_out(COMMON(Q_USEDLO), 8, 0x0fedcba987654320);
	EXPECT_EQ(mem_in(COMMON(Q_USEDLO), 8), 0x0fedcba987654320);
	EXPECT_EQ(echo.vqs[0].avail, 0x123456789abcdef0);
	EXPECT_EQ(echo.vqs[1].avail, 0);
	teardown();
}

TEST(what_is_no_queue_is_not_enabled)
{
	static const struct {
		u16 size;
		u32 desc, avail, used;
	} cases[] = {
		{ 0, 0x10000, 0x11000, 0x12000 },
		{ 3, 0x10000, 0x11000, 0x12000 },
		{ AERIE_VQ_SIZE + 1, 0x10000, 0x11000, 0x12000 },
		{ AERIE_VQ_SIZE * 2, 0x10000, 0x11000, 0x12000 },
		{ 0x8000, 0x10000, 0x11000, 0x12000 },
		{ 8, 0x10008, 0x11000, 0x12000 },
		{ 8, 0x10000, 0x11001, 0x12000 },
		{ 8, 0x10000, 0x11000, 0x12002 },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		setup();
		set_status(ACKNOWLEDGE | DRIVER);
		mem_out(COMMON(Q_SIZE), 2, cases[i].size);
		mem_out(COMMON(Q_DESCLO), 4, cases[i].desc);
		mem_out(COMMON(Q_AVAILLO), 4, cases[i].avail);
		mem_out(COMMON(Q_USEDLO), 4, cases[i].used);
		mem_out(COMMON(Q_ENABLE), 2, 1);
		EXPECT_EQ(mem_in(COMMON(Q_ENABLE), 2), 0);
		EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER | NEEDS_RESET);
		teardown();
	}
}

TEST(a_queue_is_set_up_once)
{
	setup();
	queue_program(0, 8);
	mem_out(COMMON(Q_ENABLE), 2, 2);		/* only 1 enables */
	mem_out(COMMON(Q_ENABLE), 2, 0);
	EXPECT_EQ(mem_in(COMMON(Q_ENABLE), 2), 0);
	queue_enable(0, 8);
	mem_out(COMMON(Q_SIZE), 2, 16);
	mem_out(COMMON(Q_DESCLO), 8, 0x5000);
	mem_out(COMMON(Q_AVAILLO), 8, 0x6000);
	mem_out(COMMON(Q_USEDLO), 8, 0x7000);
	mem_out(COMMON(Q_ENABLE), 2, 0);
	EXPECT_EQ(mem_in(COMMON(Q_ENABLE), 2), 1);
	EXPECT_EQ(mem_in(COMMON(Q_SIZE), 2), 8);
	EXPECT_EQ(mem_in(COMMON(Q_DESCLO), 8), rings[0].desc);
	EXPECT_EQ(mem_in(COMMON(Q_AVAILLO), 8), rings[0].avail);
	EXPECT_EQ(mem_in(COMMON(Q_USEDLO), 8), rings[0].used);
	EXPECT_EQ(status() & NEEDS_RESET, 0);
	teardown();
}

TEST(vectors_that_there_are_not_become_none)
{
	setup();
	EXPECT_EQ(mem_in(COMMON(MSIX), 2), NO_VECTOR);
	mem_out(COMMON(MSIX), 2, ECHO_VQS);
	EXPECT_EQ(mem_in(COMMON(MSIX), 2), ECHO_VQS);
	mem_out(COMMON(MSIX), 2, ECHO_VQS + 1);
	EXPECT_EQ(mem_in(COMMON(MSIX), 2), NO_VECTOR);
	queue_enable(1, 8);
	mem_out(COMMON(Q_MSIX), 2, 0);			/* also once it is enabled */
	EXPECT_EQ(mem_in(COMMON(Q_MSIX), 2), 0);
	mem_out(COMMON(Q_MSIX), 2, 64);
	EXPECT_EQ(mem_in(COMMON(Q_MSIX), 2), NO_VECTOR);
	teardown();
}

/* ---- The window in configuration space ------------------------------------ */

static void window(u8 bar, u32 off, u32 len)
{
	u8 cap = vendor_cap(VIRTIO_PCI_CAP_PCI_CFG);

	config_out(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, bar), 1, bar);
	config_out(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, offset), 4, off);
	config_out(ECHO_SLOT, cap + offsetof(struct virtio_pci_cap, length), 4, len);
}

static u64 window_in(u32 off, u32 len)
{
	window(0, off, len);
	return config_in(ECHO_SLOT, vendor_cap(VIRTIO_PCI_CAP_PCI_CFG) +
			 offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), len);
}

static void window_out(u32 off, u32 len, u32 val)
{
	window(0, off, len);
	config_out(ECHO_SLOT, vendor_cap(VIRTIO_PCI_CAP_PCI_CFG) +
		   offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), len, val);
}

TEST(the_window_reaches_all_registers_without_memory_space)
{
	setup();
	config_out(ECHO_SLOT, PCI_COMMAND, 2, 0);
	EXPECT_EQ(window_in(VIRTIO_PCI_COMMON_NUMQ, 2), ECHO_VQS);
	window_out(VIRTIO_PCI_COMMON_STATUS, 1, ACKNOWLEDGE);
	EXPECT_EQ(window_in(VIRTIO_PCI_COMMON_STATUS, 1), ACKNOWLEDGE);
	window_out(VIRTIO_PCI_COMMON_Q_SELECT, 2, 1);
	EXPECT_EQ(window_in(VIRTIO_PCI_COMMON_Q_NOFF, 2), 1);
	window_out(VIRTIO_PCI_COMMON_Q_DESCLO, 4, 0x12345670);
	EXPECT_EQ(echo.vqs[1].desc, 0x12345670);
	EXPECT_EQ(window_in(0x2000, 4), 0x33323130);
	teardown();
}

TEST(the_window_rings_doorbells_and_reads_the_isr)
{
	setup();
	start(0);
	offer(0, 0, "hello");
	window_out(0x3000, 2, 0);
	EXPECT_EQ(works_run(), 1);
	EXPECT(line[GSI]);
	EXPECT_EQ(window_in(0x1000, 1), 1);
	EXPECT(!line[GSI]);
	teardown();
}

TEST(the_window_is_shut_where_it_points_nowhere)
{
	static const struct {
		u8 bar;
		u32 off, len;
	} cases[] = {
		{ 0, VIRTIO_PCI_COMMON_STATUS, 0 }, { 0, VIRTIO_PCI_COMMON_STATUS, 3 },
		{ 0, VIRTIO_PCI_COMMON_STATUS, 8 }, { 0, VIRTIO_PCI_COMMON_STATUS, 0x101 },
		{ 1, VIRTIO_PCI_COMMON_STATUS, 1 }, { 6, VIRTIO_PCI_COMMON_STATUS, 1 },
		{ 0, 0x4000, 4 }, { 0, 0xfffffffc, 4 },
		{ 0, VIRTIO_PCI_COMMON_STATUS + 1, 2 }, { 0, VIRTIO_PCI_COMMON_STATUS + 2, 4 },
	};
	unsigned int i;
	u8 data;

	setup();
	data = vendor_cap(VIRTIO_PCI_CAP_PCI_CFG) + sizeof(struct virtio_pci_cap);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		window(cases[i].bar, cases[i].off, cases[i].len);
		config_out(ECHO_SLOT, data, 4, 0x01010101);
		EXPECT_EQ(status(), 0);
		EXPECT_EQ(config_in(ECHO_SLOT, data, 4), 0x01010101);
	}
	/* An access that does not begin at the data is none either. */
	window(0, VIRTIO_PCI_COMMON_STATUS, 1);
	config_out(ECHO_SLOT, data + 1, 1, 1);
	EXPECT_EQ(status(), 0);
	config_out(ECHO_SLOT, data, 1, 1);
	EXPECT_EQ(status(), 1);
	teardown();
}
