// SPDX-License-Identifier: GPL-2.0
/*
 * String instructions and port I/O of the emulator.
 *
 * A string instruction is iterations of: touch memory or a port at rSI and rDI,
 * step the pointers, count down. An iteration that faults leaves nothing
 * behind; those before it are committed, so that the guest sees what it would
 * see on a processor, and repeats the instruction from there. INS asks for
 * write access before it reads the port: what a device has handed out cannot
 * be given back.
 */
#include <linux/minmax.h>
#include <asm/processor-flags.h>

#include "emul/exec.h"

/* A string instruction under way. */
struct string {
	u64 si, di;	/* offsets, of the address size */
	u64 acc;	/* rAX: stored, or compared with */
	u64 flags;	/* RFLAGS, changed by CMPS and SCAS */
	u64 ax;		/* loaded by LODS */
	u16 port;
};

#define USES_SI	1
#define USES_DI	2

/* Which pointers an opcode steps; 0 is no string instruction. */
static unsigned int string_pointers(u8 opcode)
{
	switch (opcode & 0xfe) {
	case 0x6c:		/* INS */
	case 0xaa:		/* STOS */
	case 0xae:		/* SCAS */
		return USES_DI;
	case 0x6e:		/* OUTS */
	case 0xac:		/* LODS */
		return USES_SI;
	case 0xa4:		/* MOVS */
	case 0xa6:		/* CMPS */
		return USES_SI | USES_DI;
	default:
		return 0;
	}
}

bool exec_is_string(u8 opcode)
{
	return string_pointers(opcode) != 0;
}

bool exec_is_port(u8 opcode)
{
	return (opcode & 0xf4) == 0xe4;
}

bool aerie_insn_is_port_string(const struct aerie_insn *insn, bool in, unsigned int size)
{
	return insn->map == 0 && (insn->opcode & 0xfe) == (in ? 0x6c : 0x6e) &&
	       insn->opsize == size;
}

static int string_load(struct aerie_emul *e, unsigned int seg, u64 off, unsigned int size,
		       u64 *val)
{
	gva_t gva;
	int ret = exec_linear(e, seg, off, size, false, &gva);

	*val = 0;
	return ret ? ret : e->ops->mem_read(e, gva, val, size, AERIE_ACC_READ);
}

/* The destination is always in ES. */
static int string_store(struct aerie_emul *e, u64 off, unsigned int size, const u64 *val)
{
	gva_t gva;
	int ret = exec_linear(e, AERIE_SEG_ES, off, size, true, &gva);

	return ret ? ret : e->ops->mem_write(e, gva, val, size);
}

static int string_in(struct aerie_emul *e, const struct string *s, unsigned int size)
{
	u64 val = 0;
	gva_t gva;
	int ret;

	ret = exec_linear(e, AERIE_SEG_ES, s->di, size, true, &gva);
	if (ret)
		return ret;
	ret = e->ops->mem_read(e, gva, &val, size, AERIE_ACC_WRITE);
	if (ret)
		return ret;
	ret = e->ops->pio_read(e, s->port, size, &val);
	return ret ? ret : e->ops->mem_write(e, gva, &val, size);
}

static int string_step(struct aerie_emul *e, const struct aerie_insn *insn, struct string *s)
{
	unsigned int size = insn->opsize;
	u64 a, b;
	int ret;

	switch (insn->opcode & 0xfe) {
	case 0x6c:
		return string_in(e, s, size);
	case 0x6e:
		ret = string_load(e, insn->seg, s->si, size, &a);
		return ret ? ret : e->ops->pio_write(e, s->port, size, a);
	case 0xa4:
		ret = string_load(e, insn->seg, s->si, size, &a);
		return ret ? ret : string_store(e, s->di, size, &a);
	case 0xa6:
		ret = string_load(e, insn->seg, s->si, size, &a);
		if (!ret)
			ret = string_load(e, AERIE_SEG_ES, s->di, size, &b);
		if (!ret)
			exec_alu(EXEC_CMP, a, b, size, &s->flags);
		return ret;
	case 0xaa:
		return string_store(e, s->di, size, &s->acc);
	case 0xac:
		return string_load(e, insn->seg, s->si, size, &s->ax);
	default:
		ret = string_load(e, AERIE_SEG_ES, s->di, size, &b);
		if (!ret)
			exec_alu(EXEC_CMP, s->acc, b, size, &s->flags);
		return ret;
	}
}

int exec_string(struct aerie_emul *e, const struct aerie_insn *insn)
{
	unsigned int pointers = string_pointers(insn->opcode), what = insn->opcode & 0xfe;
	u64 mask = exec_mask(insn->adsize), count = 1, flags = exec_reg(e, AERIE_REG_RFLAGS);
	u64 step = flags & X86_EFLAGS_DF ? -(u64)insn->opsize : insn->opsize;
	bool repeat = insn->rep || insn->repne, compares = what == 0xa6 || what == 0xae;
	struct string s = { .flags = flags };
	bool ended = false;
	u64 budget = 1, done = 0;
	int ret = AERIE_EMUL_OK;

	if (repeat) {
		count = exec_reg(e, AERIE_REG_RCX) & mask;
		if (!count)
			return AERIE_EMUL_OK;
		if (!(flags & X86_EFLAGS_TF))
			budget = max(e->rep_budget, 1u);
	}
	if (pointers & USES_SI)
		s.si = exec_reg(e, AERIE_REG_RSI) & mask;
	if (pointers & USES_DI)
		s.di = exec_reg(e, AERIE_REG_RDI) & mask;
	if (what == 0xaa || what == 0xae)
		s.acc = exec_reg(e, AERIE_REG_RAX);
	if ((what & 0xf0) == 0x60)
		s.port = exec_reg(e, AERIE_REG_RDX);

	while (done < count && done < budget && !ended) {
		ret = string_step(e, insn, &s);
		if (ret)
			break;
		if (pointers & USES_SI)
			s.si = (s.si + step) & mask;
		if (pointers & USES_DI)
			s.di = (s.di + step) & mask;
		done++;
		if (compares)
			ended = insn->repne == !!(s.flags & X86_EFLAGS_ZF);
	}
	if (!done)
		return ret;

	if (pointers & USES_SI)
		exec_reg_set(e, AERIE_REG_RSI, insn->adsize, s.si);
	if (pointers & USES_DI)
		exec_reg_set(e, AERIE_REG_RDI, insn->adsize, s.di);
	if (repeat)
		exec_reg_set(e, AERIE_REG_RCX, insn->adsize, count - done);
	if (what == 0xac)
		exec_reg_set(e, AERIE_REG_RAX, insn->opsize, s.ax);
	if (s.flags != flags)
		e->ops->reg_write(e, AERIE_REG_RFLAGS, s.flags);
	if (ret)
		return ret;
	return done < count && !ended ? EXEC_STAY : AERIE_EMUL_OK;
}

/* IN and OUT; the port is an immediate byte or DX. */
int exec_port(struct aerie_emul *e, const struct aerie_insn *insn)
{
	u16 port = insn->opcode & 8 ? exec_reg(e, AERIE_REG_RDX) : insn->imm & 0xff;
	u64 val = 0;
	int ret;

	if (insn->opcode & 2) {
		val = exec_reg(e, AERIE_REG_RAX) & exec_mask(insn->opsize);
		return e->ops->pio_write(e, port, insn->opsize, val);
	}
	ret = e->ops->pio_read(e, port, insn->opsize, &val);
	if (!ret)
		exec_reg_set(e, AERIE_REG_RAX, insn->opsize, val);
	return ret;
}
