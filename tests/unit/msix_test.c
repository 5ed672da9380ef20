// SPDX-License-Identifier: GPL-2.0
/* MSI-X: table, pending bits, masks, and what is sent when. */
// sources: kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "ktap.h"
#include "fake_machine.h"
#include "fake_pci.h"

#define PBA	(AERIE_MSIX_BAR_SIZE / 2)
#define ENABLE	PCI_MSIX_FLAGS_ENABLE
#define MASKALL	PCI_MSIX_FLAGS_MASKALL

int shim_fail_alloc;

static u64 bar_read(struct aerie_pci_dev *pci, unsigned int bar, u64 off, unsigned int size)
{
	return aerie_msix_read(pci, off, size);
}

static void bar_write(struct aerie_pci_dev *pci, unsigned int bar, u64 off, unsigned int size,
		      u64 val)
{
	aerie_msix_write(pci, off, size, val);
}

static const struct aerie_pci_ops ops = { .bar_read = bar_read, .bar_write = bar_write };
static struct aerie_pci_dev card;
static u32 base;
static u8 cap;

static void setup(unsigned int nr)
{
	machine_init();
	machine_add(&aerie_pm_dev);
	machine_add(&aerie_pci_dev);
	memset(&card, 0, sizeof(card));
	card.vm = &vm;
	card.ops = &ops;
	aerie_pci_setup(&card, 0x10441af4, 0, 0);
	EXPECT_EQ(aerie_msix_init(&card, 1, nr), 0);
	EXPECT_EQ(aerie_pci_plug(&card), 0);
	base = config_in(1, PCI_BASE_ADDRESS_1, 4);
	cap = cap_find(1, 0, PCI_CAP_ID_MSIX);
	config_out(1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
}

static void teardown(void)
{
	aerie_pci_unplug(&card);
	aerie_msix_fini(&card);
	machine_fini();
}

static void control(u16 val)
{
	config_out(1, cap + PCI_MSIX_FLAGS, 2, val);
}

static u32 entry(unsigned int vector, unsigned int off)
{
	return base + vector * PCI_MSIX_ENTRY_SIZE + off;
}

/* Vectors have addresses and data of their own. */
static void program(unsigned int vector, bool masked)
{
	mem_out(entry(vector, 0), 8, 0xfee00000 | vector << 12);
	writel(entry(vector, PCI_MSIX_ENTRY_DATA), 0x40 + vector);
	writel(entry(vector, PCI_MSIX_ENTRY_VECTOR_CTRL), masked);
}

static void mask(unsigned int vector, bool on)
{
	writel(entry(vector, PCI_MSIX_ENTRY_VECTOR_CTRL), on);
}

TEST(the_capability_says_where_the_table_is)
{
	setup(3);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_FLAGS, 2), 2);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_TABLE, 4), 1);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_PBA, 4), PBA | 1);
	EXPECT_EQ(config_in(1, PCI_BASE_ADDRESS_1, 4) & (AERIE_MSIX_BAR_SIZE - 1), 0);
	/* Of the control word, two bits are the guest's. */
	control(0xffff);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_FLAGS, 2), ENABLE | MASKALL | 2);
	config_out(1, cap + PCI_MSIX_TABLE, 8, ~0ull);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_TABLE, 4), 1);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_PBA, 4), PBA | 1);
	teardown();
}

TEST(no_memory_is_an_error)
{
	struct aerie_pci_dev pci = { .vm = &vm };

	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_msix_init(&pci, 1, 3), -ENOMEM);
	EXPECT_EQ(pci.msix_cap, 0);
	shim_fail_alloc = 0;
}

TEST(the_table_is_read_and_written_in_double_and_quad_words)
{
	unsigned int i;

	setup(3);
	for (i = 0; i < 3; i++) {
		EXPECT_EQ(mem_in(entry(i, 0), 8), 0);
		EXPECT_EQ(mem_in(entry(i, 8), 8), 1ull << 32);	/* masked */
	}
	writel(entry(1, PCI_MSIX_ENTRY_LOWER_ADDR), 0xfee12347);
	writel(entry(1, PCI_MSIX_ENTRY_UPPER_ADDR), 0x89abcdef);
	writel(entry(1, PCI_MSIX_ENTRY_DATA), 0xffffffff);
	writel(entry(1, PCI_MSIX_ENTRY_VECTOR_CTRL), 0xfffffffe);
	EXPECT_EQ(readl(entry(1, PCI_MSIX_ENTRY_LOWER_ADDR)), 0xfee12344);
	EXPECT_EQ(mem_in(entry(1, 0), 8), 0x89abcdeffee12344);
	EXPECT_EQ(mem_in(entry(1, 8), 8), 0xffffffff);
	mem_out(entry(2, 0), 8, 0x1122334455667788);
	mem_out(entry(2, 8), 8, 0xffffffff00000077);
	EXPECT_EQ(readl(entry(2, PCI_MSIX_ENTRY_UPPER_ADDR)), 0x11223344);
	EXPECT_EQ(readl(entry(2, PCI_MSIX_ENTRY_LOWER_ADDR)), 0x55667788);
	EXPECT_EQ(readl(entry(2, PCI_MSIX_ENTRY_DATA)), 0x77);
	EXPECT_EQ(readl(entry(2, PCI_MSIX_ENTRY_VECTOR_CTRL)), 1);
	EXPECT_EQ(mem_in(entry(0, 0), 8), 0);
	teardown();
}

TEST(narrow_and_unaligned_accesses_are_ignored)
{
	setup(3);
	program(1, true);
	mem_out(entry(1, PCI_MSIX_ENTRY_DATA), 1, 0xff);
	mem_out(entry(1, PCI_MSIX_ENTRY_DATA), 2, 0xffff);
	mem_out(entry(1, PCI_MSIX_ENTRY_VECTOR_CTRL), 1, 0);
	mem_out(entry(1, PCI_MSIX_ENTRY_DATA) + 2, 4, 0);
	mem_out(entry(1, 4), 8, 0);
	EXPECT_EQ(mem_in(entry(1, 0), 8), 0xfee01000);
	EXPECT_EQ(mem_in(entry(1, 8), 8), 0x100000041);
	EXPECT_EQ(mem_in(entry(1, PCI_MSIX_ENTRY_DATA), 1), 0);
	EXPECT_EQ(mem_in(entry(1, PCI_MSIX_ENTRY_DATA), 2), 0);
	EXPECT_EQ(mem_in(entry(1, 2), 4), 0);
	EXPECT_EQ(mem_in(entry(1, 4), 8), 0);
	teardown();
}

TEST(beyond_the_table_is_nothing)
{
	u32 off;

	setup(3);
	for (off = 3 * PCI_MSIX_ENTRY_SIZE; off < AERIE_MSIX_BAR_SIZE; off += 8) {
		mem_out(base + off, 8, ~0ull);
		EXPECT_EQ(mem_in(base + off, 8), 0);
	}
	EXPECT_EQ(card.msix_pending, 0);
	teardown();
}

TEST(a_vector_sends_its_message)
{
	setup(3);
	program(0, false);
	program(2, false);
	control(ENABLE);
	aerie_msix_notify(&card, 2);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.addr, 0xfee02000);
	EXPECT_EQ(last_msi.data, 0x42);
	aerie_msix_notify(&card, 0);
	aerie_msix_notify(&card, 0);
	EXPECT_EQ(msis, 3);
	EXPECT_EQ(last_msi.data, 0x40);
	/* Upper address bits are passed on, for whoever refuses them. */
	writel(entry(2, PCI_MSIX_ENTRY_UPPER_ADDR), 5);
	aerie_msix_notify(&card, 2);
	EXPECT_EQ(last_msi.addr, 0x5fee02000);
	EXPECT_EQ(card.msix_pending, 0);
	teardown();
}

TEST(nothing_is_sent_or_kept_while_disabled)
{
	setup(3);
	program(0, false);
	aerie_msix_notify(&card, 0);
	control(MASKALL);
	aerie_msix_notify(&card, 0);
	control(ENABLE);
	EXPECT_EQ(msis, 0);
	EXPECT_EQ(card.msix_pending, 0);
	teardown();
}

TEST(a_masked_vector_pends_until_it_is_unmasked)
{
	setup(3);
	program(0, true);
	program(1, true);
	control(ENABLE);
	aerie_msix_notify(&card, 1);
	aerie_msix_notify(&card, 1);
	EXPECT_EQ(msis, 0);
	EXPECT_EQ(mem_in(base + PBA, 8), 2);
	EXPECT_EQ(readl(base + PBA), 2);
	mask(0, false);
	EXPECT_EQ(msis, 0);
	/* What is sent is what the entry says by then. */
	writel(entry(1, PCI_MSIX_ENTRY_DATA), 0x77);
	mask(1, false);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.data, 0x77);
	EXPECT_EQ(mem_in(base + PBA, 8), 0);
	mask(1, true);
	mask(1, false);
	EXPECT_EQ(msis, 1);
	teardown();
}

TEST(a_quad_word_unmasks_with_its_data)
{
	setup(3);
	program(1, true);
	control(ENABLE);
	aerie_msix_notify(&card, 1);
	mem_out(entry(1, PCI_MSIX_ENTRY_DATA), 8, 0x99);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.data, 0x99);
	teardown();
}

TEST(the_function_mask_holds_all_vectors)
{
	setup(3);
	program(0, false);
	program(1, true);
	program(2, false);
	control(ENABLE | MASKALL);
	aerie_msix_notify(&card, 0);
	aerie_msix_notify(&card, 1);
	EXPECT_EQ(msis, 0);
	EXPECT_EQ(mem_in(base + PBA, 8), 3);
	/* Unmasking a vector alone is not enough. */
	mask(0, true);
	mask(0, false);
	EXPECT_EQ(msis, 0);
	control(ENABLE);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.data, 0x40);
	EXPECT_EQ(mem_in(base + PBA, 8), 2);
	mask(1, false);
	EXPECT_EQ(msis, 2);
	EXPECT_EQ(last_msi.data, 0x41);
	teardown();
}

TEST(what_pends_waits_for_msix_to_be_enabled_again)
{
	setup(3);
	program(1, true);
	control(ENABLE);
	aerie_msix_notify(&card, 1);
	control(0);
	mask(1, false);
	EXPECT_EQ(msis, 0);
	control(ENABLE);
	EXPECT_EQ(msis, 1);
	teardown();
}

TEST(pending_bits_are_not_to_be_written)
{
	setup(3);
	program(1, true);
	control(ENABLE);
	aerie_msix_notify(&card, 1);
	mem_out(base + PBA, 8, 0);
	writel(base + PBA, 0xff);
	EXPECT_EQ(mem_in(base + PBA, 8), 2);
	teardown();
}

TEST(vectors_out_of_range_do_nothing)
{
	setup(3);
	control(ENABLE | MASKALL);
	aerie_msix_notify(&card, 3);
	aerie_msix_notify(&card, 64);
	aerie_msix_notify(&card, 0xffff);	/* VIRTIO_MSI_NO_VECTOR */
	EXPECT_EQ(card.msix_pending, 0);
	control(ENABLE);
	EXPECT_EQ(msis, 0);
	teardown();
}

TEST(as_many_vectors_as_there_can_be)
{
	setup(AERIE_MSIX_MAX);
	EXPECT_EQ(config_in(1, cap + PCI_MSIX_FLAGS, 2), AERIE_MSIX_MAX - 1);
	program(AERIE_MSIX_MAX - 1, true);
	control(ENABLE);
	aerie_msix_notify(&card, AERIE_MSIX_MAX - 1);
	EXPECT_EQ(readl(base + PBA), 0);
	EXPECT_EQ(readl(base + PBA + 4), 1u << 31);
	EXPECT_EQ(mem_in(base + PBA, 8), 1ull << 63);
	mask(AERIE_MSIX_MAX - 1, false);
	EXPECT_EQ(msis, 1);
	EXPECT_EQ(last_msi.data, 0x7f);
	teardown();
}

TEST(intx_is_low_while_msix_is_on)
{
	const unsigned int gsi = AERIE_PCI_GSI(1);

	setup(3);
	aerie_pci_intx(&card, true);
	EXPECT(line[gsi]);
	control(ENABLE);
	EXPECT(!line[gsi]);
	EXPECT(aerie_msix_enabled(&card));
	control(0);
	EXPECT(line[gsi]);
	EXPECT(!aerie_msix_enabled(&card));
	teardown();
}

TEST(reset_masks_all_and_forgets_what_pends)
{
	setup(3);
	program(0, false);
	program(1, true);
	control(ENABLE);
	aerie_msix_notify(&card, 1);
	aerie_pci_reset(&card);
	EXPECT_EQ(msis, 0);
	EXPECT(!aerie_msix_enabled(&card));
	config_out(1, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
	EXPECT_EQ(mem_in(base + PBA, 8), 0);
	EXPECT_EQ(mem_in(entry(0, 0), 8), 0);
	EXPECT_EQ(mem_in(entry(0, 8), 8), 1ull << 32);
	control(ENABLE);
	mask(1, false);
	EXPECT_EQ(msis, 0);
	teardown();
}
