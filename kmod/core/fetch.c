// SPDX-License-Identifier: GPL-2.0
/*
 * The instruction at RIP, cheaply: for the fast path.
 *
 * What is remembered of an earlier fetch is believed only where everything that it
 * followed from is found to be the same again: the address, CR3 and the bits that
 * decide how it is walked, every page-table entry on the way, the bytes. Those are
 * read from guest memory every time, so code that was rewritten, or mapped
 * elsewhere, is what it is now. The one thing not looked up again is where guest
 * pages lie in the host; when one that may be known here is to lie elsewhere, or all are
 * dropped, mem->generation changes first (mm/map.c), and what was known stays allocated
 * for as long as interrupts are off.
 */
#include <linux/slab.h>
#include <asm/processor-flags.h>

#include "core/core.h"
#include "core/fetch.h"
#include "core/policy.h"
#include "emul/memo.h"
#include "emul/walk.h"

#define FETCH_WALKS	8
#define FETCH_LEVELS	5
#define PAUSE_BYTES	32ul	/* that a loop which spins is long, at most */

/* A translation of a page of code, and all that it was made from. */
struct fetch_walk {
	u64 page;		/* linear */
	u64 cr3;
	u64 control;
	const u64 *pte[FETCH_LEVELS];	/* entries on the way, the last one repeated */
	u64 val[FETCH_LEVELS];
	const void *kaddr;	/* NULL: an empty slot */
};

/* Own thread only. */
struct aerie_fetch {
	u64 generation;		/* of the memory that the addresses are in */
	struct fetch_walk walks[FETCH_WALKS];
	struct aerie_memo memo;
	u64 bytes[2];		/* of the instruction under way */
};

int aerie_fetch_create(struct aerie_vcpu *vcpu)
{
	vcpu->fetch = kzalloc(sizeof(*vcpu->fetch), GFP_KERNEL_ACCOUNT);
	return vcpu->fetch ? 0 : -ENOMEM;
}

void aerie_fetch_destroy(struct aerie_vcpu *vcpu)
{
	kfree(vcpu->fetch);
	vcpu->fetch = NULL;
}

/* A walk being recorded. */
struct recorder {
	struct aerie_mem *mem;
	struct fetch_walk *walk;
	unsigned int n;
};

static int record_read(void *ctx, gpa_t gpa, void *buf, unsigned int size)
{
	struct recorder *r = ctx;
	const u64 *pte = aerie_mem_kaddr(r->mem, gpa);

	if (!pte || r->n == FETCH_LEVELS)
		return 1;
	r->walk->pte[r->n] = pte;
	r->walk->val[r->n] = READ_ONCE(*pte);
	*(u64 *)buf = r->walk->val[r->n++];
	return 0;
}

static noinline bool walk_record(struct aerie_vcpu *vcpu, struct fetch_walk *walk, bool user)
{
	struct aerie_mem *mem = &vcpu->vm->mem;
	struct recorder r = { .mem = mem, .walk = walk };
	struct aerie_paging p = {
		.cr3 = walk->cr3,
		.cr4 = aerie_reg_read(vcpu, AERIE_REG_CR4),
		.efer = vcpu->efer,
		.phys_bits = aerie_guest_phys_bits(vcpu->vm),
	};
	gpa_t gpa;

	walk->kaddr = NULL;
	if (aerie_walk_plain(&p, record_read, &r, walk->page,
			     AERIE_ACC_FETCH | (user ? AERIE_ACC_USER : 0), &gpa))
		return false;
	for (; r.n < FETCH_LEVELS; r.n++) {
		walk->pte[r.n] = walk->pte[r.n - 1];
		walk->val[r.n] = walk->val[r.n - 1];
	}
	walk->kaddr = aerie_mem_kaddr(mem, gpa);
	return walk->kaddr;
}

static __always_inline bool walk_holds(const struct fetch_walk *walk)
{
	return READ_ONCE(*walk->pte[0]) == walk->val[0] &&
	       READ_ONCE(*walk->pte[1]) == walk->val[1] &&
	       READ_ONCE(*walk->pte[2]) == walk->val[2] &&
	       READ_ONCE(*walk->pte[3]) == walk->val[3] &&
	       READ_ONCE(*walk->pte[4]) == walk->val[4];
}

static __always_inline struct fetch_walk *walk_slot(struct aerie_vcpu *vcpu, u64 rip)
{
	return &vcpu->fetch->walks[rip / PAGE_SIZE % FETCH_WALKS];
}

/* What the walk depends on besides CR3; the low bits of these are apart. */
static __always_inline u64 walk_control(const struct aerie_vcpu *vcpu, bool user)
{
	return (vcpu->regs[AERIE_REG_CR4] & (X86_CR4_LA57 | X86_CR4_SMEP | X86_CR4_SMAP)) |
	       (vcpu->efer & EFER_NX) << 32 | user;
}

static __always_inline bool walk_known(struct aerie_vcpu *vcpu, const struct fetch_walk *walk,
				       u64 rip, u64 control)
{
	return vcpu->fetch->generation == vcpu->vm->mem.generation && walk->kaddr &&
	       walk->page == (rip & PAGE_MASK) && walk->cr3 == vcpu->regs[AERIE_REG_CR3] &&
	       walk->control == control && walk_holds(walk);
}

static noinline bool walk_anew(struct aerie_vcpu *vcpu, bool user)
{
	struct aerie_fetch *fetch = vcpu->fetch;
	u64 rip = vcpu->regs[AERIE_REG_RIP];
	struct fetch_walk *walk = walk_slot(vcpu, rip);

	if (fetch->generation != vcpu->vm->mem.generation) {
		memset(fetch->walks, 0, sizeof(fetch->walks));
		fetch->generation = vcpu->vm->mem.generation;
	}
	walk->page = rip & PAGE_MASK;
	walk->cr3 = vcpu->regs[AERIE_REG_CR3];
	walk->control = walk_control(vcpu, user);
	return walk_record(vcpu, walk, user);
}

static __always_inline const struct aerie_insn *decode(struct aerie_fetch *fetch, u64 rip,
						       const void *bytes)
{
	fetch->bytes[0] = READ_ONCE(*(const u64 *)bytes);
	fetch->bytes[1] = READ_ONCE(*(const u64 *)(bytes + 8));
	return aerie_memo_decode(&fetch->memo, rip, fetch->bytes);
}

static noinline const struct aerie_insn *decode_anew(struct aerie_vcpu *vcpu, bool user)
{
	u64 rip = vcpu->regs[AERIE_REG_RIP];

	if (!walk_anew(vcpu, user))
		return NULL;
	return decode(vcpu->fetch, rip, walk_slot(vcpu, rip)->kaddr + (rip & (PAGE_SIZE - 1)));
}

/* What is known takes no call but the last one, and so saves no registers. */
const struct aerie_insn *aerie_fetch_fast(struct aerie_vcpu *vcpu, const struct aerie_exit *exit)
{
	u64 rip = vcpu->regs[AERIE_REG_RIP], off = rip & (PAGE_SIZE - 1);
	const struct fetch_walk *walk = walk_slot(vcpu, rip);
	bool user = exit->cpl == 3;

	if (!exit->code64)
		return NULL;
	if (exit->kind == AERIE_EXIT_FAULT && exit->fault.nr_insn == AERIE_INSN_MAX)
		return aerie_memo_decode(&vcpu->fetch->memo, rip, (const u64 *)exit->fault.insn);
	/* Two words must not reach into the next page. */
	if (off > PAGE_SIZE - sizeof(vcpu->fetch->bytes))
		return NULL;
	if (unlikely(!walk_known(vcpu, walk, rip, walk_control(vcpu, user))))
		return decode_anew(vcpu, user);
	return decode(vcpu->fetch, rip, walk->kaddr + off);
}

bool aerie_fetch_pauses(struct aerie_vcpu *vcpu)
{
	u64 rip = aerie_reg_read(vcpu, AERIE_REG_RIP);
	unsigned long flags, off = rip & (PAGE_SIZE - 1), at, end;
	const struct fetch_walk *walk = walk_slot(vcpu, rip);
	struct aerie_segment cs;
	const u8 *code;
	bool found = false;

	aerie_backend->seg_get(vcpu, AERIE_SEG_CS, &cs);
	if (!(vcpu->efer & EFER_LMA) || !(cs.attr & AERIE_SEG_L) || aerie_backend->cpl(vcpu))
		return false;
	at = off < PAUSE_BYTES ? 0 : off - PAUSE_BYTES;
	end = min(off + PAUSE_BYTES, PAGE_SIZE - 1);
	aerie_reg_read(vcpu, AERIE_REG_CR3);
	aerie_reg_read(vcpu, AERIE_REG_CR4);
	local_irq_save(flags);
	code = walk_known(vcpu, walk, rip, walk_control(vcpu, false)) || walk_anew(vcpu, false) ?
	       walk->kaddr : NULL;
	for (; code && at < end && !found; at++)
		found = code[at] == 0xf3 && code[at + 1] == 0x90;
	local_irq_restore(flags);
	return found;
}
