/* SPDX-License-Identifier: GPL-2.0 */
/* All that differs between the kernels Aerie builds for: 6.1, 6.12, 7.2. */
#ifndef AERIE_COMPAT_H
#define AERIE_COMPAT_H

#include <linux/version.h>
#include <linux/crc32.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/numa.h>
#include <linux/shrinker.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/zsmalloc.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>

/* The 64-bit MSR accessors were renamed in 6.16. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 16, 0)
#define rdmsrq		rdmsrl
#define wrmsrq		wrmsrl
#define rdmsrq_safe	rdmsrl_safe
#define wrmsrq_safe	wrmsrl_safe
#endif

/* CPUID has had headers of its own since 6.16. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#include <asm/cpuid/api.h>
#else
#include <asm/processor.h>
#endif

/* hrtimer_init() became hrtimer_setup() in 6.15. */
static inline void compat_hrtimer_setup(struct hrtimer *timer,
					enum hrtimer_restart (*fn)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 15, 0)
	hrtimer_setup(timer, fn, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS_HARD);
	timer->function = fn;
#endif
}

/*
 * The clocksource's counter and CLOCK_MONOTONIC at one moment; of which clock is said in 7.2,
 * before it is CLOCK_REALTIME.
 */
static inline void compat_clock_snapshot(u64 *cycles, u64 *ns)
{
	struct system_time_snapshot snap = {};

#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 2, 0)
	ktime_get_snapshot_id(CLOCK_MONOTONIC, &snap);
	*ns = ktime_to_ns(snap.systime);
#else
	ktime_t offset;

	/* Unless somebody has set it meanwhile. */
	do {
		offset = ktime_mono_to_real(0);
		ktime_get_snapshot(&snap);
	} while (offset != ktime_mono_to_real(0));
	*ns = ktime_to_ns(ktime_sub(snap.real, offset));
#endif
	*cycles = snap.cycles;
}

/* CRC-32C without a module of its own: a name of its own until 6.14. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#define compat_crc32c	crc32c
#else
#define compat_crc32c	__crc32c_le
#endif

/* tty_operations.write() took and returned int until 6.6. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
typedef ssize_t compat_tty_ret;
typedef size_t compat_tty_len;
#else
typedef int compat_tty_ret;
typedef int compat_tty_len;
#endif

/*
 * Does the host use indirect branch barriers? Until 6.14 a synthetic feature
 * says so; after it only KVM can read the switch, so decide as the kernel does.
 */
static inline bool compat_use_ibpb(void)
{
#ifdef X86_FEATURE_USE_IBPB
	return boot_cpu_has(X86_FEATURE_USE_IBPB);
#else
	return boot_cpu_has(X86_FEATURE_IBPB) && boot_cpu_has_bug(X86_BUG_SPECTRE_V2);
#endif
}

/* Features that stable updates brought; absent means the host does not do it. */
static inline bool compat_ibpb_exit_to_user(void)
{
#ifdef X86_FEATURE_IBPB_EXIT_TO_USER
	return boot_cpu_has(X86_FEATURE_IBPB_EXIT_TO_USER);
#else
	return false;
#endif
}

static inline bool compat_clear_cpu_buf_vm(void)
{
#ifdef X86_FEATURE_CLEAR_CPU_BUF_VM
	return boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF_VM);
#else
	return false;
#endif
}

static inline bool compat_clear_cpu_buf(void)
{
#ifdef X86_FEATURE_CLEAR_CPU_BUF
	return boot_cpu_has(X86_FEATURE_CLEAR_CPU_BUF);
#else
	return false;
#endif
}

/* The sequence is for KVM alone from 6.19 on; VMX is refused there. */
static inline bool compat_clear_bhb_vmexit(void)
{
#if defined(X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
	return boot_cpu_has(X86_FEATURE_CLEAR_BHB_LOOP_ON_VMEXIT);
#else
	return false;
#endif
}

/* Flexible return and event delivery, known since 6.9. */
static inline bool compat_fred(void)
{
#ifdef X86_FEATURE_FRED
	return cpu_feature_enabled(X86_FEATURE_FRED);
#else
	return false;
#endif
}

/*
 * What VMX needs of the kernel. From 6.19 on it is for KVM alone, above all the
 * shadow of CR4: probe refuses there, and nothing below is ever called.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#define COMPAT_CAN_SET_VMXE	true
#include <linux/cpu.h>
#include <asm/desc.h>
#include <asm/perf_event.h>
#include <asm/processor.h>
#include <asm/tlbflush.h>

static inline void compat_vmxe(bool on)
{
	if (on)
		cr4_set_bits(X86_CR4_VMXE);
	else
		cr4_clear_bits(X86_CR4_VMXE);
}

/* An exit has left TR's limit too short for an I/O permission bitmap. */
static inline void compat_tss_limit_lost(void)
{
	invalidate_tss_limit();
}

/* The driver of processor trace has to know: it may not run in VMX operation. */
static inline void compat_intel_pt_vmx(bool on)
{
	intel_pt_handle_vmx(on);
}

/* Does the host want the L1D flushed for guests? Exported in kernels that have KVM. */
static inline bool compat_l1d_flush(void)
{
#if IS_ENABLED(CONFIG_KVM_INTEL)
	return l1tf_mitigation != L1TF_MITIGATION_OFF;
#else
	return !cpu_mitigations_off();
#endif
}
#else
#define COMPAT_CAN_SET_VMXE	false

static inline void compat_vmxe(bool on)
{
}

static inline void compat_tss_limit_lost(void)
{
}

static inline void compat_intel_pt_vmx(bool on)
{
}

static inline bool compat_l1d_flush(void)
{
	return false;
}
#endif

/*
 * COMPAT_SYSCORE(NAME, SUSPEND, RESUME): what the last processor does around sleep.
 * Both take COMPAT_SYSCORE_ARG: data and callbacks are apart since 6.19, and in
 * stable updates of older kernels, so that Kbuild has to look.
 */
#ifdef COMPAT_HAS_SYSCORE
#define COMPAT_SYSCORE_ARG	void *unused
#define COMPAT_SYSCORE(name, on_suspend, on_resume)				\
	static const struct syscore_ops name##_ops = {				\
		.suspend = on_suspend, .resume = on_resume			\
	};									\
	static struct syscore name = { .ops = &name##_ops }
#else
#define COMPAT_SYSCORE_ARG	void
#define COMPAT_SYSCORE(name, on_suspend, on_resume)				\
	static struct syscore_ops name = {					\
		.suspend = on_suspend, .resume = on_resume			\
	}
#define register_syscore	register_syscore_ops
#define unregister_syscore	unregister_syscore_ops
#endif

/*
 * Leaving VMX/SVM operation in a crash: kernels call back who registered (6.1
 * since a stable update that Debian 12 has); from 6.19 only KVM may register. From
 * 6.12 on KVM does that when it enters the operation, before when it is loaded.
 */
#define COMPAT_KVM_HOOKS_LATE	(LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0))
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 19, 0)
#include <asm/reboot.h>
#define compat_emergency_register(fn)	cpu_emergency_register_virt_callback(fn)
#define compat_emergency_unregister(fn)	cpu_emergency_unregister_virt_callback(fn)
#else
#define compat_emergency_register(fn)	((void)(fn))
#define compat_emergency_unregister(fn)	((void)(fn))
#endif

/*
 * The host's breakpoints, while a guest has addresses of its own in DR0-DR3. From
 * 6.19 on only KVM may have them set again from perf's books, so they are kept here;
 * one that is set meanwhile by another processor gets its address back only when
 * perf next schedules it.
 */
#include <linux/hw_breakpoint.h>
#include <asm/debugreg.h>
struct compat_host_dr {
	unsigned long dr[4];
};

static inline void compat_host_dr_keep(struct compat_host_dr *host)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	get_debugreg(host->dr[0], 0);
	get_debugreg(host->dr[1], 1);
	get_debugreg(host->dr[2], 2);
	get_debugreg(host->dr[3], 3);
#endif
}

static inline void compat_host_dr_restore(const struct compat_host_dr *host)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 19, 0)
	set_debugreg(host->dr[0], 0);
	set_debugreg(host->dr[1], 1);
	set_debugreg(host->dr[2], 2);
	set_debugreg(host->dr[3], 3);
	set_debugreg(__this_cpu_read(cpu_dr7), 7);
#else
	hw_breakpoint_restore();
#endif
}

/* Attributes of a dump request, since 6.6 with the request's other information. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#define compat_genl_dump_attrs(cb)	(genl_info_dump(cb)->attrs)
#else
#define compat_genl_dump_attrs(cb)	(genl_dumpit_info(cb)->attrs)
#endif

/*
 * A claim on a block device: an open of it in the name of @holder. A file since 6.9,
 * whose claim bdev_fput() (6.10) gives up at once and not when the file is freed.
 */
#include <linux/blkdev.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 10, 0)
static inline void *compat_bdev_claim(dev_t dev, void *holder)
{
	return bdev_file_open_by_dev(dev, BLK_OPEN_READ, holder, NULL);
}

static inline void compat_bdev_release(void *claim)
{
	bdev_fput(claim);
}
#else
static inline void *compat_bdev_claim(dev_t dev, void *holder)
{
	return blkdev_get_by_dev(dev, FMODE_READ | FMODE_EXCL, holder);
}

static inline void compat_bdev_release(void *claim)
{
	blkdev_put(claim, FMODE_READ | FMODE_EXCL);
}
#endif

/* Who may listen to a multicast group: asked since 6.8 and its stable updates. */
#ifdef GENL_MCAST_CAP_NET_ADMIN
#define COMPAT_GENL_MCAST_NET_ADMIN	GENL_MCAST_CAP_NET_ADMIN
#else
#define COMPAT_GENL_MCAST_NET_ADMIN	0
#endif

/* Shrinkers have been allocated by the kernel since 6.7. NULL without memory. */
static inline struct shrinker *
compat_shrinker_new(const char *name,
		    unsigned long (*count)(struct shrinker *s, struct shrink_control *sc),
		    unsigned long (*scan)(struct shrinker *s, struct shrink_control *sc))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct shrinker *s = shrinker_alloc(0, "%s", name);
#else
	struct shrinker *s = kzalloc(sizeof(*s), GFP_KERNEL);
#endif

	if (!s)
		return NULL;
	s->count_objects = count;
	s->scan_objects = scan;
	s->seeks = DEFAULT_SEEKS;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_register(s);
#else
	if (register_shrinker(s, "%s", name)) {
		kfree(s);
		return NULL;
	}
#endif
	return s;
}

static inline void compat_shrinker_free(struct shrinker *s)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_free(s);
#else
	unregister_shrinker(s);
	kfree(s);
#endif
}

/*
 * zsmalloc, which may be a module that is not loaded: who needs it gets it by name. Its
 * objects were mapped until 6.15; then they are copied, and since 7.0 by their size.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(7, 0, 0)
#define COMPAT_ZS_COPIES
#endif

struct compat_zs {
	typeof(&zs_create_pool) create;
	typeof(&zs_destroy_pool) destroy;
	typeof(&zs_malloc) malloc;
	typeof(&zs_free) free;
	typeof(&zs_get_total_pages) pages;
	typeof(&zs_compact) compact;
#ifdef COMPAT_ZS_COPIES
	typeof(&zs_obj_write) write;
	typeof(&zs_obj_read_begin) read;
	typeof(&zs_obj_read_end) end;
#else
	typeof(&zs_map_object) map;
	typeof(&zs_unmap_object) end;
#endif
};

static inline void compat_zs_put(struct compat_zs *zs)
{
	if (zs->create)
		symbol_put(zs_create_pool);
	if (zs->destroy)
		symbol_put(zs_destroy_pool);
	if (zs->malloc)
		symbol_put(zs_malloc);
	if (zs->free)
		symbol_put(zs_free);
	if (zs->pages)
		symbol_put(zs_get_total_pages);
	if (zs->compact)
		symbol_put(zs_compact);
#ifdef COMPAT_ZS_COPIES
	if (zs->write)
		symbol_put(zs_obj_write);
	if (zs->read)
		symbol_put(zs_obj_read_begin);
	if (zs->end)
		symbol_put(zs_obj_read_end);
#else
	if (zs->map)
		symbol_put(zs_map_object);
	if (zs->end)
		symbol_put(zs_unmap_object);
#endif
	memset(zs, 0, sizeof(*zs));
}

static inline bool compat_zs_get(struct compat_zs *zs)
{
	bool all;

	zs->create = symbol_get(zs_create_pool);
	zs->destroy = symbol_get(zs_destroy_pool);
	zs->malloc = symbol_get(zs_malloc);
	zs->free = symbol_get(zs_free);
	zs->pages = symbol_get(zs_get_total_pages);
	zs->compact = symbol_get(zs_compact);
	all = zs->create && zs->destroy && zs->malloc && zs->free && zs->pages && zs->compact;
#ifdef COMPAT_ZS_COPIES
	zs->write = symbol_get(zs_obj_write);
	zs->read = symbol_get(zs_obj_read_begin);
	zs->end = symbol_get(zs_obj_read_end);
	return all && zs->write && zs->read && zs->end;
#else
	zs->map = symbol_get(zs_map_object);
	zs->end = symbol_get(zs_unmap_object);
	return all && zs->map && zs->end;
#endif
}

/* 0 without memory. */
static inline unsigned long compat_zs_malloc(const struct compat_zs *zs, struct zs_pool *pool,
					     size_t len, gfp_t gfp)
{
#ifdef COMPAT_ZS_COPIES
	unsigned long handle = zs->malloc(pool, len, gfp, NUMA_NO_NODE);
#else
	unsigned long handle = zs->malloc(pool, len, gfp);
#endif
	return IS_ERR_VALUE(handle) ? 0 : handle;
}

/* Context: process; both copy the whole object. */
static inline void compat_zs_write(const struct compat_zs *zs, struct zs_pool *pool,
				   unsigned long handle, void *buf, size_t len)
{
#ifdef COMPAT_ZS_COPIES
	zs->write(pool, handle, buf, len);
#else
	memcpy(zs->map(pool, handle, ZS_MM_WO), buf, len);
	zs->end(pool, handle);
#endif
}

static inline void compat_zs_read(const struct compat_zs *zs, struct zs_pool *pool,
				  unsigned long handle, void *buf, size_t len)
{
#ifdef COMPAT_ZS_COPIES
	void *at = zs->read(pool, handle, len, buf);

	if (at != buf)
		memcpy(buf, at, len);
	zs->end(pool, handle, len, at);
#else
	memcpy(buf, zs->map(pool, handle, ZS_MM_RO), len);
	zs->end(pool, handle);
#endif
}

#endif
