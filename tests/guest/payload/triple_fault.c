// SPDX-License-Identifier: GPL-2.0
/*
 * What resets the machine: a triple fault, port 0xcf9, the reset register. Each
 * is tried in a boot of its own; a byte of CMOS memory counts them. After each,
 * memory is clear, the processor is as the boot protocol says, and its MSRs are as
 * after power-on.
 */
#include "guest.h"

#define MAGIC	0xa0
#define MARK	0x1234567890abcdefull

static const u32 msrs[] = {
	MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_KGS_BASE,
	MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP, MSR_DEBUGCTL,
};

static void next(u8 stage)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		wrmsr(msrs[i], 2);		/* of DEBUGCTL that is BTF */
	cmos_write(CMOS_STAGE, MAGIC | stage);
	*(volatile u64 *)0x2000000 = MARK;
}

static void triple(void)
{
	struct dtable none = { 0, 0 };

	asm volatile("lidt %0; ud2" :: "m"(none));
}

static void port_cf9(void)
{
	outb(0x02, 0xcf9);
	outb(0x06, 0xcf9);
}

/* With interrupts pending and other processors running. */
static void spin(void *arg)
{
	for (;;)
		pause();
}

static void triple_on_another(void *arg)
{
	triple();
}

TEST(resets)
{
	u8 stage = cmos_read(CMOS_STAGE);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		EXPECT_EQ(rdmsr(msrs[i]), 0);
	if ((stage & 0xf0) != MAGIC)
		stage = MAGIC;
	else
		EXPECT(*(volatile u64 *)0x2000000 != MARK || on_tcg());
	EXPECT_EQ(boot_eax, 0x2badb002);
	switch (stage & 0xf) {
	case 0:
		printf("# triple fault\n");
		next(1);
		triple();
		break;
	case 1:
		printf("# port 0xcf9\n");
		next(2);
		port_cf9();
		break;
	case 2:
		printf("# triple fault of another processor\n");
		if (smp_start() > 2)
			cpu_start(2, spin, NULL);
		next(3);
		if (smp_start() > 1)
			cpu_start(1, triple_on_another, NULL);
		else
			triple();
		break;
	case 3:
		cmos_write(CMOS_STAGE, 0);
		EXPECT(smp_start() >= 1);
		return;
	}
	delay_us(5000000);
	cmos_write(CMOS_STAGE, 0);
	EXPECT(!"reset");
}
