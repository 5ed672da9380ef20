// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c kmod/emul/exec.c kmod/emul/exec_alu.c kmod/emul/exec_string.c
/* The executor: ports, strings, and how often they repeat. */
#include "fake_exec.h"

TEST(ports)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RAX] = 0x1122334455667788;
	f.regs[AERIE_REG_RDX] = 0xffff03f8;
	EXPECT_EQ(run("ee"), AERIE_EMUL_OK);
	EXPECT(f.port == 0x3f8 && f.port_size == 1 && f.out[0] == 0x88);
	EXPECT_EQ(run("66 ef"), AERIE_EMUL_OK);
	EXPECT(f.port_size == 2 && f.out[1] == 0x7788);
	EXPECT_EQ(run("48 ef"), AERIE_EMUL_OK);
	EXPECT(f.port_size == 4 && f.out[2] == 0x55667788);
	EXPECT_EQ(run("e6 80"), AERIE_EMUL_OK);		/* the port is not sign-extended */
	EXPECT(f.port == 0x80 && f.outs == 4);
	EXPECT_EQ(run("e5 fe"), AERIE_EMUL_OK);
	EXPECT(f.port == 0xfe && f.port_size == 4);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x44332200);	/* upper half cleared */
	f.regs[AERIE_REG_RAX] = ~0ull;
	EXPECT_EQ(run("ec"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0xffffffffffffff01);
	EXPECT_EQ(run("66 ed"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0xffffffffffff2202);
	f.pio_result = AERIE_EMUL_AGAIN;
	f.regs[AERIE_REG_RIP] = 0x1000;
	EXPECT_EQ(run("ed"), AERIE_EMUL_AGAIN);
	EXPECT(f.regs[AERIE_REG_RAX] == 0xffffffffffff2202 && f.regs[AERIE_REG_RIP] == 0x1000);
}

TEST(string_ports)
{
	unsigned int i;

	setup(AERIE_MODE_64);
	for (i = 0; i < 8; i++)
		put(i, 0x10 + i, 1);
	f.regs[AERIE_REG_RDX] = 0x1f0;
	f.regs[AERIE_REG_RSI] = BASE;
	f.regs[AERIE_REG_RCX] = 4;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_OK);
	EXPECT(f.outs == 4 && f.out[0] == 0x10 && f.out[3] == 0x13 && f.port == 0x1f0);
	EXPECT(f.regs[AERIE_REG_RSI] == BASE + 4 && f.regs[AERIE_REG_RCX] == 0);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1002);
	/* Backwards; F2 repeats as well. */
	f.regs[AERIE_REG_RFLAGS] |= DF;
	f.regs[AERIE_REG_RCX] = 2;
	f.regs[AERIE_REG_RSI] = BASE + 6;
	EXPECT_EQ(run("f2 66 6f"), AERIE_EMUL_OK);
	EXPECT(f.outs == 6 && f.out[4] == 0x1716 && f.out[5] == 0x1514 && f.port_size == 2);
	EXPECT_EQ(f.regs[AERIE_REG_RSI], BASE + 2);
	/* In, forwards and backwards. */
	f.regs[AERIE_REG_RFLAGS] &= ~DF;
	f.regs[AERIE_REG_RCX] = 3;
	f.regs[AERIE_REG_RDI] = BASE + 0x100;
	EXPECT_EQ(run("f3 6d"), AERIE_EMUL_OK);
	EXPECT(get(0x100, 4) == 0x44332200 && get(0x108, 4) == 0x44332202 && f.ins == 3);
	EXPECT_EQ(f.regs[AERIE_REG_RDI], BASE + 0x10c);
	f.regs[AERIE_REG_RFLAGS] |= DF;
	f.regs[AERIE_REG_RDI] = BASE + 0x201;
	EXPECT_EQ(run("6c"), AERIE_EMUL_OK);		/* no prefix: once, RCX untouched */
	EXPECT(get(0x201, 1) == 3 && f.regs[AERIE_REG_RDI] == BASE + 0x200);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0);
	/* A count of zero does nothing but go on. */
	f.regs[AERIE_REG_RIP] = 0x1000;
	f.regs[AERIE_REG_RSI] = 1;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_OK);
	EXPECT(f.outs == 6 && f.regs[AERIE_REG_RIP] == 0x1002 && f.regs[AERIE_REG_RSI] == 1);
}

/* What an exit for a string instruction has checked is that and nothing else. */
TEST(string_ports_are_told_from_others)
{
	static const struct {
		const char *hex;
		bool in;
		u8 size;
	} strings[] = {
		{ "6c", true, 1 }, { "f3 6d", true, 4 }, { "66 6d", true, 2 }, { "48 6d", true, 4 },
		{ "6e", false, 1 }, { "f2 65 6f", false, 4 }, { "66 6f", false, 2 },
	};
	static const char * const others[] = {
		"e4 70", "e5 70", "ec", "ed", "e6 70", "e7 70", "ee", "ef", "a4", "aa", "90",
		"0f 6c c1", "0f 6e c1", "c5 f1 6c c1", "88 03",
	};
	struct aerie_insn insn;
	unsigned int i, size;

	setup(AERIE_MODE_64);
	for (i = 0; i < ARRAY_SIZE(strings); i++) {
		if (!decode(&insn, strings[i].hex))
			continue;
		for (size = 1; size <= 8; size *= 2) {
			EXPECT_EQ(aerie_insn_is_port_string(&insn, strings[i].in, size),
				  size == strings[i].size);
			EXPECT(!aerie_insn_is_port_string(&insn, !strings[i].in, size));
		}
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		if (!decode(&insn, others[i]))
			continue;
		for (size = 1; size <= 8; size *= 2) {
			EXPECT(!aerie_insn_is_port_string(&insn, true, size));
			EXPECT(!aerie_insn_is_port_string(&insn, false, size));
		}
	}
}

TEST(string_segments_and_wrap)
{
	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_DS].base = BASE;
	f.segs[AERIE_SEG_ES].base = BASE + 0x1000;
	f.segs[AERIE_SEG_FS].base = BASE + 0x2000;
	put(0, 0xd5, 1);
	put(0x2000, 0xf5, 1);
	EXPECT_EQ(run("6e"), AERIE_EMUL_OK);
	f.regs[AERIE_REG_RSI] = 0;
	EXPECT_EQ(run("64 6e"), AERIE_EMUL_OK);		/* OUTS can be overridden */
	EXPECT(f.out[0] == 0xd5 && f.out[1] == 0xf5);
	EXPECT_EQ(run("64 6c"), AERIE_EMUL_OK);		/* INS cannot */
	EXPECT(get(0x1000, 1) == 0 && f.ins == 1);
	put(0x1000, 0x5a, 1);
	f.regs[AERIE_REG_RSI] = f.regs[AERIE_REG_RDI] = 0;
	EXPECT_EQ(run("64 a4"), AERIE_EMUL_OK);		/* MOVS: the source only */
	EXPECT_EQ(get(0x1000, 1), 0xf5);
	/* 16-bit pointers wrap and leave what is above them alone. */
	f.segs[AERIE_SEG_DS].base = BASE - 0xfff0;
	put(0xf, 0xee, 1);
	f.regs[AERIE_REG_RSI] = 0xabcdffff;
	f.regs[AERIE_REG_RCX] = 0x12340001;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_OK);
	EXPECT_EQ(f.out[2], 0xee);
	EXPECT_EQ(f.regs[AERIE_REG_RSI], 0xabcd0000);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0x12340000);
	f.regs[AERIE_REG_RSI] = 0;
	f.regs[AERIE_REG_RFLAGS] |= DF;
	f.segs[AERIE_SEG_DS].base = BASE;
	EXPECT_EQ(run("6e"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RSI], 0xffff);
	/* 32-bit pointers in 64-bit mode clear the upper half. */
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RDI] = 0x500000000 + BASE;
	f.regs[AERIE_REG_RCX] = 0x700000002;
	EXPECT_EQ(run("67 f3 6c"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RDI] == BASE + 2 && f.regs[AERIE_REG_RCX] == 0 && f.ins == 2);
	/* A limit in the middle of an iteration. */
	setup(AERIE_MODE_32);
	f.segs[AERIE_SEG_ES].limit = BASE + 5;
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RCX] = 2;
	EXPECT_EQ(run("f3 6d"), AERIE_EMUL_FAULT);
	EXPECT(f.e.fault.vector == 13 && f.ins == 1 && f.regs[AERIE_REG_RCX] == 1);
}

TEST(repeat_commits_what_was_done)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RDI] = BASE + 0xffc;
	f.regs[AERIE_REG_RCX] = 5;
	f.fault[1] = AERIE_EMUL_FAULT;
	EXPECT_EQ(run("f3 66 6d"), AERIE_EMUL_FAULT);
	EXPECT(f.ins == 2 && f.regs[AERIE_REG_RCX] == 3 && f.regs[AERIE_REG_RDI] == BASE + 0x1000);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1000 && f.e.fault.addr == BASE + 0x1000);
	EXPECT(get(0xffc, 2) == 0x2200 && get(0xffe, 2) == 0x2201);
	f.fault[1] = AERIE_EMUL_AGAIN;
	EXPECT_EQ(run("f3 66 6d"), AERIE_EMUL_AGAIN);
	EXPECT_EQ(f.ins, 2);
	f.fault[1] = 0;
	EXPECT_EQ(run("f3 66 6d"), AERIE_EMUL_OK);	/* goes on where it was */
	EXPECT(f.ins == 5 && get(0x1004, 2) == 0x2204 && f.regs[AERIE_REG_RIP] == 0x1003);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0);
	/* A port that asks for patience. */
	f.regs[AERIE_REG_RSI] = BASE;
	f.regs[AERIE_REG_RCX] = 2;
	f.pio_result = AERIE_EMUL_AGAIN;
	EXPECT_EQ(run("f3 6e"), AERIE_EMUL_AGAIN);
	EXPECT(f.regs[AERIE_REG_RSI] == BASE && f.regs[AERIE_REG_RCX] == 2);
}

TEST(repeat_budget)
{
	setup(AERIE_MODE_64);
	f.e.rep_budget = 8;
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RAX] = 0x41;
	f.regs[AERIE_REG_RCX] = 20;
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1000 && f.regs[AERIE_REG_RCX] == 12);
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1002 && f.regs[AERIE_REG_RCX] == 0);
	EXPECT(get(19, 1) == 0x41 && get(20, 1) == 0);
	f.e.rep_budget = 0;				/* still gets somewhere */
	f.regs[AERIE_REG_RCX] = 2;
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 1);
	f.e.rep_budget = 100;				/* a single-step trap after each */
	f.regs[AERIE_REG_RFLAGS] |= TF;
	f.regs[AERIE_REG_RCX] = 9;
	EXPECT_EQ(run("f3 aa"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 8);
	f.regs[AERIE_REG_RFLAGS] &= ~TF;
	/* SCAS that ends early leaves for the next instruction. */
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RCX] = 50;
	f.regs[AERIE_REG_RIP] = 0x1000;
	EXPECT_EQ(run("f3 ae"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RIP] == 0x1002 && f.regs[AERIE_REG_RDI] == BASE + 23);
	EXPECT(!(f.regs[AERIE_REG_RFLAGS] & 0x40));
}
