// SPDX-License-Identifier: GPL-2.0
/*
 * Pages to and from swap files: past the page cache where they were opened so. Who asks waits;
 * how long a file took does not depend on when that gets a processor again.
 */
#include <linux/blkdev.h>
#include <linux/bvec.h>
#include <linux/completion.h>
#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/uio.h>
#include "mm/swap.h"

/* What belongs together is waited for together. */
struct wait {
	atomic_t left;
	struct completion done;
	u64 end;
};

struct io {
	struct kiocb iocb;
	struct wait *wait;
	ssize_t n;
};

static void wait_init(struct wait *wait)
{
	atomic_set(&wait->left, 1);
	init_completion(&wait->done);
}

static void wait_less(struct wait *wait)
{
	if (!atomic_dec_and_test(&wait->left))
		return;
	wait->end = ktime_get_ns();
	complete(&wait->done);
}

static void wait_for(struct wait *wait)
{
	wait_less(wait);
	wait_for_completion_io(&wait->done);
}

/* Context: of an interrupt, perhaps. */
static void io_complete(struct kiocb *iocb, long n)
{
	struct io *io = container_of(iocb, struct io, iocb);

	io->n = n;
	wait_less(io->wait);
}

static void io_start(struct io *io, struct wait *wait, struct file *file, u64 pos,
		     struct iov_iter *iter, bool write)
{
	ssize_t n;

	init_sync_kiocb(&io->iocb, file);
	io->iocb.ki_pos = pos;
	io->iocb.ki_complete = io_complete;
	io->wait = wait;
	atomic_inc(&wait->left);
	n = write ? file->f_op->write_iter(&io->iocb, iter) : file->f_op->read_iter(&io->iocb, iter);
	if (n == -EIOCBQUEUED)
		return;
	io->n = n;
	wait_less(wait);
}

static void segs_init(struct bio_vec *segs, struct page *const *pages, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		segs[i] = (struct bio_vec){ .bv_page = pages[i], .bv_len = PAGE_SIZE };
}

int aerie_swap_io(const struct aerie_swap_part *part, struct page *const *pages, bool write,
		  u64 *took)
{
	const size_t bytes = part->nr * PAGE_SIZE;
	struct bio_vec segs[AERIE_SWAP_RUN];
	const u64 start = ktime_get_ns();
	struct iov_iter iter;
	struct io io = {};
	struct wait wait;
	size_t done;

	segs_init(segs, pages, part->nr);
	if (write)
		file_start_write(part->file);
	for (done = 0; done < bytes; done += io.n) {
		iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST, segs, part->nr, bytes);
		iov_iter_advance(&iter, done);
		wait_init(&wait);
		io_start(&io, &wait, part->file, part->pos + done, &iter, write);
		wait_for(&wait);
		if (io.n <= 0)
			break;
	}
	if (write)
		file_end_write(part->file);
	*took = wait.end - start;
	return done == bytes ? 0 : io.n ?: -EIO;
}

/* So many at a time: they are on the stack. */
#define IOS	8u

static int read_some(const struct aerie_swap_part *parts, unsigned int nr, struct bio_vec *segs,
		     u64 *end)
{
	struct iov_iter iter;
	struct blk_plug plug;
	struct io ios[IOS];
	struct wait wait;
	unsigned int i;
	int err = 0;

	wait_init(&wait);
	blk_start_plug(&plug);
	for (i = 0; i < nr; i++) {
		iov_iter_bvec(&iter, ITER_DEST, segs, parts[i].nr, parts[i].nr * PAGE_SIZE);
		io_start(&ios[i], &wait, parts[i].file, parts[i].pos, &iter, false);
		segs += parts[i].nr;
	}
	blk_finish_plug(&plug);
	wait_for(&wait);
	for (i = 0; i < nr; i++)
		if (ios[i].n != parts[i].nr * PAGE_SIZE)
			err = -EIO;
	*end = wait.end;
	return err;
}

int aerie_swap_io_read(const struct aerie_swap_part *parts, unsigned int nr,
		       struct page *const *pages, u64 *took)
{
	struct bio_vec segs[AERIE_SWAP_READ], *at = segs;
	const u64 start = ktime_get_ns();
	unsigned int i, some, all = 0;
	int err = 0;
	u64 end;

	for (i = 0; i < nr; i++)
		all += parts[i].nr;
	segs_init(segs, pages, all);
	for (; nr && !err; nr -= some, parts += some) {
		some = min(nr, IOS);
		err = read_some(parts, some, at, &end);
		for (i = 0; i < some; i++)
			at += parts[i].nr;
	}
	*took = end - start;
	return err;
}
