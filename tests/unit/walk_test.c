// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/walk.c
/*
 * The page walker: address arithmetic of every format, then permissions in all
 * combinations against a table-free statement of the manual's rules.
 */
#include <asm/msr-index.h>
#include <asm/processor-flags.h>

#include "emul/emul.h"
#include "ktap.h"

#define P	1ull
#define W	2ull
#define U	4ull
#define A	0x20ull
#define D	0x40ull
#define PS	0x80ull
#define NX	(1ull << 63)

#define PF_P	1u
#define PF_W	2u
#define PF_U	4u
#define PF_RSVD	8u
#define PF_I	16u

/* Table memory: pages 1 to 15 of guest physical memory. */
static u8 ram[16 * 4096];
static struct aerie_paging p;
static gpa_t gpa;
static u32 error;
static unsigned int reads, updates;
static int read_result, cmpxchg_result;
static unsigned int disturb;	/* so many updates find the entry changed ... */
static u64 disturb_xor;		/* ... by this */

static int ram_read(void *ctx, gpa_t addr, void *buf, unsigned int size)
{
	reads++;
	if (read_result)
		return read_result;
	if (addr > sizeof(ram) - size)
		return -EFAULT;
	memcpy(buf, ram + addr, size);
	return 0;
}

static int ram_cmpxchg(void *ctx, gpa_t addr, unsigned int size, u64 *old, u64 new_val)
{
	u64 val = 0;

	if (cmpxchg_result)
		return cmpxchg_result;
	if (addr > sizeof(ram) - size)
		return -EFAULT;
	memcpy(&val, ram + addr, size);
	if (disturb) {
		disturb--;
		val ^= disturb_xor;
		memcpy(ram + addr, &val, size);
		*old = val;
		return 0;
	}
	if (val != *old) {
		*old = val;
		return 0;
	}
	updates++;
	memcpy(ram + addr, &new_val, size);
	return 1;
}

static const struct aerie_walk_ops ops = { ram_read, ram_cmpxchg };

static int walk(gva_t gva, u32 acc)
{
	unsigned int marked;
	gpa_t first;
	u32 why;
	int ret;

	/* Twice: once to set accessed and dirty bits, once where all are set. */
	reads = 0;
	updates = 0;
	gpa = 0xdead;
	ret = aerie_walk(&p, &ops, ram, gva, acc, &gpa, &error);
	first = gpa;
	why = error;
	marked = updates;
	reads = 0;
	EXPECT_EQ(aerie_walk(&p, &ops, ram, gva, acc, &gpa, &error), ret);
	EXPECT_EQ(gpa, first);
	if (ret == 1)
		EXPECT_EQ(error, why);
	EXPECT_EQ(updates, marked);
	return ret;
}

static u64 entry(gpa_t at, unsigned int size)
{
	u64 val = 0;

	memcpy(&val, ram + at, size);
	return val;
}

static void set(gpa_t at, u64 val, unsigned int size)
{
	memcpy(ram + at, &val, size);
}

enum kind { LEGACY, PAE, FOUR, FIVE };

/* Kind of paging with its root in page 1, all tables empty. */
static void setup(enum kind kind)
{
	memset(ram, 0, sizeof(ram));
	memset(&p, 0, sizeof(p));
	p.cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP;
	p.cr3 = 0x1000;
	p.phys_bits = 46;
	if (kind != LEGACY) {
		p.cr4 = X86_CR4_PAE;
		p.efer = EFER_NX;
	}
	if (kind >= FOUR)
		p.efer |= EFER_LME | EFER_LMA;
	if (kind == FIVE)
		p.cr4 |= X86_CR4_LA57;
	reads = updates = disturb = 0;
	read_result = cmpxchg_result = 0;
}

/*
 * Map one page at @gva through tables in pages 1, 2, ...; @flags go into every
 * entry but PAE's root. Returns the physical address of the leaf's entry.
 */
static gpa_t map(enum kind kind, gva_t gva, gpa_t frame, u64 flags, unsigned int leaf_level)
{
	static const u8 levels[] = { 2, 3, 4, 5 };
	unsigned int size = kind == LEGACY ? 4 : 8, bits = kind == LEGACY ? 10 : 9, level;
	gpa_t table = 0x1000, at = 0;

	for (level = levels[kind]; level >= leaf_level; level--) {
		u64 index = gva >> (12 + bits * (level - 1)) & ((1u << bits) - 1);
		bool root = kind == PAE && level == 3;

		at = table + index * size;
		if (level == leaf_level)
			set(at, frame | flags | (level > 1 ? PS : 0), size);
		else
			set(at, (table + 0x1000) | (root ? P : flags), size);
		table += 0x1000;
	}
	return at;
}

TEST(no_paging)
{
	setup(LEGACY);
	p.cr0 = X86_CR0_PE;
	EXPECT_EQ(walk(0x123456789, AERIE_ACC_WRITE | AERIE_ACC_USER), 0);
	EXPECT(gpa == 0x23456789 && reads == 0);
	p.efer = EFER_LME;		/* not active without paging */
	EXPECT_EQ(walk(0xffffffff80000000, 0), 0);
	EXPECT_EQ(gpa, 0x80000000);
}

TEST(legacy)
{
	gpa_t leaf;

	setup(LEGACY);
	leaf = map(LEGACY, 0xc0403123, 0x7ffff000, P | W, 1);
	EXPECT_EQ(walk(0xc0403123, 0), 0);
	EXPECT_EQ(gpa, 0x7ffff123);
	EXPECT_EQ(entry(0x1000 + 0x301 * 4, 4), 0x2000 | P | W | A);
	EXPECT_EQ(entry(leaf, 4), 0x7ffff000 | P | W | A);
	EXPECT(reads == 2 && updates == 2);
	EXPECT_EQ(walk(0xffffffffc0403123, AERIE_ACC_WRITE), 0);	/* 32 bits of address */
	EXPECT(entry(leaf, 4) == (0x7ffff000 | P | W | A | D) && updates == 1);
	EXPECT_EQ(walk(0xc0403123, AERIE_ACC_WRITE), 0);
	EXPECT_EQ(updates, 0);
	EXPECT_EQ(walk(0xc0404123, 0), 1);
	EXPECT_EQ(error, 0);
	EXPECT_EQ(walk(0x00404123, AERIE_ACC_WRITE | AERIE_ACC_USER), 1);
	EXPECT_EQ(error, PF_W | PF_U);
	p.cr3 |= 0xfff0000000000fff;					/* no part of the root */
	EXPECT_EQ(walk(0xc0403123, 0), 0);
}

TEST(legacy_large_pages)
{
	gpa_t leaf;

	setup(LEGACY);
	leaf = map(LEGACY, 0xc0400000, 0x12c00000, P | W, 2);
	EXPECT_EQ(walk(0xc0523456, 0), -EFAULT);			/* no PSE: a table */
	p.cr4 = X86_CR4_PSE;
	EXPECT_EQ(walk(0xc0523456, AERIE_ACC_WRITE), 0);
	EXPECT_EQ(gpa, 0x12d23456);
	EXPECT_EQ(entry(leaf, 4), 0x12c00000 | P | W | A | D | PS);
	EXPECT_EQ(updates, 1);
	/* PSE-36: bits 13 to 20 are address bits 32 to 39. */
	p.phys_bits = 40;
	set(leaf, 0x12c00000 | P | PS | 0xabull << 13, 4);
	EXPECT_EQ(walk(0xc0523456, 0), 0);
	EXPECT_EQ(gpa, 0xab12d23456);
	p.phys_bits = 36;
	EXPECT_EQ(walk(0xc0523456, AERIE_ACC_USER), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD | PF_U);
	set(leaf, 0x12c00000 | P | PS | 0xbull << 13, 4);
	EXPECT_EQ(walk(0xc0523456, 0), 0);
	EXPECT_EQ(gpa, 0xb12d23456);
	p.phys_bits = 52;						/* 40 is the most */
	set(leaf, 0x12c00000 | P | PS | 1ull << 21, 4);
	EXPECT_EQ(walk(0xc0523456, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);
	set(leaf, 0x12c00000 | P | PS | 1ull << 12, 4);			/* PAT is fine */
	EXPECT_EQ(walk(0xc0523456, 0), 0);
	EXPECT_EQ(gpa, 0x12d23456);
}

TEST(pae)
{
	gpa_t leaf;

	setup(PAE);
	p.cr3 = 0x1020;							/* 32-byte aligned root */
	map(PAE, 0xc0603123, 0x3ffffff7f000, P | W, 1);
	leaf = 0x3000 + 0x3 * 8;
	set(0x1020 + 3 * 8, 0x2000 | P, 8);
	set(0x1018, 0, 8);
	EXPECT_EQ(walk(0xc0603123, AERIE_ACC_WRITE), 0);
	EXPECT_EQ(gpa, 0x3ffffff7f123);
	EXPECT_EQ(entry(0x1038, 8), 0x2000 | P);			/* no A bit there */
	EXPECT_EQ(entry(0x2000 + 3 * 8, 8), 0x3000 | P | W | A);
	EXPECT_EQ(entry(leaf, 8), 0x3ffffff7f000 | P | W | A | D);
	EXPECT_EQ(walk(0x80603123, 0), 1);
	EXPECT_EQ(error, 0);
	set(0x1038, 0x2000 | P | W, 8);					/* reserved in a PDPTE */
	EXPECT_EQ(walk(0xc0603123, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);
	set(0x1038, 0x2000 | P | NX, 8);
	EXPECT_EQ(walk(0xc0603123, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);
	set(0x1038, 0x2000 | P, 8);
	set(leaf, 0x3ffffff7f000 | P | 1ull << 60, 8);		/* reserved here */
	EXPECT_EQ(walk(0xc0603123, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);

	setup(PAE);
	leaf = map(PAE, 0x40200000, 0x12200000, P | W | U, 2);
	EXPECT_EQ(walk(0x4035678a, AERIE_ACC_USER), 0);
	EXPECT_EQ(gpa, 0x1235678a);
	set(leaf, entry(leaf, 8) | 1 << 20, 8);
	EXPECT_EQ(walk(0x4035678a, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);
}

TEST(four_level)
{
	gva_t gva = 0xffff888012345678;
	gpa_t leaf;

	setup(FOUR);
	p.cr3 |= 0xfff | 1ull << 63;					/* PCID, no flush */
	leaf = map(FOUR, gva, 0x100000000, P | W, 1);
	EXPECT_EQ(walk(gva, 0), 0);
	EXPECT(gpa == 0x100000678 && reads == 4 && updates == 4);
	EXPECT_EQ(entry(leaf, 8), 0x100000000 | P | W | A);
	set(leaf, entry(leaf, 8) | 0x7ff0000000000e00 | PS, 8);		/* ignored bits, PAT */
	EXPECT_EQ(walk(gva, 0), 0);
	EXPECT_EQ(gpa, 0x100000678);

	setup(FOUR);
	leaf = map(FOUR, gva, 0x12200000, P | W, 2);
	EXPECT_EQ(walk(gva, AERIE_ACC_WRITE), 0);
	EXPECT(gpa == 0x12345678 && reads == 3);
	EXPECT_EQ(entry(leaf, 8), 0x12200000 | P | W | A | D | PS);
	set(leaf, entry(leaf, 8) | 1 << 13, 8);
	EXPECT_EQ(walk(gva, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);

	setup(FOUR);
	leaf = map(FOUR, gva, 0x240000000, P | W, 3);
	EXPECT_EQ(walk(gva, 0), 0);
	EXPECT(gpa == 0x252345678 && reads == 2);
	set(leaf, entry(leaf, 8) | 1 << 29, 8);
	EXPECT_EQ(walk(gva, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);

	setup(FOUR);							/* no 512 GiB pages */
	map(FOUR, gva, 0, P | W, 4);
	EXPECT_EQ(walk(gva, AERIE_ACC_WRITE), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD | PF_W);
}

TEST(five_level)
{
	gva_t gva = 0xff12345678abcdef;
	gpa_t leaf;

	setup(FIVE);
	leaf = map(FIVE, gva, 0x5000000, P | W, 1);
	EXPECT_EQ(walk(gva, AERIE_ACC_WRITE), 0);
	EXPECT(gpa == 0x5000def && reads == 5 && updates == 5);
	EXPECT_EQ(entry(leaf, 8), 0x5000000 | P | W | A | D);
	EXPECT_EQ(walk(gva ^ 1ull << 50, 0), 1);
	EXPECT_EQ(error, 0);
	set(0x1000 + (gva >> 48 & 511) * 8, 0x2000 | P | PS, 8);
	EXPECT_EQ(walk(gva, 0), 1);
	EXPECT_EQ(error, PF_P | PF_RSVD);
}

TEST(reserved_address_bits)
{
	unsigned int level, bit;

	for (bit = 36; bit < 64; bit++) {
		for (level = 1; level <= 4; level++) {
			gpa_t at;

			setup(FOUR);
			p.phys_bits = 40;
			p.efer &= ~EFER_NX;
			map(FOUR, 0, 0x6000, P | W, 1);
			at = (5 - level) * 0x1000;
			set(at, entry(at, 8) | 1ull << bit, 8);
			if ((bit >= 40 && bit < 52) || bit == 63) {
				EXPECT_EQ(walk(0, AERIE_ACC_FETCH), 1);
				EXPECT_EQ(error, PF_P | PF_RSVD);
				EXPECT_EQ(updates, 0);
			} else if (bit >= 52 || level == 1) {
				EXPECT_EQ(walk(0, 0), 0);
				EXPECT_EQ(gpa, bit < 52 ? 0x6000 | 1ull << bit : 0x6000);
			} else {
				EXPECT_EQ(walk(0, 0), -EFAULT);
			}
		}
	}
	setup(FOUR);					/* nonsense from elsewhere is contained */
	map(FOUR, 0, 0x6000, P, 1);
	for (p.phys_bits = 0; p.phys_bits < 70; p.phys_bits++)
		EXPECT_EQ(walk(0, 0), 0);
}

/* What the manual says of a page with the AND of the levels' bits. */
static bool allowed(bool w, bool u, bool nx, u32 acc)
{
	bool user = acc & AERIE_ACC_USER, fetch = acc & AERIE_ACC_FETCH;
	bool write = acc & AERIE_ACC_WRITE;

	if (fetch && nx && (p.efer & EFER_NX))
		return false;
	if (user && !u)
		return false;
	if (!user && u && fetch && (p.cr4 & X86_CR4_SMEP))
		return false;
	if (!user && u && !fetch && (p.cr4 & X86_CR4_SMAP) && !(p.rflags & X86_EFLAGS_AC))
		return false;
	if (write && !w && (user || (p.cr0 & X86_CR0_WP)))
		return false;
	return true;
}

static const u8 root_level[] = { 2, 3, 4, 5 };

#define DENY_W	1
#define DENY_U	2
#define DENY_X	4

#define HAVE_WP		1
#define HAVE_SMEP	2
#define HAVE_SMAP	4
#define HAVE_AC		8
#define HAVE_NX		16
#define ALL_STATES	32

/* One access, control bits @state, permissions @deny withheld at @level. */
static void permission(enum kind kind, unsigned int level, unsigned int state,
		       unsigned int deny, u32 acc)
{
	unsigned int size = kind == LEGACY ? 4 : 8;
	gpa_t at = (root_level[kind] + 1 - level) * 0x1000;
	u32 want = PF_P | (acc & (PF_W | PF_U));
	u64 pte;

	setup(kind);
	map(kind, 0, 0x7000, P | W | U, 1);
	pte = entry(at, size) & ~((deny & DENY_W ? W : 0) | (deny & DENY_U ? U : 0));
	set(at, deny & DENY_X ? pte | NX : pte, size);
	p.cr0 = X86_CR0_PE | X86_CR0_PG | (state & HAVE_WP ? X86_CR0_WP : 0);
	p.cr4 |= state & HAVE_SMEP ? X86_CR4_SMEP : 0;
	p.cr4 |= state & HAVE_SMAP ? X86_CR4_SMAP : 0;
	p.rflags = state & HAVE_AC ? X86_EFLAGS_AC : 0;
	p.efer = (p.efer & ~(u64)EFER_NX) | (state & HAVE_NX ? EFER_NX : 0);
	if ((acc & AERIE_ACC_FETCH) && (state & (HAVE_SMEP | HAVE_NX)))
		want |= PF_I;

	if (allowed(!(deny & DENY_W), !(deny & DENY_U), deny & DENY_X, acc)) {
		EXPECT_EQ(walk(0x45, acc), 0);
		EXPECT_EQ(gpa, 0x7045);
		pte = entry(root_level[kind] * 0x1000, size);
		EXPECT_EQ(pte & (A | D), acc & AERIE_ACC_WRITE ? A | D : A);
	} else {
		EXPECT_EQ(walk(0x45, acc), 1);
		EXPECT_EQ(error, want);
		EXPECT_EQ(updates, 0);
	}
}

TEST(permissions)
{
	static const u32 accesses[] = {
		AERIE_ACC_READ, AERIE_ACC_WRITE, AERIE_ACC_FETCH,
		AERIE_ACC_USER, AERIE_ACC_USER | AERIE_ACC_WRITE,
		AERIE_ACC_USER | AERIE_ACC_FETCH,
	};
	unsigned int kind, level, state, deny, a, checked = 0;

	for (kind = LEGACY; kind <= FIVE; kind++) {
		for (level = 1; level <= root_level[kind]; level++) {
			if (kind == PAE && level == 3)
				continue;		/* PDPTEs have no permissions */
			for (a = 0; a < ALL_STATES * 8 * ARRAY_SIZE(accesses); a++) {
				state = a % ALL_STATES;
				deny = a / ALL_STATES % 8;
				if (kind == LEGACY && (state & HAVE_NX))
					continue;	/* there is no such bit */
				if ((deny & DENY_X) && !(state & HAVE_NX))
					continue;	/* reserved, tested above */
				permission(kind, level, state, deny,
					   accesses[a / ALL_STATES / 8]);
				checked++;
			}
		}
	}
	printf("# %u combinations\n", checked);
	EXPECT(checked > 10000);
}

TEST(fetch_bit_of_the_error_code)
{
	setup(LEGACY);
	p.efer = EFER_NX;			/* means nothing to 32-bit paging */
	EXPECT_EQ(walk(0, AERIE_ACC_FETCH), 1);
	EXPECT_EQ(error, 0);
	p.cr4 |= X86_CR4_SMEP;
	EXPECT_EQ(walk(0, AERIE_ACC_FETCH | AERIE_ACC_USER), 1);
	EXPECT_EQ(error, PF_I | PF_U);
	setup(PAE);
	EXPECT_EQ(walk(0, AERIE_ACC_FETCH), 1);
	EXPECT_EQ(error, PF_I);
}

TEST(entries_that_change_meanwhile)
{
	gpa_t leaf;

	setup(FOUR);
	leaf = map(FOUR, 0x5000, 0x7000, P | W, 1);
	disturb = 2;
	disturb_xor = 1 << 9;			/* software's bits: start over and go on */
	EXPECT_EQ(walk(0x5000, AERIE_ACC_WRITE), 0);
	EXPECT_EQ(entry(leaf, 8) & (A | D), A | D);
	EXPECT_EQ(disturb, 0);

	setup(FOUR);
	map(FOUR, 0x5000, 0x7000, P | W, 1);
	disturb = 1;
	disturb_xor = P;			/* unmapped under our hands */
	EXPECT_EQ(walk(0x5000, AERIE_ACC_WRITE), 1);
	EXPECT_EQ(error, PF_W);

	setup(FOUR);
	map(FOUR, 0x5000, 0x7000, P | W, 1);
	disturb = 1000000;			/* for ever: it ends all the same */
	disturb_xor = 1 << 9;
	EXPECT_EQ(walk(0x5000, AERIE_ACC_WRITE), 0);
	EXPECT(gpa == 0x7000 && reads < 100);
}

TEST(tables_out_of_reach)
{
	setup(FOUR);
	map(FOUR, 0, 0x7000, P | W, 1);
	read_result = -EAGAIN;
	EXPECT_EQ(walk(0, 0), -EAGAIN);
	read_result = 0;
	cmpxchg_result = -EAGAIN;
	EXPECT_EQ(walk(0, 0), -EAGAIN);
	cmpxchg_result = -EFAULT;
	EXPECT_EQ(walk(0, 0), -EFAULT);
	cmpxchg_result = 0;
	EXPECT_EQ(walk(0, 0), 0);
	p.cr3 = 0x3fffffff0000;
	EXPECT_EQ(walk(0, 0), -EFAULT);
}
