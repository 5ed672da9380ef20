/* SPDX-License-Identifier: GPL-2.0 */
/* Address types, register numbers and segment registers, shared by every folder. */
#ifndef AERIE_TYPES_H
#define AERIE_TYPES_H

#include <linux/types.h>
#include <linux/bits.h>

typedef u64 gpa_t;	/* guest physical address */
typedef u64 gfn_t;	/* guest physical address >> PAGE_SHIFT */
typedef unsigned long gva_t;	/* guest linear address, the type as the kernel has it */
typedef u64 hpa_t;	/* host physical address */

#define AERIE_MAX_VCPUS		64
#define AERIE_NAME_LEN		32	/* VM name, NUL included */

/* Indices into vcpu->regs; the first sixteen are the hardware's encoding. */
enum aerie_reg {
	AERIE_REG_RAX, AERIE_REG_RCX, AERIE_REG_RDX, AERIE_REG_RBX,
	AERIE_REG_RSP, AERIE_REG_RBP, AERIE_REG_RSI, AERIE_REG_RDI,
	AERIE_REG_R8, AERIE_REG_R9, AERIE_REG_R10, AERIE_REG_R11,
	AERIE_REG_R12, AERIE_REG_R13, AERIE_REG_R14, AERIE_REG_R15,
	AERIE_REG_RIP,
	AERIE_REG_RFLAGS,
	AERIE_REG_CR0,
	AERIE_REG_CR3,
	AERIE_REG_CR4,
	AERIE_NR_REGS
};

/* The hardware's segment register encoding, then the two system segments. */
enum aerie_seg {
	AERIE_SEG_ES, AERIE_SEG_CS, AERIE_SEG_SS, AERIE_SEG_DS,
	AERIE_SEG_FS, AERIE_SEG_GS,
	AERIE_SEG_LDTR, AERIE_SEG_TR,
	AERIE_NR_SEGS
};

/*
 * Segment attributes in the format of the VMX access rights field
 * (SDM, Guest Register State): descriptor bits 8-15 and 20-23, and "unusable".
 */
#define AERIE_SEG_TYPE		0x000fu
#define AERIE_SEG_S		BIT(4)
#define AERIE_SEG_DPL_SHIFT	5
#define AERIE_SEG_DPL		(3u << AERIE_SEG_DPL_SHIFT)
#define AERIE_SEG_P		BIT(7)
#define AERIE_SEG_AVL		BIT(12)
#define AERIE_SEG_L		BIT(13)
#define AERIE_SEG_DB		BIT(14)
#define AERIE_SEG_G		BIT(15)
#define AERIE_SEG_UNUSABLE	BIT(16)

struct aerie_segment {
	u64 base;
	u32 limit;	/* in bytes, granularity applied */
	u32 attr;	/* AERIE_SEG_* bits */
	u16 selector;
};

/* GDTR and IDTR */
struct aerie_dtable {
	u64 base;
	u16 limit;
};

/* What a memory access wants; also the bits of a #PF error code it maps to. */
#define AERIE_ACC_READ		0u
#define AERIE_ACC_WRITE		BIT(1)
#define AERIE_ACC_USER		BIT(2)
#define AERIE_ACC_FETCH		BIT(4)

#endif
