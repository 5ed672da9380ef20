/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the executor share: operands, addresses, faults, arithmetic. */
#ifndef AERIE_EMUL_EXEC_H
#define AERIE_EMUL_EXEC_H

#include "emul/emul.h"

/*
 * An enum aerie_emul_result of our own: it worked as far as it went, and RIP
 * stays on the instruction. aerie_insn_exec() turns it into AERIE_EMUL_OK.
 */
#define EXEC_STAY	(-1)

/* The first eight are the hardware's encoding. */
enum exec_op {
	EXEC_ADD, EXEC_OR, EXEC_ADC, EXEC_SBB, EXEC_AND, EXEC_SUB, EXEC_XOR, EXEC_CMP,
	EXEC_INC, EXEC_DEC, EXEC_NOT, EXEC_NEG, EXEC_TEST, EXEC_MOV,
	EXEC_BT, EXEC_BTS, EXEC_BTR, EXEC_BTC,
};

/* All bits of an operand of @size bytes. */
static inline u64 exec_mask(unsigned int size)
{
	return ~0ull >> (64 - 8 * size);
}

static inline u64 exec_sign_extend(u64 val, unsigned int size)
{
	unsigned int shift = 64 - 8 * size;

	return (u64)((s64)(val << shift) >> shift);
}

static inline u64 exec_reg(struct aerie_emul *e, unsigned int reg)
{
	if (likely(e->regs_valid & BIT(reg)))
		return e->regs[reg];
	return e->ops->reg_read(e, reg);
}

/* exec_alu.c: no access to anything but the arguments */

/**
 * exec_alu() - one arithmetic operation
 * @op: which
 * @dst: first operand, which is the result's place
 * @src: second operand; for EXEC_BT* the bit number, within the operand
 * @size: 1, 2, 4 or 8 bytes; bits above it are ignored
 * @flags: RFLAGS before and after; bits that the manual leaves undefined are
 *	   cleared (AF of logic) or kept (bit tests), as processors do
 *
 * Return: what to store, meaningless for EXEC_CMP, EXEC_TEST and EXEC_BT.
 */
u64 exec_alu(enum exec_op op, u64 dst, u64 src, unsigned int size, u64 *flags);

/* Condition @cc, the low four bits of Jcc, SETcc and CMOVcc. */
bool exec_cond(unsigned int cc, u64 flags);

/* exec.c */

/* Record an exception; @error counts only in protected mode. */
int exec_fault(struct aerie_emul *e, u8 vector, u32 error);

/*
 * Linear address of @size bytes at @off of @seg, if the segment and the address
 * allow it; else the fault is recorded.
 */
int exec_linear(struct aerie_emul *e, unsigned int seg, u64 off, unsigned int size,
		bool write, gva_t *gva);

/* Register operand as instructions see it: AH, CH, DH, BH without REX. */
u64 exec_gpr(struct aerie_emul *e, const struct aerie_insn *insn, unsigned int reg,
	     unsigned int size);
void exec_gpr_set(struct aerie_emul *e, const struct aerie_insn *insn, unsigned int reg,
		  unsigned int size, u64 val);

/* Write @val to the low @size bytes of a register; 4 clear the upper half. */
void exec_reg_set(struct aerie_emul *e, unsigned int reg, unsigned int size, u64 val);

/* exec_string.c */

/* Is it a one-byte opcode that exec_string() or exec_port() knows? */
bool exec_is_string(u8 opcode);
bool exec_is_port(u8 opcode);
int exec_string(struct aerie_emul *e, const struct aerie_insn *insn);
int exec_port(struct aerie_emul *e, const struct aerie_insn *insn);

#endif
