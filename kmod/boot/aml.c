// SPDX-License-Identifier: GPL-2.0
/*
 * Writes ACPI Machine Language (ACPI Specification, ACPI Machine Language
 * Specification). The length of an object stands before its content and is
 * itself of variable length, so it is inserted once the content is there.
 */
#include <linux/kernel.h>
#include <linux/string.h>

#include "boot/aml.h"

#define AML_ZERO		0x00
#define AML_ONE			0x01
#define AML_NAME		0x08
#define AML_BYTE_PREFIX		0x0a
#define AML_WORD_PREFIX		0x0b
#define AML_DWORD_PREFIX	0x0c
#define AML_STRING_PREFIX	0x0d
#define AML_SCOPE		0x10
#define AML_BUFFER		0x11
#define AML_PACKAGE		0x12
#define AML_METHOD		0x14
#define AML_MULTI_NAME		0x2f
#define AML_EXT_PREFIX		0x5b
#define AML_EXT_REGION		0x80
#define AML_EXT_FIELD		0x81
#define AML_EXT_DEVICE		0x82
#define AML_ROOT		0x5c
#define AML_LOCAL0		0x60
#define AML_STORE		0x70
#define AML_AND			0x7b
#define AML_NOTIFY		0x86
#define AML_IF			0xa0
#define AML_RETURN		0xa4

#define SPACE_IO		1
#define FIELD_DWORD		3	/* accessed in double words, no lock, preserved */

/* Small resource descriptors: tag and length in one byte */
#define RES_IRQ			0x22	/* two bytes of mask: edge, active high */
#define RES_IO			0x47
#define RES_IO_DECODE16		0x01
#define RES_END			0x79
#define RES_END_BYTES		2

/* Large ones: tag, then two bytes of length */
#define RES_MEMORY32_FIXED	0x86
#define RES_DWORD_SPACE		0x87
#define RES_WORD_SPACE		0x88
#define RES_SPACE_MEMORY	0
#define RES_SPACE_BUS		2
#define RES_FIXED		0x0c	/* first and last address are */
#define RES_READ_WRITE		0x01

void aml_bytes(struct aml *aml, const void *buf, u32 len)
{
	if (aml->full || len > aml->cap - aml->len) {
		aml->full = true;
		return;
	}
	memcpy(aml->buf + aml->len, buf, len);
	aml->len += len;
}

void aml_value(struct aml *aml, u64 val, unsigned int size)
{
	aml_bytes(aml, &val, size);
}

void aml_align(struct aml *aml, u32 align)
{
	while (!aml->full && aml->len & (align - 1))
		aml_value(aml, 0, 1);
}

/* One name segment is four characters, filled up with underscores. */
static void name_string(struct aml *aml, const char *name)
{
	char seg[] = "____";

	memcpy(seg, name, min_t(size_t, strlen(name), 4));
	aml_bytes(aml, seg, 4);
}

u32 aml_scope_begin(struct aml *aml, const char *name)
{
	u32 mark;

	aml_value(aml, AML_SCOPE, 1);
	mark = aml->len;
	name_string(aml, name);
	return mark;
}

u32 aml_device_begin(struct aml *aml, const char *name)
{
	u32 mark;

	aml_value(aml, AML_EXT_PREFIX, 1);
	aml_value(aml, AML_EXT_DEVICE, 1);
	mark = aml->len;
	name_string(aml, name);
	return mark;
}

u32 aml_package_begin(struct aml *aml, u8 nr_elements)
{
	u32 mark;

	aml_value(aml, AML_PACKAGE, 1);
	mark = aml->len;
	aml_value(aml, nr_elements, 1);
	return mark;
}

u32 aml_method_begin(struct aml *aml, const char *name, u8 nr_args)
{
	u32 mark;

	aml_value(aml, AML_METHOD, 1);
	mark = aml->len;
	name_string(aml, name);
	aml_value(aml, nr_args, 1);
	return mark;
}

u32 aml_if_local_begin(struct aml *aml, u32 mask)
{
	u32 mark;

	aml_value(aml, AML_IF, 1);
	mark = aml->len;
	aml_value(aml, AML_AND, 1);
	aml_value(aml, AML_LOCAL0, 1);
	aml_integer(aml, mask);
	aml_value(aml, 0, 1);		/* the result goes nowhere else */
	return mark;
}

static u32 buffer_begin(struct aml *aml, u8 size)
{
	u32 mark;

	aml_value(aml, AML_BUFFER, 1);
	mark = aml->len;
	aml_integer(aml, size);
	return mark;
}

void aml_buffer(struct aml *aml, const void *buf, u8 len)
{
	u32 mark = buffer_begin(aml, len);

	aml_bytes(aml, buf, len);
	aml_end(aml, mark);
}

/*
 * PkgLength counts itself. One byte holds 6 bits; of more, the first has the
 * number of those that follow in its top two bits and the lowest 4 of the length.
 */
void aml_end(struct aml *aml, u32 mark)
{
	u32 len = aml->len - mark, extra = 0;
	u8 *at = aml->buf + mark;

	if (len + 1 > 0x3f)
		for (extra = 1; (len + 1 + extra) >> (4 + 8 * extra); extra++)
			;
	if (aml->full || extra + 1 > aml->cap - aml->len) {
		aml->full = true;
		return;
	}
	memmove(at + extra + 1, at, len);
	aml->len += extra + 1;
	len += extra + 1;
	if (!extra) {
		*at = len;
		return;
	}
	*at++ = extra << 6 | (len & 0xf);
	for (len >>= 4; extra; extra--, len >>= 8)
		*at++ = len;
}

void aml_name(struct aml *aml, const char *name)
{
	aml_value(aml, AML_NAME, 1);
	name_string(aml, name);
}

void aml_integer(struct aml *aml, u32 val)
{
	if (val <= 1) {
		aml_value(aml, val ? AML_ONE : AML_ZERO, 1);
	} else if (val <= 0xff) {
		aml_value(aml, AML_BYTE_PREFIX, 1);
		aml_value(aml, val, 1);
	} else if (val <= 0xffff) {
		aml_value(aml, AML_WORD_PREFIX, 1);
		aml_value(aml, val, 2);
	} else {
		aml_value(aml, AML_DWORD_PREFIX, 1);
		aml_value(aml, val, 4);
	}
}

void aml_store_to_local(struct aml *aml, const char *name)
{
	aml_value(aml, AML_STORE, 1);
	name_string(aml, name);
	aml_value(aml, AML_LOCAL0, 1);
}

void aml_store_local(struct aml *aml, const char *name)
{
	aml_value(aml, AML_STORE, 1);
	aml_value(aml, AML_LOCAL0, 1);
	name_string(aml, name);
}

void aml_store(struct aml *aml, u32 val, const char *name)
{
	aml_value(aml, AML_STORE, 1);
	aml_integer(aml, val);
	name_string(aml, name);
}

void aml_return(struct aml *aml, u32 val)
{
	aml_value(aml, AML_RETURN, 1);
	aml_integer(aml, val);
}

void aml_notify(struct aml *aml, const char *object, u8 val)
{
	aml_value(aml, AML_NOTIFY, 1);
	name_string(aml, object);
	aml_integer(aml, val);
}

void aml_call(struct aml *aml, const char *device, const char *name)
{
	aml_value(aml, AML_ROOT, 1);
	aml_value(aml, AML_MULTI_NAME, 1);
	aml_value(aml, 3, 1);
	name_string(aml, "_SB");
	name_string(aml, device);
	name_string(aml, name);
}

void aml_ports(struct aml *aml, const char *region, u16 port, const char * const *fields,
	       unsigned int nr)
{
	u32 mark;

	aml_value(aml, AML_EXT_PREFIX, 1);
	aml_value(aml, AML_EXT_REGION, 1);
	name_string(aml, region);
	aml_value(aml, SPACE_IO, 1);
	aml_integer(aml, port);
	aml_integer(aml, 4 * nr);

	aml_value(aml, AML_EXT_PREFIX, 1);
	aml_value(aml, AML_EXT_FIELD, 1);
	mark = aml->len;
	name_string(aml, region);
	aml_value(aml, FIELD_DWORD, 1);
	for (; nr; nr--) {
		name_string(aml, *fields++);
		aml_value(aml, 32, 1);	/* bits, as a PkgLength of one byte */
	}
	aml_end(aml, mark);
}

void aml_string(struct aml *aml, const char *str)
{
	aml_value(aml, AML_STRING_PREFIX, 1);
	aml_bytes(aml, str, strlen(str) + 1);
}

static u32 hex_digit(char c)
{
	return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Three letters of 5 bits and four hex digits, most significant byte first. */
void aml_eisa_id(struct aml *aml, const char *id)
{
	u32 val = (id[0] - 0x40) << 26 | (id[1] - 0x40) << 21 | (id[2] - 0x40) << 16 |
		  hex_digit(id[3]) << 12 | hex_digit(id[4]) << 8 |
		  hex_digit(id[5]) << 4 | hex_digit(id[6]);

	aml_value(aml, AML_DWORD_PREFIX, 1);
	aml_value(aml, swab32(val), 4);
}

void aml_io(struct aml *aml, u16 port, u8 len)
{
	aml_value(aml, RES_IO, 1);
	aml_value(aml, RES_IO_DECODE16, 1);
	aml_value(aml, port, 2);	/* lowest base */
	aml_value(aml, port, 2);	/* highest base */
	aml_value(aml, 0, 1);		/* alignment: it cannot move */
	aml_value(aml, len, 1);
}

/* An address space descriptor, whose fields have @size bytes each. */
static void space(struct aml *aml, u8 tag, u8 type, u8 flags, u32 first, u32 last,
		  unsigned int size)
{
	aml_value(aml, tag, 1);
	aml_value(aml, 3 + 5 * size, 2);
	aml_value(aml, type, 1);
	aml_value(aml, RES_FIXED, 1);
	aml_value(aml, flags, 1);
	aml_value(aml, 0, size);	/* granularity */
	aml_value(aml, first, size);
	aml_value(aml, last, size);
	aml_value(aml, 0, size);	/* translation: none */
	aml_value(aml, last - first + 1, size);
}

void aml_bus_window(struct aml *aml, u16 first, u16 last)
{
	space(aml, RES_WORD_SPACE, RES_SPACE_BUS, 0, first, last, 2);
}

void aml_memory_window(struct aml *aml, u32 base, u32 len)
{
	space(aml, RES_DWORD_SPACE, RES_SPACE_MEMORY, RES_READ_WRITE, base, base + len - 1, 4);
}

void aml_memory_fixed(struct aml *aml, u32 base, u32 len)
{
	aml_value(aml, RES_MEMORY32_FIXED, 1);
	aml_value(aml, 9, 2);
	aml_value(aml, RES_READ_WRITE, 1);
	aml_value(aml, base, 4);
	aml_value(aml, len, 4);
}

u32 aml_resources_begin(struct aml *aml, u8 nr_bytes)
{
	return buffer_begin(aml, nr_bytes + RES_END_BYTES);
}

void aml_resources_end(struct aml *aml, u32 mark)
{
	aml_value(aml, RES_END, 1);
	aml_value(aml, 0, 1);		/* checksum: none */
	aml_end(aml, mark);
}

void aml_io_irq(struct aml *aml, u16 port, u8 len, unsigned int irq)
{
	u32 mark = aml_resources_begin(aml, AML_RES_IO_BYTES + 3);

	aml_io(aml, port, len);
	aml_value(aml, RES_IRQ, 1);
	aml_value(aml, BIT(irq), 2);
	aml_resources_end(aml, mark);
}
