// SPDX-License-Identifier: GPL-2.0
/*
 * Task switches by hardware, in 32-bit protected mode: far calls to a task and
 * the way back by IRET, and their faults.
 */
#include "guest.h"

static volatile u32 *const found = (u32 *)0x6000;

extern u8 code_task[], task_entry[];

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

struct tss32 {
	u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	u32 eax, ecx, edx, ebx, esp, ebp, esi, edi;
	u32 es, cs, ss, ds, fs, gs, ldt;
	u16 trap, iomap;
} __attribute__((packed));

static struct tss32 task[2];
static u8 task_stack[2][1024] __attribute__((aligned(16)));

#define SEL_TASK0	0x48
#define SEL_TASK1	0x50

/* LTR of task 0, far call to task 1, which counts and returns with IRET. */
asm(".text; .code32\n"
    "code_task: mov $0x48, %eax; ltr %ax\n"
    "	movl $0, 0x6000\n"
    "	mov $0x1111, %edi\n"
    "	lcall $0x50, $0\n"
    "	lcall $0x50, $0\n"
    "	mov %edi, 0x6004\n"
    "	pushfl; pop 0x6008\n"
    "	mov 0x6000, %eax; ret\n"
    "task_entry: incl 0x6000; mov $0x2222, %edi; pushfl; pop 0x600c; iret\n"
    "	jmp task_entry\n"
    ".code64\n");

static void setup_tasks(void)
{
	memset(task, 0, sizeof(task));
	task[0].ss0 = task[1].ss0 = SEL_DATA;
	task[0].esp0 = (u64)task_stack[0] + 1024;
	task[1].esp0 = task[1].esp = (u64)task_stack[1] + 1024;
	task[1].eip = (u64)task_entry;
	task[1].eflags = 2;
	task[1].cs = SEL_CODE32;
	task[1].ss = task[1].ds = task[1].es = SEL_DATA;
	task[0].iomap = task[1].iomap = sizeof(task[0]);
	gdt[SEL_TASK0 / 8] = descriptor((u64)&task[0], sizeof(task[0]) - 1, 0x89, 0);
	gdt[SEL_TASK1 / 8] = descriptor((u64)&task[1], sizeof(task[1]) - 1, 0x89, 0);
}

static void restore_tr(void)
{
	/* LTR wants a TSS that is not busy. */
	gdt[SEL_TSS / 8] &= ~(2ull << 40);
	asm volatile("ltr %w0" :: "r"(SEL_TSS) : "memory");
}

TEST(task_switch)
{
	int vec;

	setup_tasks();
	vec = run(code_task, 0, 0);
	restore_tr();
	EXPECT_EQ(vec, NO_TRAP);
	EXPECT_EQ(m.result, 2);
	EXPECT_EQ(found[1], 0x1111);
	EXPECT_EQ(found[2] & FLAG_NT, 0);
	EXPECT_EQ(found[3] & FLAG_NT, FLAG_NT);
	EXPECT_EQ(task[1].link & 0xffff, SEL_TASK0);
	EXPECT_EQ(task[1].edi, 0x2222);
	/* Task 0 is busy, task 1 is not. */
	EXPECT_EQ(gdt[SEL_TASK0 / 8] >> 40 & 0xff, 0x8b);
	EXPECT_EQ(gdt[SEL_TASK1 / 8] >> 40 & 0xff, 0x89);
}

TEST(task_gates_fault_on_bad_tasks)
{
	int vec;

	setup_tasks();
	gdt[SEL_TASK1 / 8] &= ~(0x80ull << 40);
	vec = run(code_task, 0, 0);
	restore_tr();
	EXPECT_EQ(vec, NP);
	EXPECT_EQ(m.error, SEL_TASK1);

	setup_tasks();
	gdt[SEL_TASK1 / 8] = descriptor((u64)&task[1], 0x66, 0x89, 0);	/* too short */
	vec = run(code_task, 0, 0);
	restore_tr();
	EXPECT_EQ(vec, TS);
	EXPECT_EQ(m.error, SEL_TASK1);
}

