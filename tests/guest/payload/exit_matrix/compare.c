// SPDX-License-Identifier: GPL-2.0
/* What is to come out of a run by instruction and way, and whether it has. */
#include "matrix.h"

u32 failures, shadows_lost;

/* What @x makes of them. */
static void want_regs(struct regs *r, const struct insn *x, const struct way *w)
{
	u64 v;

	if (x->load) {
		v = x->load();
		if (x->size == 4)
			*(u64 *)((u8 *)r + x->to) = (u32)v;
		else
			memcpy((u8 *)r + x->to, &v, x->size);
	}
	if (x->want)
		x->want(r);
	if (w->irq)
		r->rflags |= FLAG_IF;
}

static void want_event(struct outcome *want, u64 vector, u64 rip)
{
	want->event[want->nr++] = (struct event){ vector, rip };
}

static void want_events(struct outcome *want, const struct insn *x, const struct way *w,
			const struct span *span)
{
	u64 reps = x->flags & REP ? x->rcx : 1;

	for (; w->flags & FLAG_TF && reps > 1; reps--)
		want_event(want, DB, span->start);
	if (w->flags & FLAG_TF)
		want_event(want, DB, span->end);
	if (w->irq)
		want_event(want, IRQ, span->end);
	if (w->flags & FLAG_TF)
		want_event(want, DB, span->end + 1);
	want_event(want, BP, span->end + 3);
}

static bool faults(const struct insn *x, const struct way *w)
{
	return w->cs & 3 && (x->flags & PRIV || (x->flags & IO && !(w->flags & IOPL3)));
}

void expect_outcome(struct outcome *want, const struct regs *in, const struct insn *x,
		    const struct way *w, const struct span *span)
{
	string_size = (x->bytes[x->len - 1] & 1) ? 2 : 1;
	want->nr = 0;
	want->regs = *in;
	if (faults(x, w)) {
		want_event(want, GP, span->start);
		want->regs.rflags |= FLAG_RF;
		want->state = x->before;
	} else {
		want_regs(&want->regs, x, w);
		want_events(want, x, w, span);
		want->state = x->after;
	}
}

const char reg_names[NR_REGS][4] = { "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi",
				     "rsi", "rbp", "rbx", "rdx", "rcx", "rax" };

u64 known_bits(const struct insn *x, u64 cs, u32 i)
{
	bool long_mode = cs == SEL_CODE64 || cs == SEL_UCODE64;

	if (!long_mode && i < 8)
		return 0;
	return (long_mode ? ~0ull : 0xffffffff) &
	       (x->flags & TSC && (i == 12 || i == 14) ? HIGH0 : ~0ull);
}

static bool same_regs(const struct regs *a, const struct regs *b, const struct insn *x, bool print)
{
	bool same = true;
	u32 i;

	for (i = 0; i < NR_REGS; i++) {
		if (((((u64 *)a)[i] ^ ((u64 *)b)[i]) & known_bits(x, b->cs, i)) == 0)
			continue;
		same = false;
		if (print)
			printf("#   %s = 0x%lx, expected 0x%lx\n", reg_names[i], ((u64 *)a)[i],
			       ((u64 *)b)[i]);
	}
	if (a->rflags != b->rflags || a->cs != b->cs || a->ss != b->ss || a->rsp != b->rsp) {
		same = false;
		if (print)
			printf("#   flags 0x%lx, expected 0x%lx; cs 0x%lx ss 0x%lx rsp 0x%lx\n",
			       a->rflags, b->rflags, a->cs, a->ss, a->rsp);
	}
	return same;
}

static void complain(const struct outcome *want, const struct insn *x, const struct way *w)
{
	u32 i;

	if (failures++ >= 12)
		return;
	printf("# %s, %s, at 0x%lx, %u bytes of prefixes:\n", x->name, w->name, w->at, w->nprefix);
	for (i = 0; i < want->nr || (i < seen.nr && i < MAX_EVENTS); i++)
		printf("#   trap %ld at 0x%lx, expected %ld at 0x%lx\n",
		       i < seen.nr ? (s64)seen.event[i].vector : -1, i < seen.nr ? seen.event[i].rip : 0,
		       i < want->nr ? (s64)want->event[i].vector : -1,
		       i < want->nr ? want->event[i].rip : 0);
	same_regs(&seen.regs, &want->regs, x, true);
	if (seen.state != want->state)
		printf("#   effect: 0x%lx, expected 0x%lx\n", seen.state, want->state);
	if (w->flags & FLAG_TF)
		printf("#   dr6 0x%lx\n", seen.dr6);
}

void compare(const struct outcome *want, const struct insn *x, const struct way *w,
	     const struct span *span)
{
	bool fault = faults(x, w), ok = seen.nr == want->nr;
	u32 i;

	/* TCG does not set it in what a fault saves. */
	if (fault && tcg_below())
		seen.regs.rflags |= FLAG_RF;
	for (i = 0; ok && i < want->nr; i++) {
		if (seen.event[i].vector == IRQ && seen.event[i].rip == span->start) {
			/* Between two of them it may. */
			if (x->flags & REP)
				seen.event[i].rip = span->end;
			else if (tcg_below() && !on_tcg())
				seen.event[i].rip = span->end, shadows_lost++;
		}
		ok = seen.event[i].vector == want->event[i].vector &&
		     seen.event[i].rip == want->event[i].rip;
	}
	if (w->flags & FLAG_TF && !fault)
		ok = ok && (seen.dr6 & (DR6_BS | 0xf)) == DR6_BS;
	ok = same_regs(&seen.regs, &want->regs, x, false) && ok;
	if (!ok || seen.state != want->state)
		complain(want, x, w);
}
