/* SPDX-License-Identifier: GPL-2.0 */
/* The MSR permission map's layout (APM, MSR Intercepts): two bits an MSR, read then write. */
#ifndef AERIE_SVM_BITMAP_H
#define AERIE_SVM_BITMAP_H

#include <linux/types.h>

/* The bit number of an MSR's read intercept, or -1: always intercepted. */
static inline int svm_msrpm_bit(u32 msr)
{
	static const u32 bases[] = { 0, 0xc0000000, 0xc0010000 };
	unsigned int i;

	for (i = 0; i < 3; i++) {
		if (msr - bases[i] < 0x2000)
			return i * 0x4000 + (msr - bases[i]) * 2;
	}
	return -1;
}

/* Let the guest read and write @msr. */
static inline void svm_msrpm_pass(u8 *map, u32 msr)
{
	int bit = svm_msrpm_bit(msr);

	if (bit >= 0)
		map[bit / 8] &= ~(3u << bit % 8);
}

#endif
