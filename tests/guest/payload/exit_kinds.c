// SPDX-License-Identifier: GPL-2.0
/*
 * Every instruction that makes a guest exit: it does what the manual says, and
 * the registers and flags around it stay as they were.
 */
#include "guest.h"

/* Run an instruction with all other registers holding known values. */
struct gprs { u64 rbx, rbp, rsi, rdi, r8, r9, r10, r11, r12, r13, r14, r15, flags; };

#define PRESERVES(insn) do {								\
	struct gprs _g;									\
	asm volatile(									\
		"push %%rbp; push %%rbx\n"						\
		"mov $0x101, %%rsi; mov $0x202, %%r8; mov $0x303, %%r9\n"		\
		"mov $0x404, %%r10; mov $0x505, %%r11; mov $0x606, %%r12\n"		\
		"mov $0x707, %%r13; mov $0x808, %%r14; mov $0x909, %%r15\n"		\
		"mov $0xa0a, %%rbp; stc; std\n"						\
		insn "\n"								\
		"pushfq; cld\n"								\
		"mov %%rsi, 16(%0); mov %%rbp, 8(%0); mov %%r8, 32(%0); mov %%r9, 40(%0)\n" \
		"mov %%r10, 48(%0); mov %%r11, 56(%0); mov %%r12, 64(%0)\n"		\
		"mov %%r13, 72(%0); mov %%r14, 80(%0); mov %%r15, 88(%0)\n"		\
		"popq 96(%0); pop %%rbx; pop %%rbp\n"					\
		:: "D"(&_g)								\
		: "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", \
		  "r15", "memory", "cc");						\
	EXPECT_EQ(_g.rsi, 0x101); EXPECT_EQ(_g.r8, 0x202); EXPECT_EQ(_g.r9, 0x303);	\
	EXPECT_EQ(_g.r10, 0x404); EXPECT_EQ(_g.r11, 0x505); EXPECT_EQ(_g.r12, 0x606);	\
	EXPECT_EQ(_g.r13, 0x707); EXPECT_EQ(_g.r14, 0x808); EXPECT_EQ(_g.r15, 0x909);	\
	EXPECT_EQ(_g.rbp, 0xa0a);							\
	EXPECT_EQ(_g.flags & (FLAG_CF | FLAG_DF | FLAG_IF), FLAG_CF | FLAG_DF);		\
} while (0)

TEST(registers_survive)
{
	PRESERVES("xor %%eax, %%eax; xor %%ecx, %%ecx; stc; cpuid");
	PRESERVES("mov $0x1b, %%ecx; rdmsr");
	PRESERVES("mov $0xc0000080, %%ecx; rdmsr; wrmsr");
	PRESERVES("in $0x61, %%al");
	PRESERVES("mov $0x55, %%al; out %%al, $0x80");
	PRESERVES("mov $0xfee00030, %%eax; mov (%%rax), %%ecx");
	PRESERVES("rdtsc");
	PRESERVES("pause");
	PRESERVES("mov %%cr0, %%rax; mov %%rax, %%cr0");
	PRESERVES("mov %%cr3, %%rax; mov %%rax, %%cr3");
	PRESERVES("mov %%cr4, %%rax; mov %%rax, %%cr4");
	PRESERVES("mov %%cr8, %%rax; mov %%rax, %%cr8");
	PRESERVES("mov %%dr7, %%rax; mov %%rax, %%dr7");
	PRESERVES("clts");
	PRESERVES("smsw %%ax; lmsw %%ax");
	PRESERVES("wbinvd");
	PRESERVES("invlpg (%%rsp)");
	PRESERVES("movl $1, 0x60000000");
}

TEST(cpuid_clears_upper_halves)
{
	u64 a = ~0ull << 32 | 1, b, c = ~0ull << 32, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	EXPECT_EQ((a | b | c | d) >> 32, 0);
	a = MSR_APIC_BASE;
	c = ~0ull << 32 | MSR_APIC_BASE;
	d = ~0ull;
	asm volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(c));
	EXPECT_EQ((a | d) >> 32, 0);
}

/* Prefixes lengthen an instruction; the next one must still be found. */
TEST(prefixed_instructions)
{
	u64 x = 0;

	asm volatile("xor %%eax, %%eax; xor %%ecx, %%ecx; .byte 0x66, 0x48, 0x0f, 0xa2; inc %0"
		     : "+S"(x) :: "rax", "rbx", "rcx", "rdx");
	asm volatile("mov $0x1b, %%ecx; .byte 0x2e, 0x66, 0x0f, 0x32; inc %0"
		     : "+S"(x) :: "rax", "rcx", "rdx");
	asm volatile(".byte 0x66, 0x40, 0xe4, 0x61; inc %0" : "+S"(x) :: "rax");
	asm volatile(".byte 0x3e, 0x0f, 0x31; inc %0" : "+S"(x) :: "rax", "rdx");
	asm volatile(".byte 0x66, 0x66, 0x66, 0x0f, 0x09; inc %0" : "+S"(x) :: "memory");
	EXPECT_EQ(x, 5);
}

static volatile u64 shadow_rip;

static void on_shadow_irq(struct regs *r)
{
	shadow_rip = r->rip;
	apic_eoi();
}

/* Run an instruction in the shadow of STI while an interrupt waits: it comes after it. */
#define AFTER_STI(insn) do {								\
	u64 _after;									\
											\
	shadow_rip = 0;									\
	apic_icr(apic_id(), 0x51 | ICR_ASSERT);						\
	asm volatile("push %%rbx; lea 1f(%%rip), %%rdi\n"				\
		     "xor %%eax, %%eax; mov $0x1b, %%ecx\n"				\
		     "sti\n" insn "\n1: nop; cli; pop %%rbx"				\
		     : "=D"(_after) : "S"(LAPIC + APIC_VERSION)				\
		     : "rax", "rcx", "rdx", "memory", "cc");				\
	EXPECT_EQ(shadow_rip, _after);							\
} while (0)

/* It is taken right after that one: not before, not later. */
TEST(interrupt_shadow)
{
	u32 i;

	apic_enable();
	set_handler(0x51, on_shadow_irq);
	for (i = 0; i < 3; i++) {
		AFTER_STI("cpuid");
		AFTER_STI("rdmsr");
		AFTER_STI("wbinvd");
		AFTER_STI("in $0x21, %%al");
		AFTER_STI("mov (%%rsi), %%edx");
		AFTER_STI("mov %%edx, (%%rsi)");
	}
	set_handler(0x51, NULL);
}

/* Code made up of bytes: runs it with RSI at the local APIC's version register. */
static u64 run_bytes(const void *code)
{
	u64 rax = 0x1122334455667788, rcx = 0;

	asm volatile("push %%rbx; call *%3; pop %%rbx"
		     : "+a"(rax), "+c"(rcx) : "S"(LAPIC + APIC_VERSION), "r"(code)
		     : "rdx", "r8", "memory", "cc");
	return rax;
}

struct snippet {
	u8 len;
	u8 bytes[16];
	u64 rax;
};

/* What each leaves in RAX, starting from 0x1122334455667788. */
static const struct snippet snippets[] = {
	{ 3, { 0x0f, 0x09, 0xc3 }, 0x1122334455667788 },		/* wbinvd */
	{ 6, { 0x66, 0x2e, 0x3e, 0x0f, 0x09, 0xc3 }, 0x1122334455667788 },
	{ 3, { 0x8b, 0x06, 0xc3 }, 0x50014 },				/* mov (%rsi), %eax */
	{ 3, { 0x8a, 0x06, 0xc3 }, 0x1122334455667714 },		/* mov (%rsi), %al */
	{ 4, { 0x66, 0x8b, 0x06, 0xc3 }, 0x1122334455660014 },		/* mov (%rsi), %ax */
	{ 5, { 0x66, 0x90, 0x8b, 0x06, 0xc3 }, 0x50014 },
	{ 3, { 0x89, 0x06, 0xc3 }, 0x1122334455667788 },		/* mov %eax, (%rsi) */
	{ 7, { 0xc7, 0x06, 1, 2, 3, 4, 0xc3 }, 0x1122334455667788 },
	{ 4, { 0x44, 0x8b, 0x06, 0xc3 }, 0x1122334455667788 },		/* to %r8d */
	{ 4, { 0x8b, 0x46, 0x00, 0xc3 }, 0x50014 },			/* 0(%rsi) */
	{ 4, { 0x33, 0x06, 0x90, 0xc3 }, 0x55667788 ^ 0x50014 },	/* xor (%rsi), %eax */
	{ 3, { 0xe4, 0x61, 0xc3 }, 0 },					/* in $0x61, %al */
	{ 9, { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x0f, 0x09, 0xc3 }, 0x1122334455667788 },
};

static void check_snippet(const struct snippet *s, const void *code)
{
	u64 rax = 0;
	int vec = TRY(rax = run_bytes(code));

	if (s->bytes[0] == 0xe4)	/* any value */
		rax = vec == NO_TRAP ? s->rax : 1;
	if (vec != NO_TRAP || rax != s->rax)
		printf("# snippet %u at 0x%lx: trap %d rax 0x%lx\n", (u32)(s - snippets),
		       (u64)code, vec, rax);
	EXPECT_EQ(vec, NO_TRAP);
	EXPECT_EQ(rax, s->rax);
}

/* Code that changes between two exits at the same address. */
TEST(rewritten_code)
{
	u8 *code = page_alloc();
	u32 i, round;

	if (apic_read(APIC_VERSION) != 0x50014)
		SKIP("another local APIC");
	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(snippets); i++) {
			memcpy(code + 0x80, snippets[i].bytes, snippets[i].len);
			check_snippet(&snippets[i], code + 0x80);
			check_snippet(&snippets[i], code + 0x80);
		}
	}
}

/* The same address in two address spaces, and through a changed entry. */
TEST(remapped_code)
{
	u64 addr = 0x40200000, frames[2];
	u8 *code;
	u32 i, n;

	if (apic_read(APIC_VERSION) != 0x50014)
		SKIP("another local APIC");
	for (n = 0; n < 2; n++)
		frames[n] = (u64)page_alloc();
	for (i = 0; i + 1 < ARRAY_SIZE(snippets); i++) {
		for (n = 0; n < 4; n++) {
			code = (u8 *)frames[n & 1] + 0x40;
			memcpy(code, snippets[i + (n & 1)].bytes, snippets[i + (n & 1)].len);
			*pte_of(read_cr3(), addr, 1) = frames[n & 1] | PTE_P | PTE_W;
			flush_tlb();
			check_snippet(&snippets[i + (n & 1)], (void *)(addr + 0x40));
		}
	}
}

/* Every way in which an instruction can lie across two pages that are not adjacent. */
TEST(code_across_pages)
{
	u64 addr = 0x40400000, first = (u64)page_alloc(), second = (u64)page_alloc();
	u32 i, cut, j;

	if (apic_read(APIC_VERSION) != 0x50014)
		SKIP("another local APIC");
	*pte_of(read_cr3(), addr, 1) = second | PTE_P | PTE_W;
	*pte_of(read_cr3(), addr + 0x1000, 1) = first | PTE_P | PTE_W;
	flush_tlb();
	for (i = 0; i < ARRAY_SIZE(snippets); i++) {
		for (cut = 0; cut <= snippets[i].len; cut++) {
			for (j = 0; j < snippets[i].len; j++)
				*(u8 *)(addr + 0x1000 - cut + j) = snippets[i].bytes[j];
			check_snippet(&snippets[i], (void *)(addr + 0x1000 - cut));
		}
	}
}

TEST(port_io_sizes)
{
	u64 rax = ~0ull;

	/* Nobody is at 0x1f40: all ones, in as many bytes as asked for. */
	rax = 0x1122334455667788;
	asm volatile("inb %%dx, %%al" : "+a"(rax) : "d"(0x1f40));
	EXPECT_EQ(rax, 0x11223344556677ff);
	rax = 0x1122334455667788;
	asm volatile("inw %%dx, %%ax" : "+a"(rax) : "d"(0x1f40));
	EXPECT_EQ(rax, 0x112233445566ffff);
	rax = 0x1122334455667788;
	asm volatile("inl %%dx, %%eax" : "+a"(rax) : "d"(0x1f40));
	EXPECT_EQ(rax, 0xffffffff);
	outb(1, 0x1f40);
	outw(1, 0x1f40);
	outl(1, 0x1f40);
	/* The last port, and beyond it */
	outb(1, 0xffff);
	inl(0xfffd);
}

TEST(port_io_strings)
{
	static u8 buf[64], text[] = "# rep outsb to the serial port\n";
	u64 from = (u64)text, to = (u64)buf, n = sizeof(text) - 1;
	u32 i, bad = 0;

	asm volatile("rep outsb" : "+S"(from), "+c"(n) : "d"(0x3f8) : "memory");
	EXPECT_EQ(from, (u64)text + sizeof(text) - 1);
	EXPECT_EQ(n, 0);

	/* The scratch register of the serial port, 20 times */
	outb(0x5a, 0x3ff);
	n = 20;
	memset(buf, 0, sizeof(buf));
	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x3ff) : "memory");
	EXPECT_EQ(to, (u64)buf + 20);
	for (i = 0; i < sizeof(buf); i++)
		bad += buf[i] != (i < 20 ? 0x5a : 0);
	EXPECT_EQ(bad, 0);

	/* Backwards, in words, not repeated; nothing at all with a count of 0 */
	to = (u64)buf + 32;
	asm volatile("std; insw; cld" : "+D"(to) : "d"(0x1f40) : "memory");
	EXPECT_EQ(to, (u64)buf + 30);
	EXPECT_EQ(*(u16 *)(buf + 32), 0xffff);
	n = 0;
	to = (u64)buf;
	asm volatile("rep insl" : "+D"(to), "+c"(n) : "d"(0x1f40) : "memory");
	EXPECT_EQ(to, (u64)buf);
	EXPECT_EQ(buf[0], 0x5a);

	/* Across a page, and into one that faults in the middle */
	to = 0x40000ff8;
	n = 16;
	*pte_of(read_cr3(), 0x40000000, 1) = (u64)page_alloc() | PTE_P | PTE_W;
	*pte_of(read_cr3(), 0x40001000, 1) = 0;
	flush_tlb();
	EXPECT_EQ(TRY(asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x3ff) : "memory")), PF);
	EXPECT_EQ(LAST_TRAP->cr2, 0x40001000);
	EXPECT_EQ(LAST_TRAP->error, 2);
	EXPECT_EQ(*(u64 *)0x40000ff8, 0x5a5a5a5a5a5a5a5a);
	*pte_of(read_cr3(), 0x40001000, 1) = (u64)page_alloc() | PTE_P | PTE_W;
	flush_tlb();
	to = 0x40000ffc;
	n = 8;
	asm volatile("rep insb" : "+D"(to), "+c"(n) : "d"(0x3ff) : "memory");
	EXPECT_EQ(*(u32 *)0x40001000, 0x5a5a5a5a);
}

TEST(control_registers)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4();
	u16 msw;

	write_cr0(cr0 | CR0_TS);
	EXPECT_EQ(read_cr0(), cr0 | CR0_TS);
	asm volatile("clts");
	EXPECT_EQ(read_cr0(), cr0);
	asm volatile("smsw %0" : "=r"(msw));
	EXPECT_EQ(msw, cr0 & 0xffff);
	/* LMSW sets PE but never clears it, and changes MP, EM, TS */
	asm volatile("lmsw %0" :: "r"((u16)(msw | CR0_TS)));
	EXPECT_EQ(read_cr0() & CR0_TS, CR0_TS);
	asm volatile("lmsw %0" :: "r"((u16)(msw & ~(CR0_TS | CR0_PE))));
	EXPECT_EQ(read_cr0(), cr0);
	write_cr0(cr0 | CR0_CD);
	EXPECT_EQ(read_cr0(), cr0 | CR0_CD);
	write_cr0(cr0 ^ CR0_WP);
	EXPECT_EQ(read_cr0(), cr0 ^ CR0_WP);
	write_cr0(cr0);
	write_cr4(cr4 ^ CR4_PGE);
	EXPECT_EQ(read_cr4(), cr4 ^ CR4_PGE);
	write_cr4(cr4 ^ CR4_TSD);
	EXPECT_EQ(read_cr4(), cr4 ^ CR4_TSD);
	write_cr4(cr4);
	asm volatile("mov %0, %%cr2" :: "r"(0x123456789000ull));
	EXPECT_EQ(read_cr2(), 0x123456789000ull);
	write_cr8(7);
	EXPECT_EQ(read_cr8(), 7);
	EXPECT_EQ(apic_read(APIC_TPR), 0x70);
	apic_write(APIC_TPR, 0x25);
	EXPECT_EQ(read_cr8(), 2);
	write_cr8(0);
	EXPECT_EQ(TRY(asm volatile("mov %%cr1, %%rax" ::: "rax")), UD);
	EXPECT_EQ(TRY(asm volatile("mov %%cr5, %%rax" ::: "rax")), UD);
}

static void count_ticks(struct regs *r)
{
	static volatile u32 n;

	*(volatile u32 *)0x600000 = ++n;
	apic_eoi();
}

TEST(hlt_waits_for_an_interrupt)
{
	volatile u32 *ticks = (u32 *)0x600000;
	u64 t0, t1;

	apic_enable();
	*ticks = 0;
	set_handler(0x50, count_ticks);
	apic_write(APIC_TIMER_DIV, 0xb);
	apic_write(APIC_LVT_TIMER, 0x50);
	t0 = rdtsc();
	apic_write(APIC_TIMER_INIT, 5000000);
	sti_hlt_cli();
	t1 = rdtsc();
	EXPECT_EQ(*ticks, 1);
	EXPECT(t1 > t0);
	/* One that is pending already: HLT goes on at once. */
	apic_icr(apic_id(), 0x50 | ICR_ASSERT);
	sti_hlt_cli();
	EXPECT_EQ(*ticks, 2);
	set_handler(0x50, NULL);
}

TEST(time_stamp)
{
	u64 a, b, last = 0, i;
	u32 lo, hi, aux;

	for (i = 0; i < 1000; i++) {
		a = rdtsc();
		EXPECT(a > last || i == 0);
		if (a <= last)
			break;
		last = a;
	}
	wrmsr(MSR_TSC_AUX, 0x1234);
	asm volatile("rdtscp" : "=a"(lo), "=d"(hi), "=c"(aux));
	EXPECT_EQ(aux, 0x1234);
	b = (u64)hi << 32 | lo;
	EXPECT(b > last);
	if (on_tcg())
		SKIP("TCG has no such MSR");
	a = rdmsr(MSR_TSC);
	EXPECT(a > b);
	EXPECT(a - b < 1000 * tsc_per_ms());
}

static void user_rdtsc(void) { rdtsc(); user_exit(); }
static void user_rdpmc(void) { asm volatile("rdpmc" :: "c"(0) : "rax", "rdx"); user_exit(); }
static void user_cpuid(void) { cpuid(0, 0); user_exit(); }
static void user_rdmsr(void) { rdmsr(MSR_APIC_BASE); user_exit(); }
static void user_wbinvd(void) { asm volatile("wbinvd"); user_exit(); }
static void user_cr0(void) { read_cr0(); user_exit(); }
static void user_dr7(void) { read_dr7(); user_exit(); }
static void user_vmcall(void) { asm volatile("vmcall" : : "a"(9999)); user_exit(); }
static void user_vmmcall(void) { asm volatile("vmmcall" : : "a"(9999)); user_exit(); }
static void user_clts(void) { asm volatile("clts"); user_exit(); }
static void user_invlpg(void) { invlpg(0); user_exit(); }
static void user_pause(void) { pause(); user_exit(); }
static void user_xsetbv(void) { asm volatile("xsetbv" :: "a"(1), "d"(0), "c"(0)); user_exit(); }

TEST(privilege)
{
	static const struct {
		void (*fn)(void);
		const char *name;
		int vector;
	} t[] = {
		{ user_rdtsc, "rdtsc", VECTOR_USER }, { user_cpuid, "cpuid", VECTOR_USER },
		{ user_pause, "pause", VECTOR_USER }, { user_rdmsr, "rdmsr", GP },
		{ user_wbinvd, "wbinvd", GP }, { user_cr0, "mov cr0", GP },
		{ user_dr7, "mov dr7", GP }, { user_clts, "clts", GP },
		{ user_invlpg, "invlpg", GP }, { user_rdpmc, "rdpmc", GP },
	};
	u32 i;
	int vec;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		if (on_tcg() && t[i].fn == user_rdpmc)
			continue;
		vec = TRY(enter_user(t[i].fn));
		if (vec != t[i].vector)
			printf("# %s\n", t[i].name);
		EXPECT_EQ(vec, t[i].vector);
	}
	write_cr4(read_cr4() | CR4_TSD);
	EXPECT_EQ(TRY(enter_user(user_rdtsc)), GP);
	write_cr4(read_cr4() & ~CR4_TSD);
	/* Without CR4.OSXSAVE there is no XSETBV; with it, not from ring 3. */
	EXPECT_EQ(TRY(asm volatile("xsetbv" :: "a"(1), "d"(0), "c"(0))), UD);
	if (cpuid(1, 0).c & BIT(26)) {
		write_cr4(read_cr4() | CR4_OSXSAVE);
		EXPECT_EQ(TRY(asm volatile("xsetbv" :: "a"(1), "d"(0), "c"(0))), NO_TRAP);
		EXPECT_EQ(TRY(asm volatile("xsetbv" :: "a"(0), "d"(0), "c"(0))), GP);
		EXPECT_EQ(TRY(asm volatile("xsetbv" :: "a"(5), "d"(0), "c"(0))), GP);
		EXPECT_EQ(TRY(asm volatile("xsetbv" :: "a"(3), "d"(0), "c"(1))), GP);
		EXPECT_EQ(TRY(enter_user(user_xsetbv)), GP);
		write_cr4(read_cr4() & ~CR4_OSXSAVE);
	}
}

/* Instructions of extensions that a guest has not got. */
TEST(not_for_guests)
{
	struct cpuid c1 = cpuid(1, 0);

	if (on_tcg())
		SKIP("nothing takes them away");
	EXPECT_EQ(c1.c & BIT(5), 0);		/* VMX */
	EXPECT_EQ(c1.c & BIT(6), 0);		/* SMX */
	EXPECT_EQ(cpuid(0x80000001, 0).c & BIT(2), 0);	/* SVM */
	EXPECT_EQ(TRY(asm volatile("vmlaunch")), UD);
	EXPECT_EQ(TRY(asm volatile("vmresume")), UD);
	EXPECT_EQ(TRY(asm volatile("vmxoff")), UD);
	EXPECT_EQ(TRY(asm volatile("vmptrld (%rsp)")), UD);
	EXPECT_EQ(TRY(asm volatile("vmclear (%rsp)")), UD);
	EXPECT_EQ(TRY(asm volatile("vmread %%rax, %%rcx" ::: "rcx")), UD);
	EXPECT_EQ(TRY(asm volatile("vmrun" :: "a"(0x600000))), UD);
	EXPECT_EQ(TRY(asm volatile("vmload" :: "a"(0x600000))), UD);
	EXPECT_EQ(TRY(asm volatile("vmsave" :: "a"(0x600000))), UD);
	EXPECT_EQ(TRY(asm volatile("stgi")), UD);
	EXPECT_EQ(TRY(asm volatile("clgi")), UD);
	EXPECT_EQ(TRY(asm volatile("skinit" :: "a"(0))), UD);
	EXPECT_EQ(TRY(asm volatile("rsm")), UD);
	EXPECT_EQ(TRY(asm volatile("getsec" :: "a"(0))), UD);
	if (!(c1.c & BIT(3))) {
		EXPECT_EQ(TRY(asm volatile("monitor" :: "a"(0x600000), "c"(0), "d"(0))), UD);
		EXPECT_EQ(TRY(asm volatile("mwait" :: "a"(0), "c"(0))), UD);
	}
}

/* KVM's interface: a hypercall that does not exist gives -KVM_ENOSYS in RAX. */
TEST(hypercalls)
{
	struct cpuid kvm = cpuid(0x40000000, 0);
	s64 ret = 9999;
	int vec;

	if (kvm.b != 0x4b4d564b)
		SKIP("no KVM leaves");
	if (cpuid(0, 0).b == 0x756e6547)		/* "Genu" */
		vec = TRY(asm volatile("vmcall" : "+a"(ret) : "b"(1) : "memory"));
	else
		vec = TRY(asm volatile("vmmcall" : "+a"(ret) : "b"(1) : "memory"));
	EXPECT_EQ(vec, NO_TRAP);
	EXPECT_EQ(ret, -1000);
	/* From ring 3 too it does no harm. */
	if (cpuid(0, 0).b == 0x756e6547)
		vec = TRY(enter_user(user_vmcall));
	else
		vec = TRY(enter_user(user_vmmcall));
	EXPECT(vec == VECTOR_USER || vec == UD || vec == GP);
}

TEST(caches_and_translations)
{
	volatile u32 *p = (u32 *)0x41000000;
	u64 a = (u64)page_alloc(), b = (u64)page_alloc();
	struct { u64 pcid, addr; } desc = { 0, 0x41000000 };

	*(u32 *)a = 1;
	*(u32 *)b = 2;
	*pte_of(read_cr3(), (u64)p, 1) = a | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(*p, 1);
	*pte_of(read_cr3(), (u64)p, 1) = b | PTE_P | PTE_W;
	invlpg((u64)p);
	EXPECT_EQ(*p, 2);
	if (cpuid(7, 0).b & BIT(10)) {
		*pte_of(read_cr3(), (u64)p, 1) = a | PTE_P | PTE_W;
		asm volatile("invpcid %0, %1" :: "m"(desc), "r"(2ull) : "memory");
		EXPECT_EQ(*p, 1);
	} else if (!on_tcg()) {
		EXPECT_EQ(TRY(asm volatile("invpcid %0, %1" :: "m"(desc), "r"(2ull))), UD);
	}
	asm volatile("wbinvd" ::: "memory");
	EXPECT_EQ(*(u32 *)b, 2);
	asm volatile("invd" ::: "memory");
}

TEST(descriptor_tables)
{
	struct dtable d;
	u16 ldt, tr;

	asm volatile("sgdt %0" : "=m"(d));
	EXPECT_EQ(d.base, gdt);
	asm volatile("sidt %0" : "=m"(d));
	EXPECT_EQ(d.base, idt);
	EXPECT_EQ(d.limit, sizeof(idt) - 1);
	asm volatile("sldt %0" : "=r"(ldt));
	EXPECT_EQ(ldt, 0);
	asm volatile("str %0" : "=r"(tr));
	EXPECT_EQ(tr, SEL_TSS);
}

/* Addresses that nobody decodes: all ones, writes vanish. */
TEST(memory_that_is_not_there)
{
	volatile u8 *p = (u8 *)0xd0000000;

	if (on_tcg())
		SKIP("QEMU reads 0 there");
	EXPECT_EQ(*p, 0xff);
	EXPECT_EQ(*(volatile u64 *)p, ~0ull);
	*(volatile u32 *)p = 0;
	EXPECT_EQ(*(volatile u32 *)p, 0xffffffff);
	/* across a page */
	EXPECT_EQ(*(volatile u32 *)(p + 0xffe), 0xffffffff);
}
