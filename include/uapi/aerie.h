/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The generic netlink family "aerie".
 *
 * Every command needs CAP_NET_ADMIN in the initial user namespace (GENL_ADMIN_PERM);
 * the family lives in the initial network namespace only.
 * Numbers are append-only. Refusals carry an extended ack with a message and,
 * where one is at fault, the attribute. -ENOENT with NAME at fault: no such VM.
 * Descriptors must be readable, of regular files or block devices, not empty.
 * Attributes of each command (! required, > in the reply):
 *
 *   VERSION          > VERSION string, BACKEND, ABI u32
 *   DOCTOR           > BACKEND, STATE of the processors, MITIGATIONS nest, CAPS string
 *   VM_CREATE        ! NAME, MEMORY u64, KERNEL_FD; VCPUS u32 (1), VCPUS_MAX u32 (VCPUS),
 *                      INITRD_FD, CMDLINE,
 *                      MODULE_FDS binary array of s32, DISK_LIST nest of nests
 *                      {DISK_FD or DISK_LAYERS, SERIAL, IOPS, BPS, BURST_MS}, NIC_LIST
 *                      nest of nests {BRIDGE, MAC}, HVC flag, SHARE_GROUP, a balloon as
 *                      BALLOON_SET has it; a disk that is open with
 *                      O_DIRECT leaves out the page cache; of an image's layers, the topmost
 *                      first, that one may be open for writing, and a manifest of -1 makes
 *                      the lowest a plain file
 *                    > NAME, VM_ID
 *   VM_START         ! NAME
 *   VM_PAUSE, VM_RESUME, VM_RESET, VM_POWER_BUTTON, VM_STOP, VM_DESTROY   ! NAME
 *   VM_GET           ! NAME (do) or none (dump)
 *                    > NAME, VM_ID, STATE u32, STOP_KIND u32, REASON, VCPUS, MEMORY,
 *                      RESIDENT u64, UPTIME_NS, CPU_NS, EXITS u64, TTY, CMDLINE,
 *                      TABLES u64, VCPU_LIST nest of nests {VCPU_ID, TID, VCPU_STATE,
 *                      CPU_NS, EXITS}, HVC_TTY, VCPUS_MAX; VCPUS and VCPU_LIST are those
 *                      present
 *   STAT_GET         ! NAME; VCPU_ID u32 (all), COST flag
 *                    > EXIT_LIST nest of nests {EXIT_NAME, EXIT_COUNT, EXIT_TOTAL,
 *                      EXIT_MIN, EXIT_MAX, EXIT_HIST binary u64[]} in TSC cycles, TSC_KHZ;
 *                      exits that have not happened are left out; with COST what the
 *                      switch takes of every exit besides its handler, measured now on
 *                      the vCPU, else on the first: COST_SWITCH, COST_HOST_STATE,
 *                      COST_MITIGATIONS u64 in TSC cycles; the VM must run or be paused
 *   CONSOLE_OPEN     ! NAME; HVC flag (the serial port's)    > FD s32, TTY
 *   DISK_SET         ! NAME, DISK_NAME; DISK_SIZE u64 (0: what the file has now), IOPS
 *                      u64, BPS u64, BURST_MS u32; what is not named stays as it is
 *                    > DISK_SIZE, IOPS, BPS, BURST_MS as they are then
 *   DEV_ATTACH       ! NAME, and one device: DISK_LIST or NIC_LIST of one, HVC or
 *                      ENTROPY flag, a balloon as BALLOON_SET has it
 *                    > DEV_NAME, DEV_ID u32, SLOT u32
 *   DEV_DETACH       ! NAME, DEV_NAME; FORCE flag
 *                    > DEV_ID; DEV_ASKED flag where the guest has been asked for the device,
 *                      and event DETACHED tells that it has gone; else it has gone now.
 *                      That it can be asked for again does no harm.
 *   DEV_GET          ! NAME (dump)
 *                    > for each device in a PCI slot DEV_NAME, DEV_ID, DEV_KIND, SLOT,
 *                      BACKING and SERIAL where it has them, READ_ONLY, DEV_ASKED flags,
 *                      DISK_SIZE, IOPS, BPS, BURST_MS of a disk,
 *                      IFINDEX, MAC, BRIDGE as it was given of a network interface,
 *                      QUEUE_LIST nest of nests {QUEUE_REQUESTS, QUEUE_INTERRUPTS u64}
 *   MEM_GET          ! NAME (do) or none (dump)
 *                    > NAME, MEMORY, RESIDENT: the VM's own; LARGE: of these in 2 MiB
 *                      frames; ZERO, SHARED, SAVED u64 bytes, TABLES; BROKEN, HASHED,
 *                      BORN u64 pages, SHARE_GROUP where it has one that is named; STORED:
 *                      compressed, PACKED: what that takes, SWAPPED, ON_DISK, LOADED;
 *                      IDLE, AGE_SECONDS; MEM_LIMIT, MEM_RESERVE, MEM_WEIGHT; BALLOON,
 *                      BALLOONED where it has a balloon; WRITTEN, WRITTEN_NS while that is
 *                      counted
 *   MEM_SET          ! NAME; MEM_LIMIT, MEM_RESERVE u64, MEM_WEIGHT u32, COUNT_WRITTEN u8:
 *                      what is not named stays as it is
 *   POOL_SET         POOL_LIMIT u64; not named: as before
 *                    > POOL_LIMIT, POOL_USED, POOL_STORE u64 bytes; ON_DISK, BALLOON,
 *                      BALLOONED of all VMs
 *   SWAP_ON          ! SWAP_FD u32, a descriptor open for reading and writing
 *   SWAP_OFF         ! SWAP_PATH: returns when all is back in memory
 *   SWAP_GET         > SWAP_PATH, SWAP_SIZE, SWAP_USED (dump)
 *   BALLOON_SET      ! NAME; BALLOON u64 bytes wanted; or BALLOON_AUTO flag, what the host
 *                      needs, and its bounds BALLOON_MIN (0), BALLOON_MAX u64 (all memory);
 *                      not named: as before
 *                    > BALLOON, BALLOONED, REPORTED u64 bytes; BALLOON_AUTO, BALLOON_MIN,
 *                      BALLOON_MAX where that is so; where the guest tells its
 *                      own figures BALLOON_STATS, BALLOON_AGE: it is asked for new ones
 *   SHARE_SET        SHARE_PERCENT u32; what is not named stays as it is
 *                    > SHARE_PERCENT
 *   SHARE_GET        ! NAME (dump)
 *                    > for each VM of its group that it shares with NAME, SHARED u64 bytes,
 *                      itself included where it has equal pages
 *   MEM_MAP          ! NAME; MAP_START u64 (0), guest physical address of a page
 *                    > MAP: what memory is from there on; MAP_NEXT where to go on, absent
 *                      where all has been told. The guest may run: each answer is of its
 *                      own moment
 *   SCHED_SET        ! NAME; SCHED_WEIGHT u32, SCHED_CAP u32, SCHED_PIN string, SCHED_PERIOD
 *                      and SCHED_BUDGET u64: what is not named stays as it is
 *   SCHED_GET        ! NAME (do) or none (dump)
 *                    > NAME, STATE, VCPUS, and what SCHED_SET sets; SCHED_TIMES,
 *                      SCHED_LATENCY, SCHED_YIELDS, SCHED_CAPPED, SCHED_SKEW,
 *                      SCHED_GRACES u64 of all its vCPUs; not of a dump, VCPU_LIST nest of nests {VCPU_ID, TID,
 *                      SCHED_STATE u32, SCHED_NICE s32, and the same of each}, those present
 *   CPUS_SET         ! NAME; VCPUS u32, 1 to VCPUS_MAX: how many the guest is to have, where
 *                      it runs or is paused; not named: as before
 *                    > VCPUS that are present, VCPUS_WANTED, VCPUS_MAX, VCPUS_ONLINE u32: of
 *                      those present, those that the guest has started. More are present
 *                      now; where VCPUS is more than VCPUS_WANTED the guest has been asked
 *                      to let go of the rest, and event CPUS tells of each that it has.
 *                      That it can be asked again does no harm.
 *   events           multicast group "events": command EVENT with NAME, VM_ID,
 *                    EVENT u32, STATE, STOP_KIND, REASON, DEV_NAME of the device that
 *                    came or went, VCPUS with event CPUS
 */
#ifndef _UAPI_AERIE_H
#define _UAPI_AERIE_H

#include <linux/types.h>

#define AERIE_GENL_NAME		"aerie"
#define AERIE_GENL_VERSION	1
#define AERIE_GENL_GROUP_EVENTS	"events"
#define AERIE_ABI		10	/* raised with every change of this file */
#define AERIE_VERSION		"0.1"	/* of module and tool, for people */

/* Limits of the attributes; names and vCPUs as in their comments below. */
#define AERIE_NAME_MAX		31	/* characters of a VM's name */
#define AERIE_CMDLINE_MAX	4095	/* characters of a command line */
#define AERIE_MODULES_MAX	32	/* multiboot modules */
#define AERIE_VCPUS_MAX		64
#define AERIE_DISKS_MAX		16
#define AERIE_NICS_MAX		8
#define AERIE_BRIDGE_MAX	15	/* characters of a bridge's name */
#define AERIE_SERIAL_MAX	20	/* characters of a disk's serial number */
#define AERIE_DISK_NAME_MAX	15	/* characters of "disk0" */
#define AERIE_RATE_MAX		(1ull << 40)	/* of IOPS and BPS */
#define AERIE_BURST_DEFAULT	100		/* ms */
#define AERIE_GROUP_MAX		31	/* characters of a sharing group's name */
#define AERIE_BURST_MAX		3600000		/* ms, an hour */
#define AERIE_MEMORY_MIN	(1ull << 20)
#define AERIE_MEMORY_MAX	(1ull << 44)

enum aerie_cmd {
	AERIE_CMD_UNSPEC,
	AERIE_CMD_VERSION,
	AERIE_CMD_DOCTOR,
	AERIE_CMD_VM_CREATE,
	AERIE_CMD_VM_START,
	AERIE_CMD_VM_PAUSE,
	AERIE_CMD_VM_RESUME,
	AERIE_CMD_VM_RESET,
	AERIE_CMD_VM_POWER_BUTTON,
	AERIE_CMD_VM_STOP,
	AERIE_CMD_VM_DESTROY,
	AERIE_CMD_VM_GET,
	AERIE_CMD_STAT_GET,
	AERIE_CMD_CONSOLE_OPEN,
	AERIE_CMD_EVENT,
	AERIE_CMD_DISK_SET,
	AERIE_CMD_DEV_ATTACH,
	AERIE_CMD_DEV_DETACH,
	AERIE_CMD_DEV_GET,
	AERIE_CMD_MEM_GET,
	AERIE_CMD_SHARE_SET,
	AERIE_CMD_SHARE_GET,
	AERIE_CMD_BALLOON_SET,
	AERIE_CMD_MEM_SET,
	AERIE_CMD_POOL_SET,
	AERIE_CMD_MEM_MAP,
	AERIE_CMD_SWAP_ON,
	AERIE_CMD_SWAP_OFF,
	AERIE_CMD_SWAP_GET,
	AERIE_CMD_SCHED_SET,
	AERIE_CMD_SCHED_GET,
	AERIE_CMD_CPUS_SET,
	__AERIE_CMD_MAX
};
#define AERIE_CMD_MAX (__AERIE_CMD_MAX - 1)

enum aerie_attr {
	AERIE_A_UNSPEC,
	AERIE_A_PAD,
	AERIE_A_VERSION,	/* string */
	AERIE_A_ABI,		/* u32 */
	AERIE_A_BACKEND,	/* string: "vmx", "svm" */
	AERIE_A_NAME,		/* string, 1-31 of [A-Za-z0-9._-], not starting with . or - */
	AERIE_A_VM_ID,		/* u32 */
	AERIE_A_MEMORY,		/* u64, bytes */
	AERIE_A_VCPUS,		/* u32 */
	AERIE_A_KERNEL_FD,	/* s32 */
	AERIE_A_INITRD_FD,	/* s32 */
	AERIE_A_MODULE_FDS,	/* binary, s32 each */
	AERIE_A_CMDLINE,	/* string */
	AERIE_A_STATE,		/* u32, enum aerie_uapi_state */
	AERIE_A_STOP_KIND,	/* u32, enum aerie_stop_kind */
	AERIE_A_REASON,		/* string */
	AERIE_A_RESIDENT,	/* u64, bytes of guest content held */
	AERIE_A_TABLES,		/* u64, bytes of map nodes and nested tables */
	AERIE_A_UPTIME_NS,	/* u64 */
	AERIE_A_CPU_NS,		/* u64 */
	AERIE_A_EXITS,		/* u64 */
	AERIE_A_TTY,		/* string */
	AERIE_A_VCPU_LIST,	/* nest of AERIE_A_VCPU nests */
	AERIE_A_VCPU,		/* nest */
	AERIE_A_VCPU_ID,	/* u32 */
	AERIE_A_TID,		/* u32, thread id in the initial PID namespace */
	AERIE_A_VCPU_STATE,	/* string: "running", "halted", "wait-sipi", "parked" */
	AERIE_A_EXIT_LIST,	/* nest of AERIE_A_EXIT nests */
	AERIE_A_EXIT,		/* nest */
	AERIE_A_EXIT_NAME,	/* string */
	AERIE_A_EXIT_COUNT,	/* u64 */
	AERIE_A_EXIT_TOTAL,	/* u64, TSC cycles in the host */
	AERIE_A_EXIT_MIN,	/* u64 */
	AERIE_A_EXIT_MAX,	/* u64 */
	AERIE_A_EXIT_HIST,	/* binary, u64[32], log2 buckets */
	AERIE_A_TSC_KHZ,	/* u32 */
	AERIE_A_FD,		/* s32, opened in the caller */
	AERIE_A_EVENT,		/* u32, enum aerie_uapi_event */
	AERIE_A_CAPS,		/* string, one capability a line */
	AERIE_A_MITIGATION_LIST,/* nest of AERIE_A_MITIGATION nests */
	AERIE_A_MITIGATION,	/* nest {NAME-like string, where, active} */
	AERIE_A_MITIGATION_NAME,/* string */
	AERIE_A_MITIGATION_WHERE,/* string */
	AERIE_A_MITIGATION_ACTIVE,/* u8 */
	AERIE_A_HW_STATE,	/* string: "free", "ours", or who holds the processors */
	AERIE_A_DISK_LIST,	/* nest of AERIE_A_DISK nests */
	AERIE_A_DISK,		/* nest */
	AERIE_A_DISK_FD,	/* s32; a disk is read-only where it is not open for writing */
	AERIE_A_SERIAL,		/* string, 0-20 printable ASCII characters */
	AERIE_A_COST,		/* flag */
	AERIE_A_COST_SWITCH,	/* u64, TSC cycles */
	AERIE_A_COST_HOST_STATE,/* u64 */
	AERIE_A_COST_MITIGATIONS,/* u64 */
	AERIE_A_NIC_LIST,	/* nest of AERIE_A_NIC nests */
	AERIE_A_NIC,		/* nest */
	AERIE_A_BRIDGE,		/* string, 1-15 characters; absent: joins none */
	AERIE_A_MAC,		/* binary, 6 bytes; absent: made of VM's name and number */
	AERIE_A_IFINDEX,	/* u32, of the host interface */
	AERIE_A_HVC,		/* flag: the virtio console */
	AERIE_A_HVC_TTY,	/* string */
	AERIE_A_DISK_NAME,	/* string, "disk0" for the first */
	AERIE_A_DISK_SIZE,	/* u64, bytes */
	AERIE_A_IOPS,		/* u64, requests a second; 0: no limit */
	AERIE_A_BPS,		/* u64, bytes a second; 0: no limit */
	AERIE_A_BURST_MS,	/* u32, ms of doing nothing that may be made up for (100) */
	AERIE_A_ENTROPY,	/* flag */
	AERIE_A_DEV_NAME,	/* string, 1-31 characters, unique in the VM: "disk0" */
	AERIE_A_DEV_ID,		/* u32, in the VM no other device ever had */
	AERIE_A_DEV_KIND,	/* string: "disk", "nic", "console", "rng", "balloon" */
	AERIE_A_DEV_ASKED,	/* flag: the guest has been asked to let it go */
	AERIE_A_SLOT,		/* u32, device number on PCI bus 0 */
	AERIE_A_BACKING,	/* string: path of the file behind it */
	AERIE_A_READ_ONLY,	/* flag */
	AERIE_A_FORCE,		/* flag: the guest is not asked */
	AERIE_A_QUEUE_LIST,	/* nest of AERIE_A_QUEUE nests */
	AERIE_A_QUEUE,		/* nest */
	AERIE_A_QUEUE_REQUESTS,	/* u64 */
	AERIE_A_QUEUE_INTERRUPTS,/* u64 */
	AERIE_A_DISK_LAYERS,	/* binary, pairs of s32: manifest, data; see aerie_image.h */
	AERIE_A_SHARE_GROUP,	/* string, as a VM's name; absent: the VM is one by itself */
	AERIE_A_SHARE_PERCENT,	/* u32, 0-100, of one processor */
	AERIE_A_LARGE,		/* u64, bytes in 2 MiB frames */
	AERIE_A_ZERO,		/* u64, bytes that are zeroes and take no memory */
	AERIE_A_SHARED,		/* u64, bytes in frames that others hold as well */
	AERIE_A_SAVED,		/* u64, bytes that this saves of the VM's memory */
	AERIE_A_BROKEN,		/* u64, pages that were shared and have been written */
	AERIE_A_HASHED,		/* u64, pages looked at for duplicates */
	AERIE_A_BALLOON,	/* u64, bytes wanted in the balloon */
	AERIE_A_BALLOONED,	/* u64, bytes that are, as its driver says */
	AERIE_A_REPORTED,	/* u64, bytes reported as free so far */
	AERIE_A_STORED,		/* u64, bytes of guest memory that are compressed */
	AERIE_A_PACKED,		/* u64, bytes of the host that these take */
	AERIE_A_LOADED,		/* u64, pages that have been brought back */
	AERIE_A_IDLE,		/* binary, AERIE_IDLE_AGES u64: bytes by age, that is
				 * 0, or 2^(n-1) looks without an access, or more */
	AERIE_A_AGE_SECONDS,	/* u32, between two looks; 0: none */
	AERIE_A_MEM_LIMIT,	/* u64, bytes of its own that a VM may have at most, 0: all */
	AERIE_A_MEM_RESERVE,	/* u64, bytes of its own that it keeps */
	AERIE_A_MEM_WEIGHT,	/* u32, 1 to AERIE_WEIGHT_MAX, its part beside others */
	AERIE_A_POOL_LIMIT,	/* u64, bytes that all VMs together may have, 0: all */
	AERIE_A_POOL_USED,	/* u64, bytes that they have */
	AERIE_A_POOL_STORE,	/* u64, of these, what is out of memory takes */
	AERIE_A_MAP_START,	/* u64, guest physical address */
	AERIE_A_MAP,		/* binary, struct aerie_map_run each, one behind the other */
	AERIE_A_MAP_NEXT,	/* u64, guest physical address behind them */
	AERIE_A_BALLOON_STATS,	/* binary, u64 by VIRTIO_BALLOON_S_*, ~0: not told */
	AERIE_A_BALLOON_AGE,	/* u64, nanoseconds since the guest told them */
	AERIE_A_SWAPPED,	/* u64, bytes of guest memory that are in swap */
	AERIE_A_SWAP_FD,	/* u32, a descriptor */
	AERIE_A_SWAP_PATH,	/* string */
	AERIE_A_SWAP_SIZE,	/* u64, bytes */
	AERIE_A_SWAP_USED,	/* u64, bytes */
	AERIE_A_BALLOON_AUTO,	/* flag: how much is wanted is what the host needs */
	AERIE_A_BALLOON_MIN,	/* u64, bytes, of what is wanted then */
	AERIE_A_BALLOON_MAX,	/* u64, bytes */
	AERIE_A_BORN,		/* u64, pages that became shared by what they were read from */
	AERIE_A_COUNT_WRITTEN,	/* u8: count what the guest writes, from now on (1), or not (0) */
	AERIE_A_WRITTEN,	/* u64, bytes that it has written since, in whole pages */
	AERIE_A_WRITTEN_NS,	/* u64, nanoseconds since then */
	AERIE_A_SCHED_WEIGHT,	/* u32, 1 to AERIE_WEIGHT_MAX, its part beside other VMs (100) */
	AERIE_A_SCHED_CAP,	/* u32, per cent of one processor, 0: none */
	AERIE_A_SCHED_PIN,	/* string, a list of processors as "0-2,5"; "": any */
	AERIE_A_SCHED_PERIOD,	/* u64, ns, of each vCPU's reservation */
	AERIE_A_SCHED_BUDGET,	/* u64, ns in each of them, 0: nothing is reserved */
	AERIE_A_SCHED_STATE,	/* u32, enum aerie_uapi_sched */
	AERIE_A_SCHED_TIMES,	/* binary, u64 each by enum aerie_uapi_sched: ns since the start */
	AERIE_A_SCHED_LATENCY,	/* binary, u64[32]: waits of 2^n to 2^(n+1)-1 ns */
	AERIE_A_SCHED_NICE,	/* s32, level of its thread */
	AERIE_A_SCHED_YIELDS,	/* u64, times it let another vCPU of the VM go first */
	AERIE_A_SCHED_CAPPED,	/* u64, times the cap stopped it */
	AERIE_A_SCHED_SKEW,	/* u64, ns, longest that another waited while it ran */
	AERIE_A_VCPUS_MAX,	/* u32, vCPUs that there can be; VCPUS are those that there are */
	AERIE_A_VCPUS_WANTED,	/* u32, that there are to be */
	AERIE_A_VCPUS_ONLINE,	/* u32, that the guest has started */
	AERIE_A_SCHED_GRACES,	/* u64, times it kept its processor for having interrupts off */
	AERIE_A_ON_DISK,	/* u64, bytes out of memory for being on the guest's own disks */
	__AERIE_A_MAX
};
#define AERIE_A_MAX (__AERIE_A_MAX - 1)

#define AERIE_IDLE_AGES		8
#define AERIE_WEIGHT_MAX	10000
#define AERIE_CAP_MAX		(100 * AERIE_VCPUS_MAX)	/* per cent of one processor */
#define AERIE_PIN_MAX		1023	/* characters of a list of processors */
#define AERIE_PERIOD_MIN	100000ull	/* ns, of a reservation */
#define AERIE_PERIOD_MAX	4000000000ull
#define AERIE_BUDGET_MIN	10000ull

#define AERIE_EXIT_BUCKETS	32	/* bucket n: 2^n to 2^(n+1)-1 cycles */

enum aerie_uapi_state {
	AERIE_STATE_CREATED,
	AERIE_STATE_RUNNING,
	AERIE_STATE_PAUSED,
	AERIE_STATE_STOPPED,
};

enum aerie_stop_kind {
	AERIE_STOP_NONE,
	AERIE_STOP_POWEROFF,	/* the guest powered itself off */
	AERIE_STOP_FORCED,	/* power cut by the tool */
	AERIE_STOP_GUEST,	/* the guest did what no guest may do */
	AERIE_STOP_HOST,	/* the host could not go on: memory, hardware */
	AERIE_STOP_UNKNOWN_EXIT,/* an exit Aerie does not know */
};

/* What a vCPU does: always one of these. */
enum aerie_uapi_sched {
	AERIE_VCPU_IDLE,	/* halted, or waits for a start-up IPI */
	AERIE_VCPU_RUNS,
	AERIE_VCPU_WAITS,	/* for a processor */
	AERIE_VCPU_CAPPED,	/* the VM has had its cap */
	AERIE_VCPU_BLOCKED,	/* waits for memory */
	AERIE_VCPU_PAUSED,	/* the VM does not run */
	AERIE_VCPU_NR_STATES
};

enum aerie_uapi_event {
	AERIE_EV_CREATED,
	AERIE_EV_STARTED,
	AERIE_EV_PAUSED,
	AERIE_EV_RESUMED,
	AERIE_EV_RESET,
	AERIE_EV_POWER_BUTTON,
	AERIE_EV_STOPPED,
	AERIE_EV_DESTROYED,
	AERIE_EV_ATTACHED,
	AERIE_EV_DETACHED,
	AERIE_EV_CPUS,		/* vCPUs have come or gone */
};

/* What a page of guest-physical memory is. */
enum aerie_mem_state {
	AERIE_MEM_HOLE,		/* not RAM */
	AERIE_MEM_UNTOUCHED,	/* zeroes: nobody has read or written it */
	AERIE_MEM_ZERO,		/* zeroes: the frame of them, which everybody holds */
	AERIE_MEM_OWN,		/* a frame of 4 KiB, the VM's alone */
	AERIE_MEM_LARGE,	/* part of a frame of 2 MiB, the VM's alone */
	AERIE_MEM_SHARED,	/* a frame that is held more than once */
	AERIE_MEM_STORED,	/* out of memory, compressed */
	AERIE_MEM_SWAPPED,	/* out of memory, in swap */
	AERIE_MEM_ON_DISK,	/* out of memory, being on one of the guest's own disks */
};

/* Neighbours may have the same state. */
struct aerie_map_run {
	__u32 pages;		/* of 4 KiB, 1 or more */
	__u32 state;		/* enum aerie_mem_state */
};

#endif
