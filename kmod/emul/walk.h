/* SPDX-License-Identifier: GPL-2.0 */
/* The bits of page-table entries, and the walk that nearly always suffices. */
#ifndef AERIE_EMUL_WALK_H
#define AERIE_EMUL_WALK_H

#include <linux/minmax.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "emul/emul.h"

#define PTE_P		BIT_ULL(0)
#define PTE_W		BIT_ULL(1)
#define PTE_U		BIT_ULL(2)
#define PTE_A		BIT_ULL(5)
#define PTE_D		BIT_ULL(6)
#define PTE_PS		BIT_ULL(7)
#define PTE_NX		BIT_ULL(63)
#define PTE_ADDR	GENMASK_ULL(51, 12)

/*
 * Long mode, and nothing out of the ordinary: every entry present, accessed,
 * without reserved bits, permission plain to see. That is almost every walk.
 * Returns 0 translated, 1 to be looked at properly, or an error of @read.
 */
static __always_inline int
aerie_walk_plain(const struct aerie_paging *p,
		 int (*read)(void *ctx, gpa_t gpa, void *buf, unsigned int size), void *ctx,
		 gva_t gva, u32 acc, gpa_t *gpa)
{
	const unsigned int phys = clamp(p->phys_bits, 32u, 52u);
	const u64 address = GENMASK_ULL(phys - 1, 12);
	u64 all = PTE_P | PTE_A, none = GENMASK_ULL(51, 12) & ~address;
	unsigned int shift = p->cr4 & X86_CR4_LA57 ? 48 : 39;
	u64 table = p->cr3;
	u64 pte;
	int ret;

	if (!(p->efer & EFER_NX))
		none |= PTE_NX;
	if (acc & AERIE_ACC_FETCH)
		none |= PTE_NX;
	if (acc & AERIE_ACC_WRITE)
		all |= PTE_W;
	if (acc & AERIE_ACC_USER)
		all |= PTE_U;
	for (;; shift -= 9) {
		ret = read(ctx, (table & address) + (gva >> shift & 511) * 8, &pte, 8);
		if (ret)
			return ret;
		if ((pte & all) != all || pte & none)
			return 1;
		if (shift == 12 || pte & PTE_PS)
			break;
		table = pte;
	}
	if (shift > 30 || pte & address & (BIT_ULL(shift) - 1))
		return 1;
	if (acc & AERIE_ACC_WRITE && !(pte & PTE_D))
		return 1;
	if (!(acc & AERIE_ACC_USER) && pte & PTE_U && p->cr4 & (X86_CR4_SMEP | X86_CR4_SMAP))
		return 1;
	*gpa = (pte & address) | (gva & (BIT_ULL(shift) - 1));
	return 0;
}

#endif
