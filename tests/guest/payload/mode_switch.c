// SPDX-License-Identifier: GPL-2.0
/*
 * Real mode, protected mode, long mode and back, many times; and what is special
 * in each: real-mode segments and interrupts, "unreal" limits, 16-bit protected
 * mode, virtual-8086 mode, compatibility mode.
 */
#include "guest.h"

#define RESULT	0x6000		/* where 16-bit code leaves what it found */
static volatile u32 *const found = (u32 *)RESULT;

#define REAL(name, code)							\
	extern u8 name[], name##_end[];						\
	asm(".text; .code16\n" #name ": " code "; ret\n" #name "_end: .code64\n")
#define RUN_REAL(name)	run_real(name, name##_end - name)

/* Segment arithmetic, stack, ports, CPUID; A20 is on. */
REAL(real_basics,
     "mov $0x600, %ax; mov %ax, %es\n"
     "movl $0x11111111, %es:0\n"
     "push $0x1234; pop %bx; mov %bx, %es:4\n"
     "mov $0x5a, %al; mov $0x3ff, %dx; out %al, %dx; xor %al, %al; in %dx, %al\n"
     "movzx %al, %eax; mov %eax, %es:8\n"
     "xor %eax, %eax; xor %ecx, %ecx; cpuid; mov %ebx, %es:12\n"
     "mov $0xffff, %ax; mov %ax, %fs; mov %fs:0x10, %eax; mov %eax, %es:16\n"
     "mov %cr0, %eax; mov %eax, %es:20\n"
     "smsw %ax; mov %ax, %es:24\n"
     "pushf; pop %ax; mov %ax, %es:28");

TEST(real_mode)
{
	u32 i, at_1m;

	outb(0, 0x3ff);
	at_1m = *(u32 *)0x100000;
	for (i = 0; i < 20; i++) {
		memset((void *)RESULT, 0, 64);
		RUN_REAL(real_basics);
		EXPECT_EQ(found[0], 0x11111111);
		EXPECT_EQ(found[1], 0x1234);
		EXPECT_EQ(found[2], 0x5a);
		EXPECT_EQ(found[3], cpuid(0, 0).b);
		EXPECT_EQ(found[4], at_1m);
		EXPECT_EQ(found[5] & (CR0_PE | CR0_PG), 0);
		EXPECT_EQ(found[6] & 1, 0);
		EXPECT_EQ(found[7] & FLAG_IF, 0);
	}
	/* and 64-bit mode is all there again */
	EXPECT_EQ(read_cr0() & (CR0_PE | CR0_PG), CR0_PE | CR0_PG);
	EXPECT_EQ(rdmsr(MSR_EFER) & (EFER_LME | EFER_LMA), EFER_LME | EFER_LMA);
	EXPECT_EQ(TRY(asm volatile("ud2")), UD);
}

/* Software interrupts and exceptions through the vector table at 0. */
REAL(real_interrupts,
     "xor %ax, %ax; mov %ax, %es\n"
     "movw $0x7100 + 3f - real_interrupts, %es:0x80 * 4; movw $0, %es:0x80 * 4 + 2\n"
     "movw $0x7100 + 4f - real_interrupts, %es:0 * 4; movw $0, %es:0 * 4 + 2\n"
     "movw $0x7100 + 5f - real_interrupts, %es:6 * 4; movw $0, %es:6 * 4 + 2\n"
     "movl $0, %es:0x6000; movl $0, %es:0x6004; movl $0, %es:0x6008\n"
     "stc; int $0x80; int $0x80\n"
     "xor %dx, %dx; mov $1, %ax; xor %cx, %cx; div %cx\n"
     "1: ud2\n"
     "2: ret\n"
     "3: incl %es:0x6000; iret\n"
     /* #DE: the frame holds the instruction's own address; skip its 2 bytes */
     "4: incl %es:0x6004; push %bp; mov %sp, %bp; addw $2, 2(%bp); pop %bp; iret\n"
     "5: incl %es:0x6008; push %bp; mov %sp, %bp; addw $2, 2(%bp); pop %bp; iret");

TEST(real_mode_interrupts)
{
	RUN_REAL(real_interrupts);
	EXPECT_EQ(found[0], 2);
	EXPECT_EQ(found[1], 1);
	EXPECT_EQ(found[2], 1);
}

/* A hardware interrupt wakes a halted processor in real mode. */
REAL(real_halt,
     "xor %ax, %ax; mov %ax, %es; movl $0, %es:0x6000\n"
     "movw $0x7100 + 3f - real_halt, %es:0x20 * 4; movw $0, %es:0x20 * 4 + 2\n"
     "mov $0x30, %al; out %al, $0x43; mov $0, %al; out %al, $0x40; mov $0x10, %al; out %al, $0x40\n"
     "mov $0xfe, %al; out %al, $0x21\n"
     "1: sti; hlt; cli; cmpl $0, %es:0x6000; je 1b\n"
     "mov $0xff, %al; out %al, $0x21; ret\n"
     "3: push %ax; incl %es:0x6000; mov $0x20, %al; out %al, $0x20; pop %ax; iret");

TEST(real_mode_halt)
{
	pic_setup();
	apic_enable();
	apic_write(APIC_LVT_LINT0, LVT_EXTINT);
	RUN_REAL(real_halt);
	EXPECT_EQ(found[0], 1);
}

/* Limits loaded in protected mode stay when PE is cleared. */
REAL(unreal,
     "cli; mov %cr0, %eax; or $1, %al; mov %eax, %cr0\n"
     "mov $0x10, %bx; mov %bx, %gs\n"
     "and $0xfe, %al; mov %eax, %cr0\n"
     "mov $0x100000, %ebx; mov %gs:(%ebx), %eax\n"
     "xor %bx, %bx; mov %bx, %es; mov %eax, %es:0x6000\n"
     "mov $0x600004, %ebx; movl $0x77, %gs:(%ebx)");

TEST(unreal_mode)
{
	*(volatile u32 *)0x600004 = 0;
	RUN_REAL(unreal);
	EXPECT_EQ(found[0], *(u32 *)0x100000);
	EXPECT_EQ(*(volatile u32 *)0x600004, 0x77);
}

/* ---- Protected mode ---- */

extern u8 code_ok[], code_ud[], code_div[], code_into[], code_bound[], code_limit[], code_16[],
	  code_loop[], code_v86[];
asm(".text; .code32\n"
    "code_ok: lea 1(%ebx), %eax; ret\n"
    "code_ud: ud2\n"
    "code_div: xor %ecx, %ecx; mov $1, %eax; cdq; div %ecx; ret\n"
    "code_into: mov $0x7fffffff, %eax; add $1, %eax; into; ret\n"
    "code_bound: mov %ebx, %eax; bound %eax, (%esi); ret\n"
    /* a segment of 4 KiB: its last byte, then one more */
    "code_limit: mov $0x48, %eax; mov %eax, %fs; mov %fs:0xfff, %al; mov %fs:0x1000, %al; ret\n"
    /* into a 16-bit segment and back */
    "code_16: push %ebx; lcall $0x20, $0x7f00; pop %ebx; movzx %ax, %eax; ret\n"
    ".code16\n"
    "code_loop: mov $0xffff, %ax; inc %ax; sub $2, %ax; lretl\n"
    ".code32\n"
    ".code64\n");

static struct mode32 m;

static int run(const void *code, u32 ebx, u32 esi)
{
	setup_idt32();
	m = (struct mode32) {
		.cr0 = CR0_PE | CR0_NE, .code = (u64)code, .ebx = ebx, .esi = esi, .vector = ~0u,
	};
	run_mode32(&m);
	return m.vector;
}

TEST(protected_mode)
{
	static s32 bounds[2] = { 3, 5 };
	u32 i;

	for (i = 0; i < 20; i++) {
		EXPECT_EQ(run(code_ok, 41, 0), NO_TRAP);
		EXPECT_EQ(m.result, 42);
		EXPECT_EQ(run(code_ud, 0, 0), UD);
		EXPECT_EQ(m.eip, code_ud);
		EXPECT_EQ(run(code_div, 0, 0), DE);
	}
	EXPECT_EQ(run(code_into, 0, 0), OF);
	EXPECT_EQ(run(code_bound, 4, (u64)bounds), NO_TRAP);
	EXPECT_EQ(run(code_bound, 6, (u64)bounds), BR);
	EXPECT_EQ(m.eip, (u32)(u64)code_bound + 2);
	if (tcg_below())
		SKIP("TCG does not check limits");
	gdt[SEL_TEST / 8] = descriptor(0x100000, 0xfff, 0x93, 0x4);
	EXPECT_EQ(run(code_limit, 0, 0), GP);
	EXPECT_EQ(m.error, 0);
}

TEST(sixteen_bit_protected_mode)
{
	memcpy((void *)0x7f00, code_loop, 32);
	EXPECT_EQ(run(code_16, 0, 0), NO_TRAP);
	EXPECT_EQ(m.result, 0xfffe);
}

/* Compatibility mode: the same, but with 64-bit mode's tables and traps. */
TEST(compatibility_mode)
{
	static s32 bounds[2] = { 3, 5 };

	EXPECT_EQ(run_compat((u64)code_ok, 99, 0), 100);
	EXPECT_EQ(TRY(run_compat((u64)code_into, 0, 0)), OF);
	EXPECT_EQ(LAST_TRAP->cs, SEL_CODE32);
	EXPECT_EQ(TRY(run_compat((u64)code_bound, 9, (u64)bounds)), BR);
	EXPECT_EQ(TRY(run_compat((u64)code_ud, 0, 0)), UD);
	EXPECT_EQ(LAST_TRAP->rip, code_ud);
	memcpy((void *)0x7f00, code_loop, 32);
	EXPECT_EQ(run_compat((u64)code_16, 0, 0), 0xfffe);
	if (tcg_below())
		SKIP("TCG does not check limits");
	gdt[SEL_TEST / 8] = descriptor(0x100000, 0xfff, 0x93, 0x4);
	EXPECT_EQ(TRY(run_compat((u64)code_limit, 0, 0)), GP);
}

/* ---- Virtual-8086 mode ---- */

struct tss32 {
	u32 link, esp0, ss0, unused[22];
	u16 trap, iomap;
} __attribute__((packed));

static struct tss32 task;
static u8 task_stack[1024] __attribute__((aligned(16)));

static void setup_task(void)
{
	memset(&task, 0, sizeof(task));
	task.ss0 = SEL_DATA;
	task.esp0 = (u64)task_stack + sizeof(task_stack);
	task.iomap = sizeof(task);
	gdt[SEL_TEST / 8] = descriptor((u64)&task, sizeof(task) - 1, 0x89, 0);
}

static void restore_tr(void)
{
	/* LTR wants a TSS that is not busy. */
	gdt[SEL_TSS / 8] &= ~(2ull << 40);
	asm volatile("ltr %w0" :: "r"(SEL_TSS) : "memory");
}

/* Into virtual-8086 mode by IRET; CLI faults with IOPL 0, so we are told. */
asm(".text; .code32\n"
    "code_v86: mov $0x48, %eax; ltr %ax\n"
    "	mov %esp, 0x6040\n"
    "	pushl $0; pushl $0; pushl $0x600; pushl $0x600\n"	/* gs fs ds es */
    "	pushl $0; pushl $0x6e00\n"				/* ss esp */
    "	pushl $0x20002; pushl $0x700; pushl $0x200\n"		/* eflags cs eip */
    "	iret\n"
    ".code64\n");
extern u8 v86_body[], v86_end[];
asm(".text; .code16\n"
    "v86_body: movl $0x86, 0x0\n"		/* ds = 0x600 */
    "	mov $0x6000, %bx; mov %ds, %ax; mov %ax, 4\n"
    "	hlt\n"
    "v86_end: .code64\n");

TEST(virtual_8086_mode)
{
	int vec;

	setup_task();
	memcpy((void *)0x7200, v86_body, v86_end - v86_body);
	memset((void *)RESULT, 0, 64);
	vec = run(code_v86, 0, 0);
	restore_tr();
	EXPECT_EQ(vec, GP);
	EXPECT_EQ(m.error, 0);
	EXPECT_EQ(m.eip, 0x200 + (v86_end - v86_body) - 1);
	EXPECT_EQ(found[0], 0x86);
	EXPECT_EQ(found[1] & 0xffff, 0x600);
}
