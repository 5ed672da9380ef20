// SPDX-License-Identifier: GPL-2.0
/*
 * Executes decoded instructions whose operand is in memory, one by one.
 *
 * Every instruction does things in the same order: compute the address and
 * check it against its segment, read memory, compute, write memory, and only
 * then change registers, flags and RIP, which cannot fail. So whatever goes
 * wrong on the way, the guest is as it was. (REP is the exception that the
 * manual makes: exec_string.c.)
 *
 * MOV is nearly all that ever comes here, from drivers' register accesses; it
 * is tried first, and costs the memory callback plus what registers it names.
 */
#include <linux/string.h>
#include <linux/swab.h>
#include <asm/processor-flags.h>
#include <asm/trapnr.h>

#include "emul/exec.h"

/* Attempts at a locked update before other vCPUs are given a chance. */
#define LOCK_TRIES	16

int exec_fault(struct aerie_emul *e, u8 vector, u32 error)
{
	e->fault.vector = vector;
	e->fault.has_error = vector != X86_TRAP_UD &&
			     (exec_reg(e, AERIE_REG_CR0) & X86_CR0_PE);
	e->fault.error = e->fault.has_error ? error : 0;
	e->fault.addr = 0;
	return AERIE_EMUL_FAULT;
}

static int segment_fault(struct aerie_emul *e, unsigned int seg)
{
	return exec_fault(e, seg == AERIE_SEG_SS ? X86_TRAP_SS : X86_TRAP_GP, 0);
}

static bool canonical(struct aerie_emul *e, gva_t gva)
{
	if (likely((u64)((s64)(gva << 16) >> 16) == gva))
		return true;
	return (exec_reg(e, AERIE_REG_CR4) & X86_CR4_LA57) &&
	       (u64)((s64)(gva << 7) >> 7) == gva;
}

/* Do the segment's type and presence forbid it? Real and virtual-8086 mode do not ask. */
static bool segment_forbids(struct aerie_emul *e, const struct aerie_segment *s, bool write)
{
	bool code = s->attr & 8, rw = s->attr & 2;

	if (likely((s->attr & AERIE_SEG_P) && !(s->attr & AERIE_SEG_UNUSABLE) &&
		   (write ? rw && !code : rw || !code)))
		return false;
	return (exec_reg(e, AERIE_REG_CR0) & X86_CR0_PE) &&
	       !(exec_reg(e, AERIE_REG_RFLAGS) & X86_EFLAGS_VM);
}

static bool segment_limits(const struct aerie_segment *s, u64 off, unsigned int size)
{
	u64 last = off + size - 1;

	if ((s->attr & 0xc) == 4)	/* expand-down data */
		return off <= s->limit || last > (s->attr & AERIE_SEG_DB ? U32_MAX : 0xffff);
	return last > s->limit;
}

int exec_linear(struct aerie_emul *e, unsigned int seg, u64 off, unsigned int size,
		bool write, gva_t *gva)
{
	struct aerie_segment s;

	if (likely(e->mode == AERIE_MODE_64)) {
		if (seg >= AERIE_SEG_FS) {
			e->ops->seg_read(e, seg, &s);
			off += s.base;
		}
		if (unlikely(!canonical(e, off) || !canonical(e, off + size - 1)))
			return segment_fault(e, seg);
		*gva = off;
		return AERIE_EMUL_OK;
	}
	e->ops->seg_read(e, seg, &s);
	if (segment_forbids(e, &s, write) || segment_limits(&s, off, size))
		return segment_fault(e, seg);
	*gva = (u32)(s.base + off);
	return AERIE_EMUL_OK;
}

/* Offset of the memory operand in its segment, @extra bytes further on. */
static u64 operand_offset(struct aerie_emul *e, const struct aerie_insn *insn, u64 extra)
{
	u64 off = extra;

	if (!insn->has_modrm)
		return off + insn->imm;		/* moffs */
	off += (s64)insn->disp;
	if (insn->base != 0xff)
		off += exec_reg(e, insn->base);
	if (insn->index != 0xff)
		off += exec_reg(e, insn->index) << insn->scale;
	if (insn->rip_relative)
		off += exec_reg(e, AERIE_REG_RIP) + insn->len;
	return off & exec_mask(insn->adsize);
}

gva_t aerie_insn_linear(struct aerie_emul *e, const struct aerie_insn *insn)
{
	u64 off = operand_offset(e, insn, 0);
	struct aerie_segment s;

	if (insn->mode == AERIE_MODE_64 && insn->seg < AERIE_SEG_FS)
		return off;
	e->ops->seg_read(e, insn->seg, &s);
	off += s.base;
	return insn->mode == AERIE_MODE_64 ? off : (u32)off;
}

static int operand_linear(struct aerie_emul *e, const struct aerie_insn *insn,
			  unsigned int size, bool write, gva_t *gva)
{
	return exec_linear(e, insn->seg, operand_offset(e, insn, 0), size, write, gva);
}

static int operand_read(struct aerie_emul *e, const struct aerie_insn *insn,
			unsigned int size, u64 *val)
{
	gva_t gva;
	int ret = operand_linear(e, insn, size, false, &gva);

	*val = 0;
	return ret ? ret : e->ops->mem_read(e, gva, val, size, AERIE_ACC_READ);
}

static int operand_write(struct aerie_emul *e, const struct aerie_insn *insn,
			 unsigned int size, u64 val)
{
	gva_t gva;
	int ret = operand_linear(e, insn, size, true, &gva);

	return ret ? ret : e->ops->mem_write(e, gva, &val, size);
}

static bool high_byte(const struct aerie_insn *insn, unsigned int reg, unsigned int size)
{
	return size == 1 && !insn->rex && reg >= 4 && reg < 8;
}

u64 exec_gpr(struct aerie_emul *e, const struct aerie_insn *insn, unsigned int reg,
	     unsigned int size)
{
	if (high_byte(insn, reg, size))
		return exec_reg(e, reg - 4) >> 8 & 0xff;
	return exec_reg(e, reg) & exec_mask(size);
}

void exec_reg_set(struct aerie_emul *e, unsigned int reg, unsigned int size, u64 val)
{
	val &= exec_mask(size);
	if (size < 4)
		val |= exec_reg(e, reg) & ~exec_mask(size);
	e->ops->reg_write(e, reg, val);
}

void exec_gpr_set(struct aerie_emul *e, const struct aerie_insn *insn, unsigned int reg,
		  unsigned int size, u64 val)
{
	if (high_byte(insn, reg, size))
		e->ops->reg_write(e, reg - 4, (exec_reg(e, reg - 4) & ~0xff00ull) |
				  (val & 0xff) << 8);
	else
		exec_reg_set(e, reg, size, val);
}

static void flags_set(struct aerie_emul *e, u64 old, u64 flags)
{
	if (flags != old)
		e->ops->reg_write(e, AERIE_REG_RFLAGS, flags);
}

/* Load @size bytes, sign-extended if asked to, into the register of ModRM. */
static int load(struct aerie_emul *e, const struct aerie_insn *insn, unsigned int size, bool sign)
{
	u64 val;
	int ret = operand_read(e, insn, size, &val);

	if (ret)
		return ret;
	if (sign)
		val = exec_sign_extend(val, size);
	exec_gpr_set(e, insn, insn->reg, insn->opsize, val);
	return AERIE_EMUL_OK;
}

/* @op of the operand and @src, for its flags only. */
static int test(struct aerie_emul *e, const struct aerie_insn *insn, enum exec_op op, u64 src)
{
	u64 val, old, flags;
	int ret = operand_read(e, insn, insn->opsize, &val);

	if (ret)
		return ret;
	old = exec_reg(e, AERIE_REG_RFLAGS);
	flags = old;
	exec_alu(op, val, src, insn->opsize, &flags);
	flags_set(e, old, flags);
	return AERIE_EMUL_OK;
}

/* Register of ModRM = register @op operand. */
static int alu_reg(struct aerie_emul *e, const struct aerie_insn *insn, enum exec_op op)
{
	u64 val, old, flags;
	int ret = operand_read(e, insn, insn->opsize, &val);

	if (ret)
		return ret;
	old = exec_reg(e, AERIE_REG_RFLAGS);
	flags = old;
	val = exec_alu(op, exec_gpr(e, insn, insn->reg, insn->opsize), val, insn->opsize,
		       &flags);
	if (op != EXEC_CMP)
		exec_gpr_set(e, insn, insn->reg, insn->opsize, val);
	flags_set(e, old, flags);
	return AERIE_EMUL_OK;
}

/*
 * Memory at @gva = memory @op @src; @found is what was there. A locked update
 * that others keep disturbing comes back to the guest and starts over.
 */
static int update(struct aerie_emul *e, const struct aerie_insn *insn, gva_t gva,
		  enum exec_op op, u64 src, bool lock, u64 *found)
{
	u64 old = exec_reg(e, AERIE_REG_RFLAGS), flags, val;
	unsigned int size = insn->opsize, tries;
	bool stored = false;
	int ret;

	*found = 0;
	ret = e->ops->mem_read(e, gva, found, size, AERIE_ACC_WRITE);
	if (ret)
		return ret;
	for (tries = 0; !stored; tries++) {
		if (tries == LOCK_TRIES)
			return EXEC_STAY;
		flags = old;
		val = exec_alu(op, *found, src, size, &flags) & exec_mask(size);
		if (lock) {
			ret = e->ops->mem_cmpxchg(e, gva, size, found, val, &stored);
		} else {
			ret = e->ops->mem_write(e, gva, &val, size);
			stored = true;
		}
		if (ret)
			return ret;
	}
	flags_set(e, old, flags);
	return AERIE_EMUL_OK;
}

static int modify(struct aerie_emul *e, const struct aerie_insn *insn, enum exec_op op, u64 src)
{
	u64 found;
	gva_t gva;
	int ret;

	if (op == EXEC_CMP || op == EXEC_TEST || op == EXEC_BT)
		return test(e, insn, op, src);
	ret = operand_linear(e, insn, insn->opsize, true, &gva);
	return ret ? ret : update(e, insn, gva, op, src, insn->lock, &found);
}

/* XCHG, which always locks, and XADD: the register receives the old value. */
static int exchange(struct aerie_emul *e, const struct aerie_insn *insn, enum exec_op op,
		    bool lock)
{
	u64 src = exec_gpr(e, insn, insn->reg, insn->opsize), found;
	gva_t gva;
	int ret;

	ret = operand_linear(e, insn, insn->opsize, true, &gva);
	if (ret)
		return ret;
	ret = update(e, insn, gva, op, src, lock, &found);
	if (!ret)
		exec_gpr_set(e, insn, insn->reg, insn->opsize, found);
	return ret;
}

static int compare_exchange(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int size = insn->opsize;
	u64 acc = exec_reg(e, AERIE_REG_RAX) & exec_mask(size), found = acc;
	u64 src = exec_gpr(e, insn, insn->reg, size), old, flags;
	bool stored = false;
	gva_t gva;
	int ret;

	ret = operand_linear(e, insn, size, true, &gva);
	if (ret)
		return ret;
	ret = e->ops->mem_cmpxchg(e, gva, size, &found, src, &stored);
	if (ret)
		return ret;
	if (!stored && found == acc)
		return EXEC_STAY;
	old = exec_reg(e, AERIE_REG_RFLAGS);
	flags = old;
	exec_alu(EXEC_CMP, acc, found, size, &flags);
	flags_set(e, old, flags);
	if (!stored)
		exec_reg_set(e, AERIE_REG_RAX, size, found);
	return AERIE_EMUL_OK;
}

/* ZF and, where it differed, rDX:rAX after CMPXCHG8B and CMPXCHG16B. */
static int compare_exchange_done(struct aerie_emul *e, unsigned int half, bool equal,
				 u64 lo, u64 hi)
{
	u64 old = exec_reg(e, AERIE_REG_RFLAGS), flags = old & ~X86_EFLAGS_ZF;

	flags_set(e, old, equal ? flags | X86_EFLAGS_ZF : flags);
	if (!equal) {
		exec_reg_set(e, AERIE_REG_RAX, half, lo);
		exec_reg_set(e, AERIE_REG_RDX, half, hi);
	}
	return AERIE_EMUL_OK;
}

static int compare_exchange_8b(struct aerie_emul *e, const struct aerie_insn *insn)
{
	u64 want = (u32)exec_reg(e, AERIE_REG_RAX) | exec_reg(e, AERIE_REG_RDX) << 32;
	u64 new = (u32)exec_reg(e, AERIE_REG_RBX) | exec_reg(e, AERIE_REG_RCX) << 32;
	u64 found = want;
	bool stored = false;
	gva_t gva;
	int ret;

	ret = operand_linear(e, insn, 8, true, &gva);
	if (ret)
		return ret;
	ret = e->ops->mem_cmpxchg(e, gva, 8, &found, new, &stored);
	if (ret)
		return ret;
	if (!stored && found == want)
		return EXEC_STAY;
	return compare_exchange_done(e, 4, stored, found, found >> 32);
}

/* Without LOCK it is a read and a write; with it we could not keep the promise. */
static int compare_exchange_16b(struct aerie_emul *e, const struct aerie_insn *insn)
{
	u64 found[2], new[2];
	bool equal;
	gva_t gva;
	int ret;

	if (insn->lock)
		return AERIE_EMUL_UNHANDLED;
	ret = operand_linear(e, insn, 16, true, &gva);
	if (ret)
		return ret;
	if (gva & 15)
		return exec_fault(e, X86_TRAP_GP, 0);
	ret = e->ops->mem_read(e, gva, found, 16, AERIE_ACC_WRITE);
	if (ret)
		return ret;
	equal = found[0] == exec_reg(e, AERIE_REG_RAX) && found[1] == exec_reg(e, AERIE_REG_RDX);
	new[0] = equal ? exec_reg(e, AERIE_REG_RBX) : found[0];
	new[1] = equal ? exec_reg(e, AERIE_REG_RCX) : found[1];
	ret = e->ops->mem_write(e, gva, new, 16);
	return ret ? ret : compare_exchange_done(e, 8, equal, found[0], found[1]);
}

/* Bit tests whose bit number is in a register reach beyond the operand. */
static int bit_reg(struct aerie_emul *e, const struct aerie_insn *insn, enum exec_op op)
{
	unsigned int size = insn->opsize;
	u64 bit = exec_sign_extend(exec_gpr(e, insn, insn->reg, size), size);
	u64 off = (u64)((s64)bit >> 3) & ~(u64)(size - 1);
	u64 found, old, flags;
	gva_t gva;
	int ret;

	off = operand_offset(e, insn, off);
	bit &= 8 * size - 1;
	ret = exec_linear(e, insn->seg, off, size, op != EXEC_BT, &gva);
	if (ret)
		return ret;
	if (op != EXEC_BT)
		return update(e, insn, gva, op, bit, insn->lock, &found);

	found = 0;
	ret = e->ops->mem_read(e, gva, &found, size, AERIE_ACC_READ);
	if (ret)
		return ret;
	old = exec_reg(e, AERIE_REG_RFLAGS);
	flags = old;
	exec_alu(op, found, bit, size, &flags);
	flags_set(e, old, flags);
	return AERIE_EMUL_OK;
}

/* Bytes of rSP that count: by the mode, and the stack segment's B bit. */
static unsigned int stack_width(struct aerie_emul *e)
{
	struct aerie_segment s;

	if (e->mode == AERIE_MODE_64)
		return 8;
	e->ops->seg_read(e, AERIE_SEG_SS, &s);
	return s.attr & AERIE_SEG_DB ? 4 : 2;
}

static int push(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int width = stack_width(e);
	u64 sp = (exec_reg(e, AERIE_REG_RSP) - insn->opsize) & exec_mask(width), val;
	gva_t gva;
	int ret;

	ret = exec_linear(e, AERIE_SEG_SS, sp, insn->opsize, true, &gva);
	if (!ret)
		ret = operand_read(e, insn, insn->opsize, &val);
	if (!ret)
		ret = e->ops->mem_write(e, gva, &val, insn->opsize);
	if (!ret)
		exec_reg_set(e, AERIE_REG_RSP, width, sp);
	return ret;
}

/* An operand based on rSP is addressed with rSP as it is after the POP. */
static int pop(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int width = stack_width(e), size = insn->opsize;
	u64 sp = exec_reg(e, AERIE_REG_RSP) & exec_mask(width), val = 0;
	u64 off = operand_offset(e, insn, insn->base == AERIE_REG_RSP ? size : 0);
	gva_t from, to;
	int ret;

	ret = exec_linear(e, AERIE_SEG_SS, sp, size, false, &from);
	if (!ret)
		ret = exec_linear(e, insn->seg, off, size, true, &to);
	if (!ret)
		ret = e->ops->mem_read(e, from, &val, size, AERIE_ACC_READ);
	if (!ret)
		ret = e->ops->mem_write(e, to, &val, size);
	if (!ret)
		exec_reg_set(e, AERIE_REG_RSP, width, sp + size);
	return ret;
}

/* MOV from a segment register stores 16 bits whatever the operand size. */
static int store_selector(struct aerie_emul *e, const struct aerie_insn *insn)
{
	struct aerie_segment s;

	if ((insn->reg & 7) > AERIE_SEG_GS)
		return AERIE_EMUL_UNHANDLED;
	e->ops->seg_read(e, insn->reg & 7, &s);
	return operand_write(e, insn, 2, s.selector);
}

static int exec_one_byte(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int group = insn->reg & 7, size = insn->opsize;

	switch (insn->opcode) {
	case 0x00 ... 0x3f:
		if (insn->opcode & 2)
			return alu_reg(e, insn, insn->opcode >> 3);
		return modify(e, insn, insn->opcode >> 3, exec_gpr(e, insn, insn->reg, size));
	case 0x63:
		if (insn->mode != AERIE_MODE_64)
			return AERIE_EMUL_UNHANDLED;	/* ARPL */
		return load(e, insn, size == 2 ? 2 : 4, true);
	case 0x80 ... 0x83:
		return modify(e, insn, group, insn->imm);
	case 0x84:
	case 0x85:
		return test(e, insn, EXEC_TEST, exec_gpr(e, insn, insn->reg, size));
	case 0x86:
	case 0x87:
		return exchange(e, insn, EXEC_MOV, true);
	case 0x8c:
		return store_selector(e, insn);
	case 0x8f:
		return pop(e, insn);
	case 0xa0:
	case 0xa1:
		return load(e, insn, size, false);	/* ModRM.reg reads 0: rAX */
	case 0xa2:
	case 0xa3:
		return operand_write(e, insn, size, exec_reg(e, AERIE_REG_RAX));
	case 0xc6:
	case 0xc7:
		return group ? AERIE_EMUL_UNHANDLED : operand_write(e, insn, size, insn->imm);
	case 0xf6:
	case 0xf7:
		if (group < 2)
			return test(e, insn, EXEC_TEST, insn->imm);
		if (group < 4)
			return modify(e, insn, group == 2 ? EXEC_NOT : EXEC_NEG, 0);
		return AERIE_EMUL_UNHANDLED;
	case 0xfe:
	case 0xff:
		if (group < 2)
			return modify(e, insn, group ? EXEC_DEC : EXEC_INC, 0);
		if (group == 6 && insn->opcode == 0xff)
			return push(e, insn);
		return AERIE_EMUL_UNHANDLED;
	default:
		return AERIE_EMUL_UNHANDLED;
	}
}

static int exec_two_byte(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int group = insn->reg & 7, size = insn->opsize;
	bool holds;
	u64 val;
	int ret;

	switch (insn->opcode) {
	case 0x40 ... 0x4f:
		holds = exec_cond(insn->opcode, exec_reg(e, AERIE_REG_RFLAGS));
		ret = operand_read(e, insn, size, &val);
		if (!ret && (holds || size == 4))	/* clears the upper half either way */
			exec_reg_set(e, insn->reg, size,
				     holds ? val : exec_reg(e, insn->reg));
		return ret;
	case 0x90 ... 0x9f:
		holds = exec_cond(insn->opcode, exec_reg(e, AERIE_REG_RFLAGS));
		return operand_write(e, insn, 1, holds);
	case 0xa3:
		return bit_reg(e, insn, EXEC_BT);
	case 0xab:
		return bit_reg(e, insn, EXEC_BTS);
	case 0xb3:
		return bit_reg(e, insn, EXEC_BTR);
	case 0xbb:
		return bit_reg(e, insn, EXEC_BTC);
	case 0xba:
		if (group < 4)
			return AERIE_EMUL_UNHANDLED;
		return modify(e, insn, EXEC_BT + group - 4, insn->imm & (8 * size - 1));
	case 0xae:		/* CLFLUSH; CLFLUSHOPT and CLWB have a 66 prefix */
		if (insn->rep || insn->repne ||
		    !(group == 7 || (group == 6 && insn->opsize_prefix)))
			return AERIE_EMUL_UNHANDLED;
		return AERIE_EMUL_OK;
	case 0xb0:
	case 0xb1:
		return compare_exchange(e, insn);
	case 0xb6:
		return load(e, insn, 1, false);
	case 0xb7:
		return load(e, insn, 2, false);
	case 0xbe:
		return load(e, insn, 1, true);
	case 0xbf:
		return load(e, insn, 2, true);
	case 0xc0:
	case 0xc1:
		return exchange(e, insn, EXEC_ADD, insn->lock);
	case 0xc3:		/* MOVNTI */
		if (insn->opsize_prefix || insn->rep || insn->repne)
			return AERIE_EMUL_UNHANDLED;
		return operand_write(e, insn, size == 8 ? 8 : 4, exec_reg(e, insn->reg));
	case 0xc7:
		if (group != 1)
			return AERIE_EMUL_UNHANDLED;
		if (size == 8)
			return compare_exchange_16b(e, insn);
		return compare_exchange_8b(e, insn);
	default:
		return AERIE_EMUL_UNHANDLED;
	}
}

static u64 swap_bytes(u64 val, unsigned int size)
{
	return swab64(val) >> (64 - 8 * size);
}

/* MOVBE; with F2 the same opcodes are CRC32. */
static int exec_0f38(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int size = insn->opsize;
	u64 val;
	int ret;

	if ((insn->opcode & 0xfe) != 0xf0 || insn->rep || insn->repne)
		return AERIE_EMUL_UNHANDLED;
	if (insn->opcode & 1)
		return operand_write(e, insn, size, swap_bytes(exec_reg(e, insn->reg), size));
	ret = operand_read(e, insn, size, &val);
	if (!ret)
		exec_reg_set(e, insn->reg, size, swap_bytes(val, size));
	return ret;
}

/* SDM, LOCK: these with a memory destination, #UD for all others. */
static bool takes_lock(const struct aerie_insn *insn)
{
	unsigned int group = insn->reg & 7;

	if (!insn->mem)
		return false;
	if (insn->map == 0) {
		switch (insn->opcode) {
		case 0x00 ... 0x37:	/* all but CMP, to memory */
			return (insn->opcode & 7) < 2;
		case 0x80 ... 0x83:
			return group != EXEC_CMP;
		case 0x86:
		case 0x87:
			return true;
		case 0xf6:
		case 0xf7:
			return group == 2 || group == 3;
		case 0xfe:
		case 0xff:
			return group < 2;
		}
		return false;
	}
	if (insn->map != 1)
		return false;
	switch (insn->opcode) {
	case 0xab:
	case 0xb3:
	case 0xbb:
	case 0xb0:
	case 0xb1:
	case 0xc0:
	case 0xc1:
		return true;
	case 0xba:
		return group > 4;
	case 0xc7:
		return group == 1;
	}
	return false;
}

static int exec_any(struct aerie_emul *e, const struct aerie_insn *insn)
{
	if (unlikely(insn->lock && !takes_lock(insn)))
		return exec_fault(e, X86_TRAP_UD, 0);
	if (insn->mem) {
		if (insn->map == 0) {
			if ((insn->opcode & 0xfe) == 0x88)
				return operand_write(e, insn, insn->opsize,
						     exec_gpr(e, insn, insn->reg, insn->opsize));
			if ((insn->opcode & 0xfe) == 0x8a)
				return load(e, insn, insn->opsize, false);
			return exec_one_byte(e, insn);
		}
		if (insn->map == 1)
			return exec_two_byte(e, insn);
		if (insn->map == 2)
			return exec_0f38(e, insn);
		return AERIE_EMUL_UNHANDLED;
	}
	if (insn->map == 0 && exec_is_string(insn->opcode))
		return exec_string(e, insn);
	if (insn->map == 0 && exec_is_port(insn->opcode))
		return exec_port(e, insn);
	return AERIE_EMUL_UNHANDLED;
}

int aerie_insn_exec(struct aerie_emul *e, const struct aerie_insn *insn)
{
	int ret = exec_any(e, insn);
	u64 rip;

	if (ret == EXEC_STAY)
		return AERIE_EMUL_OK;
	if (ret == AERIE_EMUL_OK) {
		rip = exec_reg(e, AERIE_REG_RIP) + insn->len;
		e->ops->reg_write(e, AERIE_REG_RIP,
				  insn->mode == AERIE_MODE_64 ? rip : (u32)rip);
	}
	return ret;
}
