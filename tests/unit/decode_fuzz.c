// SPDX-License-Identifier: GPL-2.0
// sources: kmod/emul/decode.c
/*
 * Any bytes through the decoder: it stays inside the buffer (ASan watches an
 * exact copy), and its answers for more and for fewer bytes agree.
 */
#include "emul/emul.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void require(bool cond)
{
	if (!cond)
		abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct aerie_insn insn, again;
	enum aerie_cpu_mode mode;
	unsigned int n;
	u8 *copy;
	int ret;

	if (size < 1)
		return 0;
	mode = data[0] % 3;
	data++;
	size--;
	if (size > 20)
		size = 20;
	copy = malloc(size);
	memcpy(copy, data, size);
	ret = aerie_insn_decode(&insn, copy, size, mode);
	free(copy);
	require(ret == 0 || ret == -ENODATA || ret == -EINVAL || ret == -E2BIG);
	if (ret == -ENODATA)
		require(size < AERIE_INSN_MAX);
	if (ret)
		return 0;

	require(insn.len >= 1 && insn.len <= AERIE_INSN_MAX && insn.len <= size);
	require(insn.opsize == 1 || insn.opsize == 2 || insn.opsize == 4 || insn.opsize == 8);
	require(insn.adsize == 2 || insn.adsize == 4 || insn.adsize == 8);
	require(insn.reg < 16 && insn.rm < 16 && insn.scale < 4 && insn.seg <= AERIE_SEG_GS);
	require(insn.base < 16 || insn.base == 0xff);
	require((insn.index < 16 && insn.index != 4) || insn.index == 0xff);
	require(!insn.mem || !insn.has_modrm || insn.mod != 3);
	require(mode == AERIE_MODE_64 || !insn.rex);

	/* Exactly its own bytes give the same, fewer ask for more. */
	require(aerie_insn_decode(&again, data, insn.len, mode) == 0);
	require(!memcmp(&insn, &again, sizeof(insn)));
	for (n = 0; n < insn.len; n++)
		require(aerie_insn_decode(&again, data, n, mode) == -ENODATA);
	return 0;
}
