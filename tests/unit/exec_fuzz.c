// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c kmod/emul/exec.c kmod/emul/exec_alu.c kmod/emul/exec_string.c
/*
 * Any instruction bytes on any registers, segments and memory: no result but
 * the contract's, nothing changed where it failed, RIP and the REP count move
 * together, and no more work than the budget allows.
 */
#include "fake_emul.h"

#define BASE	0x10000ull

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static u8 memory[FAKE_SIZE], start_memory[FAKE_SIZE];
static struct fake f;

static void require(bool cond)
{
	if (!cond)
		abort();
}

/* Consume little-endian numbers; zero when the input has run out. */
static const u8 *next;
static size_t left;

static u64 take(unsigned int n)
{
	u64 val = 0;

	if (n > left)
		n = left;
	memcpy(&val, next, n);
	next += n;
	left -= n;
	return val;
}

/* Registers mostly point into memory, or the fuzzer would never get there. */
static u64 take_register(void)
{
	u8 how = take(1);

	if (how < 0xc0)
		return BASE + how * (FAKE_SIZE / 0xc0) + (how & 7);
	if (how < 0xe0)
		return how & 0x1f;
	return take(8);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u64 regs[AERIE_NR_REGS], rip;
	struct aerie_insn insn;
	unsigned int i;
	u8 bytes[15], knobs;
	int ret;

	if (size < 20)
		return 0;
	next = data;
	left = size;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = take(1);
	knobs = take(1);
	fake_init(&f, knobs % 3, BASE, memory);
	f.e.rep_budget = knobs >> 4;
	for (i = 0; i < 16; i++)
		f.regs[i] = take_register();
	f.regs[AERIE_REG_RIP] = take_register();
	f.regs[AERIE_REG_RFLAGS] = take(3);
	f.regs[AERIE_REG_CR0] = take(1);
	f.regs[AERIE_REG_CR4] = take(2);
	f.e.regs = f.regs;
	f.e.regs_valid = take(3);
	for (i = 0; i < FAKE_PAGES; i++) {
		u8 how = take(1);

		f.fault[i] = how < 0x80 ? 0 : how < 0xc0 ? AERIE_EMUL_FAULT : AERIE_EMUL_AGAIN;
		f.read_only[i] = how & 1;
	}
	f.disturb = take(1) & 0x1f;
	f.pio_result = take(1) & 0x80 ? AERIE_EMUL_AGAIN : 0;
	if (take(1) & 1)
		for (i = 0; i < AERIE_NR_SEGS; i++) {
			f.segs[i].base = take_register();
			f.segs[i].limit = take(4);
			f.segs[i].attr = take(3);
		}
	for (i = 0; left && i < FAKE_SIZE; i++)
		memory[i] = take(1);

	if (aerie_insn_decode(&insn, bytes, sizeof(bytes), f.e.mode))
		return 0;
	if (insn.mem)
		aerie_insn_linear(&f.e, &insn);
	memcpy(regs, f.regs, sizeof(regs));
	memcpy(start_memory, memory, FAKE_SIZE);
	f.reg_reads = f.seg_reads = 0;
	ret = aerie_insn_exec(&f.e, &insn);

	require(ret >= AERIE_EMUL_OK && ret <= AERIE_EMUL_UNHANDLED);
	require(f.mem_reads + f.mem_writes <= 64 && f.ins + f.outs <= 16);
	require(f.reg_reads + f.reg_writes + f.seg_reads <= 128);
	rip = regs[AERIE_REG_RIP] + insn.len;
	if (insn.mode != AERIE_MODE_64)
		rip = (u32)rip;
	if (f.regs[AERIE_REG_RIP] != regs[AERIE_REG_RIP])
		require(ret == AERIE_EMUL_OK && f.regs[AERIE_REG_RIP] == rip);
	require(((f.regs[AERIE_REG_RFLAGS] ^ regs[AERIE_REG_RFLAGS]) & ~0x8d5ull) == 0);
	for (i = AERIE_REG_CR0; i < AERIE_NR_REGS; i++)
		require(f.regs[i] == regs[i]);
	if (ret == AERIE_EMUL_OK || f.disturb)
		return 0;
	if (ret == AERIE_EMUL_FAULT)
		require(f.e.fault.vector == 6 ||
			(f.e.fault.vector >= 12 && f.e.fault.vector <= 14));
	/* Failed: only whole iterations of REP may have been done. */
	if (f.regs[AERIE_REG_RCX] == regs[AERIE_REG_RCX]) {
		require(!memcmp(regs, f.regs, sizeof(regs)));
		require(!memcmp(memory, start_memory, FAKE_SIZE));
		require(f.ins == 0 && f.outs == 0);
	} else {
		require(insn.rep || insn.repne);
	}
	return 0;
}
