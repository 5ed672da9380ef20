// SPDX-License-Identifier: GPL-2.0
/*
 * Between the vCPU and the instruction emulator: the emulator's callbacks, and
 * the fetch of the instruction at RIP.
 *
 * Everything runs loaded, with GFP_NOWAIT. Where memory would have to be
 * allocated the emulation ends without effect, the run loop makes the page
 * resident with the vCPU put, and the guest executes the instruction again.
 */
#include <asm/trapnr.h>
#include "backend.h"
#include "core/core.h"
#include "core/policy.h"
#include "dev/lapic.h"
#include "uapi.h"
#include "trace.h"

/* One emulation on one vCPU. */
struct vcpu_emul {
	struct aerie_emul e;
	struct aerie_vcpu *vcpu;
	struct aerie_paging paging;
	bool pio;	/* the exit is for port I/O */
};

#define EMUL_REP_BUDGET	1024u	/* iterations before events get a turn */

static struct vcpu_emul *to_vcpu_emul(struct aerie_emul *e)
{
	return container_of(e, struct vcpu_emul, e);
}

enum aerie_cpu_mode aerie_vcpu_cpu_mode(struct aerie_vcpu *vcpu)
{
	struct aerie_segment cs;

	if (!(aerie_reg_read(vcpu, AERIE_REG_CR0) & X86_CR0_PE) ||
	    (!(vcpu->efer & EFER_LMA) &&
	     aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & X86_EFLAGS_VM))
		return AERIE_MODE_16;
	aerie_backend->seg_get(vcpu, AERIE_SEG_CS, &cs);
	if (vcpu->efer & EFER_LMA && cs.attr & AERIE_SEG_L)
		return AERIE_MODE_64;
	return cs.attr & AERIE_SEG_DB ? AERIE_MODE_32 : AERIE_MODE_16;
}

/* A page that has to be made resident first. */
static int emul_again(struct aerie_vcpu *vcpu, gpa_t gpa, u32 acc)
{
	vcpu->fault_gpa = gpa;
	vcpu->fault_acc = acc;
	return AERIE_EMUL_AGAIN;
}

static int walk_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	struct vcpu_emul *ve = ctx;
	int err = aerie_mem_read(&ve->vcpu->vm->mem, gpa, buf, size, GFP_NOWAIT);

	if (err == -EAGAIN)
		emul_again(ve->vcpu, gpa, AERIE_ACC_READ);
	return err;
}

static int walk_cmpxchg(void *ctx, gpa_t gpa, unsigned int size, u64 *old, u64 new_val)
{
	struct vcpu_emul *ve = ctx;
	int err = aerie_mem_cmpxchg(&ve->vcpu->vm->mem, gpa, size, old, new_val, GFP_NOWAIT);

	if (err == -EAGAIN)
		emul_again(ve->vcpu, gpa, AERIE_ACC_WRITE);
	return err;
}

static const struct aerie_walk_ops walk_ops = {
	.read = walk_read,
	.cmpxchg = walk_cmpxchg,
};

/* Translate one linear address; on a fault the exception is in ve->e.fault. */
static int emul_translate(struct vcpu_emul *ve, gva_t gva, u32 acc, gpa_t *gpa)
{
	u32 error = 0;
	int ret;

	if (ve->e.cpl == 3)
		acc |= AERIE_ACC_USER;
	ret = aerie_walk(&ve->paging, &walk_ops, ve, gva, acc, gpa, &error);
	switch (ret) {
	case 0:
		return AERIE_EMUL_OK;
	case 1:
		ve->e.fault.vector = X86_TRAP_PF;
		ve->e.fault.has_error = true;
		ve->e.fault.error = error;
		ve->e.fault.addr = gva;
		return AERIE_EMUL_FAULT;
	case -EAGAIN:
		return AERIE_EMUL_AGAIN;
	}
	return AERIE_EMUL_UNHANDLED;
}

/* Device memory, in pieces that devices take. @len stays within a page. */
static void mmio_access(struct aerie_vcpu *vcpu, gpa_t gpa, void *buf, unsigned int len,
			bool write)
{
	while (len) {
		unsigned int n = min_t(unsigned int, rounddown_pow_of_two(len), 8);
		u64 val = 0;

		if (write)
			memcpy(&val, buf, n);
		if (aerie_lapic_claims(vcpu->lapic, gpa)) {
			u32 off = gpa & (PAGE_SIZE - 1);

			if (write)
				aerie_lapic_write(vcpu, off, val);
			else
				val = aerie_lapic_read(vcpu, off);
		} else if (write) {
			aerie_bus_write(&vcpu->vm->mmio, vcpu, gpa, n, val);
		} else {
			aerie_bus_read(&vcpu->vm->mmio, vcpu, gpa, n, &val);
		}
		trace_aerie_mmio(vcpu, write, gpa, n, val);
		if (!write)
			memcpy(buf, &val, n);
		gpa += n;
		buf += n;
		len -= n;
	}
}

static int gpa_read(struct aerie_vcpu *vcpu, gpa_t gpa, void *buf, unsigned int len)
{
	int err = aerie_mem_read(&vcpu->vm->mem, gpa, buf, len, GFP_NOWAIT);

	if (err == -EAGAIN)
		return emul_again(vcpu, gpa, AERIE_ACC_READ);
	if (err)
		mmio_access(vcpu, gpa, buf, len, false);
	return AERIE_EMUL_OK;
}

/* Make sure that a write to @gpa will succeed. */
static int gpa_prepare_write(struct aerie_vcpu *vcpu, gpa_t gpa)
{
	int err = aerie_mem_populate(&vcpu->vm->mem, gpa, GFP_NOWAIT);

	return err == -EAGAIN ? emul_again(vcpu, gpa, AERIE_ACC_WRITE) : AERIE_EMUL_OK;
}

static void gpa_write(struct aerie_vcpu *vcpu, gpa_t gpa, const void *buf, unsigned int len)
{
	if (aerie_mem_write(&vcpu->vm->mem, gpa, buf, len, GFP_NOWAIT))
		mmio_access(vcpu, gpa, (void *)buf, len, true);
}

/* A linear range as at most two runs of guest physical memory. */
struct gpa_runs {
	gpa_t gpa[2];
	unsigned int len[2];
};

static int emul_runs(struct vcpu_emul *ve, gva_t gva, unsigned int len, u32 acc,
		     struct gpa_runs *runs)
{
	unsigned int first = PAGE_SIZE - (gva & (PAGE_SIZE - 1));
	int ret;

	runs->len[0] = min(len, first);
	runs->len[1] = len - runs->len[0];
	ret = emul_translate(ve, gva, acc, &runs->gpa[0]);
	if (ret || !runs->len[1])
		return ret;
	return emul_translate(ve, gva + first, acc, &runs->gpa[1]);
}

static int emul_mem_read(struct aerie_emul *e, gva_t gva, void *buf, unsigned int len, u32 acc)
{
	struct vcpu_emul *ve = to_vcpu_emul(e);
	struct gpa_runs runs;
	int i, ret;

	ret = emul_runs(ve, gva, len, acc, &runs);
	for (i = 0; !ret && i < 2 && runs.len[i]; i++) {
		if (acc & AERIE_ACC_WRITE)
			ret = gpa_prepare_write(ve->vcpu, runs.gpa[i]);
		if (!ret)
			ret = gpa_read(ve->vcpu, runs.gpa[i], buf, runs.len[i]);
		buf += runs.len[i];
	}
	return ret;
}

static int emul_mem_write(struct aerie_emul *e, gva_t gva, const void *buf, unsigned int len)
{
	struct vcpu_emul *ve = to_vcpu_emul(e);
	struct gpa_runs runs;
	int i, ret;

	ret = emul_runs(ve, gva, len, AERIE_ACC_WRITE, &runs);
	for (i = 0; !ret && i < 2 && runs.len[i]; i++)
		ret = gpa_prepare_write(ve->vcpu, runs.gpa[i]);
	for (i = 0; !ret && i < 2 && runs.len[i]; i++) {
		gpa_write(ve->vcpu, runs.gpa[i], buf, runs.len[i]);
		buf += runs.len[i];
	}
	return ret;
}

/*
 * In RAM and aligned it is atomic. On device memory, or where it is split, no
 * bus would make it so either: read, compare, write.
 */
static int emul_mem_cmpxchg(struct aerie_emul *e, gva_t gva, unsigned int len,
			    u64 *old, u64 new_val, bool *stored)
{
	struct vcpu_emul *ve = to_vcpu_emul(e);
	u64 found = 0, mask = len < 8 ? BIT_ULL(len * 8) - 1 : ~0ull;
	struct gpa_runs runs;
	int ret;

	ret = emul_runs(ve, gva, len, AERIE_ACC_WRITE, &runs);
	if (ret)
		return ret;
	if (!(runs.gpa[0] & (len - 1)) && aerie_mem_is_ram(&ve->vcpu->vm->mem, runs.gpa[0], len)) {
		ret = aerie_mem_cmpxchg(&ve->vcpu->vm->mem, runs.gpa[0], len, old, new_val,
					GFP_NOWAIT);
		if (ret < 0)
			return emul_again(ve->vcpu, runs.gpa[0], AERIE_ACC_WRITE);
		*stored = ret;
		return AERIE_EMUL_OK;
	}
	ret = emul_mem_read(e, gva, &found, len, AERIE_ACC_WRITE);
	if (ret)
		return ret;
	*stored = ((found ^ *old) & mask) == 0;
	*old = found;
	return *stored ? emul_mem_write(e, gva, &new_val, len) : AERIE_EMUL_OK;
}

static u64 emul_reg_read(struct aerie_emul *e, enum aerie_reg reg)
{
	return aerie_reg_read(to_vcpu_emul(e)->vcpu, reg);
}

static void emul_reg_write(struct aerie_emul *e, enum aerie_reg reg, u64 val)
{
	aerie_reg_write(to_vcpu_emul(e)->vcpu, reg, val);
	e->regs_valid = to_vcpu_emul(e)->vcpu->regs_avail;
}

static void emul_seg_read(struct aerie_emul *e, enum aerie_seg seg, struct aerie_segment *s)
{
	aerie_backend->seg_get(to_vcpu_emul(e)->vcpu, seg, s);
}

/*
 * The processor checks the right to a port before it exits for the access, and to
 * that port alone. So an exit for device memory gives none: the instruction must
 * have been rewritten since, and whoever did that may lack the right. Where the
 * exit was for a string instruction, the emulated one must be what was checked.
 */
static bool pio_checked(struct aerie_vcpu *vcpu, const struct aerie_exit *exit,
			const struct aerie_insn *insn)
{
	return aerie_insn_is_port_string(insn, exit->pio.in, exit->pio.size) &&
	       (u16)aerie_reg_read(vcpu, AERIE_REG_RDX) == exit->pio.port;
}

static int pio_denied(struct aerie_emul *e)
{
	e->fault.vector = X86_TRAP_GP;
	e->fault.has_error = true;
	e->fault.error = 0;
	return AERIE_EMUL_FAULT;
}

static int emul_pio_read(struct aerie_emul *e, u16 port, unsigned int size, u64 *val)
{
	struct aerie_vcpu *vcpu = to_vcpu_emul(e)->vcpu;

	if (!to_vcpu_emul(e)->pio)
		return pio_denied(e);
	aerie_bus_read(&vcpu->vm->pio, vcpu, port, size, val);
	trace_aerie_pio(vcpu, false, port, size, *val);
	return AERIE_EMUL_OK;
}

static int emul_pio_write(struct aerie_emul *e, u16 port, unsigned int size, u64 val)
{
	struct aerie_vcpu *vcpu = to_vcpu_emul(e)->vcpu;

	if (!to_vcpu_emul(e)->pio)
		return pio_denied(e);
	trace_aerie_pio(vcpu, true, port, size, val);
	aerie_bus_write(&vcpu->vm->pio, vcpu, port, size, val);
	return AERIE_EMUL_OK;
}

static const struct aerie_emul_ops emul_ops = {
	.reg_read = emul_reg_read,
	.reg_write = emul_reg_write,
	.seg_read = emul_seg_read,
	.mem_read = emul_mem_read,
	.mem_write = emul_mem_write,
	.mem_cmpxchg = emul_mem_cmpxchg,
	.pio_read = emul_pio_read,
	.pio_write = emul_pio_write,
};

static void emul_begin(struct vcpu_emul *ve, struct aerie_vcpu *vcpu)
{
	*ve = (struct vcpu_emul){
		.vcpu = vcpu,
		.e = {
			.ops = &emul_ops,
			.mode = aerie_vcpu_cpu_mode(vcpu),
			.cpl = aerie_hw(cpl)(vcpu),
			.rep_budget = EMUL_REP_BUDGET,
			.regs = vcpu->regs,
			.regs_valid = vcpu->regs_avail,
		},
		.paging = {
			.cr0 = aerie_reg_read(vcpu, AERIE_REG_CR0),
			.cr3 = aerie_reg_read(vcpu, AERIE_REG_CR3),
			.cr4 = aerie_reg_read(vcpu, AERIE_REG_CR4),
			.efer = vcpu->efer,
			.rflags = aerie_reg_read(vcpu, AERIE_REG_RFLAGS),
			.phys_bits = aerie_guest_phys_bits(vcpu->vm),
		},
	};
	ve->e.regs_valid = vcpu->regs_avail;
}

/* Turn an emulation's result into what the run loop does. */
static enum aerie_next emul_next(struct vcpu_emul *ve, int result, const char *what)
{
	struct aerie_vcpu *vcpu = ve->vcpu;

	switch (result) {
	case AERIE_EMUL_OK:
		return AERIE_NEXT_ENTER;
	case AERIE_EMUL_FAULT:
		aerie_raise(vcpu, ve->e.fault.vector, ve->e.fault.has_error,
			    ve->e.fault.error, ve->e.fault.addr);
		return AERIE_NEXT_ENTER;
	case AERIE_EMUL_AGAIN:
		return AERIE_NEXT_FAULT;
	}
	aerie_vm_kill(vcpu->vm, AERIE_STOP_GUEST, "vCPU %u: cannot emulate %s at rip 0x%llx",
		      vcpu->id, what, aerie_reg_read(vcpu, AERIE_REG_RIP));
	return AERIE_NEXT_STOP;
}

/* Linear address of RIP. */
static gva_t rip_linear(struct vcpu_emul *ve)
{
	struct aerie_segment cs;
	u64 rip = aerie_reg_read(ve->vcpu, AERIE_REG_RIP);

	if (ve->e.mode == AERIE_MODE_64)
		return rip;
	aerie_backend->seg_get(ve->vcpu, AERIE_SEG_CS, &cs);
	return (u32)(cs.base + rip);
}

/* Fetch to the end of the page first; the next page only where it is needed. */
static int emul_fetch(struct vcpu_emul *ve, struct aerie_insn *insn)
{
	gva_t gva = rip_linear(ve);
	unsigned int len = min_t(unsigned int, AERIE_INSN_MAX,
				 PAGE_SIZE - (gva & (PAGE_SIZE - 1)));
	u8 bytes[AERIE_INSN_MAX];
	int ret;

	ret = emul_mem_read(&ve->e, gva, bytes, len, AERIE_ACC_FETCH);
	if (ret)
		return ret;
	ret = aerie_insn_decode(insn, bytes, len, ve->e.mode);
	if (ret == -ENODATA && len < AERIE_INSN_MAX) {
		ret = emul_mem_read(&ve->e, gva + len, bytes + len, AERIE_INSN_MAX - len,
				    AERIE_ACC_FETCH);
		if (ret)
			return ret;
		ret = aerie_insn_decode(insn, bytes, AERIE_INSN_MAX, ve->e.mode);
	}
	if (!ret)
		return AERIE_EMUL_OK;
	ve->e.fault.vector = ret == -EINVAL ? X86_TRAP_UD : X86_TRAP_GP;
	ve->e.fault.has_error = ret != -EINVAL;
	ve->e.fault.error = 0;
	ve->e.fault.addr = 0;
	return AERIE_EMUL_FAULT;
}

enum aerie_next aerie_fetch(struct aerie_vcpu *vcpu, struct aerie_insn *insn, bool *ok)
{
	struct vcpu_emul ve;
	int ret;

	emul_begin(&ve, vcpu);
	ret = emul_fetch(&ve, insn);
	*ok = ret == AERIE_EMUL_OK;
	return emul_next(&ve, ret, "an instruction fetched");
}

gva_t aerie_operand_linear(struct aerie_vcpu *vcpu, const struct aerie_insn *insn)
{
	struct vcpu_emul ve;

	emul_begin(&ve, vcpu);
	return aerie_insn_linear(&ve.e, insn);
}

enum aerie_next aerie_linear_read(struct aerie_vcpu *vcpu, gva_t gva, void *buf,
				  unsigned int len, bool *ok)
{
	struct vcpu_emul ve;
	int ret;

	emul_begin(&ve, vcpu);
	ret = emul_mem_read(&ve.e, gva, buf, len, AERIE_ACC_READ);
	*ok = ret == AERIE_EMUL_OK;
	return emul_next(&ve, ret, "an operand");
}

enum aerie_next aerie_linear_write(struct aerie_vcpu *vcpu, gva_t gva, const void *buf,
				   unsigned int len, bool *ok)
{
	struct vcpu_emul ve;
	int ret;

	emul_begin(&ve, vcpu);
	ret = emul_mem_write(&ve.e, gva, buf, len);
	*ok = ret == AERIE_EMUL_OK;
	return emul_next(&ve, ret, "an operand");
}

/* What completing an instruction does besides its own effects. */
static void insn_retired(struct aerie_vcpu *vcpu, u64 rflags)
{
	if (unlikely(aerie_backend->shadow_get(vcpu)))
		aerie_backend->shadow_set(vcpu, 0);
	if (unlikely(rflags & X86_EFLAGS_RF))
		aerie_reg_write(vcpu, AERIE_REG_RFLAGS,
				aerie_reg_read(vcpu, AERIE_REG_RFLAGS) & ~X86_EFLAGS_RF);
	if (unlikely(rflags & X86_EFLAGS_TF))
		aerie_backend->pend_single_step(vcpu);
}

void aerie_skip(struct aerie_vcpu *vcpu, unsigned int len)
{
	u64 rip;

	rip = aerie_reg_read(vcpu, AERIE_REG_RIP);
	/* Outside 64-bit mode RIP wraps at 4 GiB. */
	if (unlikely((rip + len) >> 32 != rip >> 32) &&
	    aerie_vcpu_cpu_mode(vcpu) != AERIE_MODE_64)
		aerie_reg_write(vcpu, AERIE_REG_RIP, (u32)(rip + len));
	else
		aerie_reg_write(vcpu, AERIE_REG_RIP, rip + len);
	insn_retired(vcpu, aerie_reg_read(vcpu, AERIE_REG_RFLAGS));
}

enum aerie_next aerie_emulate(struct aerie_vcpu *vcpu, const struct aerie_exit *pio)
{
	u64 rflags = aerie_reg_read(vcpu, AERIE_REG_RFLAGS);
	struct aerie_insn insn;
	struct vcpu_emul ve;
	int ret;

	emul_begin(&ve, vcpu);
	ve.pio = pio;
	ret = emul_fetch(&ve, &insn);
	if (!ret && pio && !pio_checked(vcpu, pio, &insn))
		return AERIE_NEXT_ENTER;	/* the processor looks at the new one */
	if (!ret)
		ret = aerie_insn_exec(&ve.e, &insn);
	if (!ret)
		insn_retired(vcpu, rflags);
	return emul_next(&ve, ret, "an access to device memory");
}
