/* SPDX-License-Identifier: GPL-2.0 */
/* Instruction decoder, emulator and guest page-table walker: pure logic over callbacks. */
#ifndef AERIE_EMUL_EMUL_H
#define AERIE_EMUL_EMUL_H

#include "types.h"

#define AERIE_INSN_MAX	15	/* bytes, SDM: Instruction Format */

/* What the decoder has to know of the processor's state. */
enum aerie_cpu_mode {
	AERIE_MODE_16,		/* real, virtual-8086 or 16-bit code segment */
	AERIE_MODE_32,
	AERIE_MODE_64,
};

/* Bit of aerie_insn.map: VEX, EVEX or XOP encoded; the rest is the map's number. */
#define AERIE_MAP_VEX	0x10

/*
 * Of 64-bit code: MOV between memory in a flat segment and a register or an immediate, and
 * nothing else to it. The register is none of RSP, AH, CH, DH and BH.
 */
enum aerie_plain_mov {
	AERIE_MOV_OTHER,	/* it is something else */
	AERIE_MOV_LOAD,
	AERIE_MOV_STORE,
	AERIE_MOV_STORE_IMM,
};

/*
 * A decoded instruction. Where a group is told by ModRM.reg, use @reg & 7. An
 * opcode that names a register in its low bits (PUSH, XCHG, MOV imm) has it in @rm.
 * MOV to and from CR and DR never have a memory operand: @mod reads 3, @reg is
 * the control register (8 also for AMD's LOCK MOV CR0), @rm the general one.
 */
struct aerie_insn {
	u8 len;			/* whole instruction, prefixes included */
	u8 opsize;		/* 1, 2, 4, 8: effective operand size in bytes */
	u8 adsize;		/* 2, 4, 8: effective address size in bytes */
	u8 map;			/* 0 one-byte, 1 0F, 2 0F38, 3 0F3A; AERIE_MAP_VEX */
	u8 opcode;
	u8 rex;			/* 0x40-0x4f as in effect, from VEX too; 0 none */
	u8 seg;			/* enum aerie_seg of the memory operand, override applied */
	bool lock, rep, repne, opsize_prefix;
	bool has_modrm;
	u8 modrm, sib;
	u8 mod, reg, rm;	/* REX.R and REX.B applied to reg and rm */
	bool mem;		/* the r/m operand is in memory, or the operand is moffs */
	bool rip_relative;
	u8 base, index;		/* enum aerie_reg, 0xff: none */
	u8 scale;		/* shift count of the index */
	s32 disp;		/* as encoded: EVEX compression is not undone */
	u64 imm;		/* sign-extended where the instruction does so; a moffs
				 * address; ENTER: size and level << 16; far pointers:
				 * offset and selector << (8 * its size)
				 */
	u8 imm_len;
	u8 mode;		/* enum aerie_cpu_mode it was decoded for */
	u8 plain_mov;		/* enum aerie_plain_mov */
};

/**
 * aerie_insn_decode() - decode one instruction of any kind, for its length and parts
 * @insn: result
 * @bytes: instruction bytes
 * @len: how many of them there are
 * @mode: code size
 *
 * Knows the length of every legacy, REX, VEX, EVEX and XOP encoded instruction;
 * what can be executed is aerie_insn_exec()'s business. Where vendors differ
 * (near branches with an operand size prefix in 64-bit mode) it follows Intel.
 * Context: any. Pure.
 * Return: 0; -ENODATA where @len bytes do not hold the whole instruction;
 * -EINVAL for an invalid encoding (#UD); -E2BIG beyond 15 bytes (#GP).
 */
int aerie_insn_decode(struct aerie_insn *insn, const u8 *bytes, unsigned int len,
		      enum aerie_cpu_mode mode);

/* Outcome of an emulation step, besides 0 for done. */
enum aerie_emul_result {
	AERIE_EMUL_OK = 0,
	AERIE_EMUL_FAULT,	/* an exception is in emul->fault */
	AERIE_EMUL_AGAIN,	/* memory must be made resident: enter again after it */
	AERIE_EMUL_UNHANDLED,	/* not an instruction we emulate: stop the guest */
};

struct aerie_emul;

/**
 * struct aerie_emul_ops - what the emulator needs of the vCPU
 *
 * Memory callbacks take linear addresses, may cross a page, and return an
 * enum aerie_emul_result; on FAULT they fill emul->fault. write must check the
 * whole range before it stores anything. A mem_read whose @acc is
 * AERIE_ACC_WRITE is the first half of a read-modify-write: it must see to it
 * that a mem_write of the same bytes right after it will not fail. @acc never has
 * AERIE_ACC_USER: the callbacks take that from emul->cpl. mem_cmpxchg needs
 * write permission also where it does not store.
 */
struct aerie_emul_ops {
	u64 (*reg_read)(struct aerie_emul *e, enum aerie_reg reg);
	void (*reg_write)(struct aerie_emul *e, enum aerie_reg reg, u64 val);
	void (*seg_read)(struct aerie_emul *e, enum aerie_seg seg, struct aerie_segment *s);
	int (*mem_read)(struct aerie_emul *e, gva_t gva, void *buf, unsigned int len, u32 acc);
	int (*mem_write)(struct aerie_emul *e, gva_t gva, const void *buf, unsigned int len);
	/* Compare and exchange, naturally aligned or not; *old returns what was found. */
	int (*mem_cmpxchg)(struct aerie_emul *e, gva_t gva, unsigned int len,
			   u64 *old, u64 new_val, bool *stored);
	int (*pio_read)(struct aerie_emul *e, u16 port, unsigned int size, u64 *val);
	int (*pio_write)(struct aerie_emul *e, u16 port, unsigned int size, u64 val);
};

/**
 * struct aerie_emul - one emulation
 * @ops: callbacks
 * @mode: code size
 * @cpl: current privilege level
 * @fault: exception to inject after AERIE_EMUL_FAULT
 * @rep_budget: most iterations of a REP instruction before coming back with
 *	RIP still on it, so that interrupts and requests are served
 * @regs: vcpu->regs, or NULL; spares the callback for registers in @regs_valid
 * @regs_valid: bit n: @regs[n] is current and kept so by reg_write
 */
struct aerie_emul {
	const struct aerie_emul_ops *ops;
	enum aerie_cpu_mode mode;
	u8 cpl;
	unsigned int rep_budget;
	const u64 *regs;
	u32 regs_valid;
	struct {
		u8 vector;
		bool has_error;
		u32 error;
		u64 addr;	/* CR2 for #PF */
	} fault;
};

/**
 * aerie_insn_exec() - execute a decoded instruction with a memory or port operand
 * @e: the emulation
 * @insn: from aerie_insn_decode(), for @e->mode
 *
 * Covers what compilers and kernels use on device memory, and string port I/O:
 * MOV (all forms but to segment registers, MOVZX, MOVSX, MOVSXD, MOVNTI, MOVBE,
 * moffs), the ALU group (ADD OR ADC SBB AND SUB XOR CMP TEST) with flags, INC
 * DEC NOT NEG, XCHG, CMPXCHG, CMPXCHG8B, CMPXCHG16B without LOCK, XADD, BT BTS
 * BTR BTC, SETcc and CMOVcc, MOVS STOS LODS CMPS SCAS with REP prefixes, IN OUT
 * INS OUTS, PUSH and POP of memory operands, CLFLUSH. LOCK is honoured through
 * mem_cmpxchg; where the memory keeps changing under it, or a REP instruction
 * has used up its budget (one iteration with RFLAGS.TF set), RIP stays on the
 * instruction and the result is OK all the same.
 * Advances RIP on success only; registers and memory change only on success,
 * except that a REP instruction commits whole iterations.
 * Checks segment limits and canonical addresses (#GP/#SS), and #UD for LOCK on
 * what does not take it. I/O permission has been checked by the processor
 * before it exits; RF, interrupt shadow and single-step are the caller's.
 *
 * Return: enum aerie_emul_result.
 */
int aerie_insn_exec(struct aerie_emul *e, const struct aerie_insn *insn);

/* Is it INS (@in) or OUTS, of @size bytes? The port is in DX then. */
bool aerie_insn_is_port_string(const struct aerie_insn *insn, bool in, unsigned int size);

/**
 * aerie_insn_linear() - linear address of a memory operand
 * @e: the emulation, for registers and segment bases
 * @insn: an instruction with @insn->mem set
 *
 * Return: the address, truncated to the address size, segment base added.
 */
gva_t aerie_insn_linear(struct aerie_emul *e, const struct aerie_insn *insn);

/* Paging state of a vCPU, all a page walk depends on. */
struct aerie_paging {
	u64 cr0, cr3, cr4, efer;
	u64 rflags;		/* AC, for SMAP; clear it for implicit accesses */
	u32 phys_bits;		/* MAXPHYADDR */
};

/**
 * aerie_walk_ops - how the walker reaches page tables
 * @read: read @size (4 or 8) bytes at @gpa; 0, -EFAULT not RAM, -EAGAIN
 * @cmpxchg: set accessed and dirty bits; 1 stored, 0 changed meanwhile, <0 as read
 */
struct aerie_walk_ops {
	int (*read)(void *ctx, gpa_t gpa, void *buf, unsigned int size);
	int (*cmpxchg)(void *ctx, gpa_t gpa, unsigned int size, u64 *old, u64 new_val);
};

/**
 * aerie_walk() - translate a guest linear address
 * @p: paging state
 * @ops: access to guest memory; @ctx is handed to it
 * @gva: linear address
 * @acc: AERIE_ACC_*; checks R/W, U/S, NX, WP, SMEP, SMAP and reserved bits
 * @gpa: result
 * @error: #PF error code where the result is 1
 *
 * No paging, 32-bit, PAE, 4-level and 5-level. Sets accessed and dirty bits as
 * the processor would.
 * Context: as the callbacks.
 * Return: 0 translated; 1 page fault; -EAGAIN; -EFAULT a table is not in RAM.
 */
int aerie_walk(const struct aerie_paging *p, const struct aerie_walk_ops *ops, void *ctx,
	       gva_t gva, u32 acc, gpa_t *gpa, u32 *error);

#endif
