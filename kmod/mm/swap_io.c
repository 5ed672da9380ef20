// SPDX-License-Identifier: GPL-2.0
/* Pages to and from a swap file: past the page cache where it was opened so. */
#include <linux/bvec.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uio.h>
#include "mm/swap.h"

int aerie_swap_io(struct file *file, u64 pos, struct page *const *pages, unsigned int nr,
		  bool write)
{
	struct bio_vec segs[AERIE_SWAP_RUN];
	struct iov_iter iter;
	struct kiocb iocb;
	ssize_t n = 1;
	unsigned int i;

	for (i = 0; i < nr; i++)
		segs[i] = (struct bio_vec){ .bv_page = pages[i], .bv_len = PAGE_SIZE };
	init_sync_kiocb(&iocb, file);
	iocb.ki_pos = pos;
	iov_iter_bvec(&iter, write ? ITER_SOURCE : ITER_DEST, segs, nr, nr * PAGE_SIZE);
	if (write)
		file_start_write(file);
	while (n > 0 && iov_iter_count(&iter))
		n = write ? file->f_op->write_iter(&iocb, &iter) :
			    file->f_op->read_iter(&iocb, &iter);
	if (write)
		file_end_write(file);
	return n > 0 ? 0 : n ?: -EIO;
}
