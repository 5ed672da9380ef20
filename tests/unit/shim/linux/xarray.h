#include "../shim.h"
#ifndef SHIM_XARRAY_H
#define SHIM_XARRAY_H

/* By index: few enough to be looked for. Locking is nobody's business here. */
#define SHIM_XA_LISTS	256
#define XA_FLAGS_ACCOUNT 0
#define XA_PRESENT	8

struct shim_xa_entry {
	struct shim_xa_entry *next;
	unsigned long index;
	void *entry;
};

struct xarray {
	struct shim_xa_entry *list[SHIM_XA_LISTS];
	long nr;
};

static inline void xa_init_flags(struct xarray *xa, gfp_t flags) { memset(xa, 0, sizeof(*xa)); }
static inline bool xa_empty(const struct xarray *xa) { return !xa->nr; }
static inline void *xa_mk_value(unsigned long v) { return (void *)(v << 1 | 1); }
static inline unsigned long xa_to_value(const void *entry) { return (unsigned long)entry >> 1; }

static inline struct shim_xa_entry **shim_xa_at(struct xarray *xa, unsigned long index)
{
	struct shim_xa_entry **at = &xa->list[index % SHIM_XA_LISTS];

	while (*at && (*at)->index != index)
		at = &(*at)->next;
	return at;
}

static inline void *xa_load(struct xarray *xa, unsigned long index)
{
	struct shim_xa_entry *found = *shim_xa_at(xa, index);

	return found ? found->entry : NULL;
}

static inline int xa_insert(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	struct shim_xa_entry **at = shim_xa_at(xa, index);

	if (*at)
		return -EBUSY;
	*at = kzalloc(sizeof(**at), gfp);
	if (!*at)
		return -ENOMEM;
	(*at)->index = index;
	(*at)->entry = entry;
	xa->nr++;
	return 0;
}

static inline void *xa_store(struct xarray *xa, unsigned long index, void *entry, gfp_t gfp)
{
	struct shim_xa_entry *found = *shim_xa_at(xa, index);

	if (found)
		found->entry = entry;
	else
		xa_insert(xa, index, entry, gfp);
	return NULL;
}

static inline void *xa_erase(struct xarray *xa, unsigned long index)
{
	struct shim_xa_entry **at = shim_xa_at(xa, index), *found = *at;
	void *entry = found ? found->entry : NULL;

	if (found) {
		*at = found->next;
		kfree(found);
		xa->nr--;
	}
	return entry;
}

/* Only to take away what is there. */
static inline void *xa_cmpxchg(struct xarray *xa, unsigned long index, void *old, void *entry,
			       gfp_t gfp)
{
	void *found = xa_load(xa, index);

	if (entry)
		abort();
	return found == old ? xa_erase(xa, index) : found;
}

static inline void *xa_find(struct xarray *xa, unsigned long *index, unsigned long max,
			    unsigned int filter)
{
	struct shim_xa_entry *e, *found = NULL;
	unsigned int i;

	for (i = 0; i < SHIM_XA_LISTS; i++)
		for (e = xa->list[i]; e; e = e->next)
			if (e->index >= *index && e->index <= max &&
			    (!found || e->index < found->index))
				found = e;
	if (found)
		*index = found->index;
	return found ? found->entry : NULL;
}

static inline void xa_destroy(struct xarray *xa)
{
	unsigned int i;

	for (i = 0; i < SHIM_XA_LISTS; i++)
		while (xa->list[i])
			xa_erase(xa, xa->list[i]->index);
}

#endif
