/* SPDX-License-Identifier: GPL-2.0 */
/* A vCPU for the emulator's tests: registers, segments, memory, ports, all watched. */
#ifndef FAKE_EMUL_H
#define FAKE_EMUL_H

#include "emul/emul.h"

#define FAKE_PAGE	4096
#define FAKE_PAGES	4
#define FAKE_SIZE	(FAKE_PAGES * FAKE_PAGE)

struct fake {
	struct aerie_emul e;
	u64 regs[AERIE_NR_REGS];
	struct aerie_segment segs[AERIE_NR_SEGS];
	gva_t base;			/* of the memory */
	u8 *mem;
	u8 fault[FAKE_PAGES];		/* what an access to the page results in */
	bool read_only[FAKE_PAGES];
	unsigned int reg_reads, reg_writes, seg_reads, mem_reads, mem_writes;
	unsigned int disturb;		/* so many mem_cmpxchg find changed memory */
	unsigned int ins, outs;		/* port accesses */
	int pio_result;			/* of the next port access */
	u16 port;
	u8 port_size;
	u64 out[64];			/* what was written */
};

static struct fake *fake_of(struct aerie_emul *e)
{
	return container_of(e, struct fake, e);
}

static u64 fake_reg_read(struct aerie_emul *e, enum aerie_reg reg)
{
	struct fake *f = fake_of(e);

	f->reg_reads++;
	return f->regs[reg];
}

static void fake_reg_write(struct aerie_emul *e, enum aerie_reg reg, u64 val)
{
	struct fake *f = fake_of(e);

	f->reg_writes++;
	f->regs[reg] = val;
}

static void fake_seg_read(struct aerie_emul *e, enum aerie_seg seg, struct aerie_segment *s)
{
	struct fake *f = fake_of(e);

	f->seg_reads++;
	*s = f->segs[seg];
}

/* 0, or what an access to [@gva, @gva + @len) runs into. */
static int fake_check(struct fake *f, gva_t gva, unsigned int len, bool write)
{
	unsigned int i;

	for (i = 0; i < len; i++) {
		u64 off = gva + i - f->base;
		u64 page = off / FAKE_PAGE;
		int ret;

		if (off >= FAKE_SIZE)
			ret = AERIE_EMUL_FAULT;
		else if (write && f->read_only[page])
			ret = AERIE_EMUL_FAULT;
		else
			ret = f->fault[page];
		if (ret == AERIE_EMUL_FAULT) {
			f->e.fault.vector = 14;
			f->e.fault.has_error = true;
			f->e.fault.error = write ? 2 : 0;
			f->e.fault.addr = gva + i;
		}
		if (ret)
			return ret;
	}
	return 0;
}

static int fake_mem_read(struct aerie_emul *e, gva_t gva, void *buf, unsigned int len, u32 acc)
{
	struct fake *f = fake_of(e);
	int ret = fake_check(f, gva, len, acc == AERIE_ACC_WRITE);

	if (ret)
		return ret;
	f->mem_reads++;
	memcpy(buf, f->mem + (gva - f->base), len);
	return 0;
}

static int fake_mem_write(struct aerie_emul *e, gva_t gva, const void *buf, unsigned int len)
{
	struct fake *f = fake_of(e);
	int ret = fake_check(f, gva, len, true);

	if (ret)
		return ret;
	f->mem_writes++;
	memcpy(f->mem + (gva - f->base), buf, len);
	return 0;
}

static int fake_mem_cmpxchg(struct aerie_emul *e, gva_t gva, unsigned int len,
			    u64 *old, u64 new_val, bool *stored)
{
	struct fake *f = fake_of(e);
	int ret = fake_check(f, gva, len, true);
	u64 val = 0;

	if (ret)
		return ret;
	memcpy(&val, f->mem + (gva - f->base), len);
	if (f->disturb) {		/* as if another vCPU had been here just now */
		f->disturb--;
		val++;
		memcpy(f->mem + (gva - f->base), &val, len);
		memcpy(&val, f->mem + (gva - f->base), len);
	}
	*stored = val == *old;
	*old = val;
	if (*stored) {
		f->mem_writes++;
		memcpy(f->mem + (gva - f->base), &new_val, len);
	}
	return 0;
}

static int fake_pio_read(struct aerie_emul *e, u16 port, unsigned int size, u64 *val)
{
	struct fake *f = fake_of(e);

	if (f->pio_result)
		return f->pio_result;
	f->port = port;
	f->port_size = size;
	*val = 0x8877665544332200ull + f->ins++;
	return 0;
}

static int fake_pio_write(struct aerie_emul *e, u16 port, unsigned int size, u64 val)
{
	struct fake *f = fake_of(e);

	if (f->pio_result)
		return f->pio_result;
	f->port = port;
	f->port_size = size;
	f->out[f->outs++ % ARRAY_SIZE(f->out)] = val;
	return 0;
}

static const struct aerie_emul_ops fake_ops = {
	.reg_read = fake_reg_read,
	.reg_write = fake_reg_write,
	.seg_read = fake_seg_read,
	.mem_read = fake_mem_read,
	.mem_write = fake_mem_write,
	.mem_cmpxchg = fake_mem_cmpxchg,
	.pio_read = fake_pio_read,
	.pio_write = fake_pio_write,
};

/* Flat segments, protected mode, memory of zeroes at @base, nothing faults. */
static void fake_init(struct fake *f, enum aerie_cpu_mode mode, gva_t base, u8 *mem)
{
	unsigned int i;

	memset(f, 0, sizeof(*f));
	memset(mem, 0, FAKE_SIZE);
	f->e.ops = &fake_ops;
	f->e.mode = mode;
	f->e.rep_budget = 1000;
	f->base = base;
	f->mem = mem;
	f->regs[AERIE_REG_RFLAGS] = 0x202;
	f->regs[AERIE_REG_CR0] = 0x80000011;
	for (i = 0; i < AERIE_NR_SEGS; i++) {
		f->segs[i].limit = mode == AERIE_MODE_16 ? 0xffff : 0xffffffff;
		f->segs[i].attr = AERIE_SEG_P | AERIE_SEG_S | (i == AERIE_SEG_CS ? 0xb : 0x3);
		if (mode == AERIE_MODE_32)
			f->segs[i].attr |= AERIE_SEG_DB | AERIE_SEG_G;
		f->segs[i].selector = 8 * (i + 1);
	}
}

#endif
