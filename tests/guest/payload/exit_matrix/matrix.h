/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of exit_matrix share: instructions (insns.c) are run in ways (run.c),
 * and what comes out is compared (compare.c) with what both together ask for. The ways
 * are in ../exit_matrix.c, legacy.c and races.c.
 */
#ifndef MATRIX_H
#define MATRIX_H

#include "guest.h"

#define IRQ		0x51
#define ARITHMETIC	0x8d5		/* OF SF ZF AF PF CF */
#define FLAGS		(2 | ARITHMETIC)
#define IOPL3		0x3000
#define CODE_ADDR	0x40200000ull	/* two pages for code, mapped as tests like */
#define CODE_LOW	0x9000ull	/* code for 16-bit segments */
#define HIGH0		(~0ull << 32)	/* 0 in 32 bits, and the rest has no effect */

/* ---- Instructions (insns.c) ------------------------------------------------ */

enum {
	LONG	= 1 << 0,	/* 64-bit code only */
	WIDE	= 1 << 1,	/* 32-bit operand: prefix 66 in 16-bit code */
	MEM	= 1 << 2,	/* [RSI] or [RDI]: prefix 67 in 16-bit code */
	PRIV	= 1 << 3,	/* #GP at CPL 3 */
	IO	= 1 << 4,	/* #GP at CPL 3 unless IOPL is 3 */
	REP	= 1 << 5,	/* RCX times */
	FIXED	= 1 << 6,	/* another instruction with prefix 66 or F3 */
	SIZED	= 1 << 7,	/* another operand size with prefix 66 */
	TSC	= 1 << 8,	/* nobody knows EAX and EDX */
	INTEL	= 1 << 9,	/* a hypercall, of that vendor */
	AMD	= 1 << 10,
	XSAVE	= 1 << 11,
	CR8	= 1 << 12,
	HLT	= 1 << 13,	/* only with an interrupt behind it */
	NOREP	= 1 << 14,	/* F3 means something */
	MOFFS	= 1 << 15,	/* an address, as long as prefix 67 says */
	BYTEREG	= 1 << 16,	/* another register with a REX prefix, on TCG even if far off */
	PAUSE	= 1 << 17,
	SYSTEM	= 1 << 18,	/* of paging and long mode: not to be had without them */
	OWN	= 1 << 19,	/* each hypervisor has an answer of its own */
};

/* A part of the machine. */
struct state {
	void (*set)(u64 v);
	u64 (*get)(void);
};

struct insn {
	const char *name;
	u8 len, bytes[14];
	u32 flags;
	u64 rax, rcx, rdx, rsi, rdi;	/* going in; 0: as it comes */
	u64 (*src)(void);		/* RAX going in */
	u64 (*load)(void);		/* what comes to be in the register at @to */
	u8 to, size;
	void (*want)(struct regs *r);	/* what else changes */
	const struct state *state;
	u64 before, after;
};

extern const struct insn insns[], icr_store;
extern const u32 nr_insns;
extern u32 string_size;		/* of an element, for the one that is about to run */

/* ---- Ways, and running (run.c) --------------------------------------------- */

struct way {
	const char *name;
	u64 at;			/* linear address of the body */
	u16 cs;
	u64 flags;		/* besides FLAGS */
	u8 nlead, nprefix;
	u8 lead[4], prefix[14];
	bool irq;		/* one is pending, or comes of the instruction */
	bool race;		/* one may come any time, and an NMI */
	void (*enter)(struct regs *regs);	/* otherwise than in long mode */
};

#define PLAIN	.at = CODE_ADDR, .cs = SEL_CODE64
#define STI	.nlead = 1, .lead = { 0xfb }
/* MOV %R14D, %SS; an instruction of 64-bit code only because of that register */
#define MOV_SS	.nlead = 3, .lead = { 0x41, 0x8e, 0xd6 }

struct event {
	u64 vector, rip;
};

#define MAX_EVENTS	8

struct outcome {
	struct event event[MAX_EVENTS];
	u32 nr;
	u64 dr6;		/* of all #DB, what they have in common */
	struct regs regs;
	u64 state;
};

/* Where a run's instruction begins, prefixes and all, and what is behind it. */
struct span {
	u64 start, end;
};

extern struct outcome seen;	/* in the last run, or in this one so far */
extern u8 frames[4][4096];

/* Before the first run of a test. */
void begin(void);
/* Can @x be run in that way? */
bool usable(const struct insn *x, const struct way *w);
/* Run @x as @w says, which is to be usable(), and compare. */
void run(const struct insn *x, const struct way *w);
/* All instructions that can be. */
void run_all(const struct way *w);
/* The page of code at @addr is @frame from now on. */
void map(u64 addr, u32 frame);

/* ---- Comparing (compare.c) ------------------------------------------------- */

extern u32 failures, shadows_lost;

/* General registers, as they are in struct regs; what is known of number @i after a run. */
#define NR_REGS		15
extern const char reg_names[NR_REGS][4];
u64 known_bits(const struct insn *x, u64 cs, u32 i);
/* What @x makes of @in; to be asked before it is run. */
void expect_outcome(struct outcome *want, const struct regs *in, const struct insn *x,
		    const struct way *w, const struct span *span);
/* Print how what was seen differs, and count it; what TCG is known for is put right. */
void compare(const struct outcome *want, const struct insn *x, const struct way *w,
	     const struct span *span);

/* ---- Recording (record.c) -------------------------------------------------- */

/* Is what is seen to be printed, for comparison with another hypervisor? */
bool recording(void);
/* Print what is seen of a run that began with @in. */
void record(const struct regs *in, const struct insn *x, const struct way *w);

/* ---- Races (races.c) ------------------------------------------------------- */

/* Two one-shot timers: an interrupt and an NMI, each after a time that varies. */
void race_arm(const struct insn *x, const struct way *w, const struct span *span);
/* Was the trap one of theirs? */
bool race_trap(const struct regs *r);

#endif
