// SPDX-License-Identifier: GPL-2.0
/*
 * A run: the body is put where the way says, entered by IRETQ with all registers known,
 * and every trap from there to the INT is noted.
 */
#include "matrix.h"

static u8 stack[4096] __attribute__((aligned(16)));
u8 frames[4][4096] __attribute__((aligned(4096)));
struct outcome seen;
/* The HLT of this run, if it has one. */
static struct span halt;

void enter_insn(struct regs *regs);
extern u8 leave_insn[];
asm(".text\n"
    "enter_insn:\n"
    "	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "	mov %rsp, insn_rsp\n"
    "	mov %rdi, %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %r11; pop %r10; pop %r9; pop %r8\n"
    "	pop %rdi; pop %rsi; pop %rbp; pop %rbx; pop %rdx; pop %rcx; pop %rax\n"
    "	add $16, %rsp\n"
    "	iretq\n"
    "leave_insn:\n"
    "	mov insn_rsp, %rsp\n"
    "	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
    "	ret\n"
    ".bss\n"
    "insn_rsp: .skip 8\n"
    ".text\n");

static void on_trap(struct regs *r)
{
	if (race_trap(r))
		return;
	if (seen.nr < MAX_EVENTS)
		seen.event[seen.nr] = (struct event){ r->vector, r->rip };
	if (r->vector == DB) {
		seen.dr6 &= read_dr6();
		write_dr6(DR6_NONE);
	} else if (r->vector == IRQ) {
		apic_eoi();
		/* Too early, which is noted: it would wait for one that is over. */
		if (r->rip == halt.start)
			r->rip = halt.end;
	}
	if (++seen.nr < MAX_EVENTS && (r->vector == DB || r->vector == NMI || r->vector == IRQ))
		return;
	seen.regs = *r;
	r->rip = (u64)leave_insn;
	r->cs = SEL_CODE64;
	r->ss = SEL_DATA;
	r->rsp = (u64)stack + sizeof(stack);
	r->rflags = 2;
}

void map(u64 addr, u32 frame)
{
	*pte_of(read_cr3(), addr, 1) = (u64)frames[frame] | PTE_P | PTE_W | PTE_U;
	invlpg(addr);
}

void begin(void)
{
	static bool ready;
	u32 i;

	failures = 0;
	map(CODE_ADDR, 0);
	map(CODE_ADDR + 4096, 1);
	if (ready)
		return;
	ready = true;
	apic_enable();
	for (i = 0; i < 32; i++)
		if (i != DF)
			set_handler(i, on_trap);
	set_handler(IRQ, on_trap);
	if (cpuid(1, 0).c & BIT(26))
		write_cr4(read_cr4() | CR4_OSXSAVE);
}

bool usable(const struct insn *x, const struct way *w)
{
	if (x->flags & LONG && w->cs != SEL_CODE64 && w->cs != SEL_UCODE64)
		return false;
	if (w->enter && (x->flags & (SYSTEM | HLT) || (x->flags & MEM && !w->cs)))
		return false;
	if (x->flags & HLT && !w->irq && !(w->cs & 3))
		return false;
	if (x->flags & XSAVE)
		return read_cr4() & CR4_OSXSAVE;
	if (x->flags & (INTEL | AMD))
		return cpuid(0x40000000, 0).b == 0x4b4d564b &&
		       (cpuid(0, 0).b == 0x756e6547) == !!(x->flags & INTEL);
	/* QEMU dies of CR8 with an interrupt pending; TCG's PAUSE is not the end of anything. */
	return !(tcg_below() && ((x->flags & CR8 && (w->irq || w->race)) ||
				 (x->flags & PAUSE && (w->irq || w->flags & FLAG_TF))));
}

/* Every offset in the body: of the instruction with its prefixes, and behind it. */
static struct span put_body(const struct insn *x, const struct way *w)
{
	u8 *p = (u8 *)w->at;
	struct span span;
	u32 i;

	for (i = 0; i < w->nlead; i++)
		*p++ = w->lead[i];
	span.start = (u64)p;
	if ((w->cs == SEL_CODE16 || !w->cs) && x->flags & WIDE)
		*p++ = 0x66;
	if ((w->cs == SEL_CODE16 || !w->cs) && x->flags & MEM)
		*p++ = 0x67;
	for (i = 0; i < w->nprefix; i++)
		*p++ = w->prefix[i];
	for (i = 0; i < x->len; i++)
		*p++ = x->bytes[i];
	span.end = (u64)p;
	p[0] = 0x90;
	p[1] = 0xcd;
	p[2] = BP;
	return span;
}

static void set_regs(struct regs *r, const struct insn *x, const struct way *w)
{
	u64 *v = (u64 *)r;
	u32 i;

	for (i = 0; i < 14; i++)
		v[i] = 0x1111111111111111ull * (i + 1) + i;
	r->rax = x->src ? x->src() : x->rax ?: 0x1122334455667788;
	r->rcx = x->rcx ?: r->rcx;
	r->rdx = x->rdx ?: r->rdx;
	r->rsi = x->rsi ?: r->rsi;
	r->rdi = x->rdi ?: r->rdi;
	r->r14 = SEL_DATA;
	r->error = 0;
	r->rip = w->at;
	r->cs = w->cs;
	r->ss = w->cs & 3 ? SEL_UDATA : SEL_DATA;
	r->rsp = (u64)stack + sizeof(stack) / 2;
	r->rflags = FLAGS | w->flags;
}

void run(const struct insn *x, const struct way *w)
{
	struct span span = put_body(x, w);
	struct outcome want;
	struct regs in;

	if (x->state)
		x->state->set(x->before);
	set_regs(&in, x, w);
	expect_outcome(&want, &in, x, w, &span);
	if (w->race)
		race_arm(x, w, &span);
	if (w->irq && x != &icr_store)
		apic_icr(apic_id(), IRQ | ICR_ASSERT);
	halt = x->flags & HLT ? span : (struct span){};
	seen.nr = 0;
	seen.dr6 = ~0ull;
	if (w->cs & 3)
		asm volatile("mov %0, %%ds; mov %0, %%es" :: "r"(SEL_UDATA));
	(w->enter ?: enter_insn)(&in);
	asm volatile("mov %0, %%ds; mov %0, %%es" :: "r"(SEL_DATA));
	seen.state = 0;
	if (x->state) {
		seen.state = x->state->get();
		x->state->set(x->before);
	}
	compare(&want, x, w, &span);
	if (recording())
		record(&in, x, w);
}

void run_all(const struct way *w)
{
	u32 i;

	for (i = 0; i < nr_insns; i++)
		if (usable(&insns[i], w))
			run(&insns[i], w);
}
