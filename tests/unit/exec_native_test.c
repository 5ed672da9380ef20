// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c kmod/emul/exec.c kmod/emul/exec_alu.c kmod/emul/exec_string.c
/*
 * The executor: random instructions compared with this machine's own processor.
 * EXEC_ROUNDS sets how many.
 */
#include <sys/mman.h>

#include "fake_emul.h"
#include "ktap.h"

#define STATUS	0x8d5ull	/* CF PF AF ZF SF OF */
#define DF	0x400ull

static struct fake f;

/* Load the registers but RSP from @regs, call @code, store them back. */
void native_run(u64 *regs, void *code);
__asm__(
".pushsection .bss\n"
"native_regs: .skip 8\n"
"native_code: .skip 8\n"
"native_rdi: .skip 8\n"
".popsection\n"
".globl native_run\n"
"native_run:\n"
"	push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
"	mov %rdi, native_regs(%rip)\n"
"	mov %rsi, native_code(%rip)\n"
"	push 17*8(%rdi); popfq\n"
"	mov 0*8(%rdi), %rax; mov 1*8(%rdi), %rcx; mov 2*8(%rdi), %rdx; mov 3*8(%rdi), %rbx\n"
"	mov 5*8(%rdi), %rbp; mov 6*8(%rdi), %rsi\n"
"	mov 8*8(%rdi), %r8; mov 9*8(%rdi), %r9; mov 10*8(%rdi), %r10; mov 11*8(%rdi), %r11\n"
"	mov 12*8(%rdi), %r12; mov 13*8(%rdi), %r13; mov 14*8(%rdi), %r14; mov 15*8(%rdi), %r15\n"
"	mov 7*8(%rdi), %rdi\n"
"	call *native_code(%rip)\n"
"	mov %rdi, native_rdi(%rip)\n"
"	mov native_regs(%rip), %rdi\n"
"	pushfq; pop 17*8(%rdi); cld\n"
"	mov %rax, 0*8(%rdi); mov %rcx, 1*8(%rdi); mov %rdx, 2*8(%rdi); mov %rbx, 3*8(%rdi)\n"
"	mov %rbp, 5*8(%rdi); mov %rsi, 6*8(%rdi)\n"
"	mov %r8, 8*8(%rdi); mov %r9, 9*8(%rdi); mov %r10, 10*8(%rdi); mov %r11, 11*8(%rdi)\n"
"	mov %r12, 12*8(%rdi); mov %r13, 13*8(%rdi); mov %r14, 14*8(%rdi); mov %r15, 15*8(%rdi)\n"
"	mov native_rdi(%rip), %rax; mov %rax, 7*8(%rdi)\n"
"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
"	ret\n");

static u64 seed = 1;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Numbers at which carries and signs happen, or any. */
static u64 value(void)
{
	static const u64 edges[] = {
		0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000,
		0xffffffff, 0x7fffffffffffffff, 0x8000000000000000, ~0ull,
	};

	return rnd() & 1 ? rnd() : edges[rnd() % ARRAY_SIZE(edges)] + rnd() % 3 - 1;
}

#define LOCK	1	/* may have a LOCK prefix */
#define NO_66	2
#define BITS	4	/* the register is a bit number that moves the address */
#define LOGIC	8	/* AF is undefined */
#define NO_W	16

struct kind {
	u8 map, first, last;	/* opcodes */
	s8 group;		/* ModRM.reg, or -1 for any */
	u8 imm;			/* bytes; 4 is 2 with a 66 prefix */
	u8 traits;
};

static const struct kind kinds[] = {
	{ 0, 0x00, 0x01, -1, 0, LOCK }, { 0, 0x02, 0x03, -1, 0, 0 },
	{ 0, 0x08, 0x09, -1, 0, LOCK | LOGIC }, { 0, 0x0a, 0x0b, -1, 0, LOGIC },
	{ 0, 0x10, 0x11, -1, 0, LOCK }, { 0, 0x12, 0x13, -1, 0, 0 },
	{ 0, 0x18, 0x19, -1, 0, LOCK }, { 0, 0x1a, 0x1b, -1, 0, 0 },
	{ 0, 0x20, 0x21, -1, 0, LOCK | LOGIC }, { 0, 0x22, 0x23, -1, 0, LOGIC },
	{ 0, 0x28, 0x29, -1, 0, LOCK }, { 0, 0x2a, 0x2b, -1, 0, 0 },
	{ 0, 0x30, 0x31, -1, 0, LOCK | LOGIC }, { 0, 0x32, 0x33, -1, 0, LOGIC },
	{ 0, 0x38, 0x3b, -1, 0, 0 },
	{ 0, 0x63, 0x63, -1, 0, 0 },
	{ 0, 0x80, 0x80, 0, 1, LOCK }, { 0, 0x80, 0x80, 1, 1, LOCK | LOGIC },
	{ 0, 0x80, 0x80, 2, 1, LOCK }, { 0, 0x80, 0x80, 3, 1, LOCK },
	{ 0, 0x80, 0x80, 4, 1, LOCK | LOGIC }, { 0, 0x80, 0x80, 5, 1, LOCK },
	{ 0, 0x80, 0x80, 6, 1, LOCK | LOGIC }, { 0, 0x80, 0x80, 7, 1, 0 },
	{ 0, 0x81, 0x81, 0, 4, LOCK }, { 0, 0x81, 0x81, 1, 4, LOCK | LOGIC },
	{ 0, 0x81, 0x81, 2, 4, LOCK }, { 0, 0x81, 0x81, 3, 4, LOCK },
	{ 0, 0x81, 0x81, 4, 4, LOCK | LOGIC }, { 0, 0x81, 0x81, 5, 4, LOCK },
	{ 0, 0x81, 0x81, 7, 4, 0 },
	{ 0, 0x83, 0x83, 0, 1, LOCK }, { 0, 0x83, 0x83, 3, 1, LOCK },
	{ 0, 0x83, 0x83, 6, 1, LOCK | LOGIC }, { 0, 0x83, 0x83, 7, 1, 0 },
	{ 0, 0x84, 0x85, -1, 0, LOGIC },
	{ 0, 0x86, 0x87, -1, 0, LOCK },
	{ 0, 0x88, 0x8b, -1, 0, 0 },
	{ 0, 0x8c, 0x8c, 3, 0, 0 },
	{ 0, 0xc6, 0xc6, 0, 1, 0 }, { 0, 0xc7, 0xc7, 0, 4, 0 },
	{ 0, 0xf6, 0xf6, 0, 1, LOGIC }, { 0, 0xf7, 0xf7, 1, 4, LOGIC },
	{ 0, 0xf6, 0xf7, 2, 0, LOCK }, { 0, 0xf6, 0xf7, 3, 0, LOCK },
	{ 0, 0xfe, 0xff, 0, 0, LOCK }, { 0, 0xfe, 0xff, 1, 0, LOCK },
	{ 1, 0x40, 0x4f, -1, 0, 0 }, { 1, 0x90, 0x9f, -1, 0, 0 },
	{ 1, 0xa3, 0xa3, -1, 0, BITS }, { 1, 0xab, 0xab, -1, 0, BITS | LOCK },
	{ 1, 0xb3, 0xb3, -1, 0, BITS | LOCK }, { 1, 0xbb, 0xbb, -1, 0, BITS | LOCK },
	{ 1, 0xba, 0xba, 4, 1, BITS }, { 1, 0xba, 0xba, 5, 1, BITS | LOCK },
	{ 1, 0xba, 0xba, 6, 1, BITS | LOCK }, { 1, 0xba, 0xba, 7, 1, BITS | LOCK },
	{ 1, 0xb0, 0xb1, -1, 0, LOCK }, { 1, 0xc0, 0xc1, -1, 0, LOCK },
	{ 1, 0xb6, 0xb7, -1, 0, 0 }, { 1, 0xbe, 0xbf, -1, 0, 0 },
	{ 1, 0xc3, 0xc3, -1, 0, NO_66 },
	{ 1, 0xc7, 0xc7, 1, 0, LOCK | NO_W },
	{ 2, 0xf0, 0xf1, -1, 0, 0 },
};

/* An instruction of kind @k on [base + index * scale + disp]; its length. */
static unsigned int make(const struct kind *k, u8 *p, bool *sib)
{
	unsigned int n = 0, i, imm = k->imm;
	u8 reg = k->group >= 0 ? k->group : rnd() % 8;
	bool small = !(k->traits & NO_66) && rnd() % 4 == 0;

	if (rnd() % 8 == 0)
		p[n++] = 0x67;
	if (small)
		p[n++] = 0x66;
	if ((k->traits & LOCK) && rnd() % 3 == 0)
		p[n++] = 0xf0;
	if (rnd() & 1) {
		p[n] = 0x40 | (rnd() & (k->traits & NO_W ? 7 : 15));
		if (imm == 4 && small && !(p[n] & 8))
			imm = 2;
		n++;
	} else if (imm == 4 && small) {
		imm = 2;
	}
	if (k->map)
		p[n++] = 0x0f;
	if (k->map == 2)
		p[n++] = 0x38;
	p[n++] = k->first + rnd() % (k->last - k->first + 1);
	*sib = rnd() & 1;
	p[n++] = 0x80 | reg << 3 | (*sib ? 4 : 3);
	if (*sib)
		p[n++] = (rnd() & 0xc0) | 6 << 3 | 3;	/* base rbx or r11, index rsi or r14 */
	for (i = 0; i < 4; i++)
		p[n++] = i == 0 ? 0x40 : 0;
	for (i = 0; i < imm; i++)
		p[n++] = value();
	return n;
}

static void report(const u8 *p, unsigned int n, const char *what)
{
	unsigned int i;

	printf("# %s:", what);
	for (i = 0; i < n; i++)
		printf(" %02x", p[i]);
	printf("\n");
	ktap_failures++;
}

static u8 *code_page, *low_memory, *before, *after;

static void native_setup(void)
{
	u16 ds;

	if (!code_page) {
		code_page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		low_memory = mmap(NULL, FAKE_SIZE, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
		before = malloc(FAKE_SIZE);
		after = malloc(FAKE_SIZE);
	}
	EXPECT(code_page != MAP_FAILED && low_memory != MAP_FAILED);
	fake_init(&f, AERIE_MODE_64, (u64)low_memory, low_memory);
	__asm__("mov %%ds, %0" : "=r"(ds));
	f.segs[AERIE_SEG_DS].selector = ds;
}

/* Execute here and in the emulator from the state in f, and compare. */
static void compare(const u8 *p, unsigned int n, u64 defined)
{
	u64 start[AERIE_NR_REGS], want[AERIE_NR_REGS];
	struct aerie_insn insn;
	unsigned int i;
	int ret;

	memcpy(code_page, p, n);
	code_page[n] = 0xc3;
	memcpy(before, low_memory, FAKE_SIZE);
	memcpy(start, f.regs, sizeof(start));
	memcpy(want, f.regs, sizeof(want));
	native_run(want, code_page);
	memcpy(after, low_memory, FAKE_SIZE);
	memcpy(low_memory, before, FAKE_SIZE);

	ret = aerie_insn_decode(&insn, p, n, AERIE_MODE_64);
	if (ret || insn.len != n) {
		report(p, n, "not decoded");
		return;
	}
	f.e.regs = f.regs;
	f.e.regs_valid = rnd();
	ret = aerie_insn_exec(&f.e, &insn);
	if (ret) {
		report(p, n, "not executed");
		return;
	}
	if (f.regs[AERIE_REG_RIP] != start[AERIE_REG_RIP] + n)
		report(p, n, "RIP");
	for (i = 0; i < 16; i++) {
		if (i == AERIE_REG_RSP || f.regs[i] == want[i])
			continue;
		report(p, n, "registers");
		printf("# register %u from %llx to %llx, expected %llx\n", i,
		       (long long)start[i], (long long)f.regs[i], (long long)want[i]);
	}
	if ((f.regs[AERIE_REG_RFLAGS] ^ want[AERIE_REG_RFLAGS]) & (defined | DF)) {
		report(p, n, "flags");
		printf("# from %llx to %llx, expected %llx\n",
		       (long long)start[AERIE_REG_RFLAGS],
		       (long long)f.regs[AERIE_REG_RFLAGS],
		       (long long)want[AERIE_REG_RFLAGS]);
	}
	if (memcmp(low_memory, after, FAKE_SIZE))
		report(p, n, "memory");
}

static unsigned int rounds(void)
{
	const char *env = getenv("EXEC_ROUNDS");

	return env ? strtoul(env, NULL, 0) : 400;
}

TEST(like_the_processor)
{
	unsigned int k, round, i, n;
	u8 p[16];
	bool sib;

	for (k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (round = 0; round < rounds() && ktap_failures < 20; round++) {
			const struct kind *kind = &kinds[k];
			u64 defined = kind->traits & LOGIC ? STATUS & ~0x10 :
				      kind->traits & BITS ? 0x41 : STATUS;
			struct aerie_insn insn;
			u64 base, spot = 0x1000 + rnd() % 0x2000;

			native_setup();
			n = make(kind, p, &sib);
			EXPECT_EQ(aerie_insn_decode(&insn, p, n, AERIE_MODE_64), 0);
			if (kind->group < 0 && insn.reg == 4 && (insn.opsize > 1 || insn.rex))
				continue;	/* RSP is ours */
			for (i = 0; i < FAKE_SIZE; i += 8)
				*(u64 *)(low_memory + i) = value();
			for (i = 0; i < 16; i++)
				f.regs[i] = value();
			if (kind->traits & BITS)
				f.regs[insn.reg] = rnd() % 8192 - 4096;
			/* A bit number cannot be an address as well. */
			if ((kind->traits & BITS) && kind->group < 0 &&
			    (insn.reg == insn.index || insn.reg == insn.base))
				continue;
			/* Let CMPXCHG find what it wants. */
			if (!(kind->traits & BITS) && rnd() & 1) {
				memcpy(&f.regs[AERIE_REG_RAX], low_memory + spot, insn.opsize);
				memcpy(&f.regs[AERIE_REG_RDX], low_memory + spot + 4, 4);
			}
			base = f.base + spot - insn.disp;
			if (insn.index != 0xff) {
				f.regs[insn.index] = rnd() % 64;
				base -= f.regs[insn.index] << insn.scale;
			}
			f.regs[insn.base] = insn.adsize == 4 ? base | rnd() << 32 : base;
			f.regs[AERIE_REG_RFLAGS] = 0x202 | (rnd() & STATUS);
			compare(p, n, defined);
		}
	}
}

TEST(strings_like_the_processor)
{
	static const u8 opcodes[] = { 0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf };
	unsigned int round, i, n;
	u8 p[16];

	for (round = 0; round < 20 * rounds() && ktap_failures < 20; round++) {
		native_setup();
		n = 0;
		if (rnd() % 4 == 0)
			p[n++] = 0x67;
		if (rnd() % 4 == 0)
			p[n++] = 0x66;
		if (rnd() % 4)
			p[n++] = 0xf2 | (rnd() & 1);
		if (rnd() & 1)
			p[n++] = 0x40 | (rnd() & 15);
		p[n++] = opcodes[rnd() % ARRAY_SIZE(opcodes)];
		for (i = 0; i < FAKE_SIZE; i++)		/* runs of equal bytes for CMPS, SCAS */
			low_memory[i] = rnd() % 16 ? 0x55 : rnd();
		for (i = 0; i < 16; i++)
			f.regs[i] = value();
		f.regs[AERIE_REG_RAX] = rnd() & 1 ? 0x5555555555555555 : rnd();
		f.regs[AERIE_REG_RCX] = 1 + rnd() % 40;
		f.regs[AERIE_REG_RSI] = f.base + 0x1000 + rnd() % 0x2000;
		f.regs[AERIE_REG_RDI] = f.base + 0x1000 + rnd() % 0x2000;
		f.regs[AERIE_REG_RFLAGS] = 0x202 | (rnd() & (STATUS | DF));
		compare(p, n, STATUS);
	}
}
