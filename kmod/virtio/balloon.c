// SPDX-License-Identifier: GPL-2.0
/*
 * Memory balloon device (Virtual I/O Device, Traditional Memory Balloon Device): the guest
 * hands in pages that it does without, and their frames go back to the host.
 *
 * Pages are handed in by number, into the balloon, which is to have as many as the host
 * wants; or by address, as free ones that the guest takes again when it likes to
 * (VIRTIO_BALLOON_F_REPORTING). Taking one back is to touch it: it is zeroes then. What
 * is handed in and is not RAM, or has been before, does nothing. A guest that cares what
 * is in pages that it reports is not offered to say so, and does not report then.
 *
 * Free page hinting is not offered. A hint may have been overtaken by a write: to act on one
 * takes a mark of each frame that has been written since the round began, kept up by those
 * who clear dirty bits (the scanner) and by those who write without setting any (devices).
 * Linux reports what is free in pieces of 2 MiB and hints at those of 4 MiB, so that nothing
 * would come of it.
 *
 * Its figures about its memory the guest puts into a buffer, which is kept: it is given back
 * when new figures are wanted.
 *
 * How much is wanted in it is said by the user, or is looked at every second by a work of the
 * balloon (balloon_policy.c). While nothing is needed of a guest and nothing is in its balloon,
 * it is left alone.
 */
#include <linux/build_bug.h>
#include <linux/kernel.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/time64.h>
#include <linux/virtio_byteorder.h>
#include <linux/workqueue.h>
#include <uapi/linux/virtio_balloon.h>

#include "aerie.h"
#include "control.h"
#include "dev/timer.h"
#include "uapi.h"
#include "virtio/balloon_policy.h"
#include "virtio/virtio.h"

#define CLASS_OTHER	0xff0000u	/* PCI has no class for it */
#define NAME		"balloon"
#define PFNS		256u		/* at a time, as many as Linux hands in */
#define PFNS_MAX	4096u		/* of one request: the rest stays where it is */
#define STATS_MAX	64u		/* figures of a buffer */
#define STATS_OLD_NS	(5 * NSEC_PER_SEC)

static_assert(VIRTIO_BALLOON_PFN_SHIFT == PAGE_SHIFT);
static_assert(AERIE_BALLOON_STATS <= VIRTIO_BALLOON_S_NR);

/* As Linux counts them: queues of features that are not offered are left out. */
enum { INFLATE, DEFLATE, STATS, REPORT, NR_QUEUES };

/* Device configuration: pages wanted in the balloon, and those that the driver says are. */
struct balloon_config {
	u32 num_pages;
	u32 actual;
};

/**
 * struct balloon - a memory balloon
 * @vdev: the device
 * @config: under vdev.lock
 * @pfns: of a request, for the inflate queue's work alone
 * @runs: made of these
 * @reports: for the reporting queue's work alone
 * @reported: bytes reported as free since the device was made, by that work
 * @stats: what the guest said of its memory, by VIRTIO_BALLOON_S_*; ~0: nothing
 * @stats_ns: when, 0: never
 * @wanted: new figures are
 * @kept: there is a buffer for them; by the statistics queue's work alone
 * @head: that one
 * @bounds: what it is to have; vm->lock, and what @look reads of it does not change while that
 *	    may run
 * @policy: for @look alone
 * @look: every second where it is left to us how much is wanted
 */
struct balloon {
	struct aerie_virtio vdev;
	struct balloon_config config;
	u32 pfns[PFNS];
	struct aerie_ram runs[PFNS];
	struct aerie_ram reports[AERIE_VQ_SIZE];
	u64 reported;
	u64 stats[AERIE_BALLOON_STATS];
	u64 stats_ns;
	bool wanted;
	bool kept;
	u16 head;
	struct aerie_balloon_config bounds;
	struct aerie_balloon_policy policy;
	struct delayed_work look;
};

static struct balloon *of_vdev(struct aerie_virtio *vdev)
{
	return container_of(vdev, struct balloon, vdev);
}

/* Neighbours become one run, in whichever direction they come. Returns how many there are. */
static unsigned int run_add(struct aerie_ram *runs, unsigned int nr, gpa_t start)
{
	struct aerie_ram *last = nr ? &runs[nr - 1] : NULL;

	if (last && start == last->end) {
		last->end += PAGE_SIZE;
	} else if (last && start + PAGE_SIZE == last->start) {
		last->start = start;
	} else {
		runs[nr] = (struct aerie_ram){ start, start + PAGE_SIZE };
		return nr + 1;
	}
	return nr;
}

static void balloon_inflate(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	struct balloon *b = of_vdev(vq->vdev);
	u32 left = min_t(u32, chain->in_bytes / sizeof(*b->pfns), PFNS_MAX), done = 0;
	unsigned int i, nr;
	ssize_t n;

	while (done < left && aerie_vq_may_serve(vq)) {
		n = aerie_vq_read(vq, chain, done * sizeof(*b->pfns), b->pfns,
				  min(left - done, PFNS) * sizeof(*b->pfns));
		if (n <= 0) {
			aerie_virtio_broken(vq->vdev);
			return;
		}
		n /= sizeof(*b->pfns);
		for (i = nr = 0; i < n; i++)
			nr = run_add(b->runs, nr, (gpa_t)b->pfns[i] << PAGE_SHIFT);
		/* Without memory to do so the pages are where they were: in the balloon. */
		aerie_mem_drop(&vq->vdev->dev.vm->mem, b->runs, nr);
		done += n;
	}
	aerie_vq_done(vq, chain, 0);
}

/* The buffers themselves are what is free. Nobody has more than all memory to report. */
static void balloon_report(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	struct balloon *b = of_vdev(vq->vdev);
	struct aerie_mem *mem = &vq->vdev->dev.vm->mem;
	u64 left = vq->vdev->dev.vm->config.memory_bytes;
	unsigned int i, nr = 0;

	for (i = chain->nr_in; i < chain->nr_in + chain->nr_out; i++) {
		const struct aerie_vq_buf *buf = &chain->bufs[i];

		if (!aerie_mem_is_ram(mem, buf->gpa, buf->len) || buf->len > left)
			continue;
		left -= buf->len;
		b->reports[nr++] = (struct aerie_ram){ buf->gpa, buf->gpa + buf->len };
		WRITE_ONCE(b->reported, b->reported + buf->len);
	}
	aerie_mem_drop(mem, b->reports, nr);
	aerie_vq_done(vq, chain, 0);
}

static void stats_keep(struct balloon *b, const struct virtio_balloon_stat *stats, unsigned int nr)
{
	unsigned int i, tag;

	for (i = 0; i < AERIE_BALLOON_STATS; i++)
		WRITE_ONCE(b->stats[i], ~0ull);
	for (i = 0; i < nr; i++) {
		tag = __virtio16_to_cpu(true, stats[i].tag);
		if (tag < AERIE_BALLOON_STATS)
			WRITE_ONCE(b->stats[tag], __virtio64_to_cpu(true, stats[i].val));
	}
	WRITE_ONCE(b->stats_ns, aerie_now_ns());
}

static void balloon_stats(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	struct balloon *b = of_vdev(vq->vdev);
	struct virtio_balloon_stat stats[STATS_MAX];
	ssize_t n;

	n = aerie_vq_read(vq, chain, 0, stats, sizeof(stats));
	if (n < 0) {
		aerie_virtio_broken(vq->vdev);
		return;
	}
	/* One is kept, no more. */
	if (b->kept)
		aerie_vq_used(vq, b->head, 0);
	stats_keep(b, stats, n / sizeof(*stats));
	b->head = chain->head;
	b->kept = true;
}

static bool balloon_ready(struct aerie_vq *vq)
{
	struct balloon *b = of_vdev(vq->vdev);

	if (vq->index == STATS && b->kept && xchg(&b->wanted, false)) {
		b->kept = false;
		aerie_vq_used(vq, b->head, 0);
	}
	return true;
}

static void balloon_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	switch (vq->index) {
	case INFLATE:
		balloon_inflate(vq, chain);
		break;
	case DEFLATE:
		aerie_vq_done(vq, chain, 0);
		break;
	case STATS:
		balloon_stats(vq, chain);
		break;
	case REPORT:
		balloon_report(vq, chain);
		break;
	}
}

/* Linux offers its first figures before it is up, and says nothing later. */
static void balloon_run(struct aerie_vq *vq)
{
	aerie_vq_serve(vq);
}

static void balloon_configure(struct aerie_virtio *vdev, u64 off, unsigned int size, u64 val)
{
	struct balloon_config *config = &of_vdev(vdev)->config;

	if (off == offsetof(struct balloon_config, actual) && size == sizeof(config->actual))
		WRITE_ONCE(config->actual, val);
}

static void balloon_reset(struct aerie_virtio *vdev)
{
	struct balloon *b = of_vdev(vdev);

	WRITE_ONCE(b->config.actual, 0);
	WRITE_ONCE(b->stats_ns, 0);
	b->kept = false;
}

/* It goes, if only for people so far. */
static void balloon_detach(struct aerie_virtio *vdev)
{
	cancel_delayed_work_sync(&of_vdev(vdev)->look);
}

static void balloon_free(struct aerie_virtio *vdev)
{
	kvfree(of_vdev(vdev));
}

static const struct aerie_virtio_ops balloon_ops = {
	.id = VIRTIO_ID_BALLOON,
	.class = CLASS_OTHER,
	.kind = NAME,
	.serve = balloon_serve,
	.ready = balloon_ready,
	.run = balloon_run,
	.configure = balloon_configure,
	.reset = balloon_reset,
	.free = balloon_free,
	.sever = balloon_detach,
	.detach = balloon_detach,
};

/* ---- How much is wanted -------------------------------------------------------------- */

static void want(struct balloon *b, u64 bytes)
{
	u32 pages = min_t(u64, bytes >> PAGE_SHIFT, U32_MAX);

	if (pages != READ_ONCE(b->config.num_pages))
		aerie_virtio_config_set(&b->vdev, &b->config.num_pages, &pages, sizeof(pages));
}

static u64 wanted(const struct balloon *b)
{
	return (u64)READ_ONCE(b->config.num_pages) << PAGE_SHIFT;
}

/* The guest may say what it likes. */
static u64 actual(const struct balloon *b)
{
	return min((u64)READ_ONCE(b->config.actual) << PAGE_SHIFT,
		   b->vdev.dev.vm->config.memory_bytes);
}

/* Have the guest say anew what it has of memory, if it ever does. */
static void stats_ask(struct balloon *b)
{
	unsigned long flags;

	if (!READ_ONCE(b->stats_ns))
		return;
	WRITE_ONCE(b->wanted, true);
	/* Who stops the queues does not know of us: nothing is queued behind its back. */
	raw_spin_lock_irqsave(&b->vdev.lock, flags);
	aerie_vq_kick(&b->vdev.vqs[STATS]);
	raw_spin_unlock_irqrestore(&b->vdev.lock, flags);
}

static void stats_view(const struct balloon *b, struct aerie_balloon_view *view)
{
	u64 when = READ_ONCE(b->stats_ns);

	view->available = READ_ONCE(b->stats[VIRTIO_BALLOON_S_AVAIL]);
	if (view->available == ~0ull)
		view->available = READ_ONCE(b->stats[VIRTIO_BALLOON_S_MEMFREE]);
	if (!when || view->available == ~0ull)
		view->told = AERIE_BALLOON_TOLD_NOTHING;
	else if (aerie_now_ns() - when > STATS_OLD_NS)
		view->told = AERIE_BALLOON_TOLD_BEFORE;
	else
		view->told = AERIE_BALLOON_TOLD_NOW;
}

static void look_work(struct work_struct *work)
{
	struct balloon *b = container_of(to_delayed_work(work), struct balloon, look);
	const struct aerie_vm *vm = b->vdev.dev.vm;
	struct aerie_balloon_view view = {
		.memory = vm->config.memory_bytes,
		.min = b->bounds.min,
		.max = b->bounds.max,
		.wanted = wanted(b),
		.actual = actual(b),
	};
	struct aerie_mem_need need;

	stats_view(b, &view);
	aerie_mem_need(&vm->mem, &need);
	view.need = need.need;
	view.room = need.room;
	want(b, aerie_balloon_decide(&b->policy, &view));
	if (view.need || wanted(b) > view.min)
		stats_ask(b);
	queue_delayed_work(system_unbound_wq, &b->look, HZ);
}

static int bounds_check(const struct aerie_vm *vm, const struct aerie_balloon_config *config,
			struct aerie_why *why)
{
	u64 memory = vm->config.memory_bytes;

	if (!config->automatic && config->bytes > memory)
		return aerie_refuse(why, -ERANGE, AERIE_A_BALLOON,
				    "the VM has less memory than that");
	if (config->automatic && config->min > memory)
		return aerie_refuse(why, -ERANGE, AERIE_A_BALLOON_MIN,
				    "the VM has less memory than the least that is wanted");
	if (config->automatic && config->min > config->max)
		return aerie_refuse(why, -EINVAL, AERIE_A_BALLOON_MIN,
				    "the least that is wanted is more than the most");
	return 0;
}

/* What has been checked. */
static void bounds_set(struct balloon *b, const struct aerie_balloon_config *config)
{
	cancel_delayed_work_sync(&b->look);
	b->bounds = *config;
	b->bounds.min &= PAGE_MASK;
	b->bounds.max = min(config->max, b->vdev.dev.vm->config.memory_bytes) & PAGE_MASK;
	b->policy = (struct aerie_balloon_policy){};
	if (config->automatic)
		queue_delayed_work(system_unbound_wq, &b->look, 0);
	else
		want(b, config->bytes);
}

static struct balloon *find(struct aerie_vm *vm)
{
	struct aerie_dev *dev = aerie_device_find(vm, NAME);

	return dev ? container_of(dev, struct balloon, vdev.dev) : NULL;
}

int aerie_virtio_balloon_create(struct aerie_vm *vm, const struct aerie_balloon_config *config,
				struct aerie_why *why)
{
	const u32 attr = config->automatic ? AERIE_A_BALLOON_AUTO : AERIE_A_BALLOON;
	struct balloon *b;
	int err;

	if (find(vm))
		return aerie_refuse(why, -EEXIST, attr, "the VM has a balloon");
	err = bounds_check(vm, config, why);
	if (err)
		return err;
	b = kvzalloc(sizeof(*b), GFP_KERNEL_ACCOUNT);
	if (!b)
		return -ENOMEM;
	INIT_DELAYED_WORK(&b->look, look_work);
	b->vdev.ops = &balloon_ops;
	b->vdev.features = BIT_ULL(VIRTIO_BALLOON_F_STATS_VQ) |
			   BIT_ULL(VIRTIO_BALLOON_F_DEFLATE_ON_OOM) |
			   BIT_ULL(VIRTIO_BALLOON_F_REPORTING);
	b->vdev.config = &b->config;
	b->vdev.config_len = sizeof(b->config);
	err = aerie_virtio_init(&b->vdev, vm, NAME, NR_QUEUES);
	if (!err) {
		bounds_set(b, config);
		return 0;
	}
	kvfree(b);
	return err == -ENOSPC ? aerie_refuse(why, err, attr, "finds no free PCI slot") : err;
}

/* What is known of the guest's memory; ask for what is new. */
static void stats_tell(struct balloon *b, struct aerie_balloon_info *info)
{
	u64 when = READ_ONCE(b->stats_ns);
	unsigned int i;

	for (i = 0; i < AERIE_BALLOON_STATS; i++)
		info->stats[i] = READ_ONCE(b->stats[i]);
	info->stats_age_ns = aerie_now_ns() - when;
	info->has_stats = when;
	stats_ask(b);
}

int aerie_virtio_balloon_set(struct aerie_vm *vm, const struct aerie_balloon_config *config,
			     struct aerie_balloon_info *info, struct aerie_why *why)
{
	struct balloon *b = find(vm);
	int err;

	if (!b)
		return aerie_refuse(why, -ENODEV, AERIE_A_NAME, "the VM has no balloon");
	if (config) {
		err = bounds_check(vm, config, why);
		if (err)
			return err;
		bounds_set(b, config);
	}
	info->wanted = wanted(b);
	info->actual = actual(b);
	info->reported = READ_ONCE(b->reported);
	info->config = b->bounds;
	stats_tell(b, info);
	return 0;
}

bool aerie_virtio_balloon_size(struct aerie_vm *vm, u64 *want, u64 *have)
{
	const struct balloon *b = find(vm);

	*want = b ? wanted(b) : 0;
	*have = b ? actual(b) : 0;
	return b;
}
