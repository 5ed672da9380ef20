// SPDX-License-Identifier: GPL-2.0
/*
 * The store: content of pages that are not in frames.
 *
 * A page of one word repeated is that word. Others are compressed by the kernel's crypto
 * library and kept in its zsmalloc, which packs objects of any size up to a page. What does
 * not get a good deal smaller is refused: it would cost work each time and save nothing. It
 * can go to swap as it is (swap.c), and so can what has been compressed before; a sum tells
 * whether what comes back is the same. What a disk of the guest has need not be stored at all
 * (origin.c): that disk is like an area of swap.
 *
 * Both may be modules; they are got when the store is first needed, so that Aerie can be
 * loaded by itself.
 *
 * Locks: each bench has a mutex, which is all that storing and loading takes; the number of
 * benches is how many can do that at a time.
 */
#include <linux/cpumask.h>
#include <linux/err.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/xxhash.h>
#include <asm/cpufeature.h>
#include <crypto/acompress.h>
#include "compat.h"
#include "mm/origin.h"
#include "mm/store.h"
#include "mm/swap.h"
#include "mm/worth.h"

static char *compressor = "lz4";
module_param(compressor, charp, 0444);
MODULE_PARM_DESC(compressor, "of guest pages that leave memory, by the name the kernel's crypto library has for it");

#define STORED_MAX	(PAGE_SIZE / 4 * 3)	/* bytes of a compressed page */
#define PAGE_WORDS	(PAGE_SIZE / sizeof(u64))
#define BENCH_BYTES	(2 * PAGE_SIZE)		/* compressed data can be more than the data */
#define MAX_BENCHES	8u
#define ON_DISK		U8_MAX	/* no area */
#define NEAR		1024u	/* places in swap that are worth reading at the same time */

/**
 * struct aerie_stored - the content of a page
 * @handle: of the object that it is in, where @len is not 0
 * @word: repeated it is the page, where both @len and @area are 0
 * @origin: the disk, where @area is ON_DISK
 * @slot: of the swap area, or page of the disk
 * @sum: of the page
 * @len: bytes of the object
 * @area: the swap area it is in, where this is not 0; or ON_DISK
 * @passed: it has been passed over once when others went to swap
 * @alone: it is in swap for not getting smaller, not its neighbours
 */
struct aerie_stored {
	union {
		unsigned long handle;
		u64 word;
		struct aerie_origin *origin;
	};
	u32 slot;
	u32 sum;
	u16 len;
	u8 area;
	bool passed;
	bool alone;
};

/* What one thread at a time compresses with. */
struct bench {
	struct mutex lock;
	struct acomp_req *req;
	struct crypto_wait wait;
	void *buf;
};

static struct compat_zs zs;
static struct zs_pool *pool;
static struct kmem_cache *cache;
static struct crypto_acomp *tfm;
static struct bench benches[MAX_BENCHES];
static unsigned int nr_benches;
static struct page *bounce[AERIE_SWAP_RUN];	/* under share_lock: from an object to swap */

static int bench_init(struct bench *bench)
{
	mutex_init(&bench->lock);
	crypto_init_wait(&bench->wait);
	bench->buf = kmalloc(BENCH_BYTES, GFP_KERNEL);
	bench->req = acomp_request_alloc(tfm);
	if (!bench->buf || !bench->req)
		return -ENOMEM;
	acomp_request_set_callback(bench->req, CRYPTO_TFM_REQ_MAY_BACKLOG, crypto_req_done,
				   &bench->wait);
	return 0;
}

static void bench_fini(struct bench *bench)
{
	if (bench->req)
		acomp_request_free(bench->req);
	kfree(bench->buf);
	memset(bench, 0, sizeof(*bench));
}

static int open_compressor(void)
{
	unsigned int i, nr = min(num_possible_cpus(), MAX_BENCHES);
	int err;

	tfm = crypto_alloc_acomp(compressor, 0, 0);
	if (IS_ERR(tfm)) {
		tfm = NULL;
		return -ENOENT;
	}
	for (i = 0; i < nr; i++) {
		err = bench_init(&benches[i]);
		if (err)
			return err;
	}
	nr_benches = nr;
	return 0;
}

static int open_allocator(void)
{
	request_module("zsmalloc");
	if (!compat_zs_get(&zs))
		return -ENOENT;
	pool = zs.create("aerie");
	/* Its objects are known by map slots alone, where kmemleak does not look. */
	cache = kmem_cache_create("aerie_stored", sizeof(struct aerie_stored), sizeof(u64),
				  SLAB_NOLEAKTRACE, NULL);
	return pool && cache ? 0 : -ENOMEM;
}

int aerie_store_open(void)
{
	int err;

	if (nr_benches)
		return 0;
	err = open_allocator();
	if (!err)
		err = open_compressor();
	if (err)
		aerie_store_close();
	return err;
}

void aerie_store_close(void)
{
	unsigned int i;

	nr_benches = 0;
	for (i = 0; i < AERIE_SWAP_RUN && bounce[i]; i++) {
		__free_page(bounce[i]);
		bounce[i] = NULL;
	}
	for (i = 0; i < MAX_BENCHES; i++)
		bench_fini(&benches[i]);
	if (tfm)
		crypto_free_acomp(tfm);
	tfm = NULL;
	kmem_cache_destroy(cache);
	cache = NULL;
	if (pool)
		zs.destroy(pool);
	pool = NULL;
	compat_zs_put(&zs);
}

static struct bench *bench_get(void)
{
	struct bench *bench = &benches[raw_smp_processor_id() % nr_benches];

	mutex_lock(&bench->lock);
	return bench;
}

static void bench_put(struct bench *bench)
{
	mutex_unlock(&bench->lock);
}

/* Compress @page into the bench's buffer, or decompress @len bytes of it into @page. */
static int bench_run(struct bench *bench, struct page *page, unsigned int len)
{
	struct scatterlist packed, plain;
	const u64 start = ktime_get_ns();
	int err;

	sg_init_one(&packed, bench->buf, len ?: BENCH_BYTES);
	sg_init_table(&plain, 1);
	sg_set_page(&plain, page, PAGE_SIZE, 0);
	if (len) {
		acomp_request_set_params(bench->req, &packed, &plain, len, PAGE_SIZE);
		err = crypto_wait_req(crypto_acomp_decompress(bench->req), &bench->wait);
	} else {
		acomp_request_set_params(bench->req, &plain, &packed, PAGE_SIZE, BENCH_BYTES);
		err = crypto_wait_req(crypto_acomp_compress(bench->req), &bench->wait);
	}
	aerie_worth_took(len ? AERIE_COST_UNPACK : AERIE_COST_PACK, ktime_get_ns() - start, 1);
	return err;
}

static bool is_one_word(const u64 *words)
{
	unsigned int i;

	for (i = 1; i < PAGE_WORDS; i++)
		if (words[i] != words[0])
			return false;
	return true;
}

/* Returns -E2BIG, -ENOMEM. */
static int pack(struct aerie_stored *stored, struct page *page)
{
	const gfp_t gfp = __GFP_KSWAPD_RECLAIM | __GFP_NORETRY | __GFP_NOWARN | __GFP_HIGHMEM |
			  __GFP_MOVABLE;
	struct bench *bench = bench_get();
	int err = bench_run(bench, page, 0);
	unsigned int len = bench->req->dlen;

	if (err || !len || len > STORED_MAX) {
		err = -E2BIG;
		goto out;
	}
	stored->handle = compat_zs_malloc(&zs, pool, len, gfp);
	if (!stored->handle) {
		err = -ENOMEM;
		goto out;
	}
	compat_zs_write(&zs, pool, stored->handle, bench->buf, len);
	stored->len = len;
out:
	bench_put(bench);
	return err;
}

struct aerie_stored *aerie_store_page(struct page *page, bool compress)
{
	struct aerie_stored *stored = kmem_cache_zalloc(cache, GFP_KERNEL | __GFP_NOWARN);
	const u64 *words = page_address(page);
	int err = 0;

	if (!stored)
		return ERR_PTR(-ENOMEM);
	if (is_one_word(words))
		stored->word = words[0];
	else
		err = compress ? pack(stored, page) : -E2BIG;
	if (err) {
		kmem_cache_free(cache, stored);
		return ERR_PTR(err);
	}
	return stored;
}

/* Returns -EIO. */
static int unpack(const struct aerie_stored *stored, struct page *page)
{
	struct bench *bench = bench_get();
	int err;

	compat_zs_read(&zs, pool, stored->handle, bench->buf, stored->len);
	err = bench_run(bench, page, stored->len);
	if (!err && bench->req->dlen != PAGE_SIZE)
		err = -EIO;
	bench_put(bench);
	return err ? -EIO : 0;
}

/* ---- Swap --------------------------------------------------------------------------- */

static struct aerie_swap_place place_of(const struct aerie_stored *stored)
{
	return (struct aerie_swap_place){ .slot = stored->slot, .area = stored->area };
}

static u64 crc_step(u64 crc, u64 word)
{
	asm("crc32q %1, %0" : "+r" (crc) : "rm" (word));
	return crc;
}

/*
 * Of every fourth word each, as the processor does as many at the same time. compat_crc32c() is
 * a table before 6.14, and takes ten times as many instructions.
 */
static u32 crc_of(const u64 *words)
{
	u64 a = ~0u, b = ~0u, c = ~0u, d = ~0u;
	unsigned int i;

	for (i = 0; i < PAGE_WORDS; i += 8) {
		a = crc_step(a, words[i]);
		b = crc_step(b, words[i + 1]);
		c = crc_step(c, words[i + 2]);
		d = crc_step(d, words[i + 3]);
		a = crc_step(a, words[i + 4]);
		b = crc_step(b, words[i + 5]);
		c = crc_step(c, words[i + 6]);
		d = crc_step(d, words[i + 7]);
	}
	return crc_step(crc_step(crc_step(a, b), c), d);
}

static u32 sum_of(struct page *page)
{
	if (static_cpu_has(X86_FEATURE_XMM4_2))
		return crc_of(page_address(page));
	return xxh64(page_address(page), PAGE_SIZE, 0);
}

static unsigned int swap_write(const struct aerie_swap_place *first, struct page *const *pages,
			       unsigned int nr)
{
	struct aerie_swap_place place = *first;
	u64 took;

	if (!aerie_swap_write(first, pages, nr, &took)) {
		aerie_worth_took(AERIE_COST_WRITE, took, nr);
		return nr;
	}
	for (; place.slot < first->slot + nr; place.slot++)
		aerie_swap_give(&place);
	return 0;
}

static void stored_swapped(struct aerie_stored *stored, const struct aerie_swap_place *first,
			   unsigned int i, struct page *page)
{
	stored->slot = first->slot + i;
	stored->area = first->area;
	stored->len = 0;
	stored->sum = sum_of(page);
}

unsigned int aerie_store_swap(struct page *const *pages, struct aerie_stored **stored,
			      unsigned int nr, bool alone)
{
	struct aerie_swap_place first;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		stored[i] = kmem_cache_zalloc(cache, GFP_KERNEL | __GFP_NOWARN);
		if (!stored[i])
			break;
	}
	nr = aerie_swap_take(i, &first);
	nr = nr ? swap_write(&first, pages, nr) : 0;
	while (i > nr)
		kmem_cache_free(cache, stored[--i]);
	while (i--) {
		stored_swapped(stored[i], &first, i, pages[i]);
		stored[i]->alone = alone;
	}
	return nr;
}

bool aerie_store_moves(struct aerie_stored *stored)
{
	if (!stored->len)
		return false;
	if (stored->passed)
		return true;
	stored->passed = true;
	return false;
}

unsigned int aerie_store_move(struct aerie_stored *const *stored, unsigned int nr)
{
	struct aerie_swap_place first;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		if (!bounce[i])
			bounce[i] = alloc_page(GFP_KERNEL | __GFP_NOWARN);
		if (!bounce[i] || unpack(stored[i], bounce[i]))
			break;
	}
	nr = i ? aerie_swap_take(i, &first) : 0;
	nr = nr ? swap_write(&first, bounce, nr) : 0;
	for (i = 0; i < nr; i++) {
		zs.free(pool, stored[i]->handle);
		stored_swapped(stored[i], &first, i, bounce[i]);
	}
	aerie_worth_went_on(nr);
	return nr;
}

struct aerie_stored *aerie_store_origin(struct aerie_origin *origin, u32 at, struct page *page)
{
	struct aerie_stored *stored = kmem_cache_zalloc(cache, GFP_KERNEL | __GFP_NOWARN);

	if (!stored)
		return NULL;
	stored->origin = origin;
	stored->slot = at;
	stored->area = ON_DISK;
	stored->sum = sum_of(page);
	return stored;
}

enum aerie_store_where aerie_store_where(const struct aerie_stored *stored)
{
	if (!stored->area)
		return AERIE_STORE_PACKED;
	return stored->area == ON_DISK ? AERIE_STORE_DISK : AERIE_STORE_SWAP;
}

bool aerie_store_is_in(const struct aerie_stored *stored, unsigned int id)
{
	return stored->area == id + 1;
}

bool aerie_store_near(const struct aerie_stored *stored, const struct aerie_stored *other)
{
	return stored->area && stored->area == other->area &&
	       (stored->area != ON_DISK || stored->origin == other->origin) &&
	       stored->slot + NEAR - other->slot <= 2 * NEAR;
}

static int read_swap(struct aerie_stored *const *stored, struct page *const *pages,
		     unsigned int nr)
{
	struct aerie_swap_page want[AERIE_SWAP_READ];
	unsigned int i;
	u64 took;
	int err;

	for (i = 0; i < nr; i++)
		want[i] = (struct aerie_swap_page){ place_of(stored[i]), pages[i] };
	err = aerie_swap_read(want, nr, &took);
	if (!err && !stored[0]->alone)
		aerie_worth_took(AERIE_COST_READ, took, nr);
	return err;
}

static int read_disk(struct aerie_stored *const *stored, struct page *const *pages,
		     unsigned int nr)
{
	u32 at[AERIE_SWAP_READ];
	unsigned int i;

	for (i = 0; i < nr; i++)
		at[i] = stored[i]->slot;
	return aerie_origin_read(stored[0]->origin, at, pages, nr);
}

int aerie_store_load_many(struct aerie_stored *const *stored, struct page *const *pages,
			  unsigned int nr)
{
	unsigned int i;

	if (stored[0]->area == ON_DISK ? read_disk(stored, pages, nr) :
					 read_swap(stored, pages, nr))
		return -EIO;
	for (i = 0; i < nr; i++)
		if (sum_of(pages[i]) != stored[i]->sum)
			return -EIO;
	return 0;
}

/* ------------------------------------------------------------------------------------- */

int aerie_store_load(struct aerie_stored *stored, struct page *page)
{
	if (stored->area)
		return aerie_store_load_many(&stored, &page, 1);
	if (!stored->len) {
		memset64(page_address(page), stored->word, PAGE_WORDS);
		return 0;
	}
	aerie_worth_came_back(1);
	return unpack(stored, page);
}

void aerie_store_free(struct aerie_stored *stored)
{
	struct aerie_swap_place place = place_of(stored);

	if (stored->area == ON_DISK)
		aerie_origin_give(stored->origin, stored->slot);
	else if (stored->area)
		aerie_swap_give(&place);
	else if (stored->len)
		zs.free(pool, stored->handle);
	kmem_cache_free(cache, stored);
}

unsigned int aerie_store_bytes(const struct aerie_stored *stored)
{
	return stored->len;
}

unsigned long aerie_store_compact(void)
{
	return zs.compact(pool);
}

unsigned long aerie_store_pages(void)
{
	return READ_ONCE(nr_benches) ? zs.pages(pool) : 0;
}
