/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The VMCB's layout (APM, VMCB Layout), and conversions of what is in it.
 *
 * The kernel's own struct vmcb is KVM's and its members are renamed as KVM goes;
 * this one keeps the manual's order and is checked by offset. The bits in the
 * members are the kernel's: asm/svm.h.
 */
#ifndef AERIE_SVM_VMCB_H
#define AERIE_SVM_VMCB_H

#include <linux/build_bug.h>
#include <linux/stddef.h>
#include <linux/types.h>

#include "types.h"

struct svm_control {
	u32 intercept[6];	/* CR, DR, exceptions, then INTERCEPT_* from bit 96 */
	u8 reserved_018[0x3c - 0x18];
	u16 pause_threshold;
	u16 pause_count;
	u64 iopm_pa;
	u64 msrpm_pa;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 reserved_05d[3];
	u32 int_ctl;		/* V_* */
	u32 int_vector;
	u32 int_state;
	u32 reserved_06c;
	u64 exit_code;
	u64 exit_info_1;
	u64 exit_info_2;
	u32 exit_int_info;
	u32 exit_int_error;
	u64 np_control;
	u64 avic_bar;
	u64 ghcb_pa;
	u32 event_inj;
	u32 event_error;
	u64 n_cr3;
	u64 lbr_control;
	u32 clean;
	u32 reserved_0c4;
	u64 next_rip;
	u8 nr_insn;
	u8 insn[15];
	u64 avic_backing_page;
	u64 reserved_0e8;
	u64 avic_logical_table;
	u64 avic_physical_table;
	u8 reserved_100[0x400 - 0x100];
};

struct svm_segment {
	u16 selector;
	u16 attr;
	u32 limit;
	u64 base;
};

struct svm_save {
	struct svm_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved_0a0[0xcb - 0xa0];
	u8 cpl;
	u32 reserved_0cc;
	u64 efer;
	u8 reserved_0d8[0x148 - 0xd8];
	u64 cr4;
	u64 cr3;
	u64 cr0;
	u64 dr7;
	u64 dr6;
	u64 rflags;
	u64 rip;
	u8 reserved_180[0x1d8 - 0x180];
	u64 rsp;
	u64 s_cet;
	u64 ssp;
	u64 isst_addr;
	u64 rax;
	u64 star;
	u64 lstar;
	u64 cstar;
	u64 sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs;
	u64 sysenter_esp;
	u64 sysenter_eip;
	u64 cr2;
	u8 reserved_248[0x268 - 0x248];
	u64 g_pat;
	u64 debugctl;
	u64 br_from;
	u64 br_to;
	u64 last_exc_from;
	u64 last_exc_to;
	u8 reserved_298[0x2e0 - 0x298];
	u64 spec_ctrl;
	u8 reserved_2e8[0xc00 - 0x2e8];
};

struct svm_vmcb {
	struct svm_control control;
	struct svm_save save;
};

static_assert(offsetof(struct svm_control, exit_code) == 0x70);
static_assert(offsetof(struct svm_control, event_inj) == 0xa8);
static_assert(offsetof(struct svm_control, next_rip) == 0xc8);
static_assert(offsetof(struct svm_control, avic_physical_table) == 0xf8);
static_assert(offsetof(struct svm_vmcb, save) == 0x400);
static_assert(offsetof(struct svm_save, cpl) == 0xcb);
static_assert(offsetof(struct svm_save, cr4) == 0x148);
static_assert(offsetof(struct svm_save, rsp) == 0x1d8);
static_assert(offsetof(struct svm_save, rax) == 0x1f8);
static_assert(offsetof(struct svm_save, g_pat) == 0x268);
static_assert(offsetof(struct svm_save, spec_ctrl) == 0x2e0);
static_assert(sizeof(struct svm_vmcb) == 4096);

/* VMCB Clean Bits: state the processor may keep from the last VMRUN. */
#define SVM_CLEAN_I	BIT(0)	/* intercepts, TSC offset, PAUSE filter */
#define SVM_CLEAN_IOPM	BIT(1)
#define SVM_CLEAN_ASID	BIT(2)
#define SVM_CLEAN_TPR	BIT(3)	/* int_ctl */
#define SVM_CLEAN_NP	BIT(4)	/* nested paging, PAT */
#define SVM_CLEAN_CR	BIT(5)	/* CR0, CR3, CR4, EFER */
#define SVM_CLEAN_DR	BIT(6)
#define SVM_CLEAN_DT	BIT(7)	/* GDTR, IDTR */
#define SVM_CLEAN_SEG	BIT(8)	/* CS, DS, SS, ES, CPL */
#define SVM_CLEAN_CR2	BIT(9)
#define SVM_CLEAN_LBR	BIT(10)
#define SVM_CLEAN_ALL	0x7ffu

#define SVM_NP_ENABLE	BIT_ULL(0)	/* np_control */
#define SVM_LBR_ENABLE	BIT_ULL(0)	/* lbr_control */

/* EXITINFO1 of a nested page fault: a #PF error code and where it came from. */
#define SVM_NPF_WRITE	BIT_ULL(1)
#define SVM_NPF_RSVD	BIT_ULL(3)
#define SVM_NPF_FETCH	BIT_ULL(4)
#define SVM_NPF_WALK	BIT_ULL(33)

/* DR6: bits that report something, and its value at reset. */
#define SVM_DR6_EVENTS	0xe00full
#define SVM_DR6_RESET	0xffff0ff0ull

/**
 * svm_attr_from_hw() - segment attributes from the VMCB's form
 * @attr: descriptor bits 7:0 of byte 5, then AVL, L, D/B, G in bits 11:8
 * @limit: in bytes; decides the granularity bit, which processors do not keep
 *
 * A segment that is not present cannot be used; the VMCB has no other mark.
 */
static inline u32 svm_attr_from_hw(u16 attr, u32 limit)
{
	u32 a = (attr & 0xff) | (attr & 0x700) << 4;

	if (limit > 0xfffff)
		a |= AERIE_SEG_G;
	if (!(attr & AERIE_SEG_P))
		a |= AERIE_SEG_UNUSABLE;
	return a;
}

/* The VMCB's form of AERIE_SEG_* attributes. */
static inline u16 svm_attr_to_hw(u32 attr)
{
	u16 a = (attr & 0xff) | (attr >> 4 & 0xf00);

	if (attr & AERIE_SEG_UNUSABLE)
		a &= ~AERIE_SEG_P;
	return a;
}

#endif
