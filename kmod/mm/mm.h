/* SPDX-License-Identifier: GPL-2.0 */
/* Guest memory: which frame each gfn holds, and the nested table as its cache. */
#ifndef AERIE_MM_MM_H
#define AERIE_MM_MM_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/spinlock.h>
#include <linux/xarray.h>
#include "types.h"

#define AERIE_LOWMEM_END	0xa0000ull	/* VGA hole starts */
#define AERIE_HIGHMEM_START	0xc0000ull	/* BIOS area is RAM again */
#define AERIE_PCI_HOLE_START	0xc0000000ull	/* RAM below 4 GiB ends here */
#define AERIE_PCI_HOLE_END	0x100000000ull

/* A run of guest physical memory that is RAM. */
struct aerie_ram {
	gpa_t start, end;	/* end is exclusive */
};

#define AERIE_MAX_RAM	3

#define AERIE_AGES	8u	/* of frames; age n > 0: not accessed for 2^(n-1) rounds or more */
#define AERIE_WEIGHT	100u	/* of a VM, unless it is set */
#define AERIE_MAX_WEIGHT 10000u

struct aerie_map_node;
struct aerie_map_run;
struct aerie_origin;
struct aerie_pte_ops;
struct aerie_ring;
struct bio_vec;
struct file;
struct mem_cgroup;

/* Nested page table of one VM. */
struct aerie_npt {
	const struct aerie_pte_ops *ops;
	u64 *root;		/* root table, host virtual */
	hpa_t root_hpa;
	u8 levels;		/* 4 or 5 */
	atomic_long_t tables;	/* table pages in use */
	bool guarded;		/* it may be protected by its upper entries */
};

#define AERIE_ORIGINS	32u	/* disks of a VM that are known as origins, at most */

/**
 * struct aerie_mem - the memory of one VM
 * @ram: RAM ranges in ascending order, constant after aerie_mem_init()
 * @map: root of the gfn map, see map.c; nodes are freed only when no vCPU and no
 *	 device can reach them
 * @lock: read-only frames in map and nested table
 * @flush: returns when no processor uses a translation any more that has been taken from
 *	   the nested table; called with preemption off, and by a thread of the VM's vCPUs
 *	   alone where that may not sleep. NULL: nobody walks the table
 * @lone: one vCPU walks the table, and nobody else
 * @resident: 4 KiB pages of the VM's own
 * @large: of these, held as parts of 2 MiB frames
 * @zero: 4 KiB pages that are zeroes: only read so far, or found to be
 * @shared: 4 KiB pages in frames that other gfns, of this VM or others, hold as well
 * @broken: pages that were shared and have been written
 * @born: pages that became shared because of what was told (aerie_share_tell())
 * @hashed: pages the scanner has hashed
 * @stored: 4 KiB pages whose content is compressed
 * @packed: bytes of the host that these take
 * @swapped: 4 KiB pages whose content is in swap
 * @on_disk: 4 KiB pages that have left memory for being on a disk of the guest's own
 * @around: gfns that have been read from swap lately; how many pages for the last one; of those
 *	    that were read around others, how many turned out to be used, how many not
 * @loaded: how often one has been brought back
 * @move_at: the gfn where looking for what can go from the store to swap goes on
 * @limit, @reserve: 4 KiB pages of its own: the most it may have, 0 for all; and those that
 *		     are not taken from it for others
 * @weight: the part that it has of the pool beside others, AERIE_WEIGHT being usual
 * @idle: 4 KiB pages of its own by age (AERIE_AGES), as of the last time that was counted
 * @starving: it has waited for room in the pool since
 * @lent: 4 KiB pages that it may have beyond its limit (pool.c)
 * @asked: 4 KiB pages that have to leave memory for the host not having had one for it
 * @flush_due: what has been stored may still be translated to the frames it was in
 * @written: 4 KiB pages that the guest has written since @written_since (ns, 0: not counted)
 * @memcg: the memory cgroup of who made the VM, which pays for all of it; may be NULL
 * @group, @share_node: of the scanner (share.c)
 * @told: it is worth telling it what is read: others can join the group
 * @ring: what it has been told; NULL: nothing so far
 */
struct aerie_mem {
	struct aerie_ram ram[AERIE_MAX_RAM];
	unsigned int nr_ram;
	u64 bytes;
	u64 generation;		/* changes when content is dropped, vCPUs parked */
	struct aerie_map_node *map;
	struct aerie_npt npt;
	spinlock_t lock;
	void (*flush)(struct aerie_mem *mem);
	bool lone;
	atomic_long_t resident;
	atomic_long_t large;
	atomic_long_t zero;
	atomic_long_t shared;
	atomic_long_t broken;
	atomic_long_t born;
	atomic_long_t hashed;
	atomic_long_t stored;
	atomic_long_t packed;
	atomic_long_t swapped;
	atomic_long_t on_disk;
	atomic_long_t loaded;
	struct {
		gfn_t read[8];
		unsigned int next, nr;
		unsigned int used, wasted;
	} around;
	gfn_t move_at;
	unsigned long limit, reserve;
	unsigned int weight;
	unsigned long idle[AERIE_AGES];
	struct aerie_starving {
		bool is;
		int stucks;		/* of the pool when it began */
		unsigned long since;	/* jiffies */
	} starving;
	atomic_long_t asked;
	atomic_long_t lent;
	bool flush_due;
	atomic_long_t written;
	u64 written_since;
	struct mem_cgroup *memcg;
	struct aerie_group *group;
	struct list_head share_node;
	bool told;
	struct aerie_ring *ring;
	atomic_long_t nodes;
	struct aerie_origin *origins[AERIE_ORIGINS];
	struct xarray known;
};

/**
 * struct aerie_pte_ops - entry format of a nested page table
 * @levels: 4 or 5
 * @make_table: entry that points at a lower table
 * @make_page: entry that maps a page; @level 1 is 4 KiB, 2 is 2 MiB
 * @present: does the entry map or point at anything
 * @large: does the entry, at @level 2 or more, map a page
 * @pfn: host frame number the entry holds
 * @writable: does the entry allow writes
 * @accessed: accessed bit; @dirty: dirty bit; both false where !@has_ad
 * @protect: the entry, but not allowing writes
 * @clean: the entry without its dirty bit; @old: without its accessed bit
 * @has_ad: the processor keeps accessed and dirty bits
 * @no_large: pages of 4 KiB only, whatever the frames are
 */
struct aerie_pte_ops {
	u8 levels;
	bool has_ad;
	bool no_large;
	u64 (*make_table)(hpa_t table);
	u64 (*make_page)(hpa_t page, unsigned int level, bool writable);
	bool (*present)(u64 pte);
	bool (*large)(u64 pte, unsigned int level);
	u64 (*pfn)(u64 pte);
	bool (*writable)(u64 pte);
	bool (*accessed)(u64 pte);
	bool (*dirty)(u64 pte);
	u64 (*protect)(u64 pte);
	u64 (*clean)(u64 pte);
	u64 (*old)(u64 pte);
};

extern const struct aerie_pte_ops aerie_pte_ept;	/* EPT, without A/D bits */
extern const struct aerie_pte_ops aerie_pte_ept_ad;	/* EPT, with A/D bits */
extern const struct aerie_pte_ops aerie_pte_npt4;	/* NPT, 4 levels */
extern const struct aerie_pte_ops aerie_pte_npt5;	/* NPT under a 5-level host */
extern u64 aerie_pte_npt_c_bit;	/* set by setup where the host encrypts memory */

/* What all VMs share. Context: module load, and unload, when no VM is left. */
int aerie_mm_init(void);	/* 0 or -errno */
void aerie_mm_exit(void);

#define AERIE_GROUP_LEN	32	/* of a sharing group's name, with a terminating zero */

/**
 * aerie_share_join() - let the scanner look at a VM's memory
 * @mem: the memory
 * @group: name of its sharing group: only members of one group ever hold a frame together;
 *	   "" is one of its own
 *
 * Context: may sleep. Return: 0 or -ENOMEM. Ended by aerie_mem_fini().
 */
int aerie_share_join(struct aerie_mem *mem, const char *group);

/**
 * aerie_share_tell() - tell the scanner where pages have been read from
 * @mem: the memory, whose pages they are
 * @gpa: the first
 * @pages: how many, one behind the other; nobody writes them on the caller's behalf any more
 * @key: what is the same where another page has the same content; the next page's is the
 *	 next number. It need not be true.
 *
 * Where others of the group have been told the same, theirs and these soon become one
 * frame, if they are equal. Context: may sleep.
 */
void aerie_share_tell(struct aerie_mem *mem, gpa_t gpa, u32 pages, u64 key);

/* Which file holds byte @pos of a disk, at the same place; @len is cut to what it holds. Or NULL. */
typedef struct file *(*aerie_origin_at)(void *disk, u64 pos, u64 *len);

/**
 * aerie_origin_open() - let pages leave memory for being on a disk
 * @mem: the memory of the VM whose disk it is
 * @at: called until it is closed, by any thread
 * @disk: for @at
 *
 * Context: may sleep. Return: the origin, NULL where there are too many, or no memory: all calls
 * below do nothing then.
 */
struct aerie_origin *aerie_origin_open(struct aerie_mem *mem, aerie_origin_at at, void *disk);

/*
 * The disk goes, nobody reads from it or writes to it any more. @goes_on: the guest does: what
 * has left memory comes back. Context: may sleep; nobody clears the memory meanwhile.
 */
void aerie_origin_close(struct aerie_origin *origin, bool goes_on);

/* Is it of use to tell which pages are the same? Context: any. */
bool aerie_origin_wanted(const struct aerie_origin *origin);

/*
 * @pages pages from @gpa on have been read from the disk's byte @pos, or written there. It need
 * not be true. Context: may sleep.
 */
void aerie_origin_same(struct aerie_origin *origin, gpa_t gpa, u64 pos, u32 pages);

/*
 * @len bytes of the disk at @pos are about to be changed, and have been, or not: nothing leaves
 * memory for being there meanwhile, and what had has come back. Context: may sleep, holding no
 * memory, and any. Return: 0 or -ENOMEM: then there is no end to it.
 */
int aerie_origin_write_begin(struct aerie_origin *origin, u64 pos, u64 len);
void aerie_origin_write_end(struct aerie_origin *origin, u64 pos, u64 len);

/**
 * aerie_share_saved() - what sharing saves of a VM's memory
 * @mem: the memory
 *
 * A frame with n holders saves each of them all but an n-th. Context: may sleep; walks
 * the whole map, if there still is one.
 * Return: bytes.
 */
u64 aerie_share_saved(struct aerie_mem *mem);

/**
 * aerie_share_with() - how many pages a VM holds together with another
 * @mem, @other: their memory, or the same twice
 *
 * Context: as above. Return: pages of @mem whose frame @other holds as well; of @mem alone
 * those that it holds more than once.
 */
u64 aerie_share_with(struct aerie_mem *mem, struct aerie_mem *other);

/* Per cent of one processor that the scanner takes, 0 to 100: 0 stops it. */
unsigned int aerie_share_budget(void);
void aerie_share_set_budget(unsigned int percent);

/**
 * struct aerie_mem_limits - what a VM may have of the host's memory
 * @limit: bytes, 0: no limit of its own
 * @reserve: bytes that are not taken from it for others
 * @weight: its part beside others, 1 to AERIE_MAX_WEIGHT
 */
struct aerie_mem_limits {
	u64 limit, reserve;
	unsigned int weight;
};

#define AERIE_MIN_LIMIT	(1u << 20)	/* bytes, of a VM */

/*
 * Context: may sleep. Return: 0; where there is a limit -ENOENT without what it takes to put
 * memory away, -ENOMEM; then nothing has changed.
 */
int aerie_mem_set_limits(struct aerie_mem *mem, const struct aerie_mem_limits *limits);
void aerie_mem_limits(const struct aerie_mem *mem, struct aerie_mem_limits *limits);

/**
 * aerie_mem_count_written() - count what the guest writes
 * @mem: the memory
 * @count: from now on, from 0; or no longer
 *
 * Each page's first write costs a nested fault. Context: may sleep.
 */
void aerie_mem_count_written(struct aerie_mem *mem, bool count);

/* How many bytes it has been, in which time: 0 where they are not counted. Context: any. */
u64 aerie_mem_written(const struct aerie_mem *mem, u64 *ns);

/* What all guests together may have of the host's memory: bytes, in MiB; 0: no limit. */
u64 aerie_pool_limit(void);
int aerie_pool_set_limit(u64 bytes);	/* context and errors as above */
/* What they have, in bytes; and of that, what has left memory takes. */
u64 aerie_pool_used(void);
u64 aerie_pool_stored(void);
/* Between two looks at which pages have been accessed; 0: none. */
unsigned int aerie_age_seconds(void);

/**
 * struct aerie_mem_need - how short memory is, as far as it is a VM's to do something about it
 * @need: bytes of the host that it had better do without
 * @room: bytes that are free beyond what is to be; 0 where there is @need, and before
 */
struct aerie_mem_need {
	u64 need, room;
};

/* Context: may sleep. */
void aerie_mem_need(const struct aerie_mem *mem, struct aerie_mem_need *need);

#define AERIE_SWAP_AREAS	8u
#define AERIE_SWAP_MIN		(1u << 20)	/* bytes */

/*
 * Swap areas, by numbers below AERIE_SWAP_AREAS. The caller keeps two calls that change them
 * from happening at a time. Context of all: may sleep.
 */

/**
 * aerie_swap_add() - let content of guest pages go to a file or block device
 * @file: open for reading and writing; the caller keeps it open until the area has been
 *	  removed
 * @bytes: its size, AERIE_SWAP_MIN or more
 * @id: the number it gets, which no other has
 *
 * Return: 0 or -ENOMEM.
 */
int aerie_swap_add(struct file *file, u64 bytes, unsigned int id);

/* Let nothing more go there, or again. */
void aerie_swap_close(unsigned int id, bool closed);

/**
 * aerie_swap_empty() - bring back what is in an area
 * @id: a closed area
 *
 * Return: 0; -EINTR on a signal; -ENOMEM; -EIO for what cannot be read, which stays there.
 */
int aerie_swap_empty(unsigned int id);

/* False where something is in it. */
bool aerie_swap_remove(unsigned int id);

/* Of an area, in bytes. */
void aerie_swap_figures(unsigned int id, u64 *bytes, u64 *used);

/**
 * aerie_mem_init() - lay out RAM and make an empty map and nested table
 * @mem: the memory
 * @bytes: RAM size; a multiple of 4 KiB, at least 1 MiB
 * @ops: nested table format
 *
 * Context: may sleep.
 * Return: 0 or -ENOMEM, -EINVAL.
 */
int aerie_mem_init(struct aerie_mem *mem, u64 bytes, const struct aerie_pte_ops *ops);

/**
 * aerie_mem_fini() - free all frames, the map and the nested table
 * @mem: the memory; nobody uses it any more
 *
 * Context: may sleep; yields the processor between subtrees.
 */
void aerie_mem_fini(struct aerie_mem *mem);

/**
 * aerie_mem_clear() - drop all content, keep the layout (power-on, reset)
 * @mem: the memory; vCPUs are parked, their translations are flushed after it
 */
void aerie_mem_clear(struct aerie_mem *mem);

/**
 * aerie_mem_is_ram() - is [@gpa, @gpa + @len) wholly RAM
 * @mem: the memory
 * @gpa: guest physical address
 * @len: bytes
 */
bool aerie_mem_is_ram(const struct aerie_mem *mem, gpa_t gpa, u64 len);

/**
 * aerie_mem_read() - checked copy from guest memory
 * @mem: the memory
 * @gpa: guest physical address; the range may cross pages
 * @buf: destination
 * @len: bytes
 * @gfp: GFP_NOWAIT (any context) or GFP_KERNEL (may sleep)
 *
 * Untouched memory reads as zero without being allocated; what is stored is brought back.
 * Return: 0; -EFAULT where part of the range is not RAM (nothing is copied);
 * -EAGAIN where GFP_NOWAIT does not suffice; -ENOMEM, -EIO for what is stored.
 */
int aerie_mem_read(struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len, gfp_t gfp);

/**
 * aerie_mem_dump() - aerie_mem_read() for who is no part of the VM
 * @mem: the memory, which may be cleared meanwhile
 * @gpa: guest physical address
 * @buf: destination
 * @len: bytes, few: nobody can clear a map, or share, for as long
 *
 * Context: may sleep. Return: 0; -EFAULT where part of the range is not RAM.
 */
int aerie_mem_dump(struct aerie_mem *mem, gpa_t gpa, void *buf, size_t len);

/**
 * aerie_mem_picture() - tell what guest-physical memory is, page by page
 * @mem: the memory, which may be cleared or freed meanwhile
 * @start: guest physical address, of a page
 * @runs: filled in with what is there, from @start on, without a gap
 * @nr: how many there is room for, at least 1
 * @next: set to the address behind them, which need not be the end of a run of equal
 *	  pages; to 0 where there is no memory behind them
 *
 * It does not take long, so that there may be fewer than there is room for.
 * Context: may sleep.
 * Return: how many runs there are; -ERANGE where memory ends before @start; -ENOENT where
 * there is none any more.
 */
int aerie_mem_picture(struct aerie_mem *mem, gpa_t start, struct aerie_map_run *runs,
		      unsigned int nr, gpa_t *next);

/**
 * aerie_mem_write() - checked copy to guest memory
 * @mem: the memory
 * @gpa: guest physical address; the range may cross pages
 * @buf: source
 * @len: bytes
 * @gfp: as for aerie_mem_read()
 *
 * Return: as aerie_mem_read(), or -ENOMEM with GFP_KERNEL. With -EAGAIN pages
 * before the one that is missing may have been written: repeat the whole.
 */
int aerie_mem_write(struct aerie_mem *mem, gpa_t gpa, const void *buf, size_t len, gfp_t gfp);

/**
 * aerie_mem_cmpxchg() - atomic compare and exchange on guest memory
 * @mem: the memory
 * @gpa: naturally aligned
 * @size: 1, 2, 4 or 8
 * @old: expected value; on return the value found
 * @new: value to store where it was as expected
 * @gfp: as for aerie_mem_read()
 *
 * Return: 1 stored, 0 not equal, -EFAULT, -EINVAL misaligned, -EAGAIN, -ENOMEM.
 */
int aerie_mem_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size,
		      u64 *old, u64 new, gfp_t gfp);

/**
 * aerie_mem_try_cmpxchg() - aerie_mem_cmpxchg() of memory that can be written as it is
 * @mem: the memory
 * @gpa: naturally aligned
 * @size: 1, 2, 4 or 8
 * @old: expected value; on return the value found
 * @new: value to store where it was as expected
 *
 * Context: any, interrupts may be off.
 * Return: 1 stored, 0 not equal, -EFAULT, -EINVAL misaligned, -EAGAIN where the page has to
 * be brought back, allocated or copied first.
 */
int aerie_mem_try_cmpxchg(struct aerie_mem *mem, gpa_t gpa, unsigned int size,
			  u64 *old, u64 new);

/**
 * aerie_mem_populate() - make the page of @gpa resident and writable
 * @mem: the memory
 * @gpa: guest physical address
 * @gfp: as for aerie_mem_read()
 *
 * Return: 0, -EFAULT where it is not RAM, -EAGAIN, -ENOMEM.
 */
int aerie_mem_populate(struct aerie_mem *mem, gpa_t gpa, gfp_t gfp);

/**
 * aerie_mem_kaddr() - host virtual address of a resident page
 * @mem: the memory
 * @gpa: guest physical address
 *
 * For loaders that read files straight into guest memory, after aerie_mem_populate()
 * in the same aerie_mem_hold(), and for who only reads and keeps preemption off.
 * Return: address of the byte at @gpa, good to the end of its 4 KiB page while memory is
 * held, or NULL where the page is not resident or has only been read.
 */
void *aerie_mem_kaddr(struct aerie_mem *mem, gpa_t gpa);

/**
 * aerie_mem_hold() - what is found in guest memory, of any VM, shall stay
 *
 * A frame that aerie_mem_populate() or a span for writing has given its gfn for its own
 * stays that, any other stays allocated, until aerie_mem_release(). Context: may sleep;
 * so may who holds, for as long as a request takes.
 * Return: to be given to aerie_mem_release().
 */
int aerie_mem_hold(void);
void aerie_mem_release(int held);

/**
 * aerie_mem_span() - find a run of guest memory, and say where it is
 * @mem: the memory
 * @gpa: guest physical address
 * @write: it will be written: it is made resident; else it is only read
 * @addr: set to the host virtual address of the byte at @gpa
 * @len: bytes wanted, at least 1; cut to what lies in one frame
 * @gfp: as for aerie_mem_read()
 *
 * Context: memory is held, for as long as the address is used.
 * Return: as aerie_mem_populate().
 */
int aerie_mem_span(struct aerie_mem *mem, gpa_t gpa, bool write, void **addr, size_t *len,
		   gfp_t gfp);

/**
 * aerie_mem_pin() - hold the frame at a guest address, for others to access
 * @mem: the memory
 * @gpa: guest physical address
 * @len: bytes wanted, at least 1
 * @write: they will be written, all of them: of what is not, the content may be lost; else
 *	   they are only read, and untouched memory is a page of zeroes
 * @seg: where they are: as many as the frame has from there on, @len at the most
 *
 * The frame stays allocated until aerie_mem_unpin(), and stays the guest's until the
 * memory is cleared. Context: may sleep.
 * Return: 0, -EFAULT where it is not RAM, -ENOMEM.
 */
int aerie_mem_pin(struct aerie_mem *mem, gpa_t gpa, u32 len, bool write, struct bio_vec *seg);
/* Context: any up to hard interrupt. */
void aerie_mem_unpin(const struct bio_vec *seg);

/**
 * aerie_mem_drop() - the guest does not need the content of memory any more
 * @mem: the memory
 * @runs: where; whole pages count, and what is not RAM is no memory
 * @nr: how many
 *
 * Reads as zeroes afterwards. What somebody has pinned or holds meanwhile stays allocated
 * for that long. Context: may sleep, and waits for who holds memory: the caller does not.
 * Return: 0, -ENOMEM.
 */
int aerie_mem_drop(struct aerie_mem *mem, const struct aerie_ram *runs, unsigned int nr);

/**
 * aerie_mem_fault() - serve a nested page fault
 * @mem: the memory
 * @gpa: faulting guest physical address
 * @acc: AERIE_ACC_*
 * @gfp: as for aerie_mem_read()
 *
 * Installs the mapping, 2 MiB where frame and RAM layout allow: for writing of a frame
 * that is the VM's own, made now if need be; memory that is only read is zeroes.
 * Context: vCPU loaded with GFP_NOWAIT, or put with GFP_KERNEL.
 * Return: 0 mapped: enter again; -EFAULT not RAM: a device or nothing is there;
 * -EAGAIN: with GFP_KERNEL, after a wait for room in the pool: come again; -ENOMEM; -EIO:
 * what has been stored cannot be read back.
 */
int aerie_mem_fault(struct aerie_mem *mem, gpa_t gpa, u32 acc, gfp_t gfp);

#endif
