/* A kvec iterator, no more than what a test looks at. */
#ifndef SHIM_UIO_H
#define SHIM_UIO_H

#include "../shim.h"

#define ITER_SOURCE	1
#define ITER_DEST	0

struct kvec {
	void *iov_base;
	size_t iov_len;
};

struct iov_iter {
	unsigned int direction;
	const struct kvec *kvec;
	unsigned long nr_segs;
	size_t count;
};

static inline void iov_iter_kvec(struct iov_iter *i, unsigned int direction,
				 const struct kvec *kvec, unsigned long nr_segs, size_t count)
{
	*i = (struct iov_iter){ direction, kvec, nr_segs, count };
}

#endif
