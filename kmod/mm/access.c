// SPDX-License-Identifier: GPL-2.0
/*
 * Checked access to guest memory by the host: the only way devices and emulation reach it.
 *
 * A copy finds its frame and is over within a read-side section of RCU. Who needs longer,
 * or has to know that what is its own now is so when it comes back to it, holds memory
 * (aerie_mem_hold()), pins it (pin.c), or keeps preemption off.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/rcupdate.h>
#include <linux/srcu.h>
#include "mm/map.h"

DEFINE_STATIC_SRCU(holders);

int aerie_mem_hold(void) __acquires(&holders)
{
	return srcu_read_lock(&holders);
}

void aerie_mem_release(int held) __releases(&holders)
{
	srcu_read_unlock(&holders, held);
}

void aerie_mem_wait_holders(void)
{
	synchronize_srcu_expedited(&holders);
}

void aerie_mem_after_holders(struct rcu_head *head, rcu_callback_t fn)
{
	call_srcu(&holders, head, fn);
}

void aerie_mem_after_barrier(void)
{
	srcu_barrier(&holders);
}

static void *ref_kaddr(const struct aerie_frame_ref *ref, gpa_t gpa)
{
	return __va(ref->pfn << PAGE_SHIFT) + (gpa & (PAGE_SIZE - 1));
}

/*
 * Copies of 1, 2, 4 and 8 aligned bytes are single accesses, so that what a
 * vCPU changes meanwhile (a page-table entry, a ring index) is seen whole.
 */
static void copy_once(void *dst, const void *src, size_t len)
{
	if (((uintptr_t)src | (uintptr_t)dst) & (len - 1))
		goto bytes;
	switch (len) {
	case 1:
		WRITE_ONCE(*(u8 *)dst, READ_ONCE(*(const u8 *)src));
		return;
	case 2:
		WRITE_ONCE(*(u16 *)dst, READ_ONCE(*(const u16 *)src));
		return;
	case 4:
		WRITE_ONCE(*(u32 *)dst, READ_ONCE(*(const u32 *)src));
		return;
	case 8:
		WRITE_ONCE(*(u64 *)dst, READ_ONCE(*(const u64 *)src));
		return;
	}
bytes:
	memcpy(dst, src, len);
}

static size_t page_rest(gpa_t gpa, size_t len)
{
	return min_t(size_t, len, PAGE_SIZE - (gpa & (PAGE_SIZE - 1)));
}

enum found {
	FOUND,
	FOUND_ZEROES,		/* nobody has touched it */
	FOUND_STORED,		/* bring it back and look again */
};

static __always_inline enum found page_find(const struct aerie_mem *mem, gpa_t gpa,
					    struct aerie_frame_ref *ref)
{
	if (likely(aerie_map_find(mem, gpa >> PAGE_SHIFT, ref)))
		return FOUND;
	return ref->stored ? FOUND_STORED : FOUND_ZEROES;
}

/* Within a page. */
static enum found page_read(const struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len)
{
	struct aerie_frame_ref ref;
	enum found found;

	rcu_read_lock();
	found = page_find(mem, gpa, &ref);
	if (found == FOUND)
		copy_once(buf, ref_kaddr(&ref, gpa), len);
	rcu_read_unlock();
	return found;
}

static bool page_write(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len)
{
	struct aerie_frame_ref ref;
	bool found;

	rcu_read_lock();
	found = aerie_map_find_own(mem, gpa >> PAGE_SHIFT, &ref);
	if (found)
		copy_once(ref_kaddr(&ref, gpa), buf, len);
	rcu_read_unlock();
	return found;
}

/* Context and errors as aerie_map_own(). @whole: the page is about to be written as a whole. */
static int page_own(struct aerie_mem *mem, gpa_t gpa, bool whole, gfp_t gfp)
{
	struct aerie_frame_ref ref;
	int err, entered = aerie_map_enter();

	if (whole)
		aerie_map_fresh(mem, gpa >> PAGE_SHIFT, gfp);
	err = aerie_map_own(mem, gpa >> PAGE_SHIFT, gfp, &ref);
	aerie_map_leave(entered);
	return err;
}

static int page_load(struct aerie_mem *mem, gpa_t gpa, gfp_t gfp)
{
	int err, entered = aerie_map_enter();

	err = aerie_map_load(mem, gpa >> PAGE_SHIFT, gfp);
	aerie_map_leave(entered);
	return err;
}

int aerie_mem_read(struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len, gfp_t gfp)
{
	/* The common case: what there is can only be RAM. */
	if (len <= PAGE_SIZE - (gpa & (PAGE_SIZE - 1)) && page_read(mem, gpa, buf, len) == FOUND)
		return 0;
	if (!aerie_mem_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len) {
		size_t n = page_rest(gpa, len);
		enum found found;

		while ((found = page_read(mem, gpa, buf, n)) == FOUND_STORED) {
			int err = page_load(mem, gpa, gfp);

			if (err)
				return err;
		}
		if (found == FOUND_ZEROES)
			memset(buf, 0, n);
		gpa += n;
		buf += n;
		len -= n;
	}
	return 0;
}

int aerie_mem_write(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len, gfp_t gfp)
{
	int err;

	if (!aerie_mem_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len) {
		size_t n = page_rest(gpa, len);

		while (!page_write(mem, gpa, buf, n)) {
			err = page_own(mem, gpa, n == PAGE_SIZE, gfp);
			if (err)
				return err;
		}
		gpa += n;
		buf += n;
		len -= n;
	}
	return 0;
}

#define CMPXCHG_AS(type) ({						\
	type _old = *old;						\
	bool _same = try_cmpxchg((type *)p, &_old, (type)new);		\
	*old = _old;							\
	_same; })

static int page_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size, u64 *old, u64 new)
{
	struct aerie_frame_ref ref;
	void *p;

	if (!aerie_map_find_own(mem, gpa >> PAGE_SHIFT, &ref))
		return -EAGAIN;
	p = ref_kaddr(&ref, gpa);
	switch (size) {
	case 1:
		return CMPXCHG_AS(u8);
	case 2:
		return CMPXCHG_AS(u16);
	case 4:
		return CMPXCHG_AS(u32);
	case 8:
		return CMPXCHG_AS(u64);
	}
	return -EINVAL;
}

int aerie_mem_try_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size,
			  u64 *old, u64 new)
{
	int done;

	if (gpa & (size - 1))
		return -EINVAL;
	if (!aerie_mem_is_ram(mem, gpa, size))
		return -EFAULT;
	rcu_read_lock();
	done = page_cmpxchg(mem, gpa, size, old, new);
	rcu_read_unlock();
	return done;
}

int aerie_mem_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size,
		      u64 *old, u64 new, gfp_t gfp)
{
	for (;;) {
		int err, done = aerie_mem_try_cmpxchg(mem, gpa, size, old, new);

		if (done != -EAGAIN)
			return done;
		err = page_own(mem, gpa, false, gfp);
		if (err)
			return err;
	}
}

int aerie_mem_populate(struct aerie_mem *mem, gpa_t gpa, gfp_t gfp)
{
	if (!aerie_mem_is_ram(mem, gpa, 1))
		return -EFAULT;
	return page_own(mem, gpa, false, gfp);
}

void *aerie_mem_kaddr(struct aerie_mem *mem, gpa_t gpa)
{
	struct aerie_frame_ref ref;
	void *kaddr = NULL;

	rcu_read_lock();
	if (aerie_map_find(mem, gpa >> PAGE_SHIFT, &ref) && !ref.zero && !ref.busy)
		kaddr = ref_kaddr(&ref, gpa);
	rcu_read_unlock();
	return kaddr;
}

int aerie_mem_span(struct aerie_mem *mem, gpa_t gpa, bool write, void **addr, size_t *len,
		   gfp_t gfp)
{
	struct aerie_frame_ref ref;
	enum found found;
	size_t size;
	int err;

	for (;;) {
		rcu_read_lock();
		if (write)
			found = aerie_map_find_own(mem, gpa >> PAGE_SHIFT, &ref) ? FOUND : FOUND_STORED;
		else
			found = page_find(mem, gpa, &ref);
		rcu_read_unlock();
		if (found == FOUND)
			break;
		if (!aerie_mem_is_ram(mem, gpa, 1))
			return -EFAULT;
		if (found == FOUND_ZEROES) {
			ref.pfn = page_to_pfn(aerie_frame_zero(false));
			ref.large = false;
			break;
		}
		err = write ? page_own(mem, gpa, false, gfp) : page_load(mem, gpa, gfp);
		if (err)
			return err;
	}
	/* What is in a frame is RAM: a large one is made only where all of it is. */
	size = ref.large ? AERIE_LARGE_BYTES : PAGE_SIZE;
	*addr = ref_kaddr(&ref, gpa);
	*len = min_t(size_t, *len, size - (gpa & (size - 1)));
	return 0;
}
