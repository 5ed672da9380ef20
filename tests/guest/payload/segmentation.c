// SPDX-License-Identifier: GPL-2.0
/*
 * Segments in 64-bit and compatibility mode: loading and its faults, bases,
 * limits, LDT, call gates, SYSCALL and SYSENTER, SWAPGS, LAR and LSL.
 */
#include "guest.h"

#define T	SEL_TEST

static void set(u32 n, u64 desc)
{
	gdt[T / 8 + n] = desc;
	barrier();
}

#define LOAD(seg, sel)	TRY(asm volatile("mov %0, %%" seg :: "r"((u32)(sel)) : "memory"))

static void restore(void)
{
	asm volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" :: "r"((u32)SEL_DATA) : "memory");
	asm volatile("mov %0, %%fs; mov %0, %%gs" :: "r"(0) : "memory");
}

TEST(loading_data_segments)
{
	EXPECT_EQ(LOAD("fs", 0), NO_TRAP);
	EXPECT_EQ(LOAD("fs", 3), NO_TRAP);
	set(0, descriptor(0, 0xfffff, 0x93, 0xc));		/* data, writable */
	EXPECT_EQ(LOAD("fs", T), NO_TRAP);
	EXPECT_EQ(gdt[T / 8] >> 40 & 1, 1);
	set(0, descriptor(0, 0xfffff, 0x92, 0xc));		/* not accessed: it will be */
	EXPECT_EQ(LOAD("gs", T), NO_TRAP);
	EXPECT_EQ(gdt[T / 8] >> 40 & 0xff, 0x93);
	set(0, descriptor(0, 0xfffff, 0x13, 0xc));
	EXPECT_EQ(LOAD("fs", T), NP);
	EXPECT_EQ(LAST_TRAP->error, T);
	set(0, descriptor(0, 0xfffff, 0x99, 0xc));		/* code, not readable */
	EXPECT_EQ(LOAD("fs", T), GP);
	EXPECT_EQ(LAST_TRAP->error, T);
	set(0, descriptor(0, 0xfffff, 0x9b, 0xc));		/* code, readable */
	EXPECT_EQ(LOAD("fs", T), NO_TRAP);
	set(0, descriptor(0, 0x67, 0x89, 0));			/* a TSS */
	EXPECT_EQ(LOAD("fs", T), GP);
	EXPECT_EQ(LOAD("fs", SEL_UDATA), NO_TRAP);
	EXPECT_EQ(LOAD("fs", T | 4), GP);			/* no LDT */
	EXPECT_EQ(LAST_TRAP->error, T | 4);
	restore();
}

TEST(loading_the_stack_segment)
{
	EXPECT_EQ(LOAD("ss", 0), NO_TRAP);			/* allowed in ring 0 */
	EXPECT_EQ(LOAD("ss", SEL_UDATA), GP);
	EXPECT_EQ(LAST_TRAP->error, SEL_UDATA & ~3);
	set(0, descriptor(0, 0xfffff, 0x91, 0xc));		/* read-only */
	EXPECT_EQ(LOAD("ss", T), GP);
	set(0, descriptor(0, 0xfffff, 0x13, 0xc));
	EXPECT_EQ(LOAD("ss", T), SS);
	EXPECT_EQ(LOAD("ss", SEL_CODE64), GP);
	restore();
}

static int far_jump(u16 sel)
{
	struct { u32 off; u16 sel; } __attribute__((packed)) to;
	int vec;

	to.sel = sel;
	vec = TRY(asm volatile("movl $1f, %0; ljmp *%0; 1: ljmp *2f(%%rip); .data; 2: .long 3f; .word 8;"
			       ".text; 3:" : "+m"(to) :: "memory"));
	return vec;
}

TEST(far_jumps)
{
	EXPECT_EQ(far_jump(SEL_CODE64), NO_TRAP);
	EXPECT_EQ(far_jump(0), GP);
	EXPECT_EQ(far_jump(SEL_DATA), GP);
	EXPECT_EQ(LAST_TRAP->error, SEL_DATA);
	EXPECT_EQ(far_jump(SEL_UCODE64), GP);
	set(0, descriptor(0, 0xfffff, 0x1b, 0xa));
	EXPECT_EQ(far_jump(T), NP);
	set(0, descriptor(0, 0xfffff, 0x9b, 0xe));		/* L and D */
	if (!tcg_below())
		EXPECT_EQ(far_jump(T), GP);
	set(0, descriptor(0, 0xfffff, 0x9f, 0xa));		/* conforming */
	EXPECT_EQ(far_jump(T), NO_TRAP);
	asm volatile("pushq $8; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::: "rax", "memory");
}

TEST(bases_of_fs_and_gs)
{
	static u64 data[4] = { 11, 22, 33, 44 };
	u64 v;

	wrmsr(MSR_FS_BASE, (u64)data);
	asm volatile("mov %%fs:8, %0" : "=r"(v));
	EXPECT_EQ(v, 22);
	wrmsr(MSR_GS_BASE, (u64)&data[2]);
	wrmsr(MSR_KGS_BASE, (u64)&data[0]);
	asm volatile("mov %%gs:8, %0" : "=r"(v));
	EXPECT_EQ(v, 44);
	asm volatile("swapgs; mov %%gs:8, %0; swapgs" : "=r"(v));
	EXPECT_EQ(v, 22);
	EXPECT_EQ(rdmsr(MSR_KGS_BASE), (u64)&data[0]);
	asm volatile("swapgs");
	EXPECT_EQ(rdmsr(MSR_GS_BASE), (u64)&data[0]);
	EXPECT_EQ(rdmsr(MSR_KGS_BASE), (u64)&data[2]);
	asm volatile("swapgs");
	/* A selector loads the 32-bit base of its descriptor. */
	set(0, descriptor((u64)&data[3], 0xfffff, 0x93, 0xc));
	EXPECT_EQ(LOAD("fs", T), NO_TRAP);
	EXPECT_EQ(rdmsr(MSR_FS_BASE), (u64)&data[3]);
	asm volatile("mov %%fs:0, %0" : "=r"(v));
	EXPECT_EQ(v, 44);
	/* The other bases do not count in 64-bit mode. */
	asm volatile("mov %0, %%ds" :: "r"((u32)T));
	EXPECT_EQ(data[1], 22);
	restore();
	if (cpuid(7, 0).b & BIT(0)) {
		write_cr4(read_cr4() | CR4_FSGSBASE);
		asm volatile("wrfsbase %0" :: "r"((u64)data));
		asm volatile("rdfsbase %0" : "=r"(v));
		EXPECT_EQ(v, (u64)data);
		asm volatile("wrgsbase %0" :: "r"(0xffff800000000000));
		EXPECT_EQ(rdmsr(MSR_GS_BASE), 0xffff800000000000);
		write_cr4(read_cr4() & ~CR4_FSGSBASE);
		EXPECT_EQ(TRY(asm volatile("rdfsbase %0" : "=r"(v))), UD);
	}
	restore();
}

/* 32-bit code for compatibility mode: reads, writes at EBX through FS. */
extern u8 fs_read[], fs_write[], ds_read[], ss_push[];
asm(".text; .code32\n"
    "fs_read: mov $0x48, %eax; mov %eax, %fs; mov %fs:(%ebx), %eax; ret\n"
    "fs_write: mov $0x48, %eax; mov %eax, %fs; mov %esi, %fs:(%ebx); ret\n"
    "ds_read: mov $0x48, %eax; mov %eax, %ds; mov (%ebx), %eax; mov $0x10, %edx; mov %edx, %ds; ret\n"
    "ss_push: mov %esp, %ecx; mov $0x48, %eax; mov %eax, %ss; mov %ebx, %esp; push %eax;\n"
    "	mov $0x10, %eax; mov %eax, %ss; mov %ecx, %esp; ret\n"
    ".code64\n");

#define COMPAT(code, ebx, esi)	TRY(_ret = run_compat((u64)(code), ebx, esi))

TEST(compatibility_mode_bases_and_limits)
{
	u32 *page = page_alloc(), _ret = 0;

	page[0] = 0x11;
	page[0x3fc] = 0x22;
	page[0x3ff] = 0x33;
	set(0, descriptor((u64)page, 0xfff, 0x93, 0x4));	/* 4 KiB */
	EXPECT_EQ(COMPAT(fs_read, 0, 0), NO_TRAP);
	EXPECT_EQ(_ret, 0x11);
	EXPECT_EQ(COMPAT(fs_read, 0xffc, 0), NO_TRAP);
	EXPECT_EQ(_ret, 0x33);
	EXPECT_EQ(COMPAT(ds_read, 0xff0, 0), NO_TRAP);
	EXPECT_EQ(_ret, 0x22);
	EXPECT_EQ(COMPAT(fs_write, 0x10, 0x44), NO_TRAP);
	EXPECT_EQ(page[4], 0x44);
	if (tcg_below())
		SKIP("TCG does not check limits");
	EXPECT_EQ(COMPAT(fs_read, 0xffd, 0), GP);
	EXPECT_EQ(LAST_TRAP->error, 0);
	EXPECT_EQ(COMPAT(fs_read, 0x1000, 0), GP);
	EXPECT_EQ(COMPAT(ds_read, 0xfffffffc, 0), GP);
	restore();
	EXPECT_EQ(COMPAT(ss_push, 0x2000, 0), SS);
	restore();
	/* In pages, with the lower 12 bits set */
	set(0, descriptor((u64)page, 0, 0x93, 0xc));
	EXPECT_EQ(COMPAT(fs_read, 0xffc, 0), NO_TRAP);
	EXPECT_EQ(COMPAT(fs_read, 0x1000, 0), GP);
	/* Read-only; code that can be read */
	set(0, descriptor((u64)page, 0xfff, 0x91, 0x4));
	EXPECT_EQ(COMPAT(fs_read, 0, 0), NO_TRAP);
	EXPECT_EQ(COMPAT(fs_write, 0, 0), GP);
	set(0, descriptor((u64)page, 0xfff, 0x9b, 0x4));
	EXPECT_EQ(COMPAT(fs_read, 0, 0), NO_TRAP);
	EXPECT_EQ(COMPAT(fs_write, 0, 0), GP);
	/* Expand-down: everything above the limit */
	set(0, descriptor((u64)page - 0x1000, 0xfff, 0x97, 0x4));
	EXPECT_EQ(COMPAT(fs_read, 0x1000, 0), NO_TRAP);
	EXPECT_EQ(_ret, 0x11);
	EXPECT_EQ(COMPAT(fs_read, 0xffc, 0), GP);
	/* Null */
	set(0, 0);
	restore();
}

TEST(local_descriptor_table)
{
	static u64 ldt[2];
	u64 base = (u64)ldt;
	u16 sel;

	ldt[1] = descriptor(0, 0xfffff, 0x93, 0xc);
	set(0, descriptor(base, sizeof(ldt) - 1, 0x82, 0));
	set(1, base >> 32);
	EXPECT_EQ(TRY(asm volatile("lldt %w0" :: "r"(T))), NO_TRAP);
	asm volatile("sldt %0" : "=r"(sel));
	EXPECT_EQ(sel, T);
	EXPECT_EQ(LOAD("fs", 8 | 4), NO_TRAP);
	EXPECT_EQ(LOAD("fs", 16 | 4), GP);
	EXPECT_EQ(LAST_TRAP->error, 16 | 4);
	set(0, descriptor(base, sizeof(ldt) - 1, 0x02, 0));
	EXPECT_EQ(TRY(asm volatile("lldt %w0" :: "r"(T))), NP);
	EXPECT_EQ(TRY(asm volatile("lldt %w0" :: "r"(SEL_DATA))), GP);
	EXPECT_EQ(TRY(asm volatile("lldt %w0" :: "r"(0))), NO_TRAP);
	EXPECT_EQ(LOAD("fs", 8 | 4), GP);
	restore();
	/* LTR of a busy task, and of what is none */
	EXPECT_EQ(TRY(asm volatile("ltr %w0" :: "r"(SEL_TSS))), GP);
	EXPECT_EQ(LAST_TRAP->error, SEL_TSS);
	if (!tcg_below())
		EXPECT_EQ(TRY(asm volatile("ltr %w0" :: "r"(0))), GP);
}

TEST(access_rights_and_limits)
{
	u32 ar = 0, limit = 0;
	u8 zf;

	set(0, descriptor(0x1234, 0x5, 0x93, 0x8));
	asm volatile("lar %2, %0; setz %1" : "+r"(ar), "=q"(zf) : "r"((u32)T) : "cc");
	EXPECT_EQ(zf, 1);
	EXPECT_EQ(ar & 0xf0ff00, 0x809300);
	asm volatile("lsl %2, %0; setz %1" : "+r"(limit), "=q"(zf) : "r"((u32)T) : "cc");
	EXPECT_EQ(zf, 1);
	EXPECT_EQ(limit, 0x5fff);
	asm volatile("lar %2, %0; setz %1" : "+r"(ar), "=q"(zf) : "r"(0xfff8) : "cc");
	EXPECT_EQ(zf, 0);
	asm volatile("verr %w1; setz %0" : "=q"(zf) : "r"((u32)T) : "cc");
	EXPECT_EQ(zf, 1);
	asm volatile("verw %w1; setz %0" : "=q"(zf) : "r"((u32)T) : "cc");
	EXPECT_EQ(zf, 1);
	asm volatile("verw %w1; setz %0" : "=q"(zf) : "r"((u32)SEL_CODE64) : "cc");
	EXPECT_EQ(zf, 0);
}

/* ---- Ways between the rings ---- */

static volatile u64 in_ring0_cs, in_ring0_ss, in_ring0_rcx, in_ring0_r11;

extern u8 gate_entry[], syscall_entry[], sysenter_entry[];
asm(".text\n"
    /* ends by a trap, so that TRY() gets hold of it */
    "gate_entry: mov %cs, %rax; mov %rax, in_ring0_cs; mov %ss, %rax; mov %rax, in_ring0_ss\n"
    "	int $0x81\n"
    "syscall_entry: mov %cs, %rax; mov %rax, in_ring0_cs; mov %ss, %rax; mov %rax, in_ring0_ss\n"
    "	mov %rcx, in_ring0_rcx; mov %r11, in_ring0_r11\n"
    "	sysretq\n"
    "sysenter_entry: mov %cs, %rax; mov %rax, in_ring0_cs; mov %ss, %rax; mov %rax, in_ring0_ss\n"
    "	int $0x82\n");

static void user_gate(void)
{
	static struct { u32 off; u16 sel; } __attribute__((packed)) to = { 0, T | 3 };

	asm volatile("lcall *%0" :: "m"(to));
}

TEST(call_gate)
{
	u64 to = (u64)gate_entry;

	set(0, (to & 0xffff) | SEL_CODE64 << 16 | 0xecull << 40 | to >> 16 << 48);
	set(1, to >> 32);
	EXPECT_EQ(TRY(enter_user(user_gate)), 0x81);
	EXPECT_EQ(in_ring0_cs, SEL_CODE64);
	EXPECT_EQ(in_ring0_ss, 0);	/* null, RPL the new CPL */
	/* Not for ring 3 */
	set(0, (to & 0xffff) | SEL_CODE64 << 16 | 0x8cull << 40 | to >> 16 << 48);
	EXPECT_EQ(TRY(enter_user(user_gate)), GP);
	EXPECT_EQ(LAST_TRAP->error, T);
	/* Absent */
	set(0, (to & 0xffff) | SEL_CODE64 << 16 | 0x6cull << 40 | to >> 16 << 48);
	EXPECT_EQ(TRY(enter_user(user_gate)), NP);
}

static void user_syscall(void)
{
	asm volatile("syscall; mov %%cs, %%rax; cmp $0x3b, %%rax; je 1f; ud2; 1:"
		     ::: "rax", "rcx", "r11", "memory");
	user_exit();
}

static void user_sysenter(void)
{
	asm volatile("sysenter");
}

TEST(syscall_and_sysret)
{
	wrmsr(MSR_STAR, (u64)(SEL_UDATA - 8) << 48 | (u64)SEL_CODE64 << 32);
	wrmsr(MSR_LSTAR, (u64)syscall_entry);
	wrmsr(MSR_SFMASK, FLAG_IF | FLAG_TF);
	EXPECT_EQ(TRY(enter_user(user_syscall)), UD);		/* EFER.SCE is off */
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SCE);
	EXPECT_EQ(TRY(enter_user(user_syscall)), VECTOR_USER);
	EXPECT_EQ(in_ring0_cs, SEL_CODE64);
	EXPECT_EQ(in_ring0_ss, SEL_CODE64 + 8);
	EXPECT_EQ(in_ring0_r11 & 2, 2);
	EXPECT_EQ(LAST_TRAP->cs, SEL_UCODE64);
	EXPECT_EQ(LAST_TRAP->ss, SEL_UDATA);
	EXPECT_EQ(TRY(asm volatile("mov %0, %%rcx; sysretq" :: "r"(1ull << 62) : "rcx")), GP);
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) & ~EFER_SCE);
}

TEST(sysenter)
{
	wrmsr(MSR_SYSENTER_CS, 0);
	if (cpuid(0, 0).b == 0x68747541)
		SKIP("AMD has none in long mode");
	EXPECT_EQ(TRY(enter_user(user_sysenter)), GP);
	wrmsr(MSR_SYSENTER_CS, SEL_CODE64);
	wrmsr(MSR_SYSENTER_ESP, (u64)page_alloc() + 4096);
	wrmsr(MSR_SYSENTER_EIP, (u64)sysenter_entry);
	EXPECT_EQ(TRY(enter_user(user_sysenter)), 0x82);
	EXPECT_EQ(in_ring0_cs, SEL_CODE64);
	EXPECT_EQ(in_ring0_ss, SEL_CODE64 + 8);
	wrmsr(MSR_SYSENTER_CS, 0);
}

static void user_sgdt(void)
{
	static struct dtable d;

	asm volatile("sgdt %0" : "=m"(d));
	user_exit();
}

TEST(user_mode_instruction_prevention)
{
	EXPECT_EQ(TRY(enter_user(user_sgdt)), VECTOR_USER);
	if (!(cpuid(7, 0).c & BIT(2)))
		SKIP("no UMIP");
	write_cr4(read_cr4() | CR4_UMIP);
	EXPECT_EQ(TRY(enter_user(user_sgdt)), GP);
	write_cr4(read_cr4() & ~CR4_UMIP);
}
