// SPDX-License-Identifier: GPL-2.0
/* Virtio over PCI: devices whose queues' works do more than serve requests. */
// sources: kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_driver.h"

static unsigned int runs, served, drains, detaches;
static bool serve, kick_on_drain;

static void run(struct aerie_vq *vq)
{
	runs++;
	served += aerie_vq_may_serve(vq);
	if (serve)
		aerie_vq_serve(vq);
}

static void drain(struct aerie_virtio *vdev)
{
	drains++;
	EXPECT_EQ(nr_works, 0);
	EXPECT(!aerie_vq_may_serve(&vdev->vqs[0]));
	if (kick_on_drain)
		queue_work(NULL, &vdev->vqs[0].work);
}

static void detach(struct aerie_virtio *vdev)
{
	detaches++;
	EXPECT_EQ(echo_frees, 0);
}

static const struct aerie_virtio_ops run_ops = {
	.id = ECHO_ID,
	.class = 0xff0000,
	.serve = echo_serve,
	.reset = echo_reset,
	.free = echo_free,
	.run = run,
	.drain = drain,
	.detach = detach,
};

static void setup_run(void)
{
	setup();
	echo.ops = &run_ops;
	runs = served = drains = detaches = 0;
	serve = kick_on_drain = false;
}

TEST(works_run_once_the_driver_is_up)
{
	setup_run();
	start(0);
	EXPECT_EQ(nr_works, ECHO_VQS);
	EXPECT_EQ(works_run(), ECHO_VQS);
	EXPECT_EQ(runs, ECHO_VQS);
	set_status(DRIVER_OK);		/* no news */
	EXPECT_EQ(nr_works, 0);
	teardown();
	EXPECT_EQ(detaches, 1);
}

TEST(works_run_when_they_are_kicked)
{
	setup_run();
	start(0);
	works_run();
	kick(1);
	EXPECT_EQ(works_run(), 1);
	aerie_vq_kick(&echo.vqs[0]);
	aerie_vq_kick(&echo.vqs[0]);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(runs, ECHO_VQS + 2);
	teardown();
}

TEST(a_run_can_serve)
{
	setup_run();
	serve = true;
	start(0);
	works_run();
	offer(0, 0, "hello");
	kick(0);
	EXPECT_EQ(works_run(), 1);
	EXPECT_EQ(ring_used_idx(&rings[0]), 1);
	teardown();
}

TEST(what_is_not_up_is_not_kicked)
{
	setup_run();
	aerie_vq_kick(&echo.vqs[0]);
	EXPECT_EQ(nr_works, 0);
	start(0);
	works_run();
	aerie_virtio_broken(&echo);
	EXPECT_EQ(works_run(), ECHO_VQS);	/* to give up what waits */
	EXPECT_EQ(served, ECHO_VQS);
	aerie_virtio_broken(&echo);		/* is so already */
	EXPECT(!aerie_vq_live(&echo.vqs[0]));
	aerie_vq_kick(&echo.vqs[0]);
	EXPECT_EQ(nr_works, 0);
	teardown();
}

TEST(a_reset_drains)
{
	setup_run();
	kick_on_drain = true;
	start(0);
	set_status(0);
	EXPECT_EQ(works_run(), ECHO_VQS + 1);	/* theirs were on their way */
	EXPECT_EQ(runs, ECHO_VQS);
	EXPECT_EQ(served, 0);
	EXPECT_EQ(drains, 1);
	EXPECT_EQ(echo_resets, 1);
	EXPECT_EQ(status(), 0);
	teardown();
}

TEST(quiet_drains)
{
	setup_run();
	kick_on_drain = true;
	start(0);
	echo.dev.ops->quiesce(&echo.dev);
	EXPECT_EQ(drains, 1);
	EXPECT_EQ(nr_works, 0);
	EXPECT(aerie_vq_live(&echo.vqs[0]));
	EXPECT(!aerie_vq_may_serve(&echo.vqs[0]));
	teardown();
}

TEST(configuration_that_changes_is_told)
{
	static char config[] = "0123456789";
	u8 generation;

	setup_run();
	echo.config = config;
	generation = mem_in(COMMON(CFGGENERATION), 1);
	aerie_virtio_config_set(&echo, config + 2, "xy", 2);
	EXPECT_EQ(mem_in(DEVICE + 2, 2), 'x' | 'y' << 8);
	EXPECT_EQ(mem_in(COMMON(CFGGENERATION), 1), generation + 1);
	start(0);
	msix_on();
	EXPECT_EQ(msis, 0);			/* nobody was there to be told */
	aerie_virtio_config_set(&echo, config + 2, "23", 2);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.data, 0x50);
	works_run();
	teardown();
}
