/* SPDX-License-Identifier: GPL-2.0 */
/* A writer of bytes, and of the ACPI Machine Language that a DSDT needs. */
#ifndef AERIE_BOOT_AML_H
#define AERIE_BOOT_AML_H

#include <linux/types.h>

/**
 * struct aml - a buffer being filled
 * @buf: the buffer
 * @len: bytes written
 * @cap: its size
 * @full: something did not fit; what is in the buffer is of no use
 */
struct aml {
	u8 *buf;
	u32 len, cap;
	bool full;
};

/* Plain bytes, little endian. */
void aml_bytes(struct aml *aml, const void *buf, u32 len);
void aml_value(struct aml *aml, u64 val, unsigned int size);
/* Zeroes up to a multiple of @align, a power of two. */
void aml_align(struct aml *aml, u32 align);

/*
 * Objects that hold others: between *_begin(), which returns a mark, and
 * aml_end(), which takes it and inserts the length.
 */
u32 aml_scope_begin(struct aml *aml, const char *name);
u32 aml_device_begin(struct aml *aml, const char *name);
u32 aml_package_begin(struct aml *aml, u8 nr_elements);
void aml_end(struct aml *aml, u32 mark);

/* Method (@name) with @nr_args arguments; what is written next is run. */
u32 aml_method_begin(struct aml *aml, const char *name, u8 nr_args);
/* If (Local0 & @mask) */
u32 aml_if_local_begin(struct aml *aml, u32 mask);

/* Statements. @name and @object are relative to what they are in. */
void aml_store_to_local(struct aml *aml, const char *name);	/* Local0 = @name */
void aml_store_local(struct aml *aml, const char *name);	/* @name = Local0 */
void aml_store(struct aml *aml, u32 val, const char *name);	/* @name = @val */
void aml_return(struct aml *aml, u32 val);
void aml_notify(struct aml *aml, const char *object, u8 val);
/* Call the method @name in \_SB.@device. */
void aml_call(struct aml *aml, const char *device, const char *name);

/* Ports from @port on as a region, and @nr fields of 32 bits each in it, in order. */
void aml_ports(struct aml *aml, const char *region, u16 port, const char * const *fields,
	       unsigned int nr);

/* Name (@name, what is written next); names are relative to what they are in. */
void aml_name(struct aml *aml, const char *name);

/* Data objects. @id is of the form PNP0501. */
void aml_integer(struct aml *aml, u32 val);
void aml_string(struct aml *aml, const char *str);
void aml_eisa_id(struct aml *aml, const char *id);
void aml_buffer(struct aml *aml, const void *buf, u8 len);

/* A buffer of resource descriptors: between these, of which the end adds its own. */
u32 aml_resources_begin(struct aml *aml, u8 nr_bytes);
void aml_resources_end(struct aml *aml, u32 mark);
#define AML_RES_IO_BYTES	8
#define AML_RES_BUS_BYTES	16
#define AML_RES_WINDOW_BYTES	26
#define AML_RES_FIXED_BYTES	12

/* @len ports at @port. */
void aml_io(struct aml *aml, u16 port, u8 len);
/* Bus numbers @first to @last that a bridge hands on. */
void aml_bus_window(struct aml *aml, u16 first, u16 last);
/* Memory that a bridge hands on, and memory that a device has for good. */
void aml_memory_window(struct aml *aml, u32 base, u32 len);
void aml_memory_fixed(struct aml *aml, u32 base, u32 len);

/* A buffer that says: @len ports at @port, and ISA interrupt @irq. */
void aml_io_irq(struct aml *aml, u16 port, u8 len, unsigned int irq);

#endif
