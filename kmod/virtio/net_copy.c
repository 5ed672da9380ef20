// SPDX-License-Identifier: GPL-2.0
/*
 * Copying of frames between skbs and the guest's pages, by the processor's string
 * instruction: the way the kernel copies from and to processes, of which nearly all of
 * what is sent consists. Its memcpy() does that only on processors that are fast with
 * short strings as well, and takes three times the instructions on others.
 */
#include <linux/minmax.h>
#include <linux/skbuff.h>
#include <linux/string.h>
#include <linux/uio.h>

#include "virtio/net.h"

#define SHORT	256u	/* bytes that are not worth the instruction's start */

static void copy(void *to, const void *from, size_t len)
{
	size_t words = len / sizeof(u64);

	if (len < SHORT) {
		memcpy(to, from, len);
		return;
	}
	asm volatile("rep movsq" : "+D" (to), "+S" (from), "+c" (words) : : "memory");
	memcpy(to, from, len % sizeof(u64));
}

/* Between @buf and what comes next in @iter, of kvecs; bytes. */
static size_t iter_copy(struct iov_iter *iter, void *buf, size_t len, bool to_iter)
{
	size_t done = 0, n;
	void *at;

	for (; done < len; done += n) {
		n = min(len - done, iov_iter_single_seg_count(iter));
		if (!n)
			break;
		at = iter->kvec->iov_base + iter->iov_offset;
		if (to_iter)
			copy(at, buf + done, n);
		else
			copy(buf + done, at, n);
		iov_iter_advance(iter, n);
	}
	return done;
}

int aerie_net_copy_from(struct sk_buff *skb, struct iov_iter *iter)
{
	unsigned int i;

	if (iter_copy(iter, skb->data, skb_headlen(skb), false) != skb_headlen(skb))
		return -EFAULT;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (iter_copy(iter, skb_frag_address(frag), skb_frag_size(frag), false) !=
		    skb_frag_size(frag))
			return -EFAULT;
	}
	return 0;
}

int aerie_net_copy_to(struct sk_buff *skb, u32 off, struct iov_iter *iter, u32 len)
{
	struct skb_seq_state state;
	unsigned int done = 0, n;
	const u8 *data;

	skb_prepare_seq_read(skb, off, off + len, &state);
	for (; (n = skb_seq_read(done, &data, &state)); done += n) {
		n = min(n, len - done);
		if (iter_copy(iter, (void *)data, n, true) != n) {
			skb_abort_seq_read(&state);
			return -EFAULT;
		}
	}
	return done == len ? 0 : -EFAULT;
}
