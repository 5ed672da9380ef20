/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of the executor by hand: instructions in hex on a fake vCPU. */
#ifndef FAKE_EXEC_H
#define FAKE_EXEC_H

#include "fake_emul.h"
#include "ktap.h"

#define STATUS	0x8d5ull	/* CF PF AF ZF SF OF */
#define DF	0x400ull
#define TF	0x100ull
#define PF_VECTOR 14
#define BASE	0x10000ull	/* of the memory in tests by hand */

static struct fake f;
static u8 memory[FAKE_SIZE];

static inline void setup(enum aerie_cpu_mode mode)
{
	fake_init(&f, mode, BASE, memory);
	f.regs[AERIE_REG_RIP] = 0x1000;
}

/* Decode and execute one instruction given in hex. */
static inline bool decode(struct aerie_insn *insn, const char *hex)
{
	u8 bytes[16];
	unsigned int n = 0, v;

	for (; *hex; hex++) {
		if (*hex == ' ')
			continue;
		sscanf(hex++, "%2x", &v);
		bytes[n++] = v;
	}
	if (!aerie_insn_decode(insn, bytes, n, f.e.mode) && insn->len == n)
		return true;
	printf("# test's own instruction does not decode\n");
	ktap_failures++;
	return false;
}

static inline int run(const char *hex)
{
	struct aerie_insn insn;

	return decode(&insn, hex) ? aerie_insn_exec(&f.e, &insn) : -1;
}

static inline u64 get(u64 off, unsigned int size)
{
	u64 val = 0;

	memcpy(&val, memory + off, size);
	return val;
}

static inline void put(u64 off, u64 val, unsigned int size)
{
	memcpy(memory + off, &val, size);
}

/* Expect exception @vector (0-31) with error code 0 and nothing changed. */
static inline void expect_fault(const char *hex, u8 vector, bool has_error)
{
	u64 regs[AERIE_NR_REGS];
	static u8 copy[FAKE_SIZE];

	memcpy(regs, f.regs, sizeof(regs));
	memcpy(copy, memory, FAKE_SIZE);
	memset(&f.e.fault, 0xff, sizeof(f.e.fault));
	EXPECT_EQ(run(hex), AERIE_EMUL_FAULT);
	EXPECT_EQ(f.e.fault.vector, vector);
	EXPECT_EQ(f.e.fault.has_error, has_error);
	if (vector != PF_VECTOR)
		EXPECT_EQ(f.e.fault.error, 0);
	EXPECT(!memcmp(regs, f.regs, sizeof(regs)));
	EXPECT(!memcmp(copy, memory, FAKE_SIZE));
}

#endif
