/* SPDX-License-Identifier: GPL-2.0 */
/* Wide accesses to byte-wide chips, which the ISA bus makes several byte accesses. */
#ifndef AERIE_DEV_BYTES_H
#define AERIE_DEV_BYTES_H

#include <linux/compiler.h>
#include <linux/types.h>

/* Apart, these two, so that the common case saves no registers for them. */
static noinline __maybe_unused u64 aerie_bytes_read_more(void *chip, u64 off, unsigned int size,
							 u8 (*read)(void *chip, u64 off))
{
	unsigned int i;
	u64 val = 0;

	for (i = 0; i < size; i++)
		val |= (u64)read(chip, off + i) << (8 * i);
	return val;
}

static __always_inline u64 aerie_bytes_read(void *chip, u64 off, unsigned int size,
					    u8 (*read)(void *chip, u64 off))
{
	return likely(size == 1) ? read(chip, off) : aerie_bytes_read_more(chip, off, size, read);
}

static noinline __maybe_unused void aerie_bytes_write_more(void *chip, u64 off, unsigned int size,
							   u64 val,
							   void (*write)(void *chip, u64 off,
									 u8 val))
{
	unsigned int i;

	for (i = 0; i < size; i++)
		write(chip, off + i, val >> (8 * i));
}

static __always_inline void aerie_bytes_write(void *chip, u64 off, unsigned int size, u64 val,
					      void (*write)(void *chip, u64 off, u8 val))
{
	if (likely(size == 1))
		write(chip, off, val);
	else
		aerie_bytes_write_more(chip, off, size, val, write);
}

#endif
