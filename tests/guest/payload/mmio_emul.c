// SPDX-License-Identifier: GPL-2.0
/*
 * Instructions on registers in memory, as a hypervisor has to emulate them: all
 * forms of MOV, arithmetic with memory, string operations, over all registers,
 * addressing forms and prefixes. The local APIC's and I/O APIC's registers serve,
 * and an address where nothing is.
 */
#include "guest.h"

#define TPR	(LAPIC + APIC_TPR)	/* 8 bits that read back */
#define ICR2	(LAPIC + APIC_ICR2)	/* 8 bits on top that read back */

static void put(u64 reg, u32 val) { *(volatile u32 *)reg = val; }
static u32 get(u64 reg) { return *(volatile u32 *)reg; }

TEST(mov_all_registers)
{
	u64 out;

#define STORE_LOAD(r) do {								\
	put(ICR2, 0);									\
	asm volatile("push %%" r "; mov %1, %%" r "; movl $0x5a000000, (%%" r "); pop %%" r \
		     : "=m"(out) : "i"(ICR2) : "memory");				\
	EXPECT_EQ(get(ICR2), 0x5a000000);						\
} while (0)
	STORE_LOAD("rax"); STORE_LOAD("rbx"); STORE_LOAD("rcx"); STORE_LOAD("rdx");
	STORE_LOAD("rsi"); STORE_LOAD("rdi"); STORE_LOAD("rbp"); STORE_LOAD("r8");
	STORE_LOAD("r9"); STORE_LOAD("r10"); STORE_LOAD("r11"); STORE_LOAD("r12");
	STORE_LOAD("r13"); STORE_LOAD("r14"); STORE_LOAD("r15");

#define VALUE(r32, r64) do {								\
	put(ICR2, 0x11000000);								\
	asm volatile("push %%rbx; push %%rbp; mov $-1, %%" r64 "; mov (%1), %%" r32	\
		     "; mov %%" r64 ", %%rax; pop %%rbp; pop %%rbx"			\
		     : "=a"(out) : "D"(ICR2)						\
		     : "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14",	\
		       "r15", "memory");						\
	EXPECT_EQ(out, 0x11000000);							\
	asm volatile("push %%rbx; push %%rbp; mov $0x22000000, %%" r32 "; mov %%" r32 ", (%0)" \
		     "; pop %%rbp; pop %%rbx"						\
		     :: "D"(ICR2)							\
		     : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13",	\
		       "r14", "r15", "memory");						\
	EXPECT_EQ(get(ICR2), 0x22000000);						\
} while (0)
	VALUE("eax", "rax"); VALUE("ebx", "rbx"); VALUE("ecx", "rcx"); VALUE("edx", "rdx");
	VALUE("esi", "rsi"); VALUE("ebp", "rbp"); VALUE("r8d", "r8"); VALUE("r9d", "r9");
	VALUE("r10d", "r10"); VALUE("r11d", "r11"); VALUE("r12d", "r12"); VALUE("r13d", "r13");
	VALUE("r14d", "r14"); VALUE("r15d", "r15");
	/* RSP has a value too */
	put(ICR2, 0x11000000);
	asm volatile("mov %%esp, (%0)" :: "D"(ICR2) : "memory");
	asm volatile("mov %%esp, %%eax; and $0xff000000, %%eax" : "=a"(out));
	EXPECT_EQ(get(ICR2) & 0xff000000, out);
}

TEST(addressing)
{
	u64 base = ICR2 - 0x100, index = 0x40, out = 0;

	put(ICR2, 0x33000000);
	asm volatile("mov (%1, %2, 4), %%eax" : "=a"(out) : "r"(base), "r"(index));
	EXPECT_EQ(out, 0x33000000);
	asm volatile("mov 0x80(%1, %2, 2), %%eax" : "=a"(out) : "r"(base), "r"(index));
	EXPECT_EQ(out, 0x33000000);
	asm volatile("mov -0x10(%1), %%eax" : "=a"(out) : "r"(ICR2 + 0x10));
	EXPECT_EQ(out, 0x33000000);
	asm volatile("mov -0x1000(, %1, 1), %%eax" : "=a"(out) : "r"(ICR2 + 0x1000));
	EXPECT_EQ(out, 0x33000000);
	/* 32-bit addresses wrap; the upper half of the base does not count. */
	asm volatile("mov (%%edi), %%eax" : "=a"(out) : "D"(ICR2 | 0x7700000000ull));
	EXPECT_EQ(out, 0x33000000);
	/* An absolute 64-bit address */
	asm volatile("movabs 0xfee00310, %%eax" : "=a"(out));
	EXPECT_EQ(out, 0x33000000);
	asm volatile("movabs %%eax, 0xfee00310" :: "a"(0x44000000));
	EXPECT_EQ(get(ICR2), 0x44000000);
	/* Relative to RIP, far away */
	asm volatile("lea (%%rip), %%rcx; mov (%1), %%eax" : "=a"(out) : "D"(ICR2) : "rcx");
	EXPECT_EQ(out, 0x44000000);
	/* Segment bases */
	wrmsr(MSR_FS_BASE, LAPIC);
	asm volatile("mov %%fs:0x310, %%eax" : "=a"(out));
	EXPECT_EQ(out, 0x44000000);
	wrmsr(MSR_GS_BASE, LAPIC + 0x300);
	asm volatile("mov %%gs:0x10, %%eax" : "=a"(out));
	EXPECT_EQ(out, 0x44000000);
	wrmsr(MSR_FS_BASE, 0);
	wrmsr(MSR_GS_BASE, 0);
}

TEST(sizes)
{
	u64 out;

	/* Narrow accesses where nobody is: ones, in just as many bytes. */
	if (!on_tcg()) {
		out = 0x1122334455667788;
		asm volatile("movb (%1), %%al" : "+a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, 0x11223344556677ff);
		out = 0x1122334455667788;
		asm volatile("movb (%1), %%ah" : "+a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, 0x112233445566ff88);
		out = 0x1122334455667788;
		asm volatile("movw (%1), %%ax" : "+a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, 0x112233445566ffff);
		asm volatile("movq (%1), %%rax" : "=a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, ~0ull);
		asm volatile("movzbl (%1), %%eax" : "=a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, 0xff);
		asm volatile("movzwl (%1), %%eax" : "=a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, 0xffff);
		asm volatile("movsbq (%1), %%rax" : "=a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, ~0ull);
		asm volatile("movswl (%1), %%eax" : "=a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, 0xffffffff);
		asm volatile("movslq (%1), %%rax" : "=a"(out) : "D"(0xd0000000));
		EXPECT_EQ(out, ~0ull);
	}
	put(ICR2, 0xff000000);
	asm volatile("movslq (%1), %%rax" : "=a"(out) : "D"(ICR2));
	EXPECT_EQ(out, 0xffffffffff000000);
	asm volatile("movl %1, (%0)" :: "D"(ICR2), "i"(0x12000000) : "memory");
	EXPECT_EQ(get(ICR2), 0x12000000);
}

TEST(read_modify_write)
{
	u64 flags, out;
	u8 bit;

	put(TPR, 0x30);
	asm volatile("orl $0x0c, (%1); pushfq; pop %0" : "=r"(flags) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x3c);
	EXPECT_EQ(flags & (FLAG_CF | FLAG_ZF), 0);
	asm volatile("andl $0x0f, (%1); pushfq; pop %0" : "=r"(flags) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x0c);
	asm volatile("andl $0xf0, (%1); pushfq; pop %0" : "=r"(flags) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0);
	EXPECT_EQ(flags & FLAG_ZF, FLAG_ZF);
	asm volatile("xorl %%ecx, (%0)" :: "D"(TPR), "c"(0x55) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x55);
	asm volatile("addl $1, (%0)" :: "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x56);
	asm volatile("subl %%ecx, (%1); pushfq; pop %0"
		     : "=r"(flags) : "D"(TPR), "c"(0x57) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0xff);
	EXPECT_EQ(flags & FLAG_CF, FLAG_CF);
	asm volatile("incl (%0)" :: "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0);
	put(TPR, 0x40);
	asm volatile("decl (%0)" :: "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x3f);
	asm volatile("notl (%0)" :: "D"(TPR) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0xc0);
	/* Compares and tests write nothing. */
	asm volatile("cmpl $0xc0, (%1); pushfq; pop %0" : "=r"(flags) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(flags & FLAG_ZF, FLAG_ZF);
	asm volatile("testl $0x3f, (%1); pushfq; pop %0" : "=r"(flags) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(flags & FLAG_ZF, FLAG_ZF);
	EXPECT_EQ(get(TPR), 0xc0);
	/* Register and memory, the other way round */
	out = 1;
	asm volatile("addl (%1), %%eax" : "+a"(out) : "D"(TPR) : "cc");
	EXPECT_EQ(out, 0xc1);
	out = 0xff;
	asm volatile("andl (%1), %%eax" : "+a"(out) : "D"(TPR) : "cc");
	EXPECT_EQ(out, 0xc0);
	asm volatile("cmpl (%2), %%eax; setz %1" : "+a"(out), "=r"(bit) : "D"(TPR) : "cc");
	EXPECT_EQ(bit, 1);
	/* Exchange, compare and exchange, bit operations */
	out = 0x21;
	asm volatile("xchgl %%eax, (%1)" : "+a"(out) : "D"(TPR) : "memory");
	EXPECT_EQ(out, 0xc0);
	EXPECT_EQ(get(TPR), 0x21);
	out = 0x21;
	asm volatile("lock cmpxchgl %%ecx, (%1)" : "+a"(out) : "D"(TPR), "c"(0x31) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x31);
	out = 0x99;
	asm volatile("lock cmpxchgl %%ecx, (%1)" : "+a"(out) : "D"(TPR), "c"(0x41) : "memory", "cc");
	EXPECT_EQ(get(TPR), 0x31);
	EXPECT_EQ(out, 0x31);
	asm volatile("btsl $1, (%1); setc %0" : "=r"(bit) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(bit, 0);
	EXPECT_EQ(get(TPR), 0x33);
	asm volatile("btl $1, (%1); setc %0" : "=r"(bit) : "D"(TPR) : "memory", "cc");
	EXPECT_EQ(bit, 1);
	put(TPR, 0);
}

TEST(strings)
{
	u32 buf[8] = { 0 }, i;
	u64 from, to, n;

	put(ICR2, 0x77000000);
	/* Four bytes each from the register */
	from = ICR2;
	to = (u64)buf;
	asm volatile("movsl" : "+S"(from), "+D"(to) :: "memory");
	EXPECT_EQ(buf[0], 0x77000000);
	EXPECT_EQ(from, ICR2 + 4);
	EXPECT_EQ(to, (u64)buf + 4);
	/* and to it */
	buf[1] = 0x66000000;
	from = (u64)&buf[1];
	to = ICR2;
	asm volatile("std; movsl; cld" : "+S"(from), "+D"(to) :: "memory");
	EXPECT_EQ(get(ICR2), 0x66000000);
	EXPECT_EQ(from, (u64)&buf[0]);
	EXPECT_EQ(to, ICR2 - 4);
	/* Storing and loading */
	to = ICR2;
	asm volatile("stosl" : "+D"(to) : "a"(0x55000000) : "memory");
	EXPECT_EQ(get(ICR2), 0x55000000);
	from = ICR2;
	asm volatile("lodsl" : "+S"(from), "=a"(n) :: "memory");
	EXPECT_EQ((u32)n, 0x55000000);
	/* Repeated */
	if (on_tcg())
		SKIP("QEMU reads 0 where nothing is");
	from = 0xd0000000;
	to = (u64)buf;
	n = 8;
	asm volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(n) :: "memory");
	EXPECT_EQ(n, 0);
	EXPECT_EQ(from, 0xd0000020);
	EXPECT_EQ(to, (u64)buf + 32);
	for (i = 0; i < 8; i++)
		EXPECT_EQ(buf[i], 0xffffffff);
	to = 0xd0000000;
	n = 100;
	asm volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(0) : "memory");
	EXPECT_EQ(to, 0xd0000064);
	EXPECT_EQ(n, 0);
	/* From one place without memory to another, and with nothing to do */
	from = 0xd0000000;
	to = 0xd0001000;
	n = 16;
	asm volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(n) :: "memory");
	EXPECT_EQ(to, 0xd0001080);
	n = 0;
	asm volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(n) :: "memory");
	EXPECT_EQ(to, 0xd0001080);
}

/* The memory side of an emulated instruction can fault: nothing is done then. */
TEST(faults_in_between)
{
	u64 from = ICR2, to = 0x43000000;
	u64 *pte = pte_of(read_cr3(), to, 1);

	put(ICR2, 0x12000000);
	*pte = 0;
	flush_tlb();
	EXPECT_EQ(TRY(asm volatile("movsl" : "+S"(from), "+D"(to) :: "memory")), PF);
	EXPECT_EQ(LAST_TRAP->cr2, 0x43000000);
	EXPECT_EQ(LAST_TRAP->error, 2);
	/* Written to through a read-only mapping */
	*pte = (LAPIC & ~0xfffull) | PTE_P;
	write_cr0(read_cr0() | CR0_WP);
	flush_tlb();
	EXPECT_EQ(TRY(*(volatile u32 *)(0x43000000 + APIC_ICR2) = 0), PF);
	EXPECT_EQ(LAST_TRAP->error, 3);
	EXPECT_EQ(get(ICR2), 0x12000000);
	EXPECT_EQ(*(volatile u32 *)(0x43000000 + APIC_ICR2), 0x12000000);
	write_cr0(read_cr0() & ~CR0_WP);
	*pte = 0x43000000 | PTE_P | PTE_W | PTE_U;
	flush_tlb();
}

/* One half of an access is RAM, the other is not. */
TEST(across_the_end_of_ram)
{
	u64 va = 0x44000000, val;
	u64 page = (u64)page_alloc();

	if (on_tcg())
		SKIP("QEMU reads 0 where nothing is");
	*pte_of(read_cr3(), va, 1) = page | PTE_P | PTE_W;
	*pte_of(read_cr3(), va + 4096, 1) = 0xd0000000ull | PTE_P | PTE_W;
	flush_tlb();
	*(u32 *)(page + 4092) = 0x11223344;
	val = *(volatile u64 *)(va + 4092);
	EXPECT_EQ(val, 0xffffffff11223344);
	*(volatile u64 *)(va + 4092) = 0x5566778899aabbcc;
	EXPECT_EQ(*(u32 *)(page + 4092), 0x99aabbcc);
}

TEST(ioapic_window)
{
	u32 i;

	for (i = 0; i < 24; i++) {
		ioapic_write(0x10 + 2 * i, LVT_MASKED | (0x40 + i));
		EXPECT_EQ(ioapic_read(0x10 + 2 * i) & 0x100ff, LVT_MASKED | (0x40 + i));
	}
	asm volatile("movb $0x11, (%0)" :: "D"(IOAPIC) : "memory");
	EXPECT_EQ(get(IOAPIC), 0x11);
}
