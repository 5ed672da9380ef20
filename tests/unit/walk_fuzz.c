// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/walk.c
/*
 * Page tables made of any bytes, control registers of any value: the walk ends
 * after a bounded number of reads, answers within the contract, changes nothing
 * but accessed and dirty bits, and only where it succeeds.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "emul/emul.h"

#define RAM	4096		/* repeats over the whole of guest memory */

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 ram[RAM], start[RAM];
static unsigned int reads, disturb;

static void require(bool cond)
{
	if (!cond)
		abort();
}

static int ram_read(void *ctx, gpa_t addr, void *buf, unsigned int size)
{
	require((size == 4 || size == 8) && addr % size == 0);
	reads++;
	if (addr >> 52)
		abort();
	if (addr >> 40 & 1)
		return addr >> 41 & 1 ? -EFAULT : -EAGAIN;
	memcpy(buf, ram + addr % RAM, size);
	return 0;
}

static int ram_cmpxchg(void *ctx, gpa_t addr, unsigned int size, u64 *old, u64 new_val)
{
	u64 val = 0;

	require(((*old ^ new_val) & ~0x60ull) == 0 && (*old & new_val) == *old);
	if (disturb) {
		disturb--;
		return 0;
	}
	memcpy(&val, ram + addr % RAM, size);
	if (val != *old) {
		*old = val;
		return 0;
	}
	memcpy(ram + addr % RAM, &new_val, size);
	return 1;
}

static const struct aerie_walk_ops ops = { ram_read, ram_cmpxchg };

struct input {
	struct aerie_paging p;
	u64 gva;
	u8 acc, disturb;
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct input in = { 0 };
	u64 gpa = 0, again = 0;
	unsigned int i;
	u32 error = 0, acc;
	bool steady;
	int ret;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	data += sizeof(in);
	size -= sizeof(in);
	memset(ram, 0, sizeof(ram));
	memcpy(ram, data, size < RAM ? size : RAM);
	for (i = size; size && i < RAM; i++)
		ram[i] = ram[i - size];
	memcpy(start, ram, RAM);
	acc = in.acc & (AERIE_ACC_WRITE | AERIE_ACC_USER | AERIE_ACC_FETCH);
	disturb = in.disturb;
	reads = 0;
	/* A table that is PAE's root as well turns invalid by its own A bits. */
	steady = !in.disturb && (!(in.p.cr4 & X86_CR4_PAE) ||
				 (in.p.efer & (EFER_LME | EFER_LMA)));

	ret = aerie_walk(&in.p, &ops, NULL, in.gva, acc, &gpa, &error);
	/* Five levels, once by the short way and eight times by the long one. */
	require(reads <= 5 * (1 + 8));
	require(ret == 0 || ret == 1 || ret == -EFAULT || ret == -EAGAIN);
	if (ret == 1) {
		require((error & ~0x1fu) == 0);
		require(!((error ^ acc) & (AERIE_ACC_WRITE | AERIE_ACC_USER)));
		require(in.p.cr0 & X86_CR0_PG);
		require(!steady || !memcmp(start, ram, RAM));
	}
	for (i = 0; i < RAM; i++)
		require((start[i] | 0x60) == (ram[i] | 0x60));
	if (ret == 0) {
		require((gpa ^ in.gva) % 4096 == 0 && gpa >> 52 == 0);
		/* Once the bits are set the answer is the same, without a change. */
		memcpy(start, ram, RAM);
		if (steady) {
			ret = aerie_walk(&in.p, &ops, NULL, in.gva, acc, &again, &error);
			require(ret == 0 && again == gpa && !memcmp(start, ram, RAM));
		}
	}
	return 0;
}
