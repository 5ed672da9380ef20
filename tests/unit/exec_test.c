// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c kmod/emul/exec.c kmod/emul/exec_alu.c kmod/emul/exec_string.c
/*
 * The executor: random instructions compared with this machine's own processor,
 * then by hand what a program cannot do here: faults, segments, other modes,
 * ports, stacks, contention. EXEC_ROUNDS sets how many random ones.
 */
#include <sys/mman.h>

#include "fake_emul.h"
#include "ktap.h"

#define STATUS	0x8d5ull	/* CF PF AF ZF SF OF */
#define DF	0x400ull
#define TF	0x100ull
#define PF_VECTOR 14
#define BASE	0x10000ull	/* of the memory in tests by hand */

static struct fake f;
static u8 memory[FAKE_SIZE];

static void setup(enum aerie_cpu_mode mode)
{
	fake_init(&f, mode, BASE, memory);
	f.regs[AERIE_REG_RIP] = 0x1000;
}

/* Decode and execute one instruction given in hex. */
static bool decode(struct aerie_insn *insn, const char *hex)
{
	u8 bytes[16];
	unsigned int n = 0, v;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		sscanf(hex++, "%2x", &v);
		bytes[n++] = v;
	}
	if (!aerie_insn_decode(insn, bytes, n, f.e.mode) && insn->len == n)
		return true;
	printf("# test's own instruction does not decode\n");
	ktap_failures++;
	return false;
}

static int run(const char *hex)
{
	struct aerie_insn insn;

	return decode(&insn, hex) ? aerie_insn_exec(&f.e, &insn) : -1;
}

static u64 get(u64 off, unsigned int size)
{
	u64 val = 0;

	memcpy(&val, memory + off, size);
	return val;
}

static void put(u64 off, u64 val, unsigned int size)
{
	memcpy(memory + off, &val, size);
}

/* --- against the processor --- */

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

/* --- by hand --- */

TEST(mov_costs_one_access)
{
	setup(AERIE_MODE_64);
	f.e.regs = f.regs;
	f.e.regs_valid = ~0u;
	put(0x20, 0x1234567890abcdef, 8);
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RAX] = ~0ull;
	EXPECT_EQ(run("8b 47 20"), AERIE_EMUL_OK);	/* mov eax, [rdi+0x20] */
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x90abcdef);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1003);
	EXPECT(f.mem_reads == 1 && f.mem_writes == 0 && f.seg_reads == 0);
	EXPECT(f.reg_reads == 0 && f.reg_writes == 2);
	EXPECT_EQ(run("89 47 30"), AERIE_EMUL_OK);
	EXPECT(f.mem_reads == 1 && f.mem_writes == 1 && f.reg_reads == 0);
	EXPECT_EQ(get(0x30, 8), 0x90abcdef);
}

TEST(addresses)
{
	setup(AERIE_MODE_64);
	f.segs[AERIE_SEG_GS].base = BASE;
	f.segs[AERIE_SEG_DS].base = 0x5000;		/* not in 64-bit mode */
	f.segs[AERIE_SEG_ES].base = 0x5000;
	put(0x88, 0x77, 1);
	EXPECT_EQ(run("65 a0 88 00 00 00 00 00 00 00"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x77);
	f.regs[AERIE_REG_RIP] = 0xf000;
	put(0x7, 0xaa, 1);
	EXPECT_EQ(run("80 3d 00 10 00 00 aa"), AERIE_EMUL_OK);	/* rip counts the imm */
	EXPECT(f.regs[AERIE_REG_RFLAGS] & 0x40);
	f.regs[AERIE_REG_RIP] = 0xffffffff0000f000;
	f.regs[AERIE_REG_RFLAGS] = 0x202;
	put(0x8, 0xab, 1);
	EXPECT_EQ(run("67 80 3d 00 10 00 00 ab"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RFLAGS] & 0x40);
	f.regs[AERIE_REG_RBX] = 0x200000000;		/* a 32-bit address wraps */
	EXPECT_EQ(run("67 8a 83 88 00 01 00"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x77);

	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_DS].base = BASE;
	f.segs[AERIE_SEG_SS].base = BASE + 0x1000;
	f.regs[AERIE_REG_RBX] = 0xfffff000;
	f.regs[AERIE_REG_RSI] = 0x1020;
	put(0x20, 0x1234, 2);
	put(0x1030, 0x5678, 2);
	EXPECT_EQ(run("8b 00"), AERIE_EMUL_OK);		/* [bx+si] wraps at 64 KiB */
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x1234);
	f.regs[AERIE_REG_RBP] = 0x40;
	EXPECT_EQ(run("8b 4e f0"), AERIE_EMUL_OK);	/* [bp-16] is in SS */
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0x5678);
	f.segs[AERIE_SEG_DS].base = 0xffffffff;
	f.segs[AERIE_SEG_DS].limit = 0xffffffff;
	f.regs[AERIE_REG_RBX] = BASE + 0x21;
	EXPECT_EQ(run("67 8b 13"), AERIE_EMUL_OK);	/* and 4 GiB wraps too */
	EXPECT_EQ(f.regs[AERIE_REG_RDX], 0x1234);
}

TEST(linear_of_invlpg)
{
	struct aerie_insn insn;

	setup(AERIE_MODE_64);
	f.segs[AERIE_SEG_FS].base = 0xffff800000000000;
	f.segs[AERIE_SEG_DS].base = 0x123;
	f.regs[AERIE_REG_RAX] = 0x1000;
	EXPECT_EQ(aerie_insn_decode(&insn, (u8 *)"\x64\x0f\x01\x78\x10", 5, AERIE_MODE_64), 0);
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 0xffff800000001010);
	EXPECT_EQ(aerie_insn_decode(&insn, (u8 *)"\x0f\x01\x38", 3, AERIE_MODE_64), 0);
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 0x1000);
	EXPECT_EQ(aerie_insn_decode(&insn, (u8 *)"\x0f\x01\x38", 3, AERIE_MODE_32), 0);
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 0x1123);
	f.segs[AERIE_SEG_DS].base = 0xfffff001;
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 1);
}

/* Expect exception @vector (0-31) with error code 0 and nothing changed. */
static void expect_fault(const char *hex, u8 vector, bool has_error)
{
	u64 regs[AERIE_NR_REGS];
	static u8 copy[FAKE_SIZE];

	memcpy(regs, f.regs, sizeof(regs));
	memcpy(copy, memory, FAKE_SIZE);
	memset(&f.e.fault, 0xff, sizeof(f.e.fault));
	EXPECT_EQ(run(hex), AERIE_EMUL_FAULT);
	EXPECT_EQ(f.e.fault.vector, vector);
	EXPECT_EQ(f.e.fault.has_error, has_error);
	if (vector != PF_VECTOR)
		EXPECT_EQ(f.e.fault.error, 0);
	EXPECT(!memcmp(regs, f.regs, sizeof(regs)));
	EXPECT(!memcmp(copy, memory, FAKE_SIZE));
}

TEST(canonical_addresses)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = 0x0000800000000000;
	expect_fault("8b 03", 13, true);
	f.regs[AERIE_REG_RBP] = 0xffff7fffffffffff;
	expect_fault("8b 45 00", 12, true);		/* rBP means SS */
	f.regs[AERIE_REG_RBX] = 0x00007ffffffffffe;	/* ends beyond */
	expect_fault("8b 03", 13, true);
	expect_fault("66 8b 03", PF_VECTOR, true);
	f.regs[AERIE_REG_CR4] = 1 << 12;		/* LA57 */
	f.regs[AERIE_REG_RBX] = 0x0000800000000000;
	expect_fault("8b 03", PF_VECTOR, true);
	f.regs[AERIE_REG_RBX] = 0x0100000000000000;
	expect_fault("8b 03", 13, true);
}

TEST(segment_checks)
{
	setup(AERIE_MODE_32);
	f.regs[AERIE_REG_RBX] = BASE;
	f.segs[AERIE_SEG_DS].limit = BASE + 3;
	EXPECT_EQ(run("8b 03"), AERIE_EMUL_OK);
	expect_fault("8b 43 01", 13, true);
	f.regs[AERIE_REG_RBP] = BASE;
	f.segs[AERIE_SEG_SS].limit = BASE + 2;
	expect_fault("8b 45 00", 12, true);
	f.segs[AERIE_SEG_ES].attr &= ~2u;		/* read-only */
	EXPECT_EQ(run("26 8b 03"), AERIE_EMUL_OK);
	expect_fault("26 89 03", 13, true);
	EXPECT_EQ(run("2e 8b 03"), AERIE_EMUL_OK);	/* readable code */
	expect_fault("2e 89 03", 13, true);
	f.segs[AERIE_SEG_CS].attr &= ~2u;		/* execute-only */
	expect_fault("2e 8b 03", 13, true);
	f.segs[AERIE_SEG_FS].attr |= AERIE_SEG_UNUSABLE;
	expect_fault("64 8b 03", 13, true);
	f.segs[AERIE_SEG_GS].attr &= ~AERIE_SEG_P;
	expect_fault("65 8b 03", 13, true);
	/* Expand-down: what is above the limit. */
	f.segs[AERIE_SEG_ES].attr |= 6;
	f.segs[AERIE_SEG_ES].limit = BASE - 1;
	EXPECT_EQ(run("26 8b 03"), AERIE_EMUL_OK);
	f.segs[AERIE_SEG_ES].limit = BASE;
	expect_fault("26 8b 03", 13, true);
	f.segs[AERIE_SEG_ES].limit = 0;
	f.segs[AERIE_SEG_ES].attr &= ~AERIE_SEG_DB;	/* up to 64 KiB */
	expect_fault("26 8b 03", 13, true);
	/* Real and virtual-8086 mode look at the limit only. */
	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_CS].base = BASE;
	f.regs[AERIE_REG_CR0] = 0x10;
	EXPECT_EQ(run("2e 89 07"), AERIE_EMUL_OK);
	f.regs[AERIE_REG_RBX] = 0xffff;
	expect_fault("2e 89 07", 13, false);
	EXPECT_EQ(run("2e 88 07"), AERIE_EMUL_FAULT);	/* inside: beyond our memory */
	EXPECT_EQ(f.e.fault.vector, PF_VECTOR);
	f.regs[AERIE_REG_RBX] = 0;
	f.regs[AERIE_REG_CR0] = 0x11;
	f.regs[AERIE_REG_RFLAGS] |= 1 << 17;
	EXPECT_EQ(run("2e 89 07"), AERIE_EMUL_OK);
	f.regs[AERIE_REG_RFLAGS] &= ~(1ull << 17);
	expect_fault("2e 89 07", 13, true);
}

TEST(lock_prefix)
{
	static const char * const refused[] = {
		"f0 8b 03", "f0 89 03", "f0 38 03", "f0 02 03", "f0 80 3b 01", "f0 84 03",
		"f0 c6 03 01", "f0 f6 03 01", "f0 ff 33", "f0 8f 03", "f0 0f a3 03",
		"f0 0f ba 23 01", "f0 0f 94 03", "f0 0f b6 03", "f0 a4", "f0 6c", "f0 ee",
		"f0 01 c0", "f0 0f ae 3b", "f0 a0 00 00 01 00 00 00 00 00",
	};
	static const char * const taken[] = {
		"f0 01 03", "f0 80 0b 01", "f0 87 03", "f0 f7 13", "f0 fe 03", "f0 0f ab 03",
		"f0 0f ba 3b 01", "f0 0f b1 0b", "f0 0f c1 03", "f0 0f c7 0b",
	};
	unsigned int i;

	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = BASE;
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		expect_fault(refused[i], 6, false);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		EXPECT_EQ(run(taken[i]), AERIE_EMUL_OK);
}

TEST(contention)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = BASE;
	f.disturb = 3;
	EXPECT_EQ(run("f0 83 03 0a"), AERIE_EMUL_OK);	/* lock add dword [rbx], 10 */
	EXPECT_EQ(get(0, 8), 13);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1004);
	f.regs[AERIE_REG_RAX] = 5;
	f.disturb = 1;
	EXPECT_EQ(run("87 03"), AERIE_EMUL_OK);		/* xchg locks by itself */
	EXPECT(get(0, 4) == 5 && f.regs[AERIE_REG_RAX] == 14);
	/* For ever: come back, RIP on the instruction, nothing done. */
	f.disturb = 1000;
	f.regs[AERIE_REG_RIP] = 0x1000;
	EXPECT_EQ(run("f0 83 03 0a"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1000);
	EXPECT(f.disturb >= 900 && f.disturb < 1000);
	EXPECT_EQ(f.regs[AERIE_REG_RFLAGS] & STATUS, 0);
}

TEST(memory_faults_change_nothing)
{
	static const char * const insns[] = {
		"8b 03", "89 03", "03 03", "01 03", "f0 01 03", "87 03", "0f b1 0b", "0f c7 0b",
		"48 0f c7 0b", "0f c1 03", "0f ab 03", "0f ba 2b 03", "ff 03", "f7 1b", "ff 33",
		"8f 03", "0f 94 03", "0f 44 03", "0f 38 f0 03", "0f 38 f1 03", "38 03", "f6 03 01",
		"a4", "a5", "a6", "aa", "ac", "ae", "6c", "6e", "8c 1b", "63 03", "0f b6 03",
	};
	unsigned int i, how;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		for (how = 0; how < 2; how++) {
			u64 regs[AERIE_NR_REGS];

			setup(AERIE_MODE_64);
			f.regs[AERIE_REG_RBX] = BASE;
			f.regs[AERIE_REG_RSI] = BASE;
			f.regs[AERIE_REG_RDI] = BASE;
			f.regs[AERIE_REG_RSP] = BASE + 0x2000;
			f.regs[AERIE_REG_RAX] = 0x80;
			f.fault[0] = how ? AERIE_EMUL_AGAIN : AERIE_EMUL_FAULT;
			memcpy(regs, f.regs, sizeof(regs));
			EXPECT_EQ(run(insns[i]), f.fault[0]);
			EXPECT(!memcmp(regs, f.regs, sizeof(regs)));
			EXPECT(f.ins == 0 && f.outs == 0 && f.mem_writes == 0);
		}
	}
}

TEST(writes_need_permission_before_reads_happen)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = f.regs[AERIE_REG_RDI] = BASE;
	f.read_only[0] = true;
	expect_fault("01 03", PF_VECTOR, true);
	EXPECT_EQ(f.e.fault.error, 2);
	EXPECT_EQ(f.mem_reads, 0);
	expect_fault("6d", PF_VECTOR, true);		/* the port is not read */
	EXPECT_EQ(f.ins, 0);
	expect_fault("0f b1 0b", PF_VECTOR, true);
	EXPECT_EQ(run("3b 03"), AERIE_EMUL_OK);		/* CMP and BT only read */
	EXPECT_EQ(run("0f a3 03"), AERIE_EMUL_OK);
}

TEST(ports)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RAX] = 0x1122334455667788;
	f.regs[AERIE_REG_RDX] = 0xffff03f8;
	EXPECT_EQ(run("ee"), AERIE_EMUL_OK);
	EXPECT(f.port == 0x3f8 && f.port_size == 1 && f.out[0] == 0x88);
	EXPECT_EQ(run("66 ef"), AERIE_EMUL_OK);
	EXPECT(f.port_size == 2 && f.out[1] == 0x7788);
	EXPECT_EQ(run("48 ef"), AERIE_EMUL_OK);
	EXPECT(f.port_size == 4 && f.out[2] == 0x55667788);
	EXPECT_EQ(run("e6 80"), AERIE_EMUL_OK);		/* the port is not sign-extended */
	EXPECT(f.port == 0x80 && f.outs == 4);
	EXPECT_EQ(run("e5 fe"), AERIE_EMUL_OK);
	EXPECT(f.port == 0xfe && f.port_size == 4);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x44332200);	/* upper half cleared */
	f.regs[AERIE_REG_RAX] = ~0ull;
	EXPECT_EQ(run("ec"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0xffffffffffffff01);
	EXPECT_EQ(run("66 ed"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0xffffffffffff2202);
	f.pio_result = AERIE_EMUL_AGAIN;
	f.regs[AERIE_REG_RIP] = 0x1000;
	EXPECT_EQ(run("ed"), AERIE_EMUL_AGAIN);
	EXPECT(f.regs[AERIE_REG_RAX] == 0xffffffffffff2202 && f.regs[AERIE_REG_RIP] == 0x1000);
}

TEST(string_ports)
{
	unsigned int i;

	setup(AERIE_MODE_64);
	for (i = 0; i < 8; i++)
		put(i, 0x10 + i, 1);
	f.regs[AERIE_REG_RDX] = 0x1f0;
	f.regs[AERIE_REG_RSI] = BASE;
	f.regs[AERIE_REG_RCX] = 4;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_OK);
	EXPECT(f.outs == 4 && f.out[0] == 0x10 && f.out[3] == 0x13 && f.port == 0x1f0);
	EXPECT(f.regs[AERIE_REG_RSI] == BASE + 4 && f.regs[AERIE_REG_RCX] == 0);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1002);
	/* Backwards; F2 repeats as well. */
	f.regs[AERIE_REG_RFLAGS] |= DF;
	f.regs[AERIE_REG_RCX] = 2;
	f.regs[AERIE_REG_RSI] = BASE + 6;
	EXPECT_EQ(run("f2 66 6f"), AERIE_EMUL_OK);
	EXPECT(f.outs == 6 && f.out[4] == 0x1716 && f.out[5] == 0x1514 && f.port_size == 2);
	EXPECT_EQ(f.regs[AERIE_REG_RSI], BASE + 2);
	/* In, forwards and backwards. */
	f.regs[AERIE_REG_RFLAGS] &= ~DF;
	f.regs[AERIE_REG_RCX] = 3;
	f.regs[AERIE_REG_RDI] = BASE + 0x100;
	EXPECT_EQ(run("f3 6d"), AERIE_EMUL_OK);
	EXPECT(get(0x100, 4) == 0x44332200 && get(0x108, 4) == 0x44332202 && f.ins == 3);
	EXPECT_EQ(f.regs[AERIE_REG_RDI], BASE + 0x10c);
	f.regs[AERIE_REG_RFLAGS] |= DF;
	f.regs[AERIE_REG_RDI] = BASE + 0x201;
	EXPECT_EQ(run("6c"), AERIE_EMUL_OK);		/* no prefix: once, RCX untouched */
	EXPECT(get(0x201, 1) == 3 && f.regs[AERIE_REG_RDI] == BASE + 0x200);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0);
	/* A count of zero does nothing but go on. */
	f.regs[AERIE_REG_RIP] = 0x1000;
	f.regs[AERIE_REG_RSI] = 1;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_OK);
	EXPECT(f.outs == 6 && f.regs[AERIE_REG_RIP] == 0x1002 && f.regs[AERIE_REG_RSI] == 1);
}

/* What an exit for a string instruction has checked is that and nothing else. */
TEST(string_ports_are_told_from_others)
{
	static const struct {
		const char *hex;
		bool in;
		u8 size;
	} strings[] = {
		{ "6c", true, 1 }, { "f3 6d", true, 4 }, { "66 6d", true, 2 }, { "48 6d", true, 4 },
		{ "6e", false, 1 }, { "f2 65 6f", false, 4 }, { "66 6f", false, 2 },
	};
	static const char * const others[] = {
		"e4 70", "e5 70", "ec", "ed", "e6 70", "e7 70", "ee", "ef", "a4", "aa", "90",
		"0f 6c c1", "0f 6e c1", "c5 f1 6c c1", "88 03",
	};
	struct aerie_insn insn;
	unsigned int i, size;

	setup(AERIE_MODE_64);
	for (i = 0; i < ARRAY_SIZE(strings); i++) {
		if (!decode(&insn, strings[i].hex))
			continue;
		for (size = 1; size <= 8; size *= 2) {
			EXPECT_EQ(aerie_insn_is_port_string(&insn, strings[i].in, size),
				  size == strings[i].size);
			EXPECT(!aerie_insn_is_port_string(&insn, !strings[i].in, size));
		}
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!decode(&insn, others[i]))
			continue;
		for (size = 1; size <= 8; size *= 2) {
			EXPECT(!aerie_insn_is_port_string(&insn, true, size));
			EXPECT(!aerie_insn_is_port_string(&insn, false, size));
		}
	}
}

TEST(string_segments_and_wrap)
{
	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_DS].base = BASE;
	f.segs[AERIE_SEG_ES].base = BASE + 0x1000;
	f.segs[AERIE_SEG_FS].base = BASE + 0x2000;
	put(0, 0xd5, 1);
	put(0x2000, 0xf5, 1);
	EXPECT_EQ(run("6e"), AERIE_EMUL_OK);
	f.regs[AERIE_REG_RSI] = 0;
	EXPECT_EQ(run("64 6e"), AERIE_EMUL_OK);		/* OUTS can be overridden */
	EXPECT(f.out[0] == 0xd5 && f.out[1] == 0xf5);
	EXPECT_EQ(run("64 6c"), AERIE_EMUL_OK);		/* INS cannot */
	EXPECT(get(0x1000, 1) == 0 && f.ins == 1);
	put(0x1000, 0x5a, 1);
	f.regs[AERIE_REG_RSI] = f.regs[AERIE_REG_RDI] = 0;
	EXPECT_EQ(run("64 a4"), AERIE_EMUL_OK);		/* MOVS: the source only */
	EXPECT_EQ(get(0x1000, 1), 0xf5);
	/* 16-bit pointers wrap and leave what is above them alone. */
	f.segs[AERIE_SEG_DS].base = BASE - 0xfff0;
	put(0xf, 0xee, 1);
	f.regs[AERIE_REG_RSI] = 0xabcdffff;
	f.regs[AERIE_REG_RCX] = 0x12340001;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_OK);
	EXPECT_EQ(f.out[2], 0xee);
	EXPECT_EQ(f.regs[AERIE_REG_RSI], 0xabcd0000);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0x12340000);
	f.regs[AERIE_REG_RSI] = 0;
	f.regs[AERIE_REG_RFLAGS] |= DF;
	f.segs[AERIE_SEG_DS].base = BASE;
	EXPECT_EQ(run("6e"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RSI], 0xffff);
	/* 32-bit pointers in 64-bit mode clear the upper half. */
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RDI] = 0x500000000 + BASE;
	f.regs[AERIE_REG_RCX] = 0x700000002;
	EXPECT_EQ(run("67 f3 6c"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RDI] == BASE + 2 && f.regs[AERIE_REG_RCX] == 0 && f.ins == 2);
	/* A limit in the middle of an iteration. */
	setup(AERIE_MODE_32);
	f.segs[AERIE_SEG_ES].limit = BASE + 5;
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RCX] = 2;
	EXPECT_EQ(run("f3 6d"), AERIE_EMUL_FAULT);
	EXPECT(f.e.fault.vector == 13 && f.ins == 1 && f.regs[AERIE_REG_RCX] == 1);
}

TEST(repeat_commits_what_was_done)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RDI] = BASE + 0xffc;
	f.regs[AERIE_REG_RCX] = 5;
	f.fault[1] = AERIE_EMUL_FAULT;
	EXPECT_EQ(run("f3 66 6d"), AERIE_EMUL_FAULT);
	EXPECT(f.ins == 2 && f.regs[AERIE_REG_RCX] == 3 && f.regs[AERIE_REG_RDI] == BASE + 0x1000);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1000 && f.e.fault.addr == BASE + 0x1000);
	EXPECT(get(0xffc, 2) == 0x2200 && get(0xffe, 2) == 0x2201);
	f.fault[1] = AERIE_EMUL_AGAIN;
	EXPECT_EQ(run("f3 66 6d"), AERIE_EMUL_AGAIN);
	EXPECT_EQ(f.ins, 2);
	f.fault[1] = 0;
	EXPECT_EQ(run("f3 66 6d"), AERIE_EMUL_OK);	/* goes on where it was */
	EXPECT(f.ins == 5 && get(0x1004, 2) == 0x2204 && f.regs[AERIE_REG_RIP] == 0x1003);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0);
	/* A port that asks for patience. */
	f.regs[AERIE_REG_RSI] = BASE;
	f.regs[AERIE_REG_RCX] = 2;
	f.pio_result = AERIE_EMUL_AGAIN;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_AGAIN);
	EXPECT(f.regs[AERIE_REG_RSI] == BASE && f.regs[AERIE_REG_RCX] == 2);
}

TEST(repeat_budget)
{
	setup(AERIE_MODE_64);
	f.e.rep_budget = 8;
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RAX] = 0x41;
	f.regs[AERIE_REG_RCX] = 20;
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1000 && f.regs[AERIE_REG_RCX] == 12);
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1002 && f.regs[AERIE_REG_RCX] == 0);
	EXPECT(get(19, 1) == 0x41 && get(20, 1) == 0);
	f.e.rep_budget = 0;				/* still gets somewhere */
	f.regs[AERIE_REG_RCX] = 2;
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 1);
	f.e.rep_budget = 100;				/* a single-step trap after each */
	f.regs[AERIE_REG_RFLAGS] |= TF;
	f.regs[AERIE_REG_RCX] = 9;
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 8);
	f.regs[AERIE_REG_RFLAGS] &= ~TF;
	/* SCAS that ends early leaves for the next instruction. */
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RCX] = 50;
	f.regs[AERIE_REG_RIP] = 0x1000;
	EXPECT_EQ(run("f3 ae"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1002 && f.regs[AERIE_REG_RDI] == BASE + 23);
	EXPECT(!(f.regs[AERIE_REG_RFLAGS] & 0x40));
}

TEST(stack)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RSP] = BASE + 0x1000;
	f.regs[AERIE_REG_RBX] = BASE;
	put(0, 0x1122334455667788, 8);
	EXPECT_EQ(run("ff 33"), AERIE_EMUL_OK);		/* push qword [rbx] */
	EXPECT_EQ(f.regs[AERIE_REG_RSP], BASE + 0xff8);
	EXPECT_EQ(get(0xff8, 8), 0x1122334455667788);
	EXPECT_EQ(run("66 ff 33"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RSP] == BASE + 0xff6 && get(0xff6, 2) == 0x7788);
	EXPECT_EQ(run("66 8f 43 10"), AERIE_EMUL_OK);
	EXPECT(get(0x10, 8) == 0x7788 && f.regs[AERIE_REG_RSP] == BASE + 0xff8);
	EXPECT_EQ(run("8f 44 24 08"), AERIE_EMUL_OK);	/* pop [rsp+8]: rsp after the pop */
	EXPECT_EQ(get(0x1008, 8), 0x1122334455667788);
	EXPECT_EQ(f.regs[AERIE_REG_RSP], BASE + 0x1000);
	EXPECT_EQ(run("ff 74 24 08"), AERIE_EMUL_OK);	/* push [rsp+8]: before the push */
	EXPECT_EQ(get(0xff8, 8), 0x1122334455667788);

	setup(AERIE_MODE_32);
	f.segs[AERIE_SEG_SS].base = BASE;
	f.segs[AERIE_SEG_SS].attr &= ~AERIE_SEG_DB;	/* 16-bit stack */
	f.segs[AERIE_SEG_DS].base = BASE;
	f.regs[AERIE_REG_RSP] = 0x55550102;
	put(0x20, 0xcafebabe, 4);
	f.regs[AERIE_REG_RBX] = 0x20;
	EXPECT_EQ(run("ff 33"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RSP] == 0x555500fe && get(0xfe, 4) == 0xcafebabe);
	f.regs[AERIE_REG_RSP] = 2;			/* SP wraps, and the limit is 64 KiB */
	f.segs[AERIE_SEG_SS].limit = 0xffff;
	expect_fault("ff 33", 12, true);

	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_SS].base = f.segs[AERIE_SEG_DS].base = BASE;
	put(0x100, 0x1234, 2);
	f.regs[AERIE_REG_RSP] = 0x100;
	EXPECT_EQ(run("8f 06 00 02"), AERIE_EMUL_OK);
	EXPECT(get(0x200, 2) == 0x1234 && f.regs[AERIE_REG_RSP] == 0x102);
}

TEST(compare_and_exchange)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RSI] = BASE + 0x10;
	put(0x10, 1, 8);
	put(0x18, 2, 8);
	f.regs[AERIE_REG_RAX] = 1;
	f.regs[AERIE_REG_RDX] = 2;
	f.regs[AERIE_REG_RBX] = 3;
	f.regs[AERIE_REG_RCX] = 4;
	EXPECT_EQ(run("48 0f c7 0e"), AERIE_EMUL_OK);	/* cmpxchg16b */
	EXPECT(get(0x10, 8) == 3 && get(0x18, 8) == 4);
	EXPECT(f.regs[AERIE_REG_RFLAGS] & 0x40);
	EXPECT_EQ(run("48 0f c7 0e"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RAX] == 3 && f.regs[AERIE_REG_RDX] == 4);
	EXPECT(!(f.regs[AERIE_REG_RFLAGS] & 0x40));
	f.regs[AERIE_REG_RSI] += 8;
	expect_fault("48 0f c7 0e", 13, true);		/* misaligned */
	f.regs[AERIE_REG_RSI] -= 8;
	EXPECT_EQ(run("f0 48 0f c7 0e"), AERIE_EMUL_UNHANDLED);
	f.read_only[0] = true;				/* the write happens in any case */
	f.regs[AERIE_REG_RAX] = 99;
	expect_fault("0f b1 0e", PF_VECTOR, true);
	expect_fault("0f c7 0e", PF_VECTOR, true);
	expect_fault("48 0f c7 0e", PF_VECTOR, true);
}

TEST(other_modes)
{
	setup(AERIE_MODE_32);
	f.regs[AERIE_REG_RBX] = BASE;
	f.regs[AERIE_REG_RIP] = 0xfffffffe;
	put(0, 0x80, 1);
	EXPECT_EQ(run("0f be 0b"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0xffffff80);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 1);		/* EIP wraps */
	EXPECT_EQ(run("63 03"), AERIE_EMUL_UNHANDLED);	/* ARPL */
	EXPECT_EQ(run("a1 04 00 01 00"), AERIE_EMUL_OK);
	EXPECT_EQ(run("82 03 01"), AERIE_EMUL_OK);	/* alias of 80 */
	EXPECT_EQ(get(0, 1), 0x81);
	EXPECT_EQ(run("40"), AERIE_EMUL_UNHANDLED);	/* inc eax: no memory */
}

TEST(left_alone)
{
	static const char * const insns[] = {
		"8b c3", "f4", "0f a2", "0f 01 3b", "0f 22 c0", "c4 e1 78 28 03", "c5 f8 28 03",
		"62 f1 7c 48 28 03", "8f e9 78 01 0b", "0f 28 03", "f2 0f 38 f0 03", "8e 1b",
		"ff 13", "ff 1b", "ff 2b", "f7 23", "f7 33", "c1 23 01", "d1 23", "0f a4 03 01",
		"0f ae 03", "f3 0f ae 33", "0f c7 33", "0f ba 03 01", "c7 0b 01 00 00 00",
		"66 0f c3 03", "0f 3a 0f 03 01", "8c 33", "d9 03", "0f 0d 0b",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		setup(AERIE_MODE_64);
		f.regs[AERIE_REG_RBX] = BASE;
		EXPECT_EQ(run(insns[i]), AERIE_EMUL_UNHANDLED);
		EXPECT(f.reg_writes == 0 && f.mem_writes == 0);
	}
	setup(AERIE_MODE_64);
	EXPECT_EQ(run("0f ae 3b"), AERIE_EMUL_OK);	/* clflush, whatever is there */
	EXPECT_EQ(run("66 0f ae 33"), AERIE_EMUL_OK);	/* clwb */
	EXPECT(f.mem_reads == 0 && f.mem_writes == 0 && f.regs[AERIE_REG_RIP] == 0x1007);
}
