// SPDX-License-Identifier: GPL-2.0
/*
 * One line for each run with what came out, for comparison with what comes out under
 * another hypervisor (guest/exit_compare_test.sh):
 *
 *	> INSTRUCTION, WAY[, PREFIXES][, ADDRESS]: traps=VECTOR+OFFSET,... REGISTER=VALUE...
 *
 * with the registers that are not what they were, the flags, what DR6 has of the #DBs
 * and what became of the part of the machine that the instruction changes or reads.
 *
 * Left out is what may differ: the TSC, as time passes; what CPUID and the I/O APIC's
 * version say, as hypervisors have features of their own; the bits of DR6 that are no
 * flags of a #DB, as processors have. So are races: when an event comes is chance.
 */
#include "matrix.h"

#define COM1	0x3f8
#define FIFO	16

bool recording(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = boot_option("record=", 0);
	return answer;
}

static char line[512];
static u32 len;

static void add(const char *s)
{
	while (*s && len < sizeof(line))
		line[len++] = *s++;
}

static void add_hex(const char *before, u64 v)
{
	int shift = 60;

	add(before);
	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		add((char[]){ "0123456789abcdef"[v >> shift & 0xf], 0 });
}

static void add_reg(const char *name, u64 from, u64 to)
{
	if (from == to)
		return;
	add(" ");
	add(name);
	add_hex("=", to);
}

/* As many bytes at once as the port takes: they are hundreds of thousands. */
static void print_line(void)
{
	const char *p = line;
	u64 n;

	for (; len; len -= n) {
		n = len < FIFO ? len : FIFO;
		while (!(inb(COM1 + 5) & 0x20))
			;
		asm volatile("mov %1, %%rcx; rep outsb" : "+S"(p) : "r"(n), "d"(COM1) : "rcx", "memory");
	}
}

void record(const struct regs *in, const struct insn *x, const struct way *w)
{
	const struct regs *r = &seen.regs;
	u64 known;
	u32 i;

	add("> ");
	add(x->name);
	add(", ");
	add(w->name);
	for (i = 0; i < w->nprefix; i++)
		add_hex(i ? " " : ", ", w->prefix[i]);
	if (w->at & 0xfff)
		add_hex(", at ", w->at);
	for (i = 0; i < seen.nr && i < MAX_EVENTS; i++) {
		add_hex(i ? "," : ": traps=", seen.event[i].vector);
		add_hex("+", seen.event[i].rip - w->at);
	}
	for (i = 0; i < NR_REGS; i++) {
		known = known_bits(x, w->cs, i);
		/* RBX, RDX, RCX, RAX */
		if (!(x->flags & OWN) || i < NR_REGS - 4)
			add_reg(reg_names[i], ((u64 *)in)[i] & known, ((u64 *)r)[i] & known);
	}
	add_reg("error", in->error, r->error);
	add_reg("cs", in->cs, r->cs);
	add_reg("ss", in->ss, r->ss);
	add_reg("rsp", in->rsp, r->rsp);
	add_hex(" flags=", r->rflags);
	if (w->flags & FLAG_TF && seen.event[0].vector == DB)
		add_hex(" dr6=", seen.dr6 & (DR6_BS | 0xf));
	if (x->state)
		add_hex(" state=", seen.state);
	add("\n");
	print_line();
}
