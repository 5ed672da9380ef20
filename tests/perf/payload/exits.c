// SPDX-License-Identifier: GPL-2.0
/*
 * What exits cost: for each kind a loop of instructions that exit, in batches (batches.h),
 * or "skip NAME: WHY"; scripts/bench makes figures of them. "nop" says how many ticks an
 * instruction takes, which is 1 where the TSC counts instructions.
 *
 * Command line: port=PORT and address=ADDRESS are what the doorbell kinds write to;
 * clear=BYTES is how the host's kernel clears a page: 1, 8: a string instruction with
 * such units; 64: a loop of moves. device=ADDRESS is the doorbell of a virtqueue at
 * ring=ADDRESS whose device is on no bus and interrupts with VEC.
 */
#include "batches.h"
#include "guest.h"
#include "../../guest/payload/virtio/driver.h"

#define ROUND_TRIPS	32

#define VEC_PING	0x61
#define VEC_PONG	0x62
#define NOBODY		0x77		/* no local APIC has this ID */
#define FAR_TICKS	(1ull << 32)	/* a timer that ends long after its loop */

#define X2(reg)		(0x800 + (reg) / 16)
#define FEATURE_DEADLINE BIT(24)	/* CPUID 1, ECX */

/* @val with @bit the other way round, then as it was: a new value every time. */
#define FLIP(val, bit)	((val) ^ (~_i & 1 ? (bit) : 0))

/* An unknown one; the kinds of processor have an instruction each. */
static void hypercall(bool intel)
{
	s64 ret = 9999;

	if (intel)
		asm volatile("vmcall" : "+a"(ret) :: "memory");
	else
		asm volatile("vmmcall" : "+a"(ret) :: "memory");
}

TEST(exits)
{
	bool intel = cpuid(0, 0).b == 0x756e6547;	/* "Genu" */
	u16 port = boot_option("port=", 0);

	measure_nop();
	MEASURE("cpuid", COUNT, cpuid(0, 0));
	MEASURE("hypercall", COUNT, hypercall(intel));
	MEASURE("rdmsr", COUNT, rdmsr(MSR_APIC_BASE));
	MEASURE("wrmsr", COUNT, wrmsr(MSR_TSC_ADJUST, FLIP(0, 1)));
	MEASURE("wbinvd", COUNT, asm volatile("wbinvd" ::: "memory"));
	MEASURE("pio", COUNT, inb(0x21));
	MEASURE("doorbell-pio", COUNT, outb(0xff, port));
}

/* Device registers in memory; the local APIC is in xAPIC mode until the next test. */
TEST(mmio)
{
	u64 address = boot_option("address=", 0);

	apic_enable();
	mmio_write32(IOAPIC, 1);	/* the version register */
	MEASURE("lapic-mmio", COUNT, mmio_read32(LAPIC + APIC_VERSION));
	MEASURE("lapic-eoi", COUNT, mmio_write32(LAPIC + APIC_EOI, 0));
	MEASURE("ioapic-mmio", COUNT, mmio_read32(IOAPIC + 0x10));
	MEASURE("doorbell-mmio", COUNT, mmio_write32(address, 1));
}

/* ---- Interrupts: short handlers without the library's way through C ------------ */

struct frame {
	u64 rip, cs, rflags, rsp, ss;
};

static volatile u32 pings, pongs, answers, heard;

/*
 * Wait for an interrupt. Where one waits for a HLT already KVM goes on behind it, with a virtual
 * interrupt to tell it when the guest can take one; Bochs's SVM does not see that the guest can
 * before the guest has had its interrupts off and on again. Elsewhere it has come at the HLT.
 */
static inline void wait_for_interrupt(void)
{
	asm volatile("sti; hlt; cli; sti; nop; cli" ::: "memory");
}

/* QEMU's TCG may let one in between STI and HLT, which then has nothing to wait for. */
static inline void end_interrupt(struct frame *f)
{
	if (*(u8 *)f->rip == 0xf4)
		f->rip++;
	wrmsr(X2(APIC_EOI), 0);
}

static __attribute__((interrupt)) void on_self(struct frame *f)
{
	end_interrupt(f);
}

static __attribute__((interrupt)) void on_ping(struct frame *f)
{
	pings++;
	end_interrupt(f);
}

static __attribute__((interrupt)) void on_pong(struct frame *f)
{
	pongs++;
	end_interrupt(f);
}

static __attribute__((interrupt)) void on_answer(struct frame *f)
{
	answers++;
	end_interrupt(f);
}

static void take(u8 vector, void (*fn)(struct frame *f))
{
	u64 offset = (u64)fn;

	idt[vector] = (struct gate) {
		.offset0 = offset, .offset1 = offset >> 16, .offset2 = offset >> 32,
		.selector = SEL_CODE64, .type = 0x8e,
	};
}

static void send(u32 dest, u8 vector)
{
	wrmsr(X2(APIC_ICR), (u64)dest << 32 | ICR_ASSERT | vector);
}

TEST(x2apic)
{
	u32 self;

	if (!has_x2apic())
		die("no x2APIC");
	apic_to_x2();
	self = apic_id();
	take(VEC, on_self);
	MEASURE("x2apic-eoi", COUNT, wrmsr(X2(APIC_EOI), 0));
	MEASURE("x2apic-icr", COUNT, send(NOBODY, VEC));
	sti();
	MEASURE("self-ipi", COUNT, send(self, VEC));
	cli();
	take(VEC, on_answer);
	MEASURE("hlt-wake", COUNT, send(self, VEC); wait_for_interrupt());
	EXPECT_EQ(answers, (BATCHES + 1) * COUNT);
}

TEST(timer)
{
	u64 deadline = rdtsc() + FAR_TICKS;

	if (!apic_is_x2())
		apic_to_x2();
	take(VEC, on_self);
	apic_write(APIC_LVT_TIMER, VEC);
	apic_write(APIC_TIMER_DIV, 0xb);	/* by 1 */
	MEASURE("timer-oneshot", COUNT, wrmsr(X2(APIC_TIMER_INIT), (1u << 30) + _i));
	apic_write(APIC_TIMER_INIT, 0);
	if (cpuid(1, 0).c & FEATURE_DEADLINE) {
		apic_write(APIC_LVT_TIMER, LVT_DEADLINE | VEC);
		MEASURE("tsc-deadline", COUNT, wrmsr(MSR_TSC_DEADLINE, deadline++));
		wrmsr(MSR_TSC_DEADLINE, 0);
	} else {
		printf("skip tsc-deadline: CPUID offers none\n");
	}
	apic_write(APIC_LVT_TIMER, LVT_MASKED);
}

/* What need not exit where the processor can do without. */
TEST(registers)
{
	u64 cr0 = read_cr0(), cr3 = read_cr3(), cr4 = read_cr4();

	MEASURE("cr0-wp", COUNT, write_cr0(FLIP(cr0, CR0_WP)));
	MEASURE("cr4-pge", COUNT, write_cr4(FLIP(cr4, CR4_PGE)));
	MEASURE("cr3", COUNT, write_cr3(cr3));
	MEASURE("cr8", COUNT, write_cr8(FLIP(0, 1)));
	MEASURE("dr0", COUNT, write_dr0(_i));
	MEASURE("dr7", COUNT, write_dr7(0x400));
	MEASURE("rdtsc", COUNT, asm volatile("rdtsc" ::: "eax", "edx"));
	MEASURE("invlpg", COUNT, invlpg(FRESH));
}

/*
 * A batch is the pages of 2 MiB, which is one exit if the host has large pages for it.
 * What is no hypervisor's cost: the loop, and clearing memory as a kernel does.
 */
TEST(touch)
{
	measure_stores("touch", FRESH, LARGE / PAGE, PAGE);
	measure_stores("loop", FRESH, LARGE / PAGE, PAGE);
	measure_clear();
}

/* ---- Two processors ---------------------------------------------------------- */

static volatile bool stop;

static void answer(void *arg)
{
	u32 seen = 0;

	apic_to_x2();
	for (;;) {
		while (pings == seen)
			wait_for_interrupt();
		seen = pings;
		if (stop)
			return;
		send(cpus[0].apic_id, VEC_PONG);
	}
}

/* There and back; both halt in between. */
static void call(void)
{
	u32 seen = pongs;

	send(cpus[1].apic_id, VEC_PING);
	while (pongs == seen)
		wait_for_interrupt();
}

TEST(two)
{
	if (smp_start() < 2)
		SKIP("one processor");
	apic_to_x2();
	take(VEC_PING, on_ping);
	take(VEC_PONG, on_pong);
	cpu_start(1, answer, NULL);
	MEASURE("ipi", ROUND_TRIPS, call());
	stop = true;
	send(cpus[1].apic_id, VEC_PING);
	cpu_wait(1);
}

/* ---- One to all others ---------------------------------------------------------- */

#define VEC_ALL		0x63

static u32 nr_others;

/* The last of them answers. */
static __attribute__((interrupt)) void on_all(struct frame *f)
{
	if (!(__atomic_add_fetch(&heard, 1, __ATOMIC_SEQ_CST) % nr_others))
		send(cpus[0].apic_id, VEC_PONG);
	end_interrupt(f);
}

static void listen(void *arg)
{
	apic_to_x2();
	while (!stop)
		wait_for_interrupt();
}

static void send_all(void)
{
	wrmsr(X2(APIC_ICR), ICR_OTHERS | ICR_ASSERT | VEC_ALL);
}

static void call_all(void)
{
	u32 seen = pongs;

	send_all();
	while (pongs == seen)
		wait_for_interrupt();
}

TEST(all)
{
	u32 i;

	nr_others = smp_start() - 1;
	if (!nr_others)
		SKIP("one processor");
	apic_to_x2();
	take(VEC_ALL, on_all);
	take(VEC_PONG, on_pong);
	for (i = 1; i <= nr_others; i++)
		cpu_start(i, listen, NULL);
	MEASURE("broadcast", ROUND_TRIPS, call_all());
	stop = true;
	send_all();
	for (i = 1; i <= nr_others; i++)
		cpu_wait(i);
}

/* ---- A device ---------------------------------------------------------------- */

/* The entropy device, in need of a driver; or one that is there just so. */
static bool find_device(void)
{
	u64 doorbell = boot_option("device=", 0);

	if (doorbell) {
		rng.notify = doorbell;
		ring = (void *)boot_option("ring=", 0);
		return true;
	}
	if (!probe(&rng, 4, 0))
		return false;
	ring = page_alloc();
	msix_enable(&rng, true, false);
	msix_entry(&rng, 1, VEC, false);
	return start(&rng, 0, 1);
}

static void request(void)
{
	u32 seen = answers;

	submit(&rng, 0);
	while (answers == seen)
		wait_for_interrupt();
}

/*
 * A request of no bytes, which leaves the way: doorbell, the thread that serves the
 * queue, descriptor and used ring, MSI, a vCPU that has halted. The thread is one of
 * the hypervisor's: of Aerie a worker in the kernel, with KVM its program's, which
 * waits for one eventfd and writes another.
 */
TEST(device)
{
	apic_to_x2();
	take(VEC, on_answer);
	if (!find_device())
		die("no device");
	describe(0, ring, 0, DESC_WRITE, 0);
	MEASURE("device-irq", ROUND_TRIPS, request());
}
