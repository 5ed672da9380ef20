// SPDX-License-Identifier: GPL-2.0
/*
 * Instruction bytes to struct aerie_insn: lengths and operands of all of x86.
 *
 * An instruction is prefixes, an opcode in one of several maps, then perhaps
 * ModRM, SIB, displacement and immediates. What follows an opcode is a property
 * of the opcode alone in nearly all cases, so two tables of one byte per opcode
 * say it; the exceptions are spelled out in decode_imm(), decode_opsize() and
 * decode_modrm(). The maps 0F38 and 0F3A and those of VEX, EVEX and XOP are
 * uniform enough to need no table.
 *
 * Undefined opcodes of the uniform maps are given a length all the same: which
 * of them exist depends on the processor, and the guest's own would have raised
 * #UD before anybody asked. Every byte goes through take(), which is where the
 * 15 byte limit and the end of the buffer are enforced.
 *
 * SDM volume 2, Instruction Format and Opcode Map; APM volume 3, Opcode and
 * Operand Encodings.
 */
#include <linux/errno.h>
#include <linux/string.h>

#include "emul/emul.h"

/* What follows an opcode, and its default operand size. */
enum {
	M	= 0x01,	/* ModRM */
	I8	= 0x02,	/* 8-bit immediate, sign-extended */
	IZ	= 0x04,	/* 16 or 32-bit immediate by operand size */
	B	= 0x08,	/* byte operands */
	D64	= 0x10,	/* 64-bit operands by default in 64-bit mode */
	F64	= 0x20,	/* 64-bit operands always in 64-bit mode */
	X64	= 0x40,	/* invalid in 64-bit mode */
	XX	= 0x80,	/* invalid */
};

static const u8 one_byte[256] = {
	/* 00 */ M | B, M, M | B, M, I8 | B, IZ, X64, X64,
	/* 08 */ M | B, M, M | B, M, I8 | B, IZ, X64, 0,
	/* 10 */ M | B, M, M | B, M, I8 | B, IZ, X64, X64,
	/* 18 */ M | B, M, M | B, M, I8 | B, IZ, X64, X64,
	/* 20 */ M | B, M, M | B, M, I8 | B, IZ, 0, X64,
	/* 28 */ M | B, M, M | B, M, I8 | B, IZ, 0, X64,
	/* 30 */ M | B, M, M | B, M, I8 | B, IZ, 0, X64,
	/* 38 */ M | B, M, M | B, M, I8 | B, IZ, 0, X64,
	[0x40 ... 0x4f] = 0,
	[0x50 ... 0x5f] = D64,
	/* 60 */ X64, X64, M | X64, M, 0, 0, 0, 0,
	/* 68 */ IZ | D64, M | IZ, I8 | D64, M | I8, B, 0, B, 0,
	[0x70 ... 0x7f] = I8 | F64,
	/* 80 */ M | I8 | B, M | IZ, M | I8 | B | X64, M | I8, M | B, M, M | B, M,
	/* 88 */ M | B, M, M | B, M, M, M, M, M | D64,
	[0x90 ... 0x97] = 0,
	/* 98 */ 0, 0, X64, 0, D64, D64, B, B,
	/* a0 */ B, 0, B, 0, B, 0, B, 0,
	/* a8 */ I8 | B, IZ, B, 0, B, 0, B, 0,
	[0xb0 ... 0xb7] = I8 | B,
	[0xb8 ... 0xbf] = 0,
	/* c0 */ M | I8 | B, M | I8, F64, F64, M | X64, M | X64, M | I8 | B, M | IZ,
	/* c8 */ D64, D64, 0, 0, 0, I8, X64, 0,
	/* d0 */ M | B, M, M | B, M, I8 | B | X64, I8 | B | X64, B | X64, B,
	[0xd8 ... 0xdf] = M,
	/* e0 */ I8 | F64, I8 | F64, I8 | F64, I8 | F64, I8 | B, I8, I8 | B, I8,
	/* e8 */ IZ | F64, IZ | F64, X64, I8 | F64, B, 0, B, 0,
	/* f0 */ 0, 0, 0, 0, 0, 0, M | B, M,
	/* f8 */ 0, 0, 0, 0, 0, 0, M | B, M,
};

static const u8 two_byte[256] = {
	/* 00 */ M, M, M, M, XX, 0, 0, 0,
	/* 08 */ 0, 0, XX, 0, XX, M, 0, M | I8,
	[0x10 ... 0x1f] = M,
	/* 20 */ M | F64, M | F64, M | F64, M | F64, XX, XX, XX, XX,
	[0x28 ... 0x2f] = M,
	/* 30 */ 0, 0, 0, 0, 0, 0, XX, 0,
	/* 38 */ M, XX, M, XX, XX, XX, XX, XX,
	[0x40 ... 0x6f] = M,
	/* 70 */ M | I8, M | I8, M | I8, M | I8, M, M, M, 0,
	/* 78 */ M, M, XX, XX, M, M, M, M,
	[0x80 ... 0x8f] = IZ | F64,
	[0x90 ... 0x9f] = M | B,
	/* a0 */ D64, D64, 0, M, M | I8, M, M, M,
	/* a8 */ D64, D64, 0, M, M | I8, M, M, M,
	/* b0 */ M | B, M, M, M, M, M, M, M,
	/* b8 */ M, M, M | I8, M, M, M, M, M,
	/* c0 */ M | B, M, M | I8, M, M | I8, M | I8, M | I8, M,
	[0xc8 ... 0xcf] = 0,
	[0xd0 ... 0xff] = M,
};

#define REX_W	0x48
#define REX_R	0x44
#define REX_X	0x42
#define REX_B	0x41

#define NONE	0xff

/* A decoding under way. */
struct cursor {
	const u8 *bytes;
	unsigned int pos, len;
	u8 attr;	/* of the opcode, from the tables */
	u8 size;	/* operand size before defaults: 2, 4 or 8 */
	u8 seg;		/* override, or NONE */
	bool address_prefix;
};

static bool rex_has(const struct aerie_insn *insn, u8 bit)
{
	return (insn->rex & bit) == bit;
}

/* The next @n bytes as a little-endian number. */
static int take(struct cursor *c, unsigned int n, u64 *val)
{
	unsigned int i;

	if (c->pos + n > AERIE_INSN_MAX)
		return -E2BIG;
	if (c->pos + n > c->len)
		return -ENODATA;
	*val = 0;
	for (i = 0; i < n; i++)
		*val |= (u64)c->bytes[c->pos++] << (8 * i);
	return 0;
}

static int take_byte(struct cursor *c, u8 *byte)
{
	if (c->pos >= AERIE_INSN_MAX)
		return -E2BIG;
	if (c->pos >= c->len)
		return -ENODATA;
	*byte = c->bytes[c->pos++];
	return 0;
}

/* Segment overrides of ES, CS, SS and DS do nothing in 64-bit mode. */
static void override(struct cursor *c, const struct aerie_insn *insn, u8 seg)
{
	if (insn->mode != AERIE_MODE_64 || seg >= AERIE_SEG_FS)
		c->seg = seg;
}

/* Consume prefixes; @byte is the first one that is none. */
static int decode_prefixes(struct cursor *c, struct aerie_insn *insn, u8 *byte)
{
	int err;

	for (;;) {
		err = take_byte(c, byte);
		if (err)
			return err;
		if ((*byte & 0xf0) == 0x40 && insn->mode == AERIE_MODE_64) {
			insn->rex = *byte;
			continue;
		}
		switch (*byte) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			override(c, insn, *byte >> 3 & 3);
			break;
		case 0x64:
		case 0x65:
			override(c, insn, *byte & 7);
			break;
		case 0x66:
			insn->opsize_prefix = true;
			break;
		case 0x67:
			c->address_prefix = true;
			break;
		case 0xf0:
			insn->lock = true;
			break;
		case 0xf2:	/* of these two, the last one counts */
			insn->repne = true;
			insn->rep = false;
			break;
		case 0xf3:
			insn->rep = true;
			insn->repne = false;
			break;
		default:
			return 0;
		}
		insn->rex = 0;	/* counts only right before the opcode */
	}
}

/*
 * Outside 64-bit mode C4, C5 and 62 are LES, LDS and BOUND, whose operand must
 * be in memory: with the mod bits of a register they are VEX and EVEX instead.
 * 8F is POP with a zero in ModRM.reg and XOP from map 8 up.
 */
static int decode_is_vex(const struct cursor *c, const struct aerie_insn *insn, u8 byte)
{
	u8 next;

	if (byte != 0xc4 && byte != 0xc5 && byte != 0x62 && byte != 0x8f)
		return false;
	if (c->pos >= AERIE_INSN_MAX)
		return -E2BIG;
	if (c->pos >= c->len)
		return -ENODATA;
	next = c->bytes[c->pos];
	if (byte == 0x8f)
		return (next & 0x1f) >= 8;
	return insn->mode == AERIE_MODE_64 || (next & 0xc0) == 0xc0;
}

/* Payload of VEX, EVEX or XOP, opcode included; leaves what follows in attr. */
static int decode_vex(struct cursor *c, struct aerie_insn *insn, u8 first)
{
	unsigned int more = first == 0x62 ? 3 : first == 0xc5 ? 1 : 2;
	u8 map = 1, p1;
	u64 payload;
	int err;

	if (insn->lock || insn->rep || insn->repne || insn->opsize_prefix || insn->rex)
		return -EINVAL;
	err = take(c, more, &payload);
	if (err)
		return err;
	if (first == 0xc5) {
		p1 = payload & 0x7f;	/* its bit 7 is R, there is no W */
	} else {
		map = payload & (first == 0x62 ? 7 : 0x1f);
		p1 = payload >> 8;
	}
	if (first == 0x62 && ((payload & 8) || !(p1 & 4)))
		return -EINVAL;

	if (insn->mode == AERIE_MODE_64) {
		insn->rex = 0x40;
		if (!(payload & 0x80))
			insn->rex |= REX_R;
		if (first != 0xc5 && !(payload & 0x40))
			insn->rex |= REX_X;
		if (first != 0xc5 && !(payload & 0x20))
			insn->rex |= REX_B;
		if (p1 & 0x80)
			insn->rex |= REX_W;
	}
	insn->opsize_prefix = (p1 & 3) == 1;
	insn->rep = (p1 & 3) == 2;
	insn->repne = (p1 & 3) == 3;

	err = take_byte(c, &insn->opcode);
	if (err)
		return err;
	insn->map = AERIE_MAP_VEX | map;
	c->attr = M;
	switch (map) {
	case 1:
		switch (insn->opcode) {
		case 0x70 ... 0x73:
		case 0xc2:
		case 0xc4 ... 0xc6:
			c->attr = M | I8;
			break;
		case 0x77:	/* VZEROUPPER, VZEROALL */
			if (first == 0x62)
				return -EINVAL;
			c->attr = 0;
			break;
		}
		return 0;
	case 2:
		return 0;
	case 3:
		c->attr = M | I8;
		return 0;
	case 5:
	case 6:
		return first == 0x62 ? 0 : -EINVAL;
	case 7:			/* MSR access with an immediate MSR number */
		c->attr = M | IZ;
		return first == 0xc4 ? 0 : -EINVAL;
	case 8:
		c->attr = M | I8;
		return first == 0x8f ? 0 : -EINVAL;
	case 9:
		return first == 0x8f ? 0 : -EINVAL;
	case 10:
		c->attr = M | IZ;
		return first == 0x8f ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

/* The opcode, from @byte on: map, attributes, and what a prefix rules out. */
static int decode_opcode(struct cursor *c, struct aerie_insn *insn, u8 byte)
{
	int err;

	err = decode_is_vex(c, insn, byte);
	if (err < 0)
		return err;
	if (err)
		return decode_vex(c, insn, byte);

	if (byte == 0x0f) {
		err = take_byte(c, &byte);
		if (err)
			return err;
		insn->map = byte == 0x38 ? 2 : byte == 0x3a ? 3 : 1;
	}
	if (insn->map >= 2) {
		err = take_byte(c, &byte);
		if (err)
			return err;
	}
	insn->opcode = byte;
	switch (insn->map) {
	case 0:
		c->attr = one_byte[byte];
		break;
	case 1:
		c->attr = two_byte[byte];
		if (byte == 0xb8 && !insn->rep)		/* POPCNT has F3 */
			return -EINVAL;
		break;
	case 2:
		c->attr = M;
		break;
	case 3:
		c->attr = M | I8;
		break;
	}
	if ((c->attr & XX) || ((c->attr & X64) && insn->mode == AERIE_MODE_64))
		return -EINVAL;
	return 0;
}

static int decode_modrm16(struct cursor *c, struct aerie_insn *insn)
{
	static const u8 base[8] = {
		AERIE_REG_RBX, AERIE_REG_RBX, AERIE_REG_RBP, AERIE_REG_RBP,
		AERIE_REG_RSI, AERIE_REG_RDI, AERIE_REG_RBP, AERIE_REG_RBX,
	};
	unsigned int disp_len = insn->mod;
	u64 disp;
	int err;

	insn->base = base[insn->rm & 7];
	if ((insn->rm & 7) < 4)
		insn->index = insn->rm & 1 ? AERIE_REG_RDI : AERIE_REG_RSI;
	if (insn->mod == 0 && (insn->rm & 7) == 6) {
		insn->base = NONE;
		disp_len = 2;
	}
	err = take(c, disp_len, &disp);
	if (err)
		return err;
	insn->disp = disp_len == 1 ? (s8)disp : (s16)disp;
	return 0;
}

static int decode_modrm32(struct cursor *c, struct aerie_insn *insn)
{
	unsigned int disp_len = insn->mod == 2 ? 4 : insn->mod;
	u64 disp;
	int err;

	insn->base = insn->rm;
	if ((insn->rm & 7) == 4) {
		err = take_byte(c, &insn->sib);
		if (err)
			return err;
		insn->base = (insn->sib & 7) | (rex_has(insn, REX_B) ? 8 : 0);
		insn->index = (insn->sib >> 3 & 7) | (rex_has(insn, REX_X) ? 8 : 0);
		insn->scale = insn->sib >> 6;
		if (insn->index == 4)
			insn->index = NONE;
	}
	if (insn->mod == 0 && (insn->base & 7) == 5) {
		insn->rip_relative = insn->mode == AERIE_MODE_64 && (insn->rm & 7) == 5;
		insn->base = NONE;
		disp_len = 4;
	}
	err = take(c, disp_len, &disp);
	if (err)
		return err;
	insn->disp = disp_len == 1 ? (s8)disp : (s32)disp;
	return 0;
}

static int decode_modrm(struct cursor *c, struct aerie_insn *insn)
{
	int err;

	err = take_byte(c, &insn->modrm);
	if (err)
		return err;
	insn->has_modrm = true;
	insn->mod = insn->modrm >> 6;
	insn->reg = (insn->modrm >> 3 & 7) | (rex_has(insn, REX_R) ? 8 : 0);
	insn->rm = (insn->modrm & 7) | (rex_has(insn, REX_B) ? 8 : 0);
	if (insn->map == 0 && insn->opcode == 0x8f && (insn->reg & 7))
		return -EINVAL;
	if (insn->map == 1 && (insn->opcode & 0xfc) == 0x20) {
		insn->mod = 3;		/* MOV CR, MOV DR: whatever the bits say */
		if (insn->lock && !(insn->opcode & 1))
			insn->reg |= 8;
	}
	if (insn->mod == 3)
		return 0;

	insn->mem = true;
	err = insn->adsize == 2 ? decode_modrm16(c, insn) : decode_modrm32(c, insn);
	if (insn->base == AERIE_REG_RSP || insn->base == AERIE_REG_RBP)
		insn->seg = AERIE_SEG_SS;
	return err;
}

/* Operand size from prefixes, then what the opcode makes of it. */
static void decode_opsize(struct cursor *c, struct aerie_insn *insn)
{
	u8 attr = c->attr;

	/* Group 5: near CALL and JMP, PUSH. */
	if (insn->map == 0 && insn->opcode == 0xff) {
		if ((insn->reg & 7) == 2 || (insn->reg & 7) == 4)
			attr |= F64;
		else if ((insn->reg & 7) == 6)
			attr |= D64;
	}
	insn->opsize = c->size;
	if (attr & B) {
		insn->opsize = 1;
	} else if (insn->mode == AERIE_MODE_64) {
		if ((attr & F64) || ((attr & D64) && c->size == 4))
			insn->opsize = 8;
	} else if (insn->map == 1 && (insn->opcode & 0xfc) == 0x20) {
		insn->opsize = 4;
	}
	/* Ports are 32 bits wide at most: INS, OUTS, IN, OUT. */
	if (insn->map == 0 && insn->opsize == 8 &&
	    ((insn->opcode & 0xfc) == 0x6c || (insn->opcode & 0xf4) == 0xe4))
		insn->opsize = 4;
}

/* Immediates that the tables do not tell; 0 where they do. */
static unsigned int decode_odd_imm(const struct cursor *c, const struct aerie_insn *insn)
{
	if (insn->map == 1)	/* SSE4a EXTRQ and INSERTQ have two bytes, VMREAD none */
		return insn->opcode == 0x78 && (insn->opsize_prefix || insn->repne) ? 2 : 0;
	if (insn->map != 0)
		return 0;
	switch (insn->opcode) {
	case 0x9a:		/* far CALL and JMP: offset, selector */
	case 0xea:
		return c->size + 2;
	case 0xa0 ... 0xa3:	/* moffs: an address */
		return insn->adsize;
	case 0xb8 ... 0xbf:
		return c->size;
	case 0xc2:
	case 0xca:
		return 2;
	case 0xc8:
		return 3;
	case 0xf6:		/* group 3: only TEST has an immediate */
		return (insn->reg & 7) < 2 ? 1 : 0;
	case 0xf7:
		if ((insn->reg & 7) >= 2)
			return 0;
		return c->size == 2 ? 2 : 4;
	default:
		return 0;
	}
}

static int decode_imm(struct cursor *c, struct aerie_insn *insn)
{
	bool extend = true;
	unsigned int n = 0;
	int err;

	if (c->attr & I8) {
		n = 1;
	} else if (c->attr & IZ) {
		n = c->size == 2 ? 2 : 4;
		if (insn->mode == AERIE_MODE_64 && (c->attr & F64))
			n = 4;
		if (insn->map & AERIE_MAP_VEX)
			n = 4;
	} else {
		n = decode_odd_imm(c, insn);
		extend = insn->map == 0 && (insn->opcode & 0xfe) == 0xf6;
	}
	if (!n)
		return 0;
	err = take(c, n, &insn->imm);
	if (err)
		return err;
	insn->imm_len = n;
	if (extend && n == 1)
		insn->imm = (s8)insn->imm;
	else if (extend && n == 2)
		insn->imm = (s16)insn->imm;
	else if (extend && n == 4)
		insn->imm = (s32)insn->imm;
	return 0;
}

static enum aerie_plain_mov plain_mov(const struct aerie_insn *insn)
{
	const bool high_byte = insn->opsize == 1 && !insn->rex && insn->reg >= 4;

	/* LOCK and REP have no business here. */
	if (insn->mode != AERIE_MODE_64 || insn->map || insn->lock || insn->rep || insn->repne ||
	    !insn->mem || !insn->has_modrm || insn->seg >= AERIE_SEG_FS)
		return AERIE_MOV_OTHER;
	switch (insn->opcode) {
	case 0x88:
	case 0x89:
		return high_byte || insn->reg == AERIE_REG_RSP ? AERIE_MOV_OTHER : AERIE_MOV_STORE;
	case 0x8a:
	case 0x8b:
		return high_byte || insn->reg == AERIE_REG_RSP ? AERIE_MOV_OTHER : AERIE_MOV_LOAD;
	case 0xc6:
	case 0xc7:
		return insn->reg & 7 ? AERIE_MOV_OTHER : AERIE_MOV_STORE_IMM;
	}
	return AERIE_MOV_OTHER;
}

int aerie_insn_decode(struct aerie_insn *insn, const u8 *bytes, unsigned int len,
		      enum aerie_cpu_mode mode)
{
	struct cursor c = { .bytes = bytes, .len = len, .seg = NONE };
	u8 byte;
	int err;

	memset(insn, 0, sizeof(*insn));
	insn->mode = mode;
	insn->base = NONE;
	insn->index = NONE;
	insn->seg = AERIE_SEG_DS;

	err = decode_prefixes(&c, insn, &byte);
	if (err)
		return err;
	err = decode_opcode(&c, insn, byte);
	if (err)
		return err;

	if (mode == AERIE_MODE_64) {
		insn->adsize = c.address_prefix ? 4 : 8;
		c.size = rex_has(insn, REX_W) ? 8 : insn->opsize_prefix ? 2 : 4;
	} else {
		insn->adsize = (mode == AERIE_MODE_16) != c.address_prefix ? 2 : 4;
		c.size = (mode == AERIE_MODE_16) != insn->opsize_prefix ? 2 : 4;
	}
	if (c.attr & M) {
		err = decode_modrm(&c, insn);
		if (err)
			return err;
	} else {
		insn->rm = (insn->opcode & 7) | (rex_has(insn, REX_B) ? 8 : 0);
		insn->mem = insn->map == 0 && (insn->opcode & 0xfc) == 0xa0;
	}
	if (c.seg != NONE)
		insn->seg = c.seg;
	decode_opsize(&c, insn);
	err = decode_imm(&c, insn);
	if (err)
		return err;
	insn->len = c.pos;
	insn->plain_mov = plain_mov(insn);
	return 0;
}
