// SPDX-License-Identifier: GPL-2.0
/* Descriptor tables of all processors, and what becomes of a trap. */
#include "guest.h"

extern const u8 trap_entries[256][16];
extern u16 gdt_limit;

struct cpu cpus[MAX_CPUS];
struct tss tss[MAX_CPUS];
struct gate idt[256] __attribute__((aligned(4096)));

static handler_t handlers[256];
/* #DF, NMI, and the stack for traps from ring 3: each of its own. */
static u8 trap_stacks[MAX_CPUS][3][4096] __attribute__((aligned(4096)));

#define IST_DF	1
#define IST_NMI	2

struct cpu *this_cpu(void)
{
	u16 tr;

	asm volatile("str %0" : "=r"(tr));
	return &cpus[(tr - SEL_TSS) / 16];
}

void load_idt(void)
{
	struct dtable d = { sizeof(idt) - 1, (u64)idt };

	asm volatile("lidt %0" :: "m"(d));
}

void load_gdt(void)
{
	struct dtable d = { gdt_limit, (u64)gdt };

	asm volatile("lgdt %0" :: "m"(d));
}

u64 descriptor(u32 base, u32 limit, u8 access, u8 flags)
{
	return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
	       (u64)(limit >> 16 & 0xf) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static void set_gate(unsigned int vector, u8 ist, u8 dpl)
{
	u64 offset = (u64)trap_entries[vector];

	idt[vector] = (struct gate) {
		.offset0 = offset, .offset1 = offset >> 16, .offset2 = offset >> 32,
		.selector = SEL_CODE64, .ist = ist, .type = 0x8e | dpl << 5,
	};
}

/* Called by start.S on every processor, before any other C. */
void cpu_init(u32 id)
{
	struct tss *t = &tss[id];
	unsigned int i;
	u16 tr = SEL_TSS + id * 16;

	if (!id) {
		for (i = 0; i < 256; i++)
			set_gate(i, i == DF ? IST_DF : i == NMI ? IST_NMI : 0,
				 i == BP || i == OF || i == VECTOR_USER ? 3 : 0);
	}
	t->ist[IST_DF - 1] = (u64)trap_stacks[id][0] + 4096;
	t->ist[IST_NMI - 1] = (u64)trap_stacks[id][1] + 4096;
	t->rsp[0] = (u64)trap_stacks[id][2] + 4096;
	t->iomap = sizeof(*t);
	gdt[tr / 8] = descriptor((u64)t, sizeof(*t) - 1, 0x89, 0);
	gdt[tr / 8 + 1] = (u64)t >> 32;
	load_gdt();
	load_idt();
	asm volatile("ltr %0" :: "r"(tr));
	cpus[id].id = id;
}

void tss_limit(u32 limit)
{
	gdt[SEL_TSS / 8] = descriptor((u64)&tss[0], limit, 0x89, 0);
	asm volatile("ltr %w0" :: "r"(SEL_TSS) : "memory");
}

void set_handler(unsigned int vector, handler_t fn)
{
	handlers[vector] = fn;
}

/*
 * No interrupt comes between STI and the HLT after it. With TCG below one may: its
 * VMRUN does not load the shadow that #VMEXIT saved. That HLT would then wait for
 * an interrupt that is over, and is left out.
 */
static void check_shadow(struct regs *r)
{
	const u8 *insn = (const u8 *)r->rip;

	if (r->cs != SEL_CODE64 || insn[0] != 0xf4 || insn[-1] != 0xfb)
		return;
	if (!tcg_below())
		die("interrupt %lu between STI and HLT at %lx", r->vector, r->rip);
	r->rip++;
}

void trap_dispatch(struct regs *r)
{
	struct cpu *cpu = this_cpu();

	if (handlers[r->vector]) {
		if (r->vector >= 32)
			check_shadow(r);
		handlers[r->vector](r);
		return;
	}
	if (!cpu->armed)
		die("trap %lu, error 0x%lx, at %lx:%lx, flags %lx, stack %lx:%lx, cr2 %lx, cpu %u",
		    r->vector, r->error, r->cs, r->rip, r->rflags, r->ss, r->rsp, read_cr2(), cpu->id);
	cpu->armed = false;
	cpu->trap = (struct trap) {
		.vector = r->vector, .error = r->error, .rip = r->rip, .cs = r->cs,
		.rflags = r->rflags, .rsp = r->rsp, .ss = r->ss, .cr2 = read_cr2(),
	};
	if (r->vector == DB)
		cpu->trap.dr6 = read_dr6();

	r->rax = r->vector;
	r->rbx = cpu->jump.rbx;
	r->rbp = cpu->jump.rbp;
	r->r12 = cpu->jump.r12;
	r->r13 = cpu->jump.r13;
	r->r14 = cpu->jump.r14;
	r->r15 = cpu->jump.r15;
	r->rip = cpu->jump.rip;
	r->rsp = cpu->jump.rsp;
	r->rflags = cpu->jump.rflags;
	r->cs = SEL_CODE64;
	r->ss = SEL_DATA;
	asm volatile("mov %0, %%ds; mov %0, %%es" :: "r"(SEL_DATA));
}

void setup_idt32(void)
{
	extern const u8 trap32_entries[32][16];
	u64 offset;
	u32 i;

	for (i = 0; i < 32; i++) {
		offset = (u64)trap32_entries[i];
		idt32[i] = (offset & 0xffff) | SEL_CODE32 << 16 | 0x8eull << 40 | offset >> 16 << 48;
	}
}
