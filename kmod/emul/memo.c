// SPDX-License-Identifier: GPL-2.0
/* Decoding with a memory: see memo.h. */
#include <linux/compiler.h>

#include "emul/memo.h"

static u64 byte_mask(int n)
{
	return n <= 0 ? 0 : n >= 8 ? ~0ull : (1ull << (8 * n)) - 1;
}

static noinline const struct aerie_insn *decode_anew(struct aerie_memo_slot *slot,
						     const u64 bytes[2])
{
	if (aerie_insn_decode(&slot->insn, (const u8 *)bytes, AERIE_INSN_MAX, AERIE_MODE_64)) {
		slot->insn.len = 0;
		return NULL;
	}
	slot->bytes[0] = bytes[0];
	slot->bytes[1] = bytes[1];
	slot->mask[0] = byte_mask(slot->insn.len);
	slot->mask[1] = byte_mask(slot->insn.len - 8);
	return &slot->insn;
}

const struct aerie_insn *aerie_memo_decode(struct aerie_memo *memo, u64 rip, const u64 bytes[2])
{
	struct aerie_memo_slot *slot = &memo->slots[rip % AERIE_MEMO_SLOTS];

	if (likely(slot->insn.len && !((bytes[0] ^ slot->bytes[0]) & slot->mask[0]) &&
		   !((bytes[1] ^ slot->bytes[1]) & slot->mask[1])))
		return &slot->insn;
	return decode_anew(slot, bytes);
}
