// SPDX-License-Identifier: GPL-2.0
/*
 * What resets the machine: triple faults, ports 0xcf9 and 0x92, the keyboard
 * controller, ACPI's reset register. Each is tried in a boot of its own; a byte of
 * CMOS memory counts them. After each, memory is clear, the processor is as the boot
 * protocol says, and its MSRs are as after power-on.
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

/* A page fault whose gate is not present is a double fault, whose gate is not either. */
static void nested(void)
{
	*pte_of(read_cr3(), 0x50000000, 1) = 0;
	flush_tlb();
	idt[PF].type = idt[DF].type = 0x0e;
	barrier();
	(void)*(volatile u32 *)0x50000000;
}

static void port_a(void)
{
	outb(inb(0x92) | 1, 0x92);
}

static void keyboard(void)
{
	while (inb(0x64) & 2)
		pause();
	outb(0xfe, 0x64);
}

/* The FADT says where; false if this machine has none. */
static bool reset_register(void)
{
	u8 *fadt = acpi_table("FACP");

	if (!fadt || *(u32 *)(fadt + 4) < 129 || !(*(u32 *)(fadt + 112) & BIT(10)))
		return false;
	EXPECT_EQ(fadt[116], 1);		/* a port */
	outb(fadt[128], *(u64 *)(fadt + 120));
	return true;
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
		printf("# port 0x92\n");
		next(3);
		port_a();
		break;
	case 3:
		printf("# keyboard controller\n");
		next(4);
		keyboard();
		break;
	case 4:
		printf("# ACPI's reset register\n");
		next(5);
		if (reset_register() || !on_tcg())
			break;
		__attribute__((fallthrough));	/* TCG's machine has none */
	case 5:
		printf("# page fault, double fault, triple fault\n");
		next(6);
		nested();
		break;
	case 6:
		printf("# triple fault of another processor\n");
		if (smp_start() > 2)
			cpu_start(2, spin, NULL);
		next(7);
		if (smp_start() > 1)
			cpu_start(1, triple_on_another, NULL);
		else
			triple();
		break;
	case 7:
		cmos_write(CMOS_STAGE, 0);
		EXPECT(smp_start() >= 1);
		return;
	}
	delay_us(5000000);
	cmos_write(CMOS_STAGE, 0);
	EXPECT(!"reset");
}
