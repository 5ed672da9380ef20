// SPDX-License-Identifier: GPL-2.0
/*
 * How a disk's requests are done.
 *
 * Data goes between the file and the guest's own pages, a request in one call. What may
 * take long is not waited for by the queue's work, which takes the next request meanwhile,
 * up to the size of the ring: direct I/O is asynchronous; of buffered I/O, what is in the
 * page cache is read at once and the rest by a worker; flush, discard and zeroes are always
 * a worker's. Writing to the page cache is copying, and done at once.
 *
 * Whoever comes to the end of a request that was left to him puts it on the queue's list
 * and kicks the queue, whose work alone touches the ring. A request that gets no memory,
 * or is too large for SEGS, is done piece by piece while its queue waits.
 *
 * A flush covers what was given back before it came: vfs_fsync() waits for the data and has
 * the disk's own cache written. For a driver that has not accepted VIRTIO_BLK_F_FLUSH a
 * write has reached the disk when it is given back (IOCB_DSYNC).
 *
 * Where others could have read the same, or pages have to leave memory, the memory is told what has
 * been read and written (blk_tell.c); for that a request keeps its buffers' addresses. Pages
 * may have left memory for what is about to be written: they come back first.
 */
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uio.h>
#include <linux/wait_bit.h>

#include "aerie.h"
#include "virtio/blk.h"
#include "virtio/blk_req.h"
#include "virtio/blk_tell.h"
#include "virtio/disk_file.h"
#include "virtio/image.h"

#define SEGS		(AERIE_VQ_SIZE + 260)	/* 1 MiB of scattered pages, cut anyhow */
#define SPARE_SEGS	32u

/* A request being done. */
struct aerie_blk_io {
	struct aerie_blk *blk;
	struct aerie_blk_queue *queue;
	struct file *file;		/* that holds it, or NULL: piece by piece of an image */
	struct aerie_blk_ask ask;
	gpa_t status_gpa;
	u16 head;
	u8 status;			/* VIRTIO_BLK_S_* */
	bool frozen_out;		/* holds off the file system's freezing */
	bool changes;			/* its part of the disk, and nothing leaves memory for that */
	u32 written;			/* bytes of data handed to the driver */
	struct kiocb iocb;
	struct iov_iter iter;
	struct work_struct work;
	struct llist_node node;		/* queue->done */
	struct aerie_vq_buf *bufs;	/* for max_bufs of them, behind segs */
	unsigned int nr_segs, max_segs, max_bufs;
	struct bio_vec segs[];
};

static struct workqueue_struct *workers;

static bool flushes(const struct aerie_blk *blk)
{
	return blk->vdev.s.driver_features & BIT_ULL(VIRTIO_BLK_F_FLUSH);
}

/* ---- To the file ---------------------------------------------------------- */

static bool io_writes(const struct aerie_blk_io *io)
{
	return io->ask.op == AERIE_BLK_WRITE;
}

static void unpin(struct aerie_blk_io *io)
{
	while (io->nr_segs)
		aerie_mem_unpin(&io->segs[--io->nr_segs]);
}

/* Take hold of the data from its byte @done on; bytes, or -errno. */
static s64 pin(struct aerie_blk_io *io, const struct aerie_vq_chain *chain, u32 done)
{
	struct aerie_blk_ask *ask = &io->ask;

	io->nr_segs = io->max_segs;
	return aerie_vq_pin(io->queue->vq, chain, ask->off + done, ask->len - done, !io_writes(io),
			    io->segs, &io->nr_segs);
}

/* All of it on sectors, in the file and in memory? */
static bool aligned(const struct aerie_blk_io *io)
{
	unsigned int i, bits = 0;

	for (i = 0; i < io->nr_segs; i++)
		bits |= io->segs[i].bv_offset | io->segs[i].bv_len;
	return !(bits % AERIE_BLK_SECTOR);
}

/* @len bytes of what is pinned, from its byte @at on. */
static void iter_init(struct aerie_blk_io *io, u32 at, u32 len)
{
	iov_iter_bvec(&io->iter, io_writes(io) ? ITER_SOURCE : ITER_DEST, io->segs, io->nr_segs,
		      at + len);
	if (at)
		iov_iter_advance(&io->iter, at);
}

/*
 * Get ready for I/O of @len bytes, buffered, byte @done of the data being the first, which
 * is byte @at of what is pinned.
 */
static void iocb_init(struct aerie_blk_io *io, u32 done, u32 at, u32 len)
{
	init_sync_kiocb(&io->iocb, io->file);
	io->iocb.ki_pos = io->ask.pos + done;
	io->iocb.ki_flags &= ~IOCB_DIRECT;
	if (io_writes(io) && !flushes(io->blk))
		io->iocb.ki_flags |= IOCB_DSYNC;
	iter_init(io, at, len);
}

/* What write_iter() is called under, and goes on while it is under way. */
static void write_begin(struct aerie_blk_io *io)
{
	struct super_block *sb = file_inode(io->file)->i_sb;

	io->frozen_out = io_writes(io) && S_ISREG(file_inode(io->file)->i_mode);
	if (!io->frozen_out)
		return;
	sb_start_write(sb);
	__sb_writers_release(sb, SB_FREEZE_WRITE);	/* as of this thread: another may end it */
}

static void write_end(struct aerie_blk_io *io)
{
	struct super_block *sb = file_inode(io->file)->i_sb;

	if (!io->frozen_out)
		return;
	__sb_writers_acquired(sb, SB_FREEZE_WRITE);
	sb_end_write(sb);
	io->frozen_out = false;
}

static ssize_t call_iter(struct aerie_blk_io *io)
{
	const struct file_operations *fop = io->file->f_op;

	return io_writes(io) ? fop->write_iter(&io->iocb, &io->iter) :
			       fop->read_iter(&io->iocb, &io->iter);
}

/* What is left of the iterator, waiting for it; 0 or -errno. */
static int rw_wait(struct aerie_blk_io *io)
{
	ssize_t n;
	int err = 0;

	write_begin(io);
	while (!err && iov_iter_count(&io->iter)) {
		n = call_iter(io);
		/* Nothing at all: the file has become shorter. */
		err = n > 0 ? 0 : n ?: -EIO;
	}
	write_end(io);
	return err;
}

/* A disk does not grow by being written to: the file was made shorter. */
static bool in_file(const struct aerie_blk_io *io)
{
	return io->ask.pos + io->ask.len <= i_size_read(aerie_blk_inode(io->blk));
}

/* ---- What of it is an image ------------------------------------------------ */

/*
 * This part alone knows of images: the file that holds all of a request, or the work on
 * chunk after chunk where no one file does; ranges; flushing. The rest is about files.
 */
static struct file *file_of(const struct aerie_blk_io *io)
{
	struct aerie_blk *blk = io->blk;

	if (!blk->image)
		return blk->file;
	/* Without a flush to come, what was written has to be in the map when it is done. */
	if (io_writes(io) && !flushes(blk))
		return NULL;
	return aerie_image_whole(blk->image, io->ask.pos, io->ask.len, io_writes(io));
}

struct file *aerie_blk_file_at(void *disk, u64 pos, u64 *len)
{
	struct aerie_blk *blk = disk;

	return blk->image ? aerie_image_at(blk->image, pos, len) : blk->file;
}

const struct inode *aerie_blk_at(struct aerie_blk *blk, u64 pos, u64 *len)
{
	struct file *file = aerie_blk_file_at(blk, pos, len);

	return file ? file->f_mapping->host : NULL;
}

/* @len bytes of the data from @done on, which is byte @at of what is pinned. */
static int chunk_write(struct aerie_blk_io *io, u32 done, u32 at, u64 *len)
{
	u64 pos = io->ask.pos + done + at;
	int err = aerie_image_write_begin(io->blk->image, pos, len, &io->file);

	if (err)
		return err;
	iocb_init(io, done + at, at, *len);
	err = rw_wait(io);
	aerie_image_write_end(io->blk->image, pos, *len, err);
	return err;
}

static int chunk_read(struct aerie_blk_io *io, u32 done, u32 at, u64 *len)
{
	int err = aerie_image_read(io->blk->image, io->ask.pos + done + at, len, &io->file);

	if (err)
		return err;
	if (io->file) {
		iocb_init(io, done + at, at, *len);
		return rw_wait(io);
	}
	iter_init(io, at, *len);
	return iov_iter_zero(*len, &io->iter) == *len ? 0 : -EIO;
}

/* @len bytes from @done on are pinned: all of them, waiting for it. */
static int rw_side(struct aerie_blk_io *io, u32 done, u32 len)
{
	u32 at = 0;
	int err = 0;
	u64 n;

	if (!io->blk->image) {
		iocb_init(io, done, 0, len);
		return rw_wait(io);
	}
	for (; !err && at < len; at += n) {
		n = len - at;
		err = io_writes(io) ? chunk_write(io, done, at, &n) :
				      chunk_read(io, done, at, &n);
	}
	if (!err && io_writes(io) && !flushes(io->blk))
		err = aerie_image_flush(io->blk->image);
	return err;
}

static int flush(struct aerie_blk *blk)
{
	return blk->image ? aerie_image_flush(blk->image) : aerie_file_sync(blk->file);
}

static int range(struct aerie_blk *blk, const struct aerie_blk_ask *ask,
		 const struct aerie_blk_range *r)
{
	if (ask->op == AERIE_BLK_DISCARD)
		return blk->image ? aerie_image_drop(blk->image, r->pos, r->len) :
				    aerie_file_discard(blk->file, r->pos, r->len);
	return blk->image ? aerie_image_zero(blk->image, r->pos, r->len, r->unmap) :
			    aerie_file_zero(blk->file, r->pos, r->len, r->unmap);
}

static int do_ranges(struct aerie_blk_io *io)
{
	struct aerie_blk_ask *ask = &io->ask;
	unsigned int i;
	int err = 0;

	for (i = 0; !err && i < ask->nr; i++)
		err = range(io->blk, ask, &ask->ranges[i]);
	return err || flushes(io->blk) ? err : flush(io->blk);
}

/* ---- Pages that have left memory ------------------------------------------ */

struct aerie_origin *aerie_blk_origin(struct aerie_blk *blk)
{
	return blk->origin;
}

/* Part @i of what is about to be changed. Returns false where there is none. */
static bool change(const struct aerie_blk_ask *ask, unsigned int i, u64 *pos, u64 *len)
{
	switch (ask->op) {
	case AERIE_BLK_WRITE:
		*pos = ask->pos;
		*len = ask->len;
		return !i;
	case AERIE_BLK_DISCARD:
	case AERIE_BLK_ZEROES:
		if (i >= ask->nr)
			return false;
		*pos = ask->ranges[i].pos;
		*len = ask->ranges[i].len;
		return true;
	default:
		return false;
	}
}

static void changes_end(struct aerie_blk_io *io, unsigned int nr)
{
	unsigned int i;
	u64 pos, len;

	for (i = 0; i < nr && change(&io->ask, i, &pos, &len); i++)
		aerie_origin_write_end(io->blk->origin, pos, len);
	io->changes = false;
}

static int changes_begin(struct aerie_blk_io *io)
{
	unsigned int i;
	u64 pos, len;
	int err;

	for (i = 0; change(&io->ask, i, &pos, &len); i++) {
		err = aerie_origin_write_begin(io->blk->origin, pos, len);
		if (err) {
			changes_end(io, i);
			return err;
		}
	}
	io->changes = i;
	return 0;
}

/* ---- To an end ------------------------------------------------------------ */

static void io_end(struct aerie_blk_io *io, int err)
{
	unpin(io);
	if (io->changes)
		changes_end(io, UINT_MAX);
	io->status = !err ? VIRTIO_BLK_S_OK :
		     err == -EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
	io->written = !err && io->ask.op == AERIE_BLK_READ ? io->ask.len : 0;
}

static void io_free(struct aerie_blk_io *io)
{
	if (io != io->queue->spare)
		kfree(io);
}

/* Is it of what is told, if there are any buffers kept for that? */
static bool tells(const struct aerie_blk_io *io)
{
	return io->max_bufs && io->ask.len >= PAGE_SIZE &&
	       (io->ask.op == AERIE_BLK_READ || io->ask.op == AERIE_BLK_WRITE);
}

/* The buffers of the data. */
static void bufs_keep(struct aerie_blk_io *io, const struct aerie_vq_chain *chain)
{
	const struct aerie_vq_buf *first = chain->bufs + (io_writes(io) ? 0 : chain->nr_in);
	u32 skip = io->ask.off, n;
	struct aerie_vq_buf *b;

	memcpy(io->bufs, first,
	       (io_writes(io) ? chain->nr_in : chain->nr_out) * sizeof(*io->bufs));
	for (b = io->bufs; skip; b++, skip -= n) {
		n = min(skip, b->len);
		b->gpa += n;
		b->len -= n;
	}
}

/* Give it back. Context: the queue's work, or nobody is at the queue. */
static void io_return(struct aerie_blk_io *io)
{
	struct aerie_vq *vq = io->queue->vq;

	if (aerie_mem_write(&vq->vdev->dev.vm->mem, io->status_gpa, &io->status, 1, GFP_KERNEL))
		aerie_virtio_broken(vq->vdev);
	else
		aerie_vq_used(vq, io->head, io->written + 1);
	if (io->status == VIRTIO_BLK_S_OK && tells(io))
		aerie_blk_tell(io->blk, &vq->vdev->dev.vm->mem, io->ask.pos, io->ask.len, io->bufs,
			       !io_writes(io));
	io_free(io);
}

/* It has come to its end on the side. Context: any. */
static void io_done(struct aerie_blk_io *io, int err)
{
	struct aerie_blk *blk = io->blk;
	struct aerie_blk_queue *queue = io->queue;
	bool serving = in_task() && READ_ONCE(queue->server) == current;

	io_end(io, err);
	llist_add(&io->node, &queue->done);
	/* At once, while it was begun: the queue's work looks for it before it ends. */
	if (!serving)
		aerie_vq_kick(queue->vq);
	/* From here on the disk may be gone: only its address is used. */
	if (atomic_dec_and_test(&blk->pending))
		wake_up_var(&blk->pending);
}

static void reap(struct aerie_blk_queue *queue, bool live)
{
	struct aerie_blk_io *io, *next;

	llist_for_each_entry_safe(io, next, llist_reverse_order(llist_del_all(&queue->done)),
				  node) {
		queue->in_flight--;
		if (live)
			io_return(io);
		else
			io_free(io);
	}
}

/* ---- On the side ---------------------------------------------------------- */

static void io_work(struct work_struct *work)
{
	struct aerie_blk_io *io = container_of(work, struct aerie_blk_io, work);
	struct mem_cgroup *old = set_active_memcg(io->blk->memcg);
	int err;

	switch (io->ask.op) {
	case AERIE_BLK_FLUSH:
		err = flush(io->blk);
		break;
	case AERIE_BLK_DISCARD:
	case AERIE_BLK_ZEROES:
		err = do_ranges(io);
		break;
	default:
		/* What the page cache had is there already. */
		err = io->file ? rw_wait(io) : rw_side(io, 0, io->ask.len);
	}
	set_active_memcg(old);
	io_done(io, err);
}

static void io_hand_over(struct aerie_blk_io *io)
{
	io->queue->in_flight++;
	atomic_inc(&io->blk->pending);
	INIT_WORK(&io->work, io_work);
	queue_work(workers, &io->work);
}

static void direct_done(struct kiocb *iocb, long n)
{
	struct aerie_blk_io *io = container_of(iocb, struct aerie_blk_io, iocb);

	write_end(io);
	io_done(io, n == io->ask.len ? 0 : n < 0 ? n : -EIO);
}

/* Past the page cache. -EIOCBQUEUED: under way; -EINVAL: not this one; else it is done. */
static int rw_direct(struct aerie_blk_io *io)
{
	ssize_t n;

	if (!aligned(io))
		return -EINVAL;
	iocb_init(io, 0, 0, io->ask.len);
	io->iocb.ki_flags |= IOCB_DIRECT;
	io->iocb.ki_complete = direct_done;
	io->queue->in_flight++;
	atomic_inc(&io->blk->pending);
	write_begin(io);
	n = call_iter(io);
	if (n == -EIOCBQUEUED)
		return n;
	write_end(io);
	/* Nobody waits for it to become 0: that takes the queue's work to be over. */
	atomic_dec(&io->blk->pending);
	io->queue->in_flight--;
	return n == io->ask.len ? 0 : n < 0 ? n : -EIO;
}

/* By way of the page cache. -EIOCBQUEUED: under way; else it is done. */
static int rw_buffered(struct aerie_blk_io *io)
{
	iocb_init(io, 0, 0, io->ask.len);
	if (io_writes(io))
		return rw_wait(io);
	if (io->file->f_mode & FMODE_NOWAIT) {
		io->iocb.ki_flags |= IOCB_NOWAIT;
		call_iter(io);
		if (!iov_iter_count(&io->iter))
			return 0;
		io->iocb.ki_flags &= ~(IOCB_NOWAIT | IOCB_NOIO);
	}
	io_hand_over(io);
	return -EIOCBQUEUED;
}

/* ---- Requests ------------------------------------------------------------- */

/* Piece by piece, while the queue waits. */
static int rw_pieces(struct aerie_blk_io *io, const struct aerie_vq_chain *chain)
{
	u32 done = 0;
	int err = 0;
	s64 n;

	while (!err && done < io->ask.len) {
		n = pin(io, chain, done);
		if (n > 0) {
			err = rw_side(io, done, n);
			done += n;
		} else {
			err = n ?: -EIO;
		}
		unpin(io);
		cond_resched();
	}
	return err;
}

static int rw(struct aerie_blk_io *io, const struct aerie_vq_chain *chain)
{
	int err = -EINVAL;
	s64 n;

	if (!in_file(io))
		return -EIO;
	if (!io->ask.len)
		return 0;
	io->file = file_of(io);
	if (io == io->queue->spare)
		return rw_pieces(io, chain);
	n = pin(io, chain, 0);
	if (n != io->ask.len)
		return n < 0 ? n : -EIO;
	if (!io->file) {
		io_hand_over(io);
		return -EIOCBQUEUED;
	}
	if (io->blk->direct)
		err = rw_direct(io);
	/* What direct I/O does not take: buffers or a file that are not aligned as it likes. */
	return err == -EINVAL ? rw_buffered(io) : err;
}

/* Do what is asked for. -EIOCBQUEUED: under way; else the request is done. */
static int io_begin(struct aerie_blk_io *io, const struct aerie_vq_chain *chain)
{
	const bool spare = io == io->queue->spare;
	int err = changes_begin(io);

	if (err)
		return err;
	switch (io->ask.op) {
	case AERIE_BLK_READ:
	case AERIE_BLK_WRITE:
		return rw(io, chain);
	case AERIE_BLK_ID: {
		u32 len = min_t(u32, io->ask.len, sizeof(io->blk->serial));
		ssize_t n = aerie_vq_write(io->queue->vq, chain, 0, io->blk->serial, len);

		return n < 0 ? n : 0;
	}
	case AERIE_BLK_FLUSH:
		if (spare)
			return flush(io->blk);
		break;
	case AERIE_BLK_DISCARD:
	case AERIE_BLK_ZEROES:
		if (spare)
			return do_ranges(io);
		break;
	}
	io_hand_over(io);
	return -EIOCBQUEUED;
}

/* As many segments as the chain can take, or more than SEGS. */
static unsigned int segs_most(const struct aerie_vq_chain *chain)
{
	unsigned int i;
	u64 pages = 0;

	for (i = 0; i < chain->nr_in + chain->nr_out; i++)
		pages += chain->bufs[i].len / PAGE_SIZE + 2;
	return min_t(u64, pages, SEGS + 1);
}

static struct aerie_blk_io *io_alloc(struct aerie_blk_queue *queue, unsigned int nr_segs,
				     unsigned int nr_bufs)
{
	struct aerie_blk_io *io;

	io = kmalloc(struct_size(io, segs, nr_segs) + nr_bufs * sizeof(*io->bufs),
		     GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!io)
		return NULL;
	io->queue = queue;
	io->max_segs = nr_segs;
	io->bufs = (struct aerie_vq_buf *)&io->segs[nr_segs];
	io->max_bufs = nr_bufs;
	return io;
}

static void charge(struct aerie_blk *blk, const struct aerie_blk_ask *ask)
{
	u64 bytes = ask->op == AERIE_BLK_READ || ask->op == AERIE_BLK_WRITE ? ask->len : 0;
	unsigned int i;

	if (!aerie_limit_on(&blk->limit))
		return;
	for (i = 0; ask->op == AERIE_BLK_ZEROES && i < ask->nr; i++)
		bytes += ask->ranges[i].len;
	spin_lock(&blk->limit_lock);
	aerie_limit_charge(&blk->limit, bytes, aerie_now_ns());
	spin_unlock(&blk->limit_lock);
}

static void serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	struct aerie_blk *blk = aerie_blk_of(vq);
	struct aerie_blk_queue *queue = &blk->queues[vq->index];
	unsigned int nr_segs = segs_most(chain);
	bool told = blk->vdev.dev.vm->mem.told || aerie_origin_wanted(blk->origin);
	unsigned int nr_bufs = told ? max(chain->nr_in, chain->nr_out) : 0;
	struct aerie_blk_io *io = nr_segs <= SEGS ? io_alloc(queue, nr_segs, nr_bufs) : NULL;
	int err;

	if (!io)
		io = queue->spare;
	io->blk = blk;
	io->nr_segs = 0;
	io->frozen_out = false;
	io->changes = false;
	io->written = 0;
	io->head = chain->head;
	err = aerie_blk_parse(vq, chain, READ_ONCE(blk->sectors), aerie_blk_read_only(blk),
			      &io->ask);
	if (err < 0) {
		io_free(io);
		aerie_virtio_broken(vq->vdev);
		return;
	}
	io->status_gpa = aerie_blk_status_gpa(chain);
	io->status = err;
	if (err == VIRTIO_BLK_S_OK) {
		if (tells(io))
			bufs_keep(io, chain);
		charge(blk, &io->ask);
		err = io_begin(io, chain);
		if (err == -EIOCBQUEUED)
			return;
		io_end(io, err);
		if (!err && io->ask.op == AERIE_BLK_ID)
			io->written = min_t(u32, io->ask.len, sizeof(blk->serial));
	}
	io_return(io);
}

void aerie_blk_serve(struct aerie_vq *vq, struct aerie_vq_chain *chain)
{
	struct aerie_blk *blk = aerie_blk_of(vq);
	struct aerie_blk_queue *queue = &blk->queues[vq->index];
	struct mem_cgroup *old = set_active_memcg(blk->memcg);

	WRITE_ONCE(queue->server, current);
	serve(vq, chain);
	WRITE_ONCE(queue->server, NULL);
	set_active_memcg(old);
}

/* ---- Queues --------------------------------------------------------------- */

static void timer_fn(struct aerie_timer *timer)
{
	aerie_vq_kick(container_of(timer, struct aerie_blk_queue, timer)->vq);
}

bool aerie_blk_ready(struct aerie_vq *vq)
{
	struct aerie_blk *blk = aerie_blk_of(vq);
	struct aerie_blk_queue *queue = &blk->queues[vq->index];
	u64 now, wait;

	reap(queue, true);
	/* Who offers the same again and again could have more under way than the ring has. */
	if (queue->in_flight >= vq->size)
		return false;
	if (!aerie_limit_on(&blk->limit))
		return true;
	spin_lock(&blk->limit_lock);
	now = aerie_now_ns();
	wait = aerie_limit_wait(&blk->limit, now);
	spin_unlock(&blk->limit_lock);
	if (wait)
		aerie_timer_arm(&queue->timer, now + wait);
	return !wait;
}

void aerie_blk_drain(struct aerie_virtio *vdev)
{
	struct aerie_blk *blk = container_of(vdev, struct aerie_blk, vdev);
	unsigned int i;

	for (i = 0; i < vdev->nr_vqs; i++)
		aerie_timer_fini(&blk->queues[i].timer);
	wait_var_event(&blk->pending, !atomic_read(&blk->pending));
	for (i = 0; i < vdev->nr_vqs; i++) {
		struct aerie_vq *vq = &vdev->vqs[i];
		bool live = aerie_vq_live(vq);

		reap(&blk->queues[i], live);
		if (live && aerie_vq_must_signal(vq))
			aerie_virtio_interrupt(vq);
	}
}

int aerie_blk_queues_init(struct aerie_blk *blk, unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct aerie_blk_queue *queue = &blk->queues[i];

		aerie_timer_init(&queue->timer, timer_fn);
		init_llist_head(&queue->done);
		queue->spare = io_alloc(queue, SPARE_SEGS, 0);
		if (!queue->spare) {
			aerie_blk_queues_fini(blk);
			return -ENOMEM;
		}
	}
	return 0;
}

void aerie_blk_queues_fini(struct aerie_blk *blk)
{
	unsigned int i;

	for (i = 0; i < AERIE_BLK_QUEUES; i++)
		kfree(blk->queues[i].spare);
}

int aerie_blk_start(void)
{
	workers = alloc_workqueue("aerie-disk", WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return workers ? 0 : -ENOMEM;
}

void aerie_blk_stop(void)
{
	destroy_workqueue(workers);
}
