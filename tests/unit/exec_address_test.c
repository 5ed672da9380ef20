// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c kmod/emul/exec.c kmod/emul/exec_alu.c kmod/emul/exec_string.c
/* The executor: where operands are, and what segments and paging modes forbid. */
#include "fake_exec.h"

TEST(addresses)
{
	setup(AERIE_MODE_64);
	f.segs[AERIE_SEG_GS].base = BASE;
	f.segs[AERIE_SEG_DS].base = 0x5000;		/* not in 64-bit mode */
	f.segs[AERIE_SEG_ES].base = 0x5000;
	put(0x88, 0x77, 1);
	EXPECT_EQ(run("65 a0 88 00 00 00 00 00 00 00"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x77);
	f.regs[AERIE_REG_RIP] = 0xf000;
	put(0x7, 0xaa, 1);
	EXPECT_EQ(run("80 3d 00 10 00 00 aa"), AERIE_EMUL_OK);	/* rip counts the imm */
	EXPECT(f.regs[AERIE_REG_RFLAGS] & 0x40);
	f.regs[AERIE_REG_RIP] = 0xffffffff0000f000;
	f.regs[AERIE_REG_RFLAGS] = 0x202;
	put(0x8, 0xab, 1);
	EXPECT_EQ(run("67 80 3d 00 10 00 00 ab"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RFLAGS] & 0x40);
	f.regs[AERIE_REG_RBX] = 0x200000000;		/* a 32-bit address wraps */
	EXPECT_EQ(run("67 8a 83 88 00 01 00"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x77);

	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_DS].base = BASE;
	f.segs[AERIE_SEG_SS].base = BASE + 0x1000;
	f.regs[AERIE_REG_RBX] = 0xfffff000;
	f.regs[AERIE_REG_RSI] = 0x1020;
	put(0x20, 0x1234, 2);
	put(0x1030, 0x5678, 2);
	EXPECT_EQ(run("8b 00"), AERIE_EMUL_OK);		/* [bx+si] wraps at 64 KiB */
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x1234);
	f.regs[AERIE_REG_RBP] = 0x40;
	EXPECT_EQ(run("8b 4e f0"), AERIE_EMUL_OK);	/* [bp-16] is in SS */
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0x5678);
	f.segs[AERIE_SEG_DS].base = 0xffffffff;
	f.segs[AERIE_SEG_DS].limit = 0xffffffff;
	f.regs[AERIE_REG_RBX] = BASE + 0x21;
	EXPECT_EQ(run("67 8b 13"), AERIE_EMUL_OK);	/* and 4 GiB wraps too */
	EXPECT_EQ(f.regs[AERIE_REG_RDX], 0x1234);
}

TEST(linear_of_invlpg)
{
	struct aerie_insn insn;

	setup(AERIE_MODE_64);
	f.segs[AERIE_SEG_FS].base = 0xffff800000000000;
	f.segs[AERIE_SEG_DS].base = 0x123;
	f.regs[AERIE_REG_RAX] = 0x1000;
	EXPECT_EQ(aerie_insn_decode(&insn, (u8 *)"\x64\x0f\x01\x78\x10", 5, AERIE_MODE_64), 0);
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 0xffff800000001010);
	EXPECT_EQ(aerie_insn_decode(&insn, (u8 *)"\x0f\x01\x38", 3, AERIE_MODE_64), 0);
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 0x1000);
	EXPECT_EQ(aerie_insn_decode(&insn, (u8 *)"\x0f\x01\x38", 3, AERIE_MODE_32), 0);
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 0x1123);
	f.segs[AERIE_SEG_DS].base = 0xfffff001;
	EXPECT_EQ(aerie_insn_linear(&f.e, &insn), 1);
}

TEST(canonical_addresses)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = 0x0000800000000000;
	expect_fault("8b 03", 13, true);
	f.regs[AERIE_REG_RBP] = 0xffff7fffffffffff;
	expect_fault("8b 45 00", 12, true);		/* rBP means SS */
	f.regs[AERIE_REG_RBX] = 0x00007ffffffffffe;	/* ends beyond */
	expect_fault("8b 03", 13, true);
	expect_fault("66 8b 03", PF_VECTOR, true);
	f.regs[AERIE_REG_CR4] = 1 << 12;		/* LA57 */
	f.regs[AERIE_REG_RBX] = 0x0000800000000000;
	expect_fault("8b 03", PF_VECTOR, true);
	f.regs[AERIE_REG_RBX] = 0x0100000000000000;
	expect_fault("8b 03", 13, true);
}

TEST(segment_checks)
{
	setup(AERIE_MODE_32);
	f.regs[AERIE_REG_RBX] = BASE;
	f.segs[AERIE_SEG_DS].limit = BASE + 3;
	EXPECT_EQ(run("8b 03"), AERIE_EMUL_OK);
	expect_fault("8b 43 01", 13, true);
	f.regs[AERIE_REG_RBP] = BASE;
	f.segs[AERIE_SEG_SS].limit = BASE + 2;
	expect_fault("8b 45 00", 12, true);
	f.segs[AERIE_SEG_ES].attr &= ~2u;		/* read-only */
	EXPECT_EQ(run("26 8b 03"), AERIE_EMUL_OK);
	expect_fault("26 89 03", 13, true);
	EXPECT_EQ(run("2e 8b 03"), AERIE_EMUL_OK);	/* readable code */
	expect_fault("2e 89 03", 13, true);
	f.segs[AERIE_SEG_CS].attr &= ~2u;		/* execute-only */
	expect_fault("2e 8b 03", 13, true);
	f.segs[AERIE_SEG_FS].attr |= AERIE_SEG_UNUSABLE;
	expect_fault("64 8b 03", 13, true);
	f.segs[AERIE_SEG_GS].attr &= ~AERIE_SEG_P;
	expect_fault("65 8b 03", 13, true);
	/* Expand-down: what is above the limit. */
	f.segs[AERIE_SEG_ES].attr |= 6;
	f.segs[AERIE_SEG_ES].limit = BASE - 1;
	EXPECT_EQ(run("26 8b 03"), AERIE_EMUL_OK);
	f.segs[AERIE_SEG_ES].limit = BASE;
	expect_fault("26 8b 03", 13, true);
	f.segs[AERIE_SEG_ES].limit = 0;
	f.segs[AERIE_SEG_ES].attr &= ~AERIE_SEG_DB;	/* up to 64 KiB */
	expect_fault("26 8b 03", 13, true);
	/* Real and virtual-8086 mode look at the limit only. */
	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_CS].base = BASE;
	f.regs[AERIE_REG_CR0] = 0x10;
	EXPECT_EQ(run("2e 89 07"), AERIE_EMUL_OK);
	f.regs[AERIE_REG_RBX] = 0xffff;
	expect_fault("2e 89 07", 13, false);
	EXPECT_EQ(run("2e 88 07"), AERIE_EMUL_FAULT);	/* inside: beyond our memory */
	EXPECT_EQ(f.e.fault.vector, PF_VECTOR);
	f.regs[AERIE_REG_RBX] = 0;
	f.regs[AERIE_REG_CR0] = 0x11;
	f.regs[AERIE_REG_RFLAGS] |= 1 << 17;
	EXPECT_EQ(run("2e 89 07"), AERIE_EMUL_OK);
	f.regs[AERIE_REG_RFLAGS] &= ~(1ull << 17);
	expect_fault("2e 89 07", 13, true);
}
