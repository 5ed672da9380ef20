/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables that describe guest-visible state.
 *
 * Every device and the vCPU declare what a guest can observe of them once, as
 * an array of fields of a fixed-width state structure, with a version. Whoever
 * has to walk state (the debugfs dump today) walks these tables, so there is no
 * second description to keep in step.
 */
#ifndef AERIE_STATE_FIELD_H
#define AERIE_STATE_FIELD_H

#include <linux/types.h>
#include <linux/stddef.h>

/**
 * struct aerie_field - one named field of a state structure
 * @name: as printed and as stored
 * @offset: bytes from the start of the structure
 * @size: bytes of one element: 1, 2, 4 or 8
 * @count: elements; 1 for a scalar
 */
struct aerie_field {
	const char *name;
	u16 offset;
	u8 size;
	u16 count;
};

/**
 * struct aerie_record - the whole state of one kind of object
 * @name: object kind, for example "pic"
 * @version: raised when a field changes meaning
 * @size: bytes of the state structure
 * @fields: table of @nr_fields entries
 * @nr_fields: entries in @fields
 */
struct aerie_record {
	const char *name;
	u16 version;
	u16 size;
	const struct aerie_field *fields;
	u16 nr_fields;
};

/* One scalar field; the element size must be 1, 2, 4 or 8. */
#define AERIE_FIELD(type, member)					\
	{ .name = #member, .offset = offsetof(type, member),		\
	  .size = sizeof_field(type, member), .count = 1 }

/* An array field of scalars. */
#define AERIE_FIELD_ARRAY(type, member)					\
	{ .name = #member, .offset = offsetof(type, member),		\
	  .size = sizeof(((type *)0)->member[0]),			\
	  .count = sizeof_field(type, member) /				\
		   sizeof(((type *)0)->member[0]) }

#define AERIE_RECORD(_name, _version, type, _fields)			\
	{ .name = _name, .version = _version, .size = sizeof(type),	\
	  .fields = _fields, .nr_fields = sizeof(_fields) / sizeof(_fields[0]) }

#endif
