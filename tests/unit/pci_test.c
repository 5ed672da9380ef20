// SPDX-License-Identifier: GPL-2.0
/* The PCI bus: configuration space both ways, BARs, capabilities, INTx, slots. */
// sources: kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include "fake_pci.h"

#define IDS	0x10421af4u
#define BAR0	PCI_BASE_ADDRESS_0
#define BAR1	PCI_BASE_ADDRESS_1
#define SIZE0	0x4000u
#define SIZE1	0x1000u

/* What the device has been asked last. */
static struct {
	unsigned int bar, size, reads, writes;
	u64 off, val;
	unsigned int config_reads, config_writes, reg;
} seen;

static u64 bar_read(struct aerie_pci_dev *pci, unsigned int bar, u64 off, unsigned int size)
{
	EXPECT_EQ(pci->lock.held, 0);
	seen.bar = bar;
	seen.off = off;
	seen.size = size;
	seen.reads++;
	return 0x8877665544332211;
}

static void bar_write(struct aerie_pci_dev *pci, unsigned int bar, u64 off, unsigned int size,
		      u64 val)
{
	EXPECT_EQ(pci->lock.held, 0);
	seen.bar = bar;
	seen.off = off;
	seen.size = size;
	seen.val = val;
	seen.writes++;
}

static void config_read(struct aerie_pci_dev *pci, unsigned int reg)
{
	EXPECT_EQ(pci->lock.held, 0);
	seen.config_reads++;
	seen.reg = reg;
}

static void config_write(struct aerie_pci_dev *pci, unsigned int reg)
{
	EXPECT_EQ(pci->lock.held, 0);
	seen.config_writes++;
	seen.reg = reg;
}

static const struct aerie_pci_ops ops = {
	.bar_read = bar_read,
	.bar_write = bar_write,
	.config_read = config_read,
	.config_write = config_write,
};

static struct aerie_dev *host;
static struct aerie_pci_dev card;	/* in slot 1 */

static void prepare(struct aerie_pci_dev *pci)
{
	memset(pci, 0, sizeof(*pci));
	pci->vm = &vm;
	pci->ops = &ops;
	pci->bar_size[0] = SIZE0;
	pci->bar_size[1] = SIZE1;
	aerie_pci_setup(pci, IDS, 0x01000001, 0x11001af4);
	pci->config[PCI_INTERRUPT_PIN] = 1;
}

static void setup(void)
{
	machine_init();
	machine_add(&aerie_pm_dev);
	host = machine_add(&aerie_pci_dev);
	prepare(&card);
	EXPECT_EQ(aerie_pci_plug(&card), 0);
	memset(&seen, 0, sizeof(seen));
}

static void select_reg(unsigned int slot, unsigned int reg)
{
	aerie_bus_write(&vm.pio, NULL, 0xcf8, 4, 0x80000000 | slot << 11 | reg);
}

static void memory_on(void)
{
	config_out(1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

TEST(the_host_bridge_is_in_slot_0)
{
	unsigned int bar;

	setup();
	expect_record(host);
	EXPECT_EQ(config_in(0, PCI_VENDOR_ID, 4), 0x00081b36);
	EXPECT_EQ(config_in(0, PCI_CLASS_REVISION, 4), 0x06000000);
	EXPECT_EQ(config_in(0, PCI_HEADER_TYPE, 1), PCI_HEADER_TYPE_NORMAL);
	EXPECT_EQ(config_in(0, PCI_STATUS, 2), 0);
	EXPECT_EQ(config_in(0, PCI_CAPABILITY_LIST, 1), 0);
	EXPECT_EQ(config_in(0, PCI_INTERRUPT_PIN, 1), 0);
	for (bar = 0; bar < 6; bar++) {
		config_out(0, BAR0 + 4 * bar, 4, ~0u);
		EXPECT_EQ(config_in(0, BAR0 + 4 * bar, 4), 0);
	}
	machine_fini();
}

TEST(mechanism_1_takes_bytes_words_and_double_words)
{
	unsigned int i;

	setup();
	EXPECT_EQ(in(0xcf8, 4), 0);
	select_reg(1, 0);
	EXPECT_EQ(in(0xcf8, 4), 0x80000800);
	EXPECT_EQ(in(0xcfc, 4), IDS);
	EXPECT_EQ(in(0xcfc, 2), IDS & 0xffff);
	EXPECT_EQ(in(0xcfd, 2), IDS >> 8 & 0xffff);
	EXPECT_EQ(in(0xcfe, 2), IDS >> 16);
	for (i = 0; i < 4; i++)
		EXPECT_EQ(inb(0xcfc + i), IDS >> 8 * i & 0xff);
	/* Low bits of the address do not count; what is beyond the port is nobody's. */
	select_reg(1, 3);
	EXPECT_EQ(in(0xcfc, 4), IDS);
	EXPECT_EQ(in(0xcfd, 4), 0xffffffff);
	/* Writes by their size too. */
	select_reg(1, BAR0);
	outb(0xcfd, 0x40);
	outb(0xcfc, 0xff);
	aerie_bus_write(&vm.pio, NULL, 0xcfe, 2, 0xc123);
	EXPECT_EQ(in(0xcfc, 4), 0xc1234000);
	aerie_bus_write(&vm.pio, NULL, 0xcfc, 4, 0xc0560000);
	EXPECT_EQ(in(0xcfc, 4), 0xc0560000);
	machine_fini();
}

TEST(mechanism_1_needs_its_enable_bit)
{
	setup();
	aerie_bus_write(&vm.pio, NULL, 0xcf8, 4, 1 << 11 | PCI_INTERRUPT_LINE);
	EXPECT_EQ(in(0xcfc, 4), 0xffffffff);
	EXPECT_EQ(inb(0xcfd), 0xff);
	outb(0xcfc, 0x55);
	EXPECT_EQ(config_in(1, PCI_INTERRUPT_LINE, 1), 0);
	EXPECT_EQ(seen.config_writes, 0);
	machine_fini();
}

TEST(ecam_takes_bytes_to_quad_words)
{
	setup();
	EXPECT_EQ(config_in(1, PCI_VENDOR_ID, 4), IDS);
	EXPECT_EQ(config_in(1, PCI_DEVICE_ID, 2), IDS >> 16);
	EXPECT_EQ(config_in(1, PCI_DEVICE_ID + 1, 1), IDS >> 24);
	EXPECT_EQ(config_in(1, PCI_VENDOR_ID + 1, 2), IDS >> 8 & 0xffff);
	EXPECT_EQ(config_in(1, PCI_CLASS_REVISION, 8), 0x01000001);
	config_out(1, BAR0, 8, 0xc2200000c1100000);
	EXPECT_EQ(config_in(1, BAR0, 8), 0xc2200000c1100000);
	config_out(1, BAR0 + 2, 2, 0xc3f0);
	config_out(1, BAR0 + 1, 1, 0x7f);
	EXPECT_EQ(config_in(1, BAR0, 4), 0xc3f04000);
	/* Across double words there is nothing. */
	EXPECT_EQ(config_in(1, 2, 4), 0xffffffff);
	EXPECT_EQ(config_in(1, 3, 2), 0xffff);
	config_out(1, BAR0 + 2, 4, 0x12345678);
	EXPECT_EQ(config_in(1, BAR0, 8), 0xc2200000c3f04000);
	/* Extended configuration space is there and empty. */
	EXPECT_EQ(config_in(1, 0x100, 4), 0);
	EXPECT_EQ(config_in(1, 0xffc, 4), 0);
	config_out(1, 0x100, 4, ~0u);
	EXPECT_EQ(config_in(1, 0x100, 4), 0);
	machine_fini();
}

TEST(both_ways_lead_to_the_same_registers)
{
	unsigned int reg;

	setup();
	for (reg = 0; reg < AERIE_PCI_CONFIG; reg += 4) {
		select_reg(1, reg);
		EXPECT_EQ(in(0xcfc, 4), config_in(1, reg, 4));
	}
	select_reg(1, PCI_INTERRUPT_LINE);
	outb(0xcfc, 0x0b);
	EXPECT_EQ(config_in(1, PCI_INTERRUPT_LINE, 2), 0x010b);
	machine_fini();
}

TEST(absent_devices_read_as_ones)
{
	unsigned int devfn;

	setup();
	for (devfn = 0; devfn < 256; devfn++) {
		bool there = devfn == 0 || devfn == 8;

		aerie_bus_write(&vm.pio, NULL, 0xcf8, 4, 0x80000000 | devfn << 8);
		EXPECT_EQ(in(0xcfc, 2) == 0xffff, !there);
		EXPECT_EQ(mem_in(AERIE_PCI_ECAM_BASE + (devfn << 12), 2) == 0xffff, !there);
		if (there)
			continue;
		EXPECT_EQ(mem_in(AERIE_PCI_ECAM_BASE + (devfn << 12) + 0x100, 4), 0xffffffff);
		mem_out(AERIE_PCI_ECAM_BASE + (devfn << 12), 4, 0);
		aerie_bus_write(&vm.pio, NULL, 0xcfc, 4, 0);
	}
	aerie_bus_write(&vm.pio, NULL, 0xcf8, 4, 0x80010000);	/* bus 1 */
	EXPECT_EQ(in(0xcfc, 4), 0xffffffff);
	EXPECT_EQ(mem_in(AERIE_PCI_ECAM_BASE + AERIE_PCI_ECAM_LEN - 4, 4), 0xffffffff);
	machine_fini();
}

TEST(what_is_not_to_be_written_stays)
{
	u8 before[AERIE_PCI_CONFIG];
	unsigned int reg;

	setup();
	memcpy(before, card.config, sizeof(before));
	for (reg = 0; reg < AERIE_PCI_CONFIG; reg++)
		config_out(1, reg, 1, ~before[reg]);
	EXPECT_EQ(config_in(1, PCI_COMMAND, 2), PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER |
						PCI_COMMAND_INTX_DISABLE);
	EXPECT_EQ(config_in(1, PCI_INTERRUPT_LINE, 1), 0xff);
	for (reg = 0; reg < AERIE_PCI_CONFIG; reg++) {
		if (reg / 2 * 2 == PCI_COMMAND || reg == PCI_INTERRUPT_LINE ||
		    (reg >= BAR0 && reg < BAR0 + 8))
			continue;
		EXPECT_EQ(config_in(1, reg, 1), before[reg]);
	}
	machine_fini();
}

TEST(devices_hear_of_reads_before_and_of_writes_after)
{
	setup();
	config_in(1, 0x44, 2);
	EXPECT_EQ(seen.config_reads, 1);
	EXPECT_EQ(seen.reg, 0x44);
	config_out(1, 0x49, 1, 0);
	EXPECT_EQ(seen.config_writes, 1);
	EXPECT_EQ(seen.reg, 0x49);
	config_out(1, 0x48, 8, 0);
	EXPECT_EQ(seen.config_writes, 3);
	EXPECT_EQ(seen.reg, 0x4c);
	machine_fini();
}

TEST(bars_tell_their_size)
{
	u32 base;

	setup();
	base = config_in(1, BAR0, 4);
	EXPECT_EQ(base, AERIE_PCI_MMIO_BASE + AERIE_PCI_SLOT_LEN);	/* its slot's */
	memory_on();
	EXPECT_EQ(readl(base), 0x44332211);
	config_out(1, BAR0, 4, ~0u);
	config_out(1, BAR1, 4, ~0u);
	EXPECT_EQ(config_in(1, BAR0, 4), ~(SIZE0 - 1));
	EXPECT_EQ(config_in(1, BAR1, 4), ~(SIZE1 - 1));
	EXPECT_EQ(config_in(1, BAR1 + 4, 4), 0);
	/* Nobody is at the address while its size is told. */
	seen.reads = 0;
	EXPECT_EQ(readl(base), 0xffffffff);
	EXPECT_EQ(seen.reads, 0);
	config_out(1, BAR0, 4, base);
	EXPECT_EQ(readl(base), 0x44332211);
	machine_fini();
}

TEST(bars_move)
{
	const u32 to = AERIE_PCI_MMIO_BASE + 0x1230000;
	u32 base;

	setup();
	memory_on();
	base = config_in(1, BAR0, 4);
	config_out(1, BAR0, 4, to | 0x3fff);		/* low bits do not stick */
	EXPECT_EQ(config_in(1, BAR0, 4), to);
	EXPECT_EQ(readl(base), 0xffffffff);
	EXPECT_EQ(seen.reads, 0);
	mem_out(to + 0x10, 2, 0xabcdef);
	EXPECT_EQ(seen.writes, 1);
	EXPECT_EQ(seen.bar, 0);
	EXPECT_EQ(seen.off, 0x10);
	EXPECT_EQ(seen.size, 2);
	EXPECT_EQ(seen.val, 0xcdef);
	machine_fini();
}

TEST(bars_are_decoded_with_memory_space_enabled)
{
	u32 base;

	setup();
	base = config_in(1, BAR0, 4);
	EXPECT_EQ(readl(base), 0xffffffff);
	config_out(1, PCI_COMMAND, 2, PCI_COMMAND_IO | PCI_COMMAND_MASTER);
	EXPECT_EQ(readl(base), 0xffffffff);
	memory_on();
	EXPECT_EQ(readl(base), 0x44332211);
	config_out(1, PCI_COMMAND, 2, 0);
	writel(base, 1);
	EXPECT_EQ(readl(base), 0xffffffff);
	EXPECT_EQ(seen.reads, 1);
	EXPECT_EQ(seen.writes, 0);
	machine_fini();
}

TEST(bars_are_decoded_within_the_window)
{
	static const struct {
		u32 base;
		bool on;
	} cases[] = {
		{ 0, false },
		{ 0x100000, false },				/* RAM */
		{ AERIE_PCI_MMIO_BASE - SIZE0, false },
		{ AERIE_PCI_MMIO_BASE, true },
		{ AERIE_PCI_MMIO_BASE + AERIE_PCI_MMIO_LEN - SIZE0, true },
		{ AERIE_PCI_MMIO_BASE + AERIE_PCI_MMIO_LEN, false },	/* ECAM */
		{ 0xfec00000, false },
		{ 0xffffc000, false },
	};
	unsigned int i;

	setup();
	memory_on();
	config_out(1, BAR1, 4, 0);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		config_out(1, BAR0, 4, cases[i].base);
		EXPECT_EQ(config_in(1, BAR0, 4), cases[i].base);
		EXPECT_EQ(card.bar_base[0], cases[i].on ? cases[i].base : 0);
		seen.reads = 0;
		readl(cases[i].base);
		readl(cases[i].base + SIZE0 - 4);
		EXPECT_EQ(seen.reads, cases[i].on ? 2 : 0);
	}
	machine_fini();
}

TEST(accesses_to_bars_keep_within_them)
{
	unsigned int size;
	u32 bar1;

	setup();
	memory_on();
	bar1 = config_in(1, BAR1, 4);
	for (size = 1; size <= 8; size *= 2) {
		EXPECT_EQ(mem_in(bar1 + SIZE1 - size, size),
			  0x8877665544332211 & (~0ull >> (64 - 8 * size)));
		EXPECT_EQ(seen.bar, 1);
		EXPECT_EQ(seen.off, SIZE1 - size);
		EXPECT_EQ(seen.size, size);
	}
	seen.reads = seen.writes = 0;
	for (size = 2; size <= 8; size *= 2) {
		EXPECT_EQ(mem_in(bar1 + SIZE1 - 1, size), ~0ull >> (64 - 8 * size));
		mem_out(bar1 + SIZE1 - 1, size, 0);
	}
	EXPECT_EQ(mem_in(bar1 + SIZE1, 4), 0xffffffff);
	EXPECT_EQ(seen.reads + seen.writes, 0);
	machine_fini();
}

TEST(each_device_gets_its_own_accesses)
{
	struct aerie_pci_dev other;
	u32 a, b;

	setup();
	prepare(&other);
	EXPECT_EQ(aerie_pci_plug(&other), 0);
	EXPECT_EQ(other.slot, 2);
	memory_on();
	a = config_in(1, BAR0, 4);
	b = config_in(2, BAR0, 4);
	EXPECT_EQ(readl(b), 0xffffffff);
	config_out(2, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	config_out(1, PCI_COMMAND, 2, 0);
	EXPECT_EQ(readl(a), 0xffffffff);
	EXPECT_EQ(readl(b), 0x44332211);
	memory_on();
	EXPECT_EQ(readl(a), 0x44332211);
	EXPECT_EQ(readl(b + 4), 0x44332211);
	EXPECT_EQ(seen.off, 4);
	aerie_pci_unplug(&other);
	EXPECT_EQ(readl(b), 0xffffffff);
	EXPECT_EQ(config_in(2, PCI_VENDOR_ID, 4), 0xffffffff);
	EXPECT_EQ(readl(a), 0x44332211);
	machine_fini();
}

TEST(capabilities_are_a_list)
{
	static struct aerie_pci_dev pci;
	u8 a, b, c;

	setup();
	prepare(&pci);
	EXPECT_EQ(config_in(1, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST, 0);
	a = aerie_pci_cap_add(&pci, PCI_CAP_ID_VNDR, 5);
	b = aerie_pci_cap_add(&pci, PCI_CAP_ID_MSIX, 12);
	c = aerie_pci_cap_add(&pci, PCI_CAP_ID_VNDR, 20);
	EXPECT_EQ(aerie_pci_plug(&pci), 0);
	EXPECT_EQ(a, 0x40);
	EXPECT_EQ(b, 0x48);
	EXPECT_EQ(c, 0x54);
	EXPECT_EQ(config_in(2, PCI_STATUS, 2), PCI_STATUS_CAP_LIST);
	EXPECT_EQ(cap_find(2, 0, PCI_CAP_ID_VNDR), a);
	EXPECT_EQ(cap_find(2, 0, PCI_CAP_ID_MSIX), b);
	EXPECT_EQ(cap_find(2, a, PCI_CAP_ID_VNDR), c);
	EXPECT_EQ(cap_find(2, c, PCI_CAP_ID_VNDR), 0);
	config_out(2, PCI_CAPABILITY_LIST, 1, 0);
	config_out(2, b, 2, 0xffff);
	EXPECT_EQ(cap_find(2, a, PCI_CAP_ID_VNDR), c);
	machine_fini();
}

TEST(intx_is_a_line_with_a_status_and_a_disable_bit)
{
	const unsigned int gsi = AERIE_PCI_GSI(1);

	setup();
	EXPECT_EQ(config_in(1, PCI_INTERRUPT_PIN, 1), 1);
	EXPECT(!line[gsi]);
	aerie_pci_intx(&card, true);
	EXPECT(line[gsi]);
	EXPECT_EQ(config_in(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	/* The status tells what the device asks for, disabled or not. */
	config_out(1, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	EXPECT(!line[gsi]);
	EXPECT_EQ(config_in(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, PCI_STATUS_INTERRUPT);
	config_out(1, PCI_COMMAND, 2, 0);
	EXPECT(line[gsi]);
	aerie_pci_intx(&card, false);
	EXPECT(!line[gsi]);
	EXPECT_EQ(config_in(1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, 0);
	config_out(1, PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
	aerie_pci_intx(&card, true);
	EXPECT(!line[gsi]);
	EXPECT_EQ(rises[gsi], 2);
	machine_fini();
}

TEST(unplugging_lowers_intx)
{
	setup();
	aerie_pci_intx(&card, true);
	EXPECT(line[AERIE_PCI_GSI(1)]);
	aerie_pci_unplug(&card);
	EXPECT(!line[AERIE_PCI_GSI(1)]);
	machine_fini();
}

TEST(what_is_hidden_keeps_its_slot)
{
	struct aerie_pci_dev other;
	u32 base;

	setup();
	memory_on();
	base = config_in(1, BAR0, 4);
	EXPECT_EQ(readl(base), 0x44332211);
	EXPECT(aerie_pci_hide(&vm, 1));
	EXPECT(!aerie_pci_hide(&vm, 1));
	EXPECT(!aerie_pci_hide(&vm, 2));
	EXPECT_EQ(config_in(1, 0, 4), 0xffffffff);
	EXPECT_EQ(readl(base), 0xffffffff);
	EXPECT(!aerie_pci_full(&vm));
	memset(&other, 0, sizeof(other));
	prepare(&other);
	EXPECT_EQ(aerie_pci_plug(&other), 0);
	EXPECT_EQ(other.slot, 2);
	aerie_pci_unplug(&card);
	aerie_pci_unplug(&other);
	EXPECT_EQ(aerie_pci_plug(&other), 0);
	EXPECT_EQ(other.slot, 1);
	machine_fini();
}

TEST(reset_brings_power_on_state)
{
	u8 before[AERIE_PCI_CONFIG];
	u32 base;

	setup();
	memcpy(before, card.config, sizeof(before));
	base = config_in(1, BAR0, 4);
	config_out(1, BAR0, 4, 0xd0000000);
	config_out(1, BAR1, 4, ~0u);
	config_out(1, PCI_COMMAND, 2, 0xffff & ~PCI_COMMAND_INTX_DISABLE);
	config_out(1, PCI_INTERRUPT_LINE, 1, 11);
	aerie_pci_intx(&card, true);
	aerie_pci_reset(&card);
	EXPECT(!memcmp(card.config, before, sizeof(before)));
	EXPECT(!line[AERIE_PCI_GSI(1)]);
	EXPECT_EQ(readl(base), 0xffffffff);
	EXPECT_EQ(readl(0xd0000000), 0xffffffff);
	memory_on();
	EXPECT_EQ(readl(base), 0x44332211);
	/* The bus's own. */
	select_reg(1, 0);
	host->ops->reset(host);
	EXPECT_EQ(in(0xcf8, 4), 0);
	EXPECT_EQ(in(0xcfc, 4), 0xffffffff);
	machine_fini();
}

TEST(slots_run_out_and_addresses_do_not_overlap)
{
	static struct aerie_pci_dev pci[AERIE_PCI_SLOTS];
	unsigned int slot;
	u32 end, base;

	setup();
	end = config_in(1, BAR1, 4) + SIZE1;
	for (slot = 2; slot < AERIE_PCI_SLOTS; slot++) {
		prepare(&pci[slot]);
		EXPECT_EQ(aerie_pci_plug(&pci[slot]), 0);
		EXPECT_EQ(pci[slot].slot, slot);
		base = config_in(slot, BAR0, 4);
		EXPECT(base >= end && !(base & (SIZE0 - 1)));
		EXPECT_EQ(config_in(slot, BAR1, 4), base + SIZE0);
		end = base + SIZE0 + SIZE1;
	}
	EXPECT(end <= AERIE_PCI_MMIO_BASE + AERIE_PCI_MMIO_LEN);
	prepare(&pci[0]);
	EXPECT_EQ(aerie_pci_plug(&pci[0]), -ENOSPC);
	EXPECT(aerie_pci_full(&vm));
	aerie_pci_unplug(&pci[7]);
	EXPECT_EQ(aerie_pci_plug(&pci[0]), 0);
	EXPECT_EQ(pci[0].slot, 7);
	machine_fini();
}
