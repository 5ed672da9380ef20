/* SPDX-License-Identifier: GPL-2.0 */
/* Allocation that ends the tool instead of failing: it holds nothing worth saving. */
#ifndef CTL_MEM_H
#define CTL_MEM_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline void __attribute__((noreturn)) out_of_memory(void)
{
	fputs("aerie: out of memory\n", stderr);
	exit(1);
}

static inline void *xcalloc(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	if (!p)
		out_of_memory();
	return p;
}

static inline void *xrealloc(void *old, size_t nr, size_t size)
{
	void *p = reallocarray(old, nr, size);

	if (!p)
		out_of_memory();
	return p;
}

static inline char *xstrdup(const char *s)
{
	char *p = strdup(s);

	if (!p)
		out_of_memory();
	return p;
}

#endif
