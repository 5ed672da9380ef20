// SPDX-License-Identifier: GPL-2.0
/*
 * A driver and a guest that do anything to a virtio device and its PCI function.
 *
 * Input is a series of commands: a byte that selects what to do and in which size,
 * then its operands. Memory is written in bytes, as descriptors and as entries of
 * rings; registers are accessed by ports, ECAM and BARs; works run when told. Apart
 * from the sanitizers it is checked that no read returns more than its size, that
 * chains are what they claim and served only when they may be, that interrupt lines
 * agree with registers, and that whatever a ring makes of its worker, it can be
 * stopped.
 */
// sources: kmod/virtio/transport.c kmod/virtio/registers.c kmod/virtio/queue.c kmod/dev/pci.c kmod/dev/msix.c kmod/dev/pm.c kmod/dev/bus.c
#include "fake_virtio.h"

#define MEM_BYTES	(2ull << 20)
#define MAX_TURNS	4096	/* of the works of one run, until the device is stopped */

static const u8 *next;
static size_t left;
static struct ring rings[ECHO_VQS];
static unsigned int turns;

static u64 take(unsigned int bytes)
{
	u64 val = 0;

	for (; bytes && left; bytes--, left--)
		val = val << 8 | *next++;
	return val;
}

static void check(bool ok)
{
	if (!ok)
		abort();
}

static u64 checked(u64 val, unsigned int size)
{
	check(size == 8 || !(val >> size * 8));
	return val;
}

/* As the machine does before its memory goes away, while works are under way. */
void shim_resched(void)
{
	if (++turns == MAX_TURNS)
		echo.stopped = true;
}

static void check_chain(struct aerie_vq *vq, const struct aerie_vq_chain *chain)
{
	u64 sums[2] = { 0, 0 };
	u8 buf[64];
	unsigned int i;
	ssize_t n;

	check(vq->enabled && !echo.stopped && echo.s.status & VIRTIO_CONFIG_S_DRIVER_OK &&
	      !(echo.s.status & VIRTIO_CONFIG_S_NEEDS_RESET));
	check(chain->head < vq->size);
	check(chain->nr_in + chain->nr_out > 0 && chain->nr_in + chain->nr_out <= AERIE_VQ_SIZE);
	for (i = 0; i < chain->nr_in + chain->nr_out; i++)
		sums[i >= chain->nr_in] += chain->bufs[i].len;
	check(sums[0] == chain->in_bytes && sums[1] == chain->out_bytes);
	/* From the middle, which the device's own copies do not do. */
	n = aerie_vq_read(vq, chain, chain->in_bytes / 2, buf, sizeof(buf));
	check(n < 0 || n == min_t(u64, sizeof(buf), chain->in_bytes - chain->in_bytes / 2));
}

static void check_interrupts(void)
{
	const struct aerie_pci_dev *pci = &echo.pci;
	u16 command = aerie_pci_get(pci, PCI_COMMAND, 2), status = aerie_pci_get(pci, PCI_STATUS, 2);
	unsigned int i;

	check(pci->intx == !!echo.s.isr);
	check(pci->intx == !!(status & PCI_STATUS_INTERRUPT));
	check(line[AERIE_PCI_GSI(ECHO_SLOT)] ==
	      (pci->intx && !(command & PCI_COMMAND_INTX_DISABLE) && !aerie_msix_enabled(pci)));
	check(!(pci->msix_pending >> pci->msix_nr));
	for (i = 0; i < AERIE_PCI_BARS; i++)
		check(!pci->bar_base[i] ||
		      (pci->bar_base[i] >= AERIE_PCI_MMIO_BASE &&
		       pci->bar_base[i] + pci->bar_size[i] - 1 <
		       AERIE_PCI_MMIO_BASE + AERIE_PCI_MMIO_LEN));
}

static void machine_reset(void)
{
	echo.dev.ops->quiesce(&echo.dev);
	check(!nr_works);
	echo.dev.ops->reset(&echo.dev);
	check(!echo.s.status && !echo.s.isr && !echo.pci.msix_pending);
}

/* What a driver does first, so that not every input must find it out by itself. */
static void driver_starts(u8 how)
{
	unsigned int i;

	decode_bars();
	mem_out(COMMON(STATUS), 1, 3);
	mem_out(COMMON(GFSELECT), 4, 1);
	mem_out(COMMON(GF), 4, 1);
	mem_out(COMMON(GFSELECT), 4, 0);
	mem_out(COMMON(GF), 4, (u64)(how & 3) << VIRTIO_RING_F_INDIRECT_DESC);
	mem_out(COMMON(STATUS), 1, 8);
	if (how & 4)
		config_out(ECHO_SLOT, echo.pci.msix_cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	for (i = 0; i < ECHO_VQS; i++) {
		rings[i] = (struct ring) {
			&vm.mem, 1u << (how >> 4 & 7), 0x1000, 0x2000 + 0x1000 * i,
			/* Rings may lie over each other. */
			how & 8 ? 0x2000 + 0x1004 * i : 0x4000 + 0x1000 * i, 0
		};
		mem_out(COMMON(Q_SELECT), 2, i);
		mem_out(COMMON(Q_SIZE), 2, rings[i].size);
		mem_out(COMMON(Q_MSIX), 2, i + 1);
		mem_out(COMMON(Q_DESCLO), 8, rings[i].desc);
		mem_out(COMMON(Q_AVAILLO), 8, rings[i].avail);
		mem_out(COMMON(Q_USEDLO), 8, rings[i].used);
		mem_out(COMMON(Q_ENABLE), 2, 1);
	}
	mem_out(COMMON(STATUS), 1, 4);
}

/* Addresses near what is used, and now and then any. */
static gpa_t take_gpa(void)
{
	u16 at = take(2);

	return at < 0xff00 ? at : take(8);
}

static void take_desc(gpa_t table)
{
	u8 i = take(1), how = take(1);
	u32 len = how & 0x80 ? take(4) : take(1);
	gpa_t gpa = how & 0x40 ? 0x6000 : take_gpa();

	table_desc(&rings[0], table, i, gpa, len, how & 7, how & 8 ? i + 1 : take(2));
}

static void step(u8 cmd)
{
	unsigned int size = 1u << (cmd >> 6 & 3), i = cmd >> 4 & 1;
	u8 state[4096] = { 0 };
	u64 val, at;

	switch (cmd & 15) {
	case 0:
		at = take(1);
		aerie_bus_write(&vm.pio, NULL, 0xcf8 + (at & 7), size, take(size));
		break;
	case 1:
		checked(in(0xcf8 + (take(1) & 7), size), size);
		break;
	case 2:
		at = take(2);
		config_out(i, at & 0xfff, size, take(size));
		break;
	case 3:
		at = take(2);
		checked(config_in(i ? at >> 12 : ECHO_SLOT, at & 0xfff, size), size);
		break;
	case 4:
		at = take(2);
		mem_out(regs_base + (at & 0x7fff), size, take(size));
		break;
	case 5:
		at = take(2);
		checked(mem_in(regs_base + (at & 0x7fff), size), size);
		break;
	case 6:
		at = take(2) & 0xfff;
		if (i)
			mem_out(msix_base + at, size, take(size));
		else
			checked(mem_in(msix_base + at, size), size);
		break;
	case 7:
		val = take(size);
		at = take_gpa();
		aerie_mem_write(&vm.mem, at, &val, size, GFP_KERNEL);
		break;
	case 8:
		take_desc(rings[0].desc);
		break;
	case 9:
		take_desc(0x6000);
		break;
	case 10:
		ring_offer(&rings[i], take(1));
		break;
	case 11:
		mem_out(DOORBELL(i), 2, i);
		break;
	case 12:
		turns = 0;
		fake_mem_fail = size == 8 ? take(1) : 0;
		works_run();
		fake_mem_fail = 0;
		break;
	case 13:
		driver_starts(take(1));
		break;
	case 14:
		if (size == 8)
			machine_reset();
		else if (size == 4)
			echo.dev.ops->quiesce(&echo.dev);
		else
			aerie_virtio_broken(&echo);
		break;
	case 15:
		check(echo.dev.ops->record->size <= sizeof(state));
		echo.dev.ops->state(&echo.dev, state);
		break;
	}
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	unsigned int i;

	if (size > 4096)
		return 0;
	next = data;
	left = size;
	virtio_machine(MEM_BYTES);
	check(!echo_create() && echo.pci.slot == ECHO_SLOT);
	echo_hook = check_chain;
	for (i = 0; i < ECHO_VQS; i++)
		rings[i] = (struct ring) { &vm.mem, 8, 0x1000, 0x2000, 0x4000, 0 };
	echo.dev.ops->reset(&echo.dev);
	decode_bars();
	while (left) {
		step(take(1));
		check_interrupts();
	}
	turns = 0;
	works_run();
	machine_reset();
	virtio_machine_fini();
	check(echo_frees == 1);
	return 0;
}
