// SPDX-License-Identifier: GPL-2.0
/*
 * x87, SSE, AVX and AVX-512 registers, and XCR0, survive exits of every kind and
 * the host's own use of the processor. All processors hold values of their own.
 */
#include "guest.h"

#define ROUNDS	300

static bool has_avx, has_avx512;

struct state {
	u8 st[8][10];
	u8 vec[32][64] __attribute__((aligned(64)));
	u64 k[8];
	u32 mxcsr;
	u16 cw;
} __attribute__((aligned(64)));

static struct state want[MAX_CPUS], got[MAX_CPUS];
static volatile u32 bad[MAX_CPUS];

static void enable(void)
{
	u32 xcr0 = 3;

	has_avx = has_avx512 = false;
	if (!(cpuid(1, 0).c & BIT(26)))
		return;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	if (cpuid(1, 0).c & BIT(28)) {
		xcr0 |= 4;
		has_avx = true;
		if (cpuid(7, 0).b & BIT(16) && (cpuid(0xd, 0).a & 0xe0) == 0xe0) {
			xcr0 |= 0xe0;
			has_avx512 = true;
		}
	}
	asm volatile("xsetbv" :: "a"(xcr0), "d"(0), "c"(0));
}

#define EACH16(op)	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10) \
			op(11) op(12) op(13) op(14) op(15)
#define EACH32(op)	EACH16(op) op(16) op(17) op(18) op(19) op(20) op(21) op(22) op(23) \
			op(24) op(25) op(26) op(27) op(28) op(29) op(30) op(31)
#define LOAD_SSE(n)	asm volatile("movups %0, %%xmm" #n :: "m"(s->vec[n]));
#define SAVE_SSE(n)	asm volatile("movups %%xmm" #n ", %0" : "=m"(s->vec[n]));
#define LOAD_AVX(n)	asm volatile("vmovups %0, %%ymm" #n :: "m"(s->vec[n]));
#define SAVE_AVX(n)	asm volatile("vmovups %%ymm" #n ", %0" : "=m"(s->vec[n]));
#define LOAD_512(n)	asm volatile("vmovups %0, %%zmm" #n :: "m"(s->vec[n]));
#define SAVE_512(n)	asm volatile("vmovups %%zmm" #n ", %0" : "=m"(s->vec[n]));
#define LOAD_K(n)	asm volatile("kmovq %0, %%k" #n :: "m"(s->k[n]));
#define SAVE_K(n)	asm volatile("kmovq %%k" #n ", %0" : "=m"(s->k[n]));

static void load(const struct state *s)
{
	int i;

	asm volatile("fninit");
	for (i = 7; i >= 0; i--)
		asm volatile("fldt %0" :: "m"(s->st[i]));
	asm volatile("fldcw %0; ldmxcsr %1" :: "m"(s->cw), "m"(s->mxcsr));
	if (has_avx512) {
		EACH32(LOAD_512)
		LOAD_K(0) LOAD_K(1) LOAD_K(2) LOAD_K(3) LOAD_K(4) LOAD_K(5) LOAD_K(6) LOAD_K(7)
	} else if (has_avx) {
		EACH16(LOAD_AVX)
	} else {
		EACH16(LOAD_SSE)
	}
}

static void save(struct state *s)
{
	int i;

	asm volatile("fnstcw %0; stmxcsr %1" : "=m"(s->cw), "=m"(s->mxcsr));
	if (has_avx512) {
		EACH32(SAVE_512)
		SAVE_K(0) SAVE_K(1) SAVE_K(2) SAVE_K(3) SAVE_K(4) SAVE_K(5) SAVE_K(6) SAVE_K(7)
	} else if (has_avx) {
		EACH16(SAVE_AVX)
	} else {
		EACH16(SAVE_SSE)
	}
	for (i = 0; i < 8; i++)
		asm volatile("fstpt %0" : "=m"(s->st[i]));
}

/* Different on every processor and in every round; as many bytes as there are. */
static void fill(struct state *s, u32 seed)
{
	u32 width = has_avx512 ? 64 : has_avx ? 32 : 16, nr = has_avx512 ? 32 : 16, i, j;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < nr; i++)
		for (j = 0; j < width; j++)
			s->vec[i][j] = seed * 31 + i * 7 + j;
	for (i = 0; i < 8; i++) {
		for (j = 0; j < 7; j++)
			s->st[i][j] = seed + i * 3 + j;
		s->st[i][7] = 0x80 | i;		/* a normal number */
		s->st[i][8] = 0x10 + seed % 16;
		s->st[i][9] = 0x40;
		if (has_avx512)
			s->k[i] = seed * 0x0101010101ull + i;
	}
	s->mxcsr = 0x1f80 | (seed & 3) << 13;
	s->cw = 0x037f | (seed & 3) << 10;
}

static void exits(u32 round)
{
	switch (round % 8) {
	case 0: cpuid(0, 0); break;
	case 1: inb(0x61); break;
	case 2: pm_timer(); break;
	case 3: (void)apic_read(APIC_ID); break;
	case 4: (void)rdmsr(MSR_APIC_BASE); break;
	case 5: delay_us(500); break;		/* the host's timer may strike */
	case 6:					/* halted, the processor is given away */
		apic_write(APIC_LVT_TIMER, 0x50);
		apic_write(APIC_TIMER_DIV, 0xb);
		apic_write(APIC_TIMER_INIT, 100000);
		sti_hlt_cli();
		break;
	case 7: *(volatile u32 *)(0x700000ull + this_cpu()->id * 0x1000) = round; break;
	}
}

static void tick(struct regs *r)
{
	apic_eoi();
}

static void work(void *arg)
{
	u32 id = this_cpu()->id, i;

	enable();
	apic_enable();
	bad[id] = 0;
	for (i = 0; i < ROUNDS; i++) {
		fill(&want[id], id * 1000 + i);
		load(&want[id]);
		exits(i);
		exits(i + 1);
		memset(&got[id], 0, sizeof(got[id]));
		save(&got[id]);
		bad[id] += !!memcmp(&want[id], &got[id], sizeof(want[id]));
	}
}

TEST(registers_on_all_processors)
{
	u32 i, nr = smp_start();

	set_handler(0x50, tick);
	tsc_per_ms();
	smp_run(work, NULL);
	printf("# %s\n", has_avx512 ? "AVX-512" : has_avx ? "AVX" : "SSE");
	for (i = 0; i < nr; i++)
		EXPECT_EQ(bad[i], 0);
}

TEST(xcr0_survives)
{
	u32 lo, hi, i;

	enable();
	if (!has_avx)
		SKIP("no AVX");
	for (i = 0; i < 20; i++) {
		asm volatile("xsetbv" :: "a"(i & 1 ? 7 : 3), "d"(0), "c"(0));
		exits(i);
		asm volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
		EXPECT_EQ(lo, i & 1 ? 7 : 3);
		if (!(i & 1))
			EXPECT_EQ(TRY(asm volatile("vmovups %ymm0, %ymm1")), UD);
	}
}

/* Lazy switching in the guest: CR0.TS is the guest's own. */
TEST(task_switched_flag)
{
	u32 i;

	for (i = 0; i < 16; i++) {
		write_cr0(read_cr0() | CR0_TS);
		exits(i);
		EXPECT_EQ(TRY(asm volatile("movaps %xmm0, %xmm1")), NM);
		asm volatile("clts");
		exits(i);
		EXPECT_EQ(TRY(asm volatile("movaps %xmm0, %xmm1")), NO_TRAP);
	}
}

/* XSAVE's own view, in the layout that CPUID tells. */
TEST(xsave_area)
{
	static u8 area[8192] __attribute__((aligned(64)));
	struct state *s = &want[0];

	enable();
	if (!has_avx)
		SKIP("no AVX");
	fill(s, 77);
	load(s);
	exits(5);
	memset(area, 0, sizeof(area));
	asm volatile("xsave64 %0" : "+m"(area) : "a"(7), "d"(0));
	EXPECT_EQ(*(u64 *)(area + 512) & 7, 7);
	EXPECT(!memcmp(area + 160, s->vec[0], 16));
	EXPECT(!memcmp(area + cpuid(0xd, 2).b, s->vec[0] + 16, 16));
	EXPECT(!memcmp(area + cpuid(0xd, 2).b + 15 * 16, s->vec[15] + 16, 16));
	/* Emptied and restored */
	asm volatile("vzeroall; fninit");
	asm volatile("xrstor64 %0" :: "m"(area), "a"(7), "d"(0));
	exits(6);
	save(&got[0]);
	if (!has_avx512)
		EXPECT(!memcmp(&got[0], s, sizeof(*s)));
	asm volatile("fninit");
}
