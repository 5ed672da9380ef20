// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c kmod/emul/exec.c kmod/emul/exec_alu.c kmod/emul/exec_string.c
/* The executor: what it costs, faults, locks, stacks, other modes, what it leaves alone. */
#include "fake_exec.h"

TEST(mov_costs_one_access)
{
	setup(AERIE_MODE_64);
	f.e.regs = f.regs;
	f.e.regs_valid = ~0u;
	put(0x20, 0x1234567890abcdef, 8);
	f.regs[AERIE_REG_RDI] = BASE;
	f.regs[AERIE_REG_RAX] = ~0ull;
	EXPECT_EQ(run("8b 47 20"), AERIE_EMUL_OK);	/* mov eax, [rdi+0x20] */
	EXPECT_EQ(f.regs[AERIE_REG_RAX], 0x90abcdef);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1003);
	EXPECT(f.mem_reads == 1 && f.mem_writes == 0 && f.seg_reads == 0);
	EXPECT(f.reg_reads == 0 && f.reg_writes == 2);
	EXPECT_EQ(run("89 47 30"), AERIE_EMUL_OK);
	EXPECT(f.mem_reads == 1 && f.mem_writes == 1 && f.reg_reads == 0);
	EXPECT_EQ(get(0x30, 8), 0x90abcdef);
}

TEST(lock_prefix)
{
	static const char * const refused[] = {
		"f0 8b 03", "f0 89 03", "f0 38 03", "f0 02 03", "f0 80 3b 01", "f0 84 03",
		"f0 c6 03 01", "f0 f6 03 01", "f0 ff 33", "f0 8f 03", "f0 0f a3 03",
		"f0 0f ba 23 01", "f0 0f 94 03", "f0 0f b6 03", "f0 a4", "f0 6c", "f0 ee",
		"f0 01 c0", "f0 0f ae 3b", "f0 a0 00 00 01 00 00 00 00 00",
	};
	static const char * const taken[] = {
		"f0 01 03", "f0 80 0b 01", "f0 87 03", "f0 f7 13", "f0 fe 03", "f0 0f ab 03",
		"f0 0f ba 3b 01", "f0 0f b1 0b", "f0 0f c1 03", "f0 0f c7 0b",
	};
	unsigned int i;

	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = BASE;
	for (i = 0; i < ARRAY_SIZE(refused); i++)
		expect_fault(refused[i], 6, false);
	for (i = 0; i < ARRAY_SIZE(taken); i++)
		EXPECT_EQ(run(taken[i]), AERIE_EMUL_OK);
}

TEST(contention)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = BASE;
	f.disturb = 3;
	EXPECT_EQ(run("f0 83 03 0a"), AERIE_EMUL_OK);	/* lock add dword [rbx], 10 */
	EXPECT_EQ(get(0, 8), 13);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1004);
	f.regs[AERIE_REG_RAX] = 5;
	f.disturb = 1;
	EXPECT_EQ(run("87 03"), AERIE_EMUL_OK);		/* xchg locks by itself */
	EXPECT(get(0, 4) == 5 && f.regs[AERIE_REG_RAX] == 14);
	/* For ever: come back, RIP on the instruction, nothing done. */
	f.disturb = 1000;
	f.regs[AERIE_REG_RIP] = 0x1000;
	EXPECT_EQ(run("f0 83 03 0a"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 0x1000);
	EXPECT(f.disturb >= 900 && f.disturb < 1000);
	EXPECT_EQ(f.regs[AERIE_REG_RFLAGS] & STATUS, 0);
}

TEST(memory_faults_change_nothing)
{
	static const char * const insns[] = {
		"8b 03", "89 03", "03 03", "01 03", "f0 01 03", "87 03", "0f b1 0b", "0f c7 0b",
		"48 0f c7 0b", "0f c1 03", "0f ab 03", "0f ba 2b 03", "ff 03", "f7 1b", "ff 33",
		"8f 03", "0f 94 03", "0f 44 03", "0f 38 f0 03", "0f 38 f1 03", "38 03", "f6 03 01",
		"a4", "a5", "a6", "aa", "ac", "ae", "6c", "6e", "8c 1b", "63 03", "0f b6 03",
	};
	unsigned int i, how;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		for (how = 0; how < 2; how++) {
			u64 regs[AERIE_NR_REGS];

			setup(AERIE_MODE_64);
			f.regs[AERIE_REG_RBX] = BASE;
			f.regs[AERIE_REG_RSI] = BASE;
			f.regs[AERIE_REG_RDI] = BASE;
			f.regs[AERIE_REG_RSP] = BASE + 0x2000;
			f.regs[AERIE_REG_RAX] = 0x80;
			f.fault[0] = how ? AERIE_EMUL_AGAIN : AERIE_EMUL_FAULT;
			memcpy(regs, f.regs, sizeof(regs));
			EXPECT_EQ(run(insns[i]), f.fault[0]);
			EXPECT(!memcmp(regs, f.regs, sizeof(regs)));
			EXPECT(f.ins == 0 && f.outs == 0 && f.mem_writes == 0);
		}
	}
}

TEST(writes_need_permission_before_reads_happen)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RBX] = f.regs[AERIE_REG_RDI] = BASE;
	f.read_only[0] = true;
	expect_fault("01 03", PF_VECTOR, true);
	EXPECT_EQ(f.e.fault.error, 2);
	EXPECT_EQ(f.mem_reads, 0);
	expect_fault("6d", PF_VECTOR, true);		/* the port is not read */
	EXPECT_EQ(f.ins, 0);
	expect_fault("0f b1 0b", PF_VECTOR, true);
	EXPECT_EQ(run("3b 03"), AERIE_EMUL_OK);		/* CMP and BT only read */
	EXPECT_EQ(run("0f a3 03"), AERIE_EMUL_OK);
}

TEST(stack)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RSP] = BASE + 0x1000;
	f.regs[AERIE_REG_RBX] = BASE;
	put(0, 0x1122334455667788, 8);
	EXPECT_EQ(run("ff 33"), AERIE_EMUL_OK);		/* push qword [rbx] */
	EXPECT_EQ(f.regs[AERIE_REG_RSP], BASE + 0xff8);
	EXPECT_EQ(get(0xff8, 8), 0x1122334455667788);
	EXPECT_EQ(run("66 ff 33"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RSP] == BASE + 0xff6 && get(0xff6, 2) == 0x7788);
	EXPECT_EQ(run("66 8f 43 10"), AERIE_EMUL_OK);
	EXPECT(get(0x10, 8) == 0x7788 && f.regs[AERIE_REG_RSP] == BASE + 0xff8);
	EXPECT_EQ(run("8f 44 24 08"), AERIE_EMUL_OK);	/* pop [rsp+8]: rsp after the pop */
	EXPECT_EQ(get(0x1008, 8), 0x1122334455667788);
	EXPECT_EQ(f.regs[AERIE_REG_RSP], BASE + 0x1000);
	EXPECT_EQ(run("ff 74 24 08"), AERIE_EMUL_OK);	/* push [rsp+8]: before the push */
	EXPECT_EQ(get(0xff8, 8), 0x1122334455667788);

	setup(AERIE_MODE_32);
	f.segs[AERIE_SEG_SS].base = BASE;
	f.segs[AERIE_SEG_SS].attr &= ~AERIE_SEG_DB;	/* 16-bit stack */
	f.segs[AERIE_SEG_DS].base = BASE;
	f.regs[AERIE_REG_RSP] = 0x55550102;
	put(0x20, 0xcafebabe, 4);
	f.regs[AERIE_REG_RBX] = 0x20;
	EXPECT_EQ(run("ff 33"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RSP] == 0x555500fe && get(0xfe, 4) == 0xcafebabe);
	f.regs[AERIE_REG_RSP] = 2;			/* SP wraps, and the limit is 64 KiB */
	f.segs[AERIE_SEG_SS].limit = 0xffff;
	expect_fault("ff 33", 12, true);

	setup(AERIE_MODE_16);
	f.segs[AERIE_SEG_SS].base = f.segs[AERIE_SEG_DS].base = BASE;
	put(0x100, 0x1234, 2);
	f.regs[AERIE_REG_RSP] = 0x100;
	EXPECT_EQ(run("8f 06 00 02"), AERIE_EMUL_OK);
	EXPECT(get(0x200, 2) == 0x1234 && f.regs[AERIE_REG_RSP] == 0x102);
}

TEST(compare_and_exchange)
{
	setup(AERIE_MODE_64);
	f.regs[AERIE_REG_RSI] = BASE + 0x10;
	put(0x10, 1, 8);
	put(0x18, 2, 8);
	f.regs[AERIE_REG_RAX] = 1;
	f.regs[AERIE_REG_RDX] = 2;
	f.regs[AERIE_REG_RBX] = 3;
	f.regs[AERIE_REG_RCX] = 4;
	EXPECT_EQ(run("48 0f c7 0e"), AERIE_EMUL_OK);	/* cmpxchg16b */
	EXPECT(get(0x10, 8) == 3 && get(0x18, 8) == 4);
	EXPECT(f.regs[AERIE_REG_RFLAGS] & 0x40);
	EXPECT_EQ(run("48 0f c7 0e"), AERIE_EMUL_OK);
	EXPECT(f.regs[AERIE_REG_RAX] == 3 && f.regs[AERIE_REG_RDX] == 4);
	EXPECT(!(f.regs[AERIE_REG_RFLAGS] & 0x40));
	f.regs[AERIE_REG_RSI] += 8;
	expect_fault("48 0f c7 0e", 13, true);		/* misaligned */
	f.regs[AERIE_REG_RSI] -= 8;
	EXPECT_EQ(run("f0 48 0f c7 0e"), AERIE_EMUL_UNHANDLED);
	f.read_only[0] = true;				/* the write happens in any case */
	f.regs[AERIE_REG_RAX] = 99;
	expect_fault("0f b1 0e", PF_VECTOR, true);
	expect_fault("0f c7 0e", PF_VECTOR, true);
	expect_fault("48 0f c7 0e", PF_VECTOR, true);
}

TEST(other_modes)
{
	setup(AERIE_MODE_32);
	f.regs[AERIE_REG_RBX] = BASE;
	f.regs[AERIE_REG_RIP] = 0xfffffffe;
	put(0, 0x80, 1);
	EXPECT_EQ(run("0f be 0b"), AERIE_EMUL_OK);
	EXPECT_EQ(f.regs[AERIE_REG_RCX], 0xffffff80);
	EXPECT_EQ(f.regs[AERIE_REG_RIP], 1);		/* EIP wraps */
	EXPECT_EQ(run("63 03"), AERIE_EMUL_UNHANDLED);	/* ARPL */
	EXPECT_EQ(run("a1 04 00 01 00"), AERIE_EMUL_OK);
	EXPECT_EQ(run("82 03 01"), AERIE_EMUL_OK);	/* alias of 80 */
	EXPECT_EQ(get(0, 1), 0x81);
	EXPECT_EQ(run("40"), AERIE_EMUL_UNHANDLED);	/* inc eax: no memory */
}

TEST(left_alone)
{
	static const char * const insns[] = {
		"8b c3", "f4", "0f a2", "0f 01 3b", "0f 22 c0", "c4 e1 78 28 03", "c5 f8 28 03",
		"62 f1 7c 48 28 03", "8f e9 78 01 0b", "0f 28 03", "f2 0f 38 f0 03", "8e 1b",
		"ff 13", "ff 1b", "ff 2b", "f7 23", "f7 33", "c1 23 01", "d1 23", "0f a4 03 01",
		"0f ae 03", "f3 0f ae 33", "0f c7 33", "0f ba 03 01", "c7 0b 01 00 00 00",
		"66 0f c3 03", "0f 3a 0f 03 01", "8c 33", "d9 03", "0f 0d 0b",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(insns); i++) {
		setup(AERIE_MODE_64);
		f.regs[AERIE_REG_RBX] = BASE;
		EXPECT_EQ(run(insns[i]), AERIE_EMUL_UNHANDLED);
		EXPECT(f.reg_writes == 0 && f.mem_writes == 0);
	}
	setup(AERIE_MODE_64);
	EXPECT_EQ(run("0f ae 3b"), AERIE_EMUL_OK);	/* clflush, whatever is there */
	EXPECT_EQ(run("66 0f ae 33"), AERIE_EMUL_OK);	/* clwb */
	EXPECT(f.mem_reads == 0 && f.mem_writes == 0 && f.regs[AERIE_REG_RIP] == 0x1007);
}
