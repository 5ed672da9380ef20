// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c
/*
 * The decoder: fields of instructions that cause exits, written out here, and
 * lengths of many thousand random ones against objdump, which shares no code
 * with it. A candidate sits in a 32-byte slot filled up with NOPs, so that
 * objdump is in step again at the next slot whatever it makes of this one.
 * DECODE_SLOTS sets how many are tried in each mode.
 */
#include <unistd.h>

#include "emul/emul.h"
#include "ktap.h"

#define SLOT	32

static struct aerie_insn insn;

/* Decode a string of hex digits; everything after it is 0xcc. */
static int decode(const char *hex, enum aerie_cpu_mode mode)
{
	u8 bytes[32];
	unsigned int n = 0, v;

	memset(bytes, 0xcc, sizeof(bytes));
	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		sscanf(hex, "%2x", &v);
		bytes[n++] = v;
		hex++;
	}
	return aerie_insn_decode(&insn, bytes, n, mode);
}

/* One line of a length table: bytes, then the expected outcome in each mode. */
struct length {
	const char *hex;
	int want[3];	/* length in 16, 32, 64-bit mode; below zero an error */
};

#define UD	(-EINVAL)
#define MORE	(-ENODATA)

static const struct length lengths[] = {
	/* What a processor without decode assists or length exits on. */
	{ "0f a2", { 2, 2, 2 } },			/* cpuid */
	{ "66 0f a2", { 3, 3, 3 } },
	{ "2e 66 48 0f a2", { 3, 3, 5 } },		/* 48 is DEC before 64-bit */
	{ "f3 48 0f a2", { 2, 2, 4 } },
	{ "0f 32", { 2, 2, 2 } },			/* rdmsr */
	{ "3e 0f 30", { 3, 3, 3 } },			/* wrmsr */
	{ "0f 31", { 2, 2, 2 } },			/* rdtsc */
	{ "0f 33", { 2, 2, 2 } },			/* rdpmc */
	{ "0f 01 f9", { 3, 3, 3 } },			/* rdtscp */
	{ "f4", { 1, 1, 1 } },				/* hlt */
	{ "f2 f4", { 2, 2, 2 } },
	{ "f3 90", { 2, 2, 2 } },			/* pause */
	{ "0f 01 d9", { 3, 3, 3 } },			/* vmmcall */
	{ "0f 01 c1", { 3, 3, 3 } },			/* vmcall */
	{ "0f 01 d8", { 3, 3, 3 } },			/* vmrun */
	{ "0f 01 dd", { 3, 3, 3 } },			/* clgi */
	{ "0f 01 c8", { 3, 3, 3 } },			/* monitor */
	{ "0f 01 c9", { 3, 3, 3 } },			/* mwait */
	{ "0f 01 d1", { 3, 3, 3 } },			/* xsetbv */
	{ "0f 01 ca", { 3, 3, 3 } },			/* clac */
	{ "0f 06", { 2, 2, 2 } },			/* clts */
	{ "0f 08", { 2, 2, 2 } },			/* invd */
	{ "0f 09", { 2, 2, 2 } },			/* wbinvd */
	{ "f3 0f 09", { 3, 3, 3 } },			/* wbnoinvd */
	{ "0f aa", { 2, 2, 2 } },			/* rsm */
	{ "0f 0b", { 2, 2, 2 } },			/* ud2 */
	{ "f1", { 1, 1, 1 } },				/* int1 */
	{ "cc", { 1, 1, 1 } },
	{ "cd 80", { 2, 2, 2 } },
	{ "cf", { 1, 1, 1 } },
	{ "48 cf", { 1, 1, 2 } },			/* iretq */
	{ "9c", { 1, 1, 1 } },
	{ "ce", { 1, 1, UD } },				/* into */
	/* Control and debug registers: never a SIB or displacement. */
	{ "0f 20 c0", { 3, 3, 3 } },
	{ "0f 22 d8", { 3, 3, 3 } },
	{ "0f 20 04", { 3, 3, 3 } },			/* rm 4, mod 0: no SIB */
	{ "0f 22 45", { 3, 3, 3 } },			/* mod 1: no disp8 */
	{ "0f 22 85", { 3, 3, 3 } },
	{ "0f 23 05", { 3, 3, 3 } },
	{ "44 0f 20 c0", { 1, 1, 4 } },			/* mov rax, cr8 */
	{ "f0 0f 20 c0", { 4, 4, 4 } },
	{ "0f 24 c0", { UD, UD, UD } },			/* test registers are gone */
	{ "0f 01 38", { 3, 3, 3 } },			/* invlpg [rax] */
	{ "0f 01 3c 24", { 3, 4, 4 } },			/* invlpg [rsp]; [si] */
	{ "0f 01 3d 01 02 03 04", { 3, 7, 7 } },	/* [rip+...]; [di] */
	{ "0f 01 3e 01 02", { 5, 3, 3 } },		/* disp16 */
	{ "0f 01 f0", { 3, 3, 3 } },			/* lmsw ax */
	{ "0f 01 76 04", { 4, 4, 4 } },			/* lmsw [rsi+4] */
	{ "0f 00 d8", { 3, 3, 3 } },			/* ltr */
	{ "66 0f 38 82 01", { 5, 5, 5 } },		/* invpcid */
	{ "0f ae 38", { 3, 3, 3 } },			/* clflush */
	{ "0f ae f0", { 3, 3, 3 } },			/* mfence */
	{ "0f ae 00", { 3, 3, 3 } },			/* fxsave */
	/* Ports. */
	{ "e4 60", { 2, 2, 2 } },
	{ "66 e5 60", { 3, 3, 3 } },
	{ "e6 80", { 2, 2, 2 } },
	{ "e7 80", { 2, 2, 2 } },
	{ "ec", { 1, 1, 1 } }, { "66 ed", { 2, 2, 2 } },
	{ "ee", { 1, 1, 1 } }, { "66 ef", { 2, 2, 2 } },
	{ "48 ef", { 1, 1, 2 } },
	{ "f3 6c", { 2, 2, 2 } }, { "f3 66 67 6f", { 4, 4, 4 } },
	{ "f3 64 6e", { 3, 3, 3 } },
	/* ModRM in all sizes. */
	{ "8b 00", { 2, 2, 2 } },
	{ "8b 04 24", { 2, 3, 3 } },
	{ "8b 04 25 01 02 03 04", { 2, 7, 7 } },
	{ "8b 44 24 08", { 3, 4, 4 } },
	{ "8b 84 24 01 02 03 04", { 4, 7, 7 } },
	{ "8b 80 01 02 03 04", { 4, 6, 6 } },
	{ "67 8b 80 01 02 03 04", { 7, 5, 7 } },
	{ "67 8b 06", { 3, MORE, 3 } },
	{ "67 8b 06 34 12", { 3, 5, 3 } },
	{ "67 8b 05 04 03 02 01", { 7, 3, 7 } },
	{ "8b 05 04 03 02 01", { 2, 6, 6 } },
	{ "49 8b 45 00", { 1, 1, 4 } },			/* r13 needs disp8 */
	{ "49 8b 04 24", { 1, 1, 4 } },			/* r12 needs SIB */
	{ "43 8b 04 2d 01 02 03 04", { 1, 1, 8 } },
	{ "8b c0", { 2, 2, 2 } },
	/* Immediates. */
	{ "b8 01 02 03 04", { 3, 5, 5 } },
	{ "66 b8 01 02 03 04", { 6, 4, 4 } },
	{ "48 b8 01 02 03 04 05 06 07 08", { 1, 1, 10 } },
	{ "66 48 b8 01 02 03 04 05 06 07 08", { 2, 2, 11 } },
	{ "48 66 b8 01 02", { 1, 1, 5 } },		/* a prefix cancels REX */
	{ "b0 01", { 2, 2, 2 } },
	{ "81 00 01 02 03 04", { 4, 6, 6 } },
	{ "66 81 00 01 02 03 04", { 7, 5, 5 } },
	{ "66 48 81 00 01 02 03 04", { 2, 2, 8 } },	/* REX.W wins */
	{ "c7 00 01 02 03 04", { 4, 6, 6 } },
	{ "48 c7 00 01 02 03 04", { 1, 1, 7 } },
	{ "c6 00 01", { 3, 3, 3 } },
	{ "f6 00 01", { 3, 3, 3 } },			/* test */
	{ "f6 08 01", { 3, 3, 3 } },			/* its alias */
	{ "f6 10", { 2, 2, 2 } },			/* not */
	{ "f7 00 01 02 03 04", { 4, 6, 6 } },
	{ "66 f7 00 01 02", { MORE, 5, 5 } },
	{ "f7 d8", { 2, 2, 2 } },
	{ "69 c0 01 02 03 04", { 4, 6, 6 } },
	{ "6b c0 01", { 3, 3, 3 } },
	{ "68 01 02 03 04", { 3, 5, 5 } }, { "6a 01", { 2, 2, 2 } },
	{ "66 68 01 02 03 04", { 6, 4, 4 } },
	{ "c8 01 02 03", { 4, 4, 4 } },			/* enter */
	{ "c2 08 00", { 3, 3, 3 } }, { "ca 08 00", { 3, 3, 3 } },
	{ "d4 0a", { 2, 2, UD } }, { "d5 0a", { 2, 2, UD } }, { "d6", { 1, 1, UD } },
	{ "9a 01 02 03 04 05 06", { 5, 7, UD } },
	{ "66 ea 01 02 03 04 05 06", { 8, 6, UD } },
	{ "a0 01 02 03 04 05 06 07 08", { 3, 5, 9 } },	/* moffs: by address size */
	{ "67 a0 01 02 03 04 05 06 07 08", { 6, 4, 6 } },
	{ "66 a3 01 02 03 04 05 06 07 08", { 4, 6, 10 } },
	{ "48 a1 01 02 03 04 05 06 07 08", { 1, 1, 10 } },
	{ "0f ba 20 05", { 4, 4, 4 } }, { "0f a4 c0 05", { 4, 4, 4 } },
	{ "0f 70 c0 05", { 4, 4, 4 } }, { "0f c6 c0 05", { 4, 4, 4 } },
	{ "f2 0f 78 c1 02 03", { 6, 6, 6 } },		/* insertq */
	{ "66 0f 78 c1 02 03", { 6, 6, 6 } },		/* extrq */
	{ "0f 78 c1", { 3, 3, 3 } },			/* vmread */
	/* Near branches: a 66 prefix does nothing in 64-bit mode. */
	{ "e8 01 02 03 04", { 3, 5, 5 } },
	{ "66 e8 01 02 03 04", { 6, 4, 6 } },
	{ "66 e9 01 02 03 04", { 6, 4, 6 } },
	{ "66 0f 84 01 02 03 04", { 7, 5, 7 } },
	{ "0f 84 01 02 03 04", { 4, 6, 6 } },
	{ "eb fe", { 2, 2, 2 } }, { "66 74 00", { 3, 3, 3 } }, { "e3 00", { 2, 2, 2 } },
	{ "66 c7 f8 01 02 03 04", { 7, 5, 5 } },	/* xbegin is no near branch */
	/* Gone in 64-bit mode. */
	{ "06", { 1, 1, UD } }, { "27", { 1, 1, UD } }, { "60", { 1, 1, UD } },
	{ "82 c0 01", { 3, 3, UD } },
	{ "40", { 1, 1, MORE } },
	/* Maps. */
	{ "0f 38 f0 00", { 4, 4, 4 } }, { "f2 0f 38 f1 c0", { 5, 5, 5 } },
	{ "66 0f 3a 0f c1 08", { 6, 6, 6 } },
	{ "0f 3a 63 44 24 08 01", { 6, 7, 7 } },
	{ "0f 0f c0 b4", { 4, 4, 4 } },			/* 3DNow */
	{ "0f 0f 44 24 08 b4", { 5, 6, 6 } },
	{ "0f 0e", { 2, 2, 2 } }, { "0f 04", { UD, UD, UD } },
	{ "0f b8 c0", { UD, UD, UD } }, { "f3 0f b8 c0", { 4, 4, 4 } },
	{ "f0 90", { 2, 2, 2 } },
	/* VEX and friends against LES, LDS, BOUND, POP. */
	{ "c4 00", { 2, 2, MORE } }, { "c5 00", { 2, 2, MORE } },
	{ "c5 40 04", { 3, 3, MORE } },
	{ "62 00", { 2, 2, MORE } }, { "62 40 04", { 3, 3, MORE } },
	{ "62 48 04 00", { 3, 3, UD } },
	{ "c5 f8 77", { 3, 3, 3 } },			/* vzeroupper */
	{ "c5 f8 28 c1", { 4, 4, 4 } },
	{ "c5 f9 70 c1 05", { 5, 5, 5 } },
	{ "c4 e2 79 18 00", { 5, 5, 5 } },
	{ "c4 e3 79 0f c1 05", { 6, 6, 6 } },
	{ "c4 e1 78 28 04 24", { 5, 6, 6 } },
	{ "c4 e4 78 28 c1", { UD, UD, UD } },		/* no such map */
	{ "c4 e7 7b f8 c0 01 00 00 00", { 9, 9, 9 } },	/* urdmsr */
	{ "66 c5 f8 28 c1", { UD, UD, UD } },
	{ "f0 c5 f8 28 c1", { UD, UD, UD } },
	{ "40 c5 f8 28 c1", { 1, 1, UD } },
	{ "64 c5 f8 28 00", { 5, 5, 5 } },
	{ "67 c5 f8 28 04 24", { 6, 5, 6 } },
	{ "62 f1 7c 48 28 c1", { 6, 6, 6 } },
	{ "62 f1 7c 48 28 44 24 01", { 7, 8, 8 } },
	{ "62 f3 7d 48 25 c1 ff", { 7, 7, 7 } },
	{ "62 f9 7c 48 28 c1", { UD, UD, UD } },	/* bit 3 must be 0 */
	{ "62 f1 78 48 28 c1", { UD, UD, UD } },	/* bit 10 must be 1 */
	{ "62 f5 7c 48 58 c1", { 6, 6, 6 } },		/* FP16 */
	{ "8f c0", { 2, 2, 2 } }, { "8f 04 24", { 2, 3, 3 } },
	{ "8f e0 01", { UD, UD, UD } },
	{ "8f e8 78 c2 c1 05", { 6, 6, 6 } },		/* XOP */
	{ "8f e9 78 01 c9", { 5, 5, 5 } },
	{ "8f ea 78 10 c1 01 02 03 04", { 9, 9, 9 } },
};

TEST(length_table)
{
	unsigned int i, mode;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (mode = 0; mode < 3; mode++) {
			const struct length *l = &lengths[i];
			int got = decode(l->hex, mode);

			if (!got)
				got = insn.len;
			if (got != l->want[mode]) {
				printf("# %s in %u-bit mode: %d, expected %d\n",
				       l->hex, 16 << mode, got, l->want[mode]);
				ktap_failures++;
			}
		}
	}
}

TEST(every_prefix_of_an_instruction_wants_more)
{
	unsigned int i, mode, n, v, k;

	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		for (mode = 0; mode < 3; mode++) {
			const char *p = lengths[i].hex;
			u8 bytes[16];

			if (lengths[i].want[mode] <= 0)
				continue;
			for (n = 0; *p; p++)
				if (*p != ' ' && sscanf(p++, "%2x", &v) == 1)
					bytes[n++] = v;
			for (k = 0; k < lengths[i].want[mode]; k++)
				EXPECT_EQ(aerie_insn_decode(&insn, bytes, k, mode), -ENODATA);
		}
	}
}

TEST(fifteen_bytes_and_no_more)
{
	u8 bytes[32];

	memset(bytes, 0x66, sizeof(bytes));
	bytes[14] = 0x90;
	EXPECT_EQ(aerie_insn_decode(&insn, bytes, 15, AERIE_MODE_64), 0);
	EXPECT_EQ(insn.len, 15);
	EXPECT_EQ(aerie_insn_decode(&insn, bytes, 14, AERIE_MODE_64), -ENODATA);
	bytes[14] = 0x66;
	EXPECT_EQ(aerie_insn_decode(&insn, bytes, 15, AERIE_MODE_64), -E2BIG);
	EXPECT_EQ(aerie_insn_decode(&insn, bytes, 32, AERIE_MODE_64), -E2BIG);
	/* Ten prefixes and a six byte instruction, however few bytes are there. */
	memcpy(bytes + 10, "\x81\x00\x01\x02\x03\x04", 6);
	memset(bytes, 0x2e, 10);
	EXPECT_EQ(aerie_insn_decode(&insn, bytes, 32, AERIE_MODE_32), -E2BIG);
	EXPECT_EQ(aerie_insn_decode(&insn, bytes, 12, AERIE_MODE_32), -E2BIG);
	EXPECT_EQ(aerie_insn_decode(&insn, bytes + 1, 31, AERIE_MODE_32), 0);
	EXPECT_EQ(insn.len, 15);
}

TEST(control_registers)
{
	EXPECT_EQ(decode("0f 22 c0", AERIE_MODE_64), 0);	/* mov cr0, rax */
	EXPECT(insn.map == 1 && insn.opcode == 0x22 && !insn.mem);
	EXPECT(insn.reg == 0 && insn.rm == AERIE_REG_RAX && insn.opsize == 8);
	EXPECT_EQ(decode("41 0f 20 df", AERIE_MODE_64), 0);	/* mov r15, cr3 */
	EXPECT(insn.opcode == 0x20 && insn.reg == 3 && insn.rm == AERIE_REG_R15);
	EXPECT_EQ(decode("44 0f 22 c1", AERIE_MODE_64), 0);	/* mov cr8, rcx */
	EXPECT(insn.reg == 8 && insn.rm == AERIE_REG_RCX);
	EXPECT_EQ(decode("f0 0f 22 c1", AERIE_MODE_32), 0);	/* AMD's mov cr8, ecx */
	EXPECT(insn.reg == 8 && insn.rm == AERIE_REG_RCX && insn.opsize == 4);
	EXPECT_EQ(decode("66 0f 20 e4", AERIE_MODE_16), 0);	/* mov esp, cr4 */
	EXPECT(insn.reg == 4 && insn.rm == AERIE_REG_RSP && insn.opsize == 4);
	EXPECT_EQ(decode("0f 22 1d", AERIE_MODE_64), 0);	/* mod is ignored */
	EXPECT(insn.reg == 3 && insn.rm == AERIE_REG_RBP && !insn.mem && insn.mod == 3);
	EXPECT(!insn.rip_relative);
	EXPECT_EQ(decode("41 0f 23 fb", AERIE_MODE_64), 0);	/* mov dr7, r11 */
	EXPECT(insn.opcode == 0x23 && insn.reg == 7 && insn.rm == AERIE_REG_R11);
	EXPECT_EQ(decode("44 0f 21 c0", AERIE_MODE_64), 0);	/* no DR8: #UD is the user's */
	EXPECT_EQ(insn.reg, 8);
	EXPECT_EQ(decode("0f 06", AERIE_MODE_16), 0);
	EXPECT(insn.map == 1 && insn.opcode == 6 && !insn.has_modrm);
	EXPECT_EQ(decode("41 0f 01 f2", AERIE_MODE_64), 0);	/* lmsw r10w */
	EXPECT((insn.reg & 7) == 6 && insn.rm == AERIE_REG_R10 && !insn.mem);
	EXPECT_EQ(decode("0f 01 77 fc", AERIE_MODE_16), 0);	/* lmsw [bx-4] */
	EXPECT(insn.reg == 6 && insn.mem && insn.base == AERIE_REG_RBX && insn.disp == -4);
	EXPECT_EQ(decode("65 0f 01 7c 8d 10", AERIE_MODE_64), 0);
	EXPECT(insn.reg == 7 && insn.mem && insn.seg == AERIE_SEG_GS);
	EXPECT(insn.base == AERIE_REG_RBP && insn.index == AERIE_REG_RCX);
	EXPECT(insn.scale == 2 && insn.disp == 16);
}

/* What the fast path takes on trust. */
TEST(plain_movs)
{
	static const struct {
		const char *hex;
		enum aerie_plain_mov want;
	} movs[] = {
		{ "8b 06", AERIE_MOV_LOAD },			/* mov (%rsi), %eax */
		{ "48 8b 44 8e 10", AERIE_MOV_LOAD },
		{ "66 8b 05 01 00 00 00", AERIE_MOV_LOAD },
		{ "8a 06", AERIE_MOV_LOAD },
		{ "2e 8b 06", AERIE_MOV_LOAD },			/* CS is as flat as DS */
		{ "89 06", AERIE_MOV_STORE },
		{ "88 06", AERIE_MOV_STORE },
		{ "67 44 89 26", AERIE_MOV_STORE },		/* %r12d, at (%esi) */
		{ "40 88 2e", AERIE_MOV_STORE },		/* %bpl */
		{ "c7 06 01 00 00 00", AERIE_MOV_STORE_IMM },
		{ "c6 06 01", AERIE_MOV_STORE_IMM },
		{ "88 2e", AERIE_MOV_OTHER },			/* %ch */
		{ "8a 26", AERIE_MOV_OTHER },			/* %ah */
		{ "8b 26", AERIE_MOV_OTHER },			/* %esp */
		{ "48 89 26", AERIE_MOV_OTHER },
		{ "40 8a 26", AERIE_MOV_OTHER },		/* %spl */
		{ "64 8b 06", AERIE_MOV_OTHER },		/* FS */
		{ "65 c6 06 01", AERIE_MOV_OTHER },		/* GS */
		{ "f0 89 06", AERIE_MOV_OTHER },		/* LOCK */
		{ "f2 89 06", AERIE_MOV_OTHER },
		{ "f3 8b 06", AERIE_MOV_OTHER },
		{ "8b c6", AERIE_MOV_OTHER },			/* no memory */
		{ "c7 0e 01 00 00 00", AERIE_MOV_OTHER },	/* group 11 /1 */
		{ "a1 00 00 00 00 00 00 00 00", AERIE_MOV_OTHER },	/* moffs */
		{ "0f 89 06 00 00 00", AERIE_MOV_OTHER },	/* JNS */
		{ "8c 06", AERIE_MOV_OTHER },			/* from ES */
		{ "03 06", AERIE_MOV_OTHER },			/* ADD */
		{ "c5 f8 89 06", AERIE_MOV_OTHER },		/* VEX */
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(movs); i++) {
		decode(movs[i].hex, AERIE_MODE_64);
		if (insn.plain_mov != movs[i].want)
			printf("# %s\n", movs[i].hex);
		EXPECT_EQ(insn.plain_mov, movs[i].want);
	}
	EXPECT_EQ(decode("8b 06", AERIE_MODE_32), 0);
	EXPECT_EQ(insn.plain_mov, AERIE_MOV_OTHER);
	EXPECT_EQ(decode("89 04", AERIE_MODE_16), 0);
	EXPECT_EQ(insn.plain_mov, AERIE_MOV_OTHER);
}

TEST(operands)
{
	EXPECT_EQ(decode("4e 8b 9c ac 78 56 34 12", AERIE_MODE_64), 0);
	EXPECT(insn.mem && insn.reg == AERIE_REG_R11 && insn.base == AERIE_REG_RSP);
	EXPECT(insn.index == AERIE_REG_R13 && insn.scale == 2 && insn.disp == 0x12345678);
	EXPECT(insn.seg == AERIE_SEG_SS && insn.opsize == 8 && insn.adsize == 8);
	EXPECT_EQ(decode("42 8b 04 20", AERIE_MODE_64), 0);	/* r12 can be an index */
	EXPECT_EQ(insn.index, AERIE_REG_R12);
	EXPECT_EQ(decode("8b 04 20", AERIE_MODE_64), 0);	/* rsp cannot */
	EXPECT_EQ(insn.index, 0xff);
	EXPECT_EQ(decode("8b 04 65 00 00 00 80", AERIE_MODE_64), 0);
	EXPECT(insn.base == 0xff && insn.index == 0xff && insn.disp == (s32)0x80000000);
	EXPECT(!insn.rip_relative && insn.seg == AERIE_SEG_DS);
	EXPECT_EQ(decode("8b 05 fc ff ff ff", AERIE_MODE_64), 0);
	EXPECT(insn.rip_relative && insn.disp == -4 && insn.base == 0xff);
	EXPECT_EQ(decode("8b 05 fc ff ff ff", AERIE_MODE_32), 0);
	EXPECT(!insn.rip_relative);
	EXPECT_EQ(decode("41 8b 45 00", AERIE_MODE_64), 0);	/* r13 is no stack pointer */
	EXPECT(insn.base == AERIE_REG_R13 && insn.seg == AERIE_SEG_DS);
	EXPECT_EQ(decode("8b 42 80", AERIE_MODE_16), 0);	/* [bp+si-128] */
	EXPECT(insn.base == AERIE_REG_RBP && insn.index == AERIE_REG_RSI);
	EXPECT(insn.disp == -128 && insn.seg == AERIE_SEG_SS && insn.adsize == 2);
	EXPECT(insn.opsize == 2 && insn.scale == 0);
	EXPECT_EQ(decode("26 8b 46 00", AERIE_MODE_16), 0);	/* es:[bp] */
	EXPECT(insn.base == AERIE_REG_RBP && insn.index == 0xff && insn.seg == AERIE_SEG_ES);
	EXPECT_EQ(decode("26 8b 45 00", AERIE_MODE_64), 0);	/* no effect: still SS */
	EXPECT_EQ(insn.seg, AERIE_SEG_SS);
	EXPECT_EQ(decode("64 3e 8b 00", AERIE_MODE_64), 0);
	EXPECT_EQ(insn.seg, AERIE_SEG_FS);
	EXPECT_EQ(decode("64 3e 8b 00", AERIE_MODE_32), 0);
	EXPECT_EQ(insn.seg, AERIE_SEG_DS);
	EXPECT_EQ(decode("65 48 a1 88 77 66 55 44 33 22 11", AERIE_MODE_64), 0);
	EXPECT(insn.mem && insn.imm == 0x1122334455667788 && insn.seg == AERIE_SEG_GS);
	EXPECT(insn.opsize == 8 && !insn.has_modrm);
	EXPECT_EQ(decode("f2 f3 6d", AERIE_MODE_64), 0);
	EXPECT(insn.rep && !insn.repne && insn.opsize == 4);
	EXPECT_EQ(decode("f3 f2 48 6f", AERIE_MODE_64), 0);
	EXPECT(!insn.rep && insn.repne && insn.opsize == 4);
	EXPECT_EQ(decode("48 ed", AERIE_MODE_64), 0);
	EXPECT_EQ(insn.opsize, 4);
	EXPECT_EQ(decode("48 e7 80", AERIE_MODE_64), 0);
	EXPECT(insn.opsize == 4 && (u8)insn.imm == 0x80);
	EXPECT_EQ(decode("49 b9 88 77 66 55 44 33 22 81", AERIE_MODE_64), 0);
	EXPECT(insn.rm == AERIE_REG_R9 && insn.imm == 0x8122334455667788);
	EXPECT_EQ(decode("48 c7 00 00 00 00 80", AERIE_MODE_64), 0);
	EXPECT(insn.imm == 0xffffffff80000000 && insn.imm_len == 4);
	EXPECT_EQ(decode("83 08 80", AERIE_MODE_32), 0);
	EXPECT(insn.imm == (u64)-128 && insn.opsize == 4 && insn.reg == 1);
	EXPECT_EQ(decode("c8 34 12 07", AERIE_MODE_32), 0);
	EXPECT(insn.imm == 0x071234 && insn.imm_len == 3);
	EXPECT_EQ(decode("ea 44 33 22 11 66 55", AERIE_MODE_32), 0);
	EXPECT(insn.imm == 0x556611223344 && insn.imm_len == 6);
	EXPECT_EQ(decode("ff 30", AERIE_MODE_64), 0);		/* push [rax] */
	EXPECT_EQ(insn.opsize, 8);
	EXPECT_EQ(decode("66 ff 30", AERIE_MODE_64), 0);
	EXPECT_EQ(insn.opsize, 2);
	EXPECT_EQ(decode("66 ff 10", AERIE_MODE_64), 0);	/* call [rax] */
	EXPECT_EQ(insn.opsize, 8);
	EXPECT_EQ(decode("66 ff 00", AERIE_MODE_64), 0);	/* inc */
	EXPECT_EQ(insn.opsize, 2);
	EXPECT_EQ(decode("c5 f8 20 c0", AERIE_MODE_64), 0);	/* not a MOV from CR0 */
	EXPECT_EQ(insn.map, AERIE_MAP_VEX | 1);
	EXPECT_EQ(decode("c4 41 f8 28 04 24", AERIE_MODE_64), 0);
	EXPECT(insn.rex == 0x4d && insn.reg == 8 && insn.base == AERIE_REG_R12);
}

/* Deterministic, so that a failure can be repeated. */
static u64 seed;

static u32 rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return seed >> 33;
}

static void make_candidate(u8 *p, enum aerie_cpu_mode mode)
{
	static const u8 prefixes[] = {
		0x67, 0x2e, 0x64, 0x66, 0xf2, 0xf3, 0xf0, 0x26, 0x66, 0x67,
	};
	unsigned int i, n, kind;

	for (i = 0; i < 15; i++)
		p[i] = rnd();
	memset(p + 15, 0x90, SLOT - 15);
	i = 0;
	kind = rnd() % 8;
	for (n = rnd() % 4 ? rnd() % 3 : 0; n; n--)	/* VEX takes the first three only */
		p[i++] = prefixes[rnd() % (kind == 4 || kind == 5 ? 3 : ARRAY_SIZE(prefixes))];
	switch (kind) {
	case 0:
		break;
	case 1:
	case 2:
		p[i++] = 0x0f;
		break;
	case 3:
		p[i++] = 0x0f;
		p[i++] = rnd() & 1 ? 0x38 : 0x3a;
		break;
	case 4:
		p[i++] = 0xc4 | (rnd() & 1);
		p[i] |= 0xc0;
		if (p[i - 1] == 0xc4)
			p[i] = (p[i] & 0xe0) | (1 + rnd() % 3);
		break;
	case 5:
		p[i++] = 0x62;
		p[i] = (p[i] & 0xf0) | (mode == AERIE_MODE_64 ? 0 : 0xc0) | (1 + rnd() % 3);
		p[i + 1] |= 4;
		break;
	default:
		if (mode == AERIE_MODE_64 && rnd() & 1)
			p[i++] = 0x40 | (rnd() & 0xf);
		break;
	}
}

/*
 * Where objdump is not to be believed: it prints an FWAIT as part of what
 * follows it and prefixes that have no effect as instructions of their own,
 * takes undefined opcodes of maps that we give a length for invalid, knows the
 * test registers of the 80486, and allows prefixes before VEX that are #UD. Newer
 * ones also know APX, whose REX2 prefix is #UD on every processor that we give guests.
 */
static bool skip(const u8 *p, const char *text, enum aerie_cpu_mode mode)
{
	static const char * const alone[] = {
		"rex", "data", "addr", "rep", "lock", "cs", "ds", "es", "ss", "fs", "gs",
		"xacquire", "xrelease",
	};
	size_t end = strlen(text), start;
	bool odd = false;
	unsigned int i;

	if (strstr(text, "(bad)") || strstr(text, "fwait") || strstr(text, "%tr"))
		return true;
	while (end && strchr(" \t\n", text[end - 1]))
		end--;
	for (start = end; start && !strchr(" \t", text[start - 1]);)
		start--;
	for (i = 0; i < ARRAY_SIZE(alone); i++)
		if (!strncmp(text + start, alone[i], strlen(alone[i])))
			return true;
	for (i = 0; i < 15; i++) {	/* the opcode, and was there a 66, F2, F3, F0, REX */
		if (!strchr("\x26\x2e\x36\x3e\x64\x65\x67\x66\xf2\xf3\xf0", p[i]) &&
		    (p[i] & 0xf0) != 0x40)
			break;
		odd |= !strchr("\x26\x2e\x36\x3e\x64\x65\x67", p[i]);
	}
	return p[i] == 0x9b || (mode == AERIE_MODE_64 && p[i] == 0xd5) ||
	       (odd && ((p[i] & 0xfe) == 0xc4 || p[i] == 0x62 || p[i] == 0x8f));
}

static void against_objdump(enum aerie_cpu_mode mode, const char *machine)
{
	const char *env = getenv("DECODE_SLOTS");
	unsigned int slots = env ? strtoul(env, NULL, 0) : 6000;
	char path[] = "/tmp/aerie-decode-XXXXXX", line[256], text[256] = "";
	unsigned int i, compared = 0;
	unsigned long addr, slot = 0;
	char command[256];
	int fd = mkstemp(path);
	u8 *code = malloc(slots * SLOT);
	bool open = false;
	FILE *f;

	seed = slots == 6000 ? 42 + mode : slots + mode;
	for (i = 0; i < slots; i++)
		make_candidate(code + i * SLOT, mode);
	EXPECT(fd >= 0);
	EXPECT_EQ(write(fd, code, slots * SLOT), slots * SLOT);
	close(fd);
	snprintf(command, sizeof(command),
		 "objdump -D -b binary -m i386 -M %s --insn-width=16 -z %s", machine, path);
	f = popen(command, "r");
	while (fgets(line, sizeof(line), f)) {
		char *tab = strchr(line, '\t'), *end;

		addr = strtoul(line, &end, 16);
		if (!tab || *end != ':')
			continue;
		if (open) {	/* this line tells where the slot's first one ended */
			const u8 *p = code + slot;
			int err = aerie_insn_decode(&insn, p, 15, mode);
			int len = err ? err : insn.len;

			open = false;
			if (!skip(p, text, mode)) {
				compared++;
				if (len != (int)(addr - slot)) {
					printf("# %d instead of %lu:", len, addr - slot);
					for (i = 0; i < 15; i++)
						printf(" %02x", p[i]);
					printf(" %s", text);
					ktap_failures++;
				}
			}
		}
		if (addr % SLOT == 0) {
			open = true;
			slot = addr;
			tab = strchr(tab + 1, '\t');
			strcpy(text, tab ? tab + 1 : "\n");
		}
	}
	EXPECT_EQ(pclose(f), 0);
	printf("# %u instructions compared\n", compared);
	EXPECT(compared > slots / 3);
	unlink(path);
	free(code);
}

TEST(objdump_16)
{
	against_objdump(AERIE_MODE_16, "i8086");
}

TEST(objdump_32)
{
	against_objdump(AERIE_MODE_32, "i386");
}

TEST(objdump_64)
{
	against_objdump(AERIE_MODE_64, "x86-64,intel64");
}
