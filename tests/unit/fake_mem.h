/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest memory for tests of what lies above it: the calls of mm/mm.h on plain
 * pages with the real layout of RAM, allocated when first written. Include it in
 * one source of a test that does not link kmod/mm.
 */
#ifndef FAKE_MEM_H
#define FAKE_MEM_H

#include "shim.h"
#include "mm/mm.h"

struct aerie_map_node {
	u64 nr;
	u8 *page[];
};

/* The n-th populate from now fails with -ENOMEM where it is > 0. */
static int fake_mem_fail;

int aerie_mem_init(struct aerie_mem *mem, u64 bytes, const struct aerie_pte_ops *ops)
{
	u64 low = min_t(u64, bytes, AERIE_PCI_HOLE_START);
	u64 high = bytes - low;
	u64 nr = (high ? AERIE_PCI_HOLE_END + high : low) / PAGE_SIZE;

	memset(mem, 0, sizeof(*mem));
	mem->bytes = bytes;
	mem->ram[mem->nr_ram++] = (struct aerie_ram) { 0, AERIE_LOWMEM_END };
	mem->ram[mem->nr_ram++] = (struct aerie_ram) { AERIE_HIGHMEM_START, low };
	if (high)
		mem->ram[mem->nr_ram++] = (struct aerie_ram) {
			AERIE_PCI_HOLE_END, AERIE_PCI_HOLE_END + high
		};
	mem->map = calloc(1, sizeof(*mem->map) + nr * sizeof(mem->map->page[0]));
	mem->map->nr = nr;
	return 0;
}

void aerie_mem_fini(struct aerie_mem *mem)
{
	u64 i;

	for (i = 0; atomic_long_read(&mem->resident); i++) {
		if (mem->map->page[i])
			atomic_long_dec(&mem->resident);
		free(mem->map->page[i]);
	}
	free(mem->map);
}

bool aerie_mem_is_ram(const struct aerie_mem *mem, gpa_t gpa, u64 len)
{
	unsigned int i;

	for (i = 0; i < mem->nr_ram; i++)
		if (gpa >= mem->ram[i].start && gpa < mem->ram[i].end)
			return len <= mem->ram[i].end - gpa;
	return false;
}

void *aerie_mem_kaddr(struct aerie_mem *mem, gpa_t gpa)
{
	u8 *page = aerie_mem_is_ram(mem, gpa, 1) ? mem->map->page[gpa / PAGE_SIZE] : NULL;

	return page ? page + gpa % PAGE_SIZE : NULL;
}

int aerie_mem_populate(struct aerie_mem *mem, gpa_t gpa, gfp_t gfp)
{
	if (!aerie_mem_is_ram(mem, gpa, 1))
		return -EFAULT;
	if (fake_mem_fail > 0 && --fake_mem_fail == 0)
		return -ENOMEM;
	if (!mem->map->page[gpa / PAGE_SIZE]) {
		mem->map->page[gpa / PAGE_SIZE] = calloc(1, PAGE_SIZE);
		atomic_long_inc(&mem->resident);
	}
	return 0;
}

int aerie_mem_hold(void)
{
	return 0;
}

void aerie_mem_release(int held)
{
}

int aerie_mem_span(struct aerie_mem *mem, gpa_t gpa, bool write, void **addr, size_t *len,
		   gfp_t gfp)
{
	int err = aerie_mem_populate(mem, gpa, gfp);

	if (err)
		return err;
	*addr = aerie_mem_kaddr(mem, gpa);
	*len = min_t(size_t, *len, PAGE_SIZE - gpa % PAGE_SIZE);
	return 0;
}

int aerie_mem_read(struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len, gfp_t gfp)
{
	if (!aerie_mem_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len) {
		size_t chunk = min_t(u64, len, PAGE_SIZE - gpa % PAGE_SIZE);
		void *from = aerie_mem_kaddr(mem, gpa);

		if (from)
			memcpy(buf, from, chunk);
		else
			memset(buf, 0, chunk);
		gpa += chunk;
		buf = (u8 *)buf + chunk;
		len -= chunk;
	}
	return 0;
}

int aerie_mem_write(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len, gfp_t gfp)
{
	if (!aerie_mem_is_ram(mem, gpa, len))
		return -EFAULT;
	while (len) {
		size_t chunk = min_t(u64, len, PAGE_SIZE - gpa % PAGE_SIZE);
		int err = aerie_mem_populate(mem, gpa, gfp);

		if (err)
			return err;
		memcpy(aerie_mem_kaddr(mem, gpa), buf, chunk);
		gpa += chunk;
		buf = (const u8 *)buf + chunk;
		len -= chunk;
	}
	return 0;
}

/* The next @len bytes at @gpa differ from @buf nowhere. */
static inline bool fake_mem_equal(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len)
{
	u8 *got = malloc(len);
	bool equal = !aerie_mem_read(mem, gpa, got, len, GFP_KERNEL) && !memcmp(got, buf, len);

	free(got);
	return equal;
}

static inline u64 fake_mem_value(struct aerie_mem *mem, gpa_t gpa, size_t size)
{
	u64 val = 0;

	if (aerie_mem_read(mem, gpa, &val, size, GFP_KERNEL))
		abort();
	return val;
}

#endif
