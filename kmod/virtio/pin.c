// SPDX-License-Identifier: GPL-2.0
/* A request's buffers as segments that files and block devices take. */
#include <linux/bvec.h>
#include <linux/minmax.h>

#include "aerie.h"
#include "virtio/virtio.h"

s64 aerie_vq_pin(struct aerie_vq *vq, const struct aerie_vq_chain *chain, u64 off, u64 len,
		 bool write, struct bio_vec *segs, unsigned int *nr)
{
	const struct aerie_vq_buf *b = write ? chain->bufs + chain->nr_in : chain->bufs;
	const struct aerie_vq_buf *end = b + (write ? chain->nr_out : chain->nr_in);
	struct aerie_mem *mem = &vq->vdev->dev.vm->mem;
	unsigned int room = *nr;
	u64 done = 0;

	*nr = 0;
	for (; b < end && done < len; b++) {
		u64 at = min_t(u64, off, b->len);

		off -= at;
		while (at < b->len && done < len && *nr < room) {
			int err = aerie_mem_pin(mem, b->gpa + at, min_t(u64, b->len - at, len - done),
						write, &segs[*nr]);

			if (err)
				return err;
			at += segs[*nr].bv_len;
			done += segs[*nr].bv_len;
			++*nr;
		}
	}
	return done;
}
