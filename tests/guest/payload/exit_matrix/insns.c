// SPDX-License-Identifier: GPL-2.0
/* The instructions that make a guest exit, and what they change by the manuals. */
#include "matrix.h"

/* ---- What instructions find and leave in the machine ----------------------- */

/* What INS fills and OUTS reads, from its ninth byte on. */
static u8 buffer[64] = { [8] = 0x11, 0x22 };

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

/* ---- The instructions ------------------------------------------------------ */

#define REG(r)		offsetof(struct regs, r)
#define CODE(...)	.len = sizeof((u8[]){ __VA_ARGS__ }), .bytes = { __VA_ARGS__ }
#define GET(s)		.load = get_##s
#define CHANGES(s, from, into)	.state = &(s), .before = (from), .after = (into)

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
	u32 msr = r->rcx;
	u64 v = rdmsr(msr);

	r->rax = (u32)v;
	r->rdx = v >> 32;
}

/* Their low halves nobody knows. */
static void want_rdtsc(struct regs *r) { r->rax = r->rdx = 0; }

/* KVM's -ENOSYS and -EPERM */
static void want_hypercall(struct regs *r) { r->rax = r->cs & 3 ? -1 : -1000; }

u32 string_size;

static void want_ins(struct regs *r) { r->rdi += r->rcx * string_size; r->rcx = 0; }
static void want_outs(struct regs *r) { r->rsi += r->rcx * string_size; r->rcx = 0; }
static void want_lods(struct regs *r) { r->rsi += 4; }
static void want_stos(struct regs *r) { r->rdi += 4; }
static void want_movs(struct regs *r) { r->rsi += 4; r->rdi += 4; }

const struct insn insns[] = {
	{ "cpuid", CODE(0x0f, 0xa2), OWN, .rax = HIGH0 | 1, .rcx = HIGH0, .want = want_cpuid },
	{ "cpuid 7", CODE(0x0f, 0xa2), OWN, .rax = 7, .rcx = HIGH0, .want = want_cpuid },
	{ "rdmsr", CODE(0x0f, 0x32), PRIV, .rcx = MSR_APIC_BASE, .want = want_rdmsr },
	/* TCG looks beyond the permission map and has no exit. */
	{ "rdmsr, RCX", CODE(0x0f, 0x32), PRIV, .rcx = HIGH0 | MSR_APIC_BASE, .want = want_rdmsr },
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
	{ "I/O APIC load", CODE(0x8b, 0x06), OWN | MEM | WIDE | SIZED, .rsi = IOAPIC + 0x10,
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

const u32 nr_insns = ARRAY_SIZE(insns);

/* In the table it would interrupt where no interrupt is asked for. */
const struct insn icr_store = {
	"ICR store", CODE(0x89, 0x06), MEM | WIDE | SIZED, .rax = IRQ | ICR_ASSERT | ICR_SELF,
	.rsi = LAPIC + APIC_ICR,
};
