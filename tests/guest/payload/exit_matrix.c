// SPDX-License-Identifier: GPL-2.0
/*
 * Every instruction that makes a guest exit, crossed with everything that its
 * completion has to heed: single steps, interrupt shadows, prefixes, pages, code that
 * changes, the mode, the privilege level, interrupts and NMIs.
 *
 * The instructions are the table below: bytes, what they need in registers, and what
 * they change by the manuals. How they are run is a struct way. run() puts
 *
 *	[STI or MOV SS] [prefixes] INSTRUCTION NOP INT 3
 *
 * where the way says, enters it by IRETQ with all registers known, notes every trap
 * from there to the INT, and compares traps, registers, flags and the machine with
 * what instruction and way together ask for.
 */
#include "guest.h"

#define IRQ		0x51
#define ARITHMETIC	0x8d5		/* OF SF ZF AF PF CF */
#define FLAGS		(2 | ARITHMETIC)
#define IOPL3		0x3000
#define CODE_ADDR	0x40200000ull	/* two pages for code, mapped as tests like */
#define CODE_LOW	0x9000ull	/* code for 16-bit segments */
#define HIGH0		(~0ull << 32)	/* 0 in 32 bits, and the rest has no effect */

/* ---- What instructions find and leave in the machine ---------------------- */

static u8 buffer[64];

struct state {
	void (*set)(u64 v);
	u64 (*get)(void);
};

#define STATE(name, setter, getter)							\
static void set_##name(u64 v) { setter; }						\
static u64 get_##name(void) { return getter; }						\
static const struct state name = { set_##name, get_##name }
#define CR_BIT(name, cr, bit)								\
static u64 flip_##name(void) { return read_cr##cr() ^ (bit); }				\
STATE(name, write_cr##cr((read_cr##cr() & ~(bit)) | v), read_cr##cr() & (bit))

static u64 xgetbv(void)
{
	u32 lo, hi;

	asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

static void xsetbv(u64 v) { asm volatile("xsetbv" :: "a"((u32)v), "d"(0), "c"(0)); }

STATE(pic, outb(v, 0xa1), inb(0xa1));			/* mask of the second 8259 */
STATE(scratch, outb(v, 0x3ff), inb(0x3ff));		/* the serial port's */
STATE(pm_enable, outw(v, 0x602), inw(0x602));
STATE(mtrr, wrmsr(0x200, v), rdmsr(0x200));
STATE(ldr, mmio_write32(LAPIC + APIC_LDR, v), mmio_read32(LAPIC + APIC_LDR));
STATE(ioregsel, mmio_write32(IOAPIC, v), mmio_read32(IOAPIC));
STATE(dr0, write_dr0(v), read_dr0());
STATE(dr7, write_dr7(v), read_dr7());
STATE(cr8, write_cr8(v), read_cr8());
STATE(xcr0, xsetbv(v), xgetbv());
STATE(received, (outb(0x88, 0x3ff), *(u64 *)buffer = v), *(u64 *)buffer);
CR_BIT(wp, 0, CR0_WP);
CR_BIT(ts, 0, CR0_TS);
CR_BIT(pge, 4, CR4_PGE);

static u64 apic_version(void) { return mmio_read32(LAPIC + APIC_VERSION); }
static u64 ioapic_version(void) { return ioapic_read(1); }
static u64 ones(void) { return ~0ull; }

/* ---- The instructions ----------------------------------------------------- */

enum {
	LONG	= 1 << 0,	/* 64-bit code only */
	WIDE	= 1 << 1,	/* 32-bit operand: prefix 66 in 16-bit code */
	MEM	= 1 << 2,	/* [RSI] or [RDI]: prefix 67 in 16-bit code */
	PRIV	= 1 << 3,	/* #GP at CPL 3 */
	IO	= 1 << 4,	/* #GP at CPL 3 unless IOPL is 3 */
	REP	= 1 << 5,	/* RCX times */
	FIXED	= 1 << 6,	/* another instruction with prefix 66 or F3 */
	SIZED	= 1 << 7,	/* another operand size with prefix 66 */
	TSC	= 1 << 8,	/* nobody knows EAX and EDX */
	INTEL	= 1 << 9,	/* a hypercall, of that vendor */
	AMD	= 1 << 10,
	XSAVE	= 1 << 11,
	CR8	= 1 << 12,
	HLT	= 1 << 13,	/* only with an interrupt behind it */
	NOREP	= 1 << 14,	/* F3 means something */
	MOFFS	= 1 << 15,	/* an address, as long as prefix 67 says */
	PAUSE	= 1 << 17,
	SYSTEM	= 1 << 18,	/* of paging and long mode: not to be had without them */
	BYTEREG	= 1 << 16,	/* another register with a REX prefix, on TCG even if far off */
};

struct insn {
	const char *name;
	u8 len, bytes[14];
	u32 flags;
	u64 rax, rcx, rdx, rsi, rdi;	/* going in; 0: as it comes */
	u64 (*src)(void);		/* RAX going in */
	u64 (*load)(void);		/* what comes to be in the register at @to */
	u8 to, size;
	void (*want)(struct regs *r);	/* what else changes */
	const struct state *state;
	u64 before, after;
};

#define REG(r)		offsetof(struct regs, r)
#define CODE(...)	.len = sizeof((u8[]){ __VA_ARGS__ }), .bytes = { __VA_ARGS__ }
#define GET(s)		.load = get_##s
#define CHANGES(s, from, into)	.state = &(s), .before = (from), .after = (into)

#define RAX		0x1122334455667788ull
#define APIC_AT(reg)	.rsi = LAPIC + (reg)
#define LDR_AT(off)	.rsi = LAPIC + APIC_LDR - (off), CHANGES(ldr, 0, 0x55000000)
#define VERSION(to_, size_) APIC_AT(APIC_VERSION), .load = apic_version, .to = (to_), .size = (size_)

#define SELECTED(to_, size_) .rsi = IOAPIC, GET(ioregsel), .to = (to_), .size = (size_), \
				CHANGES(ioregsel, 1, 1)

static void want_cpuid(struct regs *r)
{
	struct cpuid c = cpuid(r->rax, r->rcx);

	r->rax = c.a;
	r->rbx = c.b;
	r->rcx = c.c;
	r->rdx = c.d;
}

static void want_rdmsr(struct regs *r)
{
	u64 v = rdmsr(r->rcx);

	r->rax = (u32)v;
	r->rdx = v >> 32;
}

/* Their low halves nobody knows. */
static void want_rdtsc(struct regs *r) { r->rax = r->rdx = 0; }

/* KVM's -ENOSYS and -EPERM */
static void want_hypercall(struct regs *r) { r->rax = r->cs & 3 ? -1 : -1000; }

static u32 string_size;		/* of the elements, set by run() */

static void want_ins(struct regs *r) { r->rdi += r->rcx * string_size; r->rcx = 0; }
static void want_outs(struct regs *r) { r->rsi += r->rcx * string_size; r->rcx = 0; }
static void want_lods(struct regs *r) { r->rsi += 4; }
static void want_stos(struct regs *r) { r->rdi += 4; }
static void want_movs(struct regs *r) { r->rsi += 4; r->rdi += 4; }

static const struct insn insns[] = {
	{ "cpuid", CODE(0x0f, 0xa2), 0, .rax = HIGH0 | 1, .rcx = HIGH0, .want = want_cpuid },
	{ "cpuid 7", CODE(0x0f, 0xa2), 0, .rax = 7, .rcx = HIGH0, .want = want_cpuid },
	{ "rdmsr", CODE(0x0f, 0x32), PRIV, .rcx = HIGH0 | MSR_APIC_BASE, .want = want_rdmsr },
	{ "rdmsr EFER", CODE(0x0f, 0x32), SYSTEM | PRIV, .rcx = MSR_EFER, .want = want_rdmsr },
	{ "wrmsr", CODE(0x0f, 0x30), PRIV, .rcx = 0x200, .rax = HIGH0 | 6, .rdx = HIGH0,
	  CHANGES(mtrr, 0, 6) },
	{ "vmcall", CODE(0x0f, 0x01, 0xc1), INTEL | FIXED, .want = want_hypercall },
	{ "vmmcall", CODE(0x0f, 0x01, 0xd9), AMD | FIXED, .want = want_hypercall },
	{ "wbinvd", CODE(0x0f, 0x09), PRIV | NOREP },
	{ "invd", CODE(0x0f, 0x08), PRIV | NOREP },
	{ "hlt", CODE(0xf4), PRIV | HLT },
	{ "pause", CODE(0xf3, 0x90), NOREP | BYTEREG | PAUSE },
	{ "rdtsc", CODE(0x0f, 0x31), TSC, .want = want_rdtsc },

	{ "in $0xa1, %al", CODE(0xe4, 0xa1), IO, GET(pic), .to = REG(rax), .size = 1 },
	{ "in $0xe0, %ax", CODE(0x66, 0xe5, 0xe0), IO | SIZED | LONG, .load = ones, .to = REG(rax), .size = 2 },
	{ "in $0xe0, %eax", CODE(0xe5, 0xe0), IO | WIDE | SIZED, .load = ones, .to = REG(rax), .size = 4 },
	{ "in %dx, %al", CODE(0xec), IO, .rdx = 0x3ff, GET(scratch), .to = REG(rax), .size = 1,
	  CHANGES(scratch, 0x5a, 0x5a) },
	{ "in %dx, %ax", CODE(0x66, 0xed), IO | SIZED | LONG, .rdx = 0x602, GET(pm_enable),
	  .to = REG(rax), .size = 2, CHANGES(pm_enable, 0x100, 0x100) },
	{ "in %dx, %eax", CODE(0xed), IO | WIDE | SIZED, .rdx = 0x1f40, .load = ones,
	  .to = REG(rax), .size = 4 },
	{ "out %al, $0xa1", CODE(0xe6, 0xa1), IO, CHANGES(pic, 0xff, 0x88) },
	{ "out %ax, $0xe0", CODE(0x66, 0xe7, 0xe0), IO | SIZED | LONG },
	{ "out %eax, $0xe0", CODE(0xe7, 0xe0), IO | WIDE | SIZED },
	{ "out %al, %dx", CODE(0xee), IO, .rdx = 0x3ff, CHANGES(scratch, 1, 0x88) },
	{ "out %ax, %dx", CODE(0x66, 0xef), IO | SIZED | LONG, .rax = 0x100, .rdx = 0x602,
	  CHANGES(pm_enable, 0, 0x100) },
	{ "out %eax, %dx", CODE(0xef), IO | WIDE | SIZED, .rdx = 0x1f40 },
	{ "rep insb", CODE(0xf3, 0x6c), IO | MEM | REP | NOREP, .rcx = 3, .rdx = 0x3ff,
	  .rdi = (u64)buffer, .want = want_ins, CHANGES(received, 0, 0x888888) },
	{ "rep insw", CODE(0x66, 0xf3, 0x6d), IO | REP | FIXED | LONG, .rcx = 2, .rdx = 0x1f40,
	  .rdi = (u64)buffer, .want = want_ins, CHANGES(received, 0, 0xffffffff) },
	{ "rep outsb", CODE(0xf3, 0x6e), IO | MEM | REP | NOREP, .rcx = 2, .rdx = 0x3ff,
	  .rsi = (u64)buffer + 8, .want = want_outs, CHANGES(scratch, 1, 0x22) },
	{ "outsl", CODE(0x6f), IO | MEM | WIDE | FIXED, .rdx = 0x1f40, .rsi = (u64)buffer,
	  .want = want_lods },

	/* The local APIC: its version is read, its logical destination written. */
	{ "mov (%rsi), %eax", CODE(0x8b, 0x06), MEM | WIDE | SIZED, VERSION(REG(rax), 4) },
	{ "mov 0x10(%rsi), %ecx", CODE(0x8b, 0x4e, 0x10), MEM | WIDE | SIZED, APIC_AT(APIC_ID),
	  .load = apic_version, .to = REG(rcx), .size = 4 },
	{ "mov -0x10(%rsi), %ebp", CODE(0x8b, 0xae, 0xf0, 0xff, 0xff, 0xff), MEM | WIDE | SIZED,
	  APIC_AT(0x40), .load = apic_version, .to = REG(rbp), .size = 4 },
	{ "mov (%rsi), %r9d", CODE(0x44, 0x8b, 0x0e), LONG | FIXED, VERSION(REG(r9), 4) },
	{ "mov (%rsi,%rdi), %eax", CODE(0x8b, 0x04, 0x3e), MEM | WIDE | SIZED, .rsi = LAPIC,
	  .rdi = APIC_VERSION, .load = apic_version, .to = REG(rax), .size = 4 },
	{ "movabs VERSION, %eax", CODE(0xa1, 0x30, 0, 0xe0, 0xfe, 0, 0, 0, 0), LONG | FIXED | MOFFS,
	  VERSION(REG(rax), 4) },
	{ "lodsl", CODE(0xad), MEM | WIDE | FIXED, VERSION(REG(rax), 4), .want = want_lods },
	{ "mov %eax, (%rsi)", CODE(0x89, 0x06), MEM | WIDE | SIZED, LDR_AT(0) },
	{ "mov %eax, 0x10(%rsi)", CODE(0x89, 0x46, 0x10), MEM | WIDE | SIZED, LDR_AT(0x10) },
	{ "mov %eax, (%rsi,%rdi,4)", CODE(0x89, 0x04, 0xbe), MEM | WIDE | SIZED, .rdi = 8, LDR_AT(32) },
	{ "movabs %eax, LDR", CODE(0xa3, 0xd0, 0, 0xe0, 0xfe, 0, 0, 0, 0), LONG | FIXED | MOFFS, LDR_AT(0) },
	{ "movl $0x55000000, (%rsi)", CODE(0xc7, 0x06, 0, 0, 0, 0x55), MEM | WIDE | FIXED, LDR_AT(0) },
	{ "stosl", CODE(0xab), MEM | WIDE | FIXED, .rdi = LAPIC + APIC_LDR, LDR_AT(0), .want = want_stos },
	{ "movsl", CODE(0xa5), MEM | WIDE | FIXED, .rsi = LAPIC + APIC_VERSION,
	  .rdi = LAPIC + APIC_LDR, .want = want_movs, CHANGES(ldr, 0x55000000, 0) },
	{ "xchg %eax, (%rsi)", CODE(0x87, 0x06), MEM | WIDE | FIXED, LDR_AT(0), GET(ldr),
	  .to = REG(rax), .size = 4 },
	/* The I/O APIC: its index register, which is one byte, can be read in any size. */
	{ "I/O APIC load, %ax", CODE(0x66, 0x8b, 0x06), SIZED | LONG, SELECTED(REG(rax), 2) },
	{ "I/O APIC load, %al", CODE(0x8a, 0x06), MEM, SELECTED(REG(rax), 1) },
	{ "I/O APIC load, %ah", CODE(0x8a, 0x26), MEM | FIXED | BYTEREG, SELECTED(REG(rax) + 1, 1) },
	{ "I/O APIC load, movzwl", CODE(0x0f, 0xb7, 0x06), MEM | WIDE | FIXED, SELECTED(REG(rax), 4) },
	{ "I/O APIC load", CODE(0x8b, 0x06), MEM | WIDE | SIZED, .rsi = IOAPIC + 0x10,
	  .load = ioapic_version, .to = REG(rax), .size = 4, CHANGES(ioregsel, 1, 1) },
	{ "I/O APIC store", CODE(0xc7, 0x06, 1, 0, 0, 0), MEM | WIDE | FIXED, .rsi = IOAPIC,
	  CHANGES(ioregsel, 0, 1) },

	{ "mov %cr0, %rax", CODE(0x0f, 0x20, 0xc0), SYSTEM | PRIV | FIXED, .load = read_cr0, .to = REG(rax), .size = 8 },
	{ "mov %cr3, %rbx", CODE(0x0f, 0x20, 0xdb), SYSTEM | PRIV | FIXED, .load = read_cr3, .to = REG(rbx), .size = 8 },
	{ "mov %cr4, %rsi", CODE(0x0f, 0x20, 0xe6), SYSTEM | PRIV | FIXED, .load = read_cr4, .to = REG(rsi), .size = 8 },
	{ "mov %rax, %cr0: WP on", CODE(0x0f, 0x22, 0xc0), SYSTEM | PRIV | FIXED, .src = flip_wp, CHANGES(wp, 0, CR0_WP) },
	{ "mov %rax, %cr0: WP off", CODE(0x0f, 0x22, 0xc0), SYSTEM | PRIV | FIXED, .src = flip_wp, CHANGES(wp, CR0_WP, 0) },
	{ "mov %rax, %cr3", CODE(0x0f, 0x22, 0xd8), SYSTEM | PRIV | FIXED, .src = read_cr3 },
	{ "mov %rax, %cr4: PGE on", CODE(0x0f, 0x22, 0xe0), SYSTEM | PRIV | FIXED, .src = flip_pge, CHANGES(pge, 0, CR4_PGE) },
	{ "mov %rax, %cr4: PGE off", CODE(0x0f, 0x22, 0xe0), SYSTEM | PRIV | FIXED, .src = flip_pge, CHANGES(pge, CR4_PGE, 0) },
	{ "mov %rax, %cr8", CODE(0x44, 0x0f, 0x22, 0xc0), PRIV | LONG | FIXED | CR8, .rax = 3, CHANGES(cr8, 0, 3) },
	{ "mov %cr8, %rax", CODE(0x44, 0x0f, 0x20, 0xc0), PRIV | LONG | FIXED, .load = get_cr8, .to = REG(rax), .size = 8 },
	{ "clts", CODE(0x0f, 0x06), SYSTEM | PRIV, CHANGES(ts, CR0_TS, 0) },
	{ "lmsw %ax", CODE(0x0f, 0x01, 0xf0), SYSTEM | PRIV | FIXED, .src = flip_ts, CHANGES(ts, 0, CR0_TS) },
	{ "smsw %eax", CODE(0x0f, 0x01, 0xe0), SYSTEM | WIDE | FIXED, .load = read_cr0, .to = REG(rax), .size = 4 },
	{ "invlpg (%rsi)", CODE(0x0f, 0x01, 0x3e), PRIV | MEM | FIXED, .rsi = CODE_ADDR },
	{ "xsetbv", CODE(0x0f, 0x01, 0xd1), SYSTEM | PRIV | FIXED | XSAVE, .rax = HIGH0 | 1, .rcx = HIGH0,
	  .rdx = HIGH0, CHANGES(xcr0, 3, 1) },
	{ "mov %rax, %dr0", CODE(0x0f, 0x23, 0xc0), PRIV | FIXED, .rax = 0x12345678, CHANGES(dr0, 0, 0x12345678) },
	{ "mov %rax, %dr7", CODE(0x0f, 0x23, 0xf8), PRIV | FIXED, .rax = 0x700, CHANGES(dr7, 0x400, 0x700) },
	{ "mov %dr7, %rax", CODE(0x0f, 0x21, 0xf8), PRIV | FIXED, GET(dr7), .to = REG(rax), .size = 8 },
};

/* In the table it would interrupt where no interrupt is asked for. */
static const struct insn icr_store = {
	"ICR store", CODE(0x89, 0x06), MEM | WIDE | SIZED, .rax = IRQ | ICR_ASSERT | ICR_SELF,
	.rsi = LAPIC + APIC_ICR,
};

/* ---- How they are run ----------------------------------------------------- */

struct way {
	const char *name;
	u64 at;			/* linear address of the body */
	u16 cs;
	u64 flags;		/* besides FLAGS */
	u8 nlead, nprefix;
	u8 lead[4], prefix[14];
	bool irq;		/* one is pending, or comes of the instruction */
	bool race;		/* one may come any time, and an NMI */
	void (*enter)(struct regs *regs);	/* otherwise than in long mode */
};

#define PLAIN	.at = CODE_ADDR, .cs = SEL_CODE64
#define STI	.nlead = 1, .lead = { 0xfb }
/* MOV %R14D, %SS; an instruction of 64-bit code only because of that register */
#define MOV_SS	.nlead = 3, .lead = { 0x41, 0x8e, 0xd6 }

struct event {
	u64 vector, rip;
};

#define MAX_EVENTS	8

static struct {
	struct event event[MAX_EVENTS];
	u32 nr;
	u64 dr6;		/* of all #DB, what they have in common */
	struct regs end;
} seen;

/* The body under way in a race, and what came while it lasted. */
static struct {
	u64 begin, start, end;
	u32 irqs, nmis, hits, early, want_irqs, want_nmis;
	u32 phase, nmi_phase;
	bool periodic;
} race;

static u8 stack[4096] __attribute__((aligned(16)));
static u8 frames[4][4096] __attribute__((aligned(4096)));
static u32 failures, shadows_lost;

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
	if (race.begin && (r->vector == IRQ || r->vector == NMI)) {
		race.hits += r->rip >= race.begin && r->rip <= race.end + 1;
		/* An NMI may come in a shadow, and its IRET ends that. */
		if (r->vector == NMI) {
			race.nmis++;
			if (r->rip == race.start)
				race.start = race.begin;
			return;
		}
		race.irqs++;
		race.early += r->rip == race.start && r->rip != race.begin;
		apic_eoi();
		return;
	}
	if (seen.nr < MAX_EVENTS)
		seen.event[seen.nr] = (struct event){ r->vector, r->rip };
	if (r->vector == DB) {
		seen.dr6 &= read_dr6();
		write_dr6(DR6_NONE);
	} else if (r->vector == IRQ) {
		apic_eoi();
	}
	if (++seen.nr < MAX_EVENTS && (r->vector == DB || r->vector == NMI || r->vector == IRQ))
		return;
	seen.end = *r;
	r->rip = (u64)leave_insn;
	r->cs = SEL_CODE64;
	r->ss = SEL_DATA;
	r->rsp = (u64)stack + sizeof(stack);
	r->rflags = 2;
}

/* The page of code number @page is @frame from now on. */
static void map(u64 addr, u32 frame)
{
	*pte_of(read_cr3(), addr, 1) = (u64)frames[frame] | PTE_P | PTE_W | PTE_U;
	invlpg(addr);
}

static void begin(void)
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
	for (i = 0; i < sizeof(buffer) - 8; i++)
		buffer[8 + i] = 0x11 * (i + 1);
}

static bool usable(const struct insn *x, const struct way *w)
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
static u64 put_body(const struct insn *x, const struct way *w, u64 *start)
{
	u8 *p = (u8 *)w->at;
	u32 i;

	for (i = 0; i < w->nlead; i++)
		*p++ = w->lead[i];
	*start = (u64)p;
	if ((w->cs == SEL_CODE16 || !w->cs) && x->flags & WIDE)
		*p++ = 0x66;
	if ((w->cs == SEL_CODE16 || !w->cs) && x->flags & MEM)
		*p++ = 0x67;
	for (i = 0; i < w->nprefix; i++)
		*p++ = w->prefix[i];
	for (i = 0; i < x->len; i++)
		*p++ = x->bytes[i];
	p[0] = 0x90;
	p[1] = 0xcd;
	p[2] = BP;
	return (u64)p;
}

static void set_regs(struct regs *r, const struct insn *x, const struct way *w)
{
	u64 *v = (u64 *)r;
	u32 i;

	for (i = 0; i < 14; i++)
		v[i] = 0x1111111111111111ull * (i + 1) + i;
	r->rax = x->src ? x->src() : x->rax ?: RAX;
	r->rcx = x->rcx ?: r->rcx;
	r->rdx = x->rdx ?: r->rdx;
	r->rsi = x->rsi ?: r->rsi;
	r->rdi = x->rdi ?: r->rdi;
	r->r14 = SEL_DATA;
	r->rip = w->at;
	r->cs = w->cs;
	r->ss = w->cs & 3 ? SEL_UDATA : SEL_DATA;
	r->rsp = (u64)stack + sizeof(stack) / 2;
	r->rflags = FLAGS | w->flags;
}

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

static void want_event(struct event *e, u32 *n, u64 vector, u64 rip)
{
	e[(*n)++] = (struct event){ vector, rip };
}

static u32 want_events(struct event *e, const struct insn *x, const struct way *w, u64 start,
		       u64 end, u64 reps)
{
	u32 n = 0;

	for (; w->flags & FLAG_TF && reps > 1; reps--)
		want_event(e, &n, DB, start);
	if (w->flags & FLAG_TF)
		want_event(e, &n, DB, end);
	if (w->irq)
		want_event(e, &n, IRQ, end);
	if (w->flags & FLAG_TF)
		want_event(e, &n, DB, end + 1);
	want_event(e, &n, BP, end + 3);
	return n;
}

static bool faults(const struct insn *x, const struct way *w)
{
	return w->cs & 3 && (x->flags & PRIV || (x->flags & IO && !(w->flags & IOPL3)));
}

static bool same_regs(const struct regs *a, const struct regs *b, const struct insn *x, bool print)
{
	static const char names[][4] = { "r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rdi",
					 "rsi", "rbp", "rbx", "rdx", "rcx", "rax" };
	bool long_mode = b->cs == SEL_CODE64 || b->cs == SEL_UCODE64, same = true;
	u64 mask = long_mode ? ~0ull : 0xffffffff, m;
	u32 i;

	for (i = long_mode ? 0 : 8; i < ARRAY_SIZE(names); i++) {
		m = x->flags & TSC && (i == 12 || i == 14) ? mask & HIGH0 : mask;
		if (((((u64 *)a)[i] ^ ((u64 *)b)[i]) & m) == 0)
			continue;
		same = false;
		if (print)
			printf("#   %s = 0x%lx, expected 0x%lx\n", names[i], ((u64 *)a)[i], ((u64 *)b)[i]);
	}
	if (a->rflags != b->rflags || a->cs != b->cs || a->ss != b->ss || a->rsp != b->rsp) {
		same = false;
		if (print)
			printf("#   flags 0x%lx, expected 0x%lx; cs 0x%lx ss 0x%lx rsp 0x%lx\n",
			       a->rflags, b->rflags, a->cs, a->ss, a->rsp);
	}
	return same;
}

static void complain(const struct insn *x, const struct way *w, const struct event *e, u32 n,
		     const struct regs *want, u64 state, u64 want_state)
{
	u32 i;

	if (failures++ >= 12)
		return;
	printf("# %s, %s, at 0x%lx, %u bytes of prefixes:\n", x->name, w->name, w->at, w->nprefix);
	for (i = 0; i < n || (i < seen.nr && i < MAX_EVENTS); i++)
		printf("#   trap %ld at 0x%lx, expected %ld at 0x%lx\n",
		       i < seen.nr ? (s64)seen.event[i].vector : -1, i < seen.nr ? seen.event[i].rip : 0,
		       i < n ? (s64)e[i].vector : -1, i < n ? e[i].rip : 0);
	same_regs(&seen.end, want, x, true);
	if (state != want_state)
		printf("#   effect: 0x%lx, expected 0x%lx\n", state, want_state);
	if (w->flags & FLAG_TF)
		printf("#   dr6 0x%lx\n", seen.dr6);
}

/* Two one-shot timers: an interrupt and an NMI, each after a time that varies. */
static void race_arm(const struct insn *x, const struct way *w, u64 start, u64 end)
{
	u64 until;

	race.begin = w->at;
	race.end = end;
	/* REP may be interrupted within. */
	race.start = x->flags & REP ? w->at : start;
	if (race.nmi_phase) {
		race.want_nmis++;
		outb(0x30, 0x43);
		outb(2, 0x40);
		outb(0, 0x40);
		for (until = rdtsc() + race.nmi_phase; rdtsc() < until;)
			;
	}
	if (!race.periodic) {
		race.want_irqs++;
		apic_write(APIC_TIMER_INIT, race.phase);
	}
}

/* Run @x as @w says, which is to be usable(), and compare. */
static void run(const struct insn *x, const struct way *w)
{
	u64 start, end = put_body(x, w, &start), state = 0, want_state;
	struct event e[MAX_EVENTS];
	struct regs in, want;
	bool fault = faults(x, w), ok;
	u32 i, n = 0;

	string_size = (x->bytes[x->len - 1] & 1) ? 2 : 1;
	if (x->state)
		x->state->set(x->before);
	set_regs(&in, x, w);
	want = in;
	if (fault) {
		want_event(e, &n, GP, start);
		want.rflags |= FLAG_RF;
	} else {
		want_regs(&want, x, w);
		n = want_events(e, x, w, start, end, x->flags & REP ? x->rcx : 1);
	}
	if (w->race)
		race_arm(x, w, start, end);
	if (w->irq && x != &icr_store)
		apic_icr(apic_id(), IRQ | ICR_ASSERT);
	seen.nr = 0;
	seen.dr6 = ~0ull;
	if (w->cs & 3)
		asm volatile("mov %0, %%ds; mov %0, %%es" :: "r"(SEL_UDATA));
	(w->enter ?: enter_insn)(&in);
	asm volatile("mov %0, %%ds; mov %0, %%es" :: "r"(SEL_DATA));

	/* TCG does not set it in what a fault saves. */
	if (fault && tcg_below())
		seen.end.rflags |= FLAG_RF;
	ok = seen.nr == n;
	for (i = 0; ok && i < n; i++) {
		if (seen.event[i].vector == IRQ && seen.event[i].rip == start) {
			/* Between two of them it may. */
			if (x->flags & REP)
				seen.event[i].rip = end;
			else if (tcg_below() && !on_tcg())
				seen.event[i].rip = end, shadows_lost++;
		}
		ok = seen.event[i].vector == e[i].vector && seen.event[i].rip == e[i].rip;
	}
	if (w->flags & FLAG_TF && !fault)
		ok = ok && (seen.dr6 & (DR6_BS | 0xf)) == DR6_BS;
	ok = same_regs(&seen.end, &want, x, false) && ok;
	want_state = fault ? x->before : x->after;
	if (x->state) {
		state = x->state->get();
		x->state->set(x->before);
	}
	if (!ok || (x->state && state != want_state))
		complain(x, w, e, n, &want, state, want_state);
}

static void run_all(const struct way *w)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(insns); i++)
		if (usable(&insns[i], w))
			run(&insns[i], w);
}

/* ---- Circumstances -------------------------------------------------------- */

TEST(alone)
{
	begin();
	run_all(&(struct way){ "alone", PLAIN });
	EXPECT_EQ(failures, 0);
}

/* A #DB behind each instruction: not before it, and once. */
TEST(single_step)
{
	begin();
	run_all(&(struct way){ "TF", PLAIN, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* Prefixes that change nothing but the length. */
static const struct {
	u8 len, bytes[8];
	u32 not_with;
} prefixes[] = {
	{ 1, { 0x66 }, SIZED | FIXED },
	{ 1, { 0x67 }, MOFFS },
	{ 1, { 0x40 }, BYTEREG },
	{ 1, { 0x4f }, BYTEREG | MEM | WIDE | SIZED | FIXED },
	{ 1, { 0x26 }, 0 }, { 1, { 0x2e }, 0 }, { 1, { 0x36 }, 0 }, { 1, { 0x3e }, 0 },
	{ 1, { 0x64 }, 0 }, { 1, { 0x65 }, 0 },
	{ 1, { 0xf3 }, NOREP | FIXED },
	{ 1, { 0xf2 }, NOREP | FIXED },
	{ 5, { 0x2e, 0x67, 0x3e, 0x64, 0x40 }, MOFFS | BYTEREG },
	{ 6, { 0x66, 0x66, 0x66, 0x2e, 0x66, 0x66 }, SIZED | FIXED },
};

static void with_prefixes(struct way *w)
{
	u32 i, j;

	for (j = 0; j < ARRAY_SIZE(prefixes); j++) {
		w->nprefix = prefixes[j].len;
		memcpy(w->prefix, prefixes[j].bytes, sizeof(prefixes[j].bytes));
		for (i = 0; i < ARRAY_SIZE(insns); i++)
			if (usable(&insns[i], w) && !(insns[i].flags & prefixes[j].not_with) &&
			    insns[i].len + w->nprefix <= 15)
				run(&insns[i], w);
	}
}

TEST(redundant_prefixes)
{
	begin();
	with_prefixes(&(struct way){ "prefixes", PLAIN });
	with_prefixes(&(struct way){ "prefixes and TF", PLAIN, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* Two instructions that begin alike; the page with the rest of it is exchanged. */
TEST(across_two_pages)
{
	const struct insn *x, *y;
	struct way w = { "across pages", PLAIN };
	u8 cut;

	begin();
	for (x = insns; x < insns + ARRAY_SIZE(insns); x++) {
		for (cut = 1; cut < x->len; cut++) {
			w.at = CODE_ADDR + 4096 - cut;
			for (y = insns; y < insns + ARRAY_SIZE(insns); y++) {
				if (memcmp(x->bytes, y->bytes, cut) || y->len < cut ||
				    !usable(x, &w) || !usable(y, &w))
					continue;
				map(CODE_ADDR + 4096, 1);
				run(x, &w);
				map(CODE_ADDR + 4096, 2);
				run(y, &w);
			}
		}
	}
	EXPECT_EQ(failures, 0);
}

/*
 * An interrupt waits from before STI: it comes behind the next instruction. TCG's VMRUN
 * does not load the shadow that its #VMEXIT has saved: where the exit is for the host
 * or to have the instruction executed again, the interrupt comes early.
 */
TEST(sti_shadow)
{
	begin();
	shadows_lost = 0;
	run_all(&(struct way){ "STI", PLAIN, STI, .irq = true });
	with_prefixes(&(struct way){ "STI and prefixes", PLAIN, STI, .irq = true });
	run_all(&(struct way){ "STI, 32-bit", .at = CODE_ADDR, .cs = SEL_CODE32, STI, .irq = true });
	run_all(&(struct way){ "STI, 16-bit", .at = CODE_LOW, .cs = SEL_CODE16, STI, .irq = true });
	EXPECT_EQ(failures, 0);
	if (shadows_lost)
		printf("# skipped %u: TCG has lost the shadow\n", shadows_lost);
}

/* No #DB between MOV SS and the next instruction. */
TEST(mov_ss_shadow)
{
	begin();
	run_all(&(struct way){ "MOV SS", PLAIN, MOV_SS });
	run_all(&(struct way){ "MOV SS and TF", PLAIN, MOV_SS, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* An instruction that makes an interrupt pending itself, in a shadow or not, with TF. */
TEST(interrupt_by_the_instruction)
{
	if (on_tcg())
		SKIP("TCG looks for interrupts some instructions later");
	begin();
	run(&icr_store, &(struct way){ "IF", PLAIN, .flags = FLAG_IF, .irq = true });
	run(&icr_store, &(struct way){ "IF and TF", PLAIN, .flags = FLAG_IF | FLAG_TF, .irq = true });
	run(&icr_store, &(struct way){ "STI", PLAIN, STI, .irq = true });
	run(&icr_store, &(struct way){ "MOV SS", PLAIN, MOV_SS, .flags = FLAG_IF, .irq = true });
	run(&icr_store, &(struct way){ "MOV SS and TF", PLAIN, MOV_SS, .flags = FLAG_IF | FLAG_TF,
				       .irq = true });
	EXPECT_EQ(failures, 0);
}

/* Each after each other one at the same address, so that memories of code are wrong. */
TEST(rewritten_code)
{
	static const u8 steps[] = { 1, 7, 19, 31 };
	struct way w = { "rewritten", PLAIN };
	u32 i, j, n = ARRAY_SIZE(insns);

	begin();
	for (j = 0; j < ARRAY_SIZE(steps); j++) {
		for (i = 0; i < n; i++) {
			const struct insn *x = &insns[i], *y = &insns[(i + steps[j]) % n];

			if (usable(x, &w) && usable(y, &w)) {
				run(x, &w);
				run(y, &w);
				run(x, &w);
			}
		}
	}
	EXPECT_EQ(failures, 0);
}

/* Another address space, the same but for the code. */
static u64 clone_space(u32 frame)
{
	u64 root = (u64)page_alloc(), *entry;
	u32 level;

	memcpy((void *)root, (void *)(read_cr3() & PTE_ADDR), 4096);
	for (level = 4; level > 1; level--) {
		void *table = page_alloc();

		entry = pte_of(root, CODE_ADDR, level);
		memcpy(table, (void *)(*entry & PTE_ADDR), 4096);
		*entry = (u64)table | PTE_P | PTE_W | PTE_U;
	}
	*pte_of(root, CODE_ADDR, 1) = (u64)frames[frame] | PTE_P | PTE_W | PTE_U;
	return root;
}

/* The same address in two address spaces, and behind a changed translation. */
TEST(remapped_code)
{
	struct way w = { "another address space", PLAIN }, v = { "remapped", PLAIN };
	u64 cr3 = read_cr3(), other;
	u32 i;

	begin();
	other = clone_space(3);
	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		if (!usable(&insns[i], &w))
			continue;
		write_cr3(i & 1 ? cr3 : other);
		run(&insns[i], &w);
	}
	write_cr3(cr3);
	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		if (!usable(&insns[i], &v))
			continue;
		map(CODE_ADDR, i & 1 ? 3 : 0);
		run(&insns[i], &v);
	}
	EXPECT_EQ(failures, 0);
}

/* RIP does not wrap in 64-bit code. */
TEST(across_4g)
{
	struct way w = { "across 4 GiB", .cs = SEL_CODE64 };
	u32 i, cut;

	begin();
	map((1ull << 32) - 4096, 0);
	map(1ull << 32, 1);
	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		for (cut = 0; cut <= insns[i].len + 1u; cut++) {
			w.at = (1ull << 32) - cut;
			w.flags = cut & 1 ? FLAG_TF : 0;
			if (usable(&insns[i], &w))
				run(&insns[i], &w);
		}
	}
	EXPECT_EQ(failures, 0);
}

TEST(user)
{
	static const u16 cs[] = { SEL_UCODE64, SEL_UCODE32 };
	u32 i;

	begin();
	for (i = 0; i < ARRAY_SIZE(cs); i++) {
		run_all(&(struct way){ "CPL 3", .at = CODE_ADDR, .cs = cs[i] });
		run_all(&(struct way){ "CPL 3, TF", .at = CODE_ADDR, .cs = cs[i], .flags = FLAG_TF });
		run_all(&(struct way){ "CPL 3, IOPL 3", .at = CODE_ADDR, .cs = cs[i], .flags = IOPL3 });
		run_all(&(struct way){ "CPL 3, IOPL 3, TF", .at = CODE_ADDR, .cs = cs[i],
				       .flags = IOPL3 | FLAG_TF });
	}
	EXPECT_EQ(failures, 0);
}

TEST(compatibility_mode)
{
	begin();
	run_all(&(struct way){ "32-bit", .at = CODE_ADDR, .cs = SEL_CODE32 });
	run_all(&(struct way){ "32-bit, TF", .at = CODE_ADDR, .cs = SEL_CODE32, .flags = FLAG_TF });
	run_all(&(struct way){ "16-bit", .at = CODE_LOW, .cs = SEL_CODE16 });
	run_all(&(struct way){ "16-bit, TF", .at = CODE_LOW, .cs = SEL_CODE16, .flags = FLAG_TF });
	EXPECT_EQ(failures, 0);
}

/* ---- Without long mode ---------------------------------------------------- */

/*
 * Registers in PUSHA's order and an IRET frame, where 16-bit code reaches them. It is
 * the stack as well: the code goes in by POPA and IRET, and a trap that pushes its
 * frame and then PUSHA leave there what came out.
 */
struct legacy {
	u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, eip, cs, eflags;
	u32 caller_esp, dr6, nr, db[MAX_EVENTS];
};

static struct legacy *const legacy = (struct legacy *)0x6800;

#define LEGACY_CODE(name, bits, ip, iret)						\
extern u8 name[], name##_db[], name##_bp[], name##_end[];				\
asm(".text; .code" bits "\n"								\
    #name ": pushal; mov %esp, 0x6800 + 44; mov $0x6800, %esp; popal; iretl\n"		\
    #name "_db: pushal\n"								\
    "	mov " ip ", %eax; mov 0x6800 + 52, %ebx; and $7, %ebx\n"			\
    "	mov %eax, 0x6800 + 56(, %ebx, 4); incl 0x6800 + 52\n"				\
    "	mov %dr6, %eax; and %eax, 0x6800 + 48; mov $0xffff0ff0, %eax; mov %eax, %dr6\n"	\
    "	popal; " iret "\n"								\
    #name "_bp: pushal; mov 0x6800 + 44, %esp; popal; ret\n"				\
    #name "_end: .code64\n")
LEGACY_CODE(protected, "32", "0x6800 + 32", "iretl");
LEGACY_CODE(real, "16", "0x6800 + 38", "iret");

static void legacy_begin(const struct regs *in)
{
	*legacy = (struct legacy){
		.edi = in->rdi, .esi = in->rsi, .ebp = in->rbp, .ebx = in->rbx, .edx = in->rdx,
		.ecx = in->rcx, .eax = in->rax, .eip = in->rip, .cs = in->cs,
		.eflags = in->rflags, .dr6 = ~0u,
	};
}

/* A frame in real mode is three words: all lies 6 bytes higher. */
static void legacy_end(const struct regs *in, bool real_mode)
{
	const struct legacy *l = real_mode ? (void *)legacy + 6 : legacy;
	u32 i, mask = real_mode ? 0xffff : ~0u;

	for (i = 0; i < legacy->nr && i < MAX_EVENTS; i++)
		seen.event[seen.nr++] = (struct event){ DB, legacy->db[i] & mask };
	if (seen.nr < MAX_EVENTS)
		seen.event[seen.nr++] = (struct event){ BP, l->eip & mask };
	seen.dr6 = legacy->dr6;
	seen.end = *in;
	seen.end.rdi = l->edi;
	seen.end.rsi = l->esi;
	seen.end.rbp = l->ebp;
	seen.end.rbx = l->ebx;
	seen.end.rdx = l->edx;
	seen.end.rcx = l->ecx;
	seen.end.rax = l->eax;
	seen.end.rflags = real_mode ? ((u16 *)&l->eip)[2] : l->eflags;
}

static void enter_protected(struct regs *in)
{
	static struct mode32 m;
	static const u8 *const code[] = { [DB] = protected_db, [BP] = protected_bp };

	setup_idt32();
	for (u32 i = 0; i < ARRAY_SIZE(code); i++)
		if (code[i])
			idt32[i] = ((u64)code[i] & 0xffff) | SEL_CODE32 << 16 | 0x8eull << 40 |
				   (u64)code[i] >> 16 << 48;
	legacy_begin(in);
	m = (struct mode32){ .cr0 = CR0_PE | CR0_NE, .cr4 = read_cr4(), .code = (u64)protected, .vector = ~0u };
	run_mode32(&m);
	legacy_end(in, false);
	if (m.vector != ~0u)
		seen.event[0] = (struct event){ m.vector, m.eip };
}

/* The compiler is not to know that it is at 0. */
static u32 *real_vectors;

static void enter_real(struct regs *in)
{
	volatile u32 *vectors = READ_ONCE(real_vectors);

	vectors[DB] = REAL_BODY + (real_db - real);
	vectors[BP] = REAL_BODY + (real_bp - real);
	legacy_begin(in);
	run_real(real, real_end - real);
	legacy_end(in, true);
}

TEST(without_long_mode)
{
	begin();
	run_all(&(struct way){ "protected mode", .at = CODE_LOW, .cs = SEL_CODE32,
			       .enter = enter_protected });
	run_all(&(struct way){ "protected mode, TF", .at = CODE_LOW, .cs = SEL_CODE32,
			       .flags = FLAG_TF, .enter = enter_protected });
	run_all(&(struct way){ "16-bit protected mode", .at = CODE_LOW, .cs = SEL_CODE16,
			       .enter = enter_protected });
	run_all(&(struct way){ "16-bit protected mode, TF", .at = CODE_LOW, .cs = SEL_CODE16,
			       .flags = FLAG_TF, .enter = enter_protected });
	run_all(&(struct way){ "real mode", .at = CODE_LOW, .enter = enter_real });
	run_all(&(struct way){ "real mode, TF", .at = CODE_LOW, .flags = FLAG_TF, .enter = enter_real });
	EXPECT_EQ(failures, 0);
}

/* ---- Races ---------------------------------------------------------------- */

static const struct way race_ways[] = {
	{ "race", PLAIN, .flags = FLAG_IF, .race = true },
	{ "race behind MOV SS", PLAIN, MOV_SS, .flags = FLAG_IF, .race = true },
	{ "race, TF", PLAIN, .flags = FLAG_IF | FLAG_TF, .race = true },
	{ "race behind MOV SS, TF", PLAIN, MOV_SS, .flags = FLAG_IF | FLAG_TF, .race = true },
};

#define PIT_PIN	2

/* How far the local APIC's timer counts during a run. */
static u32 race_begin(void)
{
	const struct way w = { "calibration", PLAIN };
	u32 i, from = ~0u;

	begin();
	memset(&race, 0, sizeof(race));
	tsc_per_ms();
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, IRQ | LVT_MASKED);
	apic_write(APIC_TIMER_INIT, from);
	for (i = 0; i < 16; i++)
		run(&insns[0], &w);
	from -= apic_read(APIC_TIMER_NOW);
	apic_write(APIC_TIMER_INIT, 0);
	apic_write(APIC_LVT_TIMER, IRQ);
	ioapic_route(PIT_PIN, (u64)apic_id() << 56 | LVT_NMI);
	return from / 16 + 1;
}

static void race_rounds(u32 rounds, u32 span)
{
	const struct insn *x = insns;
	const struct way *w = race_ways;
	u32 i, left_out = 0;
	u64 until;

	for (i = 0; i < rounds; i++, x++) {
		if (x == insns + ARRAY_SIZE(insns)) {
			x = insns;
			if (++w == race_ways + ARRAY_SIZE(race_ways))
				w = race_ways;
		}
		if (!usable(x, w))
			continue;
		/* An exit in between ends the shadow there, and the steps are others. */
		if (w->nlead && w->flags & FLAG_TF && tcg_below() && !on_tcg()) {
			left_out++;
			continue;
		}
		race.phase = 1 + i * 7919 % span;
		race.nmi_phase = i % 3 ? 0 : 1 + i * 7919 % (tsc_per_ms() / 200);
		run(x, w);
		if (i % 3 == 1) {
			race.want_nmis++;
			apic_icr(apic_id(), ICR_NMI | ICR_ASSERT);
		}
		for (until = rdtsc() + 1000 * tsc_per_ms(); rdtsc() < until;) {
			sti_nop_cli();
			if (race.nmis == race.want_nmis &&
			    (race.periodic || race.irqs == race.want_irqs))
				break;
		}
		if (race.nmis == race.want_nmis && (race.periodic || race.irqs == race.want_irqs))
			continue;
		if (failures++ < 8)
			printf("# round %u, %s, %s: %u interrupts of %u, %u NMIs of %u\n", i, x->name,
			       w->name, race.irqs, race.want_irqs, race.nmis, race.want_nmis);
		race.irqs = race.want_irqs;
		race.nmis = race.want_nmis;
	}
	race.begin = 0;
	ioapic_route(PIT_PIN, LVT_MASKED);
	if (left_out)
		printf("# skipped %u: with TF in a shadow, which TCG loses\n", left_out);
	if (race.early && tcg_below() && !on_tcg()) {
		printf("# skipped %u: TCG has lost the shadow\n", race.early);
		race.early = 0;
	}
	printf("# %u interrupts, %u NMIs, %u of them at the instruction\n", race.irqs, race.nmis,
	       race.hits);
	EXPECT_EQ(race.early, 0);
	EXPECT_EQ(failures, 0);
	EXPECT(race.hits > 0 || race.periodic);
}

/* One interrupt each time, and an NMI two times of three: none is lost, none comes twice. */
TEST(racing_with_events)
{
	u32 span = race_begin();

	race_rounds(boot_option("rounds=", 4000), span);
}

/* As many as periods have passed at the most; they are not waited for. */
TEST(racing_with_a_periodic_timer)
{
	u32 span = race_begin(), period, most;
	u64 from, ticks;

	race.periodic = true;
	apic_write(APIC_TIMER_INIT, ~0u);
	delay_us(1000);
	ticks = ~0u - apic_read(APIC_TIMER_NOW);
	/* A tick costs a host some interrupts of its own, which leave time for the guest. */
	period = ticks / 10 > span * 5 / 2 ? ticks / 10 : span * 5 / 2;
	apic_write(APIC_LVT_TIMER, IRQ | LVT_PERIODIC);
	apic_write(APIC_TIMER_INIT, period);
	from = rdtsc();
	race_rounds(boot_option("rounds=", 4000), span);
	apic_write(APIC_TIMER_INIT, 0);
	most = (rdtsc() - from) / tsc_per_ms() * ticks / period;
	sti_nop_cli();
	EXPECT(race.irqs > 0);
	if (race.irqs > most + most / 16 + 2)
		EXPECT_EQ(race.irqs, most);
}
