/* SPDX-License-Identifier: GPL-2.0 */
/* What Aerie does against speculation attacks by guests, as flags to act on and to show. */
#ifndef AERIE_CORE_MITIGATE_H
#define AERIE_CORE_MITIGATE_H

#include <linux/types.h>

#include "aerie.h"

/*
 * One row a mitigation: X(flag, "name", "where it is done"). The flag is a bool
 * aerie_mit_<flag>, constant after aerie_mitigations_init(). Code that is
 * speculated past right after an exit must not branch on it: entry assembly
 * uses alternatives on the processor feature, and the flag only tells about it.
 */
#define AERIE_MITIGATIONS(X)							\
	X(clear_regs, "register clearing on exit",				\
	  "svm/enter.S, vmx/enter.S: no guest value is left in a register")	\
	X(rsb_fill, "RSB fill on exit",						\
	  "svm/enter.S, vmx/enter.S: FILL_RETURN_BUFFER before the first return") \
	X(bhb_clear, "branch history clearing on exit",				\
	  "vmx/enter.S: clear_bhb_loop (BHI)")					\
	X(ibrs, "IBRS written on exit",						\
	  "vmx/enter.S: SPEC_CTRL, where the kernel uses legacy IBRS")		\
	X(untrain_ret, "return untraining on exit",				\
	  "svm/enter.S: CALL_UNTRAIN_RET (Retbleed, SRSO)")			\
	X(ibpb_exit, "IBPB on exit",						\
	  "svm/enter.S: PRED_CMD (Retbleed, SRSO with ibpb)")			\
	X(ibpb_switch, "IBPB between vCPUs",					\
	  "core/mitigate.h: aerie_mitigate_load()")				\
	X(ibpb_put, "IBPB between guest and user space",			\
	  "core/mitigate.h: aerie_mitigate_put() (VMSCAPE)")			\
	X(l1d_flush, "L1D flush on entry",					\
	  "vmx/run.c: FLUSH_CMD after other work on the processor (L1TF)")	\
	X(ept_4k, "4 KiB nested pages only",					\
	  "vmx/setup.c: aerie_pte_ops.no_large (iTLB multihit)")		\
	X(verw_entry, "CPU buffer clearing on entry",				\
	  "svm/enter.S, vmx/enter.S: VERW (MDS, TAA, MMIO stale data, RFDS, TSA)")

#define X(flag, name, where) extern bool aerie_mit_##flag;
AERIE_MITIGATIONS(X)
#undef X

/**
 * aerie_mitigations_init() - decide what is done, from what the host does
 *
 * Context: module load, before a backend's setup; may sleep.
 */
void aerie_mitigations_init(void);

/* Write the barrier. Context: any, on a processor that has PRED_CMD. */
void aerie_ibpb(void);

/* Do the barrier if another vCPU ran last on this processor. */
void aerie_mitigate_switch(const struct aerie_vcpu *vcpu);

/**
 * aerie_mitigate_load() - a vCPU takes this processor
 * @vcpu: the vCPU
 *
 * Called by a backend's vcpu_load.
 * Context: preemption off.
 */
static inline void aerie_mitigate_load(const struct aerie_vcpu *vcpu)
{
	if (aerie_mit_ibpb_switch)
		aerie_mitigate_switch(vcpu);
}

/**
 * aerie_mitigate_put() - a vCPU gives up this processor, to whatever runs next
 *
 * Called by a backend's vcpu_put.
 * Context: preemption off.
 */
static inline void aerie_mitigate_put(void)
{
	if (aerie_mit_ibpb_put)
		aerie_ibpb();
}

#endif
