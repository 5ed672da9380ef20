/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of guest memory: four VMs with both vendors' tables, of which three share, and one
 * thing or another that guests, the host and devices do, also in the middle of what the
 * scanner does, and with allocations that fail. The model is an array of bytes a VM. A
 * guest's processors keep what they have once translated until they are told to flush.
 * Include it in one source of a test.
 */
#ifndef MODEL_H
#define MODEL_H

#include "fake_mmu.h"
#include "memory.h"

#define BYTES	(7u << 20)
#define PAGES	(BYTES / PAGE_SIZE)
#define MEMS	4
#define CPUS	2
#define TLB	64
#define PINS	6
#define BLOCKS	12	/* of a VM's disk, in four places of three each */
#define APART	300
#define WRITES	3

struct translation {
	bool valid, writable, dirty;
	gfn_t gfn;
	u8 *page;
};

static struct vm {
	struct aerie_mem mem;
	u8 *model;
	struct translation tlb[CPUS][TLB];
	bool counted, written[PAGES];	/* by its guest, since that is counted */
	long nr_written;
	struct aerie_origin *origin;
	u8 disk[BLOCKS][PAGE_SIZE];
} vms[MEMS];

/* A disk is being written. */
static struct {
	struct vm *vm;		/* NULL: none */
	unsigned int block, nr;
	gpa_t gpa;		/* whence */
} writes[WRITES];

static struct {
	struct vm *vm;		/* NULL: none */
	gpa_t gpa;
	bool write;
	struct bio_vec seg;
} pins[PINS];

static u64 seed;
static bool quiet;		/* nobody interferes */
static unsigned int depth;	/* of operations: a flush within one is that of a break */
static bool busy;		/* in one: nobody may wait for another */
static bool collapsing;		/* slots may be BUSY while translations are flushed */
static bool reclaiming;		/* an origin may be locked */
static unsigned long shares, breaks, faults, loads, born;

static u64 rnd(u64 n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (seed >> 11) % n;
}

static struct vm *some_vm(void)
{
	return &vms[rnd(MEMS)];
}

/* Mostly the same few, and always RAM. */
static gpa_t some_page(void)
{
	u64 page = !rnd(16) ? rnd(PAGES) : (rnd(2) ? 1024 : 8) + rnd(4);

	return (page >= 0xa0 && page < 0xc0 ? page - 0xa0 : page) * PAGE_SIZE;
}

/* A processor translates. NULL where that faults. */
static u8 *translate(struct vm *vm, unsigned int cpu, gpa_t gpa, bool write)
{
	struct translation *t = &vm->tlb[cpu][(gpa >> PAGE_SHIFT) % TLB];
	const struct aerie_pte_ops *ops = vm->mem.npt.ops;
	unsigned int level;
	bool writable;
	u64 *p, pfn;

	if (t->valid && t->gfn == gpa >> PAGE_SHIFT && (!write || (t->writable && t->dirty)))
		return t->page;
	p = mmu_walk_to(&vm->mem, gpa, &level, &writable);
	if (!p || (write && !writable))
		return NULL;
	*p |= mmu_accessed(&vm->mem) | (write ? mmu_dirty(&vm->mem) : 0);
	pfn = ops->pfn(*p) + (level == 2 ? gpa >> PAGE_SHIFT & 511 : 0);
	*t = (struct translation){ .valid = true, .writable = writable, .dirty = write,
				   .gfn = gpa >> PAGE_SHIFT, .page = __va(pfn << PAGE_SHIFT) };
	return t->page;
}

/* A guest reads or writes eight bytes. False where it cannot, for want of memory. */
static bool guest_access(struct vm *vm, gpa_t gpa, bool write, u64 val)
{
	unsigned int cpu = rnd(CPUS);
	u8 *page;

	while (!(page = translate(vm, cpu, gpa, write))) {
		vm->tlb[cpu][(gpa >> PAGE_SHIFT) % TLB].valid = false;
		faults++;
		if (aerie_mem_fault(&vm->mem, gpa, write ? AERIE_ACC_WRITE : AERIE_ACC_READ,
				    busy ? GFP_NOWAIT : GFP_KERNEL))
			return false;
	}
	if (write) {
		memcpy(page + gpa % PAGE_SIZE, &val, 8);
		memcpy(vm->model + gpa, &val, 8);
		if (vm->counted && !vm->written[gpa >> PAGE_SHIFT]) {
			vm->written[gpa >> PAGE_SHIFT] = true;
			vm->nr_written++;
		}
	} else {
		EXPECT(!memcmp(page + gpa % PAGE_SIZE, vm->model + gpa, 8));
	}
	return true;
}

static void one_op(void);

/* Others go on until all have flushed, and do not see anything of what is under way. */
static void flush(struct aerie_mem *mem)
{
	struct vm *vm = container_of(mem, struct vm, mem);
	bool was = busy;
	unsigned int i;

	busy = depth || collapsing;
	for (i = quiet || was || rnd(2) ? 0 : rnd(12); i; i--)
		one_op();
	busy = was;
	memset(vm->tlb, 0, sizeof(vm->tlb));
}

/* Content that others are likely to have as well; kind 0 is zeroes. */
static void pattern(u8 *page, unsigned int kind)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE; i++)
		page[i] = kind * (i + kind);
}

static void host_write(struct vm *vm, gpa_t gpa, const void *buf, size_t len)
{
	if (!aerie_mem_write(&vm->mem, gpa, buf, len, busy || rnd(2) ? GFP_NOWAIT : GFP_KERNEL))
		memcpy(vm->model + gpa, buf, len);
}

/* A disk reads some blocks, and tells which; or it errs, or means an older content. */
static void disk_read(struct vm *vm, gpa_t gpa)
{
	unsigned int block = 1 + rnd(6), pages = 1 + rnd(4), i;
	bool errs = !rnd(8);
	u8 page[PAGE_SIZE];

	for (i = 0; i < pages; i++) {
		pattern(page, block + i);
		if (!rnd(16))
			page[rnd(PAGE_SIZE)] = 1;
		host_write(vm, gpa + i * PAGE_SIZE, page, PAGE_SIZE);
	}
	aerie_share_tell(&vm->mem, gpa, pages, errs ? rnd(8) : 1000 + block);
}

/* ---- Its own disk -------------------------------------------------------------------- */

static u64 block_pos(unsigned int block)
{
	return (u64)(block / 3 * APART + block % 3) * PAGE_SIZE;
}

static struct file *disk_at(void *disk, u64 pos, u64 *len)
{
	return disk;
}

/* Others go on while it is read; if that is to bring a page back they may not wait. */
static int disk_fill(struct file *file, u64 pos, struct page *page)
{
	struct vm *vm = (struct vm *)file;
	u64 at = pos / PAGE_SIZE;
	bool was_reclaiming = reclaiming, was_busy = busy;
	unsigned int i;

	if (at % APART >= 3 || at / APART >= BLOCKS / 3)
		return -EIO;
	memcpy(page, vm->disk[at / APART * 3 + at % APART], PAGE_SIZE);
	busy = !reclaiming;
	reclaiming = false;
	for (i = quiet || was_busy || depth ? 0 : rnd(4); i; i--)
		one_op();
	busy = was_busy;
	reclaiming = was_reclaiming;
	return 0;
}

static void write_end(unsigned int i)
{
	struct vm *vm = writes[i].vm;
	unsigned int n;
	u8 page[PAGE_SIZE];

	for (n = 0; n < writes[i].nr; n++) {
		/* A block of what is there now, or has just been; or it fails. */
		if (!rnd(8) || aerie_mem_read(&vm->mem, writes[i].gpa + n * PAGE_SIZE, page,
					      PAGE_SIZE, GFP_NOWAIT))
			continue;
		memcpy(vm->disk[writes[i].block + n], page, PAGE_SIZE);
	}
	aerie_origin_write_end(vm->origin, block_pos(writes[i].block), writes[i].nr * PAGE_SIZE);
	aerie_origin_same(vm->origin, writes[i].gpa, block_pos(writes[i].block), writes[i].nr);
	writes[i].vm = NULL;
}

/* The guest has its disk read or written, or that comes to an end. */
static void disk_op(void)
{
	unsigned int i = rnd(WRITES), block = rnd(BLOCKS / 3) * 3, nr = 1 + rnd(3), n;
	struct vm *vm = some_vm();
	gpa_t gpa = some_page();

	if (writes[i].vm) {
		write_end(i);
	} else if (rnd(3)) {
		for (n = 0; n < nr; n++)
			host_write(vm, gpa + n * PAGE_SIZE, vm->disk[block + n], PAGE_SIZE);
		/* It errs, at times. */
		aerie_origin_same(vm->origin, gpa, block_pos(rnd(8) ? block : rnd(BLOCKS)), nr);
	} else if (!busy && !reclaiming &&
		   !aerie_origin_write_begin(vm->origin, block_pos(block), nr * PAGE_SIZE)) {
		writes[i].vm = vm;
		writes[i].block = block;
		writes[i].nr = nr;
		writes[i].gpa = gpa;
	}
}

static void disk_close(struct vm *vm, bool goes_on)
{
	unsigned int i;

	for (i = 0; i < WRITES; i++)
		if (writes[i].vm == vm)
			write_end(i);
	aerie_origin_close(vm->origin, goes_on);
	if (goes_on)
		EXPECT_EQ(atomic_long_read(&vm->mem.on_disk), 0);
	vm->origin = NULL;
}

static void disk_open(struct vm *vm)
{
	vm->origin = aerie_origin_open(&vm->mem, disk_at, vm);
	EXPECT(vm->origin);
}

/* ------------------------------------------------------------------------------------- */

static void pin_some(void)
{
	unsigned int i = rnd(PINS);
	u32 len = (1 + rnd(3)) * PAGE_SIZE;
	struct vm *vm = some_vm();
	gpa_t gpa = some_page();
	bool write = rnd(2);
	struct bio_vec seg;

	if (pins[i].vm) {
		aerie_mem_unpin(&pins[i].seg);
		pins[i].vm = NULL;
		return;
	}
	if (aerie_mem_pin(&vm->mem, gpa, len, write, &seg))
		return;
	/* What is to be written as a whole may have lost what it was. */
	if (write && !seg.bv_offset && len >= PAGE_SIZE)
		memcpy(vm->model + gpa, seg.bv_page, PAGE_SIZE);
	EXPECT(!memcmp(seg.bv_page, vm->model + gpa, seg.bv_len));
	pins[i].vm = vm;
	pins[i].gpa = gpa;
	pins[i].write = write;
	pins[i].seg = seg;
}

static void pin_use(void)
{
	unsigned int i = rnd(PINS), at;
	u8 *bytes = (u8 *)pins[i].seg.bv_page;

	if (!pins[i].vm)
		return;
	at = rnd(pins[i].seg.bv_len);
	if (pins[i].write)
		pins[i].vm->model[pins[i].gpa + at] = bytes[at] = rnd(256);
	else
		at += bytes[at];	/* it is there */
}

static void one_op(void)
{
	struct vm *vm = some_vm();
	gpa_t gpa = some_page();
	u8 page[PAGE_SIZE];
	u64 old, val;
	unsigned int i;

	depth++;
	if (!rnd(50))
		shim_fail_alloc = 1 + rnd(4);
	switch (rnd(21)) {
	case 0 ... 4:
		guest_access(vm, gpa + 8 * rnd(512), false, 0);
		break;
	case 5 ... 6:
		guest_access(vm, gpa + 8 * rnd(512), true, rnd(4));
		break;
	case 7 ... 8:
		pattern(page, rnd(5));
		for (i = 0; i < PAGE_SIZE; i += 8) {
			memcpy(&val, page + i, 8);
			if (!guest_access(vm, gpa + i, true, val))
				break;
		}
		break;
	case 9:
		pattern(page, rnd(5));
		host_write(vm, gpa, page, PAGE_SIZE);
		break;
	case 10:
		val = rnd(4);
		host_write(vm, gpa + 8 * rnd(512), &val, 8);
		break;
	case 11:
		gpa += 8 * rnd(512);
		memcpy(&old, vm->model + gpa, 8);
		val = rnd(4);
		if (aerie_mem_cmpxchg(&vm->mem, gpa, 8, &old, val,
				      busy ? GFP_NOWAIT : GFP_KERNEL) == 1)
			memcpy(vm->model + gpa, &val, 8);
		break;
	case 12:
		if (!aerie_mem_read(&vm->mem, gpa, page, PAGE_SIZE, busy || rnd(2) ? GFP_NOWAIT : GFP_KERNEL))
			EXPECT(!memcmp(page, vm->model + gpa, PAGE_SIZE));
		break;
	case 13:
		if (!busy)
			pin_some();
		break;
	case 14 ... 15:
		disk_read(vm, gpa);
		break;
	case 16 ... 18:
		disk_op();
		break;
	default:
		pin_use();
	}
	shim_fail_alloc = 0;
	depth--;
}

/* Others go on until a grace period is over. */
void shim_grace(void)
{
	unsigned int i;

	for (i = quiet || rnd(2) ? 0 : rnd(12); i; i--)
		one_op();
}

/* What the guest writes is counted from now on, or no longer. */
static void count_written(struct vm *vm, bool count)
{
	u64 ns;

	if (vm->counted)
		EXPECT(aerie_mem_written(&vm->mem, &ns) >= vm->nr_written * PAGE_SIZE);
	vm->counted = false;
	aerie_mem_count_written(&vm->mem, count);
	vm->counted = count;
	vm->nr_written = 0;
	memset(vm->written, 0, sizeof(vm->written));
}

static bool scanning;

/* Or do something at the last moment. */
void shim_locking(void)
{
	unsigned int i;

	if (!scanning || depth || quiet || rnd(16))
		return;
	for (i = 1 + rnd(8); i; i--)
		one_op();
}

static void verify(struct vm *vm)
{
	long own = 0, zero = 0, shared = 0, stored = 0, pages;
	struct aerie_leaf leaf;
	u8 page[PAGE_SIZE];
	gpa_t gpa;
	gfn_t gfn;

	for (gfn = 0; aerie_map_next(&vm->mem, gfn, &leaf); gfn = leaf.gfn + pages) {
		pages = leaf.large ? 512 : 1;
		if (leaf.own)
			own += pages;
		else if (leaf.stored)
			stored += pages;
		else if (aerie_map_shared(&leaf))
			shared += pages;
		else
			zero += pages;
		if (aerie_map_shared(&leaf))
			EXPECT(aerie_shared_of(leaf.page)->group == vm->mem.group);
	}
	EXPECT_EQ(own, atomic_long_read(&vm->mem.resident));
	EXPECT_EQ(zero, atomic_long_read(&vm->mem.zero));
	EXPECT_EQ(shared, atomic_long_read(&vm->mem.shared));
	EXPECT_EQ(stored, atomic_long_read(&vm->mem.stored) +
			  atomic_long_read(&vm->mem.swapped) + atomic_long_read(&vm->mem.on_disk));
	for (gpa = 0; gpa < BYTES; gpa += PAGE_SIZE) {
		if (!aerie_mem_is_ram(&vm->mem, gpa, PAGE_SIZE))
			continue;
		EXPECT_EQ(aerie_mem_read(&vm->mem, gpa, page, PAGE_SIZE, GFP_KERNEL), 0);
		if (memcmp(page, vm->model + gpa, PAGE_SIZE)) {
			printf("# VM %ld, page 0x%llx\n", vm - vms, (unsigned long long)gpa);
			EXPECT(!"the content is the model's");
			exit(1);
		}
	}
}

static void vm_clear(struct vm *vm)
{
	unsigned int i;

	for (i = 0; i < PINS; i++) {
		if (pins[i].vm == vm)
			aerie_mem_unpin(&pins[i].seg);
		if (pins[i].vm == vm)
			pins[i].vm = NULL;
	}
	shares += atomic_long_read(&vm->mem.shared);
	memset(vm->tlb, 0, sizeof(vm->tlb));
	aerie_mem_clear(&vm->mem);
	memset(vm->model, 0, BYTES);
}

/* Others, who may not wait, go on while a page is read back. */
static void loading(void)
{
	bool was = busy;
	unsigned int i;

	busy = true;
	for (i = quiet || was || depth > 1 ? 0 : rnd(6); i; i--)
		one_op();
	busy = was;
}

static void vm_create(struct vm *vm, const struct aerie_pte_ops *ops, const char *group)
{
	EXPECT_EQ(aerie_mem_init(&vm->mem, BYTES, ops), 0);
	vm->mem.flush = flush;
	vm->counted = false;
	EXPECT_EQ(aerie_share_join(&vm->mem, group), 0);
	vm->model = calloc(1, BYTES);
	disk_open(vm);
	memset(vm->tlb, 0, sizeof(vm->tlb));
}

static void vm_destroy(struct vm *vm)
{
	disk_close(vm, rnd(2));
	vm_clear(vm);
	breaks += atomic_long_read(&vm->mem.broken);
	loads += atomic_long_read(&vm->mem.loaded);
	born += atomic_long_read(&vm->mem.born);
	aerie_mem_fini(&vm->mem);
	free(vm->model);
}

/* Before and after it nothing is there but the large frame of zeroes. */
static void setup(u64 with)
{
	static struct aerie_pte_ops small;

	seed = with;
	quiet = false;
	fake_store_loading = loading;
	fake_disk_read = disk_fill;
	small = aerie_pte_ept_ad;
	small.no_large = true;
	EXPECT_EQ(aerie_mm_init(), 0);
	vm_create(&vms[0], &aerie_pte_npt4, "a");
	vm_create(&vms[1], &aerie_pte_ept, "a");
	vm_create(&vms[2], &small, "a");
	vm_create(&vms[3], &aerie_pte_ept_ad, "");
}

static void teardown(void)
{
	int i;

	quiet = true;
	for (i = 0; i < MEMS; i++)
		vm_destroy(&vms[i]);
	aerie_mm_exit();
	EXPECT(!shim_rcu);
	expect_nothing_left();
	EXPECT_EQ(shim_nr_pages, 1);	/* the shim's own page of zeroes */
}

#endif
