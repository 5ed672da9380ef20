// SPDX-License-Identifier: GPL-2.0
/* The entropy device: what a request gets, how much, and how fast. */
// sources: kmod/virtio/rng.c kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "ktap.h"
#include "uapi.h"
#include "fake_virtio.h"

#define READY		(VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK)
#define DATA		0x40000ull
#define RAM_END		(4ull << 20)

int shim_fail_alloc;
u64 shim_slept_us;

static struct aerie_virtio *rng;
static struct aerie_vq *vq;
static struct ring ring;

static void setup(void)
{
	virtio_machine(RAM_END);
	EXPECT_EQ(aerie_virtio_rng_create(&vm, NULL), 0);
	rng = container_of(list_entry(vm.devs.prev, struct aerie_dev, node), struct aerie_virtio,
			   dev);
	vq = &rng->vqs[0];
	rng->dev.ops->reset(&rng->dev);
	ring_enable(&ring, vq);
	rng->s.status = READY;
	shim_slept_us = 0;
}

/* Serve the request at descriptor 0; bytes it got. */
static u32 serve(void)
{
	ring_offer(&ring, 0);
	queue_work(NULL, &vq->work);
	works_run();
	return ring_used(&ring, ring_used_idx(&ring) - 1).len;
}

TEST(identity)
{
	setup();
	EXPECT_EQ(config_in(1, PCI_VENDOR_ID, 4), 0x10441af4);
	EXPECT_EQ(rng->nr_vqs, 1);
	EXPECT_EQ(rng->config_len, 0);
	virtio_machine_fini();
}

TEST(no_memory_is_an_error)
{
	unsigned int n;

	for (n = 1; n < 10; n++) {
		virtio_machine(RAM_END);
		shim_fail_alloc = n;
		if (!aerie_virtio_rng_create(&vm, NULL))
			break;
		EXPECT_EQ(shim_fail_alloc, 0);
		EXPECT_EQ(config_in(1, PCI_VENDOR_ID, 4), 0xffffffff);
		virtio_machine_fini();
	}
	EXPECT_EQ(n, 5);
	shim_fail_alloc = 0;
	virtio_machine_fini();
}

TEST(there_is_one_in_a_vm)
{
	struct aerie_why why = {};

	setup();
	EXPECT_EQ(aerie_virtio_rng_create(&vm, &why), -EEXIST);
	EXPECT(why.msg && why.attr == AERIE_A_ENTROPY);
	EXPECT_EQ(config_in(2, PCI_VENDOR_ID, 4), 0xffffffff);
	virtio_machine_fini();
}

TEST(all_buffers_are_filled_and_nothing_else)
{
	u8 want[600];

	setup();
	memset(want, 0x5a, sizeof(want));
	ring_desc(&ring, 0, DATA, 100, NEXT, 1);		/* nothing that is read counts */
	ring_desc(&ring, 1, DATA + 0x1000, 500, NEXT | WRITE, 2);
	ring_desc(&ring, 2, DATA + 0x2000, 100, WRITE, 0);
	EXPECT_EQ(serve(), 600);
	EXPECT(fake_mem_equal(&vm.mem, DATA + 0x1000, want, 500));
	EXPECT(fake_mem_equal(&vm.mem, DATA + 0x2000, want, 100));
	EXPECT_EQ(fake_mem_value(&vm.mem, DATA, 8), 0);
	EXPECT_EQ(fake_mem_value(&vm.mem, DATA + 0x1000 + 500, 8), 0);
	EXPECT_EQ(fake_mem_value(&vm.mem, DATA + 0x2000 + 100, 8), 0);
	virtio_machine_fini();
}

TEST(a_request_without_room_goes_back_at_once)
{
	setup();
	ring_desc(&ring, 0, DATA, 100, 0, 0);
	EXPECT_EQ(serve(), 0);
	EXPECT_EQ(ring_used_idx(&ring), 1);
	EXPECT_EQ(shim_slept_us, 0);
	virtio_machine_fini();
}

TEST(a_request_is_a_page_at_the_most_and_a_mebibyte_takes_a_second)
{
	unsigned int i;

	setup();
	ring_desc(&ring, 0, DATA, 0xffffffff, WRITE, 0);
	for (i = 0; i < 256; i++)
		EXPECT_EQ(serve(), 4096);
	EXPECT(shim_slept_us > 990000 && shim_slept_us <= 1010000);
	EXPECT_EQ(fake_mem_value(&vm.mem, DATA + 4096, 8), 0);
	EXPECT_EQ(rng->s.status, READY);
	virtio_machine_fini();
}

TEST(a_buffer_outside_ram_breaks_the_device)
{
	setup();
	ring_desc(&ring, 0, RAM_END - 8, 300, WRITE, 0);
	serve();
	EXPECT_EQ(ring_used_idx(&ring), 0);
	EXPECT_EQ(rng->s.status, READY | VIRTIO_CONFIG_S_NEEDS_RESET);
	virtio_machine_fini();
}
