// SPDX-License-Identifier: GPL-2.0
/* Virtio over PCI: what the driver's side of transport and rings is told. */
// sources: kmod/virtio/transport.c kmod/virtio/queue.c kmod/dev/device.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/irq.c kmod/dev/bus.c kmod/dev/ioapic.c kmod/dev/pic.c kmod/dev/pit.c kmod/dev/rtc.c kmod/dev/pm.c kmod/dev/serial.c
#include "ktap.h"
#include "fake_virtio.h"
#include "dev/lapic.h"

int shim_fail_alloc;

#define GSI	AERIE_PCI_GSI(VIRTIO_SLOT)

void aerie_lapic_lint(struct aerie_vcpu *vcpu, unsigned int pin) { }
void aerie_vcpu_kick(struct aerie_vcpu *vcpu) { }

static void describe(u32 i, u64 addr, u32 len, u16 flags, u16 next)
{
	const struct { u64 addr; u32 len; u16 flags, next; } desc = { addr, len, flags, next };

	put_mem(DESC + 16 * i, &desc, sizeof(desc));
}

static u16 avail;

static void start(u64 features)
{
	virtio_machine_init();
	avail = 0;
	driver_start(features);
}

static void offer(u16 head)
{
	put_mem(AVAIL + 4 + 2 * (avail++ % QSIZE), &head, 2);
	put_mem(AVAIL + 2, &avail, 2);
}

static void kick(void)
{
	write_at(DOORBELL, 2, 0);
	shim_works_run();
}

static bool needs_reset(void)
{
	return read_at(REG(STATUS), 1) & VIRTIO_CONFIG_S_NEEDS_RESET;
}

static bool line_high(void)
{
	return vm.irq_sources[GSI];
}

TEST(a_request_is_served_and_told)
{
	u8 buf[4] = { 1, 2, 3, 4 };

	start(0);
	put_mem(BUF, buf, 4);
	describe(3, BUF, 4, VRING_DESC_F_NEXT, 5);
	describe(5, BUF + 64, 16, VRING_DESC_F_WRITE, 0);
	offer(3);
	kick();
	EXPECT_EQ(served, 1);
	EXPECT_EQ(get_mem16(USED + 2), 1);
	EXPECT_EQ(get_mem16(USED + 4), 3);
	EXPECT_EQ(get_mem16(USED + 8), 4);
	EXPECT_EQ(get_mem16(BUF + 66), 0x0403);
	EXPECT(line_high());
	EXPECT_EQ(read_at(ISR, 1), 1);
	EXPECT(!line_high());
	EXPECT_EQ(read_at(ISR, 1), 0);
	virtio_machine_fini();
}

TEST(nothing_is_served_before_driver_ok_or_after_quiesce)
{
	start(0);
	describe(0, BUF, 4, 0, 0);
	offer(0);
	vdev->dev.ops->quiesce(&vdev->dev);
	kick();
	EXPECT_EQ(served, 0);
	EXPECT_EQ(get_mem16(USED + 2), 0);
	vdev->dev.ops->reset(&vdev->dev);
	kick();
	EXPECT_EQ(served, 0);
	avail = 0;
	driver_start(0);
	offer(0);
	kick();
	EXPECT_EQ(served, 1);
	virtio_machine_fini();
}

TEST(the_driver_is_told_when_it_wants)
{
	u16 one = 1;

	start(0);
	describe(0, BUF, 4, 0, 0);
	put_mem(AVAIL, &one, 2);		/* VRING_AVAIL_F_NO_INTERRUPT */
	offer(0);
	kick();
	EXPECT_EQ(served, 1);
	EXPECT(!line_high());
	EXPECT_EQ(get_mem16(USED), 0);		/* kicks are wanted again */
	virtio_machine_fini();

	start(BIT_ULL(VIRTIO_RING_F_EVENT_IDX));
	describe(0, BUF, 4, 0, 0);
	put_mem(AVAIL + 4 + 2 * QSIZE, &one, 2);
	offer(0);
	kick();
	EXPECT(!line_high());
	EXPECT_EQ(get_mem16(USED + 4 + 8 * QSIZE), 1);
	offer(0);
	kick();
	EXPECT(line_high());
	virtio_machine_fini();
}

TEST(indices_wrap)
{
	unsigned int i;

	start(0);
	describe(2, BUF, 4, 0, 0);
	for (i = 0; i < 70000; i++) {
		offer(2);
		if (i % QSIZE == QSIZE - 1)
			kick();
	}
	EXPECT_EQ(served, 70000);
	EXPECT_EQ(get_mem16(USED + 2), (u16)70000);
	EXPECT(!needs_reset());
	virtio_machine_fini();
}

/* A chain may be as long as a queue can be, by way of a table. */
TEST(longest_chain)
{
	u32 i;

	start(BIT_ULL(VIRTIO_RING_F_INDIRECT_DESC));
	for (i = 0; i < AERIE_VQ_SIZE; i++) {
		const struct { u64 addr; u32 len; u16 flags, next; } desc = {
			BUF, 1, i < AERIE_VQ_SIZE - 1 ? VRING_DESC_F_NEXT : 0, i + 1
		};

		put_mem(0x8000 + 16 * i, &desc, sizeof(desc));
	}
	describe(0, 0x8000, 16 * AERIE_VQ_SIZE, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	kick();
	EXPECT_EQ(served, 1);
	EXPECT_EQ(vdev->vqs[0].chain->nr_in, AERIE_VQ_SIZE);
	virtio_machine_fini();
}

TEST(without_the_feature_a_table_is_an_error)
{
	start(0);
	describe(0, BUF, 16, VRING_DESC_F_INDIRECT, 0);
	offer(0);
	kick();
	EXPECT_EQ(served, 0);
	EXPECT(needs_reset());
	EXPECT_EQ(read_at(ISR, 1), 2);
	/* Once told, it is not told again, and nothing is served any more. */
	kick();
	EXPECT(!line_high());
	virtio_machine_fini();
}

TEST(reset_by_the_driver_ends_everything)
{
	start(0);
	describe(0, BUF, 4, 0, 0);
	offer(0);
	write_at(DOORBELL, 2, 0);
	write_at(REG(STATUS), 1, 0);
	EXPECT(read_at(REG(STATUS), 1));	/* not yet */
	shim_works_run();
	EXPECT_EQ(read_at(REG(STATUS), 1), 0);
	EXPECT_EQ(served, 0);
	EXPECT_EQ(read_at(REG(Q_ENABLE), 2), 0);
	EXPECT_EQ(read_at(REG(Q_DESCLO), 4), 0);
	EXPECT_EQ(read_at(REG(MSIX), 2), VIRTIO_MSI_NO_VECTOR);
	virtio_machine_fini();
}

TEST(what_is_set_up_stays)
{
	start(0);
	write_at(REG(Q_DESCLO), 4, 0x9000);
	EXPECT_EQ(read_at(REG(Q_DESCLO), 4), DESC);
	write_at(REG(Q_SIZE), 2, 4);
	EXPECT_EQ(read_at(REG(Q_SIZE), 2), QSIZE);
	write_at(REG(STATUS), 1, 1);
	EXPECT_EQ(read_at(REG(STATUS), 1), 15);
	EXPECT_EQ(read_at(DEVICE_CONFIG, 4), 0x44332211);
	EXPECT_EQ(read_at(DEVICE_CONFIG + 2, 4), 0x4433);
	EXPECT_EQ(read_at(DEVICE_CONFIG + 4, 8), 0);
	write_at(REG(Q_SELECT), 2, 2);
	EXPECT_EQ(read_at(REG(Q_SIZE), 2), 0);
	virtio_machine_fini();
}

TEST(interrupts_as_messages)
{
	u32 command;

	start(0);
	command = CONFIG_AT(VIRTIO_SLOT, vdev->pci.msix_cap + PCI_MSIX_FLAGS);
	EXPECT_EQ(read_at(command, 2), 2);	/* three vectors */
	write_at(command, 2, PCI_MSIX_FLAGS_ENABLE);
	write_at(MSIX_TABLE + 16, 8, 0xfee03000);
	write_at(MSIX_TABLE + 24, 4, 0x55);
	write_at(REG(Q_MSIX), 2, 1);
	describe(0, BUF, 4, 0, 0);
	offer(0);
	kick();
	EXPECT_EQ(messages, 0);			/* masked at power-on */
	EXPECT_EQ(read_at(MSIX_TABLE + 2048, 8), 2);
	write_at(MSIX_TABLE + 28, 4, 0);
	EXPECT_EQ(messages, 1);
	EXPECT_EQ(last_msg.dest, 3);
	EXPECT_EQ(last_msg.vector, 0x55);
	EXPECT(!line_high());
	write_at(command, 2, PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	offer(0);
	kick();
	EXPECT_EQ(messages, 1);
	write_at(command, 2, PCI_MSIX_FLAGS_ENABLE);
	EXPECT_EQ(messages, 2);
	/* Narrow and odd accesses are none. */
	write_at(MSIX_TABLE + 28, 2, 1);
	write_at(MSIX_TABLE + 26, 4, 1);
	offer(0);
	kick();
	EXPECT_EQ(messages, 3);
	virtio_machine_fini();
}

TEST(fails_cleanly_at_every_allocation)
{
	struct aerie_virtio *v;
	unsigned int n;
	int err = -ENOMEM;

	virtio_machine_init();
	for (n = 1; n < 20 && err; n++) {
		v = calloc(1, sizeof(*v));
		v->ops = &echo_ops;
		shim_fail_alloc = n;
		err = aerie_virtio_init(v, &vm, "second", 3);
		shim_fail_alloc = 0;
		if (err) {
			EXPECT_EQ(err, -ENOMEM);
			free(v);
		}
	}
	EXPECT_EQ(n, 7);	/* queues, three chains, a table; then it works */
	virtio_machine_fini();
}

TEST(slots_run_out)
{
	struct aerie_virtio *v;
	unsigned int n;
	int err = 0;

	virtio_machine_init();
	for (n = 2; !err; n++) {
		v = kzalloc(sizeof(*v), GFP_KERNEL);
		v->ops = &echo_ops;
		err = aerie_virtio_init(v, &vm, "more", 1);
	}
	kfree(v);
	EXPECT_EQ(err, -ENOSPC);
	EXPECT_EQ(n, AERIE_PCI_SLOTS + 1);
	virtio_machine_fini();
}
