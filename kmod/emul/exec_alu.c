// SPDX-License-Identifier: GPL-2.0
/*
 * Arithmetic of emulated instructions: results and flags, as a pure function.
 *
 * Carry and overflow come from the sign bits of the operands and the result
 * (carry-out is the majority of the addends and the inverted sum), so that one
 * formula serves all operand sizes.
 */
#include <linux/bitops.h>
#include <asm/processor-flags.h>

#include "emul/exec.h"

#define LOGIC_FLAGS	(X86_EFLAGS_SF | X86_EFLAGS_ZF | X86_EFLAGS_PF)
#define ARITH_FLAGS	(LOGIC_FLAGS | X86_EFLAGS_CF | X86_EFLAGS_OF | X86_EFLAGS_AF)

static u64 logic_flags(u64 res, unsigned int size)
{
	u64 f = 0;

	if (!(hweight8(res & 0xff) & 1))
		f |= X86_EFLAGS_PF;
	if (!(res & exec_mask(size)))
		f |= X86_EFLAGS_ZF;
	if (res >> (8 * size - 1) & 1)
		f |= X86_EFLAGS_SF;
	return f;
}

/* @carries has the carry or borrow out of every bit, @over the overflow. */
static u64 arith_flags(u64 res, unsigned int size, u64 carries, u64 over)
{
	u64 f = logic_flags(res, size);

	if (carries >> (8 * size - 1) & 1)
		f |= X86_EFLAGS_CF;
	if (carries >> 3 & 1)
		f |= X86_EFLAGS_AF;
	if (over >> (8 * size - 1) & 1)
		f |= X86_EFLAGS_OF;
	return f;
}

static u64 add(u64 a, u64 b, u64 carry, unsigned int size, u64 *f)
{
	u64 res = a + b + carry;

	*f = arith_flags(res, size, (a & b) | ((a | b) & ~res), (a ^ res) & (b ^ res));
	return res;
}

static u64 sub(u64 a, u64 b, u64 borrow, unsigned int size, u64 *f)
{
	u64 res = a - b - borrow;

	*f = arith_flags(res, size, (~a & b) | ((~a | b) & res), (a ^ b) & (a ^ res));
	return res;
}

u64 exec_alu(enum exec_op op, u64 dst, u64 src, unsigned int size, u64 *flags)
{
	u64 carry = *flags & X86_EFLAGS_CF;
	u64 change = ARITH_FLAGS, res, f = 0;

	switch (op) {
	case EXEC_ADD:
		res = add(dst, src, 0, size, &f);
		break;
	case EXEC_ADC:
		res = add(dst, src, carry, size, &f);
		break;
	case EXEC_SUB:
	case EXEC_CMP:
		res = sub(dst, src, 0, size, &f);
		break;
	case EXEC_SBB:
		res = sub(dst, src, carry, size, &f);
		break;
	case EXEC_OR:
		res = dst | src;
		f = logic_flags(res, size);
		break;
	case EXEC_AND:
	case EXEC_TEST:
		res = dst & src;
		f = logic_flags(res, size);
		break;
	case EXEC_XOR:
		res = dst ^ src;
		f = logic_flags(res, size);
		break;
	case EXEC_INC:
		res = add(dst, 1, 0, size, &f);
		change &= ~X86_EFLAGS_CF;
		break;
	case EXEC_DEC:
		res = sub(dst, 1, 0, size, &f);
		change &= ~X86_EFLAGS_CF;
		break;
	case EXEC_NEG:
		res = sub(0, dst, 0, size, &f);
		break;
	case EXEC_NOT:
		return ~dst;
	case EXEC_MOV:
		return src;
	case EXEC_BT:
	case EXEC_BTS:
	case EXEC_BTR:
	case EXEC_BTC:
		change = X86_EFLAGS_CF;
		f = dst >> src & 1;
		if (op == EXEC_BTS)
			res = dst | BIT_ULL(src);
		else if (op == EXEC_BTR)
			res = dst & ~BIT_ULL(src);
		else
			res = dst ^ BIT_ULL(src);
		break;
	default:
		return dst;
	}
	*flags = (*flags & ~change) | (f & change);
	return res;
}

bool exec_cond(unsigned int cc, u64 flags)
{
	bool less = !(flags & X86_EFLAGS_SF) != !(flags & X86_EFLAGS_OF);
	bool holds;

	switch (cc >> 1 & 7) {
	case 0:
		holds = flags & X86_EFLAGS_OF;
		break;
	case 1:
		holds = flags & X86_EFLAGS_CF;
		break;
	case 2:
		holds = flags & X86_EFLAGS_ZF;
		break;
	case 3:
		holds = flags & (X86_EFLAGS_CF | X86_EFLAGS_ZF);
		break;
	case 4:
		holds = flags & X86_EFLAGS_SF;
		break;
	case 5:
		holds = flags & X86_EFLAGS_PF;
		break;
	case 6:
		holds = less;
		break;
	default:
		holds = less || (flags & X86_EFLAGS_ZF);
		break;
	}
	return holds != (cc & 1);
}
