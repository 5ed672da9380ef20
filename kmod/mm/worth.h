/* SPDX-License-Identifier: GPL-2.0 */
/* Whether what leaves memory is to be compressed, or to go to swap at once. */
#ifndef AERIE_MM_WORTH_H
#define AERIE_MM_WORTH_H

#include <linux/types.h>

enum aerie_cost {
	AERIE_COST_PACK,	/* of compressing a page */
	AERIE_COST_UNPACK,
	AERIE_COST_WRITE,	/* of one that goes to swap */
	AERIE_COST_READ,
	AERIE_COSTS
};

/* @pages, not 0, have taken @ns. Context: any. */
void aerie_worth_took(enum aerie_cost what, u64 ns, unsigned int pages);

/* @pages that had been compressed were wanted again; or went on to swap. Context: any. */
void aerie_worth_came_back(unsigned int pages);
void aerie_worth_went_on(unsigned int pages);

/*
 * Is the next batch to be compressed? Each answer counts: now and then it is the other one than
 * seems best, to see how that does. Context: one at a time.
 */
bool aerie_worth_packing(void);

#endif
