/* SPDX-License-Identifier: GPL-2.0 */
/* The VM and the vCPU, and the handful of calls that everybody uses. */
#ifndef AERIE_H
#define AERIE_H

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "types.h"
#include "core/clock_line.h"
#include "core/msr.h"
#include "core/stats.h"
#include "dev/bus.h"
#include "mm/mm.h"
#include "sched/types.h"

struct aerie_backend;
struct aerie_console;
struct aerie_cpu_hotplug;
struct aerie_cpuid;
struct aerie_exit;
struct aerie_fetch;
struct aerie_hotplug;
struct aerie_ioapic;
struct aerie_lapic;
struct aerie_pci;
struct aerie_pic;
struct aerie_pit;
struct aerie_pm;
struct aerie_rtc;
struct aerie_serial;
struct aerie_vm;
struct dentry;
struct file;

/**
 * struct aerie_why - the reason of a refusal, for the user
 * @msg: one line without a full stop, or NULL; static storage
 * @attr: the AERIE_A_* attribute that is at fault, or 0
 */
struct aerie_why {
	const char *msg;
	u32 attr;
};

/* Record why something is refused; returns @err so that it reads as one line. */
static inline int aerie_refuse(struct aerie_why *why, int err, u32 attr, const char *msg)
{
	if (why && !why->msg) {
		why->msg = msg;
		why->attr = attr;
	}
	return err;
}

/* An event to be delivered through the guest's IDT. */
enum aerie_event_type {
	AERIE_EVENT_NONE,
	AERIE_EVENT_EXTINT,	/* external interrupt */
	AERIE_EVENT_NMI,
	AERIE_EVENT_EXCEPTION,	/* hardware exception */
	AERIE_EVENT_SOFTINT,	/* INT n; only ever re-queued */
	AERIE_EVENT_SOFTEXC,	/* INT3, INTO; only ever re-queued */
	AERIE_EVENT_PRIVEXC,	/* INT1; only ever re-queued */
};

struct aerie_event {
	u8 type;		/* enum aerie_event_type */
	u8 vector;
	bool has_error;
	u8 insn_len;		/* of the INT instruction, software events only */
	u32 error;
	u64 payload;		/* CR2 for #PF, DR6 bits for #DB, set on delivery */
};

/* Bits of vcpu->requests: other threads post, the vCPU's thread serves. */
enum aerie_request {
	AERIE_REQ_EVENT,	/* interrupt state changed: look before entry */
	AERIE_REQ_TLB_FLUSH,	/* drop this vCPU's nested translations */
	AERIE_REQ_APIC,		/* INIT or start-up IPI pending in the local APIC */
	AERIE_REQ_CLOCK,	/* rewrite the kvmclock page */
	AERIE_REQ_STEAL,	/* tell the guest of its steal time */
	AERIE_REQ_YIELD,	/* let vcpu->yield_to run first */
	AERIE_REQ_SPIN,		/* look whether the vCPU spins */
	AERIE_REQ_CALL,		/* run vcpu->call with the vCPU loaded */
	AERIE_REQ_UNRESERVE,	/* leave SCHED_DEADLINE */
	AERIE_REQ_PARK,		/* VM state changed: leave the run loop and look */
};

/* Where a vCPU is, as seen by others (vcpu->mode). */
enum aerie_vcpu_mode {
	AERIE_VCPU_OUT,		/* not loaded */
	AERIE_VCPU_LOADED,	/* owns a processor, in the host */
	AERIE_VCPU_GUEST,	/* about to enter, or in the guest */
};

/* INIT/SIPI state machine (SDM, Multiple-Processor Initialization). */
enum aerie_mp_state {
	AERIE_MP_RUNNING,
	AERIE_MP_HALTED,
	AERIE_MP_WAIT_SIPI,	/* after INIT, application processors only */
};

/* KVM's paravirtual clock: of a VM; core/clock.c. */
struct aerie_clock {
	spinlock_t lock;		/* of the line, and of the pages it is written to */
	struct aerie_clock_line line;	/* by the guest's TSC, where the host keeps time by its own */
	bool kept;			/* it does */
	u64 base_ns;			/* [c] per start: aerie_now_ns() at time 0 */
	unsigned long next_look;	/* jiffies */
};

/* What a vCPU has asked of it; its own thread only, but for the clock's lock. */
struct aerie_vcpu_clock {
	u64 system_msr;		/* MSR_KVM_SYSTEM_TIME as written */
	u64 wall_msr;		/* MSR_KVM_WALL_CLOCK as last written */
	u64 pairing_gpa;	/* of KVM_HC_CLOCK_PAIRING */
	int cpu;		/* processor it was last loaded on */
	u32 version;		/* of the system time page, even; clock->lock */
	u32 wall_version;	/* of the wall clock structure, even */
	bool wall_pending;	/* to be written before the guest goes on */
	bool pairing_pending;	/* the same */
};

/* What a vCPU has asked of KVM's paravirtual interface; its own thread only. */
struct aerie_pv {
	u64 steal_msr;		/* MSR_KVM_STEAL_TIME as written */
	u64 eoi_msr;		/* MSR_KVM_PV_EOI_EN */
	u64 eoi_offer;		/* where it is on offer, with KVM_MSR_ENABLED; or 0 */
	u64 poll_control;	/* MSR_KVM_POLL_CONTROL */
	u64 told_ns;		/* steal time as the guest knows it */
	u32 version;		/* of its structure, even */
	bool away;		/* the guest has been told that it has no processor */
};

/**
 * struct aerie_vcpu - a virtual processor, embedded in the backend's own
 *
 * [t] only its own thread touches it (or whoever has it parked);
 * [a] atomic, anybody; [c] constant after creation.
 */
struct aerie_vcpu {
	u64 regs[AERIE_NR_REGS];	/* [t] through aerie_reg_read/write */
	u64 cr2;			/* [t] */
	u32 regs_avail;			/* [t] bit n: regs[n] is current */
	u32 regs_dirty;			/* [t] bit n: regs[n] must reach hardware */

	struct aerie_vm *vm;		/* [c] */
	u32 id;				/* [c] index and APIC ID */
	int cpu;			/* [t] processor it is loaded on, -1 */
	u64 efer;			/* [t] guest's view */
	u64 pat;			/* [t] guest's IA32_PAT */
	u64 dr[4];			/* [t] DR0-DR3, current when put or intercepted */
	u64 dr6, dr7;			/* [t] */
	u64 xcr0, xss;			/* [t] guest's */
	u64 misc_enable;		/* [t] IA32_MISC_ENABLE */
	u64 tsc_adjust;			/* [t] IA32_TSC_ADJUST */
	u64 tsc_offset;			/* [t] guest TSC = host TSC + this */
	u64 tsc_aux;			/* [t] IA32_TSC_AUX */
	u64 pdpte[4];			/* [t] PAE paging: set by core/cr.c, for VMX */
	struct aerie_msrs msrs;		/* [t] stored MSRs without effect */
	u32 cpuid_out[4];		/* [t] an answer that is the vCPU's own */
	u64 msr_val;			/* [t] last read or written */
	u64 io_val;			/* [t] last read from a bus */
	unsigned int bus_hint;		/* [t] where in a bus's table it was */
	bool dr_dirty;			/* [t] the guest's DR0-3, DR6 are in hardware */
	bool nmi_pending, nmi_second;	/* [t] at most two, as in hardware */
	u8 hw_cr8;			/* [t] CR8 as the hardware has it */

	struct aerie_event reinject;	/* [t] cut off by an exit, goes first */
	struct aerie_event exception;	/* [t] raised by emulation */
	u8 mp_state;			/* [t] enum aerie_mp_state */
	bool halt_if;			/* [t] RFLAGS.IF when it halted */
	bool pv_kicked;			/* [a] another vCPU ends its next HLT, or this one */
	u32 yield_to;			/* [t] number + 1 of who shall run first, or 0 */
	bool check_events;		/* [t] look at events before the next entry */
	/*
	 * [t] Host TSC at the entry from the run loop, later by what exits on the fast path
	 * have taken since; and at the last exit. What lies between is the guest's time.
	 */
	u64 entered_tsc, exited_tsc;
	unsigned int fast_left;		/* [t] exits to go before interrupts get in */
	unsigned int done_kind;		/* [t] of the last one that was done on the fast path */

	unsigned long requests;		/* [a] BIT(enum aerie_request) */
	atomic_t nmi_queued;		/* [a] NMIs others have sent */
	int mode;			/* [a] enum aerie_vcpu_mode */
	bool parked;			/* [a] outside, waits for the VM to run */
	bool ejected;			/* [a] the next INIT is a power-on reset */
	bool resting;			/* [a] sleeps halted, and looks before it runs */
	unsigned long kick_sent;	/* [a] bit 0: kick_csd is on its way */
	call_single_data_t kick_csd;	/* makes a vCPU leave the guest; kick_sent */

	u64 fault_gpa;			/* [t] to be made resident by the slow path */
	u32 fault_acc;			/* [t] AERIE_ACC_* */

	void *fpu;			/* [c] guest XSAVE area */
	u32 fpu_size;			/* [c] bytes */

	struct aerie_lapic *lapic;	/* [c] */
	struct aerie_fetch *fetch;	/* [c] what core/fetch.c remembers */
	struct aerie_vcpu_clock clock;
	struct aerie_pv pv;
	struct aerie_vcpu_sched sched;
	struct task_struct *task;	/* [c] */
	struct aerie_vcpu_stats *stats;	/* [c] */
	u64 cpu_base_ns;		/* its thread's processor time at the VM's last start */
	unsigned long last_put;		/* [t] jiffies */
	u32 softirqs_left;		/* [t] that waited when it was loaded: ksoftirqd's */

	void (*call_fn)(struct aerie_vcpu *vcpu, void *arg);	/* vm->call_lock */
	void *call_arg;
	int call_err;
	struct completion call_done;
};

/* VM life cycle; numbers are AERIE_VM_STATE_* of the uapi. */
enum aerie_vm_state {
	AERIE_VM_CREATED, AERIE_VM_RUNNING, AERIE_VM_PAUSED,
	AERIE_VM_STOPPED,	/* powered off, killed or crashed: vm->reason */
	AERIE_VM_DYING,		/* being destroyed; no longer found by name */
};

#define AERIE_SERIAL_LEN	20	/* of a disk, without a terminating zero */

/* What a disk may do in a second, 0: anything; and ms of idling that may be made up for. */
struct aerie_disk_limit {
	u64 iops, bps;
	u32 burst_ms;
};

#define AERIE_DISK_LAYERS	16	/* AERIE_IMAGE_LAYERS_MAX */

/* A layer of an image, see aerie_image.h; without a manifest it is a plain file. */
struct aerie_disk_layer {
	struct file *manifest, *data;
};

/*
 * A disk: read-only where the file is not open for writing. An image has layers, the
 * topmost first, whose data is the file. It holds a reference to each file named.
 */
struct aerie_disk_config {
	struct file *file;
	struct aerie_disk_layer layers[AERIE_DISK_LAYERS];
	u32 nr_layers;
	char serial[AERIE_SERIAL_LEN];
	struct aerie_disk_limit limit;
};

/**
 * struct aerie_disk_change - what is to become of a disk; all else stays as it is
 * @name: which, "disk0"
 * @resize: it gets the size @bytes, the file with it; 0: what the file has now
 * @iops, @bps, @burst_ms: these of @limit
 */
struct aerie_disk_change {
	const char *name;
	bool resize, iops, bps, burst_ms;
	u64 bytes;
	struct aerie_disk_limit limit;
};

/* What a disk is. */
struct aerie_disk_info {
	u64 bytes;
	struct aerie_disk_limit limit;
};

/* Let go of a disk's files. */
void aerie_disk_files_put(struct file *file, const struct aerie_disk_layer *layers, u32 nr);

#define AERIE_IFNAME_LEN	16	/* of a host interface, with a terminating zero */
#define AERIE_MAC_LEN		6

/* A network interface. */
struct aerie_nic_config {
	char bridge[AERIE_IFNAME_LEN];	/* or "": the host interface joins none */
	u8 mac[AERIE_MAC_LEN];		/* the guest's; zero: one of its own */
};

/* How much is wanted in a balloon: so much, or what the host needs, within bounds. */
struct aerie_balloon_config {
	bool automatic;
	u64 bytes;			/* where it is not */
	u64 min, max;			/* where it is; more than the VM's memory: all of it */
};

/*
 * What a VM is made from; the caller keeps ownership until create succeeds. Lists of
 * devices are empty afterwards: devices come and go, and hold what they need.
 */
struct aerie_vm_config {
	char name[AERIE_NAME_LEN];
	u64 memory_bytes;		/* multiple of 4 KiB */
	u32 nr_vcpus;			/* that there can be, 1 to AERIE_MAX_VCPUS */
	u32 nr_present;			/* of these, those that it begins with */
	struct file *kernel;		/* bzImage or multiboot image */
	struct file *initrd;		/* or NULL */
	struct file **modules;		/* multiboot modules, or NULL */
	u32 nr_modules;
	struct aerie_disk_config *disks;
	u32 nr_disks;
	struct aerie_nic_config *nics;
	u32 nr_nics;
	bool hvc;			/* has a virtio console */
	bool entropy;			/* a source of it */
	bool has_balloon;
	struct aerie_balloon_config balloon;
	char share_group[AERIE_GROUP_LEN];	/* or "": it shares with nobody */
	char *cmdline;			/* or NULL */
};

struct aerie_vm {
	struct kref ref;
	struct list_head node;		/* vms_lock */
	struct aerie_vm_config config;	/* [c] */
	u32 id;				/* [c] unique while the module is loaded */
	u64 created_ns, started_ns;	/* CLOCK_MONOTONIC */
	u64 resumed_ns;			/* when it went on after a pause, before it runs */

	struct mutex lock;		/* life cycle: state changes, start, reset */
	enum aerie_vm_state state;	/* written under lock, read anywhere */
	char reason[160];		/* why it stopped; state_lock, first wins */
	int reason_kind;		/* AERIE_STOP_* of the uapi */
	spinlock_t state_lock;
	wait_queue_head_t state_wait;
	struct work_struct work;	/* resets and stops, see core/vm.c */
	unsigned long pending;		/* [a] VM_PEND_* bits of core/vm.c */
	bool holds_cpus;		/* has taken the processors (hw.c) */

	struct aerie_mem mem;
	struct aerie_vm_sched sched;	/* config: lock to change */
	struct aerie_bus pio, mmio;
	struct list_head devs;		/* lock and devs_lock to change, either to walk */
	struct mutex devs_lock;
	u32 last_dev_id;		/* devs_lock */
	bool devs_on;			/* lock: the guest knows of devices: it runs or is paused */
	bool devs_run;			/* lock: devices may use guest memory */
	struct aerie_pic *pic;		/* set by the devices' create */
	struct aerie_ioapic *ioapic;
	struct aerie_pit *pit;
	struct aerie_rtc *rtc;
	struct aerie_pm *pm;
	struct aerie_hotplug *hotplug;
	struct aerie_cpu_hotplug *cpu_hotplug;
	struct aerie_serial *serial;
	struct aerie_pci *pci;
	struct aerie_console *console;
	const char *tty;		/* [c] the console's, "ttyAERIE0", or NULL */
	struct aerie_console *hvc;	/* the virtio console's, or NULL */
	const char *hvc_tty;		/* the name stays when the console goes, this is NULL then */
	u64 irq_sources[24];		/* per GSI: who drives it high; irq_lock */
	raw_spinlock_t irq_lock;

	struct aerie_cpuid *cpuid;	/* [c] */
	const u32 (*cpuid_basic)[4];	/* [c] basic leaves, of which those in */
	u32 cpuid_plain;		/* [c] this mask are answers as they stand */
	u64 msr_rows;			/* [c] rows of core/msr.c's table that there are */
	u64 tsc_offset;			/* [c] per start: guest TSC is 0 at start */
	struct aerie_clock clock;
	struct mutex call_lock;		/* one aerie_vcpu_call() at a time */
	struct dentry *debugfs;		/* lock: NULL once it has gone */
	struct dentry *debugfs_devs;

	struct aerie_vcpu *vcpus[AERIE_MAX_VCPUS];	/* [c] config.nr_vcpus */
	u32 nr_vcpus;
	u64 vcpus_present;		/* a bit for each that the guest has: dev/cpu_hotplug.c */
	/* backend private data follows: backend->vm_size is the whole */
};

/* kmod/core/vm.c */

/**
 * aerie_vm_kill() - stop a VM for good, with a reason
 * @vm: the VM
 * @kind: AERIE_STOP_* of the uapi
 * @fmt: one line for the user; the first reason of a run wins
 *
 * Context: any up to hard interrupt. vCPUs leave the guest soon after.
 */
__printf(3, 4) void aerie_vm_kill(struct aerie_vm *vm, int kind, const char *fmt, ...);

/**
 * aerie_vm_request_reset() - the guest asked for a reset (port 0xcf9, 8042,
 *			      ACPI reset register, triple fault)
 * @vm: the VM
 *
 * Context: any up to hard interrupt. Done by a worker; the vCPUs park.
 */
void aerie_vm_request_reset(struct aerie_vm *vm);

/* kmod/core/vcpu.c */

/**
 * aerie_vcpu_kick() - make a vCPU look at its requests soon
 * @vcpu: the vCPU: leaves the guest, or wakes if halted
 *
 * Context: any up to hard interrupt; takes no lock shared between vCPUs.
 */
void aerie_vcpu_kick(struct aerie_vcpu *vcpu);

/* Post a request and kick. Context: as aerie_vcpu_kick(). */
static inline void aerie_vcpu_request(struct aerie_vcpu *vcpu, enum aerie_request req)
{
	set_bit(req, &vcpu->requests);
	smp_mb__after_atomic();		/* pairs with the entry check in vcpu.c */
	aerie_vcpu_kick(vcpu);
}

/**
 * aerie_vcpu_call() - run @fn on a vCPU's own thread, loaded, and wait
 * @vcpu: the vCPU; in any state, also parked
 * @fn: may not sleep
 * @arg: handed to @fn
 *
 * Context: may sleep.
 * Return: 0, or -ESHUTDOWN when the thread is gone or the machine goes down.
 */
int aerie_vcpu_call(struct aerie_vcpu *vcpu, void (*fn)(struct aerie_vcpu *, void *),
		    void *arg);

/* Names of the general registers, RIP, RFLAGS, CR0, CR3, CR4 for dumps. */
extern const char * const aerie_reg_names[AERIE_NR_REGS];

#endif
