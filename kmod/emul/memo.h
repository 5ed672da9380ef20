/* SPDX-License-Identifier: GPL-2.0 */
/* What decoding certain bytes gave: nothing but a way not to do it again. */
#ifndef AERIE_EMUL_MEMO_H
#define AERIE_EMUL_MEMO_H

#include "emul/emul.h"

#define AERIE_MEMO_SLOTS	16

/**
 * struct aerie_memo - decoded instructions of 64-bit code
 *
 * An instruction is a function of its bytes, and all of those are compared, so it
 * does not matter where they lie or lay: the address only chooses the slot.
 */
struct aerie_memo {
	struct aerie_memo_slot {
		u64 bytes[2], mask[2];	/* @mask: what of @bytes is the instruction */
		struct aerie_insn insn;	/* len 0: an empty slot */
	} slots[AERIE_MEMO_SLOTS];
};

/**
 * aerie_memo_decode() - decode an instruction of 64-bit code
 * @memo: zeroed before the first call
 * @rip: where it was found
 * @bytes: 15 bytes from there on, and one that does not matter
 *
 * Return: the instruction, valid until the next call, or NULL for none.
 */
const struct aerie_insn *aerie_memo_decode(struct aerie_memo *memo, u64 rip, const u64 bytes[2]);

#endif
