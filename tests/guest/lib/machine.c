// SPDX-License-Identifier: GPL-2.0
/* The machine: power, CMOS, time, 8259 pair, memory, boot information, ACPI. */
#include "guest.h"

#define PM1A_CNT	0x604
#define SLP_EN		0x2000
#define PM_TMR		0x608

extern u64 pml4[512];

static u8 pages[48][4096] __attribute__((aligned(4096)));
static u32 pages_used;

void power_off(void)
{
	outw(SLP_EN | 5 << 10, PM1A_CNT);
	outw(SLP_EN, PM1A_CNT);		/* QEMU's idea of S5 */
	for (;;)
		asm volatile("cli; hlt");
}

u8 cmos_read(u8 index)
{
	outb(index, 0x70);
	return inb(0x71);
}

void cmos_write(u8 index, u8 val)
{
	outb(index, 0x70);
	outb(val, 0x71);
}

u32 pm_timer(void)
{
	return inl(PM_TMR);
}

/* Both clocks at one moment: of some readings the one that was held up least between them. */
static u32 moment(u64 *tsc)
{
	u64 before, after, shortest = ~0ull;
	u32 i, p, best = 0;

	for (i = 0; i < 20; i++) {
		before = rdtsc();
		p = pm_timer();
		after = rdtsc();
		if (after - before >= shortest)
			continue;
		shortest = after - before;
		*tsc = before + shortest / 2;
		best = p;
	}
	return best;
}

u64 tsc_per_ms(void)
{
	static u64 rate;
	u64 from, to;
	u32 start, took;

	if (rate)
		return rate;
	start = moment(&from);
	do {
		took = (moment(&to) - start) & 0xffffff;
	} while (took < PM_TIMER_HZ / 100);
	rate = (to - from) * PM_TIMER_HZ / 1000 / took;
	if (!rate)
		die("the TSC does not count");
	return rate;
}

void delay_us(u64 us)
{
	u64 end = rdtsc() + us * tsc_per_ms() / 1000;

	while (rdtsc() < end)
		pause();
}

void pic_setup(void)
{
	outb(0x11, 0x20);
	outb(0x11, 0xa0);
	outb(0x20, 0x21);
	outb(0x28, 0xa1);
	outb(4, 0x21);
	outb(2, 0xa1);
	outb(1, 0x21);
	outb(1, 0xa1);
	pic_mask(0xffff);
}

void pic_mask(u16 mask)
{
	outb(mask, 0x21);
	outb(mask >> 8, 0xa1);
}

void pic_eoi(unsigned int irq)
{
	if (irq >= 8)
		outb(0x20, 0xa0);
	outb(0x20, 0x20);
}

void *page_alloc(void)
{
	if (pages_used == ARRAY_SIZE(pages))
		die("out of pages");
	return memset(pages[pages_used++], 0, 4096);
}

u64 *pte_of(u64 root, u64 va, unsigned int level)
{
	u64 *table = (u64 *)(root & PTE_ADDR), *entry;
	unsigned int l, i;

	for (l = read_cr4() & CR4_LA57 ? 5 : 4;; l--) {
		entry = &table[va >> (12 + 9 * (l - 1)) & 511];
		if (l == level)
			return entry;
		if (!(*entry & PTE_P)) {
			*entry = (u64)page_alloc() | PTE_P | PTE_W | PTE_U;
		} else if (*entry & PTE_PS) {
			u64 *split = page_alloc();

			for (i = 0; i < 512; i++)
				split[i] = (*entry & ~(l == 2 ? PTE_PS : 0)) +
					   ((u64)i << (12 + 9 * (l - 2)));
			*entry = (u64)split | PTE_P | PTE_W | PTE_U;
		}
		table = (u64 *)(*entry & PTE_ADDR);
	}
}

const char *boot_cmdline(void)
{
	const u32 *info = (u32 *)(u64)boot_ebx;

	return boot_eax == 0x2badb002 && info[0] & BIT(2) ? (char *)(u64)info[4] : "";
}

u8 *acpi_table(const char *signature)
{
	u8 *p, *t;
	u32 i;

	for (p = (u8 *)0xe0000; memcmp(p, "RSD PTR ", 8); p += 16)
		if (p == (u8 *)0xffff0)
			die("no RSDP");
	p = (u8 *)(u64)*(u32 *)(p + 16);
	for (i = 36; i < *(u32 *)(p + 4); i += 4) {
		t = (u8 *)(u64)*(u32 *)(p + i);
		if (!memcmp(t, signature, 4))
			return t;
	}
	return NULL;
}

const char *boot_has(const char *name)
{
	size_t len = strlen(name);
	const char *p;

	for (p = boot_cmdline(); *p; p++)
		if (!memcmp(p, name, len))
			return p + len;
	return NULL;
}

u64 boot_option(const char *name, u64 val)
{
	const char *p = boot_has(name);

	if (!p)
		return val;
	for (val = 0; *p >= '0' && *p <= '9'; p++)
		val = val * 10 + *p - '0';
	return val;
}

bool boot_says(const char *name, const char *word)
{
	const char *p = boot_has(name);
	size_t len = strlen(word);

	return p && !memcmp(p, word, len) && (u8)p[len] <= ' ';
}

bool on_tcg(void)
{
	struct cpuid c = cpuid(0x40000000, 0);

	return c.b == 0x54474354 && c.c == 0x43544743 && c.d == 0x47435447;
}

/* The tell-tale: #GP where the stack is addressed and a processor has #SS. */
bool tcg_below(void)
{
	static int answer = -1;

	if (answer < 0)
		answer = TRY(asm volatile("push %%rbp; mov %0, %%rbp; mov (%%rbp), %%rax; pop %%rbp"
					  :: "r"(1ull << 62) : "rax", "memory")) == GP;
	return answer;
}
