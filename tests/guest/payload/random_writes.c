// SPDX-License-Identifier: GPL-2.0
/*
 * Random values to every port, MSR, control register and device register; the host
 * must not notice. What takes the ground from under the test is spared, but for the
 * last test, of which the guest may die. Each is to run alone (only=NAME);
 * "seed=N" on the command line repeats it.
 */
#include "guest.h"

static u64 seed;

static u64 rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Often what is likely to matter: few bits, all bits, small numbers. */
static u64 value(void)
{
	switch (rnd() % 6) {
	case 0: return 0;
	case 1: return ~0ull;
	case 2: return 1ull << rnd() % 64;
	case 3: return rnd() % 256;
	case 4: return ~(1ull << rnd() % 64);
	default: return rnd();
	}
}

static void start(void)
{
	seed = boot_option("seed=", rdtsc() | 1);
	printf("# seed=%lu\n", seed);
	set_handler(NMI, NULL);
}

/* Spare what ends the test: the serial port's own output, power, reset. */
static bool spared(u16 port)
{
	return (port >= 0x3f8 && port < 0x400) || (port >= 0x600 && port < 0x608) ||
	       port == 0xcf9 || port == 0x64 || port == 0x92 || (port & ~7) == 0xcf8;
}

static void one_port(u16 port)
{
	if (spared(port) || spared(port + 3))
		return;
	switch (rnd() % 6) {
	case 0: outb(value(), port); break;
	case 1: outw(value(), port); break;
	case 2: outl(value(), port); break;
	case 3: inb(port); break;
	case 4: inw(port); break;
	default: inl(port); break;
	}
}

TEST(ports)
{
	u32 port, i;

	start();
	for (port = 0; port < 0x10000; port++)
		one_port(port);
	/* and again those where something is */
	for (i = 0; i < 20000; i++)
		one_port(rnd() % 0x700);
	pic_setup();
}

TEST(device_memory)
{
	u32 i;

	start();
	for (i = 0; i < 5000; i++) {
		u64 at = (rnd() & 1 ? LAPIC : IOAPIC) + rnd() % 0x1000;

		/* Not IPIs of kinds that stop us for good */
		if (at >= LAPIC + APIC_ICR - 8 && at < LAPIC + APIC_ICR + 16)
			continue;
		switch (rnd() % 5) {
		case 0: (void)TRY(*(volatile u8 *)at = value()); break;
		case 1: (void)TRY(*(volatile u16 *)at = value()); break;
		case 2: (void)TRY(*(volatile u64 *)at = value()); break;
		case 3: (void)TRY((void)*(volatile u32 *)at); break;
		default: (void)TRY(*(volatile u32 *)(at & ~15ull) = value()); break;
		}
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

/* Registers that hold an address of ours for the hypervisor to write to */
static bool takes_address(u32 msr)
{
	return msr == 0x11 || msr == 0x12 || (msr >= 0x4b564d00 && msr < 0x4b564e00);
}

/* One who may be written to, so that we are not */
static u64 target(u64 offset)
{
	static u8 page[4096] __attribute__((aligned(4096)));

	return (u64)page + (offset & 0xfff);
}

static void one_msr(u32 msr)
{
	u64 val = value(), old = 0;
	int vec;

	/* Not what takes the ground from under us */
	if (msr == MSR_EFER || msr == MSR_APIC_BASE || msr == MSR_GS_BASE || msr == MSR_FS_BASE ||
	    msr == 0x830 || msr == 0x83f)
		return;
	if (takes_address(msr) && val < BIT(32))
		val = target(val);
	vec = TRY(old = rdmsr(msr));
	if (TRY(wrmsr(msr, val)) == NO_TRAP && vec == NO_TRAP)
		(void)TRY(wrmsr(msr, old));
}

TEST(msrs)
{
	u32 i;

	start();
	for (i = 0; i < 0x2000; i++) {
		one_msr(i);
		one_msr(0xc0000000 + i);
	}
	for (i = 0; i < 0x400; i++) {
		one_msr(0xc0010000 + i);
		one_msr(0x40000000 + i);
		one_msr(0x4b564d00 + i % 16);
		one_msr(rnd());
	}
	set_tpr(0);
}

TEST(control_and_debug_registers)
{
	u64 cr0 = read_cr0(), cr4 = read_cr4(), i;

	start();
	for (i = 0; i < 3000; i++) {
		switch (rnd() % 8) {
		case 0:
			/* Paging and protection stay on, or there is no way back. */
			(void)TRY(write_cr0(value() | CR0_PE | CR0_PG));
			write_cr0(cr0);
			break;
		case 1:
			(void)TRY(write_cr4((value() & ~(CR4_SMEP | CR4_SMAP)) | CR4_PAE));
			(void)TRY(write_cr4(cr4));
			break;
		case 2:
			(void)TRY(tcg_below() ? set_tpr(value()) : write_cr8(value()));
			(void)TRY(set_tpr(0));
			break;
		case 3:
			(void)TRY(write_dr0(value()));
			(void)TRY(write_dr7(value() & ~0xffull));
			(void)TRY(write_dr7(0x400));
			break;
		case 4:
			(void)TRY(write_dr6(value()));
			break;
		case 5:
			(void)TRY(asm volatile("xsetbv" :: "a"((u32)value()), "d"((u32)value()),
					       "c"((u32)value())));
			break;
		case 6:
			(void)TRY(asm volatile("mov %0, %%cr2" :: "r"(value())));
			break;
		default:
			(void)TRY(write_cr3((read_cr3() & PTE_ADDR) | (value() & 0x18)));
			break;
		}
	}
	write_dr7(0x400);
	EXPECT_EQ(read_cr0(), cr0);
	EXPECT_EQ(read_cr4(), cr4);
}

/* The hypercall that has an answer written where its argument says */
#define HC_PAIRING 9

TEST(hypercalls)
{
	u32 i;

	start();
	for (i = 0; i < 2000; i++) {
		u64 nr = rnd() % 16, a = value(), b = value();

		if (nr == HC_PAIRING && a < BIT(32))
			a = target(a);
		if (cpuid(0, 0).b == 0x756e6547)
			(void)TRY(asm volatile("vmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(b), "S"(a)
					       : "memory"));
		else
			(void)TRY(asm volatile("vmmcall" : "+a"(nr) : "b"(a), "c"(b), "d"(b), "S"(a)
					       : "memory"));
	}
}

TEST(control_registers_without_care)
{
	u32 i;

	start();
	printf("# from here on the guest may die\n");
	for (i = 0; i < 500; i++) {
		(void)TRY(wrmsr(MSR_EFER, value()));
		(void)TRY(write_cr4(value()));
		(void)TRY(wrmsr(MSR_APIC_BASE, value()));
		(void)TRY(write_cr3(value()));
		(void)TRY(write_cr0(value()));
	}
}
