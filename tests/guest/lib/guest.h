/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The whole library of the bare-metal payloads: tests, traps, processor and
 * machine. A payload is a multiboot image that runs in 64-bit mode with the
 * first 4 GiB mapped to themselves (2 MiB pages, user accessible), interrupts
 * off, and tells KTAP on the first serial port. It needs nothing of a
 * hypervisor: QEMU's -kernel runs it as well.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1ull << (n))
#define barrier()	asm volatile("" ::: "memory")
#define READ_ONCE(x)	(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

/* ---- Tests ---------------------------------------------------------------- */

struct test {
	const char *name;
	void (*fn)(void);
};

#define TEST(_name)								\
	static void _name(void);						\
	static const struct test test_##_name					\
		__attribute__((section(".tests"), used, aligned(8))) = { #_name, _name }; \
	static void _name(void)

/* Prints what differs and fails the test; the test goes on. */
void expect(bool ok, const char *file, int line, const char *text);
void expect_eq(u64 a, u64 b, const char *file, int line, const char *ta, const char *tb);
#define EXPECT(c)	expect(c, __FILE__, __LINE__, #c)
#define EXPECT_EQ(a, b)	expect_eq((u64)(a), (u64)(b), __FILE__, __LINE__, #a, #b)
/* Leave a test that cannot be run here. */
#define SKIP(why)	do { skip(why); return; } while (0)
void skip(const char *why);
/* Give up all: the machine is in no state to go on. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

int printf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
int strcmp(const char *a, const char *b);
size_t strlen(const char *s);

/* What the boot loader left: EAX and EBX. */
extern u32 boot_eax, boot_ebx;
const char *boot_cmdline(void);
/* What follows @name, such as "seed=", on the command line; NULL where that has none. */
const char *boot_has(const char *name);
/* Is that @word? */
bool boot_says(const char *name, const char *word);
/* The number behind @name, such as "seed=", on the command line, or @val. */
u64 boot_option(const char *name, u64 val);
/*
 * QEMU's TCG is under us, maybe with Aerie in between; or nothing but TCG. Only for
 * what TCG is known to do otherwise than a processor: instructions that a hypervisor
 * does not see in the first case, registers that it would guard in the second.
 */
bool tcg_below(void);
bool on_tcg(void);

/* ---- Traps ---------------------------------------------------------------- */

struct regs {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

/* The last trap that ended a TRY(). */
struct trap {
	u64 vector, error, rip, cs, rflags, rsp, ss, cr2, dr6;
};

struct jump {
	u64 rbx, rbp, r12, r13, r14, r15, rsp, rip, rflags;
};

#define MAX_CPUS	64
#define STACK_SIZE	16384

struct cpu {
	u32 id;			/* index; the boot processor is 0 */
	u32 apic_id;
	bool armed;		/* a TRY() is waiting for a trap */
	struct jump jump;
	struct trap trap;
	void (*volatile work)(void *arg);	/* set by cpu_start(), cleared when done */
	void *arg;
	volatile bool online;
	bool x2apic;
};

extern struct cpu cpus[MAX_CPUS];
struct cpu *this_cpu(void);

#define NO_TRAP		-1

int trap_arm(struct jump *jump) __attribute__((returns_twice));

/* Run statements; the vector of the trap that ended them, or NO_TRAP. */
#define TRY(...) ({								\
	int _vec = trap_arm(&this_cpu()->jump);					\
	if (_vec == NO_TRAP) {							\
		this_cpu()->armed = true;					\
		barrier();							\
		__VA_ARGS__;							\
		barrier();							\
		this_cpu()->armed = false;					\
	}									\
	_vec;									\
})
#define LAST_TRAP	(&this_cpu()->trap)

/* A function for a vector: runs in the trap, returns to what was interrupted. */
typedef void (*handler_t)(struct regs *regs);
void set_handler(unsigned int vector, handler_t fn);

struct gate {
	u16 offset0, selector;
	u8 ist, type;
	u16 offset1;
	u32 offset2, reserved;
} __attribute__((packed));

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __attribute__((packed));

struct dtable {
	u16 limit;
	u64 base;
} __attribute__((packed));

extern struct gate idt[256];
extern u64 gdt[];
extern struct tss tss[MAX_CPUS];
void load_idt(void);
void load_gdt(void);
/* Load the boot processor's task register anew, with another limit. */
void tss_limit(u32 limit);

/* Selectors; those for tests are free for use. */
#define SEL_CODE64	0x08
#define SEL_DATA	0x10
#define SEL_CODE32	0x18
#define SEL_CODE16	0x20
#define SEL_DATA16	0x28
#define SEL_UDATA	0x33
#define SEL_UCODE64	0x3b
#define SEL_UCODE32	0x43
#define SEL_TEST	0x48	/* and seven more, up to 0x80 */
#define SEL_TSS		0x80	/* 16 bytes a processor */

/* Descriptor of a code or data segment: access byte, and G, D, L as 0x8, 0x4, 0x2. */
u64 descriptor(u32 base, u32 limit, u8 access, u8 flags);

/* Run @fn in ring 3; it ends with a trap. VECTOR_USER is a way to do so on purpose. */
#define VECTOR_USER	0x80
void enter_user(void (*fn)(void)) __attribute__((noreturn));
#define user_exit()	asm volatile("int $0x80")

/* ---- Modes (modes.S) ------------------------------------------------------ */

/* 32-bit protected mode: how it is to be, what to call there, how it ended. */
struct mode32 {
	u32 cr0, cr3, cr4, efer;
	u32 code;		/* 32-bit code; called with EBX and ESI */
	u32 ebx, esi;
	u32 result;		/* EAX */
	u32 vector, error, cr2, eip;	/* of the trap that ended it; vector ~0: none */
};

extern u64 idt32[32];
/* Interrupts off; the code and its data have to be mapped to themselves. */
void run_mode32(struct mode32 *m);
/* Long mode with another CR3 and CR4. */
void run_long(u64 cr3, u64 cr4, void (*fn)(void));
/* Real mode: 16-bit code, copied to 0x7100 and called there. */
void run_real(const void *code, u32 len);
#define REAL_BODY	0x7100
/* Compatibility mode: 32-bit code in 64-bit mode's tables; returns EAX. */
u32 run_compat(u32 code, u32 ebx, u32 esi);
/* Fill idt32[]: a trap ends run_mode32(). */
void setup_idt32(void);

/* ---- Processor ------------------------------------------------------------ */

static inline void outb(u8 v, u16 port) { asm volatile("outb %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outw(u16 v, u16 port) { asm volatile("outw %0, %1" :: "a"(v), "Nd"(port)); }
static inline void outl(u32 v, u16 port) { asm volatile("outl %0, %1" :: "a"(v), "Nd"(port)); }
static inline u8 inb(u16 port) { u8 v; asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u16 inw(u16 port) { u16 v; asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port)); return v; }
static inline u32 inl(u16 port) { u32 v; asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port)); return v; }

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 v)
{
	asm volatile("wrmsr" :: "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

struct cpuid { u32 a, b, c, d; };

static inline struct cpuid cpuid(u32 leaf, u32 sub)
{
	struct cpuid r;

	asm volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
	return r;
}

#define CR_ACCESS(cr)									\
static inline u64 read_cr##cr(void)							\
{ u64 v; asm volatile("mov %%cr" #cr ", %0" : "=r"(v) :: "memory"); return v; }		\
static inline void write_cr##cr(u64 v) { asm volatile("mov %0, %%cr" #cr :: "r"(v) : "memory"); }
CR_ACCESS(0) CR_ACCESS(2) CR_ACCESS(3) CR_ACCESS(4) CR_ACCESS(8)

#define DR_ACCESS(dr)									\
static inline u64 read_dr##dr(void)							\
{ u64 v; asm volatile("mov %%dr" #dr ", %0" : "=r"(v) :: "memory"); return v; }		\
static inline void write_dr##dr(u64 v) { asm volatile("mov %0, %%dr" #dr :: "r"(v) : "memory"); }
DR_ACCESS(0) DR_ACCESS(1) DR_ACCESS(2) DR_ACCESS(3) DR_ACCESS(6) DR_ACCESS(7)

static inline u64 rdtsc(void)
{
	u32 lo, hi;

	asm volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi) :: "memory");
	return (u64)hi << 32 | lo;
}

static inline u64 read_flags(void)
{
	u64 v;

	asm volatile("pushfq; popq %0" : "=r"(v) :: "memory");
	return v;
}

static inline void write_flags(u64 v) { asm volatile("pushq %0; popfq" :: "r"(v) : "memory", "cc"); }
static inline void cli(void) { asm volatile("cli" ::: "memory"); }
static inline void sti(void) { asm volatile("sti" ::: "memory"); }
static inline void pause(void) { asm volatile("pause" ::: "memory"); }
/*
 * Wait for another processor, with an exit: under Bochs' VMX a guest that has its
 * interrupts off and never exits keeps out those of the host, and with them the others.
 */
static inline void relax(void) { pause(); outb(0, 0x80); }
/* Wait for an interrupt without a gap between enabling and halting. */
static inline void sti_hlt_cli(void) { asm volatile("sti; hlt; cli" ::: "memory"); }
/* Take what is pending: the instruction behind STI is still in its shadow. */
static inline void sti_nop_cli(void) { asm volatile("sti; nop; nop; cli" ::: "memory"); }

static inline u32 mmio_read32(u64 a) { return *(volatile u32 *)a; }
static inline void mmio_write32(u64 a, u32 v) { *(volatile u32 *)a = v; }

static inline u32 atomic_inc(volatile u32 *p)
{
	return __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
}

#define CR0_PE	BIT(0)
#define CR0_MP	BIT(1)
#define CR0_EM	BIT(2)
#define CR0_TS	BIT(3)
#define CR0_NE	BIT(5)
#define CR0_WP	BIT(16)
#define CR0_AM	BIT(18)
#define CR0_NW	BIT(29)
#define CR0_CD	BIT(30)
#define CR0_PG	BIT(31)
#define CR4_VME	BIT(0)
#define CR4_TSD	BIT(2)
#define CR4_DE	BIT(3)
#define CR4_PSE	BIT(4)
#define CR4_PAE	BIT(5)
#define CR4_PGE	BIT(7)
#define CR4_PCE	BIT(8)
#define CR4_OSFXSR BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP BIT(11)
#define CR4_LA57 BIT(12)
#define CR4_VMXE BIT(13)
#define CR4_FSGSBASE BIT(16)
#define CR4_PCIDE BIT(17)
#define CR4_OSXSAVE BIT(18)
#define CR4_SMEP BIT(20)
#define CR4_SMAP BIT(21)
#define FLAG_CF	BIT(0)
#define FLAG_ZF	BIT(6)
#define DR6_NONE	0xffff0ff0
#define DR6_BS		BIT(14)

#define FLAG_TF	BIT(8)
#define FLAG_IF	BIT(9)
#define FLAG_DF	BIT(10)
#define FLAG_NT	BIT(14)
#define FLAG_RF	BIT(16)
#define FLAG_AC	BIT(18)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define MSR_TSC		0x10
#define MSR_APIC_BASE	0x1b
#define MSR_TSC_ADJUST	0x3b
#define MSR_SYSENTER_CS	0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MISC_ENABLE	0x1a0
#define MSR_DEBUGCTL	0x1d9
#define MSR_PAT		0x277
#define MSR_TSC_DEADLINE 0x6e0
#define MSR_EFER	0xc0000080
#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define MSR_CSTAR	0xc0000083
#define MSR_SFMASK	0xc0000084
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define MSR_KGS_BASE	0xc0000102
#define MSR_TSC_AUX	0xc0000103

#define DE	0
#define DB	1
#define NMI	2
#define BP	3
#define OF	4
#define BR	5
#define UD	6
#define NM	7
#define DF	8
#define TS	10
#define NP	11
#define SS	12
#define GP	13
#define PF	14
#define MF	16
#define AC	17
#define XM	19

/* ---- Other processors ----------------------------------------------------- */

/* Start all (INIT, SIPI); returns how many there are, the caller included. */
u32 smp_start(void);
/* Run @fn on another processor; cpu_wait() until it is done. */
void cpu_start(u32 cpu, void (*fn)(void *arg), void *arg);
void cpu_wait(u32 cpu);
/* Run @fn on all processors, the caller included, and wait for all. */
void smp_run(void (*fn)(void *arg), void *arg);

/* ---- Time ----------------------------------------------------------------- */

#define PM_TIMER_HZ	3579545u
#define PIT_HZ		1193182u

u32 pm_timer(void);
/* TSC cycles a millisecond, measured once with the PM timer. */
u64 tsc_per_ms(void);
void delay_us(u64 us);
/* Spin until @cond or @ms have passed; says whether it came true. */
#define WAIT_FOR(cond, ms) ({							\
	u64 _end = rdtsc() + (ms) * tsc_per_ms();				\
	while (!(cond) && rdtsc() < _end)					\
		pause();							\
	!!(cond);								\
})

/* ---- Interrupt controllers ------------------------------------------------ */

#define LAPIC		0xfee00000ull
#define IOAPIC		0xfec00000ull
#define APIC_ID		0x20
#define APIC_VERSION	0x30
#define APIC_TPR	0x80
#define APIC_PPR	0xa0
#define APIC_EOI	0xb0
#define APIC_LDR	0xd0
#define APIC_DFR	0xe0
#define APIC_SVR	0xf0
#define APIC_ISR	0x100
#define APIC_TMR	0x180
#define APIC_IRR	0x200
#define APIC_ESR	0x280
#define APIC_ICR	0x300
#define APIC_ICR2	0x310
#define APIC_LVT_TIMER	0x320
#define APIC_LVT_LINT0	0x350
#define APIC_LVT_LINT1	0x360
#define APIC_LVT_ERROR	0x370
#define APIC_TIMER_INIT	0x380
#define APIC_TIMER_NOW	0x390
#define APIC_TIMER_DIV	0x3e0

#define LVT_MASKED	BIT(16)
#define LVT_PERIODIC	BIT(17)
#define LVT_DEADLINE	BIT(18)
#define LVT_EXTINT	(7u << 8)
#define LVT_NMI		(4u << 8)

#define ICR_FIXED	0u
#define ICR_LOWEST	(1u << 8)
#define ICR_NMI		(4u << 8)
#define ICR_INIT	(5u << 8)
#define ICR_SIPI	(6u << 8)
#define ICR_LOGICAL	BIT(11)
#define ICR_BUSY	BIT(12)
#define ICR_ASSERT	BIT(14)
#define ICR_LEVEL	BIT(15)
#define ICR_SELF	(1u << 18)
#define ICR_ALL		(2u << 18)
#define ICR_OTHERS	(3u << 18)

bool has_x2apic(void);
/* Registers by their xAPIC offset, in whichever mode the local APIC is in. */
bool apic_is_x2(void);
u32 apic_read(u32 reg);
void apic_write(u32 reg, u32 val);
/* Software enable, spurious vector 0xff; in x2APIC mode where the command line has x2apic=1. */
void apic_enable(void);
void apic_to_x2(void);
void apic_to_xapic(void);
void apic_eoi(void);
void set_tpr(u32 class);	/* by CR8, where that can be trusted */
void apic_icr(u32 dest, u32 low);	/* write, and wait until it is sent */
u32 apic_id(void);
bool apic_bit(u32 base, u8 vector);	/* in ISR, TMR, IRR */

u32 ioapic_read(u32 reg);
void ioapic_write(u32 reg, u32 val);
void ioapic_route(u32 pin, u64 entry);

/* Both 8259 initialised with vectors 0x20-0x2f, all masked. */
void pic_setup(void);
void pic_mask(u16 mask);	/* bit n: interrupt n is masked */
void pic_eoi(unsigned int irq);

/* ---- Memory, power -------------------------------------------------------- */

#define PTE_P	BIT(0)
#define PTE_W	BIT(1)
#define PTE_U	BIT(2)
#define PTE_A	BIT(5)
#define PTE_D	BIT(6)
#define PTE_PS	BIT(7)
#define PTE_G	BIT(8)
#define PTE_NX	BIT(63)
#define PTE_ADDR 0x000ffffffffff000ull

/* A clear page of its own; there are a few dozen and they are never freed. */
void *page_alloc(void);
/* Entry of @va at @level (1 is 4 KiB) in the table @cr3 says; splits and adds tables. */
u64 *pte_of(u64 root, u64 va, unsigned int level);
static inline void invlpg(u64 va) { asm volatile("invlpg (%0)" :: "r"(va) : "memory"); }
static inline void flush_tlb(void) { write_cr3(read_cr3()); }

/* The ACPI table of that signature, or NULL. */
u8 *acpi_table(const char *signature);
u8 cmos_read(u8 index);
void cmos_write(u8 index, u8 val);
/* A byte that survives a reset; 0 in a new machine. */
#define CMOS_STAGE	0x44
void power_off(void) __attribute__((noreturn));

#endif
