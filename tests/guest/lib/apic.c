// SPDX-License-Identifier: GPL-2.0
/* Local APIC in both modes, I/O APIC, and starting the other processors. */
#include "guest.h"

#define TRAMPOLINE	0x8000ull

extern const u8 trampoline[], trampoline_end[];
extern volatile u32 ap_count;

bool has_x2apic(void)
{
	return cpuid(1, 0).c & BIT(21);
}

bool apic_is_x2(void)
{
	return this_cpu()->x2apic;
}

u32 apic_read(u32 reg)
{
	return apic_is_x2() ? rdmsr(0x800 + reg / 16) : mmio_read32(LAPIC + reg);
}

void apic_write(u32 reg, u32 val)
{
	if (apic_is_x2())
		wrmsr(0x800 + reg / 16, val);
	else
		mmio_write32(LAPIC + reg, val);
}

static void soft_enable(void)
{
	apic_write(APIC_SVR, 0x1ff);
	apic_write(APIC_TPR, 0);
}

void apic_enable(void)
{
	if (!apic_is_x2() && boot_option("x2apic=", 0))
		apic_to_x2();
	else
		soft_enable();
}

void apic_to_x2(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(11) | BIT(10));
	this_cpu()->x2apic = true;
	soft_enable();
}

/* Only by way of a disabled APIC, which forgets everything. */
void apic_to_xapic(void)
{
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) & ~(BIT(11) | BIT(10)));
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | BIT(11));
	this_cpu()->x2apic = false;
	soft_enable();
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

/* QEMU 7.2 dies when a guest writes CR8 with an interrupt pending. */
void set_tpr(u32 class)
{
	if (tcg_below())
		apic_write(APIC_TPR, class << 4);
	else
		write_cr8(class);
}

void apic_icr(u32 dest, u32 low)
{
	if (apic_is_x2()) {
		asm volatile("mfence; lfence" ::: "memory");
		wrmsr(0x800 + APIC_ICR / 16, (u64)dest << 32 | low);
		return;
	}
	mmio_write32(LAPIC + APIC_ICR2, dest << 24);
	mmio_write32(LAPIC + APIC_ICR, low);
	while (mmio_read32(LAPIC + APIC_ICR) & ICR_BUSY)
		pause();
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return apic_is_x2() ? id : id >> 24;
}

bool apic_bit(u32 base, u8 vector)
{
	return apic_read(base + vector / 32 * 16) >> (vector & 31) & 1;
}

u32 ioapic_read(u32 reg)
{
	mmio_write32(IOAPIC, reg);
	return mmio_read32(IOAPIC + 0x10);
}

void ioapic_write(u32 reg, u32 val)
{
	mmio_write32(IOAPIC, reg);
	mmio_write32(IOAPIC + 0x10, val);
}

void ioapic_route(u32 pin, u64 entry)
{
	ioapic_write(0x10 + 2 * pin, LVT_MASKED);
	ioapic_write(0x11 + 2 * pin, entry >> 32);
	ioapic_write(0x10 + 2 * pin, entry);
}

/* How many processors the MADT lists as enabled. */
static u32 madt_cpus(void)
{
	u8 *t = acpi_table("APIC"), *end;
	u32 n = 0;

	if (!t)
		die("no MADT");
	end = t + *(u32 *)(t + 4);
	for (t += 44; t < end; t += t[1])
		n += t[0] == 0 && t[4] & 1;
	return n;
}

/* Called by start.S: work for this processor, for ever. */
void ap_main(u32 id)
{
	struct cpu *cpu = &cpus[id];

	cpu->apic_id = apic_id();
	apic_enable();
	cpu->online = true;
	for (;;) {
		while (!cpu->work)
			relax();
		cpu->work(cpu->arg);
		barrier();
		cpu->work = NULL;
	}
}

u32 smp_start(void)
{
	static u32 nr;
	u32 i;

	if (nr)
		return nr;
	/* A bare /dev/kvm program has no ACPI tables and says it so. */
	nr = boot_option("cpus=", 0) ?: madt_cpus();
	cpus[0].apic_id = apic_id();
	cpus[0].online = true;
	apic_enable();
	memcpy((void *)TRAMPOLINE, trampoline, trampoline_end - trampoline);
	apic_icr(0, ICR_OTHERS | ICR_INIT | ICR_ASSERT);
	delay_us(10000);
	apic_icr(0, ICR_OTHERS | ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> 12);
	delay_us(1000);
	if (ap_count + 1 < nr)
		apic_icr(0, ICR_OTHERS | ICR_SIPI | ICR_ASSERT | TRAMPOLINE >> 12);
	for (i = 1; i < nr; i++)
		if (!WAIT_FOR(({ relax(); cpus[i].online; }), 10000))
			die("only %u of %u processors have started", i, nr);
	return nr;
}

void cpu_start(u32 cpu, void (*fn)(void *arg), void *arg)
{
	cpus[cpu].arg = arg;
	barrier();
	cpus[cpu].work = fn;
}

void cpu_wait(u32 cpu)
{
	if (!WAIT_FOR(({ relax(); !cpus[cpu].work; }), 60000))
		die("processor %u does not finish", cpu);
}

void smp_run(void (*fn)(void *arg), void *arg)
{
	u32 i, nr = smp_start();

	for (i = 1; i < nr; i++)
		cpu_start(i, fn, arg);
	fn(arg);
	for (i = 1; i < nr; i++)
		cpu_wait(i);
}
