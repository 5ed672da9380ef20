/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few kernel definitions that pure logic uses, for host-run tests. Single
 * threaded: locks and RCU are no-ops that keep count, atomics are plain.
 * Every shim/linux/NAME.h includes this file; add what is missing here.
 */
#ifndef AERIE_SHIM_H
#define AERIE_SHIM_H

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sanitizer/asan_interface.h>
#include <sys/types.h>
#include <time.h>

typedef uint8_t u8, __u8;
typedef uint16_t u16, __u16, __le16, __be16;
typedef uint32_t u32, __u32, __le32;
typedef uint64_t u64;
typedef unsigned long long __u64, __le64;
typedef int8_t s8, __s8;
typedef int16_t s16, __s16;
typedef int32_t s32, __s32;
typedef int64_t s64;
typedef long long __s64;
typedef unsigned int gfp_t;
typedef s64 ktime_t;

#define GFP_NOWAIT	8u
#define GFP_KERNEL	1u
#define GFP_ATOMIC	2u
#define GFP_KERNEL_ACCOUNT GFP_KERNEL
#define __GFP_ZERO	4u

#define __rcu
#define __user
#define __iomem
#define __force
#define __bitwise
#define __must_hold(x)
#define __acquires(x)
#define __releases(x)
#define __acquire(x)	do { } while (0)
#define __release(x)	do { } while (0)
#define __packed		__attribute__((packed))
#define __aligned(n)		__attribute__((aligned(n)))
#define __printf(a, b)		__attribute__((format(printf, a, b)))
#define __maybe_unused		__attribute__((unused))
#define __weak			__attribute__((weak))
#undef __always_inline
#define __always_inline		inline __attribute__((always_inline))
#define noinline		__attribute__((noinline))
#define __ro_after_init
#define __init
#define fallthrough		__attribute__((fallthrough))
#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define smp_store_release(p, v)	WRITE_ONCE(*(p), v)
#define smp_load_acquire(p)	READ_ONCE(*(p))
#define smp_mb()		do { } while (0)
#define smp_wmb()		do { } while (0)
#define smp_rmb()		do { } while (0)
#define smp_mb__after_atomic()	do { } while (0)
#define smp_mb__before_atomic()	do { } while (0)
#define smp_mb__before_atomic()	do { } while (0)
#define OPTIMIZER_HIDE_VAR(x)	((void)(x))
#define barrier()		__asm__ volatile("" ::: "memory")
#define EXPORT_SYMBOL_GPL(x)
#define MODULE_LICENSE(x)
#define module_param(name, type, mode)
#define module_param_cb(name, ops, arg, mode) static const void *const shim_ops_##name __attribute__((used)) = (ops)
struct kernel_param { void *arg; };
struct kernel_param_ops {
	int (*set)(const char *val, const struct kernel_param *kp);
	int (*get)(char *buf, const struct kernel_param *kp);
};
static inline int param_set_uint(const char *val, const struct kernel_param *kp) { return 0; }
static inline int param_get_uint(char *buf, const struct kernel_param *kp) { return 0; }
#define MODULE_PARM_DESC(name, text)

#define BIT(n)			(1UL << (n))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(h, l)		((~0UL << (l)) & (~0UL >> (63 - (h))))
#define GENMASK_ULL(h, l)	GENMASK(h, l)
#define BITS_PER_LONG		64
#define BITS_PER_BYTE		8
#define DIV_ROUND_UP(n, d)	(((n) + (d) - 1) / (d))
#define BITS_TO_LONGS(n)	DIV_ROUND_UP(n, BITS_PER_LONG)
#define DECLARE_BITMAP(name, n)	unsigned long name[BITS_TO_LONGS(n)]
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#define sizeof_field(t, m)	sizeof(((t *)0)->m)
#define offsetofend(t, m)	(offsetof(t, m) + sizeof_field(t, m))
#define container_of(p, t, m)	((t *)((char *)(p) - offsetof(t, m)))
#define static_assert(c, ...)	shim_static_assert(c, ##__VA_ARGS__, #c)
#define shim_static_assert(c, text, ...) _Static_assert(c, text)
#define BUILD_BUG_ON(c)		_Static_assert(!(c), #c)
#define ALIGN(x, a)		(((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define round_up(x, a)		ALIGN(x, a)
#define round_down(x, a)	ALIGN_DOWN(x, a)
#define min(a, b)		({ __typeof__(a) _x = (a); __typeof__(b) _y = (b); _x < _y ? _x : _y; })
#define max(a, b)		({ __typeof__(a) _x = (a); __typeof__(b) _y = (b); _x > _y ? _x : _y; })
#define min_t(t, a, b)		min((t)(a), (t)(b))
#define max_t(t, a, b)		max((t)(a), (t)(b))
#define clamp(v, lo, hi)	min(max(v, lo), hi)
#define clamp_t(t, v, lo, hi)	clamp((t)(v), (t)(lo), (t)(hi))
#define min3(a, b, c)		min(min(a, b), c)
#define swap(a, b)		do { __typeof__(a) _t = (a); (a) = (b); (b) = _t; } while (0)
#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define check_mul_overflow(a, b, d)	__builtin_mul_overflow(a, b, d)
#define lower_32_bits(n)	((u32)(n))
#define upper_32_bits(n)	((u32)((u64)(n) >> 32))

#define PAGE_SHIFT		12
#define PAGE_SIZE		4096UL
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)		ALIGN(x, PAGE_SIZE)
#define NSEC_PER_SEC		1000000000L
#define NSEC_PER_MSEC		1000000L
#define NSEC_PER_USEC		1000L
#define USEC_PER_SEC		1000000L
#define KTIME_MAX		INT64_MAX
#define U8_MAX UINT8_MAX
#define U16_MAX UINT16_MAX
#define U32_MAX UINT32_MAX
#define U64_MAX UINT64_MAX
#define S64_MAX INT64_MAX

#define WARN_ON_ONCE(c)		({ bool _c = !!(c); if (_c) { fprintf(stderr, "WARN %s:%d\n", __FILE__, __LINE__); abort(); } _c; })
#define WARN_ON(c)		WARN_ON_ONCE(c)
#define lockdep_assert_held(l)	do { (void)(l); } while (0)
#define might_sleep()		do { } while (0)
#define pr_err(...)		fprintf(stderr, __VA_ARGS__)
#define pr_warn(...)		fprintf(stderr, __VA_ARGS__)
#define pr_info(...)		do { } while (0)
#define pr_debug(...)		do { } while (0)
#define pr_err_ratelimited	pr_err
#define pr_warn_ratelimited	pr_warn

static inline int fls(unsigned int x) { return x ? 32 - __builtin_clz(x) : 0; }
static inline int fls64(u64 x) { return x ? 64 - __builtin_clzll(x) : 0; }
static inline unsigned long __fls(unsigned long x) { return 63 - __builtin_clzl(x); }
static inline unsigned long __ffs(unsigned long x) { return __builtin_ctzl(x); }
static inline int ilog2(u64 x) { return fls64(x) - 1; }
static inline unsigned int hweight8(u8 x) { return __builtin_popcount(x); }
static inline unsigned int hweight16(u16 x) { return __builtin_popcount(x); }
static inline unsigned int hweight32(u32 x) { return __builtin_popcount(x); }
static inline unsigned int hweight64(u64 x) { return __builtin_popcountll(x); }
static inline bool is_power_of_2(u64 x) { return x && !(x & (x - 1)); }
static inline int order_base_2(u64 x) { return x <= 1 ? 0 : fls64(x - 1); }
#define array_index_nospec(i, n) ((void)(n), (i))
static inline u64 roundup_pow_of_two(u64 x) { return x <= 1 ? 1 : 1ull << fls64(x - 1); }
static inline s64 sign_extend64(u64 v, int bit) { int s = 63 - bit; return (s64)(v << s) >> s; }
static inline s32 sign_extend32(u32 v, int bit) { int s = 31 - bit; return (s32)(v << s) >> s; }
static inline u16 swab16(u16 v) { return __builtin_bswap16(v); }
static inline u32 swab32(u32 v) { return __builtin_bswap32(v); }
static inline u64 swab64(u64 v) { return __builtin_bswap64(v); }
static inline u64 div_u64(u64 a, u32 b) { return a / b; }
static inline u64 div64_u64(u64 a, u64 b) { return a / b; }
static inline u64 div_u64_rem(u64 a, u32 b, u32 *r) { *r = a % b; return a / b; }
static inline u64 div64_u64_rem(u64 a, u64 b, u64 *r) { *r = a % b; return a / b; }
static inline s64 div_s64_rem(s64 a, s32 b, s32 *r) { *r = a % b; return a / b; }
static inline u64 mul_u64_u32_div(u64 a, u32 b, u32 c) { return (unsigned __int128)a * b / c; }
static inline u64 mul_u64_u64_div_u64(u64 a, u64 b, u64 c) { return (unsigned __int128)a * b / c; }
static inline u64 mul_u64_u64_shr(u64 a, u64 b, unsigned int s) { return (unsigned __int128)a * b >> s; }
#define do_div(n, base) ({ u32 _r = (n) % (base); (n) /= (base); _r; })

static inline u16 get_unaligned_le16(const void *p) { u16 v; memcpy(&v, p, 2); return v; }
static inline u32 get_unaligned_le32(const void *p) { u32 v; memcpy(&v, p, 4); return v; }
static inline u64 get_unaligned_le64(const void *p) { u64 v; memcpy(&v, p, 8); return v; }
static inline void put_unaligned_le16(u16 v, void *p) { memcpy(p, &v, 2); }
static inline void put_unaligned_le32(u32 v, void *p) { memcpy(p, &v, 4); }
static inline void put_unaligned_le64(u64 v, void *p) { memcpy(p, &v, 8); }
#define cpu_to_le16(x) ((u16)(x))
#define cpu_to_le32(x) ((u32)(x))
#define cpu_to_le64(x) ((u64)(x))
#define le16_to_cpu(x) ((u16)(x))
#define le32_to_cpu(x) ((u32)(x))
#define le64_to_cpu(x) ((u64)(x))

static inline void set_bit(long n, volatile unsigned long *p) { p[n / 64] |= 1UL << (n % 64); }
static inline void clear_bit(long n, volatile unsigned long *p) { p[n / 64] &= ~(1UL << (n % 64)); }
static inline bool test_bit(long n, const volatile unsigned long *p) { return p[n / 64] >> (n % 64) & 1; }
static inline bool test_and_set_bit(long n, volatile unsigned long *p) { bool o = test_bit(n, p); set_bit(n, p); return o; }
static inline bool test_and_clear_bit(long n, volatile unsigned long *p) { bool o = test_bit(n, p); clear_bit(n, p); return o; }
static inline unsigned long find_next_bit(const unsigned long *p, unsigned long size, unsigned long n)
{
	while (n < size && !test_bit(n, p))
		n++;
	return min(n, size);
}
#define __set_bit set_bit
#define __clear_bit clear_bit
static inline unsigned long find_next_zero_bit(const unsigned long *p, unsigned long size,
					       unsigned long n)
{
	while (n < size && test_bit(n, p))
		n++;
	return n < size ? n : size;
}
#define find_first_zero_bit(p, size)	find_next_zero_bit(p, size, 0)
static inline void bitmap_set(unsigned long *p, unsigned int at, unsigned int nr)
{
	while (nr--)
		set_bit(at++, p);
}

typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;
typedef struct { s64 counter; } atomic64_t;
#define ATOMIC_INIT(i) { (i) }
#define atomic_read(a) ((a)->counter)
#define atomic_set(a, v) ((a)->counter = (v))
#define atomic_inc(a) ((void)(a)->counter++)
#define atomic_dec(a) ((void)(a)->counter--)
#define atomic_add(v, a) ((void)((a)->counter += (v)))
#define atomic_sub(v, a) ((void)((a)->counter -= (v)))
#define atomic_inc_return(a) (++(a)->counter)
#define atomic_dec_return(a) (--(a)->counter)
#define atomic_dec_and_test(a) (--(a)->counter == 0)
#define atomic_xchg(a, v) ({ __typeof__((a)->counter) _o = (a)->counter; (a)->counter = (v); _o; })
#define atomic_sub_return(v, a) ((a)->counter -= (v))
#define atomic_long_read atomic_read
#define atomic_long_sub_return atomic_sub_return
#define atomic_long_set atomic_set
#define atomic_long_inc atomic_inc
#define atomic_long_dec atomic_dec
#define atomic_long_add atomic_add
#define atomic_long_sub atomic_sub
#define atomic64_read atomic_read
#define atomic64_set atomic_set
static inline bool atomic64_try_cmpxchg(atomic64_t *v, s64 *old, s64 new)
{
	if (v->counter == *old) {
		v->counter = new;
		return true;
	}
	*old = v->counter;
	return false;
}
#ifndef CPUMASK_SHIM
#define CPUMASK_SHIM
struct cpumask { unsigned long bits[1]; };
#endif
#define xchg(p, v) ({ __typeof__(*(p)) _o = *(p); *(p) = (v); _o; })
#define cmpxchg(p, o, n) ({ __typeof__(*(p)) _c = *(p); if (_c == (o)) *(p) = (n); _c; })
#define cmpxchg64 cmpxchg
#define try_cmpxchg(p, op, n) ({ __typeof__(*(p)) _c = *(p); bool _s = _c == *(op); if (_s) *(p) = (n); else *(op) = _c; _s; })
#define try_cmpxchg64 try_cmpxchg

typedef struct { int held; } spinlock_t, raw_spinlock_t;
#define spin_lock_init(l) ((l)->held = 0)
#define shim_lock(l) do { if ((l)->held++) abort(); } while (0)
#define shim_unlock(l) do { if (!(l)->held--) abort(); } while (0)
/* A test may want others to be faster. */
extern void shim_locking(void) __attribute__((weak));
#define spin_lock(l) do { if (shim_locking) shim_locking(); shim_lock(l); } while (0)
#define spin_unlock shim_unlock
#define spin_lock_irqsave(l, f) do { (void)(f = 0); shim_lock(l); } while (0)
#define spin_unlock_irqrestore(l, f) do { (void)(f); shim_unlock(l); } while (0)
#define raw_spin_lock_init spin_lock_init
#define raw_spin_lock spin_lock
#define raw_spin_unlock spin_unlock
#define raw_spin_lock_irqsave spin_lock_irqsave
#define raw_spin_unlock_irqrestore spin_unlock_irqrestore
#define DEFINE_SPINLOCK(x) spinlock_t x = { 0 }
#define DEFINE_MUTEX(x) struct mutex x = { 0 }
struct mutex { int held; };
#define mutex_init(m) ((m)->held = 0)
#define mutex_lock shim_lock
#define mutex_unlock shim_unlock
#define mutex_destroy(m) do { } while (0)
#define DECLARE_PER_CPU(t, n) extern t n
#define local_irq_save(f) ((void)((f) = 0))
#define local_irq_restore(f) ((void)(f))
#define preempt_disable() do { } while (0)
#define preempt_enable() do { } while (0)
/* A test may want to know where a loop lets others run. */
extern void shim_resched(void) __attribute__((weak));
#define schedule_timeout_idle(n) cond_resched()
#define cond_resched() do { if (shim_resched) shim_resched(); } while (0)

struct rcu_head { struct rcu_head *next; void (*fn)(struct rcu_head *head); };
typedef void (*rcu_callback_t)(struct rcu_head *head);
__attribute__((weak)) struct rcu_head *shim_srcu;
__attribute__((weak)) int *shim_srcu_held;
#define call_srcu(s, h, f) do { \
	shim_srcu_held = (s); (h)->fn = (f); (h)->next = shim_srcu; shim_srcu = (h); } while (0)
#define srcu_barrier(s) shim_grace_period()
__attribute__((weak)) struct rcu_head *shim_rcu;
static inline void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *head))
{
	head->next = shim_rcu;
	head->fn = fn;
	shim_rcu = head;
}
/* A test may want others to do something until a grace period is over. */
extern void shim_grace(void) __attribute__((weak));
static inline void shim_grace_period(void)
{
	struct rcu_head *head;

	if (shim_grace)
		shim_grace();
	while ((head = shim_rcu)) {
		shim_rcu = head->next;
		head->fn(head);
	}
	while ((head = shim_srcu) && !*shim_srcu_held) {
		shim_srcu = head->next;
		head->fn(head);
	}
}
__attribute__((weak)) unsigned long shim_jiffies;
#define jiffies shim_jiffies
#define HZ 100
static inline u64 ktime_get_ns(void)
{
	return shim_jiffies * (1000000000ull / HZ);
}
#define time_after(a, b) ((long)((b) - (a)) < 0)
#define time_before(a, b) time_after(b, a)
#define time_after_eq(a, b) ((long)((a) - (b)) >= 0)
#define cpu_relax() do { } while (0)
#define DEFINE_STATIC_SRCU(x) static int x
#define srcu_read_lock(s) ((*(s))++)
#define srcu_read_unlock(s, i) ((void)(*(s))--, (void)(i))
#define synchronize_srcu_expedited synchronize_srcu
#define synchronize_srcu(s) do { if (*(s)) abort(); } while (0)
#define rcu_read_lock() do { } while (0)
#define rcu_read_unlock() do { } while (0)
#define rcu_dereference(p) (p)
#define rcu_dereference_protected(p, c) (p)
#define rcu_access_pointer(p) (p)
#define rcu_dereference_sched(p) (p)
#define rcu_assign_pointer(p, v) ((p) = (v))
#define RCU_INIT_POINTER(p, v) ((p) = (v))
#define synchronize_rcu() shim_grace_period()
#define rcu_barrier() shim_grace_period()
#define synchronize_rcu_expedited() shim_grace_period()
#define kfree_rcu(p, f) free(p)

/* Set to n > 0 to make the n-th allocation from now fail, below 0 to make all. */
extern int shim_fail_alloc __attribute__((weak));
static inline bool shim_alloc_fails(void)
{
	return &shim_fail_alloc &&
	       (shim_fail_alloc < 0 || (shim_fail_alloc > 0 && --shim_fail_alloc == 0));
}
static inline void *kmalloc(size_t n, gfp_t g)
{
	return shim_alloc_fails() ? NULL : (g & __GFP_ZERO) ? calloc(1, n) : malloc(n);
}
static inline void *kzalloc(size_t n, gfp_t g) { return kmalloc(n, g | __GFP_ZERO); }
static inline void *kcalloc(size_t c, size_t n, gfp_t g) { return kzalloc(c * n, g); }
static inline void *kmalloc_array(size_t c, size_t n, gfp_t g) { return kmalloc(c * n, g); }
static inline void kfree(const void *p) { free((void *)p); }
#define kvmalloc kmalloc
#define kvzalloc kzalloc
#define kvcalloc kcalloc
#define kvfree kfree
#define vmalloc(n) kmalloc(n, 0)
#define vzalloc(n) kzalloc(n, 0)
#define vfree kfree
#define struct_size(p, m, n) (sizeof(*(p)) + sizeof((p)->m[0]) * (n))
static inline unsigned long get_zeroed_page(gfp_t g)
{
	void *p = shim_alloc_fails() ? NULL : aligned_alloc(PAGE_SIZE, PAGE_SIZE);

	if (p)
		memset(p, 0, PAGE_SIZE);
	return (unsigned long)p;
}
#define __get_free_page get_zeroed_page
static inline void free_page(unsigned long p) { free((void *)p); }


/* A page is its own struct page; host physical addresses are host pointers. */
#define __GFP_NOWARN	0u
#define __GFP_ACCOUNT	0u
struct mem_cgroup;
#define get_mem_cgroup_from_mm(mm)	((struct mem_cgroup *)NULL)
static inline void mem_cgroup_put(struct mem_cgroup *memcg) { }
static inline struct mem_cgroup *set_active_memcg(struct mem_cgroup *memcg) { return NULL; }
#define __GFP_NORETRY	0u
#define __GFP_RETRY_MAYFAIL 0u
#define __GFP_COMP	0u
#define __pa(p) ((u64)(uintptr_t)(p))
#define __va(a) ((void *)(uintptr_t)(a))
#define page_to_pfn(p) ((u64)(uintptr_t)(p) >> PAGE_SHIFT)
#define pfn_to_page(n) ((struct page *)(uintptr_t)((u64)(n) << PAGE_SHIFT))
struct page { u8 byte[PAGE_SIZE]; };

/* What struct page has of a page: found by its address. */
struct shim_page {
	struct shim_page *next;
	struct page *page;
	struct page *block;	/* what it was split from, or NULL, */
	int *left;		/* and how many pages of that are not freed */
	int refs;
	unsigned long private;
};
__attribute__((weak)) struct shim_page *shim_pages[16384];
__attribute__((weak)) long shim_nr_pages;	/* not freed */

static inline struct shim_page **shim_page_at(const struct page *p)
{
	struct shim_page **at = &shim_pages[page_to_pfn(p) % ARRAY_SIZE(shim_pages)];

	while (*at && (*at)->page != p)
		at = &(*at)->next;
	return at;
}
static inline struct shim_page *shim_page(const struct page *p)
{
	struct shim_page *found = *shim_page_at(p);

	if (!found)
		abort();
	return found;
}
static inline void shim_page_new(struct page *p, int refs)
{
	struct shim_page *n = (struct shim_page *)calloc(1, sizeof(*n));

	n->page = p;
	n->refs = refs;
	*shim_page_at(p) = n;
	shim_nr_pages++;
}
static inline struct page *alloc_pages(gfp_t g, unsigned int order)
{
	size_t n = PAGE_SIZE << order;
	struct page *p = (struct page *)(shim_alloc_fails() ? NULL : aligned_alloc(n, n));

	if (!p)
		return NULL;
	memset(p, g & __GFP_ZERO ? 0 : 0xa5, n);
	for (n >>= PAGE_SHIFT; n--; )
		shim_page_new(p + n, !n);
	return p;
}
static inline void split_page(struct page *p, unsigned int order)
{
	int *left = (int *)malloc(sizeof(int)), i;

	if (shim_page(p)->block)
		abort();
	*left = 1 << order;
	for (i = 0; i < 1 << order; i++) {
		shim_page(p + i)->block = p;
		shim_page(p + i)->left = left;
		shim_page(p + i)->refs += !!i;
	}
}
static inline void shim_page_forget(struct page *p)
{
	struct shim_page **at = shim_page_at(p), *old = *at;

	*at = old->next;
	shim_nr_pages--;
	free(old);
}
static inline void get_page(struct page *p) { shim_page(p)->refs++; }
static inline int page_count(struct page *p) { return shim_page(p)->refs; }
static inline unsigned long page_private(struct page *p) { return shim_page(p)->private; }
static inline void set_page_private(struct page *p, unsigned long v) { shim_page(p)->private = v; }
/* Pages of a block that was split are freed together, but until then nobody may look at one. */
static inline void shim_put(struct page *p, unsigned int order)
{
	struct shim_page *old = shim_page(p);
	int i;

	if (--old->refs)
		return;
	if (!old->block) {
		for (i = 1; i < 1 << order; i++)
			shim_page_forget(p + i);
		free(p);
	} else {
		ASAN_POISON_MEMORY_REGION(p, PAGE_SIZE);
		if (!--*old->left) {
			ASAN_UNPOISON_MEMORY_REGION(old->block, 512 * PAGE_SIZE);
			free(old->left);
			free(old->block);
		}
	}
	shim_page_forget(p);
}
static inline void put_page(struct page *p) { shim_put(p, 0); }
static inline void __free_pages(struct page *p, unsigned int order) { shim_put(p, order); }
struct bio_vec { struct page *bv_page; unsigned int bv_len, bv_offset; };
__attribute__((weak)) struct page *shim_zero_page;
static inline struct page *shim_zero(void)
{
	if (!shim_zero_page)
		shim_zero_page = alloc_pages(__GFP_ZERO, 0);
	return shim_zero_page;
}
#define ZERO_PAGE(a) shim_zero()

#define MAX_ERRNO 4095
static inline void *ERR_PTR(long e) { return (void *)e; }
static inline long PTR_ERR(const void *p) { return (long)p; }
static inline bool IS_ERR(const void *p) { return (unsigned long)p >= (unsigned long)-MAX_ERRNO; }
static inline bool IS_ERR_OR_NULL(const void *p) { return !p || IS_ERR(p); }
#define ERR_CAST(p) ((void *)(p))

/* Nobody else can make it true. */
#define wait_var_event(var, cond) do { if (!(cond)) abort(); } while (0)
#define wake_up_var(var) do { } while (0)

struct list_head { struct list_head *next, *prev; };
#define LIST_HEAD_INIT(n) { &(n), &(n) }
#define LIST_HEAD(n) struct list_head n = LIST_HEAD_INIT(n)
static inline void INIT_LIST_HEAD(struct list_head *l) { l->next = l->prev = l; }
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
	n->prev = h->prev; n->next = h; h->prev->next = n; h->prev = n;
}
static inline void list_del(struct list_head *n) { n->prev->next = n->next; n->next->prev = n->prev; }
static inline bool list_empty(const struct list_head *h) { return h->next == h; }
#define list_entry(p, t, m) container_of(p, t, m)
#define list_first_entry_or_null(h, t, m) (list_empty(h) ? NULL : list_first_entry(h, t, m))
#define list_first_entry(h, t, m) list_entry((h)->next, t, m)
#define list_for_each_entry(p, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m); &p->m != (h); \
	     p = list_entry(p->m.next, __typeof__(*p), m))
#define list_for_each_entry_safe(p, n, h, m) \
	for (p = list_entry((h)->next, __typeof__(*p), m), \
	     n = list_entry(p->m.next, __typeof__(*p), m); &p->m != (h); \
	     p = n, n = list_entry(n->m.next, __typeof__(*n), m))
#define list_for_each_entry_safe_reverse(p, n, h, m) \
	for (p = list_entry((h)->prev, __typeof__(*p), m), \
	     n = list_entry(p->m.prev, __typeof__(*p), m); &p->m != (h); \
	     p = n, n = list_entry(n->m.prev, __typeof__(*n), m))

struct hlist_node { struct hlist_node *next, **pprev; };
struct hlist_head { struct hlist_node *first; };
static inline void hlist_add_head(struct hlist_node *n, struct hlist_head *h)
{
	n->next = h->first;
	if (n->next)
		n->next->pprev = &n->next;
	h->first = n;
	n->pprev = &h->first;
}
static inline void hlist_del(struct hlist_node *n)
{
	*n->pprev = n->next;
	if (n->next)
		n->next->pprev = n->pprev;
}
#define hlist_entry_safe(p, t, m) ((p) ? container_of(p, t, m) : NULL)
#define hlist_for_each_entry(p, h, m) \
	for (p = hlist_entry_safe((h)->first, __typeof__(*p), m); p; \
	     p = hlist_entry_safe(p->m.next, __typeof__(*p), m))

typedef struct { int n; } refcount_t;
#define refcount_set(r, v) ((void)((r)->n = (v)))
#define refcount_read(r) ((unsigned int)(r)->n)
#define refcount_inc(r) do { if (!(r)->n++) abort(); } while (0)
static inline bool refcount_inc_not_zero(refcount_t *r) { return r->n && r->n++; }
static inline bool refcount_dec_and_lock(refcount_t *r, spinlock_t *l)
{
	if (r->n <= 0)
		abort();
	if (--r->n)
		return false;
	shim_lock(l);
	return true;
}
static inline u64 hash_64(u64 v, unsigned int bits)
{
	return v * 0x61c8864680b583ebull >> (64 - bits);
}
#define kvcalloc kcalloc
#define page_address(p) ((void *)(p))
#define copy_page(to, from) memcpy(to, from, PAGE_SIZE)
#define clear_page(p)	memset(p, 0, PAGE_SIZE)
static inline void *memchr_inv(const void *p, int c, size_t n)
{
	for (; n; n--, p = (const u8 *)p + 1)
		if (*(const u8 *)p != (u8)c)
			return (void *)p;
	return NULL;
}
/* Made to have few bits contents that differ have the same. */
__attribute__((weak)) unsigned int shim_hash_shift;
static inline u64 xxh64(const void *p, size_t n, u64 seed)
{
	u64 sum = 0;

	for (; n; n--, p = (const u8 *)p + 1)
		sum = (sum + *(const u8 *)p) * 0x9e3779b97f4a7c15ull;
	return sum >> shim_hash_shift;
}

static inline u8 bcd2bin(u8 v) { return (v & 15) + (v >> 4) * 10; }
static inline u8 bin2bcd(u8 v) { return (v / 10 << 4) + v % 10; }

typedef s64 time64_t;
static inline time64_t mktime64(unsigned int year, unsigned int mon, unsigned int day,
				unsigned int hour, unsigned int min, unsigned int sec)
{
	struct tm tm = { .tm_year = (int)year - 1900, .tm_mon = (int)mon - 1, .tm_mday = day,
			 .tm_hour = hour, .tm_min = min, .tm_sec = sec };

	return timegm(&tm);
}
static inline void time64_to_tm(time64_t t, int offset, struct tm *tm)
{
	time_t at = t + offset;

	gmtime_r(&at, tm);
}

struct hrtimer { ktime_t expires; };
extern unsigned int hrtimer_resolution;
/* What a test says: whether the scheduler wants the processor, and which softirqs wait. */
extern bool shim_need_resched;
__attribute__((weak)) unsigned int shim_online = 1;
static inline unsigned int num_online_cpus(void) { return shim_online; }
extern unsigned int shim_softirqs;
#define need_resched()		shim_need_resched
#define local_softirq_pending()	shim_softirqs
struct kref { int n; };
static inline void kref_init(struct kref *ref) { ref->n = 1; }
static inline void kref_get(struct kref *ref) { ref->n++; }
static inline void kref_put(struct kref *ref, void (*release)(struct kref *ref))
{
	if (!--ref->n)
		release(ref);
}
struct dentry;
struct file;
struct task_struct { int nr_cpus_allowed; };
__attribute__((weak)) struct task_struct shim_current = { .nr_cpus_allowed = 1 };
#define current (&shim_current)
/* Works wait until a test runs them: fake_work.h has the calls. */
struct workqueue_struct;
struct work_struct { void (*func)(struct work_struct *); };
#define INIT_WORK(w, f) ((w)->func = (f))
#define WQ_UNBOUND	0u
#define WQ_MEM_RECLAIM	0u
struct workqueue_struct *alloc_workqueue(const char *name, unsigned int flags, int max_active, ...);
void destroy_workqueue(struct workqueue_struct *wq);
bool queue_work(struct workqueue_struct *wq, struct work_struct *work);
bool cancel_work_sync(struct work_struct *work);

/* No entropy, so that a run can be repeated; time that would go by is added up. */
static inline void get_random_bytes(void *buf, size_t len) { memset(buf, 0x5a, len); }
#define memzero_explicit(p, n) memset(p, 0, n)
extern u64 shim_slept_us __attribute__((weak));
static inline void usleep_range(unsigned long lo, unsigned long hi)
{
	if (&shim_slept_us)
		shim_slept_us += lo;
}

struct delayed_work { struct work_struct work; };
#define INIT_DELAYED_WORK(w, f) INIT_WORK(&(w)->work, f)
#define to_delayed_work(w) container_of(w, struct delayed_work, work)
#define system_unbound_wq ((struct workqueue_struct *)NULL)
bool queue_delayed_work(struct workqueue_struct *wq, struct delayed_work *work, unsigned long delay);
bool cancel_delayed_work_sync(struct delayed_work *work);
/* Of the host, in pages: a test that links who asks says how many. */
long si_mem_available(void);
unsigned long totalram_pages(void);
struct completion { int done; };
typedef struct { int unused; } wait_queue_head_t;
typedef struct { int unused; } call_single_data_t;

#ifndef strscpy
#define strscpy(d, s, n) ({ snprintf(d, n, "%s", s); (ssize_t)strlen(d); })
#endif
#define scnprintf(b, n, ...) ({ int _r = snprintf(b, n, __VA_ARGS__); _r < (int)(n) ? _r : (int)(n) - 1; })

#endif
