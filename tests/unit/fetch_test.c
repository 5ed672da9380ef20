// SPDX-License-Identifier: GPL-2.0
/* The instruction at RIP without the emulator, and whether a vCPU stands at a PAUSE. */
// sources: kmod/core/fetch.c kmod/emul/memo.c kmod/emul/decode.c
#include "core/core.h"
#include "core/fetch.h"
#include "core/policy.h"
#include "emul/walk.h"
#include "ktap.h"

#define PAGES	16
#define LINEAR	0xffff800000000000ull	/* of the page at CODE */
#define CODE	0xa000u

enum { PML4 = 1, PDPT, PD, PT, OTHER_PML4, OTHER_PDPT, OTHER_PD, OTHER_PT, PML5 };

static u8 ram[PAGES * PAGE_SIZE] __attribute__((aligned(8)));
static bool gone[PAGES];		/* not resident, or none */
static struct aerie_vm vm;
static struct aerie_vcpu the_vcpu, *const vcpu = &the_vcpu;
static struct aerie_segment cs;
static u8 ring;
static unsigned int looked_up;
int shim_fail_alloc;

static void seg_get(struct aerie_vcpu *v, enum aerie_seg seg, struct aerie_segment *s)
{
	EXPECT_EQ(seg, AERIE_SEG_CS);
	*s = cs;
}
static u8 cpl(struct aerie_vcpu *v) { return ring; }
static const struct aerie_backend fake = { .seg_get = seg_get, .cpl = cpl };
const struct aerie_backend *aerie_backend = &fake;

u32 aerie_guest_phys_bits(struct aerie_vm *v) { return 40; }

void *aerie_mem_kaddr(struct aerie_mem *mem, gpa_t gpa)
{
	looked_up++;
	return gpa < sizeof(ram) && !gone[gpa / PAGE_SIZE] ? ram + gpa : NULL;
}

static u64 *entry(unsigned int page, unsigned int n)
{
	return (u64 *)(ram + page * PAGE_SIZE) + n;
}

static void map(unsigned int pml4, gpa_t code)
{
	*entry(pml4, 256) = (pml4 + 1) * PAGE_SIZE | PTE_P | PTE_A | PTE_W;
	*entry(pml4 + 1, 0) = (pml4 + 2) * PAGE_SIZE | PTE_P | PTE_A | PTE_W;
	*entry(pml4 + 2, 0) = (pml4 + 3) * PAGE_SIZE | PTE_P | PTE_A | PTE_W;
	*entry(pml4 + 3, 0) = code | PTE_P | PTE_A;
	*entry(pml4 + 3, 1) = (code + PAGE_SIZE) | PTE_P | PTE_A;
}

/* 64-bit code of the kernel's: two pages of NOPs at CODE, two others at CODE + 0x2000. */
static void setup(void)
{
	aerie_fetch_destroy(vcpu);
	memset(ram, 0, sizeof(ram));
	memset(ram + CODE, 0x90, 4 * PAGE_SIZE);
	memset(gone, 0, sizeof(gone));
	map(PML4, CODE);
	map(OTHER_PML4, CODE + 2 * PAGE_SIZE);
	memset(vcpu, 0, sizeof(*vcpu));
	vcpu->vm = &vm;
	vcpu->regs_avail = ~0u;
	vcpu->efer = EFER_LME | EFER_LMA | EFER_NX;
	vcpu->regs[AERIE_REG_CR3] = PML4 * PAGE_SIZE;
	vcpu->regs[AERIE_REG_CR4] = X86_CR4_PAE;
	cs = (struct aerie_segment) { .attr = AERIE_SEG_L };
	ring = 0;
	EXPECT_EQ(aerie_fetch_create(vcpu), 0);
	looked_up = 0;
}

static void put(gpa_t gpa, const char *bytes, size_t n)
{
	memcpy(ram + gpa, bytes, n);
}

static bool pauses_at(u64 rip)
{
	vcpu->regs[AERIE_REG_RIP] = rip;
	return aerie_fetch_pauses(vcpu);
}

static void pause_at(gpa_t gpa)
{
	put(gpa, "\xf3\x90", 2);
}

/* ---- Whether it stands at a PAUSE ------------------------------------------- */

TEST(close_to_a_pause)
{
	setup();
	EXPECT(!pauses_at(LINEAR + 0x800));
	pause_at(CODE + 0x800);
	EXPECT(pauses_at(LINEAR + 0x800));
	EXPECT(pauses_at(LINEAR + 0x802));
	/* From 32 bytes behind it to 32 before. */
	EXPECT(pauses_at(LINEAR + 0x820));
	EXPECT(!pauses_at(LINEAR + 0x821));
	EXPECT(pauses_at(LINEAR + 0x7e1));
	EXPECT(!pauses_at(LINEAR + 0x7e0));
	/* Neither half alone, nor the halves the other way round. */
	put(CODE + 0x800, "\xf3\xf3", 2);
	EXPECT(pauses_at(LINEAR + 0x800));
	put(CODE + 0x802, "\xcc", 1);
	EXPECT(!pauses_at(LINEAR + 0x800));
	put(CODE + 0x800, "\x90\xf3", 2);
	EXPECT(!pauses_at(LINEAR + 0x800));
}

TEST(no_further_than_the_page)
{
	setup();
	/* The page that RIP is in, from its first byte to its last. */
	pause_at(CODE);
	EXPECT(pauses_at(LINEAR));
	EXPECT(pauses_at(LINEAR + 31));
	pause_at(CODE + PAGE_SIZE - 2);
	EXPECT(pauses_at(LINEAR + PAGE_SIZE - 1));
	EXPECT(pauses_at(LINEAR + PAGE_SIZE - 16));
	/* Neither its neighbours, which may lie anywhere, nor one that is half in each. */
	EXPECT(!pauses_at(LINEAR + PAGE_SIZE));
	setup();
	pause_at(CODE + PAGE_SIZE);
	EXPECT(!pauses_at(LINEAR + PAGE_SIZE - 1));
	EXPECT(pauses_at(LINEAR + PAGE_SIZE));
	setup();
	pause_at(CODE + PAGE_SIZE - 1);
	EXPECT(!pauses_at(LINEAR + PAGE_SIZE - 1));
	EXPECT(!pauses_at(LINEAR + PAGE_SIZE));
	/* The last byte of memory that the host gave. */
	setup();
	*entry(PT, 0) = (PAGES - 1) * PAGE_SIZE | PTE_P | PTE_A;
	put(sizeof(ram) - 1, "\xf3", 1);
	EXPECT(!pauses_at(LINEAR + PAGE_SIZE - 1));
}

TEST(only_the_kernels_64_bit_code)
{
	setup();
	pause_at(CODE + 0x800);
	EXPECT(pauses_at(LINEAR + 0x800));
	ring = 3;
	EXPECT(!pauses_at(LINEAR + 0x800));
	ring = 1;
	EXPECT(!pauses_at(LINEAR + 0x800));
	ring = 0;
	/* Compatibility mode, 32-bit and 16-bit; then what looks like 64-bit code and is not. */
	cs.attr = AERIE_SEG_DB;
	EXPECT(!pauses_at(LINEAR + 0x800));
	cs.attr = 0;
	EXPECT(!pauses_at(LINEAR + 0x800));
	cs.attr = AERIE_SEG_L;
	vcpu->efer = EFER_LME;
	EXPECT(!pauses_at(LINEAR + 0x800));
	EXPECT_EQ(looked_up, 5);	/* the first time: four entries, and the page */
}

TEST(not_where_nothing_is_mapped)
{
	static const unsigned int pages[] = { PML4, PDPT, PD, PT, CODE / PAGE_SIZE };
	u64 was;
	u32 i;

	setup();
	pause_at(CODE + 0x800);
	/* Before it has been found, and after: what is not present, or not plain to see. */
	was = *entry(PT, 0);
	*entry(PT, 0) = 0;
	EXPECT(!pauses_at(LINEAR + 0x800));
	*entry(PT, 0) = was;
	EXPECT(pauses_at(LINEAR + 0x800));
	*entry(PT, 0) = was & ~PTE_P;
	EXPECT(!pauses_at(LINEAR + 0x800));
	*entry(PT, 0) = was | PTE_NX;
	EXPECT(!pauses_at(LINEAR + 0x800));
	*entry(PT, 0) = was | BIT_ULL(40);	/* more than it has physical memory */
	EXPECT(!pauses_at(LINEAR + 0x800));
	*entry(PT, 0) = sizeof(ram) | PTE_P | PTE_A;
	EXPECT(!pauses_at(LINEAR + 0x800));
	*entry(PT, 0) = was;
	EXPECT(pauses_at(LINEAR + 0x800));
	EXPECT(!pauses_at(LINEAR + 2 * PAGE_SIZE + 0x800));
	EXPECT(!pauses_at(0x800));
	/* Tables and the page that the host has not got: their leaving changes the generation. */
	for (i = 0; i < ARRAY_SIZE(pages); i++) {
		gone[pages[i]] = true;
		vm.mem.generation++;
		EXPECT(!pauses_at(LINEAR + 0x800));
		gone[pages[i]] = false;
		EXPECT(pauses_at(LINEAR + 0x800));
	}
	/* A root in no memory at all. */
	vcpu->regs[AERIE_REG_CR3] = 0xfffffff000;
	EXPECT(!pauses_at(LINEAR + 0x800));
}

TEST(not_a_page_of_user_memory_under_smep)
{
	unsigned int page;

	setup();
	pause_at(CODE + 0x800);
	for (page = PML4; page <= PT; page++)
		*entry(page, page == PML4 ? 256 : 0) |= PTE_U;
	EXPECT(pauses_at(LINEAR + 0x800));
	vcpu->regs[AERIE_REG_CR4] |= X86_CR4_SMEP;
	EXPECT(!pauses_at(LINEAR + 0x800));
}

/* ---- The instruction at RIP ---------------------------------------------------- */

static const struct aerie_insn *fetch_of(u64 rip, u8 at_cpl)
{
	struct aerie_exit exit = { .kind = AERIE_EXIT_CPUID, .code64 = true, .cpl = at_cpl };

	vcpu->regs[AERIE_REG_RIP] = rip;
	return aerie_fetch_fast(vcpu, &exit);
}

static unsigned int length_at(u64 rip)
{
	const struct aerie_insn *insn = fetch_of(rip, 0);

	return insn ? insn->len : 0;
}

TEST(instruction_is_what_memory_has_now)
{
	setup();
	put(CODE + 0x100, "\x0f\xa2", 2);
	EXPECT_EQ(length_at(LINEAR + 0x100), 2);
	put(CODE + 0x100, "\x66\x0f\xa2", 3);
	EXPECT_EQ(length_at(LINEAR + 0x100), 3);
	EXPECT_EQ(looked_up, 5);
	/* Elsewhere: by an entry, by another root, by the host. */
	put(CODE + PAGE_SIZE + 0x100, "\x66\x66\x0f\xa2", 4);
	*entry(PT, 0) += PAGE_SIZE;
	EXPECT_EQ(length_at(LINEAR + 0x100), 4);
	put(CODE + 2 * PAGE_SIZE + 0x100, "\x66\x66\x66\x0f\xa2", 5);
	vcpu->regs[AERIE_REG_CR3] = OTHER_PML4 * PAGE_SIZE;
	EXPECT_EQ(length_at(LINEAR + 0x100), 5);
	gone[CODE / PAGE_SIZE + 2] = true;
	vm.mem.generation++;
	EXPECT_EQ(length_at(LINEAR + 0x100), 0);
}

TEST(an_entry_on_any_level_counts)
{
	static const u8 levels[] = { PML4, PDPT, PD, PT };
	u64 *changed, was;
	u32 i;

	setup();
	put(CODE + 0x100, "\x0f\xa2", 2);
	put(CODE + 2 * PAGE_SIZE + 0x100, "\x66\x66\x66\x0f\xa2", 5);
	for (i = 0; i < ARRAY_SIZE(levels); i++) {
		changed = entry(levels[i], levels[i] == PML4 ? 256 : 0);
		was = *changed;
		EXPECT_EQ(length_at(LINEAR + 0x100), 2);
		*changed = *entry(levels[i] + 4, levels[i] == PML4 ? 256 : 0);
		EXPECT_EQ(length_at(LINEAR + 0x100), 5);
		/* What was known before is not taken for what has been found since. */
		*changed = 0;
		EXPECT_EQ(length_at(LINEAR + 0x100), 0);
		EXPECT_EQ(length_at(LINEAR + 0x100), 0);
		*changed = was;
	}
}

TEST(five_levels)
{
	const u64 root = LINEAR >> 48 & 511;

	setup();
	put(CODE + 0x100, "\x0f\xa2", 2);
	put(CODE + PAGE_SIZE + 0x100, "\x66\x66\x0f\xa2", 4);
	*entry(PML5, root) = PML4 * PAGE_SIZE | PTE_P | PTE_A | PTE_W;
	vcpu->regs[AERIE_REG_CR3] = PML5 * PAGE_SIZE;
	EXPECT_EQ(length_at(LINEAR + 0x100), 0);
	vcpu->regs[AERIE_REG_CR4] |= X86_CR4_LA57;
	EXPECT_EQ(length_at(LINEAR + 0x100), 2);
	EXPECT_EQ(looked_up, 1 + 6);
	*entry(PT, 0) += PAGE_SIZE;
	EXPECT_EQ(length_at(LINEAR + 0x100), 4);
	*entry(PML5, root) = OTHER_PML4 * PAGE_SIZE | PTE_P | PTE_A | PTE_W;
	put(CODE + 2 * PAGE_SIZE + 0x100, "\x66\x0f\xa2", 3);
	EXPECT_EQ(length_at(LINEAR + 0x100), 3);
}

TEST(who_may_not_execute_it_has_none)
{
	unsigned int page;

	setup();
	put(CODE + 0x100, "\x0f\xa2", 2);
	EXPECT(fetch_of(LINEAR + 0x100, 0));
	EXPECT(!fetch_of(LINEAR + 0x100, 3));
	for (page = PML4; page <= PT; page++)
		*entry(page, page == PML4 ? 256 : 0) |= PTE_U;
	EXPECT(fetch_of(LINEAR + 0x100, 3));
	EXPECT(fetch_of(LINEAR + 0x100, 0));
	vcpu->regs[AERIE_REG_CR4] |= X86_CR4_SMEP;
	EXPECT(!fetch_of(LINEAR + 0x100, 0));
	EXPECT(fetch_of(LINEAR + 0x100, 3));
}

TEST(not_where_it_may_reach_into_the_next_page)
{
	setup();
	put(CODE + PAGE_SIZE - 16, "\x0f\xa2", 2);
	EXPECT_EQ(length_at(LINEAR + PAGE_SIZE - 16), 2);
	put(CODE + PAGE_SIZE - 15, "\x0f\xa2", 2);
	EXPECT_EQ(length_at(LINEAR + PAGE_SIZE - 15), 0);
}

TEST(bytes_that_the_processor_gave)
{
	struct aerie_exit exit = {
		.kind = AERIE_EXIT_FAULT, .code64 = true,
		.fault = { .nr_insn = AERIE_INSN_MAX, .insn = { 0x8b, 0x06 } },
	};
	const struct aerie_insn *insn;

	setup();
	vcpu->regs[AERIE_REG_RIP] = 0x1234;	/* nothing is mapped there */
	insn = aerie_fetch_fast(vcpu, &exit);
	EXPECT(insn && insn->len == 2);
	EXPECT_EQ(looked_up, 0);
	/* Not all of them: from memory. */
	exit.fault.nr_insn = 14;
	EXPECT(!aerie_fetch_fast(vcpu, &exit));
	exit.code64 = false;
	exit.fault.nr_insn = AERIE_INSN_MAX;
	EXPECT(!aerie_fetch_fast(vcpu, &exit));
}

TEST(without_memory_there_is_none)
{
	setup();
	aerie_fetch_destroy(vcpu);
	shim_fail_alloc = 1;
	EXPECT_EQ(aerie_fetch_create(vcpu), -ENOMEM);
	EXPECT_EQ(aerie_fetch_create(vcpu), 0);
	aerie_fetch_destroy(vcpu);
}
