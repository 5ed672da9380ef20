// SPDX-License-Identifier: GPL-2.0
/* Virtio over PCI: requests served, rings that break, resets. */
// sources: kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_driver.h"

/* ---- Serving -------------------------------------------------------------- */

TEST(a_doorbell_has_requests_served)
{
	setup();
	start(0);
	msix_on();
	offer(0, 0, "hello");
	offer(0, 4, "hello");
	EXPECT_EQ(nr_works, 0);
	kick(0);
	EXPECT_EQ(ring_used_idx(&rings[0]), 0);		/* not on the vCPU */
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(ring_used_idx(&rings[0]), 2);
	EXPECT_EQ(ring_used(&rings[0], 0).id, 0);
	EXPECT_EQ(ring_used(&rings[0], 0).len, 5);
	EXPECT_EQ(ring_used(&rings[0], 1).id, 4);
	EXPECT(fake_mem_equal(&vm.mem, DATA + 0x1000, "hello", 5));
	EXPECT_EQ(msis, 2);
	EXPECT_EQ(last_msi.data, 0x51);
	offer(1, 2, "x");
	kick(1);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(last_msi.data, 0x52);
	EXPECT_EQ(ring_used(&rings[1], 0).id, 2);
	EXPECT_EQ(echo.vqs[0].requests, 2);
	EXPECT_EQ(echo.vqs[1].interrupts, 1);
	EXPECT(!line[GSI]);
	teardown();
}

TEST(doorbells_of_what_is_not_served_do_nothing)
{
	setup();
	accept(VERSION_1);
	set_status(ACKNOWLEDGE | DRIVER | FEATURES_OK);
	queue_enable(0, 8);
	offer(0, 0, "a");
	kick(0);
	EXPECT_EQ(nr_works, 0);				/* no DRIVER_OK yet */
	set_status(DRIVER_OK);
	kick(1);					/* not enabled */
	kick(ECHO_VQS);
	kick(1023);
	EXPECT_EQ(nr_works, 0);
	kick(0);
	kick(0);
	EXPECT_EQ(works_run(), 1);			/* one for both */
	EXPECT_EQ(echo.vqs[0].requests, 1);
	teardown();
}

static void offer_late(struct aerie_vq *vq, const struct aerie_vq_chain *chain)
{
	echo_hook = NULL;
	EXPECT_EQ(fake_mem_value(&vm.mem, rings[0].used, 2), VRING_USED_F_NO_NOTIFY);
	offer(0, 4, "late");
}

TEST(requests_that_come_meanwhile_need_no_doorbell)
{
	setup();
	start(0);
	offer(0, 0, "early");
	echo_hook = offer_late;
	kick(0);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(ring_used_idx(&rings[0]), 2);
	EXPECT_EQ(fake_mem_value(&vm.mem, rings[0].used, 2), 0);	/* asked for again */
	teardown();
}

TEST(interrupts_come_as_the_driver_wants_them)
{
	gpa_t used_event;

	setup();
	start(0);
	msix_on();
	ring_put(&rings[0], rings[0].avail, VRING_AVAIL_F_NO_INTERRUPT, 2);
	offer(0, 0, "quiet");
	kick(0);
	works_run();
	EXPECT_EQ(echo.vqs[0].requests, 1);
	EXPECT_EQ(msis, 0);
	teardown();

	setup();
	start(EVENT_IDX);
	msix_on();
	used_event = rings[0].avail + 4 + 2 * 8;
	ring_put(&rings[0], used_event, 1, 2);
	offer(0, 0, "one");
	kick(0);
	works_run();
	EXPECT_EQ(msis, 0);
	EXPECT_EQ(fake_mem_value(&vm.mem, rings[0].used + 4 + 8 * 8, 2), 1);	/* avail event */
	offer(0, 2, "two");
	kick(0);
	works_run();
	EXPECT_EQ(msis, 1);
	teardown();
}

TEST(isr_tells_and_reading_it_lowers_intx)
{
	setup();
	start(0);
	EXPECT_EQ(mem_in(ISR, 1), 0);
	offer(0, 0, "hello");
	kick(0);
	works_run();
	EXPECT(line[GSI]);
	EXPECT_EQ(config_in(ECHO_SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	EXPECT_EQ(mem_in(ISR + 4, 1), 0);		/* beside it */
	EXPECT(line[GSI]);
	EXPECT_EQ(mem_in(ISR, 1), 1);
	EXPECT(!line[GSI]);
	EXPECT_EQ(mem_in(ISR, 1), 0);
	offer(0, 2, "again");
	kick(0);
	works_run();
	EXPECT(line[GSI]);
	EXPECT_EQ(mem_in(ISR, 4), 1);
	EXPECT_EQ(msis, 0);
	teardown();
}

TEST(a_queue_without_a_vector_is_served_in_silence)
{
	setup();
	start(0);
	msix_on();
	mem_out(COMMON(Q_SELECT), 2, 0);
	mem_out(COMMON(Q_MSIX), 2, NO_VECTOR);
	offer(0, 0, "hello");
	kick(0);
	works_run();
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	EXPECT_EQ(msis, 0);
	EXPECT(!line[GSI]);
	teardown();
}

/* ---- Broken rings --------------------------------------------------------- */

TEST(a_broken_ring_stops_the_device_and_tells_the_driver)
{
	setup();
	start(0);
	msix_on();
	ring_offer(&rings[0], 99);
	offer(1, 0, "hello");
	kick(0);
	works_run();
	EXPECT_EQ(status(), ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK | NEEDS_RESET);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.data, 0x50);			/* the configuration's vector */
	kick(0);
	kick(1);
	EXPECT_EQ(nr_works, 0);
	EXPECT_EQ(echo.vqs[1].requests, 0);
	/* Said once, not to be unsaid by the driver. */
	aerie_virtio_broken(&echo);
	set_status(DRIVER_OK);
	EXPECT_EQ(status() & NEEDS_RESET, NEEDS_RESET);
	EXPECT_EQ(msis, 1);
	teardown();
}

TEST(a_broken_ring_shows_in_the_isr)
{
	setup();
	start(0);
	ring_offer(&rings[0], 8);
	kick(0);
	works_run();
	EXPECT(line[GSI]);
	EXPECT_EQ(mem_in(ISR, 1), 2);
	EXPECT(!line[GSI]);
	teardown();
}

TEST(a_device_that_broke_works_after_a_reset)
{
	setup();
	start(0);
	ring_offer(&rings[0], 8);
	kick(0);
	works_run();
	set_status(0);
	works_run();
	EXPECT_EQ(status(), 0);
	EXPECT(!line[GSI]);
	ring_put(&rings[0], 0x11000, 0, 4);
	ring_put(&rings[0], 0x12000, 0, 4);
	start(0);
	offer(0, 0, "hello");
	kick(0);
	works_run();
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	teardown();
}

/* ---- Reset and quiet ------------------------------------------------------ */

TEST(a_reset_is_done_by_a_work)
{
	unsigned int off;

	setup();
	start(EVENT_IDX);
	msix_on();
	offer(0, 0, "hello");
	kick(0);
	mem_out(COMMON(DFSELECT), 4, 1);
	EXPECT_EQ(nr_works, 1);
	set_status(0);
	/* Until then it is not 0, nor is anything served or queued. */
	EXPECT(status());
	kick(0);
	EXPECT_EQ(nr_works, 2);
	works_run();
	EXPECT_EQ(echo.vqs[0].requests, 0);
	EXPECT_EQ(ring_used_idx(&rings[0]), 0);
	EXPECT_EQ(echo_resets, 1);
	EXPECT_EQ(status(), 0);
	EXPECT_EQ(accepted(), 0);
	EXPECT_EQ(mem_in(COMMON(DFSELECT), 4), 0);
	EXPECT_EQ(mem_in(COMMON(MSIX), 2), NO_VECTOR);
	for (off = 0; off < ECHO_VQS; off++) {
		mem_out(COMMON(Q_SELECT), 2, off);
		EXPECT_EQ(mem_in(COMMON(Q_SIZE), 2), AERIE_VQ_SIZE);
		EXPECT_EQ(mem_in(COMMON(Q_MSIX), 2), NO_VECTOR);
		EXPECT_EQ(mem_in(COMMON(Q_ENABLE), 2), 0);
		EXPECT_EQ(mem_in(COMMON(Q_DESCLO), 8), 0);
		EXPECT_EQ(mem_in(COMMON(Q_AVAILLO), 8), 0);
		EXPECT_EQ(mem_in(COMMON(Q_USEDLO), 8), 0);
	}
	teardown();
}

TEST(a_reset_ends_works_that_wait)
{
	setup();
	start(0);
	offer(0, 0, "hello");
	set_status(0);
	EXPECT_EQ(nr_works, 1);
	/* As if a doorbell had been on its way. */
	queue_work(NULL, &echo.vqs[0].work);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(echo.vqs[0].requests, 0);
	teardown();
}

TEST(a_reset_of_what_is_reset_does_nothing)
{
	setup();
	set_status(0);
	EXPECT_EQ(nr_works, 0);
	EXPECT_EQ(echo_resets, 0);
	teardown();
}

TEST(a_quiet_device_serves_nothing_until_the_machine_is_reset)
{
	setup();
	start(0);
	offer(0, 0, "hello");
	kick(0);
	EXPECT_EQ(nr_works, 1);
	echo.dev.ops->quiesce(&echo.dev);
	EXPECT_EQ(nr_works, 0);
	kick(0);
	set_status(0);					/* nor is a reset begun */
	EXPECT(status());
	EXPECT_EQ(nr_works, 0);
	EXPECT_EQ(ring_used_idx(&rings[0]), 0);
	echo.dev.ops->reset(&echo.dev);
	EXPECT_EQ(readl(regs_base), 0xffffffff);	/* memory space is off again */
	decode_bars();
	EXPECT_EQ(status(), 0);
	ring_put(&rings[0], 0x11000, 0, 4);
	start(0);
	offer(0, 0, "hello");
	kick(0);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	teardown();
}

TEST(a_quiet_device_goes_on_where_it_was)
{
	setup();
	start(0);
	offer(0, 0, "hello");
	kick(0);
	echo.dev.ops->quiesce(&echo.dev);
	offer(1, 0, "world");
	kick(1);
	EXPECT_EQ(works_run(), 0);
	/* What waits, and what has come meanwhile. */
	echo.dev.ops->resume(&echo.dev);
	EXPECT_EQ(works_run(), ECHO_VQS);
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	EXPECT_EQ(ring_used_idx(&rings[1]), 1);
	EXPECT_EQ(echo_resets, 0);
	/* A reset that was asked for before, or meanwhile. */
	set_status(0);
	echo.dev.ops->quiesce(&echo.dev);
	EXPECT(status());
	echo.dev.ops->resume(&echo.dev);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(status(), 0);
	start(0);
	echo.dev.ops->quiesce(&echo.dev);
	set_status(0);
	set_status(DRIVER);			/* too early */
	EXPECT_EQ(works_run(), 0);
	EXPECT(status() & NEEDS_RESET);
	echo.dev.ops->resume(&echo.dev);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(status(), 0);
	EXPECT_EQ(echo_resets, 2);
	/* There was nothing to do. */
	echo.dev.ops->quiesce(&echo.dev);
	echo.dev.ops->resume(&echo.dev);
	EXPECT_EQ(works_run(), 0);
	teardown();
}

TEST(a_reset_that_waits_is_ended_by_quiet)
{
	setup();
	start(0);
	set_status(0);
	EXPECT_EQ(nr_works, 1);
	echo.dev.ops->quiesce(&echo.dev);
	EXPECT_EQ(nr_works, 0);
	echo.dev.ops->reset(&echo.dev);
	decode_bars();
	EXPECT_EQ(status(), 0);
	EXPECT_EQ(echo_resets, 1);
	teardown();
}

static void go_quiet(struct aerie_vq *vq, const struct aerie_vq_chain *chain)
{
	echo.dev.ops->quiesce(&echo.dev);
}

static void ask_reset(struct aerie_vq *vq, const struct aerie_vq_chain *chain)
{
	set_status(0);
}

TEST(serving_ends_after_the_request_at_hand)
{
	setup();
	start(0);
	offer(0, 0, "one");
	offer(0, 2, "two");
	echo_hook = go_quiet;
	kick(0);
	works_run();
	EXPECT_EQ(echo.vqs[0].requests, 1);
	teardown();
	setup();
	start(0);
	offer(0, 0, "one");
	offer(0, 2, "two");
	echo_hook = ask_reset;
	kick(0);
	works_run();
	EXPECT_EQ(echo.vqs[0].requests, 1);
	EXPECT_EQ(status(), 0);
	teardown();
}

/* ---- What a driver must not do ------------------------------------------- */

static unsigned int turns;

void shim_resched(void)
{
	if (++turns == 1000)
		echo.stopped = true;		/* or it would go on for good */
}

TEST(rings_over_each_other_do_not_keep_the_worker_busy)
{
	setup();
	set_status(ACKNOWLEDGE | DRIVER);
	accept(VERSION_1);
	set_status(FEATURES_OK);
	queue_program(0, 8);
	mem_out(COMMON(Q_AVAILLO), 8, 0x11002);
	mem_out(COMMON(Q_USEDLO), 8, 0x11004);	/* its flags are the index of the other */
	mem_out(COMMON(Q_ENABLE), 2, 1);
	set_status(DRIVER_OK);
	turns = 0;
	kick(0);
	works_run();
	EXPECT(turns < 1000);
	teardown();
}

TEST(the_record_is_whole)
{
	setup();
	start(0);
	offer(0, 0, "hello");
	kick(0);
	works_run();
	expect_record(&echo.dev);
	teardown();
}

TEST(a_queue_refused_while_running_is_told_to_the_driver)
{
	setup();
	set_status(ACKNOWLEDGE | DRIVER);
	accept(VERSION_1);
	set_status(FEATURES_OK);
	set_status(DRIVER_OK);
	mem_out(COMMON(Q_SIZE), 2, 3);
	mem_out(COMMON(Q_ENABLE), 2, 1);
	EXPECT_EQ(status() & NEEDS_RESET, NEEDS_RESET);
	EXPECT(line[GSI]);
	EXPECT_EQ(mem_in(ISR, 1), 2);
	teardown();
}

static void asks_again(struct aerie_virtio *vdev)
{
	set_status(0);				/* on another vCPU, while the first is done */
}

TEST(a_reset_asked_for_twice_is_done_once)
{
	struct aerie_virtio_ops ops = echo_ops;

	setup();
	start(0);
	ops.reset = asks_again;
	echo.ops = &ops;
	set_status(0);
	EXPECT_EQ(works_run(), 1);		/* the driver reads 0 and goes on */
	echo.ops = &echo_ops;
	teardown();
}

TEST(driver_ok_needs_features_ok)
{
	setup();
	set_status(ACKNOWLEDGE | DRIVER);
	queue_enable(0, 8);
	set_status(DRIVER_OK);
	offer(0, 0, "hello");
	kick(0);
	EXPECT_EQ(works_run(), 0);
	teardown();
}

/* ---- Taken by force -------------------------------------------------------- */

static unsigned int severs, fails;

static void count_sever(struct aerie_virtio *vdev)
{
	EXPECT(vdev->stopped);
	EXPECT_EQ(nr_works, 0);
	severs++;
}

static void count_fail(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	fails++;
	aerie_vq_done(vq, chain, 0);
}

TEST(a_severed_device_fails_what_it_is_asked_for)
{
	struct aerie_virtio_ops ops = echo_ops;

	ops.sever = count_sever;
	ops.fail = count_fail;
	severs = fails = 0;
	setup();
	echo.ops = &ops;
	EXPECT(!echo.dev.ops->sever(&echo.dev));	/* no driver has begun */
	EXPECT_EQ(severs, 0);
	start(0);
	offer(0, 0, "hello");				/* waits when it is severed */
	kick(0);
	EXPECT(echo.dev.ops->sever(&echo.dev));
	EXPECT_EQ(severs, 1);
	EXPECT(works_run());
	EXPECT_EQ(fails, 1);
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	EXPECT_EQ(ring_used(&rings[0], 0).len, 0);
	set_status(0);					/* and its driver can leave */
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(status(), 0);
	echo.ops = &echo_ops;
	teardown();
}

TEST(what_a_severed_device_cannot_fail_it_gives_back)
{
	setup();
	start(0);
	EXPECT(echo.dev.ops->sever(&echo.dev));
	works_run();
	offer(0, 0, "hello");
	kick(0);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	EXPECT_EQ(ring_used(&rings[0], 0).len, 0);
	EXPECT_EQ(fake_mem_value(&vm.mem, DATA + 0x1000, 1), 0);	/* not "hello" */
	teardown();
}

TEST(a_reset_asked_for_is_done_by_a_severed_device)
{
	setup();
	start(0);
	set_status(0);
	EXPECT(echo.dev.ops->sever(&echo.dev));
	EXPECT(works_run());
	EXPECT_EQ(status(), 0);
	teardown();
}

TEST(a_device_added_while_the_machine_is_on_serves_at_once)
{
	virtio_machine(4ull << 20);
	vm.devs_run = true;
	EXPECT_EQ(echo_create(), 0);
	EXPECT(!echo.stopped);
	decode_bars();
	EXPECT_EQ(mem_in(COMMON(MSIX), 2), VIRTIO_MSI_NO_VECTOR);
	virtio_machine_fini();
}
