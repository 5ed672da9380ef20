// SPDX-License-Identifier: GPL-2.0
/*
 * Every exception that software can cause: its vector, error code, saved
 * instruction pointer and CR2, and software interrupts of the same numbers.
 */
#include "guest.h"

extern u8 ud_insn[], div_insn[], bp_next[];

TEST(divide_error)
{
	EXPECT_EQ(TRY(asm volatile("div_insn: divl %0" :: "r"(0), "a"(1), "d"(0))), DE);
	EXPECT_EQ(LAST_TRAP->rip, div_insn);
	EXPECT_EQ(LAST_TRAP->error, 0);
	/* Quotient too large */
	EXPECT_EQ(TRY(asm volatile("divl %0" :: "r"(1), "a"(0), "d"(1))), DE);
}

TEST(debug_by_trap_flag)
{
	EXPECT_EQ(TRY(write_flags(read_flags() | FLAG_TF); asm volatile("nop; nop")), DB);
	EXPECT_EQ(LAST_TRAP->dr6 & 0xe00f, 0x4000);
	write_dr6(0xffff0ff0);
}

TEST(debug_by_int1)
{
	if (tcg_below())
		SKIP("QEMU's TCG has no INT1");
	EXPECT_EQ(TRY(asm volatile(".byte 0xf1")), DB);
	EXPECT_EQ(LAST_TRAP->error, 0);
	write_dr6(0xffff0ff0);
}

TEST(breakpoint)
{
	EXPECT_EQ(TRY(asm volatile("int3; bp_next: nop")), BP);
	EXPECT_EQ(LAST_TRAP->rip, bp_next);
}

TEST(invalid_opcode)
{
	EXPECT_EQ(TRY(asm volatile("ud_insn: ud2")), UD);
	EXPECT_EQ(LAST_TRAP->rip, ud_insn);
	EXPECT_EQ(TRY(asm volatile(".byte 0x06")), UD);		/* push %es: not in 64-bit mode */
	EXPECT_EQ(TRY(asm volatile(".byte 0xf0, 0x90")), UD);
}

/* What the hypervisor raises is as what the processor raises. */
TEST(resume_flag_of_faults)
{
	EXPECT_EQ(TRY(rdmsr(0xdead)), GP);
	EXPECT_EQ(LAST_TRAP->rflags & FLAG_RF, FLAG_RF);
	EXPECT_EQ(TRY(wrmsr(0xdead, 0)), GP);
	EXPECT_EQ(LAST_TRAP->rflags & FLAG_RF, FLAG_RF);
	EXPECT_EQ(TRY(asm volatile("int3")), BP);
	EXPECT_EQ(LAST_TRAP->rflags & FLAG_RF, 0);
}

TEST(device_not_available)
{
	write_cr0(read_cr0() | CR0_TS);
	EXPECT_EQ(TRY(asm volatile("fnop")), NM);
	EXPECT_EQ(TRY(asm volatile("movaps %xmm0, %xmm0")), NM);
	asm volatile("clts");
	EXPECT_EQ(TRY(asm volatile("fnop")), NO_TRAP);
	write_cr0(read_cr0() | CR0_EM);
	EXPECT_EQ(TRY(asm volatile("fnop")), NM);
	EXPECT_EQ(TRY(asm volatile("movaps %xmm0, %xmm0")), UD);
	write_cr0(read_cr0() & ~CR0_EM);
}

TEST(segment_not_present)
{
	gdt[SEL_TEST / 8] = descriptor(0, 0xfffff, 0x13, 0xc);
	EXPECT_EQ(TRY(asm volatile("mov %0, %%fs" :: "r"(SEL_TEST))), NP);
	EXPECT_EQ(LAST_TRAP->error, SEL_TEST);
}

TEST(stack_fault)
{
	/* A stack segment that is not present */
	gdt[SEL_TEST / 8] = descriptor(0, 0xfffff, 0x13, 0xc);
	EXPECT_EQ(TRY(asm volatile("mov %0, %%ss" :: "r"(SEL_TEST))), SS);
	EXPECT_EQ(LAST_TRAP->error, SEL_TEST);
}

TEST(stack_fault_not_canonical)
{
	if (tcg_below())
		SKIP("QEMU's TCG raises #GP for it");
	/* Not canonical: by RBP and RSP it is #SS, by others #GP. */
	EXPECT_EQ(TRY(asm volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
				   :: "r"(1ull << 62) : "rax")), SS);
	EXPECT_EQ(LAST_TRAP->error, 0);
}

/*
 * 64-bit code has neither INTO nor BOUND: in compatibility mode both come by the same
 * table as all the others.
 */
extern u8 compat_into[], compat_bound[];
asm(".text\n.code32\n"
    "compat_into: mov $0x7fffffff, %eax; add $1, %eax; into; ret\n"
    "compat_bound: mov %ebx, %eax; bound %eax, (%esi); ret\n"
    ".code64\n");

TEST(overflow_and_bound_range)
{
	static s32 bounds[2] = { 3, 5 };

	EXPECT_EQ(TRY(run_compat((u64)compat_into, 0, 0)), OF);
	EXPECT_EQ(LAST_TRAP->error, 0);
	EXPECT_EQ(LAST_TRAP->rip, compat_into + 9);
	EXPECT_EQ(TRY(run_compat((u64)compat_bound, 5, (u64)bounds)), NO_TRAP);
	EXPECT_EQ(TRY(run_compat((u64)compat_bound, 6, (u64)bounds)), BR);
	EXPECT_EQ(LAST_TRAP->error, 0);
	EXPECT_EQ(LAST_TRAP->rip, compat_bound + 2);
}

/* A stack that lies beyond the end of the task state, by its selector */
TEST(invalid_task_state)
{
	int soft, hard;
	u64 error;

	tss_limit(offsetof(struct tss, ist[2]) - 1);
	idt[0x90].ist = idt[UD].ist = 3;
	soft = TRY(asm volatile("int $0x90"));
	error = LAST_TRAP->error;
	hard = TRY(asm volatile("ud2"));
	idt[0x90].ist = idt[UD].ist = 0;
	tss_limit(sizeof(struct tss) - 1);
	EXPECT_EQ(soft, TS);
	EXPECT_EQ(error, SEL_TSS);
	EXPECT_EQ(hard, TS);
	EXPECT_EQ(LAST_TRAP->error & ~1ull, SEL_TSS);	/* TCG forgets that it is external */
	EXPECT_EQ(TRY(asm volatile("int $0x90")), 0x90);
}

TEST(general_protection)
{
	EXPECT_EQ(TRY(asm volatile("mov (%0), %%rax" :: "r"(1ull << 62) : "rax")), GP);
	EXPECT_EQ(LAST_TRAP->error, 0);
	/* Beyond the table's limit, with the selector */
	EXPECT_EQ(TRY(asm volatile("mov %0, %%fs" :: "r"(0xfff8))), GP);
	EXPECT_EQ(LAST_TRAP->error, 0xfff8);
}

TEST(absent_gates)
{
	/* The vector, and "in the IDT"; TCG counts entries of 16 bytes. */
	unsigned int factor = tcg_below() ? 16 : 8;

	idt[0x90].type = 0;
	EXPECT_EQ(TRY(asm volatile("int $0x90")), GP);
	EXPECT_EQ(LAST_TRAP->error, 0x90 * factor + 2);
	idt[0x90].type = 0x0e;
	EXPECT_EQ(TRY(asm volatile("int $0x90")), NP);
	EXPECT_EQ(LAST_TRAP->error, 0x90 * factor + 2);
	idt[0x90].type = 0x8e;
	EXPECT_EQ(TRY(asm volatile("int $0x90")), 0x90);
}

TEST(control_registers)
{
	if (on_tcg())
		SKIP("QEMU's TCG does not check control registers");
	EXPECT_EQ(TRY(write_cr4(read_cr4() | BIT(31))), GP);
	EXPECT_EQ(TRY(write_cr0((read_cr0() & ~CR0_CD) | CR0_NW)), GP);
	EXPECT_EQ(TRY(write_cr0(read_cr0() & ~CR0_PE)), GP);
	if (!tcg_below())
		EXPECT_EQ(TRY(write_cr8(16)), GP);
}

static u64 *leaf(u64 va)
{
	return pte_of(read_cr3(), va, 1);
}

static void user_read(void) { asm volatile("mov 0x40000000, %%eax" ::: "eax"); user_exit(); }
static void user_write(void) { asm volatile("movl $1, 0x40000000"); user_exit(); }
static void user_jump(void) { asm volatile("jmp *%0" :: "r"(0x40000000ull)); }

TEST(page_fault)
{
	const u64 va = 0x40000000;
	volatile u32 *p = (u32 *)va;
	u64 page = (u64)page_alloc(), efer = rdmsr(MSR_EFER);
	u32 val;

	*leaf(va) = 0;
	flush_tlb();
	EXPECT_EQ(TRY(val = *p), PF);
	EXPECT_EQ(LAST_TRAP->error, 0);
	EXPECT_EQ(LAST_TRAP->cr2, va);
	EXPECT_EQ(TRY(p[3] = 1), PF);
	EXPECT_EQ(LAST_TRAP->error, 2);
	EXPECT_EQ(LAST_TRAP->cr2, va + 12);
	EXPECT_EQ(TRY(asm volatile("call *%0" :: "r"(va))), PF);
	EXPECT_EQ(LAST_TRAP->rip, va);

	/* Read-only: with and without CR0.WP */
	*leaf(va) = page | PTE_P | PTE_U;
	write_cr0(read_cr0() | CR0_WP);
	flush_tlb();
	EXPECT_EQ(TRY(val = *p), NO_TRAP);
	EXPECT_EQ(TRY(*p = 1), PF);
	EXPECT_EQ(LAST_TRAP->error, 3);
	write_cr0(read_cr0() & ~CR0_WP);
	flush_tlb();
	EXPECT_EQ(TRY(*p = 7), NO_TRAP);
	EXPECT_EQ(*(u32 *)page, 7);

	/* From ring 3 */
	EXPECT_EQ(TRY(enter_user(user_read)), VECTOR_USER);
	EXPECT_EQ(TRY(enter_user(user_write)), PF);
	EXPECT_EQ(LAST_TRAP->error, 7);
	*leaf(va) = page | PTE_P | PTE_W;
	flush_tlb();
	EXPECT_EQ(TRY(enter_user(user_read)), PF);
	EXPECT_EQ(LAST_TRAP->error, 5);
	EXPECT_EQ(LAST_TRAP->cs, SEL_UCODE64);

	/* Not executable: instruction fetches say so */
	wrmsr(MSR_EFER, efer | EFER_NXE);
	*leaf(va) = page | PTE_P | PTE_W | PTE_U | PTE_NX;
	flush_tlb();
	EXPECT_EQ(TRY(asm volatile("call *%0" :: "r"(va))), PF);
	EXPECT_EQ(LAST_TRAP->error, 0x11);
	EXPECT_EQ(TRY(enter_user(user_jump)), PF);
	EXPECT_EQ(LAST_TRAP->error, 0x15);
	EXPECT_EQ(TRY(val = *p), NO_TRAP);

	/* Without EFER.NXE the bit is reserved */
	wrmsr(MSR_EFER, efer & ~EFER_NXE);
	flush_tlb();
	EXPECT_EQ(TRY(val = *p), PF);
	EXPECT_EQ(LAST_TRAP->error, tcg_below() ? 8 : 9);
	wrmsr(MSR_EFER, efer);
	*leaf(va) = va | PTE_P | PTE_W | PTE_U;
	flush_tlb();
	(void)val;
}

TEST(floating_point_error)
{
	u16 cw = 0x037b;		/* zero divide not masked */

	asm volatile("fninit; fldcw %0; fldz; fld1; fdivp" :: "m"(cw));
	EXPECT_EQ(TRY(asm volatile("fwait")), MF);
	EXPECT_EQ(LAST_TRAP->error, 0);
	asm volatile("fnclex; fninit");
}

static void user_misaligned(void)
{
	asm volatile("pushfq; orl $0x40000, (%rsp); popfq; lea -64(%rsp), %rax; mov 1(%rax), %ecx");
	user_exit();
}

TEST(alignment_check)
{
	write_cr0(read_cr0() | CR0_AM);
	if (tcg_below())
		SKIP("QEMU's TCG does not check alignment");
	EXPECT_EQ(TRY(enter_user(user_misaligned)), AC);
	EXPECT_EQ(LAST_TRAP->error, 0);
	write_cr0(read_cr0() & ~CR0_AM);
	EXPECT_EQ(TRY(enter_user(user_misaligned)), VECTOR_USER);
}

TEST(simd_error)
{
	u32 mxcsr = 0x1d80, old = 0x1f80;	/* zero divide not masked */

	if (tcg_below())
		SKIP("QEMU's TCG raises no SIMD exceptions");
	asm volatile("ldmxcsr %0" :: "m"(mxcsr));
	EXPECT_EQ(TRY(asm volatile("xorps %%xmm1, %%xmm1; cvtsi2ss %0, %%xmm0; divss %%xmm1, %%xmm0"
				   :: "r"(1))), XM);
	asm volatile("ldmxcsr %0" :: "m"(old));
	/* Reserved bits */
	mxcsr = 0x80000000;
	EXPECT_EQ(TRY(asm volatile("ldmxcsr %0" :: "m"(mxcsr))), GP);
}

/*
 * A software interrupt pushes no error code, whatever its number, and the
 * instruction pointer behind it.
 */
static u64 soft_rip, soft_word;
static u32 soft_count;

/* RSP here is that of the frame the processor pushed, seen past our own pushes. */
static void soft_handler(struct regs *r)
{
	soft_rip = r->rip;
	soft_count++;
}

extern void soft_stub(void);
asm(".text\n"
    "soft_stub:\n"
    "	push %rax\n"
    "	mov 8(%rsp), %rax\n"
    "	mov %rax, soft_rip(%rip)\n"
    "	mov 16(%rsp), %rax\n"
    "	mov %rax, soft_word(%rip)\n"
    "	incl soft_count(%rip)\n"
    "	pop %rax\n"
    "	iretq\n");

#define SOFT(n) do {									\
	struct gate saved = idt[n];							\
	u64 at;										\
											\
	idt[n].offset0 = (u64)soft_stub;						\
	idt[n].offset1 = (u64)soft_stub >> 16;						\
	idt[n].ist = 0;									\
	soft_count = 0;									\
	asm volatile("int %1; 1: lea 1b(%%rip), %0" : "=r"(at) : "i"(n) : "memory");	\
	idt[n] = saved;									\
	EXPECT_EQ(soft_count, 1);							\
	EXPECT_EQ(soft_rip, at);							\
	EXPECT_EQ(soft_word, SEL_CODE64);						\
} while (0)

TEST(software_interrupts)
{
	SOFT(0); SOFT(1); SOFT(2); SOFT(3); SOFT(4); SOFT(5); SOFT(6); SOFT(7); SOFT(8);
	SOFT(9); SOFT(10); SOFT(11); SOFT(12); SOFT(13); SOFT(14); SOFT(16); SOFT(17);
	SOFT(18); SOFT(19); SOFT(32); SOFT(255);
	set_handler(0x91, soft_handler);
	asm volatile("int $0x91");
	EXPECT_EQ(soft_count, 2);
	set_handler(0x91, NULL);
}

static void user_int(void) { asm volatile("int $13"); }
static void user_int3(void) { asm volatile("int3"); }
static void user_cli(void) { asm volatile("cli"); }
static void user_hlt(void) { asm volatile("hlt"); }
static void user_in(void) { inb(0x80); }

TEST(privilege_from_ring_3)
{
	EXPECT_EQ(TRY(enter_user(user_int)), GP);	/* the gate's DPL is 0 */
	EXPECT_EQ(LAST_TRAP->error, 13 * (tcg_below() ? 16 : 8) + 2);
	EXPECT_EQ(LAST_TRAP->ss, SEL_UDATA);
	EXPECT_EQ(TRY(enter_user(user_int3)), BP);
	EXPECT_EQ(TRY(enter_user(user_cli)), GP);
	EXPECT_EQ(TRY(enter_user(user_hlt)), GP);
	EXPECT_EQ(TRY(enter_user(user_in)), GP);
	EXPECT_EQ(LAST_TRAP->error, 0);
}
