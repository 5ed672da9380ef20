/* SPDX-License-Identifier: GPL-2.0 */
/* What msr.c keeps per vCPU: registers that are stored and change nothing. */
#ifndef AERIE_CORE_MSR_H
#define AERIE_CORE_MSR_H

#include <linux/types.h>

#define AERIE_MTRR_FIXED	11	/* 64K_00000, two of 16K, eight of 4K */
#define AERIE_MTRR_VAR		8	/* variable ranges: base and mask each */

/**
 * struct aerie_msrs - stored MSRs of a vCPU; touched by its own thread only
 * @mtrr_def_type: IA32_MTRR_DEF_TYPE
 * @mtrr_fixed: in order of their MSR numbers
 * @mtrr_var: bases at even, masks at odd indices
 * @mcg_status: IA32_MCG_STATUS
 * @hwcr: AMD's HWCR
 */
struct aerie_msrs {
	u64 mtrr_def_type;
	u64 mtrr_fixed[AERIE_MTRR_FIXED];
	u64 mtrr_var[AERIE_MTRR_VAR * 2];
	u64 mcg_status;
	u64 hwcr;
};

#endif
